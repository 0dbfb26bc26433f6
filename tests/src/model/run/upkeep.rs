//! Steps on copies, tiers, datasets, and the store as a whole.

use std::time::Duration;

use hsm_core::clock::Clock as _;
use hsm_core::journal::{Change, EpochCause};
use hsm_core::object::{ObjectId, Position, TierConfig, TierIndex, TierState};
use hsm_core::{CompactOptions, Durability, Finding, Kind, Query};

use super::super::step::{List, Reopen, Step};
use super::super::transfer::Transfer;
use super::{
    BEGIN_NS, Kept, Run, attribute, dataset_name, key_bytes, no_attributes, same, tier_config, updates, value,
};

fn owner_name(number: bool) -> &'static str {
    if number { "ann" } else { "" }
}

impl Run {
    /// Does a step on copies. `None`: it is another kind of step.
    pub(super) fn copy_step(&mut self, step: &Step) -> Option<Vec<ObjectId>> {
        let store = self.store();
        let ids = |objects: &[u8]| objects.iter().map(|object| self.object(*object)).collect::<Vec<_>>();
        let (ids, wanted) = match step {
            Step::Copy { object, source, target } => {
                (ids(&[*object]), Transfer { source: *source, target: *target, release_source: false })
            }
            Step::Move { object, source, target } => {
                (ids(&[*object]), Transfer { source: Some(*source), target: *target, release_source: true })
            }
            Step::CopyMany { objects, source, target } => {
                (ids(objects), Transfer { source: *source, target: *target, release_source: false })
            }
            Step::MoveMany { objects, source, target } => {
                (ids(objects), Transfer { source: Some(*source), target: *target, release_source: true })
            }
            Step::Release { object, tier, force } => {
                let id = self.object(*object);
                let done = store.release(id, *tier, *force);
                let predicted = self.state.release(id, *tier, *force);
                let position = self.position();
                same(done, predicted.map(|dropped| dropped.then_some(position)));
                return Some(vec![id]);
            }
            Step::Verify { object, tier } => {
                let id = self.object(*object);
                let done = store.verify(id, *tier);
                let predicted = self.state.verify(id, *tier).map(|()| self.position());
                same(done, predicted);
                return Some(vec![id]);
            }
            Step::Pin { object, tier, owner, minutes } => {
                let (id, owner) = (self.object(*object), owner_name(*owner));
                let until_ns = self.state.now_ns + Duration::from_mins((*minutes).into()).as_nanos() as i64;
                let done = store.pin(id, *tier, owner, until_ns);
                let predicted = self.state.pin(id, *tier, owner, until_ns).map(|()| self.position());
                same(done, predicted);
                return Some(vec![id]);
            }
            Step::Unpin { object, tier, owner } => {
                let (id, owner) = (self.object(*object), owner_name(*owner));
                let done = store.unpin(id, *tier, owner);
                let there = self.state.unpin(id, *tier, owner);
                same(done, Ok(there.then_some(self.position())));
                return Some(vec![id]);
            }
            _ => return None,
        };
        let done = match (step, wanted.source) {
            (Step::Copy { source: None, target, .. }, _) => vec![store.recall(ids[0], *target)],
            (Step::Copy { .. }, source) => vec![store.copy(ids[0], source, wanted.target)],
            (Step::Move { source, .. }, _) => vec![store.move_object(ids[0], *source, wanted.target)],
            (Step::MoveMany { source, .. }, _) => {
                store.move_many(&ids, *source, wanted.target).expect("answers")
            }
            (_, source) => store.copy_many(&ids, source, wanted.target).expect("answers"),
        };
        let predicted = self.state.transfer(&ids, wanted);
        assert_eq!(done.len(), predicted.len());
        for (done, predicted) in done.into_iter().zip(predicted) {
            same(done.map(|position| position.is_some()), predicted);
        }
        Some(ids)
    }

