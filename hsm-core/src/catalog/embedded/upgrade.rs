//! An index of version 1 is brought to this one. Its objects had no numbers: they lay in the order of their ids, and entries named
//! them by id.
//!
//! They are numbered from 1 in that order. No change that is still to come has one of these numbers: each object was made by a
//! change of its own. All of it is one transaction of SQLite, by a handle that is alone: a program of the version before that
//! had it open would write to tables that are others now.

use rusqlite::{Connection, ErrorCode};

use super::index::{self, IndexPlace, damaged, failed};
use super::page_cache::Budget;
use super::schema::{CHANGE_INDEX, OBJECT_SCHEMA, USER_VERSION};
use crate::error::{Error, IoContext as _, Result};
use crate::file::{Disk as _, OsDisk};

/// The version without numbers.
pub(super) const UNNUMBERED: i64 = 1;

const ACTION: &str = "bring its tables to this version";
/// Room that is wanted, in lengths of the index: the new tables behind the old ones, and both in the log.
const LENGTHS: u64 = 4;

/// Whether an index of that version can be read.
pub(super) fn check(version: i64) -> Result<()> {
    match version {
        USER_VERSION => Ok(()),
        UNNUMBERED => Err(Error::Unsupported {
            what: "opening a store beside programs with an earlier version of hsm; let them close it first"
                .to_owned(),
        }),
        _ => Err(damaged("open", &format!("its version is {version}, not {USER_VERSION}"))),
    }
}

/// Brings an index of the version before to this one. Nothing is changed where that fails.
pub(super) fn upgrade(place: &IndexPlace, exclusive: bool) -> Result<()> {
    let IndexPlace::File(path) = place else { return Ok(()) };
    let connection = index::connect(place, exclusive, &Budget::default().writer(true))?;
    let disk = OsDisk::new();
    let directory = path.parent().unwrap_or(path);
    let wanted = LENGTHS * disk.metadata(path).context("look at", path)?.len;
    let left = disk.space(directory).context("ask for the room below", directory)?.available;
    if left < wanted {
        return Err(index::full(ACTION, format!("{left} bytes are left, {wanted} wanted")));
    }
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed(ACTION))?;
    for step in steps(&connection)? {
        // What is not ended is rolled back when the connection goes.
        connection.execute_batch(&step).map_err(refused)?;
    }
    connection.execute_batch("COMMIT").map_err(failed(ACTION))
}

/// What is to be done, within a transaction.
fn steps(connection: &Connection) -> Result<Vec<String>> {
    let mut steps = vec![
        "DROP INDEX IF EXISTS object_removed; DROP INDEX IF EXISTS object_changed".to_owned(),
        "ALTER TABLE object RENAME TO object_1; ALTER TABLE entry RENAME TO entry_1".to_owned(),
        OBJECT_SCHEMA.to_owned(),
        rows("object", "main.object_1", UNNUMBERED),
        rows("entry", "main.entry_1", UNNUMBERED),
        "DROP TABLE object_1; DROP TABLE entry_1".to_owned(),
        format!("PRAGMA user_version = {USER_VERSION}"),
    ];
    if super::lookup::has_change_index(connection)? {
        steps.push(CHANGE_INDEX.to_owned());
    }
    Ok(steps)
}

/// A statement that fills a table, `object` before `entry`, with the rows that it has in an index of that version.
pub(super) fn rows(table: &str, from: &str, version: i64) -> String {
    match table {
        "object" if version == UNNUMBERED => format!(
            "INSERT INTO main.object(number, id, changed, removed, dataset, key, body)
             SELECT row_number() OVER (ORDER BY id), id, changed, removed, dataset, key, body FROM {from} ORDER BY id;"
        ),
        "entry" if version == UNNUMBERED => format!(
            "INSERT INTO main.entry(dataset, key, object)
             SELECT e.dataset, e.key, (SELECT o.number FROM main.object o WHERE o.id = e.id) FROM {from} e;"
        ),
        _ => format!("INSERT INTO main.{table} SELECT * FROM {from};"),
    }
}

