//! The library by itself: queue, windows, mounts, and what goes through at once.

use std::time::Duration;

use super::*;
use crate::backend::memory::MemoryBackend;
use crate::error::Kind;
use crate::testing::{backend::conformance, clock::ManualClock};

const START_NS: TimeNs = 1_000_000_000;

fn library(drives: u32) -> (Arc<ManualClock>, DelayedBackend) {
    let clock = Arc::new(ManualClock::new(START_NS, 1));
    let delay = Delay { latency_ms: 10, mount_ms: 100, seek_ms: 5, readable_ms: 1000, drives };
    let inner = Arc::new(MemoryBackend::new());
    (clock.clone(), DelayedBackend::new(inner, 7, delay, clock, Arc::default()))
}

fn name(serial: u64) -> PlaceName {
    PlaceName { instance: 1, serial, packed: true }
}

fn at_ms(ms: u64) -> TimeNs {
    START_NS + ns(ms)
}

fn write(library: &DelayedBackend, serial: u64) {
    library.create(name(serial)).unwrap().write_at(b"tape", 0).unwrap();
}

#[test]
fn it_is_a_backend() {
    conformance(&|| {
        let (_, library) = library(1);
        Arc::new(library)
    });
}

#[test]
fn what_was_written_is_readable_for_a_while_and_then_only_behind_a_recall() {
    let (clock, library) = library(1);
    write(&library, 1);
    assert!(library.open(name(1), ReadFrom::Medium).unwrap().is_some());
    clock.advance(Duration::from_secs(1));
    assert_eq!(library.readiness(name(1)), Readiness::Offline);
    let error = library.open(name(1), ReadFrom::Anywhere).unwrap_err();
    assert_eq!(error.kind(), Kind::Offline);
    assert!(error.to_string().contains("submit a recall"), "{error}");
    assert!(library.open(name(2), ReadFrom::Anywhere).unwrap().is_none(), "one that is gone is gone");
    assert_eq!(library.length(name(1)).unwrap(), Some(4), "the shelves are known");

    let ready_ns = at_ms(1000 + 10 + 100 + 5);
    for _ in 0..3 {
        assert_eq!(library.recall(&[name(1)]), [Readiness::Waiting { ready_ns }]);
        clock.advance(Duration::from_millis(30));
    }
    assert_eq!(library.counts(), DelayedCounts { fetches: 1, mounts: 1, opens: 1 });
    clock.set_ns(ready_ns);
    let open = library.open(name(1), ReadFrom::Anywhere).unwrap().unwrap();
    clock.advance(Duration::from_secs(5));
    assert!(library.open(name(1), ReadFrom::Anywhere).is_err());
    let mut bytes = [0; 4];
    assert_eq!((open.read_at(&mut bytes, 0).unwrap(), &bytes), (4, b"tape"), "what is open stays so");

    // The tape is in the drive yet.
    let ready_ns = clock.now_ns() + ns(10 + 5);
    assert_eq!(library.recall(&[name(1)]), [Readiness::Waiting { ready_ns }]);
    assert_eq!(library.counts().mounts, 1);
}

#[test]
fn drives_work_side_by_side_and_what_was_asked_for_together_is_kept_together() {
    let (clock, library) = library(2);
    (1..=4).for_each(|serial| write(&library, serial));
    clock.advance(Duration::from_secs(10));
    let waiting = |ms: u64| Readiness::Waiting { ready_ns: at_ms(10_000 + ms) };
    let names: Vec<_> = (1..=4).map(name).collect();
    assert_eq!(library.recall(&names), [waiting(115), waiting(115), waiting(220), waiting(220)]);
    clock.advance(Duration::from_millis(220));
    let until_ns = at_ms(10_000 + 220 + 1000);
    assert!(names.iter().all(|name| library.readiness(*name) == Readiness::Readable { until_ns }));
}

#[test]
fn the_queue_is_bounded_and_who_found_no_room_asks_again() {
    let (clock, library) = library(1);
    let names: Vec<_> = (0..100).map(name).collect();
    for name in &names {
        write(&library, name.serial);
    }
    clock.advance(Duration::from_secs(10));
    let answers = library.recall(&names);
    assert_eq!(library.counts().fetches, QUEUE_PER_DRIVE as u64);
    let Readiness::Waiting { ready_ns } = answers[99] else { panic!("{:?}", answers[99]) };
    assert_eq!(answers[63], Readiness::Waiting { ready_ns }, "behind the last one in the queue");
    assert_eq!(library.readiness(name(99)), Readiness::Offline);
    clock.set_ns(ready_ns);
    library.recall(&names);
    assert_eq!(library.counts().fetches, 100);
}

#[test]
fn a_plan_says_what_a_recall_comes_to_and_fetches_nothing() {
    let (clock, library) = library(2);
    (1..=3).for_each(|serial| write(&library, serial));
    clock.advance(Duration::from_secs(10));
    let mut plan = library.plan();
    assert!((1..=3).all(|serial| plan.add(name(serial))));
    assert_eq!((plan.mounts(), plan.wait_ns()), (3, ns(220)));
    assert_eq!(library.counts().fetches, 0);
    let names: Vec<_> = (1..=3).map(name).collect();
    assert_eq!(library.recall(&names)[2], Readiness::Waiting { ready_ns: at_ms(10_220) });
}

#[test]
fn windows_are_bounded() {
    let (_, library) = library(1);
    for serial in 0..=WINDOWS_MAX as u64 * 2 {
        library.library.written(name(serial));
    }
    assert!(library.library.state.lock().windows.len() <= WINDOWS_MAX * 2 + WINDOWS_FEW);
    assert!(library.readiness(name(WINDOWS_MAX as u64 * 2)).is_readable(), "the last one written");
}
