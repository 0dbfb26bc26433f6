//! What the feed adds up to: the store that a program would have which follows it and nothing else.
//!
//! Written from the documentation of the changes, not from the index: where the two differ, one is wrong.

use std::collections::{BTreeMap, BTreeSet};

use hsm_core::Event;
use hsm_core::clock::TimeNs;
use hsm_core::journal::{Change, Subject, Updates};
use hsm_core::object::{
    Action, ActionId, ActionState, Attempt, Attributes, Copy, Dataset, DatasetId, Lease, Name, Object,
    ObjectId, Pin, Place, TierConfig, TierState,
};

use super::view::{
    describe_action, describe_dataset, describe_object, describe_pin, describe_tier, object_key,
    outline_action, outline_dataset, outline_object,
};

/// Length of a record's header in a pack, in bytes.
const RECORD_HEADER_LEN: u64 = 72;

/// A sum of events.
#[derive(Debug, Clone, Default)]
pub struct Model {
    objects: BTreeMap<ObjectId, Object>,
    /// Names of live objects.
    names: BTreeMap<Name, ObjectId>,
    /// With the number of the change that created each: the order of datasets among the names of an object.
    datasets: BTreeMap<DatasetId, (u64, Dataset)>,
    tiers: BTreeMap<u8, TierConfig>,
    actions: BTreeMap<ActionId, Action>,
    /// Those that ended too: what is compared with it has none.
    pins: BTreeMap<(ObjectId, u8, String), Pin>,
    /// The end of the last record of each pack that a change ever named.
    pub pack_ends: BTreeMap<Place, u64>,
    /// What must not have happened, and did.
    pub wrong: Option<String>,
}

impl Model {
    /// Adds the next event.
    pub fn apply(&mut self, event: &Event) {
        let (number, time_ns) = (event.position.number, event.time_ns);
        match &event.change {
            Change::Put { object, .. } => self.put(number, time_ns, *object, &event.change),
            Change::CopyAdded { object, copy, .. } | Change::CopyRelocated { object, copy, .. } => {
                self.note_packs(copy);
                self.change(number, *object, |found| {
                    found.copies.retain(|other| other.tier != copy.tier);
                    found.copies.push(dated(copy, time_ns));
                    found.copies.sort_by_key(|copy| copy.tier);
                });
            }
            Change::CopyDropped { object, tier, .. } => {
                self.change(number, *object, |found| found.copies.retain(|copy| copy.tier != *tier));
            }
            Change::CopyVerified { object, tier, whole, .. } => self.change(number, *object, |found| {
                for copy in found.copies.iter_mut().filter(|copy| copy.tier == *tier) {
                    copy.verified_ns = if *whole { time_ns } else { 0 };
                }
            }),
            Change::Accessed { object, accessed_ns } => {
                let found = self.objects.get_mut(object).filter(|found| found.removed_until_ns == 0);
                if let Some(found) = found.filter(|found| found.last_used_ns() < *accessed_ns) {
                    found.accessed_ns = *accessed_ns;
                }
            }
            Change::AttributesSet { subject: Subject::Object(object), attributes } => {
                self.change(number, *object, |found| update(&mut found.attributes, attributes));
            }
            Change::AttributesSet { subject: Subject::Dataset(dataset), attributes } => {
                if let Some((_, found)) = self.datasets.get_mut(dataset) {
                    update(&mut found.attributes, attributes);
                }
            }
            Change::Removed { object, until_ns } => {
                self.drop_names(*object);
                self.change(number, *object, |found| found.removed_until_ns = *until_ns);
            }
            Change::Undeleted { object, name } => {
                self.change(number, *object, |found| {
                    found.removed_until_ns = 0;
                    found.name = None;
                });
                if let Some(name) = name {
                    self.name(number, *object, name);
                }
            }
            Change::Purged { object } => {
                self.objects.remove(object);
                self.pins.retain(|(pinned, ..), _| pinned != object);
            }
            Change::DatasetCreated { dataset, name, attributes } => {
                let mut all = Attributes::new();
                update(&mut all, attributes);
                let created = Dataset {
                    id: *dataset,
                    name: name.clone(),
                    created_ns: time_ns,
                    attributes: all,
                    keys: 0,
                };
                self.datasets.insert(*dataset, (number, created));
            }
            Change::DatasetRemoved { dataset } => {
                self.datasets.remove(dataset);
            }
            Change::Named { name, object } => self.name(number, *object, name),
            Change::Unnamed { name, object } => self.unname(number, *object, name),
            Change::TierSet(config) => {
                self.tiers.insert(config.index, config.clone());
                if config.state == TierState::Retired {
                    self.pins.retain(|(_, tier, _), _| *tier != config.index);
                }
            }
            Change::Pinned(pin) => {
                self.pins.insert((pin.object, pin.tier, pin.owner.clone()), pin.clone());
            }
            Change::Unpinned { object, tier, owner } => {
                self.pins.remove(&(*object, *tier, owner.clone()));
            }
            other => self.act(number, time_ns, other),
        }
    }

