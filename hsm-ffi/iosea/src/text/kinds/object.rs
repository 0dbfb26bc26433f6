//! Objects.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{absent, attributes_in, dataset, id_of, mapping, metadata, microseconds, there};
use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::hsm::{ANY_TIER, Id, PutOptions, Which};
use crate::object::id;
use crate::sys;
use crate::text::Kind;
use crate::text::ask::{Asked, Body};
use crate::types::NOT_FOUND;

pub(super) struct Objects<'a>(pub(super) &'a Client);

/// What can be given back as it was read.
const ONLY_READ: [&str; 15] = [
    "content_accessed_time",
    "content_modified_time",
    "creation_time",
    "dataset",
    "id",
    "last_modified_time",
    "metadata_modified_time",
    "name",
    "parent_id",
    "read_lock",
    "size",
    "tiers",
    "type",
    "user_metadata",
    "write_lock",
];

/// The attribute that is an object's name.
const NAME: &[u8] = b"name";

impl Objects<'_> {
    /// The dataset that is asked for, as libhsm knows it.
    fn dataset(&self, asked: &Asked, body: &Body) -> Result<Option<Id>> {
        let named =
            asked.parent_id.as_ref().or_else(|| body.get("dataset.id").or_else(|| body.get("parent_id")));
        let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(None) };
        let found = dataset::find(self.0, &id::parse(self.0.is_strict(), named.as_bytes())?)?;
        found.map(Some).ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no dataset {named}")))
    }

    fn attributes(body: &Body, name: Option<&String>) -> Result<(crate::hsm::Attributes, usize)> {
        let (mut attributes, mut count) = attributes_in(body, "user_metadata.data.", &ONLY_READ)?;
        if let Some(name) = name.or_else(|| body.get("name")) {
            attributes.set(NAME, name.as_bytes())?;
            count += 1;
        }
        Ok((attributes, count))
    }
}

impl Kind for Objects<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        let Some(object) = there(self.0.store.object(&id_of(id)?))? else { return Ok(None) };
        let info = object.info()?;
        let attributes = object.attributes()?;
        let name = attributes.iter().find(|(name, _)| name == NAME).map(|(_, name)| super::words(name));
        let modified = microseconds(info.modified_ns);
        let accessed = if info.accessed_ns == 0 { info.created_ns } else { info.accessed_ns };
        let mut tiers = object.copies()?;
        tiers.retain(|_| info.size_bytes > 0);
        let tiers = tiers
            .iter()
            .map(|copy| json!({"index": copy.tier, "extents": [{"offset": 0, "length": info.size_bytes}]}));
        let lock = || json!({"active": false, "locked_at": 0, "max_lock_time": 0});
        let parent = if info.dataset.bytes == [0; 16] {
            String::new()
        } else {
            there(self.0.store.dataset(&info.dataset.bytes))?
                .map(|dataset| dataset::id_of_dataset(&dataset))
                .transpose()?
                .unwrap_or_default()
        };
        let mut item = json!({
            "content_accessed_time": microseconds(accessed),
            "content_modified_time": modified,
            "creation_time": microseconds(info.created_ns),
            "dataset": {"id": parent},
            "id": id,
            "last_modified_time": modified,
            "metadata_modified_time": modified,
            "read_lock": lock(),
            "size": info.size_bytes,
            "tiers": tiers.collect::<Vec<_>>(),
            "type": "object",
            "user_metadata": metadata::tree(id, &mapping(&attributes)),
            "write_lock": lock(),
        });
        if let (Some(name), Some(map)) = (name, item.as_object_mut()) {
            map.insert("name".to_owned(), Value::String(name));
        }
        Ok(Some(item))
    }

    fn named(&self, name: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.0.store.each(&Which::WithAttribute(NAME, name.as_bytes()), &mut |id| {
            ids.push(id::format(&id));
            Ok(())
        })?;
        Ok(ids)
    }

    fn children(&self, parent: &str) -> Result<Vec<String>> {
        let Some(dataset) = dataset::find(self.0, &id_of(parent)?)? else { return Ok(Vec::new()) };
        let (mut met, mut ids) = (HashSet::new(), Vec::new());
        self.0.store.each(&Which::OfDataset(&dataset), &mut |id| {
            if met.insert(id) {
                ids.push(id::format(&id));
            }
            Ok(())
        })?;
        Ok(ids)
    }

    fn parents_named(&self, name: &str) -> Result<Vec<String>> {
        dataset::Datasets(self.0).named(name)
    }

    fn each(&self, wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        let attribute =
            wanted.iter().find_map(|(key, value)| Some((key.strip_prefix("user_metadata.data.")?, value)));
        let which = attribute
            .map_or(Which::All, |(name, value)| Which::WithAttribute(name.as_bytes(), value.as_bytes()));
        self.0.store.each(&which, &mut |id| take(id::format(&id)))
    }

    fn create(&self, asked: &Asked, body: &Body) -> Result<String> {
        let id = match &asked.id {
            Some(id) => id_of(id)?,
            None => self.0.store.new_id()?,
        };
        let options = PutOptions::new(&id, sys::HSM_PUT_CREATE, ANY_TIER)?;
        let text = id::format(&id);
        if let Some(dataset) = self.dataset(asked, body)? {
            options.set_key(&dataset, text.as_bytes())?;
        }
        let (attributes, count) = Self::attributes(body, asked.name.as_ref())?;
        if count > 0 {
            options.set_attributes(&attributes)?;
        }
        self.0.store.put_empty(&options)?;
        Ok(text)
    }

    fn update(&self, id: &str, asked: &Asked, body: &Body) -> Result<()> {
        let object = id_of(id)?;
        let info = self.0.store.object(&object)?.info()?;
        let dataset = self.dataset(asked, body)?;
        let (attributes, count) = Self::attributes(body, None)?;
        if count > 0 {
            self.0.store.set_attributes(&object, &attributes)?;
        }
        if let Some(dataset) = dataset.filter(|dataset| *dataset != info.dataset.bytes) {
            self.0.store.change_key(&dataset, id.as_bytes(), &object, false)?;
            if info.dataset.bytes != [0; 16] {
                // A key that something else gave it stays.
                there(self.0.store.change_key(&info.dataset.bytes, id.as_bytes(), &object, true))?;
            }
        }
        Ok(())
    }

    fn remove(&self, id: &str) -> Result<()> {
        there(self.0.store.remove(&id_of(id)?))?.ok_or_else(|| absent(id))?;
        self.0.removed();
        Ok(())
    }
}
