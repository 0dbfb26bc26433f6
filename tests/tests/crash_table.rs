//! Every verb of the public API that writes is stopped at every step of it, in the harness or in a test of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hsm_tests::crash::table::{API, KINDS, Shown};
use hsm_tests::crash::verbs;

/// Types of the API whose functions are no verbs: what is given to one, or what it gives back.
const NO_VERBS: [&str; 12] = [
    "Reader",
    "PartReceipt",
    "PutOptions",
    "StoreOptions",
    "SnapshotOptions",
    "RestoreOptions",
    "RebuildOptions",
    "RunOptions",
    "SinkOptions",
    "GroupStatus",
    "Checked",
    "Inner",
];

/// Rows of the table of crashes that are no verb of the harness: what each is called in its code.
const OTHER_ROWS: [&str; 12] = [
    "restore",
    "rebuild",
    "reconcile",
    "scrub and heal",
    "scrub, stopped and resumed",
    "snapshot to a tier, then lose the store",
    "snapshot, index in a file",
    "open without the index, index in a file",
    "lose a tier that is away",
    "small puts of 4 threads",
    "put small, another goes on",
    "compact, another goes on",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.push(path);
        }
    }
}

/// The type that a line `impl Type {` or `impl Type<'_> {` begins the functions of.
fn owner(line: &str) -> Option<&str> {
    let line = line.strip_prefix("impl ").filter(|line| !line.contains(" for "))?;
    line.split(['<', ' ']).next()
}

/// `Type::function` of every public function below `hsm-core/src/store`.
fn functions() -> BTreeSet<String> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hsm-core/src");
    let mut files = vec![core.join("store.rs")];
    sources(&core.join("store"), &mut files);
    let mut functions = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut of = None;
        for line in text.lines() {
            if line.starts_with("impl") {
                of = owner(line);
            }
            let Some(rest) = line.strip_prefix("    pub fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            let of = of.unwrap_or_else(|| panic!("{}: {name} belongs to no type", file.display()));
            if !NO_VERBS.contains(&of) {
                functions.insert(format!("{of}::{name}"));
            }
        }
    }
    functions
}

#[test]
fn every_verb_of_the_api_that_writes_has_a_crash_test() {
    let functions = functions();
    let rows: Vec<&str> = API.iter().flat_map(|(functions, _)| functions.split_whitespace()).collect();
    let known: BTreeSet<String> = rows.iter().map(|row| (*row).to_owned()).collect();
    assert_eq!(rows.len(), known.len(), "a function is in two rows");
    let new: Vec<_> = functions.difference(&known).collect();
    assert!(new.is_empty(), "no row of tests/src/crash/table.rs says what a crash in these leaves: {new:?}");
    let gone: Vec<_> = known.difference(&functions).collect();
    assert!(gone.is_empty(), "tests/src/crash/table.rs has rows of functions that are gone: {gone:?}");
    assert!(functions.len() > 100, "{}", functions.len());
}

#[test]
fn every_row_names_a_verb_of_the_harness_or_a_test() {
    let mut there: BTreeSet<&str> = verbs().iter().map(|verb| verb.name).collect();
    there.extend(OTHER_ROWS);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut used = BTreeSet::new();
    for (functions, shown) in API {
        match shown {
            Shown::Crash(rows) => {
                assert!(!rows.is_empty());
                used.extend(rows.iter().copied());
            }
            Shown::Test(test) => {
                let (file, name) = test.split_once("::").unwrap();
                let source = fs::read_to_string(directory.join(file)).unwrap();
                assert!(source.contains(&format!("#[test]\nfn {name}()")), "{functions}: {test}");
            }
            Shown::Reads | Shown::Outside | Shown::Gone => {}
        }
    }
    used.extend(KINDS.iter().flat_map(|(_, rows)| rows.iter().copied()));
    let missing: Vec<_> = used.difference(&there).collect();
    assert!(missing.is_empty(), "the harness has no row of these names: {missing:?}");
}
