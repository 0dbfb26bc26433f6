//! What every verb works with: the catalog, the tiers, and the rules for using them.
//!
//! The verbs themselves are in `store` and `migration`.

mod limits;
mod ours;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::backend::ReadFrom;
use crate::backend::posix::Held;
use crate::catalog::{Catalog, Committed, Durability, Expect, Garbage, Places as _, Proposal};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::file::{Disk, process_id};
use crate::journal::Change;
use crate::journal::queue::LockFile;
use crate::monitor::Watch;
use crate::object::{ActionId, Content, IdGenerator, Object, ObjectId, Position, TierIndex, TierState};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::{CopyReader, Tiers, Wanted};

pub(crate) use limits::{Entered, Limits, Streams};
pub(crate) use ours::told;

/// Garbage removed at once.
const RECLAIM_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 16 } else { 256 };
/// Overwritten places that may wait before a put removes them.
const RECLAIM_AFTER: u64 = 64;

/// The parts of an open store.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: PathBuf,
    pub(crate) ids: IdGenerator,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) tiers: Arc<Tiers>,
    pub(crate) grace_ns: i64,
    /// The process that opened it.
    pub(crate) pid: u32,
    pub(crate) closed: AtomicBool,
    pub(crate) read_only: RwLock<Option<String>>,
    /// Whether that is because the store is older than its roots: reconciling mends this, and nothing else.
    pub(crate) restored: AtomicBool,
    /// Whether it is because relaxed changes could not be compared with a tier that is out of reach.
    pub(crate) undecided: bool,
    /// Places that became garbage since the last reclaim.
    pub(crate) garbage: AtomicU64,
    /// The change of tiers that this handle knows of.
    pub(crate) tiers_known: AtomicU64,
    /// Held for reading by commits, for writing by the close: none is under way when a handle sweeps up.
    pub(crate) commits: RwLock<()>,
    /// Actions that an executor of this handle claimed and could not put back: each with the number of the change that
    /// claimed it, and its attempts.
    pub(crate) claims_left: Mutex<Vec<(ActionId, u64, u32)>>,
    /// What all handles share beside the journal: here, whose turn it is.
    pub(crate) lock: Arc<LockFile>,
    /// What executors of this handle take of the tiers.
    pub(crate) limits: Limits,
}

/// Which objects a verb is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that live.
    Live,
    /// Those that were removed and may be brought back, too.
    Kept,
}

impl Scope {
    /// What must hold of an object when a change of it is committed, beside its generation.
    pub(crate) fn expect(self, id: ObjectId) -> Option<Expect> {
        (self == Self::Live).then_some(Expect::Live(id))
    }
}

