//! What a tier is like: where its bytes lie, and how much it takes.
//!
//! Settings are a handle that is made with its defaults for one tier, or copied from a tier of a store,
//! changed, passed to a call, and freed. The calls that set something check only what can be wrong alone; the
//! call that the settings are passed to checks them all together.

use std::ffi::c_char;

use hsm_core::object::{Access, BackendKind, TierConfig, TierIndex};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::status::hsm_status;
use crate::store_options::hsm_store_options;
use crate::{input, output};

/// The settings of one tier.
#[derive(Debug, Clone)]
pub struct hsm_tier_settings {
    pub(crate) config: TierConfig,
}

/// Bytes lie in a directory.
pub const HSM_BACKEND_POSIX: i32 = 1;
/// Bytes lie in the memory of the process, and are gone with it: for tests and scratch data.
pub const HSM_BACKEND_MEMORY: i32 = 2;

/// A tier that answers at once.
pub const HSM_ACCESS_ONLINE: i32 = 1;
/// A tier that answers after a recall, which may take hours: a tape, an archive.
pub const HSM_ACCESS_DELAYED: i32 = 2;

const BACKENDS: [(i32, BackendKind); 2] =
    [(HSM_BACKEND_POSIX, BackendKind::Posix), (HSM_BACKEND_MEMORY, BackendKind::Memory)];
const ACCESSES: [(i32, Access); 2] =
    [(HSM_ACCESS_ONLINE, Access::Online), (HSM_ACCESS_DELAYED, Access::Delayed)];

/// The number of a backend in C; 0 for one that this header does not know.
pub(crate) fn backend_number(backend: BackendKind) -> i32 {
    BACKENDS.iter().find(|(_, known)| *known == backend).map_or(0, |(number, _)| *number)
}

/// The number of a kind of access in C.
pub(crate) fn access_number(access: Access) -> i32 {
    match access {
        Access::Online => HSM_ACCESS_ONLINE,
        Access::Delayed => HSM_ACCESS_DELAYED,
    }
}

fn default_root(index: TierIndex) -> String {
    format!("tiers/{index}")
}

/// Makes settings with their defaults: an active tier, online, in the directory tiers/<number> of the store,
/// without a limit but the room on its file system.
///
/// @param tier          0 (the hottest) to 255 (the coldest)
/// @param settings_out  free it with hsm_tier_settings_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_new(
    tier: i32,
    settings_out: *mut *mut hsm_tier_settings,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a place for a handle.
        unsafe {
            output::no_handle(settings_out, "settings_out")?;
            let index = input::tier(tier, "tier")?;
            let config = TierConfig::posix(index, default_root(index));
            output::handle(settings_out, hsm_tier_settings { config });
        }
        done()
    })
}

/// Frees settings. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_free(settings: *mut hsm_tier_settings) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(settings) };
}

/// Changes settings in the guarded way that all setters share.
///
/// # Safety
///
/// NULL, or a handle that nobody else uses now.
pub(crate) unsafe fn set(
    settings: *mut hsm_tier_settings,
    error_out: *mut *mut hsm_error,
    change: impl FnOnce(&mut TierConfig) -> Result<(), hsm_error>,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: as the caller promises.
        change(unsafe { &mut input::needed_mut(settings, "settings")?.config })?;
        done()
    })
}

/// The directory that the bytes lie in: an absolute path, or one relative to the store. It is made when the
/// tier is added and its parent is there. An existing tier keeps its own.
///
/// @param path         UTF-8 without NUL, at most 4096 bytes
/// @param path_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_root(
    settings: *mut hsm_tier_settings,
    path: *const c_char,
    path_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            let root = input::text(path, path_length, "path")?;
            if root.is_empty() || root.contains('\0') || root.len() > 4096 {
                let message = "invalid path: a root has 1 to 4096 bytes and no NUL";
                return Err(hsm_error::invalid(message));
            }
            root.clone_into(&mut config.root);
            Ok(())
        })
    }
}

