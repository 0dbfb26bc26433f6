//! What a batch committed is never taken back with what it could not commit.

use hsm_core::object::ObjectId;
use hsm_core::{Durability, PutOptions, Store, StoreOptions};

#[test]
fn a_put_that_was_committed_keeps_its_bytes_when_another_finds_its_tier_retired() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path(), &StoreOptions::new()).unwrap();
    let other = Store::open(root.path(), &StoreOptions::new()).unwrap();
    let bytes = vec![7; 3 << 20];
    let id = ObjectId([1; 16]);
    let mut batch = store.batch(false, Durability::Durable);
    batch.put(&bytes, &PutOptions { tier: Some(0), ..PutOptions::id(id) }).unwrap();
    batch.put(&bytes, &PutOptions { tier: Some(3), ..PutOptions::default() }).unwrap();
    other.retire_tier(3).unwrap();
    let answers = batch.commit().unwrap();
    assert!(answers[0].is_ok() && answers[1].is_err(), "{answers:?}");
    assert!(other.get(id).unwrap() == bytes);
}
