//! The epochs of the journal, as the index keeps them. Who began one is a table of its own: an index of an earlier
//! version gets it with the next epoch, and does not know it of those before.

use rusqlite::{Connection, params};

use super::index::{all, failed, has_table, run};
use super::{known_packs, row};
use crate::catalog::Epoch;
use crate::error::Result;
use crate::journal::EpochCause;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS epoch_begun(
    epoch INTEGER PRIMARY KEY,
    instance INTEGER NOT NULL
) STRICT";

/// An epoch begins.
pub(super) fn note(connection: &Connection, began: &Epoch) -> Result<()> {
    let Epoch { number: epoch, cause, first, begun_by } = *began;
    known_packs::note(connection, cause)?;
    let sql = "INSERT OR REPLACE INTO epoch(epoch, cause, first) VALUES (?1, ?2, ?3)";
    run(connection, "apply a change", sql, params![epoch as i64, cause as u8, first as i64])?;
    connection.execute_batch(TABLE).map_err(failed("apply a change"))?;
    let sql = "INSERT OR REPLACE INTO epoch_begun(epoch, instance) VALUES (?1, ?2)";
    run(connection, "apply a change", sql, params![epoch as i64, begun_by as i64]).map(drop)
}

/// All of them, in order.
pub(super) fn list(connection: &Connection) -> Result<Vec<Epoch>> {
    let begun_by = if has_table(connection, "main", "epoch_begun")? {
        "coalesce((SELECT instance FROM epoch_begun WHERE epoch_begun.epoch = epoch.epoch), 0)"
    } else {
        "0"
    };
    let sql = format!("SELECT epoch, cause, first, {begun_by} FROM epoch ORDER BY epoch");
    all(connection, "list epochs", &sql, [], |row| {
        let number = |column| row.get::<_, i64>(column).map(|number| number as u64);
        let cause = EpochCause::from_number(row.get(1)?).ok_or_else(|| row::broken(1))?;
        Ok(Epoch { number: number(0)?, cause, first: number(2)?, begun_by: number(3)? })
    })
}

/// An index in memory takes over a database that may have the table.
pub(super) fn make_room(connection: &Connection, from: &str) -> Result<()> {
    if has_table(connection, from, "epoch_begun")? {
        connection.execute_batch(TABLE).map_err(failed("make a table"))?;
    }
    Ok(())
}
