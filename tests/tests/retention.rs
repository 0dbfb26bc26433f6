//! What of the journal is dropped is what nobody needs, and whoever comes too late is told what is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hsm_core::journal::Change;
use hsm_core::object::{ObjectId, Position};
use hsm_core::testing::disk::{Keep, SimDisk};
use hsm_core::{
    Durability, Filter, Gap, Kind, Next, PutOptions, Query, RestoreOptions, Retention, SnapshotOptions,
    Store, StoreOptions, Subscription,
};
use hsm_tests::fixture::{Fixture, files_ending, flip, kind};
use hsm_tests::recording::RecordingDisk;
use tempfile::TempDir;

/// As many segments as changes, about.
fn small_segments() -> Fixture {
    Fixture::with(StoreOptions::new().segment_bytes(1))
}

fn put(store: &Store, count: usize) -> Vec<ObjectId> {
    (0..count).map(|_| store.put(b"x", &PutOptions::default()).unwrap().id).collect()
}

fn segments(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.path().join("journal")).unwrap().count()
}

fn maintain(store: &Store) -> u64 {
    store.maintain().unwrap().segments_dropped
}

fn next(subscription: &mut Subscription) -> Next {
    subscription.next(usize::MAX, Some(Duration::ZERO)).unwrap()
}

fn last_events(events: u64) -> Retention {
    Retention { events_max: Some(events), age_max: None }
}

/// A store that dropped its first changes; what it kept begins behind the answer.
fn dropped() -> (Fixture, u64) {
    let fixture = small_segments();
    put(&fixture.store, 40);
    fixture.store.subscribe("late", Position { epoch: 1, number: 7 }).unwrap();
    fixture.store.snapshot().unwrap();
    let older = fixture.store.position().unwrap().number;
    put(&fixture.store, 5);
    fixture.store.set_retention(&last_events(10)).unwrap();
    fixture.store.snapshot().unwrap();
    assert!(maintain(&fixture.store) > 20);
    let Next::Gap(gap) = next(&mut fixture.store.follow(Position::default(), &Filter::default()).unwrap())
    else {
        panic!("nothing is missing")
    };
    assert_eq!(gap.from, Position { epoch: 1, number: 1 });
    assert!(gap.to.number < older && gap.to.number + 10 <= fixture.store.position().unwrap().number);
    (fixture, gap.to.number)
}

#[test]
fn nothing_is_dropped_that_a_rebuild_of_the_index_needs_or_the_retention_keeps() {
    let mut fixture = small_segments();
    let objects = put(&fixture.store, 40);
    let before = segments(&fixture);
    assert_eq!(maintain(&fixture.store), 0, "all is kept unless told");
    fixture.store.set_retention(&last_events(0)).unwrap();
    assert_eq!(maintain(&fixture.store), 0, "there is no snapshot");
    fixture.store.snapshot().unwrap();
    put(&fixture.store, 3);
    assert_eq!(maintain(&fixture.store), 0, "one may be damaged");
    fixture.store.snapshot().unwrap();
    fixture.store.set_retention(&last_events(1000)).unwrap();
    assert_eq!(maintain(&fixture.store), 0, "it is young");
    let age = Retention { events_max: None, age_max: Some(Duration::from_hours(1)) };
    fixture.store.set_retention(&age).unwrap();
    assert_eq!(maintain(&fixture.store), 0, "it is young");
    fixture.store.set_retention(&Retention { age_max: Some(Duration::ZERO), ..age }).unwrap();
    assert_eq!(fixture.another_handle().retention().unwrap().age_max, Some(Duration::ZERO));
    assert!(maintain(&fixture.store) > 30);
    assert!(segments(&fixture) < before);
    put(&fixture.store, 2);
    fixture.close();
    let in_memory = Store::open(fixture.path(), &StoreOptions::new().index_in_memory()).unwrap();
    assert_eq!(in_memory.get(objects[0]).unwrap(), b"x", "a snapshot stands for the beginning");
    assert_eq!(in_memory.objects(&Query::default()).count(), objects.len() + 5);
    assert_eq!(kind(&in_memory.snapshot_to(0, &SnapshotOptions::default())), Some(Kind::Unsupported));
    in_memory.close().unwrap();
    fixture.reopen();
    for damaged in [false, true] {
        put(&fixture.store, 2);
        fixture.reopen_after(|path| {
            std::fs::remove_file(path.join("index/index.db")).unwrap();
            if damaged {
                let mut snapshots: Vec<_> = std::fs::read_dir(path.join("snapshots"))
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .collect();
                snapshots.sort_unstable();
                assert_eq!(snapshots.len(), 2);
                std::fs::write(&snapshots[1], b"damaged").unwrap();
            }
        });
        assert_eq!(fixture.store.read_only_reason(), None);
        for id in &objects {
            assert_eq!(fixture.store.get(*id).unwrap(), b"x");
        }
    }
}

