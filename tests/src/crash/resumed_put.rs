//! A put of a file outside, stopped at every step, that is gone on with: what the object holds is the file as it was read by the
//! attempt that was committed, and what goes on with another file never writes into what was committed.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hsm_core::file::Disk as _;
use hsm_core::monitor::{Monitor, Progress};
use hsm_core::object::{ActionSpec, ObjectId};
use hsm_core::testing::Mutant;
use hsm_core::{RunOptions, Store};

use super::Report;
use super::mutants::check_with;
use super::run::{Count, Failure};
use super::states::each_left;
use super::world::{Base, STORE, Shape, World, bytes};
use crate::audit::{self, Strictness, Verdict};

const NAME: &str = "put of a file outside, gone on with";
/// Random choices of what survives, for each step.
const SEEDS: u64 = 1;
const OBJECT: ObjectId = ObjectId([9; 16]);
/// Of the file: a run, which is written on the way, and what follows it.
const LEN: usize = (1 << 20) + 5000;

/// Stops at every step of a put of a file outside, and goes on.
pub fn resumed_puts(report: &mut Report) {
    let mut count = Count { name: NAME.to_owned(), steps: 0, process: 0, power: 0, distinct: 0 };
    report.failures.extend(check_with(None, NAME, || every_step(&mut count)));
    report.counts.push(count);
}

/// The same, with a mistake.
pub(super) fn with(mutant: Option<Mutant>) -> Option<Failure> {
    let mut count = Count { name: String::new(), steps: 0, process: 0, power: 0, distinct: 0 };
    check_with(mutant, NAME, || every_step(&mut count))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: impl ToString) -> String {
    error.to_string()
}

fn every_step(count: &mut Count) -> Result<(), (String, String)> {
    let begun = |message: String| (String::new(), message);
    let base = Base::with_cast(Shape::Roomy).map_err(|error| begun(text(error)))?;
    let directory = tempfile::tempdir().map_err(|error| begun(text(error)))?;
    let from = directory.path().join("from");
    let mut world = submitted(&base, &from).map_err(begun)?;
    let first = world.disk.labels().len();
    run(world.store()).map_err(begun)?;
    let labels = world.disk.labels()[first..].to_vec();
    check(&mut world, &from).map_err(begun)?;
    count.steps = labels.len() as u64;
    for (step, label) in labels.iter().enumerate() {
        let failed = |message| (format!("before {step}: {label}"), message);
        stop_at(&base, &from, step as u64, count).map_err(failed)?;
    }
    Ok(())
}

fn stop_at(base: &Base, from: &Path, step: u64, count: &mut Count) -> Verdict<()> {
    let mut world = submitted(base, from)?;
    world.disk.stop_at(step);
    if let Err(error) = run(world.store())
        && !world.disk.is_stopped()
    {
        return Err(error);
    }
    each_left(&mut world, SEEDS, count, |left| reopen_and_check(left, from))
}

/// A store in which the put is submitted.
fn submitted(base: &Base, from: &Path) -> Verdict<World> {
    let mut world = base.world().map_err(text)?;
    world.open().map_err(text)?;
    fs::write(from, bytes(20, LEN)).map_err(text)?;
    world.store().submit(&ActionSpec::put(OBJECT, from, 0)).map_err(text)?;
    Ok(world)
}

fn run(store: &Store) -> Verdict<()> {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).map(drop).map_err(text)
}

fn reopen_and_check(world: &mut World, from: &Path) -> Verdict<()> {
    fs::write(from, bytes(20, LEN)).map_err(text)?;
    world.open().map_err(text)?;
    run(world.store())?;
    check(world, from)
}

/// Stops who runs actions once the first bytes were written.
struct Stopper;

impl Monitor for Stopper {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        if progress.bytes_done > 0 { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
    }
}

fn check(world: &mut World, from: &Path) -> Verdict<()> {
    let is = |world: &World, seed, what: &str| match world.store().get(OBJECT) {
        Ok(got) if got == bytes(seed, LEN) => Ok(()),
        Ok(_) => Err(format!("{what}, it has other bytes")),
        Err(error) => Err(format!("{what}: {error}")),
    };
    is(world, 20, "gone on with")?;
    // Once more, of a file that is another by now: nothing of the generation before is written over.
    fs::write(from, bytes(21, LEN)).map_err(text)?;
    let action = world.store().submit(&ActionSpec::put(OBJECT, from, 0)).map_err(text)?;
    let stopped = world.store().with_monitor(Arc::new(Stopper));
    if stopped.run(&RunOptions::until_idle(), &AtomicBool::new(false)).is_ok() {
        return Err("it was not stopped".to_owned());
    }
    is(world, 20, "while another file is put")?;
    run(world.store())?;
    is(world, 21, "put again")?;
    if !world.store().action(action).map_err(text)?.state.is_finished() {
        return Err("the action is not done".to_owned());
    }
    world.store().maintain().map_err(text)?;
    world.store().close().map_err(text)?;
    world.open().map_err(text)?;
    world.store().maintain().map_err(text)?;
    let view = audit::view(world.store())?;
    let model = audit::feed_adds_up(world.store(), &view)?;
    audit::stray(&world.disk, Path::new(STORE), &view, &model, Strictness::AfterMaintenance)?;
    match world.disk.read_dir(&Path::new(STORE).join("tiers/0/begun")) {
        Ok(left) if !left.is_empty() => Err(format!("{left:?} is left of a put that is done")),
        _ => Ok(()),
    }
}
