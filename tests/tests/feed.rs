//! Following a store costs what is new, not what was: the feed is read on where it was left.

use std::sync::Arc;

use hsm_core::integrity::Algorithm;
use hsm_core::journal::{Change, Updates};
use hsm_core::object::Position;
use hsm_core::{
    Durability, Event, EventKind, EventKinds, Filter, Kind, Next, PutOptions, RecordedEvent, Result, Store,
    StoreOptions, Waited,
};
use hsm_tests::fixture::{Fixture, kind, name};
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

/// Changes of many kinds; a put with all that a put can have stands before one with nothing.
fn changes_of_many_kinds(fixture: &Fixture) {
    let store = &fixture.store;
    let dataset = fixture.dataset("one");
    let mut full = PutOptions::name(name(dataset, "full"));
    full.attributes.extend([("project", "climate"), ("é", "")]);
    full.digests = vec![Algorithm::Sha256, Algorithm::Crc32c];
    for options in [full, PutOptions::default()] {
        let id = store.put(b"content", &options).unwrap().id;
        store.copy(id, None, 1).unwrap();
        store
            .set_attributes(id, &vec![("a".to_owned(), Some(b"1".to_vec())), ("b".to_owned(), None)])
            .unwrap();
        store.add_name(id, &name(dataset, "second")).unwrap();
        store.remove_name(&name(dataset, "second")).unwrap();
        store.remove(id).unwrap();
        store.undelete(id).unwrap();
        store.remove(id).unwrap();
        store.purge(id).unwrap();
        store.put_empty(&PutOptions::default()).unwrap();
    }
    fixture.dataset("two");
}

fn assert_same(event: &RecordedEvent, made: &Event) {
    let recorded = &event.recorded;
    assert_eq!((event.position, event.time_ns, event.instance), (made.position, made.time_ns, made.instance));
    // What is had without the change comes first.
    assert_eq!(event.kind(), EventKind::of(&made.change));
    assert_eq!(recorded.object(), made.change.object());
    let (mut updates, mut dataset, mut key) = (Updates::new(), None, None);
    recorded.each_attribute(|name, value| updates.push((name.to_owned(), value.map(<[u8]>::to_vec))));
    let wanted = match &made.change {
        Change::Put { attributes, name, copies, content, .. } => {
            let put = recorded.put().unwrap();
            assert_eq!(usize::from(put.copies), copies.len());
            assert_eq!(put.size, content.as_ref().map(|content| content.size));
            (dataset, key) = name.clone().map(|name| (name.dataset, name.key)).unzip();
            attributes.clone()
        }
        Change::Named { name, .. }
        | Change::Unnamed { name, .. }
        | Change::Undeleted { name: Some(name), .. } => {
            (dataset, key) = (Some(name.dataset), Some(name.key.clone()));
            Updates::new()
        }
        Change::AttributesSet { attributes, .. } => attributes.clone(),
        Change::DatasetCreated { dataset: created, attributes, .. } => {
            dataset = Some(*created);
            attributes.clone()
        }
        _ => Updates::new(),
    };
    assert_eq!(updates, wanted);
    assert_eq!(recorded.dataset(), dataset);
    assert_eq!(recorded.name().map(|(_, key)| key.to_vec()), key);
    assert_eq!(*recorded.change(), made.change);
}

#[test]
fn an_event_in_the_place_of_another_says_what_one_that_is_made_says_and_nothing_of_the_one_before() {
    let fixture = Fixture::new();
    changes_of_many_kinds(&fixture);
    let store = &fixture.store;
    let mut feed = store.feed(Position::default());
    let mut event = RecordedEvent::default();
    let made: Vec<Event> = store.feed(Position::default()).collect::<Result<_>>().unwrap();
    assert_whole(&made, store.position().unwrap());
    for made in &made {
        feed.next_into(&mut event).unwrap().unwrap();
        assert_same(&event, made);
        assert_eq!(feed.position(), made.position);
    }
    assert!(feed.next_into(&mut event).is_none());
    for made in made {
        assert_same(&made.clone().into(), &made);
    }
}

#[test]
fn a_filter_hands_the_same_events_out_in_the_place_of_others() {
    let fixture = Fixture::new();
    changes_of_many_kinds(&fixture);
    let store = &fixture.store;
    let dataset = Some(store.dataset("one").unwrap().id);
    let kinds = Some(EventKinds::new().with(EventKind::Put).with(EventKind::Removed));
    let attribute = |value: Option<&[u8]>| Some(("a".to_owned(), value.map(<[u8]>::to_vec)));
    let filters = [
        Filter { kinds, ..Filter::default() },
        Filter { dataset, ..Filter::default() },
        Filter { attribute: attribute(Some(b"1")), ..Filter::default() },
        Filter { attribute: attribute(Some(b"2")), ..Filter::default() },
        Filter { kinds, dataset, ..Filter::default() },
    ];
    for filter in filters {
        let mut made = store.follow(Position::default(), &filter).unwrap();
        let mut read = store.follow(Position::default(), &filter).unwrap();
        let mut event = RecordedEvent::default();
        loop {
            let now = Some(std::time::Duration::ZERO);
            let Next::Events(events) = made.next(1, now).unwrap() else {
                assert_eq!(read.wait(now).unwrap(), Waited::TimedOut);
                break;
            };
            assert_eq!(read.wait(now).unwrap(), Waited::Events);
            assert!(read.next_into(&mut event));
            assert_same(&event, &events[0]);
            assert_eq!(read.position(), made.position());
        }
        assert_eq!(read.position(), store.position().unwrap());
    }
}
