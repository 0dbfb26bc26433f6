//! Delayed tiers: what lies on a tape is recalled before it is read, together, in order, and without losing anybody's turn.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use hsm_core::journal::Change;
use hsm_core::object::{ActionId, ActionSpec, ActionState, Delay, ObjectId, Readiness, TierConfig};
use hsm_core::{
    ActionQuery, Durability, Error, Finding, Kind, PutOptions, Query, Ran, RunOptions, ScrubOptions, Store,
    StoreOptions,
};
use hsm_tests::fixture::{Fixture, LARGE, ManualClock, SMALL, bytes, events, kind, on_tier, tiers_of};

const TAPE: u8 = 4;
/// Between a request and the place, where the drive has nothing else to do.
const FETCH: Duration = Duration::from_secs(95);
const WINDOW: Duration = Duration::from_hours(1);

fn tape(drives: u32) -> Delay {
    Delay { latency_ms: 5000, drives, ..Delay::tape() }
}

/// A store with a disk and a tape library, whose packs hold a few small objects.
fn library(drives: u32) -> (Arc<ManualClock>, Fixture) {
    let clock = ManualClock::new();
    let cold = TierConfig { pack_size_bytes: 4096, ..TierConfig::posix(TAPE, "tiers/tape") };
    let tiers =
        vec![TierConfig::posix(0, "tiers/0"), TierConfig::posix(1, "tiers/1"), cold.delayed(tape(drives))];
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()).tiers(tiers));
    (clock, fixture)
}

/// Objects on the tape, whose windows have ended.
fn on_tape(clock: &ManualClock, store: &Store, lengths: &[usize]) -> Vec<ObjectId> {
    let put =
        |(seed, length): (usize, &usize)| store.put(&bytes(*length, seed as u64), &on_tier(TAPE)).unwrap().id;
    let ids = lengths.iter().enumerate().map(put).collect();
    clock.advance(WINDOW);
    ids
}

fn run(store: &Store) -> Ran {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap()
}

fn done(count: u64) -> Ran {
    Ran { done: count, ..Ran::default() }
}

fn state(store: &Store, id: ActionId) -> ActionState {
    store.action(id).unwrap().state
}

fn fetched_and_mounted(store: &Store) -> (u64, u64) {
    let counts = store.delayed_counts(TAPE).unwrap().unwrap();
    (counts.fetches, counts.mounts)
}

#[test]
fn what_is_offline_is_said_to_be_and_read_behind_a_recall() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    for (seed, length) in [(0, SMALL), (1, LARGE)] {
        let id = store.put(&bytes(length, seed), &on_tier(TAPE)).unwrap().id;
        assert!(matches!(store.readiness(id).unwrap()[..], [(TAPE, Readiness::Readable { .. })]));
        assert_eq!(store.get(id).unwrap(), bytes(length, seed), "what was just written is at hand");
        clock.advance(WINDOW);
        assert_eq!(store.readiness(id).unwrap(), [(TAPE, Readiness::Offline)]);
        let error = store.get(id).unwrap_err();
        assert!(matches!(error, Error::Delayed { tier: TAPE, .. }), "{error}");
        assert_eq!(error.kind(), Kind::Offline);
        assert!(matches!(store.verify(id, TAPE), Err(Error::Delayed { .. })));
        assert!(matches!(store.copy(id, None, 0), Err(Error::Delayed { .. })));

        let action = store.submit(&ActionSpec::recall(id, 0)).unwrap();
        assert_eq!(run(store), Ran::default(), "it waits, and nobody else does");
        let known = store.action(action).unwrap();
        assert_eq!((known.state, known.attempts), (ActionState::Queued, 0));
        let ready_ns = known.not_before_ns;
        assert_eq!(store.readiness(id).unwrap(), [(TAPE, Readiness::Waiting { ready_ns })]);
        clock.advance(FETCH);
        assert_eq!(run(store), done(1));
        assert_eq!(tiers_of(store, id), [0, TAPE]);
        clock.advance(WINDOW);
        assert_eq!(store.get(id).unwrap(), bytes(length, seed), "the copy that is online is read");
        assert_eq!(store.readiness(id).unwrap(), [(0, Readiness::Online), (TAPE, Readiness::Offline)]);
        let known = store.action(action).unwrap();
        assert_eq!((known.attempts, known.story.len()), (0, 0), "waiting is no attempt that failed");
    }
}

