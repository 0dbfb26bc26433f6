//! Stops a store at every operation on its disk, and opens what is left.
//!
//! From verb to state:
//!
//! - a [`Verb`] is what is done to a store, in one or several acts that are acknowledged one after the other;
//! - a *step* is an operation on the disk that a verb makes; the disk stops before it, and within it where
//!   it is a write;
//! - a *state* is what a crash at that step can leave: the process died, or the power was lost and any
//!   choice of what was not synced with it;
//! - each state is opened and audited: every act that was acknowledged is there, the one under way happened
//!   wholly or not at all, the feed adds up to the store, nothing is left behind, and the store goes on.
//!
//! Every step of every verb is tried. Of the choices after a power loss, all that keep or lose one change are,
//! and a number of random ones.

mod check;
//mod failed_sync;
//mod index_file;
//mod mutants;
mod run;
mod states;
mod verbs;
mod world;

pub use check::Expected;
//pub use failed_sync::failed_syncs;
//pub use index_file::index_states;
//pub use mutants::{Caught, mutants};
pub use run::{Count, Failure, Runner, all_verbs};
pub use verbs::{Act, Run, Verb, verbs};
pub use world::{Base, Cast, Shape, World};

/// How thorough a run is.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Random choices of what survives a power loss, for each step.
    pub seeds: u64,
    /// How many threads run verbs.
    pub threads: usize,
}

/// Everything: all verbs on both shapes of store, the index in a file, failed syncs, mutants.
#[derive(Debug, Default)]
pub struct Report {
    /// What was tried.
    pub counts: Vec<Count>,
    /// What failed, though no mistake was made on purpose.
    pub failures: Vec<Failure>,
    /// For each mistake made on purpose, the check that found it.
    pub caught: Vec<String>,
}
