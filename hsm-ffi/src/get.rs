//! Reading objects.
//!
//! Every byte is checked against the checksum recorded when it was put, before it is handed out. With a tier of -1
//! the bytes come from the hottest copy in reach, and from another where that one is damaged. All are callable
//! from several threads.
//!
//! What every get answers, besides HSM_STATUS_OK: HSM_STATUS_NOT_FOUND for an object that does not exist, has no
//! data, or has no copy on the tier; HSM_STATUS_CORRUPT when what is wanted is damaged on every copy in reach;
//! HSM_STATUS_OFFLINE when no copy is in reach, or the only ones lie on delayed tiers and were not recalled. A
//! small object may be read for a millisecond more from a root that has just gone away: what comes is right, and checked.

use std::ffi::{c_char, c_void};

use hsm_core::GetOptions;

use crate::callback::{Taken, hsm_write_callback};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::stream::Stream;
use crate::{input, output};

/// The options of a get: its tier.
pub(crate) fn options(tier: i32) -> Result<GetOptions, hsm_error> {
    Ok(GetOptions { tier: input::any_tier(tier, "tier")? })
}

/// Reads a range into memory. Only the blocks that hold it are read. For many ranges of one object, a reader looks the
/// object up once.
///
/// @param tier      where to read from; -1: any
/// @param offset    the first byte to read
/// @param buffer    may be NULL when size is 0
/// @param size      in bytes
/// @param read_out  how many bytes were read: fewer than size only at the end of the object, 0 behind it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_get(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    offset: u64,
    buffer: *mut c_void,
    size: usize,
    read_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            output::check_place(read_out, "read_out")?;
            let (id, options) = (id::object(id, "id")?, options(tier)?);
            let buffer = input::buffer(buffer, size, "buffer")?;
            let read = store.store().get_range_with(id, &options, offset, buffer)?;
            output::put(read_out, read, "read_out")?;
        }
        done()
    })
}

/// Writes a whole object to a file, which is there whole or not at all: it is written beside the path, synced, and
/// renamed over what was there.
///
/// @param tier            where to read from; -1: any
/// @param path            any bytes but NUL
/// @param path_length     in bytes; SIZE_MAX: up to the NUL
/// @param size_bytes_out  the size of the object; may be NULL
/// @return HSM_STATUS_IO or HSM_STATUS_FULL when the file cannot be written
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_get_path(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    path: *const c_char,
    path_length: usize,
    size_bytes_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let (id, options) = (id::object(id, "id")?, options(tier)?);
            let path = input::path(path, path_length, "path")?;
            let size = store.store().get_path(id, path, &options)?;
            output::put_if(size_bytes_out, size);
        }
        done()
    })
}

/// Writes a whole object to a descriptor: to a file from its first byte on, to a pipe or socket from where it stands.
/// It is not closed, not synced, and a longer file is not cut. A file's own offset is neither used nor moved; one
/// opened with O_APPEND gets the bytes at its end. A pipe or socket that does not block is waited for; where
/// its other end is closed the call fails, and no SIGPIPE is raised.
///
/// @param tier            where to read from; -1: any
/// @param fd              open for writing, until the call returns
/// @param size_bytes_out  the size of the object; may be NULL
/// @return HSM_STATUS_IO or HSM_STATUS_FULL when it cannot be written. A part may have come through then
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_get_fd(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    fd: i32,
    size_bytes_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let (id, options) = (id::object(id, "id")?, options(tier)?);
            let fd = input::descriptor(fd, "fd")?;
            let size = store.store().get_descriptor(id, fd, &options)?;
            output::put_if(size_bytes_out, size);
        }
        done()
    })
}

/// Hands a whole object to a callback, in order, at most 1 MiB at a time.
///
/// @param tier            where to read from; -1: any
/// @param target          destroyed before this returns
/// @param size_bytes_out  the size of the object; may be NULL
/// @return HSM_STATUS_CANCELLED when the callback answered something other than 0. After any failure it may
///         have got a part of the object
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_get_stream(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    target: hsm_write_callback,
    size_bytes_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: the record as the header says, the others NULL or so.
        unsafe {
            let target = Taken::new(target);
            let store = scope.store(store)?;
            let (id, options) = (id::object(id, "id")?, options(tier)?);
            let mut target = Stream::new(target.needed("target")?);
            let size = store.store().get_to(id, &mut target, &options);
            output::put_if(size_bytes_out, target.outcome(size)?);
        }
        done()
    })
}
