//! What a user notes about an object or a dataset: names and values.
//!
//! A name is UTF-8 without NUL, of 1 to 255 bytes. A value is any bytes, up to 64 KiB; all names and values of
//! one object or dataset together have at most 256 KiB.
//!
//! A handle of attributes is made, filled, passed to calls, and freed. Passed as an update, it sets what it
//! holds, takes away what it marks as removed, and leaves other attributes as they are, if the attributes that it expects are
//! as it says. Where a call only sets attributes, as that of a put or of a new dataset does, its removals mean nothing, and
//! expectations are refused. The handles that
//! objects, datasets and events lend are read in the same way. Attributes stand in the order of their names'
//! bytes.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

use hsm_core::journal::Updates;
use hsm_core::object::{self, Attributes};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::status::{HSM_STATUS_END, HSM_STATUS_NOT_FOUND, hsm_status};
use crate::{input, output};

/// Names and values, and names whose attribute is to be removed.
#[derive(Debug, Clone, Default)]
pub struct hsm_attributes {
    /// Those of an object or a dataset, as they were read: most are asked for one name, or not at all.
    read: Attributes,
    /// In order of name, each once; made of `read` when they are first needed one by one.
    updates: OnceLock<Updates>,
    /// What must be there for the updates to be made.
    expected: Updates,
}

impl hsm_attributes {
    pub(crate) fn from_core(read: Attributes) -> Self {
        Self { read, ..Self::default() }
    }

    /// Where to put those of another object, in the place of what was read before.
    pub(crate) fn replace(&mut self) -> &mut Attributes {
        self.updates.take();
        &mut self.read
    }

    /// What a change says: where it names one twice, the last counts.
    pub(crate) fn from_updates(updates: &[(&str, Option<&[u8]>)]) -> Self {
        let each_once: BTreeMap<_, _> = updates.iter().copied().collect();
        let owned = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
        let updates: Updates = each_once.into_iter().map(owned).collect();
        Self { updates: updates.into(), ..Self::default() }
    }

    /// As an update.
    pub(crate) fn updates(&self) -> &Updates {
        let set = |(name, value): (&str, &[u8])| (name.to_owned(), Some(value.to_vec()));
        self.updates.get_or_init(|| self.read.iter().map(set).collect())
    }

    /// What must be there for them to be made.
    pub(crate) fn expected(&self) -> &Updates {
        &self.expected
    }

    /// Refuses expectations where a call cannot keep to them.
    pub(crate) fn unconditional(&self) -> Result<&Self, hsm_error> {
        if self.expected.is_empty() {
            return Ok(self);
        }
        Err(hsm_error::invalid("invalid attributes: nothing can be expected of attributes here".to_owned()))
    }

    /// As the attributes of something new.
    pub(crate) fn values(&self) -> Result<Attributes, hsm_error> {
        let mut values = Attributes::new();
        values.update(self.unconditional()?.updates());
        Ok(values)
    }

    /// The same of what a caller gave; none where that is NULL.
    pub(crate) fn values_given(given: Option<&Self>) -> Result<Attributes, hsm_error> {
        given.map_or_else(|| Ok(Attributes::new()), Self::values)
    }

    /// How many, removals included.
    pub(crate) fn len(&self) -> usize {
        self.updates.get().map_or_else(|| self.read.len(), Vec::len)
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        match self.updates.get() {
            Some(updates) => position(updates, name).ok().and_then(|at| updates[at].1.as_deref()),
            None => self.read.get(name),
        }
    }

    fn set(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), hsm_error> {
        self.updates();
        put(self.updates.get_mut().expect("made just now"), name, value)
    }
}

/// Notes a value, or that there is none, in the place of what was noted under the name.
fn put(updates: &mut Updates, name: &str, value: Option<&[u8]>) -> Result<(), hsm_error> {
    object::check_attribute(name, value.unwrap_or_default())?;
    let value = value.map(<[u8]>::to_vec);
    match position(updates, name) {
        Ok(at) => updates[at].1 = value,
        Err(at) => updates.insert(at, (name.to_owned(), value)),
    }
    Ok(())
}

fn position(updates: &Updates, name: &str) -> Result<usize, usize> {
    updates.binary_search_by(|(other, _)| other.as_str().cmp(name))
}

/// Makes a handle without attributes.
///
/// @param attributes_out  free it with hsm_attributes_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_new(
    attributes_out: *mut *mut hsm_attributes,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a place for a handle.
        unsafe {
            output::no_handle(attributes_out, "attributes_out")?;
            output::handle(attributes_out, hsm_attributes::default());
        }
        done()
    })
}

