//! The store: the handle that everything else is done through.
//!
//! A store is a directory. Any number of threads and processes may have one open, and a process may have
//! several. A `const hsm_store *` may be shared between threads. It must be freed, once, by the thread that knows
//! that no other uses it; before that, hsm_store_close() says whether everything went well.
//!
//! What was made from a store (writers, readers, cursors, batches, feeds) may outlive it: after
//! hsm_store_close() they answer HSM_STATUS_CLOSED, and freeing them is still due.

use std::ffi::c_char;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hsm_core::monitor::Monitor;
use hsm_core::{Maintained, Store, StoreOptions};

use crate::error::hsm_error;
use crate::fork::forks;
use crate::guard::{Scope, done, guard};
use crate::id::{hsm_id, hsm_position};
use crate::status::{HSM_STATUS_CLOSED, HSM_STATUS_END, hsm_status};
use crate::store_options::hsm_store_options;
use crate::{input, output};

/// An open store.
#[derive(Debug)]
pub struct hsm_store {
    shared: Shared,
}

/// A store and whether a panic put it out of use: what each handle made from it holds.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    store: Store,
    poisoned: Arc<AtomicBool>,
}

impl hsm_store {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared }
    }
}

impl Shared {
    /// The same store, followed by a monitor.
    pub(crate) fn with_monitor(&self, monitor: Arc<dyn Monitor>) -> Self {
        Self { store: self.store.with_monitor(monitor), poisoned: self.poisoned.clone() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn check(&self) -> Result<(), hsm_error> {
        if self.poisoned.load(Ordering::Acquire) {
            let message =
                "the store handle is closed: a bug in hsm stopped a call on it; open the store again";
            return Err(hsm_error::new(HSM_STATUS_CLOSED, message));
        }
        Ok(())
    }

    /// The same, and that the store is open, in no more than a few instructions where all is well. `then`: the forks as
    /// they were counted when the handle was made.
    pub(crate) fn check_quickly(&self, then: u64) -> Result<(), hsm_error> {
        self.check()?;
        if self.store.is_closed() || then != forks() {
            self.store.check()?;
        }
        Ok(())
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }
}

impl Scope {
    /// The store of a call.
    ///
    /// # Safety
    ///
    /// NULL, or a handle that is not freed while the reference is used.
    pub(crate) unsafe fn store<'a>(&self, store: *const hsm_store) -> Result<&'a Shared, hsm_error> {
        // SAFETY: as the caller promises.
        let store = unsafe { input::needed(store, "store")? };
        self.enter(&store.shared)?;
        Ok(&store.shared)
    }
}

/// What hsm_store_maintain() did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_maintained {
    /// Removed objects whose grace window was over.
    pub purged: u64,
    /// Files of dropped copies that were removed.
    pub files_removed: u64,
    /// Packs that were removed since nothing in them lived.
    pub packs_removed: u64,
    /// Segments of the journal that were dropped: see hsm_store_set_retention().
    pub segments_dropped: u64,
    /// Finished actions that were forgotten: see hsm_store_set_actions_kept().
    pub actions_forgotten: u64,
}

/// Opens the store in a directory, or creates it there.
///
/// The path ":memory:" makes a new store in memory, gone with its handle: for tests.
///
/// @param path         the directory: any bytes but NUL. Created if its parent exists
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
/// @param options      NULL: the defaults
/// @param store_out    the handle; NULL on failure. Close it, then free it
/// @return HSM_STATUS_INVALID for a path that is no directory, or holds other files and no store,
///         HSM_STATUS_UNSUPPORTED for a newer format, a network file system, or where another copy of this library in the
///         process has the store open, HSM_STATUS_BUSY where somebody has it exclusively, HSM_STATUS_EXISTS
///         and HSM_STATUS_IO
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_open(
    path: *const c_char,
    path_length: usize,
    options: *const hsm_store_options,
    store_out: *mut *mut hsm_store,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(store_out, "store_out")?;
            let path = input::path(path, path_length, "path")?;
            let store = match options.as_ref() {
                Some(options) => Store::open(path, &options.options)?,
                None => Store::open(path, &StoreOptions::new())?,
            };
            let shared = Shared { store, poisoned: Arc::new(AtomicBool::new(false)) };
            output::handle(store_out, hsm_store { shared });
        }
        done()
    })
}

