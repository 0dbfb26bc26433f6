//! Mistakes in what came after the first engine, and in parts of it that no earlier mistake was made in: the journal's
//! segments, the index, members, garbage, release, scrub, snapshots, restore, rebuild, tiers, undelete, bulk reads.

mod taken_over;

use hsm_core::object::TierConfig;
use hsm_core::testing::{Mutant, set_mutant};
use hsm_core::{CheckOptions, GetOptions, PutOptions};

use super::super::Report;
use super::super::backup::{every_step_of_a_restore, every_step_of_a_snapshot, text};
use super::super::healing::{damage, every_step};
use super::super::run::{Count, Failure, Runner};
use super::super::verbs::{act, verbs};
use super::super::world::{Base, Shape, bytes};
use super::super::{rebuild, resumed_put};
use super::{Caught, check_with, silent_damage};
use crate::audit::Verdict;
use crate::fixture::Fixture;

/// Which verb shows which mistake, on a store of which shape.
const SHOWN_BY: [(Mutant, Shape, &str); 11] = [
    (Mutant::SegmentNameLeftOut, Shape::Tight, "puts one after the other"),
    (Mutant::RelaxedTakenForDurable, Shape::Roomy, "relaxed put"),
    (Mutant::DropNotCounted, Shape::Roomy, "purge large"),
    (Mutant::GarbageForgotten, Shape::Roomy, "put small over large"),
    (Mutant::MemberBuriedEarly, Shape::Roomy, "open after a death"),
    (Mutant::SweepOfUnsettled, Shape::Roomy, "put large"),
    (Mutant::RootClearedEarly, Shape::Roomy, "retire tier"),
    (Mutant::UndeleteLosesName, Shape::Roomy, "undelete"),
    (Mutant::DoneBeforeEffect, Shape::Roomy, act::RUN),
    (Mutant::AfterNotAwaited, Shape::Roomy, act::RUN_IN_ORDER),
    (Mutant::ClaimLeftOut, Shape::Roomy, "two parts in one place"),
];

/// Which check of its own shows which mistake.
type Check = fn(Option<Mutant>) -> Option<Failure>;
const SHOWN_BY_CHECKS: [(Mutant, Check); 13] = [
    (Mutant::RootNotHeld, |mutant| {
        check_with(mutant, "a root that a restored store takes over amid a page of removals", || {
            taken_over::amid_a_page().map_err(|message| ("the end".to_owned(), message))
        })
    }),
    (Mutant::StraysOfMembers, |mutant| {
        check_with(mutant, "strays removed beside a put under way", || {
            strays_beside_a_put().map_err(|message| ("the end".to_owned(), message))
        })
    }),
    (Mutant::TakeoverUnnoticed, |mutant| {
        check_with(mutant, "a root that a restored store took over", || {
            taken_over::after_all().map_err(|message| ("the end".to_owned(), message))
        })
    }),
    (Mutant::MarkBehindPassed, |mutant| {
        check_with(mutant, "a root that a restored store took over, by one that is epochs ahead", || {
            taken_over::from_one_ahead().map_err(|message| ("the end".to_owned(), message))
        })
    }),
    (Mutant::SurveyBeforeMark, |mutant| {
        check_with(mutant, "a root that a restored store is taking over", || {
            taken_over::amid_its_use().map_err(|message| ("the end".to_owned(), message))
        })
    }),
    (Mutant::MemoryForGood, |mutant| {
        check_with(mutant, "release, the other copy in memory", || {
            release_for_memory().map_err(|message| ("the end".to_owned(), message))
        })
    }),
    (Mutant::BegunNotCompared, resumed_put::with),
    (Mutant::ReleaseUnverified, silent_damage),
    (Mutant::ScrubReadsTails, |mutant| {
        check_with(mutant, "scrub and heal", || every_step(Shape::Roomy, &mut count()))
    }),
    (Mutant::SnapshotSyncLeftOut, |mutant| {
        check_with(mutant, "snapshot to a tier, then lose the store", || {
            every_step_of_a_snapshot(&base()?, &mut count())
        })
    }),
    (Mutant::MarkerBeforeStore, |mutant| {
        check_with(mutant, "restore", || every_step_of_a_restore(&base()?, &mut count()))
    }),
    (Mutant::RebuildTakesOldest, |mutant| {
        check_with(mutant, "rebuild, an older generation is whole", rebuild::undisturbed)
    }),
    (Mutant::BulkReadUnchecked, |mutant| {
        check_with(mutant, "bulk read, the first copy damaged", || {
            bulk_read_over_damage(mutant).map_err(|message| ("the end".to_owned(), message))
        })
    }),
];

