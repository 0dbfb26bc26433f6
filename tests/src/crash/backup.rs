//! Snapshots on a tier, and what is restored from them or rebuilt without them, stopped at every step.
//!
//! A snapshot is there whole or it is absent, and the one before it stays until then. A restore makes a store, or
//! leaves a directory that is none and that can be restored into again.

use std::collections::HashSet;
use std::path::Path;

use hsm_core::file::{Disk, FileKind};
use hsm_core::object::Position;
use hsm_core::testing::disk::{CrashImage, Keep, SimDisk};
use hsm_core::{Kind, PutOptions, RestoreOptions, SnapshotOptions, Store};

use super::Report;
use super::run::{Count, Failure};
use super::states::choices;
use super::world::{Base, STORE, Shape, World, blocks, bytes};
use crate::audit::{self, Strictness, Verdict, View, differences};

/// Random choices of what survives, for each step.
const SEEDS: u64 = 1;
/// The tier that snapshots are kept on, and its root.
const TIER: u8 = 1;
const ROOT: &str = "/store/tiers/1";

/// Stops at every step of a snapshot, with older ones beside it, of a restore, of a rebuild, and of a reconciliation.
pub fn backups(report: &mut Report) {
    for shape in Shape::ALL {
        for (what, every_step) in [
            ("snapshot to a tier, then lose the store", every_step_of_a_snapshot as Steps),
            ("restore", every_step_of_a_restore as Steps),
            ("rebuild", super::rebuild::every_step_of_a_rebuild as Steps),
            ("reconcile", super::reconcile::every_step_of_a_reconciliation as Steps),
        ] {
            let name = format!("{what}, {shape:?}");
            let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
            let outcome = Base::with_cast(shape)
                .map_err(|error| (String::new(), text(error)))
                .and_then(|base| every_step(&base, &mut count));
            report.counts.push(count);
            report.failures.extend(outcome.err().map(|(step, message)| Failure {
                name,
                step,
                state: "a snapshot on a tier".to_owned(),
                message,
            }));
        }
    }
}

/// Which step failed, and how.
pub(super) type Wrong = (String, String);
pub(super) type Steps = fn(&Base, &mut Count) -> Result<(), Wrong>;

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn text(error: hsm_core::Error) -> String {
    error.to_string()
}

pub(super) fn take(world: &World) -> hsm_core::Result<Position> {
    world.store().snapshot_to(TIER, &SnapshotOptions::default())
}

/// A store with two snapshots, and changes behind them.
fn with_snapshots(base: &Base) -> Verdict<(World, Position)> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let mut last = Position::default();
    for seed in [95, 96, 97] {
        world.store().put(&bytes(seed, 400), &PutOptions { tier: Some(TIER), ..blocks() }).map_err(text)?;
        if seed < 97 {
            last = take(&world).map_err(text)?;
        }
    }
    Ok((world, last))
}

pub(super) fn every_step_of_a_snapshot(base: &Base, count: &mut Count) -> Result<(), Wrong> {
    let begun = |message: String| (String::new(), message);
    let (world, before) = with_snapshots(base).map_err(begun)?;
    let first = world.disk.labels().len();
    let after = take(&world).map_err(|error| begun(text(error)))?;
    let labels = world.disk.labels()[first..].to_vec();
    count.steps = labels.len() as u64;
    let mut seen = HashSet::new();
    for step in 0..=labels.len() {
        let label = labels.get(step).map_or("the end", |label| label);
        let failed = |message| (format!("before {step}: {label}"), message);
        let (world, _) = with_snapshots(base).map_err(failed)?;
        world.disk.stop_at(step as u64);
        let taken = take(&world);
        if taken.is_err() && !world.disk.is_stopped() {
            return Err(failed(format!("undisturbed: {taken:?}")));
        }
        world.disk.stop();
        let possible = if taken.is_ok() { vec![after] } else { vec![before, after] };
        each_state(&world.disk.crash(), taken.is_ok(), &mut seen, count, |disk| {
            let options = RestoreOptions::new().store(World::after(&world, disk.clone(), None).options());
            let restored = Store::restore("/elsewhere", ROOT, &options).map_err(text)?;
            if !restored.passed_over.is_empty() || !possible.contains(&restored.position) {
                return Err(format!("{restored:?} is found, and not {possible:?}"));
            }
            Ok(())
        })
        .map_err(failed)?;
    }
    Ok(())
}

