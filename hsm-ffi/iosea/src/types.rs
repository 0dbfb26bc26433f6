//! The records and numbers of the two headers, as C sees them. Their layouts are checked in C and C++: `tests/c/layout.c`.
//!
//! Numbers arrive as `c_int`, since a caller may pass any.

#![allow(clippy::struct_field_names, reason = "the names are those of the headers")]

use std::ffi::{c_char, c_int, c_void};

pub(crate) const OK: c_int = 0;
pub(crate) const NOT_FOUND: c_int = 1;
pub(crate) const ATTEMPTED_OVERWRITE: c_int = 2;
pub(crate) const BAD_STREAM: c_int = 3;
pub(crate) const BAD_INPUT_ID: c_int = 4;
pub(crate) const BAD_INPUT_BUFFER: c_int = 5;
pub(crate) const CLIENT_STATE: c_int = 6;
pub(crate) const UNKNOWN: c_int = 7;

pub(crate) const CREATE: c_int = 0;
pub(crate) const UPDATE: c_int = 1;

pub(crate) const IO_EMPTY: c_int = 0;
pub(crate) const IO_BUFFER: c_int = 1;
pub(crate) const IO_PATH: c_int = 2;
pub(crate) const IO_DESCRIPTOR: c_int = 3;

pub(crate) const ITEM_OBJECT: c_int = 0;
pub(crate) const ITEM_TIER: c_int = 1;
pub(crate) const ITEM_DATASET: c_int = 2;
pub(crate) const ITEM_USER: c_int = 3;
pub(crate) const ITEM_NODE: c_int = 4;
pub(crate) const ITEM_ACTION: c_int = 5;
pub(crate) const ITEM_USER_METADATA: c_int = 6;
pub(crate) const ITEM_TIER_EXTENT: c_int = 7;

/// How items are named; joined by `|`.
pub(crate) const NAMED_BY_ID: c_int = 1;
pub(crate) const NAMED_BY_NAME: c_int = 2;
pub(crate) const NAMED_BY_PARENT_ID: c_int = 4;
pub(crate) const NAMED_BY_PARENT_NAME: c_int = 8;

/// How items are written; joined by `|`.
pub(crate) const AS_IDS: c_int = 1;
pub(crate) const AS_JSON: c_int = 2;
pub(crate) const AS_KEY_VALUE: c_int = 4;
pub(crate) const AS_NO_CHILD: c_int = 8;

pub(crate) const QUERY_NONE: c_int = 0;
pub(crate) const QUERY_IDS: c_int = 1;
pub(crate) const QUERY_FILTER: c_int = 2;

/// What stands in `m_user_initialized` of a record that was initialised.
pub(crate) const INITIALIZED: c_int = 2;

/// The id of an object, as text or as two numbers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HestiaId {
    pub(crate) m_lo: u64,
    pub(crate) m_hi: u64,
    pub(crate) m_uuid: *mut c_char,
    pub(crate) m_user_initialized: c_int,
    /// Padding to C.
    pub(crate) stamp: u32,
}

/// Where data comes from, or goes to.
#[repr(C)]
pub struct HestiaIoContext {
    pub(crate) m_type: c_int,
    pub(crate) m_offset: usize,
    pub(crate) m_length: usize,
    pub(crate) m_buffer: *mut c_void,
    pub(crate) m_path: *mut c_char,
    pub(crate) m_fd: c_int,
}

/// An attribute.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HestiaKeyValuePair {
    pub(crate) m_key: *mut c_char,
    pub(crate) m_value: *mut c_char,
}

/// The part of an object that lies on one tier.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HestiaTierExtent {
    pub(crate) m_tier_index: u8,
    pub(crate) m_size: usize,
    pub(crate) m_creation_time: libc::time_t,
    pub(crate) m_last_modified_time: libc::time_t,
}

/// What is known of an object.
#[repr(C)]
pub struct HestiaObject {
    pub(crate) m_name: *mut c_char,
    pub(crate) m_uuid: *mut c_char,
    pub(crate) m_size: usize,
    pub(crate) m_creation_time: libc::time_t,
    pub(crate) m_ctime: libc::time_t,
    pub(crate) m_mtime: libc::time_t,
    pub(crate) m_atime: libc::time_t,
    pub(crate) m_tier_extents: *mut HestiaTierExtent,
    pub(crate) m_num_tier_extents: usize,
    pub(crate) m_attrs: *mut HestiaKeyValuePair,
    pub(crate) m_num_attrs: usize,
    pub(crate) m_valid: c_int,
    /// Padding to C.
    pub(crate) stamp: u32,
}

/// A tier's number.
#[repr(C)]
pub struct HestiaTier {
    pub(crate) m_index: u8,
    pub(crate) m_user_initialized: c_int,
}
