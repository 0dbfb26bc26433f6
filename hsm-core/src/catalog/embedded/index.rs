//! The index's connections: one that writes, and a few that read, opened as they are needed.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, OpenFlags, OptionalExtension as _};

use super::page_cache::{Budget, Share};
use super::schema::{APPLICATION_ID, LATER, OBJECT_SCHEMA, SCHEMA, USER_VERSION};
use super::unlocked::Reader;
use super::{epochs, known_packs, log_length, page_checksum, upgrade};
use crate::error::{Error, IoContext as _, Result};
use crate::file::{Disk as _, OsDisk};

/// Idle reading connections that are kept.
const IDLE_READERS_MAX: usize = 16;
/// A reader is left alone where others were given back so often since it was.
const GIVEN_BACK_MEANWHILE: u64 = 64;
/// Room that must be left for the index before a group is appended to the journal, in bytes.
const ROOM_A_GROUP_MIN: u64 = 256 << 10;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the index lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexPlace {
    /// In a file.
    File(PathBuf),
    /// In memory, gone with the handle.
    Memory,
}

/// An open index.
#[derive(Debug)]
pub(super) struct Index {
    place: IndexPlace,
    exclusive: bool,
    writer: Mutex<Connection>,
    budget: Budget,
    /// The writer's, for as long as the handle is there.
    _writers: Share,
    /// None once the index was closed.
    readers: Mutex<Option<Idle>>,
}

/// Readers that nobody uses, the one given back last on top.
#[derive(Debug, Default)]
struct Idle {
    readers: Vec<Reader>,
    given_back: u64,
}

/// Whether it is looked for what a reader might keep more of, behind what it was asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Looks {
    /// Not at all: each page was read for that once.
    Not,
    /// Now and then: it read few.
    Seldom,
    /// It may have read many, and some of them again.
    Now,
}

