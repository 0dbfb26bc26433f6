//! What every call answers.
//!
//! A status is a number. 0 is success. 1 to 15 are answers: nothing failed, and no error object is made. From
//! 16 on they are errors, few, and each calls for one reaction. A number keeps its meaning for ever.

use std::ffi::{CStr, c_char};

/// The answer of a call: one of HSM_STATUS_*.
pub type hsm_status = i32;

/// It was done.
pub const HSM_STATUS_OK: hsm_status = 0;
/// An answer: there is nothing more, for now in a feed, for good elsewhere.
pub const HSM_STATUS_END: hsm_status = 1;
/// An answer: the time given for waiting is over.
pub const HSM_STATUS_TIMEOUT: hsm_status = 2;
/// An answer: events before the next one are no longer kept.
pub const HSM_STATUS_GAP: hsm_status = 3;
/// An answer: the buffer is too small; the length that is needed was written.
pub const HSM_STATUS_BUFFER_TOO_SMALL: hsm_status = 4;

/// What was named does not exist.
pub const HSM_STATUS_NOT_FOUND: hsm_status = 16;
/// The name or id is taken.
pub const HSM_STATUS_EXISTS: hsm_status = 17;
/// Another writer was faster; look again and retry.
pub const HSM_STATUS_CONFLICT: hsm_status = 18;
/// A rule of the store forbids it: the last good copy would be lost, or the store or tier is read-only.
pub const HSM_STATUS_REFUSED: hsm_status = 19;
/// Stored bytes are damaged; none of them were returned.
pub const HSM_STATUS_CORRUPT: hsm_status = 20;
/// What was passed is wrong; the message says what would be right.
pub const HSM_STATUS_INVALID: hsm_status = 21;
/// No room; free some and try again.
pub const HSM_STATUS_FULL: hsm_status = 22;
/// A place is out of reach, such as an unmounted disk; bring it back and try again.
pub const HSM_STATUS_OFFLINE: hsm_status = 23;
/// Somebody else holds a lock; try again later.
pub const HSM_STATUS_BUSY: hsm_status = 24;
/// The handle was closed, committed or poisoned; it can only be freed.
pub const HSM_STATUS_CLOSED: hsm_status = 25;
/// A callback stopped it.
pub const HSM_STATUS_CANCELLED: hsm_status = 26;
/// This build, backend or machine cannot do it.
pub const HSM_STATUS_UNSUPPORTED: hsm_status = 27;
/// The operating system failed.
pub const HSM_STATUS_IO: hsm_status = 28;
/// The handle was opened before fork(); open the store again in the child.
pub const HSM_STATUS_FORKED: hsm_status = 29;
/// A bug in hsm. The store handle is out of use; what was acknowledged is safe.
pub const HSM_STATUS_INTERNAL: hsm_status = 30;

/// Every status with its name.
const NAMES: &[(hsm_status, &CStr)] = &[
    (HSM_STATUS_OK, c"HSM_STATUS_OK"),
    (HSM_STATUS_END, c"HSM_STATUS_END"),
    (HSM_STATUS_TIMEOUT, c"HSM_STATUS_TIMEOUT"),
    (HSM_STATUS_GAP, c"HSM_STATUS_GAP"),
    (HSM_STATUS_BUFFER_TOO_SMALL, c"HSM_STATUS_BUFFER_TOO_SMALL"),
    (HSM_STATUS_NOT_FOUND, c"HSM_STATUS_NOT_FOUND"),
    (HSM_STATUS_EXISTS, c"HSM_STATUS_EXISTS"),
    (HSM_STATUS_CONFLICT, c"HSM_STATUS_CONFLICT"),
    (HSM_STATUS_REFUSED, c"HSM_STATUS_REFUSED"),
    (HSM_STATUS_CORRUPT, c"HSM_STATUS_CORRUPT"),
    (HSM_STATUS_INVALID, c"HSM_STATUS_INVALID"),
    (HSM_STATUS_FULL, c"HSM_STATUS_FULL"),
    (HSM_STATUS_OFFLINE, c"HSM_STATUS_OFFLINE"),
    (HSM_STATUS_BUSY, c"HSM_STATUS_BUSY"),
    (HSM_STATUS_CLOSED, c"HSM_STATUS_CLOSED"),
    (HSM_STATUS_CANCELLED, c"HSM_STATUS_CANCELLED"),
    (HSM_STATUS_UNSUPPORTED, c"HSM_STATUS_UNSUPPORTED"),
    (HSM_STATUS_IO, c"HSM_STATUS_IO"),
    (HSM_STATUS_FORKED, c"HSM_STATUS_FORKED"),
    (HSM_STATUS_INTERNAL, c"HSM_STATUS_INTERNAL"),
];

/// The name of a status, such as "HSM_STATUS_OK", or "unknown status".
///
/// The text is constant and is never freed. Callable from any thread, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn hsm_status_name(status: hsm_status) -> *const c_char {
    NAMES.iter().find(|(known, _)| *known == status).map_or(c"unknown status", |(_, name)| *name).as_ptr()
}

/// The version of the library that runs: its three numbers as major * 1000000 + minor * 1000 + patch.
/// Compare it with HSM_VERSION_NUMBER, the version of the header that was compiled against.
#[unsafe(no_mangle)]
pub extern "C" fn hsm_version_number() -> u32 {
    HSM_VERSION_NUMBER
}

/// The version of the library that runs, as text such as "0.1.0". Constant, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn hsm_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of this header, counted as hsm_version_number() counts.
pub const HSM_VERSION_NUMBER: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_version_is_that_of_the_package() {
        let numbers: Vec<u32> =
            env!("CARGO_PKG_VERSION").split('.').map(|number| number.parse().unwrap()).collect();
        assert_eq!(HSM_VERSION_NUMBER, numbers[0] * 1_000_000 + numbers[1] * 1000 + numbers[2]);
    }
}
