//! The feed, folded: what a program knows of a store that has read nothing but its events.

use std::collections::{BTreeMap, BTreeSet};

use hsm_core::Event;
use hsm_core::clock::TimeNs;
use hsm_core::journal::{Change, Subject, Updates};
use hsm_core::object::{
    Attributes, Copy, Dataset, DatasetId, Name, Object, ObjectId, Place, Position, TierConfig, TierIndex,
    TierState,
};

/// A store, as its events tell it.
#[derive(Debug, Default)]
pub struct Folded {
    /// The last event.
    pub position: Position,
    /// Every object, removed ones included.
    pub objects: BTreeMap<ObjectId, Object>,
    /// Every key.
    pub names: BTreeMap<Name, ObjectId>,
    /// Every dataset, with the number of the change that created it.
    pub datasets: BTreeMap<DatasetId, (u64, Dataset)>,
    /// Every tier that ever was.
    pub tiers: BTreeMap<TierIndex, TierConfig>,
}

impl Folded {
    /// Takes the next event. It must follow the last one without a gap.
    pub fn apply(&mut self, event: &Event) {
        let Position { epoch, number } = event.position;
        assert_eq!(number, self.position.number + 1, "the feed has a gap");
        let new_epoch = matches!(event.change, Change::EpochBegan { .. });
        assert_eq!(epoch, (self.position.epoch + u64::from(new_epoch)).max(1), "epochs follow each other");
        self.position = event.position;
        self.change(number, event.time_ns, &event.change);
    }

    fn change(&mut self, number: u64, time_ns: TimeNs, change: &Change) {
        match change {
            Change::Put { object, new, name, .. } => {
                self.put(number, time_ns, *object, *new, change);
                if let Some(name) = name {
                    self.name(*object, name);
                }
            }
            Change::CopyAdded { object, generation, copy } => {
                let found = self.touch(*object, number);
                assert_eq!(found.generation, *generation);
                found.copies.retain(|other| other.tier != copy.tier);
                found.copies.push(dated(copy, time_ns));
                found.copies.sort_by_key(|copy| copy.tier);
            }
            Change::CopyRelocated { object, generation, copy } => {
                let found = self.touch(*object, number);
                assert_eq!(found.generation, *generation);
                let there = found.copies.iter_mut().find(|other| other.tier == copy.tier);
                *there.expect("a copy was relocated that was not there") = dated(copy, time_ns);
            }
            Change::CopyDropped { object, generation, tier, .. } => {
                let found = self.touch(*object, number);
                assert_eq!(found.generation, *generation);
                assert!(found.copy_on(*tier).is_some(), "a copy was dropped that was not there");
                found.copies.retain(|copy| copy.tier != *tier);
            }
            Change::CopyVerified { object, generation, tier, whole } => {
                let found = self.touch(*object, number);
                assert_eq!(found.generation, *generation);
                let copy = found.copies.iter_mut().find(|copy| copy.tier == *tier).expect("a copy there");
                copy.verified_ns = if *whole { time_ns } else { 0 };
            }
            Change::Accessed { object, accessed_ns } => {
                let found = self.objects.get_mut(object).filter(|found| !found.is_removed());
                if let Some(found) = found.filter(|found| found.last_used_ns() < *accessed_ns) {
                    found.accessed_ns = *accessed_ns;
                }
            }
            Change::AttributesSet { subject: Subject::Object(id), attributes } => {
                update(&mut self.touch(*id, number).attributes, attributes);
            }
            Change::AttributesSet { subject: Subject::Dataset(id), attributes } => {
                update(&mut self.datasets.get_mut(id).expect("a dataset").1.attributes, attributes);
            }
            Change::Removed { object, until_ns } => {
                self.names.retain(|_, named| named != object);
                self.touch(*object, number).removed_until_ns = (*until_ns).max(1);
            }
            Change::Undeleted { object, name } => {
                let found = self.touch(*object, number);
                assert!(found.is_removed(), "what was undeleted was not removed");
                found.removed_until_ns = 0;
                found.name = None;
                if let Some(name) = name {
                    self.name(*object, name);
                }
            }
            Change::Purged { object } => {
                let gone = self.objects.remove(object).expect("what was purged was not there");
                assert!(gone.is_removed(), "what was purged lived");
            }
            Change::DatasetCreated { dataset, name, attributes } => {
                let mut all = Attributes::new();
                update(&mut all, attributes);
                let (id, name) = (*dataset, name.clone());
                let made = Dataset { id, name, created_ns: time_ns, attributes: all, keys: 0 };
                assert!(self.datasets.insert(id, (number, made)).is_none());
            }
            Change::DatasetRemoved { dataset } => self.remove_dataset(*dataset),
            Change::Named { name, object } => {
                self.touch(*object, number);
                self.name(*object, name);
            }
            Change::Unnamed { name, object } => {
                self.touch(*object, number);
                assert_eq!(self.names.remove(name), Some(*object));
                self.next_first_name(*object, name);
            }
            Change::TierSet(config) => {
                self.tiers.insert(config.index, config.clone());
            }
            _ => {}
        }
    }

