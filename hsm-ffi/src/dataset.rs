//! Datasets: named groups of objects, in which objects have keys.
//!
//! A dataset's name is UTF-8 without NUL, of 1 to 255 bytes, and unique in the store. A key is 1 to 4096 bytes
//! without NUL; keys are ordered by their bytes. An object may have several keys, in several datasets, or none:
//! it is reached by its id in any case. A dataset with a cursor over it is listed by key.
//!
//! An hsm_dataset is what was known of a dataset when it was opened. It does not change, may be shared
//! between threads, and may outlive the store.

use std::ffi::{CString, c_char, c_void};
use std::sync::OnceLock;

use hsm_core::object::{self, Dataset, Name};

use crate::attributes::hsm_attributes;
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::hsm_store;
use crate::{input, output};

/// What was known of a dataset.
#[derive(Debug)]
pub struct hsm_dataset {
    dataset: Dataset,
    name: CString,
    attributes: OnceLock<hsm_attributes>,
}

impl hsm_dataset {
    fn new(dataset: Dataset) -> Self {
        // A dataset's name has no NUL.
        let name = CString::new(dataset.name.as_str()).unwrap_or_default();
        Self { dataset, name, attributes: OnceLock::new() }
    }
}

/// A dataset in numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_dataset_info {
    /// Its id.
    pub id: hsm_id,
    /// When it was created.
    pub created_ns: i64,
    /// How many keys it holds.
    pub keys: u64,
    /// How many attributes it has.
    pub attributes: u64,
}

/// The name that a dataset and a key in it make.
///
/// # Safety
///
/// `dataset` NULL or readable, `key` as for [`input::run`].
pub(crate) unsafe fn name(
    dataset: *const hsm_id,
    key: *const c_void,
    key_length: usize,
) -> Result<Name, hsm_error> {
    // SAFETY: as the caller promises.
    let (dataset, key) = unsafe { (id::dataset(dataset, "dataset")?, input::run(key, key_length, "key")?) };
    object::check_key(key)?;
    Ok(Name { dataset, key: key.to_vec() })
}

/// Creates a dataset. Durable when this returns.
///
/// @param name         UTF-8
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @param attributes   its first attributes; NULL: none
/// @param dataset_out  gets the id that was drawn for it
/// @return HSM_STATUS_EXISTS when the name is taken, HSM_STATUS_INVALID for a name or attributes outside the
///         limits
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_create(
    store: *const hsm_store,
    name: *const c_char,
    name_length: usize,
    attributes: *const hsm_attributes,
    dataset_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let name = input::text(name, name_length, "name")?;
            output::check_place(dataset_out, "dataset_out")?;
            let attributes = hsm_attributes::values_given(attributes.as_ref())?;
            let created = store.store().create_dataset(name, &attributes)?;
            output::put(dataset_out, created.into(), "dataset_out")?;
        }
        done()
    })
}

/// The id of the dataset with a name.
///
/// @param name         UTF-8
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_NOT_FOUND when there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_find(
    store: *const hsm_store,
    name: *const c_char,
    name_length: usize,
    dataset_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let found = store.store().dataset(input::text(name, name_length, "name")?)?;
            output::put(dataset_out, found.id.into(), "dataset_out")?;
        }
        done()
    })
}

/// Opens what is known of a dataset now.
///
/// @param dataset      its id
/// @param dataset_out  free it with hsm_dataset_free()
/// @return HSM_STATUS_NOT_FOUND when there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_open(
    store: *const hsm_store,
    dataset: *const hsm_id,
    dataset_out: *mut *mut hsm_dataset,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(dataset_out, "dataset_out")?;
            let store = scope.store(store)?;
            let found = store.store().dataset_by_id(id::dataset(dataset, "dataset")?)?;
            output::handle(dataset_out, hsm_dataset::new(found));
        }
        done()
    })
}

/// Opens the next dataset in the order of names. One that is there throughout such a listing is met exactly
/// once.
///
/// @param after         the name of the one before, whether it is still there or not; NULL: open the first
/// @param after_length  in bytes; SIZE_MAX: up to the NUL
/// @param dataset_out   free it with hsm_dataset_free()
/// @return HSM_STATUS_END when there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_next(
    store: *const hsm_store,
    after: *const c_char,
    after_length: usize,
    dataset_out: *mut *mut hsm_dataset,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(dataset_out, "dataset_out")?;
            let store = scope.store(store)?;
            let after = if after.is_null() { None } else { Some(input::text(after, after_length, "after")?) };
            let Some(next) = store.store().datasets(after, 1)?.pop() else { return Ok(HSM_STATUS_END) };
            output::handle(dataset_out, hsm_dataset::new(next));
        }
        done()
    })
}

