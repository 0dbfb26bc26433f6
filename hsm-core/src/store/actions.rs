//! Actions: submitted, looked at, called off and asked for anew. Who runs them: [`Store::run`].

use std::collections::BTreeSet;

use super::Store;
use crate::catalog::{ActionQuery, Durability, Expect, Proposal};
use crate::clock::TimeNs;
use crate::engine::{ATTEMPTS_MAX, is_race};
use crate::error::{Error, Result};
use crate::event::Retention;
use crate::journal::Change;
use crate::migration::Carrier;
use crate::object::{Action, ActionId, ActionSpec, ActionState, GroupId, Verb};

/// Actions changed in one commit at most: their records are far from filling a group.
const TOGETHER_MAX: usize = 100_000;
/// Finished actions forgotten together.
const FORGOTTEN_AT_ONCE: usize = 10_000;
/// How long finished actions are kept, and how many of them.
const KEPT_NS: TimeNs = 7 * 24 * 3600 * 1_000_000_000;
const KEPT: u64 = 100_000;
/// The setting that says otherwise.
const SETTING: &str = "actions.keep";

/// How many actions of a group are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GroupStatus {
    /// Waiting for what they come after.
    pub waiting: u64,
    /// To be run.
    pub queued: u64,
    /// Being run.
    pub running: u64,
    /// Done.
    pub done: u64,
    /// Given up.
    pub failed: u64,
    /// Called off.
    pub cancelled: u64,
}

impl GroupStatus {
    /// All of its actions that are known.
    pub fn total(&self) -> u64 {
        self.waiting + self.queued + self.running + self.done + self.failed + self.cancelled
    }

    /// Whether nothing more happens to any of them by itself.
    pub fn is_finished(&self) -> bool {
        self.waiting + self.queued + self.running == 0
    }
}

impl Store {
    /// Asks for something to be done. The answer comes at once, and the action is durable; it is run when somebody calls
    /// [`run`](Self::run), in whatever process. Others that want the same are run with it, once for all.
    ///
    /// # Errors
    ///
    /// `Invalid` for what cannot be wanted, `TierNotFound`, `ActionNotFound` for one that it comes after and that is not
    /// known, or was forgotten. Whether there is such an object is found out when it is run.
    pub fn submit(&self, spec: &ActionSpec) -> Result<ActionId> {
        let id = self.new_action_id();
        self.submit_as(id, spec).map(|_| id)
    }

    /// The same under an id of the caller's choice. `false`: there is an action of this id already, and it stays as it
    /// is. So who does not know whether it had submitted may submit again.
    pub fn submit_as(&self, id: ActionId, spec: &ActionSpec) -> Result<bool> {
        self.check_spec(spec)?;
        loop {
            if self.engine().catalog.actions_of(&[id])?.iter().any(Option::is_some) {
                return Ok(false);
            }
            match self.engine().commit_proposal(submission([(id, spec.clone())]), Durability::Durable) {
                Err(error) if is_race(&error) => {}
                done => return done.map(|_| true),
            }
        }
    }

    /// Asks for many things, all or none. Returns their ids in order.
    ///
    /// # Errors
    ///
    /// Those of [`submit`](Self::submit), and `Invalid` where they do not fit into one group of the journal: 16 MiB, of
    /// which each takes about 100 bytes with its owner and its reason.
    pub fn submit_all(&self, specs: Vec<ActionSpec>) -> Result<Vec<ActionId>> {
        specs.iter().try_for_each(|spec| self.check_spec(spec))?;
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<ActionId> = specs.iter().map(|_| self.new_action_id()).collect();
        let proposal = submission(ids.iter().copied().zip(specs));
        self.engine().commit_proposal(proposal, Durability::Durable)?;
        Ok(ids)
    }

    /// The same under ids of the caller's choice, so that an action can come after one that stands before it in `actions`.
    ///
    /// # Errors
    ///
    /// Those of [`submit_all`](Self::submit_all), and `Exists` where there is an action of one of the ids: nothing is
    /// submitted then.
    pub fn submit_all_as(&self, actions: Vec<(ActionId, ActionSpec)>) -> Result<()> {
        actions.iter().try_for_each(|(_, spec)| self.check_spec(spec))?;
        let ids: Vec<ActionId> = actions.iter().map(|(id, _)| *id).collect();
        if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
            return Err(Error::invalid("actions", "two of them have the same id"));
        }
        if let Some(known) = self.engine().catalog.actions_of(&ids)?.into_iter().flatten().next() {
            return Err(Error::Exists { what: format!("action {}", known.id) });
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.engine().commit_proposal(submission(actions), Durability::Durable).map(drop)
    }

