//! A sync of the journal that another thread makes, while the leader applies the group to the index, and that fails.
//!
//! Several threads put small objects. The first sync takes so long that the others gather, so the next group has somebody
//! who can be given its sync. That one fails: whoever was in the group is answered with an error, nothing of it is there,
//! then or after any crash, and the store goes on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use hsm_core::PutOptions;
use hsm_core::object::ObjectId;
use hsm_core::testing::{Mutant, set_mutant};

use super::Report;
use super::check::open_and_look;
use super::run::{Count, Failure};
use super::states::choices;
use super::world::{Base, Shape, World, bytes};
use crate::audit::{self, Verdict, View, hash_of};

/// Threads that put at the same time: who leads, who syncs the pack, who syncs the journal, and more.
const THREADS: u64 = 6;
/// Puts of each.
const PUTS: u64 = 2;
/// A leader that is done before its errand was begun makes the sync itself; then it is tried again, so often at most.
const TRIES_MAX: usize = 100;
/// Random choices of what survives.
const SEEDS: u64 = 8;

/// Fails the first sync of the journal that is given away.
pub fn failed_syncs_given_away(report: &mut Report) {
    for shape in Shape::ALL {
        let (count, failure) = with(shape, None);
        report.counts.push(count);
        report.failures.extend(failure);
    }
}

/// The same, making a mistake.
pub(super) fn with(shape: Shape, mutant: Option<Mutant>) -> (Count, Option<Failure>) {
    let name = format!("failed sync of the journal by another thread, {shape:?}");
    let mut count = Count { name: name.clone(), steps: 1, process: 0, power: 0, distinct: 0 };
    let failure = fail(shape, mutant, &mut count).err().map(|message| Failure {
        name,
        step: "the first that is given away".to_owned(),
        state: "a sync failed".to_owned(),
        message,
    });
    (count, failure)
}

fn fail(shape: Shape, mutant: Option<Mutant>, count: &mut Count) -> Verdict<()> {
    let base = Base::with_cast(shape).map_err(|error| error.to_string())?;
    for _ in 0..TRIES_MAX {
        if fail_once(&base, mutant, count)? {
            return Ok(());
        }
    }
    Err(format!("in {TRIES_MAX} runs no sync of the journal was given away"))
}

/// Who wrote to the journal last, and whether the sync that follows failed.
#[derive(Debug, Default)]
struct Seen {
    writer: Option<ThreadId>,
    failed: bool,
}

impl Seen {
    /// Whether this operation is to fail.
    fn fails(&mut self, label: &str) -> bool {
        if label.starts_with("write store/journal/") {
            self.writer = Some(thread::current().id());
        }
        let is_given_away = label.starts_with("sync store/journal/")
            && self.writer.is_some_and(|writer| writer != thread::current().id());
        is_given_away && !std::mem::replace(&mut self.failed, true)
    }
}

/// What was put, by what was answered.
#[derive(Debug, Default)]
struct Answers {
    acknowledged: Vec<(ObjectId, Vec<u8>)>,
    /// Hashes of what was put and refused.
    refused: BTreeSet<u64>,
}

/// `false`: no sync was given away.
fn fail_once(base: &Base, mutant: Option<Mutant>, count: &mut Count) -> Verdict<bool> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(|error| error.to_string())?;
    world.disk.delay_next(
        |label| label.starts_with("sync store/journal/"),
        || thread::sleep(Duration::from_millis(30)),
    );
    let seen = Arc::new(Mutex::new(Seen::default()));
    world.disk.fail_every(std::io::ErrorKind::Other, {
        let seen = seen.clone();
        move |label| seen.lock().expect("nobody panics while it holds this").fails(label)
    });
    let answers = put_all(&world, mutant);
    world.disk.clear_failures();
    if !seen.lock().expect("nobody panics while it holds this").failed {
        return Ok(false);
    }
    if answers.refused.is_empty() {
        world.disk.stop();
        check_states(&world, &answers, count)?;
        return Err("a sync failed, and everything was acknowledged".to_owned());
    }
    let found = audit::view(world.store())?;
    compare(&world, &found, &answers).map_err(|wrong| format!("in the same handle: {wrong}"))?;
    let later = bytes(290, 400);
    let put = world.store().put(&later, &PutOptions::default());
    let put = put.map_err(|error| format!("after the failed sync the store takes nothing more: {error}"))?;
    let mut answers = answers;
    answers.acknowledged.push((put.id, later));
    world.disk.stop();
    world.store = None;
    check_states(&world, &answers, count).map(|()| true)
}

/// What a thread puts, and that is unlike what any other puts.
fn content(thread: u64, nth: u64) -> Vec<u8> {
    bytes(250 + thread * PUTS + nth, 300 + 100 * (thread + nth) as usize)
}

fn put_all(world: &World, mutant: Option<Mutant>) -> Answers {
    let answers = Mutex::new(Answers::default());
    let put_some = |thread: u64| {
        set_mutant(mutant);
        for nth in 0..PUTS {
            let content = content(thread, nth);
            let put = world.store().put(&content, &PutOptions::default());
            let mut answers = answers.lock().expect("no thread panics while it holds this");
            match put {
                Ok(put) => answers.acknowledged.push((put.id, content)),
                Err(_) => drop(answers.refused.insert(hash_of(&content))),
            }
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|thread| drop(scope.spawn(move || put_some(thread)))));
    answers.into_inner().expect("no thread panics while it holds this")
}

/// What was acknowledged is there, what was refused is not.
fn compare(world: &World, found: &View, answers: &Answers) -> Verdict<()> {
    for (id, content) in &answers.acknowledged {
        match world.store().get(*id) {
            Ok(got) if got == *content => {}
            got => return Err(format!("{id} was acknowledged: {:?}", got.map(|got| got.len()))),
        }
    }
    match found.bytes.iter().find(|(_, hash)| answers.refused.contains(hash)) {
        Some(((id, _), _)) => Err(format!("{id} was refused, and is there")),
        None => Ok(()),
    }
}

/// Opens everything that a crash now can leave.
fn check_states(world: &World, answers: &Answers, count: &mut Count) -> Verdict<()> {
    let check = |disk| {
        let mut world = World::after(world, disk, None);
        let (found, _) = open_and_look(&mut world, "the open")?;
        compare(&world, &found, answers)?;
        world.store().close().map_err(|error| format!("it cannot be closed: {error}"))
    };
    let image = world.disk.crash();
    count.process += 1;
    check(image.process_crash()).map_err(|wrong| format!("killed: {wrong}"))?;
    for keep in choices(&image.pending(), SEEDS) {
        count.power += 1;
        count.distinct += 1;
        check(image.power_loss(keep)).map_err(|wrong| format!("power loss, {keep:?}: {wrong}"))?;
    }
    Ok(())
}
