//! Pins in the model: a release, a move away and a drain are refused until they end.

use hsm_core::Durability;
use hsm_core::Kind;
use hsm_core::clock::TimeNs;
use hsm_core::object::{ObjectId, Pin, TierIndex, TierState};

use super::state::{Answer, State};

impl State {
    /// Pins an object.
    pub fn pin(&mut self, id: ObjectId, tier: TierIndex, owner: &str, until_ns: TimeNs) -> Answer<()> {
        if until_ns <= self.now_ns {
            return Err(Kind::Invalid);
        }
        self.tier(tier)?;
        self.live(id)?;
        self.next(Durability::Durable);
        self.pins.insert((id, tier, owner.to_owned()), until_ns);
        Ok(())
    }

    /// Unpins one. Answers whether there was a pin.
    pub fn unpin(&mut self, id: ObjectId, tier: TierIndex, owner: &str) -> bool {
        let found = self.pins.remove(&(id, tier, owner.to_owned()));
        let there = found.is_some_and(|until_ns| until_ns > self.now_ns);
        if there {
            self.next(Durability::Durable);
        }
        there
    }

    /// Refuses where a copy is not to be dropped.
    pub(super) fn not_pinned(&self, id: ObjectId, tier: TierIndex) -> Answer<()> {
        let keeps = |((pinned, on, _), until_ns): (&(ObjectId, TierIndex, String), &TimeNs)| {
            (*pinned, *on) == (id, tier) && *until_ns > self.now_ns
        };
        if self.pins.iter().any(keeps) { Err(Kind::Refused) } else { Ok(()) }
    }

    /// An object of this id is another one from now on.
    pub(super) fn forget_pins(&mut self, id: ObjectId, new: bool) {
        self.pins.retain(|(pinned, ..), _| !new || *pinned != id);
    }

    /// All that hold now; those of what is gone are gone with it.
    pub fn pins_now(&mut self) -> Vec<Pin> {
        let Self { pins, objects, tiers, now_ns, .. } = self;
        pins.retain(|(id, tier, _), _| objects.contains_key(id) && tiers[tier].state != TierState::Retired);
        let held = pins.iter().filter(|(_, until_ns)| **until_ns > *now_ns);
        held.map(|((object, tier, owner), until_ns)| Pin {
            object: *object,
            tier: *tier,
            owner: owner.clone(),
            until_ns: *until_ns,
        })
        .collect()
    }
}
