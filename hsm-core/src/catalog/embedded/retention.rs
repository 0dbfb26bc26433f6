//! Dropping the beginning of the journal: what nobody follows any more, and nothing is restored from.
//!
//! A segment goes when it lies beyond what the feed keeps, and wholly before the older of the two newest snapshots, each
//! of which was just read back from the medium. An index that is lost, or was taken back by a power loss, is made from one
//! of these and the journal behind it. The oldest segment goes first, and its name is durably gone before the next one
//! goes, so no crash leaves a hole. A handle
//! with its index in memory makes no snapshots, and drops nothing.

use std::io;
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

/// Segments that may go, in order: each with the number of the first change behind it.
type Beyond = Vec<(u64, u64)>;

impl Embedded {
    /// Drops what lies beyond `retention`, as far as the snapshots reach, and says how many segments that were. Snapshots
    /// are read back before the lock for opening is taken: that takes as long as they are large, and nobody recovers while
    /// segments go.
    pub(super) fn drop_segments(&self, retention: &Retention, now_ns: TimeNs) -> Result<u64> {
        if self.ground.index == IndexPlace::Memory || retention.is_unbounded() {
            return Ok(0);
        }
        let first = self.beyond(retention, now_ns)?.first().copied();
        let Some((_, next)) = first else { return Ok(0) };
        let whole = self.whole_snapshots(next)?;
        if whole.len() < SNAPSHOTS_KEPT {
            return Ok(0);
        }
        let _open = self.ground.lock.lock_open()?;
        let _no_snapshot_is_made = self.snapshots.lock();
        // They may have gone meanwhile, and so may segments.
        let names = snapshot::newest_first(&self.ground)?;
        if !whole.iter().all(|(name, _)| names.contains(name)) {
            return Ok(0);
        }
        let Some((_, restored_from)) = whole.last() else { return Ok(0) };
        self.drop_before(*restored_from, self.beyond(retention, now_ns)?)
    }

    /// Drops those segments that lie wholly before a snapshot. The caller holds the lock for opening.
    fn drop_before(&self, restored_from: Position, beyond: Beyond) -> Result<u64> {
        // The point where the snapshot stands may lie at the very beginning of a segment.
        let goes = |&(_, next): &(u64, u64)| next <= restored_from.number;
        let mut dropped = 0;
        for (serial, _) in beyond.into_iter().take_while(goes) {
            if dropped == 0 {
                // Whoever made the snapshots may have died before their names were on the medium.
                let snapshots = directory(&self.ground);
                self.ground.disk.sync_dir(&snapshots).context("sync", &snapshots)?;
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

    /// The segments at the beginning of the journal that the retention does not keep.
    fn beyond(&self, retention: &Retention, now_ns: TimeNs) -> Result<Beyond> {
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
        Ok(beyond)
    }

    /// The newest snapshots of this history that are whole, as many as are kept, with the last change of each. Fewer, and
    /// as few as possible read back, where the older of them would not stand behind change `next`.
    fn whole_snapshots(&self, next: u64) -> Result<Vec<(String, Position)>> {
        let durable = self.read(lookup::must_state)?.durable.last;
        let mut candidates = Vec::new();
        for name in snapshot::newest_first(&self.ground)? {
            let Some(position) = position_of(&name).filter(|position| *position <= durable) else { continue };
            if self.epoch_at(position.number)?.is_none_or(|epoch| epoch == position.epoch) {
                candidates.push((name, position));
            }
        }
        let directory = directory(&self.ground);
        let mut whole: Vec<(String, Position)> = Vec::new();
        while whole.len() < SNAPSHOTS_KEPT {
            // The best there is if all the others are whole.
            let oldest = candidates.get(SNAPSHOTS_KEPT - whole.len() - 1);
            if oldest.is_none_or(|(_, position)| position.number < next) {
                break;
            }
            let (name, position) = candidates.remove(0);
            if is_whole(&*self.ground.disk, &directory.join(&name))? {
                whole.push((name, position));
            }
        }
        Ok(whole)
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

/// Whether every page of a snapshot is on the medium as it was written. One that another handle removed is not.
fn is_whole(disk: &dyn Disk, path: &Path) -> Result<bool> {
    let file = match disk.open(path, Mode::ReadMedium) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.context("open", path)?,
    };
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
