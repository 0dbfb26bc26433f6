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
        self.set_attributes_if(id, updates, &Updates::new())
    }

    /// The same, if at that moment the object's attributes have the `expected` values; `None`: there is none of that name. So
    /// what was decided by an attribute that was read is not done over one that another has set since.
    ///
    /// # Errors
    ///
    /// `Conflict` where one of them is another, and those of [`set_attributes`](Self::set_attributes).
    pub fn set_attributes_if(&self, id: ObjectId, updates: &Updates, expected: &Updates) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        let subject = Subject::Object(id);
        for attempt in 0.. {
            // The limit on all attributes together was checked against this generation of them.
            check(engine, &engine.live(id)?.attributes, updates)?;
            match set(engine, subject, Expect::Live(id), updates, expected) {
                Err(error) if is_race(&error) && expected.is_empty() && attempt < ATTEMPTS_MAX => {}
                done => return done,
            }
        }
        Err(Error::ObjectNotFound { id })
    }

    /// Sets attributes of a dataset, or removes those whose value is `None`. Others stay.
    pub fn set_dataset_attributes(&self, id: DatasetId, updates: &Updates) -> Result<Position> {
        self.set_dataset_attributes_if(id, updates, &Updates::new())
    }

    /// The same, if at that moment the dataset's attributes have the `expected` values: see
    /// [`set_attributes_if`](Self::set_attributes_if).
    pub fn set_dataset_attributes_if(
        &self,
        id: DatasetId,
        updates: &Updates,
        expected: &Updates,
    ) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        let found =
            engine.catalog.dataset(id)?.ok_or_else(|| Error::DatasetNotFound { name: id.to_string() })?;
        check(engine, &found.attributes, updates)?;
        set(engine, Subject::Dataset(id), Expect::Dataset(id), updates, expected)
    }
}

fn set(
    engine: &Engine,
    subject: Subject,
    is_there: Expect,
    updates: &Updates,
    expected: &Updates,
) -> Result<Position> {
    let mut expect = vec![is_there];
    if !expected.is_empty() {
        expect.push(Expect::Attributes(subject, expected.clone()));
    }
    let change = Change::AttributesSet { subject, attributes: updates.clone() };
    Ok(engine.commit_one(expect, vec![change], Durability::Durable)?.position)
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
