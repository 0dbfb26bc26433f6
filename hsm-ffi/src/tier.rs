//! Tiers: numbered classes of storage, 0 the hottest, 255 the coldest.
//!
//! The settings of the tiers lie in the store and are changed while it is in use, for every handle of it. A
//! tier goes the way active, draining, retired: hsm_tier_drain() moves everything off it, hsm_tier_retire()
//! gives its number free. One whose disk is gone is lost: hsm_tier_lose() strikes its copies off.
//!
//! A tier is online when it is neither lost nor retired and its root is there with the marker that hsm wrote: a
//! disk that is not mounted is offline, and nothing is written to the directory below it.

use std::ffi::c_char;

use hsm_core::TierUsage;
use hsm_core::object::{TierConfig, TierState};

use crate::callback::{Stopped, Taken, hsm_id_callback};
use crate::error::hsm_error;
use crate::guard::{Scope, done, guard};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::tier_settings::{access_number, backend_number, hsm_tier_settings};
use crate::{input, output};

/// The tier is read and written.
pub const HSM_TIER_ACTIVE: i32 = 1;
/// The tier is only read.
pub const HSM_TIER_READ_ONLY: i32 = 2;
/// The tier is only read, and its copies are being moved away.
pub const HSM_TIER_DRAINING: i32 = 3;
/// The tier's bytes are gone for good; its copies were struck off.
pub const HSM_TIER_LOST: i32 = 4;
/// The tier is empty and out of use. No listing shows it; its number may be given to a new one.
pub const HSM_TIER_RETIRED: i32 = 5;

/// A tier's settings, and what is on it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_tier_info {
    /// Its number.
    pub tier: i32,
    /// HSM_BACKEND_*.
    pub backend: i32,
    /// HSM_TIER_*.
    pub state: i32,
    /// HSM_ACCESS_*.
    pub access: i32,
    /// 1 when its root is in reach now, else 0.
    pub is_online: i32,
    /// Policies stop to free the tier below so many percent of its capacity.
    pub low_watermark_percent: i32,
    /// Policies begin to free the tier above so many percent of its capacity.
    pub high_watermark_percent: i32,
    /// 0.
    pub reserved: i32,
    /// Most bytes of objects it may hold; 0: no limit but the room there is.
    pub capacity_bytes: u64,
    /// Objects up to this size are packed.
    pub pack_threshold_bytes: u64,
    /// A pack that has grown beyond this is closed.
    pub pack_size_bytes: u64,
    /// How many objects have a copy on it, removed ones that may still come back included.
    pub objects: u64,
    /// How many bytes those copies hold.
    pub bytes: u64,
}

/// The number of a state in C.
pub(crate) fn state_number(state: TierState) -> i32 {
    match state {
        TierState::Active => HSM_TIER_ACTIVE,
        TierState::ReadOnly => HSM_TIER_READ_ONLY,
        TierState::Draining => HSM_TIER_DRAINING,
        TierState::Lost => HSM_TIER_LOST,
        TierState::Retired => HSM_TIER_RETIRED,
    }
}

impl hsm_tier_info {
    /// A tier's settings, without what is on it.
    pub(crate) fn settings(config: &TierConfig) -> Self {
        Self {
            tier: config.index.into(),
            backend: backend_number(config.backend),
            state: state_number(config.state),
            access: access_number(config.access),
            is_online: 0,
            low_watermark_percent: config.low_watermark_percent.into(),
            high_watermark_percent: config.high_watermark_percent.into(),
            reserved: 0,
            capacity_bytes: config.capacity_bytes,
            pack_threshold_bytes: config.pack_threshold_bytes,
            pack_size_bytes: config.pack_size_bytes,
            objects: 0,
            bytes: 0,
        }
    }
}

fn info(store: &Shared, usage: &TierUsage) -> Result<hsm_tier_info, hsm_error> {
    let TierUsage { config, objects, bytes } = usage;
    Ok(hsm_tier_info {
        is_online: store.store().is_tier_online(config.index)?.into(),
        objects: *objects,
        bytes: *bytes,
        ..hsm_tier_info::settings(config)
    })
}

impl Scope {
    /// The settings of a tier of a store.
    ///
    /// # Safety
    ///
    /// NULL, or a handle that is not freed meanwhile.
    unsafe fn tier(&self, store: *const hsm_store, tier: i32) -> Result<TierConfig, hsm_error> {
        // SAFETY: as the caller promises.
        let store = unsafe { self.store(store)? };
        Ok(store.store().tier(input::tier(tier, "tier")?)?.config)
    }
}

/// A tier's settings, and what is on it.
///
/// @param info_size  sizeof(hsm_tier_info)
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_stat(
    store: *const hsm_store,
    tier: i32,
    info_out: *mut hsm_tier_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            output::check_record(info_out, info_size, "info_out")?;
            let usage = store.store().tier(input::tier(tier, "tier")?)?;
            output::record(info_out, info_size, &info(store, &usage)?, "info_out")?;
        }
        done()
    })
}

/// The next tier of the store: the hottest that is colder than `after`.
///
/// @param after      a tier's number, that of one that is there or not; -1: before the first
/// @param info_size  sizeof(hsm_tier_info)
/// @return HSM_STATUS_END when there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_next(
    store: *const hsm_store,
    after: i32,
    info_out: *mut hsm_tier_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            output::check_record(info_out, info_size, "info_out")?;
            let after = input::any_tier(after, "after")?;
            let tiers = store.store().tiers()?;
            let next = tiers.iter().find(|usage| after.is_none_or(|after| usage.config.index > after));
            let Some(usage) = next else { return Ok(HSM_STATUS_END) };
            output::record(info_out, info_size, &info(store, usage)?, "info_out")?;
        }
        done()
    })
}

