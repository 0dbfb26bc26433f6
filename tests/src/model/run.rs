//! Runs steps on a store, with the model beside it.

mod check;
mod data;
mod upkeep;

use std::any::Any;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hsm_core::clock::Clock as _;
use hsm_core::object::{Attributes, DatasetId, Delay, Name, ObjectId, Position, TierConfig, TierIndex};
use hsm_core::testing::clock::ManualClock;
use hsm_core::{Reader, Store, StoreOptions};
use tempfile::TempDir;

use super::fold::Folded;
use super::state::{Answer, State};
use super::step::{Key, Step, Update};

/// When the clock begins.
const BEGIN_NS: i64 = 1_700_000_000_000_000_000;
/// How long removed objects stay.
const GRACE: Duration = Duration::from_hours(1);
/// Steps between two looks at every content.
const STEPS_A_READING: usize = 8;
/// Readers held open at once.
const HELD_MAX: usize = 4;
/// The tier whose copies may lie on tapes, and how those are brought.
const TAPES: TierIndex = 1;
const DELAY: Delay = Delay { latency_ms: 1, mount_ms: 1, seek_ms: 1, readable_ms: 60_000, drives: 1 };
/// Ids that callers choose.
const CHOSEN_IDS: u8 = 3;

/// Where the store lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In a directory.
    InFiles,
    /// In a directory; what lies on one of the tiers lies on tapes.
    OnTapes,
    /// In memory; such a store cannot be opened twice.
    InMemory,
}

/// A store, the model of it, and the feed folded.
#[derive(Debug)]
pub struct Run {
    kept: Kept,
    scratch: TempDir,
    clock: Arc<ManualClock>,
    /// Handles of this process; the second is opened when it is first used.
    stores: [Option<Store>; 2],
    current: usize,
    /// While these are held, no handle waits for a tape.
    without_delays: Vec<Box<dyn Any>>,
    state: State,
    folded: Folded,
    /// Ids that ever were, and some that may never be.
    known: Vec<ObjectId>,
    held: Vec<(Reader, Vec<u8>)>,
    /// Roots made so far: none is used twice.
    roots: u32,
    steps: usize,
    /// Objects that compactions moved.
    compacted: u64,
    /// Reads of what was not recalled.
    offline: u64,
}

/// The tier of an index, whenever it is made.
fn tier_config(kept: Kept, index: TierIndex, root: String) -> TierConfig {
    let pack_threshold_bytes = [16 << 10, 0, 64 << 10, 4096, 1 << 20][usize::from(index) % 5];
    let capacity_bytes = if index == 2 { 1 << 20 } else { 0 };
    let config = TierConfig {
        pack_threshold_bytes,
        capacity_bytes,
        pack_size_bytes: 4096,
        ..TierConfig::posix(index, root)
    };
    if kept == Kept::OnTapes && index == TAPES { config.delayed(DELAY) } else { config }
}

fn attribute(number: u8) -> String {
    format!("attribute {number}")
}

fn value(number: u8) -> Vec<u8> {
    vec![number; usize::from(number) * 100]
}

fn updates(updates: &[Update]) -> Vec<(String, Option<Vec<u8>>)> {
    updates.iter().map(|(name, new)| (attribute(*name), new.map(value))).collect()
}

/// Compares an answer with what the model answers.
#[track_caller]
fn same<T: PartialEq + Debug>(actual: hsm_core::Result<T>, predicted: Answer<T>) {
    match (actual, predicted) {
        (Ok(actual), Ok(predicted)) => assert_eq!(actual, predicted, "the answer (left) is not the model's"),
        (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "the error is not the model's: {error}"),
        (Err(error), Ok(predicted)) => panic!("failed, where the model answers {predicted:?}: {error}"),
        (Ok(actual), Err(kind)) => panic!("answered {actual:?}, where the model fails with {kind:?}"),
    }
}

