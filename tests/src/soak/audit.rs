//! Whether a store is what the ledgers of those who died say.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use hsm_core::file::OsDisk;
use hsm_core::object::{Object, ObjectId, Position};
use hsm_core::{GetOptions, Store};

use super::ledger::{Account, Ledger};
use super::slot::{Live, Slot};
use super::{CLIENTS, SLOTS, THREADS, id_of, options};
use crate::audit::{Model, Strictness, View, stray};
use crate::model::fold::Folded;
use crate::stress;

/// What audits found, in all.
#[derive(Debug, Default)]
pub struct Findings {
    /// Audits.
    pub audits: u64,
    /// Slots compared that an acknowledged call left something in.
    pub checked: u64,
    /// Copies read.
    pub copies: u64,
    /// Calls without an outcome that had happened.
    pub in_flight_done: u64,
    /// Calls without an outcome that had not.
    pub in_flight_undone: u64,
    /// Slots whose acknowledged state was not there.
    pub lost: u64,
    /// Objects that no one put there, or that were back after a removal.
    pub invented: u64,
    /// What each of these was, and whatever else was wrong.
    pub failures: Vec<String>,
}

/// One store over many lives: what its feed added up to so far.
#[derive(Default)]
pub struct Auditor {
    folded: Folded,
    model: Model,
}

impl fmt::Debug for Auditor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Auditor").field(&self.folded.position).finish()
    }
}

impl Auditor {
    /// Opens the store, which no client has open any more, and compares everything.
    pub fn audit(&mut self, directory: &Path, ledgers: &Path, findings: &mut Findings) {
        let store = Store::open(directory, &options()).expect("the store opens after a kill");
        assert_eq!(store.read_only_reason(), None, "a kill leaves a store that can be written");
        assert_eq!(store.new_epoch_cause(), None, "a kill rolls nothing back and damages nothing");
        store.sync().expect("a sync");
        self.follow(&store);
        let objects = stress::audit::compare(&store, &self.folded);
        for client in 0..CLIENTS {
            compare_client(&store, &objects, ledgers, client, findings);
        }
        let known = |id: &ObjectId| {
            (0..CLIENTS).any(|client| {
                (0..THREADS).any(|thread| (0..SLOTS).any(|slot| id_of(client, thread, slot) == *id))
            })
        };
        for id in objects.keys().filter(|id| !known(id)) {
            findings.invented += 1;
            findings.failures.push(format!("object {id} is nobody's"));
        }
        store.maintain().expect("maintenance");
        self.follow(&store);
        let tiers = store.tiers().expect("tiers").into_iter().map(|usage| usage.config).collect();
        let view = View { objects: objects.into_values().collect(), tiers, ..View::default() };
        let left = stray(&OsDisk::new(), directory, &view, &self.model, Strictness::AfterMaintenance);
        findings.failures.extend(left.err());
        store.close().expect("the store closes");
        findings.audits += 1;
    }

    fn follow(&mut self, store: &Store) {
        let from: Position = self.folded.position;
        for event in store.feed(from) {
            let event = event.expect("the feed is readable");
            self.folded.apply(&event);
            self.model.apply(&event);
        }
        assert_eq!(self.folded.position, store.position().expect("a position"), "the feed reaches the end");
    }
}

/// Compares what a client that died left, while another one may be at work.
pub fn audit_beside(directory: &Path, ledgers: &Path, client: u8, findings: &mut Findings) {
    let store = Store::open(directory, &options()).expect("the store opens beside a living handle");
    assert_eq!(store.read_only_reason(), None);
    let mut objects = BTreeMap::new();
    for removed in [false, true] {
        for item in store.objects(&hsm_core::Query { removed, ..hsm_core::Query::default() }) {
            let (_, object) = item.expect("a listing");
            objects.insert(object.id, object);
        }
    }
    compare_client(&store, &objects, ledgers, client, findings);
    store.close().expect("the store closes");
    findings.audits += 1;
}

