//! A store whose directory and every snapshot are lost is rebuilt from the roots of its tiers: the bytes of every
//! live object are there, and what is not whole or not sure is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::{
    CheckOptions, Durability, Error, Kind, PutOptions, Query, RebuildFinding, RebuildOptions, Rebuilt, Store,
    StoreOptions,
};
use hsm_tests::fixture::{
    Fixture, LARGE, Listing, SMALL, bytes, checksum, copy_tree, events, files_below, files_ending, flip,
    kind, name, on_tier,
};

const TIERS: u8 = 3;
const BLOCK: usize = 4096;
/// Where the first record of a pack begins, and how long the header of a record is.
const FIRST_RECORD: u64 = 128;
const RECORD_HEADER: u64 = 72;

/// What a rebuild brings back of an object: its generation, its size and a hash of its bytes, and the tiers with a
/// copy.
type Known = BTreeMap<ObjectId, (u64, (u64, u64), Vec<TierIndex>)>;

fn known(store: &Store) -> Known {
    let objects = store.objects(&Query::default()).map(|item| item.unwrap().1);
    objects
        .filter(|object| object.size() > 0)
        .map(|object| {
            let tiers = object.copies.iter().map(|copy| copy.tier).collect();
            let content = (object.size(), checksum(&[0; 16], &store.get(object.id).unwrap()));
            (object.id, (object.generation, content, tiers))
        })
        .collect()
}

/// Compares all but that copies which were released may be there again, where their bytes still are.
fn assert_holds(found: &Known, before: &Known) {
    let without_tiers = |known: &Known| -> Vec<_> {
        known.iter().map(|(id, (generation, content, _))| (*id, *generation, *content)).collect()
    };
    assert_eq!(without_tiers(found), without_tiers(before));
    for (id, (.., tiers)) in before {
        assert!(tiers.iter().all(|tier| found[id].2.contains(tier)), "{id}");
    }
}

fn in_use() -> Fixture {
    Fixture::with_outside_tiers(TIERS, StoreOptions::new().grace(Duration::from_hours(1)))
}

fn root(fixture: &Fixture, tier: u8) -> PathBuf {
    fixture.outside(&format!("tier-{tier}"))
}

fn options(fixture: &Fixture) -> RebuildOptions {
    (0..TIERS).fold(RebuildOptions::new(), |options, tier| options.root(root(fixture, tier)))
}

