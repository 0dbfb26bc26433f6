//! A scrub that heals, stopped at every step: each object keeps its bytes, and a scrub that is run again ends with
//! every copy whole. An audit would not take a store with a damaged copy, so this has its own check.

use std::path::Path;

use hsm_core::file::{Disk as _, Mode};
use hsm_core::object::ObjectId;
use hsm_core::{ScrubOptions, Scrubbed};

use super::Report;
use super::run::Count;
use super::states::each_left;
use super::world::{Base, STORE, Shape, World, bytes};
use crate::audit::{self, Strictness, Verdict};

/// Random choices of what survives, for each step.
const SEEDS: u64 = 2;

/// Stops at every step of a scrub that heals.
pub fn healing(report: &mut Report) {
    report.add_shapes("scrub and heal", "copies are damaged", every_step);
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: impl ToString) -> String {
    error.to_string()
}

pub(super) fn every_step(shape: Shape, count: &mut Count) -> Result<(), (String, String)> {
    let begun = |message: String| (String::new(), message);
    let base = Base::with_cast(shape).map_err(|error| begun(text(error)))?;
    let mut world = damaged(&base).map_err(begun)?;
    let first = world.disk.labels().len();
    let done = scrub(&world).map_err(begun)?;
    if (done.bad, done.healed, done.lost) != (4, 4, 0) {
        return Err(begun(format!("undisturbed it did {done:?}")));
    }
    let labels = world.disk.labels()[first..].to_vec();
    check(&mut world).map_err(begun)?;
    count.steps = labels.len() as u64;
    for (step, label) in labels.iter().enumerate() {
        let failed = |message| (format!("before {step}: {label}"), message);
        stop_at(&base, step as u64, count).map_err(failed)?;
    }
    Ok(())
}

fn stop_at(base: &Base, step: u64, count: &mut Count) -> Verdict<()> {
    let mut world = damaged(base)?;
    world.disk.stop_at(step);
    if let Err(error) = scrub(&world)
        && !world.disk.is_stopped()
    {
        return Err(error);
    }
    each_left(&mut world, SEEDS, count, reopen_and_check)
}

/// A store in which four objects of two copies have one that is damaged, in packs and in files.
fn damaged(base: &Base) -> Verdict<World> {
    let mut world = base.world().map_err(text)?;
    world.open().map_err(text)?;
    let cast = world.cast();
    for id in [cast.large, cast.other] {
        world.store().copy(id, None, 1).map_err(text)?;
    }
    for (id, tier) in [(cast.doubled, 1), (cast.doubled_large, 0), (cast.large, 1), (cast.other, 0)] {
        damage(&world, id, tier)?;
    }
    Ok(world)
}

/// Writes over some bytes of a copy, behind the header of a record, on the medium.
pub(super) fn damage(world: &World, id: ObjectId, tier: u8) -> Verdict<()> {
    write_over(world, id, tier, |begin| begin + 100)
}

/// The same at another byte of the file that holds the copy, told where the copy begins in it.
pub(super) fn write_over(world: &World, id: ObjectId, tier: u8, at: impl Fn(u64) -> u64) -> Verdict<()> {
    let object = world.store().object(id).map_err(text)?;
    let piece = object.copy_on(tier).and_then(|copy| copy.pieces.first()).ok_or("there is no such copy")?;
    let suffix = if piece.packed { "pack" } else { "obj" };
    let (instance, serial) = (piece.place.instance, piece.place.serial);
    let path =
        format!("{STORE}/tiers/{tier}/data/{instance:016x}/{:016x}/{serial:016x}.{suffix}", serial / 1024);
    let file = world.disk.open(path.as_ref(), Mode::Write).map_err(text)?;
    file.write_at(b"damaged", at(piece.offset)).map_err(text)?;
    file.sync_data().map_err(text)
}

fn scrub(world: &World) -> Verdict<Scrubbed> {
    let options = ScrubOptions { heal: true, ..ScrubOptions::default() };
    world.store().scrub(&options, |_| Ok(())).map_err(text)
}

fn reopen_and_check(world: &mut World) -> Verdict<()> {
    world.open().map_err(text)?;
    check(world)
}

fn check(world: &mut World) -> Verdict<()> {
    let cast = world.cast();
    let contents = [
        (cast.other, bytes(2, 700)),
        (cast.large, bytes(3, 20_000)),
        (cast.doubled, bytes(8, 900)),
        (cast.doubled_large, bytes(9, 12_000)),
    ];
    for (id, content) in &contents {
        if world.store().get(*id).map_err(text)? != *content {
            return Err(format!("object {id} has other bytes"));
        }
    }
    let again = scrub(world)?;
    if again.lost > 0 || again.healed != again.bad {
        return Err(format!("run again it did {again:?}"));
    }
    world.store().maintain().map_err(text)?;
    world.store().close().map_err(text)?;
    world.open().map_err(text)?;
    world.store().maintain().map_err(text)?;
    // Reads every copy.
    let view = audit::view(world.store())?;
    let model = audit::feed_adds_up(world.store(), &view)?;
    audit::stray(&world.disk, Path::new(STORE), &view, &model, Strictness::AfterMaintenance)?;
    if view.objects.iter().any(|object| object.copies.len() > 2) || scrub(world)?.bad > 0 {
        return Err("something is left to be healed".to_owned());
    }
    world.store().close().map_err(text)
}
