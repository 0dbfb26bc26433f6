//! A crash at any operation on the disk leaves the old state or the new, and every mistake on purpose is found.

use hsm_tests::crash::{
    Effort, Report, all_verbs, backups, failed_data_syncs, failed_syncs, healing, index_files, lost_tiers,
    mutants, resumed_scrubs, together, two_processes,
};

#[test]
fn a_crash_at_any_step_leaves_the_old_state_or_the_new() {
    let (mut report, effort) = (Report::default(), Effort { seeds: 1, threads: 2 });
    all_verbs(effort, &mut report);
    together(effort, &mut report);
    index_files(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn one_of_two_processes_dies_at_any_step_and_the_other_goes_on() {
    let mut report = Report::default();
    two_processes(Effort { seeds: 1, threads: 2 }, "", &mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn every_mistake_made_on_purpose_is_found() {
    let mut report = Report::default();
    mutants(&mut report);
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

#[test]
fn a_snapshot_on_a_tier_is_there_or_absent_and_a_restore_is_done_or_can_be_done_again() {
    let mut report = Report::default();
    backups(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_scrub_that_heals_and_is_stopped_loses_no_object_and_can_be_run_again() {
    let mut report = Report::default();
    healing(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_scrub_with_a_rate_that_is_stopped_goes_on_where_it_was_and_tells_all_that_it_would_have_told() {
    let mut report = Report::default();
    resumed_scrubs(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}