impl Engine {
    /// Refuses where this handle may not be used any more, or not here.
    pub(crate) fn check(&self) -> Result<()> {
        if self.pid != process_id() {
            return Err(Error::Forked);
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::was_closed());
        }
        Ok(())
    }

    /// Refuses where nothing may be changed.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check()?;
        match &*self.read_only.read() {
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Commits proposals, each for itself.
    pub(crate) fn commit(
        &self,
        proposals: Vec<Proposal>,
        durability: Durability,
    ) -> Result<Vec<Result<Committed>>> {
        let _under_way = self.commits.read();
        self.check_writable()?;
        let answers = self.catalog.commit(proposals, durability);
        if answers.iter().any(|answer| answer.as_ref().is_err_and(may_be_stale)) {
            // Not an error of the commit: others of these proposals are in the journal, and a caller who does not
            // hear of that would take their bytes back.
            let _ = self.refresh_tiers();
        }
        Ok(answers)
    }

    /// The same, where one that lost a race is nothing to tell of. Says how many were committed.
    pub(crate) fn commit_unraced(&self, proposals: Vec<Proposal>, durability: Durability) -> Result<u64> {
        let mut committed = 0;
        if proposals.is_empty() {
            return Ok(committed);
        }
        for answer in self.commit(proposals, durability)? {
            match answer {
                Ok(_) => committed += 1,
                Err(error) if is_race(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(committed)
    }

    /// Commits one proposal.
    pub(crate) fn commit_one(
        &self,
        expect: Vec<Expect>,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Committed> {
        self.commit_proposal(Proposal { expect, changes, ..Proposal::default() }, durability)
    }

    /// The same, with data that is not durable yet.
    pub(crate) fn commit_proposal(&self, proposal: Proposal, durability: Durability) -> Result<Committed> {
        let mut answers = self.commit(vec![proposal], durability)?;
        answers.pop().unwrap_or_else(|| Err(Error::Closed { reason: "the commit gave no answer".to_owned() }))
    }

    /// Changes a setting of the store, durably.
    pub(crate) fn set(&self, name: &str, value: Vec<u8>) -> Result<Position> {
        let change = Change::SettingSet { name: name.to_owned(), value };
        Ok(self.commit_one(Vec::new(), vec![change], Durability::Durable)?.position)
    }

    /// What removes an object that lives.
    pub(crate) fn removal(&self, id: ObjectId, grace_ns: i64) -> Proposal {
        let until_ns = self.clock.now_ns().saturating_add(grace_ns);
        let mut changes = vec![Change::Removed { object: id, until_ns }];
        if grace_ns == 0 {
            changes.push(Change::Purged { object: id });
        }
        Proposal { expect: vec![Expect::Live(id)], changes, ..Proposal::default() }
    }

    /// Hands on how a sync of data on a tier went.
    ///
    /// The sync of a directory that failed was also that of the names that relaxed puts of this handle have in it: one
    /// that succeeds later would prove nothing of them.
    pub(crate) fn note_sync<T>(&self, tier: TierIndex, synced: Result<T>) -> Result<T> {
        if let Err(Error::Io { action: "sync the directory", .. }) = &synced {
            self.catalog.distrust(tier);
        }
        self.unless_closed(synced)
    }

    /// After a close what was not committed is swept, and not found any more: that is no fault of a medium.
    pub(crate) fn unless_closed<T>(&self, done: Result<T>) -> Result<T> {
        done.or_else(|error| self.check().and(Err(error)))
    }

    /// An object that a verb of this scope is about.
    pub(crate) fn look_up(&self, id: ObjectId, scope: Scope) -> Result<Object> {
        match scope {
            Scope::Live => self.live(id),
            Scope::Kept => self.catalog.object(id)?.ok_or(Error::ObjectNotFound { id }),
        }
    }

    /// The same, and learns of tiers that changed until then.
    fn look_up_for_reading(&self, id: ObjectId, scope: Scope) -> Result<Object> {
        let (object, changed) = self.catalog.object_and_tiers(id)?;
        let object = object.filter(|object| scope == Scope::Kept || !object.is_removed());
        let object = object.ok_or(Error::ObjectNotFound { id })?;
        if changed != Some(self.tiers_known.load(Ordering::Acquire)) {
            self.learn_tiers()?;
        }
        Ok(object)
    }

    /// Refuses where a pin keeps an object's copy on a tier.
    pub(crate) fn check_not_pinned(&self, id: ObjectId, tier: TierIndex) -> Result<()> {
        match self.catalog.pinned(id, tier, self.clock.now_ns())? {
            Some(pin) => Err(Error::Pinned { pin: Box::new(pin) }),
            None => Ok(()),
        }
    }

    /// A live object.
    pub(crate) fn live(&self, id: ObjectId) -> Result<Object> {
        self.catalog.object(id)?.filter(|object| !object.is_removed()).ok_or(Error::ObjectNotFound { id })
    }

    /// Learns of tiers that others added or changed.
    pub(crate) fn refresh_tiers(&self) -> Result<()> {
        let configs: Vec<_> = self.catalog.tiers()?.into_iter().map(|usage| usage.config).collect();
        self.tiers.configure(&configs);
        Ok(())
    }

    /// Learns of tiers if any handle changed one since this one last looked.
    pub(crate) fn learn_tiers(&self) -> Result<()> {
        let changed = self.catalog.tiers_changed()?;
        if self.tiers_known.load(Ordering::Acquire) != changed {
            self.refresh_tiers()?;
            self.tiers_known.store(changed, Ordering::Release);
        }
        Ok(())
    }

    /// A tier by index, as it is now.
    pub(crate) fn tier(&self, index: TierIndex) -> Result<Arc<crate::tier::Tier>> {
        self.learn_tiers()?;
        self.known_tier(index)
    }

    /// A tier by index, as it was when this handle last looked.
    fn known_tier(&self, index: TierIndex) -> Result<Arc<crate::tier::Tier>> {
        match self.tiers.get(index) {
            // Who added it could not tell the others.
            Err(error) if error.kind() == Kind::NotFound => {
                self.refresh_tiers()?;
                self.tiers.get(index)
            }
            found => found,
        }
    }

    /// The tier that data goes to: the one named, or the hottest that takes new data. Others may have changed
    /// the tiers since we looked: the commit finds that out.
    pub(crate) fn target(&self, named: Option<TierIndex>) -> Result<Arc<crate::tier::Tier>> {
        self.learn_tiers()?;
        let wanted = || match named {
            Some(index) => self.tiers.get(index).ok(),
            None => self.tiers.all().into_iter().find(|tier| tier.config.state == TierState::Active),
        };
        if let Some(tier) = wanted().filter(|tier| tier.config.state == TierState::Active) {
            self.check_is_compared(&tier)?;
            return Ok(tier);
        }
        self.refresh_tiers()?;
        wanted().ok_or_else(|| match named {
            Some(tier) => Error::TierNotFound { tier },
            None => Error::ReadOnly { reason: "no tier is active; add one or set one active".to_owned() },
        })
    }

    /// Where a copy has to go on whose commit met with `error`: `None` when its tier is not the reason.
    pub(crate) fn new_target(
        &self,
        named: Option<TierIndex>,
        tier: &crate::tier::Tier,
        error: &Error,
    ) -> Result<Option<Arc<crate::tier::Tier>>> {
        if !may_be_stale(error) {
            return Ok(None);
        }
        self.refresh_tiers()?;
        let target = self.target(named)?;
        let place = |tier: &crate::tier::Tier| (tier.index(), tier.config.incarnation);
        let elsewhere = target.config.state == TierState::Active && place(&target) != place(tier);
        Ok(elsewhere.then_some(target))
    }

    /// Opens one of an object's copies: on `tier` if one is named, else the hottest that can be read, a delayed one last.
    /// Returns the object as it was when it was opened, with the index of the copy in it.
    pub(crate) fn open_copy(
        &self,
        id: ObjectId,
        scope: Scope,
        tier: Option<TierIndex>,
        from: ReadFrom,
    ) -> Result<(Object, CopyReader, TierIndex)> {
        let mut last_seen = None;
        loop {
            let object = self.look_up_for_reading(id, scope)?;
            let content = object.content.clone().ok_or(Error::NoData { id })?;
            if let Some(tier) = tier
                && object.copy_on(tier).is_none()
            {
                return Err(Error::CopyNotFound { id, tier });
            }
            let mut first_error = None;
            for number in 0.. {
                let Some(at) = self.tiers.nth_in_order(&object, number) else { break };
                if tier.is_some_and(|tier| tier != at) {
                    continue;
                }
                match self.try_copy_here(&object, &content, at, from) {
                    Ok(Some(reader)) => return Ok((object, reader, at)),
                    Ok(None) => {
                        first_error.get_or_insert_with(|| Error::Corrupt {
                            id,
                            tier: at,
                            offset: 0,
                            detail: "the file that holds it is missing".to_owned(),
                        });
                    }
                    // That one can be mended by whoever asks.
                    Err(error @ Error::Delayed { .. }) => first_error = Some(error),
                    Err(error) => {
                        first_error.get_or_insert(error);
                    }
                }
            }
            // A place that was gone because the object moved on meanwhile is looked up again.
            if last_seen.replace(object.changed) == Some(object.changed) {
                let nothing = || Error::TierOffline {
                    tier: 0,
                    detail: format!("no tier holds a copy of object {id}; it was released by force"),
                };
                return Err(first_error.unwrap_or_else(nothing));
            }
            // Or it lies on a root that this handle does not know yet.
            self.refresh_tiers()?;
        }
    }

    /// Opens the copy on one tier. `None`: its place is gone.
    pub(crate) fn try_copy(
        &self,
        object: &Object,
        content: &Content,
        tier: TierIndex,
        from: ReadFrom,
    ) -> Result<Option<CopyReader>> {
        self.learn_tiers()?;
        self.try_copy_here(object, content, tier, from)
    }

    /// The same on a tier as this handle knows it.
    fn try_copy_here(
        &self,
        object: &Object,
        content: &Content,
        tier: TierIndex,
        from: ReadFrom,
    ) -> Result<Option<CopyReader>> {
        let Some(copy) = object.copy_on(tier) else { return Ok(None) };
        let tier = self.known_tier(tier)?;
        let wanted = Wanted { id: object.id, generation: object.generation, content };
        CopyReader::open_on(&tier, &wanted, copy, from)
    }

    /// Counts places that a commit made garbage, and removes garbage once there is enough of it.
    pub(crate) fn note_garbage(&self, places: usize) -> Result<()> {
        let waiting = self.garbage.fetch_add(places as u64, Ordering::AcqRel) + places as u64;
        if waiting >= RECLAIM_AFTER { self.reclaim().map(drop) } else { Ok(()) }
    }

    /// Removes the bytes of copies that were dropped or overwritten. Returns how many places went.
    ///
    /// Tiers that are out of reach keep their garbage until they are back.
    pub(crate) fn reclaim(&self) -> Result<u64> {
        self.reclaim_watched(&mut Watch::nobody())
    }

    /// The same, followed by a monitor.
    pub(crate) fn reclaim_watched(&self, watch: &mut Watch<'_>) -> Result<u64> {
        self.garbage.store(0, Ordering::Release);
        // At a root that is no longer the tier's, what is garbage would not be found, and taken for removed.
        self.refresh_tiers()?;
        let (mut removed_in_all, mut after) = (0, None);
        loop {
            watch.check()?;
            let found = self.catalog.garbage(after, RECLAIM_AT_ONCE)?;
            // Another may take the roots over at any time: they are asked once a page, and held until it is removed.
            let tiers: BTreeSet<_> = found.iter().map(|garbage| garbage.tier).collect();
            let is_ours = |index| match self.tier(index) {
                Ok(tier) if tier.config.state != TierState::Lost => self.check_is_ours(&tier),
                _ => Ok(Held::default()), // Nothing is there any more.
            };
            let ours: Vec<_> =
                tiers.into_iter().filter_map(|index| Some((index, is_ours(index).ok()?))).collect();
            if self.is_held() {
                return Ok(removed_in_all);
            }
            let mut removed: Vec<Garbage> = Vec::with_capacity(found.len());
            for garbage in &found {
                if ours.iter().any(|(tier, _)| *tier == garbage.tier) && self.remove_place(garbage).is_ok() {
                    removed.push(*garbage);
                }
            }
            self.sync_removals(&mut removed);
            drop(ours);
            if !removed.is_empty() {
                self.catalog.forget_garbage(&removed)?;
            }
            watch.objects(removed.len() as u64)?;
            removed_in_all += removed.len() as u64;
            if found.len() < RECLAIM_AT_ONCE {
                return Ok(removed_in_all);
            }
            after = found.last().copied();
        }
    }

    fn remove_place(&self, garbage: &Garbage) -> Result<()> {
        match self.tier(garbage.tier) {
            Ok(tier) if tier.config.state != TierState::Lost => tier.backend.remove(garbage.name),
            Ok(_) => Ok(()),
            // A tier that was retired or lost holds nothing of ours any more.
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Keeps in `removed` what is removed for good.
    fn sync_removals(&self, removed: &mut Vec<Garbage>) {
        let mut tiers: Vec<TierIndex> = removed.iter().map(|garbage| garbage.tier).collect();
        tiers.dedup();
        for index in tiers {
            let Ok(tier) = self.tier(index) else { continue };
            if tier.config.state == TierState::Lost {
                continue;
            }
            let names: Vec<_> =
                removed.iter().filter(|garbage| garbage.tier == index).map(|garbage| garbage.name).collect();
            if tier.backend.sync_removals(&names).is_err() {
                removed.retain(|garbage| garbage.tier != index);
            }
        }
    }
}

/// Where a verification reads from.
pub(crate) fn verify_from() -> ReadFrom {
    if mutant(Mutant::VerifyFromCache) { ReadFrom::Anywhere } else { ReadFrom::Medium }
}

/// Whether trying again, from a fresh look at the object, can help.
pub(crate) fn is_race(error: &Error) -> bool {
    error.kind() == Kind::Conflict
}

/// Whether an error may come from tiers that others changed since this handle looked at them.
fn may_be_stale(error: &Error) -> bool {
    matches!(
        error,
        Error::Conflict { .. }
            | Error::TierReadOnly { .. }
            | Error::TierNotFound { .. }
            | Error::TierOffline { .. }
    )
}

/// Attempts of a verb that others keep changing the object under, before it gives up.
pub(crate) const ATTEMPTS_MAX: usize = 200;