/// Closes a store: relaxed changes become durable, and what could not be removed before is. Callable while
/// other threads use the store, and from a callback: their calls end, or answer HSM_STATUS_CLOSED, as a second
/// close does.
///
/// @return what went wrong, if something did; the handle is closed all the same
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_close(
    store: *const hsm_store,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: NULL, or a live handle.
        unsafe { scope.store(store)? }.store().close()?;
        done()
    })
}

/// Frees the handle, and closes the store if that was not done. NULL is fine. In a forked child it does
/// nothing to the store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_free(store: *mut hsm_store) {
    // SAFETY: NULL, or a handle that was not freed and that nobody uses.
    unsafe { output::free(store) };
}

/// The store's identity, drawn when it was created.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_id(
    store: *const hsm_store,
    id_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let bytes = scope.store(store)?.store().id();
            output::put(id_out, hsm_id { bytes }, "id_out")?;
        }
        done()
    })
}

/// Draws an id as a put would: a UUID of version 7, greater than all this handle drew before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_new_id(
    store: *const hsm_store,
    id_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            output::check_place(id_out, "id_out")?;
            // A fork's two sides would draw the same.
            store.store().check()?;
            output::put(id_out, store.store().new_id().into(), "id_out")?;
        }
        done()
    })
}

/// The directory that was opened, as an absolute path.
///
/// @param buffer       gets the path and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_directory(
    store: *const hsm_store,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    use std::os::unix::ffi::OsStrExt;

    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let path = store.store().directory().as_os_str().as_bytes();
            output::text(buffer, buffer_size, length_out, path, "buffer")
        }
    })
}

/// Why the store takes no changes: it was opened read-only, is damaged, or is older than the roots of its
/// tiers.
///
/// @param buffer       gets the words and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_END when it does take changes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_read_only_reason(
    store: *const hsm_store,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            store.check()?;
            let Some(reason) = store.read_only_reason() else {
                return Ok(HSM_STATUS_END);
            };
            output::text(buffer, buffer_size, length_out, reason.as_bytes(), "buffer")
        }
    })
}

/// Makes every change so far durable, those of other handles included.
///
/// @param position_out  gets the position of the last change; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_sync(
    store: *const hsm_store,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let position = scope.store(store)?.store().sync()?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// The position of the last change, durable or not. CLOSED where the handle is out of use since a sync failed: the next
/// open decides which changes count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_position(
    store: *const hsm_store,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let position = scope.store(store)?.store().position()?;
            output::put(position_out, position.into(), "position_out")?;
        }
        done()
    })
}

/// Purges removed objects whose grace window is over, and removes the bytes of what was dropped and
/// overwritten, the changes that exceed hsm_store_set_retention(), and finished actions beyond
/// hsm_store_set_actions_kept(). Call it now and then: nothing else depends on it
/// but room. It moves nothing: hsm_store_compact() does.
///
/// @param done_out   what was done; may be NULL
/// @param done_size  sizeof(hsm_maintained)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_maintain(
    store: *const hsm_store,
    done_out: *mut hsm_maintained,
    done_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            output::check_record_if(done_out, done_size, "done_out")?;
            let Maintained { purged, files_removed, packs_removed, segments_dropped, actions_forgotten } =
                store.store().maintain()?;
            let did =
                hsm_maintained { purged, files_removed, packs_removed, segments_dropped, actions_forgotten };
            output::record_if(done_out, done_size, &did, "done_out")?;
        }
        done()
    })
}

/// Writes a snapshot of the index into the store: with the journal from there on it restores the index. Made
/// while the store is in use; what is not durable becomes so first.
///
/// @param position_out  gets the last change that the snapshot holds; may be NULL
/// @return HSM_STATUS_UNSUPPORTED for a store whose index lies in memory
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_snapshot(
    store: *const hsm_store,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let Some(position) = scope.store(store)?.store().snapshot()? else {
                let message = "not supported: a snapshot of an index in memory; the journal has everything";
                return Err(hsm_error::new(crate::status::HSM_STATUS_UNSUPPORTED, message));
            };
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// Panics inside a call on `store`, as a bug would. Only in builds for tests.
#[cfg(feature = "testing")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_testing_panic(
    store: *const hsm_store,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: NULL, or a live handle.
        unsafe { scope.store(store)? };
        panic!("on purpose, for a test")
    })
}

/// How many panics the library caught, those included that no call tells of. Only in builds for tests.
#[cfg(feature = "testing")]
#[unsafe(no_mangle)]
pub extern "C" fn hsm_testing_panics() -> u64 {
    crate::guard::PANICS.load(std::sync::atomic::Ordering::Relaxed)
}
