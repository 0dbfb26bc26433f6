//! A disk that is gone for good can be declared lost, whatever was on its way to it.

use std::fs;

use hsm_core::file::Disk as _;
use hsm_core::journal::EpochCause;
use hsm_core::object::{ObjectId, TierState};
use hsm_core::testing::disk::Keep;
use hsm_core::{Durability, Kind, PutOptions, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, SimFixture, bytes, kind, on_tier};

#[test]
fn a_tier_that_went_away_with_relaxed_puts_on_it_can_be_declared_lost() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let relaxed = PutOptions { durability: Durability::Relaxed, ..on_tier(1) };
    let put = fixture.store.put(&bytes(LARGE, 1), &relaxed).unwrap();
    fs::rename(fixture.outside("tier-1"), fixture.outside("aside")).unwrap();
    assert_eq!(fixture.store.lose_tier(1).unwrap(), [put.id]);
    fixture.store.put(&bytes(LARGE, 2), &on_tier(0)).unwrap();
}

const ROOT: &str = "/store/tiers/1";
const AWAY: &str = "/store/tiers/away";

/// What a machine has after a power loss that took a disk with it.
struct Wreck {
    fixture: SimFixture,
    /// Durable, on tiers 0 and 1.
    kept: [ObjectId; 2],
    /// Relaxed, on tiers 0 and 1, in this order.
    relaxed: [ObjectId; 2],
}

impl Wreck {
    fn new(index_too: bool, by_failed_sync: bool) -> Self {
        let fixture = SimFixture::new();
        let store = &fixture.store;
        let kept = [0, 1].map(|tier| store.put(&bytes(SMALL, 1), &on_tier(tier)).unwrap().id);
        // Generations of what is durable, and what is new.
        let over = PutOptions { id: Some(kept[0]), durability: Durability::Relaxed, ..on_tier(1) };
        let new = PutOptions { durability: Durability::Relaxed, ..on_tier(0) };
        let first = store.put(&bytes(LARGE, 3), &new).unwrap().id;
        store.put(&bytes(LARGE, 2), &over).unwrap();
        let second = store.put(&bytes(SMALL, 4), &PutOptions { tier: Some(1), ..new }).unwrap().id;
        if by_failed_sync {
            fixture.disk.fail_next(std::io::ErrorKind::Other, |label| {
                label.starts_with("sync ") && label.contains("/journal/")
            });
            assert_eq!(kind(&store.sync()), Some(Kind::Closed));
        }
        let image = fixture.disk.crash();
        let disk = if by_failed_sync { image.process_crash() } else { image.power_loss(Keep::All) };
        disk.rename(ROOT.as_ref(), AWAY.as_ref()).unwrap();
        let mut wreck = Self { fixture, kept, relaxed: [first, second] };
        if index_too {
            wreck.fixture.disk.stop();
            let _ = wreck.fixture.store.close();
            wreck.fixture.delete_index();
        }
        wreck.fixture.continue_on(disk);
        wreck
    }

    fn all() -> impl Iterator<Item = Self> {
        [(false, false), (true, false), (false, true)].into_iter().map(|(a, b)| Self::new(a, b))
    }

    /// Closes the handle and opens the store again.
    fn open_again(&mut self) {
        let image = self.fixture.disk.crash();
        self.fixture.continue_on(image.process_crash());
    }

    fn is_waiting(&self) {
        let store = &self.fixture.store;
        let reason = store.read_only_reason().expect("it cannot be told what holds");
        assert!(reason.contains("tier 1") && reason.contains("lose_tier"), "{reason}");
        assert_eq!(kind(&store.put(b"x", &on_tier(0))), Some(Kind::Refused));
        assert_eq!(kind(&store.sync()), Some(Kind::Refused));
        assert_eq!(kind(&store.get(self.kept[1])), Some(Kind::Offline));
    }
}

