//! Pins: what keeps an object's copy on a tier until a time.
//!
//! A pin forbids that the copy is released: by a release, forced or not, a move away, a drain. It does not forbid what is
//! no release: the copy may lie elsewhere on its tier after a compaction, be replaced by new content, be struck off with
//! a tier that is lost or where it is damaged, or go with its object.

use super::Store;
use super::lease::check_text;
use crate::catalog::{Durability, Expect, PinQuery};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::journal::Change;
use crate::object::{ObjectId, Pin, Position, TierIndex};

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
        let engine = self.engine();
        engine.check_writable()?;
        check_text("owner", owner)?;
        if until_ns <= engine.clock.now_ns() {
            return Err(Error::invalid("until_ns", "a pin ends in the future; to end one, unpin it"));
        }
        engine.refresh_tiers()?;
        let config = engine.tier(tier)?.config.clone();
        let expect = vec![Expect::Live(id), Expect::TierIs(tier, Some(config))];
        let change = Change::Pinned(Pin { object: id, tier, owner: owner.to_owned(), until_ns });
        Ok(engine.commit_one(expect, vec![change], Durability::Durable)?.position)
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

    /// Pins that have not ended, by object, tier and owner: at most `limit`, behind `after`.
    pub fn pins(&self, wanted: &PinQuery, after: Option<&Pin>, limit: usize) -> Result<Vec<Pin>> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.pins(wanted, engine.clock.now_ns(), after, limit)
    }
}
