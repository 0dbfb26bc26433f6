//! Whether an open store is whole, judged from outside.
//!
//! Three nouns:
//!
//! - a [`View`] is everything a store says of itself, in a form that can be compared;
//! - a [`Model`] is what the feed adds up to;
//! - *stray* is what lies on a tier and belongs to no object ([`stray`]).
//!
//! A check returns what is wrong as text: whoever runs it knows in which state of which step it is.

mod model;
mod stray;
mod view;

pub use model::Model;
pub use stray::{LITTER_BYTES, LITTER_INSTANCE, Strictness, disk_hash, stray};
pub(crate) use view::hash_of;
pub use view::{View, differences, view};

use hsm_core::object::Position;
use hsm_core::{Event, Store};

/// What a check found wrong.
pub type Verdict<T> = Result<T, String>;

/// Every event of the feed. Their numbers must follow each other without gaps, from 1.
pub fn feed(store: &Store) -> Verdict<Vec<Event>> {
    let events: Vec<Event> = store
        .feed(Position::default())
        .collect::<hsm_core::Result<_>>()
        .map_err(|error| format!("the feed cannot be read: {error}"))?;
    for (number, event) in (1..).zip(&events) {
        if event.position.number != number {
            return Err(format!("the feed has change {} where {number} should be", event.position.number));
        }
    }
    if events.windows(2).any(|pair| pair[0].position.epoch > pair[1].position.epoch) {
        return Err("an epoch of the feed is followed by an earlier one".to_owned());
    }
    Ok(events)
}

/// Whether the store is what its feed adds up to. Returns the sum.
pub fn feed_adds_up(store: &Store, seen: &View) -> Verdict<Model> {
    let mut model = Model::default();
    for event in feed(store)? {
        model.apply(&event);
    }
    if let Some(wrong) = model.wrong {
        return Err(wrong);
    }
    // Who follows a store is no part of its history.
    let mut told = seen.entities.clone();
    told.retain(|name, _| !name.starts_with("subscriber "));
    match differences(&model.entities(), &told) {
        Some(difference) => Err(format!("the feed and the store differ (feed, store): {difference}")),
        None => Ok(model),
    }
}
