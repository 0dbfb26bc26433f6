//! Each row of the table in `docs/iosea.md` names its tests, and they exist.

use std::fs;
use std::path::Path;

#[test]
fn each_difference_from_hestia_names_tests_that_exist() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = fs::read_to_string(docs.join("iosea.md")).unwrap();
    let (_, table) = text.split_once("| | Hestia | here | tested in |\n|---|---|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 20, "the table is cut short: {} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let files: Vec<&str> = cells.last().unwrap().split("](").skip(1).collect();
        assert!(!files.is_empty(), "no test: {row}");
        for named in files {
            // Behind the link to a file stand, in backticks, those of its tests that are meant; all, where none does.
            let (file, tests) = named.split_once(')').unwrap();
            let source = fs::read_to_string(docs.join(file)).unwrap_or_default();
            let is_test =
                source.contains("CHECK") || source.contains("#[test]") || source.contains("#define SO(");
            assert!(is_test, "{file} is no test: {row}");
            for test in tests.split('`').skip(1).step_by(2) {
                let is_there =
                    source.contains(&format!(" {test}(")) || source.contains(&format!("\n{test}("));
                assert!(is_there, "{file} has no test {test}: {row}");
            }
        }
    }
}
