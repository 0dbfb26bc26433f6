//! Administration of tiers, while the store is in use.

use super::Store;
use super::orders::{Order, What};
use crate::catalog::{Durability, Expect, Places as _, Proposal, Query, TierUsage};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::journal::{Change, DropReason};
use crate::monitor::{Phase, Watch};
use crate::object::{self, Access, BackendKind, Delay, ObjectId, TierConfig, TierIndex, TierState};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::Tier;

/// Objects whose copies are struck off together.
const PAGE_LEN: usize = 1000;

/// Checks the settings of a tier.
pub(super) fn check_config(config: &TierConfig) -> Result<()> {
    let check = |holds: bool, what: &'static str, detail: &str| {
        if holds { Ok(()) } else { Err(Error::invalid(what, format!("tier {}: {detail}", config.index))) }
    };
    if !config.name.is_empty() {
        object::check_name("name of a tier", &config.name)?;
    }
    let has_root = !config.root.is_empty() && !config.root.contains('\0') && config.root.len() <= 4096;
    check(
        config.backend != BackendKind::Posix || has_root,
        "root",
        "a directory is needed, of at most 4096 bytes",
    )?;
    let threshold = config.pack_threshold_bytes;
    check(threshold <= TierConfig::PACK_THRESHOLD_MAX, "pack threshold", "the most is 1 MiB")?;
    check(config.pack_size_bytes >= 4096, "pack size", "the least is 4096 bytes")?;
    if let Some(delay) = &config.delay {
        let Delay { latency_ms, mount_ms, seek_ms, readable_ms, drives } = *delay;
        check(config.access == Access::Delayed, "delay", "only a tier with delayed access has one")?;
        let most = [latency_ms, mount_ms, seek_ms, readable_ms].into_iter().max();
        check(most <= Some(Delay::MS_MAX), "delay", "the most of each time is a year")?;
        let detail = "what was fetched is readable for a second at least";
        check(readable_ms >= Delay::READABLE_MS_MIN, "delay", detail)?;
        check((1..=Delay::DRIVES_MAX).contains(&drives), "delay", "there are 1 to 1024 drives")?;
    }
    let (low, high) = (config.low_watermark_percent, config.high_watermark_percent);
    check(low <= high && high <= 100, "watermarks", "low must not exceed high, nor high 100 percent")
}

impl Store {
    /// Every tier that was not retired, the hottest first, with what is on it.
    pub fn tiers(&self) -> Result<Vec<TierUsage>> {
        let engine = self.engine();
        engine.check()?;
        let all = engine.catalog.tiers()?;
        Ok(all.into_iter().filter(|usage| usage.config.state != TierState::Retired).collect())
    }

    /// One tier with what is on it.
    pub fn tier(&self, index: TierIndex) -> Result<TierUsage> {
        let found = self.tiers()?.into_iter().find(|usage| usage.config.index == index);
        found.ok_or(Error::TierNotFound { tier: index })
    }

    /// Whether the root of a tier is in reach now.
    pub fn is_tier_online(&self, index: TierIndex) -> Result<bool> {
        self.engine().check()?;
        let tier = self.engine().tier(index)?;
        Ok(tier.config.state.is_readable() && tier.backend.check_root().is_ok())
    }

    /// Adds a tier, or gives the index of a retired one to a new one. Its root directory is made if its parent
    /// exists; a root that holds other data is refused.
    pub fn add_tier(&self, config: &TierConfig) -> Result<()> {
        let engine = self.engine();
        engine.check_writable()?;
        check_new(config)?;
        // Two who add the same tier at once would each write the root's marker, and one of them is not the tier's.
        let _open = self.inner.lock.lock_open()?;
        let before = self.config(config.index)?;
        if before.as_ref().is_some_and(|before| before.state != TierState::Retired) {
            return Err(Error::Exists { what: format!("tier {}", config.index) });
        }
        let mut config = config.clone();
        config.incarnation = clock::random_identity(&*engine.clock);
        Tier::create_root(engine.tiers.ground(), &config)?;
        commit_tier(engine, before, config)
    }

    /// Changes a tier's settings. Backend and root stay as they are.
    pub fn change_tier(&self, config: &TierConfig) -> Result<()> {
        let engine = self.engine();
        engine.check_writable()?;
        let before = self.tier(config.index)?.config;
        check_change(&before, config)?;
        let config = TierConfig { incarnation: before.incarnation, ..config.clone() };
        if config == before {
            return Ok(());
        }
        commit_tier(engine, Some(before), config)
    }