#[test]
fn a_damaged_snapshot_does_not_count() {
    let fixture = small_segments();
    put(&fixture.store, 20);
    fixture.store.snapshot().unwrap();
    put(&fixture.store, 20);
    fixture.store.snapshot().unwrap();
    fixture.store.set_retention(&last_events(0)).unwrap();
    let path = files_ending(&fixture.path().join("snapshots"), ".db").remove(0);
    let middle = std::fs::metadata(&path).unwrap().len() / 2;
    flip(&path, middle, 1);
    assert_eq!(maintain(&fixture.store), 0);
    put(&fixture.store, 1);
    fixture.store.snapshot().unwrap();
    assert!(maintain(&fixture.store) > 0, "two are whole again");
}

#[test]
fn a_store_with_its_index_in_memory_keeps_its_journal() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().segment_bytes(1).index_in_memory();
    let store = Store::open(directory.path(), &options).unwrap();
    put(&store, 20);
    store.set_retention(&last_events(0)).unwrap();
    assert_eq!(maintain(&store), 0);
}

#[test]
fn a_subscriber_that_comes_too_late_is_told_of_the_gap_and_goes_on_behind_it() {
    let (mut fixture, kept_behind) = dropped();
    assert_eq!(kind(&fixture.store.feed_after(Position::default(), 1)), Some(Kind::Invalid));
    let filter = Filter::default();
    for round in 0..2 {
        let mut late = fixture.store.subscription("late", &filter).unwrap();
        let gap =
            Gap { from: Position { epoch: 1, number: 8 }, to: Position { epoch: 1, number: kept_behind } };
        assert_eq!(next(&mut late), Next::Gap(gap), "again, until it is acknowledged");
        assert_eq!(late.position(), gap.to);
        let Next::Events(events) = next(&mut late) else { panic!("nothing came behind the gap") };
        assert!(
            events.iter().map(|event| event.position.number).eq(kept_behind + 1..=late.position().number)
        );
        if round == 1 {
            late.ack(gap.to, Durability::Durable).unwrap();
        }
    }
    fixture.reopen();
    let mut late = fixture.store.subscription("late", &filter).unwrap();
    assert!(matches!(next(&mut late), Next::Events(_)));
}

#[test]
fn what_changed_behind_a_gap_is_listed_in_the_order_of_the_changes() {
    for subscribed in [true, false] {
        let fixture = Fixture::new();
        let store = &fixture.store;
        let objects = put(store, 2500);
        if subscribed {
            store.subscribe("mirror", Position::default()).unwrap();
        }
        let position = store.position().unwrap();
        let changed: Vec<ObjectId> = [2000, 7, 1500].map(|index| objects[index]).to_vec();
        for id in &changed {
            store.set_attributes(*id, &vec![("a".to_owned(), Some(b"b".to_vec()))]).unwrap();
        }
        store.remove(objects[9]).unwrap();
        let list = |query: &Query, at_once| {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.page(query, cursor.as_ref(), at_once).unwrap();
                found.extend(page.items.map(|(_, object)| object.id));
                cursor = page.next;
                if cursor.is_none() {
                    return found;
                }
            }
        };
        let since = Query { changed_after: Some(position.number), ..Query::default() };
        let mut in_order = changed.clone();
        if !subscribed {
            in_order.sort_unstable();
        }
        assert_eq!(list(&since, 1), in_order);
        assert_eq!(list(&Query { removed: true, ..since.clone() }, 10), [objects[9]]);
        let all = list(&Query { changed_after: Some(0), ..Query::default() }, 7);
        assert_eq!(all.len(), objects.len() - 1);
        assert_eq!(list(&Query { changed_after: Some(u64::MAX), ..Query::default() }, 10), []);
    }
}

