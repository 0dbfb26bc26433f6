//! Pins: what keeps an object's copy on a tier until a time.
//!
//! A pin forbids that the copy is released: by a release, forced or not, a move away, a drain. It does not forbid what is
//! no release: the copy may lie elsewhere on its tier after a compaction, be replaced by new content, be struck off with
//! a tier that is lost or where it is damaged, or go with its object.

use super::Store;
use super::lease::check_text;
use crate::catalog::{Cursor, Durability, Expect, PinQuery, Proposal, Query};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::journal::Change;
use crate::object::{ObjectId, Pin, Position, TierIndex};

/// Objects that are pinned or unpinned in one commit at most, where nobody said which.
const TOGETHER_MAX: usize = 10_000;

impl Store {
    /// Pins a live object to a tier until `until_ns`, by the store's clock;
    /// [`FOR_EVER_NS`](crate::object::FOR_EVER_NS): until it is unpinned. Until then a release of its copy there, also a
    /// forced one, a move away and a drain are refused with `Pinned`. Durable when this returns.
    ///
    /// Each owner has one pin an object and tier: another one takes its place, and may end sooner. The copy stays until the
    /// last of them ends. It need not be there yet: pin first, then recall, and nothing comes in between. A pin ends by
    /// itself, without an event. It stays with the object over new content and over a removal that is undone, and goes
    /// with it: a pinned object can be removed and purged.
    ///
    /// # Errors
    ///
    /// `Invalid` when the time is over, or the owner longer than 255 bytes; `ObjectNotFound`, `TierNotFound`.
    pub fn pin(&self, id: ObjectId, tier: TierIndex, owner: &str, until_ns: TimeNs) -> Result<Position> {
        self.pin_many(&[id], tier, owner, until_ns)
    }

    /// Pins many live objects, as [`pin`](Self::pin) does one: all of them in one commit, or none. One may be there more than
    /// once. Returns the position of the last change.
    ///
    /// # Errors
    ///
    /// Those of [`pin`](Self::pin), and `Invalid` where there are none, or they do not fit into one group of the journal:
    /// 16 MiB, of which each takes about 40 bytes and its owner.
    pub fn pin_many(
        &self,
        ids: &[ObjectId],
        tier: TierIndex,
        owner: &str,
        until_ns: TimeNs,
    ) -> Result<Position> {
        let of_tier = self.check_pin(tier, owner, until_ns)?;
        if ids.is_empty() {
            return Err(Error::invalid("ids", "name at least one object"));
        }
        let mut proposal = Proposal { expect: vec![of_tier], ..Proposal::default() };
        for id in ids {
            proposal.expect.push(Expect::Live(*id));
            proposal.changes.push(pinned(*id, tier, owner, until_ns));
        }
        Ok(self.engine().commit_proposal(proposal, Durability::Durable)?.position)
    }

    /// Pins all live objects that match, a dataset, say: in commits of up to 10 000. One that comes meanwhile may be left out, one
    /// that goes is. Says how many were pinned, one of several keys in a dataset once for each. After an error, those of the
    /// commits before it stay so; pin again.
    ///
    /// # Errors
    ///
    /// Those of [`pin`](Self::pin), and of [`page`](Self::page).
    pub fn pin_all(&self, wanted: &Query, tier: TierIndex, owner: &str, until_ns: TimeNs) -> Result<u64> {
        let of_tier = self.check_pin(tier, owner, until_ns)?;
        let wanted = Query { removed: false, ..wanted.clone() };
        let (mut after, mut count): (Option<Cursor>, u64) = (None, 0);
        loop {
            let page = self.page(&wanted, after.as_ref(), TOGETHER_MAX)?;
            let pin = |id: ObjectId| Proposal {
                expect: vec![of_tier.clone(), Expect::Live(id)],
                changes: vec![pinned(id, tier, owner, until_ns)],
                ..Proposal::default()
            };
            let proposals = page.items.map(|(_, object)| pin(object.id)).collect();
            for answer in self.engine().commit(proposals, Durability::Durable)? {
                match answer {
                    Ok(_) => count += 1,
                    Err(Error::ObjectNotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            if page.next.is_none() {
                return Ok(count);
            }
            after = page.next;
        }
    }

    /// What has to hold of the tier when a pin is committed.
    fn check_pin(&self, tier: TierIndex, owner: &str, until_ns: TimeNs) -> Result<Expect> {
        let engine = self.engine();
        engine.check_writable()?;
        check_text("owner", owner)?;
        if until_ns <= engine.clock.now_ns() {
            return Err(Error::invalid("until_ns", "a pin ends in the future; to end one, unpin it"));
        }
        engine.refresh_tiers()?;
        Ok(Expect::TierIs(tier, Some(engine.tier(tier)?.config.clone())))
    }

    /// Takes an owner's pin of an object away. `None`: there was none, or it had ended. The object may be removed.
    pub fn unpin(&self, id: ObjectId, tier: TierIndex, owner: &str) -> Result<Option<Position>> {
        let engine = self.engine();
        engine.check_writable()?;
        check_text("owner", owner)?;
        let wanted = PinQuery { object: Some(id), tier: Some(tier), owner: Some(owner.to_owned()) };
        if engine.catalog.pins(&wanted, engine.clock.now_ns(), None, 1)?.is_empty() {
            return Ok(None);
        }
        let change = Change::Unpinned { object: id, tier, owner: owner.to_owned() };
        Ok(Some(engine.commit_one(Vec::new(), vec![change], Durability::Durable)?.position))
    }

    /// Takes all pins away that match, in commits of up to 10 000, those too that end meanwhile. Says how many.
    pub fn unpin_all(&self, wanted: &PinQuery) -> Result<u64> {
        let engine = self.engine();
        engine.check_writable()?;
        check_text("owner", wanted.owner.as_deref().unwrap_or(""))?;
        let (mut after, mut count): (Option<Pin>, u64) = (None, 0);
        loop {
            let pins = engine.catalog.pins(wanted, engine.clock.now_ns(), after.as_ref(), TOGETHER_MAX)?;
            if pins.is_empty() {
                return Ok(count);
            }
            let unpin = |Pin { object, tier, owner, .. }: &Pin| {
                let (object, tier, owner) = (*object, *tier, owner.clone());
                Change::Unpinned { object, tier, owner }
            };
            let changes = pins.iter().map(unpin).collect();
            engine.commit_one(Vec::new(), changes, Durability::Durable)?;
            count += pins.len() as u64;
            after = pins.into_iter().next_back();
        }
    }

    /// Pins that have not ended, by object, tier and owner: at most `limit`, behind `after`.
    pub fn pins(&self, wanted: &PinQuery, after: Option<&Pin>, limit: usize) -> Result<Vec<Pin>> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.pins(wanted, engine.clock.now_ns(), after, limit)
    }
}

fn pinned(object: ObjectId, tier: TierIndex, owner: &str, until_ns: TimeNs) -> Change {
    Change::Pinned(Pin { object, tier, owner: owner.to_owned(), until_ns })
}
