//! A window of actions under way: what is done for each object, and for whom.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::transfer::{Attendant, Transfer, transfer};
use super::{release, verify};
use crate::catalog::{Durability, Expect, Proposal, Turn};
use crate::clock::TimeNs;
use crate::engine::{ATTEMPTS_MAX, Engine, Scope, is_race};
use crate::error::{Error, Result};
use crate::journal::Change;
use crate::monitor::{Monitor, Phase, Progress, Watch};
use crate::object::{Action, ActionId, ActionSpec, ActionState, ObjectId, Verb};

/// Between two looks, within one object, whether it is wanted yet.
const WANTED_LOOK: Duration = Duration::from_millis(100);

/// An action that this executor runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) id: ActionId,
    /// The number of the change that claimed it: another one took it away.
    pub(super) changed: u64,
    pub(super) attempts: u32,
    pub(super) attempts_max: u32,
    pub(super) deadline_ns: TimeNs,
}

impl Claim {
    /// An action as the change of a number left it.
    pub(super) fn of(action: &Action, changed: u64) -> Self {
        let (attempts_max, deadline_ns) = (action.spec.attempts_max, action.spec.deadline_ns);
        Self { id: action.id, changed, attempts: action.attempts, attempts_max, deadline_ns }
    }

    fn change(&self, state: ActionState, attempts: u32, not_before_ns: i64, error: String) -> Change {
        Change::ActionChanged { action: self.id, state, attempts, instance: 0, not_before_ns, error }
    }

    pub(super) fn proposal(
        &self,
        state: ActionState,
        attempts: u32,
        not_before_ns: i64,
        error: String,
    ) -> Proposal {
        Proposal {
            expect: vec![Expect::Action(self.id, self.changed)],
            changes: vec![self.change(state, attempts, not_before_ns, error)],
            ..Proposal::default()
        }
    }
}

/// What goes between the store and files outside of it.
pub(crate) trait Carrier: Sync {
    /// The directories that are no outside: asked for once a window.
    fn own_directories(&self) -> Result<Vec<PathBuf>>;
    /// Does a put or an adoption, with what `attendant` joins to it, or a get, behind which that is left to be committed.
    fn carry(
        &self,
        spec: &ActionSpec,
        own_directories: &[PathBuf],
        attendant: &dyn Attendant,
        watch: &mut Watch<'_>,
    ) -> Result<()>;
    /// Removes what was left of one that is done no more.
    fn forget(&self, spec: &ActionSpec);
}

/// What is done for each object, and for whom.
pub(super) struct Party<'a> {
    engine: &'a Engine,
    claims: BTreeMap<ObjectId, Vec<Claim>>,
    turn: Turn,
    monitor: Option<&'a dyn Monitor>,
    stop: &'a AtomicBool,
    carrier: Option<&'a dyn Carrier>,
    own_directories: Vec<PathBuf>,
    /// What it does for each object.
    errands: BTreeMap<ObjectId, ActionSpec>,
    /// How many were joined to the proposal of an object.
    joined: Mutex<BTreeMap<ObjectId, u64>>,
    at: Mutex<At>,
}

/// What a party is at.
#[derive(Debug, Default)]
struct At {
    object: Option<ObjectId>,
    looked: Option<Instant>,
    /// What the monitor said to end all of it.
    code: Option<i32>,
}

