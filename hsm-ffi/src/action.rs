//! Actions: requests that outlive who made them.
//!
//! An action is submitted, which returns at once, and is run later by whoever calls hsm_store_run(), in whatever thread
//! or process. It is durable when it was submitted, survives every crash, and is done in the same commit as its effect:
//! once, however often its runners are killed. Actions that want the same of the same object are run once for all of them.
//!
//! An action can come after others (hsm_action_options_add_after()): it waits until all of them are done, and fails where
//! one of them fails or is cancelled.
//!
//! Higher priorities come first, among equal ones the owners in turn. What went wrong and may pass (I/O, no room, a tier
//! out of reach) is tried again after a pause of 1 s, doubled each time up to 5 minutes; anything else ends it.
//!
//! Every step is an event of the feed. Finished actions are kept for 7 days, at most 100 000 of them, and then forgotten by
//! hsm_store_maintain().

use std::ffi::c_char;
use std::os::unix::ffi::OsStringExt as _;

use hsm_core::object::{Action, ActionId, ActionSpec, ActionState, GroupId, ObjectId, Verb};
use hsm_core::{ActionQuery, Store};

use crate::action_options::hsm_action_options;
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::lease::token_and_end;
use crate::status::{HSM_STATUS_END, HSM_STATUS_TIMEOUT, hsm_status};
use crate::store::hsm_store;
use crate::{input, output};

/// As hsm_object_copy().
pub const HSM_ACTION_COPY: i32 = 1;
/// As hsm_object_move().
pub const HSM_ACTION_MOVE: i32 = 2;
/// As hsm_object_recall().
pub const HSM_ACTION_RECALL: i32 = 3;
/// As hsm_object_release(): the target is the tier.
pub const HSM_ACTION_RELEASE: i32 = 4;
/// As hsm_object_verify(): the target is the tier.
pub const HSM_ACTION_VERIFY: i32 = 5;
/// As hsm_object_remove(): the target is not looked at.
pub const HSM_ACTION_REMOVE: i32 = 6;
/// A kind of a site's own: see hsm_action_submit_site().
pub const HSM_ACTION_SITE: i32 = 7;
/// Stores a file of outside, as hsm_object_put_path(): hsm_action_options_set_path() names it, the target is the tier. The object is
/// made if there is none; else it gets its next generation. A file that is changed meanwhile is read again later; what is
/// no regular file is not waited for. Of a file of 16 MiB and more, what an attempt has written that was stopped, failed or was
/// killed is not written again, as far as it is the file's: the next one reads the file anew and compares.
pub const HSM_ACTION_PUT: i32 = 8;
/// Writes the object to a file of outside, as hsm_object_get_path(): it is there whole or not at all, also after a power loss.
/// hsm_action_options_set_path() names it, the target is not looked at. It is written beside its path
/// first, as ".NAME.STORE.hsm-new", where STORE is the second half of the store's id in hexadecimal. What an attempt leaves there
/// that was stopped, failed or was killed, the next one goes on with, as far as that is the object's by its checksums. An action
/// that is over leaves nothing there.
pub const HSM_ACTION_GET: i32 = 9;
/// As HSM_ACTION_PUT, but the file is adopted where it lies, as by hsm_object_adopt_path(): hsm_action_options_set_adoption()
/// says how. Where it is removed, the action is done before that: a crash in between, or what else hinders it, leaves it.
pub const HSM_ACTION_ADOPT: i32 = 10;

/// To be queued when all that it comes after is done.
pub const HSM_ACTION_WAITING: i32 = 1;
/// To be run.
pub const HSM_ACTION_QUEUED: i32 = 2;
/// Being run.
pub const HSM_ACTION_RUNNING: i32 = 3;
/// What was wanted is so.
pub const HSM_ACTION_DONE: i32 = 4;
/// Given up: hsm_action_text() says why.
pub const HSM_ACTION_FAILED: i32 = 5;
/// Called off.
pub const HSM_ACTION_CANCELLED: i32 = 6;

