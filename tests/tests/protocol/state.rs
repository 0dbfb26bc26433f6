//! The state of the model: what lies on the disk, what processes are at, and what anyone was told.

use std::collections::{BTreeMap, BTreeSet};

/// Processes.
pub(crate) const PROCESSES: usize = 2;
/// Changes of a process, at most: change `n` of process `p` is `p * CHANGES + n`.
pub(crate) const CHANGES: usize = 3;
/// Places a change writes, at most.
const PLACES: usize = 2;
/// Begins an epoch: no change of anyone.
pub(crate) const NEW_EPOCH: u8 = 0xff;

/// How a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Data in packs, synced together with the journal.
    Packed,
    /// Data in files, synced before.
    Filed,
    /// Nothing is synced.
    Relaxed,
    /// No data: the objects are gone.
    Removal,
    /// The bytes of one object, from where they lie to another place, synced before: a compaction. What it commits
    /// is that place, where the object still lies in the one that was read.
    Moved,
}

/// One change: of these objects, in one group.
pub(crate) type Change = (Kind, &'static [u8]);

/// A mistake made on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Acknowledges before the journal is synced.
    JournalNotSynced,
    /// Acknowledges a group with data when the journal is synced and the data is not.
    DataNotAwaited,
    /// Takes a last group with data for whole.
    DataNotVerified,
    /// Takes relaxed groups of another boot for whole.
    RelaxedNotCompared,
    /// Takes a sync after one that failed for proof.
    FailedSyncRetried,
    /// Leaves a group in the journal whose sync failed.
    CutLeftOut,
    /// Makes relaxed groups durable without syncing their places.
    PlacesNotSynced,
    /// Applies the group to the index, and so shows it, before the journal is synced.
    IndexBeforeJournal,
    /// Commits without applying what a dead process left.
    CatchUpLeftOut,
    /// Takes what a dead process left in the journal for durable.
    NotWrittenAgain,
    /// An open that is alone calls durable what it has yet to write again.
    DurableBeforeWrittenAgain,
    /// An open that is alone writes the last durable group again, and not the relaxed ones before it.
    RelaxedNotWrittenAgain,
    /// Removes places that no commit names, whoever lives.
    SweepByAge,
    /// Sweeps without looking for the last group of the dead.
    SweepBeforeCatchUp,
    /// Looks who is dead after it looked for their last group.
    DeadAreFoundLate,
    /// Removes what a relaxed change replaced.
    ReclaimBeforeDurable,
    /// Goes on in the same epoch behind a rollback.
    NoNewEpoch,
    /// Replays all but the first group.
    ReplaySkips,
    /// Commits a move without looking whether the object lies yet where it was read.
    MoveUnchecked,
}

/// What is checked: who does what, and how much may go wrong.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    /// What each process does, in order.
    pub(crate) programs: [&'static [Change]; PROCESSES],
    /// Processes that may die.
    pub(crate) crashes: u8,
    /// Power losses.
    pub(crate) losses: u8,
    /// Syncs that may fail.
    pub(crate) faults: u8,
    /// The mistake.
    pub(crate) mutant: Option<Mutant>,
}

/// Where bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bits {
    /// Nowhere yet.
    Absent,
    /// In the cache.
    Cached,
    /// On the medium.
    Durable,
    /// In the cache only, which takes them for written: a sync failed.
    Doubtful,
    /// On the medium, not whole.
    Torn,
    /// Removed on purpose.
    Removed,
}

impl Bits {
    /// What a sync, as the kernel answers it, makes of them.
    pub(crate) fn sync(&mut self) {
        if *self == Self::Cached {
            *self = Self::Durable;
        }
    }

    /// Whether who reads finds them whole.
    pub(crate) fn are_readable(self) -> bool {
        matches!(self, Self::Cached | Self::Durable | Self::Doubtful)
    }

    /// Whether who reads from the medium does.
    pub(crate) fn are_on_medium(self) -> bool {
        matches!(self, Self::Cached | Self::Durable)
    }
}

