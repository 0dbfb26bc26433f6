//! Descriptors of callers: read and written from where they stand, waited for where they do not block, and no SIGPIPE
//! for the host.

use std::io;
use std::mem::MaybeUninit;

/// Reads what is there, at least a byte; 0 at the end.
pub(super) fn read(fd: i32, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: a buffer with its length.
    retried(fd, libc::POLLIN, || unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) })
}

/// Writes all.
pub(super) fn write_all(fd: i32, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        // SAFETY: bytes with their length.
        let written = without_sigpipe(|| {
            retried(fd, libc::POLLOUT, || unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) })
        })?;
        data = &data[written..];
    }
    Ok(())
}

/// Where a file stands; `None` for what has no place, such as a pipe.
pub(super) fn position(fd: i32) -> Option<u64> {
    // SAFETY: it moves nothing.
    let at = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
    u64::try_from(at).ok()
}

/// Puts a file where a read of so many bytes would have left it; `None`: at its end.
pub(super) fn advance(fd: i32, to: Option<u64>) {
    let (offset, whence) = match to {
        Some(to) => (to as libc::off_t, libc::SEEK_SET),
        None => (0, libc::SEEK_END),
    };
    // SAFETY: a number; where it fails the data is stored all the same.
    unsafe { libc::lseek(fd, offset, whence) };
}

fn retried(fd: i32, event: i16, mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => {
                let mut poll = libc::pollfd { fd, events: event, revents: 0 };
                // SAFETY: one record. However it ends, the call is tried again.
                unsafe { libc::poll(&raw mut poll, 1, -1) };
            }
            _ => return Err(error),
        }
    }
}

/// Runs a write; where it raises SIGPIPE on this thread, the signal is taken back.
fn without_sigpipe<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // SAFETY: sets of signals on the stack, and calls that change this thread's mask and put it back.
    unsafe {
        let mut pipe = MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
        let (mut before, mut pending) = (pipe, pipe);
        libc::sigemptyset(&raw mut pipe);
        libc::sigaddset(&raw mut pipe, libc::SIGPIPE);
        libc::sigpending(&raw mut pending);
        let was_pending = libc::sigismember(&raw const pending, libc::SIGPIPE) == 1;
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, &raw mut before);
        let written = write();
        if !was_pending && written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const none);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        written
    }
}
