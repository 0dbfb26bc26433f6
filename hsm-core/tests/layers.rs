//! The engine keeps its own shape: dependencies point down only, and what is dangerous stays in one place.
//!
//! These tests read `src/` as text ([`source`]). A finding names the file and line. Code that only tests
//! compile is free of every rule but those on `unsafe`, on length and on how a file opens.

#[path = "layers/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path as FilePath;

use source::{Path, line_of, mask, paths, strip_tests};

/// The modules of the engine from the bottom up. A module may use those below its own line, and those beside
/// it. `lib` stands above all.
const LAYERS: [&[&str]; 8] = [
    &["testing_hooks"],
    &["wire", "error", "clock", "integrity", "object", "monitor"],
    &["file"],
    &["backend", "journal"],
    &["event", "tier", "catalog"],
    &["engine"],
    &["migration", "policy"],
    &["store"],
];

/// On one line, but strangers: bytes know nothing of changes, changes nothing of where bytes are put.
const STRANGERS: [[&str; 2]; 2] = [["backend", "journal"], ["journal", "backend"]];

const LINES_MAX: usize = 500;

/// Files that may be longer, and why.
const LONGER: [(&str, &str); 0] = [];

/// One file of the engine.
struct Source {
    /// Its path below `src`, such as `file/os.rs`.
    name: String,
    text: String,
    /// All code.
    code: Vec<u8>,
    /// The code that users get; blank in a file that is for tests only.
    user_code: Vec<u8>,
    /// The modules in files of their own that only tests compile, such as `file/os/tests`.
    test_modules: Vec<String>,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let code = mask(text);
        let mut user_code = code.clone();
        let directory = if name == "lib.rs" { String::new() } else { format!("{}/", stem(name)) };
        let names = strip_tests(text, &mut user_code);
        let test_modules = names.iter().map(|module| format!("{directory}{module}")).collect();
        Self { name: name.to_owned(), text: text.to_owned(), code, user_code, test_modules }
    }

    /// The names of the module, from the root: `[file, os]`.
    fn module(&self) -> Vec<&str> {
        stem(&self.name).split('/').filter(|name| *name != "lib").collect()
    }

    fn finding(&self, at: usize, what: &str) -> String {
        format!("hsm-core/src/{}:{}: {what}", self.name, line_of(self.text.as_bytes(), at))
    }

    /// What `rule` says against the paths in the code that users get.
    fn check(&self, rule: impl Fn(&Path) -> Option<String>) -> Vec<String> {
        let said = |path: Path| rule(&path).map(|what| self.finding(path.at, &what));
        let mut findings: Vec<String> = paths(&self.user_code).into_iter().filter_map(said).collect();
        findings.dedup();
        findings
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".rs").unwrap_or(name)
}

