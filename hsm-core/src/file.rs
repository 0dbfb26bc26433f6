//! The one small layer over the operating system's files.
//!
//! Every file operation of the core goes through a [`Disk`], except SQLite's own. That is what lets a test
//! stop the engine at any operation and then keep only what was synced (`testing`), and what lets a whole
//! store live in memory ([`MemoryDisk`]).
//!
//! Invariants an implementation keeps:
//!
//! - everything is opened close-on-exec; nothing is mapped into memory;
//! - a name survives a power loss only after [`Disk::sync_dir`] on its directory, bytes only after
//!   [`File::sync_data`];
//! - a sync that failed fails for ever on that file: the kernel may have dropped the pages, so a later
//!   success would prove nothing;
//! - an interrupted call is repeated; a short write is continued.
//!
//! What it does not do: buffer, retry errors, or know any format.

mod descriptor;
pub(crate) mod memory;
mod os;
pub(crate) mod outside;
mod process;
pub(crate) mod tree;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use descriptor::Descriptor;
pub use memory::MemoryDisk;
pub use os::OsDisk;
pub(crate) use os::Watch;
pub(crate) use process::{process_id, processor};

/// Fills a buffer up to `len` bytes with what is read into the rest of it; short where that is.
pub(crate) fn fill_up<E>(
    buffer: &mut Vec<u8>,
    len: usize,
    read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let there = buffer.len();
    buffer.resize(len, 0);
    let more = read(&mut buffer[there..]);
    buffer.truncate(there + *more.as_ref().unwrap_or(&0));
    more.map(drop)
}

/// Runs of bytes that are to lie behind one another, in one.
pub(crate) fn gather(runs: &[IoSlice<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(runs.iter().map(|run| run.len()).sum());
    for run in runs {
        bytes.extend_from_slice(run);
    }
    bytes
}

/// A file that the operating system opened, outside of any [`Disk`].
pub type OpenFile = std::fs::File;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// For reading; it must exist.
    Read,
    /// For reading past the page cache where the kernel allows: what the medium holds. It must exist.
    ReadMedium,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist yet.
    Create,
    /// For reading and writing, created when it is missing.
    OpenOrCreate,
}

/// What [`Disk::metadata`] and [`Disk::read_dir`] say of a name. Symbolic links are followed by `metadata`
/// and reported as [`FileKind::Other`] by `read_dir`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// Size and kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Length in bytes; of no meaning for a directory.
    pub len: u64,
}

/// Tells a process from every other one, also from those that had or will have its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: u64,
    /// When it started, in clock ticks since the boot.
    pub start_ticks: u64,
    /// This boot of the machine.
    pub boot_id: [u8; 16],
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// All there is.
    pub total: u64,
    /// What this process may still use.
    pub available: u64,
}

/// A file system, or what stands for one.
///
/// Callable from several threads. Paths are absolute. Errors carry the operating system's kind:
/// `NotFound`, `AlreadyExists`, `StorageFull` … are relied upon.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>>;
    /// Creates one directory; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file, replacing what is at `to`, atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name. Whoever has it open keeps its bytes.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory survive a power loss.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Lists the names in a directory, sorted. Directories of a store are bounded by their format.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<(String, FileKind)>>;
    /// Says what a path is.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Says how much room the file system of `path` has.
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// The kind of network file system `path` lies on, if it lies on one.
    fn network_kind(&self, path: &Path) -> io::Result<Option<&'static str>>;
    /// Who is asking: this process, told from every other of this machine and boot.
    fn process(&self) -> ProcessIdentity;
}

/// An open file. Callable from several threads; closed when dropped, which also drops its locks.
pub trait File: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at the end. Never short before the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Reads up to `len` bytes at `offset` into a buffer that is empty, whose room is not filled with zeros first where that
    /// can be left out. Short only at the end of the file.
    fn read_new(&self, buffer: &mut Vec<u8>, len: usize, offset: u64) -> io::Result<()> {
        fill_up(buffer, len, |rest| self.read_at(rest, offset))
    }
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Writes all of `runs` from `offset` on, one behind the other. It is one write, as that of all their bytes would be, and may
    /// leave as much of them where it is cut short.
    fn write_runs_at(&self, runs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.write_at(&gather(runs), offset)
    }
    /// Makes the bytes and the length survive a power loss. Fails for ever once it failed.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or extends with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the length is 0.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Takes room for `len` bytes in advance, where the file system can. The length becomes at least `len`.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes this file, which is empty, one of the same bytes as an open file of the operating system, without copying any:
    /// both share them on the medium until one is written to. The bytes are those of one moment.
    ///
    /// # Errors
    ///
    /// `CrossesDevices` for a file on another file system, `Unsupported` where this one shares no bytes, or not these. The
    /// file is empty then.
    fn share(&self, _source: &OpenFile) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Asks the kernel to begin writing a range out, so that the sync at the end has less to wait for.
    /// A hint: it promises nothing and fails silently.
    fn start_writeback(&self, offset: u64, len: u64);
    /// Asks the kernel to begin reading a range that will be read soon. A hint: it promises nothing and fails silently.
    fn start_reading(&self, _offset: u64, _len: u64) {}
    /// Tries to lock a range of bytes for this open file: shared, or exclusive. `false`: another open file,
    /// here or in another process, holds a lock in the way. Taking a range again converts it.
    fn try_lock(&self, range: Range<u64>, exclusive: bool) -> io::Result<bool>;
    /// Whether another open file holds a lock, of whichever kind, on one of these bytes. Takes none itself.
    fn is_locked(&self, range: Range<u64>) -> io::Result<bool>;
    /// Drops this open file's locks in a range.
    fn unlock(&self, range: Range<u64>) -> io::Result<()>;
}

/// Reads as a [`File`] does, by as many calls as it takes: one may be interrupted, or give only a part.
pub(crate) fn read_on(
    buffer: &mut [u8],
    offset: u64,
    mut call: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match call(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes as a [`File`] does, by as many calls as it takes: one may be interrupted, or take only a part.
pub(crate) fn write_on(
    bytes: &[u8],
    offset: u64,
    mut call: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match call(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes a small file so that it is there whole or not at all: beside itself, synced, renamed, and the
/// directory synced.
pub(crate) fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    match disk.remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&beside, Mode::Create)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    drop(file);
    disk.rename(&beside, path)?;
    sync_parent(disk, path)
}

/// Reads a small file whole. `limit` bounds what is read.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Mode::Read)?;
    let mut bytes = vec![0; file.len()?.min(limit) as usize];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Makes the name of `path` survive a power loss.
pub(crate) fn sync_parent(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => disk.sync_dir(parent),
        None => Ok(()),
    }
}

/// Creates `path` and those of its parents below `root` that are missing, each made to survive a power loss.
pub(crate) fn create_dirs(disk: &dyn Disk, root: &Path, path: &Path) -> io::Result<()> {
    match disk.create_dir(path) {
        Ok(()) => sync_parent(disk, path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path != root => {
            let Some(parent) = path.parent() else { return Err(error) };
            create_dirs(disk, root, parent)?;
            create_dirs(disk, root, path)
        }
        Err(error) => Err(error),
    }
}
