//! The index as of one moment: one read transaction for many questions.

use std::cell::{OnceCell, RefCell};

use rusqlite::Connection;

use super::index::{Reading, failed};
use super::{Embedded, apply, lookup};
use crate::catalog::View;
use crate::error::Result;
use crate::object::{DatasetId, Name, Object, ObjectId, Position};

/// A read transaction, begun with the first question.
pub(super) struct Moment<'a> {
    catalog: &'a Embedded,
    reading: OnceCell<Reading<'a>>,
    /// Numbers of datasets that were asked for: most names of a batch are of one.
    datasets: RefCell<apply::DatasetNumbers>,
}

impl<'a> Moment<'a> {
    pub(super) fn new(catalog: &'a Embedded) -> Self {
        Self { catalog, reading: OnceCell::new(), datasets: RefCell::default() }
    }

    fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.catalog.note_damage(self.reading().and_then(question))
    }

    fn reading(&self) -> Result<&Connection> {
        if let Some(begun) = self.reading.get() {
            return Ok(begun);
        }
        let reading = self.catalog.index.reader()?;
        reading.execute_batch("BEGIN").map_err(failed("begin to read"))?;
        Ok(self.reading.get_or_init(|| reading))
    }
}

impl View for Moment<'_> {
    fn object(&self, id: ObjectId) -> Result<Option<Object>> {
        self.ask(|connection| apply::find(connection, id))
    }

    fn objects(&self, ids: &[ObjectId]) -> Result<Vec<Option<Object>>> {
        self.ask(|connection| apply::find_all(connection, ids))
    }

    fn resolve(&self, name: &Name) -> Result<Option<ObjectId>> {
        self.ask(|connection| self.datasets.borrow_mut().resolve(connection, name))
    }

    fn has_dataset(&self, id: DatasetId) -> Result<bool> {
        self.ask(|connection| Ok(self.datasets.borrow_mut().look_up(connection, id)?.is_some()))
    }

    fn applied(&self) -> Result<Position> {
        self.ask(|connection| Ok(lookup::must_state(connection)?.tail.last))
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        if let Some(mut reading) = self.reading.take()
            && reading.execute_batch("COMMIT").is_err()
        {
            // It may still show this moment to whoever borrows it next.
            reading.give_up();
        }
    }
}
