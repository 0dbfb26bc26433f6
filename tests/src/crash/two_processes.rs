//! Two processes on one store: one dies in the middle of a verb, the other goes on.
//!
//! The other has the store open before. It works behind that death, or while the first is at the step where it dies; then
//! it finds of the verb the old state or the new, what it was told is done stays done after a power loss, and
//! whoever opens the store last finds what it left and nothing of the dead.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hsm_core::object::{ActionState, ObjectId};
use hsm_core::testing::disk::Keep;
use hsm_core::{
    ActionQuery, CheckOptions, CompactOptions, Durability, PutOptions, Ran, RunOptions, ScrubOptions, Store,
};

use super::check::{self, Expected, open_and_look};
use super::index_file::IndexFiles;
use super::run::{Count, Failure, Reference, Runner};
use super::verbs::{Verb, act, verbs};
use super::world::{Base, STORE, Shape, World, blocks, bytes};
use super::{Effort, Report};
use crate::audit::{self, Strictness, Verdict, View};

/// How often a step looks whether the other is done, and how long it waits between two looks.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_micros(200);

/// Actions that the other runs too. Not those that put: the generation of a new object is a number that the claims of
/// both went before, so it is another than without a death.
const RUN_BY_BOTH: [&str; 2] = [act::RUN, act::RUN_IN_ORDER];

/// When the other works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Works {
    /// Once the first is dead.
    Behind,
    /// While the first is at its last step. Where that holds what the other waits for, it goes on behind the death.
    Meanwhile,
}

