//! Mistakes that random programs met once, each as the few steps that show it.

use std::time::Duration;

use hsm_core::journal::EpochCause;
use hsm_core::object::{Attributes, Name, TierState};
use hsm_core::{Durability, Kind, PutOptions, Store, StoreOptions};
use tempfile::TempDir;

/// Above every pack threshold.
fn large(seed: u8) -> Vec<u8> {
    vec![seed; 2 << 20]
}

fn options() -> StoreOptions {
    StoreOptions::new().grace(Duration::ZERO)
}

fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"), &options()).unwrap();
    (directory, store)
}

fn open(directory: &TempDir) -> Store {
    Store::open(directory.path().join("store"), &options()).unwrap()
}

#[test]
fn a_rebuild_keeps_relaxed_changes_whose_overwritten_bytes_are_long_reclaimed() {
    let (directory, store) = store();
    let relaxed = PutOptions { durability: Durability::Relaxed, ..PutOptions::default() };
    let id = store.put(&large(1), &PutOptions::default()).unwrap().id;
    for seed in 2..5 {
        store.put(&large(seed), &PutOptions { id: Some(id), ..relaxed.clone() }).unwrap();
    }
    store.close().unwrap();
    std::fs::write(directory.path().join("store/index.damaged"), "damaged\n").unwrap();
    let store = open(&directory);
    assert_eq!(store.new_epoch_cause(), Some(EpochCause::Rebuilt));
    assert!(store.get(id).unwrap() == large(4));
}

#[test]
fn what_one_handle_does_to_a_tier_another_handle_knows() {
    let (directory, one) = store();
    let other = open(&directory);
    let put = |store: &Store, tier| store.put(b"x", &PutOptions { tier, ..PutOptions::default() });
    put(&other, Some(0)).unwrap();
    one.set_tier_state(0, TierState::ReadOnly).unwrap();
    assert_eq!(put(&other, Some(0)).unwrap_err().kind(), Kind::Refused);
    let id = put(&other, None).unwrap().id;
    assert_eq!(other.object(id).unwrap().copies[0].tier, 1, "the hottest that takes data is tier 1 now");
    one.set_tier_state(0, TierState::Active).unwrap();
    let id = put(&other, None).unwrap().id;
    assert_eq!(other.object(id).unwrap().copies[0].tier, 0);
}

#[test]
fn a_pack_that_becomes_empty_after_its_handle_has_closed_is_removed() {
    let (directory, store) = store();
    let id = store.put(b"small", &PutOptions::default()).unwrap().id;
    store.close().unwrap();
    let store = open(&directory);
    store.purge(id).unwrap();
    assert_eq!(store.maintain().unwrap().packs_removed, 1);
}

#[test]
fn a_put_at_an_offset_of_no_bytes_leaves_a_readable_object() {
    let (_directory, store) = store();
    for at in [0, 1 << 20, 2 << 20] {
        let id = store.put(&large(1), &PutOptions::default()).unwrap().id;
        store.put_at(id, at, b"", Durability::Durable).unwrap();
        assert!(store.get(id).unwrap() == large(1));
        assert!(store.object(id).unwrap().copies[0].pieces.iter().all(|piece| piece.length > 0));
    }
}

#[test]
fn an_empty_batch_is_committed_at_once() {
    let (_directory, store) = store();
    for atomic in [false, true] {
        assert!(store.batch(atomic, Durability::Durable).commit().unwrap().is_empty());
    }
}

#[test]
fn an_atomic_batch_does_not_change_one_object_twice_by_its_id_and_its_name() {
    let (_directory, store) = store();
    let dataset = store.create_dataset("dataset", &Attributes::new()).unwrap();
    let name = Name { dataset, key: b"key".to_vec() };
    let id = store.put(b"x", &PutOptions::name(name.clone())).unwrap().id;
    let mut batch = store.batch(true, Durability::Durable);
    batch.remove(id).unwrap();
    batch.put(b"y", &PutOptions::name(name)).unwrap();
    let answers = batch.commit().unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind() == Kind::Invalid)));
    assert_eq!(store.get(id).unwrap(), b"x");
}

#[test]
fn an_atomic_batch_fits_into_a_tier_as_a_whole_or_not_at_all() {
    let (_directory, store) = store();
    let tier = hsm_core::object::TierConfig { capacity_bytes: 100, ..store.tier(0).unwrap().config };
    store.change_tier(&tier).unwrap();
    let mut batch = store.batch(true, Durability::Durable);
    for _ in 0..2 {
        batch.put(&[1; 60], &PutOptions { tier: Some(0), ..PutOptions::default() }).unwrap();
    }
    let answers = batch.commit().unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind() == Kind::Full)));
}

#[test]
fn a_tier_is_not_drained_to_one_that_is_not_there() {
    let (_directory, store) = store();
    let id = store.put(b"x", &PutOptions::default()).unwrap().id;
    assert_eq!(store.drain_tier(0, 200).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(store.drain_tier(0, 0).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(store.tier(0).unwrap().config.state, TierState::Active);
    assert_eq!(store.get(id).unwrap(), b"x");
}

#[test]
fn parts_of_which_one_is_empty_are_an_object() {
    let (_directory, store) = store();
    let parts = store.parts(&PutOptions::default()).unwrap();
    let mut first = parts.part(0).unwrap();
    first.add(b"bytes").unwrap();
    let receipts = [first.finish().unwrap(), parts.part(0).unwrap().finish().unwrap()];
    assert_eq!(store.get(parts.commit(&receipts).unwrap().id).unwrap(), b"bytes");
}
