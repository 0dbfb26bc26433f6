//! Datasets.

use std::ptr::{null, null_mut};

use super::{Attributes, Id, Store, bytes, made, pairs, raw};
use crate::failure::{Result, call};
use crate::sys;

handle!(
    /// What is known of a dataset.
    Dataset, hsm_dataset, hsm_dataset_free);

impl Dataset {
    pub(crate) fn info(&self) -> Result<sys::hsm_dataset_info> {
        // SAFETY: a record of numbers, for which zero is fine.
        let mut info: sys::hsm_dataset_info = unsafe { std::mem::zeroed() };
        let size = size_of_val(&info);
        // SAFETY: a live handle, and a place of that size.
        call(|error| unsafe { sys::hsm_dataset_stat(self.0, &raw mut info, size, error) })?;
        Ok(info)
    }

    pub(crate) fn name(&self) -> Result<Vec<u8>> {
        let (mut name, mut length) = (null(), 0);
        // SAFETY: a live handle; what it lends is copied.
        unsafe {
            call(|error| sys::hsm_dataset_name(self.0, &raw mut name, &raw mut length, error))?;
            Ok(bytes(name.cast(), length))
        }
    }

    /// Names and values, in the order of names.
    pub(crate) fn attributes(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut attributes = null();
        // SAFETY: a live handle; what it lends lives as long.
        unsafe {
            call(|error| sys::hsm_dataset_attributes(self.0, &raw mut attributes, error))?;
            pairs(attributes)
        }
    }
}

impl Store {
    pub(crate) fn create_dataset(&self, name: &[u8], attributes: &Attributes) -> Result<Id> {
        let (mut id, name, length) = (raw(&[0; 16]), name.as_ptr().cast(), name.len());
        // SAFETY: live handles, text with its length, and a place for an id.
        call(|error| unsafe {
            sys::hsm_dataset_create(self.0, name, length, attributes.0, &raw mut id, error)
        })?;
        Ok(id.bytes)
    }

    pub(crate) fn dataset(&self, id: &Id) -> Result<Dataset> {
        let id = raw(id);
        // SAFETY: a live handle, and a place for another.
        Ok(Dataset(made(|out, error| unsafe { sys::hsm_dataset_open(self.0, &raw const id, out, error) })?))
    }

    pub(crate) fn dataset_named(&self, name: &[u8]) -> Result<Dataset> {
        let (mut id, name, length) = (raw(&[0; 16]), name.as_ptr().cast(), name.len());
        // SAFETY: a live handle, text with its length, and a place for an id.
        call(|error| unsafe { sys::hsm_dataset_find(self.0, name, length, &raw mut id, error) })?;
        self.dataset(&id.bytes)
    }

    /// Every dataset, in the order of names.
    pub(crate) fn datasets(&self) -> Result<Vec<Dataset>> {
        let mut datasets: Vec<Dataset> = Vec::new();
        loop {
            let after = datasets.last().map(Dataset::name).transpose()?;
            let (start, length) =
                after.as_ref().map_or((null(), 0), |after| (after.as_ptr().cast(), after.len()));
            let mut next = null_mut();
            // SAFETY: a live handle, text with its length, and a place for another handle.
            let status =
                call(|error| unsafe { sys::hsm_dataset_next(self.0, start, length, &raw mut next, error) })?;
            if status != sys::HSM_STATUS_OK {
                return Ok(datasets);
            }
            datasets.push(Dataset(next));
        }
    }

    pub(crate) fn set_dataset_attributes(&self, id: &Id, attributes: &Attributes) -> Result<()> {
        let id = raw(id);
        // SAFETY: live handles; the position is not wanted.
        call(|error| unsafe {
            sys::hsm_dataset_set_attributes(self.0, &raw const id, attributes.0, null_mut(), error)
        })?;
        Ok(())
    }

    pub(crate) fn remove_dataset(&self, id: &Id) -> Result<()> {
        let id = raw(id);
        // SAFETY: a live handle; the position is not wanted.
        call(|error| unsafe { sys::hsm_dataset_remove(self.0, &raw const id, null_mut(), error) })?;
        Ok(())
    }

    /// Gives an object a key in a dataset; takes it where `remove` says so.
    pub(crate) fn change_key(&self, dataset: &Id, key: &[u8], object: &Id, remove: bool) -> Result<()> {
        let (dataset, object) = (raw(dataset), raw(object));
        let (key, length) = (key.as_ptr().cast(), key.len());
        // SAFETY: a live handle, bytes with their length; the position is not wanted.
        call(|error| unsafe {
            let (dataset, none) = (&raw const dataset, null_mut());
            if remove {
                sys::hsm_key_remove(self.0, dataset, key, length, none, error)
            } else {
                sys::hsm_key_add(self.0, dataset, key, length, &raw const object, none, error)
            }
        })?;
        Ok(())
    }
}
