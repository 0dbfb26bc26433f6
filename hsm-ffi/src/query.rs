//! Which objects a cursor lists.
//!
//! A query is a handle that is made, narrowed, passed to hsm_cursor_open(), and freed. Without anything set it
//! means every live object, in the order of their arrival, which is nearly that of their ids where we choose them. What is set must hold
//! all together. Setting the same again replaces what was set.

use std::ffi::{c_char, c_void};

use hsm_core::Query;
use hsm_core::object;

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::status::hsm_status;
use crate::{input, output};

/// Which objects to list.
#[derive(Debug, Clone, Default)]
pub struct hsm_query {
    pub(crate) query: Query,
}

/// What a caller wants: a copy of the query, and everything where it is NULL.
///
/// # Safety
///
/// NULL, or a live handle.
pub(crate) unsafe fn given(query: *const hsm_query) -> Query {
    // SAFETY: as the caller promises.
    unsafe { query.as_ref() }.map(|query| query.query.clone()).unwrap_or_default()
}

/// Makes a query for every live object.
///
/// @param query_out  free it with hsm_query_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_new(
    query_out: *mut *mut hsm_query,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a place for a handle.
        unsafe {
            output::no_handle(query_out, "query_out")?;
            output::handle(query_out, hsm_query::default());
        }
        done()
    })
}

/// Frees a query. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_free(query: *mut hsm_query) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(query) };
}

/// Changes a query in the guarded way that all setters share.
///
/// # Safety
///
/// NULL, or a handle that nobody else uses now.
unsafe fn set(
    query: *mut hsm_query,
    error_out: *mut *mut hsm_error,
    change: impl FnOnce(&mut Query) -> Result<(), hsm_error>,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: as the caller promises.
        change(unsafe { &mut input::needed_mut(query, "query")?.query })?;
        done()
    })
}

/// Only objects with a key in a dataset, in the order of their keys there, each once for each of its keys.
///
/// @param dataset  its id; NULL: in any, or none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_dataset(
    query: *mut hsm_query,
    dataset: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            let absent = dataset.as_ref().is_none_or(|dataset| dataset.bytes == [0; 16]);
            query.dataset = if absent { None } else { Some(id::dataset(dataset, "dataset")?) };
            Ok(())
        })
    }
}

/// Only keys that begin with these bytes; needs a dataset, at the latest when a cursor is opened. No bytes: any
/// key.
///
/// @param prefix         any bytes; may be NULL when there are none
/// @param prefix_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_key_prefix(
    query: *mut hsm_query,
    prefix: *const c_void,
    prefix_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            let prefix = input::run(prefix, prefix_length, "prefix")?;
            if prefix.len() > object::KEY_LENGTH_MAX {
                let message = format!("invalid prefix: {} bytes; a key has at most 4096", prefix.len());
                return Err(hsm_error::invalid(message));
            }
            query.key_prefix = prefix.to_vec();
            Ok(())
        })
    }
}

/// Only objects with a copy on a tier; -1: on any, or none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_tier(
    query: *mut hsm_query,
    tier: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            query.tier = input::any_tier(tier, "tier")?;
            Ok(())
        })
    }
}

/// Only objects without a copy on a tier; -1: whatever they have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_not_on_tier(
    query: *mut hsm_query,
    tier: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            query.not_on_tier = input::any_tier(tier, "tier")?;
            Ok(())
        })
    }
}

/// Only objects of at least `min_bytes` and at most `max_bytes`; 0 and UINT64_MAX: of any size. An object
/// without data counts as one of no bytes.
///
/// @return HSM_STATUS_INVALID when min_bytes is greater than max_bytes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_size_range(
    query: *mut hsm_query,
    min_bytes: u64,
    max_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            if min_bytes > max_bytes {
                let message = format!("invalid range of sizes: {min_bytes} is more than {max_bytes}");
                return Err(hsm_error::invalid(message));
            }
            query.size_min = (min_bytes > 0).then_some(min_bytes);
            query.size_max = (max_bytes < u64::MAX).then_some(max_bytes);
            Ok(())
        })
    }
}

/// A range of times; the ends of what 64 bits can say mean no bound.
fn times(from_ns: i64, before_ns: i64) -> Result<(Option<i64>, Option<i64>), hsm_error> {
    if from_ns > before_ns {
        let message = format!("invalid range of times: {from_ns} is later than {before_ns}");
        return Err(hsm_error::invalid(message));
    }
    Ok(((from_ns > i64::MIN).then_some(from_ns), (before_ns < i64::MAX).then_some(before_ns)))
}

/// Only objects that came to be at `from_ns` or later, and before `before_ns`; INT64_MIN and INT64_MAX: at any
/// time.
///
/// @return HSM_STATUS_INVALID when from_ns is later than before_ns
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_created_range_ns(
    query: *mut hsm_query,
    from_ns: i64,
    before_ns: i64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            (query.created_from_ns, query.created_before_ns) = times(from_ns, before_ns)?;
            Ok(())
        })
    }
}

/// Only objects whose content last changed at `from_ns` or later, and before `before_ns`; INT64_MIN and
/// INT64_MAX: at any time.
///
/// @return HSM_STATUS_INVALID when from_ns is later than before_ns
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_modified_range_ns(
    query: *mut hsm_query,
    from_ns: i64,
    before_ns: i64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            (query.modified_from_ns, query.modified_before_ns) = times(from_ns, before_ns)?;
            Ok(())
        })
    }
}

/// Only objects whose content was last used at `from_ns` or later, and before `before_ns`; INT64_MIN and INT64_MAX: at any
/// time. The last use is the last access or the last change of the content, whichever is later: an object that was never read
/// counts from its last change. Accesses are known as late as hsm_store_set_access_staleness() says.
///
/// @return HSM_STATUS_INVALID when from_ns is later than before_ns
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_accessed_range_ns(
    query: *mut hsm_query,
    from_ns: i64,
    before_ns: i64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            (query.accessed_from_ns, query.accessed_before_ns) = times(from_ns, before_ns)?;
            Ok(())
        })
    }
}

/// Only objects with an attribute.
///
/// @param name          UTF-8; NULL: whatever attributes they have
/// @param name_length   in bytes; SIZE_MAX: up to the NUL
/// @param value         only with this value; NULL: with any
/// @param value_length  in bytes; SIZE_MAX: up to the NUL; not looked at when value is NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_attribute(
    query: *mut hsm_query,
    name: *const c_char,
    name_length: usize,
    value: *const c_void,
    value_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            query.attribute = input::attribute_wanted(name, name_length, value, value_length)?;
            Ok(())
        })
    }
}

/// Only objects that changed behind the change of this number: the way to catch up behind a gap in the feed. They come in the
/// order of their last change where the store ever had a subscriber, read from an index of it, and one that changes
/// meanwhile comes again; else, and in a dataset, in the usual order. What was purged is in no listing. 0: whenever they
/// changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_changed_after(
    query: *mut hsm_query,
    number: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            query.changed_after = (number > 0).then_some(number);
            Ok(())
        })
    }
}

/// Lists removed objects that can still be brought back, in place of live ones: 0 (the default) or 1. In a
/// dataset there are none, since a removed object has no key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_query_set_removed(
    query: *mut hsm_query,
    removed: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(query, error_out, |query| {
            query.removed = input::flag(removed, "removed")?;
            Ok(())
        })
    }
}
