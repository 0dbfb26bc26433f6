//! Put from and get to a descriptor of the caller's: a file, a pipe, a socket.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;

use super::put::{Put, PutOptions};
use super::{GetOptions, Store};
use crate::error::{Error, IoContext, Result};
use crate::file::Descriptor;
use crate::object::ObjectId;

impl Store {
    /// Stores `length` bytes of what `source` holds from `offset` on; `None`: all up to its end. A pipe or a
    /// socket is read from where it stands, and `offset` must be 0. The descriptor is not closed, and a file's own
    /// offset neither used nor moved.
    ///
    /// # Errors
    ///
    /// `Invalid` when the source ends before `length`, `Io` when it fails; and those of [`put`](Self::put).
    pub fn put_descriptor(
        &self,
        source: BorrowedFd<'_>,
        offset: u64,
        length: Option<u64>,
        options: &PutOptions,
    ) -> Result<Put> {
        let (source, name) = lent(source)?;
        let available = if source.is_positional() {
            source.len().context("find the size of", &name)?.saturating_sub(offset)
        } else {
            options.size_hint
        };
        if offset > 0 && !source.is_positional() {
            return Err(Error::invalid("offset", format!("{} has none; it must be 0", name.display())));
        }
        let mut read = |buffer: &mut [u8], at| source.read(buffer, at).context("read", &name);
        self.put_runs(&mut read, offset, length, available, options)
    }

    /// Writes a whole object to `target`: to a file from its first byte on, to a pipe or a socket from where
    /// it stands. Returns its size in bytes. The descriptor is not closed, not synced, and not cut at the end; a
    /// file's own offset is neither used nor moved.
    ///
    /// # Errors
    ///
    /// `Io` when the target fails: it may have got a part of the object then.
    pub fn get_descriptor(&self, id: ObjectId, target: BorrowedFd<'_>, options: &GetOptions) -> Result<u64> {
        let (target, name) = lent(target)?;
        let mut at = 0;
        self.reader(id, options)?.each_run(&mut |bytes| {
            target.write(bytes, at).context("write", &name)?;
            at += bytes.len() as u64;
            Ok(())
        })
    }
}

fn lent(descriptor: BorrowedFd<'_>) -> Result<(Descriptor<'_>, PathBuf)> {
    let name = PathBuf::from(format!("descriptor {}", descriptor.as_raw_fd()));
    let lent = Descriptor::new(descriptor).context("use", &name)?;
    Ok((lent, name))
}
