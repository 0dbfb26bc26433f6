//! Everything a store says of itself: read through the public API alone.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;

use hsm_core::object::{Action, BackendKind, Copy, Dataset, Lease, Name, Object, ObjectId, Pin, TierConfig};
use hsm_core::{ActionQuery, GetOptions, PinQuery, Query, Store};

use super::Verdict;

/// A store at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Objects, datasets, tiers and subscribers, each under a name of its own with all that is said of it.
    pub entities: BTreeMap<String, String>,
    /// The same without what depends on how other objects fared: numbers of changes, places, counts of keys.
    pub outlines: BTreeMap<String, String>,
    /// A hash of the bytes of each generation that was read.
    pub bytes: BTreeMap<(ObjectId, u64), u64>,
    /// Every object, removed ones included.
    pub objects: Vec<Object>,
    /// Every tier that was not retired and has a root.
    pub tiers: Vec<TierConfig>,
    /// Tiers in memory.
    pub(crate) in_memory: BTreeSet<u8>,
}

/// Reads everything, each copy of each object included, and checks that the parts agree with each other.
pub fn view(store: &Store) -> Verdict<View> {
    if let Some(reason) = store.read_only_reason() {
        return Err(format!("the store is read-only: {reason}"));
    }
    let _whatever_was_recalled = store.without_delays();
    let tiers = store.tiers().map_err(|error| format!("tiers: {error}"))?;
    let in_memory = tiers.iter().map(|usage| &usage.config);
    let in_memory = in_memory.filter(|tier| tier.backend == BackendKind::Memory).map(|tier| tier.index);
    let mut view = View { in_memory: in_memory.collect(), ..View::default() };
    let mut keys: BTreeMap<Name, ObjectId> = BTreeMap::new();
    for removed in [false, true] {
        for item in store.objects(&Query { removed, ..Query::default() }) {
            let (_, object) = item.map_err(|error| format!("objects cannot be listed: {error}"))?;
            let names = if removed { Vec::new() } else { read_object(store, &object, &mut view)? };
            keys.extend(names.iter().map(|name| (name.clone(), object.id)));
            view.entities.insert(object_key(object.id), describe_object(&object, &names));
            view.outlines.insert(object_key(object.id), outline_object(&object, &names));
            view.objects.push(object);
        }
    }
    check_datasets(store, &keys, &mut view)?;
    check_tiers(store, &mut view)?;
    let actions = store.actions(&ActionQuery::default(), 0, usize::MAX);
    for action in actions.map_err(|error| format!("actions: {error}"))? {
        // A list leaves out what is long.
        let action = store.action(action.id).map_err(|error| format!("an action: {error}"))?;
        view.entities.extend([describe_action(&action)]);
        view.outlines.extend([outline_action(&action)]);
    }
    let pins =
        store.pins(&PinQuery::default(), None, usize::MAX).map_err(|error| format!("pins: {error}"))?;
    view.entities.extend(pins.iter().map(describe_pin));
    view.outlines.extend(pins.iter().map(describe_pin));
    view.entities.insert("setting retention".to_owned(), format!("{:?}", store.retention()));
    for tier in view.tiers.clone() {
        let limits = store.tier_limits(tier.index).map_err(|error| format!("limits: {error}"))?;
        view.entities.insert(format!("setting limits {}", tier.index), format!("{limits:?}"));
    }
    view.entities.insert("setting staleness".to_owned(), format!("{:?}", store.access_staleness()));
    for subscriber in store.subscribers().map_err(|error| format!("subscribers: {error}"))? {
        view.entities.insert(format!("subscriber {}", subscriber.name), format!("{:?}", subscriber.acked));
    }
    Ok(view)
}

pub(super) fn object_key(id: ObjectId) -> String {
    format!("object {id}")
}

pub(super) fn describe_object(object: &Object, names: &[Name]) -> String {
    format!("{object:?} {names:?}")
}

/// An object as it is whatever became of others before it: when its last change came, and where its bytes lie, depends
/// on them.
pub(super) fn outline_object(object: &Object, names: &[Name]) -> String {
    let copies = object.copies.iter().map(|copy| Copy { pieces: Vec::new(), ..copy.clone() }).collect();
    describe_object(&Object { changed: 0, copies, ..object.clone() }, names)
}

pub(super) fn outline_dataset(dataset: &Dataset) -> (String, String) {
    describe_dataset(&Dataset { keys: 0, ..dataset.clone() })
}

pub(super) fn describe_dataset(dataset: &Dataset) -> (String, String) {
    (format!("dataset {}", dataset.name), format!("{dataset:?}"))
}

