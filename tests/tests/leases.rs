//! Actions of a site's own kinds: leased by workers, extended, ended, lost, and each done once.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use hsm_core::journal::Change;
use hsm_core::object::{Action, ActionId, ActionSpec, ActionState, GroupId};
use hsm_core::{
    ActionQuery, Kind, LEASED_AT_ONCE_MAX, LeaseOptions, PutOptions, RestoreOptions, RunOptions,
    SnapshotOptions, Store, StoreOptions,
};
use hsm_tests::audit;
use hsm_tests::fixture::{Fixture, ManualClock, SMALL, bytes, events, kind};

const MINUTE: Duration = Duration::from_mins(1);

fn options(kinds: &[&str], max: usize) -> LeaseOptions {
    LeaseOptions {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        worker: "robot".into(),
        max,
        duration: MINUTE,
        timeout: Some(Duration::ZERO),
    }
}

fn lease(store: &Store, kinds: &[&str], max: usize) -> Vec<Action> {
    store.lease(&options(kinds, max)).unwrap()
}

fn token(action: &Action) -> u64 {
    action.lease.as_ref().unwrap().token
}

fn run(store: &Store) -> u64 {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap().done
}

fn with_clock() -> (Fixture, Arc<ManualClock>) {
    let clock = ManualClock::new();
    (Fixture::with(StoreOptions::new().clock(clock.clone())), clock)
}

/// The feed leads to what the index says.
fn adds_up(store: &Store) {
    let view = audit::view(store).unwrap();
    audit::feed_adds_up(store, &view).unwrap();
}

#[test]
fn a_worker_leases_extends_and_completes_what_no_executor_touches() {
    let mut fixture = Fixture::new();
    let store = &fixture.store;
    let object = store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
    let spec = ActionSpec { object, ..ActionSpec::site("tape.mount", *b"VOL001") };
    let id = store.submit(&spec).unwrap();
    let next = store.submit(&ActionSpec { after: vec![id], ..ActionSpec::copy(object, None, 2) }).unwrap();
    assert_eq!(run(store), 0);
    assert_eq!(lease(store, &["tape.eject"], 5), []);
    let leased = lease(store, &["tape.eject", "tape.mount"], 5);
    assert_eq!(leased.len(), 1);
    let (action, mine) = (&leased[0], token(&leased[0]));
    assert_eq!((action.id, &action.spec, action.state), (id, &spec, ActionState::Running));
    assert_eq!(action.lease.as_ref().unwrap().worker, "robot");
    assert_eq!(lease(store, &["tape.mount"], 5), [], "it is leased");
    assert_eq!(run(store), 0);
    let until_ns = store.extend_lease(id, mine, MINUTE * 2, Some("in the drive")).unwrap();
    // The token is good in whatever process, and after a restart.
    fixture.reopen();
    let store = &fixture.store;
    let found = store.action(id).unwrap().lease.unwrap();
    assert_eq!((found.token, found.until_ns, found.note.as_str()), (mine, until_ns, "in the drive"));
    store.extend_lease(id, mine, MINUTE, None).unwrap();
    assert_eq!(store.action(id).unwrap().lease.unwrap().note, "in the drive");
    assert_eq!(kind(&store.complete_lease(id, mine + 1, b"")), Some(Kind::Refused));
    assert!(store.complete_lease(id, mine, b"drive 3").unwrap());
    assert!(!store.complete_lease(id, mine, b"drive 4").unwrap(), "it is done already");
    let done = store.action(id).unwrap();
    assert_eq!((done.state, done.result.as_slice()), (ActionState::Done, b"drive 3".as_slice()));
    assert_eq!(done.spec, spec);
    assert_eq!(kind(&store.extend_lease(id, mine, MINUTE, None)), Some(Kind::Refused));
    assert_eq!(run(store), 1, "what comes after it");
    assert_eq!(store.action(next).unwrap().state, ActionState::Done);
    adds_up(store);
}

