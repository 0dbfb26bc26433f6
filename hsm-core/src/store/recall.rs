//! Delayed tiers as programs see them: whether copies can be read now, and what a recall would come to.
//!
//! A recall itself is an action: see [`Store::submit`]. It asks the tier, waits without a thread and without an attempt
//! that failed, and makes the copy once the bytes can be read.

use std::collections::{BTreeMap, BTreeSet};

use super::Store;
use crate::backend::PlaceName;
use crate::backend::delayed::{DelayedCounts, Plan};
use crate::catalog::Query;
use crate::error::Result;
use crate::object::{Copy, Object, ObjectId, Readiness, TierIndex};
use crate::tier::{Tier, places};

/// Objects looked up together.
const OBJECTS_AT_ONCE: usize = 1000;
/// Objects and places that are remembered, so that none is counted twice.
const PLACES_MAX: usize = 65_536;

/// What a recall would come to, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecallEstimate {
    /// Objects that would be copied. Beyond 65 536 one that was named twice may be counted twice, here and below.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that have a copy on the target already.
    pub there: u64,
    /// Objects that cannot be recalled: there is none of this id, or it has no data, or no copy.
    pub missing: u64,
    /// Places on delayed tiers that would be fetched. Beyond 65 536 one may be counted twice.
    pub places: u64,
    /// How often another tape would be put into a drive.
    pub mounts: u64,
    /// How long it takes until the last place can be read, in nanoseconds, by the settings of the tiers and what their
    /// drives have to do; 0 where all of it is online.
    pub wait_ns: u64,
    /// How long the bytes take at the rate that was given, in nanoseconds; 0 without one.
    pub read_ns: u64,
}

impl Store {
    /// How each copy of an object stands, the one on the hottest tier first. `Offline` is one that has to be recalled, or
    /// whose tier is out of reach. Requests are known to the handle that made them: another one says `Offline`.
    ///
    /// # Errors
    ///
    /// `ObjectNotFound`.
    pub fn readiness(&self, id: ObjectId) -> Result<Vec<(TierIndex, Readiness)>> {
        let object = self.object(id)?;
        self.engine().learn_tiers()?;
        Ok(object.copies.iter().map(|copy| (copy.tier, self.copy_readiness(copy))).collect())
    }

    /// How one copy stands.
    fn copy_readiness(&self, copy: &Copy) -> Readiness {
        let is_in_reach = |tier: &Tier| tier.config.state.is_readable() && tier.backend.check_root().is_ok();
        match self.engine().tier(copy.tier) {
            Ok(tier) if is_in_reach(&tier) => tier.readiness(copy),
            _ => Readiness::Offline,
        }
    }

    /// While the answer is held, delayed tiers answer at once in this handle: for a test that reads everything.
    #[cfg(feature = "testing")]
    pub fn without_delays(&self) -> impl Drop + use<> {
        self.engine().tiers.at_once()
    }

    /// What a delayed tier had to do since this handle knows it; `None`: it is not delayed.
    pub fn delayed_counts(&self, tier: TierIndex) -> Result<Option<DelayedCounts>> {
        self.engine().check()?;
        Ok(self.engine().tier(tier)?.delayed.as_ref().map(|delayed| delayed.counts()))
    }

    /// What recalls of these objects to `target` would come to. Nothing is asked for.
    ///
    /// Times come from the settings of the tiers, and from `bytes_a_second`, which the caller knows (0: the time of
    /// reading is left out). It is a plan of one request, with nothing else to come: others take drives, and no more than
    /// 64 requests wait for a drive at a time.
    ///
    /// # Errors
    ///
    /// `TierNotFound` for a target that is none.
    pub fn estimate_recall(
        &self,
        ids: &[ObjectId],
        target: TierIndex,
        bytes_a_second: u64,
    ) -> Result<RecallEstimate> {
        let mut estimating = Estimating::new(self, target)?;
        for ids in ids.chunks(OBJECTS_AT_ONCE) {
            for object in self.engine().catalog.view().objects(ids)? {
                estimating.add(object.filter(|object| !object.is_removed()).as_ref())?;
            }
        }
        Ok(estimating.end(bytes_a_second))
    }

    /// The same of all objects of a listing: a dataset, or what matches a query.
    ///
    /// # Errors
    ///
    /// Those of [`page`](Self::page) too.
    pub fn estimate_recall_of(
        &self,
        query: &Query,
        target: TierIndex,
        bytes_a_second: u64,
    ) -> Result<RecallEstimate> {
        let mut estimating = Estimating::new(self, target)?;
        let mut after = None;
        loop {
            let page = self.page(query, after.as_ref(), OBJECTS_AT_ONCE)?;
            for (_, object) in page.items {
                estimating.add(Some(&object))?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(estimating.end(bytes_a_second));
            }
        }
    }
}

/// An estimate under way.
struct Estimating<'a> {
    store: &'a Store,
    target: TierIndex,
    plans: BTreeMap<TierIndex, Plan>,
    seen: BTreeSet<(TierIndex, PlaceName)>,
    counted: BTreeSet<ObjectId>,
    done: RecallEstimate,
}

impl<'a> Estimating<'a> {
    fn new(store: &'a Store, target: TierIndex) -> Result<Self> {
        let engine = store.engine();
        engine.check()?;
        engine.tier(target)?;
        let (plans, seen, counted) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Ok(Self { store, target, plans, seen, counted, done: RecallEstimate::default() })
    }

    fn add(&mut self, object: Option<&Object>) -> Result<()> {
        let engine = self.store.engine();
        let source = object.and_then(|object| Some((object, engine.tiers.in_order(object).next()?)));
        let Some((object, copy)) = source else {
            self.done.missing += 1;
            return Ok(());
        };
        if self.counted.len() >= PLACES_MAX {
            self.counted.clear();
        }
        if !self.counted.insert(object.id) {
            return Ok(()); // By another key, or named twice.
        }
        if object.copy_on(self.target).is_some() {
            self.done.there += 1;
            return Ok(());
        }
        self.done.objects += 1;
        self.done.bytes += object.size();
        let tier = engine.tier(copy.tier)?;
        let Some(delayed) = &tier.delayed else { return Ok(()) };
        let plan = self.plans.entry(copy.tier).or_insert_with(|| delayed.plan());
        for name in places(copy) {
            if self.seen.len() >= PLACES_MAX {
                self.seen.clear();
            }
            if self.seen.insert((copy.tier, name)) && plan.add(name) {
                self.done.places += 1;
            }
        }
        Ok(())
    }

    fn end(self, bytes_a_second: u64) -> RecallEstimate {
        let wait_ns = self.plans.values().map(Plan::wait_ns).max().unwrap_or(0);
        let read_ns = (u128::from(self.done.bytes) * 1_000_000_000).checked_div(bytes_a_second.into());
        RecallEstimate {
            mounts: self.plans.values().map(Plan::mounts).sum(),
            wait_ns: wait_ns.unsigned_abs(),
            read_ns: read_ns.map_or(0, |ns| u64::try_from(ns).unwrap_or(u64::MAX)),
            ..self.done
        }
    }
}
