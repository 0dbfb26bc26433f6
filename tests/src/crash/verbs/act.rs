//! Verbs of actions: submit, cancel, retry, and run them.

use std::sync::atomic::AtomicBool;

use hsm_core::object::{ActionId, ActionSpec};
use hsm_core::{ActionQuery, Error, Result, Retention, RunOptions};

use super::{Run, Verb, each, simple, verb, whole};
use crate::crash::world::World;

/// What runs actions: what failed on the way is noted in them, so that it is done otherwise than without a fault.
pub(in crate::crash) const RUN: &str = "run actions";

/// One action of each verb but removal, two of them for the same work.
fn specs(world: &World) -> Vec<ActionSpec> {
    let cast = world.cast();
    vec![
        ActionSpec { priority: 2, ..ActionSpec::move_object(cast.large, 0, 2) },
        ActionSpec::copy(cast.small, None, 2),
        ActionSpec::copy(cast.small, None, 2),
        ActionSpec::copy(cast.other, None, 2),
        ActionSpec::release(cast.doubled, 0, false),
        ActionSpec::verify(cast.doubled_large, 0),
        ActionSpec::remove(cast.empty),
    ]
}

fn id(nth: usize) -> ActionId {
    ActionId([nth as u8 + 1; 16])
}

const SUBMITTED: Run = |world| {
    let specs = specs(world);
    (0..).zip(&specs).try_for_each(|(nth, spec)| world.store().submit_as(id(nth), spec).map(drop))
};

fn one_event() -> Retention {
    Retention { events_max: Some(1), age_max: None }
}

fn run(world: &World) -> Result<()> {
    let ran = world.store().run(&RunOptions::until_idle(), &AtomicBool::new(false))?;
    if ran.failed + ran.put_off == 0 {
        return Ok(());
    }
    Err(Error::Cancelled { reason: format!("{ran:?}") })
}

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        simple("submit", |world| world.store().submit_as(id(0), &specs(world)[0]).map(drop)),
        verb(
            "cancel actions, then retry",
            SUBMITTED,
            [
                whole(|world| world.store().cancel_all(&ActionQuery::default()).map(drop)),
                whole(|world| world.store().retry_all(&ActionQuery::default()).map(drop)),
            ],
        ),
        simple("submit several", |world| world.store().submit_all(specs(world)).map(drop)),
        simple("submit a group", |world| world.store().submit_group(specs(world)).map(drop)),
        verb(
            "cancel an action, then retry it",
            SUBMITTED,
            [
                whole(|world| world.store().cancel(id(0)).map(drop)),
                whole(|world| world.store().retry(id(0)).map(drop)),
            ],
        ),
        simple("set how many actions are kept", |world| world.store().set_actions_kept(&one_event())),
        verb(
            "maintain: forget actions",
            |world| {
                SUBMITTED(world)?;
                world.store().cancel_all(&ActionQuery::default())?;
                world.store().set_actions_kept(&one_event())
            },
            [each(|world| world.store().maintain().map(drop))],
        ),
        verb(RUN, SUBMITTED, [each(|world| run(world))]),
    ]
}