    /// The same, as a group of their own: it can be waited for, called off and asked for anew as one.
    pub fn submit_group(&self, mut specs: Vec<ActionSpec>) -> Result<(GroupId, Vec<ActionId>)> {
        let group = GroupId(self.new_action_id().0);
        for spec in &mut specs {
            spec.group = Some(group);
        }
        self.submit_all(specs).map(|ids| (group, ids))
    }

    /// What is known of an action.
    pub fn action(&self, id: ActionId) -> Result<Action> {
        self.engine().check()?;
        self.engine().catalog.action(id)?.ok_or(Error::ActionNotFound { id })
    }

    /// Actions in the order in which they were submitted, behind the one whose `number` is `after`; 0 stands before the
    /// first. None only at the end.
    pub fn actions(&self, wanted: &ActionQuery, after: u64, limit: usize) -> Result<Vec<Action>> {
        self.engine().check()?;
        self.engine().catalog.actions(wanted, after, limit)
    }

    /// How far a group has come. All zeros: nothing is known of it.
    pub fn group_status(&self, group: GroupId) -> Result<GroupStatus> {
        self.engine().check()?;
        let mut status = GroupStatus::default();
        for (state, count) in self.engine().catalog.group_states(group)? {
            *match state {
                ActionState::Waiting => &mut status.waiting,
                ActionState::Queued => &mut status.queued,
                ActionState::Running => &mut status.running,
                ActionState::Done => &mut status.done,
                ActionState::Failed => &mut status.failed,
                ActionState::Cancelled => &mut status.cancelled,
            } = count;
        }
        Ok(status)
    }

    /// Calls an action off. `false`: it was finished already. One that is being run leaves nothing half behind; if it is
    /// committed first, it is done. Others that want the same are still run.
    pub fn cancel(&self, id: ActionId) -> Result<bool> {
        self.change_one(id, |action| {
            (!action.state.is_finished()).then(|| changed(action, ActionState::Cancelled, action.attempts))
        })
    }

    /// Calls off all that match and are not finished. Says how many: as many as 100 000 in one commit.
    pub fn cancel_all(&self, wanted: &ActionQuery) -> Result<u64> {
        let wanted = ActionQuery { unfinished: true, ..wanted.clone() };
        self.change_all(&wanted, |action| Some(changed(action, ActionState::Cancelled, action.attempts)))
    }

    /// Queues an action that failed or was called off anew, with all its attempts. `false`: it is neither. One that comes
    /// after others waits for them again, and fails again at once where one of them failed or was called off: retry
    /// that one first, or both with [`retry_all`](Self::retry_all).
    pub fn retry(&self, id: ActionId) -> Result<bool> {
        self.change_one(id, anew)
    }

    /// The same of all that match. Says how many these are.
    pub fn retry_all(&self, wanted: &ActionQuery) -> Result<u64> {
        self.change_all(wanted, anew)
    }

    /// Says for how long finished actions are kept, and how many of them: by default 7 days and 100 000.
    /// [`maintain`](Self::maintain) forgets what exceeds either.
    pub fn set_actions_kept(&self, kept: &Retention) -> Result<()> {
        self.engine().set(SETTING, kept.encode()).map(drop)
    }

    pub(super) fn forget_actions(&self) -> Result<u64> {
        let engine = self.engine();
        let kept = engine.catalog.setting(SETTING)?.and_then(|value| Retention::decode(&value));
        let (count, age_ns) = kept.map_or((KEPT, KEPT_NS), |kept| {
            let age_ns = kept.age_max.and_then(|age| TimeNs::try_from(age.as_nanos()).ok());
            (kept.events_max.unwrap_or(u64::MAX), age_ns.unwrap_or(TimeNs::MAX))
        });
        let until_ns = engine.clock.now_ns().saturating_sub(age_ns);
        let mut forgotten = 0;
        loop {
            let found = engine.catalog.finished_actions(count, until_ns, FORGOTTEN_AT_ONCE)?;
            if found.is_empty() {
                return Ok(forgotten);
            }
            let expect = found.iter().map(|(id, changed)| Expect::Action(*id, *changed)).collect();
            let changes = found.iter().map(|(id, _)| Change::ActionForgotten { action: *id }).collect();
            match engine.commit_one(expect, changes, Durability::Durable) {
                // One of them was asked for anew.
                Err(error) if is_race(&error) => return Ok(forgotten),
                done => done?,
            };
            forgotten += found.len() as u64;
        }
    }

