//! Many objects in one call: each whole, each once, and one that cannot be read disturbs no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

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
    thread::sleep(Duration::from_millis(2)); // It was open, and its name is looked for every millisecond.
    let came = get_many(store, &ids, &GetOptions::default());
    assert_eq!(came[&7], Ok(bytes(1000, 7)));
    assert!(came.iter().filter(|(index, _)| **index != 7).all(|(_, came)| *came == Err(Kind::Corrupt)));
}

#[test]
fn a_dataset_becomes_a_tree_of_files_and_what_cannot_be_one_is_told() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let data = fixture.dataset("data");
    let mut expected = BTreeMap::new();
    // More than are synced together.
    for index in 0..1200_u64 {
        let length = if index < 90 { [0, 500, LARGE + 90][index as usize % 3] } else { 100 };
        let content = bytes(length, index);
        let key = format!("step {}/rank/{index}.nc", index % 7);
        store.put(&content, &PutOptions::name(name(data, &key))).unwrap();
        expected.insert(key, content);
    }
    // Damaged behind what is handed over first.
    let broken = PutOptions { tier: Some(1), ..PutOptions::name(name(data, "broken/file")) };
    store.put(&bytes(3 << 20, 1), &broken).unwrap();
    flip(&files_ending(&fixture.path().join("tiers/1"), ".obj")[0], 5 << 19, 1);
    for key in ["../out", "/absolute", "step 0", "a//b"] {
        store.put(b"no file", &PutOptions::name(name(data, key))).unwrap();
    }
    store.put_empty(&PutOptions::name(name(data, "without data"))).unwrap();

    let target = fixture.outside("target");
    fs::create_dir_all(target.join("step 0")).unwrap();
    fs::write(target.join("step 0/theirs"), b"stays").unwrap();
    let mut told = Vec::new();
    let query = Query { dataset: Some(data), ..Query::default() };
    let got = store.get_all_into(&query, &target, &GetOptions::default(), &mut |failed| {
        told.push((String::from_utf8(failed.key.to_vec()).unwrap(), failed.error.kind()));
        Ok(())
    });
    let got = got.unwrap();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let key = |key: &str, kind| (key.to_owned(), kind);
    let wanted = [
        key("../out", Kind::Invalid),
        key("/absolute", Kind::Invalid),
        key("a//b", Kind::Invalid),
        key("broken/file", Kind::Corrupt),
        key("step 0", Kind::Io),
    ];
    assert_eq!(told, wanted);
    let bytes = expected.values().map(|content| content.len() as u64).sum();
    assert_eq!((got.files, got.bytes, got.failed), (1200, bytes, 5));
    expected.insert("step 0/theirs".to_owned(), b"stays".to_vec());
    assert_eq!(files_in(&target, &target), expected, "nothing else, and nothing half");
    assert!(!fixture.outside("out").exists());
}

#[test]
fn objects_become_files_named_after_their_ids_and_a_stop_leaves_none_half() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut ids: Vec<_> =
        (0..20).map(|index| store.put(&bytes(1000, index), &PutOptions::default()).unwrap().id).collect();
    ids.push(ObjectId([9; 16]));
    let target = fixture.outside("target");
    let stopped = store.get_many_into(&ids, &target, &GetOptions::default(), &mut |failed| {
        Err(Error::Cancelled { reason: failed.id.to_string() })
    });
    assert_eq!(stopped.unwrap_err().kind(), Kind::Cancelled);
    assert!(files_in(&target, &target).is_empty());
    let got = store.get_many_into(&ids, &target, &GetOptions::default(), &mut |_| Ok(())).unwrap();
    assert_eq!((got.files, got.failed), (20, 1));
    let files = files_in(&target, &target);
    for (index, id) in ids[..20].iter().enumerate() {
        assert_eq!(files[&id.to_string()], bytes(1000, index as u64));
    }
    assert_eq!(files.len(), 20);
}

/// The files below a directory, by their way from `top`.
fn files_in(directory: &Path, top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path, top));
        } else {
            files.insert(
                path.strip_prefix(top).unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            );
        }
    }
    files
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
