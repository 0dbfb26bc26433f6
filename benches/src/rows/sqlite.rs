//! The rival of small durable puts: `SQLite` with a transaction a put, or a batch.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::put_batches::{objects_in, objects_of};
use super::put_threads::share_out;
use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::measure::Side;
use crate::payloads::Payloads;

/// What decides what `SQLite` costs, whether it is set here or its default.
const PRAGMAS: [&str; 6] =
    ["journal_mode", "synchronous", "busy_timeout", "page_size", "cache_size", "wal_autocheckpoint"];

/// Longer than any round: waiting is what a thread is to do here.
const BUSY_TIMEOUT: Duration = Duration::from_mins(10);

const INSERT: &str = "INSERT INTO t (id, data) VALUES (?1, ?2)";

const SYNCHRONOUS_FULL: i64 = 2;

/// Puts by several threads, with a connection for each.
pub(super) struct SqlitePuts {
    dir: PathBuf,
    payloads: Arc<Payloads>,
    threads: usize,
    puts: usize,
    connections: Vec<Connection>,
}

impl SqlitePuts {
    /// Nothing is created before a round is prepared.
    pub(super) fn new(dir: PathBuf, payloads: Arc<Payloads>, threads: usize, puts: usize) -> Self {
        Self { dir, payloads, threads, puts, connections: Vec::new() }
    }
}

/// A connection to the database in `dir`, with the settings that every rival has.
pub(super) fn connect(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(dir.join("objects.sqlite"))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// How `SQLite` is set up, for the heading of the table, as a connection to a new database in `dir` says.
pub(crate) fn settings(dir: &Path) -> Result<String> {
    let action = || "ask SQLite for its settings".to_owned();
    let connection = create(dir, 1)?.pop().ok_or_else(|| Error::new(action(), "it is not open"))?;
    let ask = |name: &str| -> Result<String> {
        let value: Value = connection.pragma_query_value(None, name, |row| row.get(0)).context(action)?;
        match value {
            Value::Integer(number) => Ok(format!("{name}={number}")),
            Value::Text(text) => Ok(format!("{name}={text}")),
            other => Err(Error::new(action(), format!("{name} is {other:?}"))),
        }
    };
    Ok(PRAGMAS.into_iter().map(ask).collect::<Result<Vec<_>>>()?.join(", "))
}

/// Connections to a new database in `dir`, with a table.
fn create(dir: &Path, connections: usize) -> Result<Vec<Connection>> {
    filesystem::create_dir(dir)?;
    let action = || format!("prepare SQLite in {}", dir.display());
    let connections: Vec<_> =
        (0..connections).map(|_| connect(dir)).collect::<rusqlite::Result<_>>().context(action)?;
    connections[0].execute_batch("CREATE TABLE t (id BLOB PRIMARY KEY, data BLOB)").context(action)?;
    connections.iter().try_for_each(check_settings)?;
    Ok(connections)
}

/// Fails unless there are `puts` rows.
fn check_rows(connection: &Connection, puts: usize) -> Result<()> {
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .context(|| "count the rows in SQLite".into())?;
    if rows == puts as i64 {
        return Ok(());
    }
    Err(Error::new("trust SQLite", format!("{rows} rows after {puts} puts")))
}

impl Side for SqlitePuts {
    fn prepare(&mut self) -> Result<()> {
        self.connections = create(&self.dir, self.threads)?;
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        let payloads = &self.payloads;
        share_out(&mut self.connections, self.puts, |connection| putter(connection, payloads))?;
        Ok(self.puts as f64)
    }

    fn clean(&mut self) -> Result<()> {
        check_rows(&self.connections[0], self.puts)?;
        self.connections.clear();
        filesystem::remove_dir(&self.dir)
    }
}

/// Batches by one thread, a transaction each.
pub(super) struct SqliteBatches {
    dir: PathBuf,
    payloads: Rc<Payloads>,
    batches: usize,
    connection: Option<Connection>,
}

impl SqliteBatches {
    /// Nothing is created before a round is prepared.
    pub(super) fn new(dir: PathBuf, payloads: Rc<Payloads>, batches: usize) -> Self {
        Self { dir, payloads, batches, connection: None }
    }

    fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| Error::new("use SQLite", "it is not open"))
    }
}

impl Side for SqliteBatches {
    fn prepare(&mut self) -> Result<()> {
        self.connection = create(&self.dir, 1)?.pop();
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        let connection = self.connection()?;
        let action = || "put a batch into SQLite".to_owned();
        let mut insert = connection.prepare(INSERT).context(action)?;
        for batch in 0..self.batches {
            connection.execute_batch("BEGIN IMMEDIATE").context(action)?;
            for index in objects_of(batch) {
                let row = params![(index as u128).to_be_bytes(), self.payloads.get(index)];
                insert.execute(row).context(action)?;
            }
            connection.execute_batch("COMMIT").context(action)?;
        }
        Ok(objects_in(self.batches))
    }

    fn clean(&mut self) -> Result<()> {
        check_rows(self.connection()?, objects_in(self.batches) as usize)?;
        self.connection = None;
        filesystem::remove_dir(&self.dir)
    }
}

/// Makes what puts through `connection`: its statements are compiled once.
fn putter<'c>(
    connection: &'c Connection,
    payloads: &'c Payloads,
) -> Result<impl FnMut(usize) -> Result<()> + use<'c>> {
    let prepare = |sql| connection.prepare(sql).context(|| format!("prepare {sql}"));
    let mut begin = prepare("BEGIN IMMEDIATE")?;
    let mut insert = prepare(INSERT)?;
    let mut commit = prepare("COMMIT")?;
    Ok(move |index| {
        // 16 bytes in the order of arrival: the kindest ids to a B-tree.
        let id = (index as u128).to_be_bytes();
        begin
            .execute([])
            .and_then(|_| insert.execute(params![id, payloads.get(index)]))
            .and_then(|_| commit.execute([]))
            .map(drop)
            .context(|| "put into SQLite".into())
    })
}

/// A pragma that did not take is not an error to `SQLite`; here the comparison would be unfair.
fn check_settings(connection: &Connection) -> Result<()> {
    let action = || "read the settings of SQLite".to_owned();
    let journal: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).context(action)?;
    let synchronous: i64 =
        connection.pragma_query_value(None, "synchronous", |row| row.get(0)).context(action)?;
    if journal != "wal" || synchronous != SYNCHRONOUS_FULL {
        let found = format!("journal_mode is {journal}, synchronous is {synchronous}");
        return Err(Error::new("set up SQLite", found));
    }
    Ok(())
}