#[test]
fn a_store_whose_relaxed_changes_lie_on_a_missing_root_is_read_until_the_root_is_back() {
    for mut wreck in Wreck::all() {
        wreck.is_waiting();
        let other = wreck.fixture.another_process();
        assert_ne!(kind(&other.put(b"x", &on_tier(0))), None, "no one decides it beside us");
        drop(other);
        wreck.open_again();
        wreck.is_waiting();
        wreck.fixture.disk.rename(AWAY.as_ref(), ROOT.as_ref()).unwrap();
        wreck.open_again();
        let store = &wreck.fixture.store;
        assert_eq!(store.read_only_reason(), None);
        assert_eq!(store.get(wreck.kept[0]).unwrap(), bytes(LARGE, 2));
        assert_eq!(store.get(wreck.kept[1]).unwrap(), bytes(SMALL, 1));
        assert_eq!(store.get(wreck.relaxed[0]).unwrap(), bytes(LARGE, 3));
        assert_eq!(store.get(wreck.relaxed[1]).unwrap(), bytes(SMALL, 4));
        store.put(b"on it goes", &on_tier(1)).unwrap();
    }
}

#[test]
fn a_tier_that_a_power_loss_took_with_relaxed_changes_can_be_declared_lost() {
    for mut wreck in Wreck::all() {
        wreck.is_waiting();
        assert_eq!(kind(&wreck.fixture.store.lose_tier(0)), Some(Kind::Refused), "it is there");
        assert_eq!(kind(&wreck.fixture.store.lose_tier(1)), Some(Kind::Closed));
        wreck.open_again();
        let store = &wreck.fixture.store;
        assert_eq!(store.read_only_reason(), None);
        assert_eq!(store.new_epoch_cause(), Some(EpochCause::RolledBack));
        assert_eq!(store.tier(1).unwrap().config.state, TierState::Lost);
        assert_eq!(store.get(wreck.kept[0]).unwrap(), bytes(SMALL, 1), "the generation before");
        assert_eq!(store.get(wreck.relaxed[0]).unwrap(), bytes(LARGE, 3), "it came before what is lost");
        assert_eq!(kind(&store.get(wreck.relaxed[1])), Some(Kind::NotFound));
        assert_eq!(store.lose_tier(1).unwrap(), [wreck.kept[1]]);
        assert!(store.object(wreck.kept[1]).unwrap().content.is_some());
        let next = store.put(b"on it goes", &PutOptions::default()).unwrap().id;
        wreck.fixture.lose_power(Keep::None, true);
        let store = &wreck.fixture.store;
        assert_eq!(store.read_only_reason(), None);
        assert_eq!(store.get(next).unwrap(), b"on it goes");
        assert_eq!(store.get(wreck.relaxed[0]).unwrap(), bytes(LARGE, 3));
        store.retire_tier(1).unwrap();
    }
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

#[test]
fn a_last_change_whose_data_is_out_of_reach_stays_when_its_tier_is_declared_lost() {
    let mut fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let [kept, gone] = [0, 1].map(|tier| fixture.store.put(&bytes(SMALL, 1), &on_tier(tier)).unwrap().id);
    let (tier, aside) = (fixture.outside("tier-1"), fixture.outside("aside"));
    let seen = fixture.outside("tier-0/HSM-SEEN");
    fixture.reopen_after(|store| {
        fs::remove_file(store.join("index/index.db")).unwrap();
        fs::remove_file(seen).unwrap();
        fs::rename(&tier, &aside).unwrap();
    });
    assert!(fixture.store.read_only_reason().unwrap().contains("lose_tier"));
    let beside = fixture.another_handle();
    assert!(beside.read_only_reason().is_some(), "no one decides it beside us");
    drop(beside);
    assert_eq!(kind(&fixture.store.lose_tier(1)), Some(Kind::Closed));
    fixture.reopen();
    assert_eq!(fixture.store.read_only_reason(), None);
    assert_eq!(fixture.store.get(kept).unwrap(), bytes(SMALL, 1));
    assert_eq!(fixture.store.lose_tier(1).unwrap(), [gone]);
    assert!(fixture.store.object(gone).unwrap().content.is_some());
}
