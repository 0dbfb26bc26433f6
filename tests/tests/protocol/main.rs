//! The protocol of commit and recovery, checked exhaustively: two processes on one store, every order of their
//! steps, a death at every step, power losses that keep any part of what was not synced, and syncs that fail.
//!
//! The checker is stateright's; the model is of what `docs/format.md` sections 4 to 7 and 12 say and the code does. A
//! *change* is one group of the journal with the places that it names; a place is written once. Each step of the
//! model stands for these lines (below `hsm-core/src`):
//!
//! | step | code |
//! |---|---|
//! | `Idle` → `Written`, `Ready`: data is written | `tier/write`, `backend/object_file/writer`; for packs `Embedded::write_data` in `catalog/embedded/commit` |
//! | `Written` → `Ready`: files are synced | `tier/write` (keep) |
//! | `Ready` → `Locked`: writer lock; what the dead left is applied (`catch_up`) | `journal/queue`, `Embedded::catch_up` |
//! | `Locked`, of a move: the object lies where it was read | `Expect::CopyAt` in `catalog/embedded/check`, `migration/compact` |
//! | `Locked` → `PlacesSynced` | `Embedded::sync_places` in `catalog/embedded/upkeep` |
//! | → `Appended` | `journal::append`, the write |
//! | `Appended`: syncs of the journal and of packs, in any order | `journal::append`; `catalog/embedded/commit/data` |
//! | `Failed`: the group is cut off, or the mark made | `journal::append`, `Embedded::continue_at`, `catalog/embedded/trust` |
//! | `Durable` → `Applied` | `Embedded::end_group` |
//! | `Applied` → `Idle`: unlock, answer | `Embedded::commit_group`, `Embedded::answer` |
//! | reclaim | `Engine::reclaim`, and the garbage that `catalog/embedded/lookup` lists |
//! | `Recover`: where the journal ends | `catalog/embedded/recover/journal_end`, `catalog/embedded/whole` |
//! | `WriteAgain`, `Replay`, `Cut` | `Embedded::make_good`, `replay_to` in `catalog/embedded/recover` |
//! | `SweepSync`, `SweepRemove` | `store/sweep` |
//!
//! The model is coarser than the code in this: a sweep, a reclaim, the applying of what the dead left, and a replay are one
//! step each; segments are not modelled, so a cut is one step; nor are tiers out of reach, the reserve, snapshots. That a
//! sync of relaxed places failed and that the mark says so is one step: a process that dies between the two, behind
//! a failing disk, is outside. A relaxed change that a power loss takes without a trace takes its position along.
//!
//! Each mutant is a mistake in the model that the checker must find, else it would not see that mistake in the protocol.

mod commit;
mod properties;
mod recover;
mod state;
mod takeover;

use stateright::{Checker, HasDiscoveries, Model};

use state::Kind::{Filed, Moved, Packed, Relaxed, Removal};
use state::{Mutant, Protocol};

const X: u8 = 0;
const Y: u8 = 1;

/// What is checked, each with what may go wrong: crashes, power losses, failed syncs.
fn configurations() -> Vec<(&'static str, Protocol)> {
    let of = |programs, [crashes, losses, faults]: [u8; 3]| Protocol {
        programs,
        crashes,
        losses,
        faults,
        mutant: None,
    };
    vec![
        ("small puts of one object", of([&[(Packed, &[X]), (Packed, &[X])], &[(Packed, &[X])]], [2, 1, 1])),
        (
            "files, a removal, and a small put",
            of([&[(Filed, &[X]), (Removal, &[X])], &[(Packed, &[Y])]], [2, 1, 1]),
        ),
        (
            "a batch beside relaxed puts",
            of([&[(Packed, &[X, Y])], &[(Relaxed, &[X]), (Relaxed, &[Y])]], [2, 1, 1]),
        ),
        (
            "relaxed puts over durable ones",
            of([&[(Filed, &[X]), (Relaxed, &[X])], &[(Packed, &[Y])]], [2, 2, 1]),
        ),
        (
            "relaxed puts of both, then a file",
            of([&[(Relaxed, &[X]), (Filed, &[X])], &[(Relaxed, &[Y])]], [2, 2, 1]),
        ),
        (
            "two failed syncs behind a relaxed put",
            of([&[(Relaxed, &[X]), (Packed, &[X])], &[(Packed, &[Y])]], [2, 1, 2]),
        ),
        ("a compaction beside a put", of([&[(Filed, &[X]), (Moved, &[X])], &[(Packed, &[X])]], [2, 1, 1])),
        (
            "compactions of a relaxed put, and a removal",
            of([&[(Relaxed, &[X]), (Moved, &[X])], &[(Moved, &[X]), (Removal, &[X])]], [1, 1, 1]),
        ),
    ]
}

