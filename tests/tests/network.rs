//! An index on a network file system is not shared: locks there are not what SQLite and we rely on.

use std::sync::Arc;

use hsm_core::testing::disk::SimDisk;
use hsm_core::{Kind, PutOptions, Store, StoreOptions};
use hsm_tests::fixture::{bytes, kind};

#[test]
fn a_store_on_a_network_file_system_is_opened_by_one_handle_alone() {
    let disk = SimDisk::new();
    disk.set_network(Some("NFS"));
    let index = tempfile::tempdir().unwrap();
    let shared = StoreOptions::new().disk(Arc::new(disk.clone()));
    let answer = Store::open("/store", &shared);
    assert_eq!(kind(&answer), Some(Kind::Unsupported));
    assert!(answer.unwrap_err().to_string().contains("NFS"));
    let alone = shared.clone().index_directory(index.path()).exclusive(true);
    let store = Store::open("/store", &alone).unwrap();
    let id = store.put(&bytes(1000, 1), &PutOptions::default()).unwrap().id;
    let second = disk.another_process();
    let answer = Store::open("/store", &alone.clone().disk(Arc::new(second)));
    assert_eq!(kind(&answer), Some(Kind::Busy));
    store.close().unwrap();
    drop(store);
    let store = Store::open("/store", &alone).unwrap();
    assert_eq!(store.get(id).unwrap(), bytes(1000, 1));
    let in_memory = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory();
    drop(store);
    let store = Store::open("/store", &in_memory).unwrap();
    assert_eq!(store.get(id).unwrap(), bytes(1000, 1));
}

#[test]
fn whoever_finds_a_store_open_exclusively_is_told_that_it_is_busy() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    let options = StoreOptions::new();
    let store = Store::open(&path, &options.clone().exclusive(true)).unwrap();
    store.put(b"x", &PutOptions::default()).unwrap();
    let begun = std::time::Instant::now();
    let answer = Store::open(&path, &options.clone().patience(std::time::Duration::from_millis(50)));
    assert_eq!(kind(&answer), Some(Kind::Busy), "{answer:?}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    drop(store);
    let shared = Store::open(&path, &options).unwrap();
    let other = Store::open(&path, &options).unwrap();
    shared.close().unwrap();
    assert_eq!(kind(&Store::open(&path, &options.clone().exclusive(true))), Some(Kind::Busy));
    other.close().unwrap();
    drop((shared, other));
    Store::open(&path, &options.exclusive(true)).unwrap();
}
