//! Maintenance that a caller asks for: no thread of the store's own does it.

use std::collections::BTreeSet;

use super::sweep::is_among;
use super::{Store, reserve};
use crate::backend::PlaceName;
use crate::backend::posix::Held;
use crate::catalog::{Durability, Expect, Expired, PackUsage, Proposal};
use crate::engine::Engine;
use crate::error::{Kind, Result};
use crate::journal::Change;
use crate::monitor::{Phase, Watch};
use crate::object::{Position, TierIndex};

/// Objects purged together.
const PURGED_AT_ONCE: usize = 1000;

/// Empty packs removed together.
const PACKS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1000 };

/// What [`Store::maintain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Removed objects whose grace window was over.
    pub purged: u64,
    /// Files of dropped copies that were removed.
    pub files_removed: u64,
    /// Packs that were removed since nothing in them lived.
    pub packs_removed: u64,
    /// Segments of the journal that were dropped: see [`Store::set_retention`].
    pub segments_dropped: u64,
    /// Finished actions that were forgotten: see [`Store::set_actions_kept`].
    pub actions_forgotten: u64,
}

/// Packs that went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RemovedPacks {
    pub(super) packs: u64,
    /// What was committed in them once.
    pub(super) bytes: u64,
}

impl Store {
    /// Purges removed objects whose grace window is over, and removes the bytes of what was dropped and
    /// overwritten. Writes down [accesses](Self::set_access_staleness) that were noted. Drops what of the journal exceeds the [retention](Self::set_retention). Makes the reserve again where it was given back and there is room. Removes what was left of puts that nobody goes on with. Call it now and then; nothing
    /// else depends on it but room. Stopped, it can be called again. It moves nothing: see [`compact`](Self::compact).
    pub fn maintain(&self) -> Result<Maintained> {
        let engine = self.engine();
        engine.check_writable()?;
        engine.compare_roots()?;
        self.inner.accesses.flush(engine);
        engine.tiers.all().iter().for_each(|tier| tier.backend.close_idle());
        engine.catalog.let_pages_go();
        let mut watch = self.watch(Phase::Purge, 0, 0);
        let purged = purge_expired(engine, &mut watch)?;
        watch.stage(Phase::Reclaim);
        let files_removed = engine.reclaim_watched(&mut watch)?;
        engine.check_writable()?; // A root may have turned out to be taken over.
        let packs_removed = self.remove_empty_packs(engine, &mut watch)?.packs;
        self.make_reserve(engine)?;
        self.wake_all_stuck()?;
        let actions_forgotten = self.forget_actions()?;
        self.forget_left_begun()?;
        let segments_dropped = self.drop_segments()?;
        Ok(Maintained { purged, files_removed, packs_removed, segments_dropped, actions_forgotten })
    }

    /// Writes a snapshot of the index to `snapshots/` in the store: with the journal from there on it restores
    /// the store. Made while the store is in use; what is not durable becomes so first. `None` for a store
    /// whose index lies in memory.
    pub fn snapshot(&self) -> Result<Option<Position>> {
        let engine = self.engine();
        engine.check_writable()?;
        engine.catalog.snapshot()
    }
}

impl Store {
    fn make_reserve(&self, engine: &Engine) -> Result<()> {
        let (disk, length) = (&*engine.disk, engine.tiers.ground().reserve_bytes);
        if !reserve::is_there(disk, &engine.directory, length) {
            let _open = self.inner.lock.lock_open()?;
            reserve::make(disk, &engine.directory, &self.inner.store_id, length);
        }
        Ok(())
    }

    /// Removes packs in which nothing lives, of this handle and of those that are gone, but for those it
    /// appends to.
    pub(super) fn remove_empty_packs(&self, engine: &Engine, watch: &mut Watch<'_>) -> Result<RemovedPacks> {
        let (mut after, mut removed) = (None, RemovedPacks::default());
        loop {
            let mut page = engine.catalog.empty_packs(after, PACKS_AT_ONCE)?;
            let Some(last) = page.last().map(|pack| (pack.tier, pack.name)) else { return Ok(removed) };
            page.sort_unstable_by_key(|pack| (pack.tier, pack.name));
            let done = self.remove_page_of_packs(engine, after, &page, watch)?;
            removed.packs += done.packs;
            removed.bytes += done.bytes;
            after = Some(last);
        }
    }

