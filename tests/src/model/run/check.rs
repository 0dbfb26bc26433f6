//! What must agree after each step: the store, the model and the feed.

use std::collections::{BTreeMap, BTreeSet};

use hsm_core::object::{Dataset, Name, Object, ObjectId};
use hsm_core::{Kind, PinQuery, Query};

use super::super::roots;
use super::{Kept, Run};

impl Run {
    /// Compares all metadata.
    pub(super) fn check(&mut self) {
        let store = self.store();
        assert_eq!(store.position().expect("a position"), self.position(), "the last change");
        self.follow();
        let objects = self.check_objects();
        self.check_names(&objects);
        let usage: Vec<_> = store.tiers().expect("tiers");
        let usage: Vec<_> =
            usage.into_iter().map(|usage| (usage.config, usage.objects, usage.bytes)).collect();
        assert_eq!(usage, self.tiers_in_use(), "tiers and their usage");
        let pins = store.pins(&PinQuery::default(), None, usize::MAX).expect("pins");
        assert_eq!(pins, self.state.pins_now(), "pins");
        if self.state.durable == self.state.number {
            assert_eq!(self.folded.position, self.position());
            assert_eq!(self.folded.objects, objects, "objects as the feed tells them (left)");
            assert_eq!(self.folded.names, self.state.names, "names as the feed tells them (left)");
            assert_eq!(self.folded.tiers, self.state.tiers, "tiers as the feed tells them (left)");
            for (config, objects, bytes) in self.tiers_in_use() {
                assert_eq!(self.folded.usage(config.index), (objects, bytes), "usage by the feed (left)");
            }
        }
    }

    /// All objects, by id, once each, as the model has them.
    fn check_objects(&self) -> BTreeMap<ObjectId, Object> {
        let store = self.store();
        let mut objects = BTreeMap::new();
        for removed in [false, true] {
            let mut before = 0;
            for item in store.objects(&Query { removed, ..Query::default() }) {
                let (key, object) = item.expect("a listing");
                assert!(key.is_empty(), "the listing is of no dataset");
                assert_eq!(object.is_removed(), removed);
                let entry = self.state.objects.get(&object.id);
                let entry = entry.unwrap_or_else(|| panic!("{} is not in the model", object.id));
                entry.check(&object);
                assert!(before < entry.number, "{} is not in order of arrival", object.id);
                before = entry.number;
                let twice = objects.insert(object.id, object);
                assert!(twice.is_none(), "{twice:?} is listed twice");
            }
        }
        let expected: Vec<_> = self.state.objects.keys().collect();
        assert_eq!(objects.keys().collect::<Vec<_>>(), expected, "which objects there are");
        objects
    }

    fn check_names(&self, objects: &BTreeMap<ObjectId, Object>) {
        let store = self.store();
        let mut found = BTreeMap::new();
        let datasets = store.datasets(None, 100).expect("datasets");
        for dataset in &datasets {
            for item in store.objects(&Query::dataset(dataset.id)) {
                let (key, object) = item.expect("a listing");
                assert_eq!(object, objects[&object.id], "an object by its key, and by its id");
                let name = Name { dataset: dataset.id, key };
                assert_eq!(store.find(&name).expect("a name"), object.id);
                assert!(found.insert(name, object.id).is_none(), "a key appears once");
            }
        }
        assert_eq!(found, self.state.names, "names");
        for (id, object) in objects.iter().filter(|(_, object)| !object.is_removed()) {
            let names: BTreeSet<Name> = store.names(*id).expect("names").into_iter().collect();
            let expected =
                self.state.names.iter().filter(|(_, named)| *named == id).map(|(name, _)| name.clone());
            assert_eq!(names, expected.collect(), "names of {id}");
            assert_eq!(object.name.is_some(), !names.is_empty());
        }
        let mut expected: Vec<Dataset> = self
            .state
            .datasets
            .iter()
            .map(|(id, dataset)| Dataset {
                id: *id,
                name: dataset.name.clone(),
                created_ns: dataset.created_ns,
                attributes: dataset.attributes.clone(),
                keys: self.state.names.keys().filter(|name| name.dataset == *id).count() as u64,
            })
            .collect();
        expected.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(datasets, expected, "datasets");
        for dataset in &expected {
            if self.state.durable == self.state.number {
                assert_eq!(
                    &self.folded.dataset(dataset.id),
                    dataset,
                    "a dataset as the feed tells it (left)"
                );
            }
        }
        let paged = datasets.iter().scan(None, |after: &mut Option<String>, _| {
            let page = store.datasets(after.as_deref(), 1).expect("a page");
            *after = page.first().map(|dataset| dataset.name.clone());
            page.into_iter().next()
        });
        assert_eq!(paged.collect::<Vec<_>>(), expected, "datasets one by one");
    }

    /// Compares the bytes of one object.
    pub(super) fn check_content(&mut self, id: ObjectId) {
        let read = self.store().get(id);
        match (read, self.state.get(id)) {
            (Ok(read), Ok(bytes)) => assert!(read == bytes, "the bytes of {id} are not what was put"),
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "reading {id}: {error}"),
            (Err(error), Ok(_)) => panic!("{id} cannot be read: {error}"),
            (Ok(_), Err(kind)) => panic!("{id} can be read, where the model says {kind:?}"),
        }
    }

    /// Compares the bytes of all objects, and of the readers that are held.
    pub(super) fn check_contents(&mut self) {
        for id in self.known.clone() {
            self.check_content(id);
        }
        self.check_held();
    }

    /// What was not recalled is read where a copy of it is at hand, as its readiness says, and else it is said to be
    /// offline: by each handle, which knows what it wrote itself.
    pub(super) fn check_tapes(&mut self) {
        if self.kept != Kept::OnTapes {
            return;
        }
        self.without_delays.clear();
        for store in self.stores.iter().flatten() {
            for id in &self.known {
                let Ok(bytes) = self.state.get(*id) else { continue };
                let copies = store.readiness(*id).expect("readiness");
                let is_at_hand = copies.iter().any(|(_, readiness)| readiness.is_readable());
                match store.get(*id) {
                    Ok(read) => {
                        assert!(read == bytes, "the bytes of {id} are not what was put");
                        assert!(is_at_hand, "{id} was read: {copies:?}");
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), Kind::Offline, "reading {id}: {error}");
                        assert!(!is_at_hand, "{id} cannot be read: {copies:?}, {error}");
                        self.offline += 1;
                    }
                }
            }
            self.without_delays.push(Box::new(store.without_delays()));
        }
    }

    /// When nothing is open any more, the roots hold what the feed says, and nothing else.
    pub(super) fn check_roots(&mut self) {
        let store = self.store();
        store.maintain().expect("maintenance");
        self.state.maintain();
        self.note_sync();
        store.close().expect("the store closes");
        self.stores = [None, None];
        self.stores[self.current] = Some(self.open());
        self.follow();
        let expected = roots::expected(&self.folded);
        let found = roots::places(&self.directory(), &self.folded);
        assert_eq!(found, expected, "places on the roots (left) are those the feed knows");
        assert_eq!(store.position().map_err(|error| error.kind()), Err(Kind::Closed));
    }
}
