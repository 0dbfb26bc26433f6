//! Damage is found, named and survived: what is returned is right, or it is an error.

use std::fs;
use std::path::{Path, PathBuf};

use hsm_core::journal::EpochCause;
use hsm_core::object::ObjectId;
use hsm_core::{Error, Kind, PutOptions, Query, Store, StoreOptions};
use hsm_tests::fixture::{
    Fixture, LARGE, Listing, SMALL, bytes, checksum, events, files_ending, flip, kind, name, on_tier,
};

/// Blocks small enough that a large object has many.
fn in_blocks(tier: u8) -> PutOptions {
    PutOptions { block_size: Some(4096), ..on_tier(tier) }
}

/// The file that holds an object's first byte on a tier, and where the object begins in it.
fn place_of(fixture: &Fixture, id: ObjectId, tier: u8) -> (PathBuf, u64) {
    let object = fixture.store.object(id).unwrap();
    let piece = object.copy_on(tier).unwrap().pieces[0];
    let suffix = if piece.packed { "pack" } else { "obj" };
    let name = format!("{:016x}.{suffix}", piece.place.serial);
    let root = fixture.path().join(format!("tiers/{tier}"));
    (files_ending(&root, &name).pop().unwrap(), piece.offset)
}

#[test]
fn a_flipped_byte_of_an_object_is_named_and_the_other_copy_is_read() {
    for size in [SMALL, LARGE] {
        let fixture = Fixture::new();
        let store = &fixture.store;
        let alone = store.put(&bytes(size, 1), &in_blocks(0)).unwrap();
        let (path, begin) = place_of(&fixture, alone.id, 0);
        let (at, block) = if size == SMALL { (begin + 72 + 500, 0) } else { (50_000, 50_000 / 4096 * 4096) };
        flip(&path, at, 0x10);
        match store.get(alone.id) {
            Err(Error::Corrupt { id, tier: 0, offset, .. }) => assert_eq!((id, offset), (alone.id, block)),
            other => panic!("{other:?}"),
        }
        flip(&path, at, 0x10);
        assert_eq!(store.get(alone.id).unwrap(), bytes(size, 1));
        store.copy(alone.id, None, 3).unwrap().unwrap();
        flip(&path, at, 0x10);
        assert_eq!(store.get(alone.id).unwrap(), bytes(size, 1), "from tier 3");
        let mut buffer = [0; 10];
        store.get_range(alone.id, 400, &mut buffer).unwrap();
        assert_eq!(buffer, bytes(size, 1)[400..410]);
    }
}

#[test]
fn every_byte_of_an_object_file_matters_or_does_no_harm() {
    let fixture = Fixture::new();
    let content = bytes(70_000, 1);
    let id = fixture.store.put(&content, &in_blocks(0)).unwrap().id;
    let (path, _) = place_of(&fixture, id, 0);
    let length = fs::metadata(&path).unwrap().len();
    for at in (0..70_000).step_by(4001).chain(70_000..length) {
        flip(&path, at, 1);
        match fixture.store.get(id) {
            Ok(read) => assert_eq!(read, content, "byte {at}"),
            Err(error) => assert_eq!(error.kind(), Kind::Corrupt, "byte {at}: {error}"),
        }
        flip(&path, at, 1);
    }
    for length in [0, 1, 69_999, length - 1] {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..usize::try_from(length).unwrap()]).unwrap();
        assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Corrupt));
        fs::write(&path, whole).unwrap();
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Corrupt));
}

#[test]
fn a_copy_found_damaged_is_recorded_and_the_good_one_is_kept() {
    for size in [SMALL, LARGE] {
        let fixture = Fixture::new();
        let store = &fixture.store;
        let id = store.put(&bytes(size, 1), &on_tier(0)).unwrap().id;
        store.copy(id, None, 3).unwrap().unwrap();
        let (path, begin) = place_of(&fixture, id, 3);
        flip(&path, begin + 200, 1);
        assert_eq!(kind(&store.verify(id, 3)), Some(Kind::Corrupt));
        assert!(!store.object(id).unwrap().copy_on(3).unwrap().is_verified());
        assert_eq!(kind(&store.release(id, 0, false)), Some(Kind::Refused));
        assert_eq!(kind(&store.move_object(id, 0, 3)), Some(Kind::Corrupt));
        assert_eq!(store.get(id).unwrap(), bytes(size, 1));
        // The damaged copy goes, and a new one takes its place.
        store.release(id, 3, false).unwrap().unwrap();
        store.move_object(id, 0, 3).unwrap().unwrap();
        assert_eq!(store.get(id).unwrap(), bytes(size, 1));
    }
}

