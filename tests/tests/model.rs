//! Random programs of every verb give what a few maps give, and the feed tells the same.

use hsm_tests::model::run::{Kept, Run};
use hsm_tests::model::step::{Step, program};
use proptest::prelude::*;

/// Programs a test, unless `PROPTEST_CASES` says otherwise, and steps a program at most.
const CASES: u32 = 32;
const STEPS_MAX: usize = 80;

fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(CASES), failure_persistence: None, ..ProptestConfig::default() }
}

fn run(kept: Kept, program: &[Step]) {
    let mut run = Run::new(kept);
    for step in program {
        run.step(step);
    }
    run.finish();
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_store_in_a_directory_does_what_the_model_does(program in program(STEPS_MAX)) {
        run(Kept::InFiles, &program);
    }

    #[test]
    fn a_store_in_memory_does_what_the_model_does(program in program(STEPS_MAX)) {
        run(Kept::InMemory, &program);
    }
}
