//! Memory that goes to callers and comes from them.
//!
//! What is handed out comes from malloc, since callers free it with `free()` and `delete[]` as well, and is noted
//! here until it is freed through the library. A pointer that was never handed out is not freed: it may be a literal,
//! or what happened to lie in a record that nobody initialised. For the same reason text is read in a way that answers
//! where the address is none, and does not crash.

use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::failure::{Failure, Result};
use crate::process::PerProcess;
use crate::types::UNKNOWN;

const PAGE_BYTES: usize = 4096;

/// What was handed out, by the pointer that a caller knows it by: the start of its memory, and its stamp.
static HANDED: PerProcess<Mutex<HashMap<usize, (usize, u32)>>> = PerProcess::new();

fn handed() -> MutexGuard<'static, HashMap<usize, (usize, u32)>> {
    HANDED.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stamp for a record that is handed out, in bytes of it that have no name in the headers: never 0. It tells the record
/// that was filled, and copies of it, from others that hold the same address: since it was freed with `free()`, or through
/// another copy of the record, the address may be that of something else.
pub(crate) fn stamp() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0x5eed_0000);
    loop {
        let next = LAST.fetch_add(1, Ordering::Relaxed);
        if next != 0 {
            return next;
        }
    }
}

/// Memory from malloc that is on its way to a caller; freed unless it is handed out.
pub(crate) struct Block {
    start: *mut u8,
    size: usize,
    used: usize,
}

impl Block {
    /// All zero.
    pub(crate) fn new(size: usize) -> Result<Self> {
        // SAFETY: any size is fine, and what comes is checked.
        let start = unsafe { libc::calloc(1, size.max(1)) }.cast::<u8>();
        if start.is_null() {
            return Err(Failure::new(UNKNOWN, format!("no memory for {size} bytes")));
        }
        Ok(Self { start, size, used: 0 })
    }

    /// The next so many places of a type in it. Those with the greatest alignment come first.
    pub(crate) fn take<T>(&mut self, count: usize) -> *mut T {
        let size = count * size_of::<T>();
        assert!(
            self.used.is_multiple_of(align_of::<T>()) && size <= self.size - self.used,
            "a block is cut wrong"
        );
        let at = self.used;
        self.used += size;
        // SAFETY: it stays within the block, which is aligned for everything.
        unsafe { self.start.add(at) }.cast()
    }

    /// Copies text into it, with a NUL behind it.
    pub(crate) fn text(&mut self, text: &[u8]) -> *mut c_char {
        let place = self.take::<u8>(text.len() + 1);
        // SAFETY: the place is that long; the block is zero, so a NUL is there.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), place, text.len()) };
        place.cast()
    }

    /// Gives it to the caller, who knows it by `key`, a pointer into it.
    pub(crate) fn hand_out<T>(self, key: *const T) {
        self.hand_out_stamped(key, 0);
    }

    /// Gives it to the caller in a record with a stamp.
    pub(crate) fn hand_out_stamped<T>(self, key: *const T, stamp: u32) {
        handed().insert(key as usize, (self.start as usize, stamp));
        std::mem::forget(self);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: it was not handed out, so it is ours.
        unsafe { libc::free(self.start.cast()) };
    }
}

/// Frees what was handed out under this pointer. Does nothing for any other.
pub(crate) fn take_back<T>(key: *const T) {
    take_back_stamped(key, 0);
}

/// Frees what was handed out under this pointer in a record with this stamp. Does nothing for any other.
pub(crate) fn take_back_stamped<T>(key: *const T, stamp: u32) {
    let mut handed = handed();
    let is_it = handed.get(&(key as usize)).is_some_and(|(_, given)| *given == stamp);
    let taken = if is_it { handed.remove(&(key as usize)) } else { None };
    drop(handed);
    if let Some((start, _)) = taken {
        // SAFETY: it was handed out, and not taken back before.
        unsafe { libc::free(start as *mut c_void) };
    }
}

/// Text of a caller up to its NUL, or `max` bytes of it, whichever is less. `None` where the address is none.
pub(crate) fn text_at(text: *const c_char, max: usize) -> Option<Vec<u8>> {
    let mut copied = Vec::new();
    let mut at = text as usize;
    let mut page = [0_u8; PAGE_BYTES];
    while copied.len() < max {
        let wanted = (PAGE_BYTES - at % PAGE_BYTES).min(max - copied.len());
        let read = &mut page[..wanted];
        peek(at, read)?;
        if let Some(end) = read.iter().position(|byte| *byte == 0) {
            copied.extend_from_slice(&read[..end]);
            break;
        }
        copied.extend_from_slice(read);
        at = at.checked_add(wanted)?;
    }
    Some(copied)
}

/// So many bytes of a caller. `None` where the address is none.
pub(crate) fn bytes_at(start: *const c_char, length: usize) -> Option<Vec<u8>> {
    let mut copied = vec![0; length];
    let mut done = 0;
    while done < length {
        let at = (start as usize).checked_add(done)?;
        let wanted = (PAGE_BYTES - at % PAGE_BYTES).min(length - done);
        peek(at, &mut copied[done..done + wanted])?;
        done += wanted;
    }
    Some(copied)
}

/// Reads memory of this process within one page. `None` where none is.
fn peek(at: usize, into: &mut [u8]) -> Option<()> {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: at as *mut c_void, iov_len: into.len() };
    // SAFETY: the kernel looks at both ranges itself; the local one is ours.
    let read =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    if read == into.len() as isize {
        return Some(());
    }
    match std::io::Error::last_os_error().raw_os_error() {
        // Some containers forbid the call; then the caller's word must do, byte by byte up to the NUL.
        Some(libc::ENOSYS | libc::EPERM) => {
            for (index, byte) in into.iter_mut().enumerate() {
                // SAFETY: the caller says that text is there.
                *byte = unsafe { *(at as *const u8).add(index) };
                if *byte == 0 {
                    break;
                }
            }
            Some(())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_across_pages_and_no_address_is_no_crash() {
        let long = std::ffi::CString::new(vec![b'x'; 3 * PAGE_BYTES]).unwrap();
        assert_eq!(text_at(long.as_ptr(), usize::MAX).unwrap(), long.as_bytes());
        assert_eq!(text_at(long.as_ptr(), 5000).unwrap().len(), 5000);
        for wild in [0, 1, 4095, 0xdead_beef, usize::MAX] {
            assert_eq!(text_at(wild as *const c_char, 37), None, "{wild:#x}");
        }
    }

    #[test]
    fn what_was_not_handed_out_is_not_freed() {
        let mut block = Block::new(8).unwrap();
        let text = block.text(b"handed");
        take_back(c"literal".as_ptr());
        block.hand_out(text);
        take_back(text);
        take_back(text);
    }
}
