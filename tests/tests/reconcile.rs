//! A store that is restored from a snapshot is brought up to date with its roots: what was moved, compacted or updated
//! since is found, read back and taken; what was removed is not brought back, and nothing on a root is removed.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hsm_core::journal::{Change, DropReason};
use hsm_core::monitor::{Monitor, Phase, Progress};
use hsm_core::object::{ObjectId, Piece, Position, TierConfig};
use hsm_core::{
    CheckOptions, CompactOptions, Durability, Fault, Finding, Kind, PutOptions, Reconciled, Remedy,
    RestoreOptions, SnapshotOptions, Store, StoreOptions,
};
use hsm_tests::fixture::{
    Fixture, LARGE, SMALL, bytes, copy_tree, events, files_below, flip, kind, name, on_tier, tiers_of,
};

/// The tier that snapshots are kept on.
const BACKUP: u8 = 2;
const TIERS: u8 = 4;

fn new() -> Fixture {
    let fixture = Fixture::with_outside_tiers(TIERS, StoreOptions::new());
    for tier in 0..TIERS {
        let config = fixture.store.tier(tier).unwrap().config;
        fixture.store.change_tier(&TierConfig { pack_size_bytes: 1 << 14, ..config }).unwrap();
    }
    fixture
}

fn put(fixture: &Fixture, seed: u64, size: usize) -> ObjectId {
    fixture.store.put(&bytes(size, seed), &on_tier(0)).unwrap().id
}

fn snapshot(fixture: &Fixture) -> Position {
    fixture.store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap()
}

/// The file of a piece, from the data directory of its root.
fn path_of(piece: &Piece) -> String {
    let (instance, serial) = (piece.place.instance, piece.place.serial);
    let suffix = if piece.packed { "pack" } else { "obj" };
    format!("{instance:016x}/{:016x}/{serial:016x}.{suffix}", serial / 1024)
}

