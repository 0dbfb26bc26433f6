//! Moves object data between tiers without ever losing the last good copy.
//!
//! A transfer reads a copy, each byte checked, writes the new one, syncs it, reads it back from the medium,
//! and commits it; a move drops the source in that same commit. Only then may the source's bytes go. A crash
//! leaves the old state or the new.
//!
//! Many small objects are transferred together: one pack, one sync, one pass over the medium, one commit.
//!
//! A scrub reads every copy back, and heals what is damaged the same way: from a copy that is whole.
//!
//! A compaction moves what lives in a pack to another place of the same tier, likewise.
//!
//! An executor runs the actions that were submitted: the same work, committed with the word that it is done. What it
//! has to wait for a tape for, or for the limits of a tier, is left until then.
//!
//! What to move, and when, is decided by the caller, never here.

mod compact;
mod executor;
mod finding;
mod fit;
mod heal;
mod party;
mod release;
mod scrub;
mod staged;
mod transfer;
mod waiting;
mod window;

pub use compact::{CompactOptions, Compacted};
pub(crate) use compact::{Compaction, Finder, is_about_a_tier};
pub use executor::Ran;
pub(crate) use executor::{Executor, Step, pause_ns};
pub(crate) use finding::Bad;
pub use finding::{Fault, Finding, Remedy};
pub(crate) use party::Carrier;
pub(crate) use release::{release, verify_copy as verify};
pub use scrub::{ScrubOptions, Scrubbed};
pub(crate) use scrub::{check_may_heal, scrub};
pub(crate) use staged::{Staged, stage};
pub(crate) use transfer::{Attendant, Transfer, transfer};
pub(crate) use window::read_one as read_copy;