/// What the bytes go through: HSM_BACKEND_POSIX (the default) or HSM_BACKEND_MEMORY, which has no
/// directory. An existing tier keeps its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_backend(
    settings: *mut hsm_tier_settings,
    backend: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            config.backend = input::choice(backend, &BACKENDS, "backend")?;
            match config.backend {
                BackendKind::Posix if config.root.is_empty() => config.root = default_root(config.index),
                BackendKind::Memory => config.root.clear(),
                _ => {}
            }
            Ok(())
        })
    }
}

/// A word for people; empty for none, the default.
///
/// @param name         UTF-8, at most 255 bytes
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_name(
    settings: *mut hsm_tier_settings,
    name: *const c_char,
    name_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            let name = input::text(name, name_length, "name")?;
            if !name.is_empty() {
                hsm_core::object::check_name("name of a tier", name)?;
            }
            name.clone_into(&mut config.name);
            Ok(())
        })
    }
}

/// How long the tier takes to answer: HSM_ACCESS_ONLINE (the default) or HSM_ACCESS_DELAYED, which by itself changes
/// nothing: hsm_tier_settings_set_delay() gives its figures. HSM_ACCESS_ONLINE takes them away.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_access(
    settings: *mut hsm_tier_settings,
    access: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            config.access = input::choice(access, &ACCESSES, "access")?;
            if config.access == Access::Online {
                config.delay = None;
            }
            Ok(())
        })
    }
}

/// Most bytes of objects that the tier may hold; 0, the default: as many as there is room for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_capacity_bytes(
    settings: *mut hsm_tier_settings,
    capacity_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            config.capacity_bytes = capacity_bytes;
            Ok(())
        })
    }
}

/// Objects up to so many bytes are packed together, many in one file; 0: none are. The default is 64 KiB, the
/// most 1 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_pack_threshold_bytes(
    settings: *mut hsm_tier_settings,
    pack_threshold_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            if pack_threshold_bytes > TierConfig::PACK_THRESHOLD_MAX {
                let message =
                    format!("invalid pack_threshold_bytes: {pack_threshold_bytes}; the most is 1048576");
                return Err(hsm_error::invalid(message));
            }
            config.pack_threshold_bytes = pack_threshold_bytes;
            Ok(())
        })
    }
}

/// A pack that has grown beyond so many bytes is closed, and the next one begun. The default is 256 MiB, the
/// least 4096.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_pack_size_bytes(
    settings: *mut hsm_tier_settings,
    pack_size_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| {
            if pack_size_bytes < 4096 {
                let message = format!("invalid pack_size_bytes: {pack_size_bytes}; the least is 4096");
                return Err(hsm_error::invalid(message));
            }
            config.pack_size_bytes = pack_size_bytes;
            Ok(())
        })
    }
}

/// When policies free the tier, in percent of its capacity: they begin above `high` and stop below `low`. The
/// defaults are 80 and 90.
///
/// @param low   at most `high`
/// @param high  at most 100
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_set_watermarks_percent(
    settings: *mut hsm_tier_settings,
    low: i32,
    high: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(settings, error_out, |config| match (u8::try_from(low), u8::try_from(high)) {
            (Ok(low), Ok(high)) if low <= high && high <= 100 => {
                (config.low_watermark_percent, config.high_watermark_percent) = (low, high);
                Ok(())
            }
            _ => Err(hsm_error::invalid(format!(
                "invalid watermarks: {low} and {high}; 0 <= low <= high <= 100 is needed"
            ))),
        })
    }
}

/// Adds a tier to those that a new store has; it must be none that was added before. Without a call of this, a
/// new store has tiers 0 to 4 in its directory. A store that exists keeps the tiers it has.
///
/// @return HSM_STATUS_EXISTS when the options have a tier of that number
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_options_add_tier(
    options: *mut hsm_store_options,
    settings: *const hsm_tier_settings,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        let (options, settings) =
            unsafe { (input::needed_mut(options, "options")?, input::needed(settings, "settings")?) };
        let index = settings.config.index;
        if options.tiers.iter().any(|tier| tier.index == index) {
            let message = format!("the options have a tier {index} already");
            return Err(hsm_error::new(crate::status::HSM_STATUS_EXISTS, message));
        }
        options.tiers.push(settings.config.clone());
        options.options = options.options.clone().tiers(options.tiers.clone());
        done()
    })
}
