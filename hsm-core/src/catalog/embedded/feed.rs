//! The feed: durable groups of the journal, read on where a reader stopped.
//!
//! A cursor keeps the point between two groups behind which its next change lies. The chain of checksums tells
//! whether the journal still passes through that point; where it does not, the change is looked for.
//!
//! A position may be one that this journal knows nothing of: the segment is gone, or the store was restored and its
//! history went on in another way. Whoever comes from there is told of a gap, and goes on behind it.

use super::{Embedded, epochs, lookup};
use crate::catalog::{Fed, FeedCursor};
use crate::error::{Error, Result};
use crate::event::{Event, EventPage, Gap};
use crate::journal::{self, Group, GroupReader, Tail};
use crate::object::Position;

/// Memory that the events of a page take, about, in bytes: one that exceeds it is the last.
const PAGE_BYTES: usize = 4 << 20;
/// Where they are made one by one: a group that is no longer than this is taken as a whole, so that it is read once.
const PAGE_READ_AHEAD_BYTES: usize = 2 << 20;

/// Where the group begins that holds the change a reader of the feed wants next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundAt(Tail);

/// Events gathered for one page.
struct Page {
    cursor: FeedCursor,
    /// How many events may come yet, and bytes.
    left: usize,
    bytes_left: usize,
    /// Whether they are made one by one.
    is_ahead: bool,
    events: EventPage,
}

impl Embedded {
    pub(super) fn next_events(&self, cursor: &mut FeedCursor, limit: Option<usize>) -> Result<Fed> {
        if cursor.found.is_none()
            && let Some(gap) = self.lost_history(cursor)?
        {
            return Ok(Fed::Gap(gap));
        }
        let state = self.read(lookup::must_state)?;
        let (durable, last) = (state.durable.last, state.tail.last);
        if last.number < cursor.after.number {
            // Without this the changes up to it would be passed over, once there are so many.
            let detail = format!(
                "change {} is none of this store, whose last is {}",
                cursor.after.number, last.number
            );
            return Err(Error::invalid("position", detail));
        }
        let (left, bytes_left) =
            limit.map_or((usize::MAX, PAGE_READ_AHEAD_BYTES), |limit| (limit, PAGE_BYTES));
        let (is_ahead, events) = (limit.is_none(), EventPage::default());
        let mut page = Page { cursor: *cursor, left, bytes_left, is_ahead, events };
        if durable.number <= cursor.after.number {
            return Ok(Fed::Events(page.events));
        }
        let mut unproven = cursor.found.is_some();
        let mut reader = match cursor.found {
            Some(FoundAt(tail)) => GroupReader::new(&self.segments, tail),
            None => match self.look_for(cursor.after)? {
                Some(reader) => reader,
                None => return self.dropped(cursor).map(Fed::Gap),
            },
        };
        while !page.is_full() && page.cursor.after.number < durable.number {
            let before = reader.tail();
            let group = match reader.next_group() {
                Ok(Some(group)) => group,
                // What lies before the damage is handed out first.
                _ if !page.events.is_empty() => break,
                // The point is none of this journal, or segments were dropped under the reader.
                _ if unproven || self.segments.is_dropped(reader.tail().segment)? => {
                    unproven = false;
                    match self.look_for(cursor.after)? {
                        Some(found) => reader = found,
                        None => return self.dropped(cursor).map(Fed::Gap),
                    }
                    continue;
                }
                Ok(None) => {
                    return Err(Error::damaged(
                        self.segments.directory(),
                        format!("it ends at change {} of {}", before.last.number, durable.number),
                    ));
                }
                Err(error) => return Err(error),
            };
            unproven = false;
            if !page.take(group, &reader, before) {
                return Err(reader.unknown_change(page.cursor.after.number));
            }
        }
        *cursor = page.cursor;
        Ok(Fed::Events(page.events))
    }