#[test]
fn a_reader_from_a_history_that_was_undone_is_told_of_it() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    put(&fixture.store, 3);
    let kept = fixture.store.position().unwrap();
    fixture.store.snapshot_to(1, &SnapshotOptions::default()).unwrap();
    put(&fixture.store, 5);
    let lost = fixture.store.position().unwrap();
    let restored = fixture.outside("restored");
    fixture.store.close().unwrap();
    Store::restore(&restored, fixture.outside("tier-1"), &RestoreOptions::new()).unwrap();
    let store = Store::open(&restored, &StoreOptions::new()).unwrap();
    let mut following = store.follow(lost, &Filter::default()).unwrap();
    let from = Position { number: kept.number + 1, ..kept };
    assert_eq!(next(&mut following), Next::Gap(Gap { from, to: lost }));
    let Next::Events(events) = next(&mut following) else { panic!("no epoch began") };
    assert_eq!(events[0].position, Position { epoch: kept.epoch + 1, number: kept.number + 1 });
    let mut following = store.follow(kept, &Filter::default()).unwrap();
    assert!(matches!(next(&mut following), Next::Events(_)), "what both have in common is no gap");
}

#[test]
fn a_crash_while_segments_are_dropped_leaves_no_hole_and_all_objects() {
    let keeps = [None, Some(Keep::None), Some(Keep::All), Some(Keep::Random(1)), Some(Keep::Random(2))];
    for step in 0_u64.. {
        let disk = SimDisk::new();
        let index = tempfile::tempdir().unwrap();
        let options = StoreOptions::new().segment_bytes(1).reserve_bytes(4096);
        let on = |disk: &SimDisk, index: &TempDir| {
            let options = options.clone().disk(Arc::new(disk.clone()));
            // Alone, since the simulated disk cannot be asked what kind of disk the index lies on.
            Store::open("/store", &options.index_directory(index.path()).exclusive(true)).unwrap()
        };
        let store = on(&disk, &index);
        let objects = put(&store, 8);
        store.snapshot().unwrap();
        put(&store, 1);
        store.set_retention(&last_events(2)).unwrap();
        store.snapshot().unwrap();
        disk.stop_at(step);
        let dropped = store.maintain().map(|done| done.segments_dropped);
        let stopped = disk.is_stopped();
        assert!(stopped || dropped.is_ok_and(|dropped| dropped > 3), "step {step}");
        let image = disk.crash();
        disk.stop();
        drop(store);
        for keep in keeps {
            let disk = keep.map_or_else(|| image.process_crash(), |keep| image.power_loss(keep));
            // The index is lost: snapshot and journal have to do.
            let index = tempfile::tempdir().unwrap();
            let store = on(&disk, &index);
            assert_eq!(store.read_only_reason(), None, "step {step}, kept {keep:?}");
            for id in &objects {
                assert_eq!(store.get(*id).unwrap(), b"x");
            }
            let mut following = store.follow(Position::default(), &Filter::default()).unwrap();
            let mut reached = 0;
            loop {
                match next(&mut following) {
                    Next::Gap(gap) => {
                        assert_eq!((reached, gap.from.number), (0, 1), "step {step}, kept {keep:?}");
                        reached = gap.to.number;
                    }
                    Next::Events(events) => {
                        let numbers = events.iter().map(|event| event.position.number);
                        assert!(numbers.eq(reached + 1..=following.position().number));
                        reached = following.position().number;
                    }
                    Next::TimedOut => break,
                }
            }
            assert_eq!(reached, store.position().unwrap().number, "step {step}, kept {keep:?}");
        }
        if !stopped {
            return; // Fewer operations than this: every one is covered.
        }
    }
}

