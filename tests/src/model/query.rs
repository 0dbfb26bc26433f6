//! The model of listings.

use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::{Kind, Query};

use super::state::{Answer, Entry, State};

impl State {
    /// Objects that match, in the order of a listing, each with the key it is found under.
    pub fn list(&self, query: &Query) -> Answer<Vec<(Vec<u8>, ObjectId)>> {
        let Some(dataset) = query.dataset else {
            if !query.key_prefix.is_empty() {
                return Err(Kind::Invalid);
            }
            let mut matching: Vec<_> =
                self.objects.iter().filter(|(_, entry)| matches(query, entry)).collect();
            matching.sort_unstable_by_key(|(_, entry)| entry.number);
            return Ok(matching.into_iter().map(|(id, _)| (Vec::new(), *id)).collect());
        };
        if !self.datasets.contains_key(&dataset) {
            return Err(Kind::NotFound);
        }
        let in_order = self.names.iter().filter(|(name, id)| {
            name.dataset == dataset
                && name.key.starts_with(&query.key_prefix)
                && matches(query, &self.objects[*id])
        });
        Ok(in_order.map(|(name, id)| (name.key.clone(), *id)).collect())
    }

    /// Objects with a copy on a tier, in the order in which a drain or a loss comes to them: of arrival.
    pub(super) fn on_tier(&self, tier: TierIndex, removed: bool) -> Vec<ObjectId> {
        let query = Query { removed, ..Query::tier(tier) };
        self.list(&query).into_iter().flatten().map(|(_, id)| id).collect()
    }
}

fn matches(query: &Query, entry: &Entry) -> bool {
    let attribute = |(name, value): &(String, Option<Vec<u8>>)| match (entry.attributes.get(name), value) {
        (Some(found), Some(value)) => found == value,
        (found, None) => found.is_some(),
        (None, Some(_)) => false,
    };
    (entry.removed_until_ns != 0) == query.removed
        && query.tier.is_none_or(|tier| entry.copies.contains_key(&tier))
        && query.not_on_tier.is_none_or(|tier| !entry.copies.contains_key(&tier))
        && query.size_min.is_none_or(|size| entry.size() >= size)
        && query.size_max.is_none_or(|size| entry.size() <= size)
        && query.created_from_ns.is_none_or(|time| entry.created_ns >= time)
        && query.created_before_ns.is_none_or(|time| entry.created_ns < time)
        && query.modified_from_ns.is_none_or(|time| entry.modified_ns >= time)
        && query.modified_before_ns.is_none_or(|time| entry.modified_ns < time)
        && query.attribute.as_ref().is_none_or(attribute)
}
