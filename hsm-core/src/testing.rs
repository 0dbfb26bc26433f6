//! What tests of this crate, and of those who embed it, need: a simulated disk, a manual clock, mutants,
//! and the conformance suite of backends.
