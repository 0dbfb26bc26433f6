//! `include/hsm.h` is what `hsm-ffi` says, chapter by chapter.
//!
//! The header is generated here: cbindgen runs once for each chapter, and the chapters are joined behind the
//! opening page. With `HSM_BLESS=1` in the environment (`make header`) the committed file is written, without it
//! it is compared.

use std::fmt::Write as _;
use std::path::Path;

/// The chapters in order: the title, and the file that holds the declarations.
const CHAPTERS: &[(&str, &str)] = &[
    ("STATUS", "status"),
    ("ERRORS", "error"),
    ("IDS AND POSITIONS", "id"),
    ("CALLBACKS", "callback"),
    ("OPTIONS OF A STORE", "store_options"),
    ("ATTRIBUTES", "attributes"),
    ("SETTINGS OF A TIER", "tier_settings"),
    ("STORES", "store"),
    ("SNAPSHOTS ON A TIER", "snapshot"),
    ("PROGRESS", "progress"),
    ("TIERS", "tier"),
    ("DATASETS AND KEYS", "dataset"),
    ("OBJECTS", "object"),
    ("QUERIES", "query"),
    ("CURSORS", "cursor"),
    ("OPTIONS OF A PUT", "put_options"),
    ("PUTTING OBJECTS", "put"),
    ("WRITERS", "writer"),
    ("PARTS", "parts"),
    ("GETTING OBJECTS", "get"),
    ("READERS", "reader"),
    ("MOVING BETWEEN TIERS", "transfer"),
    ("REMOVING", "remove"),
    ("CHECKING", "check"),
    ("BATCHES", "batch"),
    ("EVENTS", "event"),
    ("THE FEED", "feed"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(module: &str) -> String {
    std::fs::read_to_string(root().join(format!("src/{module}.rs"))).unwrap()
}

/// A module's `//!` page as a comment in C.
fn introduction(title: &str, source: &str) -> String {
    let mut text = format!("\n\n/*\n * {title}\n *\n");
    for line in source.lines().take_while(|line| line.starts_with("//!")) {
        let line = line.trim_start_matches("//!").replace('`', "");
        let _ = writeln!(text, " *{}", line.trim_end());
    }
    text + " */\n\n"
}

/// Every type of a chapter, also one that only other chapters use.
fn types(source: &str) -> Vec<String> {
    let names = source.lines().filter_map(|line| line.strip_prefix("pub struct "));
    names.map(|name| name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

fn declarations(module: &str) -> String {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        no_includes: true,
        documentation: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        line_length: 100,
        usize_is_size_t: true,
        export: cbindgen::ExportConfig {
            include: types(&source(module)),
            // In builds for tests only.
            exclude: vec!["hsm_testing_panic".to_owned()],
            ..Default::default()
        },
        function: cbindgen::FunctionConfig { args: cbindgen::Layout::Vertical, ..Default::default() },
        ..Default::default()
    };
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(root().join(format!("src/{module}.rs")))
        .generate()
        .unwrap();
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    // Every type has a typedef of its name, so the tag is said there only.
    let tags = text.lines().map(|line| {
        if line.starts_with("typedef ") { line.to_owned() } else { line.replace("struct hsm_", "hsm_") }
    });
    tags.collect::<Vec<_>>().join("\n")
}

fn header() -> String {
    let mut text = std::fs::read_to_string(root().join("header/opening.h")).unwrap();
    text += "\n#ifndef HSM_H\n#define HSM_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n";
    text += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
    for (title, module) in CHAPTERS {
        text += &introduction(title, &source(module));
        text += declarations(module).trim();
        text += "\n";
    }
    text + "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* HSM_H */\n"
}

#[test]
fn the_committed_header_is_what_the_source_says() {
    let path = root().join("../include/hsm.h");
    let header = header();
    if std::env::var_os("HSM_BLESS").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = header.lines().zip(committed.lines()).position(|(ours, theirs)| ours != theirs);
    assert!(
        header == committed,
        "include/hsm.h is not what hsm-ffi says (first at line {:?}); run `make header` and commit it",
        differs.map(|line| line + 1)
    );
}

#[test]
fn every_module_with_something_of_c_is_a_chapter() {
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // Tests.
        }
        let Some(module) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let marks = ["#[unsafe(no_mangle)]", "#[repr(C)]"];
        let exports = std::fs::read_to_string(&path)
            .is_ok_and(|text| text.lines().any(|line| marks.contains(&line.trim())));
        let is_chapter = CHAPTERS.iter().any(|(_, chapter)| *chapter == module);
        assert_eq!(exports, is_chapter, "{module}");
    }
}

#[test]
fn the_header_has_no_marks_of_rust_in_it() {
    let header = header();
    for mark in ["[`", "`]", "///", "Vec<", "Option<", "::"] {
        assert!(!header.contains(mark), "{mark:?}");
    }
}
