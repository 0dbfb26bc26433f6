//! What is asked about actions.

use crate::clock::TimeNs;
use crate::object::{Action, ActionState, GroupId};

/// Which actions are listed: those that all that is set agrees on. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionQuery {
    /// In this state.
    pub state: Option<ActionState>,
    /// Not done, failed or cancelled.
    pub unfinished: bool,
    /// On whose behalf.
    pub owner: Option<String>,
    /// Of this group.
    pub group: Option<GroupId>,
    /// By this handle.
    pub instance: Option<u64>,
}

/// Actions that are not to be chosen: those of a kind, up to the one that was submitted with the change of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    /// What [`ActionSpec::kind`](crate::object::ActionSpec::kind) says.
    pub(crate) kind: i64,
    pub(crate) up_to: i64,
}

/// What an executor has its turn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The priority of what is done.
    pub(crate) priority: i32,
    /// The number of the first change that claimed it.
    pub(crate) claimed: u64,
    /// When that was.
    pub(crate) since_ns: TimeNs,
}

/// What is to be run together: actions of one kind.
#[derive(Debug, Default)]
pub(crate) struct ActionWindow {
    /// Those whose turn it is, in order, with all that want the same.
    pub(crate) chosen: Vec<Action>,
    /// Others of the kind, that may come along if their bytes lie near.
    pub(crate) others: Vec<Action>,
    /// All of the kind that were submitted up to the change of this number, and whose turn it is, are among the chosen.
    pub(crate) looked: u64,
}
