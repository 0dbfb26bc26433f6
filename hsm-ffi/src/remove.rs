//! Removing objects, and bringing them back.
//!
//! A removed object is gone from every listing but those that ask for removed ones. Until the store's grace
//! window is over, 24 hours by default, it can be brought back; after that, hsm_store_maintain() takes away
//! what is left of it. Its id may be put again at any time: that is a new life of it.
//!
//! The changes are durable when a call returns.

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::output;
use crate::status::hsm_status;
use crate::store::hsm_store;

/// Removes an object, with all its keys.
///
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such object, or it was removed already
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_remove(
    store: *const hsm_store,
    id: *const hsm_id,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            output::put_if(position_out, store.store().remove(id)?.into());
        }
        done()
    })
}

/// Removes an object at once and for good, whether it was removed before or not. Nothing brings it back.
///
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such object
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_purge(
    store: *const hsm_store,
    id: *const hsm_id,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?, id::object(id, "id")?);
            output::put_if(position_out, store.store().purge(id)?.into());
        }
        done()
    })
}

/// Brings a removed object back: its content, its copies, its attributes, and its first key if no other object
/// has that now. Whether it has it again, hsm_object_open() and hsm_object_key() tell.
///
/// @return HSM_STATUS_NOT_FOUND when there is no removed object with this id, or its grace window is over
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_undelete(
    store: *const hsm_store,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe { scope.store(store)?.store().undelete(id::object(id, "id")?)? };
        done()
    })
}
