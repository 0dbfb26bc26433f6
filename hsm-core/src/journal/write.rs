//! Appending to the journal. Only the holder of the writer lock may.

use crate::error::{Error, IoContext, Result};

use crate::testing_hooks::{Mutant, mutant};

use super::group::Group;
use super::read::Tail;
use super::segment::{SegmentHeader, Segments};

/// Why a group was not appended, and where the journal now ends.
#[derive(Debug)]
pub(crate) struct AppendFailed {
    /// What went wrong.
    pub(crate) error: Box<Error>,
    /// Where the next group goes; `None` when that cannot be told: whether the group counts shows only at
    /// the next open.
    pub(crate) tail: Option<Tail>,
}

/// Appends a group, and syncs it if `sync` says so. A segment that has grown beyond `segment_bytes_max` is
/// followed by a new one first.
pub(crate) fn append(
    segments: &Segments,
    mut tail: Tail,
    group: &Group,
    sync: bool,
    segment_bytes_max: u64,
) -> Result<Tail, AppendFailed> {
    if tail.offset >= segment_bytes_max {
        let header = following(&tail, group);
        // Relaxed groups may lie there without being synced: a later segment must not outlive them.
        let begun = self::sync(segments, tail.segment, tail.segment).and_then(|()| segments.create(&header));
        if let Err(error) = begun {
            segments.abandon_writing();
            return Err(AppendFailed { error: Box::new(error), tail: Some(tail) });
        }
        tail = Tail::at_start_of(&header);
    }
    let (bytes, chain) = group.encode(segments.seed());
    match write(segments, &tail, &bytes, sync) {
        Ok(()) => Ok(Tail {
            segment: tail.segment,
            offset: tail.offset + bytes.len() as u64,
            before: tail.offset,
            chain,
            last: crate::object::Position { epoch: tail.last.epoch, number: group.last_number() },
        }),
        Err(error) => {
            // The bytes may be there, whole, without being durable: what later looks like a group must not
            // count. A new segment that begins with the same number cuts it off.
            segments.abandon_writing();
            if mutant(Mutant::CutLeftOut) {
                return Err(AppendFailed { error: Box::new(error), tail: Some(tail) });
            }
            let header = following(&tail, group);
            let cut = segments.create(&header).map(|()| Tail::at_start_of(&header));
            Err(AppendFailed { error: Box::new(error), tail: cut.ok() })
        }
    }
}

/// Begins the journal, or a new epoch of it.
pub(crate) fn begin(segments: &Segments, header: &SegmentHeader) -> Result<Tail> {
    segments.create(header)?;
    Ok(Tail::at_start_of(header))
}

/// Writes a group that is already there once more and syncs it: its writer died, and pages that a failed
/// sync left clean in the cache would not be written by a sync alone.
pub(crate) fn write_again(segments: &Segments, before: &Tail, group: &Group) -> Result<()> {
    let (bytes, _) = group.encode(segments.seed());
    write(segments, before, &bytes, true)
}

/// Cuts off what lies behind the end of the journal.
pub(crate) fn cut(segments: &Segments, tail: &Tail) -> Result<()> {
    let path = segments.path(tail.segment);
    let file = segments.open_for_writing(tail.segment)?;
    if file.len().context("measure", &path)? > tail.offset {
        file.set_len(tail.offset).context("truncate", &path)?;
        file.sync_data().context("sync", &path)?;
    }
    Ok(())
}

/// Syncs segments that relaxed groups were appended to.
pub(crate) fn sync(segments: &Segments, from: u64, to: u64) -> Result<()> {
    for serial in from..=to {
        let path = segments.path(serial);
        segments.open_for_writing(serial)?.sync_data().context("sync", &path)?;
    }
    Ok(())
}

fn following(tail: &Tail, group: &Group) -> SegmentHeader {
    SegmentHeader {
        serial: tail.segment + 1,
        first: tail.next(),
        chain: tail.chain,
        created_ns: group.header.time_ns,
        instance: group.header.instance,
    }
}

fn write(segments: &Segments, tail: &Tail, bytes: &[u8], sync: bool) -> Result<()> {
    let path = segments.path(tail.segment);
    let file = segments.open_for_writing(tail.segment)?;
    file.write_at(bytes, tail.offset).context("write", &path)?;
    if sync {
        file.sync_data().context("sync", &path)?;
    }
    Ok(())
}
