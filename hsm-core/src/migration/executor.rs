//! Running actions: one window after the other, in the thread that asks for it.
//!
//! A *window* is actions of one kind whose turn it is, with all that want the same. The executor
//!
//! 1. asks for what lies on a delayed tier, and leaves those that have to wait for it;
//! 2. *claims* the others, in one commit that may be lost with the power: then no claimer lives either;
//! 3. does the work of each object once, and commits with the effect, in the same group, that all who wanted it are
//!    done: a crash at any instant leaves them not done, to be run again, or done;
//! 4. notes what failed: to be tried again later, or given up.
//!
//! One that was called off meanwhile takes no work away from the others who want the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use super::party::{Carrier, Claim, Party};
use super::transfer::source_piece;
use super::waiting::before_deadline;
use crate::catalog::{ActionWindow, Durability, Expect, Proposal};
use crate::engine::{Engine, is_race};
use crate::error::{Error, Kind, Result};
use crate::journal::Change;
use crate::monitor::Monitor;
use crate::object::{
    Action, ActionId, ActionSpec, ActionState, LATE, ObjectId, Place, STORY_TEXT_BYTES_MAX, Verb,
};
use crate::testing_hooks::{Mutant, mutant};

/// Objects of a window at most.
const WINDOW_MAX: usize = 1000;
/// The first pause before another attempt, doubled with each that fails, and the longest.
const PAUSE_NS: i64 = 1_000_000_000;
const PAUSE_NS_MAX: i64 = 300 * PAUSE_NS;

/// What an executor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ran {
    /// Actions that are done.
    pub done: u64,
    /// Actions that it gave up.
    pub failed: u64,
    /// Attempts that failed and will be made again.
    pub put_off: u64,
}

/// Runs actions.
pub(crate) struct Executor<'a> {
    pub(crate) engine: &'a Engine,
    /// The handle that claims them.
    pub(crate) instance: u64,
    pub(crate) monitor: Option<&'a dyn Monitor>,
    pub(crate) stop: &'a AtomicBool,
    /// What does puts and gets.
    pub(crate) carrier: &'a dyn Carrier,
    /// The owner that was served first last time.
    pub(crate) behind: String,
    pub(crate) ran: Ran,
}

