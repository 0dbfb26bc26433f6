//! Whether the roots of the tiers are this store's yet.
//!
//! A store that was restored elsewhere from a snapshot of this one, and reconciled, goes on with the same roots. It marks
//! them with an epoch that this journal never began. From then on the one that finds such a mark removes nothing, since
//! what is garbage to it may be all that the other has of an object.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::error::{Error, Result};
use crate::journal::EpochCause;
use crate::object::Position;
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::Tier;

impl Engine {
    /// Fails where the root of a tier has seen changes that never were in this journal. The store takes no more changes
    /// then. To be asked before bytes are removed.
    pub(crate) fn check_is_ours(&self, tier: &Tier) -> Result<()> {
        let Some(seen) = tier.seen()? else { return Ok(()) };
        // Asked for afterwards: others write to both.
        let last = self.catalog.progress()?.applied;
        if mutant(Mutant::TakeoverUnnoticed)
            || seen <= last
            || !is_unknown(seen, last, &self.catalog.epochs()?)
        {
            return Ok(());
        }
        let detail = format!(
            "its root has seen change {} of epoch {}, and this journal ends at {} of {}: a store that was restored from a snapshot of this one has taken it over; close this one",
            seen.number, seen.epoch, last.number, last.epoch
        );
        self.hold_until_reconciled(detail.clone());
        Err(Error::TierOffline { tier: tier.index(), detail })
    }

    /// Removes what is left on the root of a tier, marker and all, unless it was taken over.
    pub(crate) fn clear_root(&self, tier: &Tier) -> Result<()> {
        self.check_is_ours(tier)?;
        tier.clear_root()
    }

    /// The store is read, and takes no changes, until it is reconciled.
    pub(crate) fn hold_until_reconciled(&self, reason: String) {
        self.read_only.write().get_or_insert_with(|| {
            self.restored.store(true, Ordering::Release);
            reason
        });
    }
}

/// Whether a change that a root has seen never was in this journal. That shows also when the restored journal
/// began a new epoch since: where that epoch began, the one the root has seen had gone further. What was
/// reconciled since is known and settled.
pub(crate) fn is_unknown(seen: Position, last: Position, epochs: &[(u64, EpochCause, u64)]) -> bool {
    let mut later = epochs.iter().filter(|(epoch, ..)| *epoch > seen.epoch);
    if later.clone().any(|(_, cause, _)| *cause == EpochCause::Reconciled) {
        return false;
    }
    seen > last || later.next().is_some_and(|(_, _, first)| *first <= seen.number)
}