    /// Adds what happened to an action.
    fn act(&mut self, number: u64, time_ns: TimeNs, change: &Change) {
        match change {
            Change::ActionSubmitted { action, spec } => {
                let submitted = Action {
                    id: *action,
                    spec: (**spec).clone(),
                    state: if spec.after.is_empty() { ActionState::Queued } else { ActionState::Waiting },
                    number,
                    changed: number,
                    submitted_ns: time_ns,
                    finished_ns: 0,
                    not_before_ns: 0,
                    instance: 0,
                    attempts: 0,
                    story: Vec::new(),
                    lease: None,
                    result: Vec::new(),
                };
                self.actions.insert(*action, submitted);
            }
            Change::ActionChanged { action, state, attempts, instance, not_before_ns, error } => {
                self.note_early(*action, *state);
                if let Some(found) = self.actions.get_mut(action) {
                    (found.state, found.attempts, found.instance) = (*state, *attempts, *instance);
                    (found.not_before_ns, found.changed) = (*not_before_ns, number);
                    if matches!(state, ActionState::Waiting | ActionState::Queued) {
                        found.lease = None;
                    }
                    found.finished_ns = if state.is_finished() { time_ns } else { 0 };
                    if !error.is_empty() {
                        found.story.push(Attempt { time_ns, error: error.clone() });
                    }
                }
            }
            Change::ActionLeased { action, worker, token, until_ns, note } => {
                self.note_early(*action, ActionState::Running);
                if let Some(found) = self.actions.get_mut(action) {
                    let token = if *token == 0 { number } else { *token };
                    let (worker, note, until_ns) = (worker.clone(), note.clone(), *until_ns);
                    found.lease = Some(Lease { worker, token, until_ns, note });
                    (found.state, found.changed, found.not_before_ns) = (ActionState::Running, number, 0);
                }
            }
            Change::ActionResult { action, result } => {
                if let Some(found) = self.actions.get_mut(action) {
                    found.result.clone_from(result);
                }
            }
            Change::ActionForgotten { action } => {
                self.actions.remove(action);
            }
            _ => {}
        }
    }

    /// An action is run only when all that it comes after is done, or was and is forgotten.
    fn note_early(&mut self, action: ActionId, state: ActionState) {
        let begins = matches!(state, ActionState::Queued | ActionState::Running | ActionState::Done);
        let after = self.actions.get(&action).filter(|_| begins).map(|found| &found.spec.after);
        let open = after
            .into_iter()
            .flatten()
            .find(|after| self.actions.get(after).is_some_and(|found| found.state != ActionState::Done));
        if let Some(open) = open {
            self.wrong = Some(format!("action {action} is {state:?} before {open} is done"));
        }
    }

    /// The same form as [`View::entities`](super::View::entities).
    pub fn entities(&self) -> BTreeMap<String, String> {
        let mut entities = BTreeMap::new();
        for (id, object) in &self.objects {
            entities.insert(object_key(*id), describe_object(object, &self.names_of(*id)));
        }
        entities.extend(self.datasets.values().map(|(_, dataset)| describe_dataset(dataset)));
        let in_use = self.tiers.values().filter(|config| config.state != TierState::Retired);
        entities.extend(in_use.map(describe_tier));
        entities.extend(self.actions.values().map(describe_action));
        entities.extend(self.pins.values().map(describe_pin));
        entities
    }

