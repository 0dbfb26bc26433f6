//! Where packs ended when a store was restored: what lies behind that came after the snapshot, what lies before it did not.
//!
//! A reconciliation takes records behind that end, and the end of their pack moves with them. A second pass, or one that
//! goes on where another was stopped, could not tell any more what it has not seen yet. So the ends are kept, from
//! the epoch of the restore on. The table is made with the first one.

use rusqlite::{Connection, params};

use super::index::{failed, has_table, one};
use crate::backend::PlaceName;
use crate::error::Result;
use crate::journal::EpochCause;
use crate::object::TierIndex;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS known_pack(
    tier INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (tier, instance, serial)
) STRICT, WITHOUT ROWID";

/// An epoch begins: where it is the first of a restore, the ends of all packs are kept.
pub(super) fn note(connection: &Connection, cause: EpochCause) -> Result<()> {
    if cause != EpochCause::Restored || is_restored(connection)? {
        return Ok(());
    }
    let sql = format!(
        "{TABLE}; DELETE FROM known_pack;
         INSERT INTO known_pack SELECT tier, instance, serial, used FROM pack"
    );
    connection.execute_batch(&sql).map_err(failed("apply a change"))
}

/// Whether an earlier epoch of a restore is still to be reconciled.
fn is_restored(connection: &Connection) -> Result<bool> {
    let sql = "SELECT cause FROM epoch WHERE cause IN (?1, ?2) ORDER BY epoch DESC LIMIT 1";
    let causes = params![EpochCause::Restored as u8, EpochCause::Reconciled as u8];
    let last: Option<u8> = one(connection, "apply a change", sql, causes, |row| row.get(0))?;
    Ok(last == Some(EpochCause::Restored as u8))
}

/// Where a pack ended then, 0 where it was not known; `None`: the store never was restored.
pub(super) fn end(connection: &Connection, tier: TierIndex, name: PlaceName) -> Result<Option<u64>> {
    if !has_table(connection, "main", "known_pack")? {
        return Ok(None);
    }
    let sql = "SELECT used FROM known_pack WHERE tier = ?1 AND instance = ?2 AND serial = ?3";
    let place = params![tier, name.instance as i64, name.serial as i64];
    let used: Option<i64> = one(connection, "look up a pack", sql, place, |row| row.get(0))?;
    Ok(Some(used.map_or(0, |used| used as u64)))
}

/// An index in memory takes over a database that may have them.
pub(super) fn make_room(connection: &Connection, from: &str) -> Result<()> {
    if has_table(connection, from, "known_pack")? {
        connection.execute_batch(TABLE).map_err(failed("make a table"))?;
    }
    Ok(())
}
