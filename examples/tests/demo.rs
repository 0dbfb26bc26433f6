//! The demonstration does what it says, on a tree of a test's choice, and leaves nothing behind.

use std::fs;
use std::process::Command;

#[test]
fn a_tree_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    for (number, len) in [0, 1, 4096, 70_000, 2_500_000].into_iter().enumerate() {
        fs::write(tree.join(format!("a/b/{number}")), vec![number as u8; len]).unwrap();
    }
    let temporary = directory.path().join("tmp");
    fs::create_dir(&temporary).unwrap();

    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("--tree")
        .arg(&tree)
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("entries came back as they were"), "{said}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_store_that_is_there_already_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("precious"), "data").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("--tree")
        .arg(directory.path())
        .arg("--store")
        .arg(directory.path())
        .env("TMPDIR", directory.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not an hsm store"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