/// Every file on the roots with its content.
fn on_roots(fixture: &Fixture) -> BTreeMap<PathBuf, Vec<u8>> {
    let roots = (0..TIERS).map(|tier| root(fixture, tier));
    roots
        .flat_map(|root| files_below(&root).into_iter().map(move |file| root.join(file)))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn lose(fixture: &mut Fixture) {
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
}

fn rebuild(fixture: &Fixture) -> (Rebuilt, Vec<RebuildFinding>) {
    let before = on_roots(fixture);
    let mut findings = Vec::new();
    let rebuilt = Store::rebuild(fixture.path(), &options(fixture), None, |finding| {
        findings.push(finding);
        Ok(())
    })
    .unwrap();
    assert!(before == on_roots(fixture), "a rebuild changes nothing on a root");
    (rebuilt, findings)
}

/// Opens what was rebuilt, which takes no change before it is reconciled.
fn reconcile(fixture: &mut Fixture) {
    fixture.store = fixture.another_handle();
    assert!(fixture.store.read_only_reason().unwrap().contains("reconcile"));
    assert_eq!(kind(&fixture.store.put(b"too early", &PutOptions::default())), Some(Kind::Refused));
    assert!(fixture.store.reconcile().unwrap().new_epoch.is_some());
    assert_eq!(fixture.store.read_only_reason(), None);
}

/// Objects of every form: packed, in files, in parts, patched, overwritten, moved and copied.
fn fill(store: &Store) -> Vec<ObjectId> {
    let mut ids = Vec::new();
    for seed in 0..7 {
        let (small, large) = (bytes(SMALL, seed), bytes(LARGE, seed));
        let tier = on_tier((seed % 3) as u8);
        ids.push(store.put(&small, &tier).unwrap().id);
        ids.push(store.put(&large, &PutOptions { block_size: Some(BLOCK as u64), ..tier }).unwrap().id);
    }
    let parts = store.parts(&PutOptions { block_size: Some(BLOCK as u64), ..on_tier(1) }).unwrap();
    let receipts: Vec<_> = (0..3)
        .map(|number: usize| {
            let mut part = parts.part((number * 20 * BLOCK) as u64).unwrap();
            part.add(&bytes(20 * BLOCK, 50 + number as u64)).unwrap();
            part.finish().unwrap()
        })
        .collect();
    ids.push(parts.commit(&receipts).unwrap().id);
    for (at, offset) in [(1, 5000), (1, 50_000), (3, 0), (14, 100_000)] {
        store.put_at(ids[at], offset, b"patched", Durability::Durable).unwrap();
    }
    for at in [0, 1, 14] {
        store.copy(ids[at], None, 2).unwrap();
    }
    store.move_object(ids[4], 2, 0).unwrap();
    for (at, size) in [(6, SMALL), (7, LARGE), (8, LARGE)] {
        store.put(&bytes(size, 70), &PutOptions::id(ids[at])).unwrap();
    }
    ids
}

#[test]
fn the_bytes_of_every_live_object_are_known_again_with_all_their_copies() {
    let mut fixture = in_use();
    fill(&fixture.store);
    let (before, id) = (known(&fixture.store), fixture.store.id());
    let last = fixture.store.position().unwrap();
    lose(&mut fixture);
    let (rebuilt, findings) = rebuild(&fixture);
    assert_eq!(findings, []);
    assert_eq!((rebuilt.store_id, rebuilt.objects), (id, before.len() as u64));
    assert_eq!(rebuilt.tiers, [0, 1, 2]);
    assert_eq!(rebuilt.bytes, before.values().map(|object| object.1.0).sum::<u64>());
    let copies = before.values().map(|object| object.2.len() as u64).sum::<u64>();
    assert_eq!(rebuilt.copies, copies + 1, "the record of the object that was moved is there yet");
    assert!(rebuilt.position > last, "{:?} is a new epoch", rebuilt.position);
    assert!(rebuilt.superseded > 0, "a pack keeps what was overwritten");
    reconcile(&mut fixture);
    assert_holds(&known(&fixture.store), &before);
    let checked = fixture.store.check_all(&CheckOptions::default(), |_| Ok(())).unwrap();
    assert_eq!((checked.contradictions, checked.bad), (0, 0));
    let told = events(&fixture.store);
    assert_eq!(told.last().unwrap().position, fixture.store.position().unwrap());
    assert_eq!(told.len() as u64, fixture.store.position().unwrap().number);
    for object in fixture.store.objects(&Query::default()) {
        let object = object.unwrap().1;
        assert!(object.copies.iter().all(hsm_core::object::Copy::is_verified));
    }
}

#[test]
fn a_rebuilt_store_goes_on_and_its_index_can_be_lost_too() {
    let mut fixture = in_use();
    let ids = fill(&fixture.store);
    lose(&mut fixture);
    rebuild(&fixture);
    reconcile(&mut fixture);
    let generation = fixture.store.object(ids[7]).unwrap().generation;
    let put = fixture.store.put(&bytes(LARGE, 80), &PutOptions::id(ids[7])).unwrap();
    assert_eq!(put.generation, generation + 1);
    fixture.store.put_at(ids[1], 9000, b"again", Durability::Durable).unwrap();
    fixture.store.move_object(ids[2], 1, 2).unwrap();
    fixture.store.purge(ids[10]).unwrap();
    fixture.store.maintain().unwrap();
    let before = Listing::of(&fixture.store);
    fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
    assert_eq!(Listing::of(&fixture.store), before);
    let before = known(&fixture.store);
    lose(&mut fixture);
    let (_, findings) = rebuild(&fixture);
    assert_eq!(findings, []);
    reconcile(&mut fixture);
    let mut after = known(&fixture.store);
    // Its bytes lie in a pack that others still need: that it was purged is not known any more.
    assert!(after.remove(&ids[10]).is_some());
    assert_holds(&after, &before);
}

#[test]
fn names_attributes_and_removals_are_not_known_any_more_and_neither_is_what_has_no_bytes() {
    let mut fixture = in_use();
    let data = fixture.dataset("data");
    let store = &fixture.store;
    let named = PutOptions { name: Some(name(data, "key")), ..on_tier(0) };
    let named = store.put(&bytes(LARGE, 1), &named).unwrap().id;
    store.set_attributes(named, &vec![("a".into(), Some(b"b".to_vec()))]).unwrap();
    let empty = store.put(b"", &on_tier(0)).unwrap().id;
    let in_grace = store.put(&bytes(LARGE, 2), &on_tier(1)).unwrap().id;
    store.remove(in_grace).unwrap();
    let purged = store.put(&bytes(LARGE, 3), &on_tier(1)).unwrap().id;
    store.purge(purged).unwrap();
    store.maintain().unwrap();
    lose(&mut fixture);
    let (rebuilt, findings) = rebuild(&fixture);
    assert_eq!((rebuilt.objects, findings.len()), (2, 0));
    reconcile(&mut fixture);
    let store = &fixture.store;
    let object = store.object(named).unwrap();
    assert_eq!((object.name, object.attributes.iter().count()), (None, 0));
    assert!(store.datasets(None, 10).unwrap().is_empty());
    assert_eq!(store.get(in_grace).unwrap(), bytes(LARGE, 2), "it lives again");
    for gone in [empty, purged] {
        assert_eq!(kind(&store.object(gone)), Some(Kind::NotFound));
    }
}

/// A store with one packed object and one in a file, both on tiers 0 and 1 each.
fn doubled() -> (Fixture, [ObjectId; 2]) {
    let fixture = in_use();
    let ids = [SMALL, LARGE].map(|size| {
        let options = PutOptions { block_size: Some(BLOCK as u64), ..on_tier(0) };
        let id = fixture.store.put(&bytes(size, 1), &options).unwrap().id;
        fixture.store.copy(id, None, 1).unwrap();
        id
    });
    (fixture, ids)
}

fn only_file(root: &Path, suffix: &str) -> PathBuf {
    let mut files = files_ending(root, suffix);
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn a_damaged_copy_is_left_out_and_told_with_tier_file_and_offset() {
    // In the pack: its header, the header of the record, its data. In the file: data of block 2, a digest, the tail.
    let (in_pack, in_file) = ([10, FIRST_RECORD + 20, FIRST_RECORD + RECORD_HEADER + 7], [9000, 100_010, 1]);
    for (at, offset) in in_pack.into_iter().enumerate() {
        let (mut fixture, ids) = doubled();
        let before = known(&fixture.store);
        lose(&mut fixture);
        let pack = only_file(&root(&fixture, 1), ".pack");
        flip(&pack, offset, 4);
        let (rebuilt, findings) = rebuild(&fixture);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        match (at, finding) {
            (0, RebuildFinding::Unread { tier: 1, place, offset: 0, .. })
            | (1, RebuildFinding::Unread { tier: 1, place, offset: FIRST_RECORD, .. }) => {
                assert!(pack.ends_with(place.to_string()));
            }
            (2, RebuildFinding::Damaged { object, generation: 1, tier: 1, place, offset, .. }) => {
                assert_eq!((*object, *offset), (ids[0], FIRST_RECORD));
                assert!(pack.ends_with(place.to_string()));
            }
            _ => panic!("{finding:?}"),
        }
        assert_eq!((rebuilt.unread, rebuilt.damaged), (u64::from(at < 2), u64::from(at == 2)));
        reconcile(&mut fixture);
        let mut expected = before;
        if at > 0 {
            expected.get_mut(&ids[0]).unwrap().2 = vec![0];
        }
        assert_eq!(known(&fixture.store), expected);
    }
    for (at, offset) in in_file.into_iter().enumerate() {
        let (mut fixture, ids) = doubled();
        let before = known(&fixture.store);
        lose(&mut fixture);
        let file = only_file(&root(&fixture, 1), ".obj");
        let length = fs::metadata(&file).unwrap().len();
        flip(&file, if at == 2 { length - offset } else { offset }, 4);
        let (_, findings) = rebuild(&fixture);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        let (place, found) = match finding {
            RebuildFinding::Damaged { object, generation: 1, tier: 1, place, offset, .. } if at < 2 => {
                assert_eq!(*object, ids[1]);
                (place, *offset)
            }
            RebuildFinding::Unread { tier: 1, place, offset, bytes, .. } if at == 2 => {
                assert_eq!(*bytes, length);
                (place, *offset)
            }
            _ => panic!("{finding:?}"),
        };
        assert!(file.ends_with(place.to_string()));
        assert_eq!(found, [2 * BLOCK as u64, 0, 0][at]);
        reconcile(&mut fixture);
        let mut expected = before;
        expected.get_mut(&ids[1]).unwrap().2 = vec![0];
        assert_eq!(known(&fixture.store), expected);
    }
}

#[test]
fn records_behind_a_damaged_one_are_found() {
    let mut fixture = in_use();
    let ids: Vec<_> =
        (0..9).map(|seed| fixture.store.put(&bytes(SMALL, seed), &on_tier(0)).unwrap().id).collect();
    let before = known(&fixture.store);
    lose(&mut fixture);
    let record = RECORD_HEADER + SMALL.next_multiple_of(8) as u64;
    let pack = only_file(&root(&fixture, 0), ".pack");
    flip(&pack, FIRST_RECORD + 4 * record + 30, 1);
    let (rebuilt, findings) = rebuild(&fixture);
    let [RebuildFinding::Unread { offset, bytes, .. }] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((*offset, *bytes), (FIRST_RECORD + 4 * record, record));
    assert_eq!(rebuilt.objects, 8);
    reconcile(&mut fixture);
    let mut expected = before;
    expected.remove(&ids[4]);
    assert_eq!(known(&fixture.store), expected);
}

#[test]
fn an_older_generation_is_taken_only_where_no_newer_one_is_whole_and_that_is_told() {
    let mut fixture = in_use();
    let put = |id: Option<ObjectId>, seed| {
        let options = PutOptions { tier: Some(0), ..id.map(PutOptions::id).unwrap_or_default() };
        fixture.store.put(&bytes(SMALL, seed), &options).unwrap().id
    };
    let id = put(None, 1);
    put(Some(id), 2);
    put(Some(id), 3);
    let alone = fixture.store.put(&bytes(LARGE, 4), &on_tier(1)).unwrap().id;
    lose(&mut fixture);
    let record = RECORD_HEADER + SMALL.next_multiple_of(8) as u64;
    flip(&only_file(&root(&fixture, 0), ".pack"), FIRST_RECORD + 2 * record + RECORD_HEADER, 1);
    flip(&only_file(&root(&fixture, 1), ".obj"), 1, 1);
    let (rebuilt, findings) = rebuild(&fixture);
    assert_eq!((rebuilt.damaged, rebuilt.partial, rebuilt.lost, rebuilt.superseded), (2, 2, 1, 1));
    for expected in [
        RebuildFinding::Partial { object: id, newest: 3, taken: Some(2) },
        RebuildFinding::Partial { object: alone, newest: 1, taken: None },
    ] {
        assert!(findings.contains(&expected), "{findings:?}");
    }
    reconcile(&mut fixture);
    assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 2));
    assert_eq!(kind(&fixture.store.object(alone)), Some(Kind::NotFound));
}

