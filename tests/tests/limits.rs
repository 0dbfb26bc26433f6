//! Limits of tiers: those who run actions take no more of a tier than is allowed, by the store's clock.
//!
//! No test here asks how long something took: the clock stands still until a test moves it.

use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hsm_core::clock::Clock as _;
use hsm_core::journal::Change;
use hsm_core::monitor::{Monitor, Progress};
use hsm_core::object::{ActionId, ActionSpec, ActionState, ObjectId, TierConfig, TierLimits};
use hsm_core::{Error, Kind, Ran, RunOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, ManualClock, bytes, events, kind, on_tier};

const MIB: u64 = 1 << 20;
const COLD: u8 = 2;

/// Counts what it is told.
#[derive(Debug, Default)]
struct Follower {
    bytes: AtomicU64,
    /// Reports since more bytes were told of.
    waits: AtomicU64,
}

impl Monitor for Follower {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let before = self.bytes.swap(progress.bytes_done, Ordering::SeqCst);
        if before == progress.bytes_done {
            self.waits.fetch_add(1, Ordering::SeqCst);
        } else {
            self.waits.store(0, Ordering::SeqCst);
        }
        ControlFlow::Continue(())
    }
}

fn with_clock() -> (Fixture, Arc<ManualClock>) {
    let clock = ManualClock::new();
    (Fixture::with(StoreOptions::new().clock(clock.clone())), clock)
}

fn put(store: &Store, len: u64) -> ObjectId {
    store.put(&bytes(len as usize, len), &on_tier(0)).unwrap().id
}

fn bytes_a_second(bytes_a_second: u64) -> TierLimits {
    TierLimits { bytes_a_second, ..TierLimits::default() }
}

/// Runs actions in a thread, until there are none.
fn run(
    store: &Store,
    follower: &Arc<Follower>,
    stop: &Arc<AtomicBool>,
) -> thread::JoinHandle<hsm_core::Result<Ran>> {
    let (store, stop) = (store.with_monitor(follower.clone()), stop.clone());
    thread::spawn(move || store.run(&RunOptions::until_idle(), &stop))
}

/// Actions in the order in which they were done.
fn order_of_done(store: &Store) -> Vec<ActionId> {
    let done = |event: hsm_core::Event| match event.change {
        Change::ActionChanged { action, state: ActionState::Done, .. } => Some(action),
        _ => None,
    };
    events(store).into_iter().filter_map(done).collect()
}