/// A connection borrowed for reading.
#[allow(clippy::large_enum_variant, reason = "it lives on the stack for one question, and nobody keeps many")]
pub(super) enum Reading<'a> {
    /// One of its own.
    Own { reader: Option<Reader>, index: &'a Index, looks: Looks },
    /// The writer's, where the index lies in memory.
    Shared(parking_lot::MutexGuard<'a, Connection>),
}

impl Index {
    /// Opens what is there, or creates an empty index. Nobody else has it open: one of the version before is brought to this one.
    pub(super) fn open_alone(place: &IndexPlace, exclusive: bool) -> Result<Self> {
        match Self::open(place, exclusive) {
            Err(Error::Unsupported { .. }) => {
                upgrade::upgrade(place, exclusive)?;
                Self::open(place, exclusive)
            }
            opened => opened,
        }
    }

    /// The same beside others.
    pub(super) fn open(place: &IndexPlace, exclusive: bool) -> Result<Self> {
        let budget = Budget::default();
        let share = budget.writer(exclusive || *place == IndexPlace::Memory);
        let writer = connect(place, exclusive, &share)?;
        let tables: i64 = writer
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(failed("read its schema"))?;
        if tables == 0 {
            writer
                .execute_batch(&format!(
                    "BEGIN IMMEDIATE; {SCHEMA} {OBJECT_SCHEMA} PRAGMA application_id = {APPLICATION_ID};
                     PRAGMA user_version = {USER_VERSION}; COMMIT;"
                ))
                .map_err(failed("create its tables"))?;
        }
        let pragma = |name| {
            writer
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .map_err(failed("read its version"))
        };
        if pragma("application_id")? != APPLICATION_ID {
            return Err(damaged("open", "it is not an index of hsm"));
        }
        upgrade::check(pragma("user_version")?)?;
        for (table, schema) in LATER {
            if !has_table(&writer, "main", table)? {
                writer
                    .execute_batch(&format!("BEGIN IMMEDIATE; {schema} COMMIT;"))
                    .map_err(failed("create its tables"))?;
            }
        }
        let log_pages = log_length::pages_max(pragma("page_count")?);
        self::pragma(&writer, "wal_autocheckpoint", log_pages)?;
        Ok(Self {
            place: place.clone(),
            exclusive,
            writer: Mutex::new(writer),
            budget,
            _writers: share,
            readers: Mutex::new(Some(Idle::default())),
        })
    }

    /// The writing connection. Its users hold the writer lock, or are alone.
    pub(super) fn writer(&self) -> parking_lot::MutexGuard<'_, Connection> {
        self.writer.lock()
    }

    /// A connection for reading: it sees what was committed before, and nothing by halves.
    pub(super) fn reader(&self) -> Result<Reading<'_>> {
        if self.is_shared() {
            let shared = Reading::Shared(self.writer.lock());
            self.readers.lock().as_ref().ok_or_else(Error::was_closed)?;
            return Ok(shared);
        }
        let mut reader = self.any_reader()?;
        if !reader.end() {
            reader = self.new_reader()?;
        }
        Ok(Reading::Own { reader: Some(reader), index: self, looks: Looks::Now })
    }

    /// Whether readers share the writer's connection.
    fn is_shared(&self) -> bool {
        self.exclusive || self.place == IndexPlace::Memory
    }

    /// An idle reader, or a new one.
    fn any_reader(&self) -> Result<Reader> {
        let idle = self.readers.lock().as_mut().ok_or_else(Error::was_closed)?.readers.pop();
        idle.map_or_else(|| self.new_reader(), Ok)
    }

    fn new_reader(&self) -> Result<Reader> {
        let share = self.budget.reader();
        Ok(Reader::new(
            connect(&self.place, false, &share)?,
            matches!(self.place, IndexPlace::File(_)),
            share,
        ))
    }

    /// Takes a reader back, and lets it keep more where it is full.
    fn keep(&self, mut reader: Reader, looks: Looks) {
        let is_full = match looks {
            Looks::Not => false,
            Looks::Seldom => reader.is_full(false),
            Looks::Now => reader.is_full(true),
        };
        let mut idle = self.readers.lock();
        let Some(idle) = &mut *idle else { return };
        if is_full {
            let is_alone = |other: &Reader| idle.given_back - other.idle_since >= GIVEN_BACK_MEANWHILE;
            let mut lacks = reader.lacks_kib();
            for other in idle.readers.iter_mut().filter(|other| is_alone(other)) {
                if lacks == 0 {
                    break;
                }
                lacks = lacks.saturating_sub(other.shrink());
            }
            reader.grow();
        }
        idle.given_back += 1;
        reader.idle_since = idle.given_back;
        if idle.readers.len() < IDLE_READERS_MAX {
            idle.readers.push(reader);
        }
    }

    /// Gives memory back that pages take which were read.
    pub(super) fn let_pages_go(&self) {
        if let Some(idle) = &mut *self.readers.lock() {
            for reader in &mut idle.readers {
                reader.shrink();
            }
        }
    }

    /// Asks without a lock. `None`: it has to be asked with one. With the answer comes the number of the last change of a
    /// tier at that moment, where the reader knows it.
    pub(super) fn ask_unlocked<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T>,
    ) -> Option<(T, Option<u64>)> {
        self.with_reader(|reader| Some((reader.ask(question)?, reader.tiers_changed())))
    }

    /// The number of the last change of a tier: `look_up` is asked where the head of the log is another one than when it
    /// last was.
    pub(super) fn tiers_changed(&self, look_up: impl Fn() -> Result<u64>) -> Result<u64> {
        self.with_reader(|reader| Some(reader.learn_tiers(&look_up))).unwrap_or_else(look_up)
    }

    /// Asks one of the readers. `None`: there are none.
    fn with_reader<T>(&self, ask: impl FnOnce(&mut Reader) -> Option<T>) -> Option<T> {
        if self.is_shared() {
            return None;
        }
        let mut reader = self.any_reader().ok()?;
        let answer = ask(&mut reader);
        self.keep(reader, Looks::Seldom);
        answer
    }

    /// Closes its files: handles that were made from the store may stay for long, and would keep them from others.
    pub(super) fn close(&self) -> Result<()> {
        // Whoever reads now has a connection to itself, which is not kept.
        self.readers.lock().take();
        *self.writer.lock() = Connection::open_in_memory().map_err(failed("close"))?;
        Ok(())
    }

    /// Checks that its file system has room for what a group of `payload` bytes does to it: a group that is in the
    /// journal must not fail here.
    pub(super) fn check_room(&self, payload: usize) -> Result<()> {
        let IndexPlace::File(path) = &self.place else { return Ok(()) };
        let wanted = ROOM_A_GROUP_MIN + 8 * payload as u64;
        let directory = path.parent().unwrap_or(path);
        let space = OsDisk::new().space(directory).context("ask for the room below", directory)?;
        if space.available >= wanted {
            return Ok(());
        }
        Err(full("apply a change", format!("{} bytes are left, {wanted} wanted", space.available)))
    }

    /// Takes over what another index in a file holds, into an empty one in memory. `false`: it is damaged.
    pub(super) fn load(&self, from: &Path) -> Result<bool> {
        let writer = self.writer();
        let failed = failed("load a snapshot");
        writer.execute("ATTACH ?1 AS snapshot", [address(from)]).map_err(&failed)?;
        let verdict: String =
            writer.query_row("PRAGMA snapshot.quick_check(1)", [], |row| row.get(0)).map_err(&failed)?;
        known_packs::make_room(&writer, "snapshot")?;
        epochs::make_room(&writer, "snapshot")?;
        let version: i64 =
            writer.query_row("PRAGMA snapshot.user_version", [], |row| row.get(0)).map_err(&failed)?;
        if version != upgrade::UNNUMBERED {
            upgrade::check(version)?;
        }
        // A snapshot may be older than some tables. Objects come before the keys that name them.
        let sql = "SELECT name FROM snapshot.sqlite_schema WHERE type = 'table' ORDER BY name = 'entry'";
        let tables: Vec<String> = all(&writer, "load a snapshot", sql, [], |row| row.get(0))?;
        let copies: Vec<String> =
            tables.iter().map(|table| upgrade::rows(table, &format!("snapshot.{table}"), version)).collect();
        writer
            .execute_batch(&format!("BEGIN; {} COMMIT; DETACH snapshot;", copies.concat()))
            .map_err(&failed)?;
        Ok(verdict == "ok")
    }

    /// Writes a copy of the index to `path`, which must not exist, while it is in use.
    pub(super) fn copy_to(&self, path: &Path) -> Result<()> {
        let reading = self.reader()?;
        let text = path.to_str().ok_or_else(|| Error::invalid("path of the snapshot", "it is not UTF-8"))?;
        reading.execute("VACUUM INTO ?1", [text]).map_err(failed("make a snapshot"))?;
        Ok(())
    }
}

