//! The chapters of the header: their order, and what the source says in each.

use std::path::Path;

/// The chapters in order: the title, and the file that holds the declarations.
pub(crate) const CHAPTERS: &[(&str, &str)] = &[
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
    ("GETTING MANY OBJECTS", "get_many"),
    ("READERS", "reader"),
    ("TIMES OF ACCESS", "access"),
    ("MOVING BETWEEN TIERS", "transfer"),
    ("PINS", "pin"),
    ("REMOVING", "remove"),
    ("OPTIONS OF AN ACTION", "action_options"),
    ("ACTIONS", "action"),
    ("GROUPS OF ACTIONS", "group"),
    ("DELAYED TIERS", "delayed"),
    ("A SITE'S OWN ACTIONS", "lease"),
    ("RUNNING ACTIONS", "run"),
    ("LIMITS OF TIERS", "limits"),
    ("CHECKING", "check"),
    ("REBUILDING", "rebuild"),
    ("COMPACTING", "compact"),
    ("RECONCILING", "reconcile"),
    ("BATCHES", "batch"),
    ("EVENTS", "event"),
    ("THE FEED", "feed"),
    ("SUBSCRIBERS", "subscriber"),
    ("SUBSCRIPTIONS", "subscription"),
    ("SINKS", "sink"),
];

/// The directory of hsm-ffi.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The source of a module of hsm-ffi.
pub(crate) fn source(module: &str) -> String {
    std::fs::read_to_string(root().join(format!("src/{module}.rs"))).unwrap()
}

/// The lines of a module's `//!` page, which introduces its chapter.
pub(crate) fn introduction(module: &str) -> Vec<String> {
    let source = source(module);
    let page = source.lines().map_while(|line| line.strip_prefix("//!"));
    page.map(|line| line.replace('`', "").trim_end().to_owned()).collect()
}

/// The opening page of the header, a comment in C.
pub(crate) fn opening() -> String {
    std::fs::read_to_string(root().join("header/opening.h")).unwrap()
}

/// Every type of a chapter, also one that only other chapters use.
fn types(source: &str) -> Vec<String> {
    let names = source.lines().filter_map(|line| line.strip_prefix("pub struct "));
    names.map(|name| name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

/// A chapter as cbindgen writes it in C.
pub(crate) fn declarations(module: &str) -> String {
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
            exclude: vec!["hsm_testing_panic".to_owned(), "hsm_testing_panics".to_owned()],
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
