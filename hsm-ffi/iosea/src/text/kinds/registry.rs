//! Users and nodes: records that callers keep in the store, and that mean nothing to it. There is no login and no server.
//!
//! Those of a kind are the attributes of one dataset of the library's own: the id, and the fields as JSON.

use serde_json::{Value, json};

use super::{absent, bad, dataset, there};
use crate::client::Client;
use crate::failure::{Failure, Result, until_won};
use crate::hsm::{Attributes, Dataset, Id};
use crate::object::id;
use crate::text::Kind;
use crate::text::ask::{Asked, Body};
use crate::types::ATTEMPTED_OVERWRITE;

pub(super) struct Registry<'a> {
    pub(super) client: &'a Client,
    /// What stands in `type`.
    pub(super) kind: &'static str,
}

/// Secrets have no place in a store that anyone on this machine may read.
const SECRETS: [&str; 3] = ["password", "token", "tokens"];

impl Registry<'_> {
    fn name(&self) -> String {
        format!("{}{}s", dataset::OWN, self.kind)
    }

    fn dataset(&self) -> Result<Option<Dataset>> {
        there(self.client.store.dataset_named(self.name().as_bytes()))
    }

    /// Ids and records as they are written.
    fn written(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.dataset()?.map_or(Ok(Vec::new()), |dataset| dataset.attributes())
    }

    fn read(&self, id: &[u8], written: &[u8]) -> Result<Body> {
        serde_json::from_slice(written).map_err(|error| {
            let id = super::words(id);
            super::refused(format!("the record {id:?} of a {} is no JSON: {error}", self.kind))
        })
    }

    fn records(&self) -> Result<Vec<(String, Body)>> {
        let written = self.written()?.into_iter();
        written.map(|(id, written)| Ok((super::words(&id), self.read(&id, &written)?))).collect()
    }

    /// Puts a record in the place of the one that was there, or takes it away, whoever does the same meanwhile.
    fn change(&self, id: &str, change: &dyn Fn(Option<Body>) -> Result<Option<Body>>) -> Result<()> {
        until_won(|| {
            let written = self.written()?.into_iter().find(|(known, _)| known == id.as_bytes());
            let written = written.map(|(_, written)| written);
            let mut attributes = Attributes::new()?;
            attributes.expect(id.as_bytes(), written.as_deref())?;
            let before = written.map(|written| self.read(id.as_bytes(), &written)).transpose()?;
            match change(before)? {
                Some(fields) => {
                    if let Some(secret) = fields.keys().find(|key| super::is_known(key, &SECRETS)) {
                        return Err(bad(format!("no {secret} is kept here: there is no login")));
                    }
                    attributes.set(id.as_bytes(), json!(fields).to_string().as_bytes())?;
                }
                None => attributes.remove(id.as_bytes())?,
            }
            self.client.store.set_dataset_attributes(&self.place()?, &attributes)
        })
    }

    fn place(&self) -> Result<Id> {
        if let Some(dataset) = self.dataset()? {
            return Ok(dataset.info()?.id.bytes);
        }
        match self.client.store.create_dataset(self.name().as_bytes(), &Attributes::new()?) {
            // Another one made it meanwhile.
            Err(failure) if failure.code == ATTEMPTED_OVERWRITE => {
                Ok(self.client.store.dataset_named(self.name().as_bytes())?.info()?.id.bytes)
            }
            made => made,
        }
    }
}

impl Kind for Registry<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        Ok(self.records()?.into_iter().find(|(known, _)| known == id).map(|(_, mut fields)| {
            fields.insert("id".to_owned(), id.to_owned());
            fields.insert("type".to_owned(), self.kind.to_owned());
            json!(fields)
        }))
    }

    fn named(&self, name: &str) -> Result<Vec<String>> {
        let mut records = self.records()?;
        records.retain(|(_, fields)| fields.get("name").is_some_and(|known| known == name));
        Ok(records.into_iter().map(|(id, _)| id).collect())
    }

    fn children(&self, _parent: &str) -> Result<Vec<String>> {
        Err(Failure::bad_id(format!("a {} has no parent", self.kind)))
    }

    fn parents_named(&self, _name: &str) -> Result<Vec<String>> {
        Err(Failure::bad_id(format!("a {} has no parent", self.kind)))
    }

    fn each(&self, _wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        self.records()?.into_iter().try_for_each(|(id, _)| take(id))
    }

    fn create(&self, asked: &Asked, body: &Body) -> Result<String> {
        let id = match &asked.id {
            Some(id) => id.clone(),
            None => id::format(&self.client.store.new_id()?),
        };
        let mut fields = body.clone();
        fields.extend(asked.name.iter().map(|name| ("name".to_owned(), name.clone())));
        self.change(&id, &|before| match before {
            Some(_) => Err(Failure::new(ATTEMPTED_OVERWRITE, format!("there is a {} {id}", self.kind))),
            None => Ok(Some(fields.clone())),
        })?;
        Ok(id)
    }

    fn update(&self, id: &str, _asked: &Asked, body: &Body) -> Result<()> {
        self.change(id, &|before| {
            let mut fields = before.ok_or_else(|| absent(id))?;
            fields.extend(body.clone());
            Ok(Some(fields))
        })
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.change(id, &|before| before.map(|_| None).ok_or_else(|| absent(id)))
    }
}
