//! A tree of the file system, as the demonstration looks at it: entries, each with its metadata.
//!
//! An [`Entry`] is what `lstat` says. The walk follows no symbolic link and is bounded ([`Bounds`]), so that a
//! list of entries always fits into memory.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with what it points to.
    Symlink(Vec<u8>),
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path from the top of the tree: names joined by `/`.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// When its content last changed, in nanoseconds since 1970. File systems have times that 64 bits do not hold.
    pub mtime_ns: i128,
    /// The user that it belongs to.
    pub uid: u32,
    /// The group that it belongs to.
    pub gid: u32,
    /// Length of a file in bytes; 0 for others.
    pub size: u64,
    /// Device and inode of a file that has several names.
    pub hard_link: Option<(u64, u64)>,
}

/// How much of a tree is taken.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most entries.
    pub entries: usize,
    /// Most bytes in files, and no file of more than an eighth of that.
    pub bytes: u64,
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// The entries, a directory before what is in it.
    pub entries: Vec<Entry>,
    /// Entries that were passed over: unreadable, or neither file, directory nor symbolic link.
    pub passed_over: u64,
    /// Whether there was more than the bounds allow.
    pub cut: bool,
}

impl Found {
    /// Bytes in all files.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }

    /// How many entries are of a kind.
    pub fn count(&self, is: impl Fn(&Kind) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(&entry.kind)).count()
    }
}

impl Entry {
    /// Looks at `path`, below `root`. `None`: it is neither file, directory nor symbolic link.
    pub fn look(root: &Path, path: Vec<u8>) -> io::Result<Option<Self>> {
        let at = join(root, &path);
        let metadata = fs::symlink_metadata(&at)?;
        let file_type = metadata.file_type();
        let kind = if file_type.is_symlink() {
            Kind::Symlink(fs::read_link(&at)?.into_os_string().into_vec())
        } else if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_file() {
            Kind::File
        } else {
            return Ok(None);
        };
        let is_file = kind == Kind::File;
        Ok(Some(Self {
            path,
            mode: metadata.mode() & 0o7777,
            mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            uid: metadata.uid(),
            gid: metadata.gid(),
            size: if is_file { metadata.len() } else { 0 },
            hard_link: (is_file && metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino())),
            kind,
        }))
    }
}

/// The path of an entry below `root`.
pub fn join(root: &Path, path: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(path))
}

/// Walks a tree in order of name, a directory before what is in it, so that the same tree gives the same entries.
pub fn walk(root: &Path, bounds: Bounds) -> io::Result<Found> {
    let mut found = Found::default();
    let mut bytes = 0;
    let mut open = vec![Names::of(root, Vec::new())?];
    while let Some(directory) = open.last_mut() {
        let Some(path) = directory.next() else {
            open.pop();
            continue;
        };
        let looked = Entry::look(root, path).ok().flatten();
        let Some(entry) = looked.filter(|entry| is_readable(root, entry)) else {
            found.passed_over += 1;
            continue;
        };
        if entry.size > bounds.bytes / 8 {
            found.cut = true;
            continue;
        }
        if found.entries.len() >= bounds.entries || bytes + entry.size > bounds.bytes {
            found.cut = true;
            break;
        }
        bytes += entry.size;
        if entry.kind == Kind::Directory {
            match Names::of(root, entry.path.clone()) {
                Ok(names) => open.push(names),
                Err(_) => found.passed_over += 1,
            }
        }
        found.entries.push(entry);
    }
    Ok(found)
}

/// The names in a directory that are still to be looked at.
struct Names {
    directory: Vec<u8>,
    names: std::vec::IntoIter<Vec<u8>>,
}

impl Names {
    fn of(root: &Path, directory: Vec<u8>) -> io::Result<Self> {
        let listing = fs::read_dir(join(root, &directory))?;
        let mut names: Vec<Vec<u8>> =
            listing.map(|entry| Ok(entry?.file_name().into_vec())).collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(Self { directory, names: names.into_iter() })
    }
}

impl Iterator for Names {
    type Item = Vec<u8>;

    /// The path of the next entry, from the top of the tree.
    fn next(&mut self) -> Option<Vec<u8>> {
        let name = self.names.next()?;
        let is_top = self.directory.is_empty();
        Some(if is_top { name } else { [&self.directory[..], b"/", &name].concat() })
    }
}

/// Bytes that everything below `root` takes on its file system.
pub fn disk_usage(root: &Path) -> io::Result<u64> {
    let mut blocks = 0;
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            blocks += metadata.blocks();
            if metadata.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    Ok(blocks * 512)
}

/// Removes a tree, also where its directories cannot be written to.
pub fn remove(root: &Path) -> io::Result<()> {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(root)
}

fn is_readable(root: &Path, entry: &Entry) -> bool {
    entry.kind != Kind::File || fs::File::open(join(root, &entry.path)).is_ok()
}
