//! The journal as a feed: what programs that follow a store read.
//!
//! An event is a committed change with its position, time and writer. Nothing can be missing from the feed or out of
//! order in it, because it is the journal itself, read in order. Changes that a power loss could still undo
//! are not shown. Where the journal no longer holds the changes behind a position, a [`Gap`] says which are missing.
//!
//! A [`Filter`] says which events a reader wants, a [`Retention`] how many the store keeps.

mod filter;
mod page;
mod recorded;
mod retention;
pub(crate) mod yaml;

pub use filter::{EventKind, EventKinds, Filter};
pub(crate) use page::EventPage;
pub use recorded::RecordedEvent;
pub use retention::Retention;

use crate::clock::TimeNs;
use crate::journal::Change;
use crate::object::Position;

/// One committed change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it stands; numbers follow each other without gaps.
    pub position: Position,
    /// When it was committed.
    pub time_ns: TimeNs,
    /// Which opening of the store committed it.
    pub instance: u64,
    /// What changed.
    pub change: Change,
}

/// Changes that a reader of the feed cannot have any more.
///
/// They were dropped, or are of a history that is not that of the store any more: it was restored from an earlier
/// state, and an [`EpochBegan`](Change::EpochBegan) follows. What an object is now can still be asked:
/// [`Query::changed_after`](crate::Query::changed_after).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub from: Position,
    /// The last of them.
    pub to: Position,
}
