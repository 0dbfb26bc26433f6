//! The feed is read, and waited for, by programs in C (`c/replay.c`, `c/wake.c`).

use std::path::PathBuf;
use std::process::Command;

use super::c_program;
use super::{Also, Goal, NO_RIVAL, Row, Setup};
use crate::child::HeldChild;
use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::measure::{Side, Sides};
use crate::populated::{self, Ids};

/// How long a subscriber waits in vain, to see what that costs.
const IDLE_MS: usize = 3000;

pub(super) const REPLAY: Row = Row {
    name: "replay of 1 M events through C",
    unit: "events/s",
    goal: Goal::Rate(2e6),
    also: &[],
    rival_name: NO_RIVAL,
    needs: None,
    build: build_replay,
};

pub(super) const WAKE: Row = Row {
    name: "changes heard of in another process, one after the other",
    unit: "changes/s",
    goal: Goal::Rate(100.0),
    also: &[
        Also { name: "wake-up of another process, p99", unit: "ms", goal: Goal::AtMost(5.0) },
        Also { name: "a subscriber that waits, of a core", unit: "%", goal: Goal::AtMost(0.1) },
    ],
    rival_name: NO_RIVAL,
    needs: None,
    build: build_wake,
};

struct Replay {
    program: PathBuf,
    store: PathBuf,
    events_min: u64,
    child: Option<HeldChild>,
    read: u64,
}

fn build_replay(setup: &Setup) -> Result<Sides> {
    let store = populated::shared(&setup.shared_dir, setup.sizes.populated, Ids::Ours)?;
    let program = c_program::build(&setup.shared_dir, "benches/c/replay.c")?;
    let events_min = setup.sizes.populated as u64;
    Ok(Sides { ours: Box::new(Replay { program, store, events_min, child: None, read: 0 }), rival: None })
}

impl Side for Replay {
    fn prepare(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg(&self.store);
        self.child.insert(HeldChild::start(command)?).wait_ready()
    }

    fn run(&mut self) -> Result<f64> {
        let child = self.child.as_mut().ok_or_else(|| Error::new("replay", "no program runs"))?;
        child.go()?;
        let said = child.line()?;
        self.read = said.parse().context(|| format!("read \"{said}\" as a number of events"))?;
        Ok(self.read as f64)
    }

    fn clean(&mut self) -> Result<()> {
        if let Some(child) = self.child.take() {
            child.finish()?;
        }
        if self.read >= self.events_min {
            return Ok(());
        }
        Err(Error::new("trust the replay", format!("it has {} events", self.read)))
    }
}

struct Wake {
    program: PathBuf,
    dir: PathBuf,
    changes: usize,
    child: Option<HeldChild>,
    p99_us: f64,
    idle_ppm: f64,
}

fn build_wake(setup: &Setup) -> Result<Sides> {
    let program = c_program::build(&setup.shared_dir, "benches/c/wake.c")?;
    let (dir, changes) = (setup.row_dir.join("ours"), setup.sizes.wakes);
    let ours = Wake { program, dir, changes, child: None, p99_us: 0.0, idle_ppm: 0.0 };
    Ok(Sides { ours: Box::new(ours), rival: None })
}

impl Side for Wake {
    fn prepare(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg(&self.dir).arg(self.changes.to_string()).arg(IDLE_MS.to_string());
        self.child.insert(HeldChild::start(command)?).wait_ready()
    }

    fn run(&mut self) -> Result<f64> {
        let child = self.child.as_mut().ok_or_else(|| Error::new("wake", "no program runs"))?;
        child.go()?;
        let said = child.line()?;
        let figures: Vec<f64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [heard, p99_us, idle_ppm] = figures[..] else {
            return Err(Error::new("wake", format!("the program says \"{said}\"")));
        };
        // A percentile of 0 is a change that was heard of before its maker went on.
        (self.p99_us, self.idle_ppm) = (p99_us.max(1.0), idle_ppm.max(1.0));
        Ok(heard)
    }

    fn clean(&mut self) -> Result<()> {
        if let Some(child) = self.child.take() {
            child.finish()?;
        }
        filesystem::remove_dir(&self.dir)
    }

    fn also(&mut self) -> Vec<f64> {
        vec![self.p99_us / 1000.0, self.idle_ppm / 10_000.0]
    }
}
