//! Put from a file: one at a path, or one that the caller opened.

use std::io;
use std::path::Path;

use super::Store;
use super::put::{Put, PutOptions, RUN_LEN};
use crate::error::{Error, IoContext, Result};
use crate::file::{Disk as _, File, Mode, OsDisk};
use crate::object::SIZE_MAX;

impl Store {
    /// Stores `length` bytes at `offset` of a file; `None`: all from there to its end.
    ///
    /// # Errors
    ///
    /// `Invalid` when the file is shorter than asked for.
    pub fn put_path(
        &self,
        path: impl AsRef<Path>,
        offset: u64,
        length: Option<u64>,
        options: &PutOptions,
    ) -> Result<Put> {
        let path = path.as_ref();
        let path = std::path::absolute(path).context("find", path)?;
        let file = OsDisk::new().open(&path, Mode::Read).context("open", &path)?;
        self.put_file(&*file, offset, length, options).map_err(|error| match error {
            Error::Cancelled { reason } => {
                Error::Io { action: "read", path, io_kind: io::ErrorKind::Other, message: reason }
            }
            other => other,
        })
    }

    /// Stores `length` bytes at `offset` of an open file; `None`: all from there to its end. The file's own
    /// offset is neither used nor moved. [`OsDisk::adopt`] makes such a file of a descriptor.
    pub fn put_file(
        &self,
        file: &dyn File,
        offset: u64,
        length: Option<u64>,
        options: &PutOptions,
    ) -> Result<Put> {
        let failed = |error: io::Error| Error::Cancelled { reason: format!("the source failed: {error}") };
        let available = file.len().map_err(failed)?.saturating_sub(offset);
        let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at).map_err(failed);
        self.put_runs(&mut read, offset, length, available, options)
    }

    /// Stores what `read` yields from `offset` on, `length` bytes or up to its end, of which about `available`
    /// are there.
    pub(super) fn put_runs(
        &self,
        read: &mut dyn FnMut(&mut [u8], u64) -> Result<usize>,
        offset: u64,
        length: Option<u64>,
        available: u64,
        options: &PutOptions,
    ) -> Result<Put> {
        if offset > SIZE_MAX {
            return Err(Error::invalid("offset", "a file has at most 2^63 - 1 bytes"));
        }
        let size_hint = length.map_or(available, |length| length.min(available));
        let options = PutOptions { size_hint, ..options.clone() };
        let (mut watch, mut writer) = self.watched_writer(&options)?;
        let mut buffer = vec![0; RUN_LEN];
        let (mut at, mut left) = (offset, length.unwrap_or(u64::MAX));
        while left > 0 {
            let wanted = left.min(RUN_LEN as u64) as usize;
            let read = read(&mut buffer[..wanted], at)?;
            if read == 0 && length.is_some() {
                return Err(Error::invalid("length", format!("the source ends {left} bytes before it")));
            }
            if read == 0 {
                break;
            }
            writer.add_watched(&buffer[..read], &mut watch)?;
            at += read as u64;
            left -= read as u64;
        }
        writer.commit_watched(&mut watch)
    }
}
