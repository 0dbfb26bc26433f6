//! What every [`Disk`] must do, as one function that each implementation's test calls.

use std::io::{ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;

use crate::file::{Disk, File, FileKind, Mode};

type Case = fn(&dyn Disk, &Path);

/// Runs everything below in directories of its own under `root`, which must be an existing directory.
///
/// # Panics
///
/// At the first thing that is not as [`Disk`] promises.
pub fn check(disk: &dyn Disk, root: &Path) {
    let cases: [(&str, Case); 9] = [
        ("modes", open_modes_and_their_errors),
        ("bytes", bytes_come_back_and_gaps_are_zeros),
        ("runs", runs_lie_behind_one_another),
        ("names", names_are_replaced_and_listed),
        ("directories", directories_refuse_what_they_must),
        ("removed", a_removed_file_stays_readable),
        ("locks", locks_follow_the_open_file),
        ("medium", the_medium_reads_at_any_offset),
        ("rest", the_disk_knows_itself),
    ];
    for (name, case) in cases {
        let own = root.join(name);
        disk.create_dir(&own).unwrap();
        disk.sync_dir(root).unwrap();
        case(disk, &own);
    }
}

fn open_modes_and_their_errors(disk: &dyn Disk, root: &Path) {
    let path = root.join("file");
    let refused = |path: &Path, mode| disk.open(path, mode).unwrap_err().kind();

    for mode in [Mode::Read, Mode::ReadMedium, Mode::Write] {
        assert_eq!(refused(&path, mode), ErrorKind::NotFound, "{mode:?}");
        assert_eq!(refused(&root.join("no/file"), mode), ErrorKind::NotFound, "{mode:?}");
        assert_eq!(refused(root, mode), ErrorKind::IsADirectory, "{mode:?}");
    }
    assert_eq!(refused(&root.join("no/file"), Mode::Create), ErrorKind::NotFound);
    put(disk, &path, b"content");
    assert_eq!(refused(&path, Mode::Create), ErrorKind::AlreadyExists);
    assert_eq!(refused(&path.join("below"), Mode::OpenOrCreate), ErrorKind::NotADirectory);
    assert_eq!(get(disk, &path), b"content");

    disk.open(&path, Mode::OpenOrCreate).unwrap().write_at(b"C", 0).unwrap();
    disk.open(&path, Mode::Write).unwrap().write_at(b"T", 3).unwrap();
    assert_eq!(get(disk, &path), b"ConTent", "opening keeps what is there");

    for mode in [Mode::Read, Mode::ReadMedium] {
        let file = disk.open(&path, mode).unwrap();
        assert!(file.write_at(b"x", 0).is_err(), "{mode:?}");
        assert!(file.set_len(0).is_err(), "{mode:?}");
        assert!(file.allocate(100).is_err(), "{mode:?}");
    }
    assert!(disk.open(&root.join("new"), Mode::OpenOrCreate).unwrap().is_empty().unwrap());
}

fn bytes_come_back_and_gaps_are_zeros(disk: &dyn Disk, root: &Path) {
    let file = disk.open(&root.join("file"), Mode::Create).unwrap();
    file.write_at(b"tail", 200_000).unwrap();
    assert_eq!(file.len().unwrap(), 200_004);
    let mut read = vec![0xEE; 300_000];
    assert_eq!(file.read_at(&mut read, 0).unwrap(), 200_004);
    assert!(read[..200_000].iter().all(|byte| *byte == 0));
    assert_eq!(&read[200_000..200_004], b"tail");
    assert_eq!(file.read_at(&mut read, 200_004).unwrap(), 0);
    assert_eq!(file.read_at(&mut read, 1 << 40).unwrap(), 0);
    assert_eq!(file.read_at(&mut read[..3], 200_002).unwrap(), 2);

    file.write_at(b"", 900_000).unwrap();
    assert_eq!(file.len().unwrap(), 200_004, "writing nothing extends nothing");
    file.set_len(200_002).unwrap();
    file.set_len(200_006).unwrap();
    assert_eq!(file.read_at(&mut read[..6], 200_000).unwrap(), 6);
    assert_eq!(&read[..6], b"ta\0\0\0\0", "what was cut does not come back");

    file.allocate(300_000).unwrap();
    assert_eq!(file.len().unwrap(), 300_000);
    file.allocate(10).unwrap();
    file.allocate(0).unwrap();
    assert_eq!(file.len().unwrap(), 300_000, "allocating never cuts");
    file.start_writeback(0, 300_000);
    file.sync_data().unwrap();
    file.sync_data().unwrap();
}

fn runs_lie_behind_one_another(disk: &dyn Disk, root: &Path) {
    let path = root.join("file");
    let file = disk.open(&path, Mode::Create).unwrap();
    // More than the kernel takes at once, some of them empty, the first and the last too.
    let content: Vec<u8> = (0..3000_u32 * 50).map(|at| (at % 251) as u8).collect();
    let mut rest = &content[..];
    let mut runs = vec![IoSlice::new(&[])];
    for len in (0..=99).cycle() {
        let Some((run, behind)) = rest.split_at_checked(len) else { break };
        runs.push(IoSlice::new(run));
        rest = behind;
    }
    runs.extend([IoSlice::new(rest), IoSlice::new(&[])]);
    assert!(runs.len() > 2500);
    file.write_runs_at(&mut runs.clone(), 10).unwrap();
    let read = get(disk, &path);
    assert_eq!(read[..10], [0; 10]);
    assert!(read[10..] == content);
    file.write_runs_at(&mut [], 900_000).unwrap();
    file.write_runs_at(&mut [IoSlice::new(&[])], 900_000).unwrap();
    assert_eq!(file.len().unwrap(), read.len() as u64, "writing nothing extends nothing");
    let refused = disk.open(&path, Mode::Read).unwrap();
    assert!(refused.write_runs_at(&mut [IoSlice::new(b"a"), IoSlice::new(b"b")], 0).is_err());
    assert!(get(disk, &path) == read);
}

fn names_are_replaced_and_listed(disk: &dyn Disk, root: &Path) {
    let (one, two) = (root.join("one"), root.join("two"));
    put(disk, &one, b"1");
    put(disk, &two, b"2");
    disk.rename(&one, &two).unwrap();
    disk.sync_dir(root).unwrap();
    assert_eq!(get(disk, &two), b"1");
    assert_eq!(disk.metadata(&one).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.rename(&one, &two).unwrap_err().kind(), ErrorKind::NotFound);
    disk.rename(&two, &two).unwrap();
    assert_eq!(get(disk, &two), b"1");

    let below = root.join("below");
    disk.create_dir(&below).unwrap();
    assert_eq!(disk.rename(&two, &below).unwrap_err().kind(), ErrorKind::IsADirectory);
    disk.rename(&two, &below.join("three")).unwrap();
    put(disk, &root.join("a"), b"");
    put(disk, &root.join("Z"), b"");
    let listed = disk.read_dir(root).unwrap();
    let expected = [("Z", FileKind::File), ("a", FileKind::File), ("below", FileKind::Directory)];
    assert_eq!(listed, expected.map(|(name, kind)| (name.to_owned(), kind)));
    assert_eq!(get(disk, &below.join("three")), b"1");
}

fn directories_refuse_what_they_must(disk: &dyn Disk, root: &Path) {
    let (directory, file) = (root.join("directory"), root.join("file"));
    put(disk, &file, b"12345");
    disk.create_dir(&directory).unwrap();
    assert_eq!(disk.create_dir(&directory).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(disk.create_dir(&file).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(disk.create_dir(&root.join("no/no")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.metadata(&directory).unwrap().kind, FileKind::Directory);
    let found = disk.metadata(&file).unwrap();
    assert_eq!((found.kind, found.len), (FileKind::File, 5));

    put(disk, &directory.join("inside"), b"");
    assert_eq!(disk.remove_dir(&directory).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    disk.remove_file(&directory.join("inside")).unwrap();
    assert!(disk.remove_file(&directory).is_err(), "a directory is no file");
    disk.remove_dir(&directory).unwrap();
    assert_eq!(disk.remove_dir(&directory).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.remove_dir(&file).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(disk.remove_file(&directory).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.sync_dir(&directory).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.sync_dir(&file).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(disk.read_dir(&directory).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.read_dir(&file).unwrap_err().kind(), ErrorKind::NotADirectory);
}

fn a_removed_file_stays_readable(disk: &dyn Disk, root: &Path) {
    let path = root.join("file");
    put(disk, &path, b"old");
    let old = disk.open(&path, Mode::Write).unwrap();
    disk.remove_file(&path).unwrap();
    put(disk, &path, b"new one");
    old.write_at(b"er", 3).unwrap();
    old.sync_data().unwrap();
    let mut read = [0; 5];
    assert_eq!(old.read_at(&mut read, 0).unwrap(), 5);
    assert_eq!(&read, b"older");
    assert_eq!(get(disk, &path), b"new one");

    let replaced = disk.open(&path, Mode::Read).unwrap();
    put(disk, &root.join("other"), b"other");
    disk.rename(&root.join("other"), &path).unwrap();
    assert_eq!(replaced.len().unwrap(), 7);
}

fn locks_follow_the_open_file(disk: &dyn Disk, root: &Path) {
    const FAR: u64 = 1 << 41;
    let path = root.join("file");
    let one = disk.open(&path, Mode::Create).unwrap();
    let two = disk.open(&path, Mode::Write).unwrap();
    let reader = disk.open(&path, Mode::Read).unwrap();
    let lock = |file: &Arc<dyn File>, range, exclusive| file.try_lock(range, exclusive).unwrap();

    assert!(lock(&one, FAR..FAR + 1, true));
    assert!(lock(&one, FAR..FAR + 1, true), "taking it again is no conflict");
    assert!(!lock(&two, FAR..FAR + 1, true));
    let is_locked = |file: &Arc<dyn File>, range| file.is_locked(range).unwrap();
    assert!(!is_locked(&one, FAR..FAR + 1), "an own lock is not meant");
    assert!(is_locked(&reader, FAR - 1..FAR + 1) && is_locked(&two, FAR..FAR + 1));
    assert!(!is_locked(&reader, 0..FAR) && !is_locked(&reader, FAR + 1..FAR + 2));
    assert!(!lock(&two, FAR - 5..FAR + 5, false));
    assert!(lock(&two, FAR + 1..FAR + 2, true), "the neighbour is free");
    assert!(lock(&two, FAR - 1..FAR, true));

    assert!(lock(&one, FAR..FAR + 1, false), "to shared");
    assert!(lock(&two, FAR..FAR + 1, false));
    assert!(lock(&reader, FAR..FAR + 1, false));
    assert!(is_locked(&reader, FAR..FAR + 1), "one that is shared counts");
    assert!(!lock(&one, FAR..FAR + 1, true), "not back to exclusive while others share");
    drop(reader);
    two.unlock(FAR..FAR + 1).unwrap();
    assert!(lock(&one, FAR..FAR + 1, true));

    one.unlock(0..FAR * 2).unwrap();
    assert!(!lock(&one, FAR + 1..FAR + 2, false), "unlocking drops only the own locks");
    assert!(lock(&one, 0..10, true));
    one.unlock(4..6).unwrap();
    assert!(lock(&two, 4..6, true) && !lock(&two, 3..4, true) && !lock(&two, 6..7, true));

    assert!(disk.open(&path, Mode::Read).unwrap().try_lock(50..51, true).is_err(), "readers only share");
    drop(disk.open(&path, Mode::Write).unwrap());
    assert!(!lock(&one, 4..6, true), "closing another handle drops nothing of this one");
    drop(two);
    assert!(lock(&one, 0..FAR * 2, true), "closing drops its locks");
    let three = disk.open(&path, Mode::Write).unwrap();
    assert!(!lock(&three, 7..8, false));
    assert!(lock(&three, 7..7, true), "an empty range is always free");
    assert!(three.try_lock(0..u64::MAX, true).is_err());
}

fn the_medium_reads_at_any_offset(disk: &dyn Disk, root: &Path) {
    let path = root.join("file");
    let bytes: Vec<u8> =
        (0..1_100_007_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let writer = disk.open(&path, Mode::Create).unwrap();
    writer.write_at(&bytes, 0).unwrap();
    writer.sync_data().unwrap();
    let medium = disk.open(&path, Mode::ReadMedium).unwrap();
    assert_eq!(medium.len().unwrap(), bytes.len() as u64);
    for offset in
        [0, 1, 511, 4095, 4096, 4097, 1_048_575, 1_048_576, 1_099_999, 1_100_006, 1_100_007, 2_000_000]
    {
        for len in [0, 1, 100, 4096, 4097, 1_048_577] {
            let mut read = vec![0xEE; len];
            let expected = &bytes[offset.min(bytes.len())..(offset + len).min(bytes.len())];
            let count = medium.read_at(&mut read, offset as u64).unwrap();
            assert_eq!(count, expected.len(), "{len} bytes at {offset}");
            assert!(read[..count] == *expected, "{len} bytes at {offset}");
        }
    }
    writer.write_at(b"changed", 5000).unwrap();
    writer.sync_data().unwrap();
    let mut read = [0; 7];
    medium.read_at(&mut read, 5000).unwrap();
    assert_eq!(&read, b"changed");
}

fn the_disk_knows_itself(disk: &dyn Disk, root: &Path) {
    assert_eq!(disk.process(), disk.process());
    let space = disk.space(root).unwrap();
    assert!(space.available <= space.total && space.total > 0);
    assert!(disk.network_kind(root).is_ok());
    assert!(disk.space(&root.join("no")).is_err());
}

/// Runs on a disk whose capacity is `capacity` bytes and that holds nothing yet.
///
/// # Panics
///
/// If a full disk does anything but refuse with `StorageFull`.
pub fn check_full(disk: &dyn Disk, root: &Path, capacity: u64) {
    let path = root.join("file");
    let file = disk.open(&path, Mode::Create).unwrap();
    file.write_at(&vec![7; capacity as usize - 10], 0).unwrap();
    assert_eq!(disk.space(root).unwrap().available, 10);
    assert_eq!(file.write_at(&[8; 30], capacity - 15).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.allocate(capacity + 1).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.set_len(capacity + 1).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(get(disk, &path), vec![7; capacity as usize - 10]);
    file.write_at(&[9; 20], 0).unwrap();
    file.write_at(&[9; 20], capacity - 20).unwrap();
    assert_eq!(disk.space(root).unwrap().available, 0);
    drop(file);
    disk.remove_file(&path).unwrap();
    assert_eq!(disk.space(root).unwrap().available, capacity);
}

fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) {
    disk.open(path, Mode::Create).unwrap().write_at(bytes, 0).unwrap();
}

fn get(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    crate::file::read_whole(disk, path, u64::MAX).unwrap()
}