    /// The same form as [`View::outlines`](super::View::outlines).
    pub fn outlines(&self) -> BTreeMap<String, String> {
        let mut outlines = BTreeMap::new();
        for (id, object) in &self.objects {
            outlines.insert(object_key(*id), outline_object(object, &self.names_of(*id)));
        }
        outlines.extend(self.datasets.values().map(|(_, dataset)| outline_dataset(dataset)));
        let in_use = self.tiers.values().filter(|config| config.state != TierState::Retired);
        outlines.extend(in_use.map(describe_tier));
        outlines.extend(self.actions.values().map(outline_action));
        outlines.extend(self.pins.values().map(describe_pin));
        outlines
    }

    /// The roots of tiers that were retired.
    pub fn retired_roots(&self) -> impl Iterator<Item = &str> {
        let retired = self.tiers.values().filter(|config| config.state == TierState::Retired);
        retired.map(|config| config.root.as_str())
    }

    fn names_of(&self, id: ObjectId) -> Vec<Name> {
        self.names.iter().filter(|(_, named)| **named == id).map(|(name, _)| name.clone()).collect()
    }

    fn note_packs(&mut self, copy: &Copy) {
        for piece in copy.pieces.iter().filter(|piece| piece.packed) {
            let end = piece.offset + RECORD_HEADER_LEN + piece.length.next_multiple_of(8);
            let known = self.pack_ends.entry(piece.place).or_default();
            *known = end.max(*known);
        }
    }

    fn change(&mut self, number: u64, id: ObjectId, change: impl FnOnce(&mut Object)) {
        if let Some(found) = self.objects.get_mut(&id) {
            change(found);
            found.changed = number;
        }
    }

    fn put(&mut self, number: u64, time_ns: i64, id: ObjectId, change: &Change) {
        let Change::Put { generation, content, copies, attributes, name, new, .. } = change else { return };
        for copy in copies {
            self.note_packs(copy);
        }
        if *new {
            let object = Object {
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
            };
            self.objects.insert(id, object);
            self.pins.retain(|(pinned, ..), _| *pinned != id);
        }
        self.change(number, id, |found| {
            found.generation = *generation;
            found.modified_ns = time_ns;
            found.content.clone_from(content);
            found.copies = copies.iter().map(|copy| dated(copy, time_ns)).collect();
            update(&mut found.attributes, attributes);
        });
        if let Some(name) = name {
            self.name(number, id, name);
        }
    }

    fn count_keys(&mut self, name: &Name, by: i64) {
        if let Some((_, dataset)) = self.datasets.get_mut(&name.dataset) {
            dataset.keys = dataset.keys.saturating_add_signed(by);
        }
    }

    fn name(&mut self, number: u64, id: ObjectId, name: &Name) {
        if self.names.contains_key(name) {
            return; // A put to an existing key names it again.
        }
        self.names.insert(name.clone(), id);
        self.count_keys(name, 1);
        self.change(number, id, |found| {
            found.name.get_or_insert_with(|| name.clone());
        });
    }

    fn unname(&mut self, number: u64, id: ObjectId, name: &Name) {
        if self.names.remove(name).is_some() {
            self.count_keys(name, -1);
        }
        let created = |name: &Name| self.datasets.get(&name.dataset).map_or(0, |(number, _)| *number);
        let next = self.names_of(id).into_iter().min_by_key(|name| (created(name), name.key.clone()));
        self.change(number, id, |found| {
            if found.name.as_ref() == Some(name) {
                found.name = next;
            }
        });
    }

    /// The first name stays with the object, for an undelete.
    fn drop_names(&mut self, id: ObjectId) {
        let names: BTreeSet<Name> = self.names_of(id).into_iter().collect();
        for name in names {
            self.names.remove(&name);
            self.count_keys(&name, -1);
        }
    }
}

/// A copy's times are those of its change.
fn dated(copy: &Copy, time_ns: i64) -> Copy {
    let verified_ns = if copy.is_verified() { time_ns } else { 0 };
    Copy { created_ns: time_ns, verified_ns, ..copy.clone() }
}

fn update(attributes: &mut Attributes, updates: &Updates) {
    for (name, value) in updates {
        match value {
            Some(value) => attributes.insert(name, value),
            None => attributes.remove(name),
        }
    }
}
