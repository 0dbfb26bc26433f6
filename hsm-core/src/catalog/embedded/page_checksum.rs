//! Checksums on the pages of the index: a thin layer over SQLite's own file layer.
//!
//! It opens files through the default VFS and replaces two methods of the *database* file: a page is sealed
//! when it is written (which in WAL mode is when it is checkpointed) and checked when it is read. The last 8
//! bytes of a page, which SQLite leaves free for that (`SQLITE_FCNTL_RESERVE_BYTES`), hold the XXH3-64 of
//! the rest, seeded with the page's offset, so that a page in the wrong place is wrong too. Frames of the
//! write-ahead log carry SQLite's own checksums.
//!
//! SQLite's `cksumvfs.c` does the same; it is not part of the bundled library.
//!
//! The same layer lets a connection look at the head of the log's own index, which SQLite maps, and read without the read
//! lock ([`Connected`]): see `unlocked`.
#![allow(
    unsafe_code,
    reason = "the VFS of SQLite is an interface of C pointers; there is no safe form of it"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use parking_lot::Mutex;
use rusqlite::{Connection, ffi};

use crate::error::{Error, Result};
use crate::integrity::checksum;

/// The name under which connections ask for it.
pub(super) const VFS_NAME: &CStr = c"hsm-index";
/// Size of a page of the index.
pub(super) const PAGE_LEN: usize = 4096;
const SEAL_LEN: usize = 8;
const BODY_LEN: usize = PAGE_LEN - SEAL_LEN;
/// Of the locks on the log's index, those of readers come last (`WAL_READ_LOCK` in SQLite's wal.c).
const READ_LOCKS: c_int = 3;
/// The head of the log's index is 48 bytes, twice (<https://sqlite.org/walformat.html>, section 2.1).
const HEAD_WORDS: usize = 6;

/// SQLite's methods of an open file with two of them replaced, and the table they were taken from.
/// `ours` comes first: a pointer to it is what SQLite keeps, and leads back to `base`.
#[repr(C)]
struct Methods {
    ours: ffi::sqlite3_io_methods,
    base: *const ffi::sqlite3_io_methods,
    /// Where a file has its [`State`], behind what SQLite's own layer keeps in it.
    state_at: usize,
}

/// What we keep of an open database file.
struct State {
    /// The head of the log's index, where SQLite mapped it; NULL before.
    head: *const AtomicU64,
    /// Whether read locks are only said to be taken.
    is_unlocked: bool,
    /// Those that were, a bit each.
    not_taken: u32,
}

// SAFETY: both tables are immutable for the life of the process.
unsafe impl Send for Methods {}
// SAFETY: as above.
unsafe impl Sync for Methods {}

/// Makes the VFS known to our SQLite, without becoming its default.
pub(super) fn register() -> Result<()> {
    static DONE: OnceLock<c_int> = OnceLock::new();
    let status = *DONE.get_or_init(|| {
        // SAFETY: called once; SQLite's default VFS lives for ever, and the copy is leaked so that it does too.
        unsafe {
            let base = ffi::sqlite3_vfs_find(std::ptr::null());
            if base.is_null() {
                return ffi::SQLITE_ERROR;
            }
            let vfs = Box::leak(Box::new(*base));
            vfs.zName = VFS_NAME.as_ptr();
            vfs.pNext = std::ptr::null_mut();
            vfs.pAppData = base.cast();
            vfs.xOpen = Some(open);
            vfs.szOsFile = (state_at(base) + size_of::<State>()) as c_int;
            ffi::sqlite3_vfs_register(vfs, 0)
        }
    });
    if status == ffi::SQLITE_OK {
        return Ok(());
    }
    Err(Error::Index { action: "start", message: format!("SQLite error {status}"), damaged: false })
}