impl Executor<'_> {
    /// Runs the next window. `false`: nothing is to be run now.
    pub(crate) fn step(&mut self) -> Result<bool> {
        self.put_back_left()?;
        let now_ns = self.engine.clock.now_ns();
        let window = self.engine.catalog.action_window(now_ns, &self.behind, WINDOW_MAX)?;
        let Some(first) = window.chosen.first() else { return Ok(false) };
        let spec = first.spec.clone();
        self.behind.clone_from(&spec.owner);
        let ActionWindow { chosen, others } = window;
        let (late, chosen): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|action: &Action| action.is_late(now_ns));
        if !late.is_empty() {
            self.fail_late(&late)?;
        }
        let others: Vec<_> = others.into_iter().filter(|action| !action.is_late(now_ns)).collect();
        let near = self.near(&spec, &chosen, others)?;
        if chosen.is_empty() {
            return Ok(true);
        }
        let turns = chosen.len();
        let all: Vec<Action> = chosen.into_iter().chain(near).collect();
        let ready = self.ask(&all, now_ns)?;
        let of_turn = ready.iter().take(turns).filter(|ready| **ready).count();
        let all: Vec<Action> =
            all.into_iter().zip(ready).filter_map(|(action, ready)| ready.then_some(action)).collect();
        if all.is_empty() {
            return Ok(true);
        }
        match self.claim(&all) {
            Err(error) if is_race(&error) => Ok(true), // Another executor was first, or one was called off.
            Err(error) => Err(error),
            Ok(claims) => {
                let (first, near) = claims.split_at(of_turn);
                let done = self.perform(&spec, first, near, &all);
                if done.is_err() {
                    let left = claims.iter().map(|(_, claim)| (claim.id, claim.changed, claim.attempts));
                    self.engine.claims_left.lock().extend(left);
                    let _ = self.put_back_left();
                }
                done.map(|()| true)
            }
        }
    }

    fn fail_late(&mut self, late: &[Action]) -> Result<()> {
        let proposals = late.iter().map(|action| {
            let claim = Claim::of(action, action.changed);
            claim.proposal(ActionState::Failed, action.attempts, 0, LATE.to_owned())
        });
        self.ran.failed += self.engine.commit_unraced(proposals.collect(), Durability::Durable)?;
        for action in late {
            self.carrier.forget(&action.spec);
        }
        Ok(())
    }

    /// Those others whose bytes lie in the places that are read anyway.
    fn near(&self, spec: &ActionSpec, chosen: &[Action], others: Vec<Action>) -> Result<Vec<Action>> {
        if others.is_empty() || !matches!(spec.verb, Verb::Copy | Verb::Move | Verb::Recall) {
            return Ok(Vec::new());
        }
        let place_of = |actions: &[Action]| -> Result<Vec<Option<Place>>> {
            let ids: Vec<ObjectId> = actions.iter().map(|action| action.spec.object).collect();
            let objects = self.engine.catalog.view().objects(&ids)?;
            let piece = |object: &Option<_>| {
                object.as_ref().and_then(|found| source_piece(self.engine, found, spec.source).copied())
            };
            Ok(objects
                .iter()
                .map(|object| piece(object).filter(|piece| piece.packed).map(|piece| piece.place))
                .collect())
        };
        let packs: BTreeSet<Place> = place_of(chosen)?.into_iter().flatten().collect();
        let mut room: usize = WINDOW_MAX.saturating_sub(chosen.len());
        let mut is_near = |place: Option<Place>| {
            let near = room > 0 && place.is_some_and(|place| packs.contains(&place));
            room -= usize::from(near);
            near
        };
        let places = place_of(&others)?;
        Ok(others
            .into_iter()
            .zip(places)
            .filter(|(_, place)| is_near(*place))
            .map(|(action, _)| action)
            .collect())
    }

    fn claim(&self, actions: &[Action]) -> Result<Vec<(ObjectId, Claim)>> {
        let mut proposal = Proposal::default();
        for action in actions {
            proposal.expect.push(Expect::Action(action.id, action.changed));
            proposal.changes.push(Change::ActionChanged {
                action: action.id,
                state: ActionState::Running,
                attempts: action.attempts,
                instance: self.instance,
                not_before_ns: action.not_before_ns,
                error: String::new(),
            });
        }
        let done = self.engine.commit_proposal(proposal, Durability::Relaxed)?;
        let first = done.position.number + 1 - actions.len() as u64;
        let claim = |(action, changed): (&Action, u64)| (action.spec.object, Claim::of(action, changed));
        Ok(actions.iter().zip(first..).map(claim).collect())
    }

    /// Does the work of those whose turn it is, then of those that come along.
    fn perform(
        &mut self,
        spec: &ActionSpec,
        first: &[(ObjectId, Claim)],
        near: &[(ObjectId, Claim)],
        chosen: &[Action],
    ) -> Result<()> {
        let mut claims: BTreeMap<ObjectId, Vec<Claim>> = BTreeMap::new();
        let mut orders = [Vec::new(), Vec::new()];
        for (order, part) in orders.iter_mut().zip([first, near]) {
            for (object, claim) in part {
                let ours = claims.entry(*object).or_default();
                if ours.is_empty() {
                    order.push(*object);
                }
                ours.push(*claim);
            }
        }
        let mut party = Party::new(self.engine, claims, self.monitor, self.stop);
        if spec.verb.is_outside() {
            party.carry(self.carrier, chosen)?;
        }
        if mutant(Mutant::DoneBeforeEffect) {
            party.join_all(&orders.concat())?;
        }
        let mut answers = Vec::new();
        for order in orders.iter().filter(|order| !order.is_empty()) {
            answers.extend(party.work(spec, order));
        }
        self.settle(&party, answers)?;
        match party.stopped() {
            Some(code) => Err(Error::Stopped { code }),
            None => Ok(()),
        }
    }

    /// Notes what became of each object.
    fn settle(&mut self, party: &Party<'_>, answers: Vec<(ObjectId, Result<bool>)>) -> Result<()> {
        let now_ns = self.engine.clock.now_ns();
        let (mut nothing_to_do, mut proposals, mut closed) = (Vec::new(), Vec::new(), None);
        for (object, answer) in answers {
            let error = match answer {
                Ok(true) => {
                    self.ran.done += party.joined(object);
                    continue;
                }
                Ok(false) => {
                    nothing_to_do.push(object);
                    continue;
                }
                Err(error) => error,
            };
            if error.kind() == Kind::Closed {
                closed.get_or_insert(error);
                continue;
            }
            let asked_ns = match &error {
                Error::Delayed { tier, .. } => Some(self.ask_for(object, *tier, now_ns)?),
                _ => None,
            };
            let mut goes_on = false;
            for claim in party.held(object)? {
                if let Some(due_ns) = asked_ns {
                    let due_ns = before_deadline(due_ns, claim.deadline_ns);
                    goes_on = true;
                    proposals.push(claim.proposal(
                        ActionState::Queued,
                        claim.attempts,
                        due_ns,
                        String::new(),
                    ));
                    continue;
                }
                let (state, change) = after_failure(&claim, &error, now_ns);
                goes_on |= state == ActionState::Queued;
                match state {
                    ActionState::Failed => self.ran.failed += 1,
                    _ if change.1 > claim.attempts => self.ran.put_off += 1,
                    _ => {}
                }
                proposals.push(claim.proposal(state, change.1, change.0, cut(&error)));
            }
            if !goes_on {
                party.forget(object);
            }
        }
        if let Some(closed) = closed {
            return Err(closed);
        }
        self.ran.done += party.join_all(&nothing_to_do)?;
        // One that was called off meanwhile stays so.
        self.engine.commit_unraced(proposals, Durability::Durable).map(drop)
    }

    /// Queues again what an executor of this handle could not, since it failed.
    fn put_back_left(&self) -> Result<()> {
        let left = std::mem::take(&mut *self.engine.claims_left.lock());
        if left.is_empty() {
            return Ok(());
        }
        let put_back = |(id, changed, attempts): &(ActionId, u64, u32)| {
            let claim =
                Claim { id: *id, changed: *changed, attempts: *attempts, attempts_max: 0, deadline_ns: 0 };
            claim.proposal(ActionState::Queued, *attempts, 0, String::new())
        };
        let done = self.engine.commit(left.iter().map(put_back).collect(), Durability::Relaxed);
        let is_left = |answer: &Result<_>| answer.as_ref().is_err_and(|error| !is_race(error));
        let mut kept = self.engine.claims_left.lock();
        match &done {
            Ok(answers) => {
                let failed = answers.iter().zip(&left).filter(|(answer, _)| is_left(answer));
                kept.extend(failed.map(|(_, claim)| *claim));
            }
            Err(_) => kept.extend(&left),
        }
        done.map(drop)
    }
}

/// The state, and when and after how many attempts, of an action whose attempt met with `error`.
fn after_failure(claim: &Claim, error: &Error, now_ns: i64) -> (ActionState, (i64, u32)) {
    let attempts = claim.attempts + 1;
    match error.kind() {
        // Nobody says anything against it but who stopped the executor.
        Kind::Cancelled => (ActionState::Queued, (0, claim.attempts)),
        Kind::NotFound | Kind::Invalid | Kind::Refused | Kind::Unsupported | Kind::Corrupt | Kind::Exists => {
            (ActionState::Failed, (0, attempts))
        }
        _ if attempts >= claim.attempts_max => (ActionState::Failed, (0, attempts)),
        _ => (ActionState::Queued, (now_ns.saturating_add(pause_ns(attempts)), attempts)),
    }
}

/// The pause behind the last of so many attempts that failed.
pub(crate) fn pause_ns(attempts: u32) -> i64 {
    PAUSE_NS.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(PAUSE_NS_MAX)
}

/// What a story tells of an error.
fn cut(error: &Error) -> String {
    if error.kind() == Kind::Cancelled {
        return String::new();
    }
    let mut text = error.to_string();
    let end = (0..=STORY_TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}
