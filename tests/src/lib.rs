//! Scenarios across the public API of hsm, and what they share.
//!
//! - [`crash`] stops a store at every operation on its disk and opens what is left;
//! - [`audit`] says whether an open store is whole, by means that share nothing with the engine's own;
//! - [`model`] is a store of a few maps, and what both are put through; [`stress`] is many processes on one;
//! - [`soak`] kills a real client again and again and compares with what it was told;
//! - [`describe`] tells a store as text, to be compared;
//! - [`recording`] is a disk that notes every operation; [`verbs`] does every verb once;
//! - [`fixture`] holds the stores that several scenarios begin with; [`follower`] is a program that follows one;
//! - [`hex`] is what is sent between processes.

pub mod audit;
pub mod crash;
pub mod describe;
pub mod fixture;
pub mod follower;
pub mod hex;
pub mod model;
pub mod recording;
pub mod soak;
pub mod stress;
pub mod verbs;
