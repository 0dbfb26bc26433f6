//! Runs a verb once for each of its steps.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hsm_core::object::ObjectId;
use hsm_core::testing::{Mutant, set_mutant};

use super::check::{self, Expected, Moment};
use super::states::choices;
use super::verbs::{Verb, verbs};
use super::world::{Base, Shape, World};
use super::{Effort, Report};
use crate::audit::{self, Model, Verdict, View};

/// How much was tried of one verb.
#[derive(Debug, Clone)]
pub struct Count {
    /// The verb, and the shape of the store.
    pub name: String,
    /// Operations it makes on the disk.
    pub steps: u64,
    /// States after a crash of the process.
    pub process: u64,
    /// States after a power loss.
    pub power: u64,
    /// How many of these differ in what is on the disk and what must be in it: those that were audited.
    pub distinct: u64,
}

/// A check that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The verb, and the shape of the store.
    pub name: String,
    /// Which step, and what it would have done.
    pub step: String,
    /// What was left.
    pub state: String,
    /// What is wrong with it.
    pub message: String,
}

/// A verb as it goes when nothing stops it.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) views: Vec<View>,
    /// For each act, the states between its commits.
    pub(super) between: Vec<Vec<Moment>>,
    pub(super) bytes: BTreeMap<(ObjectId, u64), u64>,
    /// What it does to the disk.
    pub(super) labels: Vec<String>,
}

impl Verb {
    /// How many of the first `acknowledged` acts survive a power loss: all up to the last that is durable.
    pub(super) fn durable(&self, acknowledged: usize) -> usize {
        self.acts[..acknowledged].iter().rposition(|act| !act.relaxed).map_or(0, |at| at + 1)
    }
}

impl Reference {
    /// What may be found when so many acts were acknowledged and `least` of them must be there.
    pub(super) fn expect(&self, verb: &Verb, acknowledged: usize, least: usize) -> Expected<'_> {
        let most = (acknowledged + 1).min(verb.acts.len());
        Expected {
            views: &self.views,
            bytes: &self.bytes,
            least: if verb.fresh { 1 } else { least },
            most,
            whole: verb.acts.get(most - 1).is_none_or(|act| act.whole) || least == most,
            between: self.between.get(most - 1).map_or(&[], Vec::as_slice),
            by_outline: false,
        }
    }
}

/// Runs verbs on one base.
#[derive(Debug)]
pub struct Runner<'a> {
    /// What each run begins with.
    pub base: &'a Base,
    /// Random choices for each step.
    pub seeds: u64,
    /// A mistake to make.
    pub mutant: Option<Mutant>,
    /// Whether the first failure ends it.
    pub stop_at_first: bool,
}

/// One run that was stopped.
pub(super) struct Stopped {
    pub(super) world: World,
    /// Acts that were acknowledged.
    pub(super) acknowledged: usize,
}

/// Makes the mistake until dropped.
struct Mistake;

impl Mistake {
    fn begin(mutant: Option<Mutant>) -> Self {
        set_mutant(mutant);
        Self
    }
}

impl Drop for Mistake {
    fn drop(&mut self) {
        set_mutant(None);
    }
}

