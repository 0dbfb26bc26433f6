//! Says what differs between the tree that was archived and the one that was restored.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::restore::MODE_MASK;
use crate::tree::{Entry, Kind, join};
use crate::{Result, show};

/// Bytes compared at once.
const RUN_LEN: usize = 256 << 10;

/// Compares `entries` of the tree at `original` with the tree at `restored`: kinds, bytes, modes, times to the
/// nanosecond, targets of links. Returns what differs, a line each.
pub fn compare(
    original: &Path,
    restored: &Path,
    entries: &[Entry],
    progress: &mut show::Progress,
) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for entry in entries {
        progress.step(entry.size);
        let mut note = |what: String| {
            differences.push(format!("{}: {what}", entry.path.escape_ascii()));
        };
        let found = match Entry::look(restored, entry.path.clone()) {
            Ok(Some(found)) => found,
            Ok(None) => {
                note("it is something else".to_owned());
                continue;
            }
            Err(error) => {
                note(format!("it was not restored: {error}"));
                continue;
            }
        };
        if found.kind != entry.kind {
            note(format!("{:?} became {:?}", entry.kind, found.kind));
            continue;
        }
        // A symbolic link has no mode of its own.
        if !matches!(entry.kind, Kind::Symlink(_)) && found.mode != entry.mode & MODE_MASK {
            note(format!("mode {:04o} became {:04o}", entry.mode, found.mode));
        }
        if found.mtime_ns != entry.mtime_ns {
            note(format!("time {} ns became {} ns", entry.mtime_ns, found.mtime_ns));
        }
        if entry.kind == Kind::File && !is_same(&join(original, &entry.path), &join(restored, &entry.path))? {
            note("the bytes differ".to_owned());
        }
    }
    differences.extend(links_lost(entries, restored)?);
    Ok(differences)
}

/// Names that were one file and are no longer.
fn links_lost(entries: &[Entry], restored: &Path) -> Result<Vec<String>> {
    let mut first_of = std::collections::HashMap::new();
    let mut lost = Vec::new();
    for entry in entries {
        let Some(inode) = entry.hard_link else { continue };
        let found = Entry::look(restored, entry.path.clone())?.and_then(|found| found.hard_link);
        // A file whose other names are outside the tree has one name here.
        let first = *first_of.entry(inode).or_insert(found);
        if first != found {
            lost.push(format!("{}: it is no longer a hard link", entry.path.escape_ascii()));
        }
    }
    Ok(lost)
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut left, mut right) = (Vec::with_capacity(RUN_LEN), Vec::with_capacity(RUN_LEN));
    loop {
        left.clear();
        right.clear();
        one.by_ref().take(RUN_LEN as u64).read_to_end(&mut left)?;
        other.by_ref().take(RUN_LEN as u64).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}
