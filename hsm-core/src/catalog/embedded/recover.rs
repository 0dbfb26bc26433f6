//! Opening: what a crash or a power loss left behind is made good before anyone works.
//!
//! Done under the open lock. Where other handles are live, only the groups behind the index's last are
//! applied (by the first commit); all that follows needs a handle that is alone:
//!
//! 1. a segment whose creation was interrupted is removed;
//! 2. the journal is read from the last durable point; relaxed groups of another boot are compared with the
//!    medium, and the journal is cut behind the last of them after which every copy is whole;
//! 3. an index that is missing, damaged, or ahead of the journal is rebuilt from the newest good snapshot
//!    and the journal;
//! 4. what lies behind the end of the journal is cut off.
//!
//! A rebuild and a cut each begin a new epoch.
//!
//! Where groups cannot be compared, since the root of a tier is out of reach, nothing is decided and nothing
//! cut: the store is read-only until the root is back or the tier is declared lost.

mod journal_end;
mod restored;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::commit::{begin, commit};
use super::index::{self, Index, IndexPlace, damaged};
use super::lookup::{self, State};
use super::{Embedded, Ground, log_length};
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk, OsDisk};
use crate::integrity::checksum;
use crate::journal::{self, Change, EpochCause, GroupReader, SegmentHeader, Segments, Tail};
use crate::object::{Position, TierIndex};
use journal_end::JournalEnd;

/// What is left where the journal is not whole.
const WAY_OUT: &str =
    "restore the store from a snapshot on a tier, or rebuild it from the roots of its tiers";
/// Its presence in the store's directory says that a rebuild of the index has not come to its end.
const REBUILD_MARK: &str = "index.rebuilding";
/// Groups applied in one transaction of a rebuild.
const GROUPS_A_TRANSACTION: usize = 256;

/// What an open found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// Why a new epoch began, if one did.
    pub(crate) new_epoch: Option<EpochCause>,
    /// Why the store must not be written to, if it must not.
    pub(crate) read_only: Option<String>,
    /// Whether that is because changes could not be compared with the medium: declaring a tier lost mends this.
    pub(crate) undecided: bool,
}

impl Embedded {
    /// Begins the journal and the index of a new store, in this epoch.
    pub(crate) fn create(ground: Ground, epoch: u64, changes: &[Change]) -> Result<Self> {
        let directory = Self::journal_directory(&ground.directory);
        let segments = Segments::new(ground.disk.clone(), directory, ground.store_id);
        let header = SegmentHeader {
            serial: 1,
            first: Position { epoch, number: 1 },
            chain: checksum(segments.seed(), b"the beginning"),
            created_ns: ground.clock.now_ns(),
            instance: ground.instance,
        };
        let tail = journal::begin(&segments, &header)?;
        remove_index(&ground.index)?;
        let index = Index::open_alone(&ground.index, ground.exclusive)?;
        let embedded = Self::assemble(ground, segments, index);
        lookup::set_state(
            &embedded.index.writer(),
            &State { store: embedded.ground.store_id, tail, durable: tail },
        )?;
        let proposal = super::Proposal { changes: changes.to_vec(), ..super::Proposal::default() };
        let answers = embedded.commit_queued(vec![proposal], super::Durability::Durable);
        answers.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(embedded)
    }

