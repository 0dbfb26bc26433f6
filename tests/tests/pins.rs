//! Pins: what an owner pinned to a tier stays there until the pin ends, and no longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hsm_core::clock::Clock as _;
use hsm_core::journal::Change;
use hsm_core::object::{ActionSpec, ActionState, FOR_EVER_NS, ObjectId, Pin};
use hsm_core::{
    CompactOptions, Error, EventKind, Kind, PinQuery, PutOptions, Query, RebuildOptions, RestoreOptions,
    RunOptions, SnapshotOptions, Store, StoreOptions,
};
use hsm_tests::audit;
use hsm_tests::fixture::{Fixture, LARGE, ManualClock, SMALL, bytes, events, kind, name, on_tier, tiers_of};

const HOUR: Duration = Duration::from_hours(1);

fn with_clock() -> (Fixture, Arc<ManualClock>) {
    let clock = ManualClock::new();
    (Fixture::with(StoreOptions::new().clock(clock.clone()).grace(HOUR)), clock)
}

fn in_hours(clock: &ManualClock, hours: i64) -> i64 {
    clock.now_ns() + hours * HOUR.as_nanos() as i64
}

fn put(store: &Store, len: usize) -> ObjectId {
    store.put(&bytes(len, 1), &on_tier(0)).unwrap().id
}

fn pins(store: &Store) -> Vec<Pin> {
    store.pins(&PinQuery::default(), None, 1000).unwrap()
}

fn pin(object: ObjectId, tier: u8, owner: &str, until_ns: i64) -> Pin {
    Pin { object, tier, owner: owner.to_owned(), until_ns }
}

#[test]
fn a_pinned_copy_is_neither_released_nor_moved_away_until_its_last_pin_ends() {
    let (mut fixture, clock) = with_clock();
    let id = put(&fixture.store, LARGE);
    fixture.store.copy(id, None, 2).unwrap();
    let (first, second) = (in_hours(&clock, 1), in_hours(&clock, 2));
    fixture.store.pin(id, 0, "ann", first).unwrap();
    fixture.store.pin(id, 0, "bob", second).unwrap();
    for reopened in [false, true] {
        let store = &fixture.store;
        let refused = store.release(id, 0, false).unwrap_err();
        assert!(matches!(&refused, Error::Pinned { pin } if pin.owner == "bob"), "{refused}");
        assert!(refused.to_string().contains("it is pinned until "), "{refused}");
        assert_eq!(kind(&store.release(id, 0, true)), Some(Kind::Refused), "force is no unpin");
        assert_eq!(kind(&store.move_object(id, 0, 1)), Some(Kind::Refused));
        assert_eq!(kind(&store.drain_tier(0, 1)), Some(Kind::Refused));
        store.set_tier_state(0, hsm_core::object::TierState::Active).unwrap();
        assert_eq!(tiers_of(store, id), [0, 2]);
        assert_eq!(pins(store), [pin(id, 0, "ann", first), pin(id, 0, "bob", second)]);
        if !reopened {
            fixture.reopen();
        }
    }
    let before = fixture.store.position().unwrap();
    clock.advance(HOUR);
    assert_eq!(pins(&fixture.store), [pin(id, 0, "bob", second)]);
    assert_eq!(fixture.store.unpin(id, 0, "ann").unwrap(), None, "it has ended");
    assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
    clock.advance(HOUR);
    assert_eq!(fixture.store.position().unwrap(), before, "a pin ends without a word");
    fixture.store.release(id, 0, false).unwrap();
    assert_eq!(tiers_of(&fixture.store, id), [2]);
}