/// A store on a simulated disk, open alone, that would drop segments, and its index.
fn about_to_drop(disk: &SimDisk, options: StoreOptions) -> (Store, TempDir) {
    let index = tempfile::tempdir().unwrap();
    let options = options.segment_bytes(1).reserve_bytes(4096).exclusive(true);
    let options = options.disk(Arc::new(disk.clone())).index_directory(index.path());
    let store = Store::open("/store", &options).unwrap();
    put(&store, 12);
    store.snapshot().unwrap();
    put(&store, 1);
    store.set_retention(&last_events(2)).unwrap();
    store.snapshot().unwrap();
    (store, index)
}

#[test]
fn a_reader_that_segments_are_dropped_under_is_told_of_the_gap() {
    for read in 0_u64.. {
        let disk = SimDisk::new();
        let (store, _index) = about_to_drop(&disk, StoreOptions::new());
        let after = Position { epoch: 1, number: 4 };
        let mut following = store.follow(after, &Filter::default()).unwrap();
        let (seen, dropped) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
        disk.delay_next(
            move |label| {
                label.starts_with("read store/journal/") && seen.fetch_add(1, Ordering::Relaxed) == read
            },
            {
                let (store, dropped) = (store.clone(), dropped.clone());
                move || dropped.store(maintain(&store), Ordering::Relaxed)
            },
        );
        let mut reached = after.number;
        loop {
            match following.next(2, Some(Duration::ZERO)) {
                Ok(Next::Gap(gap)) => {
                    assert_eq!(gap.from.number, reached + 1, "read {read}");
                    reached = gap.to.number;
                }
                Ok(Next::Events(events)) => {
                    for event in events {
                        assert_eq!(event.position.number, reached + 1, "read {read}");
                        reached += 1;
                    }
                }
                Ok(Next::TimedOut) => break,
                Err(error) => panic!("read {read}: {error}"),
            }
        }
        assert_eq!(reached, store.position().unwrap().number, "read {read}");
        if dropped.load(Ordering::Relaxed) == 0 {
            assert!(read > 10);
            return; // Fewer reads than this: segments were dropped before each of them.
        }
    }
}

#[test]
fn snapshots_are_read_only_where_that_lets_segments_go() {
    let recorder = RecordingDisk::default();
    let options = StoreOptions::new().segment_bytes(1).disk(Arc::new(recorder.clone()));
    let fixture = Fixture::with(options);
    let read = || recorder.read_below(&fixture.path().join("snapshots")).0;
    put(&fixture.store, 20);
    fixture.store.snapshot().unwrap();
    put(&fixture.store, 2);
    fixture.store.snapshot().unwrap();
    fixture.store.set_retention(&last_events(2)).unwrap();
    assert!(maintain(&fixture.store) > 10 && read() > 0, "both are read back");
    let before = read();
    put(&fixture.store, 10);
    assert_eq!(maintain(&fixture.store), 0, "all of it is behind the older snapshot");
    assert_eq!(read(), before);
}

#[test]
fn nobody_waits_while_snapshots_are_read_back() {
    let disk = SimDisk::new();
    let (store, _index) = about_to_drop(&disk, StoreOptions::new().patience(Duration::from_millis(50)));
    disk.delay_next(|label| label.starts_with("read store/snapshots/"), {
        let store = store.clone();
        move || {
            let subscribing =
                std::thread::spawn(move || store.subscribe("meanwhile", Position::default()).unwrap());
            subscribing.join().unwrap();
        }
    });
    assert!(maintain(&store) > 3);
    assert_eq!(store.subscribers().unwrap().len(), 1, "the lock for opening was free");
}

