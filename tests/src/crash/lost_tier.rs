//! A power loss that takes a tier with it, while relaxed changes were on their way there: the store is read-only
//! until the tier is declared lost. That is stopped at every step.

use std::collections::BTreeMap;
use std::path::Path;

use hsm_core::file::Disk as _;
use hsm_core::object::ObjectId;
use hsm_core::testing::disk::Keep;
use hsm_core::{Durability, Kind, PutOptions};

use super::Report;
use super::run::Count;
use super::states::each_left;
use super::world::{Base, STORE, Shape, World, blocks, bytes};
use crate::audit::{self, Strictness, Verdict};

/// Random choices of what survives, for each step.
const SEEDS: u64 = 1;
/// The tier that is gone.
const GONE: u8 = 1;

/// What is left of each object: its generation, the tiers that hold it, and a hash of its bytes.
type Left = BTreeMap<ObjectId, (u64, Vec<u8>, Option<u64>)>;

/// Stops at every step of declaring the tier lost and of the open behind it.
pub fn lost_tiers(report: &mut Report) {
    report.add_shapes("lose a tier that is away", "a tier is gone", every_step);
}

fn every_step(shape: Shape, count: &mut Count) -> Result<(), (String, String)> {
    let begun = |message: String| (String::new(), message);
    let base = Base::with_cast(shape).map_err(|error| begun(error.to_string()))?;
    let mut world = wreck(&base).map_err(begun)?;
    let first = world.disk.labels().len();
    declare_lost(&mut world).map_err(begun)?;
    let labels = world.disk.labels()[first..].to_vec();
    let expected = settle(&mut world).map_err(begun)?;
    count.steps = labels.len() as u64;
    for (step, label) in labels.iter().enumerate() {
        let failed = |message| (format!("before {step}: {label}"), message);
        stop_at(&base, step as u64, &expected, count).map_err(failed)?;
    }
    Ok(())
}

fn stop_at(base: &Base, step: u64, expected: &Left, count: &mut Count) -> Verdict<()> {
    let mut world = wreck(base)?;
    world.disk.stop_at(step);
    if let Err(error) = declare_lost(&mut world)
        && !world.disk.is_stopped()
    {
        return Err(error);
    }
    each_left(&mut world, SEEDS, count, |left| check(left, expected))
}

/// A store that lost its power, and a tier, with relaxed changes under way.
fn wreck(base: &Base) -> Verdict<World> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let relaxed = PutOptions { durability: Durability::Relaxed, ..blocks() };
    let there = PutOptions { tier: Some(GONE), ..relaxed.clone() };
    let over = PutOptions { id: Some(world.cast().large), ..there.clone() };
    for (seed, length, options) in [(90, 9000, &relaxed), (91, 9000, &over), (92, 400, &there)] {
        world.store().put(&bytes(seed, length), options).map_err(text)?;
    }
    let image = world.disk.crash();
    world.disk.stop();
    world.store = None;
    let disk = image.power_loss(Keep::All);
    let tiers = Path::new(STORE).join("tiers");
    let renamed = disk.rename(&tiers.join(GONE.to_string()), &tiers.join("away"));
    renamed.and_then(|()| disk.sync_dir(&tiers)).map_err(|error| error.to_string())?;
    Ok(World::after(&world, disk, None))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: hsm_core::Error) -> String {
    error.to_string()
}

/// Opens the store, which is read-only, says that the tier is lost, and opens it again.
fn declare_lost(world: &mut World) -> Verdict<()> {
    world.open().map_err(text)?;
    if world.store().read_only_reason().is_some() {
        match world.store().lose_tier(GONE) {
            Err(error) if error.kind() == Kind::Closed => {}
            answer => return Err(format!("the loss was answered with {answer:?}")),
        }
        world.open().map_err(text)?;
    }
    Ok(())
}

/// The same, to the end: what lay on the tier is struck off.
fn settle(world: &mut World) -> Verdict<Left> {
    declare_lost(world)?;
    world.store().lose_tier(GONE).map_err(text)?;
    let view = audit::view(world.store())?;
    let model = audit::feed_adds_up(world.store(), &view)?;
    audit::stray(&world.disk, Path::new(STORE), &view, &model, Strictness::AfterOpen)?;
    let left = view.objects.iter().map(|object| {
        let tiers = object.copies.iter().map(|copy| copy.tier).collect();
        let hash = view.bytes.get(&(object.id, object.generation)).copied();
        (object.id, (object.generation, tiers, hash))
    });
    Ok(left.collect())
}

fn check(world: &mut World, expected: &Left) -> Verdict<()> {
    let found = settle(world)?;
    if found != *expected {
        return Err(format!("{found:?} is left, and not {expected:?}"));
    }
    world.store().put(&bytes(93, 400), &blocks()).map_err(text)?;
    world.store().close().map_err(text)
}
