//! Whether what a proposal expects holds, in the transaction that would commit it.

use rusqlite::{Connection, params};

use super::apply::{self, Applier};
use super::index::one;
use super::{action, lookup, pin};
use crate::catalog::{Expect, Expired};
use crate::error::{Error, Result};
use crate::journal::{Subject, Updates};
use crate::object::{Object, ObjectId, TierConfig, TierIndex, TierState};

/// Checks one expectation; the error is the answer to the caller.
pub(super) fn check(connection: &Connection, applier: &Applier<'_>, expect: &Expect) -> Result<()> {
    match expect {
        Expect::NotLive(id) => match live(connection, *id)? {
            Some(_) => Err(Error::Exists { what: format!("object {id}") }),
            None => Ok(()),
        },
        Expect::Live(id) => must_live(connection, *id).map(drop),
        Expect::Removed(id) => match apply::find(connection, *id)?.filter(Object::is_removed) {
            Some(_) => Ok(()),
            None => Err(Error::ObjectNotFound { id: *id }),
        },
        Expect::RemovedSo(Expired { id, generation, until_ns }) => {
            let is_so =
                |object: &Object| object.generation == *generation && object.removed_until_ns == *until_ns;
            match apply::find(connection, *id)?.filter(is_so) {
                Some(_) => Ok(()),
                None => Err(Error::ObjectNotFound { id: *id }),
            }
        }
        Expect::Generation(id, generation) => {
            let found = apply::find(connection, *id)?.map_or(0, |object| object.generation);
            if found == *generation { Ok(()) } else { Err(changed(*id)) }
        }
        Expect::Attributes(subject, expected) => attributes(connection, *subject, expected),
        Expect::CopyAt(id, tier, pieces) => {
            let object = must_be(connection, *id)?;
            match object.copy_on(*tier) {
                Some(copy) if copy.pieces == *pieces => Ok(()),
                _ => Err(changed(*id)),
            }
        }
        Expect::NoCopy(id, tier) => match must_be(connection, *id)?.copy_on(*tier) {
            Some(_) => Err(changed(*id)),
            None => Ok(()),
        },
        Expect::VerifiedElsewhere(id, tier) => {
            let object = must_be(connection, *id)?;
            for copy in object.copies.iter().filter(|copy| copy.tier != *tier && copy.is_verified()) {
                if applier.tier_config(copy.tier)?.is_some_and(|config| config.state.is_readable()) {
                    return Ok(());
                }
            }
            Err(Error::LastCopy { id: *id, tier: *tier })
        }
        Expect::NotPinned(id, tier) => not_pinned(connection, applier, *id, *tier),
        Expect::NameFree(name) => match applier.resolve(name)? {
            Some(_) => Err(Error::Exists { what: format!("key \"{}\"", name.key.escape_ascii()) }),
            None => Ok(()),
        },
        Expect::NameIs(name, id) => match applier.resolve(name)? {
            Some(found) if found == *id => Ok(()),
            _ => Err(Error::Conflict { what: format!("key \"{}\"", name.key.escape_ascii()) }),
        },
        Expect::Dataset(id) => match applier.find_dataset(*id)? {
            Some(_) => Ok(()),
            None => Err(Error::DatasetNotFound { name: id.to_string() }),
        },
        Expect::DatasetNameFree(name) => match lookup::dataset_named(connection, name)? {
            Some(_) => Err(Error::Exists { what: format!("dataset {name:?}") }),
            None => Ok(()),
        },
        Expect::DatasetEmpty(id) => {
            let sql =
                "SELECT 1 FROM entry WHERE dataset = (SELECT number FROM dataset WHERE id = ?1) LIMIT 1";
            match one(connection, "look into a dataset", sql, params![id.0], |_| Ok(()))? {
                Some(()) => Err(Error::Exists { what: format!("an object in dataset {id}") }),
                None => Ok(()),
            }
        }
        Expect::TierWritable(tier, incarnation) => writable(applier, *tier, *incarnation),
        Expect::TierRoom(tier, bytes) => {
            let Some(usage) = lookup::tier(connection, *tier)? else {
                return Err(Error::TierNotFound { tier: *tier });
            };
            let used = usage.bytes.saturating_add_signed(applier.bytes_added(*tier));
            room(&usage.config, used, *bytes)
        }
        Expect::TierIs(tier, expected) => {
            if applier.tier_config(*tier)? == *expected {
                return Ok(());
            }
            Err(Error::Conflict { what: format!("tier {tier}") })
        }
        Expect::TierEmpty(tier) => match lookup::tier(connection, *tier)? {
            Some(usage) if usage.objects != 0 => {
                Err(Error::Exists { what: format!("{} copies on tier {tier}", usage.objects) })
            }
            _ => Ok(()),
        },
        Expect::Action(id, number) => match action::changed(connection, *id)? {
            changed if changed.unwrap_or(0) == *number => Ok(()),
            _ => Err(Error::Conflict { what: format!("action {id}") }),
        },
        Expect::ActionKnown(id) => match action::changed(connection, *id)? {
            Some(_) => Ok(()),
            None => Err(Error::ActionNotFound { id: *id }),
        },
    }
}