impl Run {
    /// A new store.
    pub fn new(kept: Kept) -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(ManualClock::new(BEGIN_NS, 7));
        let mut run = Self {
            kept,
            scratch,
            clock,
            stores: [None, None],
            current: 0,
            without_delays: Vec::new(),
            state: State {
                epoch: 1,
                grace_ns: GRACE.as_nanos() as i64,
                now_ns: BEGIN_NS,
                ..State::default()
            },
            folded: Folded::default(),
            known: (1..=CHOSEN_IDS).map(|seed| ObjectId([seed; 16])).collect(),
            held: Vec::new(),
            roots: 0,
            steps: 0,
            compacted: 0,
            offline: 0,
        };
        run.stores[0] = Some(run.open());
        for usage in run.store().tiers().expect("tiers") {
            run.state.tiers.insert(usage.config.index, usage.config);
            run.state.number += 1;
        }
        // When an access is written down is a matter of time and memory, not of the steps: see tests/accesses.rs.
        run.store().set_access_staleness(None).expect("the setting is changed");
        run.state.number += 1;
        run.state.durable = run.state.number;
        run.check();
        run
    }

    fn directory(&self) -> PathBuf {
        self.scratch.path().join("store")
    }

    fn open(&mut self) -> Store {
        let tiers = (0..3).map(|index| tier_config(self.kept, index, format!("tiers/{index}"))).collect();
        let options = StoreOptions::new()
            .grace(GRACE)
            .tiers(tiers)
            .clock(self.clock.clone())
            .segment_bytes(16 << 10)
            .reserve_bytes(64 << 10);
        let path = if self.kept == Kept::InMemory { PathBuf::from(":memory:") } else { self.directory() };
        let store = Store::open(path, &options).expect("the store opens");
        self.without_delays.push(Box::new(store.without_delays()));
        store
    }

    fn store(&self) -> Store {
        self.stores[self.current].clone().expect("the current handle is open")
    }

    /// The other handle, where there can be one.
    fn other_store(&self) -> Store {
        self.stores[1 - self.current].clone().unwrap_or_else(|| self.store())
    }

    fn object(&self, number: u8) -> ObjectId {
        self.known[usize::from(number) % self.known.len()]
    }

    fn dataset(&self, number: u8) -> DatasetId {
        let name = dataset_name(number);
        let found = self.state.datasets.iter().find(|(_, dataset)| dataset.name == name);
        found.map_or(DatasetId([number; 16]), |(id, _)| *id)
    }

    fn name(&self, (dataset, key): Key) -> Name {
        Name { dataset: self.dataset(dataset), key: key_bytes(key) }
    }

    fn note(&mut self, id: ObjectId) {
        if !self.known.contains(&id) {
            self.known.push(id);
        }
    }

    fn position(&self) -> Position {
        self.state.position()
    }

    /// Does one step, and compares.
    pub fn step(&mut self, step: &Step) {
        self.clock.advance(Duration::from_millis(1));
        self.state.now_ns = self.clock.now_ns();
        let touched = self.data_step(step).or_else(|| self.copy_step(step));
        if touched.is_none() {
            self.upkeep_step(step);
        }
        self.check();
        for id in touched.into_iter().flatten() {
            self.check_content(id);
        }
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_A_READING) {
            self.check_contents();
            self.check_tapes();
        }
    }

    /// How many objects compactions moved so far.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// How many reads found what they wanted on a tape.
    pub fn offline(&self) -> u64 {
        self.offline
    }

    /// Compares all there is, also after a last opening, and what lies on the roots.
    pub fn finish(mut self) {
        self.check_contents();
        if self.kept != Kept::InMemory {
            self.reopen(super::step::Reopen::Close);
            self.check();
            self.check_contents();
            self.check_roots();
        }
    }
}

fn dataset_name(number: u8) -> String {
    format!("dataset {number}")
}

fn key_bytes(number: u8) -> Vec<u8> {
    match number {
        0 => b"a".to_vec(),
        1 => b"a/b".to_vec(),
        2 => b"a/b/c".to_vec(),
        3 => b"b".to_vec(),
        4 => vec![0xff],
        5 => vec![0xff, 0xff, 1],
        6 => vec![b'a', 0xff],
        _ => vec![b'k'; 4096],
    }
}

fn no_attributes() -> Attributes {
    Attributes::new()
}