impl Runner<'_> {
    /// Tries every step of `verb` in every state. Failures: at most one for each step.
    pub fn run(&self, verb: &Verb) -> (Count, Vec<Failure>) {
        let name = format!("{}, {:?}", verb.name, self.base.shape);
        let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
        let failure = |step: String, state: String, message: String| Failure {
            name: name.clone(),
            step,
            state,
            message,
        };
        let reference = match self.reference(verb) {
            Ok(reference) => reference,
            Err(message) => {
                return (count, vec![failure("none".into(), "undisturbed".into(), message)]);
            }
        };
        count.steps = reference.labels.len() as u64;
        let mut failures = Vec::new();
        let mut seen = HashSet::new();
        for step in 0..=reference.labels.len() {
            let label = reference.labels.get(step).map_or("the end", String::as_str);
            // Behind the last step nothing stops it: a mistake may do more than the verb.
            let number = if step == reference.labels.len() { u64::MAX } else { step as u64 };
            let within = label.starts_with("write ").then_some(true);
            for torn in std::iter::once(false).chain(within) {
                let found = catch_unwind(AssertUnwindSafe(|| {
                    let _mistake = Mistake::begin(self.mutant);
                    self.step(verb, &reference, number, torn, &mut count, &mut seen)
                }));
                let wrong = match found {
                    Ok(Ok(())) => continue,
                    Ok(Err(wrong)) => wrong,
                    Err(panic) => ("panic".to_owned(), said(&*panic)),
                };
                let place = if torn { "within" } else { "before" };
                failures.push(failure(format!("{place} {step}: {label}"), wrong.0, wrong.1));
                if self.stop_at_first {
                    return (count, failures);
                }
            }
        }
        (count, failures)
    }

    pub(super) fn begin(&self, verb: &Verb) -> Verdict<World> {
        let mut world = self.base.world().map_err(|error| format!("copying the index: {error}"))?;
        let begun = if verb.fresh { Ok(()) } else { world.open() };
        begun.and_then(|()| (verb.prepare)(&mut world)).map_err(|error| format!("preparing: {error}"))?;
        Ok(world)
    }

    pub(super) fn reference(&self, verb: &Verb) -> Verdict<Reference> {
        let mut world = self.begin(verb)?;
        let mut first = world.disk.operations() as usize;
        let mut views = vec![world.clock.paused(|| look(&world))?];
        let mut between = Vec::new();
        for (number, act) in (1..).zip(&verb.acts) {
            let position = world.store.as_ref().and_then(|store| store.position().ok());
            (act.run)(&mut world).map_err(|error| format!("undisturbed: {error}"))?;
            views.push(world.clock.paused(|| look(&world))?);
            between.push(match (act.whole, position) {
                (false, Some(position)) => world.clock.paused(|| states_behind(&world, position.number))?,
                _ => Vec::new(),
            });
            if number == verb.done {
                first = world.disk.operations() as usize;
            }
        }
        let labels = world.disk.labels()[first..].to_vec();
        let bytes = views.iter().flat_map(|view| view.bytes.clone()).collect();
        Ok(Reference { views, between, bytes, labels })
    }

    /// Stops at one step and checks every state it can leave.
    fn step(
        &self,
        verb: &Verb,
        reference: &Reference,
        step: u64,
        torn: bool,
        count: &mut Count,
        seen: &mut HashSet<(usize, usize, u64)>,
    ) -> Result<(), (String, String)> {
        let stopped = self.stop(verb, step, torn).map_err(|wrong| ("undisturbed".to_owned(), wrong))?;
        let Stopped { mut world, acknowledged } = stopped;
        world.store = None;
        let image = world.disk.crash();
        let expected = |least| reference.expect(verb, acknowledged, least);
        let most = expected(acknowledged).most;
        count.process += 1;
        let died = |wrong| ("the process died".to_owned(), wrong);
        check::check(&world, image.process_crash(), None, &expected(acknowledged)).map_err(died)?;
        // What must survive a power loss: all that came before a durable act, and itself.
        let durable = verb.durable(acknowledged);
        if !verb.fresh {
            count.power += 1;
            check::check_twice(&world, image.process_crash(), &expected(durable))
                .map_err(|wrong| ("the process died, then the power".to_owned(), wrong))?;
        }
        for keep in choices(&image.pending(), self.seeds) {
            count.power += 1;
            let lost = image.power_loss(keep);
            if !seen.insert((durable, most, audit::disk_hash(&lost).map_err(|wrong| (String::new(), wrong))?))
            {
                continue; // Another choice, or an earlier step, left the same: it was audited.
            }
            count.distinct += 1;
            check::check(&world, lost, None, &expected(durable))
                .map_err(|wrong| (format!("power loss, {keep:?} of {:?}", image.pending()), wrong))?;
        }
        Ok(())
    }

    /// Runs the acts until the disk stops. Nothing that is done with the store from then on reaches the disk.
    pub(super) fn stop(&self, verb: &Verb, step: u64, torn: bool) -> Verdict<Stopped> {
        let mut world = self.begin(verb)?;
        for act in &verb.acts[..verb.done] {
            (act.run)(&mut world).map_err(|error| error.to_string())?;
        }
        if torn {
            world.disk.stop_within(step);
        } else {
            world.disk.stop_at(step);
        }
        let mut acknowledged = verb.done;
        for act in &verb.acts[verb.done..] {
            match (act.run)(&mut world) {
                Ok(()) => acknowledged += 1,
                Err(_) if world.disk.is_stopped() => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        world.disk.stop();
        Ok(Stopped { world, acknowledged })
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// The store as it is; empty where none was created yet.
fn look(world: &World) -> Verdict<View> {
    if !world.is_created() {
        return Ok(View::default());
    }
    match &world.store {
        Some(store) if store.position().is_ok() => audit::view(store),
        // Closed: another handle looks, on a disk of its own.
        _ => {
            let mut other = World::after(world, world.disk.crash().process_crash(), None);
            other.open().map_err(|error| format!("a closed store cannot be opened: {error}"))?;
            audit::view(other.store())
        }
    }
}

/// What the store was after each change behind `number`.
fn states_behind(world: &World, number: u64) -> Verdict<Vec<Moment>> {
    let Some(store) = world.store.as_ref().filter(|store| store.position().is_ok()) else {
        return Ok(Vec::new());
    };
    let mut model = Model::default();
    let mut states = Vec::new();
    for event in audit::feed(store)? {
        model.apply(&event);
        if event.position.number > number {
            states.push(Moment { entities: model.entities(), outlines: model.outlines() });
        }
    }
    Ok(states)
}

/// Runs every verb on stores of both shapes.
pub fn all_verbs(effort: Effort, report: &mut Report) {
    verbs_named(effort, "", report);
}

/// Runs the verbs that have `part` in their name.
pub fn verbs_named(effort: Effort, part: &str, report: &mut Report) {
    let wanted = || verbs().into_iter().filter(|verb| verb.name.contains(part));
    let jobs: Vec<(Shape, Verb)> =
        Shape::ALL.into_iter().flat_map(|shape| wanted().map(move |verb| (shape, verb))).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..effort.threads {
            scope.spawn(|| {
                while let Some((shape, verb)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = std::ptr::from_ref(verb) as usize;
                    let outcome = run_one(*shape, verb, effort.seeds);
                    done.lock().expect("no thread panics while it holds this").push((at, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics while it holds this");
    done.sort_by_key(|(at, _)| *at);
    for (_, (count, failures)) in done {
        report.counts.push(count);
        report.failures.extend(failures);
    }
}

fn run_one(shape: Shape, verb: &Verb, seeds: u64) -> (Count, Vec<Failure>) {
    let base = if verb.fresh { Ok(Base::blank(shape)) } else { Base::with_cast(shape) };
    match base {
        Ok(base) => Runner { base: &base, seeds, mutant: None, stop_at_first: false }.run(verb),
        Err(error) => {
            let name = format!("{}, {shape:?}", verb.name);
            let failure = Failure {
                name: name.clone(),
                step: "none".into(),
                state: "making the store".into(),
                message: error.to_string(),
            };
            (Count { name, steps: 0, process: 0, power: 0, distinct: 0 }, vec![failure])
        }
    }
}
