//! A copy of the library that a program loads at run time: a plug-in, say, that brings its own.
//!
//! Loaded twice, from two files, there are two images of the library in one process.

#![allow(unsafe_code, reason = "the functions are called through a loaded library, by C's rules")]

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Mutex;

use hsm_core::{Error, Store, StoreOptions};

static OPEN: Mutex<Option<Store>> = Mutex::new(None);

/// Opens a store and keeps it open. 0: done; 1: refused as a second image; 2: failed otherwise.
///
/// # Safety
///
/// `path` is a string that ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn image_open(path: *const c_char) -> i32 {
    // SAFETY: the caller gives a string that ends with NUL.
    let path = unsafe { CStr::from_ptr(path) };
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    match (Store::open(path, &StoreOptions::new()), OPEN.lock()) {
        (Ok(store), Ok(mut open)) => {
            *open = Some(store);
            0
        }
        (Err(Error::SecondImage), _) => 1,
        _ => 2,
    }
}

/// Closes the store that is open. 0: done; 2: failed, or there is none.
#[unsafe(no_mangle)]
pub extern "C" fn image_close() -> i32 {
    let store = OPEN.lock().ok().and_then(|mut open| open.take());
    store.map_or(2, |store| if store.close().is_ok() { 0 } else { 2 })
}
