//! Delayed tiers: tapes in a library with a few drives, which are simulated in front of a tier's directory or memory.
//!
//! What lies on such a tier is read behind a recall: an action that asks the library for all it needs at once, waits
//! without a thread and without an attempt that failed, and makes its copy once the bytes can be read. Where another copy
//! is online, that is read. A read of what was not recalled answers HSM_STATUS_OFFLINE at once, and its message says so.
//! What was written or fetched can be read for a while.
//!
//! A recall to the delayed tier itself copies nothing and makes the object readable there. Requests belong to the handle
//! of the store that runs the action: after its end they are made anew by whoever runs it next. hsm_scrub() passes over
//! what is offline and says how much that is; hsm_store_reconcile() and the opening of a store read what they must.

use hsm_core::RecallEstimate;
use hsm_core::object::{Access, Delay, Readiness};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::query::{given, hsm_query};
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::tier_settings::{self, hsm_tier_settings};
use crate::transfer::objects;
use crate::{input, output};

/// The copy can be read at once, at any time.
pub const HSM_COPY_ONLINE: i32 = 1;
/// The copy has to be recalled first, or its tier is out of reach.
pub const HSM_COPY_OFFLINE: i32 = 2;
/// The copy was asked for, and can be read from a time on.
pub const HSM_COPY_WAITING: i32 = 3;
/// The copy can be read at once, until a time.
pub const HSM_COPY_READABLE: i32 = 4;

/// Whether a copy can be read now.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_copy_state {
    /// HSM_COPY_*.
    pub state: i32,
    /// 0.
    pub reserved: i32,
    /// HSM_COPY_WAITING: from when on, as far as is known; HSM_COPY_READABLE: until when; else 0.
    pub time_ns: i64,
}

/// What a delayed tier is like, and what it had to do since this handle of the store knows it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_delay_info {
    /// Between a request and the beginning of its work, in milliseconds.
    pub latency_ms: u64,
    /// To put another tape into a drive, in milliseconds.
    pub mount_ms: u64,
    /// To find a place on its tape and fetch it, in milliseconds.
    pub seek_ms: u64,
    /// For how long what was fetched or written can be read, in milliseconds.
    pub readable_ms: u64,
    /// How many drives there are; 0: the tier is not delayed.
    pub drives: u64,
    /// Places that were fetched.
    pub fetches: u64,
    /// How often another tape was put into a drive for that.
    pub mounts: u64,
    /// Places that were opened to be read.
    pub opens: u64,
}

/// What a recall would come to.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_recall_info {
    /// Objects that would be copied.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that have a copy on the target already.
    pub there: u64,
    /// Objects that cannot be recalled: there is none of this id, or it has no data, or no copy.
    pub missing: u64,
    /// Places that would be fetched from delayed tiers.
    pub places: u64,
    /// How often another tape would be put into a drive.
    pub mounts: u64,
    /// Until the last place can be read, in nanoseconds; 0: all of it is online.
    pub wait_ns: u64,
    /// How long the bytes take at the rate that was given, in nanoseconds; 0 without one.
    pub read_ns: u64,
}

impl From<RecallEstimate> for hsm_recall_info {
    fn from(estimate: RecallEstimate) -> Self {
        let RecallEstimate { objects, bytes, there, missing, places, mounts, wait_ns, read_ns, .. } =
            estimate;
        Self { objects, bytes, there, missing, places, mounts, wait_ns, read_ns }
    }
}

/// Makes the tier a delayed one: HSM_ACCESS_DELAYED, with these figures. Times are in milliseconds, at most a year.
///
/// @param latency_ms   between a request and the beginning of its work
/// @param mount_ms     to put another tape into a drive; each place is a tape, and a pack is one place
/// @param seek_ms      to find a place on its tape and fetch it
/// @param readable_ms  for how long what was fetched or written can be read, at least 1000
/// @param drives       1 to 1024
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_delay(
    settings: *mut hsm_tier_settings,
    latency_ms: u64,
    mount_ms: u64,
    seek_ms: u64,
    readable_ms: u64,
    drives: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        tier_settings::set(settings, error_out, |config| {
            let times = [
                ("latency_ms", latency_ms),
                ("mount_ms", mount_ms),
                ("seek_ms", seek_ms),
                ("readable_ms", readable_ms),
            ];
            if let Some((what, _)) = times.iter().find(|(_, ms)| *ms > Delay::MS_MAX) {
                return Err(hsm_error::invalid(format!("invalid {what}: the most is a year")));
            }
            if readable_ms < Delay::READABLE_MS_MIN {
                return Err(hsm_error::invalid("invalid readable_ms: the least is 1000".to_owned()));
            }
            let drives = u32::try_from(drives).ok().filter(|drives| (1..=Delay::DRIVES_MAX).contains(drives));
            let Some(drives) = drives else {
                return Err(hsm_error::invalid("invalid drives: there are 1 to 1024".to_owned()));
            };
            config.access = Access::Delayed;
            config.delay = Some(Delay { latency_ms, mount_ms, seek_ms, readable_ms, drives });
            Ok(())
        })
    }
}