    /// Sets a tier active, read-only or draining. Reads go on in each of these states.
    pub fn set_tier_state(&self, index: TierIndex, state: TierState) -> Result<()> {
        let before = self.tier(index)?.config;
        self.change_tier(&TierConfig { state, ..before })
    }

    /// Moves everything off a tier to `target`: it is set draining, so that nothing new comes. Returns how
    /// many copies were moved. Stopped by an error, it can be called again.
    pub fn drain_tier(&self, index: TierIndex, target: TierIndex) -> Result<u64> {
        self.engine().check_writable()?;
        let usage = self.tier(index)?;
        self.tier(target)?;
        if index == target {
            return Err(Error::invalid("target", "it is the tier that is to be drained"));
        }
        self.set_tier_state(index, TierState::Draining)?;
        let mut watch = self.watch(Phase::Copy, usage.objects, usage.bytes);
        self.engine().drain_tier(index, target, &mut watch)
    }

    /// Declares a tier's bytes gone for good: its copies are struck off. Returns the objects whose last copy
    /// that was. Stopped by an error, it can be called again;
    /// what was struck off before is not told again.
    ///
    /// # Errors
    ///
    /// `Closed` where the store is read-only because changes cannot be compared with this tier: that it is
    /// lost is noted, and the next open that finds no other handle goes on without it. Call this once more then.
    pub fn lose_tier(&self, index: TierIndex) -> Result<Vec<ObjectId>> {
        let mut lost = Vec::new();
        self.lose_tier_each(index, |id| {
            lost.push(id);
            Ok(())
        })?;
        Ok(lost)
    }

    /// As [`lose_tier`](Self::lose_tier), but tells of each object when its last copy was struck off, so that memory
    /// does not grow with their number. An error of `lost` stops it. The copies that were struck off with that
    /// object's, up to a thousand, are not told of again.
    pub fn lose_tier_each(
        &self,
        index: TierIndex,
        mut lost: impl FnMut(ObjectId) -> Result<()>,
    ) -> Result<()> {
        let engine = self.engine();
        engine.check()?;
        if engine.undecided {
            return self.lose_before_the_next_open(index);
        }
        engine.check_writable()?;
        let TierUsage { config: before, objects, .. } = self.tier(index)?;
        let mut watch = self.watch(Phase::StrikeOff, objects, 0);
        watch.check()?;
        if before.state != TierState::Lost {
            self.commit_state(before, TierState::Lost)?;
        }
        for removed in [false, true] {
            strike_off(engine, &Query { removed, ..Query::tier(index) }, index, &mut lost, &mut watch)?;
        }
        Ok(())
    }

    /// Takes a tier that holds no copy out of use. Its index may then be given to another. What is left of it on its
    /// root is removed, marker and all, if the root is in reach; that of a tier that was lost is left as it is.
    ///
    /// # Errors
    ///
    /// `Exists` while it holds copies, those of removed objects included: drain or lose it first.
    pub fn retire_tier(&self, index: TierIndex) -> Result<()> {
        let engine = self.engine();
        engine.check_writable()?;
        let _ = engine.reclaim(); // What is left is removed with its root.
        let _open = self.inner.lock.lock_open()?;
        let before = self.tier(index)?.config;
        let config = TierConfig { state: TierState::Retired, ..before.clone() };
        let order = Order { what: What::Clear, tier: index, incarnation: before.incarnation };
        let is_lost = before.state == TierState::Lost;
        if !is_lost {
            // A store that took the root over keeps what it has there.
            let _ = engine.check_is_ours(&*engine.tier(index)?);
            engine.check_writable()?;
            self.order(order)?;
        }
        if mutant(Mutant::RootClearedEarly) {
            engine.tiers.get(index)?.clear_root()?;
        }
        let expect = vec![Expect::TierIs(index, Some(before)), Expect::TierEmpty(index)];
        let done = engine.commit_one(expect, vec![Change::TierSet(config.clone())], Durability::Durable);
        if is_lost {
            done?;
            engine.tiers.configure(&[config]);
            return Ok(());
        }
        match done {
            // It may have happened all the same: the next open sees.
            Err(error @ Error::Closed { .. }) => return Err(error),
            Err(error) => return self.strike_order(order).and(Err(error)),
            Ok(_) => engine.tiers.configure(&[config]),
        }
        let Some(tier) = engine.tiers.retired(index) else { return Ok(()) };
        if engine.clear_root(&tier).is_err() {
            return Ok(()); // It is retired. The next open tries to clear the root again.
        }
        self.strike_order(order)
    }

