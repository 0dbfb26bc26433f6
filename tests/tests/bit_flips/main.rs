//! A flipped bit anywhere on the medium is found, or provably does no harm; it never becomes an answer.
//!
//! - [`data`]: packs and object files, every bit of a small store and thousands of a larger one;
//! - [`catalog`]: every bit of the journal and of the small files; the index and its write-ahead log. Every bit of these
//!   takes hours, since each is an open of the store: the tests take a prime stride, the ignored one of them takes all.
//!   That every bit of a page breaks its seal is tested beside the seal, in `catalog/embedded/page_checksum`.

mod catalog;
mod data;
mod map;

use std::path::{Path, PathBuf};

use hsm_core::file::{Disk, FileKind, Mode};

/// Every file below a directory of a disk whose name ends so.
fn files(disk: &dyn Disk, directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (name, kind) in disk.read_dir(directory).unwrap() {
        let path = directory.join(&name);
        if kind == FileKind::Directory {
            found.extend(files(disk, &path, suffix));
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
    found
}

fn content(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, Mode::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
    bytes
}

/// Copies a directory and all below it to another disk.
fn copy(from: &dyn Disk, to: &dyn Disk, directory: &Path) {
    to.create_dir(directory).unwrap();
    for (name, kind) in from.read_dir(directory).unwrap() {
        let path = directory.join(&name);
        if kind == FileKind::Directory {
            copy(from, to, &path);
        } else {
            to.open(&path, Mode::Create).unwrap().write_at(&content(from, &path), 0).unwrap();
        }
    }
}

/// Turns one bit over.
fn flip(disk: &dyn Disk, path: &Path, bit: u64) {
    let file = disk.open(path, Mode::Write).unwrap();
    let mut byte = [0];
    assert_eq!(file.read_at(&mut byte, bit / 8).unwrap(), 1);
    byte[0] ^= 1 << (bit % 8);
    file.write_at(&byte, bit / 8).unwrap();
}
