//! The journal as a feed: what programs that follow a store read.
//!
//! An event is a committed change with its position and time. Nothing can be missing from the feed or out of
//! order in it, because it is the journal itself, read in order. Changes that a power loss could still undo
//! are not shown.

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
