//! A check tells of all that does not belong together, says nothing of a store that is as it should be, and
//! removes what nobody refers to when it is told to, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use hsm_core::object::ObjectId;
use hsm_core::{
    CheckOptions, Checked, Durability, Error, Fault, Finding, Kind, PutOptions, Query, Remedy, Store,
    StoreOptions,
};
use hsm_tests::fixture::{
    Fixture, LARGE, SMALL, bytes, copy_tree, files_below, files_ending, flip, kind, name, on_tier,
};

fn check(store: &Store) -> (Vec<Finding>, Checked) {
    check_with(store, &CheckOptions::default())
}

fn check_with(store: &Store, options: &CheckOptions) -> (Vec<Finding>, Checked) {
    let mut findings = Vec::new();
    let done = store.check_all(options, |finding| {
        findings.push(finding);
        Ok(())
    });
    (findings, done.unwrap())
}

const REMOVE: CheckOptions = CheckOptions { remove_strays: true };

/// A store with something of everything.
fn full() -> Fixture {
    let fixture = Fixture::new();
    let (store, data) = (&fixture.store, fixture.dataset("data"));
    for seed in 0..20 {
        let size = if seed % 2 == 0 { SMALL } else { LARGE };
        let id = store.put(&bytes(size, seed), &PutOptions::name(name(data, format!("{seed}")))).unwrap().id;
        match seed % 5 {
            0 => drop(store.copy(id, None, 3).unwrap()),
            1 => drop(store.move_object(id, 0, 2).unwrap()),
            2 => drop(store.remove(id).unwrap()),
            3 => drop(store.add_name(id, &name(data, format!("also {seed}"))).unwrap()),
            _ => drop(store.put_at(id, 10, &bytes(5000, 99), Durability::Relaxed).unwrap()),
        }
    }
    store.put(b"", &PutOptions::default()).unwrap();
    store.put_empty(&PutOptions::default()).unwrap();
    fixture
}

/// The file that holds the first byte of an object's copy.
fn place_of(fixture: &Fixture, id: ObjectId, tier: u8) -> PathBuf {
    let piece = fixture.store.object(id).unwrap().copy_on(tier).unwrap().pieces[0];
    let suffix = if piece.packed { "pack" } else { "obj" };
    let root = fixture.path().join(format!("tiers/{tier}/data/{:016x}", piece.place.instance));
    files_ending(&root, &format!("{:016x}.{suffix}", piece.place.serial)).pop().unwrap()
}

#[test]
fn a_store_that_is_as_it_should_be_is_clean_open_and_after_every_open() {
    let mut fixture = full();
    let (findings, done) = check(&fixture.store);
    assert_eq!(findings, []);
    assert!(done.is_clean() && done.copies >= 20, "{done:?}");
    fixture.reopen();
    fixture.store.maintain().unwrap();
    let (findings, again) = check_with(&fixture.store, &REMOVE);
    assert_eq!((findings, again), (vec![], done));
}

