//! Whether the data of changes is on the medium, whole: for recovery, of groups that the journal may hold without it.

use std::collections::BTreeMap;

use super::Embedded;
use crate::error::{Error, Kind, Result};
use crate::journal::{Change, Group};
use crate::object::{Content, Copy, ObjectId, Position, TierIndex};
use crate::testing_hooks::{Mutant, mutant};

/// What is missing of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is not whole.
    Damaged,
    /// Its tier is out of reach.
    OutOfReach,
}

/// Copies that changes brought, compared with the medium.
#[derive(Debug)]
pub(super) struct Compared<'a> {
    /// Tiers that were declared lost: nothing on them is whole.
    lost: &'a [TierIndex],
    /// What is missing of the copies that stand after the changes.
    pub(super) missing: BTreeMap<(ObjectId, TierIndex), Missing>,
    /// Tiers that were out of reach, and why.
    pub(super) away: BTreeMap<TierIndex, Error>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(lost: &'a [TierIndex]) -> Self {
        Self { lost, missing: BTreeMap::new(), away: BTreeMap::new() }
    }

    fn note(&mut self, id: ObjectId, tier: TierIndex, is_whole: impl FnOnce() -> Result<bool>) -> Result<()> {
        let missing = if self.lost.contains(&tier) {
            Missing::Damaged
        } else {
            match is_whole() {
                Ok(true) => return Ok(()),
                Ok(false) => Missing::Damaged,
                Err(away) if away.kind() == Kind::Offline => {
                    self.away.entry(tier).or_insert(away);
                    Missing::OutOfReach
                }
                Err(error) => return Err(error),
            }
        };
        self.missing.insert((id, tier), missing);
        Ok(())
    }

    pub(super) fn is_any_damaged(&self) -> bool {
        self.missing.values().any(|missing| *missing == Missing::Damaged)
    }

    fn forget(&mut self, object: ObjectId) {
        self.missing.retain(|(id, _), _| *id != object);
    }
}

impl Embedded {
    /// Whether the records that a group brought into packs are durable and whole: for the last group of the journal,
    /// whose writer may have died before it had synced them. Read from the medium, since a sync can succeed
    /// after one that failed.
    ///
    /// Those on a tier that was declared lost say nothing: the group may have been acknowledged, and the others must
    /// not be lost with them.
    ///
    /// # Errors
    ///
    /// `Offline` where it cannot be told, since a tier is out of reach.
    pub(super) fn has_its_data(&self, group: &Group, changes: &[Change], lost: &[TierIndex]) -> Result<bool> {
        let position = Position { number: group.last_number(), ..group.header.first };
        // Once it was acknowledged, data that is no longer whole is damaged, and is shown as that.
        if mutant(Mutant::DataNotVerified) || self.ground.places.has_seen(&position) {
            return Ok(true);
        }
        let mut compared = Compared::new(lost);
        self.sync_copies(changes, &compared)?;
        self.compare(changes, true, &mut compared)?;
        let mut missing = compared.missing.iter().filter(|((_, tier), _)| !lost.contains(tier));
        if missing.clone().any(|(_, missing)| *missing == Missing::Damaged) {
            return Ok(false);
        }
        let away = missing.find_map(|((_, tier), _)| compared.away.get(tier));
        away.map_or(Ok(true), |away| Err(away.clone()))
    }

    /// Compares the copies that stand after these changes with the medium. One that a later change replaced or
    /// dropped does not count: if that was synced, its bytes are long reclaimed. `records`: only what puts brought
    /// into packs.
    pub(super) fn compare(
        &self,
        changes: &[Change],
        records: bool,
        compared: &mut Compared<'_>,
    ) -> Result<()> {
        for change in changes {
            match change {
                Change::Put { object, generation, content, copies, .. } => {
                    compared.forget(*object);
                    let Some(content) = content else { continue };
                    let is_meant = |copy: &&Copy| !records || copy.pieces.iter().all(|piece| piece.packed);
                    for copy in copies.iter().filter(is_meant) {
                        compared.note(*object, copy.tier, || {
                            self.ground.places.is_whole(*object, *generation, content, copy)
                        })?;
                    }
                }
                Change::CopyAdded { object, generation, copy }
                | Change::CopyRelocated { object, generation, copy } => {
                    compared.missing.remove(&(*object, copy.tier));
                    if !records {
                        compared
                            .note(*object, copy.tier, || self.copy_is_whole(*object, *generation, copy))?;
                    }
                }
                Change::CopyDropped { object, tier, .. } => {
                    compared.missing.remove(&(*object, *tier));
                }
                Change::Purged { object } => compared.forget(*object),
                _ => {}
            }
        }
        Ok(())
    }

    /// Syncs the places that these changes brought. One on a tier that is out of reach, or was declared lost, is passed
    /// over where `compared` knows of that: what stands was found whole.
    pub(super) fn sync_copies(&self, changes: &[Change], compared: &Compared<'_>) -> Result<()> {
        let copies = changes.iter().flat_map(|change| match change {
            Change::Put { copies, .. } => copies.as_slice(),
            Change::CopyAdded { copy, .. } | Change::CopyRelocated { copy, .. } => std::slice::from_ref(copy),
            _ => &[],
        });
        for piece in copies.flat_map(|copy| &copy.pieces) {
            let name = crate::tier::place_name(piece);
            let tier = piece.place.tier;
            let is_unseen = compared.lost.contains(&tier) || compared.away.contains_key(&tier);
            match self.ground.places.sync(&crate::catalog::Garbage { tier, name }) {
                Err(error) if error.kind() == Kind::Offline && is_unseen => {}
                synced => synced?,
            }
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
