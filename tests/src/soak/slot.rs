//! What a slot holds, and what a change makes of it.

use std::collections::{BTreeMap, BTreeSet};

use hsm_core::object::ObjectId;

use crate::stress::content::{self, RUN_LEN};

/// An object that lives, or could be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Seed of the content that was put.
    pub seed: u64,
    /// Its bytes.
    pub size: usize,
    /// Runs that were replaced since, with the seed of each.
    pub patches: BTreeMap<u64, u64>,
    /// The value of its attribute.
    pub attribute: Option<u64>,
    /// Whether it has its name.
    pub named: bool,
    /// Where its copies are; `None` behind a put at an offset, which chooses by itself.
    pub tiers: Option<BTreeSet<u8>>,
}

impl Live {
    /// All its bytes.
    pub fn bytes(&self, id: ObjectId) -> Vec<u8> {
        let mut bytes = content::whole(Some(id), self.seed, self.size);
        for (run, seed) in &self.patches {
            let begin = *run as usize * RUN_LEN;
            bytes[begin..begin + RUN_LEN].copy_from_slice(&content::patch(id, *seed, *run));
        }
        bytes
    }

    fn change_tiers(&mut self, without: Option<u8>, with: Option<u8>) {
        if let Some(tiers) = &mut self.tiers {
            tiers.retain(|tier| Some(*tier) != without);
            tiers.extend(with);
        }
    }
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Slot {
    /// No object, or one that was purged.
    #[default]
    Absent,
    /// A removed object.
    Removed(Live),
    /// A live one.
    Live(Live),
}

/// One change of a slot. An intent is one, or several of an atomic batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the arguments of the verbs")]
pub enum Change {
    Put { slot: u8, seed: u64, size: u64, tier: u8, relaxed: bool },
    Patch { slot: u8, run: u64, seed: u64, relaxed: bool },
    Remove { slot: u8 },
    Undelete { slot: u8 },
    Purge { slot: u8 },
    Attribute { slot: u8, value: u64 },
    Name { slot: u8 },
    Unname { slot: u8 },
    Copy { slot: u8, tier: u8 },
    Move { slot: u8, source: u8, target: u8 },
    Release { slot: u8, tier: u8 },
}

impl Change {
    /// The slot that it changes.
    pub fn slot(&self) -> u8 {
        self.words().1[0] as u8
    }

    /// The verb, as tallies name it, and its arguments.
    pub fn words(&self) -> (&'static str, Vec<u64>) {
        match *self {
            Self::Put { slot, seed, size, tier, relaxed } => {
                ("put", vec![slot.into(), seed, size, tier.into(), relaxed.into()])
            }
            Self::Patch { slot, run, seed, relaxed } => {
                ("put_at", vec![slot.into(), run, seed, relaxed.into()])
            }
            Self::Remove { slot } => ("remove", vec![slot.into()]),
            Self::Undelete { slot } => ("undelete", vec![slot.into()]),
            Self::Purge { slot } => ("purge", vec![slot.into()]),
            Self::Attribute { slot, value } => ("set_attributes", vec![slot.into(), value]),
            Self::Name { slot } => ("add_name", vec![slot.into()]),
            Self::Unname { slot } => ("remove_name", vec![slot.into()]),
            Self::Copy { slot, tier } => ("copy", vec![slot.into(), tier.into()]),
            Self::Move { slot, source, target } => ("move", vec![slot.into(), source.into(), target.into()]),
            Self::Release { slot, tier } => ("release", vec![slot.into(), tier.into()]),
        }
    }

    /// Reads words back.
    pub fn from_words(verb: &str, arguments: &[u64]) -> Option<Self> {
        let slot = *arguments.first()? as u8;
        let found = match (verb, &arguments[1..]) {
            ("put", &[seed, size, tier, relaxed]) => {
                Self::Put { slot, seed, size, tier: tier as u8, relaxed: relaxed == 1 }
            }
            ("put_at", &[run, seed, relaxed]) => Self::Patch { slot, run, seed, relaxed: relaxed == 1 },
            ("remove", []) => Self::Remove { slot },
            ("undelete", []) => Self::Undelete { slot },
            ("purge", []) => Self::Purge { slot },
            ("set_attributes", &[value]) => Self::Attribute { slot, value },
            ("add_name", []) => Self::Name { slot },
            ("remove_name", []) => Self::Unname { slot },
            ("copy", &[tier]) => Self::Copy { slot, tier: tier as u8 },
            ("move", &[source, target]) => Self::Move { slot, source: source as u8, target: target as u8 },
            ("release", &[tier]) => Self::Release { slot, tier: tier as u8 },
            _ => return None,
        };
        Some(found)
    }

    /// What the slot holds afterwards.
    pub fn apply(&self, before: Slot) -> Slot {
        match (*self, before) {
            (Self::Put { seed, size, tier, .. }, before) => {
                let tiers = Some(BTreeSet::from([tier]));
                let (attribute, named) = match before {
                    Slot::Live(live) => (live.attribute, live.named),
                    // A removed object gives its id to a new one.
                    Slot::Removed(_) | Slot::Absent => (None, false),
                };
                let size = size as usize;
                Slot::Live(Live { seed, size, patches: BTreeMap::new(), attribute, named, tiers })
            }
            (Self::Remove { .. }, Slot::Live(live)) => Slot::Removed(live),
            (Self::Undelete { .. }, Slot::Removed(live)) => Slot::Live(live),
            (Self::Purge { .. }, _) => Slot::Absent,
            (change, Slot::Live(mut live)) => {
                change.apply_to_live(&mut live);
                Slot::Live(live)
            }
            (_, before) => before,
        }
    }

    fn apply_to_live(self, live: &mut Live) {
        match self {
            Self::Patch { run, seed, .. } => {
                live.patches.insert(run, seed);
                live.tiers = None;
            }
            Self::Attribute { value, .. } => live.attribute = Some(value),
            Self::Name { .. } => live.named = true,
            Self::Unname { .. } => live.named = false,
            Self::Copy { tier, .. } => live.change_tiers(None, Some(tier)),
            Self::Move { source, target, .. } => live.change_tiers(Some(source), Some(target)),
            Self::Release { tier, .. } => live.change_tiers(Some(tier), None),
            _ => {}
        }
    }
}
