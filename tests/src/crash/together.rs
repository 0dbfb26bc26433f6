//! Small puts of several threads at once, stopped anywhere.
//!
//! One thread syncs the journal while another syncs the pack, so a crash meets them in any order. Which steps
//! there are differs from run to run; what must hold does not: what was acknowledged is there, what was not is
//! there whole or not at all.

use std::collections::BTreeSet;
use std::sync::Mutex;

use hsm_core::PutOptions;
use hsm_core::object::ObjectId;
use hsm_core::testing::disk::{Keep, SimDisk};

use super::check::open_and_look;
use super::run::{Count, Failure};
use super::world::{Base, Shape, World, bytes};
use super::{Effort, Report};
use crate::audit::{Verdict, hash_of};

/// Threads that put at the same time.
const THREADS: u64 = 4;
/// Puts of each.
const PUTS: u64 = 3;
/// More steps than any run makes.
const STEPS_MAX: u64 = 1000;

/// Stops each step, with a choice of what survives.
pub fn together(effort: Effort, report: &mut Report) {
    for shape in Shape::ALL {
        let name = format!("small puts of {THREADS} threads, {shape:?}");
        let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
        let outcome = stop_each(shape, effort.seeds, &mut count);
        report.counts.push(count);
        report.failures.extend(outcome.err().map(|(step, message)| Failure {
            name,
            step: step.to_string(),
            state: "several threads".to_owned(),
            message,
        }));
    }
}

fn stop_each(shape: Shape, seeds: u64, count: &mut Count) -> Result<(), (u64, String)> {
    let base = Base::with_cast(shape).map_err(|error| (0, error.to_string()))?;
    for step in 0..STEPS_MAX {
        if stop_at(&base, step, seeds, count).map_err(|message| (step, message))? {
            return Ok(());
        }
        count.steps += 1;
    }
    Err((STEPS_MAX, "the puts never came to an end".to_owned()))
}

/// Stops one run at one step, and opens what is left; `true`: it was done before.
fn stop_at(base: &Base, step: u64, seeds: u64, count: &mut Count) -> Verdict<bool> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(|error| error.to_string())?;
    world.disk.stop_at(step);
    let acknowledged = put_all(&world);
    let all_done = acknowledged.len() as u64 == THREADS * PUTS;
    world.disk.stop();
    world.store = None;
    let image = world.disk.crash();
    count.process += 1;
    check(&world, image.process_crash(), &acknowledged).map_err(|wrong| format!("killed: {wrong}"))?;
    let random = (1..=seeds).map(|seed| Keep::Random(seed + step * seeds));
    for keep in [Keep::None, Keep::All, Keep::Reversed].into_iter().chain(random) {
        count.power += 1;
        count.distinct += 1;
        let said = format!("power loss, {keep:?} of {:?}", image.pending());
        check(&world, image.power_loss(keep), &acknowledged).map_err(|wrong| format!("{said}: {wrong}"))?;
    }
    Ok(all_done)
}

/// What a thread puts, and that is unlike what any other puts.
fn content(thread: u64, nth: u64) -> Vec<u8> {
    bytes(200 + thread * PUTS + nth, 300 + 100 * (thread + nth) as usize)
}

/// Puts until it is done or the disk stops: each object that was acknowledged, with its content.
fn put_all(world: &World) -> Vec<(ObjectId, Vec<u8>)> {
    let acknowledged = Mutex::new(Vec::new());
    let put_some = |thread: u64| {
        for nth in 0..PUTS {
            let content = content(thread, nth);
            let Ok(put) = world.store().put(&content, &PutOptions::default()) else { return };
            acknowledged.lock().expect("no thread panics while it holds this").push((put.id, content));
        }
    };
    std::thread::scope(|scope| {
        (0..THREADS).for_each(|thread| drop(scope.spawn(move || put_some(thread))));
    });
    acknowledged.into_inner().expect("no thread panics while it holds this")
}

/// Opens what was left: all that was acknowledged is there, and what else there is is whole.
fn check(crashed: &World, disk: SimDisk, acknowledged: &[(ObjectId, Vec<u8>)]) -> Verdict<()> {
    let known: BTreeSet<ObjectId> = crashed.objects().into_iter().collect();
    let contents: BTreeSet<u64> =
        (0..THREADS).flat_map(|thread| (0..PUTS).map(move |nth| hash_of(&content(thread, nth)))).collect();
    let mut world = World::after(crashed, disk, None);
    let (found, _) = open_and_look(&mut world, "the open")?;
    for (id, content) in acknowledged {
        match world.store().get(*id) {
            Ok(got) if got == *content => {}
            got => return Err(format!("{id} was acknowledged: {:?}", got.map(|got| got.len()))),
        }
    }
    for ((id, _), hash) in found.bytes.iter().filter(|((id, _), _)| !known.contains(id)) {
        if !contents.contains(hash) {
            return Err(format!("{id} is none of the objects that were put"));
        }
    }
    world.store().close().map_err(|error| format!("it cannot be closed: {error}"))
}
