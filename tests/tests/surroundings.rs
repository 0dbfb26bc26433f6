//! What surrounds a store fails for a while: the clock, the disk of a tier, reads, descriptors.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::process::Command;
use std::sync::Arc;

use hsm_core::testing::clock::ManualClock;
use hsm_core::{Kind, PutOptions, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, SimFixture, bytes, events, kind, on_tier};

const SECOND_NS: i64 = 1_000_000_000;
const NOW_NS: i64 = 1_700_000_000 * SECOND_NS;

#[test]
fn a_clock_that_jumps_changes_no_order_and_loses_nothing() {
    let clock = Arc::new(ManualClock::new(NOW_NS, 1));
    let mut fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let mut put = Vec::new();
    for (seed, now_ns) in
        [NOW_NS, NOW_NS - 10_000 * SECOND_NS, 0, -SECOND_NS, NOW_NS + 90_000 * SECOND_NS, NOW_NS]
            .into_iter()
            .enumerate()
    {
        clock.set_ns(now_ns);
        for size in [SMALL, LARGE] {
            let content = bytes(size, seed as u64);
            put.push((fixture.store.put(&content, &PutOptions::default()).unwrap().id, content));
        }
        let (id, content) = &put[0];
        fixture.store.put(content, &PutOptions::id(*id)).unwrap();
        fixture.reopen();
        fixture.store.maintain().unwrap();
    }
    for (id, content) in &put {
        assert_eq!(fixture.store.get(*id).unwrap(), *content);
    }
    let numbers: Vec<u64> = events(&fixture.store).iter().map(|event| event.position.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(fixture.store.object(put[0].0).unwrap().generation, 7);
}

#[test]
fn a_tier_that_goes_and_comes_back_is_used_again_by_the_same_handle() {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let store = &fixture.store;
    let (root, aside) = (fixture.outside("tier-1"), fixture.outside("aside"));
    let alone = store.put(&bytes(LARGE, 1), &on_tier(1)).unwrap().id;
    let small = store.put(&bytes(SMALL, 2), &on_tier(1)).unwrap().id;
    fs::rename(&root, &aside).unwrap();
    for size in [SMALL, LARGE] {
        assert_eq!(kind(&store.put(&bytes(size, 3), &on_tier(1))), Some(Kind::Offline));
    }
    for id in [alone, small] {
        assert_eq!(kind(&store.get(id)), Some(Kind::Offline));
        assert_eq!(kind(&store.move_object(id, 1, 0)), Some(Kind::Offline));
    }
    store.put(&bytes(SMALL, 4), &on_tier(0)).unwrap();
    assert!(!root.exists(), "nothing was written where the disk was");
    fs::rename(&aside, &root).unwrap();
    assert_eq!(store.get(alone).unwrap(), bytes(LARGE, 1));
    assert_eq!(store.get(small).unwrap(), bytes(SMALL, 2));
    for size in [SMALL, LARGE] {
        let id = store.put(&bytes(size, 5), &on_tier(1)).unwrap().id;
        assert_eq!(store.get(id).unwrap(), bytes(size, 5));
    }
    store.move_object(alone, 1, 0).unwrap().unwrap();
    assert_eq!(store.get(alone).unwrap(), bytes(LARGE, 1));
}

#[test]
fn a_copy_that_cannot_be_read_is_told_and_kept() {
    let fixture = SimFixture::new();
    let store = &fixture.store;
    for size in [SMALL, LARGE] {
        let id = store.put(&bytes(size, 1), &on_tier(0)).unwrap().id;
        fixture.disk.fail_reads(ErrorKind::Other, |label| label.contains("tiers/0/data"));
        assert_eq!(kind(&store.get(id)), Some(Kind::Io));
        assert_eq!(kind(&store.move_object(id, 0, 1)), Some(Kind::Io));
        fixture.disk.clear_failures();
        assert_eq!(store.get(id).unwrap(), bytes(size, 1));
        store.move_object(id, 0, 1).unwrap().unwrap();
        assert_eq!(store.get(id).unwrap(), bytes(size, 1));
    }
}

#[test]
fn a_store_goes_on_once_there_are_descriptors_again() {
    let program = std::env::current_exe().unwrap();
    let run = "ulimit -n 64 && exec \"$0\" --ignored --exact few_descriptors --nocapture";
    let output = Command::new("sh").args(["-c", run]).arg(program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

#[test]
#[ignore = "takes all descriptors of its process: the test above runs it in one of its own"]
fn few_descriptors() {
    let mut fixture = Fixture::new();
    let id = fixture.store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap().id;
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    assert_eq!(kind(&fixture.store.put(&bytes(LARGE, 2), &PutOptions::default())), Some(Kind::Io));
    assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Io));
    let position = fixture.store.position().unwrap();
    drop(taken);
    assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 1));
    let put = fixture.store.put(&bytes(LARGE, 3), &PutOptions::default()).unwrap();
    assert!(put.position.number > position.number);
    fixture.reopen();
    assert_eq!(fixture.store.get(put.id).unwrap(), bytes(LARGE, 3));
    assert_eq!(events(&fixture.store).len() as u64, fixture.store.position().unwrap().number);
}
