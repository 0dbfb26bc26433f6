//! A sync of the journal, of a pack or of other data that fails, and a crash after it.
//!
//! The change whose sync of the journal failed is answered with an error and never comes back; the store goes on.
//! Where a sync of data failed, relaxed changes that were acknowledged before are not called durable by a later one
//! that succeeds unless they are.

use std::sync::atomic::{AtomicUsize, Ordering};

use hsm_core::object::ObjectId;
use hsm_core::testing::{Mutant, set_mutant};
use hsm_core::{Durability, Kind, PutOptions, Result};

use super::Report;
use super::check::{self, Expected};
use super::run::{Count, Failure};
use super::states::choices;
use super::world::{Base, Shape, World, blocks, bytes};
use crate::audit::{self, Verdict};

/// Random choices of what survives, for each failed sync.
const SEEDS: u64 = 8;

/// A change of the store.
type Change = fn(&World) -> Result<()>;

/// What the failed sync was to make durable.
const CHANGES: [(&str, Change); 3] = [
    ("put large", |world| world.store().put(&bytes(90, 9000), &blocks()).map(drop)),
    ("put over", |world| {
        let over = PutOptions { id: Some(world.cast().small), ..blocks() };
        world.store().put(&bytes(91, 350), &over).map(drop)
    }),
    ("remove", |world| world.store().remove(world.cast().other).map(drop)),
];

/// Fails each sync of the journal and of packs in turn.
pub fn failed_syncs(report: &mut Report) {
    for shape in Shape::ALL {
        let (count, failure) = failed_syncs_with(shape, None);
        report.counts.push(count);
        report.failures.extend(failure);
    }
}

/// Fails each sync of data in turn, behind relaxed puts.
pub fn failed_data_syncs(report: &mut Report) {
    for shape in Shape::ALL {
        let (count, failure) = failed_data_syncs_with(shape, None);
        report.counts.push(count);
        report.failures.extend(failure);
    }
}

/// The same, making a mistake.
pub(super) fn failed_data_syncs_with(shape: Shape, mutant: Option<Mutant>) -> (Count, Option<Failure>) {
    let name = format!("failed sync of data, {shape:?}");
    let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
    set_mutant(mutant);
    let outcome = fail_each_of_data(shape, &mut count);
    set_mutant(None);
    let failure = outcome.err().map(|(step, message)| Failure {
        name,
        step,
        state: "a sync failed".to_owned(),
        message,
    });
    (count, failure)
}

/// Those of the journal, making a mistake.
pub(super) fn failed_syncs_with(shape: Shape, mutant: Option<Mutant>) -> (Count, Option<Failure>) {
    let name = format!("failed sync, {shape:?}");
    let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
    set_mutant(mutant);
    let outcome = fail_each(shape, &mut count);
    set_mutant(None);
    let failure = outcome.err().map(|(step, message)| Failure {
        name,
        step,
        state: "a sync failed".to_owned(),
        message,
    });
    (count, failure)
}

fn fail_each(shape: Shape, count: &mut Count) -> std::result::Result<(), (String, String)> {
    let base = Base::with_cast(shape).map_err(|error| (String::new(), error.to_string()))?;
    for ((what, change), later) in CHANGES.into_iter().flat_map(|what| [(what, false), (what, true)]) {
        for nth in 0.. {
            let failed = |message| (format!("{what}, sync {nth}, later commit {later}"), message);
            if !fail_nth(&base, change, nth, later, count).map_err(failed)? {
                break; // It makes no more syncs than these.
            }
            count.steps += 1;
        }
    }
    Ok(())
}

fn fail_each_of_data(shape: Shape, count: &mut Count) -> std::result::Result<(), (String, String)> {
    let base = Base::with_cast(shape).map_err(|error| (String::new(), error.to_string()))?;
    let small: Change = |world| world.store().put(&bytes(93, 400), &blocks()).map(drop);
    let sync: Change = |world| world.store().sync().map(drop);
    // Its pack is synced before the commit.
    let copy: Change = |world| world.store().copy(world.cast().small, None, 1).map(drop);
    let batch: Change = |world| {
        let mut batch = world.store().batch(true, Durability::Durable);
        batch.put(&bytes(97, 350), &blocks())?;
        batch.commit().map(drop)
    };
    let changes = CHANGES.into_iter().chain([
        ("put small", small),
        ("copy small", copy),
        ("batch", batch),
        ("sync", sync),
    ]);
    for (what, change) in changes {
        for nth in 0.. {
            let failed = |message| (format!("{what}, sync {nth} of data"), message);
            if !fail_nth_of_data(&base, change, nth, count).map_err(failed)? {
                break; // It makes no more syncs than these.
            }
            count.steps += 1;
        }
    }
    Ok(())
}

