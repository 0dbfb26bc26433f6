//! Snapshots on a tier: with one, a store whose whole directory is lost is made again
//! ([`Store::restore`](super::Store::restore)).

use std::cell::Cell;

use super::{Store, member, open};
use crate::clock::TimeNs;
use crate::error::{Error, Kind, Result};
use crate::monitor::{Phase, Watch};
use crate::object::{Position, TierIndex};
use crate::tier::Tier;
use crate::tier::kept::{self, Stem};

/// How a snapshot is kept on a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotOptions {
    /// How many are kept there, the new one included; older ones are removed. At least 1.
    pub keep: u32,
}

impl Default for SnapshotOptions {
    /// The newest two.
    fn default() -> Self {
        Self { keep: 2 }
    }
}

impl SnapshotOptions {
    /// How many are kept on the tier, the new one included.
    #[must_use]
    pub fn keep(mut self, keep: u32) -> Self {
        self.keep = keep;
        self
    }
}

/// A snapshot that is kept on a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptSnapshot {
    /// The last change in it.
    pub position: Position,
    /// When it was made.
    pub made_ns: TimeNs,
    /// Length of its files.
    pub bytes: u64,
}

/// A snapshot that this thread makes.
struct Ours<'a>(&'a Cell<bool>);

impl<'a> Ours<'a> {
    /// Refuses where it makes one already: it was called by its own monitor, which would wait for itself.
    fn begin(makes_one: &'a Cell<bool>) -> Result<Self> {
        if makes_one.replace(true) {
            let what = "the snapshot that this call was made from".to_owned();
            return Err(Error::Busy { what, waited_s: 0 });
        }
        Ok(Self(makes_one))
    }
}

impl Drop for Ours<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Store {
    /// Makes a snapshot and keeps it on a tier, with what of the journal it needs. Returns the last change in it. Made
    /// while the store is in use; what is not durable becomes so first.
    ///
    /// It is there when it was synced and read back from the medium, and only then older ones are removed. A failed
    /// call leaves those that were there. Where nothing changed since the newest one and that is still whole, none is
    /// made. Where the index lies in memory, the snapshot is the whole journal.
    ///
    /// This handle begins new packs, so that what is put from now on lies beside what the snapshot knows.
    ///
    /// # Errors
    ///
    /// `Offline` and `Full` of the tier, `Refused` where it is not active, `Unsupported` for a tier in memory, `Busy`
    /// from the monitor of such a call.
    pub fn snapshot_to(&self, tier: TierIndex, options: &SnapshotOptions) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        if options.keep == 0 {
            return Err(Error::invalid("number of snapshots to keep", "the least is 1"));
        }
        let tier = engine.tier(tier)?;
        let backend = &*tier.backend;
        if !backend.capabilities().durable {
            let what = format!("a snapshot on tier {}, which does not outlive the process", tier.index());
            return Err(Error::Unsupported { what });
        }
        backend.check_root()?;
        engine.check_is_ours(&tier)?; // Older ones are removed.
        tier.check_writable(0)?;
        let mut watch = self.watch(Phase::Snapshot, 0, 0);
        watch.check()?;
        // What this handle left half-made is not being made by another thread of it.
        let one_at_a_time = self.inner.keeping.lock();
        let _ours = Ours::begin(&one_at_a_time)?;
        kept::sweep(backend, &self.living()?)?;
        engine.tiers.close_packs();
        let (position, files) = engine.catalog.open_snapshot()?;
        let id = &self.inner.store_id;
        if !is_kept(&tier, id, position, &mut watch)? {
            watch.stage(Phase::Snapshot);
            let bytes = files.iter().map(|file| file.length).sum();
            tier.check_writable(bytes)?;
            watch.expect(files.len() as u64, bytes);
            let times_ns = (open::created_ns(&*engine.disk, &engine.directory)?, engine.clock.now_ns());
            let stem = Stem { position, instance: self.inner.instance };
            kept::make(backend, id, stem, times_ns, &files, &mut watch)?;
        }
        kept::prune(backend, id, options.keep)?;
        Ok(position)
    }

    /// The snapshots that are kept on a tier, the newest first. Whether one is whole shows when it is restored.
    pub fn snapshots_on(&self, tier: TierIndex) -> Result<Vec<KeptSnapshot>> {
        let engine = self.engine();
        engine.check()?;
        let tier = engine.tier(tier)?;
        let all = kept::all(&*tier.backend, &self.inner.store_id)?;
        let told = |(stem, list): (Stem, Result<kept::List>)| {
            let list = list.ok()?;
            Some(KeptSnapshot { position: stem.position, made_ns: list.made_ns, bytes: list.bytes() })
        };
        Ok(all.into_iter().filter_map(told).collect())
    }

    /// Other handles that are open.
    fn living(&self) -> Result<Vec<u64>> {
        let engine = self.engine();
        let _open = self.inner.lock.lock_open()?;
        let others = member::others(&*engine.disk, &*engine.clock, &engine.directory, &self.inner.store_id)?;
        Ok(others.live.into_iter().filter(|instance| *instance != self.inner.instance).collect())
    }

    /// Removes half-made snapshots from the roots that are in reach, but for those of the living. What cannot be
    /// removed now is left to who comes next: it does no harm.
    pub(super) fn sweep_kept(&self, live: &[u64]) {
        for tier in self.engine().tiers.all() {
            if tier.config.state.is_readable() && self.engine().check_is_ours(&tier).is_ok() {
                let _ = kept::sweep(&*tier.backend, live);
            }
        }
    }
}

/// Whether a whole snapshot that ends with this change is there already. One that is damaged is removed: it is made
/// again.
fn is_kept(tier: &Tier, store_id: &[u8; 16], position: Position, watch: &mut Watch<'_>) -> Result<bool> {
    let backend = &*tier.backend;
    let same = kept::all(backend, store_id)?.into_iter().filter(|(stem, _)| stem.position == position);
    for (stem, list) in same {
        match list.and_then(|list| kept::check_files(backend, stem, &list, watch)) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == Kind::Corrupt => kept::remove(backend, stem)?,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
