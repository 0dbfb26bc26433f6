//! What the store knows about an object: plain data, no I/O.
//!
//! - an [`ObjectId`] is 128 bits, a UUID; version 7 when we choose it, so that ids sort by arrival;
//! - an object's *content* changes by whole generations; [`Content`] describes one;
//! - a [`Copy`](struct@Copy) is one tier's bytes of the current generation, in one or several [`Piece`]s;
//! - a [`Place`] names bytes in a tier for ever: it is never reused, whatever object it belonged to.

mod action;
mod attributes;
mod id;
mod limits;
mod pin;
mod tier_config;

pub use action::*;
pub use attributes::{Attributes, AttributesIter};
pub use id::{ActionId, DatasetId, GroupId, IdGenerator, ObjectId};
pub use limits::*;
pub use pin::{FOR_EVER_NS, Pin};
pub use tier_config::{Access, BackendKind, Delay, Readiness, TierConfig, TierLimits, TierState};

use crate::clock::TimeNs;
use crate::integrity::{Digest, RootDigest};

/// A tier's index: 0 is the hottest, 255 the coldest.
pub type TierIndex = u8;

/// Counts an object's contents from 1; goes on after a removal. 0: the object never had any.
pub type Generation = u64;

/// Where a run of bytes was put: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The tier whose root holds it.
    pub tier: TierIndex,
    /// The writer instance that wrote it: one process's opening of the store.
    pub instance: u64,
    /// Counted by the instance from 1, across tiers.
    pub serial: u64,
}

/// A run of an object's bytes that lies together in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Piece {
    /// First byte within the object; a multiple of the content's block size.
    pub start: u64,
    /// Length in bytes; a multiple of the block size except for the last piece of an object.
    pub length: u64,
    /// The file or pack that holds the bytes.
    pub place: Place,
    /// First byte within the place. In a pack: of the record's header, not of its data.
    pub offset: u64,
    /// Whether the place is a pack.
    pub packed: bool,
}

/// The bytes of an object's current generation on one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The tier.
    pub tier: TierIndex,
    /// When the copy was committed.
    pub created_ns: TimeNs,
    /// When the copy was last read back from the medium and found whole; 0: never.
    pub verified_ns: TimeNs,
    /// In order of `start`, without gaps. Empty for an object of zero bytes.
    pub pieces: Vec<Piece>,
}

impl Copy {
    /// Whether the copy was ever read back from the medium and found whole.
    pub fn is_verified(&self) -> bool {
        self.verified_ns != 0
    }
}

/// One generation's bytes, wherever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Length in bytes.
    pub size: u64,
    /// Base-2 logarithm of the block size; checksums are per block.
    pub block_shift: u8,
    /// Hash of the length and of every block's digest.
    pub root: RootDigest,
    /// Digests of the whole content, as asked for or supplied when it was put.
    pub digests: Vec<Digest>,
}

impl Content {
    /// The block size in bytes.
    pub fn block_size(&self) -> u64 {
        1 << self.block_shift
    }

    /// How many blocks the content has; the last may be short.
    pub fn block_count(&self) -> u64 {
        self.size.div_ceil(self.block_size())
    }
}

/// What an object is called in a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The dataset.
    pub dataset: DatasetId,
    /// The key: bytes without NUL, ordered by value.
    pub key: Vec<u8>,
}

/// Everything the store knows about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The id.
    pub id: ObjectId,
    /// Generation of the content; 0 when the object never had data.
    pub generation: Generation,
    /// When the object came to be.
    pub created_ns: TimeNs,
    /// When its content last changed.
    pub modified_ns: TimeNs,
    /// When its content was last known to be read; 0: unknown, or never. Recorded late and for many objects at once: see
    /// [`Store::set_access_staleness`](crate::Store::set_access_staleness).
    pub accessed_ns: TimeNs,
    /// The number of the last change to anything about it.
    pub changed: u64,
    /// 0 while the object lives; after a removal, when its bytes may be reclaimed.
    pub removed_until_ns: TimeNs,
    /// The bytes; `None` for an object without data.
    pub content: Option<Content>,
    /// One per tier, in order of tier.
    pub copies: Vec<Copy>,
    /// The user's attributes.
    pub attributes: Attributes,
    /// Its name, or the first of several.
    pub name: Option<Name>,
}

impl Object {
    /// When its content was last read or changed, as far as is known: one that was never read counts from its last change.
    pub fn last_used_ns(&self) -> TimeNs {
        self.accessed_ns.max(self.modified_ns)
    }

    /// Length of the content in bytes; 0 for an object without data.
    pub fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.size)
    }

    /// The copy on `tier`, if there is one.
    pub fn copy_on(&self, tier: TierIndex) -> Option<&Copy> {
        self.copies.iter().find(|copy| copy.tier == tier)
    }

    /// Whether the object was removed and its grace window still runs.
    pub fn is_removed(&self) -> bool {
        self.removed_until_ns != 0
    }
}

/// A named group of objects with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The id.
    pub id: DatasetId,
    /// The name: UTF-8, unique in the store.
    pub name: String,
    /// When it was created.
    pub created_ns: TimeNs,
    /// The user's attributes.
    pub attributes: Attributes,
    /// How many keys it holds.
    pub keys: u64,
}

/// Where a change stands in the journal. Positions order first by epoch, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Counts restores and rebuilds; each begins a new one.
    pub epoch: u64,
    /// Counts changes without gaps; goes on across epochs.
    pub number: u64,
}
