//! The handles of `hsm.h`, each freed with its value. No other module but `client` and `feed` calls libhsm.

use std::ffi::c_void;
use std::path::Path;
use std::ptr::{null, null_mut};

use std::os::unix::ffi::OsStrExt;

use crate::failure::{Failure, Result, call};
use crate::sys;
use crate::types::{NOT_FOUND, UNKNOWN};

/// The bytes of an id in their written order.
pub(crate) type Id = [u8; 16];

/// Any tier: the hottest that serves.
pub(crate) const ANY_TIER: i32 = -1;

/// A handle that a free function of `hsm.h` takes.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $raw:ident, $free:ident) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) *mut sys::$raw);
        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: it is ours, and freed once.
                unsafe { sys::$free(self.0) };
            }
        }
    };
}

// Below the macro that they use.
mod action;
mod attributes;
mod dataset;
mod list;
mod tier;

handle!(
    /// An open store.
    Store, hsm_store, hsm_store_free);
handle!(
    /// How a store is opened.
    StoreOptions, hsm_store_options, hsm_store_options_free);
handle!(
    /// What a tier is like.
    TierSettings, hsm_tier_settings, hsm_tier_settings_free);
handle!(
    /// What to put where.
    PutOptions, hsm_put_options, hsm_put_options_free);
handle!(
    /// Names and values that are set.
    Attributes, hsm_attributes, hsm_attributes_free);
handle!(
    /// What is known of an object.
    Object, hsm_object, hsm_object_free);
handle!(
    /// An object that is read.
    Reader, hsm_reader, hsm_reader_free);
handle!(
    /// A put whose bytes come piece by piece.
    Writer, hsm_writer, hsm_writer_free);
handle!(
    /// Which objects to list.
    Query, hsm_query, hsm_query_free);
handle!(
    /// A listing.
    Cursor, hsm_cursor, hsm_cursor_free);

// SAFETY: hsm.h says that a store is shared between threads; it is freed once nobody has it any more.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

/// Makes a handle by a function with a place for it.
fn made<T>(make: impl FnOnce(*mut *mut T, *mut *mut sys::hsm_error) -> i32) -> Result<*mut T> {
    let mut handle = null_mut();
    call(|error| make(&raw mut handle, error))?;
    Ok(handle)
}

fn raw(id: &Id) -> sys::hsm_id {
    sys::hsm_id { bytes: *id }
}

use attributes::{bytes, pairs};

pub(crate) use action::ActionText;
pub(crate) use dataset::Dataset;
pub(crate) use list::Which;

/// A copy of an object: its tier, and when it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy {
    pub(crate) tier: u8,
    pub(crate) created_ns: i64,
}

impl Object {
    pub(crate) fn info(&self) -> Result<sys::hsm_object_info> {
        info(self.0)
    }

    pub(crate) fn copies(&self) -> Result<Vec<Copy>> {
        let mut copies = Vec::new();
        loop {
            // SAFETY: a record of numbers, for which zero is fine.
            let mut copy: sys::hsm_copy_info = unsafe { std::mem::zeroed() };
            let size = size_of_val(&copy);
            // SAFETY: a live handle, and a place of that size.
            let status = call(|error| unsafe {
                sys::hsm_object_copy_at(self.0, copies.len(), &raw mut copy, size, error)
            })?;
            if status != sys::HSM_STATUS_OK {
                return Ok(copies);
            }
            copies.push(Copy { tier: copy.tier as u8, created_ns: copy.created_ns });
        }
    }

    /// Names and values, in the order of names.
    pub(crate) fn attributes(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut attributes = null();
        // SAFETY: a live handle; what it lends lives as long.
        call(|error| unsafe { sys::hsm_object_attributes(self.0, &raw mut attributes, error) })?;
        // SAFETY: lent above.
        unsafe { pairs(attributes) }
    }
}

