//! The feed as a file that other programs follow.
//!
//! A sink is a subscriber that writes what happens to objects into a file of YAML, in the format of the event feed of
//! IO-SEA's Hestia: programs written for such a file follow a store by it. A document tells of one object; its tag is !create,
//! !read, !update or !remove, and the first and third say what the object is when the document is written:
//!
//!     ---
//!     !update
//!     attrs:
//!       user_metadata:
//!         my_key: "my_value"
//!       size: 45333
//!       tiers:
//!         - extents:
//!             - length: 45333
//!               offset: 0
//!           index: 0
//!     time: 1701419050925667
//!     id: "d198c172-35ff-d962-a3db-027cdcf9116c"
//!     ...
//!
//! Reads come as late and as seldom as accesses are recorded: see hsm_store_set_access_staleness().
//!
//! The file only grows, and what is in it is not changed any more. No event is in it twice, and none is missing, whenever the
//! program is killed or the power is lost: hsm_sink_open() ends what was begun. Where changes were dropped from the feed before the
//! sink read them, a line that begins with # says so, and the objects that changed since follow, as they are now.
//!
//! The library has no thread of its own: a program calls hsm_sink_pump() in a loop, in a thread or process of its choice:
//!
//!     hsm_sink *sink = NULL;
//!     hsm_status status = hsm_sink_open(store, "event_feed", SIZE_MAX, "/cache/event_feed.yaml", SIZE_MAX, NULL,
//!                                       0, 0, &sink, &error);
//!     while (status == HSM_STATUS_OK)
//!         status = hsm_sink_pump(sink, -1, NULL, &error);
//!     hsm_sink_free(sink);

use std::ffi::c_char;

use hsm_core::object::Position;
use hsm_core::{Sink, SinkOptions};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::hsm_position;
use crate::status::{HSM_STATUS_TIMEOUT, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// A subscriber that writes a file.
#[derive(Debug)]
pub struct hsm_sink {
    shared: Shared,
    sink: Sink,
}

/// Opens a sink, and ends what one before it had begun. One at a time has a name, and one writes a file, of all threads and
/// processes.
///
/// When the file would become longer than max_bytes it is renamed first, to its name and a number that counts up from 0:
/// event_feed.yaml.0, event_feed.yaml.1, … A file that somebody else moved away is begun anew at the next open.
///
/// @param name         of the subscriber, UTF-8; it is made if there is none
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @param path         of the file; any bytes but NUL. Beside it lies one more, of the same name and ".next"
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
/// @param after        where the file begins if the subscriber is new: behind this position; NULL, or zeros: with the first change
/// @param max_bytes    how long the file may become; 0: as long as it does
/// @param keep         how many renamed files are kept, the last ones; 0: all
/// @param sink_out     free it with hsm_sink_free()
/// @return HSM_STATUS_BUSY while another sink has the name or writes the file, HSM_STATUS_REFUSED through a handle that may not
///         write, HSM_STATUS_IO where the file cannot be opened
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_sink_open(
    store: *const hsm_store,
    name: *const c_char,
    name_length: usize,
    path: *const c_char,
    path_length: usize,
    after: *const hsm_position,
    max_bytes: u64,
    keep: u64,
    sink_out: *mut *mut hsm_sink,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(sink_out, "sink_out")?;
            let shared = scope.store(store)?.clone();
            let (name, path) =
                (input::text(name, name_length, "name")?, input::path(path, path_length, "path")?);
            let after = after.as_ref().map(|after| Position::from(*after)).unwrap_or_default();
            let options = SinkOptions::new().after(after).rotate(max_bytes, keep);
            let sink = shared.store().sink(name, path, &options)?;
            output::handle(sink_out, hsm_sink { shared, sink });
        }
        done()
    })
}

/// Writes what is there, and where nothing is, waits for it. What was written is synced when this returns.
///
/// After an error of the file, HSM_STATUS_FULL for instance, the sink is of no more use: free it, and open it again once the
/// cause is gone; it goes on where it was.
///
/// @param timeout_ms     how long to wait, in milliseconds; 0: not at all; -1: for as long as it takes
/// @param documents_out  how many documents were written; may be NULL
/// @return HSM_STATUS_TIMEOUT when nothing came in time, HSM_STATUS_CLOSED when the store is closed, also meanwhile
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_sink_pump(
    sink: *mut hsm_sink,
    timeout_ms: i32,
    documents_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let its = input::needed_mut(sink, "sink")?;
            let timeout = input::timeout(timeout_ms)?;
            scope.enter(&its.shared)?;
            let written = its.sink.pump(timeout)?;
            if written == 0 {
                return Ok(HSM_STATUS_TIMEOUT);
            }
            output::put_if(documents_out, written);
        }
        done()
    })
}

/// Closes a sink; its subscriber stays, and with it its place in the feed. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_sink_free(sink: *mut hsm_sink) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(sink) };
}
