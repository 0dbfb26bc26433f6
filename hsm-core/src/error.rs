//! Why an operation failed, and what a caller can do about it.
//!
//! Rules for errors in this crate:
//!
//! - one enum; a variant says what was attempted on what, in lower case, without a full stop;
//! - a variant whose cause the operator can mend says how;
//! - [`Error::kind`] is what a program matches on: few kinds, each with one reaction;
//! - an operation that failed changed nothing, unless the variant says otherwise.

use std::io;
use std::path::{Path, PathBuf};

use crate::object::{ActionId, ObjectId, Pin, TierIndex};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. Match on [`kind`](Self::kind) to choose a reaction.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No live object has this id.
    #[error("object {id} not found")]
    ObjectNotFound {
        /// The id that was asked for.
        id: ObjectId,
    },
    /// The object exists, but holds no data (it was created without).
    #[error("object {id} has no data")]
    NoData {
        /// The object.
        id: ObjectId,
    },
    /// No tier has this index, or the tier was retired.
    #[error("tier {tier} does not exist; see the tiers of the store")]
    TierNotFound {
        /// The index that was asked for.
        tier: TierIndex,
    },
    /// No dataset has this name or id.
    #[error("dataset {name:?} not found")]
    DatasetNotFound {
        /// The name or id that was asked for.
        name: String,
    },
    /// The dataset has no object under this key.
    #[error("no object under key {key:?} in dataset {dataset:?}")]
    KeyNotFound {
        /// The dataset's name.
        dataset: String,
        /// The key, with bytes outside ASCII escaped.
        key: String,
    },
    /// The object has no copy on the tier that was named.
    #[error("object {id} has no copy on tier {tier}")]
    CopyNotFound {
        /// The object.
        id: ObjectId,
        /// The tier without a copy.
        tier: TierIndex,
    },
    /// No subscriber has this name.
    #[error("subscriber {name:?} not found; subscribe it first")]
    SubscriberNotFound {
        /// The name that was asked for.
        name: String,
    },
    /// No action has this id, or it was finished long ago and forgotten.
    #[error("action {id} not found")]
    ActionNotFound {
        /// The id that was asked for.
        id: ActionId,
    },
    /// The action is not leased under the token that was shown: the lease ended, or was ended, or was another's.
    #[error("action {id} is no longer leased under this token; drop the work, and lease anew")]
    LeaseLost {
        /// The action.
        id: ActionId,
    },
    /// The object in parts that a token or a part belongs to is no longer being written.
    #[error("the object in parts is gone: who began it has committed, given up or ended; begin anew")]
    PartsNotFound,
    /// Something of this name is there already.
    #[error("{what} exists already")]
    Exists {
        /// What exists, with its name.
        what: String,
    },
    /// Somebody else changed the object between our look and our commit. Nothing was changed; try again.
    #[error("{what} was changed by another writer; read it again and retry")]
    Conflict {
        /// What was changed.
        what: String,
    },
    /// Of two parts written in one place, the other has it. Nothing was committed.
    #[error(
        "another part was written in the place of the one at byte {offset}; write this one again, and no other there"
    )]
    PartOverwritten {
        /// First byte of the part within the object.
        offset: u64,
    },
    /// The last verified copy on an online tier would be lost.
    #[error(
        "refused to drop the copy of object {id} on tier {tier}: no other verified copy is online; archive it first or force the release"
    )]
    LastCopy {
        /// The object.
        id: ObjectId,
        /// The tier whose copy was to go.
        tier: TierIndex,
    },
    /// A pin keeps the copy where it is. Nothing was changed.
    #[error(
        "refused to drop the copy of object {} on tier {}: it is pinned {} by owner {:?}; unpin it first (hsm_object_unpin)",
        pin.object, pin.tier, pin.until(), pin.owner
    )]
    Pinned {
        /// Of all that keep it, the one that ends last.
        pin: Box<Pin>,
    },
    /// Stored bytes do not match their recorded checksum.
    #[error("object {id} on tier {tier} is damaged at byte {offset}: {detail}")]
    Corrupt {
        /// The object.
        id: ObjectId,
        /// The tier whose copy is damaged.
        tier: TierIndex,
        /// The first byte of the block that failed.
        offset: u64,
        /// What was expected and what was found.
        detail: String,
    },
    /// Content does not match the digest the caller supplied with it. Nothing was stored.
    #[error("content does not match the supplied digest: expected {expected}, computed {computed}")]
    DigestMismatch {
        /// The digest the caller gave.
        expected: String,
        /// The digest of the bytes that came.
        computed: String,
    },
    /// A file of the store is damaged or not what its name says.
    #[error("{} is damaged: {detail}", path.display())]
    StoreDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// No snapshot of a store is kept there.
    #[error("no snapshot is kept on the root {}; give a tier's root that snapshot_to was called for", root.display())]
    SnapshotNotFound {
        /// The root of a tier.
        root: PathBuf,
    },
    /// The path holds no store.
    #[error("{} is not an hsm store: {detail}", path.display())]
    NotAStore {
        /// The directory that was opened.
        path: PathBuf,
        /// What was found instead.
        detail: String,
    },
    /// The store was written by a version whose format this one does not know.
    #[error("{} needs a newer hsm: {detail}", path.display())]
    NewerFormat {
        /// The file that says so.
        path: PathBuf,
        /// The version or feature that is unknown here.
        detail: String,
    },
    /// The tier's root lacks its marker (an unmounted disk?) or the tier was declared lost.
    #[error("tier {tier} is offline: {detail}")]
    TierOffline {
        /// The tier.
        tier: TierIndex,
        /// Why, and what brings it back.
        detail: String,
    },
    /// What was to be read lies on a tier with delayed access, and was not recalled, or not lately. Nothing was read.
    #[error("{place} on tier {tier} is offline: submit a recall and read it when that is done")]
    Delayed {
        /// The tier.
        tier: TierIndex,
        /// The place on it.
        place: String,
    },
    /// The tier takes no new data.
    #[error("tier {tier} is {state} and takes no new data")]
    TierReadOnly {
        /// The tier.
        tier: TierIndex,
        /// Its state.
        state: &'static str,
    },
    /// The write would exceed a tier's capacity or eat the reserve of its file system.
    #[error("tier {tier} is full: {detail}")]
    TierFull {
        /// The tier.
        tier: TierIndex,
        /// Bytes wanted and bytes left.
        detail: String,
    },
    /// The store, or this handle, takes no changes.
    #[error("the store is read-only: {reason}")]
    ReadOnly {
        /// Why, and what makes it writable.
        reason: String,
    },
    /// A lock was not granted in time.
    #[error("{what} is held by another process for more than {waited_s} s")]
    Busy {
        /// What is held, and by whom where that is known.
        what: String,
        /// How long we waited, in seconds.
        waited_s: u64,
    },
    /// The process holds a second image of this library; see the promises on members in `docs/format.md`.
    #[error(
        "the store is open through another copy of this library in the same process; link hsm once, shared"
    )]
    SecondImage,
    /// The handle came through `fork`; only the process that opened a store may use it.
    #[error("the store was opened before fork; open it again in the child")]
    Forked,
    /// The handle was closed, or failed in a way that only a new open mends.
    #[error("the store handle is closed: {reason}")]
    Closed {
        /// Why.
        reason: String,
    },
    /// An argument is outside what the interface allows.
    #[error("invalid {what}: {detail}")]
    Invalid {
        /// Which argument.
        what: &'static str,
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// Asked for something this build, backend or machine cannot do.
    #[error("not supported: {what}")]
    Unsupported {
        /// What, and what to use in its place.
        what: String,
    },
    /// The operating system refused an operation on `path`.
    #[error("cannot {action} {}: {message}", path.display())]
    Io {
        /// The verb: "write", "sync", "open" …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's kind.
        io_kind: io::ErrorKind,
        /// The operating system's words.
        message: String,
    },
    /// The index refused an operation. It holds no truth of its own and can be rebuilt.
    #[error("the index failed to {action}: {message}")]
    Index {
        /// What was asked of it.
        action: &'static str,
        /// SQLite's words.
        message: String,
        /// Whether the index is damaged and will be rebuilt at the next exclusive open.
        damaged: bool,
    },
    /// The program that follows the operation stopped it: a monitor, in C the progress callback.
    #[error("stopped by what follows its progress, which answered {code}")]
    Stopped {
        /// What the monitor said.
        code: i32,
    },
    /// The caller's callback or reader stopped the operation.
    #[error("stopped by the caller: {reason}")]
    Cancelled {
        /// The caller's words.
        reason: String,
    },
}