/// Its owner.
pub const HSM_ACTION_TEXT_OWNER: i32 = 1;
/// Its reason.
pub const HSM_ACTION_TEXT_REASON: i32 = 2;
/// What went wrong last.
pub const HSM_ACTION_TEXT_ERROR: i32 = 3;
/// Its kind, where that is a site's own.
pub const HSM_ACTION_TEXT_KIND: i32 = 4;
/// The worker that leased it last.
pub const HSM_ACTION_TEXT_WORKER: i32 = 5;
/// How far that worker said that it is.
pub const HSM_ACTION_TEXT_NOTE: i32 = 6;
/// The file of a put or get; it may be no UTF-8.
pub const HSM_ACTION_TEXT_PATH: i32 = 7;

/// An action in numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct hsm_action_info {
    /// Its id.
    pub id: hsm_id,
    /// The object.
    pub object: hsm_id,
    /// The group; zeros: none.
    pub group: hsm_id,
    /// The number of the change that submitted it: actions are listed in this order.
    pub number: u64,
    /// The number of its last change.
    pub changed: u64,
    /// When it was submitted.
    pub submitted_ns: i64,
    /// When it was done, failed or cancelled; 0: it was not.
    pub finished_ns: i64,
    /// When it can be run, at the soonest.
    pub not_before_ns: i64,
    /// When it is no longer of use; 0: never.
    pub deadline_ns: i64,
    /// Which opening of the store runs it; 0: none.
    pub instance: u64,
    /// HSM_ACTION_COPY and so on; one that this header does not know is of a later version.
    pub verb: i32,
    /// HSM_ACTION_WAITING and so on; one that this header does not know is of a later version.
    pub state: i32,
    /// The tier to read from; -1: any.
    pub source: i32,
    /// The tier that it is about.
    pub target: i32,
    /// Higher ones are run first.
    pub priority: i32,
    /// 1 for a release that may drop the last good copy, else 0.
    pub force: i32,
    /// How many attempts failed since it was submitted or retried.
    pub attempts: u32,
    /// How many there are at most.
    pub attempts_max: u32,
    /// What the worker that leased it shows; 0: nobody did.
    pub token: u64,
    /// When that lease ends, or would have; 0: there is none.
    pub leased_until_ns: i64,
}

impl From<&Action> for hsm_action_info {
    fn from(action: &Action) -> Self {
        let (token, leased_until_ns) = token_and_end(action.lease.as_ref());
        let ActionSpec { verb, source, target, force, priority, deadline_ns, attempts_max, .. } = action.spec;
        Self {
            id: hsm_id { bytes: action.id.0 },
            object: action.spec.object.into(),
            group: hsm_id { bytes: action.spec.group.map_or([0; 16], |group| group.0) },
            number: action.number,
            changed: action.changed,
            submitted_ns: action.submitted_ns,
            finished_ns: action.finished_ns,
            not_before_ns: action.not_before_ns,
            deadline_ns,
            instance: action.instance,
            verb: verb as i32, // The format's numbers, as those of the states are.
            state: action.state as i32,
            source: source.map_or(-1, i32::from),
            target: target.into(),
            priority,
            force: force.into(),
            attempts: action.attempts,
            attempts_max,
            token,
            leased_until_ns,
        }
    }
}

/// What is wanted of an object, of the arguments that both submits take.
///
/// # Safety
///
/// `options` NULL or valid for reads.
pub(crate) unsafe fn spec(
    (verb, source, target, force): (i32, i32, i32, i32),
    options: *const hsm_action_options,
) -> Result<(ActionSpec, hsm_action_options), hsm_error> {
    let verb = u8::try_from(verb).ok().and_then(Verb::from_number);
    let verb = verb.ok_or_else(|| hsm_error::invalid("invalid verb: it is none of its values"))?;
    let mut spec = ActionSpec::remove(ObjectId([0; 16]));
    spec.verb = verb;
    spec.source = input::any_tier(source, "source")?;
    if !matches!(verb, Verb::Remove | Verb::Get) {
        spec.target = input::tier(target, "target")?;
    }
    spec.force = input::flag(force, "force")?;
    // SAFETY: as the caller promises.
    Ok(unsafe { with_options(spec, options) })
}