/// A store with a bit of everything, closed, and what it held.
fn with_content(objects: u64) -> (Fixture, Listing) {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    for seed in 0..objects {
        let options = PutOptions::name(name(data, format!("key/{seed}")));
        let id = fixture.store.put(&bytes(100 + seed as usize, seed), &options).unwrap().id;
        match seed % 4 {
            0 => drop(fixture.store.copy(id, None, 2).unwrap()),
            1 => drop(fixture.store.set_attributes(id, &vec![("a".into(), Some(vec![1]))]).map(drop)),
            2 => drop(fixture.store.remove(id).map(drop)),
            _ => {}
        }
    }
    let listing = Listing::of(&fixture.store);
    (fixture, listing)
}

#[test]
fn an_index_that_is_gone_or_garbage_is_rebuilt() {
    let (mut fixture, before) = with_content(40);
    let ways: [fn(&Path); 6] = [
        |index| fs::remove_dir_all(index).unwrap(),
        |index| fs::remove_file(index.join("index.db")).unwrap(),
        |index| fs::write(index.join("index.db"), b"").unwrap(),
        |index| fs::write(index.join("index.db"), vec![0x5a; 20_000]).unwrap(),
        |index| {
            let whole = fs::read(index.join("index.db")).unwrap();
            fs::write(index.join("index.db"), &whole[..whole.len() / 2]).unwrap();
        },
        |index| {
            let whole = fs::read(index.join("index.db")).unwrap();
            fs::write(index.join("index.db"), &whole[..5000]).unwrap();
        },
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let last = fixture.store.position().unwrap();
        fixture.reopen_after(|store| way(&store.join("index")));
        if fixture.store.new_epoch_cause().is_none() {
            // Found when it is looked at, and made good at the next open.
            assert!(kind(&fixture.store.objects(&Query::default()).collect::<Result<Vec<_>, _>>()).is_some());
            fixture.reopen();
        }
        assert_eq!(fixture.store.new_epoch_cause(), Some(EpochCause::Rebuilt), "way {number}");
        assert_eq!(Listing::of(&fixture.store), before, "way {number}");
        let now = fixture.store.position().unwrap();
        assert_eq!((now.epoch, now.number), (last.epoch + 1, last.number + 1));
    }
}

#[test]
fn a_flipped_bit_in_any_page_of_the_index_never_becomes_an_answer() {
    let (mut fixture, before) = with_content(60);
    fixture.close();
    let path = fixture.path().join("index/index.db");
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.len() % 4096, 0);
    let journal = files_ending(&fixture.path(), ".seg");
    let journal: Vec<_> = journal.iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    for page in 0..whole.len() / 4096 {
        for at in [0, 9 + page * 13 % 100, 2000 + page * 37 % 2000, 4095] {
            for suffix in ["-wal", "-shm"] {
                let _ = fs::remove_file(path.with_extension(format!("db{suffix}")));
            }
            for segment in files_ending(&fixture.path(), ".seg") {
                fs::remove_file(segment).unwrap();
            }
            for (path, content) in &journal {
                fs::write(path, content).unwrap();
            }
            fs::write(&path, &whole).unwrap();
            flip(&path, (page * 4096 + at) as u64, 1 << (at % 8));
            let mut rounds = 0;
            loop {
                let store = Store::open(fixture.path(), &StoreOptions::new()).unwrap();
                let (found, damaged) = look(&store, &before);
                assert!(found <= before.objects.len());
                let _ = store.close();
                if !damaged {
                    assert_eq!(found, before.objects.len(), "page {page}, byte {at}");
                    break;
                }
                rounds += 1;
                assert!(rounds < 3, "page {page}, byte {at}: it is not rebuilt");
            }
        }
    }
    fixture.store = Store::open(fixture.path(), &StoreOptions::new()).unwrap();
}

/// How many objects of a store are as they were before, and whether any answer was an error. Panics on a
/// wrong one.
fn look(store: &Store, before: &Listing) -> (usize, bool) {
    let (mut right, mut damaged) = (0, false);
    for (object, names, content) in &before.objects {
        let mut fine = true;
        let mut note = |kind: Option<Kind>| {
            assert!(matches!(kind, None | Some(Kind::Corrupt)), "{kind:?}");
            fine &= kind.is_none();
        };
        if object.is_removed() {
            note(
                store
                    .object(object.id)
                    .err()
                    .filter(|error| error.kind() != Kind::NotFound)
                    .map(|e| e.kind()),
            );
        } else {
            let found = store.object(object.id);
            note(kind(&found));
            assert!(found.is_err() || found.is_ok_and(|found| found == *object));
            for name in names {
                let found: Result<ObjectId, _> = store.find(name);
                note(kind(&found));
                assert!(found.is_err() || found.is_ok_and(|id| id == object.id));
            }
            if let Some(content) = content {
                let found = store.get(object.id);
                note(kind(&found));
                assert!(found.is_err() || found.is_ok_and(|found| found == *content));
            }
        }
        right += usize::from(fine);
        damaged |= !fine;
    }
    damaged |= store.objects(&Query::default()).any(|item| item.is_err());
    (right, damaged)
}

