//! A disk that is gone for good can be declared lost, whatever was on its way to it.

use std::fs;

use hsm_core::{Durability, Kind, PutOptions, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, bytes, kind, on_tier};

#[test]
fn a_tier_that_went_away_with_relaxed_puts_on_it_can_be_declared_lost() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let relaxed = PutOptions { durability: Durability::Relaxed, ..on_tier(1) };
    let put = fixture.store.put(&bytes(LARGE, 1), &relaxed).unwrap();
    fs::rename(fixture.outside("tier-1"), fixture.outside("aside")).unwrap();
    assert_eq!(fixture.store.lose_tier(1).unwrap(), [put.id]);
    fixture.store.put(&bytes(LARGE, 2), &on_tier(0)).unwrap();
}

#[test]
fn a_last_change_whose_data_is_out_of_reach_is_neither_kept_nor_cut_off() {
    let mut fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let last = fixture.store.put(&bytes(SMALL, 2), &on_tier(1)).unwrap().id;
    let (tier, aside) = (fixture.outside("tier-1"), fixture.outside("aside"));
    fixture.reopen_after(|store| {
        // As a power loss may leave it: nothing within reach knows of the last change.
        fs::remove_file(store.join("index/index.db")).unwrap();
        fs::rename(&tier, &aside).unwrap();
    });
    assert!(fixture.store.read_only_reason().is_some());
    assert_eq!(kind(&fixture.store.put(&bytes(SMALL, 1), &on_tier(0))), Some(Kind::Refused));
    fixture.reopen_after(|_| fs::rename(&aside, &tier).unwrap());
    assert_eq!(fixture.store.read_only_reason(), None);
    assert_eq!(fixture.store.get(last).unwrap(), bytes(SMALL, 2));
    fixture.store.put(&bytes(SMALL, 3), &on_tier(1)).unwrap();
}
