//! Verbs of actions: submit, cancel, retry, and run them.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hsm_core::object::{ActionId, ActionSpec, Adoption, Delay, ObjectId};
use hsm_core::{ActionQuery, Error, LeaseOptions, Result, Retention, RunOptions};

use super::{Act, Run, Verb, each, relaxed, simple, verb, whole};
use crate::crash::world::World;

/// What runs actions: what failed on the way is noted in them, so that it is done otherwise than without a fault.
pub(in crate::crash) const RUN: &str = "run actions";

/// How long a place can be read.
const HOUR: Duration = Duration::from_hours(1);
const HOUR_MS: u64 = 3_600_000;
/// How long a worker has an action.
const LEASE: Duration = Duration::from_mins(1);

/// The same, of actions that come after others.
pub(in crate::crash) const RUN_IN_ORDER: &str = "run actions in order";
/// Moves the clock.
pub(in crate::crash) const LET_A_LEASE_END: &str = "let a lease end, then fail one";
/// The same.
pub(in crate::crash) const RUN_RECALLS: &str = "run recalls from a delayed tier";
/// Verbs that move the clock.
pub(in crate::crash) const MOVE_THE_CLOCK: [&str; 2] = [LET_A_LEASE_END, RUN_RECALLS];
pub(in crate::crash) const RUN_PUT: &str = "run puts of files outside";
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

fn one_event() -> Retention {
    Retention { events_max: Some(1), age_max: None }
}

/// A new object of a file, twice for the same work, the next generation of one, and a larger file that is adopted.
const PUTS: Run = |world| {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let large = concat!(env!("CARGO_MANIFEST_DIR"), "/src/crash/table.rs");
    let specs = [
        ActionSpec::put(ObjectId([9; 16]), from, 0),
        ActionSpec::put(ObjectId([9; 16]), from, 0),
        ActionSpec::put(world.cast().doubled, from, 2),
        ActionSpec::adopt(ObjectId([10; 16]), large, 0, Adoption::default()),
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

/// Objects that lie on a tape alone, and what is wanted of them, once it cannot be read any more. All of one kind: they
/// are left in one group, which a power loss takes back as a whole.
const ON_A_TAPE: Run = |world| {
    let (cast, store) = (world.cast(), world.store());
    let delay = Delay { latency_ms: 1000, mount_ms: 1000, seek_ms: 1000, readable_ms: HOUR_MS, drives: 1 };
    store.change_tier(&store.tier(1)?.config.delayed(delay))?;
    store.release(cast.doubled, 0, false)?;
    store.release(cast.doubled_large, 0, false)?;
    let specs = [
        ActionSpec::recall(cast.doubled, 0),
        ActionSpec::recall(cast.doubled, 0),
        ActionSpec::recall(cast.doubled_large, 0),
    ];
    (0..).zip(&specs).try_for_each(|(nth, spec)| store.submit_as(id(nth), spec).map(drop))?;
    world.clock.advance(HOUR);
    Ok(())
};

/// Work for a worker outside, and what comes after it.
const FOR_A_WORKER: Run = |world| {
    let site = |kind: &str| ActionSpec { attempts_max: 2, ..ActionSpec::site(kind, *b"payload") };
    let behind = ActionSpec { after: vec![id(0)], ..ActionSpec::verify(world.cast().doubled, 0) };
    world.store().submit_all_as(vec![(id(0), site("a")), (id(1), site("b")), (id(2), behind)])
};

fn lease(world: &World) -> Result<()> {
    let options = LeaseOptions {
        kinds: vec!["b".into(), "a".into()],
        worker: "worker".into(),
        max: 1,
        duration: LEASE,
        timeout: Some(Duration::ZERO),
    };
    world.store().lease(&options).map(drop)
}

/// The token of the one that is leased.
fn token(world: &World) -> Result<u64> {
    Ok(world.store().action(id(0))?.lease.map_or(0, |lease| lease.token))
}

const LEASED: Run = |world| {
    FOR_A_WORKER(world)?;
    lease(world)
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
        verb("lease", FOR_A_WORKER, [whole(|world| lease(world)), whole(|world| lease(world))]),
        verb(
            "extend a lease, then complete it",
            LEASED,
            [
                relaxed(|world| {
                    let token = token(world)?;
                    world.store().extend_lease(id(0), token, LEASE * 2, Some("half")).map(drop)
                }),
                whole(|world| {
                    let token = token(world)?;
                    world.store().complete_lease(id(0), token, b"result").map(drop)
                }),
            ],
        ),
        verb(
            "give back a lease",
            LEASED,
            [whole(|world| {
                let token = token(world)?;
                world.store().give_back_lease(id(0), token).map(drop)
            })],
        ),
        verb(
            LET_A_LEASE_END,
            LEASED,
            [
                each(|world| {
                    world.clock.advance(LEASE * 2);
                    lease(world)
                }),
                whole(|world| {
                    let token = token(world)?;
                    world.store().fail_lease(id(0), token, "no drive", true).map(drop)
                }),
            ],
        ),
        verb(
            RUN_RECALLS,
            ON_A_TAPE,
            [
                // It asks, and leaves them until then.
                Act { relaxed: true, ..each(|world| run(world)) },
                each(|world| {
                    world.clock.advance(HOUR / 2);
                    run(world)
                }),
            ],
        ),
        verb(RUN_IN_ORDER, CHAIN, [each(|world| run(world))]),
    ]
}
