//! What the root of a tier has seen: how far the journal had come when it was last written to. It is a hint, which tells a
//! restored backup from its roots; no root proves that there was nothing more.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::{Tier, Tiers};
use crate::backend::Backend as _;
use crate::backend::posix::{Held, Seen};
use crate::catalog::{Epoch, is_unknown, seen_at};
use crate::error::{Error, Kind, Result};
use crate::object::{Position, TierIndex};

impl Tier {
    /// How far the journal had come when the root was last written to; `None` too where it is out of reach.
    ///
    /// # Errors
    ///
    /// `Offline` where it cannot be read: whose the root is now cannot be told.
    pub(crate) fn seen(&self) -> Result<Option<Seen>> {
        match &self.posix {
            Some(posix) if posix.check_root().is_ok() => self.seen_in_reach(),
            _ => Ok(None),
        }
    }

    /// The same, and `Offline` where it is out of reach.
    pub(crate) fn seen_in_reach(&self) -> Result<Option<Seen>> {
        let Some(posix) = &self.posix else { return Ok(None) };
        posix.seen().map_err(|error| {
            if error.kind() == Kind::Offline {
                return error;
            }
            let detail = format!("what its root has seen cannot be read ({error}); repair its file system");
            Error::TierOffline { tier: self.index(), detail }
        })
    }

    /// Keeps the root from being taken over while something is removed from it.
    pub(crate) fn hold(&self) -> Result<Held> {
        self.posix.as_ref().map_or_else(|| Ok(Held::default()), |posix| posix.hold(false))
    }

    /// Takes the root over, when nobody removes anything from it.
    pub(crate) fn take_over(&self, seen: Seen) -> Result<()> {
        let Some(posix) = &self.posix else { return Ok(()) };
        let _alone = posix.hold(true)?;
        posix.mark_seen(seen)
    }

    /// Notes on the root how far the journal has come. Under the writer lock.
    pub(crate) fn mark_seen(&self, seen: Seen) -> Result<()> {
        match &self.posix {
            Some(posix) => posix.mark_seen(seen),
            None => Ok(()),
        }
    }

    /// Whether the root cannot say what it has seen.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.config.state.is_readable()
            && self.posix.as_ref().is_some_and(|posix| posix.check_root().is_err())
    }

    /// The same, over nothing but what this journal has left there: another may have taken the root over.
    fn mark_own(&self, durable: Position, epochs: &[Epoch]) -> Result<()> {
        match self.seen()? {
            Some(seen) if is_unknown(seen, durable, epochs) => Ok(()),
            _ => self.mark_seen(seen_at(durable, epochs)),
        }
    }
}

impl Tiers {
    /// Tells the roots that were written to how far the journal has come. Once for the first commit of a handle, then
    /// with each segment: a root that cannot take it fails where data goes there.
    pub(super) fn tell_roots(&self, durable: Position, epochs: &dyn Fn() -> Result<Vec<Epoch>>) {
        let tiers = self.by_index.read();
        let is_told = |tier: &Tier| {
            // That of the others stays to be seen until it is compared, or reconciled.
            tier.config.state.is_readable() && !self.was_away(tier) && !self.was_unseen(tier)
        };
        let written: Vec<_> = tiers
            .values()
            .filter(|tier| {
                tier.written.load(Ordering::Acquire)
                    && is_told(tier)
                    && tier.written.swap(false, Ordering::AcqRel)
            })
            .collect();
        if written.is_empty() {
            return;
        }
        let epochs = epochs();
        for tier in written {
            if !epochs.as_ref().is_ok_and(|epochs| tier.mark_own(durable, epochs).is_ok()) {
                tier.note_written();
            }
        }
    }

    /// The last epoch that a reconciliation began is this one.
    pub(crate) fn note_reconciled(&self, epoch: u64) {
        self.reconciled_epoch.store(epoch, Ordering::Release);
    }

    /// The last epoch that a reconciliation began; 0: there was none.
    pub(crate) fn reconciled_epoch(&self) -> u64 {
        self.reconciled_epoch.load(Ordering::Acquire)
    }

    /// Whether the root of a tier was away when the store was reconciled, or cannot say that it was not: it may hold
    /// what the catalog never knew.
    pub(crate) fn was_away(&self, tier: &Tier) -> bool {
        let reconciled = self.reconciled_epoch();
        reconciled > 0
            && match tier.seen() {
                Ok(seen) => seen.is_some_and(|seen| seen.position.epoch < reconciled),
                Err(_) => true,
            }
    }

    /// The roots of these tiers were out of reach when the store was opened, or could not say what they have seen.
    pub(crate) fn note_unseen(&self, tiers: BTreeSet<TierIndex>) {
        *self.unseen.write() = tiers;
    }

    /// What the root of a tier has seen was compared with the journal.
    pub(crate) fn note_compared(&self, tier: &Tier) {
        if self.was_unseen(tier) {
            self.unseen.write().remove(&tier.index());
        }
    }

    /// Whether the root of a tier is among those that were not compared: this handle writes nothing over what it has
    /// seen.
    pub(crate) fn was_unseen(&self, tier: &Tier) -> bool {
        self.unseen.read().contains(&tier.index())
    }

    /// Whether there are any.
    pub(crate) fn has_unseen(&self) -> bool {
        !self.unseen.read().is_empty()
    }
}
