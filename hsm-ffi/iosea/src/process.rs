//! What each process has for itself: a forked child begins with one that nobody has touched.
//!
//! A lock that another thread of the parent held at the fork stays locked in the child for ever. So a lock is reached
//! through a [`PerProcess`], which looks whose it is before anybody waits for it. What the parent had is left as it is:
//! nobody in the child could say whether it is whole.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A value of this process, made when it is first asked for.
pub(crate) struct PerProcess<T: 'static> {
    owned: AtomicPtr<(u32, T)>,
}

impl<T: Default + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { owned: AtomicPtr::new(null_mut()) }
    }

    pub(crate) fn get(&self) -> &'static T {
        let me = std::process::id();
        loop {
            let found = self.owned.load(Ordering::Acquire);
            // SAFETY: NULL, or made below and never freed.
            if let Some((owner, value)) = unsafe { found.as_ref() }
                && *owner == me
            {
                return value;
            }
            let fresh = Box::into_raw(Box::new((me, T::default())));
            if self.owned.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // SAFETY: made above, and nobody has seen it.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_child_does_not_wait_for_what_a_thread_of_its_parent_held() {
        static LOCK: PerProcess<Mutex<i32>> = PerProcess::new();
        let mut held = LOCK.get().lock().unwrap();
        *held = 7;
        // SAFETY: the child only takes a lock of its own, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_fresh = LOCK.get().try_lock().is_ok_and(|value| *value == 0);
            // SAFETY: it ends the child.
            unsafe { libc::_exit(i32::from(!is_fresh)) };
        }
        let mut status = -1;
        // SAFETY: a child of ours, and a place for a number.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_eq!(*held, 7);
    }
}
