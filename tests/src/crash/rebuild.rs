//! A rebuild from the roots of the tiers alone, stopped at every step: it makes a store, or leaves a directory that is
//! none and that can be rebuilt into again. The roots stay as they are.

use std::collections::HashSet;
use std::path::Path;

use hsm_core::testing::disk::Keep;
use hsm_core::{PutOptions, RebuildOptions, Store};

use super::backup::{Wrong, each_state, lose, take, text};
use super::run::Count;
use super::world::{Base, STORE, Shape, World, blocks, bytes};
use crate::audit::{self, Verdict, View};

pub(super) fn every_step_of_a_rebuild(base: &Base, count: &mut Count) -> Result<(), Wrong> {
    let begun = |message: String| (String::new(), message);
    let (mut world, expected) = overwritten(base).map_err(begun)?;
    let image = world.disk.crash();
    let first = world.disk.labels().len();
    rebuild(&world, &expected).map_err(|error| begun(text(error)))?;
    let labels = world.disk.labels()[first..].to_vec();
    // What lies there is synced before it counts, and is the same afterwards.
    let changes = |label: &&String| {
        label.contains("/tiers/") && !(label.starts_with("sync") && label.contains("/data/"))
    };
    if let Some(label) = labels.iter().find(changes) {
        return Err(begun(format!("it changes a root: {label}")));
    }
    check(&mut world, &expected).map_err(begun)?;
    count.steps = labels.len() as u64;
    let mut seen = HashSet::new();
    for step in 0..=labels.len() {
        let label = labels.get(step).map_or("the end", |label| label);
        let failed = |message| (format!("before {step}: {label}"), message);
        let stopped = World::after(&world, image.power_loss(Keep::All), None);
        stopped.disk.stop_at(step as u64);
        let rebuilt = rebuild(&stopped, &expected);
        if rebuilt.is_err() && !stopped.disk.is_stopped() {
            return Err(failed(format!("undisturbed: {rebuilt:?}")));
        }
        stopped.disk.stop();
        each_state(&stopped.disk.crash(), rebuilt.is_ok(), &mut seen, count, |disk| {
            let mut found = World::after(&stopped, disk, None);
            if !found.is_created() {
                if rebuilt.is_ok() {
                    return Err("what was rebuilt is gone".to_owned());
                }
                rebuild(&found, &expected).map_err(|error| format!("it cannot be rebuilt again: {error}"))?;
            }
            check(&mut found, &expected)
        })
        .map_err(failed)?;
    }
    Ok(())
}

/// What is left of a store but its roots, with an older generation on them that is whole: its pack holds others too.
pub(super) fn overwritten(base: &Base) -> Verdict<(World, View)> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let small = world.cast().small;
    world.store().put(&bytes(94, 12_000), &PutOptions { id: Some(small), ..blocks() }).map_err(text)?;
    take(&world).map_err(text)?;
    let view = audit::view(world.store())?;
    Ok((lose(&world)?, view))
}

/// Whether it is noticed that a rebuild takes another generation than the newest.
pub(super) fn undisturbed() -> Result<(), Wrong> {
    let outcome = Base::with_cast(Shape::Roomy).map_err(text).and_then(|base| {
        let (mut world, expected) = overwritten(&base)?;
        rebuild(&world, &expected).map_err(text)?;
        check(&mut world, &expected)
    });
    outcome.map_err(|message| ("the end".to_owned(), message))
}

pub(super) fn rebuild(world: &World, expected: &View) -> hsm_core::Result<()> {
    let options = RebuildOptions::new().store(world.options());
    let roots = expected.tiers.iter().map(|tier| Path::new(STORE).join(&tier.root));
    Store::rebuild(STORE, &roots.fold(options, RebuildOptions::root), None, |_| Ok(())).map(drop)
}

/// The bytes of every live object are there.
fn holds(store: &Store, expected: &View) -> Verdict<()> {
    for object in expected.objects.iter().filter(|object| !object.is_removed() && object.size() > 0) {
        let Some(wanted) = expected.bytes.get(&(object.id, object.generation)) else { continue };
        let found = store.get(object.id).map_err(text)?;
        let generation = store.object(object.id).map_err(text)?.generation;
        if generation != object.generation || audit::hash_of(&found) != *wanted {
            return Err(format!("generation {generation} of object {} is not what it was", object.id));
        }
    }
    Ok(())
}

/// The bytes of every live object are there, and the store goes on once it is reconciled.
pub(super) fn check(world: &mut World, expected: &View) -> Verdict<()> {
    world.open().map_err(|error| format!("it cannot be opened: {error}"))?;
    if world.store().put(b"too early", &blocks()).is_ok() {
        return Err("it takes a change before it was reconciled".to_owned());
    }
    // Reconciling finds what a rebuild overlooked, so it is looked before that too.
    holds(world.store(), expected)?;
    world.store().reconcile().map_err(text)?;
    holds(world.store(), expected)?;
    let found = audit::view(world.store())?;
    audit::feed_adds_up(world.store(), &found)?;
    world.store().put(&bytes(98, 400), &blocks()).map_err(text)?;
    world.store().close().map_err(text)?;
    world.open().map_err(|error| format!("it cannot be opened again: {error}"))?;
    let found = audit::view(world.store())?;
    audit::feed_adds_up(world.store(), &found)?;
    world.store().close().map_err(text)
}
