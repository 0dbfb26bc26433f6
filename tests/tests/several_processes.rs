//! Many threads of several processes on one store: no error that the rules do not name, every read whole,
//! and counts, bytes and events add up, though one process is killed on the way.

use std::process::Command;

/// Operations in all, at least; more than the processes do in `SECONDS_MAX` would be too few.
const OPERATIONS: &str = "22000";
const SECONDS_MAX: &str = "60";

#[test]
fn four_processes_of_eight_threads_and_one_killed_leave_a_store_that_adds_up() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_stress"))
        .arg(directory.path().join("store"))
        .args(["4", "8", OPERATIONS, SECONDS_MAX])
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}\n{complained}");
    let done = said.lines().find_map(|line| line.split_once(" operations in")).map(|(count, _)| count);
    assert!(done.unwrap().parse::<u64>().unwrap() >= 20_000, "too few operations: {said}");
}
