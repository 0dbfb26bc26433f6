//! A tree with every name and type that the kernel allows.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::snapshot::Snapshot;

/// The longest key, in bytes.
const KEY_LENGTH_MAX: usize = 4096;

/// What of the tree cannot be archived.
pub(crate) struct Left {
    /// How many entries the tool has to name.
    pub(crate) count: u64,
    /// Their paths.
    pub(crate) paths: Vec<Vec<u8>>,
}

/// What of an odd tree can be archived.
pub(crate) fn archivable(mut tree: Snapshot, left: &Left) -> Snapshot {
    tree.retain(|path, _| !left.paths.contains(path));
    tree
}

/// Makes the tree at `root`, which must not be there.
pub(crate) fn make(root: &Path) -> Left {
    fs::create_dir(root).unwrap();
    names(root);
    order(root);
    sizes(root);
    links(root);
    times_and_modes(root);
    let mut left = Left { count: 0, paths: Vec::new() };
    special(root, &mut left);
    deep(root, &mut left);
    set_mtime(root, UNIX_EPOCH + Duration::new(1_234_567_890, 987_654_321));
    left
}

/// Every byte that a name can have, alone and in company.
fn names(root: &Path) {
    let directory = root.join("names");
    fs::create_dir(&directory).unwrap();
    for byte in (1..=255_u8).filter(|byte| !b"/.".contains(byte)) {
        fs::write(directory.join(OsStr::from_bytes(&[byte])), [byte]).unwrap();
    }
    for name in ["-rf *", "...", "two\nlines", "\u{1b}[31mred", "a b", "'\"\\", "ä", "名"] {
        fs::write(directory.join(name), name).unwrap();
    }
    fs::write(directory.join(OsStr::from_bytes(b"caf\xe9\xff\xfe")), "no UTF-8").unwrap();
    fs::write(directory.join("n".repeat(255)), "long").unwrap();
    fs::create_dir(directory.join("d".repeat(255))).unwrap();
}

/// Names around the slash, in whose order a walk and a listing differ.
fn order(root: &Path) {
    for name in ["o", "o!", "o!!", "o.d", "o0", "o-", "oo"] {
        fs::create_dir_all(root.join("order").join(name).join("o")).unwrap();
        for file in ["!", "0", "o.", "o0", "o/x", "o/!"] {
            fs::write(root.join("order").join(name).join(file), file).unwrap();
        }
    }
    fs::write(root.join("order/o.txt"), "between a directory and what is in it").unwrap();
}

fn sizes(root: &Path) {
    let directory = root.join("sizes");
    fs::create_dir(&directory).unwrap();
    for length in [0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 3_000_001] {
        let bytes: Vec<u8> = (0..length).map(|at: usize| ((at * 31) >> 3) as u8 | 1).collect();
        fs::write(directory.join(length.to_string()), bytes).unwrap();
    }
    fs::create_dir(directory.join("empty")).unwrap();
    let sparse = File::create(directory.join("sparse")).unwrap();
    sparse.write_all_at(b"middle", 5_000_000).unwrap();
    sparse.set_len(40_000_000).unwrap();
    File::create(directory.join("hole")).unwrap().set_len(1_000_000).unwrap();
}

fn links(root: &Path) {
    let directory = root.join("links");
    fs::create_dir_all(directory.join("far")).unwrap();
    for (name, length) in [("small", 10), ("large", 200_000), ("empty", 0)] {
        fs::write(directory.join(name), vec![7; length]).unwrap();
        fs::hard_link(directory.join(name), directory.join("far").join(name)).unwrap();
        fs::hard_link(directory.join(name), root.join(format!("z-{name}"))).unwrap();
    }
    for (name, target) in [
        ("relative", "small"),
        ("dangling", "nowhere/at/all"),
        ("absolute", "/etc/passwd"),
        ("outside", "../../.."),
        ("itself", "itself"),
        ("odd", "\n\u{1b} ->"),
        ("directory", "far"),
    ] {
        symlink(target, directory.join(name)).unwrap();
    }
    symlink("t".repeat(4000), directory.join("long")).unwrap();
}