#[test]
fn a_piece_that_is_missing_makes_the_patched_generation_partial() {
    let mut fixture = in_use();
    let options = PutOptions { block_size: Some(BLOCK as u64), ..on_tier(0) };
    let id = fixture.store.put(&bytes(LARGE, 1), &options).unwrap().id;
    let base = only_file(&root(&fixture, 0), ".obj");
    fixture.store.put_at(id, 5000, b"patched", Durability::Durable).unwrap();
    lose(&mut fixture);
    fs::rename(&base, fixture.outside("aside")).unwrap();
    let (rebuilt, findings) = rebuild(&fixture);
    assert_eq!((rebuilt.objects, rebuilt.lost), (0, 1));
    assert!(
        findings.contains(&RebuildFinding::Partial { object: id, newest: 2, taken: None }),
        "{findings:?}"
    );
    fs::remove_dir_all(fixture.path()).unwrap();
    fs::rename(fixture.outside("aside"), &base).unwrap();
    assert_eq!(rebuild(&fixture).1, []);
    reconcile(&mut fixture);
    let mut patched = bytes(LARGE, 1);
    patched[5000..5007].copy_from_slice(b"patched");
    assert_eq!(fixture.store.get(id).unwrap(), patched);
}

#[test]
fn roots_that_are_not_named_are_not_needed() {
    let mut fixture = in_use();
    fill(&fixture.store);
    let before = known(&fixture.store);
    lose(&mut fixture);
    let only = RebuildOptions::new().root(root(&fixture, 1));
    Store::rebuild(fixture.path(), &only, None, |_| Ok(())).unwrap();
    reconcile(&mut fixture);
    let mut expected = Known::new();
    for (id, (generation, content, tiers)) in before {
        if tiers.contains(&1) {
            expected.insert(id, (generation, content, vec![1]));
        }
    }
    let mut found = known(&fixture.store);
    // A record of what was moved or overwritten elsewhere is the newest that this root knows.
    found.retain(|id, _| expected.contains_key(id));
    assert_eq!(found, expected);
}