pub(super) fn every_step_of_a_restore(base: &Base, count: &mut Count) -> Result<(), Wrong> {
    let begun = |message: String| (String::new(), message);
    let (mut world, expected) = lost(base).map_err(begun)?;
    let image = world.disk.crash();
    let first = world.disk.labels().len();
    restore(&world).map_err(|error| begun(text(error)))?;
    let labels = world.disk.labels()[first..].to_vec();
    check(&mut world, &expected).map_err(begun)?;
    count.steps = labels.len() as u64;
    let mut seen = HashSet::new();
    for step in 0..=labels.len() {
        let label = labels.get(step).map_or("the end", |label| label);
        let failed = |message| (format!("before {step}: {label}"), message);
        let stopped = World::after(&world, image.power_loss(Keep::All), None);
        stopped.disk.stop_at(step as u64);
        let restored = restore(&stopped);
        if restored.is_err() && !stopped.disk.is_stopped() {
            return Err(failed(format!("undisturbed: {restored:?}")));
        }
        stopped.disk.stop();
        each_state(&stopped.disk.crash(), restored.is_ok(), &mut seen, count, |disk| {
            let mut found = World::after(&stopped, disk, None);
            if !found.is_created() {
                if restored.is_ok() {
                    return Err("what was restored is gone".to_owned());
                }
                restore(&found).map_err(|error| format!("it cannot be restored again: {error}"))?;
            }
            check(&mut found, &expected)
        })
        .map_err(failed)?;
    }
    Ok(())
}

/// Calls `check` with every disk that a crash at this moment can leave. `seen`: those that were checked for as much
/// before, at an earlier step.
pub(super) fn each_state(
    image: &CrashImage,
    done: bool,
    seen: &mut HashSet<(bool, u64)>,
    count: &mut Count,
    mut check: impl FnMut(SimDisk) -> Verdict<()>,
) -> Verdict<()> {
    count.process += 1;
    check(image.process_crash()).map_err(|wrong| format!("the process died: {wrong}"))?;
    for keep in choices(&image.pending(), SEEDS) {
        count.power += 1;
        let said = format!("power loss, {keep:?}");
        let lost = image.power_loss(keep);
        if seen.insert((done, audit::disk_hash(&lost)?)) {
            count.distinct += 1;
            check(lost).map_err(|wrong| format!("{said}: {wrong}"))?;
        }
    }
    Ok(())
}

/// What is left of a store but the roots of its tiers, and what was in it.
pub(super) fn lost(base: &Base) -> Verdict<(World, View)> {
    let (world, _) = with_snapshots(base)?;
    take(&world).map_err(text)?;
    let view = audit::view(world.store())?;
    Ok((lose(&world)?, view))
}

/// Closes a store and loses all of it but the roots of its tiers.
pub(super) fn lose(world: &World) -> Verdict<World> {
    world.store().close().map_err(text)?;
    let disk = world.disk.crash().power_loss(Keep::All);
    let store = Path::new(STORE);
    for (name, kind) in disk.read_dir(store).map_err(|error| error.to_string())? {
        if name != "tiers" {
            remove(&disk, &store.join(name), kind).map_err(|error| error.to_string())?;
        }
    }
    let disk = disk.crash().power_loss(Keep::All);
    Ok(World::after(world, disk, None))
}

fn remove(disk: &SimDisk, path: &Path, kind: FileKind) -> std::io::Result<()> {
    if kind != FileKind::Directory {
        return disk.remove_file(path);
    }
    for (name, kind) in disk.read_dir(path)? {
        remove(disk, &path.join(name), kind)?;
    }
    disk.remove_dir(path)
}

pub(super) fn restore(world: &World) -> hsm_core::Result<()> {
    Store::restore(STORE, ROOT, &RestoreOptions::new().store(world.options())).map(drop)
}

/// The store takes no change until it is reconciled, and then is what it was.
fn check(world: &mut World, expected: &View) -> Verdict<()> {
    world.open().map_err(|error| format!("it cannot be opened: {error}"))?;
    let refused = world.store().put(b"too early", &blocks()).err().map(|error| error.kind());
    if refused != Some(Kind::Refused) {
        return Err(format!("a change before it was reconciled is answered with {refused:?}"));
    }
    world.store().reconcile().map_err(text)?;
    let found = audit::view(world.store())?;
    if let Some(difference) = differences(&expected.entities, &found.entities) {
        return Err(format!("it is another store: {difference}"));
    }
    if found.bytes != expected.bytes {
        return Err("the bytes of an object are others".to_owned());
    }
    audit::feed_adds_up(world.store(), &found)?;
    world.store().put(&bytes(98, 400), &blocks()).map_err(text)?;
    world.store().close().map_err(text)?;
    world.open().map_err(|error| format!("it cannot be opened again: {error}"))?;
    let found = audit::view(world.store())?;
    let model = audit::feed_adds_up(world.store(), &found)?;
    audit::stray(&world.disk, Path::new(STORE), &found, &model, Strictness::AfterOpen)?;
    world.store().close().map_err(text)
}
