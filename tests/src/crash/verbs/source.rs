//! Puts from every kind of source, and tiers in memory, whose bytes a death takes along.

use std::io::{Cursor, Seek as _, Write as _};
use std::os::fd::AsFd as _;

use hsm_core::file::OsDisk;
use hsm_core::object::{Adoption, TierConfig};
use hsm_core::{Error, PutOptions, Result};

use super::{Run, Verb, each, simple, verb, whole};
use crate::crash::world::{BLOCK, World, blocks, bytes};

/// A tier in memory, beside those on the disk.
const MEMORY: u8 = 8;

const WITH_MEMORY: Run = |world| world.store().add_tier(&TierConfig::memory(MEMORY));

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn io(error: std::io::Error) -> Error {
    Error::Cancelled { reason: error.to_string() }
}

/// A file of the caller's, on a disk of its own.
fn file(seed: u64, len: usize) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new().map_err(io)?;
    file.write_all(&bytes(seed, len)).map_err(io)?;
    file.rewind().map_err(io)?;
    Ok(file)
}

fn in_memory() -> PutOptions {
    PutOptions { tier: Some(MEMORY), ..blocks() }
}

/// Two parts, each through a handle of its own.
fn joined_parts(world: &World) -> Result<()> {
    let parts = world.store().parts(&blocks())?;
    let token = parts.token();
    let mut receipts = Vec::new();
    for (offset, len) in [(0, BLOCK as usize), (BLOCK, 700)] {
        let mut part = world.store().join_parts(&token)?.part(offset)?;
        part.add(&bytes(offset, len))?;
        receipts.push(part.finish()?);
    }
    parts.commit(&receipts).map(drop)
}

/// Adopts a file that is removed then: unless the object is there, the file still is.
fn adopt_and_remove(world: &World) -> Result<()> {
    let file = file(126, 9000)?;
    let adoption = Adoption { remove_source: true, ..Adoption::default() };
    let adopted = world.store().adopt_path(file.path(), adoption, &blocks());
    assert!(adopted.is_ok() || file.path().exists(), "neither the object nor the file is sure");
    let adopted = adopted?;
    assert_eq!(adopted.source_removed, !file.path().exists());
    Ok(())
}

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        simple("put from a reader", |world| {
            world.store().put_reader(Cursor::new(bytes(120, 9000)), &blocks()).map(drop)
        }),
        simple("put from a path", |world| {
            let file = file(121, 9000)?;
            world.store().put_path(file.path(), 100, Some(5000), &blocks()).map(drop)
        }),
        simple("adopt a file", |world| {
            let file = file(125, 9000)?;
            let adopted = world.store().adopt_path(file.path(), Adoption::default(), &blocks())?;
            assert!(adopted.shared, "the simulated disk shares");
            Ok(())
        }),
        simple("adopt a file and remove it", |world| adopt_and_remove(world)),
        simple("put from a file", |world| {
            let file = OsDisk::adopt(file(122, 700)?.into_file());
            world.store().put_file(&*file, 0, None, &blocks()).map(drop)
        }),
        simple("put from a descriptor", |world| {
            let file = file(123, 9000)?;
            world.store().put_descriptor(file.as_fd(), 0, None, &blocks()).map(drop)
        }),
        simple("parts, joined by their token", |world| joined_parts(world)),
        verb(
            "copy to a tier in memory",
            WITH_MEMORY,
            [whole(|world| world.store().copy(world.cast().large, None, MEMORY).map(drop))],
        ),
        verb(
            "put to a tier in memory",
            WITH_MEMORY,
            [
                whole(|world| world.store().put(&bytes(124, 9000), &in_memory()).map(drop)),
                whole(|world| world.store().put(&bytes(125, 300), &in_memory()).map(drop)),
            ],
        ),
        verb(
            "move from a tier in memory",
            |world| {
                WITH_MEMORY(world)?;
                let put = world.store().put(&bytes(126, 9000), &in_memory())?;
                world.kept.push(put.id);
                Ok(())
            },
            [whole(|world| world.store().move_object(world.kept[0], MEMORY, 0).map(drop))],
        ),
        verb(
            "drain a tier in memory",
            |world| {
                WITH_MEMORY(world)?;
                world.store().put(&bytes(127, 9000), &in_memory())?;
                world.store().put(&bytes(128, 300), &in_memory()).map(drop)
            },
            [each(|world| world.store().drain_tier(MEMORY, 0).map(drop))],
        ),
    ]
}