#[test]
fn a_lease_that_ends_without_a_word_is_an_attempt_and_its_worker_has_no_say_any_more() {
    let (fixture, clock) = with_clock();
    let store = &fixture.store;
    let id = store.submit(&ActionSpec { attempts_max: 2, ..ActionSpec::site("ingest", []) }).unwrap();
    let first = token(&lease(store, &["ingest"], 1)[0]);
    clock.advance(MINUTE * 2);
    // Late, but nobody else has it yet.
    store.extend_lease(id, first, MINUTE, None).unwrap();
    clock.advance(MINUTE * 2);
    let second = token(&lease(store, &["ingest"], 1)[0]);
    assert_ne!(first, second);
    let action = store.action(id).unwrap();
    assert_eq!((action.attempts, action.story.len()), (1, 1));
    assert!(action.story[0].error.contains("\"robot\" ended"), "{}", action.story[0].error);
    for lost in [
        kind(&store.extend_lease(id, first, MINUTE, None)),
        kind(&store.complete_lease(id, first, b"late")),
        kind(&store.fail_lease(id, first, "late", true)),
        kind(&store.give_back_lease(id, first)),
    ] {
        assert_eq!(lost, Some(Kind::Refused));
    }
    clock.advance(MINUTE * 2);
    // Whoever runs actions notices, too.
    run(store);
    let action = store.action(id).unwrap();
    assert_eq!((action.state, action.attempts), (ActionState::Failed, 2));
    assert_eq!(lease(store, &["ingest"], 1), []);
    assert!(store.retry(id).unwrap());
    assert_eq!(lease(store, &["ingest"], 1).len(), 1);
    adds_up(store);
}

#[test]
fn an_attempt_that_fails_is_made_again_after_a_pause_or_ends_it_and_what_is_given_back_is_queued() {
    let (fixture, clock) = with_clock();
    let store = &fixture.store;
    let id = store.submit(&ActionSpec { attempts_max: 2, ..ActionSpec::site("ingest", []) }).unwrap();
    let mine = token(&lease(store, &["ingest"], 1)[0]);
    store.give_back_lease(id, mine).unwrap();
    assert_eq!((store.action(id).unwrap().attempts, store.action(id).unwrap().lease), (0, None));
    let mine = token(&lease(store, &["ingest"], 1)[0]);
    assert_eq!(store.fail_lease(id, mine, "no drive", true).unwrap(), ActionState::Queued);
    assert_eq!(lease(store, &["ingest"], 1), [], "it pauses");
    clock.advance(MINUTE);
    let mine = token(&lease(store, &["ingest"], 1)[0]);
    assert_eq!(
        store.fail_lease(id, mine, "no drive", true).unwrap(),
        ActionState::Failed,
        "the last attempt"
    );
    assert_eq!(store.action(id).unwrap().story.len(), 2);

    let id = store.submit(&ActionSpec::site("ingest", [])).unwrap();
    let mine = token(&lease(store, &["ingest"], 1)[0]);
    assert_eq!(store.fail_lease(id, mine, "no such tape", false).unwrap(), ActionState::Failed);
    assert_eq!(store.fail_lease(id, mine, "no such tape", false).unwrap(), ActionState::Failed, "said again");
    assert_eq!(kind(&store.complete_lease(id, mine, b"")), Some(Kind::Refused));
    adds_up(store);
}

#[test]
fn who_is_called_off_hears_of_it_and_a_deadline_passes_without_a_lease() {
    let (fixture, clock) = with_clock();
    let store = &fixture.store;
    let id = store.submit(&ActionSpec::site("ingest", [])).unwrap();
    let mine = token(&lease(store, &["ingest"], 1)[0]);
    assert!(store.cancel(id).unwrap());
    assert_eq!(kind(&store.extend_lease(id, mine, MINUTE, None)), Some(Kind::Cancelled));
    assert_eq!(kind(&store.complete_lease(id, mine, b"")), Some(Kind::Cancelled));
    assert_eq!(store.action(id).unwrap().state, ActionState::Cancelled);
    let deadline_ns = store.action(id).unwrap().submitted_ns + 1_000_000_000;
    let late = store.submit(&ActionSpec { deadline_ns, ..ActionSpec::site("ingest", []) }).unwrap();
    clock.advance(MINUTE);
    assert_eq!(lease(store, &["ingest"], 1), []);
    assert_eq!(store.action(late).unwrap().state, ActionState::Failed);
}

