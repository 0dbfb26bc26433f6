//! A scrub finds what is damaged on the medium, says where, and heals it from a copy that is whole; it touches
//! nothing else, and goes on where it was stopped.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use hsm_core::clock::Clock as _;
use hsm_core::object::{ObjectId, TierState};
use hsm_core::{
    Error, Fault, Finding, Kind, PutOptions, Remedy, ScrubOptions, Scrubbed, Store, StoreOptions,
};
use hsm_tests::fixture::{Fixture, LARGE, ManualClock, SMALL, bytes, files_ending, flip, kind, on_tier};

fn scrub(store: &Store, options: &ScrubOptions) -> (Vec<Finding>, Scrubbed) {
    let mut findings = Vec::new();
    let done = store.scrub(options, |finding| {
        findings.push(finding);
        Ok(())
    });
    (findings, done.unwrap())
}

fn heal() -> ScrubOptions {
    ScrubOptions { heal: true, ..ScrubOptions::default() }
}

fn in_blocks(tier: u8) -> PutOptions {
    PutOptions { block_size: Some(4096), ..on_tier(tier) }
}

/// The file that holds an object's first byte on a tier, and where the object begins in it.
fn place_of(fixture: &Fixture, id: ObjectId, tier: u8) -> (PathBuf, u64) {
    let piece = fixture.store.object(id).unwrap().copy_on(tier).unwrap().pieces[0];
    let suffix = if piece.packed { "pack" } else { "obj" };
    let root = fixture.path().join(format!("tiers/{tier}/data/{:016x}", piece.place.instance));
    (files_ending(&root, &format!("{:016x}.{suffix}", piece.place.serial)).pop().unwrap(), piece.offset)
}

