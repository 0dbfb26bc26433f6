//! The catalog of a store that is laid out anew from a snapshot which was kept on a tier.

use super::journal_end::JournalEnd;
use crate::catalog::embedded::lookup;
use crate::catalog::embedded::{Embedded, Ground};
use crate::error::{Error, Result};
use crate::journal::{EpochCause, GroupReader, Segments};
use crate::object::Position;

impl Embedded {
    /// Opens the catalog of a store in whose directory there is nothing but what a snapshot holds, and begins a new
    /// epoch. `last`: the last change in it.
    ///
    /// Nothing is compared with the medium: a snapshot ends behind a change that was durable when it was made, and
    /// the roots may be out of reach now.
    pub(crate) fn restored(ground: Ground, last: Position) -> Result<Self> {
        let directory = Self::journal_directory(&ground.directory);
        let segments = Segments::new(ground.disk.clone(), directory, ground.store_id);
        let index = Self::restore_index(&ground, &segments)?;
        let embedded = Self::assemble(ground, segments, index);
        let mut state = lookup::must_state(&embedded.index.writer())?;
        let mut reader = GroupReader::new(&embedded.segments, state.durable);
        while reader.next()?.is_some() {}
        let tail = reader.tail();
        if tail.last != last {
            let Position { epoch, number } = tail.last;
            let detail = format!("it ends at change {number} of epoch {epoch}, not at {}", last.number);
            return Err(Error::damaged(embedded.segments.directory(), detail));
        }
        // All of it was synced when it was laid out: nothing is written again.
        let end = JournalEnd::durable(tail, tail, &state);
        embedded.replay_to(&mut state, &end)?;
        embedded.new_epoch(EpochCause::Restored)?;
        Ok(embedded)
    }
}
