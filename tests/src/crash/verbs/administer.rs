//! Verbs of administration.

use std::time::Duration;

use hsm_core::object::{TierConfig, TierLimits, TierState};
use hsm_core::{Retention, SnapshotOptions};

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
        verb(
            "apply tiers",
            super::READY,
            [each(|world| {
                let text = "tiers:\n  - index: 1\n    root: tiers/1\n    name: warm\n    pack_threshold: 2 KiB\n  \
                            - index: 10\n    root: tiers/10\n    pack_threshold: 2 KiB\n";
                world.store().apply_tiers(text)
            })],
        ),
        verb(
            "lose tier, each object told",
            super::READY,
            [each(|world| world.store().lose_tier_each(1, |_| Ok(())))],
        ),
        simple("set the retention", |world| {
            world.store().set_retention(&Retention { events_max: Some(1_000_000), age_max: None }).map(drop)
        }),
        simple("set the limits of a tier", |world| {
            let limits = TierLimits { actions_max: 3, bytes_a_second: 1 << 40, operations_a_second: 0 };
            world.store().set_tier_limits(2, &limits).map(drop)
        }),
        simple("set the staleness of accesses", |world| {
            world.store().set_access_staleness(Some(Duration::from_hours(9))).map(drop)
        }),
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
