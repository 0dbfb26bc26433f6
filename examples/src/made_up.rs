//! A small tree with everything that is odd about trees: names, links, modes, times.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Length of the large file: several blocks, and not a whole number of them.
const LARGE_LEN: usize = 3_000_001;

/// Makes the tree in `root`, which must not exist.
pub fn make(root: &Path) -> io::Result<()> {
    fs::create_dir(root)?;
    let name = |bytes: &[u8]| root.join(OsStr::from_bytes(bytes));

    // Names.
    fs::write(name(b"two words"), "a space in the name\n")?;
    fs::write(name(b"two\nlines"), "a newline in the name\n")?;
    fs::write(name(b"-rf"), "a dash in front\n")?;
    fs::write(name(&[b"v".repeat(250).as_slice(), b".txt"].concat()), "a very long name\n")?;
    // Latin-1, which is no UTF-8. Not every file system takes it.
    let _ = fs::write(name(b"caf\xe9"), "a byte that is not UTF-8\n");

    // Sizes.
    fs::write(root.join("empty file"), "")?;
    let large: Vec<u8> = (0..LARGE_LEN).map(|at| ((at * 31) >> 3) as u8).collect();
    fs::write(root.join("large"), large)?;
    fs::create_dir(root.join("empty directory"))?;
    let deep = root.join("a/b/c/d/e/f/g/h");
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("at the bottom"), "eight directories down\n")?;

    // Links.
    fs::hard_link(root.join("large"), root.join("large, by another name"))?;
    fs::hard_link(root.join("large"), root.join("a/large, by a third name"))?;
    symlink("large", root.join("link to a file"))?;
    symlink("a/b", root.join("link to a directory"))?;
    symlink("nowhere/at/all", root.join("dangling link"))?;
    symlink("../outside", root.join("link to the outside"))?;

    // Times, to the nanosecond, and a time before 1970.
    set_mtime(&root.join("two words"), UNIX_EPOCH + Duration::new(981_173_106, 123_456_789))?;
    set_mtime(&root.join("empty file"), UNIX_EPOCH - Duration::new(86_400, 1))?;

    // Modes.
    fs::write(root.join("read-only"), "nobody writes here\n")?;
    fs::set_permissions(root.join("read-only"), Permissions::from_mode(0o444))?;
    fs::write(root.join("program"), "#!/bin/sh\necho hello\n")?;
    fs::set_permissions(root.join("program"), Permissions::from_mode(0o755))?;
    fs::create_dir(root.join("sealed"))?;
    fs::write(root.join("sealed/inside"), "in a directory that cannot be written\n")?;
    set_mtime(&root.join("sealed"), UNIX_EPOCH + Duration::new(1_000_000_000, 999_999_999))?;
    fs::set_permissions(root.join("sealed"), Permissions::from_mode(0o555))
}

fn set_mtime(path: &Path, time: std::time::SystemTime) -> io::Result<()> {
    File::open(path)?.set_times(FileTimes::new().set_modified(time))
}
