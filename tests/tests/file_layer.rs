//! Every file of a store is touched through the file layer, but for SQLite's own: else a test that stops or
//! cuts that layer would prove less than it says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hsm_tests::fixture::traced;

/// The operations on names that a trace shows, by the name of the system call.
const CALLS: [(&str, &str); 12] = [
    ("openat", "open"),
    ("open", "open"),
    ("unlink", "unlink"),
    ("unlinkat", "unlink"),
    ("rename", "rename"),
    ("renameat", "rename"),
    ("renameat2", "rename"),
    ("mkdir", "mkdir"),
    ("mkdirat", "mkdir"),
    ("rmdir", "rmdir"),
    ("fsync", "sync"),
    ("fdatasync", "sync"),
];

/// Every path in quotes or in the brackets behind a descriptor.
fn paths(line: &str) -> Vec<PathBuf> {
    let quoted = line.split('"').skip(1).step_by(2);
    let described = line.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    quoted.chain(described).filter(|path| path.starts_with('/')).map(PathBuf::from).collect()
}

#[test]
fn nothing_but_sqlite_touches_files_of_a_store_around_the_file_layer() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    let calls: Vec<&str> = CALLS.iter().map(|(call, _)| *call).collect();
    // A call that this machine does not have is passed over.
    let filter = format!("trace=?{}", calls.join(",?"));
    let program = env!("CARGO_BIN_EXE_verbs");
    let Some((output, trace)) = traced(&["-s", "4096", "-e", &filter], program, &store) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let below = |path: &Path| path.strip_prefix(&store).ok().map(Path::to_owned);
    let is_index = |path: &Path| path.starts_with("index");
    let mut seen = BTreeSet::new();
    for line in trace.lines() {
        let Some((before, _)) = line.split_once('(') else { continue };
        let call = before.rsplit(' ').next().unwrap_or_default();
        let Some((_, operation)) = CALLS.iter().find(|(name, _)| *name == call) else { continue };
        let operation = if line.contains("AT_REMOVEDIR") { "rmdir" } else { operation };
        // What an open answers is the same file again.
        for path in paths(line).iter().filter_map(|path| below(path)).filter(|path| !is_index(path)) {
            seen.insert((operation.to_owned(), path));
        }
    }
    let recorded: BTreeSet<(String, PathBuf)> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(operation, path)| Some((operation.to_owned(), below(Path::new(path))?)))
        .filter(|(_, path)| !is_index(path))
        .collect();
    let around: Vec<_> = seen.difference(&recorded).collect();
    assert!(around.is_empty(), "around the file layer: {around:#?}");
    let unseen: Vec<_> = recorded.difference(&seen).collect();
    assert!(unseen.is_empty(), "the trace is not whole: {unseen:#?}");
    assert!(recorded.len() > 100, "{} operations are too few for every verb", recorded.len());
}
