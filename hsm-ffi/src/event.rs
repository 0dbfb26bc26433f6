//! Events: one committed change each.
//!
//! An event says what is so after it, so a program that applies each in turn holds a picture of the store, and one
//! that is applied twice does no harm. hsm_event_stat() tells its kind and its numbers; what else a kind has is
//! said at the kind. Fields that a kind does not have are 0, or -1 for a tier.
//!
//! A later version of hsm may bring kinds that a program, or this library, does not know. Such an event is to be
//! passed over. Where that would be wrong, the feed does not hand it out but fails.
//!
//! An event is lent by a feed, and with it all that the functions of this chapter lend. It does not change
//! meanwhile, and may be shared between threads.

use std::ffi::c_char;
use std::sync::OnceLock;

use hsm_core::RecordedEvent;
use hsm_core::journal::Change;
use hsm_core::object::Pin;

use crate::attributes::hsm_attributes;
use crate::error::hsm_error;
use crate::guard::{Answer, done, guard};
use crate::id::{hsm_id, hsm_position};
use crate::object::hsm_copy_info;
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::tier::hsm_tier_info;
use crate::tier_settings::hsm_tier_settings;
use crate::{input, output};

/// A change of a kind that this library does not know; record_type has its number in the format.
pub const HSM_EVENT_UNKNOWN: i32 = 0;
/// An object has new content, or came to be without any: object, generation, is_new, has_data, size_bytes,
/// block_size_bytes, digests, attributes that were set with it (others stay), and, where one was given with it, a
/// dataset and key (other keys stay). Its copies take the place of all it had; tier is that of the first.
pub const HSM_EVENT_PUT: i32 = 1;
/// An object has a copy on one more tier, or a new one in the place of the one there: object, generation, tier,
/// copies (1).
pub const HSM_EVENT_COPY_ADDED: i32 = 2;
/// A tier no longer holds a copy: object, generation, tier, reason (HSM_REASON_*).
pub const HSM_EVENT_COPY_DROPPED: i32 = 3;
/// A copy was read back from the medium: object, generation, tier, is_whole.
pub const HSM_EVENT_COPY_VERIFIED: i32 = 4;
/// Attributes were set or removed: object, or dataset where they are a dataset's, and attributes.
pub const HSM_EVENT_ATTRIBUTES_SET: i32 = 5;
/// An object was removed, with all its keys: object, until_ns.
pub const HSM_EVENT_REMOVED: i32 = 6;
/// A removed object lives again: object, and the dataset and key that it has again, if it has.
pub const HSM_EVENT_UNDELETED: i32 = 7;
/// A removed object can no longer be brought back; nothing of it is left: object.
pub const HSM_EVENT_PURGED: i32 = 8;
/// A dataset came to be: dataset, name, attributes.
pub const HSM_EVENT_DATASET_CREATED: i32 = 9;
/// A dataset was removed; it held no key: dataset.
pub const HSM_EVENT_DATASET_REMOVED: i32 = 10;
/// An object got a key: object, dataset, key.
pub const HSM_EVENT_KEY_ADDED: i32 = 11;
/// An object lost a key: object, dataset, key.
pub const HSM_EVENT_KEY_REMOVED: i32 = 12;
/// A tier was added or its settings changed: tier, name, and what hsm_event_tier() tells.
pub const HSM_EVENT_TIER_SET: i32 = 13;
/// A setting of the store changed: name, value.
pub const HSM_EVENT_SETTING_SET: i32 = 14;
/// A new epoch of the journal began: cause (HSM_EPOCH_*), ended. Changes of the epoch before that stand behind
/// ended are undone.
pub const HSM_EVENT_EPOCH_BEGAN: i32 = 15;
/// The bytes of a copy lie elsewhere on its tier, since the pack that held them was rewritten: object, generation, tier,
/// copies (1). Who does not ask where bytes lie can pass over it.
pub const HSM_EVENT_COPY_RELOCATED: i32 = 16;
/// An object was read: object, accessed_ns. It is told late, for many objects at once and not for every read: see
/// hsm_store_set_access_staleness(). The object did not change; a subscriber to changes leaves it out with
/// hsm_subscription_leave_out_kind().
pub const HSM_EVENT_ACCESSED: i32 = 48;

/// An action was submitted: action, verb, object, tier (its target).
pub const HSM_EVENT_ACTION_SUBMITTED: i32 = 32;
/// An action has another state: action, state.
pub const HSM_EVENT_ACTION_CHANGED: i32 = 33;
/// A finished action is no longer kept: action.
pub const HSM_EVENT_ACTION_FORGOTTEN: i32 = 34;
/// A worker leased an action of a site's kind, or extended its lease: action, state (HSM_ACTION_RUNNING).
pub const HSM_EVENT_ACTION_LEASED: i32 = 35;
/// A worker left a result with an action: action. That it is done is an event of its own, behind this.
pub const HSM_EVENT_ACTION_RESULT: i32 = 36;
/// An owner pinned an object to a tier: object, tier, until_ns, and the owner as its name.
pub const HSM_EVENT_PINNED: i32 = 49;
/// An owner took its pin away: object, tier, and the owner as its name. A pin that ends by itself is no event.
pub const HSM_EVENT_UNPINNED: i32 = 50;