    /// Opens the catalog of a store. `alone`: no other handle is live; the caller holds the open lock. `lost`: tiers
    /// that were declared lost before their relaxed changes could be compared.
    pub(crate) fn open(ground: Ground, alone: bool, lost: &[TierIndex]) -> Result<(Self, Found)> {
        let directory = Self::journal_directory(&ground.directory);
        let segments = Segments::new(ground.disk.clone(), directory, ground.store_id);
        if !alone {
            let index = Index::open(&ground.index, false)?;
            let embedded = Self::assemble(ground, segments, index);
            let mut found = Found::default();
            embedded.find_waiting(&mut found)?;
            return Ok((embedded, found));
        }
        mend_last_segment(&segments)?;
        super::snapshot::remove_interrupted(&ground)?;
        let mut found = Found::default();
        let index = match usable_index(&ground, &segments) {
            Ok(Some(index)) => Some(index),
            Ok(None) | Err(Error::Index { damaged: true, .. }) => None,
            Err(damage @ Error::StoreDamaged { .. }) => {
                // What the index knows stays readable: it is neither compared nor replaced.
                let index = Index::open_alone(&ground.index, ground.exclusive)?;
                found.read_only = Some(format!("{damage}; {WAY_OUT}"));
                return Ok((Self::assemble(ground, segments, index), found));
            }
            Err(error) => return Err(error),
        };
        let mut rebuild = index.is_none();
        let index = if let Some(index) = index { index } else { Self::begin_rebuild(&ground, &segments)? };
        let mut embedded = Self::assemble(ground, segments, index);
        match embedded.make_good(rebuild, lost, &mut found) {
            Err(Error::Index { damaged: true, .. }) if !rebuild => {
                rebuild = true;
                embedded = embedded.rebuilt_from_journal()?;
                embedded.make_good(true, lost, &mut found)?;
            }
            done => done?,
        }
        let mark = embedded.damage_mark();
        if found.undecided {
            if rebuild && !embedded.is_marked_damaged() {
                // The open that decides has to begin the new epoch, and has to know it.
                let kept = file::write_whole(&*embedded.ground.disk, &mark, b"undecided\n");
                kept.context("write", &mark)?;
            }
        } else if rebuild {
            for mark in [mark, embedded.ground.directory.join(REBUILD_MARK)] {
                match embedded.ground.disk.remove_file(&mark) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::io("remove", &mark, &error));
                    }
                    _ => {}
                }
            }
        }
        Ok((embedded, found))
    }

    /// The same catalog on an index that knows nothing yet, or what the newest good snapshot knew.
    fn rebuilt_from_journal(self) -> Result<Self> {
        let Self { ground, segments, index, .. } = self;
        drop(index);
        let index = Self::begin_rebuild(&ground, &segments)?;
        Ok(Self::assemble(ground, segments, index))
    }

    /// An index to replay the journal into, and a mark beside it that this is to be done. It may be whole before the new
    /// epoch has begun: an open that dies in between must not leave it to the next one as if nothing had been.
    fn begin_rebuild(ground: &Ground, segments: &Segments) -> Result<Index> {
        if ground.index == IndexPlace::Memory {
            return Self::restore_index(ground, segments); // It is gone with the handle.
        }
        let mark = ground.directory.join(REBUILD_MARK);
        file::write_whole(&*ground.disk, &mark, b"rebuilding\n").context("write", &mark)?;
        Self::restore_index(ground, segments).inspect_err(|_| {
            // There is none, which says enough. One that somebody puts back is to be looked at.
            let _ = ground.disk.remove_file(&mark);
        })
    }

    fn assemble(ground: Ground, segments: Segments, index: Index) -> Self {
        let boot_id = ground.disk.process().boot_id;
        let boot = crate::wire::store_seed(&boot_id);
        let queue = super::Queue::default();
        let (failed, snapshots) = (Mutex::new(None), Mutex::new(()));
        Self { ground, segments, index, queue, failed, snapshots, boot, news: Arc::default() }
    }

    /// Steps 2 to 4, on an index that is a past state of the journal or empty.
    fn make_good(&self, mut rebuild: bool, lost: &[TierIndex], found: &mut Found) -> Result<()> {
        let state = lookup::must_state(&self.index.writer())?;
        let tiers = lookup::tiers(&self.index.writer())?;
        self.ground.places.configure(&tiers.into_iter().map(|usage| usage.config).collect::<Vec<_>>());
        let mut state = state;
        let end = self.find_end(&state, lost)?;
        if let Some(damage) = end.damage {
            // What lies before the damage is shown; nothing is cut, nothing is added.
            found.read_only = Some(format!("{damage}; {WAY_OUT}"));
            return self.replay_to(&mut state, &JournalEnd { damage: None, ..end });
        }
        if end.tail.last.number < state.tail.last.number {
            // The index has applied changes that are no longer true.
            return Err(damaged("open", "it is ahead of the journal"));
        }
        if let Some(away) = &end.undecided {
            found.undecided = true;
            found.read_only = Some(away.clone());
            return self.replay_to(&mut state, &end);
        }
        self.replay_to(&mut state, &end)?;
        if end.rolled_back {
            rebuild = false;
            self.remove_segments_behind(end.tail.segment)?;
            self.new_epoch(EpochCause::RolledBack)?;
            found.new_epoch = Some(EpochCause::RolledBack);
        } else {
            journal::cut(&self.segments, &end.tail)?;
        }
        let cause = if rebuild {
            EpochCause::Rebuilt
        } else if self.ends_with_epoch_unrecorded(&end.tail)? {
            // What it was begun for is not known. This tells every reader that the history before it may have parted.
            EpochCause::RolledBack
        } else {
            return Ok(());
        };
        self.new_epoch(cause)?;
        found.new_epoch = Some(cause);
        Ok(())
    }

    /// Removes segments of groups that are rolled back, the last one first.
    fn remove_segments_behind(&self, serial: u64) -> Result<()> {
        for later in self.segments.serials()?.into_iter().rev().take_while(|later| *later > serial) {
            self.segments.remove(later)?;
        }
        let directory = self.segments.directory();
        self.ground.disk.sync_dir(directory).context("sync", directory)
    }

    /// Writes the journal between two points once more, and syncs it.
    fn write_all_again(&self, from: Tail, to: &Tail) -> Result<()> {
        let mut reader = GroupReader::new(&self.segments, from);
        while reader.tail().last.number < to.last.number {
            let before = reader.tail();
            let Some((group, _)) = reader.next()? else { break };
            journal::write_again_unsynced(&self.segments, &reader.start_of_last(before), &group)?;
        }
        journal::sync(&self.segments, from.segment, to.segment)
    }

    /// Applies what the index lacks, up to the end. What it did not hold for durable is written and synced once more
    /// before that: an open that dies in between must not leave an index that says more than is true.
    fn replay_to(&self, state: &mut State, end: &JournalEnd) -> Result<()> {
        if self.is_marked_for_sync() {
            self.write_all_again(state.tail, &end.tail)?;
        } else if end.again_from.last.number < end.durable.last.number {
            self.write_all_again(end.again_from, &end.durable)?;
        }
        let connection = self.index.writer();
        let mut reader = GroupReader::new(&self.segments, state.tail);
        let mut more = true;
        while more {
            let before = state.tail.last.number;
            begin(&connection)?;
            more = Self::replay_some(&connection, state, &mut reader, end)?;
            lookup::set_state(&connection, state)?;
            commit(&connection)?;
            log_length::move_if_due(&connection, before, state.tail.last.number);
        }
        begin(&connection)?;
        if state.tail.last.number == end.tail.last.number {
            state.tail = end.tail;
        }
        if end.durable.last.number > state.durable.last.number
            || end.durable.last.number == state.tail.last.number
        {
            state.durable = end.durable;
        }
        if state.durable == state.tail {
            connection.execute_batch("DELETE FROM unsynced").map_err(index::failed("apply a change"))?;
        }
        lookup::set_state(&connection, state)?;
        commit(&connection)
    }

    /// One transaction's worth of a replay; `false` at the end.
    fn replay_some(
        connection: &Connection,
        state: &mut State,
        reader: &mut GroupReader<'_>,
        end: &JournalEnd,
    ) -> Result<bool> {
        for _ in 0..GROUPS_A_TRANSACTION {
            if reader.tail().last.number >= end.tail.last.number {
                return Ok(false);
            }
            let Some((group, changes)) = reader.next()? else { return Ok(false) };
            Self::replay(connection, state, reader.tail(), &group, &changes)?;
        }
        Ok(true)
    }

    /// An index to replay the journal into: the newest good snapshot, or an empty one where the journal
    /// reaches back to the beginning.
    fn restore_index(ground: &Ground, segments: &Segments) -> Result<Index> {
        for name in super::snapshot::newest_first(ground)? {
            remove_index(&ground.index)?;
            if let Ok(Some(index)) = super::snapshot::restore(ground, segments, &name) {
                return Ok(index);
            }
        }
        remove_index(&ground.index)?;
        let first = segments.serials()?.first().copied().unwrap_or(0);
        let header = segments.header(first)?.filter(|header| header.first.number == 1).ok_or_else(|| {
            Error::damaged(
                segments.directory(),
                format!("neither a good snapshot nor the beginning of the journal is there; {WAY_OUT}"),
            )
        })?;
        let index = Index::open_alone(&ground.index, ground.exclusive)?;
        let tail = Tail::at_start_of(&header);
        lookup::set_state(&index.writer(), &State { store: ground.store_id, tail, durable: tail })?;
        Ok(index)
    }
}