/// What lies on the roots, snapshots aside.
fn data(fixture: &Fixture) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for tier in 0..TIERS {
        let root = fixture.outside(&format!("tier-{tier}"));
        for file in files_below(&root.join("data")) {
            let path = root.join("data").join(file);
            all.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    all
}

/// Loses the directory, restores it from the snapshot and opens it.
fn restore(fixture: &mut Fixture) {
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
    let root = fixture.outside(&format!("tier-{BACKUP}"));
    Store::restore(fixture.path(), root, &RestoreOptions::new()).unwrap();
    fixture.store = fixture.another_handle();
    assert!(fixture.store.read_only_reason().is_some());
}

/// Reconciles; says what it did and found. Nothing on a root changes.
fn reconcile(fixture: &Fixture) -> (Reconciled, Vec<Finding>) {
    let (before, mut findings) = (data(fixture), Vec::new());
    let done = fixture
        .store
        .reconcile_with(|finding| {
            findings.push(finding);
            Ok(())
        })
        .unwrap();
    assert_eq!(data(fixture), before, "nothing on a root is changed");
    assert_eq!(fixture.store.read_only_reason(), None);
    (done, findings)
}

fn restore_and_reconcile(fixture: &mut Fixture) -> (Reconciled, Vec<Finding>) {
    restore(fixture);
    reconcile(fixture)
}

fn check_clean(store: &Store) {
    let checked = store.check_all(&CheckOptions::default(), |finding| panic!("{finding:?}")).unwrap();
    assert!(checked.is_clean(), "{checked:?}");
}

/// What is so now is so behind a reopen, and when the index is made anew from the journal.
fn holds_for_good(fixture: &mut Fixture, holds: impl Fn(&Store)) {
    holds(&fixture.store);
    fixture.store.maintain().unwrap();
    fixture.reopen();
    holds(&fixture.store);
    fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
    holds(&fixture.store);
    assert_eq!(fixture.store.read_only_reason(), None);
}

#[test]
fn what_was_moved_since_the_snapshot_is_found_on_its_tier() {
    let mut fixture = new();
    let objects: Vec<_> = [SMALL, LARGE, SMALL, LARGE, 0]
        .into_iter()
        .zip(0..)
        .map(|(size, seed)| (put(&fixture, seed, size), seed, size))
        .collect();
    let stays = put(&fixture, 50, LARGE);
    let (patched, removed) = (put(&fixture, 51, LARGE), put(&fixture, 52, LARGE));
    fixture.store.put_at(patched, 10, b"patched", Durability::Durable).unwrap();
    let patched_bytes = fixture.store.get(patched).unwrap();
    let taken = snapshot(&fixture);
    for (id, _, size) in &objects {
        if *size > 0 {
            fixture.store.move_object(*id, 0, 1).unwrap();
        }
    }
    fixture.store.move_object(patched, 0, 3).unwrap();
    fixture.store.remove(removed).unwrap();
    fixture.store.drain_tier(0, 1).unwrap();
    fixture.store.undelete(removed).unwrap();
    fixture.store.maintain().unwrap();
    let (done, findings) = restore_and_reconcile(&mut fixture);
    let moved = 4 + 3;
    assert_eq!(
        done,
        Reconciled {
            copies_adopted: moved,
            copies_dropped: moved,
            new_epoch: done.new_epoch,
            ..Reconciled::default()
        }
    );
    let adopted = findings.iter().filter(|finding| matches!(finding, Finding::Adopted { tier: 1 | 3, .. }));
    assert_eq!(adopted.count() as u64, moved);
    let dropped = |finding: &&Finding| {
        matches!(finding, Finding::Copy { tier: 0, fault: Fault::Missing, remedy: Remedy::Dropped, .. })
    };
    assert_eq!(findings.iter().filter(dropped).count() as u64, moved);
    assert_eq!(findings.len() as u64, 2 * moved);
    holds_for_good(&mut fixture, |store| {
        for (id, seed, size) in &objects {
            assert_eq!(store.get(*id).unwrap(), bytes(*size, *seed));
            assert_eq!(tiers_of(store, *id), if *size > 0 { vec![1] } else { tiers_of(store, *id) });
        }
        assert_eq!((store.get(stays).unwrap(), tiers_of(store, stays)), (bytes(LARGE, 50), vec![1]));
        assert_eq!((store.get(patched).unwrap(), tiers_of(store, patched)), (patched_bytes.clone(), vec![3]));
        assert!(store.object(patched).unwrap().copies.iter().all(hsm_core::object::Copy::is_verified));
        check_clean(store);
    });
    // In the feed the copy comes, and only then the one that is gone goes.
    let news: Vec<_> = events(&fixture.store).into_iter().filter(|event| event.position > taken).collect();
    let at =
        |matches: &dyn Fn(&Change) -> bool| news.iter().position(|event| matches(&event.change)).unwrap();
    let id = objects[0].0;
    let came = at(
        &|change| matches!(change, Change::CopyAdded { object, copy, .. } if *object == id && copy.tier == 1),
    );
    let went = at(
        &|change| matches!(change, Change::CopyDropped { object, tier: 0, reason: DropReason::Damaged, .. } if *object == id),
    );
    assert!(came < went);
}

#[test]
fn what_was_compacted_since_the_snapshot_is_found_in_its_new_pack_removed_objects_too() {
    let mut fixture = new();
    let mut living = Vec::new();
    for seed in 0..60 {
        let id = put(&fixture, seed, 2000);
        if seed % 10 == 0 {
            living.push((id, seed));
        } else {
            fixture.store.purge(id).unwrap();
        }
    }
    let in_grace = living[2].0;
    fixture.store.remove(in_grace).unwrap();
    fixture.reopen();
    snapshot(&fixture);
    let moved = fixture.store.compact(&CompactOptions::default(), |_| Ok(())).unwrap().objects;
    assert_eq!(moved, 6);
    let (done, _) = restore_and_reconcile(&mut fixture);
    assert_eq!((done.copies_adopted, done.copies_dropped, done.copies_missing), (6, 0, 0));
    assert_eq!((done.unknown_objects, done.unknown_places), (0, 0));
    assert_eq!(kind(&fixture.store.object(in_grace)), Some(Kind::NotFound), "it stays removed");
    fixture.store.undelete(in_grace).unwrap();
    holds_for_good(&mut fixture, |store| {
        for (id, seed) in &living {
            assert_eq!(store.get(*id).unwrap(), bytes(2000, *seed));
        }
        check_clean(store);
    });
}

#[test]
fn what_was_updated_since_the_snapshot_has_its_newest_generation_with_its_names_and_attributes() {
    let mut fixture = new();
    let data = fixture.dataset("data");
    let mut ids = Vec::new();
    for (seed, size) in [(0, SMALL), (1, LARGE), (2, SMALL), (3, LARGE)] {
        let options = PutOptions::name(name(data, format!("{seed}")));
        let id = fixture.store.put(&bytes(size, seed), &options).unwrap().id;
        fixture.store.set_attributes(id, &vec![("colour".into(), Some(b"red".to_vec()))]).unwrap();
        ids.push(id);
    }
    snapshot(&fixture);
    for (seed, size) in [(10, SMALL), (11, LARGE), (12, LARGE), (13, SMALL)] {
        fixture.store.put(&bytes(size, seed), &PutOptions::id(ids[seed as usize - 10])).unwrap();
    }
    fixture.store.put(&bytes(SMALL, 20), &PutOptions::id(ids[0])).unwrap();
    fixture.store.put_at(ids[1], 10, b"patched", Durability::Durable).unwrap();
    fixture.store.move_object(ids[2], 0, 1).unwrap();
    fixture.store.maintain().unwrap();
    let mut wanted =
        [20, 11, 12, 13].map(|seed| bytes(if seed == 20 || seed == 13 { SMALL } else { LARGE }, seed));
    wanted[1][10..17].copy_from_slice(b"patched");
    let (done, findings) = restore_and_reconcile(&mut fixture);
    assert_eq!((done.objects_renewed, done.copies_adopted, done.copies_missing), (4, 4, 0), "{findings:?}");
    assert_eq!((done.unknown_objects, done.unknown_places), (0, 0), "{findings:?}");
    let told: BTreeMap<_, _> = findings
        .iter()
        .map(|finding| match finding {
            Finding::Adopted { object, generation, known: 1, .. } => (*object, *generation),
            _ => panic!("{finding:?}"),
        })
        .collect();
    assert_eq!(ids.iter().map(|id| told[id]).collect::<Vec<_>>(), [3, 3, 2, 2]);
    holds_for_good(&mut fixture, |store| {
        for (seed, (id, content)) in ids.iter().zip(&wanted).enumerate() {
            assert_eq!(store.get(*id).unwrap(), *content);
            assert_eq!(store.object(*id).unwrap().attributes.get("colour"), Some(&b"red"[..]));
            assert_eq!(store.find(&name(data, format!("{seed}"))).unwrap(), *id);
        }
        check_clean(store);
    });
    // Generations go on.
    assert_eq!(fixture.store.put(b"next", &PutOptions::id(ids[0])).unwrap().generation, 4);
}

#[test]
fn what_was_removed_is_not_brought_back_and_what_was_put_since_is_told_of_and_stays() {
    let mut fixture = new();
    let (lives, purged, removed) =
        (put(&fixture, 1, SMALL), put(&fixture, 2, SMALL), put(&fixture, 3, LARGE));
    fixture.store.purge(purged).unwrap();
    fixture.store.remove(removed).unwrap();
    snapshot(&fixture);
    // Put again since: whether it was removed again is not known.
    fixture.store.put(&bytes(LARGE, 30), &PutOptions::id(removed)).unwrap();
    let later = [put(&fixture, 4, SMALL), put(&fixture, 5, LARGE)];
    let gone = put(&fixture, 6, SMALL);
    fixture.store.purge(gone).unwrap();
    let (done, findings) = restore_and_reconcile(&mut fixture);
    assert_eq!((done.copies_adopted, done.objects_renewed), (0, 0));
    assert_eq!(done.unknown_objects, 4, "{findings:?}");
    assert_eq!(done.unknown_places, 3, "a pack and two files");
    let unknown: Vec<_> = findings
        .iter()
        .filter_map(|finding| match finding {
            Finding::Unknown { object, .. } => Some(*object),
            _ => None,
        })
        .collect();
    for id in [removed, later[0], later[1], gone] {
        assert!(unknown.contains(&id), "{id}");
    }
    assert!(!unknown.contains(&purged), "the snapshot knew that it was gone");
    let files = data(&fixture);
    holds_for_good(&mut fixture, |store| {
        assert_eq!(store.get(lives).unwrap(), bytes(SMALL, 1));
        for id in [purged, removed, later[0], later[1], gone] {
            assert_eq!(kind(&store.object(id)), Some(Kind::NotFound));
        }
    });
    assert_eq!(data(&fixture), files, "nothing of it is removed");
    fixture.store.undelete(removed).unwrap();
    // Its bytes of then went when it was put again: that is said.
    assert_eq!(kind(&fixture.store.get(removed)), Some(Kind::Corrupt));
}

#[test]
fn what_was_removed_since_the_snapshot_is_missing_and_said_to_be() {
    let mut fixture = new();
    let (id, lives) = (put(&fixture, 1, LARGE), put(&fixture, 2, LARGE));
    fixture.store.copy(lives, None, 1).unwrap();
    snapshot(&fixture);
    fixture.store.purge(id).unwrap();
    fixture.store.release(lives, 0, false).unwrap();
    fixture.store.maintain().unwrap();
    let (done, findings) = restore_and_reconcile(&mut fixture);
    assert_eq!((done.copies_missing, done.copies_dropped), (1, 1));
    let told = |id: ObjectId| {
        findings.iter().find_map(|finding| match finding {
            Finding::Copy { object, fault: Fault::Missing, remedy, .. } if *object == id => Some(*remedy),
            _ => None,
        })
    };
    assert_eq!((told(id), told(lives)), (Some(Remedy::None), Some(Remedy::Dropped)));
    assert_eq!(tiers_of(&fixture.store, lives), [1]);
    assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Corrupt));
    fixture.store.purge(id).unwrap();
    check_clean(&fixture.store);
}

