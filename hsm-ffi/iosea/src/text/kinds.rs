//! The kinds of items, one a file, and what they have in common.

mod action;
pub(super) mod dataset;
mod metadata;
mod object;
mod part;
mod registry;
mod tier;

use std::ffi::c_int;

use super::Kind;
use super::ask::Body;
use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::hsm::{Attributes, Id};
use crate::object::id;
use crate::types::{
    BAD_INPUT_BUFFER, ITEM_ACTION, ITEM_DATASET, ITEM_NODE, ITEM_OBJECT, ITEM_TIER, ITEM_TIER_EXTENT,
    ITEM_USER, ITEM_USER_METADATA, NOT_FOUND, UNKNOWN,
};

/// The items of a kind of the header.
pub(super) fn of(client: &Client, item: c_int) -> Result<Box<dyn Kind + '_>> {
    Ok(match item {
        ITEM_OBJECT => Box::new(object::Objects(client)),
        ITEM_TIER => Box::new(tier::Tiers(client)),
        ITEM_DATASET => Box::new(dataset::Datasets(client)),
        ITEM_USER => Box::new(registry::Registry { client, kind: "user" }),
        ITEM_NODE => Box::new(registry::Registry { client, kind: "node" }),
        ITEM_ACTION => Box::new(action::Actions(client)),
        ITEM_USER_METADATA => Box::new(metadata::Metadata(client)),
        ITEM_TIER_EXTENT => Box::new(part::Parts(client)),
        _ => return Err(bad("the item is none of HESTIA_OBJECT to HESTIA_TIER_EXTENT")),
    })
}

fn bad(what: impl Into<String>) -> Failure {
    Failure::new(BAD_INPUT_BUFFER, what)
}

fn refused(what: impl Into<String>) -> Failure {
    Failure::new(UNKNOWN, what)
}

fn absent(id: &str) -> Failure {
    Failure::new(NOT_FOUND, format!("there is no item {id}"))
}

/// The id in a text that was checked.
fn id_of(text: &str) -> Result<Id> {
    id::parse(false, text.as_bytes())
}

/// What is there, or nothing.
fn there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.code == NOT_FOUND => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn microseconds(ns: i64) -> i64 {
    ns.div_euclid(1000)
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Names and values as a mapping.
fn mapping(pairs: &[(Vec<u8>, Vec<u8>)]) -> serde_json::Value {
    let pairs = pairs.iter().map(|(name, value)| (words(name), serde_json::Value::String(words(value))));
    serde_json::Value::Object(pairs.collect())
}

/// The attributes that fields set: those with a prefix. Fields that are only read may be given back, and have no effect;
/// any other is a mistake.
fn attributes_in(body: &Body, prefix: &str, only_read: &[&str]) -> Result<(Attributes, usize)> {
    let (mut attributes, mut count) = (Attributes::new()?, 0);
    for (key, value) in body {
        if let Some(name) = key.strip_prefix(prefix) {
            attributes.set(name.as_bytes(), value.as_bytes())?;
            count += 1;
        } else if !is_known(key, only_read) {
            return Err(bad(format!(
                "the key {key:?} is none that can be set here; those of a user begin with {prefix:?}"
            )));
        }
    }
    Ok((attributes, count))
}

/// Whether a key, or the mapping it is in, is one of these.
fn is_known(key: &str, known: &[&str]) -> bool {
    known.contains(&key.split('.').next().unwrap_or_default())
}
