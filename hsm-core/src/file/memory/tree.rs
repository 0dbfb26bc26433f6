//! Names and inodes in memory: what [`MemoryDisk`](super::MemoryDisk) is, and what the simulated disk keeps
//! twice, as cached and as durable.
//!
//! A change of names is planned first (which checks it and changes nothing) and applied then, so that the
//! same [`NameChange`] can be counted, refused, held back, or applied to another tree with the same inodes.
//!
//! Invariant of a tree in use: an inode lives as long as a name or an open handle refers to it. A durable
//! tree never collects, since a name still pending may come to refer to an inode that has none now.

#[cfg(any(test, feature = "testing"))]
mod restart;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Range;
use std::path::{Component, Path};

use super::content::Content;
use super::locks::{Owner, RangeLocks};
use crate::file::{FileKind, Metadata, Mode, Space};

/// The number of a file or directory.
pub(crate) type Inode = u64;

pub(crate) const ROOT: Inode = 1;

/// Reported as the total where nothing limits the disk: 1 PiB.
const UNLIMITED_BYTES: u64 = 1 << 50;

/// One change of the names in one directory.
#[derive(Debug, Clone)]
pub(crate) enum NameChange {
    Link {
        directory: Inode,
        name: OsString,
        inode: Inode,
    },
    Unlink {
        directory: Inode,
        name: OsString,
    },
    /// A rename within one directory: atomic.
    Move {
        directory: Inode,
        from: OsString,
        to: OsString,
        inode: Inode,
    },
}

impl NameChange {
    pub(crate) fn directory(&self) -> Inode {
        match self {
            Self::Link { directory, .. } | Self::Unlink { directory, .. } | Self::Move { directory, .. } => {
                *directory
            }
        }
    }

    /// The inode that gets a name.
    pub(crate) fn named(&self) -> Option<Inode> {
        match self {
            Self::Link { inode, .. } | Self::Move { inode, .. } => Some(*inode),
            Self::Unlink { .. } => None,
        }
    }
}

/// What opening a path comes to.
#[derive(Debug)]
pub(crate) enum Opening {
    Existing(Inode),
    New { directory: Inode, name: OsString },
}

#[derive(Debug, Clone)]
enum Body {
    File { content: Content, locks: RangeLocks },
    Directory(BTreeMap<OsString, Inode>),
}

#[derive(Debug, Clone)]
struct Node {
    links: u32,
    handles: u32,
    body: Body,
}

/// A file system without a disk.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    nodes: BTreeMap<Inode, Node>,
    next_inode: Inode,
    next_owner: Owner,
    used_bytes: u64,
    capacity_bytes: Option<u64>,
}

impl Tree {
    /// Only the root directory.
    pub(crate) fn new(capacity_bytes: Option<u64>) -> Self {
        let root = Node { links: 1, handles: 0, body: Body::Directory(BTreeMap::new()) };
        let nodes = BTreeMap::from([(ROOT, root)]);
        Self { nodes, next_inode: ROOT + 1, next_owner: 1, used_bytes: 0, capacity_bytes }
    }

    pub(crate) fn space(&self) -> Space {
        let total = self.capacity_bytes.unwrap_or(UNLIMITED_BYTES);
        Space { total, available: total.saturating_sub(self.used_bytes) }
    }

    // Looking.

    pub(crate) fn find(&self, path: &Path) -> io::Result<Inode> {
        self.walk(&names(path)?)
    }

