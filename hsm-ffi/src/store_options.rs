//! How a store is opened.
//!
//! Options are a handle that is made with its defaults, changed, passed to hsm_store_open(), and freed. One
//! set of options may open several stores. NULL in their place means the defaults.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::path::PathBuf;
use std::time::Duration;

use hsm_core::StoreOptions;
use hsm_core::object::{TierConfig, TierIndex};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::status::hsm_status;
use crate::{input, output};

/// How to open a store.
#[derive(Debug, Clone, Default)]
pub struct hsm_store_options {
    pub(crate) options: StoreOptions,
    /// The tiers that were added.
    pub(crate) tiers: Vec<TierConfig>,
    /// Where roots lie now, of a store that is to be restored.
    pub(crate) roots: BTreeMap<TierIndex, String>,
    /// The roots that a store is to be rebuilt from.
    pub(crate) rebuilt_from: Vec<PathBuf>,
}

/// Open the store that is there, or create one.
pub const HSM_CREATE_IF_MISSING: i32 = 0;
/// Open the store that is there; never create one.
pub const HSM_CREATE_NEVER: i32 = 1;
/// Create a store; there must be none yet.
pub const HSM_CREATE_NEW: i32 = 2;

/// Makes options with their defaults.
///
/// @param options_out  free it with hsm_store_options_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_new(
    options_out: *mut *mut hsm_store_options,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a place for a handle.
        unsafe {
            output::no_handle(options_out, "options_out")?;
            output::handle(options_out, hsm_store_options::default());
        }
        done()
    })
}

/// Frees options. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_free(options: *mut hsm_store_options) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(options) };
}

/// Changes options in the guarded way that all setters share.
unsafe fn set(
    options: *mut hsm_store_options,
    error_out: *mut *mut hsm_error,
    change: impl FnOnce(StoreOptions) -> Result<StoreOptions, hsm_error>,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a handle that nobody else uses now.
        let options = unsafe { input::needed_mut(options, "options")? };
        options.options = change(options.options.clone())?;
        done()
    })
}

/// Whether a store is created: HSM_CREATE_IF_MISSING (the default), HSM_CREATE_NEVER or HSM_CREATE_NEW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_create(
    options: *mut hsm_store_options,
    create: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let all = [
                (HSM_CREATE_IF_MISSING, (true, false)),
                (HSM_CREATE_NEVER, (false, false)),
                (HSM_CREATE_NEW, (true, true)),
            ];
            let (create, new) = input::choice(create, &all, "create")?;
            Ok(options.create_new(new).create(create))
        })
    }
}

/// Whether this handle refuses every change: 0 (the default) or 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_read_only(
    options: *mut hsm_store_options,
    read_only: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { set(options, error_out, |options| Ok(options.read_only(input::flag(read_only, "read_only")?))) }
}

/// Whether this handle keeps every other one out, also of this process: 0 (the default) or 1. The one way
/// to use a store on a network file system.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_exclusive(
    options: *mut hsm_store_options,
    exclusive: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { set(options, error_out, |options| Ok(options.exclusive(input::flag(exclusive, "exclusive")?))) }
}

/// How long a lock that others hold is waited for before a call answers HSM_STATUS_BUSY, in milliseconds. The
/// default is a minute.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_patience_ms(
    options: *mut hsm_store_options,
    patience_ms: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { set(options, error_out, |options| Ok(options.patience(Duration::from_millis(patience_ms)))) }
}

/// How long objects that this handle removes can be brought back, in milliseconds. The default is 24 hours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_grace_ms(
    options: *mut hsm_store_options,
    grace_ms: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { set(options, error_out, |options| Ok(options.grace(Duration::from_millis(grace_ms)))) }
}

/// Where the index lies: an existing directory of a local file system, also one for several stores. The default is
/// a directory in the store. It must be the same for every handle of a store: while others have the store open,
/// opening it with another one answers HSM_STATUS_INVALID.
///
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_index_directory(
    options: *mut hsm_store_options,
    path: *const c_char,
    path_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            Ok(options.index_directory(input::path(path, path_length, "path")?))
        })
    }
}

/// Keeps the index in memory: it is rebuilt from the journal at each open, and the handle is exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_index_in_memory(
    options: *mut hsm_store_options,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { set(options, error_out, |options| Ok(options.index_in_memory())) }
}

/// About how large a segment of the journal becomes, in bytes. The default is 64 MiB.
///
/// @return HSM_STATUS_INVALID below 4096
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_segment_bytes(
    options: *mut hsm_store_options,
    segment_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            if segment_bytes < 4096 {
                let message = format!("invalid segment_bytes: {segment_bytes}; the least is 4096");
                return Err(hsm_error::invalid(message));
            }
            Ok(options.segment_bytes(segment_bytes))
        })
    }
}

/// What data writes leave free on each file system, so that deletes and the journal go on when it is full, in
/// bytes. The default is 4 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_reserve_bytes(
    options: *mut hsm_store_options,
    reserve_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe { set(options, error_out, |options| Ok(options.reserve_bytes(reserve_bytes))) }
}

/// Where the root of a tier lies now: for hsm_store_restore() alone, when it is not where it was.
///
/// @param tier         the tier's number
/// @param path         an absolute path, or one from the store's directory. Its root must be in reach
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_set_root(
    options: *mut hsm_store_options,
    tier: i32,
    path: *const c_char,
    path_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let options = input::needed_mut(options, "options")?;
            let tier = input::tier(tier, "tier")?;
            let root = input::text(path, path_length, "path")?;
            if root.is_empty() || root.contains('\0') || root.len() > 4096 {
                let message = "invalid path: a root has 1 to 4096 bytes and no NUL";
                return Err(hsm_error::invalid(message));
            }
            options.roots.insert(tier, root.to_owned());
        }
        done()
    })
}

/// Adds the root of a tier to rebuild from: for hsm_store_rebuild() alone. Which tier it is of stands in its marker.
///
/// @param path         the directory
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_add_root(
    options: *mut hsm_store_options,
    path: *const c_char,
    path_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let options = input::needed_mut(options, "options")?;
            options.rebuilt_from.push(input::path(path, path_length, "path")?.to_owned());
        }
        done()
    })
}
