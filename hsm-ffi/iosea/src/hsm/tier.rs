//! Tiers: listed, added, changed and taken out of use.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Store, TierSettings, made};
use crate::failure::{Result, call};
use crate::sys;

impl Store {
    /// The numbers of the tiers, the hottest first.
    pub(crate) fn tiers(&self) -> Result<Vec<u8>> {
        Ok(self.tiers_in_numbers()?.iter().map(|tier| tier.tier as u8).collect())
    }

    /// The tiers, the hottest first.
    pub(crate) fn tiers_in_numbers(&self) -> Result<Vec<sys::hsm_tier_info>> {
        let mut tiers: Vec<sys::hsm_tier_info> = Vec::new();
        loop {
            // SAFETY: a record of numbers, for which zero is fine.
            let mut tier: sys::hsm_tier_info = unsafe { std::mem::zeroed() };
            let (size, after) = (size_of_val(&tier), tiers.last().map_or(-1, |last| last.tier));
            // SAFETY: a live handle, and a place of that size.
            let status =
                call(|error| unsafe { sys::hsm_tier_next(self.0, after, &raw mut tier, size, error) })?;
            if status != sys::HSM_STATUS_OK {
                return Ok(tiers);
            }
            tiers.push(tier);
        }
    }

    /// A tier's word for people.
    pub(crate) fn tier_name(&self, tier: u8) -> Result<Vec<u8>> {
        let (mut name, mut length) = (vec![0_u8; 256], 0);
        // SAFETY: a live handle, and a place with its size.
        call(|error| unsafe {
            let (place, size) = (name.as_mut_ptr().cast(), name.len());
            sys::hsm_tier_name(self.0, i32::from(tier), place, size, &raw mut length, error)
        })?;
        name.truncate(length);
        Ok(name)
    }

    pub(crate) fn add_tier(&self, settings: &TierSettings) -> Result<()> {
        // SAFETY: live handles.
        call(|error| unsafe { sys::hsm_tier_add(self.0, settings.0, error) })?;
        Ok(())
    }

    /// Changes what a tier may hold, in bytes; 0: any number.
    pub(crate) fn change_tier(&self, tier: u8, capacity_bytes: u64) -> Result<()> {
        // SAFETY: places for handles, and live ones.
        unsafe {
            let settings = TierSettings(made(|out, error| {
                sys::hsm_tier_settings_get(self.0, i32::from(tier), out, error)
            })?);
            call(|error| sys::hsm_tier_settings_set_capacity_bytes(settings.0, capacity_bytes, error))?;
            call(|error| sys::hsm_tier_change(self.0, settings.0, error))?;
        }
        Ok(())
    }

    pub(crate) fn retire_tier(&self, tier: u8) -> Result<()> {
        // SAFETY: a live handle.
        call(|error| unsafe { sys::hsm_tier_retire(self.0, i32::from(tier), error) })?;
        Ok(())
    }
}

impl TierSettings {
    /// A tier in a directory, in memory, or without either in the store; at most so many bytes, or 0.
    pub(crate) fn new(tier: u8, root: Option<&Path>, in_memory: bool, capacity_bytes: u64) -> Result<Self> {
        // SAFETY: a place for a handle, a live one, and text with its length.
        unsafe {
            let settings = Self(made(|out, error| sys::hsm_tier_settings_new(i32::from(tier), out, error))?);
            if in_memory {
                let backend = sys::HSM_BACKEND_MEMORY;
                call(|error| sys::hsm_tier_settings_set_backend(settings.0, backend, error))?;
            } else if let Some(root) = root {
                let root = root.as_os_str().as_bytes();
                let (root, length) = (root.as_ptr().cast(), root.len());
                call(|error| sys::hsm_tier_settings_set_root(settings.0, root, length, error))?;
            }
            call(|error| sys::hsm_tier_settings_set_capacity_bytes(settings.0, capacity_bytes, error))?;
            Ok(settings)
        }
    }

    pub(crate) fn set_name(&self, name: &[u8]) -> Result<()> {
        let (name, length) = (name.as_ptr().cast(), name.len());
        // SAFETY: a live handle, and text with its length.
        call(|error| unsafe { sys::hsm_tier_settings_set_name(self.0, name, length, error) })?;
        Ok(())
    }
}
