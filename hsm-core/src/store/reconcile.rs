//! Reconciling: a store that is older than the roots of its tiers is brought up to date with what lies there.
//!
//! The roots are surveyed as by a rebuild: every object file and every record of a pack says which object it is of,
//! which generation, how long, and with what digest. [`differing`] gathers what the catalog does not know to lie there,
//! [`adopt`] takes of it what is sure, [`gone`] strikes off what is not there any more. The rules:
//!
//! - the catalog decides which objects there are. One that it does not know may have been removed, so it is never
//!   brought back; it is told of, and its bytes stay;
//! - a copy is taken when every byte of it was read back from the medium and compared;
//! - a generation older than the known one is never taken, a newer one only of an object that lives, and only where
//!   what is whole of it agrees;
//! - a copy that is gone is struck off when another one was read back, whole.
//!
//! What is taken is synced, verified and committed like any copy. The epoch that ends a restore comes last, so one that
//! is stopped in between is begun again, and finds what is left to do.

mod adopt;
mod differing;
mod gone;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::strays::strays;
use super::survey::{Synced, begin_epochs_beyond, epoch_in_reach};
use super::{Store, member};
use crate::backend::posix::Seen;
use crate::catalog::{Proposal, seen_at};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::journal::EpochCause;
use crate::migration::Finding;
use crate::monitor::Phase;
use crate::object::{Position, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::Tier;

/// What [`Store::reconcile`] found, and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Places on the roots that the catalog does not know. They are left where they are.
    pub unknown_places: u64,
    /// Their length in bytes.
    pub unknown_bytes: u64,
    /// Objects on the roots that the catalog does not know, or knows as removed, and generations that it could not take:
    /// put or removed since the snapshot, or never committed. Each is told of, and left where it is.
    pub unknown_objects: u64,
    /// Copies that were found where the catalog did not know them, and are known now.
    pub copies_adopted: u64,
    /// Objects that have a newer generation now than the catalog knew.
    pub objects_renewed: u64,
    /// Copies that were struck off: they are gone, and another one is whole.
    pub copies_dropped: u64,
    /// Copies that are gone, and no other one is known to be whole. They stay recorded.
    pub copies_missing: u64,
    /// Tiers that are out of reach, and were passed over.
    pub out_of_reach: u64,
    /// Where the new epoch begins; `None` when the store was not out of step with its roots.
    pub new_epoch: Option<Position>,
}

impl Store {
    /// Brings a store that is older than its roots (a restored backup) up to date with them, begins a new epoch and
    /// makes it writable again. Where the store is in step, it looks for copies that are gone, and counts places that
    /// nothing refers to.
    ///
    /// Taken from the roots is, each read back from the medium and compared:
    ///
    /// - a copy that was moved, added or compacted since the snapshot: the object's generation at another place;
    /// - a newer generation of an object that lives, as the catalog knows it. Its names and attributes stay as they are
    ///   known. One that was never acknowledged can be taken for one, as by a [`rebuild`](Self::rebuild).
    ///
    /// A copy that is gone is struck off where another one is whole. An object that the catalog does not know, or
    /// knows as removed, is never brought back: it is told of and stays where it is. Nothing on a root is removed: that
    /// is for [`check_all`](Self::check_all), when told. What is on a tier that is out of reach is not known; reconcile
    /// again when it is back.
    ///
    /// Everything on a delayed tier is read too, without recalls: in a real library that is every tape.
    ///
    /// Stopped, or interrupted by a crash, it can be called again.
    ///
    /// # Errors
    ///
    /// `Busy` while others have the store open.
    pub fn reconcile(&self) -> Result<Reconciled> {
        self.reconcile_with(|_| Ok(()))
    }

