//! Reading many objects in one call.
//!
//! The objects come in the order in which they lie on their tiers, and small ones that lie next to each other are read
//! together: much quicker than one call for each, on a disk that seeks most of all. Each comes whole, its bytes in
//! order and checked; one that cannot be read comes as its error and disturbs no other.
//!
//! They come to a callback, or become files of a directory. Objects without data have nothing to be got: those of a
//! listing are passed over.

use std::ffi::{c_char, c_void};
use std::ptr;

use hsm_core::object::ObjectId;
use hsm_core::{Delivery, GotInto, NotGot, Result};

use crate::callback::{Callback, Record, Stopped, Taken, record};
use crate::error::hsm_error;
use crate::get::options;
use crate::guard::{done, guard};
use crate::id::hsm_id;
use crate::query::{given, hsm_query};
use crate::status::{HSM_STATUS_OK, hsm_status};
use crate::store::hsm_store;
use crate::transfer::objects;
use crate::{input, output};

/// Bytes of one of the objects, or why it could not be read.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_delivery {
    /// The position of the object in the list of ids, or in the listing: both begin with 0. They come in no order.
    pub index: u64,
    /// The object.
    pub id: hsm_id,
    /// The key that the listing has it under, without a NUL at its end; NULL outside a dataset.
    pub key: *const c_void,
    /// In bytes.
    pub key_length: u64,
    /// The size of the object; 0 with an error.
    pub size_bytes: u64,
    /// Where these bytes begin in the object; 0 with an error. The last of them are those with offset + length = size_bytes.
    pub offset: u64,
    /// The bytes; NULL where there are none.
    pub data: *const c_void,
    /// How many: at most 1 MiB; 0 for an object of 0 bytes, which comes once, and with an error.
    pub length: u64,
    /// HSM_STATUS_OK, or why the object could not be read: it ends here, whatever came of it before.
    pub status: hsm_status,
    /// 0.
    pub reserved: i32,
    /// Tells more of that; NULL with HSM_STATUS_OK. It is there during the call only, and not to be freed.
    pub error: *const hsm_error,
}

/// Takes deliveries.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_delivery_callback {
    /// Takes a delivery, which is there during the call only, with all that it points to; `size` is that of the library's
    /// record, and may differ from sizeof(hsm_delivery). Returns 0 to go on.
    pub call: Option<
        unsafe extern "C" fn(user_data: *mut c_void, delivery: *const hsm_delivery, size: usize) -> i32,
    >,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

record!(hsm_delivery_callback, *const hsm_delivery, usize);

/// Hands deliveries to a host's callback, and keeps what it answered.
struct Taker {
    callback: Callback<hsm_delivery_callback>,
    stopped: Stopped,
}

impl Taker {
    /// An object that did not become a file.
    fn fail(&mut self, failed: &NotGot<'_>) -> Result<()> {
        let NotGot { index, id, key, error } = *failed;
        self.take(&Delivery { index, id, key, size: 0, offset: 0, bytes: Err(error) })
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<()> {
        let error = delivery.bytes.err().map(|error| hsm_error::from(error.clone()));
        let data = delivery.bytes.unwrap_or_default();
        let start = |bytes: &[u8]| if bytes.is_empty() { ptr::null() } else { bytes.as_ptr().cast() };
        let record = hsm_delivery {
            index: delivery.index,
            id: delivery.id.into(),
            key: start(delivery.key),
            key_length: delivery.key.len() as u64,
            size_bytes: delivery.size,
            offset: delivery.offset,
            data: start(data),
            length: data.len() as u64,
            status: error.as_ref().map_or(HSM_STATUS_OK, hsm_error::status),
            reserved: 0,
            error: error.as_ref().map_or(ptr::null(), ptr::from_ref),
        };
        // SAFETY: as the host promised; the record, and what it points to, is there during the call.
        let returned = unsafe {
            (self.callback.call)(self.callback.user_data(), &raw const record, size_of::<hsm_delivery>())
        };
        self.stopped.note(self.callback.answer(returned))
    }
}

/// Reads many objects.
///
/// @param ids     the objects, in any order; one may be there more than once. May be NULL when count is 0
/// @param count   how many; memory grows with it, not with the sizes of the objects
/// @param tier    where to read from; -1: for each the hottest copy in reach, and another where that is damaged
/// @param target  takes the bytes; destroyed before this returns
/// @return HSM_STATUS_OK when all were gone through, also where some could not be read: the callback was told.
///         HSM_STATUS_CANCELLED when the callback answered something other than 0. HSM_STATUS_INVALID for an
///         argument that is wrong, an id that is all zero too: then nothing was read
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_get(
    store: *const hsm_store,
    ids: *const hsm_id,
    count: usize,
    tier: i32,
    target: hsm_delivery_callback,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let target = unsafe { Taken::new(target) };
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        let (store, ids): (_, Vec<ObjectId>) = unsafe { (scope.store(store)?, objects(ids, count)?) };
        let options = options(tier)?;
        let mut taker = Taker { callback: target.needed("target")?, stopped: Stopped::default() };
        let got = store.store().get_many(&ids, &options, &mut |delivery| taker.take(&delivery));
        taker.stopped.answer(got)?;
        done()
    })
}

