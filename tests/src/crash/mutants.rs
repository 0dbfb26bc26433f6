//! Mistakes made on purpose: a harness that does not find them proves nothing.

mod later;

use hsm_core::testing::{Mutant, set_mutant};

use super::Report;
use super::failed_sync::{failed_data_syncs_with, failed_syncs_with};
use super::reconcile::brought_back;
use super::run::{Failure, Runner};
use super::verbs::verbs;
use super::world::{Base, Shape, World, bytes};
use crate::audit::Verdict;

/// A mistake, and the check that found it.
#[derive(Debug)]
pub struct Caught {
    /// The mistake.
    pub mutant: Mutant,
    /// What found it first; `None`: nothing did.
    pub by: Option<Failure>,
}

/// Which verb shows which mistake.
const SHOWN_BY: [(Mutant, &str); 12] = [
    (Mutant::DataSyncLeftOut, "put large"),
    (Mutant::DataNotAwaited, "put small"),
    (Mutant::DataNotVerified, "put small"),
    (Mutant::JournalSyncLeftOut, "set attributes"),
    (Mutant::DirectorySyncLeftOut, "put large"),
    (Mutant::CommitBeforeData, "put large"),
    (Mutant::ReleaseBeforeCommit, "move large"),
    (Mutant::PackRemovedEarly, "compact"),
    (Mutant::SweepByAge, "put large"),
    (Mutant::SweepLeftOut, "put large"),
    (Mutant::ReplaySkips, "batch, atomic"),
    (Mutant::ReclaimBeforeDurable, "relaxed put over, then maintain"),
];

/// Makes each mistake and looks for a check that finds it.
pub fn mutants(report: &mut Report) {
    for (mutant, shown_by) in SHOWN_BY {
        let verb = verbs().into_iter().find(|verb| verb.name == shown_by);
        let by = Base::with_cast(Shape::Roomy).ok().zip(verb).and_then(|(base, verb)| {
            let runner = Runner { base: &base, seeds: 8, mutant: Some(mutant), stop_at_first: true };
            runner.run(&verb).1.pop()
        });
        report.caught.push(Caught { mutant, by });
    }
    let by = failed_syncs_with(Shape::Roomy, Some(Mutant::CutLeftOut)).1;
    report.caught.push(Caught { mutant: Mutant::CutLeftOut, by });
    let by = failed_data_syncs_with(Shape::Roomy, Some(Mutant::PacksShared)).1;
    report.caught.push(Caught { mutant: Mutant::PacksShared, by });
    report.failures.extend(brought_back(None));
    let mutant = Mutant::RemovedBroughtBack;
    report.caught.push(Caught { mutant, by: brought_back(Some(mutant)) });
    // Without the mistake the damage must be seen, with it the bytes are lost.
    report.failures.extend(silent_damage(None));
    let mutant = Mutant::VerifyFromCache;
    report.caught.push(Caught { mutant, by: silent_damage(Some(mutant)) });
    later::mutants(report);
}

fn silent_damage(mutant: Option<Mutant>) -> Option<Failure> {
    let name = "release, the other copy damaged on the medium";
    check_with(mutant, name, || release_over_damage().map_err(|message| ("the end".to_owned(), message)))
}

/// What a check finds that is run with a mistake, or with none.
fn check_with(
    mutant: Option<Mutant>,
    name: &str,
    check: impl FnOnce() -> Result<(), (String, String)>,
) -> Option<Failure> {
    set_mutant(mutant);
    let outcome = check();
    set_mutant(None);
    let state = "after a crash".to_owned();
    outcome.err().map(|(step, message)| Failure { name: name.to_owned(), step, state, message })
}

/// The medium holds a wrong byte of an object's unverified copy, though the cache has the right one: the other
/// copy must not be released.
fn release_over_damage() -> Verdict<()> {
    let text = |error: hsm_core::Error| error.to_string();
    let base = Base::with_cast(Shape::Roomy).map_err(text)?;
    let mut world = base.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let id = world.cast().doubled_large;
    let object = world.store().object(id).map_err(text)?;
    let piece = object.copy_on(0).and_then(|copy| copy.pieces.first()).ok_or("no copy on tier 0")?;
    let file =
        format!("tiers/0/data/{:016x}/{:016x}/{:016x}.obj", piece.place.instance, 0, piece.place.serial);
    world.disk.corrupt_medium(&file, 5000, 0x40).map_err(|error| error.to_string())?;
    let released = world.store().release(id, 1, false);
    world.disk.stop();
    world.store = None;
    let mut world = World::after(&world, world.disk.crash().process_crash(), None);
    world.open().map_err(text)?;
    match world.store().get(id) {
        Ok(got) if got == bytes(9, 12_000) => {}
        got => return Err(format!("the object is lost: {:?}", got.map(|got| got.len()))),
    }
    match released {
        Err(_) => Ok(()),
        Ok(_) => Err("the last good copy was released".to_owned()),
    }
}