/// Reserves the room for checksums in a database that has no page yet.
pub(super) fn reserve(connection: &Connection) -> Result<()> {
    let mut bytes = SEAL_LEN as c_int;
    // SAFETY: the handle is live for the borrow; the opcode takes an int, read and written during the call.
    let status = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_RESERVE_BYTES,
            std::ptr::from_mut(&mut bytes).cast::<c_void>(),
        )
    };
    if status == ffi::SQLITE_OK {
        return Ok(());
    }
    Err(Error::Index {
        action: "reserve room for checksums",
        message: format!("SQLite error {status}"),
        damaged: false,
    })
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes the VFS registered above, whose `pAppData` is the default VFS, and room for a
    // file of the size that VFS asked for.
    unsafe {
        let base = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let Some(base_open) = (*base).xOpen else { return ffi::SQLITE_CANTOPEN };
        let status = base_open(base, name, file, flags, flags_out);
        if status == ffi::SQLITE_OK && flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
            (*file).pMethods = &raw const checked_methods((*file).pMethods, state_at(base)).ours;
            state(file).write(State { head: std::ptr::null(), is_unlocked: false, not_taken: 0 });
        }
        status
    }
}

/// Where our part of a file of this VFS begins.
///
/// # Safety
///
/// `vfs` is a VFS.
unsafe fn state_at(vfs: *const ffi::sqlite3_vfs) -> usize {
    // SAFETY: the caller's promise.
    unsafe { ((*vfs).szOsFile as usize).next_multiple_of(align_of::<State>()) }
}

/// Our part of a file.
///
/// # Safety
///
/// `file` was opened by [`open`] as a database.
unsafe fn state(file: *mut ffi::sqlite3_file) -> *mut State {
    // SAFETY: `open` set `pMethods` to the first field of a `Methods`, and asked SQLite for room up to the end of a `State`
    // there; SQLite aligns a file to 8 bytes.
    unsafe { file.byte_add((*(*file).pMethods.cast::<Methods>()).state_at).cast() }
}

/// The table that stands for `base`. SQLite has a handful of tables, one a way of locking.
///
/// # Safety
///
/// `base` is a table of methods that lives for ever, as those of SQLite's own VFS do.
unsafe fn checked_methods(base: *const ffi::sqlite3_io_methods, state_at: usize) -> &'static Methods {
    static TABLES: Mutex<Vec<&'static Methods>> = Mutex::new(Vec::new());
    let mut tables = TABLES.lock();
    if let Some(known) = tables.iter().find(|known| std::ptr::eq(known.base, base)) {
        return known;
    }
    // SAFETY: the caller's promise.
    let mut ours = unsafe { *base };
    ours.xRead = Some(read);
    ours.xWrite = Some(write);
    ours.xFetch = Some(fetch);
    ours.xDeviceCharacteristics = Some(characteristics);
    // SQLite takes their absence for a file that can have no log.
    if ours.xShmMap.is_some() {
        ours.xShmMap = Some(map_log_index);
        ours.xShmLock = Some(lock_log_index);
        ours.xShmUnmap = Some(unmap_log_index);
    }
    let table: &'static Methods = Box::leak(Box::new(Methods { ours, base, state_at }));
    tables.push(table);
    table
}

/// The methods that ours replaced.
///
/// # Safety
///
/// `file` was opened by [`open`] as a database.
unsafe fn base(file: *mut ffi::sqlite3_file) -> &'static ffi::sqlite3_io_methods {
    // SAFETY: `open` set `pMethods` to the first field of a `Methods`.
    unsafe { &*(*(*file).pMethods.cast::<Methods>()).base }
}

fn is_page(len: c_int, offset: ffi::sqlite3_int64) -> bool {
    len as usize == PAGE_LEN && offset % PAGE_LEN as i64 == 0
}

