//! Actions: durable requests that are run once for all who ask for the same, in a fair order, and never by halves.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use hsm_core::clock::Clock as _;
use hsm_core::journal::Change;
use hsm_core::monitor::{Monitor, Progress};
use hsm_core::object::{Action, ActionId, ActionSpec, ActionState, GroupId, ObjectId, TierConfig};
use hsm_core::{
    ActionQuery, EventKind, EventKinds, Filter, Kind, Next, PutOptions, Ran, Retention, RunOptions, Store,
    StoreOptions,
};
use hsm_tests::audit;
use hsm_tests::fixture::{Fixture, LARGE, ManualClock, SMALL, bytes, events, kind, on_tier, tiers_of};
use hsm_tests::recording::RecordingDisk;

/// Runs all that can be run now.
fn run(store: &Store) -> Ran {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap()
}

fn put(store: &Store, length: usize, seed: u64) -> ObjectId {
    store.put(&bytes(length, seed), &PutOptions::default()).unwrap().id
}

fn state(store: &Store, id: ActionId) -> ActionState {
    store.action(id).unwrap().state
}

fn all(store: &Store) -> Vec<Action> {
    store.actions(&ActionQuery::default(), 0, usize::MAX).unwrap()
}

/// Actions in the order in which they were done.
fn order_of_done(store: &Store) -> Vec<ActionId> {
    let done = |event: hsm_core::Event| match event.change {
        Change::ActionChanged { action, state: ActionState::Done, .. } => Some(action),
        _ => None,
    };
    events(store).into_iter().filter_map(done).collect()
}

#[test]
fn every_verb_is_submitted_run_and_done_in_the_group_of_its_effect() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let [copied, moved, recalled, released, verified, removed] =
        [1, 2, 3, 4, 5, 6].map(|seed| put(store, if seed % 2 == 0 { LARGE } else { SMALL }, seed));
    store.move_object(recalled, 0, 3).unwrap();
    store.copy(released, None, 2).unwrap();
    let specs = [
        ActionSpec::copy(copied, Some(0), 2),
        ActionSpec::move_object(moved, 0, 2),
        ActionSpec::recall(recalled, 0),
        ActionSpec::release(released, 0, false),
        ActionSpec::verify(verified, 0),
        ActionSpec::remove(removed),
    ];
    let ids = specs.clone().map(|spec| store.submit(&spec).unwrap());
    assert!(ids.iter().all(|id| state(store, *id) == ActionState::Queued));
    assert_eq!(run(store), Ran { done: 6, ..Ran::default() });
    assert_eq!(tiers_of(store, copied), [0, 2]);
    assert_eq!(tiers_of(store, moved), [2]);
    assert_eq!(tiers_of(store, recalled), [0, 3]);
    assert_eq!(tiers_of(store, released), [2]);
    assert!(store.object(verified).unwrap().copy_on(0).unwrap().is_verified());
    assert_eq!(kind(&store.object(removed)), Some(Kind::NotFound));
    let feed = events(store);
    for (id, spec) in ids.iter().zip(&specs) {
        let action = store.action(*id).unwrap();
        assert_eq!((action.state, &action.spec, action.attempts), (ActionState::Done, spec, 0));
        assert!(action.finished_ns > 0 && action.story.is_empty());
        // Its change stands right behind its effect.
        let at = feed.iter().position(|event| event.position.number == action.changed).unwrap();
        assert_eq!(feed[at - 1].change.object(), Some(spec.object), "{spec:?}");
    }
    assert_eq!(run(store), Ran::default(), "nothing is done twice");
}

#[test]
fn the_same_id_submitted_again_is_one_action() {
    let fixture = Fixture::new();
    let object = put(&fixture.store, SMALL, 1);
    let (id, spec) = (ActionId([7; 16]), ActionSpec::copy(object, None, 1));
    assert!(fixture.store.submit_as(id, &spec).unwrap());
    assert!(!fixture.store.submit_as(id, &ActionSpec { priority: 5, ..spec.clone() }).unwrap());
    run(&fixture.store);
    assert!(!fixture.store.submit_as(id, &spec).unwrap());
    assert_eq!(all(&fixture.store).len(), 1);
    assert_eq!(fixture.store.action(id).unwrap().spec, spec);
}

