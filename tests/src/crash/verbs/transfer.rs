//! Verbs that copy, move, drop and verify.

use hsm_core::Result;

use super::{Verb, each, simple, verb, whole};
use crate::crash::world::World;

fn all_well<T>(answers: Vec<Result<T>>) -> Result<()> {
    answers.into_iter().collect::<Result<Vec<_>>>().map(drop)
}

fn several(world: &World) -> [hsm_core::object::ObjectId; 5] {
    let cast = world.cast();
    [cast.small, cast.other, cast.large, cast.pieces, cast.empty]
}

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        simple("copy small", |world| world.store().copy(world.cast().small, None, 2).map(drop)),
        simple("copy large", |world| world.store().copy(world.cast().large, None, 2).map(drop)),
        verb(
            "copy many",
            super::READY,
            [each(|world| all_well(world.store().copy_many(&several(world), None, 2)?))],
        ),
        simple("move small", |world| world.store().move_object(world.cast().small, 0, 2).map(drop)),
        simple("move large", |world| world.store().move_object(world.cast().large, 0, 2).map(drop)),
        simple("move pieces", |world| world.store().move_object(world.cast().pieces, 0, 2).map(drop)),
        simple("move empty", |world| world.store().move_object(world.cast().empty, 0, 2).map(drop)),
        verb(
            "move many",
            super::READY,
            [each(|world| all_well(world.store().move_many(&several(world), 0, 2)?))],
        ),
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
        simple("verify", |world| world.store().verify(world.cast().large, 0).map(drop)),
        simple("verify again", |world| world.store().verify(world.cast().doubled, 1).map(drop)),
    ]
}