#[test]
fn roots_in_the_directory_of_the_store_stay_there() {
    let mut fixture = Fixture::new();
    fill(&fixture.store);
    let before = known(&fixture.store);
    fixture.lose_all_but_tiers();
    let opened = Store::open(fixture.path(), &StoreOptions::new());
    assert!(opened.unwrap_err().to_string().contains("rebuild"));
    let tiers = fixture.path().join("tiers");
    let named =
        (0..5).fold(RebuildOptions::new(), |options, tier| options.root(tiers.join(format!("{tier}"))));
    Store::rebuild(fixture.path(), &named, None, |_| Ok(())).unwrap();
    reconcile(&mut fixture);
    assert_eq!(fixture.store.tiers().unwrap()[2].config.root, "tiers/2");
    assert_holds(&known(&fixture.store), &before);
}

#[test]
fn what_is_no_root_of_this_store_is_refused_and_nothing_is_touched() {
    let mut fixture = in_use();
    fill(&fixture.store);
    let refused = |fixture: &Fixture, options: &RebuildOptions| {
        let before = on_roots(fixture);
        let answer = Store::rebuild(fixture.path(), options, None, |_| Ok(()));
        assert!(before == on_roots(fixture));
        kind(&answer)
    };
    assert_eq!(refused(&fixture, &options(&fixture)), Some(Kind::Exists), "the store is there");
    lose(&mut fixture);
    let other = in_use();
    for wrong in [
        RebuildOptions::new(),
        options(&fixture).root(root(&other, 0)),
        options(&fixture).root(root(&fixture, 1)),
        options(&fixture).root(fixture.outside("nothing")),
    ] {
        assert_eq!(refused(&fixture, &wrong), Some(Kind::Invalid), "{wrong:?}");
        assert!(!fixture.path().exists());
    }
    let twin = fixture.outside("twin");
    copy_tree(&root(&fixture, 1), &twin);
    assert_eq!(refused(&fixture, &options(&fixture).root(twin)), Some(Kind::Invalid));
    fs::create_dir(fixture.path()).unwrap();
    fs::write(fixture.path().join("notes.txt"), b"mine").unwrap();
    assert_eq!(refused(&fixture, &options(&fixture)), Some(Kind::Invalid), "it holds something else");
    assert_eq!(fs::read(fixture.path().join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn a_rebuild_that_was_stopped_leaves_no_store_and_can_be_repeated() {
    let (mut fixture, _) = doubled();
    let before = known(&fixture.store);
    lose(&mut fixture);
    let file = only_file(&root(&fixture, 1), ".obj");
    flip(&file, 1, 1);
    let stopped = Store::rebuild(fixture.path(), &options(&fixture), None, |_| {
        Err(Error::Conflict { what: "the caller's mind".to_owned() })
    });
    assert_eq!(kind(&stopped), Some(Kind::Conflict));
    assert!(Store::open(fixture.path(), &StoreOptions::new()).is_err());
    flip(&file, 1, 1);
    assert_eq!(rebuild(&fixture).1, []);
    reconcile(&mut fixture);
    assert_eq!(known(&fixture.store), before);
}

#[test]
fn a_damaged_journal_names_the_rebuild_as_the_way_out_and_it_is_one() {
    let mut fixture = in_use();
    fill(&fixture.store);
    let before = known(&fixture.store);
    fixture.close();
    fs::remove_dir_all(fixture.path().join("index")).unwrap();
    let segment = only_file(&fixture.path().join("journal"), ".seg");
    flip(&segment, 60, 1); // Its header: nothing in it can be read.
    let error = Store::open(fixture.path(), &StoreOptions::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("rebuild"), "{error}");
    fs::rename(fixture.path(), fixture.outside("damaged")).unwrap();
    rebuild(&fixture);
    reconcile(&mut fixture);
    assert_holds(&known(&fixture.store), &before);
}