/// Whether a page is as it was written at `offset`.
pub(super) fn is_sealed(page: &[u8], offset: u64) -> bool {
    page.len() == PAGE_LEN && checksum(offset, &page[..BODY_LEN]).to_le_bytes() == page[BODY_LEN..]
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    len: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls it with a file of ours and a buffer of `len` bytes.
    unsafe {
        let Some(base_read) = base(file).xRead else { return ffi::SQLITE_IOERR_READ };
        let status = base_read(file, buffer, len, offset);
        if status == ffi::SQLITE_IOERR_SHORT_READ && is_page(len, offset) && offset > 0 {
            // SQLite would go on with a page of zeros. Only an empty file may be short, where its first page is.
            return ffi::SQLITE_IOERR_DATA;
        }
        if status == ffi::SQLITE_OK && is_page(len, offset) {
            let page = std::slice::from_raw_parts(buffer.cast::<u8>(), PAGE_LEN);
            if !is_sealed(page, offset as u64) {
                return ffi::SQLITE_IOERR_DATA;
            }
        }
        status
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    len: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as in `read`. SQLite's buffer is not ours to change, so the page is sealed in a copy.
    unsafe {
        let Some(base_write) = base(file).xWrite else { return ffi::SQLITE_IOERR_WRITE };
        if !is_page(len, offset) {
            return base_write(file, buffer, len, offset);
        }
        let mut page = [0_u8; PAGE_LEN];
        page.copy_from_slice(std::slice::from_raw_parts(buffer.cast::<u8>(), PAGE_LEN));
        let seal = checksum(offset as u64, &page[..BODY_LEN]);
        page[BODY_LEN..].copy_from_slice(&seal.to_le_bytes());
        base_write(file, page.as_ptr().cast(), len, offset)
    }
}

/// No page is handed out of a memory map: it could not be checked, and a lost disk would be a SIGBUS.
unsafe extern "C" fn fetch(
    _file: *mut ffi::sqlite3_file,
    _offset: ffi::sqlite3_int64,
    _len: c_int,
    page_out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *page_out = std::ptr::null_mut() };
    ffi::SQLITE_OK
}

unsafe extern "C" fn characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite calls it with a file of ours.
    let all = unsafe { base(file).xDeviceCharacteristics.map_or(0, |call| call(file)) };
    // Parts of pages could not be checked.
    all & !ffi::SQLITE_IOCAP_SUBPAGE_READ
}

unsafe extern "C" fn map_log_index(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    len: c_int,
    extend: c_int,
    address_out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite calls it with a file of ours and a place for the answer. A region stays where it is until it is unmapped.
    unsafe {
        let Some(base_map) = base(file).xShmMap else { return ffi::SQLITE_IOERR_SHMMAP };
        let status = base_map(file, region, len, extend, address_out);
        if status == ffi::SQLITE_OK && region == 0 {
            (*state(file)).head = (*address_out).cast_const().cast();
        }
        status
    }
}

/// A shared lock of a reader is only said to be taken while the file is read without one.
unsafe extern "C" fn lock_log_index(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: SQLite calls it with a file of ours.
    unsafe {
        let Some(base_lock) = base(file).xShmLock else { return ffi::SQLITE_IOERR_SHMLOCK };
        let state = &mut *state(file);
        if flags & ffi::SQLITE_SHM_SHARED != 0
            && count == 1
            && (READ_LOCKS..ffi::SQLITE_SHM_NLOCK).contains(&first)
        {
            let bit = 1 << first;
            if flags & ffi::SQLITE_SHM_UNLOCK != 0 && state.not_taken & bit != 0 {
                state.not_taken &= !bit;
                return ffi::SQLITE_OK;
            }
            if flags & ffi::SQLITE_SHM_LOCK != 0 && state.is_unlocked {
                state.not_taken |= bit;
                return ffi::SQLITE_OK;
            }
        }
        base_lock(file, first, count, flags)
    }
}

unsafe extern "C" fn unmap_log_index(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: SQLite calls it with a file of ours.
    unsafe {
        (*state(file)).head = std::ptr::null();
        let Some(base_unmap) = base(file).xShmUnmap else { return ffi::SQLITE_OK };
        base_unmap(file, delete)
    }
}

/// The head of the log's index as it was at one moment: another one after each commit, by whichever process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head([u64; HEAD_WORDS]);

/// A connection to an index, and its file, which lives as long.
#[derive(Debug)]
pub(super) struct Connected {
    connection: Connection,
    /// NULL where the index is in memory.
    file: *mut ffi::sqlite3_file,
}

// SAFETY: a connection may be used by one thread after another, and its file with it.
unsafe impl Send for Connected {}

