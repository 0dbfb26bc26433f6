//! The rival of small durable puts that is a library in Rust: `redb`, a B-tree that is written anew where it changes.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::put_batches::{objects_in, objects_of};
use super::put_threads::share_out;
use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::measure::Side;
use crate::payloads::Payloads;

/// How `redb` is set up, in words for the heading of the table.
pub(crate) const SETTINGS: &str = "Durability::Immediate, otherwise its defaults";

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("objects");

/// Puts by several threads that share a database: transactions take turns.
pub(super) struct RedbPuts {
    dir: PathBuf,
    payloads: Arc<Payloads>,
    threads: usize,
    puts: usize,
    database: Option<Database>,
}

/// Batches by one thread, a transaction each.
pub(super) struct RedbBatches {
    dir: PathBuf,
    payloads: Rc<Payloads>,
    batches: usize,
    database: Option<Database>,
}

impl RedbPuts {
    /// Nothing is created before a round is prepared.
    pub(super) fn new(dir: PathBuf, payloads: Arc<Payloads>, threads: usize, puts: usize) -> Self {
        Self { dir, payloads, threads, puts, database: None }
    }
}

impl RedbBatches {
    /// Nothing is created before a round is prepared.
    pub(super) fn new(dir: PathBuf, payloads: Rc<Payloads>, batches: usize) -> Self {
        Self { dir, payloads, batches, database: None }
    }
}

fn create(dir: &Path) -> Result<Database> {
    filesystem::create_dir(dir)?;
    let action = || format!("prepare redb in {}", dir.display());
    let database = Database::create(dir.join("objects.redb")).context(action)?;
    put(&database, std::iter::empty()).context(action)?;
    Ok(database)
}

fn open(database: Option<&Database>) -> Result<&Database> {
    database.ok_or_else(|| Error::new("use redb", "it is not open"))
}

/// Puts values under 16 bytes in the order of arrival, the kindest keys to a B-tree, in one transaction.
fn put<'a>(
    database: &Database,
    values: impl Iterator<Item = (usize, &'a [u8])>,
) -> std::result::Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut table = transaction.open_table(TABLE)?;
        for (index, value) in values {
            table.insert(&(index as u128).to_be_bytes()[..], value)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Fails unless there are `puts` values, and removes the database.
fn finish(database: Option<Database>, dir: &Path, puts: usize) -> Result<()> {
    let count = || -> std::result::Result<u64, redb::Error> {
        let Some(database) = database else { return Ok(0) };
        Ok(database.begin_read()?.open_table(TABLE)?.len()?)
    };
    let found = count().context(|| "count the values in redb".into())?;
    if found != puts as u64 {
        return Err(Error::new("trust redb", format!("{found} values after {puts} puts")));
    }
    filesystem::remove_dir(dir)
}

impl Side for RedbPuts {
    fn prepare(&mut self) -> Result<()> {
        self.database = Some(create(&self.dir)?);
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        let database = open(self.database.as_ref())?;
        let put = |index| {
            let value = std::iter::once((index, self.payloads.get(index)));
            put(database, value).context(|| "put into redb".into())
        };
        share_out(&mut vec![(); self.threads], self.puts, |()| Ok(put))?;
        Ok(self.puts as f64)
    }

    fn clean(&mut self) -> Result<()> {
        finish(self.database.take(), &self.dir, self.puts)
    }
}

impl Side for RedbBatches {
    fn prepare(&mut self) -> Result<()> {
        self.database = Some(create(&self.dir)?);
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        let database = open(self.database.as_ref())?;
        for batch in 0..self.batches {
            let values = objects_of(batch).map(|index| (index, self.payloads.get(index)));
            put(database, values).context(|| "put a batch into redb".into())?;
        }
        Ok(objects_in(self.batches))
    }

    fn clean(&mut self) -> Result<()> {
        finish(self.database.take(), &self.dir, objects_in(self.batches) as usize)
    }
}
