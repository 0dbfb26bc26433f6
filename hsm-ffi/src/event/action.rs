//! What an event of an action tells.

use hsm_core::journal::Change;
use hsm_core::object::ActionState;

use super::hsm_event_info;

/// Notes what a change says about an action, if it does.
pub(super) fn note(change: &Change, info: &mut hsm_event_info) {
    match change {
        Change::ActionSubmitted { action, spec } => {
            (info.action.bytes, info.verb) = (action.0, spec.verb as i32);
            (info.object, info.tier) = (spec.object.into(), spec.target.into());
        }
        Change::ActionChanged { action, state, .. } => {
            (info.action.bytes, info.state) = (action.0, *state as i32);
        }
        Change::ActionLeased { action, .. } => {
            (info.action.bytes, info.state) = (action.0, ActionState::Running as i32);
        }
        Change::ActionForgotten { action } | Change::ActionResult { action, .. } => {
            info.action.bytes = action.0;
        }
        _ => {}
    }
}
