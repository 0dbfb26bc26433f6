//! Objects: bytes and attributes under an id.
//!
//! An object's content changes by whole generations, counted from 1. Each tier holds at most one copy of it.
//! It is verified once it was read back from the medium and found whole.
//!
//! An hsm_object is what was known of an object when it was opened, or when a cursor or a reader met it. It
//! does not change, may be shared between threads, and may outlive the store where it was opened by
//! hsm_object_open(); those that are lent live as long as the lender says.

use std::ffi::c_char;

use hsm_core::object::{Copy, Object};
use hsm_core::{Items, Listed};

use crate::attributes::hsm_attributes;
use crate::callback::{Taken, hsm_name_callback};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::hsm_store;
use crate::{input, output};

/// Names that are fetched at once.
const NAMES_AT_ONCE: usize = 1000;

/// What was known of an object.
#[derive(Debug, Default)]
pub struct hsm_object {
    listed: Listed,
    attributes: hsm_attributes,
}

impl hsm_object {
    pub(crate) fn new(object: Object) -> Self {
        let mut made = Self { listed: object.into(), ..Self::default() };
        made.listed.attributes_into(made.attributes.replace());
        made
    }

    /// Takes the next object of a listing in the place of this one, of which nobody has what was lent any more. `false`:
    /// nothing is left.
    pub(crate) fn take_next(&mut self, items: &mut Items) -> bool {
        let is_there = items.next_into(&mut self.listed);
        if is_there {
            self.listed.attributes_into(self.attributes.replace());
        }
        is_there
    }

    /// The key it was found under.
    pub(crate) fn found_key(&self) -> &[u8] {
        self.listed.found_key()
    }
}

/// An object in numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_object_info {
    /// Its id.
    pub id: hsm_id,
    /// The dataset of its first key; zeros where it has none.
    pub dataset: hsm_id,
    /// Counts its contents from 1; 0: it never had data.
    pub generation: u64,
    /// Length of its content in bytes.
    pub size_bytes: u64,
    /// Checksums are kept for blocks of so many bytes; 0 without data.
    pub block_size_bytes: u64,
    /// When it came to be.
    pub created_ns: i64,
    /// When its content last changed.
    pub modified_ns: i64,
    /// When its content was last known to be read; 0: never, as far as is known. See hsm_store_set_access_staleness().
    pub accessed_ns: i64,
    /// 0 while it lives; after its removal: until when it can be brought back.
    pub removed_until_ns: i64,
    /// The number of the last change to anything about it.
    pub changed: u64,
    /// How many copies there are.
    pub copies: u64,
    /// How many digests of its content are recorded.
    pub digests: u64,
    /// How many attributes it has.
    pub attributes: u64,
    /// 1 when it has data, also of no bytes; 0 when it was created without.
    pub has_data: i32,
    /// 0.
    pub reserved: i32,
}

/// One copy of an object.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_copy_info {
    /// The tier that it lies on.
    pub tier: i32,
    /// 1 when it was ever read back from the medium and found whole, else 0.
    pub is_verified: i32,
    /// When it was made.
    pub created_ns: i64,
    /// When it was last read back and found whole; 0: never.
    pub verified_ns: i64,
    /// In how many pieces it lies.
    pub pieces: u64,
}

fn info(object: &hsm_object) -> hsm_object_info {
    let summary = object.listed.summary();
    hsm_object_info {
        id: summary.id.into(),
        dataset: summary.dataset.map(hsm_id::from).unwrap_or_default(),
        generation: summary.generation,
        size_bytes: summary.size.unwrap_or(0),
        block_size_bytes: summary.size.map_or(0, |_| 1 << summary.block_shift),
        created_ns: summary.created_ns,
        modified_ns: summary.modified_ns,
        accessed_ns: summary.accessed_ns,
        removed_until_ns: summary.removed_until_ns,
        changed: summary.changed,
        copies: summary.copies as u64,
        digests: summary.digests as u64,
        attributes: object.attributes.len() as u64,
        has_data: summary.size.is_some().into(),
        reserved: 0,
    }
}

/// Opens what is known of a live object now.
///
/// @param id          the object's id
/// @param object_out  free it with hsm_object_free()
/// @return HSM_STATUS_NOT_FOUND when there is none, or it was removed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_open(
    store: *const hsm_store,
    id: *const hsm_id,
    object_out: *mut *mut hsm_object,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(object_out, "object_out")?;
            let store = scope.store(store)?;
            let object = store.store().object(id::object(id, "id")?)?;
            output::handle(object_out, hsm_object::new(object));
        }
        done()
    })
}