#[test]
fn a_dataset_and_a_list_are_pinned_in_one_call_and_an_owner_takes_all_of_it_away() {
    let (mut fixture, clock) = with_clock();
    let (dataset, until_ns) = (fixture.dataset("run 7"), in_hours(&clock, 1));
    let store = &fixture.store;
    let of_run: Vec<ObjectId> = (0..30)
        .map(|nth| {
            let options = PutOptions { name: Some(name(dataset, format!("{nth}"))), ..on_tier(0) };
            store.put(&bytes(SMALL, nth), &options).unwrap().id
        })
        .collect();
    let others = [put(store, SMALL), put(store, LARGE), put(store, SMALL)];
    store.remove(of_run[29]).unwrap();
    assert_eq!(store.pin_all(&Query::dataset(dataset), 0, "ann", until_ns).unwrap(), 29);
    store.pin_many(&[others[0], others[1], others[0]], 0, "bob", until_ns).unwrap();
    let nobody = ObjectId([9; 16]);
    assert_eq!(kind(&store.pin_many(&[others[2], nobody], 0, "bob", until_ns)), Some(Kind::NotFound));
    assert_eq!(kind(&store.pin_many(&[], 0, "bob", until_ns)), Some(Kind::Invalid));
    assert_eq!(kind(&store.pin_all(&Query::default(), 77, "bob", until_ns)), Some(Kind::NotFound));
    assert_eq!(kind(&store.pin_all(&Query::default(), 0, "bob", clock.now_ns())), Some(Kind::Invalid));
    fixture.reopen();
    let store = &fixture.store;
    assert_eq!(pins(store).len(), 31, "all of a list or none");
    for id in of_run[..29].iter().chain(&others[..2]) {
        assert_eq!(kind(&store.move_object(*id, 0, 2)), Some(Kind::Refused));
    }
    let hers = PinQuery { owner: Some("ann".into()), ..PinQuery::default() };
    assert_eq!(store.unpin_all(&PinQuery { tier: Some(1), ..hers.clone() }).unwrap(), 0);
    assert_eq!(store.unpin_all(&hers).unwrap(), 29);
    for id in &of_run[..29] {
        store.move_object(*id, 0, 2).unwrap();
    }
    assert_eq!(kind(&store.move_object(others[1], 0, 2)), Some(Kind::Refused));
    audit::feed_adds_up(store, &audit::view(store).unwrap()).unwrap();
    clock.advance(HOUR);
    assert_eq!(store.unpin_all(&PinQuery::default()).unwrap(), 0, "his have ended");
    store.move_object(others[1], 0, 2).unwrap();
}

#[test]
fn a_pin_for_ever_ends_when_its_owner_takes_it_away() {
    let (fixture, clock) = with_clock();
    let (store, id) = (&fixture.store, put(&fixture.store, SMALL));
    store.pin(id, 0, "", FOR_EVER_NS).unwrap();
    clock.advance(HOUR * 24 * 365 * 100);
    let refused = store.move_object(id, 0, 2).unwrap_err();
    assert!(refused.to_string().contains("pinned for ever by owner \"\""), "{refused}");
    assert_eq!(store.unpin(id, 0, "ann").unwrap(), None, "another's is not hers");
    assert_eq!(store.unpin(id, 1, "").unwrap(), None);
    assert!(store.unpin(id, 0, "").unwrap().is_some());
    store.move_object(id, 0, 2).unwrap();
    assert_eq!(tiers_of(store, id), [2]);
}

#[test]
fn who_pins_first_and_recalls_then_has_a_copy_that_stays() {
    let (fixture, clock) = with_clock();
    let (store, id) = (&fixture.store, put(&fixture.store, LARGE));
    store.move_object(id, 0, 2).unwrap();
    store.pin(id, 0, "job 7", in_hours(&clock, 1)).unwrap();
    store.recall(id, 0).unwrap();
    assert_eq!(kind(&store.release(id, 0, false)), Some(Kind::Refused));
    store.release(id, 2, false).unwrap();
    assert_eq!(tiers_of(store, id), [0], "another tier is not what was pinned");
}

