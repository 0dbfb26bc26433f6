//! Actions that come after others: they wait, are queued in the commit that does the last of these, and fail with them.

use std::sync::atomic::AtomicBool;

use hsm_core::journal::Change;
use hsm_core::object::{ActionId, ActionSpec, ActionState, GroupId, ObjectId};
use hsm_core::{ActionQuery, Kind, PutOptions, Ran, Retention, RunOptions, Store};
use hsm_tests::audit;
use hsm_tests::fixture::{Fixture, SMALL, bytes, events, kind, tiers_of};

fn run(store: &Store) -> Ran {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap()
}

fn put(store: &Store, seed: u64) -> ObjectId {
    store.put(&bytes(SMALL, seed), &PutOptions::default()).unwrap().id
}

fn state(store: &Store, id: ActionId) -> ActionState {
    store.action(id).unwrap().state
}

fn after(spec: ActionSpec, after: impl Into<Vec<ActionId>>) -> ActionSpec {
    ActionSpec { after: after.into(), ..spec }
}

/// What failed last.
fn story(store: &Store, id: ActionId) -> String {
    store.action(id).unwrap().story.last().map(|attempt| attempt.error.clone()).unwrap_or_default()
}

/// The feed leads to what the index says.
fn adds_up(store: &Store) {
    let view = audit::view(store).unwrap();
    audit::feed_adds_up(store, &view).unwrap();
}

fn id(nth: u8) -> ActionId {
    ActionId([nth; 16])
}

/// Cannot be done: there is no such object.
fn hopeless() -> ActionSpec {
    ActionSpec::verify(ObjectId([9; 16]), 0)
}

#[test]
fn an_action_waits_until_all_it_comes_after_is_done_and_is_queued_in_that_commit() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (first, second) = (put(store, 1), put(store, 2));
    let copies = [first, second].map(|object| store.submit(&ActionSpec::copy(object, None, 2)).unwrap());
    // The release of a last copy would be refused: it is right only behind its copy.
    let last = store.submit(&after(ActionSpec::release(first, 0, false), copies)).unwrap();
    let more =
        store.submit(&after(ActionSpec { priority: 9, ..ActionSpec::recall(first, 0) }, [last])).unwrap();
    assert_eq!((state(store, last), state(store, more)), (ActionState::Waiting, ActionState::Waiting));
    assert_eq!(run(store), Ran { done: 4, ..Ran::default() });
    assert_eq!(tiers_of(store, first), [0, 2]);

    let feed = events(store);
    let number = |id: ActionId, state: ActionState| {
        let found = feed.iter().find(|event| {
            matches!(event.change, Change::ActionChanged { action, state: became, .. } if action == id && became == state)
        });
        found.map(|event| event.position.number)
    };
    for (waited, before) in [(last, copies.to_vec()), (more, vec![last])] {
        let done = before.iter().map(|id| number(*id, ActionState::Done).unwrap()).max().unwrap();
        let queued = number(waited, ActionState::Queued).unwrap();
        assert!(queued > done && queued <= done + 2, "queued at {queued}, the last one done at {done}");
        assert!(number(waited, ActionState::Running).unwrap() > queued);
    }
    adds_up(store);
}

#[test]
fn what_is_done_already_is_not_waited_for_and_what_is_not_known_is_refused() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let object = put(store, 1);
    let done = store.submit(&ActionSpec::verify(object, 0)).unwrap();
    run(store);
    let next = store.submit(&after(ActionSpec::copy(object, None, 2), [done])).unwrap();
    assert_eq!(state(store, next), ActionState::Queued);
    let unknown = after(ActionSpec::verify(object, 0), [done, id(7)]);
    assert_eq!(kind(&store.submit(&unknown)), Some(Kind::NotFound));
    assert_eq!(kind(&store.submit_all(vec![hopeless(), unknown])), Some(Kind::NotFound));
    let itself = after(ActionSpec::verify(object, 0), [id(8)]);
    assert_eq!(kind(&store.submit_as(id(8), &itself)), Some(Kind::NotFound));
    let many = after(ActionSpec::verify(object, 0), vec![done; 17]);
    assert_eq!(kind(&store.submit(&many)), Some(Kind::Invalid));
    run(store);
    store.set_actions_kept(&Retention { events_max: Some(0), ..Retention::default() }).unwrap();
    assert_eq!(store.maintain().unwrap().actions_forgotten, 2);
    assert_eq!(kind(&store.submit(&after(ActionSpec::verify(object, 0), [done]))), Some(Kind::NotFound));
}