#[test]
fn what_cannot_be_wanted_is_refused_and_what_is_not_known_is_not_found() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = put(store, SMALL, 1);
    let wrong = [
        ActionSpec::copy(id, Some(1), 1),
        ActionSpec { source: None, ..ActionSpec::move_object(id, 0, 1) },
        ActionSpec { source: Some(0), ..ActionSpec::verify(id, 1) },
        ActionSpec { force: true, ..ActionSpec::copy(id, None, 1) },
        ActionSpec { attempts_max: 0, ..ActionSpec::copy(id, None, 1) },
        ActionSpec { owner: "o".repeat(256), ..ActionSpec::copy(id, None, 1) },
    ];
    for spec in wrong {
        assert_eq!(kind(&store.submit(&spec)), Some(Kind::Invalid), "{spec:?}");
        assert_eq!(kind(&store.submit_all(vec![ActionSpec::verify(id, 0), spec])), Some(Kind::Invalid));
    }
    assert_eq!(kind(&store.submit(&ActionSpec::copy(id, None, 77))), Some(Kind::NotFound));
    let nobody = ActionId([1; 16]);
    assert_eq!(kind(&store.action(nobody)), Some(Kind::NotFound));
    assert_eq!(kind(&store.cancel(nobody)), Some(Kind::NotFound));
    assert_eq!(kind(&store.wait_action(nobody, None)), Some(Kind::NotFound));
    assert_eq!(store.group_status(GroupId([1; 16])).unwrap().total(), 0);
    assert!(all(store).is_empty(), "refused ones leave nothing");
}

#[test]
fn ten_thousand_recalls_of_one_object_and_its_neighbours_read_the_pack_once() {
    let disk = RecordingDisk::default();
    let options = StoreOptions::new().disk(Arc::new(disk.clone()));
    let fixture = Fixture::with(options);
    let store = &fixture.store;
    let neighbours: Vec<ObjectId> =
        (0..200).map(|seed| store.put(&bytes(3000, seed), &on_tier(4)).unwrap().id).collect();
    let wanted = neighbours[100];
    let mut specs = vec![ActionSpec::recall(wanted, 0); 10_000];
    specs.extend(neighbours.iter().map(|id| ActionSpec::recall(*id, 0)));
    let (group, _) = store.submit_group(specs).unwrap();
    let before = disk.reads_below(&fixture.path().join("tiers/4"));
    assert_eq!(run(store).done, 10_200);
    let reads = disk.reads_below(&fixture.path().join("tiers/4")) - before;
    assert!(reads <= 4, "{reads} reads for 200 records of one pack");
    assert_eq!(store.group_status(group).unwrap().done, 10_200);
    assert!(neighbours.iter().all(|id| tiers_of(store, *id) == [0, 4]));
    assert_eq!(store.get(wanted).unwrap(), bytes(3000, 100));
    let added = events(store).into_iter();
    assert_eq!(added.filter(|event| matches!(event.change, Change::CopyAdded { .. })).count(), 200);

    // What is there already costs nothing.
    store.submit_all(vec![ActionSpec::recall(wanted, 0); 100]).unwrap();
    let before = disk.reads_below(&fixture.path().join("tiers"));
    assert_eq!(run(store).done, 100);
    assert_eq!(disk.reads_below(&fixture.path().join("tiers")), before);
}

