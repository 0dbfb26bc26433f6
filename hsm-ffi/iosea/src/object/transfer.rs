//! Copying, moving, releasing and removing.

use std::ffi::c_int;

use super::id;
use crate::client::{Client, client};
use crate::failure::{Result, guard};
use crate::hsm::Id;
use crate::types::HestiaId;

/// Runs a change of one object.
///
/// # Safety
///
/// `object_id` is NULL, or points to a record, initialised or not.
unsafe fn change(object_id: *mut HestiaId, change: impl FnOnce(&Client, &Id) -> Result<()>) -> c_int {
    guard(|| {
        let client = client()?;
        // SAFETY: as the caller says.
        let id = unsafe { id::needed(&client, object_id) }?;
        change(&client, &id)?;
        client.happened();
        Ok(())
    })
}

/// Makes sure that a tier has a copy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_copy(
    object_id: *mut HestiaId,
    source_tier: u8,
    target_tier: u8,
) -> c_int {
    // SAFETY: as the caller says.
    unsafe { change(object_id, |client, id| client.store.copy(id, source_tier, target_tier)) }
}

/// Moves a copy to another tier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_move(
    object_id: *mut HestiaId,
    source_tier: u8,
    target_tier: u8,
) -> c_int {
    // SAFETY: as the caller says.
    unsafe { change(object_id, |client, id| client.store.move_between(id, source_tier, target_tier)) }
}

/// Drops the copy on a tier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_release(
    object_id: *mut HestiaId,
    tier: u8,
    error_if_last_tier: c_int,
) -> c_int {
    // SAFETY: as the caller says.
    unsafe { change(object_id, |client, id| client.store.release(id, tier, error_if_last_tier == 0)) }
}

/// Removes an object from every tier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_remove(object_id: *mut HestiaId) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        change(object_id, |client, id| {
            client.store.remove(id)?;
            client.removed();
            Ok(())
        })
    }
}
