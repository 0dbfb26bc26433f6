//! Who follows a store sees each event once, in order, however often it is killed, and is woken by others.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hsm_core::journal::Change;
use hsm_core::object::{Attributes, Position};
use hsm_core::testing::fail_lookup;
use hsm_core::{
    Durability, Event, EventKind, EventKinds, Filter, Kind, Next, PutOptions, Store, StoreOptions,
    Subscription,
};
use hsm_tests::fixture::{Fixture, kind, name};
use hsm_tests::follower::read_ledger;

/// Long enough for any machine that runs this; nothing waits for it where all is well.
const PATIENCE: Duration = Duration::from_mins(1);

fn events(subscription: &mut Subscription, max: usize) -> Vec<Event> {
    match subscription.next(max, Some(PATIENCE)).unwrap() {
        Next::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.position.number).collect()
}

/// All there is now.
fn rest(subscription: &mut Subscription) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        match subscription.next(usize::MAX, Some(Duration::ZERO)).unwrap() {
            Next::Events(events) => all.extend(events),
            Next::TimedOut => return all,
            Next::Gap(gap) => panic!("{gap:?}"),
        }
    }
}

fn put_empty(store: &Store, count: usize) {
    let mut batch = store.batch(false, Durability::Durable);
    for _ in 0..count {
        batch.put_empty(&PutOptions::default()).unwrap();
    }
    for answer in batch.commit().unwrap() {
        answer.unwrap();
    }
}

#[test]
fn a_subscriber_goes_on_behind_what_it_acknowledged() {
    let mut fixture = Fixture::new();
    put_empty(&fixture.store, 20);
    fixture.store.subscribe("mirror", Position::default()).unwrap();
    let filter = Filter::default();
    let mut subscription = fixture.store.subscription("mirror", &filter).unwrap();
    assert_eq!(numbers(&events(&mut subscription, 3)), [1, 2, 3]);
    let three = subscription.position();
    assert_eq!(numbers(&events(&mut subscription, 2)), [4, 5]);
    subscription.ack(three, Durability::Durable).unwrap();
    subscription.ack(Position { number: 2, ..three }, Durability::Durable).unwrap();
    assert_eq!(subscription.acked(), Some(three), "what was acknowledged stays so");
    drop(subscription);
    fixture.reopen();

    let mut subscription = fixture.store.subscription("mirror", &filter).unwrap();
    assert_eq!(numbers(&events(&mut subscription, 2)), [4, 5]);
    let seven = Position { number: 7, ..three };
    subscription.ack(seven, Durability::Relaxed).unwrap();
    assert_eq!(numbers(&events(&mut subscription, 1)), [8], "what lies before it is passed over");
    let last = fixture.store.position().unwrap();
    subscription.ack(last, Durability::Durable).unwrap();
    assert!(rest(&mut subscription).is_empty());
    let beyond = Position { number: last.number + 1, ..last };
    assert_eq!(kind(&subscription.ack(beyond, Durability::Durable)), Some(Kind::Invalid));
    drop(subscription);
    fixture.reopen();
    put_empty(&fixture.store, 1);
    let mut subscription = fixture.store.subscription("mirror", &filter).unwrap();
    assert_eq!(numbers(&rest(&mut subscription)), [last.number + 1]);
}

