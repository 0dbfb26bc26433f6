//! User metadata: the attributes of an object, as an item of their own that has the object's id.

use serde_json::{Value, json};

use super::{attributes_in, id_of, mapping, object, there};
use crate::client::Client;
use crate::failure::{Result, until_won};
use crate::hsm::{Attributes, Which};
use crate::object::id;
use crate::text::Kind;
use crate::text::ask::{Asked, Body};

pub(super) struct Metadata<'a>(pub(super) &'a Client);

/// The item, also inside of an object.
pub(super) fn tree(id: &str, data: &Value) -> Value {
    json!({"id": id, "data": data, "object": {"id": id}, "type": "metadata"})
}

impl Kind for Metadata<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        let Some(object) = there(self.0.store.object(&id_of(id)?))? else { return Ok(None) };
        Ok(Some(tree(id, &mapping(&object.attributes()?))))
    }

    fn named(&self, name: &str) -> Result<Vec<String>> {
        object::Objects(self.0).named(name)
    }

    fn children(&self, parent: &str) -> Result<Vec<String>> {
        Ok(vec![parent.to_owned()])
    }

    fn parents_named(&self, name: &str) -> Result<Vec<String>> {
        object::Objects(self.0).named(name)
    }

    fn each(&self, wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        let attribute = wanted.iter().find_map(|(key, value)| Some((key.strip_prefix("data.")?, value)));
        let which = attribute
            .map_or(Which::All, |(name, value)| Which::WithAttribute(name.as_bytes(), value.as_bytes()));
        self.0.store.each(&which, &mut |id| take(id::format(&id)))
    }

    /// It comes to be with its object, so this sets what is in it.
    fn create(&self, asked: &Asked, body: &Body) -> Result<String> {
        let named = asked.id.as_ref().or(asked.parent_id.as_ref()).or_else(|| body.get("object.id"));
        let named = named
            .ok_or_else(|| crate::failure::Failure::bad_id("whose metadata: give the object as parent"))?;
        let id = id::format(&id::parse(self.0.is_strict(), named.as_bytes())?);
        self.update(&id, asked, body)?;
        Ok(id)
    }

    fn update(&self, id: &str, _asked: &Asked, body: &Body) -> Result<()> {
        let (attributes, count) = attributes_in(body, "data.", &["id", "object", "type"])?;
        let object = id_of(id)?;
        if count == 0 {
            return self.0.store.object(&object).map(drop);
        }
        self.0.store.set_attributes(&object, &attributes)
    }

    /// Takes all that is in it. Of what another sets in one call meanwhile it does not take a part.
    fn remove(&self, id: &str) -> Result<()> {
        let object = id_of(id)?;
        until_won(|| {
            let there = self.0.store.object(&object)?.attributes()?;
            let mut attributes = Attributes::new()?;
            for (name, value) in &there {
                attributes.expect(name, Some(value))?;
                attributes.remove(name)?;
            }
            if there.is_empty() { Ok(()) } else { self.0.store.set_attributes(&object, &attributes) }
        })
    }
}