pub(super) fn mutants(report: &mut Report) {
    for (mutant, shape, shown_by) in SHOWN_BY {
        let verb = verbs().into_iter().find(|verb| verb.name == shown_by);
        let by = Base::with_cast(shape).ok().zip(verb).and_then(|(base, verb)| {
            let runner = Runner { base: &base, seeds: 8, mutant: Some(mutant), stop_at_first: true };
            runner.run(&verb).1.pop()
        });
        report.caught.push(Caught { mutant, by });
    }
    for (mutant, check) in SHOWN_BY_CHECKS {
        report.caught.push(Caught { mutant, by: check(Some(mutant)) });
    }
    // The others are run without a mistake by who they belong to.
    report.failures.extend(check_with(None, "rebuild, an older generation is whole", rebuild::undisturbed));
    let (_, bulk_read) = SHOWN_BY_CHECKS[SHOWN_BY_CHECKS.len() - 1];
    report.failures.extend(bulk_read(None));
    for (_, check) in &SHOWN_BY_CHECKS[..6] {
        report.failures.extend(check(None));
    }
}

/// What another handle is writing is no stray.
fn strays_beside_a_put() -> Verdict<()> {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let mut writer = other.writer(&PutOptions::default()).map_err(text)?;
    writer.add(&bytes(131, 90_000)).map_err(text)?;
    let options = CheckOptions { remove_strays: true };
    fixture.store.check_all(&options, |_| Ok(())).map_err(text)?;
    let id = writer.commit().map_err(text)?.id;
    let got = fixture.store.get(id).map_err(text)?;
    if got == bytes(131, 90_000) { Ok(()) } else { Err("it has other bytes".to_owned()) }
}

/// The only copy on a disk is not dropped for one in memory.
fn release_for_memory() -> Verdict<()> {
    let mut world =
        Base::with_cast(Shape::Roomy).map_err(text)?.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let (id, store) = (world.cast().large, world.store());
    store.add_tier(&TierConfig::memory(8)).map_err(text)?;
    store.copy(id, None, 8).map_err(text)?;
    match store.release(id, 0, false) {
        Err(_) => Ok(()),
        Ok(_) => Err("the last copy that outlives the process was released".to_owned()),
    }
}

fn base() -> Result<Base, (String, String)> {
    Base::with_cast(Shape::Roomy).map_err(|error| (String::new(), text(error)))
}

fn count() -> Count {
    Count { name: String::new(), steps: 0, process: 0, power: 0, distinct: 0 }
}

/// The copy that lies first is damaged: what is handed over is read from the other one.
fn bulk_read_over_damage(mutant: Option<Mutant>) -> Verdict<()> {
    set_mutant(None); // Only the reading goes wrong.
    let mut world =
        Base::with_cast(Shape::Roomy).map_err(text)?.world().map_err(|error| error.to_string())?;
    world.open().map_err(text)?;
    let id = world.cast().doubled;
    damage(&world, id, 0)?;
    set_mutant(mutant);
    let mut got = Vec::new();
    let read = world.store().get_many(&[id], &GetOptions::default(), &mut |delivery| {
        got.extend_from_slice(delivery.bytes.unwrap_or_default());
        Ok(())
    });
    read.map_err(text)?;
    if got == bytes(8, 900) { Ok(()) } else { Err(format!("it hands over {} other bytes", got.len())) }
}
