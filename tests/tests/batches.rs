//! What a batch holds in memory is bounded, whatever it is that it holds; moves in a batch are copied and read back before
//! anything of it happens.

use hsm_core::journal::Change;
use hsm_core::object::{Attributes, FOR_EVER_NS, ObjectId, TierIndex, TierState};
use hsm_core::{Batch, Durability, Kind, PutOptions, Query, Result, Store};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, bytes, kind, name, on_tier, tiers_of};

const MIB: usize = 1 << 20;

fn attributes() -> Attributes {
    (0..4).map(|number| (format!("{number}"), bytes(60_000, number))).collect()
}

/// Adds until the batch is full; says how often, and why it was refused.
fn fill(batch: &mut Batch, mut add: impl FnMut(&mut Batch) -> Result<()>) -> (usize, String) {
    for added in 0..10_000 {
        if let Err(error) = add(batch) {
            assert_eq!(error.kind(), Kind::Invalid);
            return (added, error.to_string());
        }
    }
    panic!("10 000 changes of any size fit");
}

/// Adds something to a batch.
type Add<'a> = dyn FnMut(&mut Batch) -> Result<()> + 'a;

#[test]
fn attributes_count_in_what_a_batch_holds() {
    let fixture = Fixture::new();
    let with_attributes = PutOptions { attributes: attributes(), ..PutOptions::default() };
    let updates: Vec<_> =
        attributes().iter().map(|(name, value)| (name.to_owned(), Some(value.to_vec()))).collect();
    let mut id = 0;
    let mut next = || {
        id += 1;
        ObjectId([id; 16])
    };
    let adds: [&mut Add<'_>; 3] = [
        &mut |batch| batch.put_empty(&with_attributes),
        &mut |batch| batch.put(b"x", &with_attributes),
        &mut |batch| batch.set_attributes(next(), updates.clone()),
    ];
    for add in adds {
        let mut batch = fixture.store.batch(true, Durability::Durable);
        let (added, said) = fill(&mut batch, add);
        assert!(added.abs_diff(16 * MIB / (4 * 60_000 + 4)) <= 1, "{added}");
        assert!(said.contains("commit it first"), "{said}");
        assert_eq!(batch.len(), added, "what was refused is not in it");
    }
}

#[test]
fn a_batch_full_of_attributes_is_committed_and_another_goes_on() {
    let fixture = Fixture::new();
    let mut batch = fixture.store.batch(false, Durability::Durable);
    let options = PutOptions { attributes: attributes(), ..PutOptions::default() };
    fill(&mut batch, |batch| batch.put_empty(&options));
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
    let mut batch = fixture.store.batch(true, Durability::Durable);
    batch.put_empty(&options).unwrap();
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
}

#[test]
fn keys_count_in_what_a_batch_holds() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let mut batch = fixture.store.batch(true, Durability::Durable);
    let mut number = 0;
    let mut key = || {
        number += 1;
        format!("{number:04096}")
    };
    let (added, _) = fill(&mut batch, |batch| batch.put_empty(&PutOptions::name(name(data, key()))));
    assert_eq!(added, 16 * MIB / 4096);
    assert_eq!(kind(&batch.remove(ObjectId([1; 16]))), None, "a change without bytes fits");
}

fn put(store: &Store, tier: TierIndex, length: usize, seed: u64) -> ObjectId {
    store.put(&bytes(length, seed), &on_tier(tier)).unwrap().id
}

/// One that is packed, one in a file of its own, and one of no bytes.
fn three(store: &Store) -> [ObjectId; 3] {
    [(SMALL, 1), (LARGE, 2), (0, 3)].map(|(length, seed)| put(store, 0, length, seed))
}

fn moves(store: &Store, atomic: bool, ids: &[ObjectId], durability: Durability) -> Batch {
    let mut batch = store.batch(atomic, durability);
    for id in ids {
        batch.move_object(*id, 0, 1).unwrap();
    }
    batch
}