#[test]
fn a_colder_copy_that_is_online_is_read_before_one_on_a_tape() {
    let clock = ManualClock::new();
    let tiers = vec![TierConfig::posix(2, "tiers/2").delayed(tape(1)), TierConfig::posix(5, "tiers/5")];
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()).tiers(tiers));
    let store = &fixture.store;
    let id = store.put(&bytes(SMALL, 1), &on_tier(2)).unwrap().id;
    store.copy(id, None, 5).unwrap();
    let opens = |store: &Store| store.delayed_counts(2).unwrap().unwrap().opens;
    let before = opens(store);
    assert_eq!(store.get(id).unwrap(), bytes(SMALL, 1));
    let mut read = Vec::new();
    store
        .get_many(&[id], &hsm_core::GetOptions::default(), &mut |part| {
            read.extend_from_slice(part.bytes.unwrap());
            Ok(())
        })
        .unwrap();
    assert_eq!((read, opens(store)), (bytes(SMALL, 1), before));
}

#[test]
fn others_are_run_while_some_wait_and_a_recall_to_the_tier_itself_makes_it_readable() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    let ids = on_tape(&clock, store, &[LARGE, SMALL]);
    let online = store.put(&bytes(SMALL, 9), &PutOptions::default()).unwrap().id;
    let verified = store.submit(&ActionSpec::verify(ids[1], TAPE)).unwrap();
    let staged = store.submit(&ActionSpec::recall(ids[0], TAPE)).unwrap();
    let copied = store.submit(&ActionSpec::copy(online, None, 1)).unwrap();
    let into = fixture.outside("got");
    let got = store.submit(&ActionSpec::get(ids[0], None, &into)).unwrap();
    assert_eq!(run(store), done(1));
    assert_eq!(state(store, copied), ActionState::Done);
    clock.advance(2 * FETCH);
    assert_eq!(run(store), done(3));
    assert!([verified, staged, got].iter().all(|id| state(store, *id) == ActionState::Done));
    assert_eq!(std::fs::read(into).unwrap(), bytes(LARGE, 0));
    assert_eq!(store.get(ids[0]).unwrap(), bytes(LARGE, 0));
    assert_eq!(tiers_of(store, ids[0]), [TAPE]);
    assert_eq!(fetched_and_mounted(store), (2, 2));
}

#[test]
fn what_ended_before_it_was_read_is_asked_for_again() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    let ids = on_tape(&clock, store, &[LARGE]);
    let action = store.submit(&ActionSpec::recall(ids[0], 0)).unwrap();
    for fetched in 1..=3 {
        assert_eq!(run(store), Ran::default());
        assert_eq!(fetched_and_mounted(store), (fetched, 1), "the tape stayed in the drive");
        clock.advance(FETCH + WINDOW);
    }
    assert_eq!(run(store), Ran::default());
    clock.advance(FETCH);
    assert_eq!(run(store), done(1));
    assert_eq!(store.action(action).unwrap().attempts, 0);
}

#[test]
fn a_request_dies_with_its_process_and_its_action_asks_again() {
    let (clock, mut fixture) = library(1);
    let ids = on_tape(&clock, &fixture.store, &[LARGE, SMALL]);
    let actions = ids.iter().map(|id| fixture.store.submit(&ActionSpec::move_object(*id, TAPE, 0)).unwrap());
    let actions: Vec<ActionId> = actions.collect();
    for _ in 0..3 {
        assert_eq!(run(&fixture.store), Ran::default());
        clock.advance(2 * FETCH);
        fixture.reopen();
        assert!(fixture.store.readiness(ids[0]).unwrap() == [(TAPE, Readiness::Offline)]);
    }
    assert_eq!(run(&fixture.store), Ran::default());
    clock.advance(2 * FETCH);
    assert_eq!(run(&fixture.store), done(2));
    assert!(actions.iter().all(|id| state(&fixture.store, *id) == ActionState::Done));
    for (seed, id) in ids.iter().enumerate() {
        assert_eq!(tiers_of(&fixture.store, *id), [0]);
        assert_eq!(fixture.store.get(*id).unwrap(), bytes([LARGE, SMALL][seed], seed as u64));
    }
}

