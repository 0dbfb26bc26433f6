//! What the model checker found in the protocol of recovery (`tests/protocol`), shown on the engine itself: an open
//! that is alone calls nothing durable that a power loss can still take away.

use std::io::ErrorKind;

use hsm_core::testing::disk::{CrashImage, Keep};
use hsm_core::{Durability, Event, PutOptions};
use hsm_tests::fixture::{SimFixture, bytes, events};

/// Larger than a pack takes: its data is synced before the journal hears of it.
const LARGE: usize = 100_000;

fn is_journal_sync(label: &str) -> bool {
    label.starts_with("sync ") && label.contains("/journal/")
}

/// A durable put.
fn put(fixture: &SimFixture) -> hsm_core::Result<hsm_core::Put> {
    fixture.store.put(&bytes(LARGE, 1), &PutOptions::default())
}

/// How many operations a durable put does before it syncs the journal, behind what `before` does.
fn operations_before_the_sync(before: fn(&SimFixture)) -> u64 {
    let fixture = SimFixture::new();
    before(&fixture);
    let first = fixture.disk.operations() as usize;
    put(&fixture).unwrap();
    fixture.disk.labels()[first..].iter().position(|label| is_journal_sync(label)).unwrap() as u64
}

/// The process died in that state.
fn die(fixture: &SimFixture) -> CrashImage {
    let image = fixture.disk.crash();
    fixture.disk.stop();
    let _ = fixture.store.close();
    image
}

/// Shows the feed to someone, loses the power, and looks again.
fn what_the_feed_showed_survives(fixture: &mut SimFixture, state: &str) {
    let shown: Vec<Event> = events(&fixture.store);
    fixture.lose_power(Keep::None, false);
    assert_eq!(fixture.store.read_only_reason(), None, "{state}");
    let now = events(&fixture.store);
    assert_eq!(now[..shown.len().min(now.len())], shown, "{state}: the feed now (left), and as it was shown");
}

#[test]
fn an_open_that_dies_before_it_made_the_last_group_durable_does_not_call_it_durable() {
    let until_sync = operations_before_the_sync(|_| ());
    for died_at in 0.. {
        let mut fixture = SimFixture::new();
        // Only what is written again reaches the medium: a sync alone would not do.
        fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
        fixture.disk.stop_at(until_sync + 1);
        put(&fixture).unwrap_err();
        let image = die(&fixture);

        let disk = image.process_crash();
        disk.stop_at(died_at);
        let finished = fixture.try_continue_on(&disk);
        fixture.continue_on(disk.crash().process_crash());

        what_the_feed_showed_survives(&mut fixture, &format!("the open died at operation {died_at}"));
        if finished {
            assert!(died_at > 3, "an open does more than that");
            return;
        }
    }
}

#[test]
fn relaxed_changes_before_a_durable_one_whose_sync_failed_are_as_durable_as_that_after_an_open() {
    let put_relaxed = |fixture: &SimFixture| {
        let relaxed = PutOptions { durability: Durability::Relaxed, ..PutOptions::default() };
        fixture.store.put(&bytes(LARGE, 3), &relaxed).unwrap();
    };
    let until_sync = operations_before_the_sync(put_relaxed);
    let mut fixture = SimFixture::new();
    put_relaxed(&fixture);
    // It dies before it can say that the sync failed.
    fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
    fixture.disk.stop_at(until_sync + 1);
    put(&fixture).unwrap_err();
    let image = die(&fixture);
    fixture.continue_on(image.process_crash());
    what_the_feed_showed_survives(&mut fixture, "a sync failed");
}
