//! Verbs that give objects new content, attributes and names.

use hsm_core::journal::Updates;
use hsm_core::object::{Attributes, ObjectId, TierConfig};
use hsm_core::{Batch, Durability, Put, PutMode, PutOptions, Result};

use super::{Verb, each, relaxed, simple, verb, whole};
use crate::crash::world::{BLOCK, World, blocks, bytes};

const RELAXED: Durability = Durability::Relaxed;
const DURABLE: Durability = Durability::Durable;

fn put(world: &mut World, content: &[u8], options: &PutOptions) -> Result<()> {
    let put = world.store().put(content, options)?;
    world.kept.push(put.id);
    Ok(())
}

fn relaxed_put(world: &mut World, seed: u64, len: usize) -> Result<()> {
    put(world, &bytes(seed, len), &PutOptions { durability: RELAXED, ..blocks() })
}

fn over(id: ObjectId) -> PutOptions {
    PutOptions { id: Some(id), ..blocks() }
}

fn relaxed_over(id: ObjectId) -> PutOptions {
    PutOptions { durability: RELAXED, ..over(id) }
}

fn red_to_blue() -> Updates {
    vec![("colour".into(), None), ("shade".into(), Some(b"blue".to_vec()))]
}

pub(super) fn verbs() -> Vec<Verb> {
    let mut all = puts();
    all.extend(relaxed_puts());
    all.extend(batches());
    all.extend(longer_records());
    all.extend(names());
    all
}

fn puts() -> Vec<Verb> {
    vec![
        simple("put small", |world| put(world, &bytes(20, 500), &blocks())),
        simple("put large", |world| put(world, &bytes(21, 15_000), &blocks())),
        // More blocks than digests are held in memory.
        simple("put of many blocks", |world| put(world, &bytes(21, 50_000), &blocks())),
        simple("put empty", |world| put(world, b"", &blocks())),
        simple("put small over small", |world| put(world, &bytes(22, 600), &over(world.cast().small))),
        simple("put large over small", |world| put(world, &bytes(22, 9000), &over(world.cast().small))),
        simple("put small over large", |world| put(world, &bytes(22, 600), &over(world.cast().large))),
        simple("put large over pieces", |world| put(world, &bytes(22, 9000), &over(world.cast().pieces))),
        simple("put over two copies", |world| put(world, &bytes(22, 650), &over(world.cast().doubled))),
        simple("put over removed", |world| put(world, &bytes(22, 650), &over(world.cast().removed))),
        simple("put data into bodiless", |world| put(world, &bytes(22, 640), &over(world.cast().bodiless))),
        simple("put by name", |world| {
            put(world, &bytes(23, 610), &PutOptions { name: Some(world.name("a")), ..blocks() })
        }),
        simple("create with name", |world| {
            let options = PutOptions {
                name: Some(world.name("new")),
                mode: PutMode::Create,
                attributes: Attributes::from([("kind", b"fresh")]),
                ..blocks()
            };
            put(world, &bytes(24, 800), &options)
        }),
        simple("put without data", |world| {
            world.store().put_empty(&PutOptions::name(world.name("bodiless"))).map(drop)
        }),
        verb(
            "puts one after the other",
            super::READY,
            [
                whole(|world| put(world, &bytes(25, 1500), &blocks())),
                whole(|world| put(world, &bytes(26, 1500), &over(world.cast().small))),
                whole(|world| put(world, &bytes(27, 1500), &over(world.cast().small))),
            ],
        ),
        simple("put at: patch within", |world| {
            world.store().put_at(world.cast().large, 5000, &bytes(28, 2000), DURABLE).map(drop)
        }),
        simple("put at: extend", |world| {
            world.store().put_at(world.cast().large, 20_000, &bytes(29, 9000), DURABLE).map(drop)
        }),
        simple("put at: many blocks", |world| {
            world.store().put_at(world.cast().large, 5000, &bytes(29, 50_000), DURABLE).map(drop)
        }),
        simple("put at: on pieces", |world| {
            world.store().put_at(world.cast().pieces, 8000, &bytes(30, 14_000), DURABLE).map(drop)
        }),
        simple("put at: on a packed object", |world| {
            world.store().put_at(world.cast().small, 100, &bytes(31, 100), DURABLE).map(drop)
        }),
        simple("put at: grows out of its pack", |world| {
            world.store().put_at(world.cast().small, 200, &bytes(31, 9000), DURABLE).map(drop)
        }),
        simple("parts", |world| {
            let parts = world.store().parts(&PutOptions::name(world.name("parts")).clone())?;
            write_parts(parts)
        }),
        simple("parts over large", |world| write_parts(world.store().parts(&over(world.cast().large))?)),
        simple("two parts in one place", |world| {
            let parts = world.store().parts(&over(world.cast().large))?;
            let mut early = parts.part(0)?;
            early.add(&bytes(35, 3000))?;
            let mut late = parts.part(0)?;
            late.add(&bytes(32, 5000))?;
            // Refused, or it would be bytes of the object that is committed.
            let _ = early.add(&bytes(36, 100));
            parts.commit(&[late.finish()?]).map(drop)
        }),
    ]
}

