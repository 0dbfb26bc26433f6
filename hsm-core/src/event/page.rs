//! Events that were read and not handed out: kept as they lie in the journal, each made when its turn comes.
//!
//! An event has half a dozen small allocations. Made for a whole page at once they take many times the room of their
//! records, and each is fetched into the cache twice; one at a time, those of the event before are used again, and a
//! [`RecordedEvent`] has none.
//!
//! A record in the midst of a page that this version cannot read ends the page: whoever reads on from the event
//! before it is told.

use std::collections::VecDeque;

use super::{Event, RecordedEvent};
use crate::journal::{Recorded, Unread};
use crate::object::Position;

/// Events of a page, in order.
#[derive(Debug, Default)]
pub(crate) struct EventPage {
    groups: VecDeque<Unread>,
}

impl EventPage {
    /// Adds what was read of a group.
    pub(crate) fn push(&mut self, unread: Unread) {
        self.groups.push_back(unread);
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Passes over all up to `position`.
    pub(crate) fn skip_to(&mut self, position: Position) {
        while self.groups.front_mut().is_some_and(|group| !group.skip_to(position)) {
            self.groups.pop_front();
        }
    }

    /// Leaves out what is not wanted. The last position that was looked at: one that cannot be read, and all behind it,
    /// is left out.
    pub(crate) fn retain<E>(
        &mut self,
        mut is_wanted: impl FnMut(&Recorded) -> Result<bool, E>,
    ) -> Result<Option<Position>, E> {
        let (groups, mut looked_at) = (std::mem::take(&mut self.groups), None);
        for mut group in groups {
            let last = group.last();
            looked_at = group.retain(&mut is_wanted)?.or(looked_at);
            if !group.is_done() {
                self.groups.push_back(group);
            }
            if looked_at != Some(last) {
                break;
            }
        }
        Ok(looked_at)
    }

    /// Puts the next event in the place of another. `false`: nothing is left, nor is it behind a record that cannot be
    /// read.
    pub(crate) fn next_into(&mut self, event: &mut RecordedEvent) -> bool {
        self.next_of(|group| group.take_into(&mut event.recorded).then_some(())).is_some_and(|(head, ())| {
            (event.position, event.time_ns, event.instance) = head;
            true
        })
    }

    /// Takes from the first group, and its position, time and instance.
    fn next_of<T>(
        &mut self,
        take: impl FnOnce(&mut Unread) -> Option<T>,
    ) -> Option<((Position, crate::clock::TimeNs, u64), T)> {
        let group = self.groups.front_mut()?;
        let head = (group.position(), group.header.time_ns, group.header.instance);
        let Some(taken) = take(group) else {
            self.groups.clear();
            return None;
        };
        if group.is_done() {
            self.groups.pop_front();
        }
        Some((head, taken))
    }
}

impl Iterator for EventPage {
    type Item = Event;

    /// The next event. Behind the last one nothing is left; nor is it behind a record that cannot be read.
    fn next(&mut self) -> Option<Event> {
        let ((position, time_ns, instance), change) = self.next_of(Unread::take)?;
        Some(Event { position, time_ns, instance, change })
    }
}
