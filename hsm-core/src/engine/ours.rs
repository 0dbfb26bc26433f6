//! Whether the roots of the tiers are this store's yet.
//!
//! A store that was restored elsewhere from a snapshot of this one, and reconciled, goes on with the same roots. It marks
//! them with an epoch that this journal never began. From then on the one that finds such a mark removes nothing, on any
//! tier, since what is garbage to it may be all that the other has of an object.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::backend::posix::{Held, Seen};
use crate::catalog::is_unknown;
use crate::error::{Error, Result};
use crate::object::Position;
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::Tier;

impl Engine {
    /// Fails where the root of a tier has seen changes that never were in this journal: the store takes no more changes
    /// then. Fails too where that cannot be told, since it is out of reach or damaged. To be asked before bytes are removed,
    /// and the answer to be kept until they are: nobody takes the root over meanwhile, so no program is called back.
    pub(crate) fn check_is_ours(&self, tier: &Tier) -> Result<Held> {
        let held = tier.hold()?;
        if mutant(Mutant::TakeoverUnnoticed) {
            return Ok(held);
        }
        if let Some(seen) = tier.seen_in_reach()? {
            // Asked for afterwards: others write to both.
            let last = self.catalog.progress()?.applied;
            let is_passed_over = mutant(Mutant::MarkBehindPassed) && seen.position <= last;
            if !is_passed_over && is_unknown(seen, last, &self.catalog.epochs()?) {
                let detail = format!(
                    "{}: a store that was restored from a snapshot of this one has taken it over; close this one",
                    told(seen, last)
                );
                self.hold_until_reconciled(detail.clone());
                return Err(Error::TierOffline { tier: tier.index(), detail });
            }
        }
        self.tiers.note_compared(tier);
        Ok(held)
    }

    /// The same of a root that was out of reach when the store was opened, once it is back. To be asked before bytes go
    /// there.
    pub(crate) fn check_is_compared(&self, tier: &Tier) -> Result<()> {
        if self.tiers.was_unseen(tier) { self.check_is_ours(tier).map(drop) } else { Ok(()) }
    }

    /// Compares every root that has come back since the store was opened.
    ///
    /// # Errors
    ///
    /// `Refused` where one was taken over.
    pub(crate) fn compare_roots(&self) -> Result<()> {
        for tier in self.tiers.all() {
            let _ = self.check_is_compared(&tier); // One that cannot be read is compared when it can be.
        }
        self.check_writable()
    }

    /// Removes what is left on the root of a tier, marker and all, unless it was taken over. One whose marker went already
    /// says no more whose it is, and is cleared to the end.
    pub(crate) fn clear_root(&self, tier: &Tier) -> Result<()> {
        let _held = tier.seen()?.map(|_| self.check_is_ours(tier)).transpose()?;
        tier.clear_root()
    }

    /// The store is read, and takes no changes, until it is reconciled.
    pub(crate) fn hold_until_reconciled(&self, reason: String) {
        self.read_only.write().get_or_insert_with(|| {
            self.restored.store(true, Ordering::Release);
            reason
        });
    }

    /// Whether the store takes changes. One that found a root taken over does not from then on.
    pub(crate) fn is_held(&self) -> bool {
        self.read_only.read().is_some()
    }
}

/// What a root has seen, beside where the journal ends.
pub(crate) fn told(seen: Seen, last: Position) -> String {
    let at = seen.position;
    format!(
        "its root has seen change {} of epoch {}, and this journal ends at {} of {}",
        at.number, at.epoch, last.number, last.epoch
    )
}
