//! Users and nodes: records that callers keep in the store, and that mean nothing to it. There is no login and no server.
//!
//! Those of a kind are the attributes of one dataset of the library's own: the id, and the fields as JSON.

use serde_json::{Value, json};

use super::{absent, bad, dataset, there};
use crate::client::Client;
use crate::failure::{Failure, Result};
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

    fn records(&self) -> Result<Vec<(String, Body)>> {
        let Some(dataset) = self.dataset()? else { return Ok(Vec::new()) };
        let records = dataset.attributes()?.into_iter().map(|(id, fields)| {
            let fields = serde_json::from_slice(&fields).map_err(|error| {
                super::refused(format!("the record {id:?} of a {} is no JSON: {error}", self.kind))
            })?;
            Ok((super::words(&id), fields))
        });
        records.collect()
    }

    fn record(&self, id: &str) -> Result<Option<Body>> {
        Ok(self.records()?.into_iter().find(|(known, _)| known == id).map(|(_, fields)| fields))
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

    fn keep(&self, id: &str, fields: &Body) -> Result<()> {
        if let Some(secret) = fields.keys().find(|key| super::is_known(key, &SECRETS)) {
            return Err(bad(format!("no {secret} is kept here: there is no login")));
        }
        let mut attributes = Attributes::new()?;
        attributes.set(id.as_bytes(), json!(fields).to_string().as_bytes())?;
        self.client.store.set_dataset_attributes(&self.place()?, &attributes)
    }
}

impl Kind for Registry<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        Ok(self.record(id)?.map(|mut fields| {
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
        if self.record(&id)?.is_some() {
            return Err(Failure::new(ATTEMPTED_OVERWRITE, format!("there is a {} {id}", self.kind)));
        }
        let mut fields = body.clone();
        fields.extend(asked.name.iter().map(|name| ("name".to_owned(), name.clone())));
        self.keep(&id, &fields)?;
        Ok(id)
    }

    fn update(&self, id: &str, _asked: &Asked, body: &Body) -> Result<()> {
        let mut fields = self.record(id)?.ok_or_else(|| absent(id))?;
        fields.extend(body.clone());
        self.keep(id, &fields)
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.record(id)?.ok_or_else(|| absent(id))?;
        let mut attributes = Attributes::new()?;
        attributes.remove(id.as_bytes())?;
        self.client.store.set_dataset_attributes(&self.place()?, &attributes)
    }
}
