//! A reconciliation where what lies on the roots says too little or is out of reach: what was acknowledged is taken, or
//! told of; never is it passed over without a word.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use hsm_core::journal::{Change, EpochCause};
use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::testing::disk::Keep;
use hsm_core::{
    CheckOptions, Durability, Event, Finding, PutOptions, RebuildOptions, Reconciled, RestoreOptions,
    SnapshotOptions, Store, StoreOptions,
};
use hsm_tests::fixture::{Fixture, LARGE, ManualClock, SMALL, SimFixture, bytes, events, on_tier, tiers_of};

/// The tier that snapshots are kept on.
const BACKUP: u8 = 2;

fn new(options: StoreOptions) -> Fixture {
    Fixture::with_outside_tiers(3, options)
}

fn put(fixture: &Fixture, seed: u64, size: usize) -> ObjectId {
    fixture.store.put(&bytes(size, seed), &on_tier(0)).unwrap().id
}

fn over(id: ObjectId, tier: TierIndex) -> PutOptions {
    PutOptions { tier: Some(tier), ..PutOptions::id(id) }
}

fn snapshot(fixture: &Fixture) {
    fixture.store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
}

/// Loses the directory, and restores it from the newest snapshot.
fn restore(fixture: &mut Fixture) {
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
    let root = fixture.outside(&format!("tier-{BACKUP}"));
    Store::restore(fixture.path(), root, &RestoreOptions::new()).unwrap();
    fixture.store = fixture.another_handle();
}

fn reconcile(store: &Store) -> (Reconciled, Vec<Finding>) {
    let mut findings = Vec::new();
    let done = store.reconcile_with(|finding| {
        findings.push(finding);
        Ok(())
    });
    (done.unwrap(), findings)
}

/// The object is told of with this generation, and why it was not taken.
fn is_told(findings: &[Finding], id: ObjectId, generation: u64) -> bool {
    let told = |finding: &Finding| matches!(finding, Finding::Unknown { object, generation: of, .. } if *object == id && *of == generation);
    findings.iter().any(told)
}

/// Objects with low ids are done with in a first pass, and what is taken of them lies behind the others in one pack.
#[test]
fn a_clock_that_was_set_back_hides_no_newer_generation() {
    let clock = ManualClock::new();
    let mut fixture = new(StoreOptions::new().clock(clock.clone()));
    let ids: Vec<_> = (0..12).map(|seed| put(&fixture, seed, SMALL)).collect();
    snapshot(&fixture);
    clock.set_back(Duration::from_hours(1));
    for (id, seed) in ids.iter().zip(100..112).collect::<Vec<_>>().into_iter().rev() {
        fixture.store.put(&bytes(SMALL, seed), &over(*id, 0)).unwrap();
    }
    restore(&mut fixture);
    let (done, findings) = reconcile(&fixture.store);
    assert_eq!((done.objects_renewed, done.unknown_objects), (12, 0), "{findings:?}");
    for (id, seed) in ids.iter().zip(100..112) {
        assert_eq!(fixture.store.get(*id).unwrap(), bytes(SMALL, seed));
    }
}

/// The newest generation lies on a tier that is away while the store is reconciled.
#[test]
fn a_newer_generation_on_a_tier_that_was_away_is_found_when_it_is_back_and_no_check_removes_it_before() {
    for is_packed in [false, true] {
        let size = if is_packed { SMALL } else { LARGE };
        let mut fixture = new(StoreOptions::new());
        let (id, changed) = (put(&fixture, 1, size), put(&fixture, 2, size));
        snapshot(&fixture);
        for (id, seed) in [(id, 10), (changed, 20)] {
            fixture.store.put(&bytes(size, seed), &over(id, 1)).unwrap();
        }
        let late = fixture.store.put(&bytes(size, 30), &on_tier(1)).unwrap().id;
        fixture.close();
        let (root, away) = (fixture.outside("tier-1"), fixture.outside("away"));
        fs::rename(&root, &away).unwrap();
        restore(&mut fixture);
        let (done, _) = reconcile(&fixture.store);
        assert_eq!((done.objects_renewed, done.out_of_reach), (0, 1));
        fixture.store.put(&bytes(size, 21), &over(changed, 0)).unwrap();
        fs::rename(&away, &root).unwrap();
        fixture.reopen();
        assert_eq!(fixture.store.read_only_reason(), None);
        fixture.store.put(&bytes(size, 31), &on_tier(1)).unwrap();
        let options = CheckOptions { remove_strays: true };
        let checked = fixture.store.check_all(&options, |_| Ok(())).unwrap();
        assert_eq!(checked.removed, 0, "its root was not reconciled");
        fixture.reopen();
        let (done, findings) = reconcile(&fixture.store);
        assert_eq!(done.objects_renewed, 1, "packed: {is_packed}, {findings:?}");
        assert_eq!(fixture.store.get(id).unwrap(), bytes(size, 10));
        assert_eq!(fixture.store.get(changed).unwrap(), bytes(size, 21), "it was put again since");
        assert!(is_told(&findings, changed, 2) || done.unknown_places > 0, "{findings:?}");
        assert!(is_told(&findings, late, 1), "{findings:?}");
        // That settles it.
        let (done, findings) = reconcile(&fixture.store);
        assert_eq!((done.objects_renewed, done.unknown_objects), (0, 0), "{findings:?}");
        fixture.store.check_all(&options, |_| Ok(())).unwrap();
        assert_eq!(fixture.store.get(id).unwrap(), bytes(size, 10));
    }
}