#[test]
fn the_highest_priority_is_done_first_and_a_flood_of_one_owner_starves_no_other() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let flood: Vec<ObjectId> = (0..3000).map(|seed| put(store, 50, seed)).collect();
    let [single, urgent] = [LARGE, LARGE].map(|length| put(store, length, 7));
    let of = |owner: &str, spec: ActionSpec| ActionSpec { owner: owner.to_owned(), ..spec };
    store.submit_all(flood.iter().map(|id| of("flood", ActionSpec::copy(*id, None, 1))).collect()).unwrap();
    let single = store.submit(&of("single", ActionSpec::copy(single, None, 2))).unwrap();
    let same_kind = store.submit(&of("third", ActionSpec::copy(put(store, 60, 9), None, 1))).unwrap();
    let urgent =
        store.submit(&ActionSpec { priority: 1, ..of("flood", ActionSpec::copy(urgent, None, 3)) }).unwrap();
    assert_eq!(run(store).done, 3003);
    let order = order_of_done(store);
    let place = |id| order.iter().position(|done| *done == id).unwrap();
    assert_eq!(place(urgent), 0);
    assert!(place(single) <= 1001, "behind one window at most, not {}", place(single));
    assert!(place(same_kind) <= 1001, "in the first window of its kind, not {}", place(same_kind));
}

#[test]
fn a_cancel_of_ten_thousand_is_one_commit_and_takes_nothing_from_others() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let object = put(store, SMALL, 1);
    let (group, ids) = store.submit_group(vec![ActionSpec::copy(object, None, 1); 10_000]).unwrap();
    let other = store.submit(&ActionSpec::copy(object, None, 1)).unwrap();
    assert_eq!(
        store.cancel_all(&ActionQuery { group: Some(group), ..ActionQuery::default() }).unwrap(),
        10_000
    );
    let times: Vec<i64> = events(store)
        .iter()
        .filter(|event| matches!(event.change, Change::ActionChanged { state: ActionState::Cancelled, .. }))
        .map(|event| event.time_ns)
        .collect();
    assert_eq!(times.len(), 10_000);
    assert!(times.iter().all(|time| *time == times[0]), "all of one group");
    assert!(!store.cancel(ids[0]).unwrap(), "it is cancelled already");
    assert_eq!(run(store).done, 1);
    assert_eq!(state(store, other), ActionState::Done);
    let status = store.group_status(group).unwrap();
    assert_eq!((status.cancelled, status.total()), (10_000, 10_000));
    assert!(status.is_finished());
    assert_eq!(
        store.retry_all(&ActionQuery { group: Some(group), ..ActionQuery::default() }).unwrap(),
        10_000
    );
    assert_eq!(run(store).done, 10_000);
    assert!(!store.retry(ids[0]).unwrap(), "what is done is not done again");
}

