//! Verbs of administration.

use hsm_core::SnapshotOptions;
use hsm_core::object::{TierConfig, TierState};

use super::{Verb, each, simple, verb, whole};

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        simple("add tier", |world| world.store().add_tier(&world.shape.tier(9))),
        simple("change tier", |world| {
            let config = TierConfig { name: "warm".into(), capacity_bytes: 1 << 30, ..world.shape.tier(1) };
            world.store().change_tier(&config)
        }),
        simple("set tier state", |world| world.store().set_tier_state(1, TierState::ReadOnly)),
        verb("drain tier", super::READY, [each(|world| world.store().drain_tier(0, 2).map(drop))]),
        verb("lose tier", super::READY, [each(|world| world.store().lose_tier(1).map(drop))]),
        simple("snapshot to a tier", |world| {
            world.store().snapshot_to(1, &SnapshotOptions::default()).map(drop)
        }),
        verb(
            "retire tier with a snapshot",
            |world| world.store().snapshot_to(3, &SnapshotOptions::default()).map(drop),
            [whole(|world| world.store().retire_tier(3))],
        ),
        simple("retire tier", |world| world.store().retire_tier(3)),
        verb(
            "retire tier that was drained",
            |world| world.store().drain_tier(0, 2).map(drop),
            [whole(|world| world.store().retire_tier(0))],
        ),
        verb(
            "retire tier, then add another",
            |world| world.store().drain_tier(0, 2).map(drop),
            [
                whole(|world| world.store().retire_tier(0)),
                whole(|world| {
                    let config = TierConfig { root: "tiers/other".into(), ..world.shape.tier(0) };
                    world.store().add_tier(&config)
                }),
            ],
        ),
        verb(
            "put on another tier",
            super::READY,
            [whole(|world| {
                let options = hsm_core::PutOptions { tier: Some(2), ..crate::crash::world::blocks() };
                world.store().put(&crate::crash::world::bytes(80, 5000), &options).map(drop)
            })],
        ),
    ]
}