#[test]
fn a_copy_whose_file_is_gone_or_too_short_is_named() {
    for size in [SMALL, LARGE] {
        let fixture = Fixture::new();
        let put = fixture.store.put(&bytes(size, 1), &on_tier(2)).unwrap();
        let path = place_of(&fixture, put.id, 2);
        let whole = fs::read(&path).unwrap();
        for short in [Some(whole.len() - 8), Some(0), None] {
            match short {
                Some(len) => fs::write(&path, &whole[..len]).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let (findings, done) = check(&fixture.store);
            assert_eq!((done.bad, findings.len()), (1, 1), "{findings:?}");
            match &findings[0] {
                Finding::Copy { object, generation: 1, tier: 2, offset: 0, fault, remedy, .. } => {
                    assert_eq!((*object, *fault, *remedy), (put.id, Fault::Missing, Remedy::None));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fixture.store.object(put.id).unwrap().copies.len(), 1, "nothing was changed");
    }
}

#[test]
fn a_damaged_header_of_a_pack_is_named_with_its_tier_and_place_and_harms_no_copy() {
    let fixture = Fixture::new();
    let ids = [1, 2].map(|seed| fixture.store.put(&bytes(SMALL, seed), &on_tier(2)).unwrap().id);
    let path = place_of(&fixture, ids[0], 2);
    let piece = fixture.store.object(ids[0]).unwrap().copies[0].pieces[0];
    for byte in 0..128 {
        flip(&path, byte, 1 << (byte % 8));
        let (findings, done) = check(&fixture.store);
        assert_eq!((done.bad, done.damaged_packs, done.is_clean()), (0, 1, false), "byte {byte}");
        match &findings[..] {
            [Finding::Pack { tier: 2, place, detail }] => {
                let wanted = (piece.place.instance, piece.place.serial, true);
                assert_eq!((place.instance, place.serial, place.packed), wanted);
                assert!(detail.contains("header"), "{detail}");
            }
            _ => panic!("{findings:?}"),
        }
        assert_eq!(fixture.store.get(ids[1]).unwrap(), bytes(SMALL, 2));
        flip(&path, byte, 1 << (byte % 8));
    }
    assert!(check(&fixture.store).1.is_clean());
}

#[test]
fn a_removed_object_that_may_come_back_is_looked_for_too() {
    let fixture = Fixture::new();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    let path = place_of(&fixture, id, 0);
    fixture.store.remove(id).unwrap();
    assert_eq!(check(&fixture.store).0, []);
    fs::remove_file(path).unwrap();
    assert_eq!(check(&fixture.store).1.bad, 1);
}

#[test]
fn a_tier_out_of_reach_is_named_once_and_its_copies_are_not_called_damaged() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    for seed in 0..6 {
        fixture.store.put(&bytes(SMALL, seed), &on_tier(1)).unwrap();
        fixture.store.put(&bytes(LARGE, seed), &on_tier(1)).unwrap();
    }
    fs::rename(fixture.outside("tier-1"), fixture.outside("away")).unwrap();
    let (findings, done) = check(&fixture.store);
    assert!(matches!(findings[..], [Finding::OutOfReach { tier: 1, .. }]), "{findings:?}");
    assert_eq!((done.out_of_reach, done.bad, done.copies), (1, 0, 0));
}

/// Puts files on the root of tier 2 as a handle would leave them that is gone. Returns them.
fn litter(store: &Path) -> Vec<PathBuf> {
    let directory = store.join("tiers/2/data/00000000deadbeef/0000000000000000");
    fs::create_dir_all(&directory).unwrap();
    let names = ["0000000000000001.obj", "0000000000000002.pack", "0000000000000003.obj"];
    names.iter().map(|name| directory.join(name)).inspect(|path| fs::write(path, b"left").unwrap()).collect()
}

#[test]
fn strays_are_proposed_and_removed_only_when_told() {
    let fixture = full();
    let left = litter(&fixture.path());
    // Names that are not ours are nobody's business.
    let foreign = left[0].with_file_name("README");
    fs::write(&foreign, b"mine").unwrap();
    let before = files_below(&fixture.path().join("tiers"));
    let (findings, done) = check(&fixture.store);
    assert_eq!((done.strays, done.stray_bytes, done.removed), (3, 12, 0));
    let is_stray = |finding: &Finding| matches!(finding, Finding::Stray { tier: 2, place, bytes: 4, removed: false } if place.instance == 0xdead_beef);
    assert!(findings.iter().all(is_stray), "{findings:?}");
    assert_eq!(files_below(&fixture.path().join("tiers")), before);

    let (findings, done) = check_with(&fixture.store, &REMOVE);
    assert_eq!((done.strays, done.removed, findings.len()), (3, 3, 3));
    assert!(left.iter().all(|path| !path.exists()) && foreign.exists());
    assert_eq!(files_below(&fixture.path().join("tiers")).len(), before.len() - 3);
    assert_eq!(check(&fixture.store), (vec![], Checked { copies: done.copies, ..Checked::default() }));
}

#[test]
fn what_a_living_handle_is_writing_is_no_stray_and_stays() {
    let fixture = full();
    let other = fixture.another_handle();
    let mut writers = [
        fixture.store.writer(&PutOptions::default()).unwrap(),
        other.writer(&PutOptions::default()).unwrap(),
    ];
    for writer in &mut writers {
        writer.add(&bytes(LARGE, 50)).unwrap();
    }
    let parts = other.parts(&PutOptions { block_size: Some(4096), ..PutOptions::default() }).unwrap();
    assert_eq!(check_with(&fixture.store, &REMOVE).0, []);
    assert_eq!(check_with(&other, &REMOVE).0, []);
    for writer in writers {
        let put = writer.commit().unwrap();
        assert_eq!(other.get(put.id).unwrap(), bytes(LARGE, 50));
    }
    drop(parts);
}

#[test]
fn a_store_in_use_never_shows_what_is_only_changing() {
    let fixture = Fixture::new();
    let (path, stop) = (fixture.path(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (store, stop, path) = (&fixture.store, &stop, &path);
            scope.spawn(move || {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let size = if round % 2 == 0 { SMALL } else { LARGE };
                    let id = store.put(&bytes(size, seed), &PutOptions::default()).unwrap().id;
                    store.move_object(id, 0, 1).unwrap();
                    store.put(&bytes(size, seed + 1), &PutOptions::id(id)).unwrap();
                    store.purge(id).unwrap();
                    // Handles come and go, and what they put stays.
                    if round % 8 == 0 {
                        let visitor = Store::open(path, &StoreOptions::new()).unwrap();
                        visitor.put(&bytes(LARGE, round), &PutOptions::default()).unwrap();
                        visitor.close().unwrap();
                    }
                }
            });
        }
        for _ in 0..30 {
            assert_eq!(check_with(&fixture.store, &REMOVE).0, []);
        }
        stop.store(true, Ordering::Relaxed);
    });
    for item in fixture.store.objects(&Query::default()) {
        let id = item.unwrap().1.id;
        assert!(!fixture.store.get(id).unwrap().is_empty());
    }
}

