//! Pins: an object stays on a tier until a time.
//!
//! A pin forbids that the object's copy on the tier is released: by hsm_object_release(), forced or not, by a move away, a
//! drain, or an action of these. They are refused with HSM_STATUS_REFUSED, and the message says until when and for whom.
//! Each owner has one pin of an object on a tier; the copy stays until the last of them ends. A pin ends by the store's
//! clock, without an event, or when it is taken away.
//!
//! The copy need not be there yet: pin first, then recall, and nothing can come in between.
//!
//! A pin says where bytes lie, not whether they do: new content takes the place of the old, a pinned object can be removed
//! and its pins go with it for good (they stay as long as it can be brought back), a compaction may move the copy within its
//! tier, and a copy on a tier that is lost, or one that is damaged, is struck off. Pins survive a crash and a restore from a
//! snapshot; hsm_store_rebuild(), which has only the roots, does not find them.

use std::ffi::{CStr, c_char};

use hsm_core::PinQuery;
use hsm_core::journal::Change;
use hsm_core::object::{ObjectId, Pin};

use crate::error::hsm_error;
use crate::event::hsm_event_info;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::query::{self, hsm_query};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::hsm_store;
use crate::transfer::{objects, put_position};
use crate::{input, output};

/// One pin.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_pin_info {
    /// The object.
    pub object: hsm_id,
    /// When it ends, in nanoseconds since 1970; INT64_MAX: when it is taken away.
    pub until_ns: i64,
    /// The tier on which the object's copy stays.
    pub tier: i32,
    /// Zero.
    pub reserved: i32,
    /// Whose it is, with a NUL; may be empty.
    pub owner: [c_char; 256],
}

impl Default for hsm_pin_info {
    fn default() -> Self {
        Self { object: hsm_id::default(), until_ns: 0, tier: 0, reserved: 0, owner: [0; 256] }
    }
}

/// Pins an object to a tier, durably. In the place of the pin that this owner has there: it may end sooner, too.
///
/// @param tier          the tier on which its copy stays, or will stay once it is there
/// @param owner         whose pin it is: at most 255 bytes of UTF-8; may be empty
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
/// @param until_ns      when it ends, in nanoseconds since 1970; INT64_MAX: when it is taken away
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_INVALID when the time is over, HSM_STATUS_NOT_FOUND when there is no such object or tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_pin(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    owner: *const c_char,
    owner_length: usize,
    until_ns: i64,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::object(id, "id")?);
            let owner = input::text(owner, owner_length, "owner")?;
            let position = store.pin(id, input::tier(tier, "tier")?, owner, until_ns)?;
            put_position(position_out, Some(position));
        }
        done()
    })
}

/// Takes an owner's pin away. Where there is none, or it has ended, the answer is HSM_STATUS_OK with a position of zeros.
/// The object may be one that was removed.
///
/// @param owner         as it was given to hsm_object_pin()
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
/// @param position_out  gets the position of the change; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_unpin(
    store: *const hsm_store,
    id: *const hsm_id,
    tier: i32,
    owner: *const c_char,
    owner_length: usize,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, id) = (scope.store(store)?.store(), id::object(id, "id")?);
            let owner = input::text(owner, owner_length, "owner")?;
            put_position(position_out, store.unpin(id, input::tier(tier, "tier")?, owner)?);
        }
        done()
    })
}

/// Pins many objects to a tier, as hsm_object_pin() does one: all of them in one commit, or none.
///
/// @param ids           the objects; one may be there more than once
/// @param count         how many, at least 1; all have to fit into 16 MiB, of which each takes about 40 bytes and its owner
/// @param tier          the tier on which their copies stay, or will stay once they are there
/// @param owner         whose pins they are: at most 255 bytes of UTF-8; may be empty
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
/// @param until_ns      when they end, in nanoseconds since 1970; INT64_MAX: when they are taken away
/// @param position_out  gets the position of the last change; may be NULL
/// @return as hsm_object_pin(): then nothing was pinned
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_pin(
    store: *const hsm_store,
    ids: *const hsm_id,
    count: usize,
    tier: i32,
    owner: *const c_char,
    owner_length: usize,
    until_ns: i64,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, ids) = (scope.store(store)?.store(), objects(ids, count)?);
            let owner = input::text(owner, owner_length, "owner")?;
            let position = store.pin_many(&ids, input::tier(tier, "tier")?, owner, until_ns)?;
            put_position(position_out, Some(position));
        }
        done()
    })
}

