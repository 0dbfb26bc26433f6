//! Putting an object piece by piece.
//!
//! A writer takes bytes in order and publishes them at its commit; nothing is visible before. Freed without a
//! commit, it leaves nothing. It belongs to one thread at a time.

use std::ffi::c_void;

use hsm_core::Writer;

use crate::error::hsm_error;
use crate::guard::{Scope, done, guard};
use crate::put::{check_result, hsm_put_result, write_result};
use crate::put_options::{given, hsm_put_options};
use crate::status::hsm_status;
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// A put under way.
#[derive(Debug)]
pub struct hsm_writer {
    shared: Shared,
    /// `None` once it was committed.
    writer: Option<Writer>,
}

impl hsm_writer {
    fn writer(&mut self, scope: &Scope) -> Result<&mut Writer, hsm_error> {
        scope.enter(&self.shared)?;
        self.writer.as_mut().ok_or_else(|| hsm_error::consumed("writer"))
    }
}

/// Begins a put whose bytes come piece by piece.
///
/// @param options     NULL: the defaults
/// @param writer_out  free it with hsm_writer_free(), also after the commit
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_writer_open(
    store: *const hsm_store,
    options: *const hsm_put_options,
    writer_out: *mut *mut hsm_writer,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(writer_out, "writer_out")?;
            let shared = scope.store(store)?.clone();
            let writer = Some(shared.store().writer(&given(options))?);
            output::handle(writer_out, hsm_writer { shared, writer });
        }
        done()
    })
}

/// Adds the next bytes. After a failure the writer can only be freed.
///
/// @param data  may be NULL when size is 0
/// @param size  in bytes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_writer_write(
    writer: *mut hsm_writer,
    data: *const c_void,
    size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let writer = input::needed_mut(writer, "writer")?.writer(scope)?;
            writer.add(input::bytes(data, size, "data")?)?;
        }
        done()
    })
}

/// How many bytes were added so far.
///
/// @return HSM_STATUS_CLOSED after the commit
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_writer_size(
    writer: *const hsm_writer,
    size_bytes_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let writer = input::needed(writer, "writer")?;
            scope.enter(&writer.shared)?;
            writer.shared.store().check()?;
            let size = writer.writer.as_ref().ok_or_else(|| hsm_error::consumed("writer"))?.len();
            output::put(size_bytes_out, size, "size_bytes_out")?;
        }
        done()
    })
}

/// Publishes what was added as the object's next generation. Whatever it answers, what comes next is
/// hsm_writer_free(): later calls answer HSM_STATUS_CLOSED. Only wrong arguments leave the writer as it was.
///
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return as a put; after a failure nothing was stored
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_writer_commit(
    writer: *mut hsm_writer,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let writer = input::needed_mut(writer, "writer")?;
            check_result(result_out, result_size)?;
            writer.writer(scope)?;
            let taken = writer.writer.take().ok_or_else(|| hsm_error::consumed("writer"))?;
            write_result(result_out, result_size, taken.commit()?)?;
        }
        done()
    })
}

/// Frees a writer. Without a commit nothing of it is left. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_writer_free(writer: *mut hsm_writer) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(writer) };
}
