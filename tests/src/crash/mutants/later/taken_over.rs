//! Roots that a restored store goes on with while the one that it was restored from is at work yet: everything that the
//! restored one has is there.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use hsm_core::file::Disk as _;
use hsm_core::object::{ObjectId, TierConfig};
use hsm_core::testing::disk::SimDisk;
use hsm_core::{PutOptions, Reconciled, RestoreOptions, Result, SnapshotOptions, Store, StoreOptions};

use super::super::super::backup::text;
use super::super::super::world::bytes;
use crate::audit::Verdict;
use crate::fixture::Fixture;

/// The tier that the snapshot is kept on.
const BACKUP: u8 = 1;

/// A store with an object, and a snapshot of it.
fn first() -> Verdict<(Fixture, ObjectId)> {
    let fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    let id = fixture.store.put(&bytes(130, 90_000), &PutOptions::default()).map_err(text)?.id;
    fixture.store.snapshot_to(BACKUP, &SnapshotOptions::default()).map_err(text)?;
    Ok((fixture, id))
}

fn restored(fixture: &Fixture) -> Verdict<Store> {
    let elsewhere = fixture.outside("elsewhere");
    Store::restore(&elsewhere, fixture.outside("tier-1"), &RestoreOptions::new()).map_err(text)?;
    Store::open(&elsewhere, &StoreOptions::new()).map_err(text)
}

fn has(second: &Store, id: ObjectId) -> Verdict<()> {
    let got = second.get(id).map_err(text)?;
    if got == bytes(130, 90_000) { Ok(()) } else { Err("it has other bytes".to_owned()) }
}

/// The first removes its object once the other was reconciled.
pub(super) fn after_all() -> Verdict<()> {
    let (fixture, id) = first()?;
    let second = restored(&fixture)?;
    second.reconcile().map_err(text)?;
    fixture.store.purge(id).map_err(text)?;
    let _ = fixture.store.maintain();
    has(&second, id)
}

/// The same, where the first has begun more epochs than the other.
pub(super) fn from_one_ahead() -> Verdict<()> {
    let (mut fixture, id) = first()?;
    let other = TierConfig::posix(2, fixture.outside("tier-2").to_string_lossy());
    fixture.store.add_tier(&other).map_err(text)?;
    fixture.close();
    let (there, away) = (fixture.outside("tier-2"), fixture.outside("away"));
    fs::rename(&there, &away).map_err(|error| error.to_string())?;
    for number in 0..5 {
        let first = fixture.another_handle();
        first.set_attributes(id, &vec![("n".to_owned(), Some(vec![number]))]).map_err(text)?;
        first.close().map_err(text)?;
    }
    fs::rename(&away, &there).map_err(|error| error.to_string())?;
    let first = fixture.another_handle();
    let second = restored(&fixture)?;
    second.reconcile().map_err(text)?;
    first.purge(id).map_err(text)?;
    let _ = first.maintain();
    has(&second, id)
}

/// The first removes its object while the other is reconciled.
pub(super) fn amid_its_use() -> Verdict<()> {
    let (fixture, id) = first()?;
    // What the reconciliation tells of.
    fixture.store.put(&bytes(131, 90_000), &PutOptions::default()).map_err(text)?;
    let second = restored(&fixture)?;
    let reconciled = second.reconcile_with(|_| {
        let _ = fixture.store.purge(id);
        Ok(())
    });
    reconciled.map_err(text)?;
    has(&second, id)
}

/// The first is amid a page of removals when the other is reconciled. It goes on once the other is done, or waits for long.
pub(super) fn amid_a_page() -> Verdict<()> {
    let disk = SimDisk::new();
    disk.create_dir("/roots".as_ref()).map_err(|error| error.to_string())?;
    let options = |disk: &SimDisk| {
        // Each object in a file of its own.
        let tiers = [0, BACKUP].map(|tier| TierConfig {
            pack_threshold_bytes: 1000,
            ..TierConfig::posix(tier, format!("/roots/{tier}"))
        });
        let options = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory();
        options.reserve_bytes(0).grace(Duration::from_nanos(1)).tiers(tiers.into())
    };
    let first = Store::open("/first", &options(&disk)).map_err(text)?;
    let put = |seed| first.put(&bytes(seed, 90_000), &PutOptions::default()).map(|put| put.id);
    let ids = (140..143).map(put).collect::<Result<Vec<_>>>().map_err(text)?;
    first.snapshot_to(BACKUP, &SnapshotOptions::default()).map_err(text)?;
    ids.iter().try_for_each(|id| first.remove(*id).map(drop)).map_err(text)?;
    let theirs = disk.another_process();
    let restore = RestoreOptions::new().store(options(&theirs));
    Store::restore("/second", format!("/roots/{BACKUP}"), &restore).map_err(text)?;
    let second = Store::open("/second", &options(&theirs)).map_err(text)?;
    let under_way: Arc<Mutex<Option<JoinHandle<Result<Reconciled>>>>> = Arc::default();
    let (other, begun) = (second.clone(), under_way.clone());
    disk.delay_next(
        |label| label.starts_with("unlink roots/0/data"),
        move || {
            let thread = std::thread::spawn(move || other.reconcile());
            for _ in 0..200 {
                if thread.is_finished() {
                    break;
                }
                sleep(Duration::from_millis(1));
            }
            if let Ok(mut begun) = begun.lock() {
                *begun = Some(thread);
            }
        },
    );
    let maintained = first.maintain();
    let thread = under_way.lock().map_err(|_| "a panic")?.take();
    let thread = thread.ok_or_else(|| format!("nothing is removed, but {maintained:?}"))?;
    let told = thread.join().map_err(|_| "a panic")?.map_err(text)?;
    let lost = ids.iter().filter(|id| second.get(**id).is_err()).count() as u64;
    if told.out_of_reach == 0 && told.copies_missing == lost {
        return Ok(());
    }
    Err(format!("{lost} objects are lost, and it was told {told:?}"))
}