#[test]
fn a_transient_error_is_tried_again_after_longer_and_longer_pauses_then_given_up_with_its_story() {
    let clock = ManualClock::new();
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let object = put(store, SMALL, 1);
    let (root, away) = (fixture.outside("tier-1"), fixture.outside("away"));
    fs::rename(&root, &away).unwrap();
    let id = store.submit(&ActionSpec { attempts_max: 3, ..ActionSpec::copy(object, None, 1) }).unwrap();
    for (failed, pause) in [(1, Duration::from_secs(1)), (2, Duration::from_secs(2))] {
        assert_eq!(run(store), Ran { put_off: 1, ..Ran::default() });
        let action = store.action(id).unwrap();
        assert_eq!(
            (action.state, action.attempts, action.story.len()),
            (ActionState::Queued, failed, failed as usize)
        );
        assert_eq!(run(store), Ran::default(), "not before its time");
        clock.advance(pause.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(run(store), Ran::default(), "not before its time");
        clock.advance(Duration::from_nanos(1));
    }
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
    let action = store.action(id).unwrap();
    assert_eq!((action.state, action.attempts), (ActionState::Failed, 3));
    assert!(
        action.story.iter().all(|attempt| attempt.error.contains("tier 1 is offline")),
        "{:?}",
        action.story
    );
    fs::rename(&away, &root).unwrap();
    assert!(store.retry(id).unwrap());
    assert_eq!(run(store).done, 1);
    assert_eq!(store.action(id).unwrap().story.len(), 3, "the story stays");
}

#[test]
fn a_pause_is_kept_whatever_is_run_beside_it_and_no_longer_than_to_the_deadline() {
    let clock = ManualClock::new();
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let (first, neighbour) = (put(store, SMALL, 1), put(store, SMALL, 2));
    fs::rename(fixture.outside("tier-1"), fixture.outside("away")).unwrap();
    let deadline_ns = clock.now_ns() + 2_500_000_000;
    let spec = ActionSpec { deadline_ns, attempts_max: 10, ..ActionSpec::copy(first, None, 1) };
    let id = store.submit(&spec).unwrap();
    assert_eq!(run(store).put_off, 1);
    // Its neighbour in the pack is tried, and fails, too: that is no attempt of this one.
    store.submit(&ActionSpec { attempts_max: 1, ..ActionSpec::copy(neighbour, None, 1) }).unwrap();
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
    assert_eq!(store.action(id).unwrap().attempts, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(run(store).put_off, 1);
    // The next attempt would be half a second behind its deadline.
    clock.advance(Duration::from_millis(1500));
    assert_eq!(run(store), Ran::default());
    clock.advance(Duration::from_nanos(1));
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
    let action = store.action(id).unwrap();
    assert_eq!((action.attempts, action.story.len()), (2, 3), "two attempts, and that it was late");
    assert!(action.story[2].error.contains("deadline"), "{:?}", action.story);
}

#[test]
fn a_permanent_error_and_a_passed_deadline_fail_at_once() {
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let object = put(store, SMALL, 1);
    let last = store.submit(&ActionSpec::release(object, 0, false)).unwrap();
    let nobody = store.submit(&ActionSpec::copy(ObjectId([3; 16]), None, 1)).unwrap();
    let deadline_ns = store.action(last).unwrap().submitted_ns + 1_000_000_000;
    let late = store.submit(&ActionSpec { deadline_ns, ..ActionSpec::copy(object, None, 2) }).unwrap();
    clock.advance(Duration::from_secs(2));
    assert_eq!(run(store), Ran { failed: 3, ..Ran::default() });
    for (id, why) in [(last, "last"), (nobody, "not found"), (late, "deadline passed")] {
        let action = store.action(id).unwrap();
        let said = &action.story.last().unwrap().error;
        assert_eq!(action.state, ActionState::Failed);
        assert!(said.contains(if why == "last" { "refused" } else { why }), "{said}");
    }
    assert_eq!(tiers_of(store, object), [0]);
}

#[test]
fn actions_are_listed_page_by_page_and_by_state_owner_and_group() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let object = put(store, SMALL, 1);
    let spec = |owner: &str| ActionSpec { owner: owner.to_owned(), ..ActionSpec::copy(object, None, 1) };
    let (group, ids) = store.submit_group(vec![spec("a"), spec("b"), spec("a")]).unwrap();
    let lone = store.submit(&spec("b")).unwrap();
    store.cancel(ids[1]).unwrap();
    let list = |wanted: ActionQuery| -> Vec<ActionId> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = store.actions(&wanted, after, 2).unwrap();
            let Some(last) = page.last() else { return found };
            after = last.number;
            found.extend(page.iter().map(|action| action.id));
        }
    };
    assert_eq!(list(ActionQuery::default()), [ids[0], ids[1], ids[2], lone]);
    assert_eq!(list(ActionQuery { group: Some(group), ..ActionQuery::default() }), ids);
    assert_eq!(list(ActionQuery { owner: Some("b".into()), ..ActionQuery::default() }), [ids[1], lone]);
    let cancelled = Some(ActionState::Cancelled);
    assert_eq!(list(ActionQuery { state: cancelled, ..ActionQuery::default() }), [ids[1]]);
    assert_eq!(list(ActionQuery { unfinished: true, ..ActionQuery::default() }), [ids[0], ids[2], lone]);
}

