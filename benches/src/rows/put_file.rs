//! A large file is put as one durable object; the rival copies it with `cp` and syncs the copy.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use super::store::StoreInDir;
use super::{Goal, Row, Setup, mib};
use crate::error::{Context, Error, Result};
use crate::measure::{Side, Sides};
use crate::{filesystem, payloads};

pub(super) const ROW: Row = Row {
    name: "put 1 GiB file",
    unit: "MiB/s",
    goal: Goal::Ratio(0.85),
    also: &[],
    rival_name: "cp, then fsync of the copy and of its directory",
    needs: None,
    build,
};

/// The file both sides take, in the page cache.
#[derive(Clone)]
struct Source {
    path: PathBuf,
    size_bytes: u64,
}

impl Source {
    fn warm(&self) -> Result<()> {
        payloads::warm(&self.path, self.size_bytes)
    }
}

struct OurPut {
    store: StoreInDir,
    source: Source,
}

struct CopyAndSync {
    source: Source,
    dir: PathBuf,
}

fn build(setup: &Setup) -> Result<Sides> {
    let size_bytes = setup.sizes.file_bytes;
    let source = Source { path: payloads::random_file(&setup.shared_dir, size_bytes)?, size_bytes };
    let store = StoreInDir::new(setup.row_dir.join("ours"));
    let ours = Box::new(OurPut { store, source: source.clone() });
    Ok(Sides { ours, rival: Some(Box::new(CopyAndSync { source, dir: setup.row_dir.join("rival") })) })
}

impl Side for OurPut {
    fn prepare(&mut self) -> Result<()> {
        self.source.warm()?;
        self.store.open()
    }

    fn run(&mut self) -> Result<f64> {
        self.store.get()?.put_path(&self.source.path)?;
        Ok(mib(self.source.size_bytes))
    }

    fn clean(&mut self) -> Result<()> {
        self.store.remove()
    }
}

impl CopyAndSync {
    fn copy(&self) -> PathBuf {
        self.dir.join("copy")
    }
}

impl Side for CopyAndSync {
    fn prepare(&mut self) -> Result<()> {
        self.source.warm()?;
        filesystem::create_dir(&self.dir)
    }

    fn run(&mut self) -> Result<f64> {
        let copy = self.copy();
        let status = Command::new("cp").arg("--").arg(&self.source.path).arg(&copy).status();
        let status = status.context(|| "run cp".into())?;
        if !status.success() {
            return Err(Error::new("copy with cp", status.to_string()));
        }
        File::open(&copy).and_then(|copy| copy.sync_all()).context(|| format!("sync {}", copy.display()))?;
        filesystem::sync_dir(&self.dir)?;
        Ok(mib(self.source.size_bytes))
    }

    fn clean(&mut self) -> Result<()> {
        let length = fs::metadata(self.copy()).context(|| "look at the copy".into())?.len();
        filesystem::check_length("the copy", length, self.source.size_bytes)?;
        filesystem::remove_dir(&self.dir)
    }
}