#[test]
fn a_flipped_byte_in_the_journal_is_never_taken_for_its_end() {
    let (mut fixture, before) = with_content(20);
    fixture.close();
    let segment = files_ending(&fixture.path(), ".seg").pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let index = fs::read(fixture.path().join("index/index.db")).unwrap();
    let last_group = whole.windows(4).rposition(|bytes| bytes == b"HGRP").unwrap();
    let (third, half) = (whole.len() / 3, whole.len() / 2);
    for at in [3, 40, 60, 130, 136, 180, third, half, third * 2, last_group - 20, last_group + 100] {
        for index_too in [false, true] {
            let directory = fixture.path().join("index");
            fs::remove_dir_all(&directory).unwrap();
            if !index_too {
                fs::create_dir(&directory).unwrap();
                fs::write(directory.join("index.db"), &index).unwrap();
            }
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            fs::write(&segment, &damaged).unwrap();
            match Store::open(fixture.path(), &StoreOptions::new()) {
                Ok(store) if index_too => {
                    // Without the index nothing tells a damaged last group from a torn one, but the roots have
                    // seen it.
                    let reason = store.read_only_reason().expect("a part of the journal is missing");
                    let expected = if at < last_group { "not readable" } else { "has seen" };
                    assert!(reason.contains(expected), "{reason}");
                    assert_eq!(kind(&store.put(b"x", &PutOptions::default())), Some(Kind::Refused));
                    for item in store.objects(&Query::default()) {
                        let (_, object) = item.unwrap();
                        let known = before.objects.iter().find(|(other, ..)| other.id == object.id).unwrap();
                        store.get(object.id).into_iter().for_each(|found| {
                            assert!(known.2.as_ref().is_none_or(|content| *content == found));
                        });
                    }
                }
                // What the index knows stays readable, all of it.
                Ok(store) => assert_eq!(Listing::of(&store).objects, before.objects, "byte {at}"),
                Err(error) => {
                    assert!(index_too && at < 128, "byte {at}: {error}");
                    assert_eq!(error.kind(), Kind::Corrupt);
                }
            }
            if at < last_group || !index_too {
                let left = fs::read(&segment).unwrap();
                assert!(left == damaged, "nothing of it was cut off, nothing added: byte {at}");
            }
            fs::remove_file(&segment).unwrap();
            for other in files_ending(&fixture.path(), ".seg") {
                fs::remove_file(other).unwrap();
            }
        }
    }
}

#[test]
fn the_feed_ends_with_an_error_where_the_journal_is_damaged() {
    let (mut fixture, _) = with_content(20);
    let all = events(&fixture.store);
    fixture.reopen_after(|store| {
        let segment = files_ending(store, ".seg").pop().unwrap();
        flip(&segment, fs::metadata(&segment).unwrap().len() / 2, 1);
    });
    let read: Vec<_> = fixture.store.feed(hsm_core::object::Position::default()).collect();
    let (last, before) = read.split_last().unwrap();
    assert_eq!(kind(last), Some(Kind::Corrupt));
    assert!(!before.is_empty());
    for (found, expected) in before.iter().zip(&all) {
        assert_eq!(found.as_ref().unwrap(), expected);
    }
}

#[test]
fn a_damaged_header_of_a_segment_loses_no_other_segment() {
    let options = StoreOptions::new().segment_bytes(2000);
    let mut fixture = Fixture::with(options.clone());
    for seed in 0..100 {
        fixture.store.put(&bytes(10, seed), &PutOptions::default()).unwrap();
    }
    fixture.close();
    let segments = files_ending(&fixture.path(), ".seg");
    assert!(segments.len() > 4);
    for (number, segment) in segments.iter().enumerate() {
        let whole = fs::read(segment).unwrap();
        flip(segment, 50, 1);
        let _ = fs::remove_dir_all(fixture.path().join("index"));
        match Store::open(fixture.path(), &options) {
            Ok(store) => assert!(store.read_only_reason().is_some(), "segment {number}"),
            Err(error) => assert_eq!((number, error.kind()), (0, Kind::Corrupt)),
        }
        assert_eq!(files_ending(&fixture.path(), ".seg"), segments);
        fs::write(segment, whole).unwrap();
    }
    let middle = &segments[2];
    let whole = fs::read(middle).unwrap();
    fs::remove_file(middle).unwrap();
    let _ = fs::remove_dir_all(fixture.path().join("index"));
    let store = Store::open(fixture.path(), &options).unwrap();
    assert!(store.read_only_reason().is_some());
    drop(store);
    fs::write(middle, whole).unwrap();
    let store = Store::open(fixture.path(), &options).unwrap();
    assert_eq!(store.read_only_reason(), None);
    assert_eq!(store.objects(&Query::default()).count(), 100);
}

