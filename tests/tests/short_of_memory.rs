//! A process that finds no memory ends, as Rust ends it; for the store it is a process that was killed.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output};

use hsm_core::{CheckOptions, PutOptions, Query, Store, StoreOptions};
use hsm_tests::fixture::bytes;

/// What is left to it beyond what it had before its memory runs short. Less than one batch holds.
const LEFT_KIB: u64 = 4 << 10;
const ABORTED: i32 = 6;

/// Runs the program with its address space limited by the shell, whose builtin sets what a child inherits.
fn starve(what: &str, directory: &Path, limit_kib: Option<u64>) -> Output {
    let limit = limit_kib.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    let script = format!("ulimit -c 0; ulimit -v {limit}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_starve");
    Command::new("sh").args(["-c", &script, program, what]).arg(directory).output().unwrap()
}

/// What follows a word, line by line.
fn lines(output: &Output, word: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(&output.stdout);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    text.lines().map(words).filter(|line| line[0] == word).map(|line| line[1..].to_vec()).collect()
}

#[test]
fn a_process_that_ran_out_of_memory_leaves_what_it_acknowledged_and_nothing_half() {
    let directory = tempfile::tempdir().unwrap();
    let measured = starve("measure", &directory.path().join("measured"), None);
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let peak_kib: u64 = lines(&measured, "peak")[0][0].parse().unwrap();

    let path = directory.path().join("store");
    let ended = starve("run", &path, Some(peak_kib + LEFT_KIB));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.signal(), Some(ABORTED), "{:?}: {said}", ended.status);
    assert!(said.contains("memory allocation"), "{said}");

    let store = Store::open(&path, &StoreOptions::new()).unwrap();
    let acknowledged = lines(&ended, "put");
    assert!(acknowledged.len() >= 20, "it ran out of memory behind its first puts");
    for put in &acknowledged {
        let (seed, len) = (put[1].parse().unwrap(), put[2].parse().unwrap());
        assert_eq!(store.get(put[0].parse().unwrap()).unwrap(), bytes(len, seed));
    }
    assert_eq!(store.objects(&Query::default()).count(), acknowledged.len(), "nothing else came to be");
    let checked = store.check_all(&CheckOptions::default(), |found| panic!("{found:?}")).unwrap();
    assert_eq!((checked.bad, checked.strays, checked.contradictions), (0, 0, 0));
    store.put(b"goes on", &PutOptions::default()).unwrap();
    store.close().unwrap();
}
