//! Recalls from a delayed tier: submitted, waited for and copied, one read a tape; and all called off.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use hsm_core::object::{ActionSpec, Delay, ObjectId, TierConfig};
use hsm_core::{ActionQuery, PutOptions, RunOptions};

use super::store::StoreInDir;
use super::{Also, Goal, NO_RIVAL, Row, Setup};
use crate::error::{Context, Error, Result};
use crate::measure::{Side, Sides};
use crate::payloads::Payloads;

/// The tier with the tapes.
const TAPE: u8 = 4;
/// Objects in a batch.
const BATCH: usize = 1000;
/// One recall in so many is of a neighbour, the others of one object.
const NEIGHBOURS: usize = 10;

pub(super) const ROW: Row = Row {
    name: "10 k recalls of one object and 1000 neighbours on tape",
    unit: "recalls/s",
    goal: Goal::Rate(1000.0),
    also: &[
        Also { name: "10 k recalls that wait, all called off", unit: "s", goal: Goal::NeverAbove(1.0) },
        Also { name: "reads of tapes for 10 k recalls", unit: "reads", goal: Goal::NeverAbove(4.0) },
    ],
    rival_name: NO_RIVAL,
    needs: None,
    build,
};

struct Recalls {
    store: StoreInDir,
    payloads: Payloads,
    many: usize,
    ids: Vec<ObjectId>,
    called_off: Duration,
    fetches: u64,
}

fn build(setup: &Setup) -> Result<Sides> {
    let ours = Recalls {
        store: StoreInDir::new(setup.row_dir.join("ours")),
        payloads: Payloads::random()?,
        many: setup.sizes.recalls,
        ids: Vec::new(),
        called_off: Duration::ZERO,
        fetches: 0,
    };
    Ok(Sides { ours: Box::new(ours), rival: None })
}

impl Recalls {
    fn specs(&self, target: u8) -> Vec<ActionSpec> {
        let object = |nth: usize| if nth.is_multiple_of(NEIGHBOURS) { nth / NEIGHBOURS } else { 0 };
        let spec = |nth| ActionSpec::recall(self.ids[object(nth) % self.ids.len()], target);
        (0..self.many).map(spec).collect()
    }

    fn run_until_idle(&self) -> Result<u64> {
        let run = self.store.get()?.store().run(&RunOptions::until_idle(), &AtomicBool::new(false));
        Ok(run.context(|| "run recalls".into())?.done)
    }

    /// Puts new objects on tapes that nobody has mounted.
    fn put_on_tape(&mut self, mount_ms: u64) -> Result<()> {
        self.set_mount_ms(mount_ms)?;
        let options = PutOptions { tier: Some(TAPE), ..PutOptions::default() };
        let payloads: Vec<&[u8]> = (0..BATCH).map(|nth| self.payloads.get(nth)).collect();
        self.ids =
            self.store.get()?.put_batch_with(payloads.into_iter().map(|payload| (payload, &options)))?;
        // Another handle knows of no tape that is mounted.
        self.store.close()?;
        self.store.open()
    }

    fn set_mount_ms(&self, mount_ms: u64) -> Result<()> {
        let store = self.store.get()?.store();
        let action = || "change the tape tier".to_owned();
        let config: TierConfig = store.tier(TAPE).context(action)?.config;
        let delay = Delay { latency_ms: 0, mount_ms, seek_ms: 0, ..Delay::tape() };
        store.change_tier(&config.delayed(delay)).context(action)
    }
}

impl Side for Recalls {
    fn prepare(&mut self) -> Result<()> {
        self.store.open()?;
        self.put_on_tape(1)
    }

    fn run(&mut self) -> Result<f64> {
        let specs = self.specs(0);
        self.store.get()?.store().submit_all(specs).context(|| "submit recalls".into())?;
        let mut done = 0;
        while done < self.many as u64 {
            done += self.run_until_idle()?;
        }
        Ok(done as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let store = self.store.get()?.store();
        let counts = store.delayed_counts(TAPE).context(|| "count what was fetched".into())?;
        self.fetches = counts.unwrap_or_default().fetches;
        // Others than those that were recalled, so that all have to wait.
        self.put_on_tape(3_600_000)?;
        let store = self.store.get()?.store();
        store.submit_all(self.specs(0)).context(|| "submit recalls".into())?;
        self.run_until_idle()?;
        let begin = Instant::now();
        let off = store.cancel_all(&ActionQuery::default()).context(|| "call all recalls off".into())?;
        self.called_off = begin.elapsed();
        if off != self.many as u64 {
            return Err(Error::new("trust the recalls", format!("{off} of {} waited", self.many)));
        }
        self.store.remove()
    }

    fn also(&mut self) -> Vec<f64> {
        vec![self.called_off.as_secs_f64(), self.fetches as f64]
    }
}
