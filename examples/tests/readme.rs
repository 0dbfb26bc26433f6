//! The documents are true: what they tell the reader to type works, and what they link to is there.
//!
//! The Rust code of the README is a doctest of hsm-core. Its ```` ```sh ```` blocks run here, as written, from
//! the root of the repository, but for four: `make test`, which runs this, `make demo`, whose program `demo.rs`
//! runs on a smaller tree, and `make install` and the lines that build programs in C, which hsm-ffi's `install.rs` runs
//! below a directory of its own. A `git clone` would be passed over too: this is the clone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RUN_ELSEWHERE: [&str; 5] = ["git clone", "make test", "make demo", "make install", "cc -o "];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

/// The blocks of code in one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// The targets of links that lead into the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = |target: &&str| !target.contains("://") && !target.starts_with('#');
    targets.filter(local).map(|target| target.split('#').next().unwrap()).collect()
}

#[test]
fn commands_of_the_readme_work_as_written() {
    let readme = read("README.md");
    let commands = blocks(&readme, "sh");
    let here = |block: &&str| !RUN_ELSEWHERE.iter().any(|command| block.starts_with(command));
    let run: Vec<_> = commands.iter().copied().filter(here).collect();
    assert!(!run.is_empty(), "{commands:?}");
    for block in run {
        let output = Command::new("sh").args(["-e", "-c", block]).current_dir(repository()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}");
    }
}

#[test]
fn the_readme_shows_a_tour_in_rust() {
    assert_eq!(blocks(&read("README.md"), "rust").len(), 1);
    assert!(
        read("hsm-core/src/lib.rs").contains("include_str!(\"../../README.md\")"),
        "it must be a doctest"
    );
}

#[test]
fn links_lead_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"] {
        for target in links(&read(document)) {
            assert!(repository().join(target).exists(), "{document} links to {target}");
        }
    }
}

#[test]
fn blocks_and_links_are_found() {
    let text = "a\n```sh\none\ntwo\n```\n[b](c/d.md#e) [f](https://g) [h](#i)\n```sh\nthree\n```\n";
    assert_eq!(blocks(text, "sh"), ["one\ntwo", "three"]);
    assert_eq!(links(text), ["c/d.md"]);
}