#[test]
fn one_that_fails_or_is_called_off_fails_all_behind_it_and_a_retry_in_order_does_them() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let object = put(store, 1);
    let first = store.submit(&hopeless()).unwrap();
    let second = store.submit(&after(ActionSpec::copy(object, None, 2), [first])).unwrap();
    let third = store.submit(&after(ActionSpec::copy(object, None, 3), [second])).unwrap();
    assert_eq!(run(store).failed, 1);
    assert_eq!([second, third].map(|id| state(store, id)), [ActionState::Failed; 2]);
    assert!(story(store, second).contains(&format!("{first}, which failed")), "{}", story(store, second));
    assert!(story(store, third).contains(&format!("{second}, which failed")), "{}", story(store, third));
    // Submitted behind what failed already.
    let late = store.submit(&after(ActionSpec::verify(object, 0), [first])).unwrap();
    assert_eq!(state(store, late), ActionState::Failed);
    // Alone it fails again: what it comes after did.
    assert!(store.retry(second).unwrap());
    assert_eq!(state(store, second), ActionState::Failed);

    let [begin, end] = [1, 2].map(id);
    let copy = ActionSpec::copy(object, None, 2);
    store.submit_all_as(vec![(begin, copy.clone()), (end, after(copy, [begin]))]).unwrap();
    assert!(store.cancel(begin).unwrap());
    assert_eq!(state(store, end), ActionState::Failed);
    assert!(story(store, end).contains(&format!("{begin}, which was cancelled")));
    assert!(store.retry(begin).unwrap());
    assert_eq!(state(store, end), ActionState::Failed, "nobody asked for it anew");
    assert!(store.retry(end).unwrap());
    assert_eq!(state(store, end), ActionState::Waiting);
    assert_eq!(run(store).done, 2);
    adds_up(store);
}

#[test]
fn a_group_names_its_earlier_items_is_counted_while_it_waits_and_called_off_and_retried_as_one() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let object = put(store, 1);
    let group = GroupId([5; 16]);
    let chain: Vec<(ActionId, ActionSpec)> = (1..=4)
        .map(|nth| {
            let before = if nth == 1 { Vec::new() } else { vec![id(nth - 1)] };
            let spec = ActionSpec { group: Some(group), ..ActionSpec::copy(object, None, nth) };
            (id(nth), after(spec, before))
        })
        .collect();
    let mut wrong = chain.clone();
    wrong.swap(0, 1);
    assert_eq!(kind(&store.submit_all_as(wrong)), Some(Kind::NotFound), "only earlier ones");
    let twice = vec![chain[0].clone(), chain[0].clone()];
    assert_eq!(kind(&store.submit_all_as(twice)), Some(Kind::Invalid));
    store.submit_all_as(chain.clone()).unwrap();
    assert_eq!(kind(&store.submit_all_as(chain)), Some(Kind::Exists));
    let status = || store.group_status(group).unwrap();
    assert_eq!((status().waiting, status().queued, status().total()), (3, 1, 4));
    assert!(!status().is_finished());
    let waiting = ActionQuery { state: Some(ActionState::Waiting), ..ActionQuery::default() };
    assert_eq!(store.actions(&waiting, 0, 10).unwrap().len(), 3);
    let all = ActionQuery { group: Some(group), ..ActionQuery::default() };
    assert_eq!(store.cancel_all(&all).unwrap(), 4);
    assert_eq!(status().cancelled, 4);
    assert_eq!(store.retry_all(&all).unwrap(), 4);
    assert_eq!((status().waiting, status().queued), (3, 1));
    assert_eq!(run(store).done, 4);
    assert_eq!(store.wait_group(group, None).unwrap().done, 4);
    adds_up(store);
}

#[test]
fn more_that_wait_than_one_commit_takes_along_are_all_run_and_all_survive_reopening() {
    let mut fixture = Fixture::new();
    let object = put(&fixture.store, 1);
    let first = fixture.store.submit(&ActionSpec::copy(object, None, 2)).unwrap();
    let behind = after(ActionSpec::verify(object, 0), [first]);
    fixture.store.submit_all(vec![behind; 25_000]).unwrap();
    fixture.reopen();
    let (mut done, mut runs) = (0, 0);
    while done < 25_001 {
        // Each looks for some of those that the commit left.
        let ran = run(&fixture.store);
        assert!(ran.done > 0, "{done} in {runs} runs");
        (done, runs) = (done + ran.done, runs + 1);
    }
    adds_up(&fixture.store);
}

#[test]
fn done_ones_that_were_forgotten_are_done_and_others_are_not_known() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let object = put(store, 1);
    let done = store.submit(&ActionSpec::verify(object, 0)).unwrap();
    run(store);
    let open = store.submit(&hopeless()).unwrap();
    let last = store.submit(&after(ActionSpec::copy(object, None, 2), [done, open])).unwrap();
    let keep = |count| store.set_actions_kept(&Retention { events_max: Some(count), ..Retention::default() });
    keep(0).unwrap();
    assert_eq!(store.maintain().unwrap().actions_forgotten, 1);
    assert_eq!(state(store, last), ActionState::Waiting);
    run(store);
    assert!(story(store, last).contains(&format!("{open}, which failed")));
    // What failed and is forgotten cannot become done any more.
    assert!(store.retry(last).unwrap());
    keep(1).unwrap();
    store.maintain().unwrap();
    assert_eq!(kind(&store.action(open)), Some(Kind::NotFound));
    assert!(store.retry(last).unwrap());
    assert!(story(store, last).contains(&format!("{open}, which is not known any more")));
    adds_up(store);
}
