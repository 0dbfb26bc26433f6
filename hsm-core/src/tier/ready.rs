//! Delayed tiers: whether copies can be read now, and what delays them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Tier, Tiers, place_name};
use crate::backend::delayed::DelayedBackend;
use crate::backend::{Backend, PlaceName};
use crate::object::{Copy, Object, Readiness, TierConfig, TierIndex};

/// While one is held, delayed tiers answer at once.
#[derive(Debug)]
pub(crate) struct AtOnce(Arc<AtomicUsize>);

impl Drop for AtOnce {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Tiers {
    /// Lets delayed tiers answer at once for as long as the answer is held: for what has to read whatever there is
    /// before anybody could recall it.
    pub(crate) fn at_once(&self) -> AtOnce {
        self.at_once.fetch_add(1, Ordering::AcqRel);
        AtOnce(self.at_once.clone())
    }

    /// What delays a tier of these settings, taken over from the tier as it was before.
    pub(super) fn delayed(
        &self,
        config: &TierConfig,
        before: Option<&Arc<Tier>>,
        bare: &Arc<dyn Backend>,
    ) -> Option<Arc<DelayedBackend>> {
        let delay = config.delay?;
        if let Some(known) = before.and_then(|tier| tier.delayed.clone()) {
            known.set_delay(delay);
            return Some(known);
        }
        let (clock, at_once) = (self.ground.clock.clone(), self.at_once.clone());
        Some(Arc::new(DelayedBackend::new(bare.clone(), config.index, delay, clock, at_once)))
    }

    /// Whether reading from a tier may have to wait.
    pub(crate) fn is_delayed(&self, tier: TierIndex) -> bool {
        self.by_index.read().get(&tier).is_some_and(|tier| tier.delayed.is_some())
    }

    /// An object's copies in the order in which they are read: those that are never delayed first, of equal ones the
    /// hottest.
    pub(crate) fn in_order<'a>(&self, object: &'a Object) -> impl Iterator<Item = &'a Copy> + use<'a> {
        let is_delayed = |copy: &&Copy| object.copies.len() > 1 && self.is_delayed(copy.tier);
        let (delayed, mut copies): (Vec<_>, Vec<_>) = object.copies.iter().partition(is_delayed);
        copies.extend(delayed);
        copies.into_iter()
    }

    /// The tier of the copy that is read in place `number`. Most objects have one copy, whose order is no question.
    pub(crate) fn nth_in_order(&self, object: &Object, number: usize) -> Option<TierIndex> {
        let found = match object.copies.as_slice() {
            [] | [_] => object.copies.get(number),
            _ => self.in_order(object).nth(number),
        };
        found.map(|copy| copy.tier)
    }
}

impl Tier {
    /// How a copy on this tier stands: as its piece that is worst off.
    pub(crate) fn readiness(&self, copy: &Copy) -> Readiness {
        if self.delayed.is_none() {
            return Readiness::Online;
        }
        worst(places(copy).into_iter().map(|name| self.backend.readiness(name)))
    }
}

/// The places that a copy lies in.
pub(crate) fn places(copy: &Copy) -> BTreeSet<PlaceName> {
    copy.pieces.iter().map(place_name).collect()
}

/// How what needs all of several places stands.
pub(crate) fn worst(all: impl Iterator<Item = Readiness>) -> Readiness {
    all.reduce(|one, other| match (one, other) {
        (Readiness::Offline, _) | (_, Readiness::Offline) => Readiness::Offline,
        (Readiness::Waiting { ready_ns: a }, Readiness::Waiting { ready_ns: b }) => {
            Readiness::Waiting { ready_ns: a.max(b) }
        }
        (waiting @ Readiness::Waiting { .. }, _) | (_, waiting @ Readiness::Waiting { .. }) => waiting,
        (Readiness::Readable { until_ns: a }, Readiness::Readable { until_ns: b }) => {
            Readiness::Readable { until_ns: a.min(b) }
        }
        (readable @ Readiness::Readable { .. }, _) | (_, readable) => readable,
    })
    .unwrap_or(Readiness::Online)
}