/// Whether attributes have the values that somebody saw.
fn attributes(connection: &Connection, subject: Subject, expected: &Updates) -> Result<()> {
    let (found, what) = match subject {
        Subject::Object(id) => (must_live(connection, id)?.attributes, format!("object {id}")),
        Subject::Dataset(id) => {
            let found = lookup::dataset(connection, id)?;
            let found = found.ok_or_else(|| Error::DatasetNotFound { name: id.to_string() })?;
            (found.attributes, format!("dataset {id}"))
        }
    };
    let is_so = expected.iter().all(|(name, value)| found.get(name) == value.as_deref());
    if is_so { Ok(()) } else { Err(Error::Conflict { what: format!("an attribute of {what}") }) }
}

/// Whether the copy on a tier may be released now.
fn not_pinned(connection: &Connection, applier: &Applier<'_>, id: ObjectId, tier: TierIndex) -> Result<()> {
    match pin::longest(connection, id, tier, applier.time_ns)? {
        Some(pin) => Err(Error::Pinned { pin: Box::new(pin) }),
        None => Ok(()),
    }
}

/// Whether a tier takes bytes, on the root that was looked at.
fn writable(applier: &Applier<'_>, tier: TierIndex, incarnation: [u8; 16]) -> Result<()> {
    match applier.tier_config(tier)? {
        Some(config) if config.state == TierState::Active && config.incarnation == incarnation => Ok(()),
        Some(config) if config.state == TierState::Active => {
            Err(Error::Conflict { what: format!("the root of tier {tier}") })
        }
        Some(config) if config.state != TierState::Retired => {
            Err(Error::TierReadOnly { tier, state: config.state.name() })
        }
        _ => Err(Error::TierNotFound { tier }),
    }
}

/// Whether `bytes` more fit into the tier's capacity.
fn room(config: &TierConfig, used: u64, bytes: u64) -> Result<()> {
    if config.capacity_bytes == 0 || used.saturating_add(bytes) <= config.capacity_bytes {
        return Ok(());
    }
    Err(Error::TierFull {
        tier: config.index,
        detail: format!(
            "{bytes} bytes wanted, {} of {} left; release or migrate objects, or raise its capacity",
            config.capacity_bytes.saturating_sub(used),
            config.capacity_bytes
        ),
    })
}

fn live(connection: &Connection, id: ObjectId) -> Result<Option<Object>> {
    Ok(apply::find(connection, id)?.filter(|object| !object.is_removed()))
}

/// An object, live or removed.
fn must_be(connection: &Connection, id: ObjectId) -> Result<Object> {
    apply::find(connection, id)?.ok_or(Error::ObjectNotFound { id })
}

fn must_live(connection: &Connection, id: ObjectId) -> Result<Object> {
    live(connection, id)?.ok_or(Error::ObjectNotFound { id })
}

fn changed(id: ObjectId) -> Error {
    Error::Conflict { what: format!("object {id}") }
}
