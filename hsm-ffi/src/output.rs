//! What goes out to C: numbers, sized records, text into a caller's buffer, and handles.

use std::ffi::{c_char, c_void};

use crate::error::hsm_error;
use crate::guard::{Answer, done};
use crate::status::HSM_STATUS_BUFFER_TOO_SMALL;

/// Writes to a place that must be there.
///
/// # Safety
///
/// NULL, or valid for a write.
pub(crate) unsafe fn put<T>(place: *mut T, value: T, what: &str) -> Result<(), hsm_error> {
    if place.is_null() {
        return Err(hsm_error::null(what));
    }
    // SAFETY: as the caller promises.
    unsafe { place.write(value) };
    Ok(())
}

/// Writes to a place if there is one.
///
/// # Safety
///
/// NULL, or valid for a write.
pub(crate) unsafe fn put_if<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: as the caller promises.
        unsafe { place.write(value) };
    }
}

/// Refuses a missing place before anything is done whose result would have no place to go.
pub(crate) fn check_place<T>(place: *mut T, what: &str) -> Result<(), hsm_error> {
    if place.is_null() { Err(hsm_error::null(what)) } else { Ok(()) }
}

/// Says NULL to a place for a handle, before anything can fail.
///
/// # Safety
///
/// NULL, or valid for a write.
pub(crate) unsafe fn no_handle<T>(place: *mut *mut T, what: &str) -> Result<(), hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { put(place, std::ptr::null_mut(), what) }
}

/// Hands a handle out.
///
/// # Safety
///
/// Valid for a write: checked by [`no_handle`].
pub(crate) unsafe fn handle<T>(place: *mut *mut T, value: T) {
    // SAFETY: as the caller promises.
    unsafe { place.write(Box::into_raw(Box::new(value))) };
}

/// Takes a handle back to drop it.
///
/// # Safety
///
/// NULL, or what [`handle`] handed out and nobody freed.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: as the caller promises.
        crate::guard::guard_free(|| drop(unsafe { Box::from_raw(pointer) }));
    }
}

/// Refuses a place for a record that is missing or has no length.
pub(crate) fn check_record<T>(place: *mut T, size: usize, what: &str) -> Result<(), hsm_error> {
    check_place(place, what)?;
    if size == 0 || size > 1 << 16 {
        return Err(hsm_error::invalid(format!("invalid size of {what}: {size}; pass sizeof of the record")));
    }
    Ok(())
}

/// The same where the caller may not want it.
pub(crate) fn check_record_if<T>(place: *mut T, size: usize, what: &str) -> Result<(), hsm_error> {
    if place.is_null() { Ok(()) } else { check_record(place, size, what) }
}

/// Writes a record to a caller whose header may know a shorter or a longer one: what it does not know is left
/// out, what we do not know is zeroed.
///
/// # Safety
///
/// NULL, or valid for writes of `size` bytes.
pub(crate) unsafe fn record<T: Copy>(
    place: *mut T,
    size: usize,
    value: &T,
    what: &str,
) -> Result<(), hsm_error> {
    check_record(place, size, what)?;
    let known = size.min(size_of::<T>());
    let bytes = place.cast::<u8>();
    // SAFETY: `known` bytes are in both; the rest is within what the caller gave.
    unsafe {
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), bytes, known);
        bytes.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// The same where the caller may not want it.
///
/// # Safety
///
/// As for [`record`].
pub(crate) unsafe fn record_if<T: Copy>(
    place: *mut T,
    size: usize,
    value: &T,
    what: &str,
) -> Result<(), hsm_error> {
    // SAFETY: as the caller promises.
    if place.is_null() { Ok(()) } else { unsafe { record(place, size, value, what) } }
}

/// Refuses a buffer that is missing though it has a size, before anything is written.
pub(crate) fn check_buffer<T>(buffer: *mut T, size: usize, what: &str) -> Result<(), hsm_error> {
    if size == 0 { Ok(()) } else { check_place(buffer, what) }
}

/// Copies text and a NUL into a caller's buffer. `length_out` gets the length without the NUL, also when the
/// buffer is too small, which is an answer and no error; a buffer of no bytes may be NULL.
///
/// # Safety
///
/// `buffer` valid for writes of `size` bytes, `length_out` NULL or valid for a write.
pub(crate) unsafe fn text(
    buffer: *mut c_char,
    size: usize,
    length_out: *mut usize,
    value: &[u8],
    what: &str,
) -> Answer {
    check_buffer(buffer, size, what)?;
    // SAFETY: as the caller promises.
    unsafe { put_if(length_out, value.len()) };
    if size <= value.len() {
        return Ok(HSM_STATUS_BUFFER_TOO_SMALL);
    }
    // SAFETY: the buffer holds the text and its NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(value.as_ptr(), buffer.cast(), value.len());
        buffer.add(value.len()).write(0);
    }
    done()
}

/// Copies bytes into a caller's buffer, in the way of [`text`] but without a NUL.
///
/// # Safety
///
/// As for [`text`].
pub(crate) unsafe fn bytes(
    buffer: *mut c_void,
    size: usize,
    length_out: *mut usize,
    value: &[u8],
    what: &str,
) -> Answer {
    check_buffer(buffer, size, what)?;
    // SAFETY: as the caller promises.
    unsafe { put_if(length_out, value.len()) };
    if size < value.len() {
        return Ok(HSM_STATUS_BUFFER_TOO_SMALL);
    }
    if !value.is_empty() {
        // SAFETY: the buffer holds the bytes, of which there are some, so it is not NULL.
        unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), buffer.cast(), value.len()) };
    }
    done()
}

/// Lends bytes that live as long as a handle.
///
/// # Safety
///
/// Each place NULL or valid for a write.
pub(crate) unsafe fn lend(
    place: *mut *const u8,
    length_out: *mut usize,
    value: &[u8],
    what: &str,
) -> Result<(), hsm_error> {
    check_place(length_out, "length_out")?;
    // SAFETY: as the caller promises.
    unsafe {
        put(place, value.as_ptr(), what)?;
        length_out.write(value.len());
    }
    Ok(())
}
