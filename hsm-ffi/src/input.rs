//! What comes in from C: pointers, lengths and numbers, each checked before it is used.
//!
//! The rules of `hsm.h`, in one place: NULL where something is needed is INVALID and named; a length of
//! `SIZE_MAX` means that the text ends at its NUL; an enum is a number that is checked; a tier of -1 is any.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use hsm_core::Retention;
use hsm_core::object::{self, TierIndex};

use crate::error::hsm_error;

/// A handle or record that must be there.
///
/// # Safety
///
/// NULL, or valid for reads as long as the reference is used.
pub(crate) unsafe fn needed<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_ref() }.ok_or_else(|| hsm_error::null(what))
}

/// The same, to change it.
///
/// # Safety
///
/// NULL, or valid for writes, and nobody else's, as long as the reference is used.
pub(crate) unsafe fn needed_mut<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_mut() }.ok_or_else(|| hsm_error::null(what))
}

/// Bytes of a length; NULL is fine when there are none.
///
/// # Safety
///
/// NULL, or valid for reads of `length` bytes as long as the slice is used.
pub(crate) unsafe fn bytes<'a>(
    pointer: *const c_void,
    length: usize,
    what: &str,
) -> Result<&'a [u8], hsm_error> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(hsm_error::null(what));
    }
    if length > isize::MAX as usize {
        return Err(hsm_error::invalid(format!(
            "invalid length of {what}: {length} bytes cannot be in memory"
        )));
    }
    // SAFETY: as the caller promises, and not longer than memory.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), length) })
}

/// Many of something; NULL is fine when there are none.
///
/// # Safety
///
/// NULL, or valid for reads of `count` of them as long as the slice is used.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, count: usize, what: &str) -> Result<&'a [T], hsm_error> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(hsm_error::null(what));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|length| length > isize::MAX as usize) {
        return Err(hsm_error::invalid(format!("invalid count of {what}: {count} cannot be in memory")));
    }
    // SAFETY: as the caller promises, and not longer than memory.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A buffer to be filled; NULL is fine when it has no bytes.
///
/// # Safety
///
/// NULL, or valid for writes of `size` bytes, and nobody else's, as long as the slice is used.
pub(crate) unsafe fn buffer<'a>(
    pointer: *mut c_void,
    size: usize,
    what: &str,
) -> Result<&'a mut [u8], hsm_error> {
    if size == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() {
        return Err(hsm_error::null(what));
    }
    if size > isize::MAX as usize {
        return Err(hsm_error::invalid(format!("invalid size of {what}: {size} bytes cannot be in memory")));
    }
    // SAFETY: as the caller promises, and not longer than memory. Its bytes are numbers, whatever they are.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), size) })
}

/// The name of an attribute, and its value where that matters.
type AttributeWanted = (String, Option<Vec<u8>>);

/// An attribute that something must have, and its value where that matters; a name of NULL: none.
///
/// # Safety
///
/// Each NULL, or valid for reads of its length, or up to a NUL.
pub(crate) unsafe fn attribute_wanted(
    name: *const c_char,
    name_length: usize,
    value: *const c_void,
    value_length: usize,
) -> Result<Option<AttributeWanted>, hsm_error> {
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    let name = unsafe { text(name, name_length, "name")? };
    // SAFETY: as the caller promises.
    let value = unsafe { run_or_none(value, value_length, "value")? }.map(<[u8]>::to_vec);
    object::check_attribute(name, value.as_deref().unwrap_or_default())?;
    Ok(Some((name.to_owned(), value)))
}

/// A descriptor that the caller keeps.
///
/// # Safety
///
/// It stays open as long as the answer is used.
pub(crate) unsafe fn descriptor<'a>(number: i32, what: &str) -> Result<BorrowedFd<'a>, hsm_error> {
    if number < 0 {
        return Err(hsm_error::invalid(format!("invalid {what}: {number} is no descriptor")));
    }
    // SAFETY: as the caller promises, and it is not -1.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

/// The same as [`run`], or nothing for NULL, whatever the length is.
///
/// # Safety
///
/// As for `run`.
pub(crate) unsafe fn run_or_none<'a>(
    pointer: *const c_void,
    length: usize,
    what: &str,
) -> Result<Option<&'a [u8]>, hsm_error> {
    // SAFETY: as the caller promises.
    if pointer.is_null() { Ok(None) } else { unsafe { run(pointer, length, what) }.map(Some) }
}

/// A key, a value or a name: bytes of a length, or up to their NUL when the length is `SIZE_MAX`.
///
/// # Safety
///
/// NULL, or valid for reads of `length` bytes, or up to a NUL, as long as the slice is used.
pub(crate) unsafe fn run<'a>(
    pointer: *const c_void,
    length: usize,
    what: &str,
) -> Result<&'a [u8], hsm_error> {
    if length != usize::MAX {
        // SAFETY: as the caller promises.
        return unsafe { bytes(pointer, length, what) };
    }
    if pointer.is_null() {
        return Err(hsm_error::null(what));
    }
    // SAFETY: as the caller promises, it ends with a NUL.
    Ok(unsafe { CStr::from_ptr(pointer.cast()) }.to_bytes())
}

