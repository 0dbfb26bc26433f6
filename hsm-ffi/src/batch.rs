//! Many changes for little more than the price of their bytes.
//!
//! The bytes of all small puts and moves are written and synced together, and the changes are one group of the journal. An
//! atomic batch happens wholly or not at all; otherwise each change stands for itself and has a status of its own.
//! Nothing is visible before the commit. A batch holds at most 65536 changes, 16 MiB of small objects, and each
//! object and each key once; what does not fit any more answers HSM_STATUS_INVALID and leaves the batch as it was.
//! It belongs to one thread at a time.

use std::ffi::c_void;

use hsm_core::object::Name;
use hsm_core::{Batch, Error, Put};

use crate::attributes::hsm_attributes;
use crate::error::hsm_error;
use crate::guard::{Scope, done, guard};
use crate::id::{self, hsm_id};
use crate::put::{check_result, hsm_put_result, write_result};
use crate::put_options::{durability, hsm_put_options, lent};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// Changes that are committed together.
#[derive(Debug)]
pub struct hsm_batch {
    shared: Shared,
    atomic: bool,
    /// `None` once it was committed.
    batch: Option<Batch>,
    /// One for each change, once it was committed.
    results: Vec<Result<Put, Error>>,
}

impl hsm_batch {
    fn open(&mut self, scope: &Scope) -> Result<&mut Batch, hsm_error> {
        scope.enter(&self.shared)?;
        self.shared.store().check()?;
        self.batch.as_mut().ok_or_else(|| hsm_error::consumed("batch"))
    }
}

/// Begins a batch.
///
/// @param atomic      1: all of it happens, or nothing. 0: each change stands for itself
/// @param durability  HSM_DURABLE or HSM_RELAXED, for all of it
/// @param batch_out   free it with hsm_batch_free(), also after the commit
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_new(
    store: *const hsm_store,
    atomic: i32,
    durability: i32,
    batch_out: *mut *mut hsm_batch,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(batch_out, "batch_out")?;
            let shared = scope.store(store)?.clone();
            shared.store().check()?;
            let (atomic, durability) = (input::flag(atomic, "atomic")?, self::durability(durability)?);
            let batch = Some(shared.store().batch(atomic, durability));
            output::handle(batch_out, hsm_batch { shared, atomic, batch, results: Vec::new() });
        }
        done()
    })
}

/// Adds a put. Large objects are written to their tier now, small ones are held in memory.
///
/// @param data     may be NULL when size is 0; copied
/// @param size     in bytes
/// @param options  NULL: the defaults. Their durability is not looked at: the batch has one
/// @return HSM_STATUS_INVALID, and nothing is added, also for content without an expected digest
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_put(
    batch: *mut hsm_batch,
    data: *const c_void,
    size: usize,
    options: *const hsm_put_options,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed_mut(batch, "batch")?.open(scope)?;
            batch.put(input::bytes(data, size, "data")?, &lent(options))?;
        }
        done()
    })
}

/// Adds an object without data, as hsm_object_put_empty() makes it.
///
/// @param options  NULL: the defaults. The mode is HSM_PUT_CREATE in any case
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_put_empty(
    batch: *mut hsm_batch,
    options: *const hsm_put_options,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe { input::needed_mut(batch, "batch")?.open(scope)?.put_empty(&lent(options))? };
        done()
    })
}

/// Adds a change of an object's attributes.
///
/// @param attributes  the update: what it holds is set, what it marks as removed is removed; copied. One that expects anything
///                    is refused
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_set_attributes(
    batch: *mut hsm_batch,
    id: *const hsm_id,
    attributes: *const hsm_attributes,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed_mut(batch, "batch")?.open(scope)?;
            let attributes = input::needed(attributes, "attributes")?.unconditional()?;
            batch.set_attributes(id::object(id, "id")?, attributes.updates().clone())?;
        }
        done()
    })
}

