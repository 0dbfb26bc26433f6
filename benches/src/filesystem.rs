//! The few file operations that both sides and the harness share.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Context, Error, Result};

/// The buffer both sides read a large object through.
pub(crate) const READ_BUFFER_BYTES: usize = 1 << 20;

/// Creates `path` and what is missing above it.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).context(|| format!("create {}", path.display()))
}

/// Creates a directory in `parent` that is removed when the value is dropped.
pub(crate) fn temporary_dir(parent: &Path) -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(parent)
        .context(|| format!("create a directory in {}", parent.display()))
}

/// Removes `path` with everything in it; it may be missing.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::new(format!("remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// Makes the entries of the directory `path` durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).context(|| format!("sync {}", path.display()))
}

/// Writes out everything dirty, so that writeback of earlier work does not fall into a timed part.
pub(crate) fn settle(path: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let action = || format!("sync the file system of {}", path.display());
        let dir = File::open(path).context(action)?;
        nix::unistd::syncfs(&dir).context(action)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        nix::unistd::sync();
        Ok(())
    }
}

/// Reads the file at `path` to its end through `buffer` and returns its length in bytes.
pub(crate) fn read_through(path: &Path, buffer: &mut [u8]) -> Result<u64> {
    let action = || format!("read {}", path.display());
    let mut file = File::open(path).context(action)?;
    let mut read_bytes = 0;
    loop {
        match file.read(buffer).context(action)? {
            0 => return Ok(read_bytes),
            length => read_bytes += length as u64,
        }
    }
}

/// Reads every file below `dir` to its end through `buffer` and returns their length in bytes, all together.
pub(crate) fn read_below(dir: &Path, buffer: &mut [u8]) -> Result<u64> {
    let mut read_bytes = 0;
    for name in names(dir)? {
        let path = dir.join(name);
        read_bytes += if path.is_dir() { read_below(&path, buffer)? } else { read_through(&path, buffer)? };
    }
    Ok(read_bytes)
}

/// Fails unless `found` bytes are the `expected` ones: a side that did less work would look fast.
pub(crate) fn check_length(what: &str, found: u64, expected: u64) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::new(format!("trust {what}"), format!("{found} bytes where {expected} were expected")))
}

/// The length of all files below `dir`, in bytes.
pub(crate) fn total_bytes(dir: &Path) -> Result<u64> {
    let action = || format!("measure {}", dir.display());
    let mut total_bytes = 0;
    for entry in fs::read_dir(dir).context(action)? {
        let entry = entry.context(action)?;
        let metadata = entry.metadata().context(action)?;
        total_bytes += if metadata.is_dir() { self::total_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(total_bytes)
}

/// The room that all files below `dir` take on the medium, in bytes, or their length where that is more: of what was just
/// written the room may not be taken yet.
pub(crate) fn room_bytes(dir: &Path) -> Result<u64> {
    let action = || format!("measure {}", dir.display());
    let mut room_bytes = 0;
    for entry in fs::read_dir(dir).context(action)? {
        let entry = entry.context(action)?;
        let metadata = entry.metadata().context(action)?;
        room_bytes += if metadata.is_dir() {
            self::room_bytes(&entry.path())?
        } else {
            metadata.len().max(metadata.blocks() * 512)
        };
    }
    Ok(room_bytes)
}

/// The names in the directory `dir`.
pub(crate) fn names(dir: &Path) -> Result<Vec<PathBuf>> {
    let action = || format!("list {}", dir.display());
    let entries = fs::read_dir(dir).context(action)?;
    entries.map(|entry| Ok(PathBuf::from(entry.context(action)?.file_name()))).collect()
}

/// Removes the file at `path`.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    fs::remove_file(path).context(|| format!("remove {}", path.display()))
}
