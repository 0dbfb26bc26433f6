//! One file outside of the store: read with an eye on whether it changes meanwhile, or made, whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::{OsDisk, sync_parent};
use crate::error::{Error, IoContext as _, Result};

/// How often a temporary file that vanishes between being opened and being locked is made anew.
const ATTEMPTS_MAX: u32 = 10;
/// Bytes of a file's name that its temporary name shares: with what is around them that is a name still.
const NAME_BYTES_MAX: usize = 200;

/// A file that is read.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    path: PathBuf,
    before: Stamp,
}

/// What changes when a file does.
type Stamp = (u64, i64, i64, i64, i64);

fn stamp(file: &File) -> io::Result<Stamp> {
    let found = file.metadata()?;
    Ok((found.len(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()))
}

impl Source {
    /// Opens a file. One that is no regular file is refused, and not waited for.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
        let file = options.open(path).context("open", path)?;
        if !file.metadata().context("look at", path)?.is_file() {
            return Err(Error::invalid("path", format!("{} is no regular file", path.display())));
        }
        let before = stamp(&file).context("look at", path)?;
        Ok(Self { file, path: path.to_owned(), before })
    }

    /// Length in bytes when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.before.0
    }

    /// Reads up to `buffer.len()` bytes; 0 at the end.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.context("read", &self.path),
            }
        }
    }

    /// Fails when it was changed since it was opened: what was read may be of no state that it ever had.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        if stamp(&self.file).context("look at", &self.path)? == self.before {
            return Ok(());
        }
        Err(Error::Io {
            action: "read",
            path: self.path.clone(),
            io_kind: io::ErrorKind::Other,
            message: "it was changed while it was read".to_owned(),
        })
    }
}

/// A file that is made: written beside its path under a temporary name, synced, and renamed over what is there. One that is
/// dropped before leaves nothing.
#[derive(Debug)]
pub(crate) struct Target {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
    is_named: bool,
}

impl Target {
    /// Begins the file of a name that nobody else makes at the same time: `.NAME.hsm-new` is written meanwhile. What a
    /// process that was killed left there is written over, and while another one writes it, this fails with `Busy`.
    pub(crate) fn begin_alone(path: PathBuf) -> Result<Self> {
        let temporary = temporary(&path);
        Self::begin_at(path, temporary)
    }

    /// Removes what a process that was killed left of a file that nobody makes any more. What another one writes is let be.
    pub(crate) fn clear(path: &Path) {
        if fs::symlink_metadata(temporary(path)).is_ok_and(|found| found.is_file()) {
            drop(Self::begin_alone(path.to_owned()));
        }
    }

    /// Begins a file that is to lie at `path`, under a temporary name made of `stem`, which is this call's own.
    pub(crate) fn begin(path: PathBuf, stem: &str) -> Result<Self> {
        let temporary = path.with_file_name(format!(".{stem}.new"));
        Self::begin_at(path, temporary)
    }

    fn begin_at(path: PathBuf, temporary: PathBuf) -> Result<Self> {
        for _ in 0..ATTEMPTS_MAX {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).custom_flags(OFlag::O_NOFOLLOW.bits());
            let file = options.open(&temporary).context("create", &temporary)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(busy(&temporary, "is being written"));
                }
                // A file system without locks: there nobody else is kept away.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &temporary, &error)),
            }
            // Whoever had it may have named or removed it before it could be locked.
            let identity = |found: &fs::Metadata| (found.dev(), found.ino());
            let ours = identity(&file.metadata().context("look at", &temporary)?);
            if fs::symlink_metadata(&temporary).is_ok_and(|found| identity(&found) == ours) {
                file.set_len(0).context("truncate", &temporary)?;
                return Ok(Self { file, path, temporary, is_named: false });
            }
        }
        Err(busy(&temporary, "comes and goes"))
    }

    /// Writes all of `bytes` at `offset`.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset).context("write", &self.temporary)
    }

    /// Makes the bytes survive a power loss, and gives the file its name, which does too when this returns. Before it has
    /// that, `is_wanted` may say that it is not.
    pub(crate) fn finish(mut self, is_wanted: impl FnOnce() -> Result<()>) -> Result<()> {
        self.file.sync_data().context("sync", &self.temporary)?;
        is_wanted()?;
        fs::rename(&self.temporary, &self.path).context("rename", &self.path)?;
        self.is_named = true;
        sync_parent(&OsDisk::new(), &self.path).context("sync", &self.path)
    }
}

/// What the file at a path is called before it is whole, where nobody else makes it.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    let name = [b".", &name[..name.len().min(NAME_BYTES_MAX)], b".hsm-new"].concat();
    path.with_file_name(OsString::from_vec(name))
}

fn busy(temporary: &Path, why: &str) -> Error {
    Error::Busy { what: format!("{}, which {why}", temporary.display()), waited_s: 0 }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = fs::remove_file(&self.temporary); // While it is locked: nobody else's.
        }
    }
}
