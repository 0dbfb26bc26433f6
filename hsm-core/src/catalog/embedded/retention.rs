//! Dropping the beginning of the journal: what nobody follows any more, and nothing is restored from.
//!
//! A segment goes when it lies beyond what the feed keeps, and wholly before the older of the two newest snapshots, each
//! of which was just read back from the medium. An index that is lost, or was taken back by a power loss, is made from one
//! of these and the journal behind it. The oldest segment goes first, and its name is durably gone before the next one
//! goes, so no crash leaves a hole. A handle
//! with its index in memory makes no snapshots, and drops nothing.

use std::path::Path;

use super::snapshot::{self, directory};
use super::{Embedded, IndexPlace, lookup, page_checksum};
use crate::clock::TimeNs;
use crate::error::{IoContext as _, Result};
use crate::event::Retention;
use crate::file::{Disk, Mode};
use crate::object::Position;

/// Snapshots that are kept once segments before them went.
const SNAPSHOTS_KEPT: usize = 2;
/// Pages of a snapshot read at once.
const PAGES_AT_ONCE: usize = 256;

impl Embedded {
    /// Drops what lies beyond `retention`, as far as the snapshots reach, and says how many segments that were. The caller
    /// holds the open lock: nobody recovers meanwhile.
    pub(super) fn drop_segments(&self, retention: &Retention, now_ns: TimeNs) -> Result<u64> {
        if self.ground.index == IndexPlace::Memory || retention.is_unbounded() {
            return Ok(0);
        }
        let _no_snapshot_is_made = self.snapshots.lock();
        let durable = self.read(lookup::must_state)?.durable.last;
        let serials = self.segments.serials()?;
        let mut beyond = Vec::new();
        for pair in serials.windows(2) {
            let Some(next) = self.segments.header(pair[1])? else { break };
            // All changes of the segment were committed before the next one was begun.
            if !retention.is_beyond(next.first.number - 1, next.created_ns, durable.number, now_ns) {
                break;
            }
            beyond.push((pair[0], next.first.number));
        }
        if beyond.is_empty() {
            return Ok(0);
        }
        let Some(restored_from) = self.oldest_kept_snapshot(durable)? else { return Ok(0) };
        let mut dropped = 0;
        for (serial, next) in beyond {
            // The point where the snapshot stands may lie at the very beginning of a segment.
            if next > restored_from.number {
                break;
            }
            self.segments.remove(serial)?;
            let journal = self.segments.directory();
            self.ground.disk.sync_dir(journal).context("sync", journal)?;
            dropped += 1;
        }
        if dropped > 0 {
            self.remove_snapshots_before(restored_from)?;
        }
        Ok(dropped)
    }

    /// The older of the two newest snapshots of this history that are whole.
    fn oldest_kept_snapshot(&self, durable: Position) -> Result<Option<Position>> {
        let directory = directory(&self.ground);
        let mut whole = 0;
        for name in snapshot::newest_first(&self.ground)? {
            let Some(position) = position_of(&name).filter(|position| *position <= durable) else { continue };
            if self.epoch_at(position.number)?.is_some_and(|epoch| epoch != position.epoch)
                || !is_whole(&*self.ground.disk, &directory.join(&name))?
            {
                continue;
            }
            whole += 1;
            if whole == SNAPSHOTS_KEPT {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    fn remove_snapshots_before(&self, kept: Position) -> Result<()> {
        let directory = directory(&self.ground);
        for name in snapshot::newest_first(&self.ground)? {
            if position_of(&name).is_some_and(|position| position < kept) {
                let path = directory.join(&name);
                self.ground.disk.remove_file(&path).context("remove", &path)?;
            }
        }
        Ok(())
    }
}

/// The last change in a snapshot, by its name.
fn position_of(name: &str) -> Option<Position> {
    let (epoch, number) = name.strip_suffix(".db")?.split_once('-')?;
    let number_of = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Position { epoch: number_of(epoch)?, number: number_of(number)? })
}

/// Whether every page of a snapshot is on the medium as it was written.
fn is_whole(disk: &dyn Disk, path: &Path) -> Result<bool> {
    let file = disk.open(path, Mode::ReadMedium).context("open", path)?;
    let len = file.len().context("measure", path)?;
    if len == 0 || len % page_checksum::PAGE_LEN as u64 != 0 {
        return Ok(false);
    }
    let mut buffer = vec![0; page_checksum::PAGE_LEN * PAGES_AT_ONCE];
    let mut offset = 0;
    while offset < len {
        let read = file.read_at(&mut buffer, offset).context("read", path)?;
        for page in buffer[..read].chunks(page_checksum::PAGE_LEN) {
            if !page_checksum::is_sealed(page, offset) {
                return Ok(false);
            }
            offset += page.len() as u64;
        }
        if read == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
