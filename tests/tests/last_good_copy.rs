//! The last good copy is never lost: every way to lose one that there is without force, tried.
//!
//! Each scenario ends with the object read back, every byte of it.

use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use hsm_core::object::{ObjectId, TierConfig, TierIndex, TierState};
use hsm_core::{Durability, Kind, PutOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, bytes, files_ending, flip, kind, tiers_of};

/// Three tiers on roots of their own, as three disks would be.
fn three_disks() -> Fixture {
    Fixture::with_outside_tiers(3, StoreOptions::new())
}

fn root(fixture: &Fixture, tier: TierIndex) -> PathBuf {
    fixture.outside(&format!("tier-{tier}"))
}

/// An object in a pack, or in a file of its own, with verified copies on the first two tiers.
fn on_two_tiers(store: &Store, size: usize) -> ObjectId {
    let id = store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
    store.copy(id, None, 1).unwrap();
    store.verify(id, 0).unwrap();
    id
}

fn assert_there(store: &Store, id: ObjectId, size: usize) {
    assert_eq!(store.get(id).unwrap(), bytes(size, 1));
}

/// The only file that holds data below a root.
fn data_of(fixture: &Fixture, tier: TierIndex) -> PathBuf {
    let root = root(fixture, tier);
    let mut files = files_ending(&root, ".obj");
    files.extend(files_ending(&root, ".pack"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn the_only_copy_is_not_released() {
    let fixture = three_disks();
    for size in [SMALL, LARGE] {
        let id = fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
        assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
        assert_eq!(fixture.store.release(id, 1, false).unwrap(), None, "there is none");
        fixture.store.maintain().unwrap();
        assert_there(&fixture.store, id, size);
    }
}

#[test]
fn of_two_copies_that_are_released_at_once_by_threads_and_handles_one_stays() {
    let fixture = three_disks();
    let other = fixture.another_handle();
    for size in [SMALL, LARGE] {
        for _ in 0..20 {
            let id = on_two_tiers(&fixture.store, size);
            let start = Barrier::new(4);
            let released: usize = thread::scope(|scope| {
                let release = |store: Store, tier| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        match store.release(id, tier, false) {
                            Ok(done) => usize::from(done.is_some()),
                            Err(error) => {
                                assert_eq!(error.kind(), Kind::Refused, "{error}");
                                0
                            }
                        }
                    })
                };
                let threads = [(&fixture.store, 0), (&fixture.store, 1), (&other, 0), (&other, 1)]
                    .map(|(store, tier)| release(store.clone(), tier));
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!((released, tiers_of(&other, id).len()), (1, 1));
            fixture.store.maintain().unwrap();
            assert_there(&other, id, size);
        }
    }
}

#[test]
fn a_copy_whose_only_other_lies_on_a_root_out_of_reach_is_not_released() {
    for size in [SMALL, LARGE] {
        let mut fixture = three_disks();
        let id = on_two_tiers(&fixture.store, size);
        let away = fixture.outside("away");
        fs::rename(root(&fixture, 1), &away).unwrap();
        assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
        fs::create_dir(root(&fixture, 1)).unwrap(); // The directory that the disk was mounted on.
        assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
        fixture.reopen();
        assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
        assert_there(&fixture.store, id, size);
        fs::remove_dir(root(&fixture, 1)).unwrap();
        fs::rename(&away, root(&fixture, 1)).unwrap();
        assert!(fixture.store.release(id, 0, false).unwrap().is_some(), "the other is back");
        assert_there(&fixture.store, id, size);
    }
}

#[test]
fn a_copy_whose_only_other_was_on_a_lost_tier_is_not_released() {
    let fixture = three_disks();
    let id = on_two_tiers(&fixture.store, LARGE);
    assert_eq!(fixture.store.lose_tier(1).unwrap(), [], "no object's last copy was there");
    assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
    assert_there(&fixture.store, id, LARGE);
}

#[test]
fn a_copy_whose_only_other_is_gone_or_torn_is_not_released_though_that_was_verified_once() {
    for size in [SMALL, LARGE] {
        let spoil: [fn(&PathBuf); 3] = [
            |path| fs::remove_file(path).unwrap(),
            |path| fs::write(path, b"").unwrap(),
            |path| {
                let whole = fs::read(path).unwrap();
                fs::write(path, &whole[..whole.len() - 100]).unwrap();
            },
        ];
        for spoil in spoil {
            let fixture = three_disks();
            let id = on_two_tiers(&fixture.store, size);
            spoil(&data_of(&fixture, 1));
            assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
            assert_there(&fixture.store, id, size);
        }
    }
}

#[test]
fn a_copy_whose_only_other_was_found_damaged_is_not_released_and_mends_it() {
    for size in [SMALL, LARGE] {
        let fixture = three_disks();
        let id = on_two_tiers(&fixture.store, size);
        flip(&data_of(&fixture, 1), 300, 1);
        assert_eq!(kind(&fixture.store.verify(id, 1)), Some(Kind::Corrupt));
        assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
        assert_eq!(kind(&fixture.store.move_object(id, 1, 2)), Some(Kind::Corrupt), "damage is not moved");
        assert_there(&fixture.store, id, size);
        assert!(fixture.store.release(id, 1, false).unwrap().is_some(), "the damaged one may go");
        fixture.store.copy(id, Some(0), 1).unwrap();
        fixture.store.release(id, 0, false).unwrap();
        assert_there(&fixture.store, id, size);
    }
}

#[test]
fn a_copy_whose_only_other_was_never_verified_is_released_only_once_that_was_read_back() {
    for size in [SMALL, LARGE] {
        let fixture = three_disks();
        let id = fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
        fixture.store.copy(id, None, 1).unwrap();
        let hot = data_of(&fixture, 0);
        flip(&hot, 300, 1);
        assert_eq!(kind(&fixture.store.release(id, 1, false)), Some(Kind::Refused), "tier 0 is damaged");
        assert_eq!(fixture.store.object(id).unwrap().copies.len(), 2);
        flip(&hot, 300, 1);
        assert!(fixture.store.release(id, 1, false).unwrap().is_some());
        assert_there(&fixture.store, id, size);
    }
}

#[test]
fn a_move_to_a_target_that_fails_leaves_the_source() {
    for size in [SMALL, LARGE] {
        let fixture = three_disks();
        let store = &fixture.store;
        let id = store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
        assert_eq!(kind(&store.move_object(id, 0, 77)), Some(Kind::NotFound));
        store.set_tier_state(1, TierState::ReadOnly).unwrap();
        assert_eq!(kind(&store.move_object(id, 0, 1)), Some(Kind::Refused));
        store.set_tier_state(1, TierState::Active).unwrap();
        let full = TierConfig { capacity_bytes: 10, ..store.tier(1).unwrap().config };
        store.change_tier(&full).unwrap();
        assert_eq!(kind(&store.move_object(id, 0, 1)), Some(Kind::Full));
        fs::rename(root(&fixture, 2), fixture.outside("away")).unwrap();
        assert_eq!(kind(&store.move_object(id, 0, 2)), Some(Kind::Offline));
        assert_eq!(tiers_of(store, id), [0]);
        store.maintain().unwrap();
        assert_there(store, id, size);
    }
}

#[test]
fn a_move_of_a_damaged_source_drops_nothing() {
    for size in [SMALL, LARGE] {
        let fixture = three_disks();
        let id = fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
        let hot = data_of(&fixture, 0);
        flip(&hot, 300, 1);
        assert_eq!(kind(&fixture.store.move_object(id, 0, 1)), Some(Kind::Corrupt));
        fixture.store.maintain().unwrap();
        flip(&hot, 300, 1); // What can be mended was not thrown away.
        assert_there(&fixture.store, id, size);
    }
}

#[test]
fn a_move_to_where_an_object_is_drops_nothing() {
    let fixture = three_disks();
    let id = fixture.store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap().id;
    let answer = fixture.store.move_object(id, 0, 0);
    assert!(matches!(kind(&answer), None | Some(Kind::Invalid)), "{answer:?}");
    fixture.store.maintain().unwrap();
    assert_eq!(tiers_of(&fixture.store, id), [0]);
    assert_there(&fixture.store, id, LARGE);
}

#[test]
fn a_move_whose_target_holds_a_spoilt_copy_already_does_not_drop_the_source_for_it() {
    for size in [SMALL, LARGE] {
        let fixture = three_disks();
        let id = on_two_tiers(&fixture.store, size);
        fs::remove_file(data_of(&fixture, 1)).unwrap();
        assert_eq!(kind(&fixture.store.move_object(id, 0, 1)), Some(Kind::Refused));
        fixture.store.maintain().unwrap();
        assert_there(&fixture.store, id, size);
    }
}

#[test]
fn a_drain_without_a_target_that_takes_data_leaves_every_copy() {
    let fixture = three_disks();
    let store = &fixture.store;
    let ids =
        [SMALL, LARGE].map(|size| (size, store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id));
    assert_eq!(kind(&store.drain_tier(0, 0)), Some(Kind::Invalid));
    assert_eq!(kind(&store.drain_tier(0, 77)), Some(Kind::NotFound));
    store.set_tier_state(1, TierState::ReadOnly).unwrap();
    assert_eq!(kind(&store.drain_tier(0, 1)), Some(Kind::Refused));
    fs::rename(root(&fixture, 2), fixture.outside("away")).unwrap();
    assert_eq!(kind(&store.drain_tier(0, 2)), Some(Kind::Offline));
    for (size, id) in ids {
        assert_eq!(tiers_of(store, id), [0]);
        assert_there(store, id, size);
    }
}

#[test]
fn a_tier_with_a_copy_does_not_retire_not_even_that_of_a_removed_object() {
    let fixture = three_disks();
    let store = &fixture.store;
    let id = store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap().id;
    assert_eq!(kind(&store.retire_tier(0)), Some(Kind::Exists));
    store.remove(id).unwrap();
    assert_eq!(kind(&store.retire_tier(0)), Some(Kind::Exists));
    store.maintain().unwrap();
    store.undelete(id).unwrap();
    assert_there(store, id, LARGE);
}

#[test]
fn overwriting_while_a_move_is_under_way_leaves_the_newest_generation_whole() {
    for size in [SMALL, LARGE] {
        let fixture = three_disks();
        let other = fixture.another_handle();
        let id = fixture.store.put(&bytes(size, 0), &PutOptions::default()).unwrap().id;
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..30 {
                    let (from, to) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
                    let answer = other.move_object(id, from, to);
                    let lost_a_race = [Kind::Conflict, Kind::NotFound];
                    assert!(kind(&answer).is_none_or(|kind| lost_a_race.contains(&kind)), "{answer:?}");
                }
            });
            for seed in 1..30 {
                fixture.store.put(&bytes(size, seed), &PutOptions::id(id)).unwrap();
                assert_eq!(fixture.store.get(id).unwrap(), bytes(size, seed));
            }
        });
        fixture.store.maintain().unwrap();
        assert_eq!(other.get(id).unwrap(), bytes(size, 29));
        assert!(!tiers_of(&other, id).is_empty());
    }
}

