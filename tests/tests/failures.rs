//! The page on failures names tests that exist.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_page_on_failures_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty() || shown_by.contains("no test"), "{row}");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{test} is no file::name"));
            let below = if file.contains("/src/") || file.contains("tests/") {
                root.join(file)
            } else {
                root.join("tests/tests").join(file)
            };
            let source = fs::read_to_string(&below).unwrap_or_else(|error| panic!("{file}: {error}"));
            // Those beside the code stand further to the right.
            let source = source.lines().map(str::trim).collect::<Vec<_>>().join("\n");
            assert!(source.contains(&format!("#[test]\nfn {name}()")), "{file} has no test {name}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}
