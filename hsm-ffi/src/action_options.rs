//! How an action is to be run, and for whom.
//!
//! Options are made, changed, passed to hsm_action_submit() or hsm_group_submit() as often as wanted, and freed. What is
//! not set is the default. Setting the same again replaces what was set.

use std::ffi::c_char;

use std::path::PathBuf;

use hsm_core::integrity::Digest;
use hsm_core::object::{self, ActionId, Adoption, GroupId};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::put::adoption;
use crate::status::hsm_status;
use crate::{input, output};

/// How an action is to be run.
#[derive(Debug, Clone, Default)]
pub struct hsm_action_options {
    pub(crate) id: Option<ActionId>,
    pub(crate) group: Option<GroupId>,
    pub(crate) after: Vec<ActionId>,
    pub(crate) priority: i32,
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) deadline_ns: i64,
    /// 0: the default.
    pub(crate) attempts_max: u32,
    pub(crate) path: Option<PathBuf>,
    pub(crate) expected: Vec<Digest>,
    pub(crate) adoption: Adoption,
}

/// Makes options that are all default.
///
/// @param options_out  free it with hsm_action_options_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_new(
    options_out: *mut *mut hsm_action_options,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a place for a handle.
        unsafe {
            output::no_handle(options_out, "options_out")?;
            output::handle(options_out, hsm_action_options::default());
        }
        done()
    })
}

/// Frees options. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_free(options: *mut hsm_action_options) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(options) };
}

/// Changes options in the guarded way that all setters share.
///
/// # Safety
///
/// NULL, or a handle that nobody else uses now.
unsafe fn set(
    options: *mut hsm_action_options,
    error_out: *mut *mut hsm_error,
    change: impl FnOnce(&mut hsm_action_options) -> Result<(), hsm_error>,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: as the caller promises.
        change(unsafe { input::needed_mut(options, "options")? })?;
        done()
    })
}

/// The id of the action: who does not know whether it had submitted may submit again under the same id. Only for
/// hsm_action_submit(). By default one is drawn.
///
/// @param id  a UUID, of hsm_store_new_id() say; NULL, or zeros: draw one
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_id(
    options: *mut hsm_action_options,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.id = id::given(id).map(ActionId);
            Ok(())
        })
    }
}

/// The group that the action belongs to, so that many submitted one by one are waited for, cancelled and retried as one.
/// Not for hsm_group_submit(), which draws one.
///
/// @param group  a UUID, of hsm_store_new_id() say; NULL, or zeros: none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_group(
    options: *mut hsm_action_options,
    group: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.group = id::given(group).map(GroupId);
            Ok(())
        })
    }
}

/// The action comes after this one: it waits until all that were added are done, and fails where one of them fails or is
/// cancelled. Of hsm_group_submit(): each of them does.
///
/// @param id  an action that was submitted before; at most 16 can be added
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_add_after(
    options: *mut hsm_action_options,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let id = id::action(id, "id")?;
            if options.after.len() >= hsm_core::object::AFTER_MAX {
                return Err(hsm_error::invalid("invalid id: an action comes after at most 16 others"));
            }
            options.after.push(id);
            Ok(())
        })
    }
}

/// How urgent it is: higher ones are run first. The default is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_priority(
    options: *mut hsm_action_options,
    priority: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.priority = priority;
            Ok(())
        })
    }
}

/// On whose behalf: owners of equal priority are served in turn. The default is the empty name.
///
/// @param owner         at most 255 bytes of UTF-8
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_owner(
    options: *mut hsm_action_options,
    owner: *const c_char,
    owner_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.owner = text(owner, owner_length, "owner")?;
            Ok(())
        })
    }
}

/// Why, for whoever looks at it later.
///
/// @param reason         at most 255 bytes of UTF-8
/// @param reason_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_reason(
    options: *mut hsm_action_options,
    reason: *const c_char,
    reason_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.reason = text(reason, reason_length, "reason")?;
            Ok(())
        })
    }
}

/// When it is no longer of use: from then on it fails without being run.
///
/// @param deadline_ns  nanoseconds since 1970 UTC; 0, the default: never
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_deadline_ns(
    options: *mut hsm_action_options,
    deadline_ns: i64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            if deadline_ns < 0 {
                return Err(hsm_error::invalid(format!("invalid deadline_ns: {deadline_ns} is before 1970")));
            }
            options.deadline_ns = deadline_ns;
            Ok(())
        })
    }
}

/// How often it is tried at most when something is wrong that may pass, such as a tier out of reach.
///
/// @param attempts_max  0: the default, 5
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_attempts_max(
    options: *mut hsm_action_options,
    attempts_max: u32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.attempts_max = attempts_max;
            Ok(())
        })
    }
}

/// How HSM_ACTION_ADOPT adopts its file; nothing else says how.
///
/// @param how  0, the default, or a sum of HSM_ADOPT_COPY_ALLOWED and HSM_ADOPT_REMOVE_SOURCE
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_adoption(
    options: *mut hsm_action_options,
    how: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.adoption = adoption(how)?;
            Ok(())
        })
    }
}

/// The file outside of the store that HSM_ACTION_PUT and HSM_ACTION_ADOPT read and HSM_ACTION_GET writes: all need one, and nothing else has
/// one. It is looked at when the action is run, by the process that runs it. By default there is none.
///
/// @param path         an absolute path of at most 4095 bytes; that is checked when the action is submitted
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_set_path(
    options: *mut hsm_action_options,
    path: *const c_char,
    path_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.path = Some(input::path(path, path_length, "path")?.to_owned());
            Ok(())
        })
    }
}

/// Adds a digest that the bytes of HSM_ACTION_PUT, HSM_ACTION_ADOPT or HSM_ACTION_GET must have: else the action fails, with nothing stored
/// and no file made. That of a put or an adoption is recorded with the object.
///
/// @param digest         "algorithm:hexadecimal", such as "crc32c:e3069283"
/// @param digest_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for what is no digest, and when there are 16
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_action_options_expect_digest(
    options: *mut hsm_action_options,
    digest: *const c_char,
    digest_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let digest: Digest = input::text(digest, digest_length, "digest")?.parse()?;
            if options.expected.len() == object::DIGESTS_MAX {
                let most = object::DIGESTS_MAX;
                return Err(hsm_error::invalid(format!(
                    "invalid digest: there are {most} already, the most"
                )));
            }
            options.expected.push(digest);
            Ok(())
        })
    }
}

/// # Safety
///
/// As for [`input::text`].
unsafe fn text(text: *const c_char, length: usize, what: &str) -> Result<String, hsm_error> {
    // SAFETY: as the caller promises.
    let text = unsafe { input::text(text, length, what)? };
    if text.len() > hsm_core::object::ACTION_TEXT_BYTES_MAX {
        return Err(hsm_error::invalid(format!("invalid {what}: {} bytes; it has at most 255", text.len())));
    }
    Ok(text.to_owned())
}
