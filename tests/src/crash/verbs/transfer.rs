//! Verbs that copy, move, drop and verify.

use hsm_core::object::{FOR_EVER_NS, ObjectId};
use hsm_core::{Error, PinQuery, Query, Result};

use super::{Verb, each, simple, verb, whole};
use crate::crash::world::World;

/// Notes the answer to each object.
fn all_well<T>(world: &mut World, ids: &[ObjectId], answers: Vec<Result<T>>) -> Result<()> {
    world.answers = ids.iter().zip(&answers).map(|(id, answer)| (*id, answer.is_ok())).collect();
    answers.into_iter().collect::<Result<Vec<_>>>().map(drop)
}

fn copy_many(world: &mut World) -> Result<()> {
    let ids = several(world);
    let answers = world.store().copy_many(&ids, None, 2)?;
    all_well(world, &ids, answers)
}

fn move_many(world: &mut World) -> Result<()> {
    let ids = several(world);
    let answers = world.store().move_many(&ids, 0, 2)?;
    all_well(world, &ids, answers)
}

fn several(world: &World) -> [ObjectId; 5] {
    let cast = world.cast();
    [cast.small, cast.other, cast.large, cast.pieces, cast.empty]
}

/// What a pin forbids is an answer; all else is an error.
fn refused<T: std::fmt::Debug>(answer: Result<T>) -> Result<()> {
    match answer {
        Err(Error::Pinned { .. }) => Ok(()),
        Err(error) => Err(error),
        Ok(done) => panic!("done, though it is pinned: {done:?}"),
    }
}

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        simple("copy small", |world| world.store().copy(world.cast().small, None, 2).map(drop)),
        simple("copy large", |world| world.store().copy(world.cast().large, None, 2).map(drop)),
        verb("copy many", super::READY, [each(copy_many)]),
        simple("move small", |world| world.store().move_object(world.cast().small, 0, 2).map(drop)),
        simple("move large", |world| world.store().move_object(world.cast().large, 0, 2).map(drop)),
        simple("move pieces", |world| world.store().move_object(world.cast().pieces, 0, 2).map(drop)),
        simple("move empty", |world| world.store().move_object(world.cast().empty, 0, 2).map(drop)),
        verb("move many", super::READY, [each(move_many)]),
        verb(
            "move there and back",
            super::READY,
            [
                whole(|world| world.store().move_object(world.cast().large, 0, 2).map(drop)),
                whole(|world| world.store().move_object(world.cast().large, 2, 0).map(drop)),
            ],
        ),
        verb(
            "move to a tier that has a copy",
            super::READY,
            [each(|world| world.store().move_object(world.cast().doubled_large, 0, 1).map(drop))],
        ),
        simple("release", |world| world.store().release(world.cast().doubled, 0, false).map(drop)),
        verb(
            "release large, verified first",
            super::READY,
            [each(|world| world.store().release(world.cast().doubled_large, 1, false).map(drop))],
        ),
        verb(
            "recall",
            |world| world.store().move_object(world.cast().large, 0, 3).map(drop),
            [whole(|world| world.store().recall(world.cast().large, 0).map(drop))],
        ),
        verb(
            "pin, then unpin",
            super::READY,
            [
                whole(|world| world.store().pin(world.cast().doubled, 0, "ann", FOR_EVER_NS).map(drop)),
                whole(|world| world.store().pin(world.cast().doubled, 0, "bob", FOR_EVER_NS - 1).map(drop)),
                whole(|world| world.store().pin(world.cast().large, 0, "", FOR_EVER_NS).map(drop)),
                whole(|world| world.store().unpin(world.cast().doubled, 0, "ann").map(drop)),
                whole(|world| world.store().purge(world.cast().large).map(drop)),
            ],
        ),
        verb(
            "pin many, then unpin them",
            super::READY,
            [
                whole(|world| {
                    let ids = [world.cast().large, world.cast().doubled];
                    world.store().pin_many(&ids, 0, "ann", FOR_EVER_NS).map(drop)
                }),
                each(|world| world.store().pin_all(&Query::default(), 1, "bob", FOR_EVER_NS).map(drop)),
                whole(|world| {
                    let hers = PinQuery { owner: Some("ann".into()), ..PinQuery::default() };
                    world.store().unpin_all(&hers).map(drop)
                }),
            ],
        ),
        verb(
            "move and release of what is pinned",
            |world| {
                world.store().pin(world.cast().large, 0, "ann", FOR_EVER_NS)?;
                world.store().pin(world.cast().doubled, 0, "ann", FOR_EVER_NS).map(drop)
            },
            [
                whole(|world| refused(world.store().move_object(world.cast().large, 0, 2))),
                whole(|world| refused(world.store().release(world.cast().doubled, 0, true))),
                whole(|world| world.store().unpin(world.cast().large, 0, "ann").map(drop)),
                whole(|world| world.store().move_object(world.cast().large, 0, 2).map(drop)),
            ],
        ),
        simple("verify", |world| world.store().verify(world.cast().large, 0).map(drop)),
        simple("verify again", |world| world.store().verify(world.cast().doubled, 1).map(drop)),
    ]
}