#[test]
fn subscribers_are_listed_dropped_and_refused_where_they_are_followed_already() {
    let fixture = Fixture::new();
    let (store, filter) = (&fixture.store, Filter::default());
    assert!(store.subscribers().unwrap().is_empty());
    let three = Position { epoch: 1, number: 3 };
    store.subscribe("b/ü", three).unwrap();
    store.subscribe(&"a".repeat(255), Position::default()).unwrap();
    assert_eq!(kind(&store.subscribe("b/ü", three)), Some(Kind::Exists));
    assert_eq!(kind(&store.subscribe("", three)), Some(Kind::Invalid));
    assert_eq!(kind(&store.subscribe(&"a".repeat(256), three)), Some(Kind::Invalid));
    let beyond = Position { epoch: 1, number: 1000 };
    assert_eq!(kind(&store.subscribe("c", beyond)), Some(Kind::Invalid));
    assert_eq!(kind(&store.subscription("c", &filter)), Some(Kind::NotFound));
    assert_eq!(kind(&store.drop_subscriber("c")), Some(Kind::NotFound));

    let other = fixture.another_handle();
    let held = other.subscription("b/ü", &filter).unwrap();
    assert_eq!(kind(&store.subscription("b/ü", &filter)), Some(Kind::Busy));
    assert_eq!(kind(&store.drop_subscriber("b/ü")), Some(Kind::Busy));
    let all = store.subscribers().unwrap();
    assert_eq!(
        all.iter().map(|all| (all.name.len(), all.is_followed)).collect::<Vec<_>>(),
        [(255, false), (4, true)]
    );
    assert_eq!(all[1].acked, three);
    drop(held);
    store.drop_subscriber("b/ü").unwrap();
    assert_eq!(store.subscribers().unwrap().len(), 1);
    assert_eq!(kind(&other.subscription("b/ü", &filter)), Some(Kind::NotFound));
}

#[test]
fn a_handle_that_may_not_write_follows_without_a_name_only() {
    let fixture = Fixture::new();
    fixture.store.subscribe("mirror", Position::default()).unwrap();
    let reader = Store::open(fixture.path(), &StoreOptions::new().read_only(true)).unwrap();
    assert_eq!(kind(&reader.subscription("mirror", &Filter::default())), Some(Kind::Refused));
    assert_eq!(kind(&reader.subscribe("other", Position::default())), Some(Kind::Refused));
    assert_eq!(kind(&reader.drop_subscriber("mirror")), Some(Kind::Refused));
    assert_eq!(reader.subscribers().unwrap().len(), 1);
    let mut following = reader.follow(Position::default(), &Filter::default()).unwrap();
    assert_eq!(rest(&mut following).last().unwrap().position, fixture.store.position().unwrap());
    assert_eq!(kind(&following.ack(following.position(), Durability::Durable)), Some(Kind::Refused));
    let mut following = fixture.store.follow(Position::default(), &Filter::default()).unwrap();
    assert_eq!(kind(&following.ack(following.position(), Durability::Durable)), Some(Kind::Invalid));
    assert!(!rest(&mut following).is_empty());
}

#[test]
fn a_filter_hands_out_what_it_asks_for_and_the_position_passes_over_the_rest() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (wanted, other) = (fixture.dataset("wanted"), fixture.dataset("other"));
    let before = store.position().unwrap();
    let named = |dataset, key: &str| PutOptions { name: Some(name(dataset, key)), ..PutOptions::default() };
    let inside = store.put(b"inside", &named(wanted, "a")).unwrap().id;
    let outside = store.put(b"outside", &named(other, "a")).unwrap().id;
    store.copy(inside, None, 1).unwrap();
    store.copy(outside, None, 1).unwrap();
    store.add_name(outside, &name(wanted, "b")).unwrap();
    store.set_attributes(inside, &vec![("hint".to_owned(), Some(b"0,1".to_vec()))]).unwrap();
    store.set_attributes(outside, &vec![("hint".to_owned(), Some(b"1,2".to_vec()))]).unwrap();
    store.set_attributes(outside, &vec![("hint".to_owned(), None)]).unwrap();
    let last = store.position().unwrap();

    let found = |filter: Filter| {
        let mut following = store.follow(before, &filter).unwrap();
        let found = rest(&mut following);
        assert_eq!(following.position(), last);
        numbers(&found).iter().map(|number| number - before.number).collect::<Vec<_>>()
    };
    assert_eq!(found(Filter::default()), (1..=8).collect::<Vec<_>>());
    let kinds = EventKinds::new().with(EventKind::CopyAdded).with(EventKind::Named);
    assert_eq!(found(Filter { kinds: Some(kinds), ..Filter::default() }), [3, 4, 5]);
    let hint = |value: Option<&[u8]>| Some(("hint".to_owned(), value.map(<[u8]>::to_vec)));
    assert_eq!(found(Filter { attribute: hint(None), ..Filter::default() }), [6, 7, 8]);
    assert_eq!(found(Filter { attribute: hint(Some(b"0,1")), ..Filter::default() }), [6]);
    // The second object has a key in it by now, so all that is told of it counts.
    let dataset = Some(wanted);
    assert_eq!(found(Filter { dataset, ..Filter::default() }), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(found(Filter { dataset: Some(other), ..Filter::default() }), [2, 4, 5, 7, 8]);
    assert_eq!(found(Filter { dataset, kinds: Some(kinds), attribute: hint(None) }), [0_u64; 0]);
    store.remove(inside).unwrap();
    store.purge(inside).unwrap();
    store.create_dataset("third", &Attributes::new()).unwrap();
    let mut following = store.follow(last, &Filter { dataset, ..Filter::default() }).unwrap();
    let changes: Vec<Change> = rest(&mut following).into_iter().map(|event| event.change).collect();
    assert!(matches!(changes[..], [Change::Purged { .. }]), "{changes:?}");
}

