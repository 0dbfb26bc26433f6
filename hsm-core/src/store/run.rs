//! Running actions, and waiting for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::actions::changed;
use super::{GroupStatus, Store, member};
use crate::catalog::embedded::Notice;
use crate::catalog::{ActionQuery, Durability, Expect, Proposal};
use crate::engine::is_race;
use crate::error::Result;
use crate::journal::Change;
use crate::migration::{Executor, Ran, Step};
use crate::monitor::{Phase, Watch};
use crate::object::{Action, ActionId, ActionState, GroupId};

/// Between two looks whether somebody wants it to stop.
pub(super) const STOP_LOOK: Duration = Duration::from_millis(100);
/// Between two looks whether who runs actions lives.
pub(super) const DEAD_LOOK: Duration = Duration::from_secs(5);
/// Actions of the dead that are queued again together.
const REQUEUED_AT_ONCE: usize = 10_000;

/// How actions are run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// Returns when for so long there was nothing to be run. What waits for its next attempt is left, and what others
    /// run; what waits for the limits of a tier is not. `None`: waits until it is stopped.
    pub idle_max: Option<Duration>,
}

impl RunOptions {
    /// Returns when there is nothing to be run now.
    pub fn until_idle() -> Self {
        Self { idle_max: Some(Duration::ZERO) }
    }
}

impl Store {
    /// Runs actions in the calling thread, until `stop` is true or the store is closed. Many threads and processes may do
    /// so at once: each takes what no other has.
    ///
    /// Higher priorities come first, among equal ones the owners in turn. What wants the same is done once; what is read
    /// from one pack is read in one pass. Transient errors (I/O, no room, a tier out of reach) are tried again after a
    /// pause; others end the action with its story. What it was at when it stopped is queued again.
    ///
    /// # Errors
    ///
    /// `Stopped` where the monitor said so: it is asked while there is nothing to do, too. `Closed` when the store is
    /// closed meanwhile, `ReadOnly`. An action that fails is no error of this call.
    pub fn run(&self, options: &RunOptions, stop: &AtomicBool) -> Result<Ran> {
        let engine = self.engine();
        engine.check_writable()?;
        let mut executor = Executor {
            engine,
            instance: self.instance(),
            monitor: self.monitor.as_deref(),
            stop,
            carrier: self,
            ran: Ran::default(),
        };
        let mut waiting = Waiting::default();
        let mut looked: Option<Instant> = None;
        let mut looked_at = 0;
        let mut idle: Option<Instant> = None;
        while !stop.load(Ordering::Relaxed) {
            engine.check()?;
            if looked.is_none_or(|looked| looked.elapsed() >= DEAD_LOOK) {
                self.requeue_of_the_dead()?;
                self.end_leases(engine.clock.now_ns())?;
                looked_at = self.wake_stuck(looked_at)?.0;
                looked = Some(Instant::now());
            }
            waiting.hear()?;
            match executor.step()? {
                Step::Nothing => {}
                Step::Went => {
                    idle = None;
                    continue;
                }
                Step::Full(wait) => {
                    idle = None;
                    Watch::new(self.monitor.as_deref(), Phase::Copy).until(&engine.closed).check()?;
                    engine.wait_for_room(wait);
                    continue;
                }
            }
            let idle_since = *idle.get_or_insert_with(Instant::now);
            let is_over = || options.idle_max.is_some_and(|max| idle_since.elapsed() >= max);
            if is_over() {
                if self.wake_all_stuck()? {
                    idle = None;
                    continue;
                }
                break;
            }
            let due_ns = engine.catalog.next_due()?;
            let is_due = || due_ns.is_some_and(|due_ns| due_ns <= engine.clock.now_ns());
            let mut watch = Watch::new(self.monitor.as_deref(), Phase::Copy).until(&engine.closed);
            while !stop.load(Ordering::Relaxed)
                && !is_due()
                && !is_over()
                && looked.is_some_and(|looked| looked.elapsed() < DEAD_LOOK)
            {
                watch.check()?;
                if waiting.wait(self, STOP_LOOK)? {
                    break;
                }
            }
        }
        Ok(executor.ran)
    }

