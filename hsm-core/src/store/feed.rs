//! The feed, read from a position.

use super::Store;
use crate::catalog::{Fed, FeedCursor};
use crate::error::{Error, Result};
use crate::event::{Event, EventPage, RecordedEvent, Retention};
use crate::object::Position;

impl Store {
    /// Up to `limit` durable changes behind `after`, in order; `Position::default()` stands before the first. Fewer
    /// where they are large, none only at the end.
    ///
    /// Looks for the position in the journal each time: to follow a store, keep a [`feed`](Self::feed), which
    /// reads on where it stopped.
    pub fn feed_after(&self, after: Position, limit: usize) -> Result<Vec<Event>> {
        let engine = self.engine();
        engine.check()?;
        events(engine.catalog.feed(&mut FeedCursor::behind(after), Some(limit))?).map(Iterator::collect)
    }

    /// Every durable change behind `after`, up to the last there is when the end is reached.
    pub fn feed(&self, after: Position) -> Feed {
        let cursor = FeedCursor::behind(after);
        Feed { store: self.clone(), after, cursor, page: EventPage::default(), failed: false }
    }
}

impl Store {
    /// Says how much of the feed is kept, for every handle of the store. [`maintain`](Self::maintain) drops what exceeds it, by
    /// whole segments of the journal, as far as two whole [snapshots](Self::snapshot) in the store lie behind that: an index
    /// is restored from them. So make one now and then. Until a retention is set, all is kept.
    pub fn set_retention(&self, retention: &Retention) -> Result<Position> {
        self.engine().set(Retention::SETTING, retention.encode())
    }

    /// How much of the feed is kept.
    pub fn retention(&self) -> Result<Retention> {
        let engine = self.engine();
        engine.check()?;
        let Some(value) = engine.catalog.setting(Retention::SETTING)? else {
            return Ok(Retention::default());
        };
        Retention::decode(&value)
            .ok_or_else(|| Error::invalid("setting", format!("{} is too short", Retention::SETTING)))
    }

    pub(super) fn drop_segments(&self) -> Result<u64> {
        let retention = self.retention()?;
        if retention.is_unbounded() {
            return Ok(0);
        }
        let engine = self.engine();
        engine.catalog.drop_journal(&retention, engine.clock.now_ns())
    }
}

/// A feed without a subscription has no way to tell of a gap but to fail.
fn events(fed: Fed) -> Result<EventPage> {
    match fed {
        Fed::Events(events) => Ok(events),
        Fed::Gap(gap) => Err(Error::invalid(
            "position",
            format!(
                "changes {} to {} behind it are no longer to be had; a subscription tells of such a gap and goes on",
                gap.from.number, gap.to.number
            ),
        )),
    }
}

/// An iterator over the feed. It can be asked again after it ended; after an error it ends for good. It holds a
/// page of some megabytes at most, and no file between two.
#[derive(Debug)]
pub struct Feed {
    store: Store,
    after: Position,
    /// Behind the last event of `page`.
    cursor: FeedCursor,
    page: EventPage,
    failed: bool,
}

impl Feed {
    /// The position of the last event that was returned.
    pub fn position(&self) -> Position {
        self.after
    }

    /// Whether the next event was read already and is at hand in memory.
    pub fn is_read_ahead(&self) -> bool {
        !self.page.is_empty()
    }

    /// The next event, put in the place of another, whose room it uses again: for those who read many and ask little of
    /// each. Else as [`next`](Iterator::next).
    pub fn next_into(&mut self, event: &mut RecordedEvent) -> Option<Result<()>> {
        while !self.page.next_into(event) {
            if let Err(error) = self.read()? {
                return Some(Err(error));
            }
        }
        self.after = event.position;
        Some(Ok(()))
    }