#[test]
fn a_copy_that_is_damaged_is_not_taken_and_the_one_that_is_gone_stays_recorded() {
    let mut fixture = new();
    let ids = [put(&fixture, 1, LARGE), put(&fixture, 2, LARGE)];
    snapshot(&fixture);
    fixture.store.move_object(ids[0], 0, 1).unwrap();
    fixture.store.put(&bytes(LARGE, 3), &PutOptions::id(ids[1])).unwrap();
    fixture.store.maintain().unwrap();
    let damaged = [(ids[0], 1), (ids[1], 0)].map(|(id, tier)| {
        let piece = fixture.store.object(id).unwrap().copy_on(tier).unwrap().pieces[0];
        fixture.outside(&format!("tier-{tier}/data")).join(path_of(&piece))
    });
    for path in &damaged {
        flip(path, 5000, 1);
    }
    let (done, findings) = restore_and_reconcile(&mut fixture);
    assert_eq!((done.copies_adopted, done.objects_renewed), (0, 0));
    assert_eq!((done.copies_missing, done.unknown_objects, done.unknown_places), (2, 2, 2), "{findings:?}");
    for (id, tier) in ids.into_iter().zip([0, 0]) {
        assert_eq!(tiers_of(&fixture.store, id), [tier], "it stays recorded");
    }
    // While a copy is missing no stray is removed, so it can be mended, and is found then.
    let options = CheckOptions { remove_strays: true };
    assert_eq!(fixture.store.check_all(&options, |_| Ok(())).unwrap().removed, 0);
    for path in &damaged {
        flip(path, 5000, 1);
    }
    let (done, _) = reconcile(&fixture);
    assert_eq!((done.copies_adopted, done.new_epoch), (1, None));
    assert_eq!(fixture.store.get(ids[0]).unwrap(), bytes(LARGE, 1));
    assert_eq!(
        kind(&fixture.store.get(ids[1])),
        Some(Kind::Corrupt),
        "a newer generation only in a restored store"
    );
}

