//! Functions of the host that the library calls.
//!
//! A callback is a record of a function, the user_data that it is called with, and a function that destroys
//! user_data, which may be NULL. The record is copied. user_data belongs to the library from the call on that
//! takes the record: destroy runs exactly once, on every path, also when the arguments of that call are wrong.
//! The page above says on which thread they run and what they must not do.
//!
//! A callback answers 0 to go on. Anything else stops the call with HSM_STATUS_CANCELLED, and
//! hsm_error_callback() hands it back. Where a callback may be left out, a record of NULLs leaves it out.

use std::ffi::c_void;
use std::fmt::Debug;

use hsm_core::object::{Name, ObjectId};

use crate::error::hsm_error;
use crate::id::hsm_id;

/// Gives bytes to the library.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_read_callback {
    /// Writes up to `size` bytes to `buffer`, and how many to `read_out`; 0 of them is the end.
    pub call: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            buffer: *mut c_void,
            size: usize,
            read_out: *mut usize,
        ) -> i32,
    >,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// Takes bytes from the library.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_write_callback {
    /// Takes all `size` bytes at `data`, which are there during the call only.
    pub call: Option<unsafe extern "C" fn(user_data: *mut c_void, data: *const c_void, size: usize) -> i32>,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// Takes ids, one a call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_id_callback {
    /// Takes an id, which is there during the call only.
    pub call: Option<unsafe extern "C" fn(user_data: *mut c_void, id: *const hsm_id) -> i32>,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// Takes names of objects, one a call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_name_callback {
    /// Takes a dataset's id and a key in it, which are there during the call only. The key has no NUL at its
    /// end.
    pub call: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            dataset: *const hsm_id,
            key: *const c_void,
            key_length: usize,
        ) -> i32,
    >,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// What the records have in common.
pub(crate) trait Record: Copy + Debug {
    /// The function that is called.
    type Call: Copy + Debug;
    /// The parts of the record.
    #[allow(clippy::type_complexity, reason = "they are the fields of the record, as C has them")]
    fn parts(self) -> (Option<Self::Call>, *mut c_void, Option<unsafe extern "C" fn(*mut c_void)>);
}

macro_rules! record {
    ($record:ident, $($argument:ty),+) => {
        impl Record for $record {
            type Call = unsafe extern "C" fn(*mut c_void, $($argument),+) -> i32;

            fn parts(self) -> (Option<Self::Call>, *mut c_void, Option<unsafe extern "C" fn(*mut c_void)>) {
                (self.call, self.user_data, self.destroy)
            }
        }
    };
}

pub(crate) use record;

record!(hsm_read_callback, *mut c_void, usize, *mut usize);
record!(hsm_write_callback, *const c_void, usize);
record!(hsm_id_callback, *const hsm_id);
record!(hsm_name_callback, *const hsm_id, *const c_void, usize);

/// A record as it came in: taken before anything else is looked at, so that user_data is destroyed on every
/// path.
#[derive(Debug)]
pub(crate) struct Taken<R: Record> {
    record: R,
}

/// A callback that can be called. Dropping it destroys its user_data.
#[derive(Debug)]
pub(crate) struct Callback<R: Record> {
    pub(crate) call: R::Call,
    what: &'static str,
    /// Owns user_data.
    taken: Taken<R>,
}

impl<R: Record> Taken<R> {
    /// Takes a record.
    ///
    /// # Safety
    ///
    /// Its functions can be called with its user_data as the header says, until this is dropped.
    pub(crate) unsafe fn new(record: R) -> Self {
        Self { record }
    }

    /// A callback that must be given.
    pub(crate) fn needed(self, what: &'static str) -> Result<Callback<R>, hsm_error> {
        let call = self.record.parts().0.ok_or_else(|| hsm_error::null(&format!("{what}.call")))?;
        Ok(Callback { call, what, taken: self })
    }

    /// A callback that may be left out, by a record of NULLs.
    pub(crate) fn optional(self, what: &'static str) -> Result<Option<Callback<R>>, hsm_error> {
        let (call, user_data, destroy) = self.record.parts();
        if call.is_none() && user_data.is_null() && destroy.is_none() {
            return Ok(None);
        }
        self.needed(what).map(Some)
    }
}

impl<R: Record> Drop for Taken<R> {
    fn drop(&mut self) {
        let (_, user_data, destroy) = self.record.parts();
        if let Some(destroy) = destroy {
            // SAFETY: as the host promised; this is the one owner.
            unsafe { destroy(user_data) };
        }
    }
}

impl<R: Record> Callback<R> {
    pub(crate) fn user_data(&self) -> *mut c_void {
        self.taken.record.parts().1
    }

    /// What the callback's number means.
    pub(crate) fn answer(&self, returned: i32) -> Result<(), hsm_error> {
        if returned == 0 { Ok(()) } else { Err(hsm_error::callback(self.what, returned)) }
    }
}

