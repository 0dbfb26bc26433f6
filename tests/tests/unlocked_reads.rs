//! Small objects are read without a lock on the index, through packs that stay open: what others did meanwhile is seen by the
//! next get all the same, be they threads, handles or processes, and whatever they did.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use hsm_core::object::{ObjectId, TierState};
use hsm_core::testing::{Mutant, set_mutant};
use hsm_core::{CompactOptions, Kind, PutOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, SMALL, bytes, files_ending, kind, on_tier, tiers_of};

/// Where the other process finds its store.
const STORE: &str = "HSM_TEST_STORE";
const ID: ObjectId = ObjectId([7; 16]);

/// The first get asks with the lock, and the second is the first without.
fn warm(store: &Store, id: ObjectId) -> Vec<u8> {
    store.get(id).unwrap();
    store.get(id).unwrap()
}

fn overwritten_by_another_handle() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let id = fixture.store.put(&bytes(SMALL, 0), &PutOptions::default()).unwrap().id;
    for seed in 1..100 {
        warm(&other, id);
        fixture.store.put(&bytes(SMALL, seed), &PutOptions::id(id)).unwrap();
        assert_eq!(other.get(id).unwrap(), bytes(SMALL, seed), "{seed}");
        assert_eq!(other.object(id).unwrap().generation, seed + 1);
    }
}

#[test]
fn what_another_handle_overwrote_is_read_by_the_next_get() {
    overwritten_by_another_handle();
}

#[test]
fn a_reader_that_goes_on_with_an_old_head_is_found_out() {
    set_mutant(Some(Mutant::OldHeadTaken));
    let outcome = std::panic::catch_unwind(overwritten_by_another_handle);
    set_mutant(None);
    assert!(outcome.is_err(), "the test does not see it");
}

#[test]
fn what_another_handle_moved_compacted_or_removed_is_found_by_the_next_get() {
    let fixture = Fixture::new();
    let (store, other) = (&fixture.store, fixture.another_handle());
    for round in 0..10_u64 {
        let put = |seed| store.put(&bytes(SMALL, 100 * round + seed), &on_tier(0)).unwrap().id;
        let ids: Vec<ObjectId> = (0..20).map(put).collect();
        let check = || {
            for (seed, id) in (0..).zip(&ids).skip(10) {
                assert_eq!(other.get(*id).unwrap(), bytes(SMALL, 100 * round + seed), "{round}, {seed}");
            }
        };
        check();
        store.move_many(&ids[10..15], 0, 1).unwrap();
        check();
        assert_eq!(tiers_of(&other, ids[10]), [1]);
        for id in &ids[..10] {
            warm(&other, *id);
            store.remove(*id).unwrap();
            assert_eq!(kind(&other.get(*id)), Some(Kind::NotFound));
        }
        check();
        // Packs that another handle gave up are compacted, and those that became empty are removed.
        store.maintain().unwrap();
        let options = CompactOptions { live_percent_min: 100, ..CompactOptions::default() };
        store.compact(&options, |_| Ok(())).unwrap();
        check();
        store.maintain().unwrap();
        check();
    }
}

#[test]
fn a_tier_that_another_handle_changed_is_known_to_the_next_get_and_put() {
    let fixture = Fixture::new();
    let (store, other) = (&fixture.store, fixture.another_handle());
    let id = store.put(&bytes(SMALL, 1), &on_tier(0)).unwrap().id;
    for _ in 0..20 {
        for (state, answer) in [(TierState::ReadOnly, Some(Kind::Refused)), (TierState::Active, None)] {
            warm(&other, id);
            store.set_tier_state(2, state).unwrap();
            warm(&other, id);
            // Known before a commit finds it out: nothing was written.
            let places = || files_ending(&fixture.path().join("tiers/2"), ".pack").len();
            let before = places();
            assert_eq!(kind(&other.put(&bytes(SMALL, 2), &on_tier(2))), answer);
            assert!(answer.is_none() || places() == before);
        }
    }
}

#[test]
fn a_root_that_went_away_is_missed_a_moment_later_and_what_is_read_until_then_is_right() {
    let fixture = Fixture::with_outside_tiers(1, StoreOptions::new());
    let id = fixture.store.put(&bytes(SMALL, 1), &on_tier(0)).unwrap().id;
    let (there, away) = (fixture.outside("tier-0"), fixture.outside("away"));
    for _ in 0..20 {
        warm(&fixture.store, id);
        fs::rename(&there, &away).unwrap();
        if let Ok(read) = fixture.store.get(id) {
            assert_eq!(read, bytes(SMALL, 1));
        }
        thread::sleep(Duration::from_millis(2));
        assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Offline));
        fs::rename(&away, &there).unwrap();
        assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 1));
    }
}

/// Content that says which it is.
fn numbered(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(100)
}

fn number_in(acknowledged: &File) -> u64 {
    let mut number = [0; 8];
    acknowledged.read_exact_at(&mut number, 0).unwrap();
    u64::from_le_bytes(number)
}

/// Run by the test below in a process of its own: overwrites one object until it is killed, and says what was acknowledged.
#[test]
fn the_other_process() {
    let Some(directory) = std::env::var_os(STORE) else { return };
    let directory = Path::new(&directory);
    let store = Store::open(directory.join("store"), &StoreOptions::new()).unwrap();
    let acknowledged = File::options().write(true).open(directory.join("acknowledged")).unwrap();
    for number in store.object(ID).unwrap().generation.. {
        store.put(&numbered(number), &PutOptions::id(ID)).unwrap();
        acknowledged.write_all_at(&number.to_le_bytes(), 0).unwrap();
    }
}

#[test]
fn what_another_process_acknowledged_is_read_by_every_get_after_it_also_when_it_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"), &StoreOptions::new()).unwrap();
    fs::write(directory.path().join("acknowledged"), 0_u64.to_le_bytes()).unwrap();
    let acknowledged = File::open(directory.path().join("acknowledged")).unwrap();
    store.put(&numbered(0), &PutOptions::id(ID)).unwrap();
    let mut last = 0;
    for kill in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process"])
            .env(STORE, directory.path())
            .spawn()
            .unwrap();
        let (begun, until) = (last, last + 50 * kill);
        while last < until {
            let at_least = number_in(&acknowledged);
            let got = store.get(ID).unwrap();
            let number = u64::from_le_bytes(got[..8].try_into().unwrap());
            assert_eq!(got, numbered(number));
            assert!(number >= at_least.max(last), "{number}, after {at_least} and {last}");
            last = number;
            assert!(child.try_wait().unwrap().is_none(), "it stopped by itself, at {last} from {begun} on");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let number = u64::from_le_bytes(warm(&store, ID)[..8].try_into().unwrap());
        assert!(number >= number_in(&acknowledged));
        last = number;
    }
}