/// A tier's word for people; "" if it was given none.
///
/// @param buffer       gets the word and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_name(
    store: *const hsm_store,
    tier: i32,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let config = scope.tier(store, tier)?;
            output::text(buffer, buffer_size, length_out, config.name.as_bytes(), "buffer")
        }
    })
}

/// The directory that a tier's bytes lie in: absolute, or relative to the store's; "" for one in memory.
///
/// @param buffer       gets the path and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_root(
    store: *const hsm_store,
    tier: i32,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let config = scope.tier(store, tier)?;
            output::text(buffer, buffer_size, length_out, config.root.as_bytes(), "buffer")
        }
    })
}

/// A copy of a tier's settings, to change it by.
///
/// @param settings_out  free it with hsm_tier_settings_free()
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_settings_get(
    store: *const hsm_store,
    tier: i32,
    settings_out: *mut *mut hsm_tier_settings,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(settings_out, "settings_out")?;
            let config = scope.tier(store, tier)?;
            output::handle(settings_out, hsm_tier_settings { config });
        }
        done()
    })
}

/// Adds a tier to a store, or gives the number of a retired one to a new one. Its root directory is made if the
/// parent is there; one that holds other files is refused.
///
/// @return HSM_STATUS_EXISTS when there is such a tier, HSM_STATUS_INVALID for settings that make no sense
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_add(
    store: *const hsm_store,
    settings: *const hsm_tier_settings,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        let (store, settings) = unsafe { (scope.store(store)?, input::needed(settings, "settings")?) };
        store.store().add_tier(&settings.config)?;
        done()
    })
}

/// Changes the settings of the tier that they are for. Its backend and its root stay as they are: begin with
/// hsm_tier_settings_get().
///
/// @return HSM_STATUS_NOT_FOUND when there is no such tier, HSM_STATUS_INVALID for another backend or root, or
///         settings that make no sense, HSM_STATUS_CONFLICT where another handle changed it meanwhile
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_change(
    store: *const hsm_store,
    settings: *const hsm_tier_settings,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        let (store, settings) = unsafe { (scope.store(store)?, input::needed(settings, "settings")?) };
        store.store().change_tier(&settings.config)?;
        done()
    })
}

/// Sets what a tier may be used for. It is read in each of these states.
///
/// @param state  HSM_TIER_ACTIVE, HSM_TIER_READ_ONLY or HSM_TIER_DRAINING
/// @return HSM_STATUS_NOT_FOUND when there is no such tier, HSM_STATUS_INVALID when it is lost
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_set_state(
    store: *const hsm_store,
    tier: i32,
    state: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        let all = [
            (HSM_TIER_ACTIVE, TierState::Active),
            (HSM_TIER_READ_ONLY, TierState::ReadOnly),
            (HSM_TIER_DRAINING, TierState::Draining),
        ];
        // SAFETY: NULL, or a live handle.
        let store = unsafe { scope.store(store)? };
        store.store().set_tier_state(input::tier(tier, "tier")?, input::choice(state, &all, "state")?)?;
        done()
    })
}

/// Moves everything off a tier to another. The tier is set draining first, so that nothing new comes. Stopped
/// by an error, it keeps what was moved and can be called again.
///
/// @param target     another tier
/// @param moved_out  how many copies were moved; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_drain(
    store: *const hsm_store,
    tier: i32,
    target: i32,
    moved_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let (tier, target) = (input::tier(tier, "tier")?, input::tier(target, "target")?);
            output::put_if(moved_out, store.store().drain_tier(tier, target)?);
        }
        done()
    })
}

/// Declares a tier's bytes gone for good: its copies are struck off. It cannot be taken back. Stopped by an
/// error, it can be called again.
///
/// @param lost  called for each object whose last copy that was; may be left out. Where it stops the call, the
///              copies that were struck off together with that object's, up to a thousand, are not told of
///              again
/// @return HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_lose(
    store: *const hsm_store,
    tier: i32,
    lost: hsm_id_callback,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let lost = unsafe { Taken::new(lost) };
    guard(error_out, |scope| {
        let lost = lost.optional("lost")?;
        // SAFETY: NULL, or a live handle.
        let store = unsafe { scope.store(store)? };
        let mut stopped = Stopped::default();
        let answer = store.store().lose_tier_each(input::tier(tier, "tier")?, |id| match &lost {
            Some(lost) => stopped.note(lost.id(id)),
            None => Ok(()),
        });
        stopped.answer(answer)?;
        done()
    })
}

/// Takes a tier that holds no copy out of use. Its number may then be given to another.
///
/// @return HSM_STATUS_EXISTS while it holds copies, those of removed objects that may still come back included;
///         HSM_STATUS_NOT_FOUND when there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tier_retire(
    store: *const hsm_store,
    tier: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: NULL, or a live handle.
        let store = unsafe { scope.store(store)? };
        store.store().retire_tier(input::tier(tier, "tier")?)?;
        done()
    })
}

/// The settings of all tiers as a YAML file, to be edited and applied again.
///
/// @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tiers_export(
    store: *const hsm_store,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let yaml = scope.store(store)?.store().export_tiers()?;
            output::text(buffer, buffer_size, length_out, yaml.as_bytes(), "buffer")
        }
    })
}

/// Applies a YAML file of tiers: those that it names are added or changed, others stay as they are. Everything
/// in it is checked before the first is applied; after another error, some may have been.
///
/// @param yaml         UTF-8
/// @param yaml_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID, with the place in the file where that can be told
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_tiers_apply(
    store: *const hsm_store,
    yaml: *const c_char,
    yaml_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        let (store, yaml) = unsafe { (scope.store(store)?, input::text(yaml, yaml_length, "yaml")?) };
        store.store().apply_tiers(yaml)?;
        done()
    })
}
