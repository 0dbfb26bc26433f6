//! A disk that is gone for good can be declared lost, whatever was on its way to it.

use std::fs;

use hsm_core::{Durability, PutOptions, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, bytes, on_tier};

#[test]
fn a_tier_that_went_away_with_relaxed_puts_on_it_can_be_declared_lost() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let relaxed = PutOptions { durability: Durability::Relaxed, ..on_tier(1) };
    let put = fixture.store.put(&bytes(LARGE, 1), &relaxed).unwrap();
    fs::rename(fixture.outside("tier-1"), fixture.outside("aside")).unwrap();
    assert_eq!(fixture.store.lose_tier(1).unwrap(), [put.id]);
    fixture.store.put(&bytes(LARGE, 2), &on_tier(0)).unwrap();
}
