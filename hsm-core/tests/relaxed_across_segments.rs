//! Every segment of the journal but the last is durable, whole: relaxed changes at the end of one must not be
//! missing before a durable change in the next.
#![cfg(feature = "testing")]

use std::sync::Arc;

use hsm_core::object::TierConfig;
use hsm_core::testing::disk::{Keep, SimDisk};
use hsm_core::{Durability, Kind, PutOptions, Query, Store, StoreOptions};

fn options(disk: &SimDisk) -> StoreOptions {
    StoreOptions::new()
        .disk(Arc::new(disk.clone()))
        .tiers(vec![TierConfig::posix(0, "tiers/0")])
        .index_in_memory()
        .segment_bytes(4096)
        .reserve_bytes(0)
}

fn put(store: &Store, byte: u8, durability: Durability) -> hsm_core::Put {
    store.put(&[byte; 100], &PutOptions { durability, ..PutOptions::default() }).unwrap()
}

/// Relaxed puts until the journal is about to begin a new segment with the next change.
fn fill_a_segment(disk: &SimDisk, store: &Store) -> Vec<hsm_core::Put> {
    let segments = || disk.labels().iter().filter(|label| label.starts_with("create store/journal/")).count();
    let before = segments();
    let mut puts = Vec::new();
    while segments() == before {
        puts.push(put(store, 1, Durability::Relaxed));
        assert!(puts.len() < 1000, "no segment follows");
    }
    puts
}

#[test]
fn a_durable_change_in_a_new_segment_survives_a_power_loss_after_relaxed_ones_in_the_last() {
    let disk = SimDisk::new();
    let store = Store::open("/store", &options(&disk)).unwrap();
    let relaxed = fill_a_segment(&disk, &store);
    let durable = put(&store, 2, Durability::Durable);

    let disk = disk.crash().power_loss(Keep::None);
    let store = Store::open("/store", &options(&disk)).unwrap();
    assert_eq!(store.read_only_reason(), None);
    assert_eq!(store.get(durable.id).unwrap(), [2; 100]);
    for put in relaxed {
        assert_eq!(store.get(put.id).unwrap(), [1; 100], "a durable change makes all before it durable");
    }
}

#[test]
fn a_new_segment_alone_does_not_outlive_the_changes_before_it() {
    let disk = SimDisk::new();
    let store = Store::open("/store", &options(&disk)).unwrap();
    fill_a_segment(&disk, &store);

    for disk in [
        disk.crash().power_loss(Keep::None),
        disk.crash().power_loss(Keep::All),
        disk.crash().process_crash(),
    ] {
        let store = Store::open("/store", &options(&disk)).unwrap();
        assert_eq!(store.read_only_reason(), None);
        put(&store, 3, Durability::Durable);
        for item in store.objects(&Query::default()) {
            let (_, object) = item.unwrap();
            store.get(object.id).unwrap();
        }
    }
}

#[test]
fn relaxed_changes_that_could_not_be_synced_put_the_handle_out_of_use() {
    let disk = SimDisk::new();
    let store = Store::open("/store", &options(&disk)).unwrap();
    put(&store, 1, Durability::Relaxed);
    disk.fail_next(std::io::ErrorKind::StorageFull, |label| label.starts_with("sync store/journal/"));
    let failed = store.put(&[2; 100], &PutOptions::default()).unwrap_err();
    assert!(matches!(failed.kind(), Kind::Closed | Kind::Full), "{failed}");
    assert_eq!(store.put(&[3; 100], &PutOptions::default()).unwrap_err().kind(), Kind::Closed);
}

#[test]
fn a_new_epoch_makes_the_relaxed_changes_before_it_durable() {
    let disk = SimDisk::new();
    let store = Store::open("/store", &options(&disk)).unwrap();
    let relaxed = put(&store, 1, Durability::Relaxed);

    // An index in memory is rebuilt at each open, and a rebuild begins a new epoch.
    let disk = disk.crash().process_crash();
    let store = Store::open("/store", &options(&disk)).unwrap();
    assert!(store.new_epoch_cause().is_some());

    let disk = disk.crash().power_loss(Keep::None);
    let store = Store::open("/store", &options(&disk)).unwrap();
    assert_eq!(store.read_only_reason(), None);
    assert_eq!(store.get(relaxed.id).unwrap(), [1; 100]);
}
