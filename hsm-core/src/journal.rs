//! The truth: every change of the store, in order, and nothing else.
//!
//! Three nouns, from small to large:
//!
//! - a [`Change`] states a result ("object X has generation 3, its copy is there"), so that applying it is
//!   safe however often the journal is replayed;
//! - a *group* holds the changes that happen together or not at all, under one checksum that also covers
//!   the group before it (a chain: bytes left over from an older tail never pass for new ones);
//! - a *segment* is one file of groups.
//!
//! Invariants: the journal ends before the first group that is not whole; a group that was acknowledged as
//! durable was synced; a group whose sync failed is cut off by a new segment before anybody hears of it.
//! `docs/format.md`, section 7, is the contract.
//!
//! What it does not do: know what the changes mean. That is the catalog's part.

mod beyond;
mod change;
mod group;
pub(crate) mod queue;
mod read;
mod record;
mod recorded;
mod segment;
mod write;

pub use change::{Change, DropReason, EpochCause, Subject, Updates};
pub(crate) use group::{Group, GroupHeader, Unread};
pub(crate) use read::{GroupReader, Tail, epoch_begins_at};
pub use record::PutSummary;
pub(crate) use record::{read_piece, read_spec, read_tier, write_piece, write_spec, write_tier};
pub use recorded::Recorded;
pub(crate) use segment::{SegmentHeader, Segments};
pub(crate) use write::{append, begin, cut, sync, write_again, write_again_unsynced};
