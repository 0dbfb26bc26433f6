//! Tiers, and which objects are on them.

use std::ffi::c_int;

use super::id;
use crate::client::client;
use crate::failure::{Failure, Result, guard};
use crate::hsm::Id;
use crate::memory::{Block, take_back};
use crate::types::{HestiaId, HestiaTier, INITIALIZED, NOT_FOUND};

/// Makes a record name tier 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_init_tier(tier: *mut HestiaTier) -> c_int {
    guard(|| {
        if tier.is_null() {
            return Err(Failure::null("the tier"));
        }
        // SAFETY: the caller passes a place for a record.
        unsafe { tier.write(HestiaTier { m_index: 0, m_user_initialized: INITIALIZED }) };
        Ok(())
    })
}

/// Makes a record say that there is no data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_init_io_ctx(io_context: *mut crate::types::HestiaIoContext) -> c_int {
    guard(|| {
        if io_context.is_null() {
            return Err(Failure::null("the io context"));
        }
        // SAFETY: the caller passes a place for a record.
        unsafe {
            io_context.write(crate::types::HestiaIoContext {
                m_type: crate::types::IO_EMPTY,
                m_offset: 0,
                m_length: 0,
                m_buffer: std::ptr::null_mut(),
                m_path: std::ptr::null_mut(),
                m_fd: -1,
            });
        }
        Ok(())
    })
}

/// Lists the tiers, the hottest first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_list_tiers(tier_ids: *mut *mut u8, num_tiers: *mut usize) -> c_int {
    guard(|| {
        let tiers = client()?.store.tiers()?;
        // SAFETY: the caller's word for the places.
        unsafe { hand_out(&tiers, tier_ids, num_tiers) }
    })
}

/// Lists the tiers that an object has a copy on, the hottest first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_locate(
    object_id: *mut HestiaId,
    tier_ids: *mut *mut u8,
    num_tiers: *mut usize,
) -> c_int {
    guard(|| {
        let client = client()?;
        // SAFETY: the caller passes a record, initialised or not.
        let id = unsafe { id::needed(&client, object_id) }?;
        let copies = client.store.object(&id)?.copies()?;
        let tiers: Vec<u8> = copies.iter().map(|copy| copy.tier).collect();
        // SAFETY: the caller's word for the places.
        unsafe { hand_out(&tiers, tier_ids, num_tiers) }
    })
}

/// # Safety
///
/// Both are NULL, or places.
unsafe fn hand_out(tiers: &[u8], tier_ids: *mut *mut u8, num_tiers: *mut usize) -> Result<()> {
    if tier_ids.is_null() || num_tiers.is_null() {
        return Err(Failure::null("the place for the list, or for its length,"));
    }
    let mut start = std::ptr::null_mut();
    if !tiers.is_empty() {
        let mut block = Block::new(tiers.len())?;
        start = block.take::<u8>(tiers.len());
        // SAFETY: it is that long.
        unsafe { std::ptr::copy_nonoverlapping(tiers.as_ptr(), start, tiers.len()) };
        block.hand_out(start);
    }
    // SAFETY: not NULL, so places.
    unsafe {
        *tier_ids = start;
        *num_tiers = tiers.len();
    }
    Ok(())
}

/// Frees a list of tiers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_free_tier_ids(tier_ids: *mut *mut u8) -> c_int {
    // SAFETY: the caller passes NULL or a place.
    unsafe { free(tier_ids, "the list of tiers") }
}

/// Frees what the library handed out, and takes the caller's pointer to it.
///
/// # Safety
///
/// `place` is NULL or a place for a pointer.
unsafe fn free<T>(place: *mut *mut T, what: &str) -> c_int {
    guard(|| {
        // SAFETY: as the caller says.
        let place = unsafe { place.as_mut() }.ok_or_else(|| Failure::null(what))?;
        take_back(*place);
        *place = std::ptr::null_mut();
        Ok(())
    })
}

/// Lists the objects that have data on a tier, in the order of their ids.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_list(
    tier_id: u8,
    ids: *mut *mut HestiaId,
    num_ids: *mut usize,
) -> c_int {
    guard(|| {
        let client = client()?;
        if ids.is_null() || num_ids.is_null() {
            return Err(Failure::null("the place for the list, or for its length,"));
        }
        if !client.store.tiers()?.contains(&tier_id) {
            return Err(Failure::new(NOT_FOUND, format!("there is no tier {tier_id}")));
        }
        let found = client.store.list(tier_id)?;
        // SAFETY: not NULL, so places.
        unsafe {
            *ids = records(&found)?;
            *num_ids = found.len();
        }
        Ok(())
    })
}

/// Records with their texts, in one block.
fn records(found: &[Id]) -> Result<*mut HestiaId> {
    if found.is_empty() {
        return Ok(std::ptr::null_mut());
    }
    let mut block = Block::new(found.len() * (size_of::<HestiaId>() + id::TEXT_LENGTH + 1))?;
    let start = block.take::<HestiaId>(found.len());
    for (index, id) in found.iter().enumerate() {
        let text = block.text(id::format(id).as_bytes());
        // SAFETY: there is a place for each.
        unsafe { start.add(index).write(id::record(id, text)) };
    }
    block.hand_out(start);
    Ok(start)
}

/// Frees a list of objects, with the texts in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_free_ids(ids: *mut *mut HestiaId, _num_ids: usize) -> c_int {
    // SAFETY: the caller passes NULL or a place.
    unsafe { free(ids, "the list of ids") }
}
