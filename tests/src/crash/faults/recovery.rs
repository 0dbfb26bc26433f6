//! A disk that fails or is full while a store is reconciled with its roots, or rebuilt from them: called again once
//! the disk works, or has room, it is done, without a repair by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hsm_core::testing::disk::Keep;
use hsm_core::{Kind, Result, ScrubOptions};

use super::super::backup::text;
use super::super::run::{Count, Failure};
use super::super::world::{Base, Shape, World};
use super::super::{Report, rebuild, reconcile};
use super::Fault;
use crate::audit::{Verdict, View};

/// What is disturbed.
struct Recovery {
    name: &'static str,
    /// The world before it, and the store that is to come of it.
    begin: fn(&Base) -> Verdict<(World, View)>,
    act: fn(&mut World, &View) -> Result<()>,
    /// Once the disk works again, behind a step; and whether it failed.
    again: fn(&mut World, &View, u64, bool) -> Result<()>,
    check: fn(&mut World, &View) -> Verdict<()>,
    faults: &'static [Option<Fault>],
}

/// One of each kind; `None`: from one operation on there is no room at all.
const EVERY: &[Option<Fault>] =
    &[Some(Fault::Failed), Some(Fault::Full), Some(Fault::Half), Some(Fault::Unread), None];
/// A rebuild takes what it can read and sync, and is a store then: what it could not is told of, not waited for.
const OF_ROOM: &[Option<Fault>] = &[Some(Fault::Half), None];

const RECOVERIES: [Recovery; 2] = [
    Recovery {
        name: "reconcile",
        begin: reconcile::outdated,
        act: |world, _| reconcile::reconcile(world),
        again: |world, _, step, _| reconcile_again(world, step),
        check: reconcile::check,
        faults: EVERY,
    },
    Recovery {
        name: "rebuild",
        begin: rebuild::overwritten,
        act: |world, expected| rebuild::rebuild(world, expected),
        again: |world, expected, _, failed| {
            if failed { rebuild::rebuild(world, expected) } else { Ok(()) }
        },
        check: rebuild::check,
        faults: OF_ROOM,
    },
];

/// A fault at each step of a reconciliation and of a rebuild.
pub fn faults_of_recovery(report: &mut Report) {
    for recovery in RECOVERIES {
        for fault in recovery.faults {
            let name = match fault {
                Some(fault) => format!("{}, {fault:?}", recovery.name),
                None => format!("{}, no room from there on", recovery.name),
            };
            let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
            if let Err((step, message)) = each_step(&recovery, *fault, &mut count) {
                let (step, state) = (format!("fault at {step}"), "the same handle".to_owned());
                report.failures.push(Failure { name, step, state, message });
            }
            report.counts.push(count);
        }
    }
}

fn each_step(
    recovery: &Recovery,
    fault: Option<Fault>,
    count: &mut Count,
) -> std::result::Result<(), (u64, String)> {
    let base = Base::with_cast(Shape::Roomy).map_err(|error| (0, text(error)))?;
    let (world, expected) = (recovery.begin)(&base).map_err(|wrong| (0, wrong))?;
    let image = world.disk.crash();
    for step in 0.. {
        let mut world = World::after(&world, image.power_loss(Keep::All), None);
        if !one(recovery, fault, step, &mut world, &expected).map_err(|wrong| (step, wrong))? {
            break;
        }
        count.steps += 1;
    }
    Ok(())
}

fn arrange(world: &World, fault: Option<Fault>, step: u64) -> Arc<AtomicBool> {
    if let Some(fault) = fault {
        return super::arrange(world, fault, step);
    }
    let (seen, met) = (AtomicU64::new(0), Arc::new(AtomicBool::new(false)));
    let noted = met.clone();
    world.disk.fail_every(std::io::ErrorKind::StorageFull, move |label| {
        let takes_room = ["write", "create", "allocate", "mkdir"].iter().any(|verb| label.starts_with(verb));
        let due = takes_room && seen.fetch_add(1, Ordering::Relaxed) >= step;
        noted.fetch_or(due, Ordering::Relaxed);
        due
    });
    met
}

/// Whether that step was reached.
fn one(
    recovery: &Recovery,
    fault: Option<Fault>,
    step: u64,
    world: &mut World,
    expected: &View,
) -> Verdict<bool> {
    let met = arrange(world, fault, step);
    let first = (recovery.act)(world, expected);
    world.disk.clear_failures();
    if !met.load(Ordering::Relaxed) {
        first.map_err(|error| format!("it fails without a fault: {error}"))?;
        return Ok(false);
    }
    if let Err(error) = &first
        && !matches!(error.kind(), Kind::Io | Kind::Full | Kind::Closed | Kind::Offline)
    {
        return Err(format!("it answers {:?}: {error}", error.kind()));
    }
    (recovery.again)(world, expected, step, first.is_err()).map_err(|error| format!("again: {error}"))?;
    let said = || first.as_ref().err().map_or_else(String::new, |error| format!("behind {error}: "));
    (recovery.check)(world, expected).map_err(|wrong| said() + &wrong).map(|()| true)
}

/// Reconciles once more: at every other step in the same handle, where that is in use yet, and in another in the end, since
/// where a sync failed the first does not sync again. What could not be read, or was passed over, is looked at then.
fn reconcile_again(world: &mut World, step: u64) -> Result<()> {
    if let Some(store) = world.store.take_if(|store| step.is_multiple_of(2) || store.position().is_err()) {
        let _ = store.close();
        world.open()?;
    }
    if let Some(store) = world.store.take() {
        store.reconcile()?;
        store.close()?;
    }
    world.open()?;
    world.store().reconcile()?;
    // A copy that is gone stays recorded where the other could not be read the first time: a scrub heals it.
    world.store().scrub(&ScrubOptions { heal: true, ..ScrubOptions::default() }, |_| Ok(()))?;
    world.store().sync().map(drop)
}