/// Text in UTF-8.
///
/// # Safety
///
/// As for [`run`].
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    length: usize,
    what: &str,
) -> Result<&'a str, hsm_error> {
    // SAFETY: as the caller promises.
    let run = unsafe { run(pointer.cast(), length, what)? };
    std::str::from_utf8(run).map_err(|error| {
        hsm_error::invalid(format!("invalid {what}: byte {} is not UTF-8", error.valid_up_to()))
    })
}

/// A path: any bytes but NUL, and at least one.
///
/// # Safety
///
/// As for [`run`].
pub(crate) unsafe fn path<'a>(
    pointer: *const c_char,
    length: usize,
    what: &str,
) -> Result<&'a Path, hsm_error> {
    // SAFETY: as the caller promises.
    let run = unsafe { run(pointer.cast(), length, what)? };
    if run.is_empty() || run.contains(&0) {
        let why = if run.is_empty() { "it is empty" } else { "it contains a NUL byte" };
        return Err(hsm_error::invalid(format!("invalid {what}: {why}")));
    }
    Ok(Path::new(OsStr::from_bytes(run)))
}

/// A tier that must be named.
pub(crate) fn tier(number: i32, what: &str) -> Result<TierIndex, hsm_error> {
    TierIndex::try_from(number)
        .map_err(|_| hsm_error::invalid(format!("invalid {what}: {number}; tiers are numbered 0 to 255")))
}

/// A tier, or -1 for any.
pub(crate) fn any_tier(number: i32, what: &str) -> Result<Option<TierIndex>, hsm_error> {
    if number == -1 {
        return Ok(None);
    }
    TierIndex::try_from(number).map(Some).map_err(|_| {
        hsm_error::invalid(format!("invalid {what}: {number}; tiers are numbered 0 to 255, and -1 is any"))
    })
}

/// A yes or a no.
pub(crate) fn flag(number: i32, what: &str) -> Result<bool, hsm_error> {
    choice(number, &[(0, false), (1, true)], what)
}

/// How much is kept; `u64::MAX` is no bound.
pub(crate) fn retention(count_max: u64, age_max_ns: u64) -> Retention {
    let bound = |number: u64| Some(number).filter(|number| *number < u64::MAX);
    Retention { events_max: bound(count_max), age_max: bound(age_max_ns).map(Duration::from_nanos) }
}

/// How long to wait; -1: as long as it takes.
pub(crate) fn timeout(timeout_ms: i32) -> Result<Option<Duration>, hsm_error> {
    if timeout_ms == -1 {
        return Ok(None);
    }
    let wait = u64::try_from(timeout_ms)
        .map_err(|_| hsm_error::invalid(format!("invalid timeout_ms: {timeout_ms}; -1 is no limit")))?;
    Ok(Some(Duration::from_millis(wait)))
}

/// A field that later versions may give a meaning.
pub(crate) fn zero(number: i32, what: &str) -> Result<(), hsm_error> {
    choice(number, &[(0, ())], what)
}

/// A record of options from a caller whose header may know a shorter or a longer one; NULL: all default. What it does
/// not know is zero, the default; what we do not know must be.
///
/// # Safety
///
/// NULL, or valid for reads of `size` bytes. Every value of its bytes is one of `T`.
pub(crate) unsafe fn record<T: Copy + Default>(
    pointer: *const T,
    size: usize,
    what: &str,
) -> Result<T, hsm_error> {
    let mut record = T::default();
    if pointer.is_null() {
        return Ok(record);
    }
    if size == 0 || size > 1 << 16 {
        return Err(hsm_error::invalid(format!("invalid size of {what}: {size}; pass sizeof of the record")));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: as the caller promises.
    let given = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    if given[known..].iter().any(|byte| *byte != 0) {
        return Err(hsm_error::invalid(format!(
            "invalid {what}: it asks for what this library does not know"
        )));
    }
    // SAFETY: `known` bytes are in both.
    unsafe {
        std::ptr::copy_nonoverlapping(given.as_ptr(), std::ptr::from_mut(&mut record).cast::<u8>(), known);
    }
    Ok(record)
}

/// One of the numbers of an enum.
pub(crate) fn choice<T: Copy>(number: i32, all: &[(i32, T)], what: &str) -> Result<T, hsm_error> {
    all.iter()
        .find(|(known, _)| *known == number)
        .map(|(_, choice)| *choice)
        .ok_or_else(|| hsm_error::invalid(format!("invalid {what}: {number} is none of its values")))
}
