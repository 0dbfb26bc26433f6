//! Random programs of every verb give what a few maps give, and the feed tells the same.

use std::panic::catch_unwind;

use hsm_core::testing::{Mutant, set_mutant};
use hsm_core::{Durability, PutMode};
use hsm_tests::model::run::{Kept, Run};
use hsm_tests::model::step::{Bytes, How, Put, Reopen, Step, program};
use proptest::prelude::*;

/// Programs a test, unless `PROPTEST_CASES` says otherwise, and steps a program at most.
const CASES: u32 = 32;
const STEPS_MAX: usize = 80;

fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(CASES), failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs a program; says how many objects its compactions moved, and how many reads found theirs on a tape.
fn run(kept: Kept, program: &[Step]) -> (u64, u64) {
    let mut run = Run::new(kept);
    for step in program {
        run.step(step);
    }
    let counts = (run.compacted(), run.offline());
    run.finish();
    counts
}

fn put(object: Option<u8>, tier: u8, seed: u8) -> Step {
    Step::Put(Put {
        how: How::Bytes,
        object,
        key: None,
        mode: PutMode::Upsert,
        tier: Some(tier),
        attributes: Vec::new(),
        algorithms: Vec::new(),
        expected: None,
        durability: Durability::Durable,
        small_blocks: false,
        bytes: Bytes { seed, len: 900 },
    })
}

/// Fills packs with objects, and puts over every other one.
fn sparse_packs() -> Vec<Step> {
    let new = (0..12).map(|seed| put(None, 0, seed));
    let over = (0..12).step_by(2).map(|object| put(Some(3 + object), 0, 100 + object));
    new.chain(over).chain([Step::Compact { percent: 100 }, Step::Reopen(Reopen::Close)]).collect()
}

#[test]
fn compactions_move_objects_as_the_model_does_and_one_that_the_index_misses_is_found() {
    let (moved, _) = run(Kept::InFiles, &sparse_packs());
    assert!(moved >= 3, "only {moved} moved");
    set_mutant(Some(Mutant::RelocationSkipped));
    let outcome = catch_unwind(|| run(Kept::InFiles, &sparse_packs()));
    set_mutant(None);
    assert!(outcome.is_err(), "the model does not see it");
}

#[test]
fn in_the_model_too_a_tape_has_to_be_recalled_once_its_time_is_over() {
    let minutes = |minutes| Step::Wait { minutes };
    let puts = (0..6).map(|seed| put(None, seed % 2, seed));
    let program: Vec<Step> = puts.chain([minutes(0), minutes(0)]).chain((0..8).map(|_| minutes(5))).collect();
    assert_eq!(run(Kept::OnTapes, &program[..8]).1, 0, "what was just written is at hand");
    assert_eq!(run(Kept::OnTapes, &program).1, 3);
    assert_eq!(run(Kept::InFiles, &program).1, 0);
}

#[test]
fn a_drain_and_a_loss_come_to_objects_in_the_order_of_their_arrival_whatever_their_ids() {
    // An id of the caller's, lower than those that the store made before it.
    let puts = || [put(None, 0, 1), put(None, 0, 2), put(Some(0), 0, 3), put(None, 0, 4)].into_iter();
    for then in [Step::Drain { tier: 0, target: 1 }, Step::Lose { tier: 0 }] {
        run(Kept::InMemory, &puts().chain([then]).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_store_in_a_directory_does_what_the_model_does(program in program(STEPS_MAX)) {
        run(Kept::InFiles, &program);
    }

    #[test]
    fn a_store_with_tapes_does_what_the_model_does_and_reads_nothing_that_was_not_recalled(
        program in program(STEPS_MAX)
    ) {
        run(Kept::OnTapes, &program);
    }

    #[test]
    fn a_store_in_memory_does_what_the_model_does(program in program(STEPS_MAX)) {
        run(Kept::InMemory, &program);
    }
}
