//! The reserve: a file of ballast that is given back when the journal or the index meets a full file system
//! (`docs/format.md`, section 5).

use std::io;
use std::path::Path;

use crate::file::{Disk, Mode};
use crate::wire;

const MAGIC: [u8; 8] = *b"hsmspare";

/// Makes the ballast if there is room. Where there is none, it is what the ballast was for. Under the open lock.
pub(super) fn make(disk: &dyn Disk, store: &Path, store_id: &[u8; 16], length: u64) {
    let path = store.join("reserve");
    if is_there(disk, store, length) || disk.space(store).is_ok_and(|space| space.available / 2 < length) {
        return;
    }
    let make = || -> io::Result<()> {
        let file = disk.open(&path, Mode::OpenOrCreate)?;
        let mut bytes = Vec::new();
        wire::write_head(&mut bytes, MAGIC, store_id);
        file.write_at(&bytes, 0)?;
        file.allocate(length)
    };
    if make().is_err() {
        let _ = disk.remove_file(&path);
    }
}

/// Whether it is there, whole: it was not synced, so a power loss may have left less.
pub(super) fn is_there(disk: &dyn Disk, store: &Path, length: u64) -> bool {
    length == 0 || disk.metadata(&store.join("reserve")).is_ok_and(|found| found.len >= length)
}