#[test]
fn an_earlier_end_takes_the_place_of_a_later_one() {
    let (fixture, clock) = with_clock();
    let (store, id) = (&fixture.store, put(&fixture.store, SMALL));
    store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
    store.pin(id, 0, "ann", in_hours(&clock, 1)).unwrap();
    assert_eq!(pins(store), [pin(id, 0, "ann", in_hours(&clock, 1))]);
    assert_eq!(kind(&store.pin(id, 0, "ann", clock.now_ns())), Some(Kind::Invalid), "it is over");
    assert_eq!(kind(&store.pin(id, 0, &"a".repeat(256), FOR_EVER_NS)), Some(Kind::Invalid));
    assert_eq!(kind(&store.pin(id, 77, "ann", FOR_EVER_NS)), Some(Kind::NotFound));
    assert_eq!(kind(&store.pin(ObjectId([9; 16]), 0, "ann", FOR_EVER_NS)), Some(Kind::NotFound));
}

#[test]
fn content_a_removal_and_a_compaction_are_not_forbidden() {
    let (fixture, _clock) = with_clock();
    let store = &fixture.store;
    let (id, other) = (put(store, SMALL), put(store, SMALL));
    store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
    store.purge(other).unwrap();
    fixture.store.put(&bytes(SMALL, 2), &hsm_core::PutOptions { id: Some(id), ..on_tier(0) }).unwrap();
    store
        .compact(&CompactOptions { live_percent_min: 100, ..CompactOptions::default() }, |_| Ok(()))
        .unwrap();
    store.remove(id).unwrap();
    assert_eq!(pins(store).len(), 1, "it may come back");
    store.undelete(id).unwrap();
    assert_eq!(kind(&store.move_object(id, 0, 1)), Some(Kind::Refused));
    store.purge(id).unwrap();
    assert_eq!(pins(store), []);
    // Another object of the same id is another object.
    store.put(&bytes(SMALL, 3), &hsm_core::PutOptions { id: Some(id), ..on_tier(0) }).unwrap();
    store.move_object(id, 0, 1).unwrap();
}

#[test]
fn an_action_that_would_release_what_is_pinned_fails_and_says_why() {
    let (fixture, _clock) = with_clock();
    let (store, id) = (&fixture.store, put(&fixture.store, SMALL));
    store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
    let action = store.submit(&ActionSpec::move_object(id, 0, 2)).unwrap();
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap();
    let found = store.action(action).unwrap();
    assert_eq!(found.state, ActionState::Failed);
    assert!(found.story.last().unwrap().error.contains("pinned for ever"), "{:?}", found.story);
}

#[test]
fn pins_are_listed_by_object_tier_and_owner_page_by_page() {
    let (fixture, _clock) = with_clock();
    let store = &fixture.store;
    let mut all = Vec::new();
    for number in 0..7 {
        let id = put(store, SMALL + number);
        for (tier, owner) in [(0, "ann"), (0, "bob"), (2, "ann")] {
            store.pin(id, tier, owner, FOR_EVER_NS).unwrap();
            all.push(pin(id, tier, owner, FOR_EVER_NS));
        }
    }
    all.sort();
    let list = |wanted: PinQuery| {
        let mut found: Vec<Pin> = Vec::new();
        loop {
            let page = store.pins(&wanted, found.last(), 2).unwrap();
            if page.is_empty() {
                return found;
            }
            found.extend(page);
        }
    };
    let those = |keep: &dyn Fn(&Pin) -> bool| all.iter().filter(|pin| keep(pin)).cloned().collect::<Vec<_>>();
    assert_eq!(list(PinQuery::default()), all);
    assert_eq!(list(PinQuery { tier: Some(2), ..PinQuery::default() }), those(&|pin| pin.tier == 2));
    let bob = PinQuery { owner: Some("bob".into()), ..PinQuery::default() };
    assert_eq!(list(bob), those(&|pin| pin.owner == "bob"));
    let one = all[9].object;
    let of_one = PinQuery { object: Some(one), tier: Some(0), owner: None };
    assert_eq!(list(of_one), those(&|pin| pin.object == one && pin.tier == 0));
}

