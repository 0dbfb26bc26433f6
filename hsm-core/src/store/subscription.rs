//! Following a store: events as they come, and how far they were handled.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::Store;
use super::subscribers::bookmark::{Bookmark, Mark};
use crate::catalog::embedded::Notice;
use crate::catalog::{Durability, Fed, FeedCursor};
use crate::error::{Error, Result};
use crate::event::{Event, EventPage, Filter, Gap, RecordedEvent};
use crate::journal::Recorded;
use crate::object::{DatasetId, ObjectId, Position};

/// Events made at once, at most.
const EVENTS_AT_ONCE: usize = 4096;
/// Names of an object looked at together.
const NAMES_AT_ONCE: usize = 100;
/// Between two looks whether the store was closed.
const CLOSED_LOOK: Duration = Duration::from_millis(100);

/// What following a store brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Events, in order; at least one.
    Events(Vec<Event>),
    /// Changes that cannot be had any more; the next events come behind them.
    Gap(Gap),
    /// Nothing came in time.
    TimedOut,
}

/// What waiting for events brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There are some: the next is at hand.
    Events,
    /// Changes that cannot be had any more; the next events come behind them.
    Gap(Gap),
    /// None came in time.
    TimedOut,
}

/// What a look at the journal found.
enum Read {
    Gap(Gap),
    /// Events, though perhaps none that passes the filter.
    Some,
    End,
}

/// A reader of the feed that waits for what is not there yet: see [`Store::subscription`] and [`Store::follow`].
///
/// It reads some megabytes ahead. Between two calls it holds the file of its subscriber, and what it waits with.
#[derive(Debug)]
pub struct Subscription {
    store: Store,
    filter: Filter,
    bookmark: Option<Bookmark>,
    /// Behind the last event that was read.
    cursor: FeedCursor,
    /// What was read and not handed out yet.
    page: EventPage,
    /// Behind the last event that was handed out or passed over.
    position: Position,
    /// Made when it first waits.
    notice: Option<Notice>,
}

impl Subscription {
    pub(super) fn new(store: Store, after: Position, filter: Filter, bookmark: Option<Bookmark>) -> Self {
        let (cursor, page) = (FeedCursor::behind(after), EventPage::default());
        Self { store, filter, bookmark, cursor, page, position: after, notice: None }
    }

    /// The next events, at most `max`, and no more than some thousands; what comes together is handed out together. Where
    /// there are none it waits, at most for `timeout`; `None`: for as long as it takes.
    ///
    /// After an error it may be called again and goes on where it was. A close of the store ends the wait with `Closed`.
    pub fn next(&mut self, max: usize, timeout: Option<Duration>) -> Result<Next> {
        loop {
            if let Some(events) = self.hand_out(max) {
                return Ok(Next::Events(events));
            }
            match self.wait(timeout)? {
                Waited::Events => {}
                Waited::Gap(gap) => return Ok(Next::Gap(gap)),
                Waited::TimedOut => return Ok(Next::TimedOut),
            }
        }
    }

    /// The next event where it is at hand, put in the place of another, whose room it uses again: for those who read many
    /// and ask little of each. Where it is not, `false`: [`wait`](Self::wait) for it.
    pub fn next_into(&mut self, event: &mut RecordedEvent) -> bool {
        let is_there = self.page.next_into(event);
        if is_there {
            self.hand_over(event.position);
        }
        is_there
    }

