//! Attributes: read from what libhsm lends, and set, over what was read where that matters.

use std::ptr::{null, null_mut};

use super::{Attributes, Id, Store, made, raw};
use crate::failure::{Result, call};
use crate::sys;

/// Names and values, in the order of names.
///
/// # Safety
///
/// What is lent is alive.
pub(super) unsafe fn pairs(attributes: *const sys::hsm_attributes) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = Vec::new();
    loop {
        let (mut name, mut name_length, mut value, mut value_length) = (null(), 0, null(), 0);
        // SAFETY: as the caller says, and four places.
        let status = call(|error| unsafe {
            sys::hsm_attributes_at(
                attributes,
                all.len(),
                &raw mut name,
                &raw mut name_length,
                &raw mut value,
                &raw mut value_length,
                error,
            )
        })?;
        if status != sys::HSM_STATUS_OK {
            return Ok(all);
        }
        // SAFETY: lent until the handle is freed.
        all.push(unsafe { (bytes(name, name_length), bytes(value, value_length)) });
    }
}

/// # Safety
///
/// `start` has that many bytes, or there are none.
pub(super) unsafe fn bytes(start: *const u8, length: usize) -> Vec<u8> {
    if length == 0 {
        return Vec::new();
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(start, length) }.to_vec()
}

impl Attributes {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: a place for a handle.
        Ok(Self(made(|out, error| unsafe { sys::hsm_attributes_new(out, error) })?))
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> Result<()> {
        let name = (name.as_ptr().cast(), name.len());
        // SAFETY: a live handle, and text with its length.
        call(|error| unsafe { sys::hsm_attributes_remove(self.0, name.0, name.1, error) })?;
        Ok(())
    }

    /// They are set where there is such a value, or, for `None`, no such attribute; else that fails as lost.
    pub(crate) fn expect(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<()> {
        let (name, length) = (name.as_ptr().cast(), name.len());
        let value = value.map_or((null(), 0), |value| (value.as_ptr().cast(), value.len()));
        // SAFETY: a live handle, and text with its length; an empty slice has an address too.
        call(|error| unsafe { sys::hsm_attributes_expect(self.0, name, length, value.0, value.1, error) })?;
        Ok(())
    }

    pub(crate) fn set(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        let (name, value) = ((name.as_ptr().cast(), name.len()), (value.as_ptr().cast(), value.len()));
        // SAFETY: a live handle, and text with its length.
        call(|error| unsafe { sys::hsm_attributes_set(self.0, name.0, name.1, value.0, value.1, error) })?;
        Ok(())
    }
}

impl Store {
    pub(crate) fn set_attributes(&self, id: &Id, attributes: &Attributes) -> Result<()> {
        let id = raw(id);
        // SAFETY: live handles; the position is not wanted.
        call(|error| unsafe {
            sys::hsm_object_set_attributes(self.0, &raw const id, attributes.0, null_mut(), error)
        })?;
        Ok(())
    }
}