fn info(object: *const sys::hsm_object) -> Result<sys::hsm_object_info> {
    // SAFETY: a record of numbers, for which zero is fine.
    let mut info: sys::hsm_object_info = unsafe { std::mem::zeroed() };
    let size = size_of_val(&info);
    // SAFETY: a live handle, and a place of that size.
    call(|error| unsafe { sys::hsm_object_stat(object, &raw mut info, size, error) })?;
    Ok(info)
}

impl PutOptions {
    /// A put of one object. The mode is one of `HSM_PUT_*`; the tier may be [`ANY_TIER`].
    pub(crate) fn new(id: &Id, mode: i32, tier: i32) -> Result<Self> {
        // SAFETY: a place for a handle.
        let options = Self(made(|out, error| unsafe { sys::hsm_put_options_new(out, error) })?);
        let id = raw(id);
        // SAFETY: live handles.
        unsafe {
            call(|error| sys::hsm_put_options_set_id(options.0, &raw const id, error))?;
            call(|error| sys::hsm_put_options_set_mode(options.0, mode, error))?;
            call(|error| sys::hsm_put_options_set_tier(options.0, tier, error))?;
        }
        Ok(options)
    }

    /// The put replaces this generation of the object and no other; else it fails as lost.
    pub(crate) fn expect_generation(&self, generation: u64) -> Result<()> {
        // SAFETY: a live handle.
        call(|error| unsafe { sys::hsm_put_options_expect_generation(self.0, generation, error) })?;
        Ok(())
    }

    /// The object gets a key in a dataset.
    pub(crate) fn set_key(&self, dataset: &Id, key: &[u8]) -> Result<()> {
        let (dataset, key) = (raw(dataset), (key.as_ptr().cast(), key.len()));
        // SAFETY: a live handle, and text with its length.
        call(|error| unsafe {
            sys::hsm_put_options_set_key(self.0, &raw const dataset, key.0, key.1, error)
        })?;
        Ok(())
    }

    pub(crate) fn set_attributes(&self, attributes: &Attributes) -> Result<()> {
        // SAFETY: live handles.
        call(|error| unsafe { sys::hsm_put_options_set_attributes(self.0, attributes.0, error) })?;
        Ok(())
    }
}

/// Refuses a copy from a tier to itself: no number of the headers is about that.
fn two_tiers(source: u8, target: u8) -> Result<()> {
    if source != target {
        return Ok(());
    }
    Err(Failure::new(UNKNOWN, format!("from tier {source} to itself: name another target")))
}

impl Reader {
    /// The object that is read, as it was when the reader was opened.
    pub(crate) fn info(&self) -> Result<sys::hsm_object_info> {
        let mut object = null();
        // SAFETY: a live handle.
        call(|error| unsafe { sys::hsm_reader_object(self.0, &raw mut object, error) })?;
        info(object)
    }

    /// The size of the object in bytes.
    pub(crate) fn size(&self) -> Result<u64> {
        Ok(self.info()?.size_bytes)
    }

    /// # Safety
    ///
    /// `buffer` has room for `size` bytes.
    pub(crate) unsafe fn read_at(&mut self, offset: u64, buffer: *mut c_void, size: usize) -> Result<usize> {
        let mut read = 0;
        // SAFETY: a live handle, and the caller's word for the buffer.
        call(|error| unsafe { sys::hsm_reader_read_at(self.0, offset, buffer, size, &raw mut read, error) })?;
        Ok(read)
    }
}

impl Writer {
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<()> {
        // SAFETY: a live handle, and bytes with their length.
        call(|error| unsafe { sys::hsm_writer_write(self.0, data.as_ptr().cast(), data.len(), error) })?;
        Ok(())
    }

    pub(crate) fn commit(&mut self) -> Result<()> {
        // SAFETY: a live handle; no result is wanted.
        call(|error| unsafe { sys::hsm_writer_commit(self.0, null_mut(), 0, error) })?;
        Ok(())
    }
}

/// What a put takes its bytes from.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Memory(*const c_void, usize),
    /// The first so many bytes of a file.
    Path(&'a Path, u64),
    /// So many bytes of a descriptor, from an offset on.
    Descriptor(i32, u64, u64),
}

