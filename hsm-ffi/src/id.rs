//! Names of objects, and places in the journal.
//!
//! An id is 128 bits, a UUID, and names an object or a dataset for ever. 16 zero bytes are no id; where an id
//! may be left out, they or NULL leave it out. Ids that hsm draws are of version 7 and rise with time.

use std::ffi::c_char;

use hsm_core::object::{ActionId, DatasetId, GroupId, ObjectId, Position};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::status::hsm_status;
use crate::{input, output};

/// The id of an object or a dataset: a UUID's bytes in their written order.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct hsm_id {
    /// All zero: none.
    pub bytes: [u8; 16],
}

/// Where a change stands in the journal. Positions order by epoch, then by number.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct hsm_position {
    /// Counts restores and rebuilds of the store; each begins a new one.
    pub epoch: u64,
    /// Counts changes without gaps, across epochs; 0 stands before the first.
    pub number: u64,
}

/// Length of an id as text, with its NUL.
pub const HSM_ID_TEXT_SIZE: usize = 37;

impl From<ObjectId> for hsm_id {
    fn from(id: ObjectId) -> Self {
        Self { bytes: id.0 }
    }
}

impl From<DatasetId> for hsm_id {
    fn from(id: DatasetId) -> Self {
        Self { bytes: id.0 }
    }
}

impl From<Position> for hsm_position {
    fn from(position: Position) -> Self {
        Self { epoch: position.epoch, number: position.number }
    }
}

impl From<hsm_position> for Position {
    fn from(position: hsm_position) -> Self {
        Self { epoch: position.epoch, number: position.number }
    }
}

/// An id that must be given.
///
/// # Safety
///
/// NULL, or valid for a read.
pub(crate) unsafe fn object(id: *const hsm_id, what: &str) -> Result<ObjectId, hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { bytes(id, what) }.map(ObjectId)
}

/// A dataset that must be given.
///
/// # Safety
///
/// NULL, or valid for a read.
pub(crate) unsafe fn dataset(id: *const hsm_id, what: &str) -> Result<DatasetId, hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { bytes(id, what) }.map(DatasetId)
}

/// An action that must be given.
///
/// # Safety
///
/// NULL, or valid for a read.
pub(crate) unsafe fn action(id: *const hsm_id, what: &str) -> Result<ActionId, hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { bytes(id, what) }.map(ActionId)
}

/// A group that must be given.
///
/// # Safety
///
/// NULL, or valid for a read.
pub(crate) unsafe fn group(id: *const hsm_id, what: &str) -> Result<GroupId, hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { bytes(id, what) }.map(GroupId)
}

/// An id that may be left out: NULL, or zeros.
///
/// # Safety
///
/// NULL, or valid for a read.
pub(crate) unsafe fn given(id: *const hsm_id) -> Option<[u8; 16]> {
    // SAFETY: as the caller promises.
    unsafe { id.as_ref() }.map(|id| id.bytes).filter(|bytes| *bytes != [0; 16])
}

unsafe fn bytes(id: *const hsm_id, what: &str) -> Result<[u8; 16], hsm_error> {
    // SAFETY: as the caller promises.
    let id = unsafe { input::needed(id, what)? };
    if id.bytes == [0; 16] {
        return Err(hsm_error::invalid(format!("invalid {what}: it is all zero, which is no id")));
    }
    Ok(id.bytes)
}

/// Reads an id from text: 8-4-4-4-12 hexadecimal digits, or 32 of them.
///
/// @param text         the digits; need not end with a NUL
/// @param text_length  in bytes; SIZE_MAX: up to the NUL
/// @param id_out       written only on HSM_STATUS_OK
/// @return HSM_STATUS_INVALID when it is no id
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_id_parse(
    text: *const c_char,
    text_length: usize,
    id_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: the caller passes text of that length.
        let text = unsafe { input::text(text, text_length, "text")? };
        let id: ObjectId = text.parse()?;
        // SAFETY: NULL, or a place for an id.
        unsafe { output::put(id_out, id.into(), "id_out")? };
        done()
    })
}

/// Writes an id as 8-4-4-4-12 hexadecimal digits and a NUL.
///
/// @param text_out   a buffer of at least HSM_ID_TEXT_SIZE bytes
/// @param text_size  its size in bytes
/// @return HSM_STATUS_BUFFER_TOO_SMALL, and nothing is written, when it is smaller
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_id_format(
    id: *const hsm_id,
    text_out: *mut c_char,
    text_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a readable id.
        let id = unsafe { input::needed(id, "id")? };
        let text = ObjectId(id.bytes).to_string();
        // SAFETY: the caller passes a buffer of that size.
        unsafe { output::text(text_out, text_size, std::ptr::null_mut(), text.as_bytes(), "text_out") }
    })
}

/// Which object the error is about.
///
/// @param object_out  gets the id where there is one; may be NULL
/// @return 1 where there is one, 0 otherwise
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_error_object(error: *const hsm_error, object_out: *mut hsm_id) -> i32 {
    // SAFETY: NULL, or an error that was not freed.
    let object = unsafe { error.as_ref() }.and_then(hsm_error::object);
    let Some(object) = object else { return 0 };
    // SAFETY: NULL, or a place for an id.
    unsafe { output::put_if(object_out, object) };
    1
}