/// The index, if it is there, whole as far as a look tells, and a past or present state of this journal.
fn usable_index(ground: &Ground, segments: &Segments) -> Result<Option<Index>> {
    let is_marked = |mark| ground.disk.metadata(&ground.directory.join(mark)).is_ok();
    if is_marked(super::trust::DAMAGE_MARK) || is_marked(REBUILD_MARK) {
        return Ok(None);
    }
    if let IndexPlace::File(path) = &ground.index
        && OsDisk::new().metadata(path).is_err()
    {
        return Ok(None);
    }
    let index = Index::open_alone(&ground.index, ground.exclusive)?;
    let state = lookup::state(&index.writer())?;
    let Some(state) = state.filter(|state| state.store == ground.store_id) else { return Ok(None) };
    Ok(is_past_of(segments, &state)?.then_some(index))
}

/// Whether the journal passes through the points that an index stands at.
pub(super) fn is_past_of(segments: &Segments, state: &State) -> Result<bool> {
    if !segments.ends_with(&state.durable)? {
        return Ok(false);
    }
    let mut reader = GroupReader::new(segments, state.durable);
    while reader.tail().last.number < state.tail.last.number {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) | Err(Error::StoreDamaged { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(reader.tail().last == state.tail.last && reader.tail().chain == state.tail.chain)
}

/// Removes a last segment without a whole header: nothing was ever in it. One with a header is made durable,
/// since its creator may have died in between.
fn mend_last_segment(segments: &Segments) -> Result<()> {
    let serials = segments.serials()?;
    let Some(last) = serials.last() else { return Ok(()) };
    match segments.header(*last)? {
        Some(_) => segments.confirm(*last),
        None if serials.len() > 1 && !segments.is_damaged(*last)? => segments.remove(*last),
        None => Ok(()),
    }
}

/// Removes the files of the index, which no one has open.
pub(super) fn remove_index(place: &IndexPlace) -> Result<()> {
    let IndexPlace::File(path) = place else { return Ok(()) };
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        match OsDisk::new().remove_file(name.as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.context("remove", name.as_ref())?,
        }
    }
    Ok(())
}
