//! Running actions: one window after the other, in the thread that asks for it.
//!
//! A *window* is actions of one kind whose turn it is, with all that want the same. The executor
//!
//! 1. asks for what lies on a delayed tier, and leaves those that have to wait for it, or for the limits of a tier ([`fit`]
//!    says which these are): where all have to, it looks at others of the queue;
//! 2. *claims* the others, in one commit that may be lost with the power: then no claimer lives either;
//! 3. does the work of each object once, and commits with the effect, in the same group, that all who wanted it are
//!    done: a crash at any instant leaves them not done, to be run again, or done;
//! 4. notes what failed: to be tried again later, or given up.
//!
//! One that was called off meanwhile takes no work away from the others who want the same. Where something more urgent comes, what
//! was claimed and not begun is given back.
//!
//! [`fit`]: super::fit

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::fit::Fit;
use super::party::{Carrier, Claim, Party};
use super::transfer::source_piece;
use crate::catalog::{ActionWindow, Durability, Expect, Passed, Proposal, Turn};
use crate::clock::TimeNs;
use crate::engine::{Engine, is_race};
use crate::error::{Error, Kind, Result};
use crate::journal::Change;
use crate::journal::queue::Turns;
use crate::monitor::Monitor;
use crate::object::{
    Action, ActionId, ActionSpec, ActionState, LATE, ObjectId, Place, STORY_TEXT_BYTES_MAX, TierIndex, Verb,
    before_deadline,
};
use crate::testing_hooks::{Mutant, mutant};

/// Objects of a window at most.
const WINDOW_MAX: usize = 1000;
/// Windows that are passed over at most, since tiers bear no more, before it looks from the front again.
const PASSED_MAX: usize = 16;
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

/// What an executor found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There was something; there may be more.
    Went,
    /// All that could be run has to wait until tiers bear more of it, perhaps for so long.
    Full(Duration),
    /// Nothing is to be run now.
    Nothing,
}

/// What a window has to wait for.
struct Waits {
    at_least: Duration,
    /// The tiers that bear no more of it.
    full: BTreeSet<TierIndex>,
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
    pub(crate) ran: Ran,
}

impl Executor<'_> {
    /// Runs the next window.
    pub(crate) fn step(&mut self) -> Result<Step> {
        self.put_back_left()?;
        let now_ns = self.engine.clock.now_ns();
        let behind = self.engine.lock.served(Turns::Run);
        let (mut passed, mut wait): (Vec<Passed>, Option<Duration>) = (Vec::new(), None);
        while passed.len() < PASSED_MAX {
            let window = self.engine.catalog.action_window(now_ns, &behind, WINDOW_MAX, &passed)?;
            let Some(first) = window.chosen.first() else { break };
            let (kind, source, target) = (first.spec.kind(), first.spec.source, first.spec.target);
            let looked = i64::try_from(window.looked).unwrap_or(i64::MAX);
            let Some(Waits { at_least, full }) = self.run_window(window, now_ns)? else {
                return Ok(Step::Went);
            };
            wait = Some(wait.map_or(at_least, |wait| wait.min(at_least)));
            // Others of the kind may be read from another tier, unless one is named.
            let is_all = source.is_some() || full.contains(&target);
            passed.push(Passed { kind, up_to: if is_all { i64::MAX } else { looked } });
        }
        Ok(wait.map_or(Step::Nothing, Step::Full))
    }

    /// Runs what can be run of a window. Says so where all of it has to wait until tiers bear more.
    fn run_window(&mut self, window: ActionWindow, now_ns: TimeNs) -> Result<Option<Waits>> {
        let ActionWindow { chosen, others, .. } = window;
        let Some(first) = chosen.first() else { return Ok(None) };
        let spec = first.spec.clone();
        let (late, chosen): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|action: &Action| action.is_late(now_ns));
        if !late.is_empty() {
            self.fail_late(&late)?;
        }
        // One whose attempt failed has its pause, whoever goes there meanwhile; one that waits for a tape has not.
        let pauses = |action: &Action| action.attempts > 0 && action.not_before_ns > now_ns;
        let may_come = |action: &Action| !action.is_late(now_ns) && !pauses(action);
        let others: Vec<_> = others.into_iter().filter(may_come).collect();
        let near = self.near(&spec, &chosen, others)?;
        if chosen.is_empty() {
            self.serve(&spec.owner)?;
            return Ok(None);
        }
        let of_turn = chosen.len();
        let all: Vec<Action> = chosen.into_iter().chain(near).collect();
        let ready = self.ask(&all, now_ns)?;
        let (all, of_turn) = kept(all, of_turn, &ready);
        if all.is_empty() {
            self.serve(&spec.owner)?;
            return Ok(None);
        }
        let (fitting, streams) = match self.fit(&all)? {
            Fit::Some(fitting, streams) => (fitting, streams),
            Fit::Nothing { wait, full } => return Ok(Some(Waits { at_least: wait, full })),
        };
        let (all, of_turn) = kept(all, of_turn, &fitting);
        self.serve(&spec.owner)?;
        match self.claim(&all) {
            Err(error) if is_race(&error) => {} // Another executor was first, or one was called off.
            Err(error) => return Err(error),
            Ok(claims) => {
                let (first, near) = claims.split_at(of_turn);
                let done = self.perform(&spec, first, near, &all);
                if done.is_err() {
                    let left = claims.iter().map(|(_, claim)| (claim.id, claim.changed, claim.attempts));
                    self.engine.claims_left.lock().extend(left);
                    let _ = self.put_back_left();
                }
                done?;
            }
        }
        drop(streams);
        Ok(None)
    }

    /// Notes whose turn it was.
    fn serve(&self, owner: &str) -> Result<()> {
        self.engine.lock.note_served(Turns::Run, owner)
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
        let claimed = first.first().or(near.first()).map_or(0, |(_, claim)| claim.changed);
        let turn = Turn { priority: spec.priority, claimed, since_ns: self.engine.clock.now_ns() };
        let mut party = Party::new(self.engine, claims, turn, self.monitor, self.stop);
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

/// Those of a window of which that is true, and how many of them are of the turn.
fn kept(all: Vec<Action>, of_turn: usize, is_kept: &[bool]) -> (Vec<Action>, usize) {
    let of_turn = is_kept.iter().take(of_turn).filter(|kept| **kept).count();
    (all.into_iter().zip(is_kept).filter_map(|(action, kept)| kept.then_some(action)).collect(), of_turn)
}

/// The state, and when and after how many attempts, of an action whose attempt met with `error`.
fn after_failure(claim: &Claim, error: &Error, now_ns: i64) -> (ActionState, (i64, u32)) {
    let attempts = claim.attempts + 1;
    match error.kind() {
        // Nobody says anything against it but who stopped the executor, or something more urgent.
        Kind::Cancelled => (ActionState::Queued, (0, claim.attempts)),
        Kind::NotFound | Kind::Invalid | Kind::Refused | Kind::Unsupported | Kind::Corrupt | Kind::Exists => {
            (ActionState::Failed, (0, attempts))
        }
        _ if attempts >= claim.attempts_max => (ActionState::Failed, (0, attempts)),
        _ => {
            let due_ns = now_ns.saturating_add(pause_ns(attempts));
            (ActionState::Queued, (before_deadline(due_ns, claim.deadline_ns), attempts))
        }
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
