//! Reading is told late and for many objects at once, costs no write a call, and changes nothing of an object.

use std::sync::Arc;
use std::time::Duration;

use hsm_core::journal::Change;
use hsm_core::object::{Object, ObjectId, Position};
use hsm_core::testing::disk::Keep;
use hsm_core::{
    Delivery, EventKind, EventKinds, Filter, GetOptions, Kind, Next, PutOptions, Query, Store, StoreOptions,
};
use hsm_tests::fixture::{Fixture, Listing, ManualClock, SimFixture, events, kind};

const MINUTE_NS: i64 = 60_000_000_000;

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

fn with_clock() -> (Arc<ManualClock>, Fixture) {
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    (clock, fixture)
}

fn put(store: &Store, count: usize) -> Vec<ObjectId> {
    (0..count).map(|_| store.put(b"x", &PutOptions::default()).unwrap().id).collect()
}

fn number(store: &Store) -> u64 {
    store.position().unwrap().number
}

/// The objects that the feed tells accesses of, with the times.
fn accesses(store: &Store) -> Vec<(ObjectId, i64)> {
    store.sync().unwrap();
    let of = |change| match change {
        Change::Accessed { object, accessed_ns } => Some((object, accessed_ns)),
        _ => None,
    };
    events(store).into_iter().filter_map(|event| of(event.change)).collect()
}

#[test]
fn reading_writes_nothing_within_the_bound_and_then_one_group_for_all() {
    let (clock, fixture) = with_clock();
    let store = &fixture.store;
    assert_eq!(store.access_staleness().unwrap(), Some(Duration::from_hours(1)));
    let ids = put(store, 10);
    let before: Vec<_> = ids.iter().map(|id| store.object(*id).unwrap()).collect();
    let start = number(store);
    let read_all = || {
        for id in ids.iter().cycle().take(500) {
            assert_eq!(store.get(*id).unwrap(), b"x");
        }
    };
    clock.advance(minutes(29));
    read_all(); // They were put just now: nothing is worth noting.
    clock.advance(minutes(2));
    read_all(); // Noted.
    clock.advance(minutes(29));
    read_all();
    assert_eq!(number(store), start, "nothing was written");
    assert!(ids.iter().all(|id| store.object(*id).unwrap().accessed_ns == 0));
    clock.advance(minutes(1));
    store.get(ids[0]).unwrap();
    assert_eq!(number(store), start + 10);
    let of_group: Vec<_> = accesses(store);
    assert_eq!(of_group.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    for (index, (id, before)) in ids.iter().zip(before).enumerate() {
        let after = store.object(*id).unwrap();
        let ago = if index == 0 { 61 } else { 60 };
        assert_eq!(after.accessed_ns, before.modified_ns + ago * MINUTE_NS, "the last of its reads");
        assert_eq!(after.changed, before.changed, "it did not change");
    }
    let changed = Query { changed_after: Some(start), ..Query::default() };
    assert_eq!(store.objects(&changed).count(), 0);
    clock.advance(minutes(28));
    read_all();
    assert_eq!(number(store), start + 10, "read not long ago: nothing is worth noting");
}

#[test]
fn a_close_and_maintenance_write_down_what_was_noted_and_a_rebuilt_index_knows_it() {
    let (clock, mut fixture) = with_clock();
    let ids = put(&fixture.store, 3);
    clock.advance(minutes(31));
    fixture.store.get(ids[0]).unwrap();
    fixture.store.maintain().unwrap();
    assert_eq!(accesses(&fixture.store).len(), 1);
    let mut buffer = [0];
    fixture.store.get_range(ids[1], 0, &mut buffer).unwrap();
    fixture.reopen();
    let told = accesses(&fixture.store);
    assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids[..2]);
    let listing = Listing::of(&fixture.store);
    let known: Vec<_> = ids.iter().map(|id| fixture.store.object(*id).unwrap().accessed_ns).collect();
    assert_eq!(known, [told[0].1, told[1].1, 0]);
    // The listing read the third one.
    fixture.store.set_access_staleness(None).unwrap();
    fixture.reopen_after(|path| std::fs::remove_file(path.join("index/index.db")).unwrap());
    assert_eq!(Listing::of(&fixture.store), listing);
}