/// Frees attributes that hsm_attributes_new() made; what was lent is never freed. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_free(attributes: *mut hsm_attributes) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(attributes) };
}

/// Sets an attribute, in the place of one of that name or of its removal. Both are copied.
///
/// @param name          UTF-8
/// @param name_length   in bytes; SIZE_MAX: up to the NUL
/// @param value         any bytes; may be NULL when there are none
/// @param value_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for a name or a value outside the limits
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_set(
    attributes: *mut hsm_attributes,
    name: *const c_char,
    name_length: usize,
    value: *const c_void,
    value_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let attributes = input::needed_mut(attributes, "attributes")?;
            let name = input::text(name, name_length, "name")?;
            let value = input::run(value, value_length, "value")?;
            attributes.set(name, Some(value))?;
        }
        done()
    })
}

/// Marks an attribute as removed: as an update, the handle takes it away where it is there.
///
/// @param name         UTF-8
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for a name outside the limits
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_remove(
    attributes: *mut hsm_attributes,
    name: *const c_char,
    name_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let attributes = input::needed_mut(attributes, "attributes")?;
            attributes.set(input::text(name, name_length, "name")?, None)?;
        }
        done()
    })
}

/// Expects an attribute to have a value, or not to be there: as an update, the handle changes an object or a dataset only
/// where that is so at that moment; else the call answers HSM_STATUS_CONFLICT and changes nothing. So what was decided by an
/// attribute that was read is not done over what another has set since: look again then, and decide anew.
///
/// @param name          UTF-8
/// @param name_length   in bytes; SIZE_MAX: up to the NUL
/// @param value         any bytes; NULL: there is no attribute of that name, and value_length is ignored
/// @param value_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for a name or a value outside the limits
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_expect(
    attributes: *mut hsm_attributes,
    name: *const c_char,
    name_length: usize,
    value: *const c_void,
    value_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let attributes = input::needed_mut(attributes, "attributes")?;
            let name = input::text(name, name_length, "name")?;
            let value = input::run_or_none(value, value_length, "value")?;
            put(&mut attributes.expected, name, value)?;
        }
        done()
    })
}

/// How many attributes there are, removals included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_count(
    attributes: *const hsm_attributes,
    count_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let count = input::needed(attributes, "attributes")?.len();
            output::put(count_out, count, "count_out")?;
        }
        done()
    })
}

/// The attribute with a number, counted from 0. What it lends lives until the handle is changed or freed.
///
/// @param name_out          the name, without a NUL at its end
/// @param name_length_out   in bytes
/// @param value_out         the value; NULL for a removal
/// @param value_length_out  in bytes
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_at(
    attributes: *const hsm_attributes,
    index: usize,
    name_out: *mut *const u8,
    name_length_out: *mut usize,
    value_out: *mut *const u8,
    value_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let attributes = input::needed(attributes, "attributes")?;
            output::check_place(name_out, "name_out")?;
            output::check_place(name_length_out, "name_length_out")?;
            output::check_place(value_out, "value_out")?;
            output::check_place(value_length_out, "value_length_out")?;
            let Some((name, value)) = attributes.updates().get(index) else { return Ok(HSM_STATUS_END) };
            output::lend(name_out, name_length_out, name.as_bytes(), "name_out")?;
            if let Some(value) = value {
                output::lend(value_out, value_length_out, value, "value_out")?;
            } else {
                value_out.write(std::ptr::null());
                value_length_out.write(0);
            }
        }
        done()
    })
}

/// The value of an attribute. It lives until the handle is changed or freed.
///
/// @param name              UTF-8
/// @param name_length       in bytes; SIZE_MAX: up to the NUL
/// @param value_out         the value; never NULL on HSM_STATUS_OK, also where it has no bytes
/// @param value_length_out  in bytes
/// @return HSM_STATUS_NOT_FOUND when there is none, or it is marked as removed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_attributes_get(
    attributes: *const hsm_attributes,
    name: *const c_char,
    name_length: usize,
    value_out: *mut *const u8,
    value_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let attributes = input::needed(attributes, "attributes")?;
            let name = input::text(name, name_length, "name")?;
            output::check_place(value_length_out, "value_length_out")?;
            let Some(value) = attributes.get(name) else {
                return Err(hsm_error::new(HSM_STATUS_NOT_FOUND, format!("no attribute {name:?}")));
            };
            output::lend(value_out, value_length_out, value, "value_out")?;
        }
        done()
    })
}
