//! A site's own kinds of action, done by workers outside of the library: robots, ingesters, copy tools.
//!
//! Such an action has a kind of the site's choice, "tape.mount" say, and a payload that only the site understands. No
//! hsm_store_run() touches it. A worker leases it for a time (hsm_action_lease()), in whatever process; extends the lease while
//! it works; and ends it: hsm_action_complete(), _fail() or _give_back(). What shows that the lease is its own is a
//! token, a number that the worker can write down: it holds across a restart of the worker.
//!
//! A lease that ends without a word is an attempt that failed: the action is queued again, and what the worker says later
//! is refused with HSM_STATUS_REFUSED. Where the action was called off, it is answered with HSM_STATUS_CANCELLED.
//! Everything else is as for other actions: priorities, owners in turn, deadlines, groups, what an action comes after.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use hsm_core::LeaseOptions;
use hsm_core::journal::Change;
use hsm_core::object::{ActionSpec, ActionState, Lease, ObjectId, SiteWork};

use crate::action::{hsm_action_info, with_options};
use crate::action_options::hsm_action_options;
use crate::error::hsm_error;
use crate::event::hsm_event_info;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::status::{HSM_STATUS_END, HSM_STATUS_TIMEOUT, hsm_status};
use crate::store::hsm_store;
use crate::{input, output};

/// What the worker needs to know: see hsm_action_submit_site().
pub const HSM_ACTION_BYTES_PAYLOAD: i32 = 1;
/// What the worker left with it: see hsm_action_complete().
pub const HSM_ACTION_BYTES_RESULT: i32 = 2;

/// Submits an action of a site's own kind. It is durable when this returns, and leased by workers.
///
/// Where there is an action of the id that the options name, it stays as it is, and the answer is HSM_STATUS_OK.
///
/// @param kind          1 to 255 bytes of UTF-8 without commas and control characters
/// @param kind_length   in bytes; SIZE_MAX: up to the NUL
/// @param payload       what the worker needs to know, any bytes; may be NULL when size is 0
/// @param size  at most 65536
/// @param object        the object that it is about; NULL, or zeros: none
/// @param options       NULL: all default
/// @param id_out        gets the id of the action; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no action that it is to come after
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_submit_site(
    store: *const hsm_store,
    kind: *const c_char,
    kind_length: usize,
    payload: *const c_void,
    size: usize,
    object: *const hsm_id,
    options: *const hsm_action_options,
    id_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let kind = input::text(kind, kind_length, "kind")?;
            let payload = input::bytes(payload, size, "payload")?;
            let (mut spec, options) = with_options(ActionSpec::site(kind, payload), options);
            spec.object = id::given(object).map_or(spec.object, ObjectId);
            let id = match options.id {
                Some(id) => store.submit_as(id, &spec).map(|_| id)?,
                None => store.submit(&spec)?,
            };
            output::put_if(id_out, hsm_id { bytes: id.0 });
        }
        done()
    })
}

/// Leases an action of a site's kinds: of the highest priority there is, from owners in turn. Its token stands in its record.
/// The lease is durable.
///
/// @param kinds          the kinds that the worker can do, separated by commas: at most 64
/// @param kinds_length   in bytes; SIZE_MAX: up to the NUL
/// @param worker         what the worker calls itself, for whoever looks: at most 255 bytes of UTF-8
/// @param worker_length  in bytes; SIZE_MAX: up to the NUL
/// @param duration_ms    how long it is its own, unless it extends that; at least 1
/// @param timeout_ms     how long to wait for one; 0: not at all; -1: for as long as it takes
/// @param info_out       gets the action
/// @param info_size      sizeof(hsm_action_info)
/// @return HSM_STATUS_TIMEOUT when there was none in time, HSM_STATUS_CLOSED when the store is closed meanwhile
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_lease(
    store: *const hsm_store,
    kinds: *const c_char,
    kinds_length: usize,
    worker: *const c_char,
    worker_length: usize,
    duration_ms: u64,
    timeout_ms: i32,
    info_out: *mut hsm_action_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let options = LeaseOptions {
                kinds: input::text(kinds, kinds_length, "kinds")?.split(',').map(str::to_owned).collect(),
                worker: input::text(worker, worker_length, "worker")?.to_owned(),
                max: 1,
                duration: Duration::from_millis(duration_ms),
                timeout: input::timeout(timeout_ms)?,
            };
            output::check_record(info_out, info_size, "info_out")?;
            let Some(action) = store.lease(&options)?.pop() else { return Ok(HSM_STATUS_TIMEOUT) };
            output::record(info_out, info_size, &(&action).into(), "info_out")?;
        }
        done()
    })
}

