//! Tiers. The id of one is its number.

use serde_json::{Value, json};

use super::{absent, bad, is_known, refused, words};
use crate::client::Client;
use crate::failure::{Failure, Result, until_won};
use crate::hsm::TierSettings;
use crate::sys;
use crate::text::Kind;
use crate::text::ask::{Asked, Body, flat};

pub(super) struct Tiers<'a>(pub(super) &'a Client);

const KEYS: [&str; 8] = ["bandwidth", "capacity", "id", "name", "objects", "priority", "size", "type"];

fn number(id: &str) -> Result<u8> {
    id.parse().map_err(|_| absent(id))
}

/// The capacity that fields set.
fn capacity(body: &Body) -> Result<Option<u64>> {
    if let Some(key) = body.keys().find(|key| !is_known(key, &KEYS)) {
        return Err(bad(format!("a tier has no key {key:?}")));
    }
    let text = body.get("capacity");
    text.map(|text| text.parse().map_err(|_| bad(format!("the capacity {text:?} is no number of bytes"))))
        .transpose()
}

impl Kind for Tiers<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        let number = number(id)?;
        let tiers = self.0.store.tiers_in_numbers()?;
        let Some(tier) = tiers.iter().find(|tier| tier.tier == i32::from(number)) else { return Ok(None) };
        Ok(Some(json!({
            "capacity": tier.capacity_bytes,
            "id": id,
            "name": words(&self.0.store.tier_name(number)?),
            "objects": tier.objects,
            "priority": number,
            "size": tier.bytes,
            "type": "tier",
        })))
    }

    fn named(&self, name: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for tier in self.0.store.tiers()? {
            if self.0.store.tier_name(tier)? == name.as_bytes() {
                found.push(tier.to_string());
            }
        }
        Ok(found)
    }

    fn children(&self, _parent: &str) -> Result<Vec<String>> {
        Err(Failure::bad_id("tiers have no parents"))
    }

    fn parents_named(&self, _name: &str) -> Result<Vec<String>> {
        Err(Failure::bad_id("tiers have no parents"))
    }

    fn each(&self, _wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        self.0.store.tiers()?.iter().try_for_each(|tier| take(tier.to_string()))
    }

    fn create(&self, asked: &Asked, body: &Body) -> Result<String> {
        let there = self.0.store.tiers()?;
        let tier = match asked.id.as_ref().or_else(|| body.get("priority")) {
            Some(id) => {
                id.parse().map_err(|_| bad(format!("{id:?} is no number of a tier, which are 0 to 255")))?
            }
            None => (0..=255_u8)
                .find(|tier| !there.contains(tier))
                .ok_or_else(|| refused("there are 256 tiers"))?,
        };
        let settings = TierSettings::new(tier, None, false, capacity(body)?.unwrap_or(0))?;
        if let Some(name) = asked.name.as_ref().or_else(|| body.get("name")) {
            settings.set_name(name.as_bytes())?;
        }
        self.0.store.add_tier(&settings)?;
        Ok(tier.to_string())
    }

    fn update(&self, id: &str, _asked: &Asked, body: &Body) -> Result<()> {
        let item = self.describe(id)?.ok_or_else(|| absent(id))?;
        let now = flat(&item);
        if let Some(key) = ["name", "priority"]
            .into_iter()
            .find(|key| body.get(*key).is_some_and(|value| now.get(*key) != Some(value)))
        {
            return Err(refused(format!("a tier keeps its {key}")));
        }
        let Some(capacity_bytes) = capacity(body)? else { return Ok(()) };
        until_won(|| self.0.store.change_tier(number(id)?, capacity_bytes))
    }

    /// Takes a tier out of use that holds nothing.
    fn remove(&self, id: &str) -> Result<()> {
        // Of removed objects nothing is kept, but their bytes may still be there.
        self.0.store.maintain()?;
        self.0.store.retire_tier(number(id)?).map_err(|failure| match failure.status {
            sys::HSM_STATUS_EXISTS => Failure { code: crate::types::UNKNOWN, ..failure },
            _ => failure,
        })
    }
}
