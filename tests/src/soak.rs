//! Real kills: a client is killed at random moments, again and again, and nothing it was told is lost.
//!
//! Nouns:
//!
//! - a *client* is a process of several threads that change a store ([`client`]); every thread has *slots*, objects
//!   that nobody else changes, so what must be in them is known exactly ([`slot`]);
//! - a *ledger* is the thread's own record beside the store: an intent before each call, its outcome after it
//!   ([`ledger`]). What was begun and has no outcome may have happened or not, but wholly;
//! - a *life* of a client ends by SIGKILL, in a phase that is drawn ([`rounds`]); then the store is opened and
//!   compared with the ledgers, with the feed and with what lies on the disk ([`audit`]).
//!
//! *Lost*: what was acknowledged is not there or not right. *Invented*: there is what no intent names, or again
//! what was removed.

pub mod audit;
pub mod client;
pub mod ledger;
pub mod rounds;
pub mod slot;

use std::time::Duration;

use hsm_core::StoreOptions;
use hsm_core::object::ObjectId;

use crate::stress::worker;

/// Threads of a client.
pub const THREADS: u8 = 3;
/// Clients there ever are at once.
pub const CLIENTS: u8 = 2;
/// Slots of a thread.
pub const SLOTS: u8 = 16;

/// The object of a slot.
pub fn id_of(client: u8, thread: u8, slot: u8) -> ObjectId {
    ObjectId([
        0x50, client, thread, slot, 0x50, 0x50, 0x75, 0x50, 0x95, 0x50, 0x50, 0x50, 0x50, 0x50, 0x50, 0x50,
    ])
}

/// How everyone opens the store. Removed objects can be brought back for longer than any run takes: only a purge
/// ends them, and that is in the ledger.
pub fn options() -> StoreOptions {
    worker::options().grace(Duration::from_hours(24))
}
