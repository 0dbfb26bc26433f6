//! A snapshot and the journal since restore the store: no change is lost, none comes twice, and what was
//! removed stays removed.

use std::fs;
use std::path::Path;

use hsm_core::journal::EpochCause;
use hsm_core::{PutOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, Listing, SMALL, bytes, events, files_ending, flip, name, on_tier};

/// Changes of every kind, different each time.
fn change(fixture: &Fixture, seed: u64) {
    let store = &fixture.store;
    let data = store.dataset("data").map_or_else(|_| fixture.dataset("data"), |found| found.id);
    let put = |seed: u64, size: usize| {
        store.put(&bytes(size, seed), &PutOptions::name(name(data, format!("{seed}")))).unwrap().id
    };
    let kept = put(seed * 10, LARGE);
    store.copy(kept, None, 3).unwrap();
    store.add_name(kept, &name(data, format!("alias {seed}"))).unwrap();
    let removed = put(seed * 10 + 1, SMALL);
    store.remove(removed).unwrap();
    let purged = put(seed * 10 + 2, SMALL);
    store.purge(purged).unwrap();
    store.put(&bytes(SMALL, seed * 10 + 3), &PutOptions::name(name(data, format!("{}", seed * 10)))).unwrap();
    store.set_attributes(kept, &vec![("round".into(), Some(vec![seed as u8]))]).unwrap();
    store.put_at(kept, 10, b"patched", hsm_core::Durability::Durable).unwrap();
    store.put(b"", &on_tier(1)).unwrap();
}

fn without_index(store: &Path) {
    fs::remove_dir_all(store.join("index")).unwrap();
}

#[test]
fn a_store_is_restored_from_its_snapshot_and_the_journal_since() {
    let mut fixture = Fixture::new();
    change(&fixture, 1);
    let taken = fixture.store.snapshot().unwrap().unwrap();
    assert_eq!(taken, fixture.store.position().unwrap());
    change(&fixture, 2);
    let (before, history) = (Listing::of(&fixture.store), events(&fixture.store));
    let last = fixture.store.position().unwrap();
    fixture.reopen_after(without_index);
    assert_eq!(fixture.store.new_epoch_cause(), Some(EpochCause::Rebuilt));
    assert_eq!(Listing::of(&fixture.store), before);
    let now = fixture.store.position().unwrap();
    assert_eq!((now.epoch, now.number), (last.epoch + 1, last.number + 1));
    let after = events(&fixture.store);
    assert_eq!(after[..history.len()], history);
    assert_eq!(after.len(), history.len() + 1);
    change(&fixture, 3);
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    for at in [0, 100, 5000, 20_000] {
        let mut fixture = Fixture::new();
        change(&fixture, 1);
        fixture.store.snapshot().unwrap();
        change(&fixture, 2);
        fixture.store.snapshot().unwrap();
        change(&fixture, 3);
        let before = Listing::of(&fixture.store);
        fixture.reopen_after(|store| {
            without_index(store);
            let snapshots = files_ending(&store.join("snapshots"), ".db");
            assert_eq!(snapshots.len(), 2);
            flip(snapshots.last().unwrap(), at, 1);
            fs::write(store.join("snapshots/00000000000000ff-00000000000000ff.db"), b"garbage").unwrap();
        });
        assert_eq!(Listing::of(&fixture.store), before, "byte {at}");
    }
}

#[test]
fn a_snapshot_of_another_store_is_passed_over() {
    let (mut fixture, other) = (Fixture::new(), Fixture::new());
    change(&fixture, 1);
    change(&other, 2);
    other.store.snapshot().unwrap();
    let stranger = files_ending(&other.path().join("snapshots"), ".db").pop().unwrap();
    let before = Listing::of(&fixture.store);
    fixture.reopen_after(|store| {
        without_index(store);
        fs::copy(&stranger, store.join("snapshots/00000000000000ff-00000000000000ff.db")).unwrap();
    });
    assert_eq!(Listing::of(&fixture.store), before);
}

#[test]
fn the_journal_before_a_snapshot_is_not_needed() {
    let options = StoreOptions::new().segment_bytes(3000);
    let mut fixture = Fixture::with(options);
    for seed in 1..8 {
        change(&fixture, seed);
    }
    let taken = fixture.store.snapshot().unwrap().unwrap();
    let segments_before = files_ending(&fixture.path(), ".seg");
    assert!(segments_before.len() > 2);
    for seed in 8..12 {
        change(&fixture, seed);
    }
    let (before, history) = (Listing::of(&fixture.store), events(&fixture.store));
    fixture.reopen_after(|store| {
        without_index(store);
        for old in &segments_before[..segments_before.len() - 1] {
            fs::remove_file(old).unwrap();
        }
    });
    assert_eq!(fixture.store.read_only_reason(), None);
    assert_eq!(Listing::of(&fixture.store), before);
    let after: Vec<_> = fixture.store.feed(taken).collect::<Result<_, _>>().unwrap();
    let expected: Vec<_> = history.into_iter().filter(|event| event.position > taken).collect();
    assert_eq!(after[..expected.len()], expected);
    assert!(
        fixture.store.feed_after(hsm_core::object::Position::default(), 10).is_err(),
        "the beginning is gone"
    );
    change(&fixture, 12);
    fixture.reopen();
    assert_eq!(fixture.store.new_epoch_cause(), None);
}

#[test]
fn snapshots_are_made_while_others_write() {
    let fixture = Fixture::new();
    let writer = fixture.another_handle();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let mut written = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let options =
                    PutOptions { durability: hsm_core::Durability::Relaxed, ..PutOptions::default() };
                writer.put(&bytes(100, written), &options).unwrap();
                written += 1;
            }
            written
        });
        for _ in 0..5 {
            fixture.store.snapshot().unwrap().unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        work.join().unwrap()
    });
    drop(writer);
    let mut fixture = fixture;
    fixture.reopen_after(without_index);
    assert_eq!(fixture.store.objects(&hsm_core::Query::default()).count() as u64, written);
}

#[test]
fn a_snapshot_alone_does_not_hold_up_a_store_that_was_copied_without_its_index() {
    let mut fixture = Fixture::new();
    change(&fixture, 1);
    fixture.store.snapshot().unwrap();
    change(&fixture, 2);
    let before = Listing::of(&fixture.store);
    let copy = fixture.outside("copy");
    fixture.close();
    without_index(&fixture.path());
    hsm_tests::fixture::copy_tree(&fixture.path(), &copy);
    let store = Store::open(&copy, &StoreOptions::new()).unwrap();
    assert_eq!(Listing::of(&store), before);
}

#[test]
fn what_an_interrupted_snapshot_left_beside_the_index_is_swept() {
    let mut fixture = Fixture::new();
    let left = ["snapshot-00000000000000ab.new", "snapshot-00000000000000ab.new-wal", "index.new"];
    let kept = ["snapshot-ab.new", "notes.new"];
    let index = fixture.path().join("index");
    let there = |names: &[&str]| names.iter().filter(|name| index.join(name).exists()).count();
    for name in left.iter().chain(&kept) {
        fs::write(index.join(name), b"half of it").unwrap();
    }
    fixture.store = fixture.another_handle();
    assert_eq!(there(&left), 3, "it may be another's that is alive");
    fixture.reopen();
    assert_eq!((there(&left), there(&kept)), (0, 2));
    fixture.store.snapshot().unwrap();
}
