//! A store that was written stays readable: one of each format is kept. And the page on the format knows every
//! name that is in a store.

use std::fs;
use std::path::{Path, PathBuf};

use hsm_core::journal::EpochCause;
use hsm_core::{CheckOptions, PutOptions, Store, StoreOptions};
use hsm_tests::describe::describe;
use hsm_tests::fixture::{Fixture, copy_tree, events, files_below};
use hsm_tests::verbs::every_change;

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

#[test]
fn the_store_of_the_first_preview_is_read_whole() {
    let expected = fs::read_to_string(kept("preview-1/expected.txt")).unwrap();
    for index_too in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store");
        copy_tree(&kept("preview-1/store"), &path);
        if !index_too {
            fs::remove_dir_all(path.join("index")).unwrap();
        }
        for round in 0..2 {
            let store = Store::open(&path, &StoreOptions::new()).unwrap();
            let cause = (!index_too && round == 0).then_some(EpochCause::Rebuilt);
            assert_eq!(store.new_epoch_cause(), cause);
            assert_eq!(store.read_only_reason(), None);
            let found = describe(&store);
            assert_eq!(found, expected);
            let history = events(&store);
            assert!(history.windows(2).all(|pair| pair[0].position.number + 1 == pair[1].position.number));
            assert_eq!(history[0].position.number, 1);
        }
        let store = Store::open(&path, &StoreOptions::new()).unwrap();
        let put = store.put(b"new", &PutOptions::default()).unwrap();
        assert_eq!(store.get(put.id).unwrap(), b"new");
        assert!(store.check_all(&CheckOptions::default(), |_| Ok(())).unwrap().is_clean());
    }
}

#[test]
fn a_snapshot_of_the_first_preview_is_enough_without_the_beginning_of_its_journal() {
    for options in [StoreOptions::new(), StoreOptions::new().index_in_memory()] {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store");
        copy_tree(&kept("preview-1/store"), &path);
        fs::remove_dir_all(path.join("index")).unwrap();
        fs::remove_file(path.join("journal/0000000000000001.seg")).unwrap();
        let store = Store::open(&path, &options).unwrap();
        assert_eq!(describe(&store), fs::read_to_string(kept("preview-1/expected.txt")).unwrap());
        assert!(store.check_all(&CheckOptions::default(), |_| Ok(())).unwrap().is_clean());
        let put = store.put(b"new", &PutOptions::default()).unwrap();
        assert_eq!(store.get(put.id).unwrap(), b"new");
    }
}

#[test]
fn the_fixtures_are_small() {
    let size: u64 =
        files_below(&kept("")).iter().map(|path| fs::metadata(kept("").join(path)).unwrap().len()).sum();
    assert!(size < 300 << 10, "{size} bytes");
}

/// The patterns of section 1: those below a store, and those below the root of a tier.
fn patterns() -> (Vec<String>, Vec<String>) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md");
    let page = fs::read_to_string(page).unwrap();
    let block = page.split("## 1. Layout").nth(1).unwrap().split("```").nth(1).unwrap();
    let (mut store, mut root) = (Vec::new(), Vec::new());
    let mut list = &mut store;
    for line in block.lines().map(|line| line.replace("<serial / 1024>", "<bucket>")) {
        if line.starts_with("<root") {
            list = &mut root;
        }
        let Some(entry) = line.strip_prefix("  ") else { continue };
        let (names, _) = entry.split_once("  ").unwrap_or((entry, ""));
        let mut names = names.split(", ");
        let first = names.next().unwrap_or_default().to_owned();
        list.extend(names.map(|suffix| format!("{first}{suffix}")));
        list.push(first);
    }
    (store, root)
}

/// Whether a path is what a pattern says: placeholders stand for 16 hexadecimal digits.
fn is_named(pattern: &str, path: &str) -> bool {
    match pattern.split_once('<') {
        None => pattern == path,
        Some((before, rest)) => {
            let Some((_, after)) = rest.split_once('>') else { return false };
            let Some(path) = path.strip_prefix(before) else { return false };
            let Some((digits, path)) = path.split_at_checked(16) else { return false };
            digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) && is_named(after, path)
        }
    }
}

#[test]
fn every_name_in_a_store_is_in_the_format_page() {
    let (store, root) = patterns();
    assert!(store.len() >= 10 && root.len() >= 4, "{store:?} {root:?}");
    let fixture = Fixture::with(StoreOptions::new().segment_bytes(4096));
    every_change(&fixture.store);
    fixture.store.snapshot().unwrap();
    let mut used = std::collections::BTreeSet::new();
    for path in files_below(&fixture.path()) {
        let path = path.to_str().unwrap();
        let below_root = path.strip_prefix("tiers/").and_then(|path| path.split_once('/'));
        let (known, path) = match below_root {
            Some((tier, path)) => {
                assert!(tier.parse::<u8>().is_ok());
                (&root, path)
            }
            None => (&store, path),
        };
        let pattern = known.iter().find(|pattern| is_named(pattern, path));
        used.insert(pattern.unwrap_or_else(|| panic!("{path} is none of {known:?}")));
    }
    assert!(used.len() >= 11, "{used:?}");
}
