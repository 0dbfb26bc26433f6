//! Memory does not grow with the size of an object, nor with the number of objects.

use std::collections::BTreeMap;
use std::process::Command;

/// What a 4 GiB object may take at most.
const OBJECT_KIB_MAX: u64 = 64 << 10;
/// What listing 200 000 objects may take more than listing 1000.
const LISTING_MORE_KIB_MAX: u64 = 24 << 10;

/// Runs the program and reads the peaks it prints.
fn peaks(what: &str, count: &str) -> BTreeMap<String, u64> {
    let directory = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_large")).arg(what).arg(directory.path()).arg(count).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    print!("{text}");
    let pair = |line: &str| line.split_once(' ').map(|(verb, kib)| (verb.to_owned(), kib.parse().unwrap()));
    text.lines().filter_map(pair).collect()
}

#[test]
fn an_object_of_4_gib_takes_less_than_64_mib_of_memory() {
    let peaks = peaks("object", "4096");
    assert!(peaks["get_path"] < OBJECT_KIB_MAX, "{peaks:?}");
}

#[test]
fn a_listing_of_200_000_objects_takes_no_more_memory_than_a_page() {
    let peaks = peaks("listing", "200000");
    assert!(peaks["list"] < peaks["first"] + LISTING_MORE_KIB_MAX, "{peaks:?}");
}
