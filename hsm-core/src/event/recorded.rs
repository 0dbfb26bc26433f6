//! An event that is read no further than it is asked for.

use super::{Event, EventKind};
use crate::clock::TimeNs;
use crate::journal::Recorded;
use crate::object::Position;

/// One committed change, as its record has it: see [`Subscription::next_into`](crate::Subscription::next_into).
#[derive(Debug, Default)]
pub struct RecordedEvent {
    /// Where it stands; numbers follow each other without gaps.
    pub position: Position,
    /// When it was committed.
    pub time_ns: TimeNs,
    /// Which opening of the store committed it.
    pub instance: u64,
    /// What changed.
    pub recorded: Recorded,
}

impl RecordedEvent {
    /// Its kind.
    pub fn kind(&self) -> EventKind {
        EventKind::of_recorded(&self.recorded)
    }
}

impl From<Event> for RecordedEvent {
    fn from(event: Event) -> Self {
        let Event { position, time_ns, instance, change } = event;
        Self { position, time_ns, instance, recorded: change.into() }
    }
}
