//! The functions of `hestia_iosea.h`, and the ids that they take.

mod attributes;
pub(crate) mod get;
pub(crate) mod id;
mod list;
pub(crate) mod put;
mod stream;
mod transfer;

use crate::client::PATH_BYTES_MAX;
use crate::config::path_of;
use crate::failure::{Failure, Result};
use crate::hsm::ANY_TIER;
use crate::memory::text_at;
use crate::types::{
    BAD_INPUT_BUFFER, HestiaIoContext, HestiaTier, INITIALIZED, IO_BUFFER, IO_DESCRIPTOR, IO_EMPTY, IO_PATH,
};

/// The tier that a record names; without one, or one that was not initialised, any.
///
/// # Safety
///
/// `tier` is NULL or points to a record, initialised or not.
unsafe fn tier_of(tier: *const HestiaTier) -> i32 {
    // SAFETY: as the caller says. Any bytes are a record of numbers.
    match unsafe { tier.as_ref() } {
        Some(tier) if tier.m_user_initialized == INITIALIZED => i32::from(tier.m_index),
        _ => ANY_TIER,
    }
}

/// Where data comes from or goes to.
#[derive(Debug)]
pub(crate) enum Place {
    Nowhere,
    Memory(*mut std::ffi::c_void),
    Path(std::path::PathBuf),
    Descriptor(i32),
}

impl Place {
    pub(crate) fn of_memory(buffer: *mut std::ffi::c_void, length: usize) -> Result<Self> {
        if buffer.is_null() && length > 0 {
            return Err(Failure::null("the buffer"));
        }
        Ok(Self::Memory(buffer))
    }

    pub(crate) fn of_path(path: *const std::ffi::c_char) -> Result<Self> {
        let path = text_at(path, PATH_BYTES_MAX);
        let path = path.filter(|path| !path.is_empty() && path.len() < PATH_BYTES_MAX);
        let path = path.ok_or_else(|| Failure::new(BAD_INPUT_BUFFER, "the path is none"))?;
        Ok(Self::Path(path_of(path)))
    }

    pub(crate) fn of_descriptor(fd: i32) -> Result<Self> {
        if fd < 0 {
            return Err(Failure::new(BAD_INPUT_BUFFER, "the descriptor is none"));
        }
        Ok(Self::Descriptor(fd))
    }

    fn of(io: &HestiaIoContext) -> Result<Self> {
        let wrong = |what: &str| Failure::new(BAD_INPUT_BUFFER, what);
        // Of the other fields only those are looked at that the type needs: they may be uninitialised.
        match io.m_type {
            IO_EMPTY => Ok(Self::Nowhere),
            IO_BUFFER => Self::of_memory(io.m_buffer, io.m_length),
            IO_PATH => Self::of_path(io.m_path),
            IO_DESCRIPTOR => Self::of_descriptor(io.m_fd),
            _ => Err(wrong("the type is none of HESTIA_IO_EMPTY, _BUFFER, _PATH and _DESCRIPTOR")),
        }
    }
}
