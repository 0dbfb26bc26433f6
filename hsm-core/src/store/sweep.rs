//! The sweep: what a handle that died without closing left behind, and nothing else, is removed.
//!
//! A place is removed when its instance is dead, its serial lies behind those that were settled, and no
//! commit names it. Packs are cut behind the last record that was ever committed, or removed when nothing in
//! them lives.

use super::member::Dead;
use crate::backend::PlaceName;
use crate::catalog::PackUsage;
use crate::engine::Engine;
use crate::error::{Kind, Result};
use crate::object::TierIndex;
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::Tier;

impl Engine {
    /// Sweeps after dead members. One whose places are on a tier that is out of reach is left for later.
    pub(super) fn sweep(&self, dead: Vec<Dead>, live: &[u64], own: u64) -> Result<()> {
        let mut left = vec![own];
        left.extend_from_slice(live);
        let any = !dead.is_empty();
        if any {
            // The last group of the dead may be in the journal without being in the index.
            self.catalog.sync()?;
        }
        for member in dead {
            if mutant(Mutant::MemberBuriedEarly) {
                let instance = member.instance;
                member.bury(&*self.disk)?;
                self.sweep_instance(instance)?;
            } else if mutant(Mutant::SweepLeftOut) || self.sweep_instance(member.instance)? {
                member.bury(&*self.disk)?;
            } else {
                left.push(member.instance);
            }
        }
        if any { self.catalog.forget_instances(&left) } else { Ok(()) }
    }

    /// The same for this handle itself, when it closes: only its packs and empty directories are left.
    pub(super) fn sweep_own(&self, instance: u64) -> Result<()> {
        self.sweep_instance(instance).map(drop)
    }

    /// Sweeps one instance on every tier; `false` when one was out of reach.
    fn sweep_instance(&self, instance: u64) -> Result<bool> {
        let tiers = self.tiers.all();
        let readable = || tiers.iter().filter(|tier| tier.config.state.is_readable());
        // One that was taken over is asked for before anything is removed from another.
        readable().for_each(|tier| drop(self.check_is_ours(tier)));
        if self.is_held() {
            return Ok(false);
        }
        let resolved = self.catalog.resolved(instance)?;
        let (packs, empty) = self.packs_of(instance)?;
        let mut complete = true;
        for tier in readable() {
            match self.sweep_tier(tier, instance, resolved, &packs, &empty) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), Kind::Offline | Kind::NotFound) => complete = false,
                Err(error) => return Err(error),
            }
        }
        if complete && !empty.is_empty() {
            self.catalog.forget_packs(&empty)?;
        }
        Ok(complete)
    }

    /// The packs of an instance that appends to none any more, and those of them that are empty for good: not by
    /// a relaxed change of someone else, which may yet be rolled back.
    fn packs_of(&self, instance: u64) -> Result<(Vec<PackUsage>, Vec<PackUsage>)> {
        let is_empty = |pack: &PackUsage| pack.live_objects == 0;
        let mut before = self.catalog.packs(instance)?;
        before.retain(is_empty);
        if !before.is_empty() {
            self.catalog.sync()?;
        }
        let packs = self.catalog.packs(instance)?;
        let empty = packs.iter().filter(|pack| is_empty(pack) && is_among(&before, pack.tier, pack.name));
        let empty = empty.copied().collect();
        Ok((packs, empty))
    }

    /// Whether a commit named a place that its handle had not settled.
    fn is_committed(&self, instance: u64, serial: u64) -> Result<bool> {
        Ok(!mutant(Mutant::SweepOfUnsettled) && self.catalog.is_recent(instance, serial)?)
    }

    fn sweep_tier(
        &self,
        tier: &Tier,
        instance: u64,
        resolved: u64,
        packs: &[PackUsage],
        empty: &[PackUsage],
    ) -> Result<()> {
        tier.backend.check_root()?;
        let _held = self.check_is_ours(tier)?;
        let by_age = mutant(Mutant::SweepByAge);
        let mut stray: Vec<PlaceName> = Vec::new();
        let from = if by_age { 0 } else { resolved + 1 };
        tier.backend.places(instance, from, &mut |name, _| {
            let is_pack_known = is_among(packs, tier.index(), name);
            if by_age || !is_pack_known && (name.packed || !self.is_committed(instance, name.serial)?) {
                tier.backend.remove(name)?;
                stray.push(name);
            }
            Ok(())
        })?;
        for pack in packs.iter().filter(|pack| pack.tier == tier.index()) {
            if is_among(empty, pack.tier, pack.name) {
                tier.backend.remove(pack.name)?;
                stray.push(pack.name);
            } else {
                cut_pack(tier, pack)?;
            }
        }
        tier.backend.sync_removals(&stray)?;
        tier.backend.forget_instance(instance)
    }
}

/// Whether a pack is among these, which are in order.
pub(super) fn is_among(packs: &[PackUsage], tier: TierIndex, name: PlaceName) -> bool {
    packs.binary_search_by_key(&(tier, name), |pack| (pack.tier, pack.name)).is_ok()
}

/// Cuts a pack behind its last committed record.
fn cut_pack(tier: &Tier, pack: &PackUsage) -> Result<()> {
    if tier.backend.length(pack.name)?.is_some_and(|length| length > pack.used) {
        let writer = tier.backend.reopen(pack.name)?;
        writer.truncate(pack.used)?;
        writer.sync()?;
    }
    Ok(())
}
