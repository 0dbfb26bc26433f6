//! A look at a store that no one else has open: everything is readable, and everything adds up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hsm_core::object::{Name, Object, ObjectId, Position};
use hsm_core::{Query, Store, StoreOptions};

use super::content;
use crate::model::fold::Folded;
use crate::model::roots;

/// What an audit found to be there.
#[derive(Debug, Default)]
pub struct Audited {
    /// Objects, removed ones included.
    pub objects: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Events in the feed.
    pub events: u64,
}

/// Audits the store in `directory`. Panics where something does not add up.
pub fn audit(directory: &Path, options: &StoreOptions) -> Audited {
    let store = Store::open(directory, options).expect("the store opens");
    assert_eq!(store.read_only_reason(), None);
    store.sync().expect("a sync");
    let folded = follow(&store);
    let objects = compare(&store, &folded).len();
    let mut audited = Audited { objects, events: folded.position.number, ..Audited::default() };
    for object in folded.objects.values().filter(|object| !object.is_removed()) {
        audited.bytes += read(&store, object);
    }
    drop_everything(&store, directory, options);
    audited
}

fn follow(store: &Store) -> Folded {
    let mut folded = Folded::default();
    for event in store.feed(Position::default()) {
        folded.apply(&event.expect("the feed is readable"));
    }
    assert_eq!(folded.position, store.position().expect("a position"), "the feed reaches the end");
    folded
}

/// The listings are what the feed says. Returns every object, removed ones included.
pub fn compare(store: &Store, folded: &Folded) -> BTreeMap<ObjectId, Object> {
    let mut found = BTreeMap::<ObjectId, Object>::new();
    for removed in [false, true] {
        for item in store.objects(&Query { removed, ..Query::default() }) {
            let (_, object) = item.expect("a listing");
            assert!(found.insert(object.id, object).is_none(), "an object is listed once");
        }
    }
    assert_eq!(found, folded.objects, "objects listed (left), and by the feed");
    let mut names = BTreeMap::new();
    for dataset in store.datasets(None, 1000).expect("datasets") {
        assert_eq!(dataset, folded.dataset(dataset.id), "a dataset listed (left), and by the feed");
        for item in store.objects(&Query::dataset(dataset.id)) {
            let (key, object) = item.expect("a listing");
            names.insert(Name { dataset: dataset.id, key }, object.id);
        }
    }
    assert_eq!(names, folded.names, "keys listed (left), and by the feed");
    for usage in store.tiers().expect("tiers") {
        let sum = folded.usage(usage.config.index);
        assert_eq!(
            (usage.objects, usage.bytes),
            sum,
            "usage of tier {} (left), and its sum",
            usage.config.index
        );
    }
    found
}

/// Every copy of an object is whole, and so are its bytes. Returns how many there are.
fn read(store: &Store, object: &Object) -> u64 {
    if object.content.is_none() {
        return 0;
    }
    let bytes = store.get(object.id).expect("an object is readable");
    assert_eq!(bytes.len() as u64, object.size());
    content::check(object.id, &bytes, 0, object.size()).expect("a content is whole");
    for copy in &object.copies {
        store.verify(object.id, copy.tier).expect("a copy is whole");
    }
    object.size()
}

/// After the sweep nothing lies on the roots that the feed does not know, and nothing is missing.
fn drop_everything(store: &Store, directory: &Path, options: &StoreOptions) {
    store.maintain().expect("maintenance");
    store.close().expect("the store closes");
    let store = Store::open(directory, options).expect("the store opens again");
    assert_eq!(store.new_epoch_cause(), None, "nothing was left to be made good");
    let folded = follow(&store);
    let found = roots::places(directory, &folded);
    let expected: BTreeSet<String> = roots::expected(&folded);
    let stray: Vec<_> = found.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(stray.is_empty() && missing.is_empty(), "stray places: {stray:?}; missing: {missing:?}");
    store.close().expect("the store closes");
    let members = std::fs::read_dir(directory.join("members")).expect("members").count();
    assert_eq!(members, 0, "no member is left when all have closed");
}