impl Connected {
    /// `ours`: it was opened through the VFS of this file.
    pub(super) fn new(connection: Connection, ours: bool) -> Self {
        let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
        if ours {
            // SAFETY: the handle is live for the borrow; the opcode takes a place for a pointer. A connection has the same
            // file until it is closed.
            let status = unsafe {
                ffi::sqlite3_file_control(
                    connection.handle(),
                    c"main".as_ptr(),
                    ffi::SQLITE_FCNTL_FILE_POINTER,
                    (&raw mut file).cast(),
                )
            };
            if status != ffi::SQLITE_OK {
                file = std::ptr::null_mut();
            }
        }
        Self { connection, file }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The head of the log's index now. `None`: it is being written, or the connection did not read yet.
    ///
    /// Whatever was read before this was read before the answer's moment, and what is read after it, after.
    pub(super) fn head(&self) -> Option<Head> {
        if self.file.is_null() {
            return None;
        }
        fence(Ordering::Acquire);
        // SAFETY: the file lives as long as the connection. The head is mapped until SQLite unmaps it, which it does in
        // calls of this connection only, and none is under way. Other processes write it: it is read as atomic words.
        let copies = unsafe {
            let head = (*state(self.file)).head;
            if head.is_null() {
                return None;
            }
            let word = |at: usize| (*head.add(at)).load(Ordering::Relaxed);
            [0, HEAD_WORDS].map(|copy| std::array::from_fn(|at| word(copy + at)))
        };
        fence(Ordering::Acquire);
        let [first, second]: [[u64; HEAD_WORDS]; 2] = copies;
        // A head that nobody wrote yet is zeros. One that is written, is its second copy first.
        (first == second && first[0] != 0).then_some(Head(first))
    }

    /// What pages take that the connection keeps, in bytes.
    pub(super) fn kept_bytes(&self) -> u64 {
        let (mut now, mut most) = (0, 0);
        // SAFETY: the handle is live for the borrow, and the places are for the call.
        let status = unsafe {
            ffi::sqlite3_db_status(
                self.connection.handle(),
                ffi::SQLITE_DBSTATUS_CACHE_USED,
                &raw mut now,
                &raw mut most,
                0,
            )
        };
        if status == ffi::SQLITE_OK { u64::from(now.unsigned_abs()) } else { 0 }
    }

    /// From now on read locks are only said to be taken, or are taken again.
    pub(super) fn set_unlocked(&mut self, is_unlocked: bool) {
        if !self.file.is_null() {
            // SAFETY: as in `head`.
            unsafe { (*state(self.file)).is_unlocked = is_unlocked };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(offset: u64, fill: impl Fn(usize) -> u8) -> Vec<u8> {
        let mut page: Vec<u8> = (0..PAGE_LEN).map(fill).collect();
        let seal = checksum(offset, &page[..BODY_LEN]).to_le_bytes();
        page[BODY_LEN..].copy_from_slice(&seal);
        page
    }

    #[test]
    fn every_flipped_bit_of_every_page_of_a_small_index_breaks_the_seal_of_its_page() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::Store::open(directory.path(), &crate::StoreOptions::new()).unwrap();
        for number in 0..40_u8 {
            store.put(&[number; 50], &crate::PutOptions::default()).unwrap();
        }
        store.close().unwrap();
        let mut index = std::fs::read(directory.path().join("index/index.db")).unwrap();
        assert!(index.len() > 20 * PAGE_LEN && index.len().is_multiple_of(PAGE_LEN));
        for (page, offset) in index.chunks_exact_mut(PAGE_LEN).zip((0..).step_by(PAGE_LEN)) {
            assert!(is_sealed(page, offset));
            for bit in 0..PAGE_LEN * 8 {
                page[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_sealed(page, offset), "bit {bit} of the page at {offset}");
                page[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn any_flipped_bit_of_a_page_breaks_its_seal_and_so_does_another_place() {
        let fills: [fn(usize) -> u8; 3] = [|_| 0, |_| 0xff, |at| ((at * 167) >> 3) as u8];
        for (number, fill) in (0..).zip(fills) {
            let offset = number * PAGE_LEN as u64;
            let mut page = sealed(offset, fill);
            assert!(is_sealed(&page, offset));
            assert!(!is_sealed(&page, offset + PAGE_LEN as u64));
            for bit in 0..PAGE_LEN * 8 {
                page[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_sealed(&page, offset), "bit {bit}");
                page[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
