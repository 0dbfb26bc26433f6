//! Storing objects.
//!
//! A put makes a new object, or the next generation of one, whole or not at all. Copies of the generation
//! before, on whatever tiers, are dropped with it; a reader that has them open keeps them. All puts are callable
//! from several threads. A put that failed changed nothing.
//!
//! What every put answers, besides HSM_STATUS_OK: HSM_STATUS_EXISTS and HSM_STATUS_NOT_FOUND by the mode, the dataset
//! and the tier; HSM_STATUS_INVALID for options that do not fit, and for content without an expected digest;
//! HSM_STATUS_CONFLICT where the object is not at the generation that the options expect; HSM_STATUS_REFUSED when the store
//! or the tier takes nothing; HSM_STATUS_FULL; HSM_STATUS_OFFLINE.

use std::ffi::{c_char, c_void};

use hsm_core::Put;
use hsm_core::object::Adoption;

use crate::callback::{Taken, hsm_read_callback};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::put_options::{durability, given, hsm_put_options};
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::stream::Stream;
use crate::{input, output};

/// What a put did.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct hsm_put_result {
    /// The object.
    pub id: hsm_id,
    /// The generation that its content now is.
    pub generation: u64,
    /// Where the change stands in the journal.
    pub position: hsm_position,
}

impl From<Put> for hsm_put_result {
    fn from(put: Put) -> Self {
        Self { id: put.id.into(), generation: put.generation, position: put.position.into() }
    }
}

/// Checks the place for a result, which may be left out.
pub(crate) fn check_result(place: *mut hsm_put_result, size: usize) -> Result<(), hsm_error> {
    output::check_record_if(place, size, "result_out")
}

/// Writes a result where it is wanted.
///
/// # Safety
///
/// NULL, or valid for writes of `size` bytes.
pub(crate) unsafe fn write_result(
    place: *mut hsm_put_result,
    size: usize,
    put: Put,
) -> Result<(), hsm_error> {
    // SAFETY: as the caller promises.
    unsafe { output::record_if(place, size, &put.into(), "result_out") }
}

/// Takes the length of a range; `UINT64_MAX`: up to the end.
fn range_length(length: u64) -> Option<u64> {
    (length != u64::MAX).then_some(length)
}

/// Stores bytes that are in memory.
///
/// @param data         may be NULL when size is 0
/// @param size         in bytes
/// @param options      NULL: the defaults
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_put(
    store: *const hsm_store,
    data: *const c_void,
    size: usize,
    options: *const hsm_put_options,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let data = input::bytes(data, size, "data")?;
            let put = store.store().put(data, &given(options))?;
            write_result(result_out, result_size, put)?;
        }
        done()
    })
}

/// Stores what is in a file.
///
/// @param path         any bytes but NUL
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
/// @param offset       the first byte of the file to store
/// @param length       how many, in bytes; UINT64_MAX: up to the end of the file
/// @param options      NULL: the defaults
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_IO when the file cannot be read, HSM_STATUS_INVALID when it ends before offset + length
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_put_path(
    store: *const hsm_store,
    path: *const c_char,
    path_length: usize,
    offset: u64,
    length: u64,
    options: *const hsm_put_options,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let path = input::path(path, path_length, "path")?;
            let put = store.store().put_path(path, offset, range_length(length), &given(options))?;
            write_result(result_out, result_size, put)?;
        }
        done()
    })
}

/// For hsm_object_adopt_path(): where the bytes cannot be shared they are copied.
pub const HSM_ADOPT_COPY_ALLOWED: i32 = 1;
/// For hsm_object_adopt_path(): the copy is read back from the medium before it is committed, and then the file is removed.
pub const HSM_ADOPT_REMOVE_SOURCE: i32 = 2;

/// Of hsm_object_adopt_path(): the object shares its bytes with the file.
pub const HSM_ADOPTED_SHARED: i32 = 1;
/// Of hsm_object_adopt_path(): the file was removed.
pub const HSM_ADOPTED_SOURCE_REMOVED: i32 = 2;

/// Takes how a file is to be adopted.
pub(crate) fn adoption(how: i32) -> Result<Adoption, hsm_error> {
    let (copy_allowed, remove_source) =
        (how & HSM_ADOPT_COPY_ALLOWED != 0, how & HSM_ADOPT_REMOVE_SOURCE != 0);
    if how & !(HSM_ADOPT_COPY_ALLOWED | HSM_ADOPT_REMOVE_SOURCE) != 0 {
        return Err(hsm_error::invalid(format!("invalid how: {how} is no sum of its values")));
    }
    Ok(Adoption { copy_allowed, remove_source })
}