#[test]
fn what_waits_is_called_off_at_once_and_told_when_it_is_late() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    let ids = on_tape(&clock, store, &[LARGE, LARGE]);
    let deadline_ns = store.readiness(ids[0]).map(|_| events(store).last().unwrap().time_ns).unwrap();
    let deadline_ns = deadline_ns + i64::try_from((WINDOW + Duration::from_secs(10)).as_nanos()).unwrap();
    let late = store.submit(&ActionSpec { deadline_ns, ..ActionSpec::recall(ids[0], 0) }).unwrap();
    let off = store.submit(&ActionSpec::recall(ids[1], 0)).unwrap();
    assert_eq!(run(store), Ran::default());
    assert!(store.cancel(off).unwrap());
    assert_eq!(state(store, off), ActionState::Cancelled);
    clock.advance(Duration::from_secs(11));
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() }, "long before its tape is there");
    assert_eq!(state(store, late), ActionState::Failed);
    clock.advance(10 * FETCH);
    assert_eq!(run(store), Ran::default());
    assert_eq!(tiers_of(store, ids[1]), [TAPE]);
}

#[test]
fn a_damaged_copy_at_hand_is_made_good_for_by_the_tape() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    let ids = on_tape(&clock, store, &[LARGE]);
    clock.advance(WINDOW);
    store.submit(&ActionSpec::recall(ids[0], 0)).unwrap();
    run(store);
    clock.advance(FETCH);
    assert_eq!(run(store), done(1));
    for file in hsm_tests::fixture::files_ending(&fixture.path().join("tiers/0"), ".obj") {
        std::fs::remove_file(file).unwrap();
    }
    clock.advance(WINDOW);
    assert!(matches!(store.get(ids[0]), Err(Error::Delayed { .. })), "that can be mended by a recall");
    let action = store.submit(&ActionSpec::copy(ids[0], None, 1)).unwrap();
    assert_eq!(run(store), Ran::default());
    clock.advance(FETCH);
    assert_eq!(run(store), done(1));
    assert_eq!(store.action(action).unwrap().attempts, 0);
    assert_eq!(store.get(ids[0]).unwrap(), bytes(LARGE, 0));
}

#[test]
fn a_copy_is_released_where_the_other_is_on_a_tape_and_never_where_that_is_gone() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    for (seed, length) in [(1, SMALL), (2, LARGE)] {
        let kept = store.put(&bytes(length, seed), &PutOptions::default()).unwrap().id;
        store.copy(kept, None, TAPE).unwrap();
        clock.advance(WINDOW);
        assert!(store.release(kept, 0, false).unwrap().is_some());
        assert_eq!(kind(&store.release(kept, TAPE, false)), Some(Kind::Refused), "the last one");
        store.submit(&ActionSpec::recall(kept, 0)).unwrap();
        run(store);
        clock.advance(FETCH);
        run(store);
        assert_eq!(store.get(kept).unwrap(), bytes(length, seed));
        clock.advance(WINDOW);
    }
    let lost = store.put(&bytes(LARGE, 3), &PutOptions::default()).unwrap().id;
    store.copy(lost, None, TAPE).unwrap();
    clock.advance(WINDOW);
    for file in hsm_tests::fixture::files_ending(&fixture.path().join("tiers/tape"), ".obj") {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(kind(&store.release(lost, 0, false)), Some(Kind::Refused));
    assert_eq!(store.get(lost).unwrap(), bytes(LARGE, 3));
}