#[test]
fn bulk_reads_count_and_reads_of_the_store_itself_do_not() {
    let (clock, fixture) = with_clock();
    let store = &fixture.store;
    let ids = put(store, 200);
    clock.advance(minutes(31));
    let start = number(store);
    store.copy(ids[0], None, 1).unwrap();
    store.verify(ids[0], 1).unwrap();
    store.put_at(ids[1], 0, b"y", hsm_core::Durability::Durable).unwrap();
    store.maintain().unwrap();
    assert_eq!(accesses(store), []);
    let mut count = 0;
    let mut take = |_: Delivery<'_>| {
        count += 1;
        Ok(())
    };
    store.get_all(&Query::default(), &GetOptions::default(), &mut take).unwrap();
    assert_eq!(count, 200);
    let written = number(store) - start - 3;
    assert!((128..199).contains(&written), "{written}: memory is bounded, the rest waits");
    store.maintain().unwrap();
    let told: Vec<_> = accesses(store).into_iter().map(|(id, _)| id).collect();
    assert_eq!(told.len(), 199);
    assert!(!told.contains(&ids[1]), "its content is new");
}

#[test]
fn what_was_noted_of_an_object_that_is_gone_or_new_is_dropped() {
    let (clock, fixture) = with_clock();
    let store = &fixture.store;
    let ids = put(store, 4);
    clock.advance(minutes(31));
    for id in &ids {
        drop(store.get(*id).unwrap());
    }
    clock.advance(minutes(1));
    store.remove(ids[0]).unwrap();
    store.put(b"new", &PutOptions::id(ids[1])).unwrap();
    store.purge(ids[2]).unwrap();
    store.maintain().unwrap();
    assert_eq!(accesses(store).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [ids[3]]);
    assert_eq!(store.object(ids[1]).unwrap().accessed_ns, 0);
    store.undelete(ids[0]).unwrap();
    assert_eq!(store.object(ids[0]).unwrap().accessed_ns, 0);
}

#[test]
fn objects_are_listed_by_their_last_use() {
    let (clock, fixture) = with_clock();
    let store = &fixture.store;
    let ids = put(store, 3);
    clock.advance(minutes(600));
    store.get(ids[1]).unwrap();
    store.put(b"new", &PutOptions::id(ids[2])).unwrap();
    store.maintain().unwrap();
    let used_ns = store.object(ids[1]).unwrap().accessed_ns;
    let of =
        |query: Query| -> Vec<ObjectId> { store.objects(&query).map(|found| found.unwrap().1.id).collect() };
    let unused = Query { accessed_before_ns: Some(used_ns), ..Query::default() };
    assert_eq!(of(unused), ids[..1], "one that was never read counts from its last change");
    assert_eq!(of(Query { accessed_from_ns: Some(used_ns), ..Query::default() }), ids[1..]);
    assert_eq!(of(Query { accessed_from_ns: Some(used_ns + 1), ..Query::default() }), []);
}

#[test]
fn the_staleness_is_the_stores_and_may_be_none_or_zero() {
    let (clock, mut fixture) = with_clock();
    let ids = put(&fixture.store, 2);
    clock.advance(minutes(31));
    fixture.store.get(ids[0]).unwrap();
    fixture.store.set_access_staleness(None).unwrap();
    let other = fixture.another_handle();
    assert_eq!(other.access_staleness().unwrap(), None);
    other.get(ids[1]).unwrap();
    other.maintain().unwrap();
    fixture.store.maintain().unwrap();
    assert_eq!(accesses(&fixture.store), [], "nothing is noted any more");
    fixture.store.set_access_staleness(Some(Duration::ZERO)).unwrap();
    clock.advance(minutes(2));
    other.get(ids[1]).unwrap();
    assert_eq!(accesses(&other).len(), 1, "it learned of it");
    other.close().unwrap();
    fixture.reopen();
    assert_eq!(fixture.store.access_staleness().unwrap(), Some(Duration::ZERO));
    let before = number(&fixture.store);
    for _ in 0..3 {
        clock.advance(Duration::from_nanos(1));
        fixture.store.get(ids[0]).unwrap();
    }
    assert_eq!(number(&fixture.store), before + 3);
}

#[test]
fn a_handle_that_may_not_write_notes_nothing() {
    let (clock, fixture) = with_clock();
    let ids = put(&fixture.store, 1);
    clock.advance(minutes(31));
    let options = StoreOptions::new().clock(clock).read_only(true);
    let reader = Store::open(fixture.path(), &options).unwrap();
    assert_eq!(reader.get(ids[0]).unwrap(), b"x");
    assert_eq!(kind(&reader.set_access_staleness(None)), Some(Kind::Refused));
    reader.close().unwrap();
    assert_eq!(accesses(&fixture.store), []);
}