fn write_parts(parts: hsm_core::Parts) -> Result<()> {
    let block = parts.block_size();
    // With the default block size one part is all: two would need a megabyte.
    let lens = if block == BLOCK { vec![2 * BLOCK as usize, 5000] } else { vec![5000] };
    let mut receipts = Vec::new();
    let mut offset = 0;
    for len in lens {
        let mut part = parts.part(offset)?;
        part.add(&bytes(32, len))?;
        offset += len as u64;
        receipts.push(part.finish()?);
    }
    parts.commit(&receipts).map(drop)
}

fn relaxed_puts() -> Vec<Verb> {
    vec![
        verb("relaxed put", super::READY, [relaxed(|world| relaxed_put(world, 40, 500))]),
        verb("relaxed put large", super::READY, [relaxed(|world| relaxed_put(world, 40, 9000))]),
        verb(
            "relaxed put over",
            super::READY,
            [
                relaxed(|world| put(world, &bytes(41, 9000), &relaxed_over(world.cast().large))),
                relaxed(|world| put(world, &bytes(42, 300), &relaxed_over(world.cast().small))),
            ],
        ),
        verb(
            "relaxed put at",
            super::READY,
            [relaxed(|world| {
                world.store().put_at(world.cast().large, 5000, &bytes(43, 2000), RELAXED).map(drop)
            })],
        ),
        verb(
            "relaxed puts, then durable",
            super::READY,
            [
                relaxed(|world| relaxed_put(world, 44, 1500)),
                relaxed(|world| relaxed_put(world, 45, 9000)),
                relaxed(|world| relaxed_put(world, 46, 1500)),
                whole(|world| put(world, &bytes(47, 400), &blocks())),
            ],
        ),
        verb(
            "relaxed puts, then sync",
            super::READY,
            [
                relaxed(|world| relaxed_put(world, 48, 1500)),
                relaxed(|world| relaxed_put(world, 49, 9000)),
                relaxed(|world| relaxed_put(world, 50, 1500)),
                whole(|world| world.store().sync().map(drop)),
            ],
        ),
        verb(
            "relaxed puts, then close",
            super::READY,
            [
                relaxed(|world| relaxed_put(world, 51, 1500)),
                relaxed(|world| relaxed_put(world, 52, 9000)),
                whole(|world| world.store().close()),
            ],
        ),
        verb(
            "relaxed puts, removed and overwritten",
            super::READY,
            [
                relaxed(|world| relaxed_put(world, 53, 600)),
                relaxed(|world| put(world, &bytes(54, 9000), &relaxed_over(world.kept[0]))),
                relaxed(|world| put(world, &bytes(55, 700), &relaxed_over(world.kept[0]))),
                whole(|world| world.store().purge(world.kept[0]).map(drop)),
            ],
        ),
        verb(
            "relaxed put over, then maintain",
            super::READY,
            [
                relaxed(|world| put(world, &bytes(56, 9000), &relaxed_over(world.cast().large))),
                relaxed(|world| put(world, &bytes(57, 8000), &relaxed_over(world.cast().pieces))),
                relaxed(|world| world.store().maintain().map(drop)),
            ],
        ),
    ]
}