#[test]
fn scrub_check_compaction_and_reconcile_mount_nothing_and_call_nothing_damaged() {
    let (clock, mut fixture) = library(1);
    let ids = on_tape(&clock, &fixture.store, &[SMALL; 20]);
    fixture.store.remove(ids[3]).unwrap();
    let store = &fixture.store;
    let mut told = Vec::new();
    let scrubbed = store
        .scrub(&ScrubOptions::default(), |finding| {
            told.push(finding);
            Ok(())
        })
        .unwrap();
    assert_eq!(
        (scrubbed.whole, scrubbed.bad, scrubbed.passed_over),
        (0, 0, 20),
        "removed ones can come back"
    );
    assert!(
        matches!(&told[..], [Finding::OutOfReach { tier: TAPE, detail }] if detail.contains("20 copies")),
        "{told:?}"
    );
    let checked = store.check_all(&hsm_core::CheckOptions::default(), |_| Ok(())).unwrap();
    assert!(checked.is_clean() && checked.copies >= 19, "{checked:?}");
    let options = hsm_core::CompactOptions { live_percent_min: 100, ..Default::default() };
    store.compact(&options, |_| Ok(())).unwrap();
    assert_eq!(fetched_and_mounted(store), (0, 0));

    // What is readable is scrubbed.
    store.submit(&ActionSpec::recall(ids[0], TAPE)).unwrap();
    run(store);
    clock.advance(FETCH);
    run(store);
    let scrubbed = store.scrub(&ScrubOptions::default(), |_| Ok(())).unwrap();
    assert!(scrubbed.whole > 0 && scrubbed.bad == 0, "{scrubbed:?}");

    fixture.reopen();
    let reconciled = fixture.store.reconcile().unwrap();
    assert_eq!((reconciled.copies_missing, reconciled.copies_dropped), (0, 0));
}

#[test]
fn settings_are_kept_changed_and_checked() {
    let (clock, mut fixture) = library(1);
    assert_eq!(fixture.store.tier(TAPE).unwrap().config.delay, Some(tape(1)));
    let ids = on_tape(&clock, &fixture.store, &[LARGE]);
    fixture.reopen();
    let store = &fixture.store;
    let config = store.tier(TAPE).unwrap().config;
    assert_eq!(config.delay, Some(tape(1)));
    let change = |delay| store.change_tier(&config.clone().delayed(delay));
    for wrong in [
        Delay { drives: 0, ..tape(1) },
        Delay { drives: 1025, ..tape(1) },
        Delay { readable_ms: 999, ..tape(1) },
        Delay { seek_ms: u64::MAX, ..tape(1) },
    ] {
        assert_eq!(kind(&change(wrong)), Some(Kind::Invalid), "{wrong:?}");
    }
    let online = TierConfig { access: hsm_core::object::Access::Online, ..config.clone() };
    assert_eq!(kind(&store.change_tier(&online)), Some(Kind::Invalid), "an online tier has no delay");
    change(Delay { mount_ms: 0, seek_ms: 0, latency_ms: 0, ..tape(2) }).unwrap();
    store.submit(&ActionSpec::recall(ids[0], 0)).unwrap();
    assert_eq!(run(store), done(1), "a library of no delay is ready at once");
    clock.advance(WINDOW);
    store.change_tier(&TierConfig { delay: None, ..online }).unwrap();
    assert_eq!(store.readiness(ids[0]).unwrap()[1], (TAPE, Readiness::Online));
}