#[test]
fn moves_in_a_batch_happen_with_its_other_changes_and_in_one_place_of_the_feed() {
    for atomic in [true, false] {
        for durability in [Durability::Durable, Durability::Relaxed] {
            let fixture = Fixture::new();
            let store = &fixture.store;
            let ids = three(store);
            let gone = put(store, 0, SMALL, 4);
            let before = store.position().unwrap();
            let mut batch = moves(store, atomic, &ids, durability);
            batch.remove(gone).unwrap();
            batch.put(b"new", &PutOptions::default()).unwrap();
            let answers: Vec<_> = batch.commit().unwrap().into_iter().map(Result::unwrap).collect();
            assert_eq!(
                answers[..4].iter().map(|put| put.id).collect::<Vec<_>>(),
                [&ids[..], &[gone]].concat()
            );
            assert!(answers.iter().all(|put| put.position.number > before.number));
            assert_eq!(answers.iter().all(|put| put.position == answers[0].position), atomic);
            store.sync().unwrap();
            let changes: Vec<_> = store.feed(before).map(|event| event.unwrap().change).collect();
            let moved = changes.chunks(2).take(3).zip(ids);
            for (pair, id) in moved {
                let [Change::CopyAdded { object: one, .. }, Change::CopyDropped { object: other, .. }] = pair
                else {
                    panic!("{pair:?}")
                };
                assert_eq!((*one, *other), (id, id));
            }
            for (id, (length, seed)) in ids.into_iter().zip([(SMALL, 1), (LARGE, 2), (0, 3)]) {
                assert_eq!(tiers_of(store, id), [1]);
                assert!(store.object(id).unwrap().copies[0].is_verified());
                assert!(store.get(id).unwrap() == bytes(length, seed));
            }
            let other = fixture.another_handle();
            assert!(other.get(ids[1]).unwrap() == bytes(LARGE, 2));
        }
    }
}

#[test]
fn one_move_that_cannot_be_keeps_an_atomic_batch_from_happening_and_of_another_only_itself() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids = three(store);
    let elsewhere = put(store, 2, SMALL, 5);
    let pinned = put(store, 0, SMALL, 6);
    store.pin(pinned, 0, "ann", FOR_EVER_NS).unwrap();
    let empty = store.put_empty(&PutOptions::default()).unwrap().id;
    for (wrong, expected) in [
        (elsewhere, Kind::NotFound),
        (pinned, Kind::Refused),
        (empty, Kind::NotFound),
        (ObjectId([7; 16]), Kind::NotFound),
    ] {
        let before = store.position().unwrap();
        let answers = moves(store, true, &[ids[0], wrong, ids[1]], Durability::Durable).commit().unwrap();
        assert!(answers.iter().all(|answer| kind(answer) == Some(expected)), "{answers:?}");
        assert_eq!(store.position().unwrap(), before);
        assert_eq!(tiers_of(store, ids[0]), [0]);
        assert_eq!(store.maintain().unwrap().purged, 0, "maintenance in between disturbs nothing");
        assert!(store.get(ids[1]).unwrap() == bytes(LARGE, 2));
    }
    let all = [&ids[..], &[elsewhere, pinned]].concat();
    let answers = moves(store, false, &all, Durability::Durable).commit().unwrap();
    let kinds: Vec<_> = answers.iter().map(kind).collect();
    assert_eq!(kinds, [None, None, None, Some(Kind::NotFound), Some(Kind::Refused)]);
    assert!(ids.iter().all(|id| tiers_of(store, *id) == [1]));
}

#[test]
fn a_move_in_a_batch_to_where_a_copy_is_drops_the_source_and_one_that_was_done_changes_nothing() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids = three(store);
    store.copy(ids[0], None, 1).unwrap();
    store.move_object(ids[1], 0, 1).unwrap();
    for atomic in [false, true] {
        let answers = moves(store, atomic, &ids, Durability::Durable).commit().unwrap();
        let done: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert!(ids.iter().all(|id| tiers_of(store, *id) == [1]));
        if !atomic {
            assert_eq!(done[1].position.number, 0, "it was there");
            assert_eq!(done[2].position.number, store.position().unwrap().number);
        }
        let before = store.position().unwrap();
        let again = moves(store, true, &ids, Durability::Durable).commit().unwrap();
        assert!(again.iter().all(|put| put.as_ref().unwrap().position.number == 0));
        assert_eq!(store.position().unwrap(), before);
    }
    assert!(store.get(ids[0]).unwrap() == bytes(SMALL, 1));
}

