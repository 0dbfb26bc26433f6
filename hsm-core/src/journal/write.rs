//! Appending to the journal. Only the holder of the writer lock may.

use crate::error::{Error, IoContext, Kind, Result};

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

/// When a group is synced, and what may be unsynced before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syncing {
    /// Whether the group is synced before it counts as appended.
    pub(crate) sync: bool,
    /// Whether relaxed groups before it were not synced yet.
    pub(crate) relaxed_before: bool,
    /// A segment that has grown beyond this many bytes is followed by a new one first.
    pub(crate) segment_bytes_max: u64,
}

/// Appends a group.
pub(crate) fn append(
    segments: &Segments,
    mut tail: Tail,
    group: &Group,
    syncing: Syncing,
) -> Result<Tail, AppendFailed> {
    if tail.offset >= syncing.segment_bytes_max {
        let header = following(&tail, group);
        // A segment that is followed by another is durable, relaxed groups included: nobody syncs it later.
        let ended = if syncing.relaxed_before { sync(segments, tail.segment, tail.segment) } else { Ok(()) };
        ended
            .and_then(|()| segments.create(&header))
            .map_err(|error| AppendFailed { error: Box::new(error), tail: Some(tail) })?;
        tail = Tail::at_start_of(&header);
    }
    let (bytes, chain) = group.encode(segments.seed());
    match write(segments, &tail, &bytes, syncing.sync) {
        Ok(()) => Ok(Tail {
            segment: tail.segment,
            offset: tail.offset + bytes.len() as u64,
            before: tail.offset,
            chain,
            last: crate::object::Position { epoch: tail.last.epoch, number: group.last_number() },
        }),
        Err(error) if error.kind() == Kind::Full && take_back(segments, &tail).is_ok() => {
            Err(AppendFailed { error: Box::new(error), tail: Some(tail) })
        }
        Err(error) => {
            // The bytes may be there, whole, without being durable: what later looks like a group must not
            // count. A new segment that begins with the same number cuts it off.
            segments.abandon_writing();
            if mutant(Mutant::CutLeftOut) {
                return Err(AppendFailed { error: Box::new(error), tail: Some(tail) });
            }
            // A segment behind relaxed groups that may be lost would make that damage.
            if syncing.relaxed_before && (syncing.sync || sync(segments, tail.segment, tail.segment).is_err())
            {
                return Err(AppendFailed { error: Box::new(error), tail: None });
            }
            let header = following(&tail, group);
            let cut = segments.create(&header).map(|()| Tail::at_start_of(&header));
            Err(AppendFailed { error: Box::new(error), tail: cut.ok() })
        }
    }
}

/// Removes what a write that met a full disk left, so that the journal goes on in the same segment: there is no
/// room for another. Nothing of it was synced, and no group of it is whole.
fn take_back(segments: &Segments, tail: &Tail) -> Result<()> {
    let path = segments.path(tail.segment);
    let file = segments.open_for_writing(tail.segment)?;
    if super::beyond::is_group_at(&*file, &path, tail.offset, segments)? {
        return Err(Error::damaged(&path, "the group was written, but not synced"));
    }
    file.set_len(tail.offset).context("truncate", &path)
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

/// The same for one of many, which [`sync`] ends.
pub(crate) fn write_again_unsynced(segments: &Segments, before: &Tail, group: &Group) -> Result<()> {
    let (bytes, _) = group.encode(segments.seed());
    write(segments, before, &bytes, false)
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