/// A group in the journal. Its number is its place there, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) change: u8,
    pub(crate) bits: Bits,
    pub(crate) boot: u8,
}

/// The index: what was applied, and up to which number it holds that to be durable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Index {
    pub(crate) applied: Vec<u8>,
    pub(crate) durable: u8,
}

/// What an open that is alone decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct End {
    /// The last number that holds.
    pub(crate) tail: u8,
    /// The last that survives a power loss once it was written again.
    pub(crate) durable: u8,
    /// Whether a new epoch begins.
    pub(crate) new_epoch: bool,
    /// Whether a sync had failed, so that the whole journal is written again.
    pub(crate) all_again: bool,
}

/// Where a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Dead,
    // Opening.
    Recover,
    WriteAgain(End, u8),
    Replay(End, u8),
    Cut(End),
    /// Whether the other one was found dead.
    SweepSync(bool),
    SweepRemove(bool),
    // Working.
    Idle,
    Written,
    Ready,
    Locked,
    PlacesSynced,
    Appended {
        journal: bool,
        data: bool,
    },
    Failed,
    Durable,
    Applied,
}

impl Step {
    /// Whether it holds the open lock.
    pub(crate) fn is_opening(self) -> bool {
        use Step::{Cut, Recover, Replay, SweepRemove, SweepSync, WriteAgain};
        matches!(self, Recover | Replay(..) | WriteAgain(..) | Cut(_) | SweepSync(_) | SweepRemove(_))
    }

    /// Whether its handle can be used.
    pub(crate) fn is_working(self) -> bool {
        self != Self::Dead && !self.is_opening()
    }
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) step: Step,
    /// The change it is at, or will begin with.
    pub(crate) next: u8,
    /// The first of this life.
    pub(crate) first: u8,
    /// Whether its member file is there though it died, or an earlier life of it did.
    pub(crate) unswept: bool,
}

/// What was said about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Nothing,
    /// It survives a crash of the process.
    Relaxed,
    /// It survives everything.
    Durable,
    /// It did not happen.
    Refused,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) journal: Vec<Group>,
    pub(crate) index: Index,
    pub(crate) places: Vec<Bits>,
    pub(crate) processes: [Process; PROCESSES],
    /// The writer.
    pub(crate) lock: Option<u8>,
    /// `index.damaged` says that a sync failed.
    pub(crate) mark: bool,
    pub(crate) boot: u8,
    pub(crate) told: Vec<Told>,
    /// The place that each move read.
    pub(crate) sources: Vec<Option<u8>>,
    /// Epoch, number and change of each position that was given out.
    pub(crate) given: BTreeSet<(u8, u8, u8)>,
    pub(crate) crashes: u8,
    pub(crate) losses: u8,
    pub(crate) faults: u8,
    /// Whether any recovery cut a group off, for what was not whole.
    pub(crate) cut: bool,
    /// Whether any sweep removed something.
    pub(crate) swept: bool,
}

impl Protocol {
    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// A change, by its number.
    pub(crate) fn change(&self, change: u8) -> Change {
        let change = usize::from(change);
        self.programs[change / CHANGES][change % CHANGES]
    }

    pub(crate) fn kind(&self, change: u8) -> Option<Kind> {
        (change != NEW_EPOCH).then(|| self.change(change).0)
    }

    pub(crate) fn is_relaxed(&self, change: u8) -> bool {
        self.kind(change) == Some(Kind::Relaxed)
    }

    /// The change that a process is at.
    pub(crate) fn next(&self, state: &State, process: usize) -> Option<u8> {
        let next = usize::from(state.processes[process].next);
        (next < self.programs[process].len()).then_some((process * CHANGES + next) as u8)
    }

    /// The places that a change writes.
    pub(crate) fn places(&self, change: u8) -> std::ops::Range<usize> {
        let first = usize::from(change) * PLACES;
        match self.kind(change) {
            None | Some(Kind::Removal) => 0..0,
            Some(_) => first..first + self.change(change).1.len(),
        }
    }

