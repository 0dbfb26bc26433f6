//! A descriptor that a caller lends: it is never closed, and its own offset is moved only where reading and
//! writing are all it can do, as on a pipe.
//!
//! It is no clone either: closing one would drop the caller's POSIX locks on the file. Where the other end of a
//! pipe or socket is closed, the error is the answer, and the signal that comes with it is taken back. A
//! descriptor that does not block is waited for.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::fstat;
use nix::sys::uio::{pread, pwrite};
use nix::unistd::{Whence, lseek, read, write};

/// A caller's descriptor, for as long as it is lent.
#[derive(Debug)]
pub struct Descriptor<'a> {
    lent: BorrowedFd<'a>,
    positional: bool,
}

impl<'a> Descriptor<'a> {
    /// Takes a descriptor on loan. An error where it is not open.
    pub fn new(lent: BorrowedFd<'a>) -> io::Result<Self> {
        match lseek(lent, 0, Whence::SeekCur) {
            Ok(_) => Ok(Self { lent, positional: true }),
            Err(Errno::ESPIPE) => Ok(Self { lent, positional: false }),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it can be read and written at any place, as a file: pipes, sockets and terminals cannot.
    pub fn is_positional(&self) -> bool {
        self.positional
    }

    /// Length in bytes, where it is a file.
    pub fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(fstat(self.lent)?.st_size).unwrap_or(0))
    }

    /// Whether the length is 0.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads up to `buffer.len()` bytes at `offset`, or the next ones where it is not positional; 0 at the end.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let at = position(offset)?;
        self.repeat(PollFlags::POLLIN, || {
            if self.positional { pread(self.lent, buffer, at) } else { read(self.lent, buffer) }
        })
    }

    /// Writes all of `bytes` at `offset`, or next where it is not positional.
    pub fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let (left, at) = (&bytes[done..], position(offset + done as u64)?);
            let written = self.repeat(PollFlags::POLLOUT, || {
                if self.positional {
                    pwrite(self.lent, left, at)
                } else {
                    without_pipe_signal(|| write(self.lent, left))
                }
            })?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            done += written;
        }
        Ok(())
    }

    /// Repeats a call that a signal interrupted, and one that did not block when it can go on.
    fn repeat(&self, until: PollFlags, mut call: impl FnMut() -> nix::Result<usize>) -> io::Result<usize> {
        loop {
            match call() {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => match poll(&mut [PollFd::new(self.lent, until)], PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                },
                done => return Ok(done?),
            }
        }
    }
}

fn position(offset: u64) -> io::Result<i64> {
    i64::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// Writes to what may have lost its other end. The kernel sends this thread a signal then, which would end a
/// program that did not expect one: it is held back and taken off the queue.
fn without_pipe_signal(call: impl FnOnce() -> nix::Result<usize>) -> nix::Result<usize> {
    let mut pipe = SigSet::empty();
    pipe.add(Signal::SIGPIPE);
    let before = pipe.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    if before.contains(Signal::SIGPIPE) {
        return call(); // The caller holds it back, and may look for it.
    }
    let done = call();
    if done == Err(Errno::EPIPE)
        && let Ok(queue) = SignalFd::with_flags(&pipe, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
    {
        let _ = queue.read_signal();
    }
    let _ = before.thread_set_mask();
    done
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_file_is_read_and_written_without_moving_its_offset() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(3)).unwrap();
        let descriptor = Descriptor::new(file.as_fd()).unwrap();
        assert!(descriptor.is_positional());
        assert_eq!(descriptor.len().unwrap(), 10);
        let mut buffer = [0; 4];
        assert_eq!(descriptor.read(&mut buffer, 8).unwrap(), 2);
        assert_eq!(&buffer[..2], b"89");
        descriptor.write(b"AB", 9).unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "345678AB");
    }

    #[test]
    fn a_full_pipe_that_does_not_block_is_waited_for() {
        let (mut end, begin) = io::pipe().unwrap();
        nix::fcntl::fcntl(&begin, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        let read = std::thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let mut read = Vec::new();
                end.read_to_end(&mut read).unwrap();
                read
            });
            let descriptor = Descriptor::new(begin.as_fd()).unwrap();
            assert!(!descriptor.is_positional());
            descriptor.write(&bytes, 0).unwrap();
            drop(begin);
            reader.join().unwrap()
        });
        assert!(read == bytes);
    }

    #[test]
    fn a_pipe_without_its_other_end_is_an_error_and_no_signal() {
        let (end, begin) = io::pipe().unwrap();
        drop(end);
        let error = Descriptor::new(begin.as_fd()).unwrap().write(b"lost", 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGPIPE));
    }
}
