//! A crash at any operation on the disk leaves the old state or the new, and every mistake on purpose is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
    // The page says by what each is found.
    let told = table_of_mistakes();
    for caught in &report.caught {
        let (mutant, by) = (format!("{:?}", caught.mutant), caught.by.as_ref().unwrap());
        let verb = by.name.trim_end_matches(", Roomy").trim_end_matches(", Tight");
        let row = told.iter().find(|(mutants, _)| mutants.contains(&mutant));
        assert!(row.is_some_and(|(_, found_by)| found_by.starts_with(verb)), "{mutant}, {by}: {row:?}");
    }
}

/// The rows of the table in `docs/testing.md`: mistakes, and what finds them.
fn table_of_mistakes() -> Vec<(Vec<String>, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing.md");
    let page = fs::read_to_string(page).unwrap();
    let table = page.split("| mistake | found by |").nth(1).unwrap().trim_start().lines().skip(1);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let names = cells[0].split('`').skip(1).step_by(2).map(ToOwned::to_owned);
        (names.collect(), cells[1].to_owned())
    });
    rows.collect()
}

#[test]
fn every_mistake_that_there_is_stands_in_the_table_of_the_page() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hsm-core/src/testing_hooks.rs");
    let source = fs::read_to_string(source).unwrap();
    let body = source.split("pub enum Mutant {").nth(1).unwrap().split("\n}").next().unwrap();
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with("///") && !line.is_empty());
    let variants: BTreeSet<String> = variants.map(|line| line.trim_end_matches(',').to_owned()).collect();
    let told: Vec<String> = table_of_mistakes().into_iter().flat_map(|(mutants, _)| mutants).collect();
    assert_eq!(told.len(), variants.len(), "one of them stands there twice, or not at all");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), variants);
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
