//! A tier's settings, as the journal records them.

use super::TierIndex;
use crate::clock::TimeNs;

/// Which backend a tier's bytes go through. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum BackendKind {
    /// A directory of a local file system.
    Posix = 1,
    /// The memory of this process: for tests and scratch data. Nothing in it survives the handle.
    Memory = 2,
}

/// What a tier may be used for. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TierState {
    /// Reads and writes.
    Active = 1,
    /// Reads only.
    ReadOnly = 2,
    /// Reads only, and its copies are being moved away.
    Draining = 3,
    /// Its bytes are gone for good: its copies were struck off.
    Lost = 4,
    /// Empty and out of use; its index may be given to a new tier.
    Retired = 5,
}

impl TierState {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ReadOnly => "read-only",
            Self::Draining => "draining",
            Self::Lost => "lost",
            Self::Retired => "retired",
        }
    }

    /// Whether copies on such a tier can be read and count as safe.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Active | Self::ReadOnly | Self::Draining)
    }
}

/// How long a tier takes to answer. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Access {
    /// At once.
    Online = 1,
    /// After a recall that may take hours: a tape, an archive class of an object store.
    Delayed = 2,
}

/// How a tier behaves whose places are on tapes in a library with a few drives: it is simulated, in front of the tier's
/// backend. A place is a tape. What was recalled, or written, can be read for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delay {
    /// Between a request and the beginning of its work, in milliseconds.
    pub latency_ms: u64,
    /// To put another tape into a drive, in milliseconds.
    pub mount_ms: u64,
    /// To find the place on the tape and fetch it, in milliseconds.
    pub seek_ms: u64,
    /// For how long a place can be read once it was fetched or written, in milliseconds; at least
    /// [`READABLE_MS_MIN`](Self::READABLE_MS_MIN), so that what was written can be read back.
    pub readable_ms: u64,
    /// How many drives there are.
    pub drives: u32,
}

impl Delay {
    /// The least [`readable_ms`](Self::readable_ms): a second.
    pub const READABLE_MS_MIN: u64 = 1000;
    /// The most of each time: a year.
    pub const MS_MAX: u64 = 366 * 24 * 3600 * 1000;
    /// The most drives.
    pub const DRIVES_MAX: u32 = 1024;

    /// One drive, and times as tapes have them: a minute to mount, half a minute to find, an hour to be read.
    pub fn tape() -> Self {
        Self { latency_ms: 0, mount_ms: 60_000, seek_ms: 30_000, readable_ms: 3_600_000, drives: 1 }
    }
}

/// Whether bytes can be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// At once, at any time.
    Online,
    /// Not before a recall, or, where the tier is out of reach, not before that is back.
    Offline,
    /// They were asked for, and can be read from then on, as far as is known.
    Waiting {
        /// Nanoseconds since 1970, UTC.
        ready_ns: TimeNs,
    },
    /// At once, until then.
    Readable {
        /// Nanoseconds since 1970, UTC.
        until_ns: TimeNs,
    },
}

impl Readiness {
    /// Whether they can be read now.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Online | Self::Readable { .. })
    }
}

/// A tier's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierConfig {
    /// 0 is the hottest, 255 the coldest.
    pub index: TierIndex,
    /// A word for people; empty if none was given.
    pub name: String,
    /// What its bytes go through.
    pub backend: BackendKind,
    /// Where they lie: an absolute path, or one relative to the store's directory.
    pub root: String,
    /// Drawn when the root was made; the root's marker carries the same.
    pub incarnation: [u8; 16],
    /// What it may be used for.
    pub state: TierState,
    /// How long it takes to answer.
    pub access: Access,
    /// Most bytes of objects it may hold; 0: as many as there is room for.
    pub capacity_bytes: u64,
    /// Objects up to this size are packed together; 0: none are.
    pub pack_threshold_bytes: u64,
    /// A pack that has grown beyond this is closed and the next begun.
    pub pack_size_bytes: u64,
    /// Policies begin to free the tier when it is fuller than this many percent of its capacity.
    pub high_watermark_percent: u8,
    /// Policies stop to free the tier when it is emptier than this.
    pub low_watermark_percent: u8,
    /// Of a tier with delayed access: how it is simulated. `None`: it answers as its backend does.
    pub delay: Option<Delay>,
}

impl TierConfig {
    /// Default of [`pack_threshold_bytes`](Self::pack_threshold_bytes): 64 KiB.
    pub const PACK_THRESHOLD_DEFAULT: u64 = 64 << 10;
    /// Largest [`pack_threshold_bytes`](Self::pack_threshold_bytes): 1 MiB.
    pub const PACK_THRESHOLD_MAX: u64 = 1 << 20;
    /// Default of [`pack_size_bytes`](Self::pack_size_bytes): 256 MiB.
    pub const PACK_SIZE_DEFAULT: u64 = 256 << 20;

    /// An active tier of directory `root` with default settings.
    pub fn posix(index: TierIndex, root: impl Into<String>) -> Self {
        Self {
            index,
            name: String::new(),
            backend: BackendKind::Posix,
            root: root.into(),
            incarnation: [0; 16],
            state: TierState::Active,
            access: Access::Online,
            capacity_bytes: 0,
            pack_threshold_bytes: Self::PACK_THRESHOLD_DEFAULT,
            pack_size_bytes: Self::PACK_SIZE_DEFAULT,
            high_watermark_percent: 90,
            low_watermark_percent: 80,
            delay: None,
        }
    }

    /// The same tier with delayed access.
    #[must_use]
    pub fn delayed(self, delay: Delay) -> Self {
        Self { access: Access::Delayed, delay: Some(delay), ..self }
    }

    /// An active tier in this process's memory with default settings.
    pub fn memory(index: TierIndex) -> Self {
        Self { backend: BackendKind::Memory, ..Self::posix(index, "") }
    }
}

/// How much of a tier those who run actions take at most, in all threads and processes together; 0: as much as they can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TierLimits {
    /// Objects that actions read from it or write to it at once: how many who run actions work on it, since each does one
    /// after the other.
    pub actions_max: u64,
    /// Objects that are begun to be read from it, written to it or read back there, in a second.
    pub operations_a_second: u64,
    /// Bytes that are read from it, written to it or read back there, in a second.
    pub bytes_a_second: u64,
}