#[test]
fn removing_and_undeleting_while_copies_are_released_keeps_one() {
    let fixture = three_disks();
    let other = fixture.another_handle();
    for _ in 0..10 {
        let id = on_two_tiers(&fixture.store, LARGE);
        thread::scope(|scope| {
            scope.spawn(|| {
                for tier in [0, 1, 0, 1] {
                    let answer = other.release(id, tier, false);
                    assert!(
                        kind(&answer).is_none_or(|kind| [Kind::Refused, Kind::NotFound].contains(&kind)),
                        "{answer:?}"
                    );
                }
            });
            for _ in 0..3 {
                fixture.store.remove(id).unwrap();
                fixture.store.maintain().unwrap();
                fixture.store.undelete(id).unwrap();
            }
        });
        fixture.store.maintain().unwrap();
        assert_there(&fixture.store, id, LARGE);
    }
}

#[test]
fn copies_of_a_generation_that_a_relaxed_put_replaced_stay_until_that_is_durable() {
    let fixture = three_disks();
    let id = on_two_tiers(&fixture.store, LARGE);
    let options = PutOptions { durability: Durability::Relaxed, ..PutOptions::id(id) };
    fixture.store.put(&bytes(LARGE, 2), &options).unwrap();
    // Its one copy was not verified: it is read back, and there is no other to stay.
    assert_eq!(kind(&fixture.store.release(id, 0, false)), Some(Kind::Refused));
    assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 2));
}

