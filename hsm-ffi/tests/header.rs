//! `include/hsm.h` is what `hsm-ffi` says, chapter by chapter, and so are the pages in `docs/c`.
//!
//! Both are generated here: cbindgen runs once for each chapter. In the header the chapters are joined behind the
//! opening page; in `docs/c` each is a page of its own. With `HSM_BLESS=1` in the environment (`make header`) the
//! committed files are written, without it they are compared.

#[path = "header/chapters.rs"]
mod chapters;
#[path = "support/library.rs"]
mod library;
#[path = "header/pages.rs"]
mod pages;
#[path = "support/tool.rs"]
mod tool;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chapters::{CHAPTERS, declarations, introduction, opening, root};

/// A chapter's introduction as a comment in C.
fn comment(title: &str, introduction: &[String]) -> String {
    let mut text = format!("\n\n/*\n * {title}\n *\n");
    for line in introduction {
        let _ = writeln!(text, " *{line}");
    }
    text + " */\n\n"
}

fn header() -> String {
    let mut text = opening();
    text += "\n#ifndef HSM_H\n#define HSM_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n";
    text += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
    for (title, module) in CHAPTERS {
        text += &comment(title, &introduction(module));
        text += declarations(module).trim();
        text += "\n";
    }
    text + "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* HSM_H */\n"
}

/// Fails unless a committed file is what the source says. `make header` writes it.
fn compare(path: &Path, ours: &str) {
    if std::env::var_os("HSM_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, ours).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let differs = ours.lines().zip(committed.lines()).position(|(ours, theirs)| ours != theirs);
    assert!(
        ours == committed,
        "{} is not what hsm-ffi says (first at line {:?}); run `make header` and commit it",
        path.display(),
        differs.map(|line| line + 1)
    );
}

fn pages_directory() -> std::path::PathBuf {
    root().join("../docs/c")
}

#[test]
fn the_committed_header_is_what_the_source_says() {
    compare(&root().join("../include/hsm.h"), &header());
}

#[test]
fn the_committed_pages_are_what_the_source_says() {
    let pages = pages::all();
    for (name, page) in &pages {
        compare(&pages_directory().join(name), page);
    }
    for entry in fs::read_dir(pages_directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(pages.contains_key(&name), "docs/c/{name} is the page of no chapter");
    }
}

#[test]
fn every_declaration_of_the_header_stands_in_the_pages() {
    let pages: String = pages::all().into_values().collect();
    let code = |line: &&str| line.starts_with(|first: char| first.is_ascii_alphabetic() || first == '}');
    let header = header();
    let declarations =
        header.split("extern \"C\" {").nth(1).unwrap().split("#ifdef __cplusplus").next().unwrap();
    let lines: Vec<_> = declarations.lines().filter(code).collect();
    assert!(lines.len() > 200, "{}", lines.len());
    for line in lines {
        assert!(pages.contains(&format!("\n{line}\n")), "{line}");
    }
    for constant in declarations.lines().filter_map(|line| line.strip_prefix("#define ")) {
        let (name, value) = constant.split_once(' ').unwrap();
        assert!(pages.contains(&format!("\n| `{name}` | {value} | ")), "{constant}");
    }
}

#[test]
fn links_of_the_pages_lead_to_a_heading() {
    let pages = pages::all();
    let anchors: BTreeMap<_, Vec<_>> = pages
        .iter()
        .map(|(name, page)| {
            let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
            (name.as_str(), headings.map(pages::anchor).collect())
        })
        .collect();
    let mut count = 0;
    for (name, page) in &pages {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { name } else { file };
            let Some(anchors) = anchors.get(file) else {
                assert!(pages_directory().join(file).exists(), "{name} links to {target}");
                continue;
            };
            let leads = anchor.is_empty() || anchors.iter().any(|known| known == anchor);
            assert!(leads, "{name} links to {target}");
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_module_with_something_of_c_is_a_chapter() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // Tests.
        }
        let Some(module) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let marks = ["#[unsafe(no_mangle)]", "#[repr(C)]"];
        let exports =
            fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|line| marks.contains(&line.trim())));
        let is_chapter = CHAPTERS.iter().any(|(_, chapter)| *chapter == module);
        assert_eq!(exports, is_chapter, "{module}");
    }
}

/// What `hsm.hpp` leaves to C, and why.
const NOT_IN_CPP: [(&str, &str); 3] = [
    ("hsm_error_status", "an exception has the status that the call answered, which is the same"),
    ("hsm_version", "it takes nothing and cannot fail: called as it is"),
    ("hsm_version_number", "as hsm_version()"),
];

#[test]
fn every_function_is_reached_from_cpp_or_left_out_for_a_reason() {
    let wrapped = fs::read_to_string(root().join("../include/hsm.hpp")).unwrap();
    let words: Vec<_> = wrapped.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for function in library::declared() {
        let left_out = NOT_IN_CPP.iter().find(|(name, _)| *name == function);
        match left_out {
            None => assert!(words.contains(&function.as_str()), "hsm.hpp does not use {function}()"),
            Some((_, why)) => {
                assert!(!words.contains(&function.as_str()), "hsm.hpp uses {function}(), not so: {why}");
            }
        }
    }
}

#[test]
fn the_header_has_no_marks_of_rust_in_it() {
    let header = header();
    for mark in ["[`", "`]", "///", "Vec<", "Option<", "::"] {
        assert!(!header.contains(mark), "{mark:?}");
    }
}