#[test]
fn a_snapshot_whose_name_was_not_synced_is_none_to_restore_from() {
    let disk = SimDisk::new();
    let index = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().segment_bytes(1).reserve_bytes(4096).exclusive(true);
    let options = options.disk(Arc::new(disk.clone()));
    let store = Store::open("/store", &options.clone().index_directory(index.path())).unwrap();
    let objects = put(&store, 12);
    store.set_retention(&last_events(2)).unwrap();
    for _ in 0..2 {
        put(&store, 1);
        // Whoever made it dies before its name is on the medium, or cannot bring it there.
        disk.fail_next(std::io::ErrorKind::Other, |label| label == "syncdir store/snapshots");
        assert!(store.snapshot().is_err());
    }
    assert!(maintain(&store) > 3);
    let image = disk.crash();
    disk.stop();
    drop(store);
    let index = tempfile::tempdir().unwrap();
    let options = options.disk(Arc::new(image.power_loss(Keep::None))).index_directory(index.path());
    let store = Store::open("/store", &options).unwrap();
    assert_eq!(store.read_only_reason(), None);
    assert!(objects.iter().all(|id| store.get(*id).unwrap() == b"x"));
}

#[test]
fn an_epoch_whose_beginning_was_interrupted_has_its_record_all_the_same() {
    let keeps = [None, Some(Keep::None), Some(Keep::All), Some(Keep::Random(1)), Some(Keep::Random(2))];
    let mut interrupted = 0;
    for (step, keep) in (0_u64..).flat_map(|step| keeps.map(|keep| (step, keep))) {
        let disk = SimDisk::new();
        let index = tempfile::tempdir().unwrap();
        let on = |disk: &SimDisk| {
            let options = StoreOptions::new().segment_bytes(300).reserve_bytes(4096).exclusive(true);
            Store::open("/store", &options.disk(Arc::new(disk.clone())).index_directory(index.path()))
        };
        let store = on(&disk).unwrap();
        put(&store, 4);
        let before = store.position().unwrap();
        store.subscribe("mirror", before).unwrap();
        store.close().unwrap();
        drop(store);
        for part in files_ending(index.path(), "") {
            std::fs::remove_file(part).unwrap();
        }
        // The index is made anew, and an epoch begins.
        disk.stop_at(step);
        drop(on(&disk));
        let stopped = disk.is_stopped();
        let image = disk.crash();
        let disk = keep.map_or_else(|| image.process_crash(), |keep| image.power_loss(keep));
        let store = on(&disk).unwrap();
        let at = format!("step {step}, kept {keep:?}");
        assert_eq!(store.read_only_reason(), None, "{at}");
        put(&store, 1);
        let behind = store.feed_after(before, usize::MAX).unwrap();
        assert!(matches!(behind[0].change, Change::EpochBegan { .. }), "{at}: {behind:?}");
        let mut epoch = before.epoch;
        for event in &behind {
            let began = matches!(event.change, Change::EpochBegan { .. });
            assert_eq!(event.position.epoch > epoch, began, "{at}: {event:?}");
            interrupted += usize::from(event.position.epoch > epoch + 1);
            epoch = event.position.epoch;
        }
        let mut mirror = store.subscription("mirror", &Filter::default()).unwrap();
        assert_eq!(next(&mut mirror), Next::Events(behind), "{at}");
        mirror.ack(mirror.position(), Durability::Durable).unwrap();
        drop(mirror);
        let mut mirror = store.subscription("mirror", &Filter::default()).unwrap();
        assert_eq!(next(&mut mirror), Next::TimedOut, "{at}: what was acknowledged stays so");
        if !stopped && keep == keeps[keeps.len() - 1] {
            break; // Fewer operations than this: every one is covered.
        }
    }
    assert!(interrupted > 0, "no crash came between a segment and its record");
}