#[test]
fn a_copy_in_memory_stands_for_none_that_outlives_the_process() {
    let fixture = three_disks();
    let store = &fixture.store;
    store.add_tier(&TierConfig::memory(8)).unwrap();
    for size in [SMALL, LARGE] {
        let id = store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
        assert_eq!(kind(&store.move_object(id, 0, 8)), Some(Kind::Refused));
        store.copy(id, None, 8).unwrap();
        assert_eq!(kind(&store.release(id, 0, false)), Some(Kind::Refused));
        assert_eq!(kind(&store.move_object(id, 0, 8)), Some(Kind::Refused));
        assert_eq!(tiers_of(store, id), [0, 8]);
        // Between disks, and from memory to a disk, as ever.
        store.move_object(id, 0, 1).unwrap();
        store.release(id, 8, false).unwrap();
        assert_eq!(tiers_of(store, id), [1]);
        store.move_object(id, 1, 0).unwrap();
        let scratch = store.put(&bytes(size, 1), &PutOptions { tier: Some(8), ..PutOptions::default() });
        let scratch = scratch.unwrap().id;
        store.move_object(scratch, 8, 1).unwrap();
        assert_there(store, scratch, size);
    }
    let last = store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap().id;
    let _ = store.drain_tier(0, 8);
    assert!(tiers_of(store, last).contains(&0));
}
