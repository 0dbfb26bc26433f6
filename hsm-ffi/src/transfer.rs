//! Copying and moving objects between tiers, and dropping copies.
//!
//! A copy is read with each byte checked, written to its new tier, synced, read back from the medium, and only then
//! committed. A move drops the source's copy in that same commit. Whatever stops it, a crash included, leaves the
//! old state or the new, and the object readable. A release never drops the last copy that is verified and in
//! reach, unless it is forced.
//!
//! Archiving is a copy to a colder tier and then a release of the hotter copy; a recall is a copy to a hotter
//! tier. Moving to a tier that holds a copy already drops the source's copy alone.
//!
//! Calls that change nothing, because what is wanted is so already, answer HSM_STATUS_OK with a position of zeros.
//! All changes are durable when a call returns.

use hsm_core::object::{ObjectId, Position};

use crate::error::hsm_error;
use crate::guard::{Answer, Scope, done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::status::{HSM_STATUS_OK, hsm_status};
use crate::store::hsm_store;
use crate::{input, output};

/// Makes sure that a tier holds a verified copy of an object.
///
/// @param source        the tier to read from; -1: the hottest that has a copy
/// @param target        the tier that is to hold a copy
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such object, it has no data, or no copy on the source;
///         HSM_STATUS_REFUSED when the target takes no data, HSM_STATUS_FULL when it has no room,
///         HSM_STATUS_OFFLINE when a tier is out of reach, HSM_STATUS_CORRUPT when no whole copy could be read or
///         the new one came back damaged. The object is then as it was
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_copy(
    store: *const hsm_store,
    id: *const hsm_id,
    source: i32,
    target: i32,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            let (source, target) = (input::any_tier(source, "source")?, input::tier(target, "target")?);
            put_position(position_out, store.store().copy(id, source, target)?);
        }
        done()
    })
}

/// Copies an object to a tier and drops the copy on another, in one change.
///
/// @param source        the tier whose copy is to go
/// @param target        the tier that is to hold a copy
/// @param position_out  gets the position of the change; may be NULL
/// @return as hsm_object_copy(); HSM_STATUS_INVALID when both tiers are the same
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_move(
    store: *const hsm_store,
    id: *const hsm_id,
    source: i32,
    target: i32,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            let (source, target) = (input::tier(source, "source")?, input::tier(target, "target")?);
            put_position(position_out, store.store().move_object(id, source, target)?);
        }
        done()
    })
}

/// Brings a copy back to a tier, from the hottest that has one.
///
/// @param target        the tier that is to hold a copy
/// @param position_out  gets the position of the change; may be NULL
/// @return as hsm_object_copy()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_recall(
    store: *const hsm_store,
    id: *const hsm_id,
    target: i32,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            put_position(position_out, store.store().recall(id, input::tier(target, "target")?)?);
        }
        done()
    })
}

/// Drops the copy on a tier. Where no other copy was verified yet, one is read back first, which may take long.
///
/// @param tier          the tier whose copy is to go
/// @param force         1: also when it is the last good copy, and the object's bytes are then lost
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_REFUSED when no other verified copy is in reach, HSM_STATUS_NOT_FOUND when there is no
///         such object or tier, or the object has no data
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_release(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    force: i32,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            let tier = input::tier(tier, "tier")?;
            put_position(position_out, store.store().release(id, tier, input::flag(force, "force")?)?);
        }
        done()
    })
}

/// Reads the copy on a tier back from the medium, past the page cache where the kernel allows, and records
/// whether it is whole. One that was found damaged no longer counts as verified.
///
/// @param tier          the tier whose copy is read
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_CORRUPT when it is not whole, HSM_STATUS_NOT_FOUND when there is no such object or copy
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_verify(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            let position = store.store().verify(id, input::tier(tier, "tier")?)?;
            put_position(position_out, Some(position));
        }
        done()
    })
}

