//! Times of access: when objects were last read.
//!
//! Reading costs no write a call. A handle notes in memory what is read and writes it down for thousands of objects at once:
//! when half of the staleness that is set for the store has passed at the next read, in hsm_store_maintain(), and when the
//! store is closed. An object is noted no more often than every half of it since it was last read or changed. So what
//! hsm_object_stat() shows as accessed_ns is behind by the staleness at most while a handle is used; one that is left alone keeps what
//! it noted. A crash loses what was only noted, and nothing else.
//!
//! Gets, bulk gets and readers (when they are opened) count; copies, moves, scrubs and verifications do not, and nothing
//! that is read through a handle that may not write. An access is no change of the object: its number of the last change
//! stays, and hsm_query_set_changed_after() does not find it. hsm_query_set_accessed_range_ns() finds what was not used for
//! long, and HSM_EVENT_ACCESSED tells of each access that was written down.

use std::time::Duration;

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::hsm_position;
use crate::output;
use crate::status::hsm_status;
use crate::store::hsm_store;

/// Says how far the times of last access may be behind, for every handle of the store; one hour unless it is set. Other
/// handles learn of it within a minute.
///
/// @param staleness_ns  in nanoseconds; 0: every read is written down at once; UINT64_MAX: accesses are not recorded
/// @param position_out  gets the position of the change; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_set_access_staleness(
    store: *const hsm_store,
    staleness_ns: u64,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        let staleness = (staleness_ns < u64::MAX).then(|| Duration::from_nanos(staleness_ns));
        // SAFETY: each NULL or as the header says.
        unsafe {
            let position = scope.store(store)?.store().set_access_staleness(staleness)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// How far the times of last access may be behind, as hsm_store_set_access_staleness() was told.
///
/// @param staleness_ns_out  UINT64_MAX: accesses are not recorded
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_access_staleness(
    store: *const hsm_store,
    staleness_ns_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_place(staleness_ns_out, "staleness_ns_out")?;
            let staleness = store.access_staleness()?;
            let ns = staleness.map(|staleness| u64::try_from(staleness.as_nanos()).unwrap_or(u64::MAX));
            output::put(staleness_ns_out, ns.unwrap_or(u64::MAX), "staleness_ns_out")?;
        }
        done()
    })
}
