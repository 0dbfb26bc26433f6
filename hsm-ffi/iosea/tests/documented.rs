//! Each row of the table in `docs/iosea.md` names its test, and the test exists.

use std::fs;
use std::path::Path;

#[test]
fn each_difference_from_hestia_names_a_test_that_exists() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = fs::read_to_string(docs.join("iosea.md")).unwrap();
    let (_, table) = text.split_once("| | Hestia | here | tested in |\n|---|---|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 20, "the table is cut short: {} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let tests = cells.last().unwrap();
        let named: Vec<&str> =
            tests.split("](").skip(1).map(|link| link.split(')').next().unwrap()).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for file in named {
            let source = fs::read_to_string(docs.join(file)).unwrap_or_default();
            let is_test =
                source.contains("CHECK") || source.contains("#[test]") || source.contains("#define SO(");
            assert!(is_test, "{file} is no test: {row}");
        }
    }
}