fn is_data_sync(label: &str) -> bool {
    (label.starts_with("sync store/tiers/") || label.starts_with("syncdir store/tiers/"))
        && label.contains("/data/")
}

/// Fails the `nth` sync of data within `change`, which comes behind relaxed puts, and syncs again; `false`: there are
/// not so many.
fn fail_nth_of_data(base: &Base, change: Change, nth: usize, count: &mut Count) -> Verdict<bool> {
    let text = |error: hsm_core::Error| error.to_string();
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let mut views = vec![audit::view(world.store())?];
    for (seed, length, tier) in [(94, 500, 0), (95, 9000, 0), (96, 300, 0), (98, 320, 1)] {
        let relaxed = PutOptions { durability: Durability::Relaxed, tier: Some(tier), ..blocks() };
        world.store().put(&bytes(seed, length), &relaxed).map_err(text)?;
        views.push(audit::view(world.store())?);
    }
    let passed = AtomicUsize::new(0);
    let before = world.disk.labels().len();
    world.disk.fail_next(std::io::ErrorKind::Other, move |label| {
        is_data_sync(label) && passed.fetch_add(1, Ordering::Relaxed) == nth
    });
    let answer = change(&world);
    let syncs = world.disk.labels()[before..].iter().filter(|label| is_data_sync(label)).count();
    world.disk.clear_failures();
    if syncs <= nth {
        return answer.map(|()| false).map_err(text);
    }
    let synced = world.store().sync();
    views.push(audit::view(world.store())?);
    let least = match synced {
        Ok(_) => views.len() - 1,
        Err(error) if error.kind() == Kind::Closed => 0,
        Err(error) => return Err(format!("behind a failed sync: {error}")),
    };
    world.disk.stop();
    drop(world.store.take());
    let bytes: std::collections::BTreeMap<(ObjectId, u64), u64> =
        views.iter().flat_map(|view| view.bytes.clone()).collect();
    let most = views.len() - 1;
    let expected =
        Expected { views: &views, bytes: &bytes, least, most, whole: true, between: &[], by_outline: false };
    check_states(&world, &expected, count).map(|()| true)
}

/// Syncs that decide whether a change counts.
fn is_meant(label: &str) -> bool {
    label.starts_with("sync store/journal/") || label.starts_with("sync ") && label.contains(".pack")
}

/// Fails the `nth` of these syncs within `change`; `false`: there are not so many.
fn fail_nth(base: &Base, change: Change, nth: usize, later: bool, count: &mut Count) -> Verdict<bool> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(|error| error.to_string())?;
    let before = audit::view(world.store())?;
    let passed = AtomicUsize::new(0);
    world.disk.fail_next(std::io::ErrorKind::Other, move |label| {
        is_meant(label) && passed.fetch_add(1, Ordering::Relaxed) == nth
    });
    let answer = change(&world);
    let syncs = world.disk.labels().iter().filter(|label| is_meant(label)).count();
    world.disk.clear_failures();
    if answer.is_ok() && syncs <= nth {
        return Ok(false);
    }
    let after = audit::view(world.store())?;
    match &answer {
        Ok(()) if after.entities == before.entities => return Err("Ok was answered to nothing".to_owned()),
        Err(_) if after.entities != before.entities => {
            return Err("an error was answered, but the change is there".to_owned());
        }
        _ => {}
    }
    if later {
        let put = world.store().put(&bytes(92, 300), &blocks());
        put.map_err(|error| format!("after the failed sync the store takes nothing more: {error}"))?;
    }
    let now = audit::view(world.store())?;
    world.disk.stop();
    let store = world.store.take();
    drop(store);
    check_all(&world, &now, count).map(|()| true)
}

fn check_all(world: &World, now: &audit::View, count: &mut Count) -> Verdict<()> {
    let bytes: std::collections::BTreeMap<(ObjectId, u64), u64> = now.bytes.clone();
    let views = [now.clone()];
    let expected = Expected {
        views: &views,
        bytes: &bytes,
        least: 0,
        most: 0,
        whole: true,
        between: &[],
        by_outline: false,
    };
    check_states(world, &expected, count)
}

fn check_states(world: &World, expected: &Expected<'_>, count: &mut Count) -> Verdict<()> {
    let image = world.disk.crash();
    count.process += 1;
    check::check(world, image.process_crash(), None, expected)?;
    for keep in choices(&image.pending(), SEEDS) {
        count.power += 1;
        count.distinct += 1;
        check::check(world, image.power_loss(keep), None, expected)
            .map_err(|wrong| format!("power loss, {keep:?}: {wrong}"))?;
    }
    Ok(())
}
