//! The code that puts, gets and deletes bytes in one kind of place.
//!
//! A [`Backend`] stores *places*: runs of bytes under a name that is never used twice. It knows nothing of
//! objects, generations or checksums; the formats of what lies in a place are one level up:
//!
//! - [`object_file`]: one object (or a piece of one) in a place of its own, checksummed by block;
//! - [`pack`]: many small objects appended to one place, written and synced together.
//!
//! A place may be *begun* without a name: what is written there stays for whoever goes on with it, when who began it is gone,
//! and nothing ever refers to it before it has one.
//!
//! Beside its places a root keeps *side files*, a few under names of their own: the snapshots of the store.
//!
//! Backends: [`posix`] (a directory), [`memory`] (for tests and scratch tiers); [`delayed`] makes one of either that
//! answers like a tape library. Every backend passes the
//! conformance suite in `testing`.

pub mod delayed;
pub mod memory;
pub mod object_file;
pub mod pack;
pub mod posix;
pub(crate) mod runs;
mod side;

use std::fmt::{self, Debug};
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::{OpenFile, Space, fill_up, gather};
use crate::object::Readiness;

/// The name of a place within one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceName {
    /// The writer instance.
    pub instance: u64,
    /// The instance's count.
    pub serial: u64,
    /// Whether it holds many small objects.
    pub packed: bool,
}

impl PlaceName {
    /// Where the place lies below the data directory of a root, by the format.
    pub(crate) fn path(self) -> PathBuf {
        let Self { instance, serial, packed } = self;
        let suffix = if packed { "pack" } else { "obj" };
        format!("{instance:016x}/{:016x}/{serial:016x}.{suffix}", serial / PLACES_PER_DIRECTORY).into()
    }
}

impl fmt::Display for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.path().display(), f)
    }
}

/// What a begun place is found by.
pub type BegunKey = u128;

/// How many serials share a directory, by the format.
pub(crate) const PLACES_PER_DIRECTORY: u64 = 1024;

/// What reopening a place that is no more answers.
fn gone(name: PlaceName) -> Error {
    Error::io("reopen", &name.path(), &io::ErrorKind::NotFound.into())
}

/// Where a read comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadFrom {
    /// Wherever the bytes are at hand, caches included.
    Anywhere,
    /// The medium itself, past the page cache where the kernel allows: for verification.
    Medium,
}

/// What a backend can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether synced bytes survive the process and a power loss.
    pub durable: bool,
    /// Whether a place can be written at any offset, in any order.
    pub random_write: bool,
}

