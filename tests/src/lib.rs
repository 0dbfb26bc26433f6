//! Scenarios across the public API of hsm, and what they share.

pub mod describe;
pub mod fixture;
pub mod recording;
pub mod verbs;