/// Pins all live objects that match a query, a dataset, say: in commits of up to 10000. One that comes meanwhile may be
/// left out, one that goes is. After an error those of the commits before it stay pinned: call it again.
///
/// @param query         copied; NULL: all objects
/// @param tier          the tier on which their copies stay, or will stay once they are there
/// @param owner         whose pins they are: at most 255 bytes of UTF-8; may be empty
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
/// @param until_ns      when they end, in nanoseconds since 1970; INT64_MAX: when they are taken away
/// @param count_out     gets how many were pinned, one of several keys in a dataset once for each; may be NULL
/// @return as hsm_object_pin(); HSM_STATUS_NOT_FOUND when there is no such dataset, too
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_pin_all(
    store: *const hsm_store,
    query: *const hsm_query,
    tier: i32,
    owner: *const c_char,
    owner_length: usize,
    until_ns: i64,
    count_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let query = query::given(query);
            let owner = input::text(owner, owner_length, "owner")?;
            let count = store.pin_all(&query, input::tier(tier, "tier")?, owner, until_ns)?;
            output::put_if(count_out, count);
        }
        done()
    })
}

/// Takes all pins of an owner away, in commits of up to 10000.
///
/// @param tier          only on this tier; -1: on any
/// @param owner         as it was given to hsm_object_pin()
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
/// @param count_out     gets how many there were; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_unpin_all(
    store: *const hsm_store,
    tier: i32,
    owner: *const c_char,
    owner_length: usize,
    count_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let wanted = PinQuery {
                object: None,
                tier: input::any_tier(tier, "tier")?,
                owner: Some(input::text(owner, owner_length, "owner")?.to_owned()),
            };
            output::put_if(count_out, store.unpin_all(&wanted)?);
        }
        done()
    })
}

/// The next pin that has not ended, in order of object, tier and owner.
///
/// @param after         the pin behind which to look; NULL: the first. It may be the record that info_out is
/// @param after_size    sizeof(hsm_pin_info)
/// @param object        only pins of this object; NULL, or zeros: of any
/// @param tier          only on this tier; -1: on any
/// @param owner         only of this owner; NULL: of any
/// @param owner_length  in bytes; SIZE_MAX: up to the NUL
/// @param info_size     sizeof(hsm_pin_info)
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_pin_next(
    store: *const hsm_store,
    after: *const hsm_pin_info,
    after_size: usize,
    object: *const hsm_id,
    tier: i32,
    owner: *const c_char,
    owner_length: usize,
    info_out: *mut hsm_pin_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?.store();
            let behind = if after.is_null() { None } else { Some(given(after, after_size)?) };
            let mut wanted = PinQuery {
                object: id::given(object).map(ObjectId),
                tier: input::any_tier(tier, "tier")?,
                owner: None,
            };
            if !owner.is_null() {
                wanted.owner = Some(input::text(owner, owner_length, "owner")?.to_owned());
            }
            output::check_record(info_out, info_size, "info_out")?;
            let Some(pin) = store.pins(&wanted, behind.as_ref(), 1)?.pop() else {
                return Ok(HSM_STATUS_END);
            };
            output::record(info_out, info_size, &info(&pin), "info_out")?;
        }
        done()
    })
}

/// The pin that a record tells of.
///
/// # Safety
///
/// Valid for reads of `size` bytes.
unsafe fn given(after: *const hsm_pin_info, size: usize) -> Result<Pin, hsm_error> {
    // SAFETY: as the caller promises; every value of its bytes is one of a record.
    let given = unsafe { input::record(after, size, "after")? };
    let wrong = || hsm_error::invalid("invalid owner of after: it is no text with a NUL");
    let bytes = given.owner.map(|byte| byte as u8);
    let owner = CStr::from_bytes_until_nul(&bytes).map_err(|_| wrong())?;
    Ok(Pin {
        object: ObjectId(given.object.bytes),
        tier: input::tier(given.tier, "tier of after")?,
        owner: owner.to_str().map_err(|_| wrong())?.to_owned(),
        until_ns: given.until_ns,
    })
}

fn info(pin: &Pin) -> hsm_pin_info {
    let mut info = hsm_pin_info {
        object: pin.object.into(),
        until_ns: pin.until_ns,
        tier: pin.tier.into(),
        ..hsm_pin_info::default()
    };
    // An owner has no more than 255 bytes, so that its NUL stays.
    for (to, from) in info.owner[..255].iter_mut().zip(pin.owner.bytes()) {
        *to = from as c_char;
    }
    info
}

/// Notes what a change says about a pin, if it does.
pub(crate) fn note_pin(change: &Change, info: &mut hsm_event_info) {
    match change {
        Change::Pinned(pin) => (info.tier, info.until_ns) = (pin.tier.into(), pin.until_ns),
        Change::Unpinned { tier, .. } => info.tier = (*tier).into(),
        _ => {}
    }
}
