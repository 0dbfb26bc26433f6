//! Whether a store that is opened is older than the roots of its tiers, and what keeps its changes apart from theirs where
//! that cannot be told.

use crate::catalog::is_unknown;
use crate::engine::told;
use crate::error::Result;
use crate::journal::EpochCause;
use crate::store::Store;

impl Store {
    /// Begins an epoch, where some roots are out of reach. Were this an older copy of the directory, it could go further
    /// than those roots have seen, and would pass for theirs when they are back: the epoch tells them apart. Where
    /// nothing was changed since the last one began, that one does. Without one the store takes no changes.
    pub(super) fn set_apart(&self) -> Result<()> {
        let engine = self.engine();
        let newest = engine.catalog.epochs()?.last().map_or(0, |epoch| epoch.first);
        if engine.catalog.progress()?.applied.number <= newest {
            return Ok(());
        }
        match engine.catalog.begin_epoch(EpochCause::Rebuilt) {
            Ok(_) => _ = self.inner.set_apart.set(EpochCause::Rebuilt),
            Err(error) => {
                let reason = format!(
                    "some roots are out of reach, and changes cannot be set apart from those that they have seen: {error}"
                );
                engine.read_only.write().get_or_insert(reason);
            }
        }
        Ok(())
    }

    /// A store older than the roots of its tiers is a restored backup: it is read until it is reconciled.
    pub(super) fn check_age(&self) -> Result<()> {
        let engine = self.engine();
        let all: Vec<_> = engine.tiers.all().into_iter().map(|tier| (tier.seen(), tier)).collect();
        let is_unseen = |(seen, tier): &&(Result<_>, std::sync::Arc<crate::tier::Tier>)| {
            seen.is_err() && tier.config.state.is_readable() || tier.is_out_of_reach()
        };
        engine.tiers.note_unseen(all.iter().filter(is_unseen).map(|(_, tier)| tier.index()).collect());
        // Asked for afterwards: others may be writing to both.
        let last = engine.catalog.progress()?.applied;
        let epochs = engine.catalog.epochs()?;
        let last_of = |wanted| epochs.iter().rposition(|epoch| epoch.cause == wanted);
        let reconciled = last_of(EpochCause::Reconciled);
        engine.tiers.note_reconciled(reconciled.map_or(0, |at| epochs[at].number));
        if last_of(EpochCause::Restored) > reconciled {
            // What the roots have seen is a hint: that they have seen no more does not show here.
            let reason = "it was restored from a snapshot and may be older than its roots; run reconcile";
            engine.hold_until_reconciled(reason.to_owned());
        }
        for (seen, tier) in all {
            if let Some(seen) = seen.ok().flatten().filter(|seen| is_unknown(*seen, last, &epochs)) {
                engine.hold_until_reconciled(format!(
                    "tier {}: {}: it was restored from an older backup, or another store has taken the root over; run reconcile",
                    tier.index(),
                    told(seen, last)
                ));
            }
        }
        Ok(())
    }
}