    fn look_for(&self, after: Position) -> Result<Option<GroupReader<'_>>> {
        GroupReader::before(&self.segments, after.number + 1)
    }

    /// The gap where the segments behind a cursor were dropped. Moves it behind that.
    fn dropped(&self, cursor: &mut FeedCursor) -> Result<Gap> {
        let damaged = || {
            let detail = format!("the segment that holds change {} is missing", cursor.after.number + 1);
            Error::damaged(self.segments.directory(), detail)
        };
        let first = self.segments.first_header()?.ok_or_else(damaged)?.first;
        if first.number <= cursor.after.number + 1 {
            return Err(damaged());
        }
        let epochs = self.known_epochs()?;
        let before = if cursor.after.epoch == 0 { first.epoch } else { cursor.after.epoch };
        let at = |number| Position { epoch: epoch_at(&epochs, number).unwrap_or(before), number };
        let gap = Gap { from: at(cursor.after.number + 1), to: at(first.number - 1) };
        *cursor = FeedCursor::behind(gap.to);
        Ok(gap)
    }

    /// The gap where a cursor stands at a change that is no part of this history, since the store was restored from an
    /// earlier state. Moves the cursor to where the histories part.
    fn lost_history(&self, cursor: &mut FeedCursor) -> Result<Option<Gap>> {
        let after = cursor.after;
        if after.number == 0 || after.epoch == 0 {
            return Ok(None);
        }
        let epochs = self.known_epochs()?;
        let here = epoch_at(&epochs, after.number);
        if here.is_none_or(|epoch| epoch == after.epoch) {
            return Ok(None);
        }
        let own = epochs.iter().position(|(epoch, _)| *epoch == after.epoch);
        if own.is_some_and(|at| epochs[at].1 == after.number + 1) {
            return Ok(None); // Nothing of its epoch lies before it.
        }
        let next = own.map(|at| epochs.get(at + 1));
        // Of an epoch that is not known here, nothing can be said.
        let (parted_at, epoch) = match next {
            Some(Some((_, begins))) => (*begins - 1, after.epoch),
            _ => (0, 0),
        };
        *cursor = FeedCursor::behind(Position { epoch, number: parted_at });
        Ok(Some(Gap { from: Position { epoch: after.epoch, number: parted_at + 1 }, to: after }))
    }

    /// The epoch in which a change lies; `None` where that is not known any more.
    pub(super) fn epoch_at(&self, number: u64) -> Result<Option<u64>> {
        Ok(epoch_at(&self.known_epochs()?, number))
    }

    /// The epochs of the journal in order, each with the number of its first change; without those that ended in what
    /// was dropped and of which nothing else tells.
    fn known_epochs(&self) -> Result<Vec<(u64, u64)>> {
        let mut known = self.recorded_epochs()?;
        let Some(first) = self.segments.first_header()?.map(|header| header.first) else { return Ok(known) };
        let newest = self.read(lookup::must_state)?.durable.last.epoch;
        // An epoch that was begun, and whose record never came, has a segment all the same.
        for epoch in first.epoch..=newest {
            let place = known.partition_point(|(known, _)| *known < epoch);
            if known.get(place).is_none_or(|(known, _)| *known != epoch)
                && let Some(begins) = journal::epoch_begins_at(&self.segments, epoch)?
            {
                known.insert(place, (epoch, begins));
            }
        }
        Ok(known)
    }

    /// Those that the index knows of: of which a record tells.
    fn recorded_epochs(&self) -> Result<Vec<(u64, u64)>> {
        Ok(self.read(epochs::list)?.into_iter().map(|began| (began.number, began.first)).collect())
    }

    /// Whether the journal ends where an epoch begins of which no record tells: whoever began it died before it was there.
    pub(super) fn ends_with_epoch_unrecorded(&self, tail: &Tail) -> Result<bool> {
        let first = self.segments.first_header()?.map(|header| header.first.epoch);
        let known = self.recorded_epochs()?.last().map(|(epoch, _)| *epoch).max(first);
        Ok(tail.is_at_start() && known.is_some_and(|known| known < tail.last.epoch))
    }
}

fn epoch_at(epochs: &[(u64, u64)], number: u64) -> Option<u64> {
    epochs.iter().rfind(|(_, begins)| *begins <= number).map(|(epoch, _)| *epoch)
}

impl Page {
    fn is_full(&self) -> bool {
        self.left == 0 || self.bytes_left == 0
    }

    /// Takes what is wanted of a group that was just read; `false`: the page would begin with a change that this version
    /// cannot read.
    fn take(&mut self, group: Group, reader: &GroupReader<'_>, before: Tail) -> bool {
        let from = self.cursor.after.number + 1;
        let last = group.last_number();
        if last < from {
            self.cursor.found = Some(FoundAt(reader.tail()));
            return true;
        }
        let is_all = from == group.header.first.number && group.payload_len() <= PAGE_READ_AHEAD_BYTES;
        let unread = if self.is_ahead && is_all {
            group.all_unread()
        } else {
            let room_each = if self.is_ahead { 0 } else { size_of::<Event>() };
            group.unread(from, self.left, room_each, self.bytes_left)
        };
        if self.events.is_empty() && unread.peek().is_none() {
            return false;
        }
        self.left -= (unread.last().number + 1 - unread.position().number) as usize;
        self.bytes_left = self.bytes_left.saturating_sub(unread.bytes);
        self.cursor.after = unread.last();
        let is_done = unread.last().number == last;
        self.cursor.found = Some(FoundAt(if is_done { reader.tail() } else { reader.start_of_last(before) }));
        self.events.push(unread);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PutOptions, Store, StoreOptions};

    #[test]
    fn a_point_that_the_journal_does_not_pass_through_is_looked_for_again() {
        let store = Store::in_memory(&StoreOptions::new().segment_bytes(400)).unwrap();
        for _ in 0..20 {
            store.put_empty(&PutOptions::default()).unwrap();
        }
        let catalog = &store.engine().catalog;
        let events = |cursor: &mut FeedCursor, limit| match catalog.feed(cursor, Some(limit)).unwrap() {
            Fed::Events(events) => events.collect::<Vec<_>>(),
            Fed::Gap(gap) => panic!("{gap:?}"),
        };
        let mut cursor = FeedCursor::default();
        let all = events(&mut cursor, usize::MAX);
        assert_eq!(cursor.after, store.position().unwrap());
        let mut cursor = FeedCursor::default();
        for _ in 0..10 {
            assert_eq!(events(&mut cursor, 1).len(), 1);
        }
        let FoundAt(point) = cursor.found.unwrap();
        let another_epoch = Position { epoch: 7, ..point.last };
        let wrong = [
            Tail { chain: point.chain ^ 1, ..point },
            Tail { offset: point.offset + 8, ..point },
            Tail { segment: 1, ..point },
            Tail { segment: 999, ..point },
            Tail { last: another_epoch, ..point },
        ];
        for point in wrong {
            let mut cursor = FeedCursor { after: cursor.after, found: Some(FoundAt(point)) };
            assert_eq!(events(&mut cursor, usize::MAX), all[10..], "{point:?}");
        }
    }
}
