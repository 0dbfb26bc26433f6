//! Getting data.

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::put::{broken, each_piece};
use super::{Place, id, stream, tier_of};
use crate::client::{Client, client};
use crate::failure::{Failure, Result, guard};
use crate::hsm::{Id, Reader};
use crate::types::{HestiaId, HestiaIoContext, HestiaTier};

/// Reads an object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_get(
    object_id: *mut HestiaId,
    io_context: *mut HestiaIoContext,
    tier: *mut HestiaTier,
) -> c_int {
    guard(|| {
        let client = client()?;
        // SAFETY: the caller passes records, initialised or not.
        let (id, io, tier) = unsafe { (id::needed(&client, object_id)?, io_context.as_mut(), tier_of(tier)) };
        let io = io.ok_or_else(|| Failure::null("the io context"))?;
        let place = Place::of(io)?;
        let read = read(&client, &id, tier, io.m_offset as u64, io.m_length, &place)?;
        if let Place::Memory(_) = place {
            io.m_length = read;
        }
        Ok(())
    })
}

/// Reads an object from an offset on; answers how many bytes. Of a file or descriptor a length of 0 means all there is.
pub(crate) fn read(
    client: &Client,
    id: &Id,
    tier: i32,
    offset: u64,
    length: usize,
    place: &Place,
) -> Result<usize> {
    if let Place::Nowhere = place {
        return Ok(0);
    }
    let mut reader = client.store.reader(id, tier)?;
    let left = reader.size()?.saturating_sub(offset);
    let is_all = length == 0 && !matches!(place, Place::Memory(_));
    let mut length = if is_all { left } else { left.min(length as u64) } as usize;
    match place {
        // SAFETY: the caller's word for the buffer.
        Place::Memory(buffer) => length = unsafe { reader.read_at(offset, *buffer, length) }?,
        Place::Path(path) => to_path(&mut reader, offset, length as u64, path)?,
        Place::Descriptor(fd) => to_descriptor(&mut reader, offset, length as u64, *fd)?,
        Place::Nowhere => {}
    }
    client.was_read();
    Ok(length)
}

fn to_descriptor(reader: &mut Reader, offset: u64, length: u64, fd: i32) -> Result<()> {
    each_piece(reader, offset, length, &mut |piece| {
        stream::write_all(fd, piece).map_err(|error| broken("write to the descriptor", &error))
    })
}

/// Writes a file that is there whole or not at all. What is no file, such as a pipe, is written as it is.
fn to_path(reader: &mut Reader, offset: u64, length: u64, path: &Path) -> Result<()> {
    let failed = |what: &str, error: &std::io::Error| broken(&format!("{what} {}", path.display()), error);
    // Through a link to what it leads to.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let file = OpenOptions::new().write(true).open(path).map_err(|error| failed("open", &error))?;
        return to_descriptor(reader, offset, length, file.as_raw_fd());
    }
    let beside = Beside::new(path).map_err(|error| failed("make a file beside", &error))?;
    to_descriptor(reader, offset, length, beside.file.as_raw_fd())?;
    beside.publish(path).map_err(|error| failed("write", &error))
}

/// A file that takes the place of another, or is gone.
struct Beside {
    file: File,
    path: Option<PathBuf>,
}

impl Beside {
    fn new(path: &Path) -> std::io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut name = path.as_os_str().to_owned();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        name.push(format!(".{}-{count}.part", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&name)?;
        if let Ok(there) = std::fs::metadata(path) {
            file.set_permissions(there.permissions())?;
        }
        Ok(Self { file, path: Some(name.into()) })
    }

    fn publish(mut self, path: &Path) -> std::io::Result<()> {
        self.file.sync_all()?;
        if let Some(beside) = &self.path {
            std::fs::rename(beside, path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}
