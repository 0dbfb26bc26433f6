//! The model of tiers: what copies, moves, releases and administration do.

use hsm_core::object::{ObjectId, TierConfig, TierIndex, TierState};
use hsm_core::{Durability, Kind};

use super::state::{Answer, Copy, State};

/// From where, to where, and whether the source is dropped.
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    /// `None`: the hottest copy.
    pub source: Option<TierIndex>,
    /// The tier that is to hold a verified copy.
    pub target: TierIndex,
    /// Whether it is a move.
    pub release_source: bool,
}

impl State {
    /// Copies or moves objects. Answers each with whether something was committed that it says so of.
    pub fn transfer(&mut self, ids: &[ObjectId], wanted: Transfer) -> Vec<Answer<bool>> {
        let mut answers: Vec<Option<Answer<bool>>> = ids.iter().map(|_| None).collect();
        // What needs no new copy is done while the others are being written; those are committed together.
        for (index, id) in ids.iter().enumerate() {
            answers[index] = self.without_copy(*id, wanted).transpose();
        }
        for (index, id) in ids.iter().enumerate() {
            if answers[index].is_none() && !ids[..index].contains(id) {
                answers[index] = Some(self.with_copy(*id, wanted).map(|()| true));
            }
        }
        for (index, id) in ids.iter().enumerate() {
            if answers[index].is_none() {
                answers[index] = self.without_copy(*id, wanted).transpose();
            }
            if answers[index].is_none() {
                answers[index] = Some(self.with_copy(*id, wanted).map(|()| true));
            }
        }
        answers.into_iter().flatten().collect()
    }

    /// `None`: a copy has to be written.
    fn without_copy(&mut self, id: ObjectId, wanted: Transfer) -> Answer<Option<bool>> {
        let target = self.tier(wanted.target)?.state;
        if wanted.source == Some(wanted.target) {
            return Err(Kind::Invalid);
        }
        let entry = self.live(id)?;
        if entry.content.is_none() {
            return Err(Kind::NotFound);
        }
        let there = entry.copies.get(&wanted.target);
        if let Some(source) = wanted.source
            && !entry.copies.contains_key(&source)
        {
            let done = wanted.release_source && there.is_some_and(|copy| copy.verified_ns != 0);
            return if done { Ok(Some(false)) } else { Err(Kind::NotFound) };
        }
        if let Some(source) = wanted.source.filter(|_| wanted.release_source) {
            self.not_pinned(id, source)?;
        }
        if there.is_some() {
            if there.is_some_and(|copy| copy.verified_ns == 0) {
                self.verify(id, wanted.target)?;
            }
            if let Some(source) = wanted.source
                && wanted.release_source
            {
                self.release(id, source, false)?;
            }
            return Ok(Some(false));
        }
        if entry.copies.is_empty() {
            return Err(Kind::Offline);
        }
        if target == TierState::Active { Ok(None) } else { Err(Kind::Refused) }
    }

    fn with_copy(&mut self, id: ObjectId, wanted: Transfer) -> Answer<()> {
        let entry = self.live(id)?;
        let content = entry.content.as_ref().ok_or(Kind::NotFound)?;
        let (size, block_shift) = (entry.size(), content.block_shift);
        let source = wanted.source.or(entry.copies.keys().next().copied()).ok_or(Kind::Offline)?;
        self.room(wanted.target, size)?;
        let in_files = self.in_files(wanted.target, size, block_shift);
        let now_ns = self.now_ns;
        let copy = Copy { created_ns: now_ns, verified_ns: now_ns, in_files };
        self.change(id, Durability::Durable).copies.insert(wanted.target, copy);
        if wanted.release_source {
            self.change(id, Durability::Durable).copies.remove(&source);
        }
        Ok(())
    }

    /// Records that a copy is whole.
    pub fn verify(&mut self, id: ObjectId, tier: TierIndex) -> Answer<()> {
        self.live(id)?.copies.get(&tier).ok_or(Kind::NotFound)?;
        let now_ns = self.now_ns;
        let copy = self.change(id, Durability::Durable).copies.get_mut(&tier);
        copy.expect("looked up before").verified_ns = now_ns;
        Ok(())
    }