    /// The same, and tells `found` of each copy that was taken, struck off or is missing, of objects that are not
    /// known, of places that nothing refers to, and of tiers that are out of reach. An error of `found` stops it.
    pub fn reconcile_with(&self, mut found: impl FnMut(Finding) -> Result<()>) -> Result<Reconciled> {
        let engine = self.engine();
        engine.check()?;
        let _open = self.inner.lock.lock_open()?;
        let others = member::others(&*engine.disk, &*engine.clock, &engine.directory, &self.inner.store_id)?;
        if others.live.iter().any(|instance| *instance != self.inner.instance) {
            return Err(Error::Busy { what: "the store, for reconciling".to_owned(), waited_s: 0 });
        }
        let _ = engine.compare_roots(); // One that is not this store's is reconciled, too.
        let mut watch = self.watch(Phase::Reconcile, 0, 0);
        watch.check()?;
        let _at_once = engine.tiers.at_once();
        let is_restored = engine.restored.load(Ordering::Acquire);
        let mut reconciling = Reconciling {
            engine,
            own: self.inner.instance,
            is_restored,
            unchanged_before: if is_restored { u64::MAX } else { reconciled_at(engine)? },
            epoch_of_the_roots: 0,
            tiers: Vec::new(),
            synced: Synced::default(),
            refused: BTreeSet::new(),
            waiting: Vec::new(),
            found: &mut found,
            done: Reconciled::default(),
        };
        reconciling.find_tiers()?;
        reconciling.epoch_of_the_roots = epoch_in_reach(&self.inner.store_id, &reconciling.tiers);
        if is_restored {
            reconciling.take_over(&self.inner.store_id)?;
            reconciling.survey(&mut watch)?;
            reconciling.strike_off(&mut watch)?;
            // What they wrote behind the snapshot is not theirs alone to lose: no sweep is to come upon it.
            others.dead.into_iter().try_for_each(|dead| dead.bury(&*engine.disk))?;
        } else if engine.check_writable().is_ok() {
            // Perhaps on a root that was away when the store was restored.
            let was_away = reconciling.tiers.iter().any(|tier| engine.tiers.was_away(tier));
            reconciling.take_over_late()?;
            if reconciling.strike_off(&mut watch)? > 0 || was_away {
                reconciling.done.copies_missing = 0;
                reconciling.survey(&mut watch)?;
                reconciling.strike_off(&mut watch)?;
            }
            reconciling.settle_roots()?;
        }
        let Reconciling { tiers, mut done, epoch_of_the_roots, refused, .. } = reconciling;
        let places = places_on(&tiers)?;
        watch.stage(Phase::Reconcile);
        watch.expect(places, 0);
        strays(engine, &tiers, &|| self.inner.members(engine), &mut watch, &mut |_, stray| {
            done.unknown_places += 1;
            done.unknown_bytes += stray.bytes;
            let super::strays::Stray { tier, place, bytes } = stray;
            found(Finding::Stray { tier, place, bytes, removed: false })
        })?;
        if is_restored {
            begin_epochs_beyond(&*engine.catalog, epoch_of_the_roots.saturating_sub(1))?;
            let position = engine.catalog.begin_epoch(EpochCause::Reconciled)?;
            engine.tiers.note_reconciled(position.epoch);
            // One that came back meanwhile was not looked at.
            for tier in tiers.iter().filter(|tier| !refused.contains(&tier.index())) {
                tier.mark_seen(seen_at(position, &engine.catalog.epochs()?))?;
                engine.tiers.note_compared(tier);
            }
            *engine.read_only.write() = None;
            engine.restored.store(false, Ordering::Release);
            done.new_epoch = Some(position);
        }
        Ok(done)
    }
}

/// How many places there are on some roots.
fn places_on(tiers: &[Arc<Tier>]) -> Result<u64> {
    let mut count = 0;
    for tier in tiers {
        for instance in tier.backend.instances()? {
            tier.backend.places(instance, 0, &mut |_, _| {
                count += 1;
                Ok(())
            })?;
        }
    }
    Ok(count)
}

/// A reconciliation under way.
struct Reconciling<'a> {
    engine: &'a Engine,
    /// The instance of this handle, which may be writing.
    own: u64,
    /// Whether the store is older than its roots: else it is only looked for copies that are gone.
    is_restored: bool,
    /// A newer generation is taken only of what was not changed from this number on.
    unchanged_before: u64,
    /// The last epoch that the roots have seen.
    epoch_of_the_roots: u64,
    tiers: Vec<Arc<Tier>>,
    synced: Synced,
    /// Tiers on which something could not be read or synced: it may be whole, so they are to be looked at again.
    refused: BTreeSet<TierIndex>,
    /// What was found and is committed with the next: each with what is to be told of it.
    waiting: Vec<Settled>,
    found: &'a mut dyn FnMut(Finding) -> Result<()>,
    done: Reconciled,
}

/// A change that is sure, with what it means.
struct Settled {
    proposal: Proposal,
    findings: Vec<Finding>,
    done: Reconciled,
}

/// Changes committed together. Few in tests, so that there is more than one group.
const CHANGES_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 3 } else { 1000 };

