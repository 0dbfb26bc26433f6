//! Every verb of a store, once or so each: for what looks at what they leave, or at how they do it.

use hsm_core::integrity::Algorithm;
use hsm_core::object::{Attributes, ObjectId, TierConfig};
use hsm_core::{CompactOptions, Durability, PutOptions, Store};

use crate::fixture::{LARGE, SMALL, bytes, name, on_tier};

/// Uses every verb that changes a store. Leaves objects of every kind.
pub fn every_change(store: &Store) {
    let attributes = Attributes::from([("colour", b"blue")]);
    let data = store.create_dataset("data", &attributes).unwrap();
    let gone = store.create_dataset("gone", &Attributes::new()).unwrap();
    store.remove_dataset(gone).unwrap();
    store.set_dataset_attributes(data, &vec![("kept".into(), Some(vec![0, 255]))]).unwrap();
    let named =
        |key: &str| PutOptions { attributes: attributes.clone(), ..PutOptions::name(name(data, key)) };
    let digested = PutOptions { digests: Algorithm::ALL.to_vec(), ..named("small") };
    let small = store.put(&bytes(SMALL, 1), &digested).unwrap().id;
    let in_blocks = PutOptions { block_size: Some(4096), ..named("large") };
    let large = store.put(&bytes(LARGE, 2), &in_blocks).unwrap().id;
    store.put(b"", &named("empty")).unwrap();
    store.put_empty(&named("no data")).unwrap();
    store.put(&bytes(SMALL, 3), &PutOptions::id(ObjectId([9; 16]))).unwrap();
    store.copy(small, None, 2).unwrap();
    store.copy(large, None, 1).unwrap();
    store.release(large, 0, false).unwrap();
    store.put_at(large, 5000, b"patched", Durability::Relaxed).unwrap();
    store.verify(large, 1).unwrap();
    store.add_name(small, &name(data, "alias")).unwrap();
    store.add_name(small, &name(data, "short-lived")).unwrap();
    store.remove_name(&name(data, "short-lived")).unwrap();
    let overwritten = store.put(&bytes(LARGE, 4), &named("overwritten")).unwrap().id;
    store.put(&bytes(SMALL, 5), &PutOptions::id(overwritten)).unwrap();
    store.set_attributes(overwritten, &vec![("colour".into(), None)]).unwrap();
    let removed = store.put(&bytes(SMALL, 6), &named("removed")).unwrap().id;
    store.remove(removed).unwrap();
    let back = store.put(&bytes(SMALL, 7), &named("back")).unwrap().id;
    store.remove(back).unwrap();
    store.undelete(back).unwrap();
    let purged = store.put(&bytes(LARGE, 8), &named("purged")).unwrap().id;
    store.purge(purged).unwrap();
    let mut batch = store.batch(true, Durability::Durable);
    for number in 0..5_u8 {
        batch.put(&bytes(100, u64::from(number)), &named(&format!("batch/{number}"))).unwrap();
    }
    batch.commit().unwrap().into_iter().for_each(|answer| assert!(answer.is_ok()));
    let parts = store.parts(&PutOptions { block_size: Some(4096), ..named("in parts") }).unwrap();
    let receipts = [8192, 0].map(|offset| {
        let mut part = parts.part(offset).unwrap();
        part.add(&bytes(if offset == 0 { 8192 } else { 1000 }, offset)).unwrap();
        part.finish().unwrap()
    });
    parts.commit(&receipts).unwrap();
    store.add_tier(&TierConfig::posix(7, "tiers/7")).unwrap();
    let moved = store.put(&bytes(SMALL, 9), &on_tier(7)).unwrap().id;
    store.move_object(moved, 7, 4).unwrap();
    store.retire_tier(7).unwrap();
    let config = TierConfig { name: "cold".to_owned(), ..store.tier(4).unwrap().config };
    store.change_tier(&config).unwrap();
    let drained = store.put(&bytes(SMALL, 10), &on_tier(3)).unwrap().id;
    store.drain_tier(3, 4).unwrap();
    store.recall(drained, 0).unwrap();
    store.sync().unwrap();
    store.maintain().unwrap();
    compact(store);
}

/// Empties most of some packs, and rewrites them.
fn compact(store: &Store) {
    let before = store.tier(4).unwrap().config;
    store.change_tier(&TierConfig { pack_size_bytes: 1 << 14, ..before.clone() }).unwrap();
    let ids: Vec<ObjectId> =
        (0..40).map(|seed| store.put(&bytes(SMALL, 20 + seed), &on_tier(4)).unwrap().id).collect();
    for (_, id) in ids.iter().enumerate().filter(|(at, _)| at % 5 != 0) {
        store.purge(*id).unwrap();
    }
    let done = store.compact(&CompactOptions::default(), |finding| panic!("{finding:?}")).unwrap();
    assert!(done.objects > 0, "{done:?}");
    store.change_tier(&before).unwrap();
}
