//! Datasets.
//!
//! libhsm draws their ids and wants a name. One that was made here with an id has that in an attribute; one without a name
//! has its id as name. Names that begin with `hestia.` are of this library.

use serde_json::{Value, json};

use super::{absent, attributes_in, bad, id_of, mapping, microseconds, refused, there, words};
use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::hsm::{Dataset, Id};
use crate::object::id;
use crate::sys;
use crate::text::Kind;
use crate::text::ask::{Asked, Body};
use crate::types::UNKNOWN;

pub(super) struct Datasets<'a>(pub(super) &'a Client);

/// The attribute with the id that a caller gave.
const ID: &[u8] = b"hestia.id";
/// What names of this library's own begin with.
pub(super) const OWN: &str = "hestia.";

const ONLY_READ: [&str; 6] = ["creation_time", "id", "name", "objects", "type", "data"];

/// The id that callers know a dataset by.
pub(super) fn id_of_dataset(dataset: &Dataset) -> Result<String> {
    let given = dataset.attributes()?.into_iter().find(|(name, _)| name == ID);
    Ok(match given {
        Some((_, id)) => words(&id),
        None => id::format(&dataset.info()?.id.bytes),
    })
}

fn is_own(dataset: &Dataset) -> Result<bool> {
    Ok(dataset.name()?.starts_with(OWN.as_bytes()))
}

/// The dataset with an id that callers know it by, as libhsm knows it.
pub(crate) fn find(client: &Client, id: &Id) -> Result<Option<Id>> {
    if there(client.store.dataset(id))?.is_some() {
        return Ok(Some(*id));
    }
    let wanted = id::format(id);
    for dataset in client.store.datasets()? {
        if id_of_dataset(&dataset)? == wanted {
            return Ok(Some(dataset.info()?.id.bytes));
        }
    }
    Ok(None)
}

impl Datasets<'_> {
    fn known(&self, id: &str) -> Result<Option<Dataset>> {
        let Some(found) = find(self.0, &id_of(id)?)? else { return Ok(None) };
        there(self.0.store.dataset(&found))
    }

    fn needed(&self, id: &str) -> Result<Dataset> {
        self.known(id)?.ok_or_else(|| absent(id))
    }
}

impl Kind for Datasets<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        let Some(dataset) = self.known(id)? else { return Ok(None) };
        let info = dataset.info()?;
        let mut attributes = dataset.attributes()?;
        attributes.retain(|(name, _)| name != ID);
        Ok(Some(json!({
            "creation_time": microseconds(info.created_ns),
            "data": mapping(&attributes),
            "id": id_of_dataset(&dataset)?,
            "name": words(&dataset.name()?),
            "objects": info.keys,
            "type": "dataset",
        })))
    }

    fn named(&self, name: &str) -> Result<Vec<String>> {
        let found = there(self.0.store.dataset_named(name.as_bytes()))?;
        found.filter(|_| !name.starts_with(OWN)).iter().map(id_of_dataset).collect()
    }

    fn children(&self, _parent: &str) -> Result<Vec<String>> {
        Err(Failure::bad_id("datasets have no parents"))
    }

    fn parents_named(&self, _name: &str) -> Result<Vec<String>> {
        Err(Failure::bad_id("datasets have no parents"))
    }

    fn each(&self, _wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        for dataset in self.0.store.datasets()? {
            if !is_own(&dataset)? {
                take(id_of_dataset(&dataset)?)?;
            }
        }
        Ok(())
    }

    fn create(&self, asked: &Asked, body: &Body) -> Result<String> {
        let (mut attributes, _) = attributes_in(body, "data.", &ONLY_READ)?;
        let given = asked.id.clone();
        if let Some(id) = &given {
            if self.known(id)?.is_some() {
                return Err(Failure::new(
                    crate::types::ATTEMPTED_OVERWRITE,
                    format!("there is a dataset {id}"),
                ));
            }
            attributes.set(ID, id.as_bytes())?;
        }
        let name = asked.name.clone().or_else(|| body.get("name").filter(|name| !name.is_empty()).cloned());
        if name.as_ref().is_some_and(|name| name.starts_with(OWN)) {
            return Err(bad(format!("names that begin with {OWN:?} are the library's own")));
        }
        let name = match name.or_else(|| given.clone()) {
            Some(name) => name,
            None => id::format(&self.0.store.new_id()?),
        };
        let drawn = self.0.store.create_dataset(name.as_bytes(), &attributes)?;
        Ok(given.unwrap_or_else(|| id::format(&drawn)))
    }

    fn update(&self, id: &str, _asked: &Asked, body: &Body) -> Result<()> {
        let dataset = self.needed(id)?;
        if body.get("name").is_some_and(|name| name.as_bytes() != dataset.name().unwrap_or_default()) {
            return Err(refused("a dataset keeps its name"));
        }
        let (attributes, count) = attributes_in(body, "data.", &ONLY_READ)?;
        let known = dataset.info()?.id.bytes;
        if count == 0 { Ok(()) } else { self.0.store.set_dataset_attributes(&known, &attributes) }
    }

    /// Removes one that no object is in.
    fn remove(&self, id: &str) -> Result<()> {
        let known = self.needed(id)?.info()?.id.bytes;
        self.0.store.remove_dataset(&known).map_err(|failure| match failure.status {
            sys::HSM_STATUS_EXISTS => Failure { code: UNKNOWN, ..failure },
            _ => failure,
        })
    }
}
