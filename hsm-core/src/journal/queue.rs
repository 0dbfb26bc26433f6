//! Who may write: a fair queue across threads and processes, and the other locks on the store's lock file.
//!
//! Tickets are bytes of the lock file, locked by whoever drew them. It is a ticket's turn when no one holds
//! an earlier one. The kernel drops the locks of whoever dies, so no one waits for the dead, and nothing
//! has to be cleaned up after a crash. `docs/format.md`, section 4.

mod board;

use std::cell::Cell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, ReentrantMutex, ReentrantMutexGuard};

use crate::error::{Error, IoContext, Result};
use crate::file::{Disk, File, Mode};
use crate::wire::{self, HEAD_LENGTH, Writer};
pub(crate) use board::{STREAMS_MAX, Turns};

const MAGIC: [u8; 8] = *b"hsmlock1";
const TICKET_OFFSET: u64 = HEAD_LENGTH as u64;
const TIERS_OFFSET: u64 = TICKET_OFFSET + 8;
const INDEX_OFFSET: u64 = TIERS_OFFSET + 8;
const OPEN: u64 = 1 << 40;
const DOOR: u64 = OPEN + 1;
const INSIDE: u64 = OPEN + 2;
const QUEUE: u64 = 1 << 41;
/// Behind every ticket. So many spots are there for files outside of the store.
const OUTSIDE: u64 = 1 << 61;
const SPOTS: u64 = 1 << 60;

/// Between two looks at a lock that another process holds: shorter than a sync, longer than a switch.
const PAUSE_MIN: Duration = Duration::from_micros(20);
const PAUSE_MAX: Duration = Duration::from_micros(500);
/// So many turns before ours we look often; before that seldom, since of many who wait all but one look in vain, and
/// each look takes from the processor what a commit could use.
const TURNS_NEAR: u64 = 4;
/// Between two seldom looks: no longer than the turns that are near take, each with its sync.
const PAUSE_FAR_MAX: Duration = Duration::from_millis(2);

/// The lock file, open.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Threads of this handle share one open file, and so its locks: among them this lock decides.
    mine: Mutex<()>,
    /// The same of the lock for opening; how often the thread that has it took it.
    opening: ReentrantMutex<Cell<u32>>,
    patience: Duration,
}

