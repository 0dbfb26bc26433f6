//! Whether the data of changes is on the medium, whole: for recovery, of groups that the journal may hold without it.

use std::collections::BTreeSet;

use super::Embedded;
use crate::error::Result;
use crate::journal::{Change, Group};
use crate::object::{Content, Copy, ObjectId, Position, TierIndex};
use crate::testing_hooks::{Mutant, mutant};

impl Embedded {
    /// Whether the records that a group brought into packs are durable and whole: for the last group of the journal,
    /// whose writer may have died before it had synced them. Read from the medium, since a sync can succeed
    /// after one that failed.
    pub(super) fn has_its_data(&self, group: &Group, changes: &[Change]) -> Result<bool> {
        let last = Position { number: group.last_number(), ..group.header.first };
        // Once it was acknowledged, data that is no longer whole is damaged, and is shown as that.
        if mutant(Mutant::DataNotVerified) || self.ground.places.has_seen(&last) {
            return Ok(true);
        }
        self.sync_copies(changes)?;
        let mut damaged = BTreeSet::new();
        self.note_damaged(changes, true, &mut damaged)?;
        Ok(damaged.is_empty())
    }

    /// Keeps in `damaged` the copies that stand after these changes and are not whole on the medium. One that
    /// a later change replaced or dropped does not count: if that was synced, its bytes are long reclaimed.
    /// `records`: only what puts brought into packs.
    pub(super) fn note_damaged(
        &self,
        changes: &[Change],
        records: bool,
        damaged: &mut BTreeSet<(ObjectId, TierIndex)>,
    ) -> Result<()> {
        for change in changes {
            match change {
                Change::Put { object, generation, content, copies, .. } => {
                    damaged.retain(|(id, _)| id != object);
                    let Some(content) = content else { continue };
                    let is_meant = |copy: &&Copy| !records || copy.pieces.iter().all(|piece| piece.packed);
                    for copy in copies.iter().filter(is_meant) {
                        if !self.ground.places.is_whole(*object, *generation, content, copy)? {
                            damaged.insert((*object, copy.tier));
                        }
                    }
                }
                Change::CopyAdded { object, generation, copy } => {
                    damaged.remove(&(*object, copy.tier));
                    if !records && !self.copy_is_whole(*object, *generation, copy)? {
                        damaged.insert((*object, copy.tier));
                    }
                }
                Change::CopyDropped { object, tier, .. } => {
                    damaged.remove(&(*object, *tier));
                }
                Change::Purged { object } => damaged.retain(|(id, _)| id != object),
                _ => {}
            }
        }
        Ok(())
    }

    /// Syncs the places that these changes brought.
    pub(super) fn sync_copies(&self, changes: &[Change]) -> Result<()> {
        let copies = changes.iter().flat_map(|change| match change {
            Change::Put { copies, .. } => copies.as_slice(),
            Change::CopyAdded { copy, .. } => std::slice::from_ref(copy),
            _ => &[],
        });
        for piece in copies.flat_map(|copy| &copy.pieces) {
            let name = crate::tier::place_name(piece);
            self.ground.places.sync(&crate::catalog::Garbage { tier: piece.place.tier, name })?;
        }
        Ok(())
    }

    /// A copy added by a relaxed group, of a content that the index knows. One it does not know of is
    /// decided by the put that precedes it.
    fn copy_is_whole(&self, id: ObjectId, generation: u64, copy: &Copy) -> Result<bool> {
        let found = super::apply::find(&self.index.writer(), id)?;
        let content: Option<Content> =
            found.filter(|object| object.generation == generation).and_then(|object| object.content);
        match content {
            Some(content) => self.ground.places.is_whole(id, generation, &content, copy),
            None => Ok(true),
        }
    }
}