/// Extends a lease: it ends so many milliseconds from now. A power loss may take that back, with the note; a crash does not.
///
/// @param token        of the record that hsm_action_lease() gave
/// @param duration_ms  at least 1
/// @param note         how far the worker is, for whoever looks: at most 255 bytes of UTF-8; NULL: as before
/// @param note_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_REFUSED when it is not leased under this token any more, HSM_STATUS_CANCELLED when it was called off,
///         HSM_STATUS_NOT_FOUND
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_extend(
    store: *const hsm_store,
    id: *const hsm_id,
    token: u64,
    duration_ms: u64,
    note: *const c_char,
    note_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::action(id, "id")?);
            let note = if note.is_null() { None } else { Some(input::text(note, note_length, "note")?) };
            store.extend_lease(id, token, Duration::from_millis(duration_ms), note)?;
        }
        done()
    })
}

/// Ends a lease: the action is done. Where it was done under this token already it stays as it is, and the answer is
/// HSM_STATUS_OK: a worker that does not know whether it had said so says it again.
///
/// @param token        of the record that hsm_action_lease() gave
/// @param result       what is kept with the action, any bytes; may be NULL when size is 0
/// @param size  at most 65536
/// @return as hsm_action_extend()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_complete(
    store: *const hsm_store,
    id: *const hsm_id,
    token: u64,
    result: *const c_void,
    size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::action(id, "id")?);
            let result = input::bytes(result, size, "result")?;
            store.complete_lease(id, token, result)?;
        }
        done()
    })
}

/// Ends a lease: the attempt failed.
///
/// @param token         of the record that hsm_action_lease() gave
/// @param error         why: 1 to 1000 bytes of UTF-8
/// @param error_length  in bytes; SIZE_MAX: up to the NUL
/// @param again         1: another attempt is made after a pause, unless this was the last; 0: it failed for good
/// @return as hsm_action_extend()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_fail(
    store: *const hsm_store,
    id: *const hsm_id,
    token: u64,
    error: *const c_char,
    error_length: usize,
    again: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::action(id, "id")?);
            let error = input::text(error, error_length, "error")?;
            store.fail_lease(id, token, error, input::flag(again, "again")?)?;
        }
        done()
    })
}

/// Ends a lease without an attempt: the action is queued as it was.
///
/// @param token  of the record that hsm_action_lease() gave
/// @return as hsm_action_extend()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_give_back(
    store: *const hsm_store,
    id: *const hsm_id,
    token: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::action(id, "id")?);
            store.give_back_lease(id, token)?;
        }
        done()
    })
}

/// The payload or the result of an action of a site's kind.
///
/// @param what         HSM_ACTION_BYTES_PAYLOAD or _RESULT
/// @param buffer       may be NULL when buffer_size is 0
/// @param buffer_size  in bytes; 65536 are always enough
/// @param length_out   gets the length, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_END where there are none, HSM_STATUS_NOT_FOUND
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_bytes(
    store: *const hsm_store,
    id: *const hsm_id,
    what: i32,
    buffer: *mut c_void,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::action(id, "id")?);
            let all = [HSM_ACTION_BYTES_PAYLOAD, HSM_ACTION_BYTES_RESULT];
            let what = input::choice(what, &all.map(|what| (what, what)), "what")?;
            output::check_buffer(buffer, buffer_size, "buffer")?;
            let action = store.action(id)?;
            let bytes = match action.spec.site {
                Some(SiteWork { payload, .. }) if what == HSM_ACTION_BYTES_PAYLOAD => payload,
                _ if what == HSM_ACTION_BYTES_RESULT => action.result,
                _ => Vec::new(),
            };
            if bytes.is_empty() {
                return Ok(HSM_STATUS_END);
            }
            output::bytes(buffer, buffer_size, length_out, &bytes, "buffer")
        }
    })
}

/// The token of a lease, and when it ends; zeros: there is none.
pub(crate) fn token_and_end(lease: Option<&Lease>) -> (u64, i64) {
    lease.map_or((0, 0), |lease| (lease.token, lease.until_ns))
}

/// Notes what a change says about an action, if it does.
pub(crate) fn note_action(change: &Change, info: &mut hsm_event_info) {
    match change {
        Change::ActionSubmitted { action, spec } => {
            (info.action.bytes, info.verb) = (action.0, spec.verb as i32);
            (info.object, info.tier) = (spec.object.into(), spec.target.into());
        }
        Change::ActionChanged { action, state, .. } => {
            (info.action.bytes, info.state) = (action.0, *state as i32);
        }
        Change::ActionLeased { action, .. } => {
            (info.action.bytes, info.state) = (action.0, ActionState::Running as i32);
        }
        Change::ActionForgotten { action } | Change::ActionResult { action, .. } => {
            info.action.bytes = action.0;
        }
        _ => {}
    }
}
