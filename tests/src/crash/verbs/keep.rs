//! Verbs that remove and bring back, and those that open, close and tidy.

use hsm_core::file::Disk as _;
use hsm_core::testing::disk::Keep;
use hsm_core::{Durability, Result};

use super::{Act, Run, Verb, each, relaxed, simple, verb, whole};
use crate::crash::world::{GRACE, World, blocks, bytes};

/// Makes garbage of every kind: overwritten, dropped and purged copies, packed and not.
const LITTER: Run = |world| {
    let cast = world.cast();
    for id in [cast.large, cast.small, cast.pieces] {
        let over = hsm_core::PutOptions { id: Some(id), ..blocks() };
        world.store().put(&bytes(70, 5000), &over)?;
        world.store().put(&bytes(71, 900), &over)?;
    }
    world.store().put_at(cast.doubled_large, 0, &bytes(72, 10), Durability::Durable)?;
    world.store().remove(cast.other).map(drop)
};

/// The same, and the grace of what was removed is over.
const OLD_LITTER: Run = |world| {
    LITTER(world)?;
    world.clock.advance(GRACE * 2);
    Ok(())
};

/// A handle that died with work under way. The disk that is left is that of a store to be opened.
fn die(world: &mut World, keep: Option<Keep>) -> Result<()> {
    // Bytes that no commit will name.
    let mut unfinished = world.store().writer(&blocks())?;
    unfinished.add(&bytes(75, 9000))?;
    let image = world.disk.crash();
    world.disk.stop();
    drop(unfinished);
    world.store = None;
    world.disk = keep.map_or_else(|| image.process_crash(), |keep| image.power_loss(keep));
    Ok(())
}

/// Relaxed puts, the death of their handle, and an open, which is what is stopped.
fn death() -> Verb {
    let acts = [
        relaxed(|world| relaxed_put(world, 73, 700)),
        relaxed(|world| relaxed_put(world, 74, 9000)),
        relaxed(|world| die(world, None)),
        relaxed(reopen),
    ];
    Verb { done: 3, ..verb("open after a death", OLD_LITTER, acts) }
}

fn relaxed_put(world: &World, seed: u64, len: usize) -> Result<()> {
    let options = hsm_core::PutOptions { durability: Durability::Relaxed, ..blocks() };
    world.store().put(&bytes(seed, len), &options).map(drop)
}

fn reopen(world: &mut World) -> Result<()> {
    world.open()
}

/// An open changes nothing of what is in the store.
fn opening() -> [Act; 1] {
    [whole(reopen)]
}

pub(super) fn verbs() -> Vec<Verb> {
    let create = Verb {
        name: "create a store",
        prepare: super::READY,
        acts: vec![whole(reopen)],
        done: 0,
        fresh: true,
    };
    let mut all = vec![create];
    all.extend([
        simple("remove", |world| world.store().remove(world.cast().small).map(drop)),
        simple("remove large", |world| world.store().remove(world.cast().large).map(drop)),
        simple("undelete", |world| world.store().undelete(world.cast().removed).map(drop)),
        simple("purge small", |world| world.store().purge(world.cast().small).map(drop)),
        simple("purge large", |world| world.store().purge(world.cast().large).map(drop)),
        simple("purge pieces", |world| world.store().purge(world.cast().pieces).map(drop)),
        simple("purge two copies", |world| world.store().purge(world.cast().doubled_large).map(drop)),
        simple("purge removed", |world| world.store().purge(world.cast().removed).map(drop)),
        verb("maintain: reclaim", LITTER, [each(|world| world.store().maintain().map(drop))]),
        verb("maintain: purge expired", OLD_LITTER, [each(|world| world.store().maintain().map(drop))]),
        verb(
            "maintain: make the reserve again",
            |world| {
                let reserve = world.disk.remove_file("/store/reserve".as_ref());
                reserve.map_err(|error| hsm_core::Error::Cancelled { reason: error.to_string() })
            },
            [whole(|world| world.store().maintain().map(drop))],
        ),
        simple("close", |world| world.store().close()),
        verb("close with garbage", LITTER, [whole(|world| world.store().close())]),
        verb(
            "close after a put",
            super::READY,
            [
                whole(|world| world.store().put(&bytes(76, 300), &blocks()).map(drop)),
                whole(|world| world.store().close()),
            ],
        ),
        verb(
            "open",
            |world| {
                world.store().close()?;
                world.store = None;
                Ok(())
            },
            opening(),
        ),
        death(),
        verb(
            "open after a power loss",
            |world| {
                OLD_LITTER(world)?;
                relaxed_put(world, 78, 700)?;
                relaxed_put(world, 79, 9000)?;
                die(world, Some(Keep::Random(3)))
            },
            opening(),
        ),
        verb(
            "put that reclaims",
            |world| {
                for seed in 0..63 {
                    let over = hsm_core::PutOptions { id: Some(world.cast().large), ..blocks() };
                    world.store().put(&bytes(seed, 4500), &over)?;
                }
                Ok(())
            },
            // The 64th place that an overwrite leaves: all of them are removed.
            [whole(|world| {
                let over = hsm_core::PutOptions { id: Some(world.cast().large), ..blocks() };
                world.store().put(&bytes(77, 10), &over).map(drop)
            })],
        ),
    ]);
    all
}
