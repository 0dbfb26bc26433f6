//! Whose bytes a block of an object in parts holds, however many parts were written where it lies.
//!
//! A part *claims* each block before it writes there. A place beside the scratch place has two slots a block: who
//! claimed it last, and whether somebody had taken it. A part writes the first, looks at the second, writes that, and looks
//! at the first again. Of all that do so at once, whatever their processes, at most one finds nobody (this is
//! Lamport's splitter); every other is *contended* and writes its claim once more before it writes data. So:
//!
//! - a block whose last claim is of a part that was not contended holds bytes of that part alone;
//! - one whose last claim is of a contended part may have been written by another, late: the commit reads it back.
//!
//! No lock is held, so a part of a dead process keeps nobody from writing it again.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::backend::PlaceWriter;
use crate::error::Result;
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::Writer as Fields;

const SLOT_LENGTH: u64 = 16;
/// Slots of one kind that lie together: of the last claims, then of who has taken the block.
const GROUP_SLOTS: u64 = 4096;

/// A part, told from every other of the store.
pub(super) type Owner = [u8; SLOT_LENGTH as usize];

/// Names a new part of a handle. Instances are unique among handles, the count within this process.
pub(super) fn new_owner(instance: u64) -> Owner {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = Vec::with_capacity(SLOT_LENGTH as usize);
    Fields(&mut bytes).u64(instance).u64(COUNT.fetch_add(1, Ordering::Relaxed));
    let mut owner = [0; SLOT_LENGTH as usize];
    owner.copy_from_slice(&bytes);
    owner
}

/// The blocks that one part has claimed.
#[derive(Debug)]
pub(super) struct Claims {
    place: Arc<dyn PlaceWriter>,
    owner: Owner,
    blocks: Range<u64>,
    contended: bool,
}

impl Claims {
    /// None so far; the part begins with block `first`.
    pub(super) fn new(place: Arc<dyn PlaceWriter>, owner: Owner, first: u64) -> Self {
        Self { place, owner, blocks: first..first, contended: false }
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether another may have written to one of the blocks.
    pub(super) fn contended(&self) -> bool {
        self.contended
    }

    /// Claims the blocks up to `end`, before any of them is written to.
    pub(super) fn take(&mut self, end: u64) -> Result<()> {
        if mutant(Mutant::ClaimLeftOut) {
            return Ok(());
        }
        for run in runs(self.blocks.end..end) {
            let claims = self.owner.repeat((run.end - run.start) as usize);
            let (last, taken) = offsets(run.start);
            self.place.write_at(&claims, last)?;
            let alone = read(&*self.place, taken, claims.len())?.iter().all(|byte| *byte == 0);
            self.place.write_at(&claims, taken)?;
            if !alone || read(&*self.place, last, claims.len())? != claims {
                self.contended = true;
                self.place.write_at(&claims, last)?;
            }
            self.blocks.end = run.end;
        }
        Ok(())
    }

    /// Whether nobody has claimed the block that the part has reached since.
    pub(super) fn hold_last(&self) -> Result<bool> {
        are_held(
            &*self.place,
            &self.owner,
            self.blocks.end.saturating_sub(1).max(self.blocks.start)..self.blocks.end,
        )
    }

    /// Whether nobody has claimed any of the blocks since.
    pub(super) fn hold(&self) -> Result<bool> {
        are_held(&*self.place, &self.owner, self.blocks.clone())
    }
}

/// Whether `owner` was the last to claim each of `blocks`.
pub(super) fn are_held(place: &dyn PlaceWriter, owner: &Owner, blocks: Range<u64>) -> Result<bool> {
    if mutant(Mutant::ClaimLeftOut) {
        return Ok(true);
    }
    for run in runs(blocks) {
        let found = read(place, offsets(run.start).0, ((run.end - run.start) * SLOT_LENGTH) as usize)?;
        if found.chunks(SLOT_LENGTH as usize).any(|claim| claim != owner) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The blocks, group by group.
fn runs(mut blocks: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    std::iter::from_fn(move || {
        let end = blocks.end.min((blocks.start / GROUP_SLOTS + 1) * GROUP_SLOTS);
        let run = blocks.start..end;
        blocks.start = end.max(blocks.start);
        (!run.is_empty()).then_some(run)
    })
}

/// Where the two slots of a block lie.
fn offsets(block: u64) -> (u64, u64) {
    let last = (block / GROUP_SLOTS * 2 * GROUP_SLOTS + block % GROUP_SLOTS) * SLOT_LENGTH;
    (last, last + GROUP_SLOTS * SLOT_LENGTH)
}

/// Slots that were never written hold zero, those behind the end too.
fn read(place: &dyn PlaceWriter, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let held = place.read_at(&mut bytes, offset)?;
    bytes[held..].fill(0);
    Ok(bytes)
}