impl Callback<hsm_read_callback> {
    /// Asks for bytes. 0: the end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Result<usize, hsm_error> {
        let mut read = 0;
        // SAFETY: as the host promised; the buffer has that size.
        let returned =
            unsafe { (self.call)(self.user_data(), buffer.as_mut_ptr().cast(), buffer.len(), &raw mut read) };
        self.answer(returned)?;
        if read > buffer.len() {
            return Err(hsm_error::invalid(format!(
                "invalid answer of {}: it read {read} bytes into a buffer of {}",
                self.what,
                buffer.len()
            )));
        }
        Ok(read)
    }
}

impl Callback<hsm_write_callback> {
    /// Hands bytes over.
    pub(crate) fn write(&self, data: &[u8]) -> Result<(), hsm_error> {
        // SAFETY: as the host promised; the data has that size.
        self.answer(unsafe { (self.call)(self.user_data(), data.as_ptr().cast(), data.len()) })
    }
}

impl Callback<hsm_id_callback> {
    /// Hands an id over.
    pub(crate) fn id(&self, id: ObjectId) -> Result<(), hsm_error> {
        let id = hsm_id::from(id);
        // SAFETY: as the host promised; the id is there during the call.
        self.answer(unsafe { (self.call)(self.user_data(), &raw const id) })
    }
}

impl Callback<hsm_name_callback> {
    /// Hands a name over.
    pub(crate) fn name(&self, name: &Name) -> Result<(), hsm_error> {
        let dataset = hsm_id::from(name.dataset);
        let key = name.key.as_ptr().cast();
        // SAFETY: as the host promised; the id and the key are there during the call.
        self.answer(unsafe { (self.call)(self.user_data(), &raw const dataset, key, name.key.len()) })
    }
}

/// Carries the error of a callback past the engine, whose own errors cannot hold it.
#[derive(Debug, Default)]
pub(crate) struct Stopped {
    error: Option<hsm_error>,
}

impl Stopped {
    /// What the callback answered, as the engine hears it.
    pub(crate) fn note<T>(&mut self, answer: Result<T, hsm_error>) -> hsm_core::Result<T> {
        answer.map_err(|error| {
            self.error = Some(error);
            hsm_core::Error::Cancelled { reason: "its callback".to_owned() }
        })
    }

    /// What the engine answered, as the caller hears it.
    pub(crate) fn answer<T>(self, answer: hsm_core::Result<T>) -> Result<T, hsm_error> {
        answer.map_err(|error| self.error.unwrap_or_else(|| error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{HSM_STATUS_CANCELLED, HSM_STATUS_INVALID};

    unsafe extern "C" fn count(user_data: *mut c_void) {
        // SAFETY: each test passes a counter.
        unsafe { *user_data.cast::<u32>() += 1 };
    }

    unsafe extern "C" fn lie(_: *mut c_void, _: *mut c_void, size: usize, read_out: *mut usize) -> i32 {
        // SAFETY: the library passes a place.
        unsafe { *read_out = size + 1 };
        0
    }

    unsafe extern "C" fn stop(_: *mut c_void, _: *const c_void, _: usize) -> i32 {
        7
    }

    /// Takes a record whose user_data is counted when it is destroyed.
    fn taken<R: Record>(record: impl FnOnce(*mut c_void) -> R, destroyed: &mut u32) -> Taken<R> {
        // SAFETY: the functions above need the counter, which outlives what is made here.
        unsafe { Taken::new(record((&raw mut *destroyed).cast())) }
    }

    #[test]
    fn user_data_is_destroyed_once_whether_the_callback_was_used_or_refused() {
        let mut destroyed = 0;
        let record = |user_data| hsm_write_callback { call: Some(stop), user_data, destroy: Some(count) };
        let callback = taken(record, &mut destroyed).needed("write").unwrap();
        let error = callback.write(b"bytes").unwrap_err();
        assert_eq!(error.status(), HSM_STATUS_CANCELLED);
        drop(callback);
        assert_eq!(destroyed, 1);

        let record = |user_data| hsm_id_callback { call: None, user_data, destroy: Some(count) };
        for refused in [
            taken(record, &mut destroyed).needed("lost").map(Some),
            taken(record, &mut destroyed).optional("lost"),
        ] {
            assert_eq!(refused.unwrap_err().status(), HSM_STATUS_INVALID);
        }
        assert_eq!(destroyed, 3);

        drop(taken(record, &mut destroyed));
        assert_eq!(destroyed, 4, "an error before it was looked at");
    }

    #[test]
    fn a_record_of_nulls_leaves_a_callback_out() {
        let record = |_| hsm_name_callback { call: None, user_data: std::ptr::null_mut(), destroy: None };
        assert!(taken(record, &mut 0).optional("name").unwrap().is_none());
        assert!(taken(record, &mut 0).needed("name").is_err());
    }

    #[test]
    fn a_callback_that_read_more_than_there_was_room_for_is_not_believed() {
        let record = |user_data| hsm_read_callback { call: Some(lie), user_data, destroy: None };
        let callback = taken(record, &mut 0).needed("read").unwrap();
        assert_eq!(callback.read(&mut [0; 4]).unwrap_err().status(), HSM_STATUS_INVALID);
    }
}
