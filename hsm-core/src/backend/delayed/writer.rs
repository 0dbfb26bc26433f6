//! A place that is written to: what was written can be read for a while, counted from the last write.

use std::io::IoSlice;
use std::sync::Arc;

use super::Library;
use crate::backend::{PlaceName, PlaceWriter};
use crate::error::Result;
use crate::file::OpenFile;

/// A writer that tells the library of what it does.
#[derive(Debug)]
pub(super) struct Renewing {
    pub(super) library: Arc<Library>,
    pub(super) name: PlaceName,
    pub(super) writer: Arc<dyn PlaceWriter>,
}

impl PlaceWriter for Renewing {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.library.written(self.name);
        self.writer.write_at(bytes, offset)
    }

    fn write_runs_at(&self, runs: &mut [IoSlice<'_>], offset: u64) -> Result<()> {
        self.library.written(self.name);
        self.writer.write_runs_at(runs, offset)
    }

    fn share(&self, source: &OpenFile) -> Result<()> {
        self.library.written(self.name);
        self.writer.share(source)
    }

    fn sync(&self) -> Result<()> {
        let synced = self.writer.sync();
        self.library.written(self.name);
        synced
    }

    fn start_writeback(&self, offset: u64, len: u64) {
        self.writer.start_writeback(offset, len);
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.library.written(self.name);
        self.writer.truncate(len)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.writer.read_at(buffer, offset)
    }

    fn len(&self) -> Result<u64> {
        self.writer.len()
    }
}
