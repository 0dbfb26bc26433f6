//! Running actions, in threads that the caller gives.
//!
//! Nothing is run unless somebody calls hsm_store_run(): the library starts no thread of its own. One thread in one process is
//! enough; more do more at once.

use std::sync::atomic::AtomicBool;

use hsm_core::{Ran, RunOptions};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::{input, output};

/// What hsm_store_run() did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct hsm_ran {
    /// Actions that are done.
    pub done: u64,
    /// Actions that it gave up.
    pub failed: u64,
    /// Attempts that failed and will be made again.
    pub put_off: u64,
}

/// Runs actions in the calling thread. Any number of threads and processes may do so at once: each takes what no other
/// has, and what one that died had taken.
///
/// It ends when the store is closed, and when the callback of a handle of hsm_store_with_progress() says stop, which is
/// asked about ten times a second also while there is nothing to run. What it was at is then queued again.
///
/// @param timeout_ms  0: returns when nothing is to be run now; actions that wait for their next attempt are left.
///                    Else it waits for more, and returns when none came for so long; -1: goes on until it is stopped
/// @param ran_out     what was done; may be NULL
/// @param ran_size    sizeof(hsm_ran)
/// @return HSM_STATUS_OK however the actions went; HSM_STATUS_CANCELLED when the callback said stop, HSM_STATUS_CLOSED
///         when the store was closed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_run(
    store: *const hsm_store,
    timeout_ms: i32,
    ran_out: *mut hsm_ran,
    ran_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let options = RunOptions { idle_max: input::timeout(timeout_ms)? };
            output::check_record_if(ran_out, ran_size, "ran_out")?;
            let Ran { done, failed, put_off } = store.run(&options, &AtomicBool::new(false))?;
            output::record_if(ran_out, ran_size, &hsm_ran { done, failed, put_off }, "ran_out")?;
        }
        done()
    })
}

/// Says for how long finished actions are kept, and how many of them, for every handle of the store.
/// hsm_store_maintain() forgets what exceeds either.
///
/// @param count_max   so many of the last finished ones; UINT64_MAX: however many
/// @param age_max_ns  those that were finished at most so many nanoseconds ago; UINT64_MAX: of any age
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_set_actions_kept(
    store: *const hsm_store,
    count_max: u64,
    age_max_ns: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        let kept = input::retention(count_max, age_max_ns);
        // SAFETY: NULL or as the header says.
        unsafe { scope.store(store)?.store().set_actions_kept(&kept)? };
        done()
    })
}
