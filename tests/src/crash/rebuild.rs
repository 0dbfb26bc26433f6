//! A rebuild from the roots of the tiers alone, stopped at every step: it makes a store, or leaves a directory that is
//! none and that can be rebuilt into again. The roots stay as they are.

use std::collections::HashSet;
use std::path::Path;

use hsm_core::RebuildOptions;
use hsm_core::Store;
use hsm_core::testing::disk::Keep;

use super::backup::{Wrong, each_state, lost, text};
use super::run::Count;
use super::world::{Base, STORE, World, blocks, bytes};
use crate::audit::{self, Verdict, View};

pub(super) fn every_step_of_a_rebuild(base: &Base, count: &mut Count) -> Result<(), Wrong> {
    let begun = |message: String| (String::new(), message);
    let (mut world, expected) = lost(base).map_err(begun)?;
    let image = world.disk.crash();
    let first = world.disk.labels().len();
    rebuild(&world, &expected).map_err(|error| begun(text(error)))?;
    let labels = world.disk.labels()[first..].to_vec();
    if let Some(label) = labels.iter().find(|label| label.contains("/tiers/")) {
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

fn rebuild(world: &World, expected: &View) -> hsm_core::Result<()> {
    let options = RebuildOptions::new().store(world.options());
    let roots = expected.tiers.iter().map(|tier| Path::new(STORE).join(&tier.root));
    Store::rebuild(STORE, &roots.fold(options, RebuildOptions::root), None, |_| Ok(())).map(drop)
}

/// The bytes of every live object are there, and the store goes on once it is reconciled.
fn check(world: &mut World, expected: &View) -> Verdict<()> {
    world.open().map_err(|error| format!("it cannot be opened: {error}"))?;
    if world.store().put(b"too early", &blocks()).is_ok() {
        return Err("it takes a change before it was reconciled".to_owned());
    }
    world.store().reconcile().map_err(text)?;
    let found = audit::view(world.store())?;
    for object in expected.objects.iter().filter(|object| !object.is_removed() && object.size() > 0) {
        let key = (object.id, object.generation);
        if expected.bytes.contains_key(&key) && expected.bytes.get(&key) != found.bytes.get(&key) {
            return Err(format!("generation {} of object {} is not what it was", key.1, key.0));
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
