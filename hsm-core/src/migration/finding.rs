//! What a comparison of the store with itself finds.

use crate::backend::PlaceName;
use crate::error::{Error, Result};
use crate::object::{Generation, Object, ObjectId, TierIndex};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The index contradicts itself. Deleted while nobody has the store open, it is made anew from the journal.
    Index {
        /// In what.
        detail: String,
    },
    /// A tier was passed over: it is out of reach, or, where something was to be written on it, takes nothing now.
    OutOfReach {
        /// The tier.
        tier: TierIndex,
        /// Why, and what brings it back.
        detail: String,
    },
    /// A copy of an object, live or removed, is not what the catalog says.
    Copy {
        /// The object.
        object: ObjectId,
        /// The generation of its content.
        generation: Generation,
        /// The tier.
        tier: TierIndex,
        /// The first byte of the block that failed, within the object.
        offset: u64,
        /// What is the matter with it.
        fault: Fault,
        /// What was done about it.
        remedy: Remedy,
        /// What was expected and what was found.
        detail: String,
    },
    /// The header of a pack in which copies lie is damaged. The copies are checked by themselves, and read without it.
    Pack {
        /// The tier.
        tier: TierIndex,
        /// The pack.
        place: PlaceName,
        /// What is the matter with it.
        detail: String,
    },
    /// A place on the root of a tier that nothing refers to and that no handle can be writing.
    Stray {
        /// The tier.
        tier: TierIndex,
        /// The place.
        place: PlaceName,
        /// Its length.
        bytes: u64,
        /// Whether it was removed.
        removed: bool,
    },
    /// A copy was found on a root where the catalog did not know it, read back, and is known now.
    Adopted {
        /// The object.
        object: ObjectId,
        /// The generation that it is of.
        generation: Generation,
        /// The generation that the catalog knew before: the same, or an older one.
        known: Generation,
        /// The tier.
        tier: TierIndex,
        /// The place.
        place: PlaceName,
        /// Its length.
        bytes: u64,
    },
    /// A root holds an object that the catalog does not know or knows as removed, or a content that was not sure enough
    /// to be taken. It was left where it is.
    Unknown {
        /// The object.
        object: ObjectId,
        /// The newest generation that is meant.
        generation: Generation,
        /// The tier.
        tier: TierIndex,
        /// The place.
        place: PlaceName,
        /// Its length.
        bytes: u64,
        /// Why it was not taken.
        detail: String,
    },
}

/// What is the matter with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A place that it lies in is gone or shorter than it must be.
    Missing,
    /// Bytes do not match their checksum.
    Damaged,
    /// The operating system refused to read it. It may be whole.
    Unreadable,
}

/// What was done about a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing: that was not asked for, or not possible now.
    None,
    /// It was replaced from another copy, verified on the medium.
    Healed,
    /// It was struck off: another copy is whole.
    Dropped,
    /// Nothing could be: no other copy of the object is whole. What is left of this one stays where it is.
    Lost,
}

impl Fault {
    /// What an error that was met in reading a copy says of it; `None`: nothing.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Corrupt { .. } => Some(Self::Damaged),
            Error::Io { .. } | Error::NewerFormat { .. } => Some(Self::Unreadable),
            _ => None,
        }
    }
}

/// A copy that is not as it should be, before it is said whose.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) fault: Fault,
    pub(crate) offset: u64,
    pub(crate) detail: String,
}

impl Bad {
    /// A copy one of whose places is gone.
    pub(crate) fn gone() -> Self {
        let detail = "the file that holds it is missing".to_owned();
        Self { fault: Fault::Missing, offset: 0, detail }
    }

    /// What an error says of a copy; the error itself where it says nothing of it.
    pub(crate) fn of(error: Error) -> Result<Self> {
        let Some(fault) = Fault::of(&error) else { return Err(error) };
        Ok(match error {
            Error::Corrupt { offset, detail, .. } => Self { fault, offset, detail },
            error => Self { fault, offset: 0, detail: error.to_string() },
        })
    }

    pub(crate) fn finding(self, object: &Object, tier: TierIndex, remedy: Remedy) -> Finding {
        let Self { fault, offset, detail } = self;
        let (object, generation) = (object.id, object.generation);
        Finding::Copy { object, generation, tier, offset, fault, remedy, detail }
    }
}