    fn new_action_id(&self) -> ActionId {
        let engine = self.engine();
        ActionId(engine.ids.next(&*engine.clock))
    }

    fn check_spec(&self, spec: &ActionSpec) -> Result<()> {
        self.engine().check_writable()?;
        spec.check()?;
        if !matches!(spec.verb, Verb::Remove | Verb::Site | Verb::Get) {
            self.engine().tier(spec.target)?;
        }
        spec.source.map_or(Ok(()), |source| self.engine().tier(source).map(drop))
    }

    /// Commits what `change` makes of an action; `false`: nothing.
    fn change_one(&self, id: ActionId, change: impl Fn(&Action) -> Option<Change>) -> Result<bool> {
        self.engine().check_writable()?;
        for attempt in 0.. {
            let action = self.action(id)?;
            let Some(change) = change(&action) else { break };
            let expect = vec![Expect::Action(id, action.changed)];
            match self.engine().commit_one(expect, vec![change], Durability::Durable) {
                Err(error) if is_race(&error) && attempt < ATTEMPTS_MAX => {}
                done => {
                    done?;
                    self.forget(&action.spec);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The same of all that match: together, or in smaller parts where executors keep changing them.
    fn change_all(&self, wanted: &ActionQuery, change: impl Fn(&Action) -> Option<Change>) -> Result<u64> {
        self.engine().check_writable()?;
        let (mut after, mut together, mut count) = (0, TOGETHER_MAX, 0);
        loop {
            let found = self.engine().catalog.actions(wanted, after, together)?;
            let Some(last) = found.last() else { return Ok(count) };
            let last = last.number;
            let mut proposal = Proposal::default();
            for action in &found {
                if let Some(change) = change(action) {
                    proposal.expect.push(Expect::Action(action.id, action.changed));
                    proposal.changes.push(change);
                }
            }
            let changes = proposal.changes.len() as u64;
            if changes > 0 {
                match self.engine().commit_proposal(proposal, Durability::Durable) {
                    Err(error) if is_race(&error) => {
                        together = (together.min(found.len()) / 2).max(1);
                        continue;
                    }
                    done => done?,
                };
                for action in &found {
                    self.forget(&action.spec);
                }
            }
            (after, count, together) = (last, count + changes, (together * 2).min(TOGETHER_MAX));
        }
    }
}

fn submission(actions: impl IntoIterator<Item = (ActionId, ActionSpec)>) -> Proposal {
    let (mut proposal, mut earlier) = (Proposal::default(), BTreeSet::new());
    for (action, spec) in actions {
        proposal.expect.push(Expect::Action(action, 0));
        let known = spec.after.iter().filter(|after| !earlier.contains(*after));
        proposal.expect.extend(known.map(|after| Expect::ActionKnown(*after)));
        earlier.insert(action);
        proposal.changes.push(Change::ActionSubmitted { action, spec: Box::new(spec) });
    }
    proposal
}

pub(super) fn changed(action: &Action, state: ActionState, attempts: u32) -> Change {
    changed_for(action, state, attempts, 0, String::new())
}

/// The same, not to be run before a time, and for what went wrong.
pub(super) fn changed_for(
    action: &Action,
    state: ActionState,
    attempts: u32,
    not_before_ns: TimeNs,
    error: String,
) -> Change {
    Change::ActionChanged { action: action.id, state, attempts, instance: 0, not_before_ns, error }
}

/// One that failed or was called off, queued again.
fn anew(action: &Action) -> Option<Change> {
    let wanted = matches!(action.state, ActionState::Failed | ActionState::Cancelled);
    wanted.then(|| changed(action, action.spec.first_state(), 0))
}
