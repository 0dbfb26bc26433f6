//! How a store is opened, and what a new one is like.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::file::{Disk, OsDisk};
use crate::object::TierConfig;

#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, set by name")]
/// How to open a store. The default opens what is there, or creates a store with five tiers.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub(crate) create: bool,
    pub(crate) must_create: bool,
    pub(crate) read_only: bool,
    pub(crate) exclusive: bool,
    pub(crate) patience: Duration,
    pub(crate) grace: Duration,
    pub(crate) tiers: Option<Vec<TierConfig>>,
    pub(crate) index_directory: Option<PathBuf>,
    pub(crate) index_in_memory: bool,
    pub(crate) segment_bytes_max: u64,
    pub(crate) reserve_bytes: u64,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            create: true,
            must_create: false,
            read_only: false,
            exclusive: false,
            patience: Duration::from_mins(1),
            grace: Duration::from_hours(24),
            tiers: None,
            index_directory: None,
            index_in_memory: false,
            segment_bytes_max: 64 << 20,
            reserve_bytes: 4 << 20,
            disk: Arc::new(OsDisk::new()),
            clock: Arc::new(SystemClock),
        }
    }
}

impl StoreOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a store is created where there is none. Default: yes.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether there must be no store yet. Default: no.
    #[must_use]
    pub fn create_new(mut self, must_create: bool) -> Self {
        self.must_create = must_create;
        self.create |= must_create;
        self
    }

    /// Whether this handle refuses every change. Default: no.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Whether this handle keeps every other one out, also of this process. The one way to use a store on a
    /// network file system. Default: no.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// How long a lock held by others is waited for before a verb answers `Busy`. Default: a minute.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long removed objects can be brought back, for removals by this handle. Default: 24 hours.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The tiers of a store that is created; ignored where there is one. Default: 0 to 4, directories under
    /// the store.
    #[must_use]
    pub fn tiers(mut self, tiers: Vec<TierConfig>) -> Self {
        self.tiers = Some(tiers);
        self
    }

    /// Where the index lies: an existing directory of a local file system, also one for several stores. Every handle
    /// of a store must name the same: while others have it open, another one is `Invalid`. Default: `index` in
    /// the store.
    #[must_use]
    pub fn index_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.index_directory = Some(directory.into());
        self
    }

    /// Keeps the index in memory; it is rebuilt from the journal at each open. Makes the handle exclusive.
    #[must_use]
    pub fn index_in_memory(mut self) -> Self {
        self.index_in_memory = true;
        self.exclusive = true;
        self
    }

    /// About how large a segment of the journal becomes, in bytes. Default: 64 MiB.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes_max = bytes;
        self
    }

    /// What data writes leave free on each file system, and the size of the ballast, in bytes. Default: 4 MiB.
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.reserve_bytes = bytes;
        self
    }

    /// The file system that the store lies on. Default: the operating system's.
    #[must_use]
    pub fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// Where time and randomness come from. Default: the operating system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
