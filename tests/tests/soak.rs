//! What was acknowledged survives a kill of the process at any moment, and nothing else is there afterwards.

use std::fs;
use std::process::Command;

use hsm_core::object::ObjectId;
use hsm_core::{PutOptions, Store};
use hsm_tests::soak::audit::{Auditor, Findings};
use hsm_tests::soak::ledger::Ledger;
use hsm_tests::soak::slot::Change;
use hsm_tests::soak::{id_of, options};
use hsm_tests::stress::content;

/// How long clients are killed; `make soak` takes longer.
const SECONDS: &str = "110";

#[test]
fn clients_killed_at_random_moments_lose_nothing_that_was_acknowledged() {
    let output = Command::new(env!("CARGO_BIN_EXE_soak")).arg(SECONDS).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("\n0 lost, 0 invented\n"), "{said}");
}

/// What an audit finds in a store where this was put, beside a ledger that says so of other things.
fn found(ledger: &[(Change, Option<bool>)], put: &[ObjectId]) -> Findings {
    let directory = tempfile::tempdir().unwrap();
    let (store, ledgers) = (directory.path().join("store"), directory.path().join("ledgers"));
    fs::create_dir(&ledgers).unwrap();
    let open = Store::open(&store, &options()).unwrap();
    for id in put {
        let options = PutOptions { tier: Some(1), ..PutOptions::id(*id) };
        open.put(&content::whole(Some(*id), 7, 500), &options).unwrap();
    }
    open.close().unwrap();
    let mut lines = Ledger::open(&Ledger::path(&ledgers, 0, 0)).unwrap();
    for (change, outcome) in ledger {
        lines.intend(&[*change]).unwrap();
        if let Some(happened) = outcome {
            lines.settle(*happened).unwrap();
        }
    }
    let mut findings = Findings::default();
    Auditor::default().audit(&store, &ledgers, &mut findings);
    findings
}

#[test]
fn an_audit_finds_what_is_lost_and_what_is_invented() {
    let put = |seed| Change::Put { slot: 0, seed, size: 500, tier: 1, relaxed: false };
    let (id, acknowledged) = (id_of(0, 0, 0), Some(true));
    let figures = |ledger: &[_], ids: &[_]| {
        let findings = found(ledger, ids);
        assert_eq!(findings.failures.is_empty(), findings.lost + findings.invented == 0);
        (findings.lost, findings.invented, findings.in_flight_done, findings.in_flight_undone)
    };

    assert_eq!(figures(&[(put(7), acknowledged)], &[id]), (0, 0, 0, 0), "as it was put");
    assert_eq!(figures(&[(put(7), None)], &[id]), (0, 0, 1, 0), "in flight, and there");
    assert_eq!(figures(&[(put(7), None)], &[]), (0, 0, 0, 1), "in flight, and not there");
    assert_eq!(figures(&[(put(7), acknowledged)], &[]), (1, 0, 0, 0), "not there");
    assert_eq!(figures(&[(put(8), acknowledged)], &[id]), (1, 0, 0, 0), "something else is there");
    assert_eq!(figures(&[], &[id]), (0, 1, 0, 0), "nobody put it");
    assert_eq!(figures(&[], &[ObjectId([9; 16])]), (0, 1, 0, 0), "it is nobody's");
    let removed = [(put(7), acknowledged), (Change::Remove { slot: 0 }, acknowledged)];
    assert_eq!(figures(&removed, &[id]), (0, 1, 0, 0), "it is back");
}