#[test]
fn an_executor_in_another_thread_wakes_and_whoever_waits_hears_of_the_end() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let stop = AtomicBool::new(false);
    let object = put(store, LARGE, 1);
    let waiting = fixture.another_handle();
    thread::scope(|scope| {
        let running = scope.spawn(|| store.run(&RunOptions::default(), &stop).unwrap());
        let id = waiting.submit(&ActionSpec::copy(object, None, 2)).unwrap();
        assert_eq!(waiting.wait_action(id, None).unwrap().state, ActionState::Done);
        let (group, _) = waiting.submit_group(vec![ActionSpec::copy(object, None, 3); 5]).unwrap();
        assert_eq!(waiting.wait_group(group, None).unwrap().done, 5);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(running.join().unwrap().done, 6);
    });
    let id = waiting.submit(&ActionSpec::copy(object, None, 4)).unwrap();
    assert_eq!(waiting.wait_action(id, Some(Duration::from_millis(20))).unwrap().state, ActionState::Queued);
}

#[test]
fn a_close_ends_executors_and_waits() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = store.submit(&ActionSpec::copy(put(store, SMALL, 1), None, 77)).unwrap_err();
    assert_eq!(id.kind(), Kind::NotFound);
    let idle = fixture.another_handle();
    let id =
        store.submit(&ActionSpec { attempts_max: 1, ..ActionSpec::verify(ObjectId([1; 16]), 0) }).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| idle.wait_action(id, None));
        thread::sleep(Duration::from_millis(50));
        idle.close().unwrap();
        assert_eq!(kind(&waiting.join().unwrap()), Some(Kind::Closed));
    });
    let idle = fixture.another_handle();
    thread::scope(|scope| {
        let running = scope.spawn(|| idle.run(&RunOptions::default(), &AtomicBool::new(false)));
        assert_eq!(store.wait_action(id, None).unwrap().state, ActionState::Failed);
        idle.close().unwrap();
        assert_eq!(kind(&running.join().unwrap()), Some(Kind::Closed));
    });
}

#[test]
fn the_feed_tells_of_actions_and_is_filtered_by_their_kinds() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = store.submit(&ActionSpec::copy(put(store, SMALL, 1), None, 1)).unwrap();
    run(store);
    let kinds = EventKinds::new().with(EventKind::ActionSubmitted).with(EventKind::ActionChanged);
    let filter = Filter { kinds: Some(kinds), ..Filter::default() };
    let mut following = store.follow(hsm_core::object::Position::default(), &filter).unwrap();
    let mut told = Vec::new();
    while let Next::Events(events) = following.next(10, Some(Duration::ZERO)).unwrap() {
        told.extend(events.into_iter().map(|event| event.change));
    }
    let states: Vec<_> = told
        .iter()
        .filter_map(|change| match change {
            Change::ActionSubmitted { action, .. } if *action == id => Some(None),
            Change::ActionChanged { action, state, .. } if *action == id => Some(Some(*state)),
            _ => None,
        })
        .collect();
    assert_eq!(states, [None, Some(ActionState::Running), Some(ActionState::Done)]);
}

#[test]
fn a_queue_survives_reopening_a_rebuilt_index_and_a_snapshot() {
    let mut fixture = Fixture::new();
    let objects: Vec<ObjectId> = (0..5).map(|seed| put(&fixture.store, SMALL, seed)).collect();
    let spec = |id: &ObjectId| ActionSpec {
        priority: -3,
        owner: "me".into(),
        reason: "to try".into(),
        deadline_ns: i64::MAX,
        ..ActionSpec::move_object(*id, 0, 2)
    };
    let (group, ids) = fixture.store.submit_group(objects.iter().map(spec).collect()).unwrap();
    fixture.store.snapshot().unwrap().unwrap();
    fixture.store.cancel(ids[4]).unwrap();
    let before = all(&fixture.store);
    fixture.reopen();
    assert_eq!(all(&fixture.store), before);
    fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
    assert_eq!(all(&fixture.store), before);
    assert_eq!(
        fixture.store.check_all(&hsm_core::CheckOptions::default(), |_| Ok(())).unwrap().contradictions,
        0
    );
    assert_eq!(run(&fixture.store).done, 4);
    assert_eq!(fixture.store.group_status(group).unwrap().done, 4);
    let view = audit::view(&fixture.store).unwrap();
    audit::feed_adds_up(&fixture.store, &view).unwrap();
}