/// What a finding says of a copy.
fn copy_of(finding: &Finding) -> (ObjectId, u8, u64, Fault, Remedy) {
    match finding {
        Finding::Copy { object, tier, offset, fault, remedy, .. } => {
            (*object, *tier, *offset, *fault, *remedy)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_scrub_reads_every_copy_and_notes_it_as_verified() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let ids: Vec<_> = (0..10)
        .map(|seed| {
            store.put(&bytes(if seed % 2 == 0 { SMALL } else { LARGE }, seed), &on_tier(0)).unwrap().id
        })
        .collect();
    store.copy(ids[0], None, 3).unwrap();
    store.remove(ids[1]).unwrap();
    store.put(b"", &PutOptions::default()).unwrap();
    store.put_empty(&PutOptions::default()).unwrap();
    let (findings, done) = scrub(store, &ScrubOptions::default());
    assert_eq!((findings, done), (vec![], Scrubbed { whole: 12, ..Scrubbed::default() }));
    store.undelete(ids[1]).unwrap();
    for id in &ids {
        assert!(store.object(*id).unwrap().copies.iter().all(hsm_core::object::Copy::is_verified));
    }
    let (_, done) = scrub(store, &ScrubOptions { tier: Some(3), ..ScrubOptions::default() });
    assert_eq!(done.whole, 1);
}

#[test]
fn damage_anywhere_in_a_copy_is_found_and_named_by_the_block() {
    for (size, places) in [
        // The header of its record, and its data.
        (SMALL, vec![(10, 0), (40, 0), (60, 0), (72, 0), (72 + 999, 0)]),
        // Blocks, the table and the tail.
        (LARGE, vec![(0, 0), (4096, 4096), (50_000, 49_152), (99_999, 98_304), (100_001, 0), (100_500, 0)]),
    ] {
        let fixture = Fixture::new();
        let store = &fixture.store;
        let other = store.put(&bytes(size, 9), &in_blocks(0)).unwrap().id;
        let id = store.put(&bytes(size, 1), &in_blocks(0)).unwrap().id;
        scrub(store, &ScrubOptions::default());
        let (path, begin) = place_of(&fixture, id, 0);
        for (at, offset) in places {
            flip(&path, begin + at, 4);
            let (findings, done) = scrub(store, &ScrubOptions::default());
            let said: Vec<_> = findings.iter().map(copy_of).collect();
            assert_eq!(said, [(id, 0, offset, Fault::Damaged, Remedy::None)], "byte {at}");
            assert_eq!((done.whole, done.bad), (1, 1), "byte {at}");
            assert!(!store.object(id).unwrap().copies[0].is_verified(), "byte {at}");
            assert!(store.object(other).unwrap().copies[0].is_verified());
            flip(&path, begin + at, 4);
            assert_eq!(scrub(store, &ScrubOptions::default()).1.whole, 2);
            assert!(store.object(id).unwrap().copies[0].is_verified());
        }
    }
}

#[test]
fn a_damaged_copy_is_healed_from_one_that_is_whole() {
    type Harm = fn(&PathBuf, u64);
    let harms: [Harm; 3] = [
        |path, begin| flip(path, begin + 500, 1),
        |path, _| {
            let whole = fs::read(path).unwrap();
            fs::write(path, &whole[..whole.len() / 2]).unwrap();
        },
        |path, _| fs::remove_file(path).unwrap(),
    ];
    for size in [SMALL, LARGE] {
        for harm in harms {
            let mut fixture = Fixture::new();
            let id = fixture.store.put(&bytes(size, 1), &in_blocks(0)).unwrap().id;
            fixture.store.copy(id, None, 3).unwrap();
            fixture.reopen();
            for tier in [3, 0] {
                let (path, begin) = place_of(&fixture, id, tier);
                harm(&path, begin);
                let (findings, done) = scrub(&fixture.store, &heal());
                let (object, at, _, _, remedy) = copy_of(&findings[0]);
                assert_eq!((object, at, remedy, findings.len()), (id, tier, Remedy::Healed, 1));
                assert_eq!((done.whole, done.bad, done.healed, done.lost), (1, 1, 1, 0));
                let object = fixture.store.object(id).unwrap();
                assert!(
                    object.copies.len() == 2 && object.copies.iter().all(hsm_core::object::Copy::is_verified)
                );
                assert_ne!(place_of(&fixture, id, tier), (path, begin), "a place is never written again");
                assert_eq!(scrub(&fixture.store, &heal()).1, Scrubbed { whole: 2, ..Scrubbed::default() });
            }
            fixture.store.maintain().unwrap();
            let checked = fixture.store.check_all(&hsm_core::CheckOptions::default(), |_| Ok(())).unwrap();
            assert!(checked.is_clean(), "{checked:?}");
            fixture.store.release(id, 0, false).unwrap().unwrap();
            assert_eq!(fixture.store.get(id).unwrap(), bytes(size, 1));
        }
    }
}

#[test]
fn where_no_copy_is_whole_it_is_said_and_nothing_is_touched() {
    for (size, damaged) in [(SMALL, 0), (LARGE, 8192)] {
        let fixture = Fixture::new();
        let store = &fixture.store;
        let id = store.put(&bytes(size, 1), &in_blocks(0)).unwrap().id;
        store.copy(id, None, 3).unwrap();
        let mut places = Vec::new();
        for tier in [0, 3] {
            let (path, begin) = place_of(&fixture, id, tier);
            let within = if size == SMALL { 72 + 9 } else { 9000 };
            flip(&path, begin + within, 1);
            places.push((path.clone(), fs::read(&path).unwrap()));
        }
        let before = store.object(id).unwrap();
        for _ in 0..2 {
            let (findings, done) = scrub(store, &heal());
            let said: Vec<_> = findings.iter().map(copy_of).collect();
            let lost = |tier| (id, tier, damaged, Fault::Damaged, Remedy::Lost);
            assert_eq!(said, [lost(0), lost(3)]);
            assert_eq!((done.bad, done.healed, done.lost), (2, 0, 2));
        }
        let after = store.object(id).unwrap();
        for (was, is) in before.copies.iter().zip(&after.copies) {
            assert_eq!((was.tier, &was.pieces), (is.tier, &is.pieces));
        }
        for (path, content) in places {
            assert!(fs::read(path).unwrap() == content);
        }
    }
}

#[test]
fn a_copy_on_a_tier_that_takes_nothing_is_named_and_not_healed_and_not_called_lost() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    store.copy(id, None, 3).unwrap();
    store.set_tier_state(3, TierState::ReadOnly).unwrap();
    let (path, _) = place_of(&fixture, id, 3);
    flip(&path, 10, 1);
    let (findings, done) = scrub(store, &heal());
    assert!(
        matches!(&findings[..], [Finding::Copy { tier: 3, remedy: Remedy::None, detail, .. }] if detail.contains("read-only")),
        "{findings:?}"
    );
    assert_eq!((done.bad, done.healed, done.lost), (1, 0, 0));
}

#[test]
fn another_file_in_the_place_of_an_object_is_damage() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    let two = store.put(&bytes(LARGE, 2), &on_tier(0)).unwrap().id;
    let (of_one, of_two) = (place_of(&fixture, one, 0).0, place_of(&fixture, two, 0).0);
    fs::copy(&of_one, &of_two).unwrap();
    let (findings, done) = scrub(store, &ScrubOptions::default());
    assert_eq!(copy_of(&findings[0]), (two, 0, 0, Fault::Damaged, Remedy::None));
    fs::write(&of_two, b"a foreign file").unwrap();
    assert_eq!(copy_of(&scrub(store, &ScrubOptions::default()).0[0]).0, two);
    assert_eq!((done.whole, done.bad), (1, 1));
}

