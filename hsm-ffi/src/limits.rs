//! Limits of tiers: how much of a tier hsm_store_run() takes at most.
//!
//! They are kept in the store, hold for every handle of it, and may be changed at any time: whoever runs actions heeds it
//! within a tenth of a second, also in the middle of an object. All who run actions keep them together, in whatever threads
//! and processes; what one held that died is free at once.
//!
//! An action that would have to wait for a tier stays queued, and others are run. Puts, gets, copies and moves that a program
//! makes itself are not limited. Time is the store's. Nothing is saved up while nothing is done. Whoever has to wait reports
//! its progress meanwhile, and stops as soon as it is to stop, its action is called off, or the store is closed.

use hsm_core::object::TierLimits;

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::hsm_position;
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::{input, output};

/// Limits of a tier; 0: none.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_limits {
    /// Objects that actions read from it or write to it at once: how many who run actions work on it, since each does one
    /// after the other.
    pub actions_max: u64,
    /// Objects that are begun to be read from it, written to it or read back there, in a second.
    pub operations_a_second: u64,
    /// Bytes that are read from it, written to it or read back there, in a second.
    pub bytes_a_second: u64,
}

/// Sets the limits of a tier, durably.
///
/// @param limits        NULL: none at all
/// @param limits_size   sizeof(hsm_limits)
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_set_limits(
    store: *const hsm_store,
    tier: i32,
    limits: *const hsm_limits,
    limits_size: usize,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says; every value of its bytes is one of the record.
        unsafe {
            let store = scope.store(store)?.store();
            let hsm_limits { actions_max, operations_a_second, bytes_a_second } =
                input::record(limits, limits_size, "limits")?;
            let limits = TierLimits { actions_max, operations_a_second, bytes_a_second };
            let position = store.set_tier_limits(input::tier(tier, "tier")?, &limits)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// The limits of a tier.
///
/// @param limits_size  sizeof(hsm_limits)
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_limits(
    store: *const hsm_store,
    tier: i32,
    limits_out: *mut hsm_limits,
    limits_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_record(limits_out, limits_size, "limits_out")?;
            let TierLimits { actions_max, operations_a_second, bytes_a_second } =
                store.tier_limits(input::tier(tier, "tier")?)?;
            let limits = hsm_limits { actions_max, operations_a_second, bytes_a_second };
            output::record(limits_out, limits_size, &limits, "limits_out")?;
        }
        done()
    })
}
