//! Verbs of actions: submit, cancel, retry, and run them.

use std::sync::atomic::AtomicBool;

use hsm_core::object::{ActionId, ActionSpec, ObjectId};
use hsm_core::{ActionQuery, Error, Result, RunOptions};

use super::{Run, Verb, each, simple, verb, whole};
use crate::crash::world::World;

/// What runs actions: what failed on the way is noted in them, so that it is done otherwise than without a fault.
pub(in crate::crash) const RUN: &str = "run actions";

/// The same, of actions that come after others.
pub(in crate::crash) const RUN_IN_ORDER: &str = "run actions in order";
const RUN_PUT: &str = "run puts of files outside";
pub(in crate::crash) const RUNS: [&str; 3] = [RUN, RUN_IN_ORDER, RUN_PUT];

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

/// A new object of a file, twice for the same work, and the next generation of one.
const PUTS: Run = |world| {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let specs = [
        ActionSpec::put(ObjectId([9; 16]), from, 0),
        ActionSpec::put(ObjectId([9; 16]), from, 0),
        ActionSpec::put(world.cast().doubled, from, 2),
    ];
    (0..).zip(&specs).try_for_each(|(nth, spec)| world.store().submit_as(id(nth), spec).map(drop))
};

/// An archive step by step: the copy is dropped and the other verified when there is one, and what comes after what cannot
/// be done fails with it.
const CHAIN: Run = |world| {
    let cast = world.cast();
    let after = |nth: &[usize], spec| ActionSpec { after: nth.iter().copied().map(id).collect(), ..spec };
    world.store().submit_all_as(vec![
        (id(0), ActionSpec::copy(cast.large, None, 2)),
        (id(1), ActionSpec::copy(cast.small, None, 2)),
        (id(2), after(&[0, 1], ActionSpec { priority: 5, ..ActionSpec::release(cast.large, 0, false) })),
        (id(3), after(&[2], ActionSpec::verify(cast.large, 2))),
        (id(4), after(&[1], ActionSpec::copy(cast.small, None, 2))),
    ])
};

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
        verb(RUN, SUBMITTED, [each(|world| run(world))]),
        verb(RUN_PUT, PUTS, [each(|world| run(world))]),
        simple("submit in order", CHAIN),
        verb(
            "cancel what others come after, then retry",
            CHAIN,
            [
                whole(|world| world.store().cancel(id(0)).map(drop)),
                whole(|world| world.store().retry_all(&ActionQuery::default()).map(drop)),
            ],
        ),
        verb(RUN_IN_ORDER, CHAIN, [each(|world| run(world))]),
    ]
}