pub(super) fn describe_action(action: &Action) -> (String, String) {
    (format!("action {}", action.id), format!("{action:?}"))
}

pub(super) fn describe_pin(pin: &Pin) -> (String, String) {
    (format!("pin {} {} {}", pin.object, pin.tier, pin.owner), pin.until_ns.to_string())
}

pub(super) fn outline_action(action: &Action) -> (String, String) {
    let lease = action.lease.clone().map(|lease| Lease { token: 0, ..lease });
    describe_action(&Action { number: 0, changed: 0, lease, ..action.clone() })
}

/// Without the incarnation: a creation that was interrupted draws a new one.
pub(super) fn describe_tier(config: &TierConfig) -> (String, String) {
    let config = TierConfig { incarnation: [0; 16], ..config.clone() };
    (format!("tier {}", config.index), format!("{config:?}"))
}

/// Reads every copy of a live object, and returns its names in order.
fn read_object(store: &Store, object: &Object, view: &mut View) -> Verdict<Vec<Name>> {
    let id = object.id;
    // What lies in memory goes with the process.
    for copy in object.copies.iter().filter(|copy| !view.in_memory.contains(&copy.tier)) {
        let hash = hash_copy(store, object, copy.tier)
            .map_err(|error| format!("object {id} on tier {}: {error}", copy.tier))?;
        if *view.bytes.entry((id, object.generation)).or_insert(hash) != hash {
            return Err(format!("object {id}: the copies differ"));
        }
    }
    let mut names = store.names(id).map_err(|error| format!("names of {id}: {error}"))?;
    names.sort();
    for name in &names {
        match store.find(name) {
            Ok(found) if found == id => {}
            found => return Err(format!("{name:?} of object {id} leads to {found:?}")),
        }
    }
    Ok(names)
}

fn hash_copy(store: &Store, object: &Object, tier: u8) -> Verdict<u64> {
    let options = GetOptions { tier: Some(tier) };
    let mut reader = store.reader(object.id, &options).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 != object.size() {
        return Err(format!("{} bytes, {} are recorded", bytes.len(), object.size()));
    }
    Ok(hash_of(&bytes))
}

/// The hash that [`View::bytes`] holds.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn check_datasets(store: &Store, keys: &BTreeMap<Name, ObjectId>, view: &mut View) -> Verdict<()> {
    let mut listed = BTreeMap::new();
    let datasets = store.datasets(None, 1000).map_err(|error| format!("datasets: {error}"))?;
    for dataset in datasets {
        let before = listed.len();
        for item in store.objects(&Query::dataset(dataset.id)) {
            let (key, object) = item.map_err(|error| format!("a dataset cannot be listed: {error}"))?;
            listed.insert(Name { dataset: dataset.id, key }, object.id);
        }
        if (listed.len() - before) as u64 != dataset.keys {
            return Err(format!("{dataset:?} holds {} keys", listed.len() - before));
        }
        view.entities.extend([describe_dataset(&dataset)]);
        view.outlines.extend([outline_dataset(&dataset)]);
    }
    if listed == *keys { Ok(()) } else { Err(format!("names by object {keys:?}, by dataset {listed:?}")) }
}

fn check_tiers(store: &Store, view: &mut View) -> Verdict<()> {
    for usage in store.tiers().map_err(|error| format!("tiers: {error}"))? {
        let tier = usage.config.index;
        let copies = view.objects.iter().filter_map(|object| object.copy_on(tier));
        let sizes: Vec<u64> = copies.map(|copy| copy.pieces.iter().map(|piece| piece.length).sum()).collect();
        let sum = (sizes.len() as u64, sizes.iter().sum::<u64>());
        if sum != (usage.objects, usage.bytes) {
            return Err(format!("tier {tier} says {usage:?}, its copies are {sum:?}"));
        }
        if usage.config.state.is_readable() && !store.is_tier_online(tier).unwrap_or(false) {
            return Err(format!("tier {tier} is offline"));
        }
        view.entities.extend([describe_tier(&usage.config)]);
        view.outlines.extend([describe_tier(&usage.config)]);
        if usage.config.backend != BackendKind::Memory {
            view.tiers.push(usage.config);
        }
    }
    Ok(())
}

/// Where two sets of entities differ first, if they do.
pub fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Option<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let name = names.into_iter().find(|name| one.get(*name) != other.get(*name))?;
    let show = |side: &BTreeMap<String, String>| side.get(name).cloned().unwrap_or_else(|| "-".to_owned());
    Some(format!("{name}: [{}] [{}]", show(one), show(other)))
}