#[test]
fn an_estimate_says_what_the_recall_then_takes() {
    let (clock, fixture) = library(2);
    let store = &fixture.store;
    let ids = on_tape(&clock, store, &[SMALL; 40]);
    let online = store.put(&bytes(SMALL, 99), &PutOptions::default()).unwrap().id;
    let nobody = ObjectId([1; 16]);
    let asked: Vec<ObjectId> = ids.iter().copied().chain([online, nobody, ids[0], online]).collect();
    let estimate = store.estimate_recall(&asked, 0, 1000).unwrap();
    assert_eq!((estimate.objects, estimate.there, estimate.missing), (40, 1, 1));
    assert_eq!(estimate.bytes, 40 * SMALL as u64);
    assert_eq!(estimate.read_ns, estimate.bytes * 1_000_000);
    assert!(estimate.places > 1 && estimate.places < 40);
    assert_eq!(fetched_and_mounted(store), (0, 0), "it asks for nothing");
    let of_all = store.estimate_recall_of(&Query::default(), 0, 0).unwrap();
    assert_eq!((of_all.objects, of_all.wait_ns, of_all.read_ns), (40, estimate.wait_ns, 0));

    store.submit_all(ids.iter().map(|id| ActionSpec::recall(*id, 0)).collect()).unwrap();
    run(store);
    assert_eq!(fetched_and_mounted(store), (estimate.places, estimate.mounts));
    assert_eq!(store.estimate_recall(&ids, 0, 0).unwrap().places, 0, "they are asked for already");
    clock.advance(Duration::from_nanos(estimate.wait_ns - 1));
    assert!(run(store).done < 40);
    clock.advance(Duration::from_nanos(1));
    run(store);
    assert_eq!(fetched_and_mounted(store), (estimate.places, estimate.mounts));
    assert!(ids.iter().all(|id| tiers_of(store, *id) == [0, TAPE]));
    assert_eq!(store.estimate_recall(&ids, 1, 0).unwrap().wait_ns, 0, "what is online waits for nothing");
}

/// The figure of the issue, in counts. How long it takes is measured by `make bench`, in the row of recalls.
#[test]
fn ten_thousand_recalls_are_one_fetch_a_tape_in_order_and_starve_nobody() {
    let (clock, fixture) = library(2);
    let store = &fixture.store;
    let config = store.tier(TAPE).unwrap().config;
    store.change_tier(&TierConfig { pack_size_bytes: 64 << 10, ..config }).unwrap();
    let mut batch = store.batch(true, Durability::Durable);
    for seed in 0..3003 {
        batch.put(&bytes(100, seed), &on_tier(TAPE)).unwrap();
    }
    let ids: Vec<ObjectId> = batch.commit().unwrap().into_iter().map(|put| put.unwrap().id).collect();
    clock.advance(WINDOW);
    let by = |owner: &str, priority, object| ActionSpec {
        owner: owner.to_owned(),
        priority,
        ..ActionSpec::recall(object, 0)
    };
    // 7000 of one object and 3000 of its neighbours, from the last to the first; then a single one of another owner, and
    // an urgent one, both behind all of them on the tapes.
    let flood = (0..10_000).map(|nth| match nth % 10 {
        0..7 => by("flood", 0, ids[0]),
        _ => by("flood", 0, ids[3000 - (nth / 10 * 3 + nth % 10 - 7)]),
    });
    store.submit_all(flood.collect()).unwrap();
    let single = store.submit(&by("single", 0, ids[3001])).unwrap();
    let urgent = store.submit(&by("urgent", 9, ids[3002])).unwrap();
    let places = store.estimate_recall(&ids, 0, 0).unwrap().places;
    let before = store.delayed_counts(TAPE).unwrap().unwrap().opens;

    let (mut ran, mut rounds) = (Ran::default(), 0);
    while ran.done < 10_002 {
        let more = run(store);
        ran.done += more.done;
        assert_eq!((more.failed, more.put_off), (0, 0));
        clock.advance(Duration::from_secs(30));
        rounds += 1;
        assert!(rounds < 1000, "{ran:?}");
    }
    let counts = store.delayed_counts(TAPE).unwrap().unwrap();
    assert_eq!((counts.fetches, counts.mounts), (places, places), "each tape once");
    println!(
        "10 002 recalls of 3003 objects: {places} tapes, {} opens, {rounds} rounds",
        counts.opens - before
    );
    assert!(counts.opens - before <= 4 * places, "a tape is read in few passes: {counts:?}");

    let (mut done, mut copied) = (Vec::new(), Vec::new());
    for event in events(store) {
        match event.change {
            Change::ActionChanged { action, state: ActionState::Done, .. } => done.push(action),
            Change::CopyAdded { object, .. } => copied.push(object),
            _ => {}
        }
    }
    assert_eq!((done.len(), copied.len()), (10_002, 3003), "each is done once, each object copied once");
    assert_eq!((done[0], copied[0]), (urgent, ids[3002]), "the urgent one comes first");
    let at = done.iter().position(|done| *done == single).unwrap();
    assert!(at < 9000, "the single one is not behind the flood: {at}");
    let places: Vec<_> = copied
        .iter()
        .map(|id| {
            let piece = store.object(*id).unwrap().copy_on(TAPE).unwrap().pieces[0];
            (piece.place, piece.offset)
        })
        .collect();
    let turns = places.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(turns <= rounds, "in the order in which they lie: {turns} times back in {rounds} rounds");
}