#[test]
fn the_highest_priority_comes_first_and_owners_in_turn_across_kinds() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let spec = |owner: &str, kind: &str, priority| ActionSpec {
        owner: owner.into(),
        priority,
        ..ActionSpec::site(kind, [])
    };
    store.submit_all(vec![spec("flood", "a", 0); 100]).unwrap();
    let small = store.submit(&spec("small", "b", 0)).unwrap();
    let urgent = store.submit(&spec("flood", "b", 7)).unwrap();
    let ids = |found: Vec<Action>| found.iter().map(|action| action.id).collect::<Vec<_>>();
    assert_eq!(ids(lease(store, &["a", "b"], 10)), [urgent]);
    let next = lease(store, &["a", "b"], 10);
    assert_eq!(next.len(), 10);
    assert_eq!(next.iter().filter(|action| action.id == small).count(), 1, "its share");
    let one = |owner: &str| {
        let [action] = <[Action; 1]>::try_from(lease(store, &["a", "b"], 1)).unwrap();
        assert_eq!(action.spec.owner, owner);
    };
    store.submit(&spec("other", "b", 0)).unwrap();
    store.submit(&spec("another", "b", 0)).unwrap();
    let mut owners: Vec<String> = (0..3).map(|_| lease(store, &["a", "b"], 1).remove(0).spec.owner).collect();
    owners.sort();
    assert_eq!(owners, ["another", "flood", "other"], "in turn");
    one("flood");
}