/// A mix of everything a batch can hold.
fn fill(world: &World, batch: &mut Batch) -> Result<()> {
    let cast = world.cast();
    batch.put(&bytes(60, 700), &blocks())?;
    batch.put(&bytes(61, 9000), &over(cast.large))?;
    batch.put(&bytes(62, 500), &over(cast.small))?;
    batch.put(b"", &PutOptions { name: Some(world.name("batched")), ..blocks() })?;
    batch.set_attributes(cast.bodiless, red_to_blue())?;
    batch.remove(cast.other)?;
    batch.move_object(cast.doubled_large, 0, 2)?;
    batch.move_object(cast.doubled, 0, 1)?; // That has a copy already.
    batch.move_object(cast.empty, 0, 2)?;
    batch.add_name(cast.pieces, world.name("pieces"))
}

fn commit(batch: Batch) -> Result<Vec<Put>> {
    batch.commit()?.into_iter().collect()
}

/// Notes which objects were answered to be done.
fn commit_each(world: &mut World, batch: Batch) -> Result<()> {
    let answers = batch.commit()?;
    world.answers = answers.iter().flatten().map(|put| (put.id, true)).collect();
    answers.into_iter().collect::<Result<Vec<_>>>().map(drop)
}

fn batches() -> Vec<Verb> {
    vec![
        simple("batch, atomic", |world| {
            let mut batch = world.store().batch(true, DURABLE);
            fill(world, &mut batch)?;
            commit(batch).map(drop)
        }),
        verb(
            "batch, independent",
            super::READY,
            [each(|world| {
                let mut batch = world.store().batch(false, DURABLE);
                fill(world, &mut batch)?;
                commit_each(world, batch)
            })],
        ),
        verb(
            "batch, atomic and relaxed",
            super::READY,
            [relaxed(|world| {
                let mut batch = world.store().batch(true, RELAXED);
                fill(world, &mut batch)?;
                commit(batch).map(drop)
            })],
        ),
    ]
}

/// Lets packs take what has a file of its own elsewhere here. From 16 KiB on a pack copies no record, but takes it over.
fn pack_longer(world: &mut World) -> Result<()> {
    world.store().change_tier(&TierConfig { pack_threshold_bytes: 64 << 10, ..world.shape.tier(0) })
}

fn of_one_block(durability: Durability) -> PutOptions {
    PutOptions { durability, ..PutOptions::default() }
}

fn longer_records() -> Vec<Verb> {
    vec![
        verb(
            "put a longer record",
            pack_longer,
            [whole(|world| put(world, &bytes(63, 20_001), &of_one_block(DURABLE)))],
        ),
        verb(
            "batch of longer records",
            pack_longer,
            [whole(|world| {
                let mut batch = world.store().batch(true, DURABLE);
                batch.put(&bytes(64, 20_000), &of_one_block(DURABLE))?;
                batch.put(&bytes(65, 700), &over(world.cast().small))?;
                batch.put(&bytes(66, (16 << 10) - 72), &of_one_block(DURABLE))?;
                batch.put(&bytes(67, 33_001), &of_one_block(DURABLE))?;
                commit(batch).map(drop)
            })],
        ),
        verb(
            "relaxed longer records, then durable",
            pack_longer,
            [
                relaxed(|world| put(world, &bytes(68, 17_000), &of_one_block(RELAXED))),
                relaxed(|world| put(world, &bytes(69, 18_001), &of_one_block(RELAXED))),
                whole(|world| put(world, &bytes(70, 19_000), &of_one_block(DURABLE))),
            ],
        ),
    ]
}

fn names() -> Vec<Verb> {
    vec![
        simple("set attributes", |world| {
            world.store().set_attributes(world.cast().small, &red_to_blue()).map(drop)
        }),
        simple("set attributes of a dataset", |world| {
            world.store().set_dataset_attributes(world.cast().data, &red_to_blue()).map(drop)
        }),
        simple("add name", |world| {
            world.store().add_name(world.cast().small, &world.name("alias")).map(drop)
        }),
        simple("remove name", |world| world.store().remove_name(&world.name("a")).map(drop)),
        simple("remove the first of two names", |world| {
            world.store().remove_name(&world.name("b")).map(drop)
        }),
        simple("create dataset", |world| world.store().create_dataset("third", &Attributes::new()).map(drop)),
        simple("remove dataset", |world| world.store().remove_dataset(world.cast().bare).map(drop)),
    ]
}