    /// Reads on; `None` at the end.
    fn read(&mut self) -> Option<Result<()>> {
        if self.failed {
            return None;
        }
        if self.cursor.after != self.after {
            self.cursor = FeedCursor::behind(self.after); // The page ended before its time.
        }
        let engine = self.store.engine();
        let fed = engine.check().and_then(|()| engine.catalog.feed(&mut self.cursor, None));
        match fed.and_then(events) {
            Ok(events) if events.is_empty() => None,
            Ok(events) => {
                self.page = events;
                Some(Ok(()))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

impl Iterator for Feed {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.page.next() {
                self.after = event.position;
                return Some(Ok(event));
            }
            if let Err(error) = self.read()? {
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::file::OsDisk;
    use crate::journal::{self, Change, EpochCause, GroupReader, SegmentHeader, Segments};
    use crate::{Filter, Next, PutOptions, StoreOptions};

    /// Begins an epoch and dies before its record is written.
    fn begin_epoch_without_record(store: &Store, directory: &Path) {
        let segments =
            Segments::new(Arc::new(OsDisk::new()), directory.join("journal"), store.inner.store_id);
        let mut reader = GroupReader::before(&segments, 1).unwrap().unwrap();
        while reader.next().unwrap().is_some() {}
        let tail = reader.tail();
        let first = Position { epoch: tail.last.epoch + 1, number: tail.last.number + 1 };
        let (serial, instance) = (tail.segment + 1, store.inner.instance);
        let header = SegmentHeader { serial, first, chain: tail.chain, created_ns: 0, instance };
        journal::begin(&segments, &header).unwrap();
    }

    fn all(store: &Store, after: Position) -> Vec<Event> {
        let mut following = store.follow(after, &Filter::default()).unwrap();
        match following.next(usize::MAX, Some(std::time::Duration::ZERO)).unwrap() {
            Next::Events(events) => events,
            Next::TimedOut => Vec::new(),
            Next::Gap(gap) => panic!("{gap:?}"),
        }
    }

    #[test]
    fn an_epoch_of_which_no_record_tells_gets_one_when_the_store_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Store::open(directory.path(), &StoreOptions::new()).unwrap();
        let store = open();
        store.put(b"x", &PutOptions::default()).unwrap();
        let before = store.position().unwrap();
        begin_epoch_without_record(&store, directory.path());
        drop(store);
        let store = open();
        assert_eq!(store.new_epoch_cause(), Some(EpochCause::RolledBack));
        let events = all(&store, before);
        let [Event { position, change: Change::EpochBegan { ended, .. }, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        let number = before.number + 1;
        assert_eq!((*position, ended.number), (Position { epoch: before.epoch + 2, number }, before.number));
        drop(store);
        assert_eq!(open().new_epoch_cause(), None, "it has its record now");
    }

    #[test]
    fn changes_in_an_epoch_of_which_no_record_tells_are_part_of_the_history() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Store::open(directory.path(), &StoreOptions::new().segment_bytes(1)).unwrap();
        let store = open();
        let put = |store: &Store| store.put(b"x", &PutOptions::default()).unwrap();
        put(&store);
        let before = store.position().unwrap();
        begin_epoch_without_record(&store, directory.path());
        put(&store);
        let within = store.position().unwrap();
        assert_eq!(within, Position { epoch: before.epoch + 1, number: before.number + 1 });
        store.subscribe("mirror", within).unwrap();
        for round in 0..2 {
            put(&store);
            assert_eq!(all(&store, before).len(), 2 + round);
            assert_eq!(all(&store, within).len(), 1 + round, "nothing of it is lost");
            store.snapshot().unwrap();
        }
        store.set_retention(&Retention { events_max: Some(0), age_max: None }).unwrap();
        assert!(store.maintain().unwrap().segments_dropped > 1, "its snapshots count");
        drop(store);
        let store = open();
        assert_eq!(store.new_epoch_cause(), None);
        let mut mirror = store.subscription("mirror", &Filter::default()).unwrap();
        assert_eq!(mirror.acked(), Some(within));
        assert!(matches!(mirror.next(1, None).unwrap(), Next::Events(_)));
    }
}
