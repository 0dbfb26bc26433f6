//! Attributes of objects and datasets.

use super::Store;
use crate::catalog::{Durability, Expect};
use crate::engine::{ATTEMPTS_MAX, Engine, is_race};
use crate::error::{Error, Result};
use crate::journal::{Change, Subject, Updates};
use crate::object::{self, Attributes, DatasetId, ObjectId, Position};

impl Store {
    /// Sets attributes of a live object, or removes those whose value is `None`. Others stay. Durable when this
    /// returns.
    ///
    /// # Errors
    ///
    /// `Invalid` when a name, a value, or all of them together are outside the limits (255 bytes, 64 KiB,
    /// 256 KiB), `ObjectNotFound`.
    pub fn set_attributes(&self, id: ObjectId, updates: &Updates) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        for attempt in 0.. {
            let found = engine.live(id)?;
            check(engine, &found.attributes, updates)?;
            // The limit on all attributes together was checked against this generation of them.
            let expect = vec![Expect::Live(id)];
            let change = Change::AttributesSet { subject: Subject::Object(id), attributes: updates.clone() };
            match engine.commit_one(expect, vec![change], Durability::Durable) {
                Err(error) if is_race(&error) && attempt < ATTEMPTS_MAX => {}
                done => return done.map(|done| done.position),
            }
        }
        Err(Error::ObjectNotFound { id })
    }

    /// Sets attributes of a dataset, or removes those whose value is `None`. Others stay.
    pub fn set_dataset_attributes(&self, id: DatasetId, updates: &Updates) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        let found =
            engine.catalog.dataset(id)?.ok_or_else(|| Error::DatasetNotFound { name: id.to_string() })?;
        check(engine, &found.attributes, updates)?;
        let change = Change::AttributesSet { subject: Subject::Dataset(id), attributes: updates.clone() };
        Ok(engine.commit_one(vec![Expect::Dataset(id)], vec![change], Durability::Durable)?.position)
    }
}

/// Checks updates against the limits, alone and together with what is there.
pub(super) fn check(engine: &Engine, before: &Attributes, updates: &Updates) -> Result<()> {
    engine.check_writable()?;
    let mut after = before.clone();
    for (name, value) in updates {
        object::check_attribute(name, value.as_deref().unwrap_or_default())?;
        match value {
            Some(value) => after.insert(name.clone(), value.clone()),
            None => after.remove(name),
        }
    }
    object::check_attributes(&after)
}
