//! Roots that another store took over while the first was at work, or while they were away from it: the first finds out
//! before it removes anything, also where it has begun as many epochs as the other.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hsm_core::journal::EpochCause;
use hsm_core::monitor::{Monitor, Phase, Progress};
use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::{Finding, Kind, RestoreOptions, SnapshotOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, bytes, copy_tree, files_below, kind, on_tier};

/// The tier that snapshots are kept on, and one that is taken away so that opens begin epochs.
const BACKUP: u8 = 1;
const OTHER: u8 = 2;

fn new() -> Fixture {
    Fixture::with_outside_tiers(3, StoreOptions::new())
}

fn root(fixture: &Fixture, tier: TierIndex) -> PathBuf {
    fixture.outside(&format!("tier-{tier}"))
}

fn take_away(fixture: &Fixture, tiers: &[TierIndex]) {
    for tier in tiers {
        fs::rename(root(fixture, *tier), fixture.outside(&format!("away-{tier}"))).unwrap();
    }
}

fn bring_back(fixture: &Fixture, tiers: &[TierIndex]) {
    for tier in tiers {
        fs::rename(fixture.outside(&format!("away-{tier}")), root(fixture, *tier)).unwrap();
    }
}

fn change(store: &Store, id: ObjectId, times: u8) {
    for number in 0..times {
        store.set_attributes(id, &vec![("n".to_owned(), Some(vec![number]))]).unwrap();
    }
}

/// The first store is opened so often with these tiers away, and each time it changes something.
fn open_without(fixture: &Fixture, tiers: &[TierIndex], times: usize, id: ObjectId) {
    take_away(fixture, tiers);
    for _ in 0..times {
        let store = fixture.another_handle();
        change(&store, id, 10);
        store.close().unwrap();
    }
    bring_back(fixture, tiers);
}

/// A second store, restored from the snapshot that the first has made.
fn restored_elsewhere(fixture: &Fixture) -> Store {
    let elsewhere = fixture.outside("elsewhere");
    Store::restore(&elsewhere, root(fixture, BACKUP), &RestoreOptions::new()).unwrap();
    Store::open(&elsewhere, &StoreOptions::new()).unwrap()
}

fn taken_over(fixture: &Fixture) -> (Store, Vec<ObjectId>) {
    let store = restored_elsewhere(fixture);
    store.reconcile().unwrap();
    let ids = (50..53).map(|seed| store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id).collect();
    (store, ids)
}

fn assert_has_all(second: &Store, ids: &[ObjectId]) {
    for (id, seed) in ids.iter().zip(50..) {
        assert_eq!(second.get(*id).unwrap(), bytes(LARGE, seed));
    }
}

#[test]
fn a_store_that_began_more_epochs_than_the_one_that_took_its_roots_over_is_not_taken_for_it() {
    let mut fixture = new();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    fixture.store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    fixture.close();
    let (second, ids) = taken_over(&fixture);
    second.close().unwrap();
    open_without(&fixture, &[0, BACKUP, OTHER], 5, id);
    let before = files_below(&root(&fixture, 0)).len();
    let first = fixture.another_handle();
    assert!(first.read_only_reason().unwrap().contains("taken the root over"));
    assert_eq!(kind(&first.maintain()), Some(Kind::Refused));
    first.close().unwrap();
    assert_eq!(files_below(&root(&fixture, 0)).len(), before);
    let second = Store::open(fixture.outside("elsewhere"), &StoreOptions::new()).unwrap();
    assert_eq!(second.read_only_reason(), None, "its marks are there yet");
    assert_has_all(&second, &ids);
    assert_eq!(second.get(id).unwrap(), bytes(LARGE, 1));
}

#[test]
fn a_handle_that_is_epochs_ahead_writes_no_mark_over_that_of_who_took_its_root_over_and_removes_nothing() {
    let mut fixture = new();
    let ids: Vec<_> =
        (50..53).map(|seed| fixture.store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id).collect();
    fixture.store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    fixture.close();
    open_without(&fixture, &[OTHER], 5, ids[0]);
    let first = fixture.another_handle();
    assert_eq!(first.read_only_reason(), None);
    let second = restored_elsewhere(&fixture);
    second.reconcile().unwrap();
    // The first does not know yet, and its journal is epochs and changes ahead.
    first.put(&bytes(LARGE, 9), &on_tier(0)).unwrap();
    for id in &ids {
        let _ = first.purge(*id);
    }
    assert_eq!(kind(&first.maintain()), Some(Kind::Refused));
    assert!(first.read_only_reason().unwrap().contains("taken it over"));
    first.close().unwrap();
    assert_has_all(&second, &ids);
    second.put(&bytes(LARGE, 60), &on_tier(0)).unwrap();
    second.maintain().unwrap();
    assert_eq!(second.read_only_reason(), None, "its marks are there yet");
}

#[test]
fn a_root_that_was_taken_over_while_it_was_away_is_looked_at_when_it_is_back_in_the_same_handle() {
    type Find = fn(&Store) -> Option<Kind>;
    let by_maintain: Find = |store| kind(&store.maintain());
    let by_put: Find = |store| kind(&store.put(&bytes(LARGE, 9), &on_tier(0)));
    for (find, expected) in [(by_maintain, Kind::Refused), (by_put, Kind::Offline)] {
        let mut fixture = new();
        let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
        fixture.store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
        fixture.close();
        let (second, ids) = taken_over(&fixture);
        open_without(&fixture, &[0, BACKUP, OTHER], 4, id);
        take_away(&fixture, &[0, BACKUP, OTHER]);
        let first = fixture.another_handle();
        change(&first, id, 30);
        bring_back(&fixture, &[0, BACKUP, OTHER]);
        assert_eq!(find(&first), Some(expected));
        assert!(first.read_only_reason().is_some());
        first.close().unwrap();
        assert_has_all(&second, &ids);
    }
}

