//! Roots that another store goes on with: a copy of the directory, or a restored snapshot, and what was not taken from
//! them. Whoever has them loses nothing by the other; what can be lost is told of before.

use std::fs;

use hsm_core::object::{ObjectId, TierConfig, TierIndex};
use hsm_core::{
    CheckOptions, CompactOptions, Durability, Finding, Kind, PutOptions, RestoreOptions, SnapshotOptions,
    Store, StoreOptions,
};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, bytes, copy_tree, files_below, kind, on_tier};

/// The tier that snapshots are kept on.
const BACKUP: u8 = 2;

fn new() -> Fixture {
    Fixture::with_outside_tiers(3, StoreOptions::new())
}

fn over(id: ObjectId) -> PutOptions {
    PutOptions { tier: Some(0), ..PutOptions::id(id) }
}

fn root(fixture: &Fixture, tier: TierIndex) -> std::path::PathBuf {
    fixture.outside(&format!("tier-{tier}"))
}

/// A second store, restored from the snapshot while the first is in use.
fn restored_elsewhere(fixture: &Fixture) -> Store {
    let elsewhere = fixture.outside("elsewhere");
    Store::restore(&elsewhere, root(fixture, BACKUP), &RestoreOptions::new()).unwrap();
    Store::open(&elsewhere, &StoreOptions::new()).unwrap()
}

#[test]
fn a_store_whose_roots_were_taken_over_by_a_restored_one_removes_nothing_and_takes_no_more_changes() {
    let fixture = new();
    let first = &fixture.store;
    let ids: Vec<_> = [SMALL, LARGE, LARGE]
        .iter()
        .zip(0..)
        .map(|(size, seed)| first.put(&bytes(*size, seed), &on_tier(0)).unwrap().id)
        .collect();
    first.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    let second = restored_elsewhere(&fixture);
    second.reconcile().unwrap();
    second.put(&bytes(LARGE, 9), &on_tier(0)).unwrap();
    // The first does not know yet. What it replaces is all that the second has.
    for id in &ids {
        first.put(&bytes(LARGE, 10), &over(*id)).unwrap();
    }
    let _ = first.maintain();
    assert!(first.read_only_reason().unwrap().contains("taken it over"));
    assert_eq!(kind(&first.put(b"x", &PutOptions::default())), Some(Kind::Refused));
    assert_eq!(
        kind(&first.check_all(&CheckOptions { remove_strays: true }, |_| Ok(()))),
        Some(Kind::Refused)
    );
    assert_eq!(first.get(ids[1]).unwrap(), bytes(LARGE, 10), "it is read yet");
    fixture.store.close().unwrap();
    for ((id, size), seed) in ids.iter().zip([SMALL, LARGE, LARGE]).zip(0..) {
        assert_eq!(second.get(*id).unwrap(), bytes(size, seed));
    }
    // Nor does the first by its next open: its dead are not swept, and it waits to be reconciled.
    let first = fixture.another_handle();
    assert!(first.read_only_reason().is_some());
    drop(first);
    for ((id, size), seed) in ids.iter().zip([SMALL, LARGE, LARGE]).zip(0..) {
        assert_eq!(second.get(*id).unwrap(), bytes(size, seed));
    }
}

#[test]
fn a_directory_copied_back_that_outran_its_roots_while_they_were_away_sweeps_nothing_of_them() {
    let mut fixture = new();
    let kept = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    fixture.store.sync().unwrap();
    let backup = fixture.outside("backup");
    // With the member file of the handle that is at it.
    copy_tree(&fixture.path(), &backup);
    let later: Vec<_> =
        (2..5).map(|seed| fixture.store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id).collect();
    fixture.close();
    let data = |fixture: &Fixture| files_below(&root(fixture, 0).join("data")).len();
    let there = data(&fixture);

    fs::remove_dir_all(fixture.path()).unwrap();
    copy_tree(&backup, &fixture.path());
    for tier in 0..3 {
        fs::rename(root(&fixture, tier), fixture.outside(&format!("away-{tier}"))).unwrap();
    }
    // More changes than the roots have seen.
    fixture.store = fixture.another_handle();
    for number in 0..20_u8 {
        fixture.store.set_attributes(kept, &vec![("n".to_owned(), Some(vec![number]))]).unwrap();
    }
    fixture.close();
    for tier in 0..3 {
        fs::rename(fixture.outside(&format!("away-{tier}")), root(&fixture, tier)).unwrap();
    }
    fixture.store = fixture.another_handle();
    assert!(fixture.store.read_only_reason().is_some(), "it is older than its roots");
    assert_eq!(data(&fixture), there);
    let mut unknown = Vec::new();
    fixture
        .store
        .reconcile_with(|finding| {
            if let Finding::Unknown { object, .. } = finding {
                unknown.push(object);
            }
            Ok(())
        })
        .unwrap();
    unknown.sort_unstable();
    assert_eq!(unknown, later, "what came behind the copy is told of");
    assert_eq!(data(&fixture), there);
    assert_eq!(fixture.store.get(kept).unwrap(), bytes(LARGE, 1));
}

