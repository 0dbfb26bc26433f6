//! What lies behind the last valid group: the rest of a write that was cut short, or more of the journal?
//!
//! A torn tail is how every crash may leave the journal, and is cut off. A group that was damaged later looks
//! the same, but for what follows it: nothing is appended before what lies before it is synced, relaxed groups
//! apart, so that whole groups behind it prove that it was there.

use std::path::Path;

use crate::error::{IoContext, Result};
use crate::file::File;

use super::group::{self, Ahead};
use super::{Segments, Tail};

/// How much is looked at once, in bytes.
const WINDOW_LEN: usize = 1 << 20;

/// Whether the journal went on behind `tail`, though no valid group begins there.
pub(super) fn goes_on(file: &dyn File, path: &Path, tail: &Tail, segments: &Segments) -> Result<bool> {
    let len = file.len().context("measure", path)?;
    let Some(first) = read_ahead(file, path, tail.offset)? else { return Ok(false) };
    let torn_durable = group::ahead(&first).is_some_and(|ahead| !ahead.relaxed && ahead.first == tail.next());
    let mut offset = tail.offset + 8;
    let mut window = vec![0; WINDOW_LEN];
    while offset < len {
        let read = file.read_at(&mut window, offset).context("read", path)?;
        for at in (0..read).step_by(8).filter(|at| window[*at..read].starts_with(group::MAGIC)) {
            let begin = offset + at as u64;
            let Some((ahead, end)) = whole_group(file, path, begin, segments)? else { continue };
            if ahead.first.number <= tail.last.number {
                continue; // Of an older tail.
            }
            // No power was lost since it was written; it follows a group that was synced before it; or it was
            // itself synced before the next was written.
            let proves = ahead.boot == segments.boot()
                || torn_durable
                || !ahead.relaxed && whole_group(file, path, end, segments)?.is_some();
            if proves {
                return Ok(true);
            }
        }
        offset += WINDOW_LEN as u64;
    }
    Ok(false)
}

/// Whether a whole group begins at `offset`, whatever it follows.
pub(super) fn is_group_at(file: &dyn File, path: &Path, offset: u64, segments: &Segments) -> Result<bool> {
    whole_group(file, path, offset, segments).map(|found| found.is_some())
}

fn read_ahead(file: &dyn File, path: &Path, offset: u64) -> Result<Option<[u8; group::HEADER_LEN]>> {
    let mut header = [0; group::HEADER_LEN];
    let read = file.read_at(&mut header, offset).context("read", path)?;
    Ok((read == header.len()).then_some(header))
}

/// What the group at `offset` says of itself, and where it ends, if it is whole.
fn whole_group(
    file: &dyn File,
    path: &Path,
    offset: u64,
    segments: &Segments,
) -> Result<Option<(Ahead, u64)>> {
    let Some(header) = read_ahead(file, path, offset)? else { return Ok(None) };
    let Some(length) = group::group_len(&header) else { return Ok(None) };
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, offset).context("read", path)?;
    let whole = read == length && group::sum_of(&bytes, segments.seed()).is_some();
    Ok(group::ahead(&header).filter(|_| whole).map(|ahead| (ahead, offset + length as u64)))
}
