//! Many objects in one call: each whole, each once, and one that cannot be read disturbs no other.

use std::collections::BTreeMap;
use std::fs;

use hsm_core::object::ObjectId;
use hsm_core::{Delivery, Error, GetOptions, Kind, PutOptions, Query, Result, Store};
use hsm_tests::fixture::{Fixture, LARGE, bytes, files_ending, flip, name, on_tier};

/// What came of each index: its bytes, or the kind of its error.
type Came = BTreeMap<u64, std::result::Result<Vec<u8>, Kind>>;

/// Collects deliveries and checks that each object comes in order and without holes.
fn collect(came: &mut Came, delivery: &Delivery<'_>) {
    match delivery.bytes {
        Ok(run) => {
            let so_far = came.entry(delivery.index).or_insert_with(|| Ok(Vec::new())).as_mut().unwrap();
            assert_eq!(so_far.len() as u64, delivery.offset);
            so_far.extend_from_slice(run);
            assert!(so_far.len() as u64 <= delivery.size);
        }
        Err(error) => assert!(came.insert(delivery.index, Err(error.kind())).is_none()),
    }
}

fn get_many(store: &Store, ids: &[ObjectId], options: &GetOptions) -> Came {
    let mut came = Came::new();
    let done = store.get_many(ids, options, &mut |delivery| {
        assert_eq!(delivery.id, ids[delivery.index as usize]);
        collect(&mut came, &delivery);
        Ok(())
    });
    done.unwrap();
    came
}

#[test]
fn every_object_comes_whole_whatever_its_size_and_wherever_it_lies() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut ids = Vec::new();
    let mut expected = Came::new();
    for (index, length) in
        [0, 1, 7, 4096, 65_536, LARGE, 300_000, (3 << 20) + 1].into_iter().cycle().take(64).enumerate()
    {
        let content = bytes(length, index as u64);
        ids.push(store.put(&content, &on_tier((index % 3) as u8)).unwrap().id);
        expected.insert(index as u64, Ok(content));
    }
    // Others in between, so that neighbours are not always next to each other.
    ids.reverse();
    let last = ids.len() as u64 - 1;
    let mut expected: Came = expected.into_iter().map(|(index, content)| (last - index, content)).collect();
    assert_eq!(get_many(store, &ids, &GetOptions::default()), expected);

    let removed = ids[5];
    store.remove(removed).unwrap();
    ids.extend([ids[0], ids[1], ObjectId([9; 16]), store.put_empty(&PutOptions::default()).unwrap().id]);
    expected.insert(5, Err(Kind::NotFound));
    for (index, same) in [(last + 1, 0), (last + 2, 1)] {
        let content = expected[&same].clone();
        expected.insert(index, content);
    }
    expected.insert(last + 3, Err(Kind::NotFound));
    expected.insert(last + 4, Err(store.get(ids[last as usize + 4]).unwrap_err().kind()));
    assert_eq!(get_many(store, &ids, &GetOptions::default()), expected);
}

#[test]
fn a_dataset_comes_with_its_keys_in_one_call() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (data, other) = (fixture.dataset("data"), fixture.dataset("other"));
    let mut expected = BTreeMap::new();
    for index in 0..1500_u64 {
        let content = bytes(if index % 100 == 0 { LARGE } else { 500 }, index);
        let key = format!("{:04}", (index * 7919) % 1500);
        store.put(&content, &PutOptions::name(name(data, &key))).unwrap();
        store.put(b"not this one", &PutOptions::name(name(other, &key))).unwrap();
        expected.insert(key.into_bytes(), content);
    }
    store.put_empty(&PutOptions::name(name(data, "without data"))).unwrap();
    let (mut came, mut bytes_by_key) = (Came::new(), BTreeMap::<Vec<u8>, Vec<u8>>::new());
    let query = Query { dataset: Some(data), ..Query::default() };
    store
        .get_all(&query, &GetOptions::default(), &mut |delivery| {
            collect(&mut came, &delivery);
            bytes_by_key.entry(delivery.key.to_vec()).or_default().extend_from_slice(delivery.bytes.unwrap());
            Ok(())
        })
        .unwrap();
    assert_eq!(bytes_by_key, expected);
    assert!(came.keys().copied().eq(0..1500), "each has its place in the listing");
}

#[test]
fn what_is_damaged_is_read_from_another_copy_or_told_alone() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids: Vec<ObjectId> =
        (0..20).map(|seed| store.put(&bytes(1000, seed), &on_tier(0)).unwrap().id).collect();
    store.copy(ids[7], None, 3).unwrap().unwrap();
    let pack = files_ending(&fixture.path().join("tiers/0"), ".pack").pop().unwrap();
    for damaged in [7, 12] {
        let piece = store.object(ids[damaged]).unwrap().copy_on(0).unwrap().pieces[0];
        flip(&pack, piece.offset + 72 + 500, 0x10);
    }
    let came = get_many(store, &ids, &GetOptions::default());
    for index in 0..20_u64 {
        let expected = if index == 12 { Err(Kind::Corrupt) } else { Ok(bytes(1000, index)) };
        assert_eq!(came[&index], expected, "{index}");
    }
    let only_there = GetOptions { tier: Some(0) };
    assert_eq!(get_many(store, &ids, &only_there)[&7], Err(Kind::Corrupt), "no other tier was allowed");

    // The whole pack goes: all but the one with another copy are told as lost, and nothing else happens.
    fs::remove_file(&pack).unwrap();
    let came = get_many(store, &ids, &GetOptions::default());
    assert_eq!(came[&7], Ok(bytes(1000, 7)));
    assert!(came.iter().filter(|(index, _)| **index != 7).all(|(_, came)| *came == Err(Kind::Corrupt)));
}

#[test]
fn the_taker_stops_it_with_its_own_error() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids: Vec<ObjectId> =
        (0..50).map(|seed| store.put(&bytes(1000, seed), &on_tier(0)).unwrap().id).collect();
    let mut calls = 0;
    let answer: Result<()> = store.get_many(&ids, &GetOptions::default(), &mut |_| {
        calls += 1;
        if calls == 3 { Err(Error::Cancelled { reason: "enough".to_owned() }) } else { Ok(()) }
    });
    assert!(matches!(answer, Err(Error::Cancelled { reason }) if reason == "enough"));
    assert_eq!(calls, 3);
}

#[test]
fn objects_that_move_meanwhile_come_from_where_they_went() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids: Vec<ObjectId> =
        (0..200).map(|seed| store.put(&bytes(1000, seed), &on_tier(0)).unwrap().id).collect();
    let (other, mut came, mut moved) = (fixture.another_handle(), Came::new(), false);
    let done = store.get_many(&ids, &GetOptions::default(), &mut |delivery| {
        if !moved {
            moved = true;
            // Looked up already, and gone before most of it is read.
            assert!(other.move_many(&ids, 0, 2).unwrap().iter().all(Result::is_ok));
            other.maintain().unwrap();
        }
        collect(&mut came, &delivery);
        Ok(())
    });
    done.unwrap();
    for index in 0..200_u64 {
        assert_eq!(came[&index], Ok(bytes(1000, index)), "{index}");
    }
}
