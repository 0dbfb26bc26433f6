//! Packs in which little lives are rewritten: no byte is lost, what is wasted is bounded, and what cannot be rewritten is
//! left where it is and told of.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hsm_core::file::{Disk as _, Mode};
use hsm_core::journal::Change;
use hsm_core::monitor::{Monitor, Phase, Progress};
use hsm_core::object::{ObjectId, Piece, TierConfig, TierState};
use hsm_core::testing::disk::SimDisk;
use hsm_core::{
    CheckOptions, CompactOptions, Compacted, Fault, Finding, Kind, PutOptions, Remedy, Store, StoreOptions,
};
use hsm_tests::audit::{self, Strictness};
use hsm_tests::fixture::{Fixture, Listing, SMALL, bytes, events, files_ending, flip, name};

/// Bytes a pack: some ten small objects.
const PACK: u64 = 10_000;
/// Times that each object is changed while packs are compacted.
const ROUNDS: u64 = 12;

fn options() -> StoreOptions {
    let tier =
        |index| TierConfig { pack_size_bytes: PACK, ..TierConfig::posix(index, format!("tiers/{index}")) };
    StoreOptions::new().tiers(vec![tier(0), tier(1)])
}

fn puts(store: &Store, count: u64) -> Vec<(ObjectId, Vec<u8>)> {
    let put = |seed| {
        let content = bytes(SMALL, seed);
        (store.put(&content, &PutOptions::default()).unwrap().id, content)
    };
    (0..count).map(put).collect()
}

/// Purges all but each tenth.
fn thin_out(store: &Store, objects: Vec<(ObjectId, Vec<u8>)>) -> Vec<(ObjectId, Vec<u8>)> {
    let (kept, gone): (Vec<_>, Vec<_>) = (0..).zip(objects).partition(|(nth, _)| nth % 10 == 0);
    for (_, (id, _)) in gone {
        store.purge(id).unwrap();
    }
    kept.into_iter().map(|(_, object)| object).collect()
}

/// A store with packs of which a tenth lives, closed once so that nobody appends to them.
fn sparse(count: u64) -> (Fixture, Vec<(ObjectId, Vec<u8>)>) {
    let mut fixture = Fixture::with(options());
    let objects = puts(&fixture.store, count);
    let kept = thin_out(&fixture.store, objects);
    fixture.reopen();
    (fixture, kept)
}

fn compact(store: &Store) -> (Compacted, Vec<Finding>) {
    let mut findings = Vec::new();
    let done = store
        .compact(&CompactOptions::default(), |finding| {
            findings.push(finding);
            Ok(())
        })
        .unwrap();
    (done, findings)
}

fn piece(store: &Store, id: ObjectId) -> Piece {
    store.object(id).unwrap().copy_on(0).unwrap().pieces[0]
}

fn pack_of(store: &Path, piece: &Piece) -> PathBuf {
    let (instance, serial) = (piece.place.instance, piece.place.serial);
    store.join(format!("tiers/0/data/{instance:016x}/{:016x}/{serial:016x}.pack", serial / 1024))
}

