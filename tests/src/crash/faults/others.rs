//! One operation that is refused in a store that two other processes had open: one is dead, and left bytes that no
//! commit names beside what it had put; one lives, and is in the middle of a put.
//!
//! The living one ends its put and has what the dead one acknowledged. The verb, done again, leads where it would have led;
//! whoever opens the store last finds the three as one, and nothing that the dead one left half.

use hsm_core::object::ObjectId;
use hsm_core::{Kind, Put, PutOptions, Result, Writer};

use super::super::check;
use super::super::index_file::IndexFiles;
use super::super::run::{Reference, Runner};
use super::super::verbs::Verb;
use super::super::world::{Base, Shape, World, blocks, bytes};
use super::{Fault, arrange, check_answer, close, go_on, leads_to, prepare, settled};
use crate::audit::{self, Verdict, View};

/// A store that several processes can have open.
pub(super) fn base() -> Result<Base> {
    let index =
        IndexFiles::shared().map_err(|error| hsm_core::Error::Cancelled { reason: error.to_string() })?;
    Base::with_index_file(Shape::Roomy, index)
}

/// Those that open a store are at one with a disk of their own, and what lies in memory is nobody else's.
pub(super) fn is_meant(verb: &Verb) -> bool {
    !verb.name.starts_with("open") && !verb.name.contains("in memory")
}

/// The two others.
struct Others {
    living: World,
    /// What the living one has under way.
    writer: Writer,
    /// What the dead one had put.
    left: Put,
}

/// Runs the verb beside them with the fault at one step. Whether that step was reached.
pub(super) fn one(runner: &Runner<'_>, verb: &Verb, reference: &Reference, step: u64) -> Verdict<bool> {
    let mut world = prepare(runner, verb)?;
    let others = begin(&world).map_err(|error| format!("the others cannot begin: {error}"))?;
    let met = arrange(&world, Fault::Failed, step);
    let (acknowledged, failed) = go_on(verb, &mut world);
    world.disk.clear_failures();
    if !met.load(std::sync::atomic::Ordering::Relaxed) {
        return failed.map_or(Ok(false), |error| Err(format!("it fails without a fault: {error}")));
    }
    if let Some(error) = &failed {
        check_answer(verb, error)?;
    }
    let label = reference.labels.get(step as usize).cloned().unwrap_or_default();
    let said =
        || failed.as_ref().map_or_else(|| format!("at {label}: "), |error| format!("behind {error}: "));
    let (living, ids) =
        end(verb, &mut world, others).map_err(|wrong| said() + "the living one: " + &wrong)?;
    let found = audit::view(living.store()).map_err(|wrong| said() + &wrong)?;
    let mut left = found.clone();
    for id in ids {
        if left.outlines.remove(&format!("object {id}")).is_none() {
            return Err(said() + "what another put is not there");
        }
    }
    let mut expected = reference.expect(verb, acknowledged, verb.durable(acknowledged));
    expected.whole &= !["compact", "maintain", "scrub"].iter().any(|kind| verb.name.contains(kind));
    expected.check_outlines(&left).map_err(|wrong| said() + &wrong)?;
    if failed.is_some() {
        let before = &reference.views[acknowledged];
        let happened = verb.acts[acknowledged].whole && is_another(&left, before);
        if !happened && verb.name != "batch, independent" {
            done_again(verb, &mut world, reference, acknowledged, step)
                .map_err(|wrong| format!("{}done again: {wrong}", said()))?;
        }
    }
    finish(&mut world, living).map_err(|wrong| said() + &wrong).map(|()| true)
}

/// One dies with work under way, another has work under way.
fn begin(world: &World) -> Result<Others> {
    let mut dead = world.beside();
    dead.open()?;
    let left = dead.store().put(&bytes(170, 420), &blocks())?;
    let mut unfinished = dead.store().writer(&blocks())?;
    unfinished.add(&bytes(171, 9000))?;
    dead.disk.stop();
    drop(unfinished);
    dead.store = None;
    // With other random numbers, so that they draw other ids.
    let mut living = dead.beside();
    living.open()?;
    let mut writer = living.store().writer(&blocks())?;
    writer.add(&bytes(172, 9000))?;
    Ok(Others { living, writer, left })
}

/// The living one goes on: its put, and what the dead one had put.
fn end(verb: &Verb, world: &mut World, others: Others) -> Verdict<(World, [ObjectId; 2])> {
    let Others { mut living, writer, left } = others;
    let text = |error: hsm_core::Error| error.to_string();
    let put_again = |living: &World| {
        let again = living.store().put(&bytes(172, 9000), &PutOptions { tier: Some(2), ..blocks() });
        again.map_err(|error| format!("it cannot put: {error}"))
    };
    let put = match writer.commit() {
        Ok(put) => put,
        // Its tier takes nothing any more; another does.
        Err(error) if verb.name.contains("tier") && error.kind() != Kind::Io => put_again(&living)?,
        // Relaxed changes could not be synced: only a store that all have closed can tell what is true.
        Err(error) if error.kind() == Kind::Closed && verb.acts.iter().any(|act| act.relaxed) => {
            for world in [&mut *world, &mut living] {
                if let Some(store) = world.store.take() {
                    close(&store)?;
                }
            }
            living.open().map_err(text)?;
            put_again(&living)?
        }
        Err(error) => return Err(format!("it cannot commit: {error}")),
    };
    for (id, content) in [(put.id, bytes(172, 9000)), (left.id, bytes(170, 420))] {
        if living.store().get(id).map_err(text)? != content {
            return Err(format!("object {id} has other bytes"));
        }
    }
    Ok((living, [put.id, left.id]))
}

/// Whether something happened, beside what the others did.
fn is_another(now: &View, before: &View) -> bool {
    let subscribers = |view: &View| -> Vec<String> {
        view.entities.keys().filter(|name| name.starts_with("subscriber ")).cloned().collect()
    };
    now.outlines != before.outlines || subscribers(now) != subscribers(before)
}

/// What failed is done once more, in the same handle or in another.
fn done_again(
    verb: &Verb,
    world: &mut World,
    reference: &Reference,
    acknowledged: usize,
    step: u64,
) -> Verdict<()> {
    let is_in_use = |world: &World| {
        world.store.as_ref().is_some_and(|store| store.check().is_ok() && store.position().is_ok())
    };
    if !is_in_use(world) || !Fault::Others.is_tried_again(step) {
        if let Some(store) = &world.store {
            close(store)?;
        }
        world.open().map_err(|error| error.to_string())?;
    }
    world.again = true;
    (verb.acts[acknowledged].run)(world).map_err(|error| error.to_string())?;
    if is_in_use(world) {
        let now = audit::view(world.store())?;
        leads_to(&reference.views[acknowledged], &reference.views[acknowledged + 1], &now, 2)?;
    }
    Ok(())
}

/// Both close, and the next finds what they left.
fn finish(world: &mut World, mut living: World) -> Verdict<()> {
    if let Some(store) = world.store.take() {
        close(&store)?;
    }
    let found: View = audit::view(living.store())?;
    audit::feed_adds_up(living.store(), &found)?;
    living.store().close().map_err(|error| format!("the living one cannot close: {error}"))?;
    living.store = None;
    let index = living.index.as_ref().map(IndexFiles::copy).transpose().map_err(|error| error.to_string())?;
    check::check(&living, living.disk.crash().process_crash(), index, &settled(&[found]))
}