/// Adopts a file where it lies: it becomes an object whose bytes the file system shares with it (a reflink), so that none is
/// copied and none takes room twice. Each is read once, for the digests. The object does not change when the file does. The
/// file lies on the file system of the tier's directory, which is an XFS or a btrfs, for example; a file so small that it goes
/// into a pack is copied.
///
/// @param path         any bytes but NUL
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
/// @param how          0, or a sum of HSM_ADOPT_COPY_ALLOWED and HSM_ADOPT_REMOVE_SOURCE. A file is removed only if it is the
///                     one that was adopted and was not changed since; no other program is to change it in that moment
/// @param options      NULL: the defaults
/// @param adopted_out  receives 0, or a sum of HSM_ADOPTED_SHARED and HSM_ADOPTED_SOURCE_REMOVED; may be NULL. A file that
///                     was to be removed may be left: the object is stored all the same
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_UNSUPPORTED when the bytes cannot be shared and must not be copied, HSM_STATUS_IO when the file cannot
///         be read or is changed meanwhile, HSM_STATUS_INVALID for no regular file, for one of the store's own, and for one
///         that is to be removed when the put is relaxed or the tier is in memory
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_adopt_path(
    store: *const hsm_store,
    path: *const c_char,
    path_length: usize,
    how: i32,
    options: *const hsm_put_options,
    adopted_out: *mut i32,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let path = input::path(path, path_length, "path")?;
            let done = store.store().adopt_path(path, adoption(how)?, &given(options))?;
            let shared = if done.shared { HSM_ADOPTED_SHARED } else { 0 };
            let removed = if done.source_removed { HSM_ADOPTED_SOURCE_REMOVED } else { 0 };
            output::put_if(adopted_out, shared | removed);
            write_result(result_out, result_size, done.put)?;
        }
        done()
    })
}

/// Stores what a descriptor gives: a file, a pipe, a socket. It is not closed. A file's own offset is neither used nor
/// moved; a pipe or socket is read from where it stands, and one that does not block is waited for.
///
/// @param fd           open for reading, until the call returns
/// @param offset       the first byte of the file to store; 0 for a pipe or socket
/// @param length       how many, in bytes; UINT64_MAX: up to the end
/// @param options      NULL: the defaults
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_IO when it cannot be read, HSM_STATUS_INVALID when it ends before offset + length, or for
///         an offset in a pipe. What came out of a pipe before a failure is gone
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_put_fd(
    store: *const hsm_store,
    fd: i32,
    offset: u64,
    length: u64,
    options: *const hsm_put_options,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let fd = input::descriptor(fd, "fd")?;
            let put = store.store().put_descriptor(fd, offset, range_length(length), &given(options))?;
            write_result(result_out, result_size, put)?;
        }
        done()
    })
}

/// Stores what a callback gives, until it gives nothing: it is asked for at most 1 MiB at a time.
///
/// @param source       destroyed before this returns
/// @param options      NULL: the defaults
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_CANCELLED when the callback answered something other than 0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_put_stream(
    store: *const hsm_store,
    source: hsm_read_callback,
    options: *const hsm_put_options,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: the record as the header says, the others NULL or so.
        unsafe {
            let source = Taken::new(source);
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let mut source = Stream::new(source.needed("source")?);
            let put = store.store().put_reader(&mut source, &given(options));
            write_result(result_out, result_size, source.outcome(put)?)?;
        }
        done()
    })
}

/// Makes an object without data: attributes and a key alone. It can be given data later. Reading it answers
/// HSM_STATUS_NOT_FOUND until then.
///
/// @param options      NULL: the defaults. The mode is HSM_PUT_CREATE in any case
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_put_empty(
    store: *const hsm_store,
    options: *const hsm_put_options,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let put = store.store().put_empty(&given(options))?;
            write_result(result_out, result_size, put)?;
        }
        done()
    })
}

/// Replaces the bytes from an offset on, as a new generation; the object grows where they reach beyond its end. What did
/// not change is not written again, where the object lies in files. Digests of the whole content are unknown
/// afterwards. Without a byte to write nothing changes.
///
/// @param id           an object that exists
/// @param offset       in bytes, at most the size of the object
/// @param data         may be NULL when size is 0
/// @param size         in bytes
/// @param durability   HSM_DURABLE or HSM_RELAXED
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_INVALID for an offset behind the end
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_put_at(
    store: *const hsm_store,
    id: *const hsm_id,
    offset: u64,
    data: *const c_void,
    size: usize,
    durability: i32,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            check_result(result_out, result_size)?;
            let id = id::object(id, "id")?;
            let data = input::bytes(data, size, "data")?;
            let put = store.store().put_at(id, offset, data, self::durability(durability)?)?;
            write_result(result_out, result_size, put)?;
        }
        done()
    })
}