    fn walk(&self, names: &[&OsStr]) -> io::Result<Inode> {
        let mut inode = ROOT;
        for name in names {
            inode = *self.entries(inode)?.get(*name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(inode)
    }

    fn entries(&self, inode: Inode) -> io::Result<&BTreeMap<OsString, Inode>> {
        match self.nodes.get(&inode).map(|node| &node.body) {
            Some(Body::Directory(entries)) => Ok(entries),
            Some(Body::File { .. }) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn find_directory(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.find(path)?;
        self.entries(inode).map(|_| inode)
    }

    /// The directory that holds, or would hold, the last name of a path; and what the name stands for now.
    fn place(&self, path: &Path) -> io::Result<(Inode, OsString, Option<Inode>)> {
        let names = names(path)?;
        let Some((last, above)) = names.split_last() else {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "the root directory stays"));
        };
        let directory = self.walk(above)?;
        let found = self.entries(directory)?.get(*last).copied();
        Ok((directory, OsString::from(last), found))
    }

    fn kind(&self, inode: Inode) -> FileKind {
        if self.entries(inode).is_ok() { FileKind::Directory } else { FileKind::File }
    }

    pub(crate) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let inode = self.find(path)?;
        let len = self.content(inode).map_or(0, Content::len);
        Ok(Metadata { kind: self.kind(inode), len })
    }

    pub(crate) fn read_dir(&self, path: &Path) -> io::Result<Vec<(String, FileKind)>> {
        let entries = self.entries(self.find(path)?)?;
        let listed = |(name, inode): (&OsString, &Inode)| {
            (name.to_string_lossy().into_owned(), self.kind(*inode)) //
        };
        Ok(entries.iter().map(listed).collect())
    }

    // Planning.

    pub(crate) fn plan_open(&self, path: &Path, mode: Mode) -> io::Result<Opening> {
        if names(path)?.is_empty() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let (directory, name, found) = self.place(path)?;
        match (found, mode) {
            (Some(_), Mode::Create) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), _) if self.entries(inode).is_ok() => Err(io::ErrorKind::IsADirectory.into()),
            (Some(inode), _) => Ok(Opening::Existing(inode)),
            (None, Mode::Create | Mode::OpenOrCreate) => Ok(Opening::New { directory, name }),
            (None, _) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Where a new directory goes.
    pub(crate) fn plan_create_dir(&self, path: &Path) -> io::Result<(Inode, OsString)> {
        if names(path)?.is_empty() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match self.place(path)? {
            (_, _, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (directory, name, None) => Ok((directory, name)),
        }
    }

    pub(crate) fn plan_remove_file(&self, path: &Path) -> io::Result<NameChange> {
        let (directory, name, found) = self.place(path)?;
        let inode = found.ok_or(io::ErrorKind::NotFound)?;
        if self.entries(inode).is_ok() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(NameChange::Unlink { directory, name })
    }

    pub(crate) fn plan_remove_dir(&self, path: &Path) -> io::Result<NameChange> {
        let (directory, name, found) = self.place(path)?;
        if !self.entries(found.ok_or(io::ErrorKind::NotFound)?)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        Ok(NameChange::Unlink { directory, name })
    }

    /// One change within a directory, two across directories, none where both paths name one file.
    pub(crate) fn plan_rename(&self, from: &Path, to: &Path) -> io::Result<Vec<NameChange>> {
        let (from_directory, from_name, found) = self.place(from)?;
        let inode = found.ok_or(io::ErrorKind::NotFound)?;
        let (to_directory, to_name, replaced) = self.place(to)?;
        let moves_directory = self.entries(inode).is_ok();
        if moves_directory && from != to && to.starts_with(from) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let Some(replaced) = replaced {
            if replaced == inode {
                return Ok(Vec::new());
            }
            match self.entries(replaced) {
                Ok(_) if !moves_directory => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(entries) if !entries.is_empty() => return Err(io::ErrorKind::DirectoryNotEmpty.into()),
                Err(_) if moves_directory => return Err(io::ErrorKind::NotADirectory.into()),
                _ => {}
            }
        }
        if from_directory == to_directory {
            let directory = from_directory;
            return Ok(vec![NameChange::Move { directory, from: from_name, to: to_name, inode }]);
        }
        Ok(vec![
            NameChange::Link { directory: to_directory, name: to_name, inode },
            NameChange::Unlink { directory: from_directory, name: from_name },
        ])
    }

    // Changing names.

    /// Makes an empty file that has no name yet.
    pub(crate) fn new_file(&mut self) -> Inode {
        self.new_node(Body::File { content: Content::default(), locks: RangeLocks::default() })
    }

    /// Makes an empty directory that has no name yet.
    pub(crate) fn new_directory(&mut self) -> Inode {
        self.new_node(Body::Directory(BTreeMap::new()))
    }

    fn new_node(&mut self, body: Body) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.nodes.insert(inode, Node { links: 0, handles: 0, body });
        inode
    }

    /// Applies a change, whatever the names are now. Returns the inodes that lost a name.
    pub(crate) fn apply(&mut self, change: &NameChange) -> Vec<Inode> {
        let Some(Node { body: Body::Directory(entries), .. }) = self.nodes.get_mut(&change.directory())
        else {
            return Vec::new();
        };
        let lost: Vec<Inode> = match change {
            NameChange::Link { name, inode, .. } => {
                entries.insert(name.clone(), *inode).into_iter().collect()
            }
            NameChange::Unlink { name, .. } => entries.remove(name).into_iter().collect(),
            NameChange::Move { from, to, inode, .. } => {
                let left = entries.remove(from);
                left.into_iter().chain(entries.insert(to.clone(), *inode)).collect()
            }
        };
        if let Some(node) = change.named().and_then(|inode| self.nodes.get_mut(&inode)) {
            node.links += 1;
        }
        for inode in &lost {
            if let Some(node) = self.nodes.get_mut(inode) {
                node.links -= 1;
            }
        }
        lost
    }

    /// Forgets an inode that neither a name nor a handle refers to. Says whether it did.
    pub(crate) fn collect(&mut self, inode: Inode) -> bool {
        let unused = self.nodes.get(&inode).is_some_and(|node| node.links == 0 && node.handles == 0);
        if unused {
            self.used_bytes -= self.content(inode).map_or(0, Content::len);
            self.nodes.remove(&inode);
        }
        unused
    }

    // Open files.

    pub(crate) fn open_handle(&mut self, inode: Inode) -> Owner {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.handles += 1;
        }
        self.next_owner += 1;
        self.next_owner
    }