impl Store {
    pub(crate) fn new_id(&self) -> Result<Id> {
        let mut id = sys::hsm_id { bytes: [0; 16] };
        // SAFETY: a live handle, and a place for an id.
        call(|error| unsafe { sys::hsm_store_new_id(self.0, &raw mut id, error) })?;
        Ok(id.bytes)
    }

    pub(crate) fn object(&self, id: &Id) -> Result<Object> {
        let id = raw(id);
        // SAFETY: a live handle, and a place for another.
        Ok(Object(made(|out, error| unsafe { sys::hsm_object_open(self.0, &raw const id, out, error) })?))
    }

    pub(crate) fn put(&self, content: Content<'_>, options: &PutOptions) -> Result<()> {
        let (store, options) = (self.0, options.0);
        // SAFETY: live handles; the caller's word for memory; no result is wanted.
        call(|error| unsafe {
            match content {
                Content::Memory(data, size) => {
                    sys::hsm_object_put(store, data, size, options, null_mut(), 0, error)
                }
                Content::Path(path, length) => {
                    let path = path.as_os_str().as_bytes();
                    let (path, path_length) = (path.as_ptr().cast(), path.len());
                    sys::hsm_object_put_path(
                        store,
                        path,
                        path_length,
                        0,
                        length,
                        options,
                        null_mut(),
                        0,
                        error,
                    )
                }
                Content::Descriptor(fd, offset, length) => {
                    sys::hsm_object_put_fd(store, fd, offset, length, options, null_mut(), 0, error)
                }
            }
        })?;
        Ok(())
    }

    pub(crate) fn put_empty(&self, options: &PutOptions) -> Result<()> {
        // SAFETY: live handles; no result is wanted.
        call(|error| unsafe { sys::hsm_object_put_empty(self.0, options.0, null_mut(), 0, error) })?;
        Ok(())
    }

    /// # Safety
    ///
    /// `data` has `size` bytes.
    pub(crate) unsafe fn put_at(&self, id: &Id, offset: u64, data: *const c_void, size: usize) -> Result<()> {
        let (id, durability) = (raw(id), sys::HSM_DURABLE);
        // SAFETY: a live handle, and the caller's word for the data; no result is wanted.
        let done = call(|error| unsafe {
            sys::hsm_object_put_at(
                self.0,
                &raw const id,
                offset,
                data,
                size,
                durability,
                null_mut(),
                0,
                error,
            )
        });
        done.map(drop).map_err(|failure| self.without_data(&id.bytes, failure))
    }

    /// Of an object whose last copy was released libhsm says that it is out of reach; here it has no data.
    fn without_data(&self, id: &Id, failure: Failure) -> Failure {
        let is_without =
            || self.object(id).and_then(|object| object.copies()).is_ok_and(|all| all.is_empty());
        let is_it = failure.status == sys::HSM_STATUS_OFFLINE && is_without();
        if is_it { Failure { code: NOT_FOUND, ..failure } } else { failure }
    }

    pub(crate) fn writer(&self, options: &PutOptions) -> Result<Writer> {
        // SAFETY: live handles.
        Ok(Writer(made(|out, error| unsafe { sys::hsm_writer_open(self.0, options.0, out, error) })?))
    }

    pub(crate) fn reader(&self, id: &Id, tier: i32) -> Result<Reader> {
        let id = raw(id);
        // SAFETY: a live handle, and a place for another.
        let opened =
            made(|out, error| unsafe { sys::hsm_reader_open(self.0, &raw const id, tier, out, error) });
        opened.map(Reader).map_err(|failure| self.without_data(&id.bytes, failure))
    }

    pub(crate) fn copy(&self, id: &Id, source: u8, target: u8) -> Result<()> {
        two_tiers(source, target)?;
        let (id, source, target) = (raw(id), i32::from(source), i32::from(target));
        // SAFETY: a live handle; the position is not wanted.
        call(|error| unsafe {
            sys::hsm_object_copy(self.0, &raw const id, source, target, null_mut(), error)
        })?;
        Ok(())
    }

