//! Reading one object in several calls.
//!
//! A reader keeps what it began with: its bytes are those of one generation, also when the object is overwritten, moved
//! or removed meanwhile. Every byte is checked before it is handed out. It belongs to one thread at a time.

use std::ffi::c_void;
use std::sync::OnceLock;

use hsm_core::Reader;

use crate::error::hsm_error;
use crate::get::options;
use crate::guard::{Scope, done, guard};
use crate::id::{self, hsm_id};
use crate::object::hsm_object;
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// An object open for reading.
#[derive(Debug)]
pub struct hsm_reader {
    shared: Shared,
    reader: Reader,
    /// Made when it is first asked for.
    object: OnceLock<hsm_object>,
}

impl hsm_reader {
    fn reader(&mut self, scope: &Scope) -> Result<&mut Reader, hsm_error> {
        scope.enter(&self.shared)?;
        Ok(&mut self.reader)
    }
}

/// Opens an object for reading.
///
/// @param tier        where to read from; -1: the hottest copy in reach, and another where that one is damaged
/// @param reader_out  free it with hsm_reader_free()
/// @return as a get
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_reader_open(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    reader_out: *mut *mut hsm_reader,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(reader_out, "reader_out")?;
            let shared = scope.store(store)?.clone();
            let reader = shared.store().reader(id::object(id, "id")?, &options(tier)?)?;
            output::handle(reader_out, hsm_reader { shared, reader, object: OnceLock::new() });
        }
        done()
    })
}

/// What was known of the object when it was opened.
///
/// @param object_out  lives as long as the reader; never freed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_reader_object(
    reader: *const hsm_reader,
    object_out: *mut *const hsm_object,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::put(object_out, std::ptr::null(), "object_out")?;
            let reader = input::needed(reader, "reader")?;
            scope.enter(&reader.shared)?;
            reader.shared.store().check()?;
            let object = reader.object.get_or_init(|| hsm_object::new(reader.reader.object().clone()));
            object_out.write(object);
        }
        done()
    })
}

/// Reads on from where the last such read ended.
///
/// @param buffer    at least 1 byte
/// @param size      in bytes
/// @param read_out  how many bytes were read: fewer than size only at the end of the object
/// @return HSM_STATUS_END when nothing is left. After a failure the next read begins at the same byte
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_reader_read(
    reader: *mut hsm_reader,
    buffer: *mut c_void,
    size: usize,
    read_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let reader = input::needed_mut(reader, "reader")?.reader(scope)?;
            output::check_place(read_out, "read_out")?;
            if size == 0 {
                return Err(hsm_error::invalid("invalid size: 0; a read of nothing would not see the end"));
            }
            let read = reader.read_next(input::buffer(buffer, size, "buffer")?)?;
            if read == 0 {
                return Ok(HSM_STATUS_END);
            }
            output::put(read_out, read, "read_out")?;
        }
        done()
    })
}

/// Reads from an offset on. Where hsm_reader_read() stands does not change.
///
/// @param offset    the first byte to read
/// @param buffer    may be NULL when size is 0
/// @param size      in bytes
/// @param read_out  how many bytes were read: fewer than size only at the end of the object, 0 behind it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_reader_read_at(
    reader: *mut hsm_reader,
    offset: u64,
    buffer: *mut c_void,
    size: usize,
    read_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let reader = input::needed_mut(reader, "reader")?.reader(scope)?;
            output::check_place(read_out, "read_out")?;
            let read = reader.read_at(input::buffer(buffer, size, "buffer")?, offset)?;
            output::put(read_out, read, "read_out")?;
        }
        done()
    })
}

/// Frees a reader. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_reader_free(reader: *mut hsm_reader) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(reader) };
}