#[test]
fn a_subscriber_can_leave_accesses_out() {
    let (clock, fixture) = with_clock();
    let store = &fixture.store;
    let ids = put(store, 1);
    clock.advance(minutes(31));
    store.get(ids[0]).unwrap();
    store.maintain().unwrap();
    put(store, 1);
    let kinds = |kinds: EventKinds| {
        let filter = Filter { kinds: Some(kinds), ..Filter::default() };
        let mut follower = store.follow(Position::default(), &filter).unwrap();
        match follower.next(usize::MAX, Some(Duration::ZERO)).unwrap() {
            Next::Events(events) => events.iter().map(|event| EventKind::of(&event.change)).collect(),
            other => panic!("{other:?}"),
        }
    };
    let all: Vec<_> = kinds(EventKinds::all());
    assert_eq!(all.iter().filter(|kind| **kind == EventKind::Accessed).count(), 1);
    let others = all.into_iter().filter(|kind| *kind != EventKind::Accessed).collect::<Vec<_>>();
    assert_eq!(kinds(EventKinds::all().without(EventKind::Accessed)), others);
    assert_eq!(kinds(EventKinds::new().with(EventKind::Accessed)), [EventKind::Accessed]);
}

/// A store on a disk, with an object that was read; the read is written down if `written`.
fn read_on_a_disk(written: bool) -> (Arc<ManualClock>, SimFixture, ObjectId) {
    let clock = ManualClock::new();
    let fixture = SimFixture::with(StoreOptions::new().clock(clock.clone()));
    let id = put(&fixture.store, 1)[0];
    clock.advance(minutes(31));
    fixture.store.get(id).unwrap();
    if written {
        fixture.store.maintain().unwrap();
    }
    (clock, fixture, id)
}

#[test]
fn a_crash_loses_only_the_times_of_access() {
    for (written, index_too) in [(false, false), (false, true), (true, false), (true, true)] {
        for keep in [Keep::None, Keep::All] {
            let (_, mut fixture, id) = read_on_a_disk(written);
            let before = fixture.store.object(id).unwrap();
            assert_eq!(before.accessed_ns != 0, written);
            fixture.lose_power(keep, index_too);
            let after = fixture.store.object(id).unwrap();
            assert!(after.accessed_ns == 0 || after.accessed_ns == before.accessed_ns);
            assert_eq!((after.changed, after.modified_ns), (before.changed, before.modified_ns));
            assert_eq!(after.copies, before.copies);
            assert_eq!(fixture.store.get(id).unwrap(), b"x");
            assert_eq!(fixture.store.read_only_reason(), None);
            put(&fixture.store, 1);
        }
    }
}

#[test]
fn a_crash_at_any_step_of_a_flush_loses_only_times_of_access() {
    for (keep, index_too) in [(Keep::None, true), (Keep::None, false), (Keep::All, true)] {
        for step in 0.. {
            let (_, mut fixture, id) = read_on_a_disk(false);
            let read_ns = fixture.store.object(id).unwrap().modified_ns + 31 * MINUTE_NS;
            let before = fixture.store.object(id).unwrap();
            fixture.disk.stop_at(step);
            let closed = fixture.store.close();
            let is_done = !fixture.disk.is_stopped();
            assert!(!is_done || closed.is_ok());
            fixture.lose_power(keep, index_too);
            fixture.store.set_access_staleness(None).unwrap();
            let after = fixture.store.object(id).unwrap();
            assert!(after.accessed_ns == read_ns || (after.accessed_ns == 0 && !is_done), "step {step}");
            assert_eq!(Object { accessed_ns: 0, ..after }, before);
            let listing = Listing::of(&fixture.store);
            fixture.store.close().unwrap();
            fixture.delete_index();
            let disk = fixture.disk.crash().power_loss(Keep::None);
            fixture.continue_on(disk);
            assert_eq!(Listing::of(&fixture.store), listing, "step {step}: the journal tells the same");
            if is_done {
                assert!(step > 3, "it wrote");
                break;
            }
        }
    }
}

#[test]
fn on_a_full_disk_an_access_does_not_eat_the_reserve() {
    let (clock, fixture, id) = read_on_a_disk(false);
    let before = number(&fixture.store);
    fixture.disk.set_capacity(Some(1 << 20));
    clock.advance(minutes(31));
    assert_eq!(fixture.store.get(id).unwrap(), b"x");
    assert_eq!(number(&fixture.store), before);
}

#[test]
fn an_access_that_cannot_be_written_down_disturbs_no_read() {
    let (clock, fixture, id) = read_on_a_disk(false);
    let before = number(&fixture.store);
    clock.advance(minutes(31));
    fixture.disk.fail_every(std::io::ErrorKind::StorageFull, |label| {
        label.starts_with("write ") && label.contains("journal")
    });
    assert_eq!(fixture.store.get(id).unwrap(), b"x");
    fixture.disk.clear_failures();
    assert_eq!(number(&fixture.store), before);
    assert_eq!(fixture.store.object(id).unwrap().accessed_ns, 0);
    put(&fixture.store, 1);
}
