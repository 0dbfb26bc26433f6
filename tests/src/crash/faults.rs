//! Any one operation on the disk that fails, is done in part or takes its time, under every verb, a disk of a tier that
//! is gone for a while, a store whose directory is older than its roots, and others that died or are at work.
//!
//! After it a handle that is still in use says what the store was before the verb or after it, or, where the verb does
//! each of several objects by itself, so of each; what it answered of each is true; and what failed can be done again
//! in that handle or in another. It can be closed, and another finds the same, takes objects, and is maintained,
//! without a repair by hand. Every copy is read by that, so none is lost on the way.

mod actions;
mod others;
mod outdated;
mod recovery;
mod slow;

pub use recovery::faults_of_recovery;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hsm_core::{Error, Kind, Store};

use super::Report;
use super::check::{self, Expected};
use super::run::{Count, Failure, Reference, Runner};
use super::verbs::{Verb, act, verbs};
use super::world::{Base, Shape, World};
use crate::audit::{self, Verdict, View};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// One operation is refused as a failing disk does.
    Failed,
    /// One operation finds no room.
    Full,
    /// One write finds no room behind its first half.
    Half,
    /// One read fails.
    Unread,
    /// From one operation on the disk of tier 0 answers nothing, until the verb is over.
    Gone,
    /// One operation takes so long that another thread puts an object meanwhile.
    Slow,
    /// Each call that reads or writes does only a part, and every other is interrupted.
    Short,
    /// The directory of the store is restored from before, and its roots have seen more.
    Outdated,
    /// One operation is refused while another handle has work under way, and what a third had is left by its death.
    Others,
}

impl Fault {
    /// Those of one handle, in a store that is in step with its roots.
    const ALL: [Self; 7] =
        [Self::Failed, Self::Full, Self::Half, Self::Unread, Self::Gone, Self::Slow, Self::Short];

    /// Whether it befalls the store, and no single step.
    fn is_of_the_store(self) -> bool {
        matches!(self, Self::Short | Self::Outdated)
    }

    fn kind(self) -> ErrorKind {
        if matches!(self, Self::Full | Self::Half) { ErrorKind::StorageFull } else { ErrorKind::Other }
    }

    /// Whether what failed at this step is tried again in the same handle; else a new one is opened at once. Each step
    /// has both, since some faults are alike.
    fn is_tried_again(self, step: u64) -> bool {
        step.is_multiple_of(2) == matches!(self, Self::Failed | Self::Unread | Self::Half | Self::Others)
    }
}

/// Every verb with every fault at every step; see [`faults_of_actions`] for the one that runs actions.
pub fn faults(threads: usize, report: &mut Report) {
    of_verbs(threads, &leads_to_one_end, &Fault::ALL, report);
}

/// Whether what a verb leads to is alike where it is done twice: a second try of one that moves the clock meets another
/// time.
fn leads_to_one_end(verb: &Verb) -> bool {
    !act::RUNS.contains(&verb.name) && !act::MOVE_THE_CLOCK.contains(&verb.name)
}

/// Whether a verb leaves alone what others put: a pin of all that there are does not.
fn is_of_its_own(verb: &Verb) -> bool {
    verb.name != "pin many, then unpin them"
}

/// Every verb in a store whose directory is older than its roots.
pub fn outdated_stores(threads: usize, report: &mut Report) {
    let is_meant = |verb: &Verb| leads_to_one_end(verb) && is_of_its_own(verb) && outdated::is_meant(verb);
    of_verbs(threads, &is_meant, &[Fault::Outdated], report);
}

/// Every verb with a fault at every step, beside a process that died and one that is at work.
pub fn faults_beside_others(threads: usize, report: &mut Report) {
    let is_meant = |verb: &Verb| leads_to_one_end(verb) && is_of_its_own(verb) && others::is_meant(verb);
    of_verbs(threads, &is_meant, &[Fault::Others], report);
}

