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
    /// Whether the groups before it were synced with it: its data failed, and not its own sync.
    pub(crate) synced: bool,
}

/// Appends a group, and syncs it if `sync` says so. A segment that has grown beyond `segment_bytes_max` is
/// followed by a new one first. `unsynced`: the groups before it are not all synced yet. `sync_data` makes durable
/// what was not before it; its failure is that of the group.
///
/// Every segment but the last is durable, whole: what is unsynced in it is synced before another follows. So a
/// sync of the last one is a sync of the journal, and no power loss leaves a gap between two.
pub(crate) fn append(
    segments: &Segments,
    mut tail: Tail,
    group: &Group,
    sync: bool,
    unsynced: bool,
    segment_bytes_max: u64,
    sync_data: impl FnOnce() -> Result<()>,
) -> Result<Tail, AppendFailed> {
    let mut unsynced = unsynced;
    if tail.offset >= segment_bytes_max {
        if unsynced {
            // What was not synced then never will be: the pages may be gone.
            sync_segment(segments, tail.segment).map_err(|error| AppendFailed {
                error: Box::new(error),
                tail: None,
                synced: false,
            })?;
            unsynced = false;
        }
        let header = following(&tail, group);
        if let Err(error) = segments.create(&header) {
            segments.abandon_writing();
            return Err(AppendFailed { error: Box::new(error), tail: Some(tail), synced: false });
        }
        tail = Tail::at_start_of(&header);
    }
    let (bytes, chain) = group.encode(segments.seed());
    let written = write(segments, &tail, &bytes);
    let is_written = written.is_ok();
    let synced = written.and_then(|()| if sync { sync_segment(segments, tail.segment) } else { Ok(()) });
    let is_synced = sync && synced.is_ok();
    match synced.and_then(|()| sync_data()) {
        Ok(()) => Ok(Tail {
            segment: tail.segment,
            offset: tail.offset + bytes.len() as u64,
            before: tail.offset,
            chain,
            last: crate::object::Position { epoch: tail.last.epoch, number: group.last_number() },
        }),
        Err(error) if error.kind() == Kind::Full && take_back(segments, &tail, is_synced).is_ok() => {
            Err(AppendFailed { error: Box::new(error), tail: Some(tail), synced: is_synced })
        }
        Err(error) => {
            // The bytes may be there, whole, without being durable: what later looks like a group must not
            // count. A new segment that begins with the same number cuts it off.
            segments.abandon_writing();
            if mutant(Mutant::CutLeftOut) {
                return Err(AppendFailed { error: Box::new(error), tail: Some(tail), synced: is_synced });
            }
            // A sync that failed was that of the groups before it, too.
            let is_durable =
                !unsynced || is_synced || !is_written && sync_segment(segments, tail.segment).is_ok();
            let header = following(&tail, group);
            let cut = is_durable.then(|| segments.create(&header).map(|()| Tail::at_start_of(&header)));
            Err(AppendFailed { error: Box::new(error), tail: cut.and_then(Result::ok), synced: is_synced })
        }
    }
}

/// Removes what a write that met a full disk left, so that the journal goes on in the same segment: there is no
/// room for another. Nothing of it was synced, and no group of it is whole; or all of it was, `synced`, and the
/// disk had no room for its data.
fn take_back(segments: &Segments, tail: &Tail, synced: bool) -> Result<()> {
    let path = segments.path(tail.segment);
    let file = segments.open_for_writing(tail.segment)?;
    if !synced && super::beyond::is_group_at(&*file, &path, tail.offset, segments)? {
        return Err(Error::damaged(&path, "the group was written, but not synced"));
    }
    file.set_len(tail.offset).context("truncate", &path)?;
    if synced { file.sync_data().context("sync", &path) } else { Ok(()) }
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
    write(segments, before, &bytes)?;
    sync_segment(segments, before.segment)
}

/// The same for one of many, which [`sync`] ends.
pub(crate) fn write_again_unsynced(segments: &Segments, before: &Tail, group: &Group) -> Result<()> {
    let (bytes, _) = group.encode(segments.seed());
    write(segments, before, &bytes)
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
    (from..=to).try_for_each(|serial| sync_segment(segments, serial))
}

fn sync_segment(segments: &Segments, serial: u64) -> Result<()> {
    segments.open_for_writing(serial)?.sync_data().context("sync", &segments.path(serial))
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

fn write(segments: &Segments, tail: &Tail, bytes: &[u8]) -> Result<()> {
    let file = segments.open_for_writing(tail.segment)?;
    file.write_at(bytes, tail.offset).context("write", &segments.path(tail.segment))
}
