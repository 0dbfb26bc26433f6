//! A crash at any operation on the disk leaves the old state or the new, and every mistake on purpose is found.

use hsm_tests::crash::{Effort, Report, everything, failed_data_syncs, failed_syncs, lost_tiers};

#[test]
fn a_crash_at_any_step_leaves_the_old_state_or_the_new() {
    let report = everything(Effort { seeds: 1, threads: 2 });
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_failed_sync_makes_nothing_durable_that_is_not() {
    let mut report = Report::default();
    failed_syncs(&mut report);
    failed_data_syncs(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_tier_that_is_away_is_declared_lost_wholly_or_not_at_all() {
    let mut report = Report::default();
    lost_tiers(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}