#[test]
fn a_damaged_copy_that_is_known_gives_way_to_a_whole_one_on_its_tier() {
    let mut fixture = new();
    let ids: Vec<_> = (0..8).map(|seed| put(&fixture, seed, 2000)).collect();
    fixture.reopen();
    snapshot(&fixture);
    let before = fixture.store.object(ids[0]).unwrap().copy_on(0).unwrap().pieces[0];
    let path = fixture.outside("tier-0/data").join(path_of(&before));
    let pack = fs::read(&path).unwrap();
    let options = CompactOptions { live_percent_min: 100, ..CompactOptions::default() };
    fixture.store.purge(ids[7]).unwrap();
    assert!(fixture.store.compact(&options, |_| Ok(())).unwrap().objects > 0);
    fixture.close();
    // As if the pack had not been removed yet, and then a byte of it turned.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &pack).unwrap();
    flip(&path, before.offset + 100, 1);
    let (done, _) = restore_and_reconcile(&mut fixture);
    assert_eq!(done.copies_adopted, 1);
    let now = fixture.store.object(ids[0]).unwrap().copy_on(0).unwrap().pieces[0];
    assert_ne!(now.place, before.place);
    for (seed, id) in ids.iter().enumerate().take(7) {
        assert_eq!(fixture.store.get(*id).unwrap(), bytes(2000, seed as u64));
    }
}

