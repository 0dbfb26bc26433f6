//! Actions that run on a disk that fails. What failed is noted in them, so that they end otherwise than without a fault;
//! what they do to objects does not.
//!
//! Behind the fault the actions are run again, in the same handle or in another, until none is left. One that is done had
//! its effect, one that failed for good left its object with a copy that is whole and says why.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hsm_core::object::{ActionState, ObjectId};
use hsm_core::{ActionQuery, Kind, RunOptions};

use super::super::run::{Reference, Runner};
use super::super::verbs::Verb;
use super::super::world::World;
use super::{Fault, arrange, check_next, close, go_on, prepare, settled};
use crate::audit::{self, Verdict, View};

/// More rounds than any action has attempts.
const ROUNDS_MAX: usize = 50;

/// What an action can change of an object: whether it is removed, and where copies of it lie that were verified.
type Effects = BTreeMap<ObjectId, (bool, u64, Vec<(u8, bool)>)>;

fn effects(view: &View) -> Effects {
    let copies = |object: &hsm_core::object::Object| {
        object.copies.iter().map(|copy| (copy.tier, copy.is_verified())).collect()
    };
    let of = |object| (hsm_core::object::Object::is_removed(object), object.generation, copies(object));
    view.objects.iter().map(|object| (object.id, of(object))).collect()
}

/// Runs the actions with the fault at one step, then without. Whether that step was reached.
pub(super) fn one(
    runner: &Runner<'_>,
    verb: &Verb,
    reference: &Reference,
    fault: Fault,
    step: u64,
) -> Verdict<bool> {
    let mut world = prepare(runner, verb)?;
    let met = arrange(&world, fault, step);
    let (_, failed) = go_on(verb, &mut world);
    world.disk.clear_failures();
    if !met.load(Ordering::Relaxed) {
        return failed.map_or(Ok(false), |error| Err(format!("it fails without a fault: {error}")));
    }
    // A claim is relaxed: where the sync that failed was also its own, the handle is out of use.
    let is_in_use = |store: &hsm_core::Store| store.check().is_ok() && store.position().is_ok();
    let is_closed = world.store.as_ref().is_none_or(|store| !is_in_use(store));
    if is_closed || !fault.is_tried_again(step) {
        if let Some(store) = &world.store {
            close(store)?;
        }
        world.open().map_err(|error| format!("it cannot be opened again: {error}"))?;
    }
    run_all(&world)?;
    let found = audit::view(world.store())?;
    let (before, after) = (effects(&reference.views[verb.done]), effects(&reference.views[verb.acts.len()]));
    let mut given_up = Vec::new();
    let all =
        world.store().actions(&ActionQuery::default(), 0, usize::MAX).map_err(|error| error.to_string())?;
    for action in &all {
        match action.state {
            ActionState::Done => {}
            ActionState::Failed if !action.story.is_empty() => given_up.push(action.spec.object),
            state => return Err(format!("action {} is {state:?}: {:?}", action.id, action.story)),
        }
    }
    for (id, now) in effects(&found) {
        let is_done = after.get(&id) == Some(&now);
        // A copy that was read back on the way is verified, though what it was read for was given up.
        let is_kept = given_up.contains(&id) && before.get(&id).is_some_and(|was| was.2.len() <= now.2.len());
        if !is_done && !is_kept {
            return Err(format!("object {id} is {now:?}, not {:?}; given up: {given_up:?}", after.get(&id)));
        }
    }
    audit::feed_adds_up(world.store(), &found)?;
    close(world.store())?;
    check_next(&mut world, &settled(&[found]))?;
    Ok(true)
}

/// Runs what there is until all of it has ended, however long it is to wait between two attempts.
fn run_all(world: &World) -> Verdict<()> {
    let stop = AtomicBool::new(false);
    for _ in 0..ROUNDS_MAX {
        match world.store().run(&RunOptions::until_idle(), &stop) {
            Err(error) if error.kind() == Kind::Closed => return Err(format!("it is closed: {error}")),
            ran => drop(ran.map_err(|error| error.to_string())?),
        }
        let all = world.store().actions(&ActionQuery::default(), 0, usize::MAX);
        if all.map_err(|error| error.to_string())?.iter().all(|action| action.state.is_finished()) {
            return Ok(());
        }
        world.clock.advance(Duration::from_hours(24));
    }
    Err("the actions never end".to_owned())
}
