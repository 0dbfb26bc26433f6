//! What the root of a tier has seen: how far the journal had come when it was last written to. It is a hint, which tells a
//! restored backup from its roots; no root proves that there was nothing more.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::{Tier, Tiers};
use crate::backend::Backend as _;
use crate::error::Result;
use crate::object::{Position, TierIndex};

impl Tier {
    /// How far the journal had come when the root was last written to.
    pub(crate) fn seen(&self) -> Result<Option<Position>> {
        match &self.posix {
            Some(posix) if posix.check_root().is_ok() => posix.seen(),
            _ => Ok(None),
        }
    }

    /// Notes on the root how far the journal has come. Under the writer lock.
    pub(crate) fn mark_seen(&self, position: Position) -> Result<()> {
        match &self.posix {
            Some(posix) => posix.mark_seen(position),
            None => Ok(()),
        }
    }

    /// Whether the root cannot say what it has seen.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.config.state.is_readable()
            && self.posix.as_ref().is_some_and(|posix| posix.check_root().is_err())
    }
}

impl Tiers {
    /// The last epoch that a reconciliation began is this one.
    pub(crate) fn note_reconciled(&self, epoch: u64) {
        self.reconciled_epoch.store(epoch, Ordering::Release);
    }

    /// Whether the root of a tier was away when the store was reconciled: it may hold what the catalog never knew.
    pub(crate) fn was_away(&self, tier: &Tier) -> bool {
        let reconciled = self.reconciled_epoch.load(Ordering::Acquire);
        reconciled > 0 && matches!(tier.seen(), Ok(Some(seen)) if seen.epoch < reconciled)
    }

    /// The roots of these tiers were out of reach when the store was opened.
    pub(crate) fn note_unseen(&self, tiers: BTreeSet<TierIndex>) {
        *self.unseen.write() = tiers;
    }

    /// Whether the root of a tier is among those: this handle writes nothing over what it has seen.
    pub(super) fn was_unseen(&self, tier: &Tier) -> bool {
        self.unseen.read().contains(&tier.index())
    }

    /// Whether there are any.
    pub(crate) fn has_unseen(&self) -> bool {
        !self.unseen.read().is_empty()
    }
}
