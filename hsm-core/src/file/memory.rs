//! A disk that lives in this process's memory: for stores that need no file (`:memory:`).
//!
//! It behaves like a local file system in everything but durability: names, errors, files that outlive their
//! names, locks on ranges. Dropping the last handle drops all content.
//!
//! Room is counted by the length of files, a hole as if it were written, so that a write into a hole never
//! meets a full disk.

pub(crate) mod content;
pub(crate) mod locks;
pub(crate) mod tree;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use parking_lot::RwLock;

use self::content::Content;
use self::locks::Owner;
use self::tree::{Inode, NameChange, Opening, Tree};
use super::{Disk, File, FileKind, Metadata, Mode, ProcessIdentity, Space};
use crate::clock::{SystemClock, random_identity};

/// A file system in memory. A clone is another handle of the same one.
#[derive(Debug, Clone)]
pub struct MemoryDisk {
    tree: Arc<RwLock<Tree>>,
    boot_id: [u8; 16],
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDisk {
    /// An empty disk with only the root directory `/`, limited by nothing but memory.
    pub fn new() -> Self {
        Self::with_limit(None)
    }

    /// An empty disk that holds at most `capacity_bytes` of content. What exceeds it fails with
    /// `StorageFull` and changes nothing.
    pub fn with_capacity(capacity_bytes: u64) -> Self {
        Self::with_limit(Some(capacity_bytes))
    }

    fn with_limit(capacity_bytes: Option<u64>) -> Self {
        Self {
            tree: Arc::new(RwLock::new(Tree::new(capacity_bytes))),
            boot_id: random_identity(&SystemClock), //
        }
    }

    fn apply(tree: &mut Tree, change: &NameChange) {
        for inode in tree.apply(change) {
            tree.collect(inode);
        }
    }
}

/// Whether a file opened in this mode may be changed.
pub(crate) fn is_writable(mode: Mode) -> bool {
    matches!(mode, Mode::Write | Mode::Create | Mode::OpenOrCreate)
}

/// What the kernel says to whoever changes a file opened for reading.
pub(crate) fn check_writable(writable: bool) -> io::Result<()> {
    if writable { Ok(()) } else { Err(Errno::EBADF.into()) }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut tree = self.tree.write();
        let inode = match tree.plan_open(path, mode)? {
            Opening::Existing(inode) => inode,
            Opening::New { directory, name } => {
                let inode = tree.new_file();
                tree.apply(&NameChange::Link { directory, name, inode });
                inode
            }
        };
        let owner = tree.open_handle(inode);
        Ok(Arc::new(MemoryFile {
            tree: Arc::clone(&self.tree),
            inode,
            owner,
            writable: is_writable(mode), //
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree.write();
        let (directory, name) = tree.plan_create_dir(path)?;
        let inode = tree.new_directory();
        tree.apply(&NameChange::Link { directory, name, inode });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = self.tree.write();
        for change in tree.plan_rename(from, to)? {
            Self::apply(&mut tree, &change);
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree.write();
        let change = tree.plan_remove_file(path)?;
        Self::apply(&mut tree, &change);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree.write();
        let change = tree.plan_remove_dir(path)?;
        Self::apply(&mut tree, &change);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.tree.read().find_directory(path).map(|_| ())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(String, FileKind)>> {
        self.tree.read().read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.tree.read().metadata(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let tree = self.tree.read();
        tree.find(path)?;
        Ok(tree.space())
    }

    fn network_kind(&self, path: &Path) -> io::Result<Option<&'static str>> {
        self.tree.read().find(path).map(|_| None)
    }

    fn process(&self) -> ProcessIdentity {
        ProcessIdentity { pid: u64::from(std::process::id()), start_ticks: 0, boot_id: self.boot_id }
    }
}

/// An open file of a [`MemoryDisk`].
#[derive(Debug)]
struct MemoryFile {
    tree: Arc<RwLock<Tree>>,
    inode: Inode,
    owner: Owner,
    writable: bool,
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let tree = self.tree.read();
        Ok(tree.content(self.inode).map_or(0, |content: &Content| content.read_at(buffer, offset)))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        check_writable(self.writable)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let mut tree = self.tree.write();
        tree.check_room(self.inode, offset.checked_add(bytes.len() as u64))?;
        tree.write_at(self.inode, bytes, offset);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check_writable(self.writable)?;
        let mut tree = self.tree.write();
        tree.check_room(self.inode, Some(len))?;
        tree.set_len(self.inode, len);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.tree.read().len(self.inode))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        check_writable(self.writable)?;
        let mut tree = self.tree.write();
        tree.check_room(self.inode, Some(len))?;
        if tree.len(self.inode) < len {
            tree.set_len(self.inode, len);
        }
        Ok(())
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn try_lock(&self, range: Range<u64>, exclusive: bool) -> io::Result<bool> {
        check_writable(self.writable || !exclusive)?;
        self.tree.write().try_lock(self.inode, self.owner, range, exclusive)
    }

    fn is_locked(&self, range: Range<u64>) -> io::Result<bool> {
        self.tree.write().is_locked(self.inode, self.owner, &range)
    }

    fn unlock(&self, range: Range<u64>) -> io::Result<()> {
        self.tree.write().unlock(self.inode, self.owner, &range)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.tree.write().close_handle(self.inode, self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::disk_conformance;

    #[test]
    fn a_disk_in_memory_conforms() {
        disk_conformance::check(&MemoryDisk::new(), Path::new("/"));
    }

    #[test]
    fn a_full_disk_refuses_and_changes_nothing() {
        disk_conformance::check_full(&MemoryDisk::with_capacity(1000), Path::new("/"), 1000);
    }

    #[test]
    fn bytes_of_a_removed_file_are_given_back_when_it_is_closed() {
        let disk = MemoryDisk::with_capacity(1000);
        let path = Path::new("/file");
        let file = disk.open(path, Mode::Create).unwrap();
        file.write_at(&[1; 600], 0).unwrap();
        disk.remove_file(path).unwrap();
        assert_eq!(disk.space(Path::new("/")).unwrap().available, 400);
        drop(file);
        assert_eq!(disk.space(Path::new("/")).unwrap().available, 1000);
    }

    #[test]
    fn two_disks_are_two_boots() {
        assert_ne!(MemoryDisk::new().process(), MemoryDisk::new().process());
    }
}
