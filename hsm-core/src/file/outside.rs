//! One file outside of the store: read with an eye on whether it changes meanwhile, or made, whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::os::forget_cached;
use super::{OsDisk, read_on, sync_parent};
use crate::error::{Error, IoContext as _, Result};
use crate::integrity::checksum;

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
    file.metadata().map(|found| stamp_of(&found))
}

fn stamp_of(found: &fs::Metadata) -> Stamp {
    (found.len(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
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

    /// Where it was.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, open.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Removes its name, if that leads to what was opened and nothing of that changed since. `false`: it does not, and is
    /// left. Who changes the file between this look and the removal is not seen.
    pub(crate) fn remove(&self) -> Result<bool> {
        let named = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found.context("look at", &self.path)?,
        };
        let opened = self.file.metadata().context("look at", &self.path)?;
        if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) || stamp_of(&named) != self.before {
            return Ok(false);
        }
        fs::remove_file(&self.path).context("remove", &self.path)?;
        Ok(true)
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

/// A file that is made: written beside its path under a temporary name, synced, and renamed over what is there.
#[derive(Debug)]
pub(crate) struct Target {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
    end: End,
    /// What keeps others away from the temporary name. Given back last.
    _turn: Option<Turn>,
}

/// What becomes of the temporary file when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It goes.
    Removed,
    /// Another attempt goes on with it, where there is anything in it.
    Kept,
    /// It has its name.
    Named,
}

/// The right to write a file, for as long as it lasts.
pub(crate) type Turn = Arc<dyn super::File>;

/// A file that several attempts may be needed for, each of which goes on where the one before ended.
#[derive(Debug, Clone)]
pub(crate) struct Lasting {
    path: PathBuf,
    /// `.NAME.STORE.hsm-new`, where STORE is the second half of the store's id: no lock of one store keeps another away.
    temporary: PathBuf,
}

impl Lasting {
    /// The file at a path, written by actions of a store.
    pub(crate) fn new(path: &Path, store_id: &[u8; 16]) -> Self {
        let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
        let half = u128::from_be_bytes(*store_id) as u64;
        let store = format!(".{half:016x}.hsm-new");
        let name = [b".", &name[..name.len().min(NAME_BYTES_MAX)], store.as_bytes()].concat();
        let temporary = path.with_file_name(OsString::from_vec(name));
        Self { path: path.to_owned(), temporary }
    }

    /// What is the same of all paths that lead to the temporary file, and hardly of two files.
    pub(crate) fn spot(&self) -> Result<u64> {
        let directory = self.path.parent().unwrap_or(&self.path);
        let found = fs::metadata(directory).context("look at", directory)?;
        let name = self.temporary.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
        Ok(checksum(0, &[&found.dev().to_le_bytes(), &found.ino().to_le_bytes(), name].concat()))
    }

    /// What it answers who has no turn.
    pub(crate) fn is_written(&self) -> Error {
        busy(&self.temporary, "is being written")
    }

    /// Whether an attempt before left something.
    pub(crate) fn is_begun(&self) -> bool {
        fs::symlink_metadata(&self.temporary).is_ok_and(|found| found.is_file())
    }

    /// Goes on with what is there, which may be anything: see [`Target::read_at`]. Where the file system has locks and
    /// another one writes it, this fails with `Busy`.
    pub(crate) fn go_on(self, turn: Turn) -> Result<Target> {
        Target::begin_at(self.path, self.temporary, End::Kept, Some(turn))
    }

    /// Removes what attempts left, none of which is made any more.
    pub(crate) fn clear(self, turn: Turn) {
        drop(Target::begin_at(self.path, self.temporary, End::Removed, Some(turn)));
    }
}

impl Target {
    /// Begins a file that is to lie at `path`, under a temporary name made of `stem`, which is this call's own. Dropped before
    /// it is finished, it leaves nothing.
    pub(crate) fn begin(path: PathBuf, stem: &str) -> Result<Self> {
        let temporary = path.with_file_name(format!(".{stem}.new"));
        Self::begin_at(path, temporary, End::Removed, None)
    }

    fn begin_at(path: PathBuf, temporary: PathBuf, end: End, turn: Option<Turn>) -> Result<Self> {
        for _ in 0..ATTEMPTS_MAX {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(&temporary)
                .context("create", &temporary)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(busy(&temporary, "is being written"));
                }
                Err(TryLockError::Error(error)) if is_without_locks(&error) => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &temporary, &error)),
            }
            // Whoever had it may have named or removed it before it could be locked.
            let identity = |found: &fs::Metadata| (found.dev(), found.ino());
            let ours = identity(&file.metadata().context("look at", &temporary)?);
            if fs::symlink_metadata(&temporary).is_ok_and(|found| identity(&found) == ours) {
                return Ok(Self { file, path, temporary, end, _turn: turn });
            }
        }
        Err(busy(&temporary, "comes and goes"))
    }

    /// How long it is.
    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().context("look at", &self.temporary)?.len())
    }

    /// Reads what an attempt before wrote, less at the end. From the medium where that has it: of bytes whose sync failed, the
    /// page cache may go on telling.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        forget_cached(&self.file, offset, buffer.len() as u64);
        read_on(buffer, offset, |buffer, offset| self.file.read_at(buffer, offset))
            .context("read", &self.temporary)
    }

    /// Writes all of `bytes` at `offset`.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset).context("write", &self.temporary)
    }

    /// Keeps the first `len` bytes, of as many at least.
    pub(crate) fn cut(&self, len: u64) -> Result<()> {
        self.file.set_len(len).context("truncate", &self.temporary)
    }

    /// Makes the bytes survive a power loss, and gives the file its name, which does too when this returns. Before it has
    /// that, `is_wanted` may say that it is not.
    pub(crate) fn finish(mut self, is_wanted: impl FnOnce() -> Result<()>) -> Result<()> {
        let synced = self.file.sync_data().context("sync", &self.temporary);
        if synced.is_err() {
            self.end = End::Removed; // A sync that failed is never repeated.
        }
        synced?;
        is_wanted()?;
        fs::rename(&self.temporary, &self.path).context("rename", &self.path)?;
        self.end = End::Named;
        sync_parent(&OsDisk::new(), &self.path).context("sync", &self.path)
    }
}

/// Whether a lock failed since there are none on this file system: NFS and Lustre that are mounted without, for example.
fn is_without_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(Errno::ENOLCK as i32)
}

fn busy(temporary: &Path, why: &str) -> Error {
    Error::Busy { what: format!("{}, which {why}", temporary.display()), waited_s: 0 }
}

impl Drop for Target {
    fn drop(&mut self) {
        let is_kept = match self.end {
            End::Removed => false,
            End::Kept => self.len().is_ok_and(|len| len > 0),
            End::Named => true,
        };
        if !is_kept {
            let _ = fs::remove_file(&self.temporary); // While it is locked: nobody else's.
        }
    }
}