    pub(crate) fn move_between(&self, id: &Id, source: u8, target: u8) -> Result<()> {
        two_tiers(source, target)?;
        let (id, source, target) = (raw(id), i32::from(source), i32::from(target));
        // SAFETY: a live handle; the position is not wanted.
        call(|error| unsafe {
            sys::hsm_object_move(self.0, &raw const id, source, target, null_mut(), error)
        })?;
        Ok(())
    }

    /// Drops a copy; where there is none, nothing changes.
    pub(crate) fn release(&self, id: &Id, tier: u8, force: bool) -> Result<()> {
        let (object, number, force) = (raw(id), i32::from(tier), i32::from(force));
        // SAFETY: a live handle; the position is not wanted.
        let released = call(|error| unsafe {
            sys::hsm_object_release(self.0, &raw const object, number, force, null_mut(), error)
        });
        match released {
            // An object without data, of which there is no copy on any tier.
            Err(failure) if failure.code == NOT_FOUND && self.tiers()?.contains(&tier) => {
                self.object(id).map(drop)
            }
            released => released.map(drop),
        }
    }

    pub(crate) fn remove(&self, id: &Id) -> Result<()> {
        let id = raw(id);
        // SAFETY: a live handle; the position is not wanted.
        call(|error| unsafe { sys::hsm_object_remove(self.0, &raw const id, null_mut(), error) })?;
        Ok(())
    }

    /// Makes what was written relaxed durable: reads that were noted.
    pub(crate) fn sync(&self) -> Result<()> {
        // SAFETY: a live handle; the position is not wanted.
        call(|error| unsafe { sys::hsm_store_sync(self.0, null_mut(), error) })?;
        Ok(())
    }

    /// Removes what removed objects left behind.
    pub(crate) fn maintain(&self) -> Result<()> {
        // SAFETY: a live handle; what was done is not wanted.
        call(|error| unsafe {
            let size = size_of::<sys::hsm_maintained>();
            sys::hsm_store_maintain(self.0, null_mut(), size, error)
        })?;
        Ok(())
    }

    pub(crate) fn is_read_only(&self) -> Result<bool> {
        // SAFETY: a live handle; the words are not wanted.
        let status = call(|error| unsafe {
            sys::hsm_store_read_only_reason(self.0, null_mut(), 0, null_mut(), error)
        })?;
        Ok(status != sys::HSM_STATUS_END)
    }

    /// Sets how late reads may be told of, in nanoseconds, unless it is that already.
    pub(crate) fn set_access_staleness(&self, wanted_ns: u64) -> Result<()> {
        let mut staleness_ns = 0;
        // SAFETY: a live handle, and a place for a number.
        call(|error| unsafe { sys::hsm_store_access_staleness(self.0, &raw mut staleness_ns, error) })?;
        if staleness_ns != wanted_ns {
            // SAFETY: a live handle; the position is not wanted.
            call(|error| unsafe {
                sys::hsm_store_set_access_staleness(self.0, wanted_ns, null_mut(), error)
            })?;
        }
        Ok(())
    }

    pub(crate) fn close(&self) -> Result<()> {
        // SAFETY: a live handle.
        call(|error| unsafe { sys::hsm_store_close(self.0, error) })?;
        Ok(())
    }

    /// Opens the store in a directory, or makes it there with these tiers; without any, with five.
    pub(crate) fn open(path: &Path, tiers: &[TierSettings]) -> Result<Self> {
        let path = path.as_os_str().as_bytes();
        // SAFETY: places for handles, live ones, and text with its length.
        unsafe {
            let options = StoreOptions(made(|out, error| sys::hsm_store_options_new(out, error))?);
            // What is removed is gone: callers of this interface cannot bring it back.
            call(|error| sys::hsm_store_options_set_grace_ms(options.0, 0, error))?;
            for tier in tiers {
                call(|error| sys::hsm_store_options_add_tier(options.0, tier.0, error))?;
            }
            let (path, length) = (path.as_ptr().cast(), path.len());
            Ok(Self(made(|out, error| sys::hsm_store_open(path, length, options.0, out, error))?))
        }
    }
}
