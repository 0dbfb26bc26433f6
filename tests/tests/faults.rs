//! Any operation on the disk may fail, under any verb: the store is what it was or what it was to be, and goes on.

use hsm_tests::crash::{
    Report, faults, faults_beside_others, faults_of_actions, faults_of_recovery, outdated_stores,
};

#[test]
fn a_fault_at_any_step_of_any_verb_loses_nothing_and_needs_no_repair() {
    let mut report = Report::default();
    faults(2, &mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn actions_that_run_on_a_failing_disk_end_and_lose_nothing() {
    let mut report = Report::default();
    faults_of_actions(2, &mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_disk_that_fails_or_is_full_while_a_store_is_reconciled_or_rebuilt_keeps_neither_from_being_done_later() {
    let mut report = Report::default();
    faults_of_recovery(&mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_store_older_than_its_roots_refuses_every_verb_and_does_it_once_it_is_reconciled() {
    let mut report = Report::default();
    outdated_stores(2, &mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[test]
fn a_fault_at_any_step_beside_a_dead_process_and_a_living_one_takes_nothing_from_any_of_them() {
    let mut report = Report::default();
    faults_beside_others(2, &mut report);
    println!("{report}");
    assert!(report.is_good(), "{report}");
}
