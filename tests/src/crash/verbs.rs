//! What is done to a store: every verb of the public API that changes something.

pub(super) mod act;
mod administer;
mod change;
mod follow;
mod keep;
mod source;
mod tend;
mod transfer;

use hsm_core::Result;

use super::world::World;

/// Something done to a store.
pub type Run = fn(&mut World) -> Result<()>;

/// A call that is acknowledged.
#[derive(Debug, Clone)]
pub struct Act {
    /// The call.
    pub run: Run,
    /// Whether it happens wholly or not at all; else each object stands for itself.
    pub whole: bool,
    /// Whether a power loss may take it back.
    pub relaxed: bool,
}

/// A verb: acts in a row on a store that was prepared.
#[derive(Debug, Clone)]
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// Done before, undisturbed.
    pub prepare: Run,
    /// The calls, in order.
    pub acts: Vec<Act>,
    /// How many of them are done undisturbed: what is stopped comes behind them.
    pub done: usize,
    /// Whether it begins on an empty disk.
    pub fresh: bool,
}

/// Needs no preparation.
const READY: Run = |_| Ok(());

/// An act that happens wholly or not at all.
fn whole(run: Run) -> Act {
    Act { run, whole: true, relaxed: false }
}

/// An act that changes several objects, each for itself.
fn each(run: Run) -> Act {
    Act { run, whole: false, relaxed: false }
}

/// An act that a power loss may take back.
fn relaxed(run: Run) -> Act {
    Act { run, whole: true, relaxed: true }
}

fn verb(name: &'static str, prepare: Run, acts: impl Into<Vec<Act>>) -> Verb {
    Verb { name, prepare, acts: acts.into(), done: 0, fresh: false }
}

/// One act that needs no preparation.
fn simple(name: &'static str, run: Run) -> Verb {
    verb(name, READY, [whole(run)])
}

/// Every verb.
pub fn verbs() -> Vec<Verb> {
    let mut all = change::verbs();
    all.extend(keep::verbs());
    all.extend(transfer::verbs());
    all.extend(administer::verbs());
    all.extend(tend::verbs());
    all.extend(follow::verbs());
    all.extend(act::verbs());
    all.extend(source::verbs());
    all
}