#[test]
fn a_generation_that_was_left_on_a_root_is_not_taken_for_the_one_that_was_put_under_its_number() {
    let fixture = new();
    let first = &fixture.store;
    let id = first.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    first.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    first.remove(id).unwrap();
    first.undelete(id).unwrap();
    first.put(&bytes(LARGE, 2), &over(id)).unwrap();
    // Removed behind it, so that the restored store does not take it: who knows.
    let leftover = first.object(id).unwrap().generation;
    first.put(&bytes(LARGE, 3), &PutOptions { tier: Some(1), ..over(id) }).unwrap();
    fixture.store.close().unwrap();
    let gone = root(&fixture, 1);
    fs::rename(&gone, fixture.outside("away")).unwrap();
    fs::remove_dir_all(fixture.path()).unwrap();
    Store::restore(fixture.path(), root(&fixture, BACKUP), &RestoreOptions::new()).unwrap();
    let store = fixture.another_handle();
    store.reconcile().unwrap();
    let known = store.object(id).unwrap().generation;
    assert!(known <= leftover);
    // The next generations have the numbers of those that the roots had.
    for seed in 10..13 {
        store.put(&bytes(LARGE, seed), &over(id)).unwrap();
    }
    let now = store.object(id).unwrap().generation;
    fs::rename(fixture.outside("away"), &gone).unwrap();
    store.reconcile().unwrap();
    assert_eq!(store.object(id).unwrap().generation, now);
    assert_eq!(store.get(id).unwrap(), bytes(LARGE, 12));
    store.put_at(id, 0, b"goes on", Durability::Durable).unwrap();
}

#[test]
fn a_compaction_takes_records_of_unknown_objects_only_after_they_were_told_of() {
    let fixture = new();
    let store = &fixture.store;
    let config = store.tier(0).unwrap().config;
    store.change_tier(&TierConfig { pack_size_bytes: 1 << 16, ..config }).unwrap();
    let known: Vec<_> = (0..4).map(|seed| store.put(&bytes(SMALL, seed), &on_tier(0)).unwrap().id).collect();
    store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    let late: Vec<_> = (10..14).map(|seed| store.put(&bytes(SMALL, seed), &on_tier(0)).unwrap().id).collect();
    fixture.store.close().unwrap();
    fs::remove_dir_all(fixture.path()).unwrap();
    Store::restore(fixture.path(), root(&fixture, BACKUP), &RestoreOptions::new()).unwrap();
    let store = fixture.another_handle();
    let mut told = Vec::new();
    let mut note = |finding| {
        if let Finding::Unknown { object, .. } = finding {
            told.push(object);
        }
        Ok(())
    };
    store.reconcile_with(&mut note).unwrap();
    told.sort_unstable();
    assert_eq!(told, late);
    let packs = || files_below(&root(&fixture, 0).join("data")).len();
    let before = packs();
    store.compact(&CompactOptions::default(), |_| Ok(())).unwrap();
    store.maintain().unwrap();
    for (id, seed) in known.iter().zip(0..) {
        assert_eq!(store.get(*id).unwrap(), bytes(SMALL, seed));
    }
    // What no snapshot knew lies in packs of its own, which no compaction touches: only `check_all`, when told.
    assert!(packs() >= before.min(2), "{before} files, then {}", packs());
    let strays = store.check_all(&CheckOptions { remove_strays: false }, |_| Ok(())).unwrap().strays;
    assert!(strays > 0, "what was told of is there yet");
}