/// What is wanted, as the options say.
///
/// # Safety
///
/// `options` NULL or valid for reads.
pub(crate) unsafe fn with_options(
    mut spec: ActionSpec,
    options: *const hsm_action_options,
) -> (ActionSpec, hsm_action_options) {
    // SAFETY: as the caller promises.
    let options = unsafe { options.as_ref() }.cloned().unwrap_or_default();
    spec.priority = options.priority;
    spec.owner.clone_from(&options.owner);
    spec.reason.clone_from(&options.reason);
    spec.deadline_ns = options.deadline_ns;
    spec.group = options.group;
    spec.after.clone_from(&options.after);
    spec.path.clone_from(&options.path);
    spec.expected.clone_from(&options.expected);
    spec.adoption = options.adoption;
    if options.attempts_max > 0 {
        spec.attempts_max = options.attempts_max;
    }
    (spec, options)
}

/// Submits an action. It is durable when this returns, and run by hsm_store_run().
///
/// Where there is an action of the id that the options name, it stays as it is, and the answer is HSM_STATUS_OK.
///
/// @param verb     HSM_ACTION_COPY, _MOVE, _RECALL, _RELEASE, _VERIFY, _REMOVE, _PUT, _GET or _ADOPT
/// @param object   whether there is one is found out when the action is run
/// @param source   the tier to read from; -1: the hottest that has a copy. A move needs one, only copies and gets have one too
/// @param target   the tier that is to hold a copy; of a release or a verify the tier whose copy is meant
/// @param force    1: a release drops the last good copy too; else 0
/// @param options  NULL: all default
/// @param id_out   gets the id of the action; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such tier, or no action that it is to come after
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_submit(
    store: *const hsm_store,
    verb: i32,
    object: *const hsm_id,
    source: i32,
    target: i32,
    force: i32,
    options: *const hsm_action_options,
    id_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let (mut spec, options) = spec((verb, source, target, force), options)?;
            spec.object = id::object(object, "object")?;
            let id = match options.id {
                Some(id) => store.submit_as(id, &spec).map(|_| id)?,
                None => store.submit(&spec)?,
            };
            output::put_if(id_out, hsm_id { bytes: id.0 });
        }
        done()
    })
}

/// What is known of an action.
///
/// @param info_size  sizeof(hsm_action_info)
/// @return HSM_STATUS_NOT_FOUND, also for one that was finished long ago and forgotten
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_stat(
    store: *const hsm_store,
    id: *const hsm_id,
    info_out: *mut hsm_action_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let id = id::action(id, "id")?;
            output::check_record(info_out, info_size, "info_out")?;
            output::record(info_out, info_size, &(&store.action(id)?).into(), "info_out")?;
        }
        done()
    })
}

/// One of the texts of an action.
///
/// @param what         HSM_ACTION_TEXT_OWNER and so on
/// @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes; 1001 are always enough, of a path 4096
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_END where there is none, HSM_STATUS_NOT_FOUND
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_text(
    store: *const hsm_store,
    id: *const hsm_id,
    what: i32,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let id = id::action(id, "id")?;
            let all = [
                HSM_ACTION_TEXT_OWNER,
                HSM_ACTION_TEXT_REASON,
                HSM_ACTION_TEXT_ERROR,
                HSM_ACTION_TEXT_KIND,
                HSM_ACTION_TEXT_WORKER,
                HSM_ACTION_TEXT_NOTE,
                HSM_ACTION_TEXT_PATH,
            ];
            let what = input::choice(what, &all.map(|what| (what, what)), "what")?;
            output::check_buffer(buffer, buffer_size, "buffer")?;
            let action = store.action(id)?;
            let text = match what {
                HSM_ACTION_TEXT_OWNER => action.spec.owner.into_bytes(),
                HSM_ACTION_TEXT_REASON => action.spec.reason.into_bytes(),
                HSM_ACTION_TEXT_KIND => {
                    action.spec.site.map(|work| work.kind.into_bytes()).unwrap_or_default()
                }
                HSM_ACTION_TEXT_WORKER => {
                    action.lease.map(|lease| lease.worker.into_bytes()).unwrap_or_default()
                }
                HSM_ACTION_TEXT_NOTE => action.lease.map(|lease| lease.note.into_bytes()).unwrap_or_default(),
                HSM_ACTION_TEXT_PATH => {
                    action.spec.path.map(|path| path.into_os_string().into_vec()).unwrap_or_default()
                }
                _ => {
                    action.story.last().map(|attempt| attempt.error.clone().into_bytes()).unwrap_or_default()
                }
            };
            if text.is_empty() {
                return Ok(HSM_STATUS_END);
            }
            output::text(buffer, buffer_size, length_out, &text, "buffer")
        }
    })
}

