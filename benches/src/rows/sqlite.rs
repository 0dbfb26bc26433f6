//! The rival of small durable puts: `SQLite` with a transaction a put.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::put_threads::share_out;
use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::measure::Side;
use crate::payloads::Payloads;

/// How `SQLite` is set up, in words for the heading of the table.
pub(crate) const SETTINGS: &str =
    "journal_mode=WAL, synchronous=FULL, busy_timeout=600 s, otherwise its defaults";

/// Longer than any round: waiting is what a thread is to do here.
const BUSY_TIMEOUT: Duration = Duration::from_mins(10);

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

impl Side for SqlitePuts {
    fn prepare(&mut self) -> Result<()> {
        filesystem::create_dir(&self.dir)?;
        let action = || format!("prepare SQLite in {}", self.dir.display());
        let connections: Vec<_> =
            (0..self.threads).map(|_| connect(&self.dir)).collect::<rusqlite::Result<_>>().context(action)?;
        connections[0].execute_batch("CREATE TABLE t (id BLOB PRIMARY KEY, data BLOB)").context(action)?;
        connections.iter().try_for_each(check_settings)?;
        self.connections = connections;
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        let payloads = &self.payloads;
        share_out(&mut self.connections, self.puts, |connection| putter(connection, payloads))?;
        Ok(self.puts as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let count = "SELECT count(*) FROM t";
        let rows: i64 = self.connections[0]
            .query_row(count, [], |row| row.get(0))
            .context(|| "count the rows in SQLite".into())?;
        if rows != self.puts as i64 {
            return Err(Error::new("trust SQLite", format!("{rows} rows after {} puts", self.puts)));
        }
        self.connections.clear();
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
    let mut insert = prepare("INSERT INTO t (id, data) VALUES (?1, ?2)")?;
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