/// A dataset in numbers, as it was when it was opened.
///
/// @param info_size  sizeof(hsm_dataset_info)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_stat(
    dataset: *const hsm_dataset,
    info_out: *mut hsm_dataset_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let Dataset { id, created_ns, keys, attributes, .. } =
                &input::needed(dataset, "dataset")?.dataset;
            let info = hsm_dataset_info {
                id: (*id).into(),
                created_ns: *created_ns,
                keys: *keys,
                attributes: attributes.len() as u64,
            };
            output::record(info_out, info_size, &info, "info_out")?;
        }
        done()
    })
}

/// A dataset's name. It lives as long as the handle.
///
/// @param name_out         the name, with a NUL at its end
/// @param name_length_out  its length in bytes, without the NUL; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_name(
    dataset: *const hsm_dataset,
    name_out: *mut *const c_char,
    name_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let name = &input::needed(dataset, "dataset")?.name;
            output::put(name_out, name.as_ptr(), "name_out")?;
            output::put_if(name_length_out, name.as_bytes().len());
        }
        done()
    })
}

/// A dataset's attributes. They live as long as the handle, and are not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_attributes(
    dataset: *const hsm_dataset,
    attributes_out: *mut *const hsm_attributes,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let hsm_dataset { dataset, attributes, .. } = input::needed(dataset, "dataset")?;
            output::check_place(attributes_out, "attributes_out")?;
            let lent = attributes.get_or_init(|| hsm_attributes::from_core(dataset.attributes.clone()));
            output::put(attributes_out, std::ptr::from_ref(lent), "attributes_out")?;
        }
        done()
    })
}

/// Frees a dataset's handle. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_free(dataset: *mut hsm_dataset) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(dataset) };
}

/// Sets and removes attributes of a dataset; others stay. Durable when this returns.
///
/// @param dataset       its id
/// @param attributes    what is set, what is removed, and what is expected
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such dataset, HSM_STATUS_INVALID when all its attributes
///         together would be outside the limits, HSM_STATUS_CONFLICT where one is not as expected
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_set_attributes(
    store: *const hsm_store,
    dataset: *const hsm_id,
    attributes: *const hsm_attributes,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let id = id::dataset(dataset, "dataset")?;
            let attributes = input::needed(attributes, "attributes")?;
            let (updates, expected) = (attributes.updates(), attributes.expected());
            let position = store.store().set_dataset_attributes_if(id, updates, expected)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// Removes a dataset that holds no key. Durable when this returns.
///
/// @param dataset       its id
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_EXISTS while it holds keys, HSM_STATUS_NOT_FOUND when there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_dataset_remove(
    store: *const hsm_store,
    dataset: *const hsm_id,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let position = store.store().remove_dataset(id::dataset(dataset, "dataset")?)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// Gives an object a key, beside those that it has. Durable when this returns.
///
/// @param dataset       the dataset's id
/// @param key           any bytes but NUL
/// @param key_length    in bytes; SIZE_MAX: up to the NUL
/// @param object        the object's id
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_EXISTS when the key is taken, HSM_STATUS_NOT_FOUND when there is no such dataset or
///         object
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_key_add(
    store: *const hsm_store,
    dataset: *const hsm_id,
    key: *const c_void,
    key_length: usize,
    object: *const hsm_id,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let name = name(dataset, key, key_length)?;
            let position = store.store().add_name(id::object(object, "object")?, &name)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// Takes a key from the object that has it. The object stays, also without a key. Durable when this returns.
///
/// @param dataset       the dataset's id
/// @param key           any bytes but NUL
/// @param key_length    in bytes; SIZE_MAX: up to the NUL
/// @param position_out  gets the position of the change; may be NULL
/// @return HSM_STATUS_NOT_FOUND when no object has it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_key_remove(
    store: *const hsm_store,
    dataset: *const hsm_id,
    key: *const c_void,
    key_length: usize,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let position = store.store().remove_name(&name(dataset, key, key_length)?)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// The object that has a key.
///
/// @param dataset     the dataset's id
/// @param key         any bytes but NUL
/// @param key_length  in bytes; SIZE_MAX: up to the NUL
/// @param object_out  gets the object's id
/// @return HSM_STATUS_NOT_FOUND when none has it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_key_find(
    store: *const hsm_store,
    dataset: *const hsm_id,
    key: *const c_void,
    key_length: usize,
    object_out: *mut hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let found = store.store().find(&name(dataset, key, key_length)?)?;
            output::put(object_out, found.into(), "object_out")?;
        }
        done()
    })
}
