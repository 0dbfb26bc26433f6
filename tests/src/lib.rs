//! Tests across the workspace, and what they are made of.
//!
//! - [`crash`] stops a store at every operation on its disk and opens what is left;
//! - [`audit`] says whether an open store is whole, by means that share nothing with the engine's own.

pub mod audit;
pub mod crash;
