//! The functions of `hestia_iosea.h`, and the ids that they take.

mod attributes;
mod get;
mod id;
mod list;
mod put;
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

/// What a record says data comes from or goes to.
#[derive(Debug)]
enum Place {
    Nowhere,
    Memory(*mut std::ffi::c_void),
    Path(std::path::PathBuf),
    Descriptor(i32),
}

impl Place {
    fn of(io: &HestiaIoContext) -> Result<Self> {
        let wrong = |what: &str| Failure::new(BAD_INPUT_BUFFER, what);
        // Of the other fields only those are looked at that the type needs: they may be uninitialised.
        match io.m_type {
            IO_EMPTY => Ok(Self::Nowhere),
            IO_BUFFER if io.m_buffer.is_null() && io.m_length > 0 => Err(wrong("the buffer is NULL")),
            IO_BUFFER => Ok(Self::Memory(io.m_buffer)),
            IO_PATH => {
                let path = text_at(io.m_path, PATH_BYTES_MAX);
                let path = path.filter(|path| !path.is_empty() && path.len() < PATH_BYTES_MAX);
                Ok(Self::Path(path_of(path.ok_or_else(|| wrong("the path is none"))?)))
            }
            IO_DESCRIPTOR if io.m_fd < 0 => Err(wrong("the descriptor is none")),
            IO_DESCRIPTOR => Ok(Self::Descriptor(io.m_fd)),
            _ => Err(wrong("the type is none of HESTIA_IO_EMPTY, _BUFFER, _PATH and _DESCRIPTOR")),
        }
    }
}