/// The same of actions that run. Nothing of that is alike where it takes another time; and where a put begins is told by
/// the numbers before it, so those are left out.
pub fn faults_of_actions(threads: usize, report: &mut Report) {
    let faults = [Fault::Failed, Fault::Full, Fault::Half, Fault::Unread, Fault::Gone];
    of_verbs(threads, &|verb| act::RUNS.contains(&verb.name) && verb.name != act::RUN_PUT, &faults, report);
}

fn of_verbs(threads: usize, is_meant: &dyn Fn(&Verb) -> bool, faults: &[Fault], report: &mut Report) {
    let jobs: Vec<(Verb, Fault)> = verbs()
        .into_iter()
        .filter(|verb| !verb.fresh && is_meant(verb))
        .flat_map(|verb| faults.iter().map(move |fault| (verb.clone(), *fault)))
        .collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((verb, fault)) = jobs.get(at) else { return };
                    let outcome = each_step(verb, *fault);
                    done.lock().expect("no thread panics while it holds this").push((at, outcome));
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

/// Tries every step up to the first at which a check fails.
fn each_step(verb: &Verb, fault: Fault) -> (Count, Option<Failure>) {
    let name = format!("{}, {fault:?}", verb.name);
    let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
    let failed = try_steps(verb, fault, &mut count);
    let failure = failed.map(|(step, message)| Failure {
        name,
        step: format!("step {step}"),
        state: format!("{fault:?}"),
        message,
    });
    (count, failure)
}

fn try_steps(verb: &Verb, fault: Fault, count: &mut Count) -> Option<(u64, String)> {
    let base = if fault == Fault::Others { others::base() } else { Base::with_cast(Shape::Roomy) };
    let base = match base {
        // What is tried again after a fault is then the same as what went well.
        Ok(base) => base.standing_still(),
        Err(error) => return Some((0, error.to_string())),
    };
    let runner = Runner { base: &base, seeds: 0, mutant: None, stop_at_first: false };
    let reference = match runner.reference(verb) {
        Ok(reference) => reference,
        Err(wrong) => return Some((0, wrong)),
    };
    for step in 0.. {
        let done = match fault {
            _ if act::RUNS.contains(&verb.name) => actions::one(&runner, verb, &reference, fault, step),
            Fault::Slow => slow::one(&runner, verb, &reference, step),
            Fault::Short => short(&runner, verb, &reference).map(|()| true),
            Fault::Outdated => outdated::one(&runner, verb, &reference).map(|()| true),
            Fault::Others => others::one(&runner, verb, &reference, step),
            _ => one(&runner, verb, &reference, fault, step),
        };
        match done {
            Ok(true) => {}
            Ok(false) => return None, // It is over before: every step is done.
            Err(wrong) => return Some((step, wrong)),
        }
        count.steps += 1;
        count.process += 1;
        count.distinct += 1;
        if fault.is_of_the_store() {
            return None;
        }
    }
    None
}

/// The store in which the verb is to go wrong.
fn prepare(runner: &Runner<'_>, verb: &Verb) -> Verdict<World> {
    let mut world = runner.begin(verb)?;
    for act in &verb.acts[..verb.done] {
        (act.run)(&mut world).map_err(|error| error.to_string())?;
    }
    Ok(world)
}

/// What is done of the verb: how many acts, and why not the next.
fn go_on(verb: &Verb, world: &mut World) -> (usize, Option<Error>) {
    for (acknowledged, act) in verb.acts.iter().enumerate().skip(verb.done) {
        world.answers.clear();
        if let Err(error) = (act.run)(world) {
            return (acknowledged, Some(error));
        }
    }
    (verb.acts.len(), None)
}

/// Arranges the fault. The answer becomes true once it was met.
fn arrange(world: &World, fault: Fault, step: u64) -> Arc<AtomicBool> {
    let (seen, met) = (AtomicU64::new(0), Arc::new(AtomicBool::new(false)));
    let noted = met.clone();
    let of_tier = |label: &str| label.contains("store/tiers/0/");
    let is_due = move |label: &str| {
        if fault == Fault::Gone && !of_tier(label) {
            return false;
        }
        let number = seen.fetch_add(1, Ordering::Relaxed);
        let due = if fault == Fault::Gone { number >= step } else { number == step };
        noted.fetch_or(due, Ordering::Relaxed);
        due
    };
    match fault {
        Fault::Half => world.disk.fail_halfway(fault.kind(), is_due),
        Fault::Unread => world.disk.fail_reads(fault.kind(), is_due),
        Fault::Gone => {
            let gone = met.clone();
            world.disk.fail_every(fault.kind(), is_due);
            let is_read = move |label: &str| of_tier(label) && gone.load(Ordering::Relaxed);
            world.disk.fail_reads(fault.kind(), is_read);
        }
        _ => world.disk.fail_next(fault.kind(), is_due),
    }
    met
}

/// Runs the verb with the fault at one step. Whether that step was reached.
fn one(runner: &Runner<'_>, verb: &Verb, reference: &Reference, fault: Fault, step: u64) -> Verdict<bool> {
    let mut world = prepare(runner, verb)?;
    let met = arrange(&world, fault, step);
    let (acknowledged, failed) = go_on(verb, &mut world);
    world.disk.clear_failures();
    if !met.load(Ordering::Relaxed) {
        return failed.map_or(Ok(false), |error| Err(format!("it fails without a fault: {error}")));
    }
    let said = || failed.as_ref().map_or_else(String::new, |error| format!("behind {error}: "));
    if let Some(error) = &failed {
        check_answer(verb, error)?;
    }
    let mut expected = reference.expect(verb, acknowledged, verb.durable(acknowledged));
    expected.by_outline = !expected.whole;
    if fault == Fault::Unread && verb.name.contains("compact") {
        // It moves those objects that it can read, and says how many it could not.
        (expected.whole, expected.by_outline) = (false, true);
    }
    let mut again = None;
    if let Some(store) = world.store.clone().filter(|store| store.check().is_ok()) {
        let found = audit::view(&store).map_err(|wrong| said() + &wrong)?;
        expected.check(&found).map_err(|wrong| said() + &wrong)?;
        if failed.as_ref().is_some_and(|error| error.kind() != Kind::Closed) {
            check_each(&world, reference, &expected, &found).map_err(|wrong| said() + &wrong)?;
        }
        if failed.is_some() && store.position().is_ok() && fault.is_tried_again(step) {
            again = try_again(verb, &mut world, reference, acknowledged, &found)
                .map_err(|wrong| format!("{}tried again: {wrong}", said()))?;
        }
        close(&store).map_err(|wrong| said() + &wrong)?;
    }
    let Some(views) = again else {
        return check_next(&mut world, &expected).map_err(|wrong| said() + &wrong).map(|()| true);
    };
    let expected = settled(&views);
    check_next(&mut world, &expected).map_err(|wrong| format!("{}done again: {wrong}", said())).map(|()| true)
}

/// Whether an error is an answer to a fault.
fn check_answer(verb: &Verb, error: &Error) -> Verdict<()> {
    let expected = [Kind::Io, Kind::Full, Kind::Closed, Kind::Offline];
    // A copy is not dropped for another that could not be verified.
    let drops = verb.name.contains("release")
        || verb.name.starts_with("move to a tier that has")
        || verb.name.starts_with("batch, ");
    let is_kept = error.kind() == Kind::Refused && drops;
    // A snapshot that cannot be read back is not called whole.
    let is_unproved = error.kind() == Kind::Corrupt && verb.name.starts_with("snapshot");
    if expected.contains(&error.kind()) || is_kept || is_unproved {
        return Ok(());
    }
    Err(format!("{:?} is no answer to that: {error}", error.kind()))
}

/// Whether each object is what its own answer says.
fn check_each(world: &World, reference: &Reference, expected: &Expected<'_>, found: &View) -> Verdict<()> {
    let after = &reference.views[expected.most].outlines;
    let before = &reference.views[expected.most - 1].outlines;
    for (id, done) in &world.answers {
        let key = format!("object {id}");
        let wanted = if *done { after } else { before };
        if found.outlines.get(&key) != wanted.get(&key) {
            let said = if *done { "done" } else { "not done" };
            return Err(format!("{key} was said to be {said}: {:?}", found.outlines.get(&key)));
        }
    }
    Ok(())
}

/// Does once more what failed, in the same handle: it works now, and leads where it would have led.
fn try_again(
    verb: &Verb,
    world: &mut World,
    reference: &Reference,
    acknowledged: usize,
    found: &View,
) -> Verdict<Option<[View; 1]>> {
    let (before, after) = (&reference.views[acknowledged], &reference.views[acknowledged + 1]);
    let act = &verb.acts[acknowledged];
    // What happened though it failed need not work twice, such as a removal.
    if act.whole && found.entities != before.entities || verb.name == "batch, independent" {
        return Ok(None);
    }
    world.again = true;
    match (act.run)(world) {
        // The sync that failed was also that of relaxed changes: only a new open can tell what is true.
        Err(error) if error.kind() == Kind::Closed && verb.acts.iter().any(|act| act.relaxed) => {
            return Ok(None);
        }
        done => done.map_err(|error| error.to_string())?,
    }
    let Some(store) = world.store.as_ref().filter(|store| store.check().is_ok()) else { return Ok(None) };
    let now = audit::view(store)?;
    leads_to(before, after, &now, 0)?;
    Ok(Some([now]))
}

/// Whether `now` is `after` and so many objects more. What was made between `before` and `after` can have other ids.
fn leads_to(before: &View, after: &View, now: &View, more: usize) -> Verdict<()> {
    let differs = |key: &&String| now.outlines.get(*key) != after.outlines.get(*key);
    if let Some(key) = before.outlines.keys().find(differs) {
        return Err(format!("{key} is {:?}, not {:?}", now.outlines.get(key), after.outlines.get(key)));
    }
    let (found, wanted) = (now.outlines.len(), after.outlines.len() + more);
    if found == wanted { Ok(()) } else { Err(format!("there are {found} things, not {wanted}")) }
}

/// One store, and no other.
fn settled(views: &[View; 1]) -> Expected<'_> {
    let (whole, by_outline) = (true, false);
    Expected { views, bytes: &views[0].bytes, least: 0, most: 0, whole, between: &[], by_outline }
}

fn close(store: &Store) -> Verdict<()> {
    match store.close() {
        // Out of use, which it said before: the next open finds out what is there.
        Err(error) if error.kind() == Kind::Closed => Ok(()),
        closed => closed.map_err(|error| format!("it cannot be closed: {error}")),
    }
}

/// Opens the store once more, and audits it.
fn check_next(world: &mut World, expected: &Expected<'_>) -> Verdict<()> {
    world.store = None;
    let image = world.disk.crash();
    check::check(world, image.process_crash(), None, expected)
}

/// Runs the whole verb on a disk whose calls are short: nobody notices.
fn short(runner: &Runner<'_>, verb: &Verb, reference: &Reference) -> Verdict<()> {
    let mut world = prepare(runner, verb)?;
    world.disk.be_short(true);
    if let (_, Some(error)) = go_on(verb, &mut world) {
        return Err(format!("it fails: {error}"));
    }
    let expected = reference.expect(verb, verb.acts.len(), verb.acts.len());
    if let Some(store) = world.store.clone().filter(|store| store.check().is_ok()) {
        expected.check(&audit::view(&store)?)?;
        close(&store)?;
    }
    check_next(&mut world, &expected)
}
