//! The engine of hsm.

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
pub mod object;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod testing_hooks;
mod tier;
mod wire;

pub use catalog::{Committed, Cursor, Durability, Page, Query, TierUsage};
pub use error::{Error, Kind, Result};
pub use event::Event;
pub use store::*;