#[test]
fn contents_of_one_generation_that_differ_are_told_of_and_none_is_taken() {
    let mut fixture = new();
    let id = put(&fixture, 1, LARGE);
    snapshot(&fixture);
    // Two histories behind the same snapshot, each with a second generation of its own.
    let base = data(&fixture);
    let mut files = base.clone();
    let write = |files: &BTreeMap<PathBuf, Vec<u8>>| {
        for (path, content) in files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    };
    for seed in [2, 3] {
        fixture.store.put(&bytes(LARGE, seed), &PutOptions::id(id)).unwrap();
        fixture.close();
        let now = data(&fixture);
        for path in now.keys() {
            fs::remove_file(path).unwrap();
        }
        files.extend(now);
        write(&base);
        restore(&mut fixture);
        fixture.store.reconcile().unwrap();
    }
    write(&files);
    let (done, findings) = restore_and_reconcile(&mut fixture);
    assert_eq!((done.objects_renewed, done.copies_adopted, done.unknown_objects), (0, 0, 1), "{findings:?}");
    let is_told = |finding: &Finding| match finding {
        Finding::Unknown { object, generation: 2, detail, .. } => *object == id && detail.contains("differ"),
        _ => false,
    };
    assert!(findings.iter().any(is_told), "{findings:?}");
    assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 1));
}

#[test]
fn a_tier_that_was_away_is_found_when_it_is_back() {
    let mut fixture = new();
    let ids = [put(&fixture, 1, LARGE), put(&fixture, 2, SMALL)];
    fixture.reopen();
    snapshot(&fixture);
    for id in ids {
        fixture.store.move_object(id, 0, 1).unwrap();
    }
    fixture.store.maintain().unwrap();
    let (root, away) = (fixture.outside("tier-1"), fixture.outside("away"));
    fixture.close();
    fs::rename(&root, &away).unwrap();
    restore(&mut fixture);
    let done = fixture.store.reconcile().unwrap();
    assert_eq!((done.copies_adopted, done.copies_missing, done.out_of_reach), (0, 2, 1));
    for id in ids {
        assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Corrupt));
    }
    fs::rename(&away, &root).unwrap();
    let (done, _) = reconcile(&fixture);
    assert_eq!((done.copies_adopted, done.new_epoch), (2, None));
    assert_eq!(fixture.store.get(ids[0]).unwrap(), bytes(LARGE, 1));
    assert_eq!(fixture.store.get(ids[1]).unwrap(), bytes(SMALL, 2));
}

