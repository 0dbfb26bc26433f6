//! Members: every handle that has a store open holds a locked file in `members/`.
//!
//! The lock tells the living from the dead. `docs/format.md`, section 6.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::clock::{self, Clock};
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk, File, Mode};
use crate::wire::{self, Reader, Writer};

const MAGIC: [u8; 8] = *b"hsmmembr";
const MEMBER_LEN: usize = 128;

/// This handle's member file, locked.
#[derive(Debug)]
pub(super) struct Member {
    path: PathBuf,
    _locked: Arc<dyn File>,
    pub(super) instance: u64,
}

/// A member whose handle is gone without having closed, locked by us so that no one else sweeps it.
#[derive(Debug)]
pub(super) struct Dead {
    path: PathBuf,
    _locked: Arc<dyn File>,
    pub(super) instance: u64,
}

/// Who else is here.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) dead: Vec<Dead>,
    /// Instances of the living.
    pub(super) live: Vec<u64>,
}

/// Tells this copy of the library from another one in the same process.
fn image(clock: &dyn Clock) -> [u8; 16] {
    static IMAGE: OnceLock<[u8; 16]> = OnceLock::new();
    *IMAGE.get_or_init(|| clock::random_identity(clock))
}

pub(super) fn directory(store: &Path) -> PathBuf {
    store.join("members")
}

/// Looks at every member file. Under the open lock.
pub(super) fn others(
    disk: &dyn Disk,
    clock: &dyn Clock,
    store: &Path,
    store_id: &[u8; 16],
) -> Result<Others> {
    let directory = directory(store);
    let mut others = Others::default();
    for (name, _) in disk.read_dir(&directory).context("list", &directory)? {
        let path = directory.join(&name);
        let Some(instance) = name.strip_suffix(".member").and_then(|hex| u64::from_str_radix(hex, 16).ok())
        else {
            continue;
        };
        let locked = match disk.open(&path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.context("open", &path)?,
        };
        let bytes = file::read_whole(disk, &path, MEMBER_LEN as u64).context("read", &path)?;
        // What a later version leaves behind is not ours to sweep.
        if wire::check_seal(&bytes, store_id)
            && let Err(newer @ Error::NewerFormat { .. }) =
                wire::check_head(&bytes, MAGIC, Some(store_id), &path)
        {
            return Err(newer);
        }
        if locked.try_lock(0..1, true).context("lock", &path)? {
            others.dead.push(Dead { path, _locked: locked, instance });
            continue;
        }
        if is_second_image(disk, clock, &bytes, store_id) {
            return Err(Error::SecondImage);
        }
        others.live.push(instance);
    }
    Ok(others)
}

/// Whether a live member is this very process, through another copy of the library.
fn is_second_image(disk: &dyn Disk, clock: &dyn Clock, bytes: &[u8], store_id: &[u8; 16]) -> bool {
    if bytes.len() != MEMBER_LEN || !wire::check_seal(bytes, store_id) {
        return false;
    }
    let mut reader = Reader(&bytes[wire::HEAD_LENGTH + 8..]);
    let process = disk.process();
    let same = reader.u64() == Some(process.pid)
        && reader.u64() == Some(process.start_ticks)
        && reader.array() == Some(process.boot_id);
    same && reader.array() != Some(image(clock))
}

impl Member {
    /// Joins: the file is locked, written, and durable when this returns. Under the open lock.
    pub(super) fn join(
        disk: &dyn Disk,
        clock: &dyn Clock,
        store: &Path,
        store_id: &[u8; 16],
        instance: u64,
    ) -> Result<Self> {
        let path = directory(store).join(format!("{instance:016x}.member"));
        let locked = disk.open(&path, Mode::Create).context("create", &path)?;
        if !locked.try_lock(0..1, true).context("lock", &path)? {
            return Err(Error::Busy { what: format!("{}", path.display()), waited_s: 0 });
        }
        let process = disk.process();
        let mut bytes = Vec::with_capacity(MEMBER_LEN);
        wire::write_head(&mut bytes, MAGIC, store_id);
        Writer(&mut bytes)
            .u64(instance)
            .u64(process.pid)
            .u64(process.start_ticks)
            .bytes(&process.boot_id)
            .bytes(&image(clock))
            .i64(clock.now_ns())
            .zeros(16)
            .seal(store_id);
        locked.write_at(&bytes, 0).context("write", &path)?;
        locked.sync_data().context("sync", &path)?;
        file::sync_parent(disk, &path).context("sync", &path)?;
        Ok(Self { path, _locked: locked, instance })
    }

    /// Leaves: nothing of this handle needs a sweep.
    pub(super) fn leave(self, disk: &dyn Disk) -> Result<()> {
        remove(disk, &self.path)
    }
}

impl Dead {
    /// Removes the file: what the dead left behind is swept.
    pub(super) fn bury(self, disk: &dyn Disk) -> Result<()> {
        remove(disk, &self.path)
    }
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.context("remove", path),
    }
}
