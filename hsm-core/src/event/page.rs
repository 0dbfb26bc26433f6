//! Events that were read and not handed out: kept as they lie in the journal, each made when its turn comes.
//!
//! An event has half a dozen small allocations. Made for a whole page at once they take many times the room of their
//! records, and each is fetched into the cache twice; one at a time, those of the event before are used again.
//!
//! A record in the midst of a page that this version cannot read ends the page: whoever reads on from the event
//! before it is told.

use std::collections::VecDeque;

use super::Event;
use crate::journal::Unread;
use crate::object::Position;

/// Events of a page, in order.
#[derive(Debug, Default)]
pub(crate) struct EventPage {
    /// Those that were made already, before all others.
    made: VecDeque<Event>,
    groups: VecDeque<Unread>,
}

impl EventPage {
    /// A page of events that are there.
    pub(crate) fn of(made: VecDeque<Event>) -> Self {
        Self { made, groups: VecDeque::new() }
    }

    /// Adds what was read of a group.
    pub(crate) fn push(&mut self, unread: Unread) {
        self.groups.push_back(unread);
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.groups.is_empty()
    }

    /// Passes over all up to `position`.
    pub(crate) fn skip_to(&mut self, position: Position) {
        while self.made.front().is_some_and(|event| event.position <= position) {
            self.made.pop_front();
        }
        while self.groups.front_mut().is_some_and(|group| !group.skip_to(position)) {
            self.groups.pop_front();
        }
    }
}

impl Iterator for EventPage {
    type Item = Event;

    /// The next event. Behind the last one nothing is left; nor is it behind a record that cannot be read.
    fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.made.pop_front() {
            return Some(event);
        }
        let group = self.groups.front_mut()?;
        let (header, position) = (group.header, group.position());
        let Some(change) = group.take() else {
            self.groups.clear();
            return None;
        };
        if group.is_done() {
            self.groups.pop_front();
        }
        Some(Event { position, time_ns: header.time_ns, instance: header.instance, change })
    }
}