#[test]
fn a_copy_of_the_directory_that_is_put_back_is_brought_up_to_date_too_and_its_dead_are_not_swept() {
    let mut fixture = new();
    let ids = [put(&fixture, 1, LARGE), put(&fixture, 2, SMALL)];
    fixture.reopen();
    let writer = fixture.another_handle();
    // Its member file is in the copy: for whoever puts that back, the writer died at this moment.
    let backup = fixture.outside("backup");
    fixture.close();
    drop(fixture.another_handle());
    copy_tree(&fixture.path(), &backup);
    let later = writer.put(&bytes(LARGE, 9), &on_tier(0)).unwrap().id;
    for id in ids {
        writer.move_object(id, 0, 1).unwrap();
    }
    writer.maintain().unwrap();
    let taken = writer.position().unwrap();
    drop(writer);
    fs::remove_dir_all(fixture.path()).unwrap();
    fs::rename(&backup, fixture.path()).unwrap();
    fixture.store = fixture.another_handle();
    let (done, findings) = reconcile(&fixture);
    assert_eq!((done.copies_adopted, done.copies_dropped, done.unknown_objects), (2, 2, 1), "{findings:?}");
    let news: Vec<_> = events(&fixture.store).into_iter().filter(|event| event.position > taken).collect();
    assert!(!news.is_empty() && news.iter().all(|event| event.position.epoch > taken.epoch));
    let files = data(&fixture);
    holds_for_good(&mut fixture, |store| {
        assert_eq!(store.get(ids[0]).unwrap(), bytes(LARGE, 1));
        assert_eq!(store.get(ids[1]).unwrap(), bytes(SMALL, 2));
        assert_eq!(kind(&store.object(later)), Some(Kind::NotFound));
    });
    assert_eq!(data(&fixture), files, "what was put since stays");
}

/// Notes what it is told, and stops at a report.
struct Follower(Mutex<(Vec<Progress>, usize)>);

impl Monitor for Follower {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let mut state = self.0.lock().unwrap();
        state.0.push(*progress);
        if state.0.len() == state.1 { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn it_tells_how_far_it_has_come_and_can_be_stopped_anywhere_and_called_again() {
    let restored = || {
        let mut fixture = new();
        let ids: Vec<_> =
            (0..5).map(|seed| put(&fixture, seed, if seed % 2 == 0 { LARGE } else { SMALL })).collect();
        fixture.reopen();
        snapshot(&fixture);
        for id in &ids[..4] {
            fixture.store.move_object(*id, 0, 1).unwrap();
        }
        fixture.store.put(&bytes(LARGE, 40), &PutOptions::id(ids[4])).unwrap();
        fixture.store.maintain().unwrap();
        restore(&mut fixture);
        (fixture, ids)
    };
    for stop_at in 1.. {
        let (fixture, ids) = restored();
        let follower = Arc::new(Follower(Mutex::new((Vec::new(), stop_at))));
        let answer = fixture.store.with_monitor(follower.clone()).reconcile();
        if answer.is_err() {
            assert_eq!(kind(&answer), Some(Kind::Cancelled));
            assert!(fixture.store.read_only_reason().is_some(), "stopped at report {stop_at}");
            fixture.store.reconcile().unwrap();
        }
        for (seed, id) in ids.iter().enumerate() {
            let (seed, size) =
                (if seed == 4 { 40 } else { seed as u64 }, if seed % 2 == 0 { LARGE } else { SMALL });
            assert_eq!(fixture.store.get(*id).unwrap(), bytes(size, seed), "stopped at report {stop_at}");
        }
        check_clean(&fixture.store);
        if answer.is_ok() {
            let told = follower.0.lock().unwrap().0.clone();
            for phase in [Phase::Reconcile, Phase::Verify, Phase::Check] {
                let last = told.iter().rev().find(|progress| progress.phase == phase).unwrap();
                assert!(last.objects_done > 0 && last.objects_done <= last.objects_total, "{last:?}");
            }
            return assert!(stop_at > 10, "only {stop_at} reports");
        }
    }
}
