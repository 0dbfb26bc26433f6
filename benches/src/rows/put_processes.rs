//! Many processes put durable batches of objects of 64 KiB into one store.
//!
//! How long a commit took, as each process sees it, is shown besides: the wait for the writer lock is a part of
//! it, and so never longer. Each process put a batch before the clock starts.
//!
//! A short round is 256 batches, 256 MiB a side, which a medium's own memory takes. A long one is ten times that: every 600
//! commits or so the log of the index is full, and one of them moves its pages into the index and syncs them there while all
//! others wait. A short round has none of those in it, and neither its 99th percentile nor its longest commit could be missed. But
//! how much a medium writes in a second then decides for both sides.

use std::path::PathBuf;

use super::{Also, Goal, Row, Setup};
use crate::child::HeldChild;
use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::measure::{Side, Sides};
use crate::ours::Ours;
use crate::worker::{self, BATCH_OBJECTS, OBJECT_BYTES};

/// How many times a short round a long one is.
const LONG_TIMES: usize = 10;
const RIVAL_NAME: &str = "plain files by as many processes, each fsynced, the directory after each batch";

pub(super) const EIGHT: Row = Row {
    name: "put 64 KiB, 8 processes, batches of 16",
    unit: "objects/s",
    goal: Goal::Ratio(3.0),
    also: &[
        Also { name: "8 processes: a commit, p99", unit: "ms", goal: Goal::AtMost(200.0) },
        Also { name: "8 processes: a commit, longest", unit: "ms", goal: Goal::NeverAbove(1000.0) },
    ],
    rival_name: RIVAL_NAME,
    needs: None,
    build: |setup| Ok(build(setup, 8, 1)),
};

pub(super) const EIGHT_LONG: Row = Row {
    name: "put 64 KiB, 8 processes, batches of 16, 2.5 GiB",
    unit: "objects/s",
    goal: Goal::Ratio(3.0),
    also: &[
        Also { name: "8 processes, 2.5 GiB: a commit, p99", unit: "ms", goal: Goal::AtMost(200.0) },
        Also { name: "8 processes, 2.5 GiB: a commit, longest", unit: "ms", goal: Goal::NeverAbove(1000.0) },
    ],
    rival_name: RIVAL_NAME,
    needs: None,
    build: |setup| Ok(build(setup, 8, LONG_TIMES)),
};

pub(super) const THIRTY_TWO: Row = Row {
    name: "put 64 KiB, 32 processes, batches of 16",
    unit: "objects/s",
    goal: Goal::Ratio(3.0),
    also: &[
        Also { name: "32 processes: a commit, p99", unit: "ms", goal: Goal::AtMost(200.0) },
        Also { name: "32 processes: a commit, longest", unit: "ms", goal: Goal::NeverAbove(1000.0) },
    ],
    rival_name: RIVAL_NAME,
    needs: None,
    build: |setup| Ok(build(setup, 32, 1)),
};

pub(super) const THIRTY_TWO_LONG: Row = Row {
    name: "put 64 KiB, 32 processes, batches of 16, 2.5 GiB",
    unit: "objects/s",
    goal: Goal::Ratio(3.0),
    also: &[
        Also { name: "32 processes, 2.5 GiB: a commit, p99", unit: "ms", goal: Goal::AtMost(200.0) },
        Also { name: "32 processes, 2.5 GiB: a commit, longest", unit: "ms", goal: Goal::NeverAbove(1000.0) },
    ],
    rival_name: RIVAL_NAME,
    needs: None,
    build: |setup| Ok(build(setup, 32, LONG_TIMES)),
};

struct Processes {
    side: &'static str,
    dir: PathBuf,
    count: usize,
    batches: usize,
    children: Vec<HeldChild>,
    took_us: Vec<u64>,
}

fn build(setup: &Setup, processes: usize, times: usize) -> Sides {
    let side = |side| -> Box<dyn Side> {
        let (dir, batches) = (setup.row_dir.join(side), setup.sizes.process_batches * times / processes);
        Box::new(Processes {
            side,
            dir,
            count: processes,
            batches,
            children: Vec::new(),
            took_us: Vec::new(),
        })
    };
    Sides { ours: side("ours"), rival: Some(side("files")) }
}

impl Processes {
    fn objects(&self) -> usize {
        self.count * self.batches * BATCH_OBJECTS
    }

    /// With those of the batches before the clock starts.
    fn put_in_all(&self) -> usize {
        self.count * (self.batches + 1) * BATCH_OBJECTS
    }
}

impl Side for Processes {
    fn prepare(&mut self) -> Result<()> {
        if self.side == "ours" {
            drop(Ours::create(&self.dir)?);
        } else {
            filesystem::create_dir(&self.dir)?;
        }
        for _ in 0..self.count {
            let command = worker::command(&["put", self.side], &self.dir, &[self.batches])?;
            self.children.push(HeldChild::start(command)?);
        }
        self.children.iter_mut().try_for_each(HeldChild::wait_ready)
    }

    fn run(&mut self) -> Result<f64> {
        self.children.iter_mut().try_for_each(HeldChild::go)?;
        self.took_us.clear();
        for child in &mut self.children {
            let said = child.line()?;
            for word in said.split(' ') {
                self.took_us.push(word.parse().context(|| format!("read \"{said}\" as times"))?);
            }
        }
        Ok(self.objects() as f64)
    }

    fn clean(&mut self) -> Result<()> {
        self.children.drain(..).try_for_each(HeldChild::finish)?;
        if self.side == "ours" {
            let objects = Ours::open(&self.dir)?.objects_on(0)?;
            if objects != self.put_in_all() as u64 {
                return Err(Error::new("trust the processes", format!("they put {objects} objects")));
            }
        } else {
            let length = (self.put_in_all() * OBJECT_BYTES) as u64;
            filesystem::check_length("the files", filesystem::total_bytes(&self.dir)?, length)?;
        }
        filesystem::remove_dir(&self.dir)
    }

    fn also(&mut self) -> Vec<f64> {
        self.took_us.sort_unstable();
        let ms = |at: usize| self.took_us.get(at).map_or(0.0, |took_us| *took_us as f64 / 1000.0);
        let last = self.took_us.len().saturating_sub(1);
        vec![ms(last * 99 / 100), ms(last)]
    }
}