#[test]
fn a_torn_tail_of_the_journal_is_cut_off() {
    for torn in [1, 8, 40, 71, 72, 73, 100, 5000] {
        let (mut fixture, before) = with_content(10);
        fixture.reopen_after(|store| {
            let segment = files_ending(store, ".seg").pop().unwrap();
            let mut content = fs::read(&segment).unwrap();
            // A group as it would look if its write had been cut short.
            let mut group = b"HGRP\x01\0\0\0".to_vec();
            group.extend(bytes(torn, 1));
            content.extend(&group[..torn.min(group.len())]);
            fs::write(&segment, content).unwrap();
        });
        assert_eq!(fixture.store.read_only_reason(), None);
        assert_eq!(Listing::of(&fixture.store), before);
        fixture.store.put(b"on it goes", &PutOptions::default()).unwrap();
        let numbers: Vec<u64> = events(&fixture.store).iter().map(|event| event.position.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
}

/// Gives a file of ours a version that is not known yet; `sealed`: the range its checksum, behind it, covers.
fn make_newer(path: &Path, store_id: &[u8; 16], sealed: Option<usize>) {
    let mut content = fs::read(path).unwrap();
    content[8] = 2;
    if let Some(covered) = sealed {
        let sum = checksum(store_id, &content[..covered]).to_le_bytes();
        content[covered..covered + 8].copy_from_slice(&sum);
    }
    fs::write(path, content).unwrap();
}

#[test]
fn files_of_a_newer_version_are_refused_and_not_touched() {
    let mut fixture = Fixture::new();
    fixture.store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap();
    let id = fixture.store.id();
    let member = files_ending(&fixture.path(), ".member").pop().unwrap();
    let member_content = fs::read(&member).unwrap();
    fixture.close();
    fs::write(&member, member_content).unwrap();
    let segment = files_ending(&fixture.path(), ".seg").pop().unwrap();
    let files = [
        (fixture.path().join("HSM-STORE"), Some(56)),
        (fixture.path().join("lock"), None),
        (member, Some(120)),
        (segment, Some(120)),
    ];
    for (path, sealed) in files {
        let before = fs::read(&path).unwrap();
        make_newer(&path, &id, sealed);
        let newer = fs::read(&path).unwrap();
        let answer = Store::open(fixture.path(), &StoreOptions::new());
        assert!(
            matches!(&answer, Err(Error::NewerFormat { path: named, .. }) if *named == path),
            "{answer:?}"
        );
        assert_eq!(kind(&answer), Some(Kind::Unsupported));
        assert_eq!(fs::read(&path).unwrap(), newer);
        fs::write(&path, before).unwrap();
    }
    let store = Store::open(fixture.path(), &StoreOptions::new()).unwrap();
    assert_eq!(store.objects(&Query::default()).count(), 1);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let open = |path: &Path, options: StoreOptions| kind(&Store::open(path, &options));
    let file = place.path().join("file");
    fs::write(&file, b"mine").unwrap();
    assert_eq!(open(&file, StoreOptions::new()), Some(Kind::Invalid));
    assert_eq!(open(place.path(), StoreOptions::new()), Some(Kind::Invalid), "it holds a file");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let missing = place.path().join("missing");
    assert_eq!(open(&missing, StoreOptions::new().create(false)), Some(Kind::Invalid));
    assert_eq!(open(&missing, StoreOptions::new().read_only(true)), Some(Kind::Invalid));
    assert!(!missing.exists());
    assert_eq!(open(&place.path().join("a/b"), StoreOptions::new()), Some(Kind::Io));
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(open(&empty, StoreOptions::new().create(false)), Some(Kind::Invalid));
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
    fs::write(empty.join("HSM-STORE"), b"not really").unwrap();
    assert_eq!(open(&empty, StoreOptions::new()), Some(Kind::Corrupt));
    let fixture = Fixture::new();
    assert_eq!(open(&fixture.path(), StoreOptions::new().create_new(true)), Some(Kind::Exists));
}

#[test]
fn a_directory_without_permission_is_an_error_of_the_operating_system() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        println!("skipped: this user (root?) is refused nothing");
        return;
    }
    assert_eq!(kind(&Store::open(&closed, &StoreOptions::new())), Some(Kind::Io));
    assert_eq!(kind(&Store::open(closed.join("below"), &StoreOptions::new())), Some(Kind::Io));
}