/// Somebody asked for it: a release, or the second half of a move.
pub const HSM_REASON_RELEASED: i32 = 1;
/// Its tier was declared lost.
pub const HSM_REASON_TIER_LOST: i32 = 2;
/// It was damaged or gone, and another copy is whole.
pub const HSM_REASON_DAMAGED: i32 = 3;
/// Its tier was drained.
pub const HSM_REASON_DRAINED: i32 = 4;

/// The index was rebuilt; no change was lost.
pub const HSM_EPOCH_REBUILT: i32 = 1;
/// Relaxed changes did not survive a power loss and were rolled back.
pub const HSM_EPOCH_ROLLED_BACK: i32 = 2;
/// The store was reconciled with its roots.
pub const HSM_EPOCH_RECONCILED: i32 = 3;
/// The store was restored from a snapshot on a tier: what came behind that is not known any more.
pub const HSM_EPOCH_RESTORED: i32 = 4;

/// One committed change.
#[derive(Debug, Default)]
pub struct hsm_event {
    event: RecordedEvent,
    /// Made when they are first asked for.
    attributes: OnceLock<hsm_attributes>,
}

/// An event in numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct hsm_event_info {
    /// Where it stands in the journal. Numbers follow each other without gaps.
    pub position: hsm_position,
    /// When it was committed.
    pub time_ns: i64,
    /// Which opening of the store committed it.
    pub instance: u64,
    /// The object that it is about; zeros: none.
    pub object: hsm_id,
    /// The dataset that it is about, or that the key is in; zeros: none.
    pub dataset: hsm_id,
    /// The object's generation.
    pub generation: u64,
    /// Length of the content in bytes.
    pub size_bytes: u64,
    /// Checksums are kept for blocks of so many bytes.
    pub block_size_bytes: u64,
    /// How many copies hsm_event_copy_at() tells of.
    pub copies: u64,
    /// How many digests hsm_event_digest_at() tells of.
    pub digests: u64,
    /// How many attributes were set or removed, each time one is named counted.
    pub attributes: u64,
    /// Until when a removed object can be brought back, or a pin keeps its copy.
    pub until_ns: i64,
    /// The last position of the epoch before.
    pub ended: hsm_position,
    /// HSM_EVENT_*.
    pub kind: i32,
    /// The tier; -1: none.
    pub tier: i32,
    /// HSM_REASON_*; one that this header does not know is of a later version.
    pub reason: i32,
    /// HSM_EPOCH_*; one that this header does not know is of a later version.
    pub cause: i32,
    /// 1 when the object came to be with this change, also when it had been removed before; 0 when it existed.
    pub is_new: i32,
    /// 1 when the object has data, also of no bytes; 0 when it was made without.
    pub has_data: i32,
    /// 1 when every byte of the copy was right, else 0.
    pub is_whole: i32,
    /// 1 when there is a key, else 0.
    pub has_key: i32,
    /// The number of the kind in the format.
    pub record_type: i32,
    /// 0.
    pub reserved: i32,
    /// The action that it is about; zeros: none.
    pub action: hsm_id,
    /// HSM_ACTION_COPY and so on.
    pub verb: i32,
    /// HSM_ACTION_QUEUED and so on.
    pub state: i32,
    /// When the object was last read.
    pub accessed_ns: i64,
}

impl hsm_event {
    /// The event in it, to be replaced by the next: nobody has what was lent of the one before any more.
    pub(crate) fn next(&mut self) -> &mut RecordedEvent {
        self.attributes.take();
        &mut self.event
    }
}

/// An event in numbers.
///
/// @param info_size  sizeof(hsm_event_info)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_stat(
    event: *const hsm_event,
    info_out: *mut hsm_event_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let event = input::needed(event, "event")?;
            output::record(info_out, info_size, &event.info(), "info_out")?;
        }
        done()
    })
}

/// One of the copies that an event tells of, the one on the hottest tier first.
///
/// @param index      counted from 0
/// @param copy_size  sizeof(hsm_copy_info)
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_copy_at(
    event: *const hsm_event,
    index: usize,
    copy_out: *mut hsm_copy_info,
    copy_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let event = input::needed(event, "event")?;
            output::check_record(copy_out, copy_size, "copy_out")?;
            let Some(copy) = event.copies().get(index) else { return Ok(HSM_STATUS_END) };
            // Its times are those of the event.
            let info = hsm_copy_info {
                tier: copy.tier.into(),
                is_verified: copy.is_verified().into(),
                created_ns: event.event.time_ns,
                verified_ns: if copy.is_verified() { event.event.time_ns } else { 0 },
                pieces: copy.pieces.len() as u64,
            };
            output::record(copy_out, copy_size, &info, "copy_out")?;
        }
        done()
    })
}