    fn put(&mut self, number: u64, time_ns: TimeNs, id: ObjectId, new: bool, change: &Change) {
        let Change::Put { generation, content, copies, attributes, .. } = change else { return };
        let before = self.objects.remove(&id);
        assert_eq!(new, before.as_ref().is_none_or(Object::is_removed), "a put is new, or not");
        assert!(before.as_ref().is_none_or(|before| before.generation < *generation), "generations rise");
        let mut object = before.filter(|_| !new).unwrap_or(Object {
            id,
            generation: 0,
            created_ns: time_ns,
            modified_ns: time_ns,
            accessed_ns: 0,
            changed: number,
            removed_until_ns: 0,
            content: None,
            copies: Vec::new(),
            attributes: Attributes::new(),
            name: None,
        });
        object.generation = *generation;
        object.modified_ns = time_ns;
        object.changed = number;
        object.content.clone_from(content);
        object.copies = copies.iter().map(|copy| dated(copy, time_ns)).collect();
        update(&mut object.attributes, attributes);
        self.objects.insert(id, object);
    }

    fn touch(&mut self, id: ObjectId, number: u64) -> &mut Object {
        let found = self.objects.get_mut(&id).expect("the event is about an object that is there");
        found.changed = number;
        found
    }

    fn name(&mut self, id: ObjectId, name: &Name) {
        assert!(self.datasets.contains_key(&name.dataset), "a key in a dataset that is not there");
        let before = self.names.insert(name.clone(), id);
        assert!(before.is_none_or(|before| before == id), "a key was given to two objects");
        self.objects.get_mut(&id).expect("an object").name.get_or_insert_with(|| name.clone());
    }

    /// The least of the other names takes the place of the first, in the order datasets were made.
    fn next_first_name(&mut self, id: ObjectId, gone: &Name) {
        let found = &self.objects[&id];
        if found.name.as_ref() != Some(gone) {
            return;
        }
        let others = self.names_of(id);
        let first = others.into_iter().min_by_key(|name| (self.datasets[&name.dataset].0, name.key.clone()));
        self.objects.get_mut(&id).expect("an object").name = first;
    }

    fn remove_dataset(&mut self, id: DatasetId) {
        assert!(self.datasets.remove(&id).is_some());
        assert!(self.names.keys().all(|name| name.dataset != id), "a dataset with keys was removed");
        for object in self.objects.values_mut() {
            // What a removed object would be called again.
            object.name = object.name.take().filter(|name| name.dataset != id);
        }
    }

    /// Every name of an object.
    pub fn names_of(&self, id: ObjectId) -> BTreeSet<Name> {
        self.names.iter().filter(|(_, named)| **named == id).map(|(name, _)| name.clone()).collect()
    }

    /// A dataset with the number of its keys.
    pub fn dataset(&self, id: DatasetId) -> Dataset {
        let keys = self.names.keys().filter(|name| name.dataset == id).count() as u64;
        Dataset { keys, ..self.datasets[&id].1.clone() }
    }

    /// Objects and bytes on a tier, as its usage counts them.
    pub fn usage(&self, tier: TierIndex) -> (u64, u64) {
        let copies = self.objects.values().filter_map(|object| object.copy_on(tier));
        copies.fold((0, 0), |(objects, bytes), copy| {
            (objects + 1, bytes + copy.pieces.iter().map(|piece| piece.length).sum::<u64>())
        })
    }

    /// Every place that a copy lies in, with whether it is a pack.
    pub fn places(&self) -> BTreeSet<(Place, bool)> {
        let copies = self.objects.values().flat_map(|object| &object.copies);
        copies.flat_map(|copy| &copy.pieces).map(|piece| (piece.place, piece.packed)).collect()
    }

    /// Tiers that were not retired.
    pub fn tiers_in_use(&self) -> impl Iterator<Item = &TierConfig> {
        self.tiers.values().filter(|config| config.state != TierState::Retired)
    }
}

fn dated(copy: &Copy, time_ns: TimeNs) -> Copy {
    let verified_ns = if copy.is_verified() { time_ns } else { 0 };
    Copy { created_ns: time_ns, verified_ns, ..copy.clone() }
}

/// Sets attributes, or removes those without a value.
pub fn update(attributes: &mut Attributes, updates: &Updates) {
    for (name, value) in updates {
        match value {
            Some(value) => attributes.insert(name, value),
            None => attributes.remove(name),
        }
    }
}