/// The name of a file as an address for SQLite, which then neither writes to it nor looks for a log beside it.
fn address(path: &Path) -> String {
    use std::fmt::Write as _;

    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        let _ = match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                write!(address, "{}", char::from(*byte))
            }
            _ => write!(address, "%{byte:02x}"),
        };
    }
    let _ = write!(address, "?immutable=1&vfs={}", page_checksum::VFS_NAME.to_string_lossy());
    address
}

pub(super) fn connect(place: &IndexPlace, exclusive: bool, share: &Share) -> Result<Connection> {
    page_checksum::register()?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match place {
        IndexPlace::File(path) => Connection::open_with_flags_and_vfs(path, flags, page_checksum::VFS_NAME),
        IndexPlace::Memory => Connection::open_in_memory(),
    }
    .map_err(failed("open"))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed("open"))?;
    if matches!(place, IndexPlace::File(_)) {
        page_checksum::reserve(&connection)?;
        if exclusive {
            pragma(&connection, "locking_mode", "EXCLUSIVE")?;
        }
        pragma(&connection, "journal_mode", "WAL")?;
    }
    pragma(&connection, "synchronous", "NORMAL")?;
    // Temporary files would be looked for where the environment says.
    pragma(&connection, "temp_store", "MEMORY")?;
    pragma(&connection, "cache_size", -i64::from(share.kib()))?;
    // A statement whose plan may depend on what is bound to it, such as a LIMIT, would be compiled anew with each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed("open"))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn pragma(connection: &Connection, name: &str, value: impl rusqlite::ToSql) -> Result<()> {
    connection.pragma_update(None, name, value).map_err(failed("open"))
}

