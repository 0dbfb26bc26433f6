//! Roots that a restored store goes on with while the one that it was restored from is at work yet: everything that the
//! restored one has is there.

use std::fs;

use hsm_core::object::{ObjectId, TierConfig};
use hsm_core::{PutOptions, RestoreOptions, SnapshotOptions, Store, StoreOptions};

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