#[test]
fn moves_in_a_batch_find_a_tier_that_is_full_or_takes_nothing_before_anything_happens() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids = [put(store, 0, LARGE, 1), put(store, 0, LARGE, 2)];
    let mut config = store.tier(1).unwrap().config;
    config.capacity_bytes = LARGE as u64 + 10;
    store.change_tier(&config).unwrap();
    let answers = moves(store, true, &ids, Durability::Durable).commit().unwrap();
    assert!(
        answers.iter().all(|answer| kind(answer) == Some(Kind::Full)),
        "both have to find room: {answers:?}"
    );
    let answers = moves(store, false, &ids, Durability::Durable).commit().unwrap();
    assert_eq!(answers.iter().map(kind).collect::<Vec<_>>(), [None, Some(Kind::Full)]);
    store.set_tier_state(1, TierState::ReadOnly).unwrap();
    let answers = moves(store, true, &ids[1..], Durability::Durable).commit().unwrap();
    assert_eq!(kind(&answers[0]), Some(Kind::Refused));
    assert!(store.get(ids[1]).unwrap() == bytes(LARGE, 2));
    assert_eq!(tiers_of(store, ids[1]), [0]);
}

#[test]
fn what_a_batch_may_not_hold_is_said_when_it_is_added() {
    let fixture = Fixture::new();
    let id = put(&fixture.store, 0, SMALL, 1);
    let mut batch = fixture.store.batch(true, Durability::Durable);
    assert_eq!(kind(&batch.move_object(id, 0, 0)), Some(Kind::Invalid));
    assert_eq!(kind(&batch.move_object(id, 0, 77)), Some(Kind::NotFound));
    assert_eq!(kind(&batch.move_object(id, 77, 1)), Some(Kind::NotFound));
    assert!(batch.is_empty());
    batch.move_object(id, 0, 1).unwrap();
    assert_eq!(kind(&batch.move_object(id, 0, 2)), Some(Kind::Invalid), "each object once");
    assert_eq!(batch.len(), 1);
}

#[test]
fn many_small_moves_of_a_batch_share_packs_on_the_target() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids: Vec<ObjectId> = (0..300).map(|seed| put(store, 0, SMALL, seed)).collect();
    let before = store.position().unwrap();
    let answers = moves(store, true, &ids, Durability::Durable).commit().unwrap();
    assert!(answers.iter().all(Result::is_ok));
    let mut places: Vec<_> = Vec::new();
    for id in &ids {
        let [copy] = &store.object(*id).unwrap().copies[..] else { panic!("{id}") };
        assert_eq!((copy.tier, copy.pieces.len(), copy.pieces[0].packed), (1, 1, true));
        places.push(copy.pieces[0].place);
    }
    places.dedup();
    assert_eq!(places.len(), 1, "one pack");
    assert_eq!(store.position().unwrap().number, before.number + 600);
    for (seed, id) in (0..).zip(&ids) {
        assert!(store.get(*id).unwrap() == bytes(SMALL, seed));
    }
}

#[test]
fn a_dataset_that_is_moved_as_it_is_listed_lies_together_in_the_order_of_its_keys_however_it_came() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let sets = ["one", "two", "three"].map(|set| fixture.dataset(set));
    for number in (0..120).rev() {
        for set in sets {
            store.put(&bytes(SMALL, number), &PutOptions::name(name(set, format!("{number:03}")))).unwrap();
        }
    }
    for set in sets {
        let page = store.page(&Query { dataset: Some(set), ..Query::default() }, None, 1000).unwrap();
        let ids: Vec<ObjectId> = page.items.map(|(_, object)| object.id).collect();
        assert_eq!(ids.len(), 120);
        let answers = moves(store, false, &ids, Durability::Durable).commit().unwrap();
        assert!(answers.iter().all(Result::is_ok));
        let places: Vec<_> = ids.iter().map(|id| store.object(*id).unwrap().copies[0].pieces[0]).collect();
        let steps: Vec<_> = places.windows(2).map(|two| two[1].offset.wrapping_sub(two[0].offset)).collect();
        assert!(places.iter().all(|piece| piece.packed && piece.place == places[0].place));
        assert!(steps.iter().all(|step| *step == steps[0]), "one after another, nothing in between");
    }
}
