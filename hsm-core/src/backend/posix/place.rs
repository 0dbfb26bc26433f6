//! A place that is open: a file below a bucket.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Bucket;
use crate::backend::{PlaceReader, PlaceWriter};
use crate::error::{Error, IoContext, Result};
use crate::file::{Disk, File, OpenFile};
use crate::testing_hooks::{Mutant, mutant};

/// An open file. Only a writer has a bucket to sync.
#[derive(Debug)]
pub(super) struct PosixPlace {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) bucket: Option<Arc<Bucket>>,
    /// Whether the name is durable.
    pub(super) named: Mutex<bool>,
}

impl PlaceWriter for PosixPlace {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_at(bytes, offset).context("write", &self.path)
    }

    fn write_runs_at(&self, runs: &mut [IoSlice<'_>], offset: u64) -> Result<()> {
        self.file.write_runs_at(runs, offset).context("write", &self.path)
    }

    fn share(&self, source: &OpenFile) -> Result<()> {
        let why = match self.file.share(source) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => "lies on another file system",
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                "cannot share its bytes there: XFS and btrfs have reflinks"
            }
            shared => return shared.context("share the bytes of a file with", &self.path),
        };
        Err(Error::Unsupported { what: why.to_owned() })
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data().context("sync", &self.path)?;
        let mut named = self.named.lock();
        let wanted = !*named && !mutant(Mutant::DirectorySyncLeftOut);
        let Some(bucket) = self.bucket.as_ref().filter(|_| wanted) else { return Ok(()) };
        if bucket.spent.lock().contains(&bucket.path) {
            let earlier = io::Error::other("an earlier sync of it failed");
            return Err(Error::io("sync the directory", &bucket.path, &earlier));
        }
        if let Err(error) = self.disk.sync_dir(&bucket.path) {
            bucket.spent.lock().insert(bucket.path.clone());
            return Err(Error::io("sync the directory", &bucket.path, &error));
        }
        *named = true;
        Ok(())
    }

    fn start_writeback(&self, offset: u64, len: u64) {
        self.file.start_writeback(offset, len);
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.file.set_len(len).context("truncate", &self.path)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.file.read_at(buffer, offset).context("read", &self.path)
    }

    fn len(&self) -> Result<u64> {
        self.file.len().context("measure", &self.path)
    }
}

impl PlaceReader for PosixPlace {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.file.read_at(buffer, offset).context("read", &self.path)
    }

    fn read_new(&self, buffer: &mut Vec<u8>, len: usize, offset: u64) -> Result<()> {
        self.file.read_new(buffer, len, offset).context("read", &self.path)
    }

    fn start_reading(&self, offset: u64, len: u64) {
        self.file.start_reading(offset, len);
    }

    fn len(&self) -> Result<u64> {
        self.file.len().context("measure", &self.path)
    }
}