/// Compares every slot of a client, and writes down what became of the calls that have no outcome.
fn compare_client(
    store: &Store,
    objects: &BTreeMap<ObjectId, Object>,
    ledgers: &Path,
    client: u8,
    findings: &mut Findings,
) {
    for thread in 0..THREADS {
        let path = Ledger::path(ledgers, client, thread);
        let account = Account::read(&path).expect("a ledger");
        let found = |slot: usize, expected: &Slot| {
            let id = id_of(client, thread, slot as u8);
            difference(store, id, objects.get(&id), expected)
        };
        let touched = |slot: usize| {
            let changes = account.in_flight.iter().flatten();
            changes.into_iter().any(|change| usize::from(change.slot()) == slot)
        };
        for (slot, expected) in account.slots.iter().enumerate().filter(|(slot, _)| !touched(*slot)) {
            findings.note(
                expected,
                found(slot, expected),
                account.named[slot],
                objects.get(&id_of(client, thread, slot as u8)),
            );
        }
        let Some(changes) = &account.in_flight else { continue };
        let after = account.after(changes);
        let of_touched = |slots: &[Slot]| -> Vec<String> {
            (0..slots.len())
                .filter(|slot| touched(*slot))
                .filter_map(|slot| found(slot, &slots[slot]).err())
                .collect()
        };
        // All of it or nothing: a batch that happened by half fits neither.
        let (undone, done) = (of_touched(&account.slots), of_touched(&after));
        match (undone.is_empty(), done.is_empty()) {
            (_, true) => findings.in_flight_done += 1,
            (true, false) => findings.in_flight_undone += 1,
            (false, false) => {
                findings.lost += 1;
                findings
                    .failures
                    .push(format!("{changes:?} in flight: neither before ({undone:?}) nor after ({done:?})"));
            }
        }
        let mut ledger = Ledger::open(&path).expect("a ledger");
        ledger.settle(done.is_empty()).expect("a line in a ledger");
    }
}

impl Findings {
    fn note(&mut self, expected: &Slot, outcome: Result<u64, String>, named: bool, found: Option<&Object>) {
        self.checked += u64::from(named);
        match outcome {
            Ok(copies) => self.copies += copies,
            Err(wrong) => {
                let is_back = found.is_some() && !matches!(expected, Slot::Live(_));
                *(if is_back { &mut self.invented } else { &mut self.lost }) += 1;
                self.failures.push(wrong);
            }
        }
    }
}

/// How an object differs from what a slot should hold. Returns how many copies were read.
fn difference(store: &Store, id: ObjectId, found: Option<&Object>, expected: &Slot) -> Result<u64, String> {
    match (expected, found) {
        (Slot::Absent, None) => Ok(0),
        (Slot::Removed(_), Some(object)) if object.is_removed() => match store.get(id) {
            Err(error) if error.kind() == hsm_core::Kind::NotFound => Ok(0),
            answer => Err(format!("removed object {id} answers {:?}", answer.map(|bytes| bytes.len()))),
        },
        (Slot::Live(live), Some(object)) if !object.is_removed() => compare_live(store, object, live),
        _ => Err(format!("object {id} should be {expected:?} and is {found:?}")),
    }
}

fn compare_live(store: &Store, object: &Object, live: &Live) -> Result<u64, String> {
    let id = object.id;
    let wrong = |what: String| Err(format!("object {id}: {what}; it should be {live:?}"));
    let attribute = object.attributes.get("value");
    let expected = live.attribute.map(u64::to_le_bytes);
    if attribute != expected.as_ref().map(<[u8; 8]>::as_slice) {
        return wrong(format!("its attribute is {attribute:?}"));
    }
    if object.name.is_some() != live.named {
        return wrong(format!("its name is {:?}", object.name));
    }
    let tiers = object.copies.iter().map(|copy| copy.tier).collect();
    if live.tiers.as_ref().is_some_and(|expected| *expected != tiers) {
        return wrong(format!("it is on {tiers:?}"));
    }
    let bytes = live.bytes(id);
    if object.copies.is_empty() {
        return wrong("it has no copy".to_owned());
    }
    for copy in &object.copies {
        let read = store.reader(id, &GetOptions { tier: Some(copy.tier) }).and_then(|mut reader| {
            let mut found = vec![0; object.size() as usize];
            let length = reader.read_at(&mut found, 0)?;
            found.truncate(length);
            Ok(found)
        });
        match read {
            Ok(found) if found == bytes => {}
            Ok(_) => return wrong(format!("other bytes on tier {}", copy.tier)),
            Err(error) => return wrong(format!("unreadable on tier {}: {error}", copy.tier)),
        }
    }
    Ok(object.copies.len() as u64)
}