    /// Removes those of a page of packs, in order, that are still empty, and says how many. The page lies behind
    /// `after`.
    fn remove_page_of_packs(
        &self,
        engine: &Engine,
        after: Option<(TierIndex, PlaceName)>,
        page: &[PackUsage],
        watch: &mut Watch<'_>,
    ) -> Result<RemovedPacks> {
        let others = self.other_members(engine)?;
        let own = self.inner.instance;
        // What is empty only by relaxed changes must stay: they may yet be rolled back.
        engine.catalog.sync()?;
        let open = engine.tiers.open_packs();
        let is_done = |pack: &PackUsage| {
            let writer = pack.name.instance;
            is_among(page, pack.tier, pack.name)
                && (writer == own || !others.contains(&writer))
                && !open.contains(&(pack.tier, pack.name))
        };
        let mut removed = Vec::new();
        let tiers: BTreeSet<_> = page.iter().map(|pack| pack.tier).collect();
        watch.check()?;
        let is_ours = |index| {
            let held = engine.tier(index).map_or(Ok(Held::default()), |tier| engine.check_is_ours(&tier));
            held.ok().map(|held| (index, held))
        };
        let ours: Vec<_> = tiers.into_iter().filter_map(is_ours).collect();
        engine.check_writable()?;
        // Looked at again: what was empty before the sync and is still is empty for good, since nobody
        // appends to it. What was not may be empty by a relaxed change behind the sync, or be the pack of a
        // handle that came after we looked who is here.
        let mut gone_for_good = 0;
        for pack in engine.catalog.empty_packs(after, PACKS_AT_ONCE)?.into_iter().filter(is_done) {
            let Ok(tier) = engine.tier(pack.tier) else {
                removed.push(pack); // Its tier was retired.
                continue;
            };
            if !ours.iter().any(|(tier, _)| *tier == pack.tier) {
                continue;
            }
            let gone = tier.backend.remove(pack.name).and_then(|()| tier.backend.sync_removals(&[pack.name]));
            if gone.is_ok() {
                gone_for_good += 1;
                // An empty directory that stays does no harm.
                let _ = (pack.name.instance != own).then(|| tier.backend.forget_instance(pack.name.instance));
                removed.push(pack);
            }
        }
        drop(ours);
        if !removed.is_empty() {
            engine.catalog.forget_packs(&removed)?;
        }
        watch.done(gone_for_good);
        let bytes = removed.iter().map(|pack| pack.used).sum();
        Ok(RemovedPacks { packs: removed.len() as u64, bytes })
    }

    /// Who looks after packs of their own: the living do, and the dead are swept.
    fn other_members(&self, engine: &Engine) -> Result<Vec<u64>> {
        let _open = self.inner.lock.lock_open()?;
        let mut members = self.inner.members(engine)?;
        members.retain(|instance| *instance != self.inner.instance);
        Ok(members)
    }

    /// Keeps those of some packs that nobody appends to, now or ever: of this handle, or of one that is gone. They must
    /// have been listed before.
    pub(super) fn retain_done(&self, engine: &Engine, packs: &mut Vec<PackUsage>) -> Result<()> {
        let others = self.other_members(engine)?;
        let open = engine.tiers.open_packs();
        packs.retain(|pack| !others.contains(&pack.name.instance) && !open.contains(&(pack.tier, pack.name)));
        Ok(())
    }
}

fn purge_expired(engine: &Engine, watch: &mut Watch<'_>) -> Result<u64> {
    let mut purged = 0;
    loop {
        watch.check()?;
        let expired = engine.catalog.expired(engine.clock.now_ns(), PURGED_AT_ONCE)?;
        let done = purge(engine, &expired)?;
        purged += done;
        watch.done(done);
        if expired.len() < PURGED_AT_ONCE || done == 0 {
            return Ok(purged);
        }
    }
}

/// Purges what is still removed as it was when it was looked for: one that was put, or brought back, and removed
/// again meanwhile has a grace window of its own.
fn purge(engine: &Engine, expired: &[Expired]) -> Result<u64> {
    let proposal = |expired: &Expired| Proposal {
        expect: vec![Expect::RemovedSo(*expired)],
        changes: vec![Change::Purged { object: expired.id }],
        data: Vec::new(),
    };
    let mut done = 0;
    for answer in engine.commit(expired.iter().map(proposal).collect(), Durability::Durable)? {
        match answer {
            Ok(_) => done += 1,
            // Brought back, or purged by another handle.
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::testing::clock::ManualClock;
    use crate::{PutOptions, StoreOptions};

    const GRACE: Duration = Duration::from_secs(100);

    #[test]
    fn an_object_that_was_removed_again_meanwhile_keeps_its_own_grace_window() {
        type Again = fn(&Store, crate::object::ObjectId);
        let by_put: Again = |store, id| {
            store.put(b"again", &PutOptions::id(id)).unwrap();
        };
        let by_undelete: Again = |store, id| {
            store.undelete(id).unwrap();
        };
        for (again, later) in [(by_put, true), (by_undelete, false)] {
            let clock = Arc::new(ManualClock::new(1_700_000_000_000_000_000, 1));
            let store = Store::in_memory(&StoreOptions::new().clock(clock.clone()).grace(GRACE)).unwrap();
            let id = store.put(b"first", &PutOptions::default()).unwrap().id;
            store.remove(id).unwrap();
            let engine = store.engine();
            let expired = engine.catalog.expired(i64::MAX - 1, 10).unwrap();
            assert_eq!(expired.len(), 1);
            // Another thread comes between the look and the commit.
            clock.advance(if later { GRACE * 2 } else { GRACE / 2 });
            again(&store, id);
            store.remove(id).unwrap();
            assert_eq!(purge(engine, &expired).unwrap(), 0);
            store.undelete(id).unwrap();
            store.remove(id).unwrap();
            clock.advance(GRACE * 2);
            assert_eq!(store.maintain().unwrap().purged, 1);
        }
    }
}
