//! Counts forks, for calls that are too quick to ask the kernel which process they are in.
//!
//! The engine asks for the process id in every verb. A cursor hands out items in less time than that takes.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn in_the_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A number that is another one in a forked child. One that was made past the C library is not told apart.
pub(crate) fn forks() -> u64 {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler does one atomic addition, and the library is never unloaded. Where there is no
        // memory for it, the engine still notices a fork at the next page.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    });
    FORKS.load(Ordering::Relaxed)
}
