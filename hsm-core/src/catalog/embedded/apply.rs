//! Applying changes to the index: the same code for a commit and for a replay.
//!
//! Each change states a result, and the index says how far it was applied, in the same transaction: so a
//! change is applied once, whoever comes to it first. Usage of tiers and packs is summed up over a group and
//! written at its end.

mod access;
mod many;
mod names;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rusqlite::{Connection, params};

use super::index::{Kept, damaged, one, run};
use super::row::{self, Body, dated};
use super::{action, epochs, lookup, pin};
use crate::backend::pack;
use crate::catalog::Epoch;
use crate::clock::TimeNs;
use crate::error::Result;
use crate::journal::{self, Change, Subject, Updates};
use crate::object::{
    Attributes, Copy, DatasetId, Name, Object, ObjectId, Piece, Place, TierConfig, TierState,
};
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::Writer;
pub(super) use many::find_all;

/// Changes to sums, to be written at the end of a group.
#[derive(Debug, Default)]
struct Sums {
    /// By tier: objects and bytes.
    tiers: BTreeMap<u8, (i64, i64)>,
    /// By pack: end of the last record, live objects, live bytes.
    packs: BTreeMap<Place, (u64, i64, i64)>,
    /// By dataset: keys.
    keys: BTreeMap<i64, i64>,
}

/// Numbers of datasets, looked up once.
#[derive(Debug, Default)]
pub(super) struct DatasetNumbers(BTreeMap<DatasetId, Option<i64>>);

impl DatasetNumbers {
    pub(super) fn look_up(&mut self, connection: &Connection, id: DatasetId) -> Result<Option<i64>> {
        if let Some(known) = self.0.get(&id) {
            return Ok(*known);
        }
        let found = dataset_number(connection, id)?;
        self.0.insert(id, found);
        Ok(found)
    }

    /// The object with this name.
    pub(super) fn resolve(&mut self, connection: &Connection, name: &Name) -> Result<Option<ObjectId>> {
        match self.look_up(connection, name.dataset)? {
            Some(number) => lookup::entry(connection, number, &name.key),
            None => Ok(None),
        }
    }
}

/// Applies changes within one transaction.
#[derive(Debug)]
pub(super) struct Applier<'a> {
    connection: &'a Connection,
    sums: Sums,
    /// Settings of tiers that expectations asked for: most proposals of a group name the same one.
    tiers: RefCell<BTreeMap<u8, Option<TierConfig>>>,
    datasets: RefCell<DatasetNumbers>,
    /// What puts of new objects run.
    insert: Kept<'a>,
    enter: Kept<'a>,
    /// Whether places that come in were not synced yet.
    pub(super) relaxed: bool,
    /// When what is checked would be committed.
    pub(super) time_ns: TimeNs,
    /// Whose changes these are: who begins an epoch is kept.
    pub(super) writer: u64,
}

