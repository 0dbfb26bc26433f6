//! Verbs of subscribers: subscribe, acknowledge, drop.

use std::time::Duration;

use hsm_core::object::Position;
use hsm_core::{Durability, Filter, Next, Result};

use super::{Act, Run, Verb, relaxed, verb, whole};
use crate::crash::world::World;

const NAME: &str = "mirror";

const SUBSCRIBED: Run = |world| world.store().subscribe(NAME, Position::default());

/// Acknowledges the next `count` events, as one who came anew.
fn ack(world: &World, count: usize, durability: Durability) -> Result<()> {
    let mut subscription = world.store().subscription(NAME, &Filter::default())?;
    if let Next::Events(events) = subscription.next(count, Some(Duration::ZERO))? {
        for event in events {
            subscription.ack(event.position, durability)?;
        }
    }
    Ok(())
}

fn acks() -> [Act; 3] {
    [
        whole(|world| ack(world, 1, Durability::Durable)),
        relaxed(|world| ack(world, 1, Durability::Relaxed)),
        whole(|world| ack(world, 1, Durability::Durable)),
    ]
}

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        verb("subscribe", super::READY, [whole(SUBSCRIBED)]),
        verb(
            "subscribe beside another",
            |world| world.store().subscribe("other", Position::default()),
            [whole(SUBSCRIBED)],
        ),
        verb("acknowledge", SUBSCRIBED, acks()),
        verb("drop a subscriber", SUBSCRIBED, [whole(|world| world.store().drop_subscriber(NAME))]),
        verb(
            "drop a subscriber, then subscribe",
            |world| {
                SUBSCRIBED(world)?;
                ack(world, 1, Durability::Durable)
            },
            [
                whole(|world| world.store().drop_subscriber(NAME)),
                whole(|world| world.store().subscribe(NAME, Position { epoch: 1, number: 3 })),
            ],
        ),
    ]
}