fn times_and_modes(root: &Path) {
    let directory = root.join("times");
    fs::create_dir(&directory).unwrap();
    let times = [
        ("1969", UNIX_EPOCH - Duration::new(86_400, 1)),
        ("just before", UNIX_EPOCH - Duration::from_nanos(1)),
        ("zero", UNIX_EPOCH),
        ("just after", UNIX_EPOCH + Duration::from_nanos(1)),
        ("2200", UNIX_EPOCH + Duration::new(7_258_118_400, 999_999_999)),
        // Beyond what 64 bits of nanoseconds hold. Where the file system has no such time, it is another.
        ("2400", UNIX_EPOCH + Duration::new(13_569_465_600, 123_456_789)),
    ];
    for (name, time) in times {
        fs::write(directory.join(name), name).unwrap();
        set_mtime(&directory.join(name), time);
        fs::create_dir(directory.join(format!("{name} (directory)"))).unwrap();
        set_mtime(&directory.join(format!("{name} (directory)")), time);
    }
    let directory = root.join("modes");
    fs::create_dir(&directory).unwrap();
    for mode in [0o000, 0o001, 0o111, 0o444, 0o600, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o7777] {
        let file = directory.join(format!("{mode:04o}"));
        fs::write(&file, "mode").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let inner = directory.join(format!("{mode:04o} (directory)"));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("inside"), "mode").unwrap();
        fs::set_permissions(&inner, Permissions::from_mode(mode)).unwrap();
    }
}

fn special(root: &Path, left: &mut Left) {
    let directory = root.join("special");
    fs::create_dir(&directory).unwrap();
    let mode = Mode::from_bits_truncate(0o640);
    mknod(&directory.join("fifo"), SFlag::S_IFIFO, mode, 0).unwrap();
    // The address of a socket is short, the path of the tree need not be.
    let short = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(short.path().join("s")).unwrap());
    fs::rename(short.path().join("s"), directory.join("socket")).unwrap();
    left.count += 1;
    left.paths.push(b"special/socket".to_vec());
    // Not everybody may make a device.
    if mknod(&directory.join("null"), SFlag::S_IFCHR, mode, makedev(1, 3)).is_ok() {
        left.count += 1;
        left.paths.push(b"special/null".to_vec());
    }
}

/// Paths up to the longest key and beyond, longer than the kernel takes at once; and many directories.
fn deep(root: &Path, left: &mut Left) {
    let mut path = b"deep".to_vec();
    fs::create_dir(root.join("deep")).unwrap();
    let mut directory = File::open(root.join("deep")).unwrap();
    let name = "e".repeat(200);
    while KEY_LENGTH_MAX - path.len() > 250 {
        directory = make_below(&directory, &name);
        path = crate::snapshot::join(&path, name.as_bytes());
    }
    let longest_name = KEY_LENGTH_MAX - path.len() - 1;
    for (letter, length) in [("f", longest_name - 1), ("g", longest_name), ("h", longest_name + 1)] {
        let name = letter.repeat(length);
        fs::write(below(&directory).join(&name), "at the bottom").unwrap();
        if length > longest_name {
            left.count += 1;
            left.paths.push(crate::snapshot::join(&path, name.as_bytes()));
        }
    }
    // A directory whose path is too long is named once, whatever is in it.
    let too_long = "i".repeat(longest_name + 2);
    let inner = make_below(&directory, &too_long);
    fs::write(below(&inner).join("unreachable"), "").unwrap();
    let path = crate::snapshot::join(&path, too_long.as_bytes());
    left.count += 1;
    left.paths.push(crate::snapshot::join(&path, b"unreachable"));
    left.paths.push(path);
    // More directories than many systems let a process have open files.
    let mut directory = File::open(root.join("deep")).unwrap();
    for _ in 0..400 {
        directory = make_below(&directory, "n");
    }
    fs::write(below(&directory).join("file"), "four hundred directories down").unwrap();
}

fn make_below(directory: &File, name: &str) -> File {
    fs::create_dir(below(directory).join(name)).unwrap();
    File::open(below(directory).join(name)).unwrap()
}

fn below(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

pub(crate) fn set_mtime(path: &Path, time: std::time::SystemTime) {
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}