    /// Does any other step.
    pub(super) fn upkeep_step(&mut self, step: &Step) {
        let store = self.store();
        match step {
            Step::Maintain => {
                let done = store.maintain();
                same(done.map(|done| done.purged), Ok(self.state.maintain()));
                self.note_sync();
            }
            Step::Compact { percent } => self.compact(*percent),
            Step::Wait { minutes } => {
                self.clock.advance(Duration::from_mins(u64::from(*minutes)));
                self.state.now_ns = self.clock.now_ns();
            }
            Step::CreateDataset { dataset } => {
                let done = store.create_dataset(&dataset_name(*dataset), &no_attributes());
                let fresh = done.as_ref().ok().copied();
                same(done, self.state.create_dataset(&dataset_name(*dataset), &no_attributes(), fresh));
            }
            Step::RemoveDataset { dataset } => {
                let id = self.dataset(*dataset);
                let done = store.remove_dataset(id);
                let predicted = self.state.remove_dataset(id).map(|()| self.position());
                same(done, predicted);
            }
            Step::SetDatasetAttributes { dataset, updates: changed } => {
                let (id, changed) = (self.dataset(*dataset), updates(changed));
                let done = store.set_dataset_attributes(id, &changed);
                let predicted = self.state.set_dataset_attributes(id, &changed).map(|()| self.position());
                same(done, predicted);
            }
            Step::List(list) => self.list(list),
            Step::Snapshot => {
                let done = store.snapshot();
                let in_files = self.kept != Kept::InMemory;
                if in_files {
                    self.state.durable = self.state.number;
                }
                same(done, Ok(in_files.then(|| self.position())));
            }
            Step::Sync => {
                self.state.durable = self.state.number;
                same(store.sync(), Ok(self.position()));
            }
            Step::OtherHandle if self.kept != Kept::InMemory => {
                self.current = 1 - self.current;
                if self.stores[self.current].is_none() {
                    self.stores[self.current] = Some(self.open());
                }
            }
            Step::Reopen(how) if self.kept != Kept::InMemory => self.reopen(*how),
            _ => self.tier_step(step),
        }
    }

    fn tier_step(&mut self, step: &Step) {
        let store = self.store();
        match step {
            Step::AddTier { tier } => self.add_tier(*tier),
            Step::SetTierState { tier, state } => {
                let done = store.set_tier_state(*tier, *state);
                same(done, self.state.change_tier(*tier, |config| config.state = *state));
            }
            Step::SetCapacity { tier, mib } => {
                let change = |config: &mut TierConfig| config.capacity_bytes = u64::from(*mib) << 20;
                let done = store.tier(*tier).and_then(|usage| {
                    let mut config = usage.config;
                    change(&mut config);
                    store.change_tier(&config)
                });
                same(done, self.state.change_tier(*tier, change));
            }
            Step::Drain { tier, target } => {
                let done = store.drain_tier(*tier, *target);
                same(done, self.state.drain_tier(*tier, *target));
            }
            Step::Lose { tier } => {
                let sorted = |mut ids: Vec<ObjectId>| {
                    ids.sort_unstable();
                    ids
                };
                let done = store.lose_tier(*tier);
                same(done.map(sorted), self.state.lose_tier(*tier).map(sorted));
            }
            Step::Retire { tier } => same(store.retire_tier(*tier), self.state.retire_tier(*tier)),
            _ => {}
        }
    }

    fn add_tier(&mut self, tier: TierIndex) {
        self.roots += 1;
        let mut config = tier_config(self.kept, tier, format!("tiers/more-{}", self.roots));
        if self.kept == Kept::InMemory {
            config = TierConfig { backend: TierConfig::memory(tier).backend, root: String::new(), ..config };
        }
        let store = self.store();
        let done = store.add_tier(&config);
        if let Ok(usage) = store.tier(tier) {
            config.incarnation = usage.config.incarnation;
        }
        same(done, self.state.add_tier(&config));
    }