/// Frees an object's handle that hsm_object_open() made; what was lent is never freed. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_free(object: *mut hsm_object) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(object) };
}

/// An object in numbers.
///
/// @param info_size  sizeof(hsm_object_info)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_stat(
    object: *const hsm_object,
    info_out: *mut hsm_object_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let object = input::needed(object, "object")?;
            output::record(info_out, info_size, &info(object), "info_out")?;
        }
        done()
    })
}

/// One of an object's copies, the one on the hottest tier first.
///
/// @param index      counted from 0
/// @param copy_size  sizeof(hsm_copy_info)
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_copy_at(
    object: *const hsm_object,
    index: usize,
    copy_out: *mut hsm_copy_info,
    copy_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let object = input::needed(object, "object")?;
            output::check_record(copy_out, copy_size, "copy_out")?;
            let Some(copy) = object.listed.object().copies.get(index) else { return Ok(HSM_STATUS_END) };
            let Copy { tier, created_ns, verified_ns, pieces } = copy;
            let copy = hsm_copy_info {
                tier: (*tier).into(),
                is_verified: copy.is_verified().into(),
                created_ns: *created_ns,
                verified_ns: *verified_ns,
                pieces: pieces.len() as u64,
            };
            output::record(copy_out, copy_size, &copy, "copy_out")?;
        }
        done()
    })
}

/// One of the recorded digests of an object's content, as algorithm:hexadecimal.
///
/// @param index        counted from 0
/// @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_digest_at(
    object: *const hsm_object,
    index: usize,
    buffer: *mut c_char,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let content = input::needed(object, "object")?.listed.object().content.as_ref();
            let Some(digest) = content.and_then(|content| content.digests.get(index)) else {
                return Ok(HSM_STATUS_END);
            };
            output::text(buffer, buffer_size, length_out, digest.to_string().as_bytes(), "buffer")
        }
    })
}

/// An object's attributes. They live as long as the object's handle, and are not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_attributes(
    object: *const hsm_object,
    attributes_out: *mut *const hsm_attributes,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let lent = &input::needed(object, "object")?.attributes;
            output::put(attributes_out, std::ptr::from_ref(lent), "attributes_out")?;
        }
        done()
    })
}

/// An object's first key; hsm_object_stat() says in which dataset. It lives as long as the object's handle.
///
/// @param key_out         the key, without a NUL at its end
/// @param key_length_out  in bytes
/// @return HSM_STATUS_END where it has none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_key(
    object: *const hsm_object,
    key_out: *mut *const u8,
    key_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let object = input::needed(object, "object")?;
            output::check_place(key_out, "key_out")?;
            output::check_place(key_length_out, "key_length_out")?;
            if object.listed.summary().dataset.is_none() {
                return Ok(HSM_STATUS_END);
            }
            output::lend(key_out, key_length_out, object.listed.first_key(), "key_out")?;
        }
        done()
    })
}

/// Tells of every key of a live object, those in one dataset together, in the order of their bytes. One that
/// it has throughout is told of exactly once.
///
/// @param id    the object's id
/// @param name  called for each
/// @return HSM_STATUS_NOT_FOUND when there is no such object
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_names(
    store: *const hsm_store,
    id: *const hsm_id,
    name: hsm_name_callback,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let name = unsafe { Taken::new(name) };
    guard(error_out, |scope| {
        let callback = name.needed("name")?;
        // SAFETY: each NULL or as the header says.
        let (store, id) = unsafe { (scope.store(store)?, id::object(id, "id")?) };
        let mut after = None;
        loop {
            let page = store.store().names_page(id, after.as_ref(), NAMES_AT_ONCE)?;
            for name in &page.names {
                callback.name(name)?;
            }
            after = page.next;
            if after.is_none() {
                return done();
            }
        }
    })
}

/// Sets and removes attributes of a live object; others stay. Durable when this returns.
///
/// @param id            the object's id
/// @param attributes    what is set, what is removed, and what is expected
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such object, HSM_STATUS_INVALID when all its attributes
///         together would be outside the limits, HSM_STATUS_CONFLICT where one is not as expected
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_object_set_attributes(
    store: *const hsm_store,
    id: *const hsm_id,
    attributes: *const hsm_attributes,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let id = id::object(id, "id")?;
            let attributes = input::needed(attributes, "attributes")?;
            let position =
                store.store().set_attributes_if(id, attributes.updates(), attributes.expected())?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}