fn bytes_of_packs(store: &Path) -> u64 {
    files_ending(store, ".pack").iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

fn check_contents(store: &Store, objects: &[(ObjectId, Vec<u8>)]) {
    for (id, content) in objects {
        assert!(store.get(*id).unwrap() == *content, "object {id}");
    }
}

fn check_whole(store: &Store) {
    let checked = store.check_all(&CheckOptions::default(), |finding| panic!("{finding:?}")).unwrap();
    assert_eq!((checked.bad, checked.contradictions, checked.strays), (0, 0, 0));
}

#[test]
fn packs_waste_at_most_as_much_as_lives_in_them_afterwards_and_keep_every_byte() {
    let (mut fixture, kept) = sparse(200);
    let before = bytes_of_packs(&fixture.path());
    let (done, findings) = compact(&fixture.store);
    assert_eq!(findings, []);
    assert_eq!((done.objects, done.bytes), (20, 20 * SMALL as u64));
    assert_eq!((done.packs, done.copies_left, done.tiers_passed_over), (done.packs_removed, 0, 0));
    let live = 20 * (SMALL as u64 + 72);
    let after = bytes_of_packs(&fixture.path());
    assert!(after <= 2 * live, "{after} bytes for {live} that live");
    assert_eq!(done.bytes_removed, before);
    check_contents(&fixture.store, &kept);
    check_whole(&fixture.store);
    // There is nothing left to do, also not behind a reopen.
    assert_eq!(compact(&fixture.store).0, Compacted::default());
    fixture.reopen();
    assert_eq!(compact(&fixture.store).0, Compacted::default());
    check_contents(&fixture.store, &kept);
    // The journal tells the same as the index.
    fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
    check_contents(&fixture.store, &kept);
    check_whole(&fixture.store);
}

#[test]
fn maintenance_moves_nothing() {
    // A snapshot on a tier, made the night before, would not know where.
    let (fixture, kept) = sparse(100);
    let places = |store: &Store| kept.iter().map(|(id, _)| piece(store, *id).place).collect::<Vec<_>>();
    let before = places(&fixture.store);
    fixture.store.maintain().unwrap();
    assert_eq!(places(&fixture.store), before);
    check_contents(&fixture.store, &kept);
}

#[test]
fn a_handle_compacts_its_own_full_packs_and_leaves_the_one_it_appends_to() {
    let fixture = Fixture::with(options());
    let objects = puts(&fixture.store, 95);
    let open = piece(&fixture.store, objects[94].0).place;
    let kept = thin_out(&fixture.store, objects);
    let in_open = kept.iter().filter(|(id, _)| piece(&fixture.store, *id).place == open).count() as u64;
    let (done, findings) = compact(&fixture.store);
    assert_eq!((done.objects, findings), (10 - in_open, vec![]));
    check_contents(&fixture.store, &kept);
}

#[test]
fn packs_of_a_handle_that_is_open_are_its_own_affair() {
    let fixture = Fixture::with(options());
    let other = fixture.another_handle();
    let objects = puts(&other, 50);
    let kept = thin_out(&other, objects);
    assert_eq!(compact(&fixture.store).0, Compacted::default());
    assert!(compact(&other).0.objects > 0);
    check_contents(&fixture.store, &kept);
}

#[test]
fn what_is_compacted_lies_in_order_of_dataset_and_key() {
    let mut fixture = Fixture::with(options());
    let data = fixture.dataset("data");
    let mut kept = BTreeMap::new();
    for nth in (0..4_u64).rev() {
        let options = PutOptions::name(name(data, format!("key {nth}")));
        kept.insert(nth, fixture.store.put(&bytes(SMALL, nth), &options).unwrap().id);
        for (gone, _) in puts(&fixture.store, 3) {
            fixture.store.purge(gone).unwrap();
        }
    }
    fixture.reopen();
    assert_eq!(compact(&fixture.store).0.objects, 4);
    let places: Vec<_> =
        kept.values().map(|id| piece(&fixture.store, *id)).map(|piece| (piece.place, piece.offset)).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn the_feed_tells_of_relocated_copies_and_nothing_else() {
    let (fixture, kept) = sparse(100);
    let (before, listing) = (fixture.store.position().unwrap(), Listing::of(&fixture.store));
    compact(&fixture.store);
    let news: Vec<_> = events(&fixture.store).into_iter().filter(|event| event.position > before).collect();
    assert_eq!(news.len(), kept.len());
    for event in news {
        let Change::CopyRelocated { object, generation, copy } = event.change else {
            panic!("{event:?}");
        };
        assert_eq!((generation, copy.tier), (1, 0));
        assert_eq!(copy.pieces[0], piece(&fixture.store, object));
    }
    // But for the copies all is as it was.
    let without_copies = |listing: Listing| -> Vec<_> {
        let plain = |mut object: hsm_core::object::Object| {
            (object.changed, object.copies) = (0, Vec::new());
            object
        };
        listing.objects.into_iter().map(|(object, names, content)| (plain(object), names, content)).collect()
    };
    assert_eq!(without_copies(listing), without_copies(Listing::of(&fixture.store)));
}

#[test]
fn removed_objects_move_too_and_can_be_brought_back() {
    let (fixture, kept) = sparse(100);
    fixture.store.remove(kept[3].0).unwrap();
    assert_eq!(compact(&fixture.store).0.objects, 10);
    fixture.store.undelete(kept[3].0).unwrap();
    check_contents(&fixture.store, &kept);
}

#[test]
fn a_damaged_record_stays_where_it_is_and_is_told_of() {
    for of_the_header in [false, true] {
        let (fixture, kept) = sparse(100);
        let (bad, bad_piece) = (kept[4].0, piece(&fixture.store, kept[4].0));
        let path = pack_of(&fixture.path(), &bad_piece);
        flip(&path, bad_piece.offset + if of_the_header { 20 } else { 100 }, 1);
        let (done, findings) = compact(&fixture.store);
        assert_eq!((done.objects, done.copies_left), (9, 1), "header: {of_the_header}");
        assert_eq!(piece(&fixture.store, bad), bad_piece);
        assert!(path.exists());
        match findings[..] {
            [Finding::Copy { object, tier: 0, fault: Fault::Damaged, remedy: Remedy::None, .. }] => {
                assert_eq!(object, bad);
            }
            _ => panic!("{findings:?}"),
        }
        // Mended, it can go.
        flip(&path, bad_piece.offset + if of_the_header { 20 } else { 100 }, 1);
        assert_eq!(compact(&fixture.store).0.objects, 1);
        assert!(!path.exists());
        check_contents(&fixture.store, &kept);
    }
}

#[test]
fn each_copy_in_a_pack_that_is_missing_or_cut_off_is_told_of_removed_ones_too() {
    for length in [None, Some(0), Some(200)] {
        let (fixture, kept) = sparse(100);
        fixture.store.remove(kept[1].0).unwrap();
        let place = piece(&fixture.store, kept[0].0).place;
        let path = pack_of(&fixture.path(), &piece(&fixture.store, kept[0].0));
        let live = || kept.iter().filter(|(id, _)| *id != kept[1].0);
        let inside: Vec<_> = live().filter(|(id, _)| piece(&fixture.store, *id).place == place).collect();
        let whole = fs::read(&path).unwrap();
        match length {
            Some(length) => fs::write(&path, &whole[..length]).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let (done, findings) = compact(&fixture.store);
        let told: Vec<ObjectId> = findings
            .iter()
            .map(|finding| match finding {
                Finding::Copy { object, tier: 0, fault, remedy: Remedy::None, .. } => {
                    let wanted = if length.is_some() { Fault::Damaged } else { Fault::Missing };
                    assert_eq!(*fault, wanted);
                    *object
                }
                _ => panic!("{findings:?}"),
            })
            .collect();
        assert_eq!(told.len() as u64, done.copies_left, "{length:?}");
        assert!(inside.iter().all(|(id, _)| told.contains(id)) && !inside.is_empty());
        assert_eq!(done.objects + done.copies_left, 10);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &whole).unwrap();
        assert_eq!(compact(&fixture.store).1, []);
        fixture.store.undelete(kept[1].0).unwrap();
        check_contents(&fixture.store, &kept);
    }
}

#[test]
fn a_damaged_header_of_a_pack_keeps_nothing_from_being_rewritten() {
    let (fixture, kept) = sparse(100);
    let path = pack_of(&fixture.path(), &piece(&fixture.store, kept[4].0));
    flip(&path, 50, 1);
    let (done, findings) = compact(&fixture.store);
    assert_eq!((done.objects, done.copies_left, findings), (10, 0, vec![]));
    assert!(!path.exists());
    check_contents(&fixture.store, &kept);
    check_whole(&fixture.store);
}

#[test]
fn a_tier_that_is_read_only_or_out_of_reach_is_passed_over_with_its_reason() {
    let (fixture, kept) = sparse(100);
    let passed_over = |store: &Store, why: &str| {
        let (done, findings) = compact(store);
        assert_eq!(done, Compacted { tiers_passed_over: 1, ..Compacted::default() });
        match &findings[..] {
            [Finding::OutOfReach { tier: 0, detail }] => assert!(detail.contains(why), "{detail}"),
            _ => panic!("{findings:?}"),
        }
    };
    fixture.store.set_tier_state(0, TierState::ReadOnly).unwrap();
    passed_over(&fixture.store, "read-only");
    fixture.store.set_tier_state(0, TierState::Active).unwrap();
    let (root, away) = (fixture.path().join("tiers/0"), fixture.path().join("tiers/away"));
    fs::rename(&root, &away).unwrap();
    passed_over(&fixture.store, "tier 0");
    fs::rename(&away, &root).unwrap();
    assert_eq!(compact(&fixture.store).0.objects, 10);
    check_contents(&fixture.store, &kept);
}

#[test]
fn an_option_that_cannot_be_is_refused() {
    let fixture = Fixture::with(options());
    for live_percent_min in [0, 101] {
        let options = CompactOptions { live_percent_min, ..CompactOptions::default() };
        let answer = fixture.store.compact(&options, |_| Ok(()));
        assert_eq!(answer.unwrap_err().kind(), Kind::Invalid);
    }
    let options = CompactOptions { tier: Some(9), ..CompactOptions::default() };
    assert_eq!(fixture.store.compact(&options, |_| Ok(())).unwrap_err().kind(), Kind::NotFound);
}

/// Stops at a report.
struct StopAt(AtomicUsize);

impl Monitor for StopAt {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        assert!(matches!(progress.phase, Phase::Copy | Phase::Verify | Phase::Reclaim), "{progress:?}");
        match self.0.fetch_sub(1, Ordering::Relaxed) {
            1 => ControlFlow::Break(7),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[test]
fn it_can_be_stopped_at_any_report_and_goes_on_when_called_again() {
    for report in 1.. {
        let (fixture, kept) = sparse(50);
        let watched = fixture.store.with_monitor(Arc::new(StopAt(AtomicUsize::new(report))));
        let answer = watched.compact(&CompactOptions::default(), |_| Ok(()));
        check_contents(&fixture.store, &kept);
        compact(&fixture.store);
        check_contents(&fixture.store, &kept);
        let live = kept.len() as u64 * (SMALL as u64 + 72);
        // The open pack has what was written for nothing, once.
        let packs = bytes_of_packs(&fixture.path());
        assert!(packs <= 3 * live, "{packs} bytes for {live} that live, stopped at report {report}");
        match answer {
            Err(error) => assert_eq!(error.kind(), Kind::Cancelled),
            Ok(_) => return assert!(report > 6, "only {report} reports"),
        }
    }
}

#[test]
fn puts_removals_and_reads_go_on_meanwhile_and_none_is_undone() {
    let fixture = Fixture::with(options());
    let store = &fixture.store;
    let ids: Vec<ObjectId> = puts(store, 60).into_iter().map(|(id, _)| id).collect();
    let done = AtomicBool::new(false);
    let content = |slot: usize, round: u64| bytes(400 + slot, round);
    let is_one_of =
        |slot: usize, got: &[u8], rounds: u64| (0..rounds).any(|round| got == content(slot, round));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|thread| {
                let (done, ids) = (&done, &ids);
                scope.spawn(move || {
                    let mut reads = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        for (slot, id) in ids.iter().enumerate().skip(thread).step_by(2) {
                            match store.get(*id) {
                                Ok(got) => {
                                    let first = got == bytes(SMALL, slot as u64);
                                    assert!(first || is_one_of(slot, &got, ROUNDS), "object {id}");
                                }
                                Err(error) => assert_eq!(error.kind(), Kind::NotFound, "{error}"),
                            }
                            reads += 1;
                        }
                    }
                    assert!(reads > 0);
                })
            })
            .collect();
        let compactor = scope.spawn(|| {
            let mut moved = 0;
            while !done.load(Ordering::Relaxed) {
                let options = CompactOptions { live_percent_min: 90, ..CompactOptions::default() };
                let compacted = store.compact(&options, |finding| panic!("{finding:?}")).unwrap();
                assert_eq!((compacted.copies_left, compacted.tiers_passed_over), (0, 0));
                moved += compacted.objects;
            }
            moved
        });
        for round in 0..ROUNDS {
            for (slot, id) in ids.iter().enumerate() {
                match (slot + round as usize) % 4 {
                    0 => {
                        store.put(&content(slot, round), &PutOptions::id(*id)).unwrap();
                    }
                    1 => drop(store.move_object(*id, 0, 1)),
                    2 => drop(store.move_object(*id, 1, 0)),
                    _ => {
                        store.remove(*id).unwrap();
                        if slot % 2 == 0 {
                            store.undelete(*id).unwrap();
                        } else {
                            store.put(&content(slot, round), &PutOptions::id(*id)).unwrap();
                        }
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(compactor.join().unwrap() > 0, "nothing was ever moved");
    });
    for (slot, id) in ids.iter().enumerate() {
        // The last round that put this object.
        let last = (0..ROUNDS).rev().find(|round| match (slot + *round as usize) % 4 {
            0 => true,
            3 => slot % 2 == 1,
            _ => false,
        });
        assert!(store.get(*id).unwrap() == content(slot, last.unwrap()), "object {id}");
    }
    store.maintain().unwrap();
    check_whole(store);
}

/// Bytes of the simulated disk, and what is kept of it in reserve.
const CAPACITY: u64 = 8 << 20;
const RESERVE: u64 = 1 << 20;

#[test]
fn a_full_disk_is_compacted_as_far_as_there_is_room_and_the_rest_later() {
    let disk = SimDisk::new();
    disk.set_capacity(Some(CAPACITY));
    let index = tempfile::tempdir().unwrap();
    let options = options().disk(Arc::new(disk.clone())).index_directory(index.path()).reserve_bytes(RESERVE);
    let store = Store::open("/store", &options).unwrap();
    let kept = {
        let objects = puts(&store, 200);
        thin_out(&store, objects)
    };
    let ballast = disk.open(Path::new("/ballast"), Mode::Create).unwrap();
    let room = |leave: u64| {
        ballast.set_len(0).unwrap();
        let available = disk.space(Path::new("/")).unwrap().available;
        ballast.set_len(available - leave).unwrap();
    };
    room(RESERVE);
    let (done, findings) = compact(&store);
    assert_eq!((done.objects, done.tiers_passed_over), (0, 1));
    assert!(matches!(&findings[..], [Finding::OutOfReach { tier: 0, .. }]), "{findings:?}");
    store.maintain().unwrap();
    check_contents(&store, &kept);
    // Room for a round: what that frees is room for the next.
    room(RESERVE + 2 * PACK);
    let (done, findings) = compact(&store);
    assert_eq!(findings, []);
    assert!(done.objects >= 18, "{done:?}");
    check_contents(&store, &kept);
    let view = audit::view(&store).unwrap();
    let model = audit::feed_adds_up(&store, &view).unwrap();
    store.maintain().unwrap();
    audit::stray(&disk, Path::new("/store"), &view, &model, Strictness::AfterMaintenance).unwrap();
}
