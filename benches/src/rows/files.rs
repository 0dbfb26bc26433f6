//! The rivals that keep each object in a plain file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::put_batches::{objects_in, objects_of};
use super::put_threads::share_out;
use crate::error::{Context, Result};
use crate::filesystem;
use crate::measure::Side;
use crate::payloads::{Payloads, SMALL_BYTES};

/// A file an object, written by one thread; the file system synced after each batch.
pub(super) struct FileBatches {
    /// The directory they are written to.
    pub(super) dir: PathBuf,
    /// What is in them.
    pub(super) payloads: Rc<Payloads>,
    /// How many batches a round is.
    pub(super) batches: usize,
}

/// A file an object, written by many threads: each is synced, renamed to its name, and the name synced.
pub(super) struct FilePuts {
    /// The directory they are written to.
    pub(super) dir: PathBuf,
    /// What is in them.
    pub(super) payloads: Arc<Payloads>,
    /// How many threads.
    pub(super) threads: usize,
    /// How many files a round is.
    pub(super) puts: usize,
}

/// The file of object `index` in `dir`.
pub(super) fn path(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("{index:08}"))
}

/// Writes the files `0..count` into `dir`, without a sync.
pub(super) fn write_all(dir: &Path, payloads: &Payloads, count: usize) -> Result<()> {
    filesystem::create_dir(dir)?;
    (0..count).try_for_each(|index| write(&path(dir, index), payloads.get(index)))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).context(|| format!("write {}", path.display()))
}

fn remove(dir: &Path, count: usize) -> Result<()> {
    filesystem::check_length("the files", filesystem::total_bytes(dir)?, (count * SMALL_BYTES) as u64)?;
    filesystem::remove_dir(dir)
}

impl Side for FileBatches {
    fn prepare(&mut self) -> Result<()> {
        filesystem::create_dir(&self.dir)
    }

    fn run(&mut self) -> Result<f64> {
        for batch in 0..self.batches {
            for index in objects_of(batch) {
                write(&path(&self.dir, index), self.payloads.get(index))?;
            }
            filesystem::settle(&self.dir)?;
        }
        Ok(objects_in(self.batches))
    }

    fn clean(&mut self) -> Result<()> {
        remove(&self.dir, objects_in(self.batches) as usize)
    }
}

impl FilePuts {
    fn put(&self, index: usize) -> Result<()> {
        let end = path(&self.dir, index);
        let begun = end.with_extension("new");
        let written = File::create(&begun).and_then(|mut file| {
            file.write_all(self.payloads.get(index))?;
            file.sync_data()?;
            fs::rename(&begun, &end)
        });
        written.context(|| format!("write {}", end.display()))?;
        filesystem::sync_dir(&self.dir)
    }
}

impl Side for FilePuts {
    fn prepare(&mut self) -> Result<()> {
        filesystem::create_dir(&self.dir)
    }

    fn run(&mut self) -> Result<f64> {
        share_out(&mut vec![(); self.threads], self.puts, |()| Ok(|index| self.put(index)))?;
        Ok(self.puts as f64)
    }

    fn clean(&mut self) -> Result<()> {
        remove(&self.dir, self.puts)
    }
}