#[test]
fn finished_actions_are_forgotten_by_maintenance_when_their_time_is_over_or_they_are_too_many() {
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let object = put(store, SMALL, 1);
    let submit = || store.submit(&ActionSpec::copy(object, None, 1)).unwrap();
    let (first, second) = (submit(), submit());
    run(store);
    assert_eq!(store.maintain().unwrap().actions_forgotten, 0);
    clock.advance(Duration::from_hours(24 * 8));
    let queued = submit();
    assert_eq!(store.maintain().unwrap().actions_forgotten, 2);
    assert_eq!(kind(&store.action(first)).or(kind(&store.action(second))), Some(Kind::NotFound));
    assert_eq!(state(store, queued), ActionState::Queued, "what is not finished stays");
    submit();
    run(store);
    store.set_actions_kept(&Retention { events_max: Some(1), age_max: None }).unwrap();
    assert_eq!(store.maintain().unwrap().actions_forgotten, 1);
    assert_eq!(all(store).len(), 1);
}

/// Does something at the first report.
struct AtFirst {
    act: Box<dyn Fn() + Send + Sync>,
    done: Once,
}

impl Monitor for AtFirst {
    fn report(&self, _: &Progress) -> ControlFlow<i32> {
        self.done.call_once(|| (self.act)());
        ControlFlow::Continue(())
    }
}

fn at_first(store: &Store, act: impl Fn() + Send + Sync + 'static) -> Store {
    store.with_monitor(Arc::new(AtFirst { act: Box::new(act), done: Once::new() }))
}

#[test]
fn what_is_more_urgent_comes_next_and_what_was_claimed_before_it_goes_back_without_an_attempt() {
    let clock = ManualClock::new();
    let fixture = Fixture::with_outside_tiers(3, StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let many = |seeds: std::ops::Range<u64>| -> Vec<ActionSpec> {
        seeds.map(|seed| ActionSpec::copy(put(store, 200, seed), None, 2)).collect()
    };
    let urgent = ActionSpec { priority: 1, ..ActionSpec::copy(put(store, 200, 1000), None, 1) };
    let (submitted, came_due) = (ActionId([7; 16]), ActionId([8; 16]));
    let check = |ids: Vec<ActionId>, urgent: ActionId| {
        let done = order_of_done(store);
        let at = |id: &ActionId| done.iter().position(|done| done == id).unwrap();
        assert_eq!(ids.iter().filter(|id| at(id) < at(&urgent)).count(), 1, "one had been begun");
        for id in ids {
            let action = store.action(id).unwrap();
            assert!(action.attempts == 0 && action.story.is_empty(), "{action:?}");
        }
    };
    // It is submitted meanwhile.
    let (group, ids) = store.submit_group(many(0..100)).unwrap();
    let (by, spec) = (fixture.another_handle(), urgent.clone());
    run(&at_first(store, move || assert!(by.submit_as(submitted, &spec).unwrap())));
    assert_eq!(store.group_status(group).unwrap().done, 100);
    check(ids, submitted);
    // It was there before, and its pause ends meanwhile.
    let (root, away) = (fixture.outside("tier-1"), fixture.outside("away"));
    fs::rename(&root, &away).unwrap();
    let urgent = ActionSpec { object: put(store, 200, 1001), ..urgent };
    store.submit_as(came_due, &urgent).unwrap();
    assert_eq!(run(store).put_off, 1);
    fs::rename(&away, &root).unwrap();
    let (_, ids) = store.submit_group(many(100..200)).unwrap();
    run(&at_first(store, move || clock.advance(Duration::from_secs(1))));
    check(ids, came_due);
}

#[test]
fn two_executors_share_the_work_and_do_nothing_twice() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let other = fixture.another_handle();
    let objects: Vec<ObjectId> = (0..400).map(|seed| put(store, 200, seed)).collect();
    let specs: Vec<ActionSpec> =
        objects.iter().zip((1..5).cycle()).map(|(id, tier)| ActionSpec::copy(*id, None, tier)).collect();
    let (group, _) = store.submit_group([specs.clone(), specs].concat()).unwrap();
    thread::scope(|scope| {
        let runs: Vec<_> = [store, &other]
            .map(|store| {
                scope.spawn(|| {
                    while !store.group_status(group).unwrap().is_finished() {
                        run(store);
                    }
                })
            })
            .into();
        for run in runs {
            run.join().unwrap();
        }
    });
    assert_eq!(store.group_status(group).unwrap().done, 800);
    let mut added: BTreeMap<ObjectId, usize> = BTreeMap::new();
    for event in events(store) {
        if let Change::CopyAdded { object, .. } = event.change {
            *added.entry(object).or_default() += 1;
        }
    }
    assert_eq!(added.len(), 400);
    assert!(added.values().all(|count| *count == 1));
}

