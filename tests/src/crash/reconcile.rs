//! A store that was restored from an older snapshot, and is stopped at every step while it is brought up to date with
//! its roots. Called again, it has what was moved and updated since; what was removed is not brought back; the roots
//! stay as they are.

use std::collections::HashSet;

use hsm_core::object::Copy;
use hsm_core::testing::disk::Keep;
use hsm_core::testing::{Mutant, set_mutant};
use hsm_core::{Durability, PutOptions};

use super::backup::{Wrong, each_state, lose, restore, take, text};
use super::run::{Count, Failure};
use super::world::{Base, Shape, World, blocks, bytes};
use crate::audit::{self, Verdict, View};

pub(super) fn every_step_of_a_reconciliation(base: &Base, count: &mut Count) -> Result<(), Wrong> {
    let begun = |message: String| (String::new(), message);
    let (mut world, expected) = outdated(base).map_err(begun)?;
    let image = world.disk.crash();
    let first = world.disk.labels().len();
    reconcile(&mut world).map_err(|error| begun(text(error)))?;
    let labels = world.disk.labels()[first..].to_vec();
    let harms = |label: &&String| label.contains("/data/") && !label.starts_with("sync");
    if let Some(label) = labels.iter().find(harms) {
        return Err(begun(format!("it changes what lies on a root: {label}")));
    }
    check(&mut world, &expected).map_err(begun)?;
    count.steps = labels.len() as u64;
    let mut seen = HashSet::new();
    for step in 0..=labels.len() {
        let label = labels.get(step).map_or("the end", |label| label);
        let failed = |message| (format!("before {step}: {label}"), message);
        let mut stopped = World::after(&world, image.power_loss(Keep::All), None);
        stopped.disk.stop_at(step as u64);
        let reconciled = reconcile(&mut stopped);
        if reconciled.is_err() && !stopped.disk.is_stopped() {
            return Err(failed(format!("undisturbed: {reconciled:?}")));
        }
        stopped.disk.stop();
        each_state(&stopped.disk.crash(), reconciled.is_ok(), &mut seen, count, |disk| {
            let mut found = World::after(&stopped, disk, None);
            found.open().map_err(|error| format!("it cannot be opened: {error}"))?;
            if found.store().read_only_reason().is_some() {
                if reconciled.is_ok() {
                    return Err("it is to be reconciled once more".to_owned());
                }
                found.store().reconcile().map_err(text)?;
            }
            check(&mut found, &expected)
        })
        .map_err(failed)?;
    }
    Ok(())
}

/// Whether it is noticed that what was removed is brought back. Without a mistake nothing is.
pub(super) fn brought_back(mutant: Option<Mutant>) -> Option<Failure> {
    let outcome = Base::with_cast(Shape::Roomy).map_err(text).and_then(|base| {
        let (mut world, expected) = outdated(&base)?;
        set_mutant(mutant);
        let reconciled = reconcile(&mut world);
        set_mutant(None);
        reconciled.map_err(text)?;
        check(&mut world, &expected)
    });
    outcome.err().map(|message| Failure {
        name: "restore from an older snapshot, then reconcile".to_owned(),
        step: "the end".to_owned(),
        state: "undisturbed".to_owned(),
        message,
    })
}

pub(super) fn reconcile(world: &mut World) -> hsm_core::Result<()> {
    world.open()?;
    world.store().reconcile().map(drop)
}

/// A store that was restored from a snapshot behind which objects were moved, updated and removed; and what it was.
pub(super) fn outdated(base: &Base) -> Verdict<(World, View)> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let cast = world.cast();
    world.store().purge(cast.other).map_err(text)?;
    take(&world).map_err(text)?;
    let change = |world: &World| -> hsm_core::Result<()> {
        let store = world.store();
        for id in [cast.small, cast.large] {
            store.move_object(id, 0, 2)?;
        }
        store.put_at(cast.pieces, 9000, &bytes(60, 500), Durability::Durable)?;
        store.put(&bytes(61, 800), &PutOptions { id: Some(cast.doubled), ..blocks() })?;
        store.release(cast.doubled_large, 1, false)?;
        // Nobody knows of it any more but the pack it lies in.
        let late = store.put(&bytes(62, 700), &blocks())?.id;
        store.purge(late)?;
        store.maintain().map(drop)
    };
    change(&world).map_err(text)?;
    let expected = audit::view(world.store())?;
    let world = lose(&world)?;
    restore(&world).map_err(text)?;
    Ok((World::after(&world, world.disk.crash().power_loss(Keep::All), None), expected))
}

/// Every object has its newest content where it lies, no other object lives, and the store goes on.
pub(super) fn check(world: &mut World, expected: &View) -> Verdict<()> {
    let found = audit::view(world.store())?;
    for object in expected.objects.iter().filter(|object| !object.is_removed()) {
        let now = found.objects.iter().find(|now| now.id == object.id && !now.is_removed());
        let now = now.ok_or_else(|| format!("object {} is gone", object.id))?;
        let key = (object.id, object.generation);
        if now.generation != object.generation || expected.bytes.get(&key) != found.bytes.get(&key) {
            return Err(format!("generation {} of object {} is not what it was", key.1, key.0));
        }
        // What lies in a pack where it was moved from may be a copy once more.
        let is_there = |copy: &Copy| now.copy_on(copy.tier).is_some();
        if let Some(copy) = object.copies.iter().find(|copy| !is_there(copy)) {
            return Err(format!("object {} has no copy on tier {}", object.id, copy.tier));
        }
    }
    for now in found.objects.iter().filter(|now| !now.is_removed()) {
        if !expected.objects.iter().any(|object| object.id == now.id && !object.is_removed()) {
            return Err(format!("object {} was removed, and lives", now.id));
        }
    }
    audit::feed_adds_up(world.store(), &found)?;
    world.store().put(&bytes(98, 400), &blocks()).map_err(text)?;
    world.store().close().map_err(text)?;
    world.open().map_err(|error| format!("it cannot be opened again: {error}"))?;
    let found = audit::view(world.store())?;
    audit::feed_adds_up(world.store(), &found)?;
    world.store().close().map_err(text)
}