    pub(crate) fn close_handle(&mut self, inode: Inode, owner: Owner) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.handles = node.handles.saturating_sub(1);
            if let Body::File { locks, .. } = &mut node.body {
                locks.release(owner);
            }
        }
        self.collect(inode);
    }

    pub(crate) fn content(&self, inode: Inode) -> Option<&Content> {
        match &self.nodes.get(&inode)?.body {
            Body::File { content, .. } => Some(content),
            Body::Directory(_) => None,
        }
    }

    fn content_mut(&mut self, inode: Inode) -> Option<&mut Content> {
        match &mut self.nodes.get_mut(&inode)?.body {
            Body::File { content, .. } => Some(content),
            Body::Directory(_) => None,
        }
    }

    pub(crate) fn len(&self, inode: Inode) -> u64 {
        self.content(inode).map_or(0, Content::len)
    }

    /// Fails with `StorageFull` or `FileTooLarge` if the file cannot become `len` long.
    pub(crate) fn check_room(&self, inode: Inode, len: Option<u64>) -> io::Result<()> {
        let Some(len) = len.filter(|len| i64::try_from(*len).is_ok()) else {
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        let growth = len.saturating_sub(self.len(inode));
        match self.capacity_bytes {
            Some(capacity) if growth > 0 && self.used_bytes.saturating_add(growth) > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    /// Writes; [`check_room`](Self::check_room) was asked before.
    pub(crate) fn write_at(&mut self, inode: Inode, bytes: &[u8], offset: u64) {
        self.change(inode, |content| content.write_at(bytes, offset));
    }

    /// Cuts or extends; [`check_room`](Self::check_room) was asked before.
    pub(crate) fn set_len(&mut self, inode: Inode, len: u64) {
        self.change(inode, |content| content.set_len(len));
    }

    fn change(&mut self, inode: Inode, change: impl FnOnce(&mut Content)) {
        if let Some(content) = self.content_mut(inode) {
            let before = content.len();
            change(content);
            let after = content.len();
            self.used_bytes = self.used_bytes - before + after;
        }
    }

    pub(crate) fn try_lock(
        &mut self,
        inode: Inode,
        owner: Owner,
        range: Range<u64>,
        exclusive: bool,
    ) -> io::Result<bool> {
        check_range(&range)?;
        Ok(self.locks_mut(inode).is_none_or(|locks| locks.try_lock(owner, range, exclusive)))
    }

    pub(crate) fn is_locked(&mut self, inode: Inode, owner: Owner, range: &Range<u64>) -> io::Result<bool> {
        check_range(range)?;
        Ok(self.locks_mut(inode).is_some_and(|locks| locks.is_locked(owner, range, true)))
    }

    pub(crate) fn unlock(&mut self, inode: Inode, owner: Owner, range: &Range<u64>) -> io::Result<()> {
        check_range(range)?;
        if let Some(locks) = self.locks_mut(inode) {
            locks.unlock(owner, range);
        }
        Ok(())
    }

    fn locks_mut(&mut self, inode: Inode) -> Option<&mut RangeLocks> {
        match &mut self.nodes.get_mut(&inode)?.body {
            Body::File { locks, .. } => Some(locks),
            Body::Directory(_) => None,
        }
    }
}

/// Offsets of locks are signed in the kernel's interface.
fn check_range(range: &Range<u64>) -> io::Result<()> {
    match i64::try_from(range.end) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The names on the way from the root to `path`.
fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let mut names = Vec::new();
    for (position, component) in path.components().enumerate() {
        match component {
            Component::RootDir if position == 0 => {}
            Component::Normal(name) if position > 0 => names.push(name),
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the path is not absolute and plain",
                ));
            }
        }
    }
    if path.as_os_str().is_empty() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(names) }
}