    /// Nothing can be committed while it is open what the journal holds: the next open hears of the loss first.
    fn lose_before_the_next_open(&self, index: TierIndex) -> Result<()> {
        let engine = self.engine();
        let _open = self.inner.lock.lock_open()?;
        let config = self.tier(index)?.config;
        if engine.tier(index)?.backend.check_root().is_ok() {
            // It is not what the store waits for.
            engine.check_writable()?;
        }
        self.order(Order { what: What::Lose, tier: index, incarnation: config.incarnation })?;
        let reason =
            format!("tier {index} is noted as lost; close every handle and open the store again without it");
        Err(Error::Closed { reason })
    }

    pub(super) fn commit_state(&self, before: TierConfig, state: TierState) -> Result<()> {
        let config = TierConfig { state, ..before.clone() };
        commit_tier(self.engine(), Some(before), config)
    }

    /// A tier's settings, retired ones included.
    pub(super) fn config(&self, index: TierIndex) -> Result<Option<TierConfig>> {
        let all = self.engine().catalog.tiers()?;
        Ok(all.into_iter().map(|usage| usage.config).find(|config| config.index == index))
    }
}

fn commit_tier(engine: &Engine, before: Option<TierConfig>, config: TierConfig) -> Result<()> {
    let expect = vec![Expect::TierIs(config.index, before)];
    engine.commit_one(expect, vec![Change::TierSet(config.clone())], Durability::Durable)?;
    engine.tiers.configure(&[config]);
    Ok(())
}

/// Which states follow which by a change of settings; losing and retiring have verbs of their own.
fn check_step(from: TierState, to: TierState) -> Result<()> {
    if from == to || from.is_readable() && to.is_readable() {
        return Ok(());
    }
    let detail =
        format!("a {} tier does not become {} so; lose_tier and retire_tier do that", from.name(), to.name());
    Err(Error::invalid("state of a tier", detail))
}

fn check_new(config: &TierConfig) -> Result<()> {
    check_config(config)?;
    if config.state.is_readable() {
        return Ok(());
    }
    let detail = format!("a new tier cannot be {}", config.state.name());
    Err(Error::invalid("state of a tier", detail))
}

/// Checks new settings against those a tier has: backend and root stay, and so do lost and retired.
fn check_change(before: &TierConfig, config: &TierConfig) -> Result<()> {
    check_config(config)?;
    if (before.backend, &before.root) != (config.backend, &config.root) {
        let detail = "add another tier, drain this one and retire it".to_owned();
        return Err(Error::invalid("root of an existing tier", detail));
    }
    check_step(before.state, config.state)
}

/// Drops all copies on a tier from the record, page by page.
fn strike_off(
    engine: &Engine,
    query: &Query,
    index: TierIndex,
    lost: &mut impl FnMut(ObjectId) -> Result<()>,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let mut after = None;
    loop {
        watch.check()?;
        let page = engine.catalog.page(query, after.as_ref(), PAGE_LEN)?;
        let count = page.items.len();
        let mut proposals = Vec::with_capacity(count);
        let mut last_copies = Vec::new();
        for (_, object) in page.items {
            let (id, generation) = (object.id, object.generation);
            let reason = DropReason::TierLost;
            proposals.push(Proposal {
                expect: vec![Expect::Generation(id, generation)],
                changes: vec![Change::CopyDropped { object: id, generation, tier: index, reason }],
                data: Vec::new(),
            });
            last_copies.push((id, object.copies.len() == 1));
        }
        for (answer, (id, last)) in
            engine.commit(proposals, Durability::Durable)?.into_iter().zip(last_copies)
        {
            match answer {
                Ok(_) if last => lost(id)?,
                Ok(_) => {}
                // Overwritten meanwhile: the new generation is not on a lost tier.
                Err(error) if crate::engine::is_race(&error) => {}
                Err(error) => return Err(error),
            }
        }
        after = page.next;
        watch.done(count as u64);
        if after.is_none() {
            return Ok(());
        }
    }
}

#[cfg(feature = "yaml")]
mod yaml;
