//! The verbs, once each, on a real directory.

use hsm_core::object::{Attributes, Name};
use hsm_core::*;

#[test]
fn an_object_goes_in_moves_and_comes_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("s"), &StoreOptions::new()).unwrap();
    let data = store.create_dataset("data", &Attributes::new()).unwrap();
    let small = store.put(b"hello", &PutOptions::name(Name { dataset: data, key: b"a/b".to_vec() })).unwrap();
    let big: Vec<u8> = (0..5_000_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let large = store.put(&big, &PutOptions::default()).unwrap();
    let empty = store.put(b"", &PutOptions::default()).unwrap();
    assert_eq!(store.get(small.id).unwrap(), b"hello");
    assert_eq!(store.get(large.id).unwrap(), big);
    assert_eq!(store.get(empty.id).unwrap(), b"");
    for id in [small.id, large.id, empty.id] {
        store.move_object(id, 0, 3).unwrap().unwrap();
        assert_eq!(store.object(id).unwrap().copies.len(), 1);
        assert!(store.release(id, 3, false).is_err());
        store.recall(id, 0).unwrap().unwrap();
        store.release(id, 3, false).unwrap().unwrap();
    }
    assert_eq!(store.get(large.id).unwrap(), big);
    let put = store.put_at(large.id, 1_000_001, b"patched", Durability::Durable).unwrap();
    assert_eq!(put.generation, 2);
    let mut patched = big.clone();
    patched[1_000_001..1_000_008].copy_from_slice(b"patched");
    assert_eq!(store.get(large.id).unwrap(), patched);
    store.put_at(large.id, 5_000_000, b"more", Durability::Durable).unwrap();
    patched.extend_from_slice(b"more");
    assert_eq!(store.get(large.id).unwrap(), patched);
    store.move_object(large.id, 0, 4).unwrap().unwrap();
    assert_eq!(store.get(large.id).unwrap(), patched);
    store.remove(small.id).unwrap();
    assert!(store.get(small.id).is_err());
    assert!(store.undelete(small.id).unwrap().is_some());
    assert_eq!(store.get(small.id).unwrap(), b"hello");
    let mut batch = store.batch(true, Durability::Durable);
    for i in 0..1000u32 {
        batch.put(&i.to_le_bytes(), &PutOptions::default()).unwrap();
    }
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
    assert_eq!(store.objects(&Query::default()).count(), 1003);
    let events: Vec<_> = store.feed(hsm_core::object::Position::default()).collect::<Result<_>>().unwrap();
    assert!(events.windows(2).all(|pair| pair[0].position.number + 1 == pair[1].position.number));
    store.snapshot().unwrap().unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path().join("s"), &StoreOptions::new()).unwrap();
    assert_eq!(store.new_epoch_cause(), None);
    assert_eq!(store.objects(&Query::default()).count(), 1003);
    assert_eq!(store.get(large.id).unwrap(), patched);
    store.close().unwrap();
    std::fs::remove_dir_all(dir.path().join("s/index")).unwrap();
    let store = Store::open(dir.path().join("s"), &StoreOptions::new()).unwrap();
    assert!(store.new_epoch_cause().is_some());
    assert_eq!(store.objects(&Query::default()).count(), 1003);
    assert_eq!(store.get(large.id).unwrap(), patched);
    println!("{:?}", store.tiers().unwrap());
}

#[test]
fn memory() {
    let store = Store::open(":memory:", &StoreOptions::new()).unwrap();
    let p = store.put(b"x", &PutOptions::default()).unwrap();
    store.move_object(p.id, 0, 1).unwrap();
    assert_eq!(store.get(p.id).unwrap(), b"x");
}
