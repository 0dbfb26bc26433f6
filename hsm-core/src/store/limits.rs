//! Limits of tiers: how much of a tier those take who run actions.

use super::Store;
use crate::error::Result;
use crate::object::{Position, TierIndex, TierLimits};

impl Store {
    /// Sets how much of a tier those take who run actions ([`run`](Self::run)), for every handle of the store. Durable when this
    /// returns; whoever runs actions through another handle heeds it within a tenth of a second, also in the middle of an
    /// object.
    ///
    /// All who run actions keep them together, in whatever threads and processes; what one held that died is free at once. Puts,
    /// gets, copies and moves that a program makes itself are not limited, nor are scrubs and compactions.
    ///
    /// An action that would have to wait for a tier stays queued, and others are run. Within one object who has to wait
    /// reports its progress meanwhile, and can be stopped, or its action called off, at any time.
    ///
    /// # Errors
    ///
    /// `TierNotFound`.
    pub fn set_tier_limits(&self, tier: TierIndex, limits: &TierLimits) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        engine.refresh_tiers()?;
        engine.set_limits(tier, *limits)
    }

    /// How much of a tier those take who run actions.
    ///
    /// # Errors
    ///
    /// `TierNotFound`.
    pub fn tier_limits(&self, tier: TierIndex) -> Result<TierLimits> {
        let engine = self.engine();
        engine.check()?;
        engine.refresh_tiers()?;
        engine.limits_of(tier)
    }
}
