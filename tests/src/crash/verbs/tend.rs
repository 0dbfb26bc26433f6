//! Verbs that look after a store: scrub, the removal of strays, and compaction. Healing: see `crash::healing`.

use std::path::PathBuf;

use hsm_core::file::{Disk as _, Mode};
use hsm_core::object::ObjectId;
use hsm_core::{CheckOptions, CompactOptions, Durability, Error, Finding, PutOptions, Result, ScrubOptions};

use super::{Act, Run, Verb, verb};
use crate::audit::{LITTER_BYTES, LITTER_INSTANCE};
use crate::crash::world::{STORE, World, bytes};

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn io(error: std::io::Error) -> Error {
    Error::Cancelled { reason: error.to_string() }
}

/// Where they lie.
fn litter() -> PathBuf {
    format!("{STORE}/tiers/1/data/{LITTER_INSTANCE:016x}/{:016x}", 0).into()
}

/// Files on a root that no handle will ever write again, of an instance that nobody knows.
const LITTER: Run = |world| {
    let directory = litter();
    for below in [directory.parent().unwrap_or(&directory), &directory] {
        world.disk.create_dir(below).map_err(io)?;
        world.disk.sync_dir(below.parent().unwrap_or(below)).map_err(io)?;
    }
    for name in ["0000000000000001.obj", "0000000000000002.pack"] {
        let file = world.disk.open(&directory.join(name), Mode::Create).map_err(io)?;
        file.write_at(LITTER_BYTES, 0).map_err(io)?;
        file.sync_data().map_err(io)?;
    }
    world.disk.sync_dir(&directory).map_err(io)
};

fn remove_strays(world: &World) -> Result<()> {
    let done = world.store().check_all(&CheckOptions { remove_strays: true }, |_| Ok(()))?;
    if done.out_of_reach > 0 {
        return Err(Error::TierOffline { tier: 1, detail: "a tier was passed over".to_owned() });
    }
    let found = if world.again { done.strays } else { 2 };
    if (done.strays, done.removed, done.bad, done.contradictions) != (found, found, 0, 0) {
        return Err(Error::Cancelled { reason: format!("it found {done:?}") });
    }
    // A directory that could not be synced is left, empty, for the next time.
    let is_gone = match world.disk.read_dir(&litter()) {
        Ok(left) => left.is_empty(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_gone {
        Ok(())
    } else {
        Err(Error::Cancelled { reason: "strays that it removed are there".to_owned() })
    }
}

/// Leaves two of the five objects in the cast's pack on tier 0, of which one is removed.
const SPARSE: Run = |world| {
    let cast = world.cast();
    [cast.other, cast.doubled].into_iter().try_for_each(|id| world.store().purge(id).map(drop))
};

/// Another content for an object, which a power loss may take back.
fn put_relaxed(world: &World, id: ObjectId) -> Result<()> {
    let options = PutOptions { durability: Durability::Relaxed, ..PutOptions::id(id) };
    world.store().put(&bytes(40, 600), &options).map(drop)
}

fn compact(world: &World) -> Result<()> {
    let mut passed_over = Ok(());
    let done = world.store().compact(&CompactOptions::default(), |finding| {
        if let Finding::OutOfReach { tier, detail } = finding {
            passed_over = Err(Error::TierOffline { tier, detail });
        }
        Ok(())
    })?;
    passed_over?;
    if done.copies_left > 0 {
        // It could not read them, and goes on without.
        return Err(Error::TierOffline { tier: 0, detail: format!("{} copies stay", done.copies_left) });
    }
    let expected = if world.again { (done.packs, done.objects) } else { (1, 2) };
    if ((done.packs, done.objects), done.tiers_passed_over) != (expected, 0) {
        return Err(Error::Cancelled { reason: format!("it did {done:?}") });
    }
    Ok(())
}

pub(super) fn verbs() -> Vec<Verb> {
    // What is found is noted copy by copy, without a sync. Of one tier, so that each object changes once.
    let scrub = Act {
        run: |world| {
            world
                .store()
                .scrub(&ScrubOptions { tier: Some(0), ..ScrubOptions::default() }, |_| Ok(()))
                .map(drop)
        },
        whole: false,
        relaxed: true,
    };
    vec![
        verb("scrub", super::READY, [scrub]),
        verb("compact", SPARSE, [super::whole(|world| compact(world))]),
        verb(
            "compact, then put",
            SPARSE,
            [
                super::whole(|world| compact(world)),
                super::whole(|world| world.store().put(&bytes(41, 500), &PutOptions::default()).map(drop)),
            ],
        ),
        verb(
            "relaxed puts over, then compact",
            super::READY,
            [
                super::relaxed(|world| put_relaxed(world, world.cast().other)),
                super::relaxed(|world| put_relaxed(world, world.cast().doubled)),
                super::whole(|world| compact(world)),
            ],
        ),
        verb("remove strays", LITTER, [super::each(|world| remove_strays(world))]),
    ]
}