    /// Waits until events are at hand, as [`next`](Self::next) does.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Waited> {
        if !self.page.is_empty() {
            return Ok(Waited::Events);
        }
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // The kernel may tell of a commit a moment too early. Where nothing is waited for, that is waited for once, and
        // what it tells of meanwhile is not heard: the descriptor goes on telling of it.
        let mut settled = false;
        let engine = self.store.engine().clone();
        loop {
            if let Some(notice) = self.notice.as_mut().filter(|_| !settled) {
                notice.hear()?;
            }
            match self.read()? {
                Read::Gap(gap) => return Ok(Waited::Gap(gap)),
                Read::Some if self.page.is_empty() => continue, // None passed the filter.
                Read::Some => return Ok(Waited::Events),
                Read::End => {}
            }
            let is_over = left_until(until).is_some_and(|left| left.is_zero());
            if is_over && self.notice.is_none() {
                return Ok(Waited::TimedOut); // Who asks for a descriptor later is told to look again.
            }
            let notice = self.notice()?;
            if is_over && settled {
                notice.tell_if_unsettled()?;
                return Ok(Waited::TimedOut);
            }
            settled = is_over;
            if notice.settle()? {
                continue;
            }
            if is_over {
                return Ok(Waited::TimedOut);
            }
            // An idle look costs no more than this.
            while !notice.wait(left_until(until).unwrap_or(CLOSED_LOOK).min(CLOSED_LOOK))? {
                engine.check()?;
                if left_until(until).is_some_and(|left| left.is_zero()) {
                    return Ok(Waited::TimedOut);
                }
            }
        }
    }

    /// What was read already, if there is some.
    fn hand_out(&mut self, max: usize) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        while events.len() < max.clamp(1, EVENTS_AT_ONCE)
            && let Some(event) = self.next_read_ahead()
        {
            events.push(event);
        }
        (!events.is_empty()).then_some(events)
    }

    /// The next event where it was read already and is at hand in memory.
    pub fn next_read_ahead(&mut self) -> Option<Event> {
        let event = self.page.next()?;
        self.hand_over(event.position);
        Some(event)
    }

    /// Notes that an event is handed out.
    fn hand_over(&mut self, position: Position) {
        // What the filter passed over behind the last one is done with, too.
        self.position = if self.page.is_empty() { self.cursor.after } else { position };
    }

    /// Which events are handed out.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Hands out others from now on.
    pub fn set_filter(&mut self, filter: Filter) {
        // What was read ahead passed the filter before.
        if self.cursor.after != self.position {
            self.page = EventPage::default();
            self.cursor = FeedCursor::behind(self.position);
        }
        self.filter = filter;
    }

    /// The position of the last event that was handed out, or passed over by the filter: what to acknowledge when all
    /// before it is handled.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The position that was acknowledged last; `None` where it follows without a name.
    pub fn acked(&self) -> Option<Position> {
        self.bookmark.as_ref().map(|bookmark| bookmark.mark().position)
    }

    /// Acknowledges all events up to `position`: no later subscription of this name hands them out again. `Durable`: also
    /// after a power loss. `Relaxed` costs no sync: after a power loss, and only then, the subscriber may be back where it
    /// acknowledged durably last.
    ///
    /// A position before the last that was acknowledged changes nothing. One behind the last event that was handed
    /// out passes over what lies between: for who keeps its position with its own data, and is further than the last call told.
    ///
    /// # Errors
    ///
    /// `Invalid` for a position behind the last durable change, and where it follows without a name. After an `Io` error the
    /// old position or the new one counts.
    pub fn ack(&mut self, position: Position, durability: Durability) -> Result<()> {
        let note = self.bookmark.as_ref().map(|bookmark| bookmark.mark().note.clone()).unwrap_or_default();
        if self.acked().is_some_and(|acked| position <= acked) {
            return self.store.engine().check_writable();
        }
        self.mark(position, note, durability)
    }

    /// What was written down with the position that was acknowledged last.
    pub(super) fn note(&self) -> &[u8] {
        self.bookmark.as_ref().map_or(&[], |bookmark| &bookmark.mark().note)
    }

    /// Acknowledges, and writes something down with it.
    pub(super) fn mark(&mut self, position: Position, note: Vec<u8>, durability: Durability) -> Result<()> {
        let engine = self.store.engine();
        engine.check_writable()?;
        let Some(bookmark) = &mut self.bookmark else {
            return Err(Error::invalid("subscription", "it has no name, and nothing to acknowledge with"));
        };
        if position > self.position {
            let last = engine.catalog.progress()?.durable;
            if position > last || position.number > last.number {
                let detail = format!(
                    "change {} is not durable, or none of this store, whose last is {}",
                    position.number, last.number
                );
                return Err(Error::invalid("position", detail));
            }
        }
        let mark = Mark { position, at_ns: engine.clock.now_ns(), note };
        bookmark.set(mark, durability == Durability::Durable)?;
        if position > self.position {
            self.page.skip_to(position);
            if self.page.is_empty() && self.cursor.after < position {
                self.cursor = FeedCursor::behind(position);
            }
            self.position = position;
        }
        Ok(())
    }

    /// A descriptor that is readable when there may be something new; it may be readable without cause. Call
    /// [`next`](Self::next) with a timeout of zero until it answers `TimedOut`, then wait for the descriptor. It is this
    /// subscription's: it is not read from, and closed with it.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the index lies in memory.
    pub fn descriptor(&mut self) -> Result<BorrowedFd<'_>> {
        self.store.engine().check()?;
        let is_new = self.notice.is_none();
        let notice = self.notice()?;
        if is_new {
            notice.tell_if_unsettled()?; // What was looked for before, the new one knows nothing of.
        }
        notice.descriptor()
    }

    fn notice(&mut self) -> Result<&mut Notice> {
        let notice = match self.notice.take() {
            Some(notice) => notice,
            None => self.store.engine().catalog.notice()?,
        };
        Ok(self.notice.insert(notice))
    }

    /// Reads on. What passes the filter is in the page then.
    fn read(&mut self) -> Result<Read> {
        let engine = self.store.engine();
        engine.check()?;
        if self.cursor.after != self.position {
            self.cursor = FeedCursor::behind(self.position); // The page ended before its time.
        }
        // A lookup may fail on the way: what was read is done with only when all of it is.
        let mut cursor = self.cursor;
        let page = match engine.catalog.feed(&mut cursor, None)? {
            Fed::Gap(gap) => {
                self.cursor = cursor;
                self.position = cursor.after;
                return Ok(Read::Gap(gap));
            }
            Fed::Events(events) if events.is_empty() => return Ok(Read::End),
            Fed::Events(events) if self.filter.is_open() => events,
            Fed::Events(mut events) => {
                let is_wanted = |recorded: &Recorded| {
                    self.filter.passes(recorded, |dataset| is_in(&self.store, recorded.object(), dataset))
                };
                let last = events.retain(is_wanted)?;
                if last != Some(cursor.after) {
                    cursor = FeedCursor::behind(last.unwrap_or(self.position));
                }
                events
            }
        };
        (self.cursor, self.page) = (cursor, page);
        if self.page.is_empty() {
            self.position = self.cursor.after;
        }
        Ok(Read::Some)
    }
}