fn read_tree(root: &FilePath, directory: &FilePath, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_tree(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            sources.push(Source::new(name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Every file of the engine, in order of name.
fn engine() -> Vec<Source> {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read_tree(&root, &root, &mut sources);
    assert!(sources.iter().any(|source| source.name == "lib.rs"), "no engine in {}", root.display());
    sources.sort_by(|a, b| a.name.cmp(&b.name));

    let test_modules: BTreeSet<String> =
        sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    for source in &mut sources {
        let module = stem(&source.name);
        if test_modules.iter().any(|test| module == test || module.starts_with(&format!("{test}/"))) {
            source.user_code.fill(b' ');
        }
    }
    sources
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Which module the names come from that `lib.rs` shows at the root: `Error` from `error`.
fn re_exports(lib: &Source) -> BTreeMap<String, String> {
    let pairs = paths(&lib.user_code).into_iter().filter(|path| path.segments.len() > 1);
    pairs.map(|path| (path.segments.last().unwrap().clone(), path.segments[0].clone())).collect()
}

/// The module at the root that a path in `source` leads to, if it leads through the root.
fn target<'a>(source: &Source, path: &'a Path) -> Option<&'a str> {
    let climbs = path.segments.iter().take_while(|name| *name == "super").count();
    let through_root = path.starts_with(&["crate"]) || (climbs > 0 && climbs == source.module().len());
    // Nothing follows in `pub(crate)`.
    let next = path.segments.get(climbs.max(1))?;
    through_root.then_some(next)
}

/// What is wrong with a use of `to` by `from`, both modules at the root.
fn layer_error(from: &str, to: &str) -> Option<String> {
    let layer = |module| LAYERS.iter().position(|layer| layer.contains(&module));
    let (Some(above), Some(below)) = (layer(from), layer(to)) else {
        let unknown = if layer(from).is_none() { from } else { to };
        return Some(format!(
            "{from} uses {to}: {unknown} has no layer (for tests only, or missing in LAYERS)"
        ));
    };
    let strangers = STRANGERS.contains(&[from, to]);
    (above < below || strangers).then(|| format!("{from} must not use {to}"))
}

fn dependency_findings(source: &Source, re_exports: &BTreeMap<String, String>) -> Vec<String> {
    let module = source.module();
    let Some(from) = module.first() else {
        return Vec::new(); // lib.rs
    };
    source.check(|path| {
        let to = target(source, path)?;
        let to = re_exports.get(to).map_or(to, String::as_str);
        if *from == to { None } else { layer_error(from, to) }
    })
}

fn dangerous_use(name: &str, path: &Path) -> Option<String> {
    let files = [&["std", "fs"][..], &["std", "os", "unix", "fs"], &["nix"], &["rustix"], &["libc"]];
    let in_file = name == "file.rs" || name.starts_with("file/");
    if !in_file && path.segments.len() > 1 && files.iter().any(|prefix| path.starts_with(prefix)) {
        return Some(format!("only file/ may use {}", path.segments.join("::")));
    }
    let in_index = name == "catalog/embedded.rs" || name.starts_with("catalog/embedded/");
    (!in_index && path.starts_with(&["rusqlite"]))
        .then(|| "only catalog/embedded may use rusqlite".to_owned())
}

fn bad_manners(path: &Path) -> Option<String> {
    let name = path.segments.last()?.as_str();
    let prints = path.is_macro && ["print", "println", "eprint", "eprintln", "dbg"].contains(&name);
    let exits = path.contains(&["process", "exit"]) || path.contains(&["process", "abort"]);
    let reads_environment = path.starts_with(&["std", "env"]);
    let bad = prints || exits || reads_environment;
    bad.then(|| format!("a library does not use {}", path.segments.join("::")))
}

#[test]
fn dependencies_point_down_only() {
    let engine = engine();
    let re_exports = re_exports(engine.iter().find(|source| source.name == "lib.rs").unwrap());
    let findings = engine.iter().flat_map(|source| dependency_findings(source, &re_exports));
    assert_none(&findings.collect::<Vec<_>>());
}

#[test]
fn only_the_file_layer_touches_files_and_only_the_index_touches_sqlite() {
    let findings = |source: &Source| source.check(|path| dangerous_use(&source.name, path));
    assert_none(&engine().iter().flat_map(findings).collect::<Vec<_>>());
}

#[test]
fn unsafe_code_stands_in_two_files() {
    const MAY: [&str; 2] = ["catalog/embedded/page_checksum.rs", "file/process.rs"];
    let mut findings = Vec::new();
    for source in engine().iter().filter(|source| !MAY.contains(&source.name.as_str())) {
        let found = paths(&source.code).into_iter().filter(|path| path.starts_with(&["unsafe"]));
        findings.extend(found.map(|path| source.finding(path.at, "unsafe")));
    }
    assert_none(&findings);
}

#[test]
fn the_library_prints_nothing_never_exits_and_reads_no_environment() {
    assert_none(&engine().iter().flat_map(|source| source.check(bad_manners)).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_and_is_not_too_long() {
    let mut findings = Vec::new();
    for source in engine() {
        if !source.text.starts_with("//!") {
            findings.push(source.finding(0, "does not open with //!"));
        }
        let lines = source.text.lines().count();
        let longer = LONGER.iter().any(|(name, _)| *name == source.name);
        if lines > LINES_MAX && !longer {
            findings.push(source.finding(0, &format!("{lines} lines; {LINES_MAX} are the most")));
        }
        if lines <= LINES_MAX && longer {
            findings.push(source.finding(0, "is in LONGER, but is not longer"));
        }
    }
    assert_none(&findings);
}

#[test]
fn a_use_that_points_up_is_found_however_it_is_written() {
    let lib =
        Source::new("lib.rs", "mod store;\npub use error::Error;\npub use store::{Store, open as start};");
    let up = [
        ("file.rs", "use crate::journal;"),
        ("file.rs", "use crate::{error::Error,\n backend::{self, pack}};"),
        ("file/os.rs", "fn f() -> crate::catalog::Page {}"),
        ("file/os.rs", "use super::super::catalog::Page;"),
        ("file.rs", "use super::catalog::Page;"),
        ("file.rs", "use crate::Store;"),
        ("file.rs", "use crate::*;"),
        ("file.rs", "use crate::testing::disk;"),
        ("backend/pack.rs", "use crate::journal::Change;"),
        ("journal.rs", "use crate::backend::PlaceName;"),
        ("novelty.rs", "use crate::error::Error;"),
        ("file.rs", "#[cfg(test)]\nmod tests { use crate::store; }\nuse crate::store;"),
    ];
    for (name, text) in up {
        let findings = dependency_findings(&Source::new(name, text), &re_exports(&lib));
        assert_eq!(findings.len(), 1, "{name}: {text}: {findings:?}");
    }
    let down = [
        ("journal.rs", "use crate::{Error, file::{Disk, File}};\nuse super::error::Kind;"),
        ("journal/read.rs", "use super::group;\nuse crate::journal::record;"),
        ("catalog.rs", "use crate::event::Event;\nuse crate::backend::pack;"),
        ("file.rs", "// crate::store\n/// [`x`](crate::store::x)\nfn f() { g(\"crate::store\"); }"),
        ("file.rs", "#[cfg(test)]\nmod tests { use crate::store; }"),
    ];
    for (name, text) in down {
        assert_none(&dependency_findings(&Source::new(name, text), &re_exports(&lib)));
    }
}

#[test]
fn a_dangerous_use_is_found_however_it_is_written() {
    let found = |name: &str, text: &str| {
        let source = Source::new(name, text);
        let mut findings = source.check(|path| dangerous_use(&source.name, path));
        findings.extend(source.check(bad_manners));
        findings.len()
    };
    for text in [
        "use std::{io, fs};",
        "use std::fs::{File};",
        "use nix::errno::Errno;",
        "fn f() { rustix::fs::sync(); }",
        "use rusqlite::Connection;",
        "fn f() { println!(\"x\"); }",
        "fn f() { std::eprintln! (\"x\"); }",
        "use std::env;",
        "fn f() { std::process::exit(1) }",
        "use std::process;\nfn f() { process::abort() }",
    ] {
        assert_eq!(found("journal.rs", text), 1, "{text}");
    }
    assert_eq!(found("file/os.rs", "use std::fs;\nuse nix::libc;"), 0);
    assert_eq!(found("catalog/embedded/row.rs", "use rusqlite::Row;"), 0);
    assert_eq!(found("journal.rs", "// println!\nfn f() { std::process::id(); env!(\"A\"); }"), 0);
}