impl Reading<'_> {
    /// What is asked reads each page once, so to keep more of them is of no use.
    pub(super) fn once(mut self) -> Self {
        if let Self::Own { looks, .. } = &mut self {
            *looks = Looks::Not;
        }
        self
    }

    /// Ends it for good where it could not be ended as it should: nobody borrows its connection again.
    pub(super) fn give_up(&mut self) {
        match self {
            Self::Own { reader, .. } => *reader = None,
            Self::Shared(connection) => {
                // A transaction that only read: nothing is undone.
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
    }
}

impl Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Own { reader, .. } => {
                reader.as_ref().expect("it is given back only when dropped").connection()
            }
            Self::Shared(connection) => connection,
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Self::Own { reader, index, looks } = self
            && let Some(reader) = reader.take()
        {
            index.keep(reader, *looks);
        }
    }
}

/// Commits nothing that anyone asks for: the head of the log is another one behind it.
pub(super) fn move_head(connection: &Connection) {
    let sql = format!("BEGIN IMMEDIATE; PRAGMA user_version = {USER_VERSION}; COMMIT");
    if connection.execute_batch(&sql).is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// Says which operation SQLite refused, and whether because of damage.
pub(super) fn failed(action: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| {
        let code = error.sqlite_error().map(|failure| failure.extended_code);
        let is_damage = matches!(
            code.map(|code| code & 0xff),
            Some(
                rusqlite::ffi::SQLITE_CORRUPT
                    | rusqlite::ffi::SQLITE_NOTADB
                    | rusqlite::ffi::SQLITE_CONSTRAINT
            )
        ) || code == Some(rusqlite::ffi::SQLITE_IOERR_DATA)
            || code == Some(rusqlite::ffi::SQLITE_IOERR_SHORT_READ)
            || matches!(
                error,
                rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::Utf8Error(..)
            );
        match code.map(|code| code & 0xff) {
            Some(rusqlite::ffi::SQLITE_FULL) => return full(action, error.to_string()),
            Some(rusqlite::ffi::SQLITE_BUSY) => {
                return Error::Busy { what: "the index".to_owned(), waited_s: BUSY_TIMEOUT.as_secs() };
            }
            _ => {}
        }
        Error::Index { action, message: error.to_string(), damaged: is_damage }
    }
}

/// The file system of the index has no room.
pub(super) fn full(action: &'static str, message: String) -> Error {
    Error::Io { action, path: "index.db".into(), io_kind: std::io::ErrorKind::StorageFull, message }
}

/// What the index says cannot be.
pub(super) fn damaged(action: &'static str, message: &str) -> Error {
    Error::Index { action, message: message.to_owned(), damaged: true }
}

/// Whether a database, `main` or an attached one, has a table: those that came with a later version are made when needed.
pub(super) fn has_table(connection: &Connection, database: &str, table: &str) -> Result<bool> {
    let sql = format!("SELECT 1 FROM {database}.sqlite_schema WHERE type = 'table' AND name = ?1");
    Ok(one(connection, "look up a table", &sql, [table], |_| Ok(()))?.is_some())
}

/// Runs a query that gives one row or none.
pub(super) fn one<T>(
    connection: &Connection,
    action: &'static str,
    sql: &str,
    params: impl rusqlite::Params,
    map: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(action))?;
    statement.query_row(params, map).optional().map_err(failed(action))
}

/// Runs a query and collects its rows. Callers bound how many there can be.
pub(super) fn all<T>(
    connection: &Connection,
    action: &'static str,
    sql: &str,
    params: impl rusqlite::Params,
    map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(action))?;
    let rows = statement.query_map(params, map).map_err(failed(action))?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed(action))
}

/// Runs a statement that changes rows; says how many.
pub(super) fn run(
    connection: &Connection,
    action: &'static str,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<usize> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(failed(action))
}

/// A statement that nearly every change of a group needs: it is looked for in the connection's cache once.
#[derive(Default)]
pub(super) struct Kept<'c>(Option<CachedStatement<'c>>);

impl fmt::Debug for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<'c> Kept<'c> {
    /// As [`run`]: always the same statement.
    pub(super) fn run(
        &mut self,
        connection: &'c Connection,
        action: &'static str,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<usize> {
        let statement = match &mut self.0 {
            Some(kept) => kept,
            none => none.insert(connection.prepare_cached(sql).map_err(failed(action))?),
        };
        statement.execute(params).map_err(failed(action))
    }
}

#[cfg(test)]
mod tests;