#[test]
fn pins_are_in_the_feed_in_a_new_index_and_in_a_snapshot_that_is_restored() {
    let (mut fixture, clock) = with_clock();
    let id = put(&fixture.store, LARGE);
    fixture.store.pin(id, 0, "ann", in_hours(&clock, 5)).unwrap();
    fixture.store.pin(id, 0, "bob", FOR_EVER_NS).unwrap();
    fixture.store.unpin(id, 0, "bob").unwrap();
    let told: Vec<_> = events(&fixture.store).into_iter().map(|event| event.change).collect();
    let of_bob = pin(id, 0, "bob", FOR_EVER_NS);
    assert_eq!(told[told.len() - 2], Change::Pinned(of_bob));
    assert_eq!(EventKind::of(&told[told.len() - 1]), EventKind::Unpinned);
    let kept = [pin(id, 0, "ann", in_hours(&clock, 5))];
    fixture.reopen_after(|path| std::fs::remove_dir_all(path.join("index")).unwrap());
    assert_eq!(pins(&fixture.store), kept);
    let view = audit::view(&fixture.store).unwrap();
    audit::feed_adds_up(&fixture.store, &view).unwrap();
    fixture.store.snapshot().unwrap();
    fixture.reopen_after(|path| std::fs::remove_dir_all(path.join("index")).unwrap());
    assert_eq!(pins(&fixture.store), kept, "from a snapshot");
}

#[test]
fn pins_are_there_in_a_store_that_is_restored_and_not_in_one_that_is_rebuilt_from_its_roots() {
    for rebuilt in [false, true] {
        let mut fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
        let id = put(&fixture.store, LARGE);
        fixture.store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
        fixture.store.snapshot_to(1, &SnapshotOptions::default()).unwrap();
        fixture.close();
        std::fs::remove_dir_all(fixture.path()).unwrap();
        let roots = [fixture.outside("tier-0"), fixture.outside("tier-1")];
        if rebuilt {
            let options = RebuildOptions::new().root(&roots[0]).root(&roots[1]);
            Store::rebuild(fixture.path(), &options, None, |_| Ok(())).unwrap();
        } else {
            Store::restore(fixture.path(), &roots[1], &RestoreOptions::new()).unwrap();
        }
        fixture.reopen();
        fixture.store.reconcile().unwrap();
        let kept = if rebuilt { vec![] } else { vec![pin(id, 0, "ann", FOR_EVER_NS)] };
        assert_eq!(pins(&fixture.store), kept);
    }
}

#[test]
fn while_others_move_it_no_copy_is_dropped_between_a_pin_and_its_end() {
    const ROUNDS: usize = 100;
    let fixture = Fixture::new();
    let (store, id) = (fixture.store.clone(), put(&fixture.store, SMALL));
    let other = fixture.another_handle();
    let done = Arc::new(AtomicBool::new(false));
    let mover = {
        let done = done.clone();
        std::thread::spawn(move || {
            let mut refused = 0;
            while !done.load(Ordering::Relaxed) {
                for (source, target) in [(0, 1), (1, 0)] {
                    match other.move_object(id, source, target) {
                        Err(Error::Pinned { .. }) => refused += 1,
                        // Not moved there, since it was refused before.
                        Ok(_) | Err(Error::CopyNotFound { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            refused
        })
    };
    for _ in 0..ROUNDS {
        store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
        store.unpin(id, 0, "ann").unwrap();
    }
    // The last pin is met for sure.
    store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
    while store.move_object(id, 0, 1).is_ok() {}
    done.store(true, Ordering::Relaxed);
    mover.join().unwrap();
    let mut pinned = false;
    for event in events(&store) {
        match event.change {
            Change::Pinned(_) => pinned = true,
            Change::Unpinned { .. } => pinned = false,
            Change::CopyDropped { tier: 0, .. } => assert!(!pinned, "dropped by change {:?}", event.position),
            _ => {}
        }
    }
}

#[test]
fn pins_of_a_tier_that_is_retired_are_gone_with_it() {
    let (fixture, _clock) = with_clock();
    let (store, id) = (&fixture.store, put(&fixture.store, SMALL));
    store.pin(id, 2, "ann", FOR_EVER_NS).unwrap();
    store.pin(id, 0, "ann", FOR_EVER_NS).unwrap();
    store.retire_tier(2).unwrap();
    assert_eq!(pins(store), [pin(id, 0, "ann", FOR_EVER_NS)]);
}