/// Adds a removal. The object can be brought back for as long as the store's grace says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_remove(
    batch: *mut hsm_batch,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe { input::needed_mut(batch, "batch")?.open(scope)?.remove(id::object(id, "id")?)? };
        done()
    })
}

/// Adds a move of an object from one tier to another, as hsm_object_move() does it. Its bytes are copied at the commit, those
/// of many small objects together, and read back from the medium before any change of the batch happens. In the result of one that
/// was on the target only, the position is 0. Without other changes and atomicity, hsm_objects_move() does the same and keeps less
/// in memory.
///
/// @param source  the tier whose copy is to go
/// @param target  the tier that is to hold the copy
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_move(
    batch: *mut hsm_batch,
    id: *const hsm_id,
    source: i32,
    target: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed_mut(batch, "batch")?.open(scope)?;
            let (source, target) = (input::tier(source, "source")?, input::tier(target, "target")?);
            batch.move_object(id::object(id, "id")?, source, target)?;
        }
        done()
    })
}

/// Adds one more key for an object that exists.
///
/// @param dataset     the dataset that the key is in
/// @param key         1 to 4096 bytes without NUL, free at the commit
/// @param key_length  in bytes; SIZE_MAX: up to the NUL
/// @param id          the object
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_add_key(
    batch: *mut hsm_batch,
    dataset: *const hsm_id,
    key: *const c_void,
    key_length: usize,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed_mut(batch, "batch")?.open(scope)?;
            let dataset = id::dataset(dataset, "dataset")?;
            let key = input::run(key, key_length, "key")?.to_vec();
            batch.add_name(id::object(id, "id")?, Name { dataset, key })?;
        }
        done()
    })
}

/// How many changes were added, also after the commit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_count(
    batch: *const hsm_batch,
    count_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed(batch, "batch")?;
            scope.enter(&batch.shared)?;
            let count = batch.batch.as_ref().map_or(batch.results.len(), Batch::len);
            output::put(count_out, count, "count_out")?;
        }
        done()
    })
}

/// Commits the batch. It takes no more changes afterwards, whatever this answers; hsm_batch_result() then says what became
/// of each, also after the store was closed.
///
/// Where the batch is atomic, the answer is that of all. Otherwise changes may fail while others happen: with a place for
/// their number the answer is HSM_STATUS_OK, and without one it is that of the first that failed.
///
/// @param failed_out  how many changes of a batch that is not atomic failed; may be NULL
/// @return another error, when none happened
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_commit(
    batch: *mut hsm_batch,
    failed_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed_mut(batch, "batch")?;
            let count = batch.open(scope)?.len();
            let taken = batch.batch.take().ok_or_else(|| hsm_error::consumed("batch"))?;
            match taken.commit() {
                Ok(results) => batch.results = results,
                Err(error) => {
                    batch.results = vec![Err(error.clone()); count];
                    return Err(error.into());
                }
            }
            let mut failures = batch.results.iter().filter_map(|result| result.as_ref().err());
            let silent = batch.atomic || failed_out.is_null();
            if let Some(first) = failures.clone().next().filter(|_| silent) {
                return Err(first.clone().into());
            }
            output::put_if(failed_out, failures.by_ref().count());
        }
        done()
    })
}

/// What became of one change: its own status and error. What a put did is written to result_out; for another change that
/// is the object, generation 0, and the position.
///
/// @param index        counted from 0, in the order the changes were added
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_END behind the last, HSM_STATUS_INVALID before the commit
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_result(
    batch: *const hsm_batch,
    index: usize,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let batch = input::needed(batch, "batch")?;
            scope.enter(&batch.shared)?;
            check_result(result_out, result_size)?;
            if batch.batch.is_some() {
                return Err(hsm_error::invalid("invalid batch: it has no results before it is committed"));
            }
            let Some(result) = batch.results.get(index) else { return Ok(HSM_STATUS_END) };
            write_result(result_out, result_size, result.clone()?)?;
        }
        done()
    })
}

/// Frees a batch. Without a commit nothing of it is left. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_batch_free(batch: *mut hsm_batch) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(batch) };
}
