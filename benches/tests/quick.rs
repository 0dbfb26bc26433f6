//! Every row can be measured: the program runs at its small sizes and writes a figure for each side.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

/// Rows without a rival: their goal is a figure of ours.
const ALONE: usize = 20;

/// Rows with one that every machine has, or that is built with ours.
const COMPARED: usize = 20;

#[test]
fn every_row_runs_with_both_sides_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (work, results) = (dir.path().join("work"), dir.path().join("results.json"));
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.args(["--quick", "--rounds", "1"]).arg("--dir").arg(&work).arg("--results").arg(&results);
    let output = bench.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&results).unwrap()).unwrap();
    let is_figure = |figure: &Value| figure.as_f64().is_some_and(|figure| figure.is_finite() && figure > 0.0);
    for row in &rows {
        assert!(is_figure(&row["ours"]) && row["met"].is_boolean(), "{row}");
        let alone = row["rival_name"] == "none";
        assert_eq!(is_figure(&row["rival"]) && is_figure(&row["ratio"]), !alone, "{row}");
        assert_eq!(row["goal_is"] == "ratio at least", !alone, "{row}");
    }
    assert_eq!(rows.iter().filter(|row| row["rival_name"] == "none").count(), ALONE);
    let has_restic = usize::from(Command::new("restic").arg("version").output().is_ok());
    assert_eq!(rows.len(), ALONE + COMPARED + has_restic);
    // What rows share goes with the directory that they share.
    assert_eq!(std::fs::read_dir(&work).unwrap().count(), 0);
}

#[test]
fn a_profiler_is_turned_on_and_off_around_our_side_alone() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (hook, told, results) =
        (dir.path().join("hook"), dir.path().join("told"), dir.path().join("results.json"));
    std::fs::write(&hook, format!("#!/bin/sh\necho \"$@\" >>'{}'\n", told.display())).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench
        .args(["--quick", "--rounds", "2", "--row", "put 4 KiB, batches of 1000, and SQLite", "--around"])
        .arg(&hook);
    let output = bench.arg("--dir").arg(dir.path()).arg("--results").arg(&results).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // The warm-up is not looked at.
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "begin\nend 2000\nbegin\nend 2000\n");
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&results).unwrap()).unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0]["ours"].is_number() && rows[0]["rival"].is_null(), "{}", rows[0]);
}

#[test]
fn a_row_that_fails_does_not_lose_the_others() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let results = dir.path().join("results.json");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.args(["--quick", "--rounds", "1", "--row", "1 GiB"]).arg("--dir").arg(dir.path());
    // Without programs there is no `cp`, the rival of the first of two rows.
    let output = bench.arg("--results").arg(&results).env("PATH", dir.path()).output().unwrap();
    assert!(!output.status.success());

    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.lines().last().unwrap().contains("put 1 GiB file: cannot run cp"), "{told}");
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&results).unwrap()).unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["get 1 GiB warm"]);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("\nget 1 GiB warm "), "{table}");
}
