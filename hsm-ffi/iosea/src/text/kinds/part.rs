//! Extents: the part of an object that lies on one tier, which is all of it. Its id is the object's, a colon, the tier.

use serde_json::{Value, json};

use super::{absent, bad, id_of, microseconds, object, refused, there};
use crate::client::Client;
use crate::failure::Result;
use crate::hsm::Which;
use crate::object::id;
use crate::text::Kind;
use crate::text::ask::{Asked, Body};

pub(super) struct Parts<'a>(pub(super) &'a Client);

fn halves(id: &str) -> Result<(crate::hsm::Id, u8)> {
    let (object, tier) = id.rsplit_once(':').ok_or_else(|| absent(id))?;
    Ok((id_of(object)?, tier.parse().map_err(|_| absent(id))?))
}

impl Kind for Parts<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        let (object, tier) = halves(id)?;
        let Some(known) = there(self.0.store.object(&object))? else { return Ok(None) };
        let info = known.info()?;
        let copies = known.copies()?;
        let copy = copies.iter().find(|copy| copy.tier == tier && info.size_bytes > 0);
        Ok(copy.map(|copy| {
            json!({
                "creation_time": microseconds(copy.created_ns),
                "extents": [{"offset": 0, "length": info.size_bytes}],
                "id": id,
                "last_modified_time": microseconds(copy.created_ns.max(info.modified_ns)),
                "object": {"id": id::format(&object)},
                "tier": {"id": tier.to_string()},
                "type": "tier_extents",
            })
        }))
    }

    fn named(&self, _name: &str) -> Result<Vec<String>> {
        Err(bad("extents have no names"))
    }

    fn children(&self, parent: &str) -> Result<Vec<String>> {
        let Some(known) = there(self.0.store.object(&id_of(parent)?))? else { return Ok(Vec::new()) };
        if known.info()?.size_bytes == 0 {
            return Ok(Vec::new());
        }
        Ok(known.copies()?.iter().map(|copy| format!("{parent}:{}", copy.tier)).collect())
    }

    fn parents_named(&self, name: &str) -> Result<Vec<String>> {
        object::Objects(self.0).named(name)
    }

    fn each(&self, _wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        self.0.store.each(&Which::All, &mut |id| {
            for id in self.children(&id::format(&id))? {
                take(id)?;
            }
            Ok(())
        })
    }

    fn create(&self, _asked: &Asked, _body: &Body) -> Result<String> {
        Err(refused("an extent comes with data: put, copy or move it to the tier"))
    }

    fn update(&self, id: &str, _asked: &Asked, _body: &Body) -> Result<()> {
        self.describe(id)?.ok_or_else(|| absent(id))?;
        Err(refused("an extent changes with data: put, copy or move it to the tier"))
    }

    /// Drops the copy, unless it is the last.
    fn remove(&self, id: &str) -> Result<()> {
        self.describe(id)?.ok_or_else(|| absent(id))?;
        let (object, tier) = halves(id)?;
        self.0.store.release(&object, tier, false)
    }
}
