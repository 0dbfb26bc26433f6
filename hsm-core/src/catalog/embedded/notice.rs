//! When a reader of the feed that came to the end is to look again.
//!
//! A commit ends with a write to the index's log, which the kernel tells of to whoever watches: nobody is told of
//! anything by the writer itself. The write is seen a moment before the commit is. So a reader that was woken and finds
//! nothing new waits until those have left who are writers now, and looks once more.
//!
//! An index in memory has one handle alone, which tells its own threads.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Embedded, IndexPlace};
use crate::error::{Error, IoContext as _, Result};
use crate::file::Watch;
use crate::journal::queue::Onlooker;

/// How long those who write are waited for at a time.
const WRITERS_WAIT: Duration = Duration::from_millis(100);
/// Between two looks where the kernel has no watch to give.
const PAUSE: Duration = Duration::from_millis(25);

/// What the threads of a handle hear of its commits through.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How many there were.
    count: Mutex<u64>,
    came: Condvar,
}

impl News {
    pub(super) fn tell(&self) {
        *self.count.lock() += 1;
        self.came.notify_all();
    }
}

/// One reader's way to hear that there may be something new. Before each look it [`hears`](Self::hear) what there was.
#[derive(Debug)]
pub(crate) struct Notice {
    source: Source,
    /// Whether there was something that no look was made for since all who wrote then had left.
    unsettled: bool,
}

#[derive(Debug)]
enum Source {
    /// The directory of the index, and the writers of the store.
    Directory(Watch, Onlooker),
    /// The same without a watch: the kernel has a limit of them for each user.
    Clock(Onlooker),
    /// The handle itself, and how many commits of it were heard of.
    Handle(Arc<News>, u64),
}

impl Embedded {
    pub(super) fn new_notice(&self) -> Result<Notice> {
        let source = match &self.ground.index {
            IndexPlace::Memory => Source::Handle(self.news.clone(), *self.news.count.lock()),
            IndexPlace::File(path) => {
                let onlooker = Onlooker::open(&*self.ground.disk, &self.ground.directory.join("lock"))?;
                let watch = path.parent().and_then(|directory| Watch::on_directory(directory).ok());
                match watch {
                    Some(watch) => Source::Directory(watch, onlooker),
                    None => Source::Clock(onlooker),
                }
            }
        };
        // A commit may have been at its end when the watch began.
        Ok(Notice { source, unsettled: true })
    }
}

impl Notice {
    /// Notes what there was up to now. What came to be visible before this call is seen by a look after it.
    pub(crate) fn hear(&mut self) -> Result<()> {
        self.unsettled |= match &mut self.source {
            Source::Directory(watch, _) => watch.forget().context("watch", "the index".as_ref())?,
            Source::Clock(_) => false,
            Source::Handle(news, heard) => {
                let count = *news.count.lock();
                std::mem::replace(heard, count) != count
            }
        };
        Ok(())
    }

    /// After a look that found nothing: whether another one may find what the kernel told of too early. Waits for it.
    pub(crate) fn settle(&mut self) -> Result<bool> {
        if !self.unsettled {
            return Ok(false);
        }
        if let Source::Directory(_, onlooker) | Source::Clock(onlooker) = &self.source {
            self.unsettled = !onlooker.wait_for_writers(Instant::now() + WRITERS_WAIT)?;
        } else {
            self.unsettled = false;
        }
        Ok(true)
    }

    /// Makes the descriptor readable where a look may have come too early for what was heard of: whoever waits for the
    /// descriptor looks again.
    pub(crate) fn tell_if_unsettled(&self) -> Result<()> {
        match &self.source {
            Source::Directory(watch, _) if self.unsettled => {
                watch.tell_itself().context("watch", "the index".as_ref())
            }
            _ => Ok(()),
        }
    }

    /// Waits until there may be something new, at most so long; `false`: there is nothing.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Result<bool> {
        if self.unsettled {
            return Ok(true);
        }
        match &self.source {
            Source::Directory(watch, _) => watch.wait(at_most).context("watch", "the index".as_ref()),
            Source::Clock(_) => {
                std::thread::sleep(PAUSE.min(at_most));
                Ok(true)
            }
            Source::Handle(news, heard) => {
                let mut count = news.count.lock();
                if *count == *heard {
                    news.came.wait_for(&mut count, at_most);
                }
                Ok(*count != *heard)
            }
        }
    }

    /// A descriptor that is readable when there may be something new.
    pub(crate) fn descriptor(&self) -> Result<BorrowedFd<'_>> {
        let what = match &self.source {
            Source::Directory(watch, _) => return Ok(watch.as_fd()),
            Source::Clock(_) => {
                "a descriptor that tells of events: the kernel gives no watch (fs.inotify.max_user_instances)"
            }
            Source::Handle(..) => {
                "a descriptor that tells of events, for a store with its index in memory; wait with a timeout"
            }
        };
        Err(Error::Unsupported { what: what.to_owned() })
    }
}