#[test]
fn a_lookup_that_fails_while_a_page_is_filtered_loses_no_event() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (wanted, other) = (fixture.dataset("wanted"), fixture.dataset("other"));
    for number in 0..4 {
        for dataset in [wanted, other] {
            let name = Some(name(dataset, format!("{number}")));
            let id = store.put_empty(&PutOptions { name, ..PutOptions::default() }).unwrap().id;
            store.set_attributes(id, &vec![("a".to_owned(), Some(b"b".to_vec()))]).unwrap();
        }
    }
    let filter = Filter { dataset: Some(wanted), ..Filter::default() };
    store.subscribe("mirror", Position::default()).unwrap();
    let all = rest(&mut store.follow(Position::default(), &filter).unwrap());
    for fail_at in 0.. {
        let mut following = store.subscription("mirror", &filter).unwrap();
        fail_lookup(Some(fail_at));
        let first = following.next(usize::MAX, Some(Duration::ZERO));
        if fail_lookup(None) {
            assert!(first.is_ok() && fail_at > 10);
            return; // Fewer lookups than this: each has failed once.
        }
        assert!(first.is_err(), "lookup {fail_at}");
        assert_eq!(following.position(), Position::default(), "lookup {fail_at}");
        assert_eq!(rest(&mut following), all, "lookup {fail_at}");
    }
}

#[test]
fn a_reader_that_waits_is_woken_by_another_thread_and_another_handle() {
    let fixture = Fixture::new();
    let in_memory = Store::in_memory(&StoreOptions::new()).unwrap();
    for (store, other) in
        [(fixture.store.clone(), fixture.another_handle()), (in_memory.clone(), in_memory.clone())]
    {
        let (sender, receiver) = mpsc::channel();
        let after = store.position().unwrap();
        let mut following = store.follow(after, &Filter::default()).unwrap();
        let waiting = thread::spawn(move || {
            for _ in 0..20 {
                sender.send(events(&mut following, 1)[0].position.number).unwrap();
            }
        });
        for round in 1..=20 {
            let writer = if round % 2 == 0 { &store } else { &other };
            if round % 5 == 0 {
                // It shows when it has become durable.
                let options = PutOptions { durability: Durability::Relaxed, ..PutOptions::default() };
                writer.put(b"relaxed", &options).unwrap();
                writer.sync().unwrap();
            } else {
                put_empty(writer, 1);
            }
            assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), after.number + round);
        }
        waiting.join().unwrap();
    }
}

#[test]
fn a_close_ends_the_wait_and_a_timeout_ends_it_without_an_event() {
    let fixture = Fixture::new();
    let in_memory = Store::in_memory(&StoreOptions::new()).unwrap();
    for store in [fixture.store.clone(), in_memory] {
        let after = store.position().unwrap();
        let mut following = store.follow(after, &Filter::default()).unwrap();
        assert_eq!(following.next(1, Some(Duration::from_millis(30))).unwrap(), Next::TimedOut);
        let waiting = thread::spawn(move || following.next(1, None));
        thread::sleep(Duration::from_millis(20));
        store.close().unwrap();
        assert_eq!(kind(&waiting.join().unwrap()), Some(Kind::Closed));
    }
}

