//! Which events a reader of the feed wants.

use crate::journal::{Change, Recorded};
use crate::object::DatasetId;

/// What an event tells of. The number is that of the C interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum EventKind {
    /// [`Change::Unknown`].
    Unknown = 0,
    /// [`Change::Put`].
    Put = 1,
    /// [`Change::CopyAdded`].
    CopyAdded = 2,
    /// [`Change::CopyDropped`].
    CopyDropped = 3,
    /// [`Change::CopyVerified`].
    CopyVerified = 4,
    /// [`Change::AttributesSet`].
    AttributesSet = 5,
    /// [`Change::Removed`].
    Removed = 6,
    /// [`Change::Undeleted`].
    Undeleted = 7,
    /// [`Change::Purged`].
    Purged = 8,
    /// [`Change::DatasetCreated`].
    DatasetCreated = 9,
    /// [`Change::DatasetRemoved`].
    DatasetRemoved = 10,
    /// [`Change::Named`].
    Named = 11,
    /// [`Change::Unnamed`].
    Unnamed = 12,
    /// [`Change::TierSet`].
    TierSet = 13,
    /// [`Change::SettingSet`].
    SettingSet = 14,
    /// [`Change::EpochBegan`].
    EpochBegan = 15,
    /// [`Change::CopyRelocated`].
    CopyRelocated = 16,
    /// [`Change::ActionSubmitted`].
    ActionSubmitted = 32,
    /// [`Change::ActionChanged`].
    ActionChanged = 33,
    /// [`Change::ActionForgotten`].
    ActionForgotten = 34,
    /// [`Change::ActionLeased`].
    ActionLeased = 35,
    /// [`Change::ActionResult`].
    ActionResult = 36,
    /// [`Change::Accessed`].
    Accessed = 48,
    /// [`Change::Pinned`].
    Pinned = 49,
    /// [`Change::Unpinned`].
    Unpinned = 50,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Self::Unknown,
        Self::Put,
        Self::CopyAdded,
        Self::CopyDropped,
        Self::CopyVerified,
        Self::AttributesSet,
        Self::Removed,
        Self::Undeleted,
        Self::Purged,
        Self::DatasetCreated,
        Self::DatasetRemoved,
        Self::Named,
        Self::Unnamed,
        Self::TierSet,
        Self::SettingSet,
        Self::EpochBegan,
        Self::CopyRelocated,
        Self::ActionSubmitted,
        Self::ActionChanged,
        Self::ActionForgotten,
        Self::ActionLeased,
        Self::ActionResult,
        Self::Accessed,
        Self::Pinned,
        Self::Unpinned,
    ];

    /// The kind of a change that may not have been made yet.
    pub(super) fn of_recorded(recorded: &Recorded) -> Self {
        match recorded.put() {
            Some(_) => Self::Put,
            None => Self::of(recorded.change()),
        }
    }

    /// The kind of a change.
    pub fn of(change: &Change) -> Self {
        match change {
            Change::Put { .. } => Self::Put,
            Change::CopyAdded { .. } => Self::CopyAdded,
            Change::CopyDropped { .. } => Self::CopyDropped,
            Change::CopyRelocated { .. } => Self::CopyRelocated,
            Change::CopyVerified { .. } => Self::CopyVerified,
            Change::Accessed { .. } => Self::Accessed,
            Change::AttributesSet { .. } => Self::AttributesSet,
            Change::Removed { .. } => Self::Removed,
            Change::Undeleted { .. } => Self::Undeleted,
            Change::Purged { .. } => Self::Purged,
            Change::DatasetCreated { .. } => Self::DatasetCreated,
            Change::DatasetRemoved { .. } => Self::DatasetRemoved,
            Change::Named { .. } => Self::Named,
            Change::Unnamed { .. } => Self::Unnamed,
            Change::TierSet(_) => Self::TierSet,
            Change::SettingSet { .. } => Self::SettingSet,
            Change::EpochBegan { .. } => Self::EpochBegan,
            Change::ActionSubmitted { .. } => Self::ActionSubmitted,
            Change::ActionChanged { .. } => Self::ActionChanged,
            Change::ActionForgotten { .. } => Self::ActionForgotten,
            Change::ActionLeased { .. } => Self::ActionLeased,
            Change::ActionResult { .. } => Self::ActionResult,
            Change::Pinned(_) => Self::Pinned,
            Change::Unpinned { .. } => Self::Unpinned,
            Change::Unknown { .. } => Self::Unknown,
        }
    }
}

/// Some kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EventKinds(u64);

impl EventKinds {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One kind more.
    #[must_use]
    pub fn with(self, kind: EventKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Every kind, those of later versions too.
    pub fn all() -> Self {
        Self(u64::MAX)
    }

    /// One kind less.
    #[must_use]
    pub fn without(self, kind: EventKind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    fn has(self, kind: EventKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

/// Which events are handed out: those that all that is set agrees on. The default is all of them.
///
/// An [`EpochBegan`](Change::EpochBegan) is always handed out: what it tells of concerns every reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these kinds.
    pub kinds: Option<EventKinds>,
    /// Only what concerns this dataset: the dataset itself, its keys, and objects that have a key in it when the event
    /// is handed out, or had when they were removed. A purge is handed out in any case: what it was of is not known any more.
    pub dataset: Option<DatasetId>,
    /// Only where this attribute is set, to this value if one is given, or removed.
    pub attribute: Option<(String, Option<Vec<u8>>)>,
}

impl Filter {
    /// Whether a change passes. `is_in`: whether an object that it is about is in the dataset that is wanted; asked
    /// only where the change does not tell.
    pub(crate) fn passes<E>(
        &self,
        recorded: &Recorded,
        is_in: impl FnOnce(DatasetId) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let kind = EventKind::of_recorded(recorded);
        if kind == EventKind::EpochBegan {
            return Ok(true);
        }
        if self.kinds.is_some_and(|kinds| !kinds.has(kind)) {
            return Ok(false);
        }
        if let Some((name, value)) = &self.attribute {
            let mut is_set = false;
            recorded.each_attribute(|changed, new| {
                is_set |= changed == name && value.as_ref().is_none_or(|value| new == Some(value));
            });
            if !is_set {
                return Ok(false);
            }
        }
        let Some(wanted) = self.dataset else { return Ok(true) };
        let object = recorded.object();
        match recorded.dataset() {
            Some(found) if found == wanted => Ok(true),
            Some(_) if object.is_none() => Ok(false),
            _ if kind == EventKind::Purged => Ok(true),
            // It may have a key in both.
            _ if object.is_some() => is_in(wanted),
            _ => Ok(false),
        }
    }

    /// Whether everything passes.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::default()
    }
}
