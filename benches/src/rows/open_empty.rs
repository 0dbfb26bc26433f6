//! An empty store is opened and closed again; the rival is an empty database of `SQLite`, opened until it answers.

use std::path::PathBuf;

use rusqlite::Connection;

use super::store::StoreInDir;
use super::{Goal, Row, Setup, sqlite};
use crate::error::{Context, Result};
use crate::filesystem;
use crate::measure::{Side, Sides};

/// Opens in a round.
const OPENS: usize = 20;

pub(super) const ROW: Row = Row {
    name: "open an empty store",
    unit: "opens/s",
    goal: Goal::Ratio(0.05),
    also: &[],
    rival_name: "SQLite in WAL mode, opened until it answers a query, and closed",
    needs: None,
    build,
};

struct OurOpens {
    store: StoreInDir,
}

struct SqliteOpens {
    dir: PathBuf,
}

#[allow(clippy::unnecessary_wraps, reason = "a row may fail to be set up")]
fn build(setup: &Setup) -> Result<Sides> {
    let ours = OurOpens { store: StoreInDir::new(setup.row_dir.join("ours")) };
    let rival = SqliteOpens { dir: setup.row_dir.join("rival") };
    Ok(Sides { ours: Box::new(ours), rival: Some(Box::new(rival)) })
}

impl Side for OurOpens {
    fn prepare(&mut self) -> Result<()> {
        self.store.open()?;
        self.store.close()?;
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        for _ in 0..OPENS {
            self.store.open()?;
            self.store.close()?;
        }
        Ok(OPENS as f64)
    }

    fn clean(&mut self) -> Result<()> {
        self.store.remove()
    }
}

impl SqliteOpens {
    fn open(&self) -> Result<()> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = sqlite::connect(&self.dir)?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok(connection)
        };
        open().map(drop).context(|| format!("open SQLite in {}", self.dir.display()))
    }
}

impl Side for SqliteOpens {
    fn prepare(&mut self) -> Result<()> {
        filesystem::create_dir(&self.dir)?;
        self.open()
    }

    fn run(&mut self) -> Result<f64> {
        (0..OPENS).try_for_each(|_| self.open())?;
        Ok(OPENS as f64)
    }

    fn clean(&mut self) -> Result<()> {
        filesystem::remove_dir(&self.dir)
    }
}
