//! The engine of hsm: objects on tiers of storage, a feed of every change, and moves that never lose data.
//!
//! A program opens a directory as a [`Store`] and has everything through that handle. No daemon runs, and no
//! thread that the program did not start.
//!
//! ```
//! use hsm_core::{PutOptions, Store, StoreOptions};
//!
//! # fn main() -> hsm_core::Result<()> {
//! let store = Store::open(":memory:", &StoreOptions::new())?; // or the path of a directory
//! let put = store.put(b"hello", &PutOptions::default())?; // durable when this returns
//! store.move_object(put.id, 0, 3)?; // copied, synced, read back, committed; then dropped from tier 0
//! assert_eq!(store.get(put.id)?, b"hello"); // each byte checked
//! store.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Nouns
//!
//! An *object* is bytes and attributes under an [`ObjectId`](object::ObjectId). Its content changes by whole
//! *generations*. A *copy* is one generation's bytes on one *tier*; tiers are numbered, 0 is the hottest. A
//! *dataset* gives objects *keys*. Every *change* is one record of the *journal*, numbered without gaps, and one
//! *event* of the feed.
//!
//! # The map, from the top down
//!
//! The verbs are methods of [`Store`], one file each: open, put, get, list, attributes, datasets, batches, parts,
//! copy, move, release, verify, remove, tiers, feed, maintenance, snapshots on a tier, restoring from them, and rebuilding without. Everything a caller needs is re-exported here,
//! at the root, except the plain data in [`object`] and the changes in [`journal`].
//!
//! `migration` (private) copies, moves, releases and verifies, and runs the *actions* that were submitted: durable requests
//! for any of these ([`Store::submit`], [`Store::run`]). It decides nothing: what to move, and when, is the caller's part.
//!
//! `engine` (private) is what every verb works with: the catalog, the tiers, and the rules for using them
//! together, such as how a copy is found and when garbage goes.
//!
//! `tier` (private) puts a tier's settings and its backend together. It writes an object's bytes into the open
//! pack or into a file of their own, and reads a copy with each byte checked.
//!
//! [`catalog`] is what the engine asks about objects, in its own terms, and how it commits changes: a proposal
//! says what it changes and what must hold for that. Its one implementation is a journal with a SQLite index.
//!
//! [`event`] is the journal as it is shown to programs that follow a store.
//!
//! [`journal`] is the truth: groups of changes, chained by checksum, in segments. The index can be deleted and is
//! rebuilt from it.
//!
//! [`backend`] puts, gets and deletes bytes in one kind of place: a directory, or memory. The formats of what
//! lies in a place are there too: one object a file with a checksum for each block, or many small objects in a
//! pack.
//!
//! [`file`](mod@file) is the one small layer over the operating system's files. All that the engine does to a
//! file goes through it, so that a test can stop the engine at any operation; SQLite's own files are the exception.
//!
//! [`object`] is plain data: ids, contents, copies, settings of tiers, limits. [`integrity`] has the checksums,
//! [`clock`] time and randomness, [`error`] the one error type with its [`Kind`]s; `wire` (private) says how
//! numbers lie in files.
//!
//! [`monitor`] is how a program follows a long verb, and stops it: see [`Store::with_monitor`].
//!
//! `testing`, with the feature of that name, has the simulated disk, a backend conformance suite and mutants.
//!
//! # What holds for every call
//!
//! - It happens wholly or not at all, also across a crash of the process or the machine.
//! - A handle may be used from any number of threads, and a store by any number of processes.
//! - Errors are [`Error`]; [`Error::kind`] says what to do about one. A call that failed changed nothing, unless
//!   it says otherwise. [`Kind::Closed`] asks for a new open: whether the last change counts shows there.
//! - The library prints nothing, never exits, reads no environment variable, maps no data file, and touches no
//!   signal handler.
//! - In a process forked from the one that opened a store, the handle answers [`Error::Forked`].
//!
//! # Features
//!
//! - `yaml`: the settings of tiers as a YAML file (`Store::export_tiers`, `Store::apply_tiers`).
//! - `testing`: for tests only; slower, and with mistakes that can be switched on.
//!
//! `ARCHITECTURE.md` in the repository tells how the modules work together, `docs/format.md` what lies on disk.

pub mod backend;
pub mod catalog;
pub mod clock;
mod engine;
pub mod error;
pub mod event;
pub mod file;
pub mod integrity;
pub mod journal;
mod migration;
pub mod monitor;
pub mod object;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod testing_hooks;
mod tier;
mod wire;

pub use catalog::{
    ActionQuery, Committed, Cursor, Durability, Items, Listed, NamesPage, ObjectSummary, Page, PinQuery,
    Query, TierUsage,
};
pub use error::{Error, Kind, Result};
pub use event::{Event, EventKind, EventKinds, Filter, Gap, RecordedEvent, Retention};
pub use store::*;

/// The code in the README is compiled and run as it is written there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