#[test]
fn a_process_that_runs_a_thousand_actions_is_killed_ten_times_and_each_effect_is_committed_once() {
    let tier = |index| TierConfig {
        pack_threshold_bytes: 1000,
        ..TierConfig::posix(index, format!("tiers/{index}"))
    };
    let fixture = Fixture::with(StoreOptions::new().tiers((0..3).map(tier).collect()));
    let store = &fixture.store;
    let objects: Vec<(ObjectId, Vec<u8>)> = (0..500)
        .map(|seed| {
            let content = bytes(if seed % 5 == 0 { 4000 } else { 300 }, seed);
            (store.put(&content, &PutOptions::default()).unwrap().id, content)
        })
        .collect();
    // Moved to tier 1; archived from wherever they are to tier 2.
    let mut specs: Vec<ActionSpec> = Vec::new();
    for (nth, (id, _)) in objects.iter().enumerate() {
        specs.push(ActionSpec { priority: (nth % 7) as i32, ..ActionSpec::move_object(*id, 0, 1) });
        specs.push(ActionSpec { priority: (nth % 3) as i32, ..ActionSpec::copy(*id, None, 2) });
    }
    let (group, _) = store.submit_group(specs).unwrap();
    let mut killed = 0;
    for round in 0..10_u64 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
            .arg(fixture.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Somewhere on its way through what is left, further each time.
        let enough = 1000 * (round + 1) / 12 + (round * 37) % 40;
        while child.try_wait().unwrap().is_none() && store.group_status(group).unwrap().done < enough {
            thread::sleep(Duration::from_millis(1 + round % 3));
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 5, "the process was at its end too soon: {killed}");
    run(store);
    let status = store.group_status(group).unwrap();
    assert_eq!((status.done, status.total()), (1000, 1000), "{status:?}");
    let (mut added, mut dropped, mut done): (BTreeMap<_, u32>, BTreeMap<_, u32>, BTreeMap<_, u32>) =
        Default::default();
    let mut claims = 0;
    for event in events(store) {
        match event.change {
            Change::CopyAdded { object, copy, .. } => *added.entry((object, copy.tier)).or_default() += 1,
            Change::CopyDropped { object, tier, .. } => *dropped.entry((object, tier)).or_default() += 1,
            Change::ActionChanged { action, state: ActionState::Done, .. } => {
                *done.entry(action).or_default() += 1;
            }
            Change::ActionChanged { state: ActionState::Running, .. } => claims += 1,
            _ => {}
        }
    }
    assert_eq!((added.len(), dropped.len(), done.len()), (1000, 500, 1000));
    println!(
        "1000 actions, their process killed {killed} times: {claims} claims, {} effects, each once",
        added.len() + dropped.len()
    );
    let counts = added.values().chain(dropped.values()).chain(done.values());
    assert!(counts.into_iter().all(|count| *count == 1), "an effect was committed twice");
    for (id, content) in &objects {
        assert_eq!(tiers_of(store, *id), [1, 2]);
        for tier in [1, 2] {
            store.verify(*id, tier).unwrap();
        }
        assert_eq!(store.get(*id).unwrap(), *content);
    }
}