impl<'a> Party<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        claims: BTreeMap<ObjectId, Vec<Claim>>,
        turn: Turn,
        monitor: Option<&'a dyn Monitor>,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            engine,
            claims,
            turn,
            monitor,
            stop,
            carrier: None,
            own_directories: Vec::new(),
            errands: BTreeMap::new(),
            joined: Mutex::default(),
            at: Mutex::default(),
        }
    }

    /// Lets puts and gets be done by `carrier`. Of equal ones, the first is done.
    pub(super) fn carry(&mut self, carrier: &'a dyn Carrier, actions: &[Action]) -> Result<()> {
        self.carrier = Some(carrier);
        self.own_directories = carrier.own_directories()?;
        for action in actions {
            self.errands.entry(action.spec.object).or_insert_with(|| action.spec.clone());
        }
        Ok(())
    }

    /// Leaves nothing of what nobody goes on with.
    pub(super) fn forget(&self, object: ObjectId) {
        if let (Some(carrier), Some(spec)) = (self.carrier, self.errands.get(&object)) {
            carrier.forget(spec);
        }
    }

    /// What the monitor said to end all of it.
    pub(super) fn stopped(&self) -> Option<i32> {
        self.at.lock().code
    }

    /// How many wanted what was done to an object.
    pub(super) fn joined(&self, object: ObjectId) -> u64 {
        self.joined.lock().get(&object).copied().unwrap_or(0)
    }

    /// Those who want something done to an object and were not called off.
    pub(super) fn held(&self, object: ObjectId) -> Result<Vec<Claim>> {
        let Some(claims) = self.claims.get(&object) else { return Ok(Vec::new()) };
        let ids: Vec<ActionId> = claims.iter().map(|claim| claim.id).collect();
        let found = self.engine.catalog.actions_of(&ids)?;
        let held = |(claim, found): (&Claim, &Option<Action>)| {
            found.as_ref().is_some_and(|found| found.changed == claim.changed).then_some(*claim)
        };
        Ok(claims.iter().zip(&found).filter_map(held).collect())
    }

    fn held_or_none(&self, object: ObjectId) -> Result<Vec<Claim>> {
        let held = self.held(object)?;
        if held.is_empty() {
            return Err(Error::Cancelled { reason: "all actions that wanted it were cancelled".to_owned() });
        }
        Ok(held)
    }

    /// Commits that those who want these objects have nothing more to wait for. Says how many that were.
    pub(super) fn join_all(&self, objects: &[ObjectId]) -> Result<u64> {
        let mut left = objects.to_vec();
        let mut done = 0;
        for attempt in 0.. {
            let (mut proposals, mut asked) = (Vec::new(), Vec::new());
            for object in left {
                let mut proposal = Proposal::default();
                match self.joins(object, &mut proposal) {
                    Err(Error::Cancelled { .. }) => continue,
                    joined => joined?,
                }
                asked.push((object, proposal.changes.len() as u64));
                proposals.push(proposal);
            }
            if proposals.is_empty() {
                break;
            }
            left = Vec::new();
            let answers = self.engine.commit(proposals, Durability::Durable)?;
            for (answer, (object, count)) in answers.into_iter().zip(asked) {
                match answer {
                    Ok(_) => done += count,
                    Err(error) if is_race(&error) && attempt < ATTEMPTS_MAX => left.push(object),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(done)
    }

    /// Does what is wanted of some objects. `false`: there was nothing to do.
    pub(super) fn work(&self, spec: &ActionSpec, objects: &[ObjectId]) -> Vec<(ObjectId, Result<bool>)> {
        let (source, target) = (spec.source, spec.target);
        match spec.verb {
            Verb::Copy | Verb::Recall | Verb::Move => {
                let release_source = spec.verb == Verb::Move;
                self.transfer(objects, Transfer { source, target, release_source, scope: Scope::Live })
            }
            verb => objects
                .iter()
                .map(|id| {
                    let mut watch = self.watch(1);
                    let begun = watch.check().and_then(|()| self.begins(*id));
                    (*id, begun.and_then(|()| self.work_on(verb, *id, spec, &mut watch)))
                })
                .collect(),
        }
    }

    fn work_on(&self, verb: Verb, id: ObjectId, spec: &ActionSpec, watch: &mut Watch<'_>) -> Result<bool> {
        let (engine, tier) = (self.engine, spec.target);
        match verb {
            Verb::Release => {
                Ok(release(engine, id, Scope::Live, tier, spec.force, Some(self), watch)?.is_some())
            }
            Verb::Verify => verify(engine, id, Scope::Live, tier, Some(self), watch).map(|_| true),
            Verb::Put | Verb::Get | Verb::Adopt => match (self.carrier, self.errands.get(&id)) {
                (Some(carrier), Some(spec)) => {
                    carrier.carry(spec, &self.own_directories, self, watch)?;
                    if verb == Verb::Get {
                        // At once: its file is there for all to see.
                        self.join_all(&[id])?;
                    }
                    Ok(true)
                }
                _ => Err(Error::invalid("action", "nobody carries bytes to files outside")),
            },
            Verb::Remove => {
                let mut proposal = engine.removal(id, engine.grace_ns);
                self.joins(id, &mut proposal)?;
                engine.commit_proposal(proposal, Durability::Durable)?;
                if engine.grace_ns == 0 {
                    let _ = engine.reclaim(); // What cannot be removed now is removed later.
                }
                Ok(true)
            }
            _ => Err(Error::Unsupported { what: format!("{verb:?} in an executor; a worker leases it") }),
        }
    }

    fn transfer(&self, objects: &[ObjectId], wanted: Transfer) -> Vec<(ObjectId, Result<bool>)> {
        let (mut left, mut all) = (objects.to_vec(), Vec::with_capacity(objects.len()));
        loop {
            let mut watch = self.watch(left.len() as u64);
            let answers = transfer(self.engine, &left, wanted, Some(self), &mut watch);
            let is_ended = self.at.lock().code.is_some() || self.stop.load(Ordering::Relaxed);
            let mut again = Vec::new();
            for (id, answer) in left.into_iter().zip(answers) {
                match answer {
                    // Another one was called off while its bytes were copied: this one goes on.
                    Err(Error::Stopped { .. }) if !is_ended => again.push(id),
                    answer => all.push((id, answer.map(|done| done.is_some()))),
                }
            }
            if again.is_empty() {
                return all;
            }
            left = again;
        }
    }

    /// Refuses to begin with another object where something more urgent came since: that is next.
    fn check_turn(&self) -> Result<()> {
        if self.engine.catalog.is_outranked(self.engine.clock.now_ns(), &self.turn)? {
            return Err(Error::Cancelled { reason: "something more urgent came".to_owned() });
        }
        Ok(())
    }

    fn watch(&self, objects: u64) -> Watch<'_> {
        let mut watch = Watch::new(Some(self), Phase::Copy).until(&self.engine.closed).throttled(self.engine);
        watch.expect(objects, 0);
        watch
    }
}

impl Attendant for Party<'_> {
    fn begins(&self, id: ObjectId) -> Result<()> {
        let mut at = self.at.lock();
        let is_first = at.object.is_none();
        let is_next = at.object.replace(id) != Some(id);
        at.looked = Some(Instant::now());
        drop(at);
        if is_next && !is_first {
            self.check_turn()?;
        }
        self.held_or_none(id).map(drop)
    }

    fn joins(&self, id: ObjectId, proposal: &mut Proposal) -> Result<()> {
        let held = self.held_or_none(id)?;
        for claim in &held {
            proposal.expect.push(Expect::Action(claim.id, claim.changed));
            proposal.changes.push(claim.change(ActionState::Done, claim.attempts, 0, String::new()));
        }
        self.joined.lock().insert(id, held.len() as u64);
        Ok(())
    }
}

impl Monitor for Party<'_> {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let known = self.at.lock().code;
        let code = known.or_else(|| match self.monitor.map(|monitor| monitor.report(progress)) {
            Some(ControlFlow::Break(code)) => Some(code),
            _ => None,
        });
        let mut at = self.at.lock();
        at.code = code;
        if code.is_some() || self.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(code.unwrap_or(0));
        }
        if let Some(object) = at.object
            && at.looked.is_some_and(|looked| looked.elapsed() >= WANTED_LOOK)
        {
            at.looked = Some(Instant::now());
            drop(at);
            if self.held(object).is_ok_and(|held| held.is_empty()) {
                return ControlFlow::Break(0);
            }
        }
        ControlFlow::Continue(())
    }
}
