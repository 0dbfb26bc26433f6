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

mod backup;
mod check;
mod failed_sync;
mod faults;
mod healing;
mod index_file;
mod lost_tier;
mod mutants;
mod rebuild;
mod reconcile;
mod run;
mod scrubbing;
mod states;
pub mod table;
mod together;
mod two_processes;
mod verbs;
mod world;

pub use backup::backups;
pub use check::Expected;
pub use failed_sync::{failed_data_syncs, failed_syncs};
pub use faults::{faults, faults_beside_others, faults_of_actions, faults_of_recovery, outdated_stores};
pub use healing::healing;
pub use index_file::index_files;
pub use lost_tier::lost_tiers;
pub use mutants::{Caught, mutants};
pub use run::{Count, Failure, Runner, all_verbs, verbs_named};
pub use scrubbing::resumed_scrubs;
pub use together::together;
pub use two_processes::two_processes;
pub use verbs::{Act, Run, Verb, verbs};
pub use world::{Base, Cast, Shape, World};

use std::fmt;

/// How thorough a run is.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Random choices of what survives a power loss, for each step.
    pub seeds: u64,
    /// How many threads run verbs.
    pub threads: usize,
}

/// What came of it all.
#[derive(Debug, Default)]
pub struct Report {
    /// What was tried.
    pub counts: Vec<Count>,
    /// What failed, though no mistake was made on purpose.
    pub failures: Vec<Failure>,
    /// For each mistake made on purpose, the check that found it.
    pub caught: Vec<Caught>,
    /// Whether everything was tried that there is.
    pub complete: bool,
}

impl Report {
    /// Adds what comes of stopping at every step in a store of each shape. An error says which step, and what is wrong.
    fn add_shapes(
        &mut self,
        what: &str,
        state: &str,
        every_step: impl Fn(Shape, &mut Count) -> Result<(), (String, String)>,
    ) {
        for shape in Shape::ALL {
            let name = format!("{what}, {shape:?}");
            let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
            let outcome = every_step(shape, &mut count);
            self.counts.push(count);
            let failure = |(step, message)| Failure { name, step, state: state.to_owned(), message };
            self.failures.extend(outcome.err().map(failure));
        }
    }
}

/// All verbs on stores of both shapes, several threads at once, two processes of which one dies, the index in a file, failed syncs, a lost tier,
/// healing, a scrub that is resumed, snapshots on a tier and what is restored from them, and mutants.
pub fn everything(effort: Effort) -> Report {
    let mut report = Report { complete: true, ..Report::default() };
    all_verbs(effort, &mut report);
    together(effort, &mut report);
    two_processes(effort, "", &mut report);
    index_files(&mut report);
    failed_syncs(&mut report);
    failed_data_syncs(&mut report);
    lost_tiers(&mut report);
    backups(&mut report);
    healing(&mut report);
    resumed_scrubs(&mut report);
    mutants(&mut report);
    report
}

impl Report {
    /// Whether no check failed but those that were to fail.
    pub fn is_good(&self) -> bool {
        let every_kind =
            || table::KINDS.iter().all(|(_, rows)| table::tried(&self.counts, rows).missing.is_empty());
        self.failures.is_empty()
            && self.caught.iter().all(|caught| caught.by.is_some())
            && (!self.complete || every_kind())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, count: &Count| {
            let Count { name, steps, process, power, distinct } = count;
            writeln!(f, "{name:<48}{steps:>7}{process:>9}{power:>12}{distinct:>10}")
        };
        writeln!(
            f,
            "{:<48}{:>7}{:>9}{:>12}{:>10}",
            "verb, store", "steps", "killed", "power loss", "distinct"
        )?;
        self.counts.iter().try_for_each(|count| row(f, count))?;
        let sum = |field: fn(&Count) -> u64| self.counts.iter().map(field).sum();
        let total = Count {
            name: "all".to_owned(),
            steps: sum(|count| count.steps),
            process: sum(|count| count.process),
            power: sum(|count| count.power),
            distinct: sum(|count| count.distinct),
        };
        row(f, &total)?;
        if self.complete {
            table::show(&self.counts, f)?;
        }
        writeln!(f, "\n{:<24}the check that found it", "mistake on purpose")?;
        for caught in &self.caught {
            let by = caught.by.as_ref().map_or_else(|| "NOT FOUND".to_owned(), ToString::to_string);
            writeln!(f, "{:<24}{by}", format!("{:?}", caught.mutant))?;
        }
        writeln!(f, "\n{} checks failed", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, step, state, message } = self;
        write!(f, "{name}; {step}; {state:.160}; {message:.400}")
    }
}