#[test]
fn a_page_of_the_index_that_is_damaged_is_found_without_being_asked_for() {
    let mut fixture = full();
    fixture.close();
    let pages = fs::metadata(fixture.path().join("index/index.db")).unwrap().len() / 4096;
    let mut found = 0;
    for page in 1..pages {
        let copy = fixture.outside(&format!("copy-{page}"));
        copy_tree(&fixture.path(), &copy);
        flip(&copy.join("index/index.db"), page * 4096 + 3000, 1);
        let store = Store::open(&copy, &StoreOptions::new()).unwrap();
        if store.new_epoch_cause().is_some() {
            continue; // The open had need of that page.
        }
        found += 1;
        let (findings, done) = check_with(&store, &REMOVE);
        assert!(matches!(findings[..], [Finding::Index { .. }]), "page {page}: {findings:?}");
        assert_eq!((done.contradictions, done.removed), (1, 0));
        let _ = store.close();
        drop(store);
        let store = Store::open(&copy, &StoreOptions::new()).unwrap();
        assert_eq!(check(&store).0, [], "page {page}");
    }
    assert!(found > 0, "every open had need of the damaged page");
    fixture.store = Store::open(fixture.path(), &StoreOptions::new()).unwrap();
}

#[test]
fn an_error_of_the_program_stops_a_check_and_a_read_only_store_is_checked() {
    let mut fixture = full();
    litter(&fixture.path());
    let stopped = fixture
        .store
        .check_all(&CheckOptions::default(), |_| Err(Error::Cancelled { reason: "enough".to_owned() }));
    assert_eq!(kind(&stopped), Some(Kind::Cancelled));
    fixture.close();
    fixture.store = Store::open(fixture.path(), &StoreOptions::new().read_only(true)).unwrap();
    assert_eq!(check(&fixture.store).1.strays, 3);
    assert_eq!(kind(&fixture.store.check_all(&REMOVE, |_| Ok(()))), Some(Kind::Refused));
}