/// The mistakes, all to be found.
const MUTANTS: [Mutant; 19] = [
    Mutant::JournalNotSynced,
    Mutant::DataNotAwaited,
    Mutant::DataNotVerified,
    Mutant::RelaxedNotCompared,
    Mutant::FailedSyncRetried,
    Mutant::CutLeftOut,
    Mutant::PlacesNotSynced,
    Mutant::IndexBeforeJournal,
    Mutant::CatchUpLeftOut,
    Mutant::NotWrittenAgain,
    Mutant::DurableBeforeWrittenAgain,
    Mutant::RelaxedNotWrittenAgain,
    Mutant::SweepByAge,
    Mutant::SweepBeforeCatchUp,
    Mutant::DeadAreFoundLate,
    Mutant::ReclaimBeforeDurable,
    Mutant::NoNewEpoch,
    Mutant::ReplaySkips,
    Mutant::MoveUnchecked,
];

#[test]
fn no_order_of_steps_deaths_and_power_losses_breaks_a_promise() {
    let mut seen = std::collections::BTreeSet::new();
    for (name, protocol) in configurations() {
        let checker = protocol.checker().threads(2).spawn_bfs().join();
        println!(
            "{name}: {} states, {} of them different, {} steps deep",
            checker.state_count(),
            checker.unique_state_count(),
            checker.max_depth()
        );
        is_told(name, checker.state_count(), checker.unique_state_count());
        for (property, path) in checker.discoveries() {
            assert!(properties::COVERAGE.contains(&property), "{name}: not always: {property}\n{path}");
            seen.insert(property);
        }
        assert!(checker.is_done());
    }
    assert_eq!(seen, properties::COVERAGE.into(), "what was seen to happen (left), and what has to");
}

/// Whether `docs/testing.md` has these numbers.
fn is_told(name: &str, states: usize, different: usize) {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = format!("| {name} | {} | {} |\n", in_groups(states), in_groups(different));
    assert!(page.contains(&row), "docs/testing.md has no row {row:?}");
}

/// A number as people write it, its digits in groups of three.
fn in_groups(number: usize) -> String {
    let digits = number.to_string();
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(|group| std::str::from_utf8(group).unwrap());
    std::iter::once(first).chain(groups).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_mistake_in_the_protocol_is_found() {
    let mut missed = Vec::new();
    for mutant in MUTANTS {
        let found = configurations().into_iter().find_map(|(name, protocol)| {
            let protocol = Protocol { mutant: Some(mutant), ..protocol };
            let builder = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
            let discoveries = builder.spawn_bfs().join().discoveries();
            let (property, path) =
                discoveries.into_iter().find(|(property, _)| !properties::COVERAGE.contains(property))?;
            Some(format!("not always: {property}; {} steps, {name}", path.into_actions().len()))
        });
        println!("{:26} {}", format!("{mutant:?}"), found.as_deref().unwrap_or("NOT FOUND"));
        missed.extend(found.is_none().then_some(mutant));
    }
    assert_eq!(missed, [], "mistakes that no property shows");
}
