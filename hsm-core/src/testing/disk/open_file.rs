//! An open file of the simulated disk.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::MutexGuard;

use super::{Admitted, FailureOn, SimDisk, State, delay, label};
use crate::file::memory::check_writable;
use crate::file::memory::locks::Owner;
use crate::file::memory::tree::Inode;
use crate::file::{File, OpenFile, read_on, write_on};

#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    /// As it was when the file was opened: only labels use it.
    path: PathBuf,
    inode: Inode,
    owner: Owner,
    writable: bool,
    medium: bool,
    sync_failed: AtomicBool,
}

impl SimFile {
    pub(super) fn new(
        disk: &SimDisk,
        path: &Path,
        inode: Inode,
        owner: Owner,
        writable: bool,
        medium: bool,
    ) -> Self {
        let sync_failed = AtomicBool::new(false);
        let (disk, path) = (disk.clone(), path.to_owned());
        Self { disk, path, inode, owner, writable, medium, sync_failed }
    }

    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        self.disk.running()
    }

    fn change_len(&self, verb: &str, len: u64) -> io::Result<()> {
        check_writable(self.writable)?;
        delay(&self.disk.state, || label(verb, &self.path));
        let mut state = self.running()?;
        state.storage.cached.check_room(self.inode, Some(len))?;
        let label = label(verb, &self.path);
        state.admit(self.disk.process, &label)?;
        if verb == "set_len" || state.storage.cached.len(self.inode) < len {
            state.storage.set_len(&label, self.inode, len);
        }
        Ok(())
    }
}

impl SimFile {
    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        delay(&self.disk.state, || label("read", &self.path));
        let mut state = self.running()?;
        state.inject(&label("read", &self.path), FailureOn::Reads)?;
        let given = state.take(buffer.len())?;
        Ok(state.storage.read_at(self.inode, &mut buffer[..given], offset, self.medium))
    }

    fn write_some(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        delay(&self.disk.state, || label("write", &self.path));
        let mut state = self.running()?;
        state.storage.cached.check_room(self.inode, offset.checked_add(bytes.len() as u64))?;
        let taken = state.take(bytes.len())?;
        let label = label("write", &self.path);
        match state.admit(self.disk.process, &label)? {
            Admitted::Whole => {
                state.storage.write_at(&label, self.inode, &bytes[..taken], offset);
                Ok(taken)
            }
            Admitted::Half(error) => {
                state.storage.write_at(&label, self.inode, &bytes[..bytes.len() / 2], offset);
                Err(error)
            }
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        drop(self.running()?);
        read_on(buffer, offset, |buffer, offset| self.read_some(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        check_writable(self.writable)?;
        drop(self.running()?);
        write_on(bytes, offset, |bytes, offset| self.write_some(bytes, offset))
    }

    fn sync_data(&self) -> io::Result<()> {
        delay(&self.disk.state, || label("sync", &self.path));
        let mut state = self.running()?;
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of this file failed; its bytes may be lost"));
        }
        if let Err(error) = state.admit(self.disk.process, &label("sync", &self.path)) {
            if state.check_running(self.disk.process).is_ok() {
                self.sync_failed.store(true, Ordering::Release);
                state.storage.fail_sync(self.inode);
            }
            return Err(error);
        }
        state.storage.sync_bytes(self.inode);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change_len("set_len", len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.running()?.storage.cached.len(self.inode))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.change_len("allocate", len)
    }

    /// One operation, which happens as a whole or not at all.
    fn share(&self, source: &OpenFile) -> io::Result<()> {
        let len = source.metadata()?.len();
        let mut bytes = vec![0; len as usize];
        std::os::unix::fs::FileExt::read_exact_at(source, &mut bytes, 0)?;
        check_writable(self.writable)?;
        delay(&self.disk.state, || label("share", &self.path));
        let mut state = self.running()?;
        state.storage.cached.check_room(self.inode, Some(len))?;
        let label = label("share", &self.path);
        state.admit(self.disk.process, &label)?;
        state.storage.write_at(&label, self.inode, &bytes, 0);
        Ok(())
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn try_lock(&self, range: Range<u64>, exclusive: bool) -> io::Result<bool> {
        check_writable(self.writable || !exclusive)?;
        self.running()?.storage.cached.try_lock(self.inode, self.owner, range, exclusive)
    }

    fn is_locked(&self, range: Range<u64>) -> io::Result<bool> {
        self.running()?.storage.cached.is_locked(self.inode, self.owner, &range)
    }

    fn unlock(&self, range: Range<u64>) -> io::Result<()> {
        self.running()?.storage.cached.unlock(self.inode, self.owner, &range)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.state.lock().storage.cached.close_handle(self.inode, self.owner);
    }
}
