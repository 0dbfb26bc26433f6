//! Subscribers: names with a durable position in the feed.
//!
//! A subscriber outlives every handle and process: whoever follows a store under its name begins behind what was
//! acknowledged last. What the store keeps of the feed does not depend on subscribers but on its retention: one that falls
//! behind that is told of a gap, and catches up with a listing (hsm_query_set_changed_after()).

use std::ffi::c_char;

use hsm_core::object::Position;
use hsm_core::{Retention, Subscriber};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::hsm_position;
use crate::status::{HSM_STATUS_END, HSM_STATUS_OK, hsm_status};
use crate::store::hsm_store;
use crate::{input, output};

/// A subscriber in numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct hsm_subscriber_info {
    /// The last change that was acknowledged, or the one it began behind.
    pub acked: hsm_position,
    /// When that was.
    pub acked_ns: i64,
    /// When it was created.
    pub created_ns: i64,
    /// 1 while somebody follows the store under its name, else 0.
    pub is_followed: i32,
    /// 0.
    pub reserved: i32,
}

/// Creates a subscriber. Durable when this returns. The first one of a store makes an index of the objects by their
/// last change, which takes about a second for a million objects; until then others wait who write.
///
/// @param name         1 to 255 bytes of UTF-8
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @param after        the position behind which it begins, of hsm_store_position() say; NULL, or zeros: before the
///                     first change
/// @return HSM_STATUS_EXISTS when the name is taken, HSM_STATUS_INVALID for a position behind the last change
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscriber_create(
    store: *const hsm_store,
    name: *const c_char,
    name_length: usize,
    after: *const hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let name = input::text(name, name_length, "name")?;
            let after = after.as_ref().map(|after| Position::from(*after)).unwrap_or_default();
            store.subscribe(name, after)?;
        }
        done()
    })
}

/// The next subscriber in order of name.
///
/// @param after         the name behind which to look; NULL: the first
/// @param after_length  in bytes; SIZE_MAX: up to the NUL; not looked at when after is NULL
/// @param buffer        gets the name and a NUL, 256 bytes are always enough; may be NULL when buffer_size is 0
/// @param buffer_size   in bytes
/// @param length_out    gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @param info_size     sizeof(hsm_subscriber_info)
/// @return HSM_STATUS_END past the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscriber_next(
    store: *const hsm_store,
    after: *const c_char,
    after_length: usize,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    info_out: *mut hsm_subscriber_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let after = if after.is_null() { None } else { Some(input::text(after, after_length, "after")?) };
            output::check_buffer(buffer, buffer_size, "buffer")?;
            output::check_record(info_out, info_size, "info_out")?;
            let all = store.subscribers()?;
            let next = all.iter().find(|next| after.is_none_or(|after| next.name.as_str() > after));
            let Some(Subscriber { name, acked, acked_ns, created_ns, is_followed }) = next else {
                return Ok(HSM_STATUS_END);
            };
            let answer = output::text(buffer, buffer_size, length_out, name.as_bytes(), "buffer")?;
            if answer == HSM_STATUS_OK {
                let (acked, is_followed) = ((*acked).into(), i32::from(*is_followed));
                let (acked_ns, created_ns) = (*acked_ns, *created_ns);
                let info = hsm_subscriber_info { acked, acked_ns, created_ns, is_followed, reserved: 0 };
                output::record(info_out, info_size, &info, "info_out")?;
            }
            Ok(answer)
        }
    })
}

/// Forgets a subscriber, durably.
///
/// @param name         UTF-8
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_NOT_FOUND; HSM_STATUS_BUSY while somebody follows the store under its name
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscriber_drop(
    store: *const hsm_store,
    name: *const c_char,
    name_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            store.drop_subscriber(input::text(name, name_length, "name")?)?;
        }
        done()
    })
}

/// Says how much of the feed the store keeps, for every handle and subscriber. hsm_store_maintain() drops what exceeds one
/// of the bounds, some megabytes at a time, as far as two whole snapshots lie behind that which hsm_store_snapshot() made:
/// so make one now and then. Until this is called all is kept.
///
/// @param events_max    so many of the last events; UINT64_MAX: however many
/// @param age_max_ns    events of at most this age in nanoseconds; UINT64_MAX: of any
/// @param position_out  gets the position of the change; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_set_retention(
    store: *const hsm_store,
    events_max: u64,
    age_max_ns: u64,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        let retention = input::retention(events_max, age_max_ns);
        // SAFETY: each NULL or as the header says.
        unsafe {
            let position = scope.store(store)?.store().set_retention(&retention)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// How much of the feed the store keeps, as hsm_store_set_retention() was told.
///
/// @param events_max_out  UINT64_MAX: however many
/// @param age_max_ns_out  UINT64_MAX: of any age
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_retention(
    store: *const hsm_store,
    events_max_out: *mut u64,
    age_max_ns_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            output::check_place(events_max_out, "events_max_out")?;
            output::check_place(age_max_ns_out, "age_max_ns_out")?;
            let Retention { events_max, age_max } = store.retention()?;
            let age = age_max.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
            events_max_out.write(events_max.unwrap_or(u64::MAX));
            age_max_ns_out.write(age.unwrap_or(u64::MAX));
        }
        done()
    })
}