    /// The place of each object after these changes.
    pub(crate) fn fold(&self, changes: &[u8]) -> BTreeMap<u8, usize> {
        let mut objects = BTreeMap::new();
        for change in changes.iter().filter(|change| **change != NEW_EPOCH) {
            let (kind, of) = self.change(*change);
            for (object, place) in of.iter().zip(usize::from(*change) * PLACES..) {
                match kind {
                    Kind::Removal => drop(objects.remove(object)),
                    Kind::Moved if !objects.contains_key(object) => {}
                    _ => drop(objects.insert(*object, place)),
                }
            }
        }
        objects
    }
}

impl Protocol {
    /// Where the object of a move lies now.
    pub(crate) fn source(&self, state: &State, change: u8) -> Option<u8> {
        let object = self.change(change).1.first()?;
        self.fold(&state.index.applied).get(object).map(|place| *place as u8)
    }

    /// The change whose bytes a place holds: a move's are those that it read.
    pub(crate) fn content(&self, state: &State, place: usize) -> usize {
        let change = place / PLACES;
        match state.sources[change] {
            Some(source) if self.kind(change as u8) == Some(Kind::Moved) => {
                self.content(state, source.into())
            }
            _ => change,
        }
    }
}

impl State {
    /// A new store that both have open.
    pub(crate) fn begin() -> Self {
        let process = Process { step: Step::Idle, next: 0, first: 0, unswept: false };
        Self {
            journal: Vec::new(),
            index: Index::default(),
            places: vec![Bits::Absent; PROCESSES * CHANGES * PLACES],
            processes: [process.clone(), process],
            lock: None,
            mark: false,
            boot: 0,
            told: vec![Told::Nothing; PROCESSES * CHANGES],
            sources: vec![None; PROCESSES * CHANGES],
            given: BTreeSet::new(),
            crashes: 0,
            losses: 0,
            faults: 0,
            cut: false,
            swept: false,
        }
    }

    /// A handle met a sync that failed, and says so: relaxed changes may be rolled back now.
    pub(crate) fn mark_failed_sync(&mut self) {
        self.mark = true;
        self.give_up_relaxed();
    }

    /// A call is answered with an error.
    pub(crate) fn refuse(&mut self, process: usize, change: u8) {
        self.told[usize::from(change)] = Told::Refused;
        self.processes[process].next += 1;
        self.processes[process].step = Step::Idle;
    }

    /// The handle is out of use: its owner closes it, and what it left is swept like that of the dead.
    pub(crate) fn fail_handle(&mut self, process: usize, change: u8) {
        self.refuse(process, change);
        self.die(process);
    }

    /// Whether relaxed changes wait to become durable.
    pub(crate) fn relaxed_wait(&self) -> bool {
        usize::from(self.index.durable) < self.index.applied.len()
    }

    /// The changes in the journal.
    pub(crate) fn changes(&self) -> Vec<u8> {
        self.journal.iter().map(|group| group.change).collect()
    }

    /// The position of a number: the epochs that began up to it.
    pub(crate) fn epoch(&self, number: usize) -> u8 {
        self.journal[..number].iter().filter(|group| group.change == NEW_EPOCH).count() as u8
    }

    /// Everyone who follows the feed sees what is durable, and counts on it.
    pub(crate) fn show_durable(&mut self) {
        for number in 1..=usize::from(self.index.durable).min(self.journal.len()) {
            let change = self.index.applied[number - 1];
            self.given.insert((self.epoch(number), number as u8, change));
            if let Some(told @ (Told::Nothing | Told::Relaxed)) = self.told.get_mut(usize::from(change)) {
                *told = Told::Durable;
            }
        }
    }

    /// Relaxed changes may be rolled back now, as was said.
    pub(crate) fn give_up_relaxed(&mut self) {
        self.told.iter_mut().filter(|told| **told == Told::Relaxed).for_each(|told| *told = Told::Nothing);
    }
}