fn left_until(until: Option<Instant>) -> Option<Duration> {
    until.map(|until| until.saturating_duration_since(Instant::now()))
}

/// Whether an object has a key in a dataset, or had when it was removed.
fn is_in(store: &Store, object: Option<ObjectId>, dataset: DatasetId) -> Result<bool> {
    let catalog = &store.engine().catalog;
    let Some(object) = object.map(|id| catalog.object(id)).transpose()?.flatten() else { return Ok(false) };
    if object.name.as_ref().is_some_and(|name| name.dataset == dataset) {
        return Ok(true);
    }
    let mut after = None;
    loop {
        let page = catalog.names(object.id, after.as_ref(), NAMES_AT_ONCE)?;
        if page.names.iter().any(|name| name.dataset == dataset) {
            return Ok(true);
        }
        if page.next.is_none() {
            return Ok(false);
        }
        after = page.next;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread;

    use super::*;
    use crate::event::{EventKind, EventKinds};
    use crate::journal::Change;
    use crate::{PutOptions, StoreOptions};

    const NOW: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn a_change_of_a_later_version_amid_a_page_is_told_of_and_not_passed_over() {
        let store = Store::in_memory(&StoreOptions::new()).unwrap();
        let before = store.position().unwrap();
        let put = || store.put_empty(&PutOptions::default()).unwrap();
        put();
        let change = Change::Unknown { record_type: 900 };
        store.engine().commit_one(Vec::new(), vec![change], Durability::Durable).unwrap();
        put();
        let puts = Filter { kinds: Some(EventKinds::new().with(EventKind::Put)), ..Filter::default() };
        for (filter, max) in [(Filter::default(), 1), (Filter::default(), usize::MAX), (puts, usize::MAX)] {
            let mut following = store.follow(before, &filter).unwrap();
            let Next::Events(events) = following.next(max, NOW).unwrap() else { panic!("no event") };
            assert_eq!(events.len(), 1);
            assert_eq!(following.position(), events[0].position);
            for _ in 0..2 {
                assert!(matches!(following.next(max, NOW), Err(Error::NewerFormat { .. })));
                assert_eq!(following.position(), events[0].position);
            }
        }
        let mut feed = store.feed(before);
        assert!(feed.next().unwrap().is_ok());
        assert!(matches!(feed.next(), Some(Err(Error::NewerFormat { .. }))));
        assert_eq!(store.feed_after(before, usize::MAX).unwrap().len(), 1);
    }

    /// A reader that came to the end and waits for its descriptor.
    fn following(directory: &Path) -> (Store, Subscription) {
        let store = Store::open(directory.join("store"), &StoreOptions::new()).unwrap();
        let mut following = store.follow(store.position().unwrap(), &Filter::default()).unwrap();
        following.descriptor().unwrap();
        assert_eq!(following.next(1, NOW).unwrap(), Next::TimedOut);
        assert!(!is_readable(&mut following));
        (store, following)
    }

    fn is_readable(following: &mut Subscription) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let descriptor = following.descriptor().unwrap();
        poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
    }

    /// What the kernel tells of when a commit is at its end.
    fn write_to_index(directory: &Path) {
        std::fs::write(directory.join("store/index/a-file"), b"x").unwrap();
    }

    #[test]
    fn the_descriptor_tells_of_what_is_written_after_the_last_look() {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut following) = following(directory.path());
        for _ in 0..100 {
            // One who writes is about to end, and before he has, the next one begins and is told of.
            let writer = store.inner.lock.lock_writer().unwrap();
            write_to_index(directory.path());
            let looking = thread::spawn(move || {
                assert_eq!(following.next(1, NOW).unwrap(), Next::TimedOut);
                following
            });
            thread::sleep(Duration::from_millis(5));
            write_to_index(directory.path());
            drop(writer);
            following = looking.join().unwrap();
            if is_readable(&mut following) {
                return;
            }
            // The look began late, and was told of both.
        }
        panic!("a write is forgotten that was told of after the look");
    }

    #[test]
    fn the_descriptor_goes_on_telling_while_somebody_takes_long_to_write() {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut following) = following(directory.path());
        let writer = store.inner.lock.lock_writer().unwrap();
        write_to_index(directory.path());
        for _ in 0..2 {
            assert_eq!(following.next(1, NOW).unwrap(), Next::TimedOut);
            assert!(is_readable(&mut following), "what was written may not be seen yet");
        }
        drop(writer);
        assert_eq!(following.next(1, NOW).unwrap(), Next::TimedOut);
        assert!(!is_readable(&mut following));
    }
}