/// Reads all objects that match a query: a dataset, say. Nothing grows with their number. One that comes or goes
/// meanwhile may or may not be among them.
///
/// @param query   copied; NULL: all objects
/// @param tier    where to read from; -1: for each the hottest copy in reach, and another where that is damaged
/// @param target  takes the bytes; destroyed before this returns
/// @return as hsm_objects_get(); HSM_STATUS_NOT_FOUND when there is no such dataset
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_get_all(
    store: *const hsm_store,
    query: *const hsm_query,
    tier: i32,
    target: hsm_delivery_callback,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let target = unsafe { Taken::new(target) };
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        let (store, query) = unsafe { (scope.store(store)?, given(query)) };
        let options = options(tier)?;
        let mut taker = Taker { callback: target.needed("target")?, stopped: Stopped::default() };
        let got = store.store().get_all(&query, &options, &mut |delivery| taker.take(&delivery));
        taker.stopped.answer(got)?;
        done()
    })
}

/// What came of reading many objects into a directory.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_got_into {
    /// Files that were written.
    pub files: u64,
    /// Their length in bytes, together.
    pub bytes: u64,
    /// Objects that could not be read, or whose file could not be written: the callback was told of each.
    pub failed: u64,
}

/// Reads many objects, each into a file of a directory that is named after its id, as hsm_id_format() writes it.
///
/// The rest is as hsm_objects_get_all_into() says.
///
/// @param ids               the objects, in any order. May be NULL when count is 0
/// @param count             how many; memory grows with it, not with the sizes of the objects
/// @param tier              where to read from; -1: for each the hottest copy in reach, and another where that is
///                          damaged
/// @param directory         made where it is missing
/// @param directory_length  in bytes; SIZE_MAX: up to the NUL
/// @param failed            told of each object that did not become a file; may be left out
/// @param got_out           what came of it; may be NULL
/// @param got_size          sizeof(hsm_got_into)
/// @return as hsm_objects_get(); HSM_STATUS_IO, HSM_STATUS_FULL where the directory cannot be made or synced
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_get_into(
    store: *const hsm_store,
    ids: *const hsm_id,
    count: usize,
    tier: i32,
    directory: *const c_char,
    directory_length: usize,
    failed: hsm_delivery_callback,
    got_out: *mut hsm_got_into,
    got_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let failed = unsafe { Taken::new(failed) };
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let (store, ids) = (scope.store(store)?, objects(ids, count)?);
            let (options, directory) =
                (options(tier)?, input::path(directory, directory_length, "directory")?);
            output::check_record_if(got_out, got_size, "got_out")?;
            let got = telling(failed.optional("failed")?, |failed| {
                store.store().get_many_into(&ids, directory, &options, failed)
            })?;
            output::record_if(got_out, got_size, &got, "got_out")?;
        }
        done()
    })
}

/// Reads all objects that match a query, each into a file of a directory: those of a dataset under their keys, the parts
/// of which between slashes are directories; outside a dataset under their ids. What else lies there stays.
///
/// Each file is there whole or not at all, also after a power loss: files are written under temporary names
/// (.<id>-<number>.new, which a process that is killed leaves), synced, and renamed over what was there. All are on the
/// medium when this returns. None lies outside of the directory: a key that is no path below it fails, and symbolic links
/// on the way are not followed. Nothing grows with the number of objects.
///
/// @param query             copied; NULL: all objects
/// @param tier              where to read from; -1: for each the hottest copy in reach, and another where that is
///                          damaged
/// @param directory         made where it is missing
/// @param directory_length  in bytes; SIZE_MAX: up to the NUL
/// @param failed            told of each object that did not become a file, by a delivery with its status and error; may
///                          be left out
/// @param got_out           what came of it; may be NULL
/// @param got_size          sizeof(hsm_got_into)
/// @return HSM_STATUS_OK also when some failed; as hsm_objects_get_all(), and HSM_STATUS_IO, HSM_STATUS_FULL where the
///         directory cannot be made or synced
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_objects_get_all_into(
    store: *const hsm_store,
    query: *const hsm_query,
    tier: i32,
    directory: *const c_char,
    directory_length: usize,
    failed: hsm_delivery_callback,
    got_out: *mut hsm_got_into,
    got_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let failed = unsafe { Taken::new(failed) };
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let query = given(query);
            let (options, directory) =
                (options(tier)?, input::path(directory, directory_length, "directory")?);
            output::check_record_if(got_out, got_size, "got_out")?;
            let got = telling(failed.optional("failed")?, |failed| {
                store.store().get_all_into(&query, directory, &options, failed)
            })?;
            output::record_if(got_out, got_size, &got, "got_out")?;
        }
        done()
    })
}

/// Reads into a directory, and tells a callback, if there is one, what did not become a file.
fn telling(
    callback: Option<Callback<hsm_delivery_callback>>,
    read: impl FnOnce(&mut dyn FnMut(NotGot<'_>) -> Result<()>) -> Result<GotInto>,
) -> std::result::Result<hsm_got_into, hsm_error> {
    let got = match callback {
        Some(callback) => {
            let mut taker = Taker { callback, stopped: Stopped::default() };
            let got = read(&mut |failed| taker.fail(&failed));
            taker.stopped.answer(got)?
        }
        None => read(&mut |_| Ok(()))?,
    };
    Ok(hsm_got_into { files: got.files, bytes: got.bytes, failed: got.failed })
}