#[test]
fn owners_take_turns_whatever_handles_lease_and_when_they_were_opened() {
    let mut fixture = Fixture::new();
    let spec = |owner: &str| ActionSpec { owner: owner.into(), ..ActionSpec::site("ingest", []) };
    let all = ["a", "b", "c"].map(|owner| vec![spec(owner); 5]).concat();
    fixture.store.submit_all(all).unwrap();
    let mut owners = Vec::new();
    for _ in 0..3 {
        let other = fixture.another_handle();
        for store in [&fixture.store, &other] {
            owners.push(lease(store, &["ingest"], 1).remove(0).spec.owner);
        }
        other.close().unwrap();
        fixture.reopen();
    }
    assert_eq!(owners, ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn what_cannot_be_wanted_or_leased_is_refused() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let wrong = [
        ActionSpec::site("", []),
        ActionSpec::site("a,b", []),
        ActionSpec::site("a\n", []),
        ActionSpec::site("k".repeat(256), []),
        ActionSpec::site("a", vec![0; 65_537]),
        ActionSpec { site: None, ..ActionSpec::site("a", []) },
        ActionSpec { source: Some(1), ..ActionSpec::site("a", []) },
        ActionSpec { force: true, ..ActionSpec::site("a", []) },
    ];
    for spec in wrong {
        assert_eq!(kind(&store.submit(&spec)), Some(Kind::Invalid), "{spec:?}");
    }
    for options in [
        options(&[], 1),
        options(&[""], 1),
        options(&["a"], 0),
        options(&["a"], LEASED_AT_ONCE_MAX + 1),
        LeaseOptions { duration: Duration::ZERO, ..options(&["a"], 1) },
        LeaseOptions { worker: "w".repeat(256), ..options(&["a"], 1) },
    ] {
        assert_eq!(kind(&store.lease(&options)), Some(Kind::Invalid), "{options:?}");
    }
    let nobody = ActionId([1; 16]);
    assert_eq!(kind(&store.extend_lease(nobody, 1, MINUTE, None)), Some(Kind::NotFound));
    let id = store.submit(&ActionSpec::site("a", vec![7; 65_536])).unwrap();
    assert_eq!(kind(&store.complete_lease(id, 1, b"")), Some(Kind::Refused), "nobody has it");
    let mine = lease(store, &["a"], 1).remove(0);
    assert_eq!(mine.spec.site.as_ref().unwrap().payload, vec![7; 65_536]);
    assert_eq!(kind(&store.complete_lease(id, token(&mine), &vec![0; 65_537])), Some(Kind::Invalid));
    assert_eq!(
        kind(&store.extend_lease(id, token(&mine), MINUTE, Some(&"n".repeat(256)))),
        Some(Kind::Invalid)
    );
    assert_eq!(kind(&store.fail_lease(id, token(&mine), "", true)), Some(Kind::Invalid));
    store.complete_lease(id, token(&mine), &vec![9; 65_536]).unwrap();
    assert_eq!(store.action(id).unwrap().result, vec![9; 65_536]);
    adds_up(store);
}

#[test]
fn a_worker_that_waits_wakes_for_what_another_handle_submits_and_ends_with_the_store() {
    let fixture = Fixture::new();
    let waiting = LeaseOptions { timeout: None, ..options(&["ingest"], 1) };
    let store = fixture.store.clone();
    let worker = thread::spawn(move || store.lease(&waiting).unwrap().remove(0).id);
    let id = fixture.another_handle().submit(&ActionSpec::site("ingest", [])).unwrap();
    assert_eq!(worker.join().unwrap(), id);
    let waiting = LeaseOptions { timeout: None, ..options(&["ingest"], 1) };
    let store = fixture.store.clone();
    let worker = thread::spawn(move || kind(&store.lease(&waiting)));
    thread::sleep(Duration::from_millis(20));
    fixture.store.close().unwrap();
    assert_eq!(worker.join().unwrap(), Some(Kind::Closed));
}

#[test]
fn a_token_of_what_a_restore_took_back_is_no_token_of_what_came_then() {
    let mut fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let id = fixture.store.submit(&ActionSpec::site("ingest", *b"")).unwrap();
    fixture.store.snapshot_to(1, &SnapshotOptions::default()).unwrap();
    let lost = token(&lease(&fixture.store, &["ingest"], 1)[0]);
    fixture.close();
    std::fs::remove_dir_all(fixture.path()).unwrap();
    Store::restore(fixture.path(), fixture.outside("tier-1"), &RestoreOptions::new()).unwrap();
    fixture.reopen();
    fixture.store.reconcile().unwrap();
    let mine = token(&lease(&fixture.store, &["ingest"], 1)[0]);
    assert_ne!(mine, lost);
    assert_eq!(
        kind(&fixture.store.complete_lease(id, lost, b"of a store that is gone")),
        Some(Kind::Refused)
    );
    assert!(fixture.store.complete_lease(id, mine, b"").unwrap());
}

fn worker(fixture: &Fixture, seed: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_worker"))
        .arg(fixture.path())
        .arg(seed.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn workers_that_are_killed_fail_forget_and_give_back_do_each_action_once() {
    const ACTIONS: usize = 400;
    let fixture = Fixture::new();
    let store = &fixture.store;
    let group = GroupId([3; 16]);
    let mut earlier: Option<ActionId> = None;
    for nth in 0..ACTIONS {
        let spec = ActionSpec {
            group: Some(group),
            attempts_max: u32::MAX,
            after: earlier.filter(|_| nth % 7 == 3).into_iter().collect(),
            ..ActionSpec::site(["a", "b"][nth % 2], nth.to_string())
        };
        earlier = Some(store.submit(&spec).unwrap());
    }
    let mut workers = [worker(&fixture, 1), worker(&fixture, 2)];
    for round in 0..10_u64 {
        thread::sleep(Duration::from_millis(100 + round * 37 % 110));
        let victim = &mut workers[(round % 2) as usize];
        victim.kill().unwrap();
        victim.wait().unwrap();
        *victim = worker(&fixture, 3 + round);
    }
    assert_eq!(store.wait_group(group, None).unwrap().done, ACTIONS as u64);
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let mut done: BTreeMap<ActionId, u32> = BTreeMap::new();
    for event in events(store) {
        if let Change::ActionChanged { action, state: ActionState::Done, .. } = event.change {
            *done.entry(action).or_default() += 1;
        }
    }
    assert_eq!(done.len(), ACTIONS);
    assert!(done.values().all(|count| *count == 1), "each once");
    println!("{ACTIONS} leased actions, one of two workers killed 10 times: each done once");
    for action in store.actions(&ActionQuery::default(), 0, usize::MAX).unwrap() {
        let action = store.action(action.id).unwrap();
        let payload = action.spec.site.unwrap().payload;
        assert_eq!(action.result, [payload, action.lease.unwrap().worker.into_bytes()].concat());
    }
    adds_up(store);
}
