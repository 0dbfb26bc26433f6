//! A large object is read from the page cache; the rival reads a plain file of the same bytes.
//!
//! Ours checks every byte against its checksum on the way, the rival checks nothing.

use std::path::PathBuf;

use super::store::StoreInDir;
use super::{Goal, Row, Setup, mib};
use crate::error::{Error, Result};
use crate::measure::{Side, Sides};
use crate::{filesystem, payloads};
use hsm_core::object::ObjectId;

pub(super) const ROW: Row = Row {
    name: "get 1 GiB warm",
    unit: "MiB/s",
    goal: Goal::Ratio(0.7),
    also: &[],
    rival_name: "read() of a plain file, 1 MiB at a time",
    needs: None,
    build,
};

struct OurRead {
    store: StoreInDir,
    source: PathBuf,
    size_bytes: u64,
    id: Option<ObjectId>,
    buffer: Vec<u8>,
}

struct PlainRead {
    file: PathBuf,
    size_bytes: u64,
    buffer: Vec<u8>,
}

fn build(setup: &Setup) -> Result<Sides> {
    let size_bytes = setup.sizes.file_bytes;
    let file = payloads::random_file(&setup.shared_dir, size_bytes)?;
    let store = StoreInDir::new(setup.row_dir.join("ours"));
    let ours = Box::new(OurRead { store, source: file.clone(), size_bytes, id: None, buffer: buffer() });
    Ok(Sides { ours, rival: Some(Box::new(PlainRead { file, size_bytes, buffer: buffer() })) })
}

fn buffer() -> Vec<u8> {
    vec![0; filesystem::READ_BUFFER_BYTES]
}

impl OurRead {
    fn read(&mut self) -> Result<u64> {
        let id = self.id.ok_or_else(|| Error::new("read our object", "it was not put"))?;
        let read_bytes = self.store.get()?.read_all(id, &mut self.buffer)?;
        filesystem::check_length("our object", read_bytes, self.size_bytes)?;
        Ok(read_bytes)
    }
}

impl Side for OurRead {
    fn prepare(&mut self) -> Result<()> {
        // Put in the first round, read in all of them.
        self.store.open()?;
        if self.id.is_none() {
            self.id = Some(self.store.get()?.put_path(&self.source)?);
        }
        // A read that is not timed brings the object into the page cache, however it was written.
        self.read().map(drop)
    }

    fn run(&mut self) -> Result<f64> {
        self.read().map(mib)
    }

    fn clean(&mut self) -> Result<()> {
        Ok(())
    }
}

impl PlainRead {
    fn read(&mut self) -> Result<u64> {
        let read_bytes = filesystem::read_through(&self.file, &mut self.buffer)?;
        filesystem::check_length("the plain file", read_bytes, self.size_bytes)?;
        Ok(read_bytes)
    }
}

impl Side for PlainRead {
    fn prepare(&mut self) -> Result<()> {
        self.read().map(drop)
    }

    fn run(&mut self) -> Result<f64> {
        self.read().map(mib)
    }

    fn clean(&mut self) -> Result<()> {
        Ok(())
    }
}