impl<'a> Applier<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            sums: Sums::default(),
            tiers: RefCell::default(),
            datasets: RefCell::default(),
            insert: Kept::default(),
            enter: Kept::default(),
            relaxed: false,
            time_ns: 0,
            writer: 0,
        }
    }

    /// A tier's settings as they are after the changes so far.
    pub(super) fn tier_config(&self, tier: u8) -> Result<Option<TierConfig>> {
        if let Some(known) = self.tiers.borrow().get(&tier) {
            return Ok(known.clone());
        }
        let found = lookup::tier(self.connection, tier)?.map(|usage| usage.config);
        self.tiers.borrow_mut().insert(tier, found.clone());
        Ok(found)
    }

    /// A dataset's number, as it is after the changes so far.
    pub(super) fn find_dataset(&self, id: DatasetId) -> Result<Option<i64>> {
        self.datasets.borrow_mut().look_up(self.connection, id)
    }

    /// The object with this name, after the changes so far.
    pub(super) fn resolve(&self, name: &Name) -> Result<Option<ObjectId>> {
        self.datasets.borrow_mut().resolve(self.connection, name)
    }

    /// Bytes that changes not summed up yet add to a tier.
    pub(super) fn bytes_added(&self, tier: u8) -> i64 {
        self.sums.tiers.get(&tier).map_or(0, |(_, bytes)| *bytes)
    }

    /// Applies change `number`, committed at `time_ns`.
    pub(super) fn apply(&mut self, number: u64, time_ns: TimeNs, change: &Change) -> Result<()> {
        match change {
            Change::Put { object, new, .. } => self.put(number, time_ns, *object, *new, change),
            Change::CopyRelocated { .. } if mutant(Mutant::RelocationSkipped) => Ok(()),
            Change::CopyAdded { object, copy, .. } | Change::CopyRelocated { object, copy, .. } => self
                .change_object(number, *object, |applier, found| {
                    let copy = dated(copy.clone(), time_ns);
                    let before = found.copies.clone();
                    found.copies.retain(|other| other.tier != copy.tier);
                    found.copies.push(copy);
                    found.copies.sort_unstable_by_key(|copy| copy.tier);
                    applier.account(number, &before, &found.copies)?;
                    applier.keep(&found.copies)
                }),
            Change::CopyDropped { object, tier, .. } => {
                self.change_object(number, *object, |applier, found| {
                    let before = found.copies.clone();
                    found.copies.retain(|copy| copy.tier != *tier);
                    applier.account(number, &before, &found.copies)
                })
            }
            Change::CopyVerified { object, tier, whole, .. } => {
                self.change_object(number, *object, |_, found| {
                    for copy in found.copies.iter_mut().filter(|copy| copy.tier == *tier) {
                        copy.verified_ns = if *whole { time_ns } else { 0 };
                    }
                    Ok(())
                })
            }
            Change::Accessed { object, accessed_ns } => self.accessed(*object, *accessed_ns),
            Change::AttributesSet { subject: Subject::Object(object), attributes } => {
                self.change_object(number, *object, |_, found| {
                    found.attributes.update(attributes);
                    Ok(())
                })
            }
            Change::AttributesSet { subject: Subject::Dataset(dataset), attributes } => {
                self.set_dataset_attributes(*dataset, attributes)
            }
            Change::Removed { object, until_ns } => {
                self.remove_names(*object)?;
                let sql = "UPDATE object SET removed = ?2, changed = ?3 WHERE id = ?1";
                self.run(sql, params![object.0, (*until_ns).max(1), number as i64]).map(drop)
            }
            Change::Undeleted { object, name } => self.undelete(number, *object, name.as_ref()),
            Change::Purged { object } => {
                if let Some(found) = self.find(*object)? {
                    self.account(number, &found.copies, &[])?;
                    self.run("DELETE FROM object WHERE id = ?1", params![object.0])?;
                }
                pin::forget_object(self.connection, *object)
            }
            Change::DatasetCreated { dataset, name, attributes } => {
                self.datasets.borrow_mut().0.remove(dataset);
                let mut all = Attributes::new();
                all.update(attributes);
                let sql = "INSERT INTO dataset(number, id, name, created, attributes, keys) VALUES (?1, ?2, ?3, ?4, ?5, 0)";
                self.run(sql, params![number as i64, dataset.0, name, time_ns, all.encoded()]).map(drop)
            }
            Change::DatasetRemoved { dataset } => {
                self.datasets.borrow_mut().0.remove(dataset);
                self.run("DELETE FROM dataset WHERE id = ?1", params![dataset.0]).map(drop)
            }
            Change::Named { name, object } => self.name(number, *object, name),
            Change::Unnamed { name, object } => self.unname(number, *object, name),
            Change::TierSet(config) => self.set_tier(config),
            Change::SettingSet { name, value } => {
                let sql = "INSERT INTO setting(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2";
                self.run(sql, params![name, value]).map(drop)
            }
            Change::EpochBegan { cause, ended } => {
                let (cause, begun_by) = (*cause, self.writer);
                let epoch = Epoch { number: ended.epoch + 1, cause, first: number, begun_by };
                epochs::note(self.connection, &epoch)
            }
            Change::Pinned(pin) => pin::set(self.connection, time_ns, pin),
            Change::Unpinned { object, tier, owner } => pin::end(self.connection, *object, *tier, owner),
            other => action::apply(self.connection, number, time_ns, other),
        }
    }

    /// Writes the sums. Called once, at the end of a group.
    pub(super) fn finish(self) -> Result<()> {
        for (tier, (objects, bytes)) in &self.sums.tiers {
            let sql = "UPDATE tier SET objects = objects + ?2, bytes = bytes + ?3 WHERE tier = ?1";
            self.run(sql, params![tier, objects, bytes])?;
        }
        for (place, (used, objects, bytes)) in &self.sums.packs {
            let sql = "INSERT INTO pack(tier, instance, serial, used, live_objects, live_bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET used = max(used, ?4),
                 live_objects = live_objects + ?5, live_bytes = live_bytes + ?6";
            let (instance, serial) = (place.instance as i64, place.serial as i64);
            self.run(sql, params![place.tier, instance, serial, *used as i64, objects, bytes])?;
        }
        for (dataset, keys) in &self.sums.keys {
            self.run("UPDATE dataset SET keys = keys + ?2 WHERE number = ?1", params![dataset, keys])?;
        }
        Ok(())
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        run(self.connection, "apply a change", sql, params)
    }

    pub(super) fn find(&self, id: ObjectId) -> Result<Option<Object>> {
        find(self.connection, id)
    }

    fn put(&mut self, number: u64, time_ns: TimeNs, id: ObjectId, new: bool, change: &Change) -> Result<()> {
        let Change::Put { generation, content, copies, attributes, name, .. } = change else { return Ok(()) };
        if new && self.insert(number, time_ns, id, change)? {
            return Ok(());
        }
        let before = self.find(id)?;
        let before_copies = before.as_ref().map(|found| found.copies.clone()).unwrap_or_default();
        let mut object = match before {
            Some(found) if !new => found,
            _ => Object {
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
            },
        };
        object.generation = *generation;
        object.modified_ns = time_ns;
        object.changed = number;
        object.content.clone_from(content);
        object.copies = copies.iter().map(|copy| dated(copy.clone(), time_ns)).collect();
        object.attributes.update(attributes);
        self.account(number, &before_copies, &object.copies)?;
        self.write_object(object)?;
        if new {
            // The row may be that of a removed object of the same id, which kept its name for an undelete, and its number. No entry
            // names it by that: its keys went when it was removed.
            self.run(
                "UPDATE object SET number = ?2, dataset = NULL, key = NULL WHERE id = ?1",
                params![id.0, number as i64],
            )?;
            pin::forget_object(self.connection, id)?;
        }
        match name {
            Some(name) => self.name(number, id, name),
            None => Ok(()),
        }
    }

    /// The usual case of a put: an object that has no row yet. `false`: it has one.
    fn insert(&mut self, number: u64, time_ns: TimeNs, id: ObjectId, change: &Change) -> Result<bool> {
        let Change::Put { generation, content, copies, attributes, name, .. } = change else {
            return Ok(false);
        };
        let mut all = Attributes::new();
        all.update(attributes);
        let body = Body {
            generation: *generation,
            created_ns: time_ns,
            modified_ns: time_ns,
            accessed_ns: 0,
            content: content.clone(),
            copies: copies.iter().map(|copy| dated(copy.clone(), time_ns)).collect(),
            attributes: all,
        };
        let dataset = name.as_ref().map(|name| self.dataset_number(name.dataset)).transpose()?;
        let key = name.as_ref().map(|name| &name.key);
        let sql =
            "INSERT INTO object(number, id, changed, dataset, key, body) VALUES (?1, ?2, ?1, ?3, ?4, ?5)
             ON CONFLICT(id) DO NOTHING";
        let row = params![number as i64, id.0, dataset, key, body.write()];
        if self.insert.run(self.connection, "apply a change", sql, row)? == 0 {
            return Ok(false);
        }
        self.account(number, &[], &body.copies)?;
        if let (Some(dataset), Some(key)) = (dataset, key)
            && !self.enter(dataset, key, number as i64)?
        {
            self.run("UPDATE object SET dataset = NULL, key = NULL WHERE id = ?1", params![id.0])?;
        }
        Ok(true)
    }

    /// Reads an object, lets `change` alter it, and writes it back. One that is not there is passed over:
    /// it was purged later in the journal than this change, or never lived in what is left of it.
    fn change_object(
        &mut self,
        number: u64,
        id: ObjectId,
        change: impl FnOnce(&mut Self, &mut Object) -> Result<()>,
    ) -> Result<()> {
        let Some(mut found) = self.find(id)? else { return Ok(()) };
        change(self, &mut found)?;
        found.changed = number;
        self.write_object(found)
    }

    fn write_object(&self, object: Object) -> Result<()> {
        // The name's columns are left alone: `name` and `unname` keep them.
        let (id, changed) = (object.id.0, object.changed as i64);
        let removed = (object.removed_until_ns != 0).then_some(object.removed_until_ns);
        let body = Body::of(object).write();
        let sql = "UPDATE object SET changed = ?2, removed = ?3, body = ?4 WHERE id = ?1";
        if self.run(sql, params![id, changed, removed, body])? > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO object(number, id, changed, removed, body) VALUES (?2, ?1, ?2, ?3, ?4)";
        self.run(sql, params![id, changed, removed, body]).map(drop)
    }

    /// Counts what copies came and went; what no copy refers to any more becomes garbage.
    fn account(&mut self, number: u64, before: &[Copy], after: &[Copy]) -> Result<()> {
        for (copies, sign) in [(before, -1), (after, 1)] {
            for copy in copies {
                let bytes: u64 = copy.pieces.iter().map(|piece| piece.length).sum();
                if sign < 0 && mutant(Mutant::DropNotCounted) {
                    continue;
                }
                let sum = self.sums.tiers.entry(copy.tier).or_default();
                sum.0 += sign;
                // Objects can be longer together than a number can say: what is added is taken away again.
                sum.1 = sum.1.wrapping_add(sign * bytes as i64);
                for piece in copy.pieces.iter().filter(|piece| piece.packed) {
                    let record_len = pack::record_len(piece.length);
                    let sum = self.sums.packs.entry(piece.place).or_default();
                    sum.0 = sum.0.max(piece.offset + record_len);
                    sum.1 += sign;
                    sum.2 += sign * record_len as i64;
                }
            }
        }
        let (kept, known) = (places(after), places(before));
        for place in known.difference(&kept).filter(|_| !mutant(Mutant::GarbageForgotten)) {
            let sql = "INSERT OR REPLACE INTO garbage(tier, instance, serial, packed, number) VALUES (?1, ?2, ?3, 0, ?4)";
            self.run(sql, params![place.tier, place.instance as i64, place.serial as i64, number as i64])?;
        }
        for place in kept.difference(&known) {
            // The sweep of a dead handle spares what is listed here.
            let sql = "INSERT OR IGNORE INTO recent(instance, serial) VALUES (?1, ?2)";
            self.run(sql, params![place.instance as i64, place.serial as i64])?;
        }
        if self.relaxed {
            let pieces = |copies: &[Copy]| -> BTreeSet<(Place, bool)> {
                copies.iter().flat_map(|copy| &copy.pieces).map(|piece| (piece.place, piece.packed)).collect()
            };
            for (place, packed) in pieces(after).difference(&pieces(before)) {
                let sql =
                    "INSERT OR IGNORE INTO unsynced(tier, instance, serial, packed) VALUES (?1, ?2, ?3, ?4)";
                self.run(sql, params![place.tier, place.instance as i64, place.serial as i64, packed])?;
            }
        }
        Ok(())
    }

    /// Files that were given up and are known again are no garbage: a reconciliation found nothing else of an object.
    fn keep(&self, copies: &[Copy]) -> Result<()> {
        for place in places(copies) {
            let sql = "DELETE FROM garbage WHERE tier = ?1 AND instance = ?2 AND serial = ?3";
            self.run(sql, params![place.tier, place.instance as i64, place.serial as i64])?;
        }
        Ok(())
    }

    fn dataset_number(&self, id: DatasetId) -> Result<i64> {
        self.find_dataset(id)?
            .ok_or_else(|| damaged("apply a change", &format!("dataset {id} is named but not known")))
    }

    fn set_dataset_attributes(&self, id: DatasetId, updates: &Updates) -> Result<()> {
        let sql = "SELECT attributes FROM dataset WHERE id = ?1";
        let found = one(self.connection, "apply a change", sql, params![id.0], |row| {
            Ok(Attributes::decode(row.get_ref(0)?.as_blob()?))
        })?;
        let Some(attributes) = found else { return Ok(()) };
        let mut attributes =
            attributes.ok_or_else(|| damaged("apply a change", "attributes of a dataset are unreadable"))?;
        attributes.update(updates);
        let sql = "UPDATE dataset SET attributes = ?2 WHERE id = ?1";
        self.run(sql, params![id.0, attributes.encoded()]).map(drop)
    }

    fn set_tier(&self, config: &TierConfig) -> Result<()> {
        self.tiers.borrow_mut().remove(&config.index);
        if config.state == TierState::Retired {
            pin::forget_tier(self.connection, config.index)?;
        }
        let mut bytes = Vec::new();
        journal::write_tier(&mut Writer(&mut bytes), config);
        let sql = "INSERT INTO tier(tier, config, objects, bytes) VALUES (?1, ?2, 0, 0)
             ON CONFLICT(tier) DO UPDATE SET config = ?2";
        self.run(sql, params![config.index, bytes]).map(drop)
    }
}

static FIND: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM object o WHERE o.id = ?1", row::OBJECT_COLUMNS));

/// Reads an object, live or removed.
pub(super) fn find(connection: &Connection, id: ObjectId) -> Result<Option<Object>> {
    one(connection, "look up an object", &FIND, params![id.0], |row| row::Objects::of(connection).read(row))
}

pub(super) fn dataset_number(connection: &Connection, id: DatasetId) -> Result<Option<i64>> {
    one(connection, "look up a dataset", "SELECT number FROM dataset WHERE id = ?1", params![id.0], |row| {
        row.get(0)
    })
}

/// Files (not packs) that copies refer to.
fn places(copies: &[Copy]) -> BTreeSet<Place> {
    let own_file = |piece: &&Piece| !piece.packed;
    copies.iter().flat_map(|copy| &copy.pieces).filter(own_file).map(|piece| piece.place).collect()
}
