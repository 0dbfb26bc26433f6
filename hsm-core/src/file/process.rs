//! Which process this is, without asking the kernel each time: a get of a small object would spend a thirtieth of its time
//! on that.
//!
//! The answer is kept in a page of memory that the kernel hands to a child empty (`MADV_WIPEONFORK`, since Linux 4.14). So a
//! child asks anew, however it was made, also past the C library, of which `pthread_atfork` would not hear. A child that
//! shares the memory of its parent (`vfork`) is not told apart; it may do nothing but begin another program. Where there is
//! no such page, the kernel is asked each time.
//!
//! And on which processor a thread runs.
#![allow(unsafe_code, reason = "no safe form of it says what a page becomes in a child")]

use std::ptr::{null_mut, without_provenance_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use nix::libc;
use nix::sched::sched_getcpu;

/// The page, once it was made; NULL before. Not behind a lock, which a fork could leave locked in the child.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
/// Stands for a page that cannot be had. Nothing is kept in it.
static NO_PAGE: AtomicU32 = AtomicU32::new(0);

/// The id of this process.
pub(crate) fn process_id() -> u32 {
    let page = match PAGE.load(Ordering::Acquire) {
        page if page.is_null() => first_page(),
        page => page,
    };
    // SAFETY: a page that is never unmapped, and as large as a page; or a static. Both are only used as an atomic.
    let kept = unsafe { &*page };
    let known = kept.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let id = std::process::id();
    if !std::ptr::eq(kept, &raw const NO_PAGE) {
        kept.store(id, Ordering::Relaxed);
    }
    id
}

/// The number of the processor that the calling thread runs on, or just ran on. 0 where that cannot be told.
pub(crate) fn processor() -> usize {
    sched_getcpu().unwrap_or_default()
}

/// Makes the page. Of two threads that do, one takes that of the other, and its own is left alone.
#[cold]
fn first_page() -> *mut AtomicU32 {
    let made = make_page().unwrap_or((&raw const NO_PAGE).cast_mut());
    match PAGE.compare_exchange(null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(before) => before,
    }
}

/// A page of zeros that is one of zeros again in a child.
fn make_page() -> Option<*mut AtomicU32> {
    const LEN: usize = size_of::<AtomicU32>();
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a mapping of its own, where the kernel wants it. What is advised concerns no other.
    unsafe {
        let page = libc::mmap(null_mut(), LEN, access, kind, -1, 0);
        if page == libc::MAP_FAILED || page == without_provenance_mut(0) {
            return None;
        }
        // What stands for a kernel may take any advice for good and heed none: old emulators say yes to one that cannot be.
        let is_heeded =
            libc::madvise(page, LEN, libc::MADV_WIPEONFORK) == 0 && libc::madvise(page, LEN, -1) != 0;
        if !is_heeded {
            libc::munmap(page, LEN);
            return None;
        }
        Some(page.cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child says of itself that was made by `make`, and of a child of its own.
    fn is_told_apart(make: fn() -> libc::pid_t) -> bool {
        let before = process_id();
        let is_new = |before: u32| {
            let id = process_id();
            id != before && id == std::process::id() && id == process_id()
        };
        match make() {
            0 => {
                let own = is_new(before);
                let between = process_id();
                let good = own
                    && match make() {
                        // SAFETY: it ends the child.
                        0 => unsafe { libc::_exit(i32::from(!is_new(between))) },
                        child => is_well(child),
                    };
                // SAFETY: as above.
                unsafe { libc::_exit(i32::from(!good)) }
            }
            child => is_well(child) && process_id() == before,
        }
    }

    fn is_well(child: libc::pid_t) -> bool {
        let mut status = -1;
        // SAFETY: a child of ours, and a place for a number.
        child > 0 && unsafe { libc::waitpid(child, &raw mut status, 0) } == child && status == 0
    }

    #[test]
    fn a_child_is_told_from_its_parent_however_it_was_made() {
        assert_eq!(process_id(), std::process::id());
        // SAFETY: the children compare numbers and end.
        assert!(is_told_apart(|| unsafe { libc::fork() }));
        // SAFETY: as above; no stack of its own and no shared memory, so it is a fork past the C library.
        assert!(is_told_apart(|| unsafe {
            let flags = libc::c_long::from(libc::SIGCHLD);
            libc::syscall(
                libc::SYS_clone,
                flags,
                0 as libc::c_long,
                0 as libc::c_long,
                0 as libc::c_long,
                0 as libc::c_long,
            ) as libc::pid_t
        }));
    }

    #[test]
    fn where_there_is_a_page_the_kernel_is_not_asked_again() {
        process_id();
        let page = PAGE.load(Ordering::Acquire);
        assert!(!page.is_null());
        // SAFETY: it is never unmapped.
        let kept = unsafe { &*page };
        assert!(std::ptr::eq(kept, &raw const NO_PAGE) || kept.load(Ordering::Relaxed) == std::process::id());
    }
}
