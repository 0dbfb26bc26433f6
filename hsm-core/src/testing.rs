//! What tests of this crate, and of those who embed it, need: a simulated disk, a manual clock, mutants,
//! and the conformance suite of backends.

pub mod backend;
pub mod clock;
pub mod disk;
pub mod disk_conformance;
pub mod parse;

pub use crate::testing_hooks::{Mutant, fail_lookup, set_mutant};