/// Waits until somebody has to wait: it went on reporting, and nothing more was done.
fn until_it_waits(follower: &Follower, bytes_min: u64) {
    let waits = || follower.waits.load(Ordering::SeqCst) >= 3;
    while !(waits() && follower.bytes.load(Ordering::SeqCst) >= bytes_min) {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn bytes_take_their_time_by_the_clock_of_the_store() {
    let (fixture, clock) = with_clock();
    let store = &fixture.store;
    let id = put(store, 5 * MIB);
    store.set_tier_limits(COLD, &bytes_a_second(MIB)).unwrap();
    let action = store.submit(&ActionSpec::copy(id, None, COLD)).unwrap();
    let (follower, begun) = (Arc::new(Follower::default()), clock.now_ns());
    let runner = run(store, &follower, &Arc::default());
    until_it_waits(&follower, MIB);
    assert!(follower.bytes.load(Ordering::SeqCst) < 3 * MIB, "the clock stands");
    while !runner.is_finished() {
        clock.advance(Duration::from_millis(100));
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(runner.join().unwrap().unwrap().done, 1);
    assert_eq!(store.action(action).unwrap().state, ActionState::Done);
    // Five are written and five read back; what the last one costs nobody waits for.
    assert!(clock.now_ns() - begun >= 9_000_000_000, "{}", clock.now_ns() - begun);
}

#[test]
fn operations_take_their_time_by_the_clock_of_the_store() {
    let (fixture, clock) = with_clock();
    let store = &fixture.store;
    store.set_tier_limits(0, &TierLimits { operations_a_second: 2, ..TierLimits::default() }).unwrap();
    for len in 1..=10 {
        store.submit(&ActionSpec::copy(put(store, len), Some(0), COLD)).unwrap();
    }
    let begun = clock.now_ns();
    let runner = run(store, &Arc::default(), &Arc::default());
    while !runner.is_finished() {
        clock.advance(Duration::from_millis(50));
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(runner.join().unwrap().unwrap().done, 10);
    assert!(clock.now_ns() - begun >= 4_500_000_000);
}

#[test]
fn who_waits_for_a_tier_is_stopped_called_off_and_closed_at_once() {
    let (fixture, _clock) = with_clock();
    let store = &fixture.store;
    let id = put(store, 3 * MIB);
    store.set_tier_limits(COLD, &bytes_a_second(1)).unwrap();
    let action = store.submit(&ActionSpec::copy(id, None, COLD)).unwrap();
    let (follower, stop) = (Arc::new(Follower::default()), Arc::new(AtomicBool::new(false)));
    let runner = run(store, &follower, &stop);
    until_it_waits(&follower, MIB);
    stop.store(true, Ordering::SeqCst);
    runner.join().unwrap().unwrap();
    assert_eq!(store.action(action).unwrap().state, ActionState::Queued, "the next one does it");

    let follower = Arc::new(Follower::default());
    let runner = run(store, &follower, &Arc::default());
    until_it_waits(&follower, 0);
    store.cancel(action).unwrap();
    runner.join().unwrap().unwrap();
    assert_eq!(store.action(action).unwrap().state, ActionState::Cancelled);

    let other = put(store, 3 * MIB + 1);
    store.submit(&ActionSpec::copy(other, None, COLD)).unwrap();
    let follower = Arc::new(Follower::default());
    let runner = run(store, &follower, &Arc::default());
    until_it_waits(&follower, 0);
    store.close().unwrap();
    assert_eq!(kind(&runner.join().unwrap()), Some(Kind::Closed));
}

#[test]
fn limits_that_are_lifted_hold_nobody_any_more() {
    let (fixture, _clock) = with_clock();
    let store = &fixture.store;
    let id = put(store, 3 * MIB);
    store.set_tier_limits(COLD, &bytes_a_second(1)).unwrap();
    for other_handle in [false, true] {
        let action = store.submit(&ActionSpec::copy(id, None, COLD)).unwrap();
        let follower = Arc::new(Follower::default());
        let runner = run(store, &follower, &Arc::default());
        until_it_waits(&follower, MIB);
        let other = fixture.another_handle();
        let by = if other_handle { &other } else { store };
        by.set_tier_limits(COLD, &TierLimits::default()).unwrap();
        assert_eq!(runner.join().unwrap().unwrap().done, 1);
        assert_eq!(store.action(action).unwrap().state, ActionState::Done);
        store.set_tier_limits(COLD, &bytes_a_second(1)).unwrap();
        store.release(id, COLD, false).unwrap();
        other.close().unwrap();
    }
}

#[test]
fn no_more_actions_work_on_a_tier_than_it_bears_whatever_handles_run_them() {
    let (fixture, _clock) = with_clock();
    let (store, other) = (&fixture.store, fixture.another_handle());
    for second_handle in [store, &other] {
        let limits = TierLimits { actions_max: 1, bytes_a_second: 1, ..TierLimits::default() };
        store.set_tier_limits(COLD, &limits).unwrap();
        let (one, another) = (put(store, 3 * MIB), put(store, 3 * MIB + 1));
        let (first, second) = (Arc::new(Follower::default()), Arc::new(Follower::default()));
        store.submit(&ActionSpec::copy(one, None, COLD)).unwrap();
        let first_runner = run(store, &first, &Arc::default());
        until_it_waits(&first, MIB);
        let waiting = store.submit(&ActionSpec::copy(another, None, COLD)).unwrap();
        let second_runner = run(second_handle, &second, &Arc::default());
        until_it_waits(&second, 0);
        assert_eq!(second.bytes.load(Ordering::SeqCst), 0, "it waits for the first one");
        assert_eq!(store.action(waiting).unwrap().state, ActionState::Queued, "and holds nothing meanwhile");
        store.set_tier_limits(COLD, &TierLimits { actions_max: 1, ..TierLimits::default() }).unwrap();
        let done = [first_runner, second_runner].map(|runner| runner.join().unwrap().unwrap().done);
        assert_eq!(done.iter().sum::<u64>(), 2);
    }
}

#[test]
fn what_a_full_tier_has_to_wait_for_is_claimed_by_nobody_and_the_rest_of_the_queue_goes_on() {
    let (fixture, _clock) = with_clock();
    let (store, other) = (&fixture.store, fixture.another_handle());
    let limits = TierLimits { actions_max: 1, bytes_a_second: 1, ..TierLimits::default() };
    store.set_tier_limits(COLD, &limits).unwrap();
    let first = store.submit(&ActionSpec::copy(put(store, 3 * MIB), None, COLD)).unwrap();
    let copies = |len: std::ops::Range<u64>, tier| -> Vec<ActionSpec> {
        len.map(|len| ActionSpec::copy(put(store, len), None, tier)).collect()
    };
    let (slow, slow_ones) = store.submit_group(copies(1..50, COLD)).unwrap();
    let follower = Arc::new(Follower::default());
    let mut runners = vec![run(store, &follower, &Arc::default())];
    until_it_waits(&follower, MIB);
    // Threads of the same handle and others find what is for another tier, behind what has to wait.
    for by in [store, &other] {
        let (free, _) = store.submit_group(copies(100..150, 1)).unwrap();
        runners.push(run(by, &Arc::default(), &Arc::default()));
        assert_eq!(store.wait_group(free, None).unwrap().done, 50);
    }
    let urgent = ActionSpec { priority: 9, ..ActionSpec::copy(put(store, 77), None, COLD) };
    let urgent = store.submit(&urgent).unwrap();
    assert_eq!(store.group_status(slow).unwrap().queued, 49, "nobody took what he cannot do");
    store.set_tier_limits(COLD, &TierLimits { actions_max: 1, ..TierLimits::default() }).unwrap();
    for runner in runners {
        runner.join().unwrap().unwrap();
    }
    let done = order_of_done(store);
    let at = |id: &ActionId| done.iter().position(|done| done == id).unwrap();
    assert!(at(&first) < at(&urgent));
    assert!(slow_ones.iter().all(|id| at(&urgent) < at(id)), "what is urgent is next");
}

#[test]
fn what_two_handles_take_of_a_tier_they_owe_together() {
    let (fixture, clock) = with_clock();
    let (store, other) = (&fixture.store, fixture.another_handle());
    store.set_tier_limits(COLD, &bytes_a_second(MIB)).unwrap();
    for len in [5 * MIB, 5 * MIB + 1] {
        store.submit(&ActionSpec::copy(put(store, len), None, COLD)).unwrap();
    }
    let begun = clock.now_ns();
    let runners = [store, &other].map(|store| run(store, &Arc::default(), &Arc::default()));
    while !runners.iter().all(thread::JoinHandle::is_finished) {
        clock.advance(Duration::from_millis(100));
        thread::sleep(Duration::from_millis(1));
    }
    let done: u64 = runners.into_iter().map(|runner| runner.join().unwrap().unwrap().done).sum();
    assert_eq!(done, 2);
    // Ten are written and ten read back.
    assert!(clock.now_ns() - begun >= 19_000_000_000, "{}", clock.now_ns() - begun);
}

#[test]
fn a_process_that_is_killed_while_it_holds_a_tier_leaves_it_to_the_others() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let limits = TierLimits { actions_max: 1, bytes_a_second: MIB, ..TierLimits::default() };
    store.set_tier_limits(COLD, &limits).unwrap();
    let action = store.submit(&ActionSpec::copy(put(store, 200 * MIB), None, COLD)).unwrap();
    let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(fixture.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while store.action(action).unwrap().state != ActionState::Running {
        thread::sleep(Duration::from_millis(1));
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
    store.set_tier_limits(COLD, &TierLimits { actions_max: 1, ..TierLimits::default() }).unwrap();
    let ran = store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap();
    assert_eq!((ran.done, store.action(action).unwrap().attempts), (1, 0));
}

#[test]
fn what_a_program_does_itself_is_not_limited() {
    let (fixture, _clock) = with_clock();
    let store = &fixture.store;
    store.set_tier_limits(0, &TierLimits { operations_a_second: 1, ..bytes_a_second(1) }).unwrap();
    store.set_tier_limits(COLD, &bytes_a_second(1)).unwrap();
    let id = put(store, 3 * MIB);
    store.move_object(id, 0, COLD).unwrap();
    assert_eq!(store.get(id).unwrap().len() as u64, 3 * MIB);
}

#[test]
fn limits_stay_with_the_tier_and_not_with_its_number() {
    let (mut fixture, _clock) = with_clock();
    let limits = TierLimits { actions_max: 3, operations_a_second: 4, bytes_a_second: 5 };
    assert_eq!(fixture.store.tier_limits(COLD).unwrap(), TierLimits::default());
    fixture.store.set_tier_limits(COLD, &limits).unwrap();
    fixture.reopen_after(|path| std::fs::remove_dir_all(path.join("index")).unwrap());
    let store = &fixture.store;
    assert_eq!(store.tier_limits(COLD).unwrap(), limits);
    assert_eq!(store.tier_limits(0).unwrap(), TierLimits::default());
    assert!(matches!(store.set_tier_limits(77, &limits), Err(Error::TierNotFound { tier: 77 })));
    assert!(matches!(store.tier_limits(77), Err(Error::TierNotFound { tier: 77 })));
    store.retire_tier(COLD).unwrap();
    assert!(matches!(store.tier_limits(COLD), Err(Error::TierNotFound { tier: COLD })));
    store.add_tier(&TierConfig::posix(COLD, fixture.outside("another").display().to_string())).unwrap();
    assert_eq!(store.tier_limits(COLD).unwrap(), TierLimits::default());
}
