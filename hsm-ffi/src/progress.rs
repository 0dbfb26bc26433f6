//! Following calls that take long, and stopping them.
//!
//! hsm_store_with_progress() makes a second handle of an open store. Calls on it, and on what is made from it,
//! tell a callback how far they have come: at each object, and after each MiB within one. These are puts and gets of
//! whole objects and ranges, gets of many objects, the commits of batches and of parts, copies and moves, releases,
//! verify, drain and lose of tiers, maintain, compact, reconcile, check and scrub, and snapshots on a tier. Small calls
//! report too, once or twice.
//!
//! The callback answers 0 to go on. With anything else the call stops and answers HSM_STATUS_CANCELLED, and
//! hsm_error_callback() hands the number back. What was committed by then stays, whole objects always; of all else
//! nothing is left. Called again, it does the rest. After the last commit a stop comes too late: the call then answers
//! that it is done. Once it said stop, the callback is not called again for that call.
//!
//! The callback may use the store, on either handle. While hsm_store_reconcile() runs, nobody can open it.

use std::ffi::c_void;
use std::ops::ControlFlow;
use std::sync::Arc;

use hsm_core::monitor::{Monitor, Phase, Progress};

use crate::callback::{Callback, Record, Taken, record};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::output;
use crate::status::hsm_status;
use crate::store::hsm_store;

/// Bytes of the program go to a tier.
pub const HSM_PHASE_PUT: i32 = 1;
/// An object's bytes go to the program.
pub const HSM_PHASE_GET: i32 = 2;
/// Bytes are copied from one tier to another.
pub const HSM_PHASE_COPY: i32 = 3;
/// Bytes are read back from the medium and compared.
pub const HSM_PHASE_VERIFY: i32 = 4;
/// Copies on a tier that was lost are struck off.
pub const HSM_PHASE_STRIKE_OFF: i32 = 5;
/// Removed objects whose grace window is over are purged.
pub const HSM_PHASE_PURGE: i32 = 6;
/// Places that hold nothing any more are removed.
pub const HSM_PHASE_RECLAIM: i32 = 7;
/// The places on the roots of the tiers are compared with the catalog.
pub const HSM_PHASE_RECONCILE: i32 = 8;
/// A snapshot is written to a tier.
pub const HSM_PHASE_SNAPSHOT: i32 = 9;
/// The catalog is compared with itself, and with the places that its copies lie in.
pub const HSM_PHASE_CHECK: i32 = 10;
/// The roots of tiers are read to make their store again.
pub const HSM_PHASE_REBUILD: i32 = 11;

/// How far a call has come.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_progress {
    /// What it is doing now: HSM_PHASE_*; 0 for a phase that this header does not know. Copies are verified in rounds,
    /// so phases may come again.
    pub phase: i32,
    /// 0.
    pub reserved: i32,
    /// Objects that it is done with for good; while it reclaims or reconciles, places; while it
    /// checks or scrubs, copies.
    pub objects_done: u64,
    /// Of how many, about; 0 where that is not known.
    pub objects_total: u64,
    /// Bytes that this phase went through, all its rounds together. Where something is done again they may
    /// become more than the total.
    pub bytes_done: u64,
    /// Of how many, about; 0 where that is not known.
    pub bytes_total: u64,
}

/// Hears how far a call has come.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_progress_callback {
    /// Takes the progress, which is there during the call only; `size` is that of the library's record, and may differ
    /// from sizeof(hsm_progress). Returns 0 to go on.
    pub call: Option<
        unsafe extern "C" fn(user_data: *mut c_void, progress: *const hsm_progress, size: usize) -> i32,
    >,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

record!(hsm_progress_callback, *const hsm_progress, usize);

/// The callback of a watched handle.
pub(crate) struct Follower(pub(crate) Callback<hsm_progress_callback>);

// SAFETY: the header asks for a callback that can be called from every thread that the handle is used on, at the same
// time, and destroyed on any.
unsafe impl Send for Follower {}
// SAFETY: as above.
unsafe impl Sync for Follower {}

impl Monitor for Follower {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let record = hsm_progress {
            phase: phase_number(progress.phase),
            reserved: 0,
            objects_done: progress.objects_done,
            objects_total: progress.objects_total,
            bytes_done: progress.bytes_done,
            bytes_total: progress.bytes_total,
        };
        // SAFETY: as the host promised; the record is there during the call.
        let returned =
            unsafe { (self.0.call)(self.0.user_data(), &raw const record, size_of::<hsm_progress>()) };
        if returned == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(returned) }
    }
}

fn phase_number(phase: Phase) -> i32 {
    match phase {
        Phase::Put => HSM_PHASE_PUT,
        Phase::Get => HSM_PHASE_GET,
        Phase::Copy => HSM_PHASE_COPY,
        Phase::Verify => HSM_PHASE_VERIFY,
        Phase::StrikeOff => HSM_PHASE_STRIKE_OFF,
        Phase::Purge => HSM_PHASE_PURGE,
        Phase::Reclaim => HSM_PHASE_RECLAIM,
        Phase::Reconcile => HSM_PHASE_RECONCILE,
        Phase::Snapshot => HSM_PHASE_SNAPSHOT,
        Phase::Check => HSM_PHASE_CHECK,
        Phase::Rebuild => HSM_PHASE_REBUILD,
        _ => 0,
    }
}

/// Makes a second handle of an open store, whose long calls report to a callback.
///
/// The two are equals: hsm_store_close() on either closes the store, and it stays open until that or until both
/// handles, and all that was made from them, are freed. The callback runs on the thread of the call that it reports on:
/// where several threads use the handle, it is called from each of them, also at the same time.
///
/// @param callback     must be given. Its destroy runs when the watched handle, and all that was made from it, is
///                     freed; after an error at once
/// @param watched_out  the second handle; NULL on failure. Free it with hsm_store_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_with_progress(
    store: *const hsm_store,
    callback: hsm_progress_callback,
    watched_out: *mut *mut hsm_store,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let callback = unsafe { Taken::new(callback) };
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(watched_out, "watched_out")?;
            let callback = callback.needed("callback")?;
            let store = scope.store(store)?;
            store.store().check()?;
            let watched = store.with_monitor(Arc::new(Follower(callback)));
            output::handle(watched_out, hsm_store::new(watched));
        }
        done()
    })
}