/// One of the recorded digests of the content that an event tells of, as algorithm:hexadecimal.
///
/// @param index        counted from 0
/// @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_digest_at(
    event: *const hsm_event,
    index: usize,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let content = input::needed(event, "event")?.content();
            let Some(digest) = content.and_then(|content| content.digests.get(index)) else {
                return Ok(HSM_STATUS_END);
            };
            output::text(buffer, buffer_size, length_out, digest.to_string().as_bytes(), "buffer")
        }
    })
}

/// The attributes that an event sets and removes; none at all for kinds without. They live as long as the event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_attributes(
    event: *const hsm_event,
    attributes_out: *mut *const hsm_attributes,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let event = input::needed(event, "event")?;
            output::check_place(attributes_out, "attributes_out")?;
            let lent = event.attributes.get_or_init(|| event.updates());
            output::put(attributes_out, std::ptr::from_ref(lent), "attributes_out")?;
        }
        done()
    })
}

/// The key that an event tells of; hsm_event_stat() says in which dataset. It lives as long as the event.
///
/// @param key_out         the key, without a NUL at its end
/// @param key_length_out  in bytes
/// @return HSM_STATUS_END where there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_key(
    event: *const hsm_event,
    key_out: *mut *const u8,
    key_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        lend(event, key_out, key_length_out, "key_out", error_out, |event| {
            event.event.recorded.name().map(|(_, key)| key)
        })
    }
}

/// The name of the dataset that was created, of the tier, or of the setting; the owner of a pin. It lives as long as the event.
///
/// @param name_out         the name, without a NUL at its end; of no bytes for a tier or an owner that has none
/// @param name_length_out  in bytes
/// @return HSM_STATUS_END where there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_name(
    event: *const hsm_event,
    name_out: *mut *const u8,
    name_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        lend(event, name_out, name_length_out, "name_out", error_out, |event| match event.change() {
            Change::DatasetCreated { name, .. } | Change::SettingSet { name, .. } => Some(name.as_bytes()),
            Change::Pinned(Pin { owner, .. }) | Change::Unpinned { owner, .. } => Some(owner.as_bytes()),
            _ => event.tier().map(|config| config.name.as_bytes()),
        })
    }
}

/// The value of the setting of the store that changed, or the root of the tier: its directory, absolute, or relative
/// to the store's. It lives as long as the event.
///
/// @param value_out         the bytes, without a NUL at their end
/// @param value_length_out  in bytes
/// @return HSM_STATUS_END where there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_value(
    event: *const hsm_event,
    value_out: *mut *const u8,
    value_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        lend(event, value_out, value_length_out, "value_out", error_out, |event| match event.change() {
            Change::SettingSet { value, .. } => Some(&value[..]),
            _ => event.tier().map(|config| config.root.as_bytes()),
        })
    }
}

/// The settings that a tier has after an event. What is on it now, and whether it is online, hsm_tier_stat() tells:
/// here they are 0.
///
/// @param info_size     sizeof(hsm_tier_info)
/// @param settings_out  gets the settings as a handle, free it with hsm_tier_settings_free(); may be NULL
/// @return HSM_STATUS_END for an event of another kind
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_event_tier(
    event: *const hsm_event,
    info_out: *mut hsm_tier_info,
    info_size: usize,
    settings_out: *mut *mut hsm_tier_settings,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::put_if(settings_out, std::ptr::null_mut());
            let event = input::needed(event, "event")?;
            output::check_record(info_out, info_size, "info_out")?;
            let Some(config) = event.tier() else { return Ok(HSM_STATUS_END) };
            output::record(info_out, info_size, &hsm_tier_info::settings(config), "info_out")?;
            if !settings_out.is_null() {
                output::handle(settings_out, hsm_tier_settings { config: config.clone() });
            }
        }
        done()
    })
}

/// Lends bytes of an event, where it has them.
///
/// # Safety
///
/// Each NULL or as the header says.
unsafe fn lend(
    event: *const hsm_event,
    place: *mut *const u8,
    length_out: *mut usize,
    what: &str,
    error_out: *mut *mut hsm_error,
    bytes: impl FnOnce(&hsm_event) -> Option<&[u8]>,
) -> hsm_status {
    guard(error_out, |_| -> Answer {
        // SAFETY: as the caller promises.
        unsafe {
            let event = input::needed(event, "event")?;
            output::check_place(place, what)?;
            output::check_place(length_out, "length_out")?;
            let Some(bytes) = bytes(event) else { return Ok(HSM_STATUS_END) };
            output::lend(place, length_out, bytes, what)?;
        }
        done()
    })
}

mod told;

#[cfg(test)]
mod tests;