#[test]
fn a_tier_out_of_reach_is_named_and_the_others_are_read() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let store = &fixture.store;
    for tier in 0..2 {
        store.put(&bytes(SMALL, 1), &on_tier(tier)).unwrap();
        store.put(&bytes(LARGE, 2), &on_tier(tier)).unwrap();
    }
    fs::rename(fixture.outside("tier-0"), fixture.outside("away")).unwrap();
    let (findings, done) = scrub(store, &heal());
    assert!(matches!(findings[..], [Finding::OutOfReach { tier: 0, .. }]), "{findings:?}");
    assert_eq!(done, Scrubbed { whole: 2, ..Scrubbed::default() });
}

#[test]
fn a_scrub_that_was_stopped_goes_on_and_reads_nothing_twice() {
    let clock = ManualClock::new();
    let mut fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let ids: BTreeSet<_> = (0..30)
        .map(|seed| {
            fixture
                .store
                .put(&bytes(if seed % 3 == 0 { LARGE } else { SMALL }, seed), &on_tier(0))
                .unwrap()
                .id
        })
        .collect();
    let bad: Vec<ObjectId> = ids.iter().copied().skip(7).step_by(8).collect();
    for id in &bad {
        let (path, begin) = place_of(&fixture, *id, 0);
        flip(&path, begin + 300, 1);
    }
    clock.advance(std::time::Duration::from_secs(10));
    let begun = clock.now_ns();
    clock.advance(std::time::Duration::from_secs(10));
    let options = ScrubOptions { not_verified_since: Some(begun), ..ScrubOptions::default() };
    let mut passed_over = 0;
    for stop_at in 1..=bad.len() {
        let mut seen = 0;
        let stopped = fixture.store.scrub(&options, |_| {
            seen += 1;
            if seen == stop_at { Err(Error::Cancelled { reason: "enough".to_owned() }) } else { Ok(()) }
        });
        assert_eq!(kind(&stopped), Some(Kind::Cancelled));
        fixture.reopen();
        let verified =
            ids.iter().filter(|id| fixture.store.object(**id).unwrap().copies[0].is_verified()).count();
        assert!(verified > passed_over, "what was read is not read again");
        passed_over = verified;
    }
    let (findings, done) = scrub(&fixture.store, &options);
    assert_eq!(findings.len(), bad.len());
    assert_eq!(done.passed_over, passed_over as u64);
    assert_eq!(done.whole, (ids.len() - bad.len() - passed_over) as u64);
    let (_, done) = scrub(&fixture.store, &options);
    assert_eq!((done.whole, done.passed_over), (0, (ids.len() - bad.len()) as u64));
}

#[test]
fn a_store_that_is_read_only_is_read_and_nothing_is_noted() {
    let mut fixture = Fixture::new();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    let (path, _) = place_of(&fixture, id, 0);
    fixture.close();
    flip(&path, 10, 1);
    fixture.store = Store::open(fixture.path(), &StoreOptions::new().read_only(true)).unwrap();
    let position = fixture.store.position().unwrap();
    assert_eq!(scrub(&fixture.store, &ScrubOptions::default()).1.bad, 1);
    assert_eq!(fixture.store.position().unwrap(), position);
    assert_eq!(kind(&fixture.store.scrub(&heal(), |_| Ok(()))), Some(Kind::Refused));
}

#[test]
fn what_was_verified_in_the_future_is_read_again() {
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    for seed in 0..3 {
        store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap();
    }
    let hour = std::time::Duration::from_hours(1);
    clock.advance(1000 * hour);
    assert_eq!(scrub(store, &ScrubOptions::default()).1.whole, 3);
    clock.set_back(900 * hour);
    let lately = ScrubOptions { not_verified_since: Some(clock.now_ns()), ..ScrubOptions::default() };
    let (_, done) = scrub(store, &lately);
    assert_eq!((done.whole, done.passed_over), (3, 0));
    clock.advance(hour);
    let (_, done) = scrub(store, &lately);
    assert_eq!((done.whole, done.passed_over), (0, 3));
}