/// Stops one of two processes at steps of each verb that has `part` in its name: at every one in a thorough run, else at
/// every seventh.
pub fn two_processes(effort: Effort, part: &str, report: &mut Report) {
    let stride = if effort.seeds < 8 { 7 } else { 1 };
    // Those that open a store are at one with a disk of their own.
    let tried = verbs().into_iter().filter(|verb| !verb.fresh && !verb.name.starts_with("open"));
    let tried = tried.filter(|verb| verb.name.contains(part));
    let jobs: Vec<(usize, Verb)> = tried.enumerate().collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..effort.threads {
            scope.spawn(|| {
                while let Some((at, verb)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = each_step(verb, at % stride, stride);
                    done.lock().expect("no thread panics while it holds this").push((*at, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics while it holds this");
    done.sort_by_key(|(at, _)| *at);
    for (_, (count, failure)) in done {
        report.counts.push(count);
        report.failures.extend(failure);
    }
}

/// Stops it at these steps, up to the first at which a check fails.
fn each_step(verb: &Verb, first: usize, stride: usize) -> (Count, Option<Failure>) {
    let name = format!("{}, another goes on", verb.name);
    let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
    let failed = |step: String, state: String, message| Failure { name: name.clone(), step, state, message };
    let base = IndexFiles::shared().map_err(|error| error.to_string());
    let base = base.and_then(|index| {
        Base::with_index_file(Shape::Roomy, index)
            .map_err(|error| error.to_string())
            .map(Base::standing_still)
    });
    let prepared = base.and_then(|base| {
        let runner = Runner { base: &base, seeds: 0, mutant: None, stop_at_first: false };
        let reference = runner.reference(verb)?;
        Ok((base, reference))
    });
    let (base, reference) = match prepared {
        Ok(prepared) => prepared,
        Err(message) => return (count, Some(failed(String::new(), "undisturbed".to_owned(), message))),
    };
    let runner = Runner { base: &base, seeds: 0, mutant: None, stop_at_first: false };
    for step in (first..reference.labels.len()).step_by(stride) {
        count.steps += 1;
        for works in [Works::Behind, Works::Meanwhile] {
            let outcome = one(&runner, verb, &reference, step as u64, works, &mut count);
            if let Err(message) = outcome {
                let label = &reference.labels[step];
                let failure = failed(format!("before {step}: {label}"), format!("{works:?}"), message);
                return (count, Some(failure));
            }
        }
    }
    (count, None)
}

fn one(
    runner: &Runner<'_>,
    verb: &Verb,
    reference: &Reference,
    step: u64,
    works: Works,
    count: &mut Count,
) -> Verdict<()> {
    let mut first = runner.begin(verb)?;
    let mut other = first.beside();
    other.open().map_err(|error| format!("the other cannot open: {error}"))?;
    let work = work_of(verb, step);
    let thread = Arc::new(Mutex::new(None));
    match works {
        Works::Behind => first.disk.stop_at(step),
        Works::Meanwhile => work_at(&first, other.store().clone(), work, step, thread.clone()),
    }
    let mut acknowledged = 0;
    for act in &verb.acts {
        match (act.run)(&mut first) {
            Ok(()) => acknowledged += 1,
            Err(_) if first.disk.is_stopped() => break,
            Err(error) => return Err(format!("it fails: {error}")),
        }
    }
    first.disk.stop();
    first.disk.clear_failures();
    first.store = None;
    let under_way: Option<JoinHandle<hsm_core::Result<ObjectId>>> =
        thread.lock().map_err(|_| "the other panicked")?.take();
    let put = match under_way {
        Some(thread) => thread.join().map_err(|_| "the other panicked")?,
        // It dies elsewhere, or went a shorter way beside the other.
        None => work(other.store()),
    };
    let put = put.map_err(|error| format!("the other cannot go on: {error}"))?;
    if RUN_BY_BOTH.contains(&verb.name) {
        all_ended(other.store())?;
    }
    let found = audit::view(other.store())?;
    is_possible(verb, reference, &found, put, acknowledged, acknowledged)?;
    audit::feed_adds_up(other.store(), &found)?;
    count.process += 1;
    // What the other was told survives a power loss, and so does what the first was told for sure.
    let image = other.disk.crash();
    let index = || other.index.as_ref().map(IndexFiles::copy).transpose().map_err(|error| error.to_string());
    for keep in [Keep::None, Keep::All, Keep::Random(step)] {
        count.power += 1;
        count.distinct += 1;
        let mut after = World::after(&other, image.power_loss(keep), index()?);
        let (found, model) = open_and_look(&mut after, &format!("power loss, {keep:?}"))?;
        is_possible(verb, reference, &found, put, acknowledged, verb.durable(acknowledged))
            .map_err(|wrong| format!("power loss, {keep:?}: {wrong}"))?;
        audit::stray(&after.disk, Path::new(STORE), &found, &model, Strictness::AfterOpen)
            .map_err(|wrong| format!("power loss, {keep:?}: {wrong}"))?;
        after.store().close().map_err(|error| format!("power loss, {keep:?}: {error}"))?;
    }
    other.store().close().map_err(|error| format!("the other cannot close: {error}"))?;
    other.store = None;
    let (views, index) = ([found], index()?);
    let (whole, by_outline) = (true, false);
    let expected = Expected {
        views: &views,
        bytes: &views[0].bytes,
        least: 0,
        most: 0,
        whole,
        between: &[],
        by_outline,
    };
    check::check(&other, other.disk.crash().process_crash(), index, &expected)
}

/// Lets the other work while the first is at that step, and the first die there.
fn work_at(
    first: &World,
    other: Store,
    work: Work,
    step: u64,
    thread: Arc<Mutex<Option<JoinHandle<hsm_core::Result<ObjectId>>>>>,
) {
    let seen = AtomicU64::new(0);
    let is_due =
        move |label: &str| !label.starts_with("read ") && seen.fetch_add(1, Ordering::Relaxed) == step;
    let disk = first.disk.clone();
    first.disk.delay_next(is_due, move || {
        let working = std::thread::spawn(move || work(&other));
        for _ in 0..LOOKS {
            if working.is_finished() {
                break;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        disk.stop();
        if let Ok(mut thread) = thread.lock() {
            *thread = Some(working);
        }
    });
}

/// What the other does: in the end it puts an object, which it returns.
type Work = fn(&Store) -> hsm_core::Result<ObjectId>;

/// The same kind of work where that is what two may do at the same time to the same things; else a change of its own.
fn work_of(verb: &Verb, step: u64) -> Work {
    if verb.name.contains("compact") {
        return |store| store.compact(&CompactOptions::default(), |_| Ok(())).and_then(|_| put(store, 300));
    }
    if verb.name.contains("maintain") {
        return |store| store.maintain().and_then(|_| put(store, 9000));
    }
    if verb.name.contains("scrub") {
        return |store| {
            let options = ScrubOptions { tier: Some(0), ..ScrubOptions::default() };
            store.scrub(&options, |_| Ok(())).and_then(|_| put(store, 300))
        };
    }
    if RUN_BY_BOTH.contains(&verb.name) {
        return |store| run(store).and_then(|_| put(store, 300));
    }
    match step % 4 {
        0 => |store| put(store, 300),
        1 => |store| put(store, 9000),
        // Nothing of the dead, nor of the living, is a stray.
        2 => |store| {
            store.check_all(&CheckOptions { remove_strays: true }, |_| Ok(())).and_then(|_| put(store, 300))
        },
        _ => |store| {
            let relaxed = PutOptions { durability: Durability::Relaxed, ..blocks() };
            let put = store.put(&bytes(160, 9000), &relaxed)?;
            store.sync().map(|_| put.id)
        },
    }
}

fn run(store: &Store) -> hsm_core::Result<Ran> {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false))
}

/// Every action ends, those too that the dead had claimed.
fn all_ended(store: &Store) -> Verdict<()> {
    let text = |error: hsm_core::Error| error.to_string();
    let ran = run(store).map_err(text)?; // The first may have been alive while the other ran them.
    let all = store.actions(&ActionQuery::default(), 0, usize::MAX).map_err(text)?;
    match all.iter().find(|action| action.state != ActionState::Done) {
        Some(action) => Err(format!("behind {ran:?} an action is left: {action:?}")),
        None => Ok(()),
    }
}

fn put(store: &Store, len: usize) -> hsm_core::Result<ObjectId> {
    store.put(&bytes(160, len), &blocks()).map(|put| put.id)
}

/// Whether a store is, beside what the other put, what so many acts can have made of it.
fn is_possible(
    verb: &Verb,
    reference: &Reference,
    found: &View,
    put: ObjectId,
    acknowledged: usize,
    least: usize,
) -> Verdict<()> {
    let mut left = found.clone();
    if left.outlines.remove(&format!("object {put}")).is_none() {
        return Err("what the other put is not there".to_owned());
    }
    let mut expected = reference.expect(verb, acknowledged, least);
    // Both worked, so numbers and places are others; and each object may have been done by either.
    let both = ["compact", "maintain", "scrub", "run actions"].iter().any(|kind| verb.name.contains(kind));
    expected.whole &= !both;
    expected.check_outlines(&left)
}
