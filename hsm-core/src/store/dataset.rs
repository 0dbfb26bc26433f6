//! Datasets, and the names objects have in them.

use super::Store;
use crate::catalog::{Cursor, Durability, Expect, NamesPage};
use crate::error::{Error, Result};
use crate::journal::{Change, Updates};
use crate::object::{self, Attributes, Dataset, DatasetId, Name, ObjectId, Position};

impl Store {
    /// Creates a dataset. Its name is 1 to 255 bytes of UTF-8 and unique in the store. Durable when this returns.
    ///
    /// # Errors
    ///
    /// `Exists` when the name is taken, `Invalid` for a name or attributes outside the limits.
    pub fn create_dataset(&self, name: &str, attributes: &Attributes) -> Result<DatasetId> {
        object::check_name("dataset name", name)?;
        object::check_attributes(attributes)?;
        let engine = self.engine();
        let id = DatasetId(engine.ids.next(&*engine.clock));
        let updates: Updates =
            attributes.iter().map(|(name, value)| (name.to_owned(), Some(value.to_vec()))).collect();
        let change = Change::DatasetCreated { dataset: id, name: name.to_owned(), attributes: updates };
        let expect = vec![Expect::DatasetNameFree(name.to_owned())];
        engine.commit_one(expect, vec![change], Durability::Durable)?;
        Ok(id)
    }

    /// Removes a dataset that holds no key.
    ///
    /// # Errors
    ///
    /// `Exists` while it holds keys, `DatasetNotFound`.
    pub fn remove_dataset(&self, id: DatasetId) -> Result<Position> {
        let expect = vec![Expect::Dataset(id), Expect::DatasetEmpty(id)];
        let change = Change::DatasetRemoved { dataset: id };
        Ok(self.engine().commit_one(expect, vec![change], Durability::Durable)?.position)
    }

    /// A dataset by its name, with the number of its keys.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.dataset_named(name)?.ok_or_else(|| Error::DatasetNotFound { name: name.to_owned() })
    }

    /// A dataset by its id.
    pub fn dataset_by_id(&self, id: DatasetId) -> Result<Dataset> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.dataset(id)?.ok_or_else(|| Error::DatasetNotFound { name: id.to_string() })
    }

    /// Up to `limit` datasets in order of name, behind `after`.
    pub fn datasets(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dataset>> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.datasets(after, limit)
    }

    /// Gives an object one more name. A listing of a dataset shows it once for each of its keys there.
    ///
    /// # Errors
    ///
    /// `Exists` when the name is taken, `ObjectNotFound`, `DatasetNotFound`.
    pub fn add_name(&self, id: ObjectId, name: &Name) -> Result<Position> {
        object::check_key(&name.key)?;
        let expect = vec![Expect::Live(id), Expect::Dataset(name.dataset), Expect::NameFree(name.clone())];
        let change = Change::Named { name: name.clone(), object: id };
        Ok(self.engine().commit_one(expect, vec![change], Durability::Durable)?.position)
    }

    /// Takes a name from the object that has it. The object stays, also without a name.
    pub fn remove_name(&self, name: &Name) -> Result<Position> {
        let object = self.find(name)?;
        let expect = vec![Expect::NameIs(name.clone(), object)];
        let change = Change::Unnamed { name: name.clone(), object };
        Ok(self.engine().commit_one(expect, vec![change], Durability::Durable)?.position)
    }

    /// Every name of a live object, those in one dataset together, by key. All of them are in memory at once.
    pub fn names(&self, id: ObjectId) -> Result<Vec<Name>> {
        Ok(self.names_page(id, None, usize::MAX)?.names)
    }

    /// Up to `limit` names of a live object, behind the cursor of the page before. A name that it has throughout
    /// a listing appears in it exactly once.
    pub fn names_page(&self, id: ObjectId, after: Option<&Cursor>, limit: usize) -> Result<NamesPage> {
        let engine = self.engine();
        engine.check()?;
        engine.live(id)?;
        engine.catalog.names(id, after, limit.max(1))
    }
}
