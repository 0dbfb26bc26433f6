//! Names of objects: keys of datasets, each of which names one object.
//!
//! The first name of an object lies in its row, further ones in table `alias`; table `entry` has all of them.

use rusqlite::params;

use super::Applier;
use crate::catalog::embedded::index::{all, one};
use crate::error::Result;
use crate::object::{Name, ObjectId};

impl Applier<'_> {
    pub(super) fn name(&mut self, number: u64, id: ObjectId, name: &Name) -> Result<()> {
        let dataset = self.dataset_number(name.dataset)?;
        let sql = "SELECT number FROM object WHERE id = ?1";
        let object: Option<i64> =
            one(self.connection, "apply a change", sql, params![id.0], |row| row.get(0))?;
        let Some(object) = object else { return Ok(()) }; // As in `change_object`.
        if !self.enter(dataset, &name.key, object)? {
            return Ok(()); // The object has this name already: a put to an existing key.
        }
        let sql = "UPDATE object SET dataset = ?2, key = ?3, changed = ?4 WHERE id = ?1 AND key IS NULL";
        if self.run(sql, params![id.0, dataset, name.key, number as i64])? == 0 {
            self.run(
                "INSERT OR IGNORE INTO alias(id, dataset, key) VALUES (?1, ?2, ?3)",
                params![id.0, dataset, name.key],
            )?;
            self.run("UPDATE object SET changed = ?2 WHERE id = ?1", params![id.0, number as i64])?;
        }
        Ok(())
    }

    /// Enters a key of an object, by its number, in a dataset. `false`: it is there already.
    pub(super) fn enter(&mut self, dataset: i64, key: &[u8], object: i64) -> Result<bool> {
        let sql = "INSERT OR IGNORE INTO entry(dataset, key, object) VALUES (?1, ?2, ?3)";
        let row = params![dataset, key, object];
        let is_new = self.enter.run(self.connection, "apply a change", sql, row)? == 1;
        *self.sums.keys.entry(dataset).or_default() += i64::from(is_new);
        Ok(is_new)
    }

    /// Strikes a key off a dataset.
    fn strike(&mut self, dataset: i64, key: &[u8]) -> Result<()> {
        let gone = self.run("DELETE FROM entry WHERE dataset = ?1 AND key = ?2", params![dataset, key])?;
        *self.sums.keys.entry(dataset).or_default() -= gone as i64;
        Ok(())
    }

    pub(super) fn unname(&mut self, number: u64, id: ObjectId, name: &Name) -> Result<()> {
        let dataset = self.dataset_number(name.dataset)?;
        self.strike(dataset, &name.key)?;
        let sql = "DELETE FROM alias WHERE id = ?1 AND dataset = ?2 AND key = ?3";
        if self.run(sql, params![id.0, dataset, name.key])? == 0 {
            // The first name went: an alias takes its place.
            let sql = "UPDATE object SET (dataset, key) =
                 (SELECT dataset, key FROM alias WHERE alias.id = object.id ORDER BY dataset, key LIMIT 1) WHERE id = ?1";
            self.run(sql, params![id.0])?;
            let sql = "DELETE FROM alias WHERE id = ?1 AND (dataset, key) = (SELECT dataset, key FROM object WHERE id = ?1)";
            self.run(sql, params![id.0])?;
        }
        self.run("UPDATE object SET changed = ?2 WHERE id = ?1", params![id.0, number as i64]).map(drop)
    }

    /// Frees every name of an object. Its first name stays in its row, for an undelete.
    pub(super) fn remove_names(&mut self, id: ObjectId) -> Result<()> {
        let sql = "SELECT dataset, key FROM object WHERE id = ?1 AND key IS NOT NULL AND removed IS NULL
             UNION ALL SELECT dataset, key FROM alias WHERE id = ?1";
        let names: Vec<(i64, Vec<u8>)> =
            all(self.connection, "apply a change", sql, params![id.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (dataset, key) in names {
            self.strike(dataset, &key)?;
        }
        self.run("DELETE FROM alias WHERE id = ?1", params![id.0]).map(drop)
    }

    pub(super) fn undelete(&mut self, number: u64, id: ObjectId, name: Option<&Name>) -> Result<()> {
        let sql = "UPDATE object SET removed = NULL, dataset = NULL, key = NULL, changed = ?2 WHERE id = ?1";
        self.run(sql, params![id.0, number as i64])?;
        name.map_or(Ok(()), |name| self.name(number, id, name))
    }
}