#[test]
fn a_root_that_comes_back_to_the_handle_it_was_away_from_is_told_how_far_the_journal_has_come() {
    let mut fixture = new();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    fixture.close();
    let mark = root(&fixture, 0).join("HSM-SEEN");
    let before = fs::read(&mark).unwrap();
    let copy = fixture.outside("copy");
    copy_tree(&fixture.path(), &copy);
    take_away(&fixture, &[0]);
    let store = fixture.another_handle();
    change(&store, id, 3);
    assert_eq!(store.new_epoch_cause(), Some(EpochCause::Rebuilt), "an epoch of its own was begun");
    bring_back(&fixture, &[0]);
    store.maintain().unwrap();
    store.put(&bytes(LARGE, 2), &on_tier(0)).unwrap();
    store.close().unwrap();
    assert_ne!(fs::read(&mark).unwrap(), before);
    // So an older copy of the directory is known for one.
    fs::remove_dir_all(fixture.path()).unwrap();
    copy_tree(&copy, &fixture.path());
    assert!(fixture.another_handle().read_only_reason().is_some());
}

#[test]
fn a_store_that_is_still_at_work_stops_removing_before_a_reconciliation_counts_on_what_is_there() {
    let fixture = new();
    let first = &fixture.store;
    let ids: Vec<_> = (50..53).map(|seed| first.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id).collect();
    first.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    first.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    let second = restored_elsewhere(&fixture);
    let mut told = 0;
    second
        .reconcile_with(|finding| {
            told += usize::from(matches!(finding, Finding::Unknown { .. }));
            for id in &ids {
                let _ = first.purge(*id);
            }
            Ok(())
        })
        .unwrap();
    assert!(told > 0, "what the first has put since");
    assert!(first.read_only_reason().unwrap().contains("taken it over"));
    assert_has_all(&second, &ids);
}

/// Reconciles a restored store as soon as the first has removed some of its garbage.
struct TakesOver(PathBuf, Mutex<bool>);

impl Monitor for TakesOver {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let mut done = self.1.lock().unwrap();
        if progress.phase == Phase::Reclaim && progress.objects_done > 0 && !*done {
            *done = true;
            Store::open(&self.0, &StoreOptions::new()).unwrap().reconcile().unwrap();
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn a_root_that_is_taken_over_amid_a_reclaim_is_cleaned_no_further() {
    let options = StoreOptions::new().grace(Duration::from_nanos(1));
    let fixture = Fixture::with_outside_tiers(3, options);
    let first = &fixture.store;
    let ids: Vec<_> = (50..98).map(|seed| first.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id).collect();
    first.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    let elsewhere = fixture.outside("elsewhere");
    Store::restore(&elsewhere, root(&fixture, BACKUP), &RestoreOptions::new()).unwrap();
    for id in &ids {
        first.remove(*id).unwrap();
    }
    let follower = Arc::new(TakesOver(elsewhere.clone(), Mutex::new(false)));
    let left = || files_below(&root(&fixture, 0).join("data")).len();
    let before = left();
    assert_eq!(kind(&first.with_monitor(follower.clone()).maintain()), Some(Kind::Refused));
    assert!(*follower.1.lock().unwrap());
    assert!(before - left() < ids.len(), "what was left then is there yet: {} of {before}", left());
    let second = Store::open(&elsewhere, &StoreOptions::new()).unwrap();
    let whole = ids
        .iter()
        .zip(50..)
        .filter(|(id, seed)| second.get(**id).is_ok_and(|got| got == bytes(LARGE, *seed)));
    assert_eq!(whole.count(), ids.len() - (before - left()));
}

#[test]
fn a_root_that_cannot_say_what_it_has_seen_is_opened_and_read_and_not_cleaned() {
    let mut fixture = new();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    fixture.store.sync().unwrap();
    // With the member file of the handle that is at it: it is dead in the copy.
    let copy = fixture.outside("copy");
    copy_tree(&fixture.path(), &copy);
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
    copy_tree(&copy, &fixture.path());
    let data = root(&fixture, 0).join("data");
    let place = data.join(
        files_below(&data).into_iter().find(|path| path.extension().is_some_and(|is| is == "obj")).unwrap(),
    );
    let left_half = place.with_file_name("00000000000000ff.obj");
    fs::copy(&place, &left_half).unwrap();
    let mark = root(&fixture, 0).join("HSM-SEEN");
    fs::rename(&mark, fixture.outside("mark")).unwrap();
    fs::create_dir(&mark).unwrap();

    let store = fixture.another_handle();
    assert_eq!(store.read_only_reason(), None);
    assert_eq!(store.get(id).unwrap(), bytes(LARGE, 1));
    store.purge(id).unwrap();
    store.put(&bytes(LARGE, 2), &on_tier(BACKUP)).unwrap();
    assert_eq!(kind(&store.put(&bytes(LARGE, 2), &on_tier(0))), Some(Kind::Offline));
    store.maintain().unwrap();
    store.close().unwrap();
    assert!(left_half.exists() && place.exists(), "nothing of it was removed");

    fs::remove_dir(&mark).unwrap();
    fs::rename(fixture.outside("mark"), &mark).unwrap();
    fixture.store = fixture.another_handle();
    assert_eq!(fixture.store.read_only_reason(), None);
    fixture.store.maintain().unwrap();
    assert!(!left_half.exists() && !place.exists(), "it is swept once it can be told whose it is");
}
