//! What every function answers: a number of the header, and words that `hestia_get_last_error()` hands out.
//!
//! Every function runs its body through [`guard`]: panics end there, and nothing is printed. The words are kept for each
//! thread, and stay until a later call of it fails.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::sys;
use crate::types::{
    ATTEMPTED_OVERWRITE, BAD_INPUT_BUFFER, BAD_INPUT_ID, CLIENT_STATE, NOT_FOUND, OK, UNKNOWN,
};

/// How often something is done anew because another was faster.
const ATTEMPTS_MAX: usize = 1000;

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A number of the header.
    pub(crate) code: c_int,
    /// What libhsm said; `HSM_STATUS_OK` where it was not asked.
    pub(crate) status: i32,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: c_int, message: impl Into<String>) -> Self {
        Self { code, status: sys::HSM_STATUS_OK, message: message.into() }
    }

    pub(crate) fn null(what: &str) -> Self {
        Self::new(BAD_INPUT_BUFFER, format!("{what} is NULL"))
    }

    pub(crate) fn bad_id(message: impl Into<String>) -> Self {
        Self::new(BAD_INPUT_ID, message)
    }

    pub(crate) fn state(message: impl Into<String>) -> Self {
        Self::new(CLIENT_STATE, message)
    }

    /// Whether somebody else was faster: what was looked at has to be looked at again.
    pub(crate) fn is_lost_race(&self) -> bool {
        self.status == sys::HSM_STATUS_CONFLICT
    }

    fn of(status: i32, message: String) -> Self {
        let code = match status {
            sys::HSM_STATUS_NOT_FOUND => NOT_FOUND,
            sys::HSM_STATUS_EXISTS => ATTEMPTED_OVERWRITE,
            sys::HSM_STATUS_INVALID => BAD_INPUT_BUFFER,
            sys::HSM_STATUS_CLOSED | sys::HSM_STATUS_FORKED => CLIENT_STATE,
            _ => UNKNOWN,
        };
        Self { code, status, message }
    }
}

/// Does what reads, decides and writes, until nobody else wrote in between. Each time somebody else did it has got further, so
/// that all who race are done in the end; who loses so often has a bug behind it.
pub(crate) fn until_won<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..ATTEMPTS_MAX {
        match attempt() {
            Err(failure) if failure.is_lost_race() => {}
            done => return done,
        }
    }
    Err(Failure::new(UNKNOWN, "others changed it again and again meanwhile"))
}

/// Calls a function of libhsm. Answers, END for one, are no failures.
pub(crate) fn call(function: impl FnOnce(*mut *mut sys::hsm_error) -> i32) -> Result<i32> {
    let mut error = std::ptr::null_mut();
    let status = function(&raw mut error);
    if error.is_null() && status < 16 {
        return Ok(status);
    }
    // SAFETY: an error of ours, or NULL, for which the words are "".
    let message = unsafe { CStr::from_ptr(sys::hsm_error_message(error)) }.to_string_lossy().into_owned();
    // SAFETY: freed once.
    unsafe { sys::hsm_error_free(error) };
    Err(Failure::of(status, message))
}

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps words for `hestia_get_last_error()` on this thread. At the end of the thread there is nobody to tell.
pub(crate) fn remember(words: String) {
    let _ = LAST.try_with(|last| *last.borrow_mut() = words);
}

/// Runs the body of a function.
pub(crate) fn guard(body: impl FnOnce() -> Result<()>) -> c_int {
    static ONCE: Once = Once::new();
    // The default hook prints, and reads the environment.
    ONCE.call_once(|| panic::set_hook(Box::new(|_| {})));
    let answer = panic::catch_unwind(AssertUnwindSafe(body));
    match answer.unwrap_or_else(|_| Err(Failure::new(UNKNOWN, "a bug in libhestia; please report this"))) {
        Ok(()) => OK,
        Err(failure) => {
            remember(failure.message);
            failure.code
        }
    }
}

/// Writes the words of this thread's last failure to a buffer, cut where it ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_get_last_error(buffer: *mut c_char, buffer_size: usize) -> c_int {
    if buffer.is_null() || buffer_size == 0 {
        return BAD_INPUT_BUFFER;
    }
    let words = LAST.try_with(|last| last.borrow().clone()).unwrap_or_default();
    let length = words.len().min(buffer_size - 1);
    // SAFETY: the caller passes a place for `buffer_size` bytes, and one of them is left for the NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(words.as_ptr(), buffer.cast::<u8>(), length);
        *buffer.add(length) = 0;
    }
    OK
}
