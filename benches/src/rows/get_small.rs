//! Small objects are read at random from the page cache by two threads, one call each.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use hsm_core::object::ObjectId;

use super::put_batches::BATCH_OBJECTS;
use super::put_threads::share_out;
use super::store::StoreInDir;
use super::{Goal, Row, Setup, files};
use crate::error::{Context, Result};
use crate::filesystem;
use crate::measure::{Side, Sides};
use crate::payloads::{Payloads, SMALL_BYTES, shuffled};

pub(super) const ROW: Row = Row {
    name: "get 4 KiB at random, warm, 2 threads",
    unit: "objects/s",
    goal: Goal::Ratio(0.5),
    also: &[],
    rival_name: "open, read, close of plain files, 2 threads",
    needs: None,
    build: |setup| build(setup, false),
};

pub(super) const IN_BULK: Row = Row {
    name: "get 4 KiB at random, warm, in one call",
    goal: Goal::Ratio(1.5),
    build: |setup| build(setup, true),
    ..ROW
};

const THREADS: usize = 2;

struct OurGets {
    store: StoreInDir,
    payloads: Arc<Payloads>,
    ids: Vec<ObjectId>,
    order: Vec<usize>,
    in_bulk: bool,
}

struct FileReads {
    dir: PathBuf,
    payloads: Arc<Payloads>,
    order: Vec<usize>,
}

fn build(setup: &Setup, in_bulk: bool) -> Result<Sides> {
    let payloads = Arc::new(Payloads::random()?);
    let order = shuffled(setup.sizes.gets)?;
    let store = StoreInDir::new(setup.row_dir.join("ours"));
    let ours =
        OurGets { store, payloads: Arc::clone(&payloads), ids: Vec::new(), order: order.clone(), in_bulk };
    let rival = FileReads { dir: setup.row_dir.join("rival"), payloads, order };
    Ok(Sides { ours: Box::new(ours), rival: Some(Box::new(rival)) })
}

/// Puts the first `count` payloads in batches and returns their ids.
pub(super) fn put_all(store: &StoreInDir, payloads: &Payloads, count: usize) -> Result<Vec<ObjectId>> {
    let mut ids = Vec::with_capacity(count);
    for from in (0..count).step_by(BATCH_OBJECTS) {
        let batch = from..(from + BATCH_OBJECTS).min(count);
        let batch: Vec<&[u8]> = batch.map(|index| payloads.get(index)).collect();
        ids.extend(store.get()?.put_batch(&batch)?);
    }
    Ok(ids)
}

impl OurGets {
    fn read_all(&self) -> Result<()> {
        let ours = self.store.get()?;
        if self.in_bulk {
            let ids: Vec<ObjectId> = self.order.iter().map(|index| self.ids[*index]).collect();
            let read_bytes = ours.get_many(&ids)?;
            return filesystem::check_length("our objects", read_bytes, (ids.len() * SMALL_BYTES) as u64);
        }
        share_out(&mut [(); THREADS], self.order.len(), |()| {
            Ok(|index: usize| {
                let read_bytes = ours.get_small(self.ids[self.order[index]])?;
                filesystem::check_length("our object", read_bytes, SMALL_BYTES as u64)
            })
        })
    }
}

impl Side for OurGets {
    fn prepare(&mut self) -> Result<()> {
        // Put in the first round, read in all of them.
        self.store.open()?;
        if self.ids.is_empty() {
            self.ids = put_all(&self.store, &self.payloads, self.order.len())?;
        }
        self.read_all()
    }

    fn run(&mut self) -> Result<f64> {
        self.read_all()?;
        Ok(self.order.len() as f64)
    }

    fn clean(&mut self) -> Result<()> {
        Ok(())
    }
}

impl FileReads {
    fn read_all(&self) -> Result<()> {
        share_out(&mut [[0; SMALL_BYTES]; THREADS], self.order.len(), |buffer| {
            Ok(|index: usize| {
                let path = files::path(&self.dir, self.order[index]);
                let read = File::open(&path).and_then(|mut file| file.read_exact(buffer));
                read.context(|| format!("read {}", path.display()))
            })
        })
    }
}

impl Side for FileReads {
    fn prepare(&mut self) -> Result<()> {
        if !self.dir.exists() {
            files::write_all(&self.dir, &self.payloads, self.order.len())?;
        }
        self.read_all()
    }

    fn run(&mut self) -> Result<f64> {
        self.read_all()?;
        Ok(self.order.len() as f64)
    }

    fn clean(&mut self) -> Result<()> {
        Ok(())
    }
}