/// Tables that are not those of version 1, and a row that has no place in this one, such as a key of no object, are damage: the
/// journal knows better.
fn refused(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::Unknown) => damaged(ACTION, &error.to_string()),
        _ => failed(ACTION)(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::index::{Index, IndexPlace};
    use super::*;

    /// The tables of version 1 that are others now.
    const SCHEMA_1: &str = "
        DROP TABLE object;
        DROP TABLE entry;
        CREATE TABLE object(
            id BLOB PRIMARY KEY, changed INTEGER NOT NULL, removed INTEGER, dataset INTEGER, key BLOB, body BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX object_removed ON object(removed) WHERE removed IS NOT NULL;
        CREATE TABLE entry(
            dataset INTEGER NOT NULL, key BLOB NOT NULL, id BLOB NOT NULL, PRIMARY KEY (dataset, key)
        ) STRICT, WITHOUT ROWID;
        PRAGMA user_version = 1;";
    const OBJECTS: i64 = 3000;

    fn place(directory: &Path) -> IndexPlace {
        IndexPlace::File(directory.join("index.db"))
    }

    /// An index of version 1 in a directory.
    fn made(directory: &Path) {
        let index = Index::open(&place(directory), false).unwrap();
        let writer = index.writer();
        writer.execute_batch(&format!("{SCHEMA_1} {CHANGE_INDEX};")).unwrap();
        // Ids are in another order than changes; every seventh object was removed, every third has no key.
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
            INSERT INTO object SELECT unhex(printf('%032x', i * 7919 % 3001)), i, iif(i % 7, NULL, i),
                iif(i % 3, 1, NULL), iif(i % 3, cast(printf('key-%d', i) AS BLOB), NULL), zeroblob(i % 200) FROM n";
        writer.execute(sql, [OBJECTS]).unwrap();
        let sql =
            "INSERT INTO entry SELECT dataset, key, id FROM object WHERE key IS NOT NULL AND removed IS NULL";
        writer.execute(sql, []).unwrap();
    }

    /// Copies an index as it lies on its disk while it is in use.
    fn copied(from: &Path, to: &Path) {
        for name in ["index.db", "index.db-wal"] {
            if let Ok(bytes) = fs::read(from.join(name)) {
                fs::write(to.join(name), bytes).unwrap();
            }
        }
    }

    /// Opens what is in a directory, and looks whether all of it is there in this version.
    fn check(directory: &Path) {
        check_rows(&Index::open_alone(&place(directory), false).unwrap(), false);
    }

    fn check_rows(index: &Index, memory: bool) {
        let writer = index.writer();
        let count = |sql: &str| writer.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("PRAGMA user_version"), USER_VERSION);
        assert_eq!(count("SELECT count(*) FROM object"), OBJECTS);
        assert_eq!(count("SELECT min(number) FROM object"), 1);
        assert_eq!(count("SELECT max(number) FROM object"), OBJECTS);
        let sql = "SELECT count(*) FROM object WHERE id = unhex(printf('%032x', changed * 7919 % 3001))
            AND removed IS iif(changed % 7, NULL, changed) AND dataset IS iif(changed % 3, 1, NULL)
            AND key IS iif(changed % 3, cast(printf('key-%d', changed) AS BLOB), NULL) AND length(body) = changed % 200";
        assert_eq!(count(sql), OBJECTS);
        let sql = "SELECT count(*) FROM object o JOIN entry e ON e.object = o.number AND e.key = o.key AND e.dataset = o.dataset
            WHERE o.removed IS NULL";
        assert_eq!(count(sql), count("SELECT count(*) FROM entry"));
        assert_eq!(
            count("SELECT count(*) FROM entry"),
            (1..=OBJECTS).filter(|i| i % 3 != 0 && i % 7 != 0).count() as i64
        );
        let sql = "SELECT count(*) FROM (SELECT number, row_number() OVER (ORDER BY id) AS place FROM object) WHERE number <> place";
        assert_eq!(count(sql), 0);
        assert_eq!(count("SELECT count(*) FROM sqlite_schema WHERE name IN ('object_1', 'entry_1')"), 0);
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('object_id', 'object_changed', 'object_removed')";
        assert_eq!(count(sql), if memory { 2 } else { 3 }, "a subscriber makes it again");
        let verdict: String = writer.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
    }

    #[test]
    fn a_death_or_a_power_loss_at_any_step_leaves_an_index_that_is_brought_to_this_version() {
        let old = tempfile::tempdir().unwrap();
        made(old.path());
        let copy = tempfile::tempdir().unwrap();
        copied(old.path(), copy.path());
        let connection = raw(copy.path());
        // So small that much of it is in the log before the end.
        connection
            .execute_batch("PRAGMA cache_size = 10; PRAGMA wal_autocheckpoint = 0; BEGIN IMMEDIATE")
            .unwrap();
        let killed = || {
            let left = tempfile::tempdir().unwrap();
            copied(copy.path(), left.path());
            left
        };
        for step in steps(&connection).unwrap() {
            check(killed().path());
            connection.execute_batch(&step).unwrap();
        }
        let log_len = || fs::metadata(copy.path().join("index.db-wal")).unwrap().len();
        check(killed().path());
        let before = log_len();
        connection.execute_batch("COMMIT").unwrap();
        let after = log_len();
        assert!(before > 200 << 10 && after > before, "{before} {after}");
        // The log was cut where the power went: before the end of the transaction nothing of it counts.
        for cut in (0..=after).rev().step_by(after as usize / 40) {
            let left = killed();
            let log = fs::OpenOptions::new().write(true).open(left.path().join("index.db-wal")).unwrap();
            log.set_len(cut).unwrap();
            check(left.path());
        }
    }

    fn raw(directory: &Path) -> Connection {
        let flags = rusqlite::OpenFlags::default();
        let vfs = super::super::page_checksum::VFS_NAME;
        Connection::open_with_flags_and_vfs(directory.join("index.db"), flags, vfs).unwrap()
    }

    #[test]
    fn beside_others_it_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        made(directory.path());
        let refused = Index::open(&place(directory.path()), false).map(drop).unwrap_err();
        assert_eq!(refused.kind(), crate::Kind::Unsupported, "{refused}");
        let version = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        assert_eq!(raw(directory.path()).query_row("PRAGMA user_version", [], version), Ok(UNNUMBERED));
        check(directory.path());
        Index::open(&place(directory.path()), false).unwrap();
    }

    #[test]
    fn a_snapshot_of_the_version_before_is_loaded_into_memory() {
        let directory = tempfile::tempdir().unwrap();
        made(directory.path());
        let index = Index::open(&IndexPlace::Memory, true).unwrap();
        assert!(index.load(&directory.path().join("index.db")).unwrap());
        check_rows(&index, true);
        raw(directory.path()).execute_batch("PRAGMA user_version = 3").unwrap();
        let index = Index::open(&IndexPlace::Memory, true).unwrap();
        let refused = index.load(&directory.path().join("index.db")).unwrap_err();
        assert!(matches!(refused, Error::Index { damaged: true, .. }), "{refused:?}");
    }

    #[test]
    fn what_is_no_index_of_the_version_before_is_damage_and_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        made(directory.path());
        let connection = raw(directory.path());
        let refused = |what: &str| {
            let refused = Index::open_alone(&place(directory.path()), false).map(drop).unwrap_err();
            assert!(matches!(refused, Error::Index { damaged: true, .. }), "{what}: {refused:?}");
        };
        connection.execute("INSERT INTO entry VALUES (1, x'00', x'00')", []).unwrap();
        refused("a key of no object");
        connection.execute("DELETE FROM entry WHERE key = x'00'", []).unwrap();
        drop(connection);
        check(directory.path());
        // A program of the version before wrote its version over ours.
        raw(directory.path()).execute_batch("PRAGMA user_version = 1").unwrap();
        refused("tables of this version");
        raw(directory.path()).execute_batch("PRAGMA user_version = 2").unwrap();
        check(directory.path());
    }
}