    fn list(&mut self, list: &List) {
        let passed_ns = self.state.now_ns - BEGIN_NS;
        let time =
            |percent: Option<u8>| percent.map(|percent| BEGIN_NS + passed_ns / 100 * i64::from(percent));
        let prefix = list.prefix.map(|(key, len)| {
            let mut key = key_bytes(key);
            key.truncate(len);
            key
        });
        let query = Query {
            dataset: list.dataset.map(|dataset| self.dataset(dataset)),
            key_prefix: prefix.unwrap_or_default(),
            tier: list.tier,
            not_on_tier: list.not_on_tier,
            size_min: list.size_min,
            size_max: list.size_max,
            created_from_ns: time(list.times[0]),
            created_before_ns: time(list.times[1]),
            modified_from_ns: time(list.times[2]),
            modified_before_ns: time(list.times[3]),
            attribute: list.attribute.map(|(name, new)| (attribute(name), new.map(value))),
            removed: list.removed,
            ..Query::default()
        };
        let store = self.store();
        let (mut after, mut found) = (None, Ok(Vec::new()));
        while let Ok(items) = &mut found {
            match store.page(&query, after.as_ref(), list.page) {
                Ok(page) => {
                    assert!(page.items.len() <= list.page, "a page is longer than asked for");
                    items.extend(page.items.map(|(key, object)| (key, object.id)));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                Err(error) => found = Err(error),
            }
        }
        same(found, self.state.list(&query));
    }

    /// Closes every handle, and opens one.
    pub(super) fn reopen(&mut self, how: Reopen) {
        self.check_held();
        self.held.clear();
        for store in self.stores.iter_mut().filter_map(Option::take) {
            if !matches!(how, Reopen::Drop) {
                store.close().expect("the store closes");
                assert_eq!(store.position().map_err(|error| error.kind()), Err(Kind::Closed));
            }
        }
        self.state.durable = self.state.number;
        let rebuilt = matches!(how, Reopen::WithoutIndex | Reopen::Damaged);
        match how {
            Reopen::WithoutIndex => {
                std::fs::remove_dir_all(self.directory().join("index")).expect("an index");
            }
            Reopen::Damaged => {
                std::fs::write(self.directory().join("index.damaged"), "damaged\n").expect("a mark");
            }
            Reopen::Close | Reopen::Drop => {}
        }
        let store = self.open();
        assert_eq!(store.new_epoch_cause(), rebuilt.then_some(EpochCause::Rebuilt));
        assert_eq!(store.read_only_reason(), None);
        if rebuilt {
            self.state.epoch += 1;
            self.state.next(Durability::Durable);
        }
        self.stores[self.current] = Some(store);
    }

    /// Tiers as they are in use, for a look at their usage.
    pub(super) fn tiers_in_use(&self) -> Vec<(TierConfig, u64, u64)> {
        let in_use = self.state.tiers.values().filter(|config| config.state != TierState::Retired);
        in_use
            .map(|config| {
                let (objects, bytes) = self.state.usage(config.index);
                (config.clone(), objects, bytes)
            })
            .collect()
    }

    /// Which copies lie in a pack in which little lives is the store's affair. What was moved stands in the feed, and
    /// nothing else of the object changed.
    fn compact(&mut self, percent: u8) {
        let store = self.store();
        let options = CompactOptions { live_percent_min: percent, ..CompactOptions::default() };
        let done = store.compact(&options, |finding| match finding {
            Finding::OutOfReach { .. } => Ok(()),
            _ => panic!("{finding:?}"),
        });
        let done = done.expect("packs can be compacted");
        assert_eq!(done.copies_left, 0);
        self.compacted += done.objects;
        let events = store.feed(self.position()).map(|event| event.expect("the feed is readable"));
        let events: Vec<_> = events.collect();
        assert_eq!(events.len() as u64, done.objects);
        for event in events {
            let Change::CopyRelocated { object, generation, copy } = event.change else {
                panic!("{event:?}")
            };
            let now_ns = self.state.now_ns;
            let entry = self.state.change(object, Durability::Durable);
            assert_eq!((entry.changed, entry.generation), (event.position.number, generation));
            let there = entry.copies.get_mut(&copy.tier).expect("a copy was moved that was there");
            (there.created_ns, there.verified_ns) = (now_ns, now_ns);
        }
        self.note_sync();
    }

    /// Maintenance makes relaxed changes durable where it found a pack to remove: all of them, or none.
    pub(super) fn note_sync(&mut self) {
        let last = self.store().feed(self.folded.position).last();
        let reached = last.map(|event| event.expect("the feed is readable").position.number);
        if reached == Some(self.state.number) {
            self.state.durable = self.state.number;
        }
    }

    /// Takes what the feed has since the last look.
    pub(super) fn follow(&mut self) {
        let store = self.store();
        for event in store.feed(self.folded.position) {
            self.folded.apply(&event.expect("the feed is readable"));
        }
        let Position { number, .. } = self.folded.position;
        assert_eq!(number, self.state.durable, "the feed ends with the last durable change");
    }
}