/// What a delayed tier is like, and what it had to do. All zeros for one that is not delayed.
///
/// @param info_size  sizeof(hsm_delay_info)
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_delay(
    store: *const hsm_store,
    tier: i32,
    info_out: *mut hsm_delay_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_record(info_out, info_size, "info_out")?;
            let tier = input::tier(tier, "tier")?;
            let delay = store.tier(tier)?.config.delay;
            let counts = store.delayed_counts(tier)?.unwrap_or_default();
            let info = delay.map_or_else(hsm_delay_info::default, |delay| hsm_delay_info {
                latency_ms: delay.latency_ms,
                mount_ms: delay.mount_ms,
                seek_ms: delay.seek_ms,
                readable_ms: delay.readable_ms,
                drives: delay.drives.into(),
                fetches: counts.fetches,
                mounts: counts.mounts,
                opens: counts.opens,
            });
            output::record(info_out, info_size, &info, "info_out")?;
        }
        done()
    })
}

/// Whether the copy of a live object on a tier can be read now. What another handle asked for is not known to this one.
///
/// @param state_size  sizeof(hsm_copy_state)
/// @return HSM_STATUS_NOT_FOUND when there is no such object, or it has no copy on the tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_copy_state(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    state_out: *mut hsm_copy_state,
    state_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_record(state_out, state_size, "state_out")?;
            let (id, tier) = (id::object(id, "id")?, input::tier(tier, "tier")?);
            let found = store.readiness(id)?.into_iter().find(|(other, _)| *other == tier);
            let (_, readiness) = found.ok_or(hsm_core::Error::CopyNotFound { id, tier })?;
            let (state, time_ns) = match readiness {
                Readiness::Online => (HSM_COPY_ONLINE, 0),
                Readiness::Offline => (HSM_COPY_OFFLINE, 0),
                Readiness::Waiting { ready_ns } => (HSM_COPY_WAITING, ready_ns),
                Readiness::Readable { until_ns } => (HSM_COPY_READABLE, until_ns),
            };
            let state = hsm_copy_state { state, reserved: 0, time_ns };
            output::record(state_out, state_size, &state, "state_out")?;
        }
        done()
    })
}

/// What recalls of some objects would come to, by the settings of their tiers and what the drives have to do now.
/// Nothing is asked for.
///
/// @param ids             the objects; may be NULL when count is 0
/// @param target          the tier that they are to be copied to
/// @param bytes_a_second  how fast the bytes are read, as the caller knows it; 0: their time is left out
/// @param info_size       sizeof(hsm_recall_info)
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_recall_estimate(
    store: *const hsm_store,
    ids: *const hsm_id,
    count: usize,
    target: i32,
    bytes_a_second: u64,
    info_out: *mut hsm_recall_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_record(info_out, info_size, "info_out")?;
            let (ids, target) = (objects(ids, count)?, input::tier(target, "target")?);
            let estimate = store.estimate_recall(&ids, target, bytes_a_second)?;
            output::record(info_out, info_size, &estimate.into(), "info_out")?;
        }
        done()
    })
}

/// The same of all objects that match a query: a dataset, or what lies on a tier.
///
/// @param query           NULL: every live object
/// @param target          as for hsm_recall_estimate()
/// @param bytes_a_second  as for hsm_recall_estimate()
/// @param info_size       sizeof(hsm_recall_info)
/// @return HSM_STATUS_NOT_FOUND when there is no such tier or dataset
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_recall_estimate_query(
    store: *const hsm_store,
    query: *const hsm_query,
    target: i32,
    bytes_a_second: u64,
    info_out: *mut hsm_recall_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_record(info_out, info_size, "info_out")?;
            let target = input::tier(target, "target")?;
            let query = given(query);
            let estimate = store.estimate_recall_of(&query, target, bytes_a_second)?;
            output::record(info_out, info_size, &estimate.into(), "info_out")?;
        }
        done()
    })
}
