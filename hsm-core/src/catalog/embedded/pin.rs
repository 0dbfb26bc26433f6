//! The pins of the index.
//!
//! A pin ends by the clock alone: nothing is written then, and its row goes with a later pin.

use rusqlite::{Connection, Row, params};

use super::index::{all, one, run};
use crate::catalog::PinQuery;
use crate::clock::TimeNs;
use crate::error::Result;
use crate::object::{ObjectId, Pin, TierIndex};

/// Rows of pins that ended which one pin takes along: more than one, so that they do not pile up.
const ENDED_AT_ONCE: i64 = 100;

pub(super) fn set(connection: &Connection, time_ns: TimeNs, pin: &Pin) -> Result<()> {
    let sql = "DELETE FROM pin WHERE (object, tier, owner) IN
         (SELECT object, tier, owner FROM pin WHERE until <= ?1 ORDER BY until, object, tier, owner LIMIT ?2)";
    run(connection, "apply a change", sql, params![time_ns, ENDED_AT_ONCE])?;
    let sql = "INSERT OR REPLACE INTO pin(object, tier, owner, until) VALUES (?1, ?2, ?3, ?4)";
    run(connection, "apply a change", sql, params![pin.object.0, pin.tier, pin.owner, pin.until_ns]).map(drop)
}

pub(super) fn end(connection: &Connection, id: ObjectId, tier: TierIndex, owner: &str) -> Result<()> {
    let sql = "DELETE FROM pin WHERE object = ?1 AND tier = ?2 AND owner = ?3";
    run(connection, "apply a change", sql, params![id.0, tier, owner]).map(drop)
}

/// All of an object that is gone.
pub(super) fn forget_object(connection: &Connection, id: ObjectId) -> Result<()> {
    run(connection, "apply a change", "DELETE FROM pin WHERE object = ?1", params![id.0]).map(drop)
}

/// All on a tier that is gone.
pub(super) fn forget_tier(connection: &Connection, tier: TierIndex) -> Result<()> {
    run(connection, "apply a change", "DELETE FROM pin WHERE tier = ?1", params![tier]).map(drop)
}

/// Of the pins that keep a copy now, the one that ends last.
pub(super) fn longest(
    connection: &Connection,
    id: ObjectId,
    tier: TierIndex,
    now_ns: TimeNs,
) -> Result<Option<Pin>> {
    let sql = "SELECT object, tier, owner, until FROM pin WHERE object = ?1 AND tier = ?2 AND until > ?3
         ORDER BY until DESC LIMIT 1";
    one(connection, "look up pins", sql, params![id.0, tier, now_ns], read)
}

pub(super) fn list(
    connection: &Connection,
    wanted: &PinQuery,
    now_ns: TimeNs,
    after: Option<&Pin>,
    limit: usize,
) -> Result<Vec<Pin>> {
    let PinQuery { object, tier, owner } = wanted;
    // Where one object is wanted, its first pin is where the key begins.
    let first =
        Pin { object: object.unwrap_or(ObjectId([0; 16])), tier: 0, owner: String::new(), until_ns: 0 };
    let (from, is_after) =
        after.filter(|after| after.object >= first.object).map_or((&first, 0), |after| (after, 1));
    let sql = "SELECT object, tier, owner, until FROM pin
         WHERE (object, tier, owner) >= (?1, ?2, ?3) AND NOT (?4 AND (object, tier, owner) = (?1, ?2, ?3))
         AND object <= ?5 AND (?6 IS NULL OR tier = ?6) AND (?7 IS NULL OR owner = ?7) AND until > ?8
         ORDER BY object, tier, owner LIMIT ?9";
    let last = object.unwrap_or(ObjectId([0xff; 16]));
    let params =
        params![from.object.0, from.tier, from.owner, is_after, last.0, tier, owner, now_ns, limit as i64];
    all(connection, "list pins", sql, params, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pin> {
    Ok(Pin { object: ObjectId(row.get(0)?), tier: row.get(1)?, owner: row.get(2)?, until_ns: row.get(3)? })
}
