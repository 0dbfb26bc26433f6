//! Scenarios across the public API of hsm, and what they share.

pub mod fixture;
