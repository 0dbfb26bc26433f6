//! A scrub that is limited to a rate, stopped at every step, and resumed by another process, which is told when it began.
//!
//! It goes on behind what was noted, leaves no copy out, and tells of all that one tells of that nothing stops: of damaged
//! copies, and of packs whose header is damaged, also where the copies in them were read before.

use std::collections::HashSet;

use hsm_core::clock::{Clock as _, TimeNs};
use hsm_core::{Finding, Query, ScrubOptions, Scrubbed};

use super::Report;
use super::backup::{Wrong, each_state, text};
use super::healing::{damage, write_over};
use super::run::Count;
use super::world::{Base, Shape, World};
use crate::audit::{self, Verdict};

/// A few milliseconds for all of the cast.
const BYTES_A_SECOND: u64 = 1 << 24;

/// Stops such a scrub at every step.
pub fn resumed_scrubs(report: &mut Report) {
    report.add_shapes("scrub, stopped and resumed", "copies are damaged", every_step);
}

/// What a scrub did, and what it told of.
type Told = (Scrubbed, Vec<Finding>);

fn every_step(shape: Shape, count: &mut Count) -> Result<(), Wrong> {
    let begun = |message: String| (String::new(), message);
    let base = Base::with_cast(shape).map_err(|error| begun(text(error)))?;
    let world = damaged(&base).map_err(begun)?;
    let first = world.disk.labels().len();
    let whole = scrub(&world, world.clock.now_ns()).map_err(|error| begun(text(error)))?;
    if (whole.0.bad, whole.0.damaged_packs, whole.0.passed_over) != (2, 1, 0) {
        return Err(begun(format!("undisturbed it did {:?}", whole.0)));
    }
    let labels = world.disk.labels()[first..].to_vec();
    count.steps = labels.len() as u64;
    let (mut seen, mut noted_amid) = (HashSet::new(), HashSet::new());
    for step in 0..=labels.len() {
        let label = labels.get(step).map_or("the end", |label| label);
        let failed = |message| (format!("before {step}: {label}"), message);
        let world = damaged(&base).map_err(failed)?;
        let since = world.clock.now_ns();
        world.disk.stop_at(step as u64);
        let stopped = scrub(&world, since);
        if stopped.is_err() && !world.disk.is_stopped() {
            return Err(failed(format!("undisturbed: {stopped:?}")));
        }
        world.disk.stop();
        each_state(&world.disk.crash(), stopped.is_ok(), &mut seen, count, |disk| {
            let mut found = World::after(&world, disk, None);
            noted_amid.insert(resume(&mut found, since, &whole)?);
            Ok(())
        })
        .map_err(failed)?;
    }
    // Else it proves nothing.
    let (least, most) = (0, whole.0.whole);
    let amid = noted_amid.iter().filter(|noted| (least + 1..most).contains(*noted)).count();
    if noted_amid.contains(&least) && noted_amid.contains(&most) && amid > 1 {
        return Ok(());
    }
    Err(begun(format!("of {most} copies it was only stopped behind {noted_amid:?}")))
}

/// A store with two damaged copies, and a pack that holds several whole ones and has a damaged header.
fn damaged(base: &Base) -> Verdict<World> {
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let cast = world.cast();
    damage(&world, cast.doubled, 1)?;
    damage(&world, cast.doubled_large, 0)?;
    write_over(&world, cast.small, 0, |_| 40)?;
    Ok(world)
}

fn scrub(world: &World, since: TimeNs) -> hsm_core::Result<Told> {
    let options = ScrubOptions {
        not_verified_since: Some(since),
        bytes_a_second: BYTES_A_SECOND,
        ..ScrubOptions::default()
    };
    let mut told = Vec::new();
    let done = world.store().scrub(&options, |finding| {
        told.push(finding);
        Ok(())
    })?;
    Ok((done, told))
}

/// Goes on with it. Returns how many copies were noted before.
fn resume(world: &mut World, since: TimeNs, whole: &Told) -> Verdict<u64> {
    world.open().map_err(text)?;
    let noted = noted_since(world, since)?;
    let (done, told) = scrub(world, since).map_err(text)?;
    if told != whole.1 {
        return Err(format!("it tells of {told:?}, undisturbed of {:?}", whole.1));
    }
    let expected = Scrubbed { whole: whole.0.whole - noted, passed_over: noted, ..whole.0 };
    if done != expected {
        return Err(format!("{noted} copies were noted, and it did {done:?}"));
    }
    // Every other copy is noted by now.
    let again = noted_since(world, since)?;
    if again != whole.0.whole {
        return Err(format!("{again} copies are noted in the end, {} are whole", whole.0.whole));
    }
    let heal = ScrubOptions { heal: true, ..ScrubOptions::default() };
    let healed = world.store().scrub(&heal, |_| Ok(())).map_err(text)?;
    if (healed.bad, healed.healed) != (2, 2) {
        return Err(format!("the damaged copies are healed by {healed:?}"));
    }
    world.store().sync().map_err(text)?; // The feed tells of what is durable.
    // Reads every copy.
    let view = audit::view(world.store())?;
    audit::feed_adds_up(world.store(), &view)?;
    world.store().close().map_err(text)?;
    Ok(noted)
}

/// Copies that say that they were verified since.
fn noted_since(world: &World, since: TimeNs) -> Verdict<u64> {
    let mut noted = 0;
    for removed in [false, true] {
        for item in world.store().objects(&Query { removed, ..Query::default() }) {
            let (_, object) = item.map_err(text)?;
            noted +=
                object.copies.iter().filter(|copy| copy.is_verified() && copy.verified_ns >= since).count();
        }
    }
    Ok(noted as u64)
}