impl Reconciling<'_> {
    fn find_tiers(&mut self) -> Result<()> {
        self.engine.refresh_tiers()?;
        for tier in self.engine.tiers.all() {
            if !tier.config.state.is_readable() {
                continue;
            }
            match tier.backend.check_root() {
                Ok(()) => self.tiers.push(tier),
                Err(error) => self.pass_over(&tier, &error)?,
            }
        }
        Ok(())
    }

    /// Whether what lies on a tier was never compared with the catalog before.
    fn is_new_on(&self, tier: TierIndex) -> bool {
        self.is_restored || self.tier(tier).is_some_and(|tier| self.engine.tiers.was_away(tier))
    }

    /// Roots that were away when the store was reconciled are up to date now.
    fn settle_roots(&self) -> Result<()> {
        let seen = seen_at(self.engine.catalog.progress()?.durable, &self.engine.catalog.epochs()?);
        let is_done = |tier: &&Arc<Tier>| !self.refused.contains(&tier.index());
        let mut were_away = self.tiers.iter().filter(is_done).filter(|tier| self.engine.tiers.was_away(tier));
        were_away.try_for_each(|tier| tier.mark_seen(seen))
    }

    /// Tells the roots that they are this store's from now on, before anything on them is counted on: one that still goes
    /// on with them removes nothing any more. The mark is of the epoch of the restore, so that a root that is
    /// not looked at to the end is looked at again. A root that cannot take it is passed over.
    fn take_over(&mut self, store_id: &[u8; 16]) -> Result<()> {
        if mutant(Mutant::SurveyBeforeMark) {
            return Ok(());
        }
        loop {
            self.begin_epoch_of_the_restore()?;
            let seen = seen_at(self.engine.catalog.progress()?.durable, &self.engine.catalog.epochs()?);
            self.mark_or_pass_over(seen, |_| true)?;
            let epoch = epoch_in_reach(store_id, &self.tiers);
            if epoch <= seen.position.epoch {
                return Ok(());
            }
            self.epoch_of_the_roots = epoch; // Whom they are taken from was at work meanwhile.
        }
    }

    /// The same of roots that were away then, in a store that is in step. Its mark lies before the epoch *reconciled*.
    fn take_over_late(&mut self) -> Result<()> {
        let epochs = self.engine.catalog.epochs()?;
        let reconciled = self.engine.tiers.reconciled_epoch();
        let Some(before) = epochs.iter().rev().find(|epoch| epoch.number < reconciled) else { return Ok(()) };
        let position = Position { epoch: before.number, number: before.first };
        let engine = self.engine;
        self.mark_or_pass_over(seen_at(position, &epochs), |tier| engine.tiers.was_away(tier))
    }

    fn mark_or_pass_over(&mut self, seen: Seen, is_marked: impl Fn(&Tier) -> bool) -> Result<()> {
        let mut marked = Vec::with_capacity(self.tiers.len());
        for tier in std::mem::take(&mut self.tiers) {
            match if is_marked(&tier) { tier.take_over(seen) } else { Ok(()) } {
                Ok(()) => marked.push(tier),
                Err(error) if error.kind() == Kind::Full => return Err(error),
                Err(error) => self.pass_over(&tier, &error)?,
            }
        }
        self.tiers = marked;
        Ok(())
    }

    fn pass_over(&mut self, tier: &Tier, error: &Error) -> Result<()> {
        self.done.out_of_reach += 1;
        (self.found)(Finding::OutOfReach { tier: tier.index(), detail: error.to_string() })
    }

    /// A tier in reach.
    fn tier(&self, index: TierIndex) -> Option<&Arc<Tier>> {
        self.tiers.iter().find(|tier| tier.index() == index)
    }

    /// Commits with others, soon.
    fn settle(&mut self, settled: Settled) -> Result<()> {
        self.waiting.push(settled);
        if self.waiting.len() >= CHANGES_AT_ONCE { self.commit() } else { Ok(()) }
    }

    /// Commits what waits. The store takes no other changes yet, so it goes to the catalog itself.
    fn commit(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.begin_epoch_of_the_restore()?;
        let mut waiting = std::mem::take(&mut self.waiting);
        let proposals = waiting.iter_mut().map(|settled| std::mem::take(&mut settled.proposal)).collect();
        let answers = {
            let _under_way = self.engine.commits.read();
            self.engine.check()?;
            self.engine.catalog.commit(proposals, crate::catalog::Durability::Durable)
        };
        for (settled, answer) in waiting.into_iter().zip(answers) {
            match answer {
                Ok(_) => {}
                // In a store that is in step, another thread changed the object meanwhile.
                Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound) => continue,
                Err(error) => return Err(error),
            }
            self.done.copies_adopted += settled.done.copies_adopted;
            self.done.objects_renewed += settled.done.objects_renewed;
            self.done.copies_dropped += settled.done.copies_dropped;
            settled.findings.into_iter().try_for_each(&mut *self.found)?;
        }
        Ok(())
    }

    /// Numbers that the journal of the roots gave out already are not given out again in the same epoch. A snapshot that
    /// was restored began one; a copy of the directory that was put back did not.
    fn begin_epoch_of_the_restore(&self) -> Result<()> {
        if !self.is_restored {
            return Ok(());
        }
        if !epoch_of_the_restore(self.engine)? {
            self.engine.catalog.begin_epoch(EpochCause::Restored)?;
        }
        begin_epochs_beyond(&*self.engine.catalog, self.epoch_of_the_roots)
    }
}

/// Whether the epoch of a restore began that was not reconciled yet.
fn epoch_of_the_restore(engine: &Engine) -> Result<bool> {
    let epochs = engine.catalog.epochs()?;
    let last_of = |wanted| epochs.iter().rposition(|epoch| epoch.cause == wanted);
    Ok(last_of(EpochCause::Restored) > last_of(EpochCause::Reconciled))
}

/// The first change behind the last reconciliation.
fn reconciled_at(engine: &Engine) -> Result<u64> {
    let epochs = engine.catalog.epochs()?;
    let last = epochs.iter().rev().find(|epoch| epoch.cause == EpochCause::Reconciled);
    Ok(last.map_or(0, |epoch| epoch.first))
}
