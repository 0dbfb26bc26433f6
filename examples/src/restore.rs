//! Writes a dataset out as a tree again, by the rules of `docs/datasets.md`.
//!
//! Nothing is ever written outside the directory that is named: a key with `..` or a leading `/` is refused
//! ([`path_of`]), and symbolic links are made last, so that no path leads through one.
//!
//! The order: directories, files and their further names, symbolic links, and at the end the directories'
//! times and modes, the deepest first, since whatever is made in a directory changes its time.

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use hsm_core::object::{Attributes, DatasetId, ObjectId};
use hsm_core::{GetOptions, Query, Store};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use crate::archive::TREE_FORMAT;
use crate::{Result, show};

/// The mode bits that are restored. Set-user-id and set-group-id are recorded, but a restored file belongs to
/// whoever restores it, so they would mean something else.
pub const MODE_MASK: u32 = 0o1777;

/// What came out.
#[derive(Debug, Default, Clone, Copy)]
pub struct Restored {
    /// Entries of any kind.
    pub entries: u64,
    /// Bytes in files.
    pub bytes: u64,
}

/// Writes every key of `dataset` as an entry below `root`, which must not exist.
pub fn restore(
    store: &Store,
    dataset: DatasetId,
    root: &Path,
    progress: &mut show::Progress,
) -> Result<Restored> {
    let (format, version) = TREE_FORMAT;
    if store.dataset_by_id(dataset)?.attributes.get(format) != Some(version.as_bytes()) {
        return Err(format!("the dataset holds no tree of format {version}").into());
    }
    fs::create_dir(root)?;
    let mut restored = Restored::default();
    let of_type = |word: &str| Query {
        attribute: Some(("type".to_owned(), Some(word.into()))),
        ..Query::dataset(dataset)
    };

    // A listing is read page by page, so what is in memory does not grow with the store; the directories are
    // kept, to be finished in the other order.
    let mut directories = Vec::new();
    for item in store.objects(&of_type("directory")) {
        let (key, object) = item?;
        let path = path_of(root, &key)?;
        fs::create_dir_all(&path)?;
        directories.push((path, object));
        restored.entries += 1;
        progress.step(0);
    }

    let mut first_names: HashMap<ObjectId, PathBuf> = HashMap::new();
    for item in store.objects(&of_type("file")) {
        let (key, object) = item?;
        let path = path_of(root, &key)?;
        create_parent(&path)?;
        restored.entries += 1;
        progress.step(object.size());
        if let Some(first) = first_names.get(&object.id) {
            fs::hard_link(first, &path)?;
            continue;
        }
        if store.names(object.id)?.len() > 1 {
            first_names.insert(object.id, path.clone());
        }
        // `get_path` would sync each file; a tree that is restored is as well synced once, by who needs it.
        let file = File::create_new(&path)?;
        store.get_to(object.id, &file, &GetOptions::default())?;
        drop(file);
        set_metadata(&path, &object.attributes)?;
        restored.bytes += object.size();
    }

    for item in store.objects(&of_type("symlink")) {
        let (key, object) = item?;
        let path = path_of(root, &key)?;
        create_parent(&path)?;
        symlink(std::ffi::OsStr::from_bytes(attribute(&object.attributes, "target")?), &path)?;
        set_mtime(&path, &object.attributes)?;
        restored.entries += 1;
        progress.step(0);
    }

    // Keys are listed in order of their bytes: whatever is in a directory comes behind it.
    for (path, object) in directories.iter().rev() {
        set_metadata(path, &object.attributes)?;
    }
    set_metadata(root, &store.dataset_by_id(dataset)?.attributes)?;
    Ok(restored)
}

/// Where the entry of a key goes: always below `root`.
///
/// # Errors
///
/// When the key is absolute, or one of its names is empty, `.` or `..`.
pub fn path_of(root: &Path, key: &[u8]) -> Result<PathBuf> {
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..");
    if !key.split(|byte| *byte == b'/').all(is_name) {
        return Err(format!("key \"{}\" does not name a file below a directory", key.escape_ascii()).into());
    }
    Ok(crate::tree::join(root, key))
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn set_metadata(path: &Path, attributes: &Attributes) -> Result<()> {
    let mode = u32::from_str_radix(std::str::from_utf8(attribute(attributes, "mode")?)?, 8)?;
    set_mtime(path, attributes)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(mode & MODE_MASK))?)
}

/// Sets the time of the last change, of a link itself where it is one.
fn set_mtime(path: &Path, attributes: &Attributes) -> Result<()> {
    let time_ns: i128 = std::str::from_utf8(attribute(attributes, "mtime_ns")?)?.parse()?;
    let seconds = i64::try_from(time_ns.div_euclid(1_000_000_000))?;
    let time = TimeSpec::new(seconds, time_ns.rem_euclid(1_000_000_000) as i64);
    Ok(utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink)?)
}

fn attribute<'a>(attributes: &'a Attributes, name: &str) -> Result<&'a [u8]> {
    let value = attributes.get(name);
    value.ok_or_else(|| format!("an entry has no attribute {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_leads_outside_is_refused() {
        let root = Path::new("/restored");
        for key in ["/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/.", "a/", ""] {
            assert!(path_of(root, key.as_bytes()).is_err(), "{key:?}");
        }
        assert_eq!(path_of(root, b"a/..b/c").unwrap(), Path::new("/restored/a/..b/c"));
    }

    #[test]
    fn a_link_in_the_way_of_a_key_is_not_followed() {
        use hsm_core::object::Name;
        use hsm_core::{PutOptions, StoreOptions};

        let directory = tempfile::tempdir().unwrap();
        let store = Store::in_memory(&StoreOptions::new()).unwrap();
        let dataset = crate::archive::create(&store, "hostile").unwrap();
        let options = |key: &[u8], word: &str| {
            let mut options = PutOptions::name(Name { dataset, key: key.to_vec() });
            options.attributes =
                [("type", word), ("mode", "0644"), ("mtime_ns", "0"), ("target", "..")].into();
            options
        };
        store.put_empty(&options(b"a", "symlink")).unwrap();
        store.put(b"bytes", &options(b"a/b", "file")).unwrap();

        let root = directory.path().join("restored");
        let mut progress = show::Progress::quiet();
        assert!(restore(&store, dataset, &root, &mut progress).is_err());
        assert!(!directory.path().join("b").exists(), "nothing outside the directory");
    }
}