/// Makes sure that a tier holds a verified copy of each of many objects. Small ones share packs, syncs and commits,
/// so this is much quicker than one call for each. One that fails does not disturb the others.
///
/// @param ids           the objects, in any order; may be NULL when count is 0
/// @param count         how many; memory grows with it, so a long listing is best done in parts
/// @param source        the tier to read from; -1: the hottest that has a copy
/// @param target        the tier that is to hold the copies
/// @param statuses_out  gets a status for each object in the order of ids, as hsm_object_copy() would answer;
///                      written whenever the objects were gone through, also when some failed. May be NULL
/// @return HSM_STATUS_OK when all went well; else the status of the first in order that failed, and its error.
///         HSM_STATUS_INVALID for an argument that is wrong: then nothing was done, and no status is written.
///         Stopped by a progress callback, those that were done stay, and the others have HSM_STATUS_CANCELLED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_copy(
    store: *const hsm_store,
    ids: *const hsm_id,
    count: usize,
    source: i32,
    target: i32,
    statuses_out: *mut hsm_status,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        let (source, target) = (input::any_tier(source, "source")?, input::tier(target, "target")?);
        // SAFETY: each NULL or as the header says.
        unsafe {
            many(scope, store, (ids, count), statuses_out, |store, ids| store.copy_many(ids, source, target))
        }
    })
}

/// Moves many objects, as hsm_objects_copy() copies them.
///
/// @param ids           the objects, in any order; may be NULL when count is 0
/// @param count         how many
/// @param source        the tier whose copies are to go
/// @param target        the tier that is to hold the copies
/// @param statuses_out  gets a status for each object in the order of ids, as hsm_object_move() would answer;
///                      may be NULL
/// @return as hsm_objects_copy()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_move(
    store: *const hsm_store,
    ids: *const hsm_id,
    count: usize,
    source: i32,
    target: i32,
    statuses_out: *mut hsm_status,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        let (source, target) = (input::tier(source, "source")?, input::tier(target, "target")?);
        // SAFETY: each NULL or as the header says.
        unsafe {
            many(scope, store, (ids, count), statuses_out, |store, ids| store.move_many(ids, source, target))
        }
    })
}

/// One answer for each object.
type Answers = hsm_core::Result<Vec<hsm_core::Result<Option<Position>>>>;

/// Does something to many objects, and says of each how it went.
///
/// # Safety
///
/// `store` NULL or live; the ids NULL or valid for reads, `statuses_out` NULL or valid for writes of that many.
unsafe fn many(
    scope: &Scope,
    store: *const hsm_store,
    (ids, count): (*const hsm_id, usize),
    statuses_out: *mut hsm_status,
    transfer: impl FnOnce(&hsm_core::Store, &[ObjectId]) -> Answers,
) -> Answer {
    // SAFETY: as the caller promises.
    let (store, objects) = unsafe { (scope.store(store)?, objects(ids, count)?) };
    let mut first = None;
    for (index, answer) in transfer(store.store(), &objects)?.into_iter().enumerate() {
        let error = answer.err().map(hsm_error::from);
        if !statuses_out.is_null() {
            let status = error.as_ref().map_or(HSM_STATUS_OK, hsm_error::status);
            // SAFETY: there is a place for each object.
            unsafe { statuses_out.add(index).write(status) };
        }
        first = first.or(error);
    }
    first.map_or_else(done, Err)
}

/// The objects that a list of ids names.
///
/// # Safety
///
/// NULL or valid for reads of that many.
pub(crate) unsafe fn objects(ids: *const hsm_id, count: usize) -> Result<Vec<ObjectId>, hsm_error> {
    // SAFETY: as the caller promises.
    let ids = unsafe { input::slice(ids, count, "ids")? };
    let object = |(index, one): (usize, &hsm_id)| match one.bytes {
        none if none == [0; 16] => {
            Err(hsm_error::invalid(format!("invalid ids: number {index} is all zero, which is no id")))
        }
        bytes => Ok(ObjectId(bytes)),
    };
    ids.iter().enumerate().map(object).collect()
}

/// Writes where a change stands, if that is wanted: zeros where there was none.
///
/// # Safety
///
/// NULL, or valid for a write.
pub(crate) unsafe fn put_position(place: *mut hsm_position, position: Option<Position>) {
    // SAFETY: as the caller promises.
    unsafe { output::put_if(place, position.map(hsm_position::from).unwrap_or_default()) };
}