#[test]
fn a_descriptor_tells_of_what_came() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let mut following = fixture.store.follow(Position::default(), &Filter::default()).unwrap();
    following.descriptor().unwrap();
    rest(&mut following);
    for _ in 0..50 {
        put_empty(&other, 1);
        let number = other.position().unwrap().number;
        let mut seen = Vec::new();
        while seen.last() != Some(&number) {
            let descriptor = following.descriptor().unwrap();
            let timeout = PollTimeout::try_from(PATIENCE).unwrap();
            assert_eq!(poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout), Ok(1));
            seen.extend(numbers(&rest(&mut following)));
        }
    }
    let in_memory = Store::in_memory(&StoreOptions::new()).unwrap();
    let mut following = in_memory.follow(Position::default(), &Filter::default()).unwrap();
    assert_eq!(kind(&following.descriptor().map(|_| ())), Some(Kind::Unsupported));
}

#[test]
fn a_descriptor_that_is_asked_for_late_tells_of_what_came_before_it() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let fixture = Fixture::new();
    for waits_first in [Duration::ZERO, Duration::from_millis(1)] {
        let after = fixture.store.position().unwrap();
        let mut following = fixture.store.follow(after, &Filter::default()).unwrap();
        assert_eq!(following.next(1, Some(waits_first)).unwrap(), Next::TimedOut);
        put_empty(&fixture.store, 1);
        let descriptor = following.descriptor().unwrap();
        let timeout = PollTimeout::try_from(PATIENCE).unwrap();
        assert_eq!(poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout), Ok(1));
        assert_eq!(numbers(&rest(&mut following)), [after.number + 1]);
    }
}

#[test]
fn a_subscriber_in_another_process_is_woken() {
    let fixture = Fixture::new();
    let after = fixture.store.position().unwrap();
    fixture.store.subscribe("there", after).unwrap();
    let last = after.number + 20;
    let mut child = Command::new(env!("CARGO_BIN_EXE_follower"))
        .arg(fixture.path())
        .args(["there", "wait", &last.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    for number in after.number + 1..=last {
        // It sleeps in between: what comes next has to wake it.
        put_empty(&fixture.store, 1);
        let line = lines.next().unwrap().unwrap();
        assert_eq!(line.split_once(' ').unwrap().0, number.to_string());
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn three_subscribers_see_each_event_once_though_one_is_killed_again_and_again() {
    let events = if cfg!(debug_assertions) { 30_000 } else { 1_000_000 };
    let fixture = Fixture::with(StoreOptions::new().segment_bytes(1 << 20));
    for subscriber in ["steady", "killed", "late"] {
        fixture.store.subscribe(subscriber, Position::default()).unwrap();
    }
    let first = fixture.store.position().unwrap().number;
    let last = first + events;
    let begun = Instant::now();
    let start = |subscriber: &str| {
        Command::new(env!("CARGO_BIN_EXE_follower"))
            .arg(fixture.path())
            .arg(subscriber)
            .arg(fixture.outside(subscriber))
            .arg(last.to_string())
            .spawn()
            .unwrap()
    };
    let mut steady = start("steady");
    let writer = thread::spawn({
        let store = fixture.store.clone();
        move || (0..events / 1000).for_each(|_| put_empty(&store, 1000))
    });
    let mut kills = 0;
    for round in 0_u64.. {
        let mut killed = start("killed");
        thread::sleep(Duration::from_millis(20 + round * 7919 % 131)); // Another moment each time.
        if killed.try_wait().unwrap().is_some_and(|status| status.success()) {
            break;
        }
        if round > 40 {
            assert!(killed.wait().unwrap().success());
            break;
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        kills += 1;
    }
    writer.join().unwrap();
    assert!(start("late").wait().unwrap().success());
    assert!(steady.wait().unwrap().success());
    assert!(kills > 0, "it was never killed at work");
    for subscriber in ["steady", "killed", "late"] {
        let ledger = std::fs::read_to_string(fixture.outside(subscriber)).unwrap();
        let seen = read_ledger(&ledger).unwrap_or_else(|| panic!("{subscriber} missed or repeated an event"));
        assert!(seen.iter().copied().eq(1..=last), "{subscriber}: {} of {last}", seen.len());
    }
    println!(
        "{last} events, three subscribers, one killed {kills} times: each once, none missing, in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}
