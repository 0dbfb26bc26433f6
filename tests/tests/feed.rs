//! Following a store costs what is new, not what was: the feed is read on where it was left.

use std::sync::Arc;

use hsm_core::object::Position;
use hsm_core::{Durability, Event, Kind, PutOptions, Result, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, kind};
use hsm_tests::recording::RecordingDisk;

/// Makes `count` objects with an attribute in one commit: one group of the journal.
fn change(store: &Store, count: usize, value: &[u8]) {
    let mut batch = store.batch(true, Durability::Durable);
    for _ in 0..count {
        let mut options = PutOptions::default();
        options.attributes.insert("value", value);
        batch.put_empty(&options).unwrap();
    }
    for answer in batch.commit().unwrap() {
        answer.unwrap();
    }
}

/// One more handle, whose reads are counted.
fn counted(fixture: &Fixture) -> (Store, RecordingDisk) {
    let disk = RecordingDisk::default();
    let options = StoreOptions::new().disk(Arc::new(disk.clone()));
    (Store::open(fixture.path(), &options).unwrap(), disk)
}

fn length_of(directory: &std::path::Path) -> u64 {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn assert_whole(events: &[Event], last: Position) {
    assert!(events.iter().map(|event| event.position.number).eq(1..=last.number));
}

#[test]
fn a_segment_is_read_once_however_many_pages_it_takes() {
    let fixture = Fixture::new();
    for _ in 0..60 {
        change(&fixture.store, 500, &[7; 200]);
    }
    let journal = fixture.path().join("journal");
    let (store, disk) = counted(&fixture);
    let before = disk.read_below(&journal).0;
    let events: Vec<Event> = store.feed(Position::default()).collect::<Result<_>>().unwrap();
    assert_whole(&events, store.position().unwrap());
    let (read, there) = (disk.read_below(&journal).0 - before, length_of(&journal));
    assert!(read < 2 * there, "{read} bytes read of a journal of {there}");
}

#[test]
fn a_position_is_found_without_a_look_at_every_segment() {
    let fixture = Fixture::with(StoreOptions::new().segment_bytes(1));
    for _ in 0..300 {
        change(&fixture.store, 1, b"y");
    }
    let journal = fixture.path().join("journal");
    let (store, disk) = counted(&fixture);
    for number in [0, 1, 100, 250] {
        let before = disk.read_below(&journal).1;
        let found = store.feed_after(Position { epoch: 1, number }, 1).unwrap();
        assert_eq!(found[0].position.number, number + 1);
        let looked_at = disk.read_below(&journal).1 - before;
        assert!(looked_at < 20, "{looked_at} segments looked at for change {number}");
    }
}

#[test]
fn a_position_behind_the_last_change_is_refused_until_there_is_such_a_change() {
    let fixture = Fixture::new();
    let last = fixture.store.position().unwrap();
    let beyond = Position { number: last.number + 1, ..last };
    assert!(fixture.store.feed_after(last, 9).unwrap().is_empty());
    assert_eq!(kind(&fixture.store.feed_after(beyond, 9)), Some(Kind::Invalid));
    change(&fixture.store, 1, b"y");
    assert!(fixture.store.feed_after(last, 9).unwrap()[0].position == beyond);
    fixture
        .store
        .put(b"relaxed", &PutOptions { durability: Durability::Relaxed, ..PutOptions::default() })
        .unwrap();
    let relaxed = fixture.store.position().unwrap();
    assert!(fixture.store.feed_after(relaxed, 9).unwrap().is_empty(), "it is there, and may become durable");
}

#[test]
fn a_page_that_ends_within_a_group_goes_on_in_it() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    change(store, 10_000, b"one group");
    let events: Vec<Event> = store.feed(Position::default()).collect::<Result<_>>().unwrap();
    assert_whole(&events, store.position().unwrap());
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map_or(Position::default(), |event: &Event| event.position);
        let page = store.feed_after(after, 999).unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, events);
}

#[test]
fn a_page_of_large_events_is_bounded_by_their_bytes() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    for _ in 0..3 {
        change(store, 200, &vec![7; 60_000]);
    }
    let page = store.feed_after(Position::default(), usize::MAX).unwrap();
    assert!((1..200).contains(&page.len()), "{} events of 60 000 bytes in a page", page.len());
    let events: Vec<Event> = store.feed(Position::default()).collect::<Result<_>>().unwrap();
    assert_whole(&events, store.position().unwrap());
}

#[test]
fn a_feed_that_ended_goes_on_with_what_came_since_across_segments() {
    let fixture = Fixture::with(StoreOptions::new().segment_bytes(1000));
    let store = &fixture.store;
    let mut feed = store.feed(Position::default());
    let mut events = Vec::new();
    for round in 0..30_u8 {
        store.put(&[round], &PutOptions::default()).unwrap();
        events.extend(feed.by_ref().collect::<Result<Vec<Event>>>().unwrap());
        assert_eq!(feed.position(), store.position().unwrap());
    }
    assert_whole(&events, store.position().unwrap());
}