/// The same snapshot is restored twice: positions that the first history gave out mean nothing in the second.
#[test]
fn a_snapshot_that_is_restored_again_gives_out_no_position_twice() {
    let mut fixture = new(StoreOptions::new());
    put(&fixture, 1, LARGE);
    snapshot(&fixture);
    let mut given_out = Vec::new();
    for round in 0..3 {
        restore(&mut fixture);
        fixture.store.reconcile().unwrap();
        for seed in 0..4 {
            put(&fixture, 10 * round + seed, LARGE);
        }
        fixture.reopen();
        assert_eq!(fixture.store.read_only_reason(), None, "round {round}");
        put(&fixture, 10 * round + 9, LARGE);
        let news = events(&fixture.store);
        let restored =
            |event: &&Event| matches!(event.change, Change::EpochBegan { cause: EpochCause::Restored, .. });
        let begun = news.iter().find(restored).unwrap().position;
        // The first epoch of each restore is the same, and holds no other change.
        let is_change = |event: &&Event| !matches!(event.change, Change::EpochBegan { .. });
        for event in news.iter().filter(is_change).filter(|event| event.position > begun) {
            assert!(!given_out.contains(&event.position), "{:?} in round {round}", event.position);
            given_out.push(event.position);
        }
        assert!(!given_out.is_empty());
    }
}

/// A rebuild says of copies that they are verified: they have to survive what comes then.
#[test]
fn what_a_rebuild_takes_survives_a_power_loss_though_its_writer_had_not_synced_it() {
    let fixture = SimFixture::new();
    let relaxed = |size, seed| {
        let options = PutOptions { durability: Durability::Relaxed, ..on_tier(0) };
        fixture.store.put(&bytes(size, seed), &options).unwrap().id
    };
    let ids = [(relaxed(LARGE, 1), LARGE, 1), (relaxed(SMALL, 2), SMALL, 2)];
    let disk = fixture.disk.crash().process_crash();
    let store = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory();
    let options = RebuildOptions::new().store(store).root("/store/tiers/0");
    let rebuilt = Store::rebuild("/rebuilt", &options, None, |_| Ok(())).unwrap();
    assert_eq!(rebuilt.objects, 2);
    let disk = disk.crash().power_loss(Keep::None);
    let store = StoreOptions::new().disk(Arc::new(disk)).index_in_memory();
    let store = Store::open("/rebuilt", &store).unwrap();
    for (id, size, seed) in ids {
        assert_eq!(store.get(id).unwrap(), bytes(size, seed));
    }
}

/// One file that the file system refuses to sync is not taken; what else there is still is.
#[test]
fn a_file_that_cannot_be_synced_is_told_of_and_stops_no_reconciliation() {
    let fixture = SimFixture::new();
    let store = &fixture.store;
    let ids = [1, 2].map(|seed| store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id);
    store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    store.put(&bytes(LARGE, 10), &over(ids[0], 1)).unwrap();
    store.put(&bytes(LARGE, 20), &over(ids[1], 3)).unwrap();
    store.close().unwrap();
    let disk = fixture.disk.crash().process_crash();
    let options = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory();
    let roots = RestoreOptions::new().store(options.clone());
    let roots = (0..5).fold(roots, |roots, tier| roots.root(tier, format!("/store/tiers/{tier}")));
    Store::restore("/again", "/store/tiers/2", &roots).unwrap();
    let store = Store::open("/again", &options).unwrap();
    disk.fail_every(ErrorKind::Other, |label| label.starts_with("sync") && label.contains("tiers/1/data/"));
    let (done, findings) = reconcile(&store);
    disk.clear_failures();
    assert_eq!((done.objects_renewed, done.unknown_objects), (1, 1), "{findings:?}");
    assert!(is_told(&findings, ids[0], 2), "{findings:?}");
    assert_eq!((store.get(ids[1]).unwrap(), tiers_of(&store, ids[1])), (bytes(LARGE, 20), vec![3]));
    let (done, findings) = reconcile(&store);
    assert_eq!(done.objects_renewed, 1, "{findings:?}");
    assert_eq!(store.get(ids[0]).unwrap(), bytes(LARGE, 10));
}

/// A file that cannot even be looked at may be the newest generation of anything.
#[test]
fn a_place_that_cannot_be_read_is_told_of_and_looked_at_again() {
    let fixture = SimFixture::new();
    let store = &fixture.store;
    let id = store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    store.snapshot_to(BACKUP, &SnapshotOptions::default()).unwrap();
    store.put(&bytes(LARGE, 10), &over(id, 1)).unwrap();
    store.close().unwrap();
    let disk = fixture.disk.crash().process_crash();
    let options = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory();
    let roots = RestoreOptions::new().store(options.clone());
    let roots = (0..5).fold(roots, |roots, tier| roots.root(tier, format!("/store/tiers/{tier}")));
    Store::restore("/again", "/store/tiers/2", &roots).unwrap();
    let store = Store::open("/again", &options).unwrap();
    disk.fail_reads(ErrorKind::Other, |label| label.contains("tiers/1/data/"));
    let (done, findings) = reconcile(&store);
    disk.clear_failures();
    assert_eq!((done.objects_renewed, done.unknown_places), (0, 1), "{findings:?}");
    assert!(findings.iter().any(|finding| matches!(finding, Finding::Stray { tier: 1, .. })), "{findings:?}");
    let (done, findings) = reconcile(&store);
    assert_eq!(done.objects_renewed, 1, "{findings:?}");
    assert_eq!(store.get(id).unwrap(), bytes(LARGE, 10));
}