impl LockFile {
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        store_id: &[u8; 16],
        patience: Duration,
    ) -> Result<Self> {
        let file = disk.open(path, Mode::OpenOrCreate).context("open", path)?;
        if file.len().context("measure", path)? < TICKET_OFFSET + 8 {
            let mut bytes = Vec::new();
            wire::write_head(&mut bytes, MAGIC, store_id);
            Writer(&mut bytes).u64(0);
            file.write_at(&bytes, 0).context("write", path)?;
        } else {
            let mut head = [0; HEAD_LENGTH];
            file.read_at(&mut head, 0).context("read", path)?;
            // A later version may queue in another way. Damage does no harm: nothing here matters.
            if let Err(newer @ Error::NewerFormat { .. }) = wire::check_head(&head, MAGIC, None, path) {
                return Err(newer);
            }
        }
        let opening = ReentrantMutex::new(Cell::new(0));
        Ok(Self { file, path: path.to_owned(), mine: Mutex::new(()), opening, patience })
    }

    /// Takes the lock under which handles open, recover, change tiers' roots and close. A thread that has it may take
    /// it again: a handle that fails while it is opened closes under it.
    pub(crate) fn lock_open(&self) -> Result<HeldOpen<'_>> {
        let times = self.opening.lock();
        if times.get() == 0 {
            self.wait(OPEN..OPEN + 1, true, "the lock for opening the store")?;
        }
        times.set(times.get() + 1);
        Ok(HeldOpen { lock: self, times })
    }

    /// Takes the lock that every open handle shares, and an exclusive one has alone. `false`: others are in.
    pub(crate) fn enter(&self, exclusive: bool) -> Result<bool> {
        self.file.try_lock(INSIDE..INSIDE + 1, exclusive).context("lock", &self.path)
    }

    /// Gives that lock back.
    pub(crate) fn exit(&self) {
        let _ = self.file.unlock(INSIDE..INSIDE + 1); // Closing the file does it too.
    }

    /// Joins the queue of writers and waits for its turn.
    pub(crate) fn lock_writer(&self) -> Result<Held<'_>> {
        self.lock_writer_doing(|| {})
    }

    /// The same. Where it is not its turn at once it calls `meanwhile` first: what is done then, the others do not wait for.
    pub(crate) fn lock_writer_doing(&self, meanwhile: impl FnOnce()) -> Result<Held<'_>> {
        let mine = self.mine.lock();
        self.wait(DOOR..DOOR + 1, true, "the door of the writers' queue")?;
        let door = Held { lock: self, range: DOOR..DOOR + 1, _mine: None };
        let mut bytes = [0; 8];
        self.file.read_at(&mut bytes, TICKET_OFFSET).context("read", &self.path)?;
        // Only a ticket that is still held matters, so where counting begins anew does not.
        let before = u64::from_le_bytes(bytes) % (1 << 60);
        let ticket = QUEUE + before + 1;
        self.wait(ticket..ticket + 1, true, "a ticket of the writers' queue")?;
        let held = Held { lock: self, range: ticket..ticket + 1, _mine: Some(mine) };
        self.file.write_at(&(before + 1).to_le_bytes(), TICKET_OFFSET).context("write", &self.path)?;
        drop(door);
        let earlier = QUEUE..ticket;
        if !self.file.try_lock(earlier.clone(), false).context("lock", &self.path)? {
            meanwhile();
            let far = QUEUE..ticket.saturating_sub(TURNS_NEAR).max(QUEUE + 1);
            self.wait_looking(far, false, PAUSE_FAR_MAX, "the writer lock")?;
            self.wait(earlier.clone(), false, "the writer lock")?;
        }
        // Being granted it was the answer; kept, it would stand in the way of no one, but would grow.
        self.file.unlock(earlier).context("unlock", &self.path)?;
        Ok(held)
    }

    /// The number of the last change of a tier's settings, as [`note_tiers`](Self::note_tiers) was told.
    pub(crate) fn tiers_changed(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        // A file that is shorter was never told.
        self.file.read_at(&mut bytes, TIERS_OFFSET).context("read", &self.path)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Tells every handle that tiers changed. The caller holds the writer lock.
    pub(crate) fn note_tiers(&self, number: u64) -> Result<()> {
        self.file.write_at(&number.to_le_bytes(), TIERS_OFFSET).context("write", &self.path)
    }

    /// Which index the handles inside use, as [`note_index`](Self::note_index) was told; 0: unknown.
    pub(crate) fn index(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        // A file that is shorter was never told.
        self.file.read_at(&mut bytes, INDEX_OFFSET).context("read", &self.path)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Tells those who open the store after us which index we use. The caller holds the lock for opening.
    pub(crate) fn note_index(&self, index: u64) -> Result<()> {
        self.file.write_at(&index.to_le_bytes(), INDEX_OFFSET).context("write", &self.path)
    }

    /// Takes a spot, of a file outside of the store that is to be written: kept apart are all who do that for this store,
    /// whatever locks the file system of that file has. `None`: another one has it. It is given back with what is answered,
    /// or by whoever dies. An open file of its own, of the disk that this one is on: threads that share one share its locks.
    pub(crate) fn take_spot(&self, disk: &dyn Disk, spot: u64) -> Result<Option<Arc<dyn File>>> {
        let file = disk.open(&self.path, Mode::Write).context("open", &self.path)?;
        let byte = OUTSIDE + spot % SPOTS;
        Ok(file.try_lock(byte..byte + 1, true).context("lock", &self.path)?.then_some(file))
    }

    fn wait(&self, range: Range<u64>, exclusive: bool, what: &str) -> Result<()> {
        self.wait_looking(range, exclusive, PAUSE_MAX, what)
    }

    fn wait_looking(
        &self,
        range: Range<u64>,
        exclusive: bool,
        pause_max: Duration,
        what: &str,
    ) -> Result<()> {
        let mut pause = PAUSE_MIN;
        let begun = Instant::now();
        while !self.file.try_lock(range.clone(), exclusive).context("lock", &self.path)? {
            if begun.elapsed() > self.patience {
                return Err(Error::Busy {
                    what: format!("{what} ({})", self.path.display()),
                    waited_s: self.patience.as_secs(),
                });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(pause_max);
        }
        Ok(())
    }
}

/// The queue of writers seen from outside, through an open file of its own: locks of the same one do not tell.
#[derive(Debug)]
pub(crate) struct Onlooker {
    file: Arc<dyn File>,
    path: PathBuf,
}

impl Onlooker {
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let file = disk.open(path, Mode::Read).context("open", path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Waits until all are gone who are writers now or were waiting for it; `false`: at `until` some were not. It stands
    /// in the way of nobody.
    pub(crate) fn wait_for_writers(&self, until: Instant) -> Result<bool> {
        let mut bytes = [0; 8];
        self.file.read_at(&mut bytes, TICKET_OFFSET).context("read", &self.path)?;
        let given = QUEUE..QUEUE + u64::from_le_bytes(bytes) % (1 << 60) + 1;
        let mut pause = PAUSE_MIN;
        while !self.file.try_lock(given.clone(), false).context("lock", &self.path)? {
            if Instant::now() >= until {
                return Ok(false);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.file.unlock(given).context("unlock", &self.path)?;
        Ok(true)
    }
}

/// The lock for opening, held; dropped as often as it was taken, it is released.
#[derive(Debug)]
pub(crate) struct HeldOpen<'a> {
    lock: &'a LockFile,
    times: ReentrantMutexGuard<'a, Cell<u32>>,
}

impl Drop for HeldOpen<'_> {
    fn drop(&mut self) {
        self.times.set(self.times.get() - 1);
        if self.times.get() == 0 {
            let _ = self.lock.file.unlock(OPEN..OPEN + 1); // Closing the file does it too.
        }
    }
}

/// A lock held; dropped, it is released.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    lock: &'a LockFile,
    range: Range<u64>,
    _mine: Option<parking_lot::MutexGuard<'a, ()>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Fails only on a descriptor that is closed, and closing released the lock already.
        let _ = self.lock.file.unlock(self.range.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::error::Kind;
    use crate::file::MemoryDisk;

    #[test]
    fn an_onlooker_waits_for_the_writers_that_are_there_and_for_no_other() {
        let disk = MemoryDisk::default();
        let lock = || LockFile::open(&disk, Path::new("/lock"), &[0; 16], Duration::from_mins(1)).unwrap();
        let (first, second) = (lock(), lock());
        let onlooker = Onlooker::open(&disk, Path::new("/lock")).unwrap();
        assert!(onlooker.wait_for_writers(Instant::now()).unwrap());
        let held = first.lock_writer().unwrap();
        assert!(!onlooker.wait_for_writers(Instant::now()).unwrap());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(second.lock_writer().unwrap()));
            let gone = scope.spawn(|| onlooker.wait_for_writers(Instant::now() + Duration::from_mins(1)));
            drop(held);
            waiting.join().unwrap();
            assert!(gone.join().unwrap().unwrap());
        });
    }

    #[test]
    fn writers_get_their_turn_in_the_order_in_which_they_came_however_far_away_it_was() {
        let disk = MemoryDisk::default();
        let lock = || LockFile::open(&disk, Path::new("/lock"), &[0; 16], Duration::from_mins(1)).unwrap();
        let tickets = || {
            let mut bytes = [0; 8];
            lock().file.read_at(&mut bytes, TICKET_OFFSET).unwrap();
            u64::from_le_bytes(bytes)
        };
        let (first, turns) = (lock(), Mutex::new(Vec::new()));
        let held = first.lock_writer().unwrap();
        let count = 3 * TURNS_NEAR;
        thread::scope(|scope| {
            for writer in 0..count {
                let (drawn, lock, turns) = (tickets(), lock(), &turns);
                scope.spawn(move || {
                    let _held = lock.lock_writer().unwrap();
                    turns.lock().push(writer);
                });
                while tickets() == drawn {
                    thread::sleep(PAUSE_MIN);
                }
            }
            assert!(turns.lock().is_empty(), "the lock is still held");
            drop(held);
        });
        assert_eq!(turns.into_inner(), (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn the_lock_for_opening_is_one_threads_until_it_gave_it_back_as_often_as_it_took_it() {
        let disk = MemoryDisk::default();
        let open = |patience| LockFile::open(&disk, Path::new("/lock"), &[0; 16], patience).unwrap();
        let (ours, others) = (open(Duration::from_mins(1)), open(Duration::ZERO));
        let given_back = AtomicBool::new(false);
        thread::scope(|scope| {
            let outer = ours.lock_open().unwrap();
            drop(ours.lock_open().unwrap());
            assert_eq!(others.lock_open().unwrap_err().kind(), Kind::Busy);
            let waiting = scope.spawn(|| {
                let _held = ours.lock_open().unwrap();
                assert!(given_back.load(Ordering::Acquire), "two threads have it");
            });
            thread::sleep(Duration::from_millis(20));
            given_back.store(true, Ordering::Release);
            drop(outer);
            waiting.join().unwrap();
        });
        drop(others.lock_open().unwrap());
    }
}
