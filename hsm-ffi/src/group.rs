//! Actions that were submitted together, or one by one under the same group: waited for, cancelled and retried as one.
//!
//! A group is no more than an id that its actions have in common. It is finished when all of them are.

use hsm_core::object::ActionSpec;
use hsm_core::{ActionQuery, GroupStatus, Store};

use crate::action::spec;
use crate::action_options::hsm_action_options;
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::status::{HSM_STATUS_TIMEOUT, hsm_status};
use crate::store::hsm_store;
use crate::transfer::objects;
use crate::{input, output};

/// How far a group has come: how many actions of it are in each state.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct hsm_group_info {
    /// To be run.
    pub queued: u64,
    /// Being run.
    pub running: u64,
    /// Done.
    pub done: u64,
    /// Given up.
    pub failed: u64,
    /// Called off.
    pub cancelled: u64,
    /// Waiting for what they come after.
    pub waiting: u64,
}

impl From<GroupStatus> for hsm_group_info {
    fn from(status: GroupStatus) -> Self {
        let GroupStatus { waiting, queued, running, done, failed, cancelled, .. } = status;
        Self { queued, running, done, failed, cancelled, waiting }
    }
}

/// Submits one action for each of many objects, all or none, as a group that is waited for, cancelled and retried as one.
///
/// @param verb       as for hsm_action_submit(), but HSM_ACTION_PUT, _GET and _ADOPT: a file is of one object
/// @param ids        the objects; one that is named twice has two actions
/// @param count      at most as many as one group of the journal holds: about 100 000, fewer with a long owner or reason
/// @param source     as for hsm_action_submit()
/// @param target     as for hsm_action_submit()
/// @param force      as for hsm_action_submit()
/// @param options    NULL: all default. An id or a group in them is not looked at
/// @param group_out  gets the id of the group
/// @return HSM_STATUS_NOT_FOUND when there is no such tier, or no action that they are to come after; HSM_STATUS_INVALID when there are too many
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_group_submit(
    store: *const hsm_store,
    verb: i32,
    ids: *const hsm_id,
    count: usize,
    source: i32,
    target: i32,
    force: i32,
    options: *const hsm_action_options,
    group_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let (spec, _) = spec((verb, source, target, force), options)?;
            if spec.verb.is_outside() {
                return Err(hsm_error::invalid(
                    "invalid verb: a file outside is of one object; use hsm_action_submit()",
                ));
            }
            let objects = objects(ids, count)?;
            output::check_place(group_out, "group_out")?;
            let specs = objects.into_iter().map(|object| ActionSpec { object, ..spec.clone() });
            let (group, _) = store.submit_group(specs.collect())?;
            group_out.write(hsm_id { bytes: group.0 });
        }
        done()
    })
}

/// How far a group has come. All zeros: nothing is known of it.
///
/// @param info_size  sizeof(hsm_group_info)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_group_stat(
    store: *const hsm_store,
    group: *const hsm_id,
    info_out: *mut hsm_group_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let group = id::group(group, "group")?;
            output::check_record(info_out, info_size, "info_out")?;
            output::record(info_out, info_size, &store.group_status(group)?.into(), "info_out")?;
        }
        done()
    })
}

/// Waits until all actions of a group are done, failed or cancelled.
///
/// @param timeout_ms  how long; -1: for as long as it takes
/// @param info_out    gets how it stands at the end; may be NULL
/// @param info_size   sizeof(hsm_group_info)
/// @return HSM_STATUS_TIMEOUT when the time is over: info_out is not written then; HSM_STATUS_CLOSED when the store is
///         closed meanwhile
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_group_wait(
    store: *const hsm_store,
    group: *const hsm_id,
    timeout_ms: i32,
    info_out: *mut hsm_group_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let group = id::group(group, "group")?;
            let timeout = input::timeout(timeout_ms)?;
            output::check_record_if(info_out, info_size, "info_out")?;
            let status = store.wait_group(group, timeout)?;
            if !status.is_finished() {
                return Ok(HSM_STATUS_TIMEOUT);
            }
            output::record_if(info_out, info_size, &status.into(), "info_out")?;
        }
        done()
    })
}

/// Calls all actions of a group off that are not finished, in one commit.
///
/// @param count_out  gets how many; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_group_cancel(
    store: *const hsm_store,
    group: *const hsm_id,
    count_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { change_group(store, group, count_out, error_out, Store::cancel_all) }
}

/// Queues all actions of a group that failed or were cancelled anew.
///
/// @param count_out  gets how many; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_group_retry(
    store: *const hsm_store,
    group: *const hsm_id,
    count_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { change_group(store, group, count_out, error_out, Store::retry_all) }
}

/// # Safety
///
/// Each NULL or as the header says.
unsafe fn change_group(
    store: *const hsm_store,
    group: *const hsm_id,
    count_out: *mut u64,
    error_out: *mut *mut hsm_error,
    change: fn(&Store, &ActionQuery) -> hsm_core::Result<u64>,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: as the caller promises.
        unsafe {
            let store = scope.store(store)?.store();
            let group = Some(id::group(group, "group")?);
            let count = change(store, &ActionQuery { group, ..ActionQuery::default() })?;
            output::put_if(count_out, count);
        }
        done()
    })
}
