//! What can happen to a store: each change is one record of the journal and one event of the feed.

use crate::clock::TimeNs;
use crate::object::{
    ActionId, ActionSpec, ActionState, Content, Copy, DatasetId, Generation, Name, ObjectId, Pin, Position,
    TierConfig, TierIndex,
};

/// New values of attributes; `None` removes one.
pub type Updates = Vec<(String, Option<Vec<u8>>)>;

/// One committed change, stated as its result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// An object has new content (or came to be without any); every earlier copy is replaced.
    Put {
        /// The object.
        object: ObjectId,
        /// The generation this content is.
        generation: Generation,
        /// The content; `None` for an object without data.
        content: Option<Content>,
        /// Where it lies. Their times are the group's.
        copies: Vec<Copy>,
        /// Attributes set with it.
        attributes: Updates,
        /// The name given with it.
        name: Option<Name>,
        /// Whether the object came to be with this change; else it existed.
        new: bool,
    },
    /// The current generation has a copy on one more tier, or a new one in place of the one there.
    CopyAdded {
        /// The object.
        object: ObjectId,
        /// The generation that was copied.
        generation: Generation,
        /// The copy.
        copy: Copy,
    },
    /// A tier no longer holds a copy.
    CopyDropped {
        /// The object.
        object: ObjectId,
        /// The generation that was dropped.
        generation: Generation,
        /// The tier.
        tier: TierIndex,
        /// Why.
        reason: DropReason,
    },
    /// The bytes of a copy lie elsewhere on its tier: the pack that held them was compacted. Who does not ask where
    /// bytes lie can pass over it.
    CopyRelocated {
        /// The object.
        object: ObjectId,
        /// The generation that was relocated.
        generation: Generation,
        /// The copy, as it lies now. It takes the place of the one on its tier.
        copy: Copy,
    },
    /// A copy was read back from the medium.
    CopyVerified {
        /// The object.
        object: ObjectId,
        /// The generation that was read.
        generation: Generation,
        /// The tier.
        tier: TierIndex,
        /// Whether every byte was right.
        whole: bool,
    },
    /// An object was read. No change of the object: what listed it as changed does not move. Written late and for many
    /// objects at once, and lost in a crash before that; see [`Store::set_access_staleness`](crate::Store::set_access_staleness).
    Accessed {
        /// The object.
        object: ObjectId,
        /// When it was last read.
        accessed_ns: TimeNs,
    },
    /// Attributes were set or removed.
    AttributesSet {
        /// Whose.
        subject: Subject,
        /// The new values.
        attributes: Updates,
    },
    /// An object was removed; until the time given it can be brought back.
    Removed {
        /// The object.
        object: ObjectId,
        /// When its bytes may be reclaimed.
        until_ns: TimeNs,
    },
    /// A removed object lives again.
    Undeleted {
        /// The object.
        object: ObjectId,
        /// The name it has again, if that was still free.
        name: Option<Name>,
    },
    /// A removed object's grace window is over; nothing of it is left.
    Purged {
        /// The object.
        object: ObjectId,
    },
    /// A dataset came to be.
    DatasetCreated {
        /// Its id.
        dataset: DatasetId,
        /// Its name.
        name: String,
        /// Its attributes.
        attributes: Updates,
    },
    /// An empty dataset was removed.
    DatasetRemoved {
        /// Its id.
        dataset: DatasetId,
    },
    /// An object got a name.
    Named {
        /// The dataset and key.
        name: Name,
        /// The object.
        object: ObjectId,
    },
    /// An object lost a name.
    Unnamed {
        /// The dataset and key.
        name: Name,
        /// The object.
        object: ObjectId,
    },
    /// A tier was added or its settings changed.
    TierSet(TierConfig),
    /// A setting of the store changed.
    SettingSet {
        /// Its name.
        name: String,
        /// Its value.
        value: Vec<u8>,
    },
    /// A new epoch began.
    EpochBegan {
        /// Why.
        cause: EpochCause,
        /// The last position of the epoch before.
        ended: Position,
    },
    /// An action was submitted: it is queued.
    ActionSubmitted {
        /// Its id.
        action: ActionId,
        /// What is wanted.
        spec: Box<ActionSpec>,
    },
    /// An action has another state.
    ActionChanged {
        /// The action.
        action: ActionId,
        /// Its state from now on.
        state: ActionState,
        /// How many attempts failed.
        attempts: u32,
        /// The handle that runs it; 0: none.
        instance: u64,
        /// When it can be run, at the soonest.
        not_before_ns: TimeNs,
        /// What went wrong with the attempt that ended; empty: nothing did.
        error: String,
    },
    /// A worker has an action of a site's kind, or has it for longer: it is running.
    ActionLeased {
        /// The action.
        action: ActionId,
        /// What the worker calls itself.
        worker: String,
        /// What shows whose lease it is; 0, of an older version: the number of this change.
        token: u64,
        /// When the lease ends.
        until_ns: TimeNs,
        /// How far the worker is.
        note: String,
    },
    /// What a worker leaves with an action. That it is done comes behind it.
    ActionResult {
        /// The action.
        action: ActionId,
        /// Its bytes.
        result: Vec<u8>,
    },
    /// A finished action is no longer kept.
    ActionForgotten {
        /// The action.
        action: ActionId,
    },
    /// An object's copy on a tier is not released before a time. In place of the pin that this owner has there.
    Pinned(Pin),
    /// An owner took its pin away.
    Unpinned {
        /// The object.
        object: ObjectId,
        /// The tier.
        tier: TierIndex,
        /// Whose pin it was.
        owner: String,
    },
    /// A change of a kind that this version does not know and need not know.
    Unknown {
        /// The record's type.
        record_type: u16,
    },
}

/// Why a copy was dropped. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// Somebody asked for it: a release, or the second half of a move.
    Released = 1,
    /// Its tier was declared lost.
    TierLost = 2,
    /// It was damaged or gone, and another copy is whole.
    Damaged = 3,
    /// Its tier was drained.
    Drained = 4,
}

/// Whose attributes changed. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An object's.
    Object(ObjectId),
    /// A dataset's.
    Dataset(DatasetId),
}

/// Why a new epoch began. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EpochCause {
    /// The index was rebuilt, or the store opened without some of its roots, so that what they have seen could not be
    /// compared; no change was lost.
    Rebuilt = 1,
    /// Relaxed changes did not survive a power loss and were rolled back.
    RolledBack = 2,
    /// The store was reconciled with its roots.
    Reconciled = 3,
    /// The store was restored from a snapshot on a tier: what came behind that is not known any more.
    Restored = 4,
}

impl EpochCause {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let all = [Self::Rebuilt, Self::RolledBack, Self::Reconciled, Self::Restored];
        all.into_iter().find(|cause| *cause as u8 == number)
    }
}

impl Change {
    /// The object this change is about, if it is about one.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Put { object, .. }
            | Self::CopyAdded { object, .. }
            | Self::CopyDropped { object, .. }
            | Self::CopyRelocated { object, .. }
            | Self::CopyVerified { object, .. }
            | Self::Accessed { object, .. }
            | Self::AttributesSet { subject: Subject::Object(object), .. }
            | Self::Removed { object, .. }
            | Self::Undeleted { object, .. }
            | Self::Purged { object }
            | Self::Named { object, .. }
            | Self::Unnamed { object, .. }
            | Self::Pinned(Pin { object, .. })
            | Self::Unpinned { object, .. } => Some(*object),
            _ => None,
        }
    }
}
