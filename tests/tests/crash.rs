//! A crash at any operation on the disk leaves the old state or the new, and every mistake on purpose is found.

use hsm_tests::crash::{Effort, everything};

#[test]
fn a_crash_at_any_step_leaves_the_old_state_or_the_new() {
    let report = everything(Effort { seeds: 1, threads: 2 });
    println!("{report}");
    assert!(report.is_good(), "{report}");
}