/// The next action in the order in which they were submitted.
///
/// @param number     the number of the action behind which to look; 0: the first
/// @param state      only actions in this state: HSM_ACTION_WAITING and so on; 0: in any
/// @param group      only actions of this group; NULL, or zeros: of any, or none
/// @param info_size  sizeof(hsm_action_info)
/// @return HSM_STATUS_END past the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_next(
    store: *const hsm_store,
    number: u64,
    state: i32,
    group: *const hsm_id,
    info_out: *mut hsm_action_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let mut known = vec![(0, None)];
            known.extend(ActionState::ALL.map(|state| (state as i32, Some(state))));
            let state = input::choice(state, &known, "state")?;
            output::check_record(info_out, info_size, "info_out")?;
            let wanted =
                ActionQuery { state, group: id::given(group).map(GroupId), ..ActionQuery::default() };
            let Some(action) = store.actions(&wanted, number.min(i64::MAX as u64), 1)?.pop() else {
                return Ok(HSM_STATUS_END);
            };
            output::record(info_out, info_size, &(&action).into(), "info_out")?;
        }
        done()
    })
}

/// Waits until an action is done, failed or cancelled. A commit that ends it wakes this within milliseconds.
///
/// @param timeout_ms  how long; -1: for as long as it takes
/// @param info_out    gets how it stands at the end; may be NULL
/// @param info_size   sizeof(hsm_action_info)
/// @return HSM_STATUS_TIMEOUT when the time is over: info_out is not written then; HSM_STATUS_NOT_FOUND;
///         HSM_STATUS_CLOSED when the store is closed meanwhile
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_wait(
    store: *const hsm_store,
    id: *const hsm_id,
    timeout_ms: i32,
    info_out: *mut hsm_action_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let id = id::action(id, "id")?;
            let timeout = input::timeout(timeout_ms)?;
            output::check_record_if(info_out, info_size, "info_out")?;
            let action = store.wait_action(id, timeout)?;
            if !action.state.is_finished() {
                return Ok(HSM_STATUS_TIMEOUT);
            }
            output::record_if(info_out, info_size, &(&action).into(), "info_out")?;
        }
        done()
    })
}

/// Calls an action off, durably. One that is being run leaves nothing half behind; others that want the same are still
/// run. One that is finished stays as it is, and the answer is HSM_STATUS_OK.
///
/// @return HSM_STATUS_NOT_FOUND
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_cancel(
    store: *const hsm_store,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { change_one(store, id, error_out, Store::cancel) }
}

/// Queues an action that failed or was cancelled anew, with all its attempts. Any other stays as it is, and the answer is
/// HSM_STATUS_OK.
///
/// @return HSM_STATUS_NOT_FOUND
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_retry(
    store: *const hsm_store,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { change_one(store, id, error_out, Store::retry) }
}

/// # Safety
///
/// Each NULL or as the header says.
unsafe fn change_one(
    store: *const hsm_store,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
    change: fn(&Store, ActionId) -> hsm_core::Result<bool>,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: as the caller promises.
        unsafe { change(scope.store(store)?.store(), id::action(id, "id")?)? };
        done()
    })
}