/// One kind of place to put bytes. Callable from several threads.
///
/// After a failed call the place is as it was, or holds bytes that no one refers to.
pub trait Backend: Send + Sync + Debug {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// Checks that the root is there and ours. An error of kind `Offline` says how to bring it back.
    fn check_root(&self) -> Result<()>;
    /// Looks whether the root is there, more quickly than [`check_root`](Self::check_root) and less closely:
    /// for whoever holds a place open that was checked before.
    fn look_for_root(&self) -> Result<()> {
        self.check_root()
    }
    /// Whether a place of this name could not be made durable any more. Those of a later directory of
    /// serials may: a directory holds 1024.
    fn is_spent(&self, _name: PlaceName) -> bool {
        false
    }
    /// Creates a place. Errors of kind `Exists` when the name was used before.
    fn create(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>>;
    /// Opens a place that is still being written, by this process or another, for more writing.
    fn reopen(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>>;
    /// Opens the begun place of a key, of what length it may be; there is an empty one where there was none. `None` where this
    /// backend keeps nothing for later. Two who write one at once spoil it.
    fn begun(&self, _key: BegunKey) -> Result<Option<Begun>> {
        Ok(None)
    }
    /// Makes a begun place one of this name, which was not used before. The key leads to it no more, durably.
    fn name_begun(&self, key: BegunKey, _name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        Err(Error::Unsupported { what: format!("begun place {key:032x}: this tier keeps none") })
    }
    /// The keys of begun places. They are few.
    fn all_begun(&self) -> Result<Vec<BegunKey>> {
        Ok(Vec::new())
    }
    /// Removes a begun place; one that is gone already is no error.
    fn remove_begun(&self, _key: BegunKey) -> Result<()> {
        Ok(())
    }
    /// Opens a place for reading. `None` when it is gone: whoever looked it up looks again.
    fn open(&self, name: PlaceName, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>>;
    /// How long a place is, without reading it. `None` when it is gone.
    fn length(&self, name: PlaceName) -> Result<Option<u64>> {
        self.open(name, ReadFrom::Anywhere)?.map(|place| place.len()).transpose()
    }
    /// Whether a place can be read now, as far as that depends on recalls. It says nothing of whether it is there.
    fn readiness(&self, _name: PlaceName) -> Readiness {
        Readiness::Online
    }
    /// Asks for places together, to be fetched in this order, and says how each stands then, in the same order. It never
    /// waits, and may be repeated: what was asked for already keeps its turn. `Waiting` says when to ask again: one that
    /// there was no room for in the queue is asked for anew then.
    fn recall(&self, names: &[PlaceName]) -> Vec<Readiness> {
        names.iter().map(|name| self.readiness(*name)).collect()
    }
    /// Closes what is only kept open in case it is read again.
    fn close_idle(&self) {}
    /// Removes a place; one that is gone already is no error. Readers that have it open keep its bytes.
    fn remove(&self, name: PlaceName) -> Result<()>;
    /// Makes removals survive a power loss.
    fn sync_removals(&self, names: &[PlaceName]) -> Result<()>;
    /// The instances that have places here, and maybe some that have none left.
    fn instances(&self) -> Result<Vec<u64>>;
    /// Calls `visit` with every place of `instance` whose serial is at least `from_serial`, in batches that
    /// fit in memory. Stops at the first error.
    fn places(
        &self,
        instance: u64,
        from_serial: u64,
        visit: &mut dyn FnMut(PlaceName, u64) -> Result<()>,
    ) -> Result<()>;
    /// Removes what is left of an instance that will not write again: empty directories and the like.
    fn forget_instance(&self, instance: u64) -> Result<()>;
    /// Creates a side file. Errors of kind `Exists` when there is one of this name, `Invalid` for a name that is none
    /// by the format (`docs/format.md`, section 11.1).
    fn create_side(&self, name: &str) -> Result<Arc<dyn PlaceWriter>>;
    /// Writes a small side file, durably, so that it is there whole or not at all. It replaces one of this name.
    fn put_side(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Opens a side file for reading. `None` when there is none of this name.
    fn open_side(&self, name: &str, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>>;
    /// The side files with their lengths, in order of name. They are few.
    fn sides(&self) -> Result<Vec<(String, u64)>>;
    /// Removes side files, durably; one that is gone already is no error.
    fn remove_sides(&self, names: &[String]) -> Result<()>;
    /// Removes all places and side files, durably, and what makes the root one of ours: nothing is written here any
    /// more. The root itself stays. Stopped by an error, it can be called again.
    fn clear(&self) -> Result<()>;
    /// Room below the root; `None` where that cannot be told.
    fn space(&self) -> Result<Option<Space>>;
}

/// A place without a name.
#[derive(Debug)]
pub struct Begun {
    /// To be written.
    pub place: Arc<dyn PlaceWriter>,
    /// The same, to be read from the medium: of bytes whose sync failed, the page cache may go on telling.
    pub found: Arc<dyn PlaceReader>,
}

/// A place being written. Callable from several threads on ranges that do not overlap.
pub trait PlaceWriter: Send + Sync + Debug {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;
    /// Writes all of `runs` from `offset` on, one behind the other, as one write of all their bytes.
    fn write_runs_at(&self, runs: &mut [IoSlice<'_>], offset: u64) -> Result<()> {
        self.write_at(&gather(runs), offset)
    }
    /// Makes this place, which is empty, one of the same bytes as a file outside, without copying any.
    ///
    /// # Errors
    ///
    /// `Unsupported` where that cannot be, with what is the matter with the file. The place is empty then.
    fn share(&self, _source: &OpenFile) -> Result<()> {
        Err(Error::Unsupported { what: "cannot share its bytes with a tier that is no directory".to_owned() })
    }
    /// Makes the bytes and the place's name survive a power loss. Fails for ever once it failed.
    fn sync(&self) -> Result<()>;
    /// Begins to bring written bytes to the medium and does not wait. Only a hint: nothing is promised before
    /// [`sync`](Self::sync).
    fn start_writeback(&self, offset: u64, len: u64);
    /// Cuts the place to `len` bytes.
    fn truncate(&self, len: u64) -> Result<()>;
    /// Reads back what was written, from wherever it is at hand.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;
    /// Length in bytes.
    fn len(&self) -> Result<u64>;
    /// Whether nothing was written.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A place open for reading. It stays readable after the place is removed.
pub trait PlaceReader: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; short only at the end of the place.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;
    /// Reads up to `len` bytes at `offset` into a buffer that is empty; short only at the end of the place.
    fn read_new(&self, buffer: &mut Vec<u8>, len: usize, offset: u64) -> Result<()> {
        fill_up(buffer, len, |rest| self.read_at(rest, offset))
    }
    /// Begins to fetch bytes that will be read soon, and does not wait. Only a hint.
    fn start_reading(&self, _offset: u64, _len: u64) {}
    /// Length in bytes.
    fn len(&self) -> Result<u64>;
    /// Whether it holds nothing.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}