/// What a caller can do about an error: few, and each means one reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The thing named does not exist.
    NotFound,
    /// The name is taken.
    Exists,
    /// Lost a race; try again.
    Conflict,
    /// A rule of the store forbids it (last copy, read-only).
    Refused,
    /// Stored bytes are damaged.
    Corrupt,
    /// What the caller passed is wrong.
    Invalid,
    /// No room; free some and try again.
    Full,
    /// A place is out of reach now; bring it back and try again.
    Offline,
    /// Somebody else holds a lock; try again later.
    Busy,
    /// This handle is of no more use; open again.
    Closed,
    /// The caller stopped it.
    Cancelled,
    /// Not possible in this build or on this machine.
    Unsupported,
    /// The operating system failed.
    Io,
}

impl Error {
    /// Which reaction this error calls for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ObjectNotFound { .. }
            | Self::NoData { .. }
            | Self::TierNotFound { .. }
            | Self::DatasetNotFound { .. }
            | Self::KeyNotFound { .. }
            | Self::CopyNotFound { .. }
            | Self::SnapshotNotFound { .. }
            | Self::SubscriberNotFound { .. }
            | Self::ActionNotFound { .. }
            | Self::PartsNotFound => Kind::NotFound,
            Self::Exists { .. } => Kind::Exists,
            Self::Conflict { .. } | Self::PartOverwritten { .. } => Kind::Conflict,
            Self::LastCopy { .. }
            | Self::Pinned { .. }
            | Self::ReadOnly { .. }
            | Self::TierReadOnly { .. }
            | Self::LeaseLost { .. } => Kind::Refused,
            Self::Corrupt { .. } | Self::StoreDamaged { .. } | Self::Index { damaged: true, .. } => {
                Kind::Corrupt
            }
            Self::DigestMismatch { .. } | Self::Invalid { .. } | Self::NotAStore { .. } => Kind::Invalid,
            Self::TierOffline { .. } | Self::Delayed { .. } => Kind::Offline,
            Self::Busy { .. } => Kind::Busy,
            Self::Forked | Self::Closed { .. } => Kind::Closed,
            Self::Stopped { .. } | Self::Cancelled { .. } => Kind::Cancelled,
            Self::SecondImage | Self::NewerFormat { .. } | Self::Unsupported { .. } => Kind::Unsupported,
            Self::TierFull { .. }
            | Self::Io { io_kind: io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, .. } => {
                Kind::Full
            }
            Self::Io { .. } | Self::Index { .. } => Kind::Io,
        }
    }

    /// Wraps what the operating system said about `path`.
    pub(crate) fn io(action: &'static str, path: &Path, source: &io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), io_kind: source.kind(), message: source.to_string() }
    }

    pub(crate) fn invalid(what: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { what, detail: detail.into() }
    }

    /// The handle was closed, by its owner.
    pub(crate) fn was_closed() -> Self {
        Self::Closed { reason: "it was closed".to_owned() }
    }

    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::StoreDamaged { path: path.to_owned(), detail: detail.into() }
    }
}

/// Names the file and the verb of a failed call to the operating system.
pub(crate) trait IoContext<T> {
    /// Turns an [`io::Error`] into [`Error::Io`].
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::io(action, path, &source))
    }
}
