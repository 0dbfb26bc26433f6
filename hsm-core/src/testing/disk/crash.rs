//! The disk at the moment of a crash, and the disks that can come out of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::SimDisk;
use super::random::Random;
use super::storage::{Change, Storage};

/// What a medium writes whole or not at all, in bytes.
const SECTOR_BYTES: u64 = 512;

/// Which pending changes survive a power loss. Numbers are positions in [`CrashImage::pending`]; one beyond
/// the end names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Only what was synced.
    None,
    /// Everything, as if all had been synced.
    All,
    /// Only this one.
    Only(usize),
    /// All but this one.
    AllBut(usize),
    /// Those before this one.
    First(usize),
    /// Everything, but writes to one file between two changes of its length in reverse: where they overlap
    /// the oldest wins.
    Reversed,
    /// Those before `at`, and of `at`, if it is a write, a part.
    Torn {
        /// The write that is torn.
        at: usize,
        /// What is left of it.
        tear: Tear,
    },
    /// A random subset, some of its writes torn by sectors; the same for the same seed.
    Random(u64),
}

/// What is left of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// Its first bytes.
    Prefix(usize),
    /// Those of its sectors (512 bytes, counted from the start of the file) whose number modulo 64 is the
    /// position of a set bit.
    Sectors(u64),
}

/// A change that a power loss may take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingStep {
    /// The label of its operation. A rename across directories has two steps under one label.
    pub label: String,
    /// The bytes it writes, if it is a write.
    pub write: Option<Range<u64>>,
}

/// A disk at one moment. Cheap to clone and to restart from.
#[derive(Debug, Clone)]
pub struct CrashImage {
    storage: Arc<Storage>,
}

impl CrashImage {
    pub(super) fn new(storage: &Storage) -> Self {
        let mut storage = storage.clone();
        forget_what_no_name_can_reach(&mut storage);
        Self { storage: Arc::new(storage) }
    }

    /// The changes that were not synced, in the order in which they were made. Those of files and
    /// directories that no choice could bring back are left out.
    pub fn pending(&self) -> Vec<PendingStep> {
        let step = |pending: &super::storage::Pending| PendingStep {
            label: pending.label.to_string(),
            write: match &pending.change {
                Change::Write { offset, bytes, .. } => Some(*offset..offset + bytes.len() as u64),
                _ => None,
            },
        };
        self.storage.pending.iter().map(step).collect()
    }

    /// The process died, the kernel lives: everything done is there, and still pending; locks are gone; the
    /// boot is the same, the process another.
    pub fn process_crash(&self) -> SimDisk {
        let mut storage = Storage::clone(&self.storage);
        storage.restart_process();
        SimDisk::over(storage)
    }

    /// The machine lost its power: what was synced is there, and of the pending changes what `keep` says.
    /// Nothing is pending; the boot is another.
    pub fn power_loss(&self, keep: Keep) -> SimDisk {
        let mut storage = Storage::clone(&self.storage);
        let mut durable = storage.durable.clone();
        for change in self.survivors(keep) {
            change.apply(&mut durable);
        }
        storage.restart_machine(durable);
        SimDisk::over(storage)
    }

    fn survivors(&self, keep: Keep) -> Vec<Change> {
        let changes = self.storage.pending.iter().map(|pending| pending.change.clone());
        let numbered = changes.clone().enumerate();
        let chosen = |keeps: &dyn Fn(usize) -> bool| {
            numbered.clone().filter(|(number, _)| keeps(*number)).map(|(_, change)| change).collect()
        };
        match keep {
            Keep::None => Vec::new(),
            Keep::All => changes.collect(),
            Keep::Only(wanted) => chosen(&|number| number == wanted),
            Keep::AllBut(lost) => chosen(&|number| number != lost),
            Keep::First(count) => chosen(&|number| number < count),
            Keep::Reversed => reversed(changes.collect()),
            Keep::Torn { at, tear } => {
                let mut kept: Vec<Change> = chosen(&|number| number < at);
                kept.extend(changes.clone().nth(at).into_iter().flat_map(|change| torn(&change, tear)));
                kept
            }
            Keep::Random(seed) => {
                let mut random = Random(seed);
                let mut kept = Vec::new();
                for change in changes {
                    match (random.one_in(2), &change) {
                        (true, Change::Write { .. }) if random.one_in(3) => {
                            kept.extend(torn(&change, Tear::Sectors(random.next())));
                        }
                        (true, _) => kept.push(change),
                        (false, _) => {}
                    }
                }
                kept
            }
        }
    }
}

fn torn(change: &Change, tear: Tear) -> Vec<Change> {
    let Change::Write { offset, bytes, .. } = change else { return Vec::new() };
    let len = bytes.len();
    match tear {
        Tear::Prefix(kept) => change.part(0..kept.min(len)).into_iter().collect(),
        Tear::Sectors(mask) => {
            let end = offset + len as u64;
            let sectors = offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES);
            let part = |sector: u64| {
                let start = (sector * SECTOR_BYTES).max(*offset) - offset;
                let stop = ((sector + 1) * SECTOR_BYTES).min(end) - offset;
                change.part(start as usize..stop as usize)
            };
            sectors.filter(|sector| mask >> (sector % 64) & 1 == 1).filter_map(part).collect()
        }
    }
}

fn reversed(mut changes: Vec<Change>) -> Vec<Change> {
    let mut runs: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut swaps = Vec::new();
    for (position, change) in changes.iter().enumerate() {
        match change {
            Change::Write { inode, .. } => runs.entry(*inode).or_default().push(position),
            Change::SetLen { inode, .. } => swaps.extend(runs.remove(inode)),
            Change::Name(_) => {}
        }
    }
    swaps.extend(runs.into_values());
    for run in swaps {
        for nth in 0..run.len() / 2 {
            changes.swap(run[nth], run[run.len() - 1 - nth]);
        }
    }
    changes
}

/// Drops pending changes of what has no durable name and will not get one by any choice, so that a test that
/// tries every choice does not try those that make no difference.
fn forget_what_no_name_can_reach(storage: &mut Storage) {
    let mut names = Vec::new();
    for pending in &storage.pending {
        if let Change::Name(change) = &pending.change {
            names.push(change);
        }
    }
    let reachable = storage.durable.reachable(&names);
    storage.pending.retain(|pending| match &pending.change {
        Change::Name(change) => reachable.contains(&change.directory()),
        Change::Write { inode, .. } | Change::SetLen { inode, .. } => reachable.contains(inode),
    });
}
