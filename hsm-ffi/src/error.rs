//! Why a call failed.
//!
//! Every function that can fail takes a place for an error as its last argument, which may be NULL. It is
//! written on every call: NULL on success and with an answer, otherwise an error that the caller frees with
//! hsm_error_free(). No error is kept anywhere else. Each of these functions takes NULL for "no error".

use std::ffi::{CStr, CString, c_char};

use hsm_core::{Error, Kind};

use crate::id::hsm_id;
use crate::status::{
    HSM_STATUS_BUSY, HSM_STATUS_CANCELLED, HSM_STATUS_CLOSED, HSM_STATUS_CONFLICT, HSM_STATUS_CORRUPT,
    HSM_STATUS_EXISTS, HSM_STATUS_FORKED, HSM_STATUS_FULL, HSM_STATUS_INTERNAL, HSM_STATUS_INVALID,
    HSM_STATUS_IO, HSM_STATUS_NOT_FOUND, HSM_STATUS_OFFLINE, HSM_STATUS_OK, HSM_STATUS_REFUSED,
    HSM_STATUS_UNSUPPORTED, hsm_status,
};

/// Why a call failed: a status, a message for people, and what it is about.
/// Constant once made: it may be read by several threads.
#[derive(Debug, Clone)]
pub struct hsm_error {
    status: hsm_status,
    message: CString,
    object: Option<hsm_id>,
    tier: i32,
    callback: i32,
}

impl hsm_error {
    pub(crate) fn new(status: hsm_status, message: impl Into<Vec<u8>>) -> Self {
        let message: Vec<u8> = message.into();
        // One line, whatever a path, a name or a parser brings in.
        let lines = message.split(|byte| matches!(byte, b'\n' | b'\r' | 0)).map(<[u8]>::trim_ascii);
        let message = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(&b' ');
        let message = CString::new(message).unwrap_or_default();
        Self { status, message, object: None, tier: -1, callback: 0 }
    }

    pub(crate) fn invalid(message: impl Into<Vec<u8>>) -> Self {
        Self::new(HSM_STATUS_INVALID, message)
    }

    /// Something that is needed is NULL.
    pub(crate) fn null(what: &str) -> Self {
        Self::invalid(format!("invalid {what}: it is NULL"))
    }

    /// A handle that was closed, committed or finished before.
    pub(crate) fn consumed(what: &str) -> Self {
        Self::new(HSM_STATUS_CLOSED, format!("the {what} is of no more use; it can only be freed"))
    }

    /// A callback returned something other than 0.
    pub(crate) fn callback(what: &str, returned: i32) -> Self {
        Self {
            callback: returned,
            ..Self::new(crate::status::HSM_STATUS_CANCELLED, format!("{what} returned {returned}"))
        }
    }

    pub(crate) fn status(&self) -> hsm_status {
        self.status
    }

    pub(crate) fn object(&self) -> Option<hsm_id> {
        self.object
    }
}

impl From<Error> for hsm_error {
    fn from(error: Error) -> Self {
        let status = match (&error, error.kind()) {
            (Error::Forked, _) => HSM_STATUS_FORKED,
            (_, Kind::NotFound) => HSM_STATUS_NOT_FOUND,
            (_, Kind::Exists) => HSM_STATUS_EXISTS,
            (_, Kind::Conflict) => HSM_STATUS_CONFLICT,
            (_, Kind::Refused) => HSM_STATUS_REFUSED,
            (_, Kind::Corrupt) => HSM_STATUS_CORRUPT,
            (_, Kind::Invalid) => HSM_STATUS_INVALID,
            (_, Kind::Full) => HSM_STATUS_FULL,
            (_, Kind::Offline) => HSM_STATUS_OFFLINE,
            (_, Kind::Busy) => HSM_STATUS_BUSY,
            (_, Kind::Closed) => HSM_STATUS_CLOSED,
            (_, Kind::Cancelled) => HSM_STATUS_CANCELLED,
            (_, Kind::Unsupported) => HSM_STATUS_UNSUPPORTED,
            (_, Kind::Io) => HSM_STATUS_IO,
            (_, _) => HSM_STATUS_INTERNAL,
        };
        let (object, tier) = match &error {
            Error::ObjectNotFound { id } | Error::NoData { id } => (Some(*id), None),
            Error::TierNotFound { tier }
            | Error::TierOffline { tier, .. }
            | Error::Delayed { tier, .. }
            | Error::TierReadOnly { tier, .. }
            | Error::TierFull { tier, .. } => (None, Some(*tier)),
            Error::CopyNotFound { id, tier }
            | Error::LastCopy { id, tier }
            | Error::Corrupt { id, tier, .. } => (Some(*id), Some(*tier)),
            Error::Pinned { pin } => (Some(pin.object), Some(pin.tier)),
            _ => (None, None),
        };
        let callback = if let Error::Stopped { code } = error { code } else { 0 };
        Self {
            callback,
            object: object.map(hsm_id::from),
            tier: tier.map_or(-1, i32::from),
            ..Self::new(status, error.to_string())
        }
    }
}

/// The status that came with the error; HSM_STATUS_OK for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_error_status(error: *const hsm_error) -> hsm_status {
    // SAFETY: NULL, or an error that was not freed.
    unsafe { error.as_ref() }.map_or(HSM_STATUS_OK, |error| error.status)
}

/// What went wrong on what, and what to do: UTF-8, one line, without a full stop, for people.
///
/// Lives as long as the error; "" for NULL. Programs choose by the status, never by these words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_error_message(error: *const hsm_error) -> *const c_char {
    // SAFETY: NULL, or an error that was not freed.
    unsafe { error.as_ref() }.map_or(c"", |error| -> &CStr { &error.message }).as_ptr()
}

/// Which tier the error is about; -1 where it is about none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_error_tier(error: *const hsm_error) -> i32 {
    // SAFETY: NULL, or an error that was not freed.
    unsafe { error.as_ref() }.map_or(-1, |error| error.tier)
}

/// What the callback returned that stopped the call; 0 where none did.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_error_callback(error: *const hsm_error) -> i32 {
    // SAFETY: NULL, or an error that was not freed.
    unsafe { error.as_ref() }.map_or(0, |error| error.callback)
}

/// Frees an error. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_error_free(error: *mut hsm_error) {
    // SAFETY: NULL, or an error that was not freed.
    unsafe { crate::output::free(error) };
}