#[test]
fn ten_thousand_that_wait_are_called_off_in_one_commit() {
    let (clock, fixture) = library(1);
    let store = &fixture.store;
    let ids = on_tape(&clock, store, &[SMALL; 20]);
    let specs = (0..10_000).map(|nth| ActionSpec::recall(ids[nth % 20], 0));
    store.submit_all(specs.collect()).unwrap();
    assert_eq!(run(store), Ran::default());
    let before = store.position().unwrap().number;
    assert_eq!(store.cancel_all(&ActionQuery::default()).unwrap(), 10_000);
    assert_eq!(store.position().unwrap().number, before + 10_000);
    clock.advance(WINDOW);
    assert_eq!(run(store), Ran::default());
    assert!(ids.iter().all(|id| tiers_of(store, *id) == [TAPE]));
}

#[test]
fn a_process_that_moves_from_tape_is_killed_ten_times_and_each_move_is_committed_once() {
    let delay = Delay { latency_ms: 1, mount_ms: 3, seek_ms: 1, readable_ms: 1000, drives: 2 };
    let tape = TierConfig {
        pack_threshold_bytes: 1000,
        pack_size_bytes: 4096,
        ..TierConfig::posix(TAPE, "tiers/tape")
    };
    let tiers = vec![TierConfig::posix(0, "tiers/0"), tape.delayed(delay)];
    let fixture = Fixture::with(StoreOptions::new().tiers(tiers));
    let store = &fixture.store;
    let content = |nth: usize| bytes(if nth.is_multiple_of(3) { 2000 } else { 700 }, nth as u64);
    let ids: Vec<ObjectId> =
        (0..300).map(|nth| store.put(&content(nth), &on_tier(TAPE)).unwrap().id).collect();
    let specs = ids.iter().map(|id| ActionSpec::move_object(*id, TAPE, 0)).collect();
    let (group, _) = store.submit_group(specs).unwrap();
    let (mut killed, mut waited) = (0, false);
    for round in 0..10_u64 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_runner"));
        let mut child = child.arg(fixture.path()).arg("1000").stdout(Stdio::null()).spawn().unwrap();
        let enough = 300 * (round + 1) / 12;
        while child.try_wait().unwrap().is_none() && store.group_status(group).unwrap().done < enough {
            let queued = ActionQuery { state: Some(ActionState::Queued), ..ActionQuery::default() };
            waited |= store.actions(&queued, 0, 1000).unwrap().iter().any(|action| action.not_before_ns > 0);
            thread::sleep(Duration::from_millis(1 + round % 3));
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 5 && waited, "killed {killed} times; waited: {waited}");
    let options = RunOptions { idle_max: Some(Duration::from_secs(1)) };
    store.run(&options, &AtomicBool::new(false)).unwrap();
    let status = store.group_status(group).unwrap();
    assert_eq!((status.done, status.total()), (300, 300), "{status:?}");
    let added = events(store).into_iter().filter(|event| matches!(event.change, Change::CopyAdded { .. }));
    assert_eq!(added.count(), 300, "each is moved once");
    println!("300 moves from tape, their process killed {killed} times: each committed once");
    for (nth, id) in ids.iter().enumerate() {
        assert_eq!((tiers_of(store, *id), store.get(*id).unwrap()), (vec![0], content(nth)));
        store.verify(*id, 0).unwrap();
    }
}
