//! What is asked about actions.

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

/// What is to be run together: actions of one kind.
#[derive(Debug, Default)]
pub(crate) struct ActionWindow {
    /// Those whose turn it is, in order, with all that want the same.
    pub(crate) chosen: Vec<Action>,
    /// Others of the kind, that may come along if their bytes lie near.
    pub(crate) others: Vec<Action>,
}
