//! What a tree is, down to the nanosecond, to be compared with another.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: &'static str,
    pub(crate) mode: u32,
    pub(crate) mtime: (i64, i64),
    pub(crate) owner: (u32, u32),
    pub(crate) size: u64,
    /// A hash of the bytes, or of a link's target.
    pub(crate) content: u64,
    /// The first name of a file that has several in the tree.
    pub(crate) same_as: Option<Vec<u8>>,
}

pub(crate) type Snapshot = BTreeMap<Vec<u8>, Entry>;

/// Everything below `root`, and `root` itself as the empty path. Paths may be longer than the kernel takes.
pub(crate) fn snapshot(root: &Path) -> Snapshot {
    let mut walk = Walk { found: Snapshot::new(), inodes: HashMap::new() };
    let entry = walk.look(&root.join("."), b"");
    walk.found.insert(Vec::new(), entry);
    walk.directory(&File::open(root).unwrap(), b"");
    walk.found
}

struct Walk {
    found: Snapshot,
    inodes: HashMap<(u64, u64), Vec<u8>>,
}

impl Walk {
    /// Each directory is reached by its descriptor, so no path is long.
    fn directory(&mut self, directory: &File, path: &[u8]) {
        let here = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        let mut names: Vec<_> =
            fs::read_dir(&here).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let below = if path.is_empty() { name.as_bytes().to_vec() } else { join(path, name.as_bytes()) };
            let at = here.join(&name);
            let entry = self.look(&at, &below);
            if entry.kind == "directory" {
                self.directory(&File::open(&at).unwrap(), &below);
            }
            self.found.insert(below, entry);
        }
    }

    fn look(&mut self, at: &Path, path: &[u8]) -> Entry {
        let metadata = fs::symlink_metadata(at).unwrap();
        let file_type = metadata.file_type();
        let mut hasher = DefaultHasher::new();
        let kind = if file_type.is_dir() {
            "directory"
        } else if file_type.is_symlink() {
            fs::read_link(at).unwrap().hash(&mut hasher);
            "symlink"
        } else if file_type.is_file() {
            fs::read(at).unwrap().hash(&mut hasher);
            "file"
        } else if file_type.is_fifo() {
            "fifo"
        } else {
            "special"
        };
        let same_as = (kind == "file" && metadata.nlink() > 1).then(|| {
            self.inodes.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.to_vec()).clone()
        });
        Entry {
            kind,
            mode: metadata.mode() & 0o7777,
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            owner: (metadata.uid(), metadata.gid()),
            size: if kind == "file" { metadata.len() } else { 0 },
            content: hasher.finish(),
            same_as,
        }
    }
}

pub(crate) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    [path, b"/", name].concat()
}

/// What a restore without `--owner` makes of a tree.
pub(crate) fn without_owner(mut snapshot: Snapshot) -> Snapshot {
    let (uid, gid) = nix_ids();
    for entry in snapshot.values_mut() {
        entry.mode &= if entry.kind == "symlink" { 0o7777 } else { 0o1777 };
        entry.owner = (uid, gid);
    }
    snapshot
}

fn nix_ids() -> (u32, u32) {
    let own = fs::metadata("/proc/self").unwrap();
    (own.uid(), own.gid())
}

/// Fails with the entries that differ, and only those.
pub(crate) fn assert_same(expected: &Snapshot, found: &Snapshot) {
    let mut differ = String::new();
    for path in expected.keys().chain(found.keys().filter(|path| !expected.contains_key(*path))) {
        let (before, after) = (expected.get(path), found.get(path));
        if before != after {
            let name = OsStr::from_bytes(path);
            let _ = writeln!(differ, "{}:\n  {before:?}\n  {after:?}", name.display());
        }
    }
    assert!(differ.is_empty(), "{differ}");
}
