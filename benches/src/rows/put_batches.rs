//! Small objects are put in durable batches by one thread.
//!
//! The strongest rival there can be: the same bytes appended to one file, with one write and one fdatasync a
//! batch. It keeps no ids, no checksums and no feed, so it marks the floor of the cost. What a program would use
//! otherwise are plain files, blobs in `SQLite`, or values in `redb`.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

use super::files::FileBatches;
use super::redb::RedbBatches;
use super::sqlite::SqliteBatches;
use super::store::StoreInDir;
use super::{Goal, Row, Setup};
use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::measure::{Side, Sides};
use crate::payloads::{Payloads, SMALL_BYTES};

pub(super) const ROW: Row = Row {
    name: "put 4 KiB, batches of 1000",
    unit: "objects/s",
    goal: Goal::Ratio(0.35),
    also: &[],
    rival_name: "one write appended to one file and fdatasync, a batch",
    needs: None,
    build: |setup| {
        build(setup, |dir, payloads, batches| {
            let assembled = Vec::with_capacity(BATCH_OBJECTS * SMALL_BYTES);
            Box::new(AppendedFile { dir, file: None, assembled, payloads, batches })
        })
    },
};

pub(super) const AND_FILES: Row = Row {
    name: "put 4 KiB, batches of 1000, and plain files",
    goal: Goal::Ratio(3.0),
    rival_name: "a file each, syncfs after each batch",
    build: |setup| build(setup, |dir, payloads, batches| Box::new(FileBatches { dir, payloads, batches })),
    ..ROW
};

pub(super) const AND_SQLITE: Row = Row {
    name: "put 4 KiB, batches of 1000, and SQLite",
    goal: Goal::Ratio(1.5),
    rival_name: "SQLite, a transaction a batch",
    build: |setup| {
        build(setup, |dir, payloads, batches| Box::new(SqliteBatches::new(dir, payloads, batches)))
    },
    ..ROW
};

pub(super) const AND_REDB: Row = Row {
    name: "put 4 KiB, batches of 1000, and redb",
    goal: Goal::Ratio(1.5),
    rival_name: "redb, a transaction a batch",
    build: |setup| build(setup, |dir, payloads, batches| Box::new(RedbBatches::new(dir, payloads, batches))),
    ..ROW
};

/// Objects in a batch.
pub(super) const BATCH_OBJECTS: usize = 1000;

struct OurBatches {
    store: StoreInDir,
    payloads: Rc<Payloads>,
    batches: usize,
}

struct AppendedFile {
    dir: PathBuf,
    file: Option<File>,
    /// A batch as it is written; its memory is kept from round to round.
    assembled: Vec<u8>,
    payloads: Rc<Payloads>,
    batches: usize,
}

fn build(setup: &Setup, rival: fn(PathBuf, Rc<Payloads>, usize) -> Box<dyn Side>) -> Result<Sides> {
    let payloads = Rc::new(Payloads::random()?);
    let batches = setup.sizes.batches;
    let store = StoreInDir::new(setup.row_dir.join("ours"));
    let ours = Box::new(OurBatches { store, payloads: Rc::clone(&payloads), batches });
    Ok(Sides { ours, rival: Some(rival(setup.row_dir.join("rival"), payloads, batches)) })
}

/// The objects of a batch.
pub(super) fn objects_of(batch: usize) -> Range<usize> {
    batch * BATCH_OBJECTS..(batch + 1) * BATCH_OBJECTS
}

/// How many objects are in some batches.
pub(super) fn objects_in(batches: usize) -> f64 {
    (batches * BATCH_OBJECTS) as f64
}

impl Side for OurBatches {
    fn prepare(&mut self) -> Result<()> {
        self.store.open()
    }

    fn run(&mut self) -> Result<f64> {
        let store = self.store.get()?;
        for batch in 0..self.batches {
            let payloads: Vec<&[u8]> = objects_of(batch).map(|index| self.payloads.get(index)).collect();
            store.put_batch(&payloads)?;
        }
        Ok(objects_in(self.batches))
    }

    fn clean(&mut self) -> Result<()> {
        self.store.remove()
    }
}

impl AppendedFile {
    fn path(&self) -> PathBuf {
        self.dir.join("appended")
    }
}

impl Side for AppendedFile {
    fn prepare(&mut self) -> Result<()> {
        filesystem::create_dir(&self.dir)?;
        self.file = Some(File::create(self.path()).context(|| "create the appended file".into())?);
        filesystem::sync_dir(&self.dir)
    }

    fn run(&mut self) -> Result<f64> {
        let action = || "append a batch".to_owned();
        let mut file = self.file.as_ref().ok_or_else(|| Error::new(action(), "the file is not open"))?;
        for batch in 0..self.batches {
            // Timed, as the objects come one by one to this side too.
            self.assembled.clear();
            for index in objects_of(batch) {
                self.assembled.extend_from_slice(self.payloads.get(index));
            }
            file.write_all(&self.assembled).context(action)?;
            file.sync_data().context(action)?;
        }
        Ok(objects_in(self.batches))
    }

    fn clean(&mut self) -> Result<()> {
        self.file = None;
        let length = std::fs::metadata(self.path()).context(|| "look at the appended file".into())?.len();
        let expected = self.batches * BATCH_OBJECTS * SMALL_BYTES;
        filesystem::check_length("the appended file", length, expected as u64)?;
        filesystem::remove_dir(&self.dir)
    }
}