    /// Drops a copy. Answers whether there was one.
    pub fn release(&mut self, id: ObjectId, tier: TierIndex, force: bool) -> Answer<bool> {
        self.tier(tier)?;
        let entry = self.live(id)?;
        if !entry.copies.contains_key(&tier) {
            return if entry.content.is_some() { Ok(false) } else { Err(Kind::NotFound) };
        }
        self.not_pinned(id, tier)?;
        if !force {
            let readable = |index: &TierIndex| self.tiers[index].state.is_readable();
            let others: Vec<(TierIndex, Copy)> =
                entry.copies.iter().map(|(tier, copy)| (*tier, *copy)).collect();
            let mut others = others.into_iter().filter(|(index, _)| *index != tier && readable(index));
            let first = others.next().ok_or(Kind::Refused)?;
            if first.1.verified_ns == 0 && others.all(|(_, copy)| copy.verified_ns == 0) {
                self.verify(id, first.0)?;
            }
        }
        self.change(id, Durability::Durable).copies.remove(&tier);
        Ok(true)
    }

    /// Adds a tier, or gives the index of a retired one away.
    pub fn add_tier(&mut self, config: &TierConfig) -> Answer<()> {
        if self.tier(config.index).is_ok() {
            return Err(Kind::Exists);
        }
        self.next(Durability::Durable);
        self.tiers.insert(config.index, config.clone());
        Ok(())
    }

    /// Changes a tier's settings.
    pub fn change_tier(&mut self, index: TierIndex, change: impl FnOnce(&mut TierConfig)) -> Answer<()> {
        let before = self.tier(index)?.clone();
        let mut config = before.clone();
        change(&mut config);
        if before.state != config.state && !(before.state.is_readable() && config.state.is_readable()) {
            return Err(Kind::Invalid);
        }
        if config != before {
            self.next(Durability::Durable);
            self.tiers.insert(index, config);
        }
        Ok(())
    }

    /// Moves everything off a tier. What was moved before an error stays moved.
    pub fn drain_tier(&mut self, index: TierIndex, target: TierIndex) -> Answer<u64> {
        self.tier(index)?;
        self.tier(target)?;
        if index == target {
            return Err(Kind::Invalid);
        }
        self.change_tier(index, |config| config.state = TierState::Draining)?;
        let mut moved = 0;
        for removed in [false, true] {
            let ids = self.on_tier(index, removed);
            let wanted = Transfer { source: Some(index), target, release_source: true };
            self.looks_at_removed = true;
            let answers = self.transfer(&ids, wanted);
            self.looks_at_removed = false;
            if let Some(kind) = answers.iter().find_map(|answer| answer.as_ref().err()) {
                return Err(*kind);
            }
            moved += answers.len() as u64;
        }
        Ok(moved)
    }

    /// Strikes off a tier's copies. Answers the objects whose last copy that was.
    pub fn lose_tier(&mut self, index: TierIndex) -> Answer<Vec<ObjectId>> {
        if self.tier(index)?.state != TierState::Lost {
            self.next(Durability::Durable);
            self.tiers.get_mut(&index).expect("looked up before").state = TierState::Lost;
        }
        let mut lost = Vec::new();
        for removed in [false, true] {
            for id in self.on_tier(index, removed) {
                let entry = self.change(id, Durability::Durable);
                entry.copies.remove(&index);
                if entry.copies.is_empty() {
                    lost.push(id);
                }
            }
        }
        Ok(lost)
    }

    /// Takes an empty tier out of use.
    pub fn retire_tier(&mut self, index: TierIndex) -> Answer<()> {
        self.tier(index)?;
        if self.usage(index).0 != 0 {
            return Err(Kind::Exists);
        }
        self.next(Durability::Durable);
        self.tiers.get_mut(&index).expect("looked up before").state = TierState::Retired;
        Ok(())
    }
}
