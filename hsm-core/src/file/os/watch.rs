//! Waits for writes to the files of a directory, by whatever process of this machine: inotify.
//!
//! It costs whoever writes next to nothing, and nothing at all where nobody watches.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// A directory that is watched. Its descriptor is readable when there was a write since [`forget`](Self::forget).
#[derive(Debug)]
pub(crate) struct Watch {
    inotify: Inotify,
}

impl Watch {
    /// Begins to watch.
    pub(crate) fn on_directory(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        inotify.add_watch(path, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ONLYDIR)?;
        Ok(Self { inotify })
    }

    /// Makes the descriptor readable as if there had been a write: the end of a watch, here of another directory, is told
    /// of too.
    pub(crate) fn tell_itself(&self) -> io::Result<()> {
        let ended = self.inotify.add_watch("/", AddWatchFlags::IN_DELETE_SELF)?;
        Ok(self.inotify.rm_watch(ended)?)
    }

    /// Forgets the writes up to now; says whether there were any.
    pub(crate) fn forget(&self) -> io::Result<bool> {
        let mut any = false;
        loop {
            match self.inotify.read_events() {
                Ok(_) => any = true,
                Err(Errno::EAGAIN) => return Ok(any),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until there was a write that was not forgotten, at most so long, and says whether there was. May return early.
    pub(crate) fn wait(&self, at_most: Duration) -> io::Result<bool> {
        // Rounded up: a rest of less than a millisecond would be a busy loop.
        let millis = at_most.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_noticed_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, b"before").unwrap();
        let watch = Watch::on_directory(directory.path()).unwrap();
        assert!(!watch.forget().unwrap());
        std::fs::write(&path, b"a write").unwrap();
        assert!(watch.wait(Duration::from_mins(1)).unwrap());
        assert!(watch.forget().unwrap());
        assert!(!watch.forget().unwrap());
        assert!(!watch.wait(Duration::ZERO).unwrap());
        assert!(Watch::on_directory(&path).is_err(), "it is no directory");
        for _ in 0..2 {
            watch.tell_itself().unwrap();
            assert!(watch.wait(Duration::ZERO).unwrap() && watch.forget().unwrap());
            assert!(!watch.wait(Duration::ZERO).unwrap());
        }
        std::fs::write(&path, b"it is still watched").unwrap();
        assert!(watch.wait(Duration::from_mins(1)).unwrap());
    }
}