    /// Waits until an action is finished, at most for `timeout` (`None`: for as long as it takes), and says how it stands
    /// then.
    pub fn wait_action(&self, id: ActionId, timeout: Option<Duration>) -> Result<Action> {
        self.wait_until(timeout, || self.action(id), |action| action.state.is_finished())
    }

    /// The same for all actions of a group.
    pub fn wait_group(&self, group: GroupId, timeout: Option<Duration>) -> Result<GroupStatus> {
        self.wait_until(timeout, || self.group_status(group), GroupStatus::is_finished)
    }

    fn wait_until<T>(
        &self,
        timeout: Option<Duration>,
        look: impl Fn() -> Result<T>,
        is_enough: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = Waiting::default();
        loop {
            waiting.hear()?;
            let found = look()?;
            let left = until.map_or(STOP_LOOK, |until| until.saturating_duration_since(Instant::now()));
            if is_enough(&found) || left.is_zero() {
                return Ok(found);
            }
            let mut left = left;
            while !left.is_zero() && !waiting.wait(self, left.min(STOP_LOOK))? {
                self.engine().check()?;
                left = until.map_or(STOP_LOOK, |until| until.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// Has all of them looked at. Whether there were any.
    pub(super) fn wake_all_stuck(&self) -> Result<bool> {
        let (mut after, mut is_any) = (0, false);
        loop {
            let (last, woken) = self.wake_stuck(after)?;
            is_any |= woken;
            if last == 0 {
                return Ok(is_any);
            }
            after = last;
        }
    }

    /// Has those looked at again that wait for nothing any more: a commit takes a bounded number of them along. Says
    /// behind which one to go on, 0 at the end, and whether there were any.
    pub(super) fn wake_stuck(&self, after: u64) -> Result<(u64, bool)> {
        let engine = self.engine();
        let (stuck, last) = engine.catalog.stuck_actions(after, REQUEUED_AT_ONCE)?;
        let look_again = |(id, changed): (ActionId, u64)| {
            let change = Change::ActionChanged {
                action: id,
                state: ActionState::Waiting,
                attempts: 0,
                instance: 0,
                not_before_ns: 0,
                error: String::new(),
            };
            Proposal {
                expect: vec![Expect::Action(id, changed)],
                changes: vec![change],
                ..Proposal::default()
            }
        };
        let is_any = !stuck.is_empty();
        engine.commit_unraced(stuck.into_iter().map(look_again).collect(), Durability::Relaxed)?;
        Ok((last, is_any))
    }

    /// Queues again what was run by handles that are gone without having closed.
    fn requeue_of_the_dead(&self) -> Result<()> {
        let engine = self.engine();
        let mut claimers = engine.catalog.claimers()?;
        claimers.retain(|instance| *instance != self.instance());
        if claimers.is_empty() {
            return Ok(());
        }
        let live = {
            let _open = self.inner.lock.lock_open()?;
            member::others(&*engine.disk, &*engine.clock, &engine.directory, &self.inner.store_id)?.live
        };
        for instance in claimers.into_iter().filter(|instance| !live.contains(instance)) {
            let wanted = ActionQuery { instance: Some(instance), ..ActionQuery::default() };
            loop {
                let found = engine.catalog.actions(&wanted, 0, REQUEUED_AT_ONCE)?;
                if found.is_empty() {
                    break;
                }
                let mut proposal = Proposal::default();
                for action in &found {
                    proposal.expect.push(Expect::Action(action.id, action.changed));
                    proposal.changes.push(changed(action, ActionState::Queued, action.attempts));
                }
                match engine.commit_proposal(proposal, Durability::Relaxed) {
                    // Another executor was first, or one was called off.
                    Err(error) if is_race(&error) => {}
                    done => drop(done?),
                }
            }
        }
        Ok(())
    }
}

/// A way to hear of commits, begun with the first wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(Option<Notice>);

impl Waiting {
    /// Notes what there was up to now: what comes behind it ends a wait.
    pub(super) fn hear(&mut self) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), Notice::hear)
    }

    /// Waits until there may be something new; `false`: there is nothing.
    pub(super) fn wait(&mut self, store: &Store, at_most: Duration) -> Result<bool> {
        if let Some(notice) = &mut self.0 {
            return Ok(notice.settle()? || notice.wait(at_most)?);
        }
        self.0 = Some(store.engine().catalog.notice()?);
        Ok(true) // A commit may have come before it.
    }
}
