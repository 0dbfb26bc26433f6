//! Actions of a site's own kinds, done by workers outside of the library.
//!
//! A worker *leases* actions: for a time they are its own, in whatever process it lives, and its *token* says so, a number
//! that is drawn for the lease. It extends the lease while it works, and ends it: done, failed, or given back.
//! A lease that ends without a word counts as an attempt that failed, and the action is queued again.
//!
//! What a token allows is checked in the commit: of a worker that lost its lease nothing is taken any more.

use std::time::{Duration, Instant};

use super::Store;
use super::actions::{changed, changed_for};
use super::run::{DEAD_LOOK, STOP_LOOK, Waiting};
use crate::catalog::{Durability, Expect, Proposal};
use crate::clock::{TimeNs, random_u64};
use crate::engine::is_race;
use crate::error::{Error, Result};
use crate::journal::Change;
use crate::journal::queue::Turns;
use crate::migration::pause_ns;
use crate::object::{
    ACTION_TEXT_BYTES_MAX, Action, ActionId, ActionState, LATE, SITE_BYTES_MAX, STORY_TEXT_BYTES_MAX,
    before_deadline, check_site_kind,
};

/// Actions leased together at most.
pub const LEASED_AT_ONCE_MAX: usize = 256;
/// Leases that ended, queued again together.
const ENDED_AT_ONCE: usize = 1000;

/// What a worker wants to do.
#[derive(Debug, Clone, Default)]
pub struct LeaseOptions {
    /// The kinds of action that it can do.
    pub kinds: Vec<String>,
    /// Its name, for whoever looks: at most 255 bytes.
    pub worker: String,
    /// How many at most: up to [`LEASED_AT_ONCE_MAX`].
    pub max: usize,
    /// For how long they are its own, unless it extends that.
    pub duration: Duration,
    /// How long to wait for the first of them; `None`: for as long as it takes.
    pub timeout: Option<Duration>,
}

impl Store {
    /// Leases actions of a site's kinds. None: there were none in time. They are of the highest priority there is, from
    /// owners in turn, and fewer than `max` where there are not more of that priority.
    ///
    /// The lease is durable: it holds for its time whatever becomes of the worker, and a worker that was started again
    /// goes on with its token, [`Lease::token`](crate::object::Lease::token).
    ///
    /// # Errors
    ///
    /// `Invalid` for kinds that cannot be, no time or no number; `Closed` when the store is closed meanwhile.
    pub fn lease(&self, options: &LeaseOptions) -> Result<Vec<Action>> {
        let engine = self.engine();
        engine.check_writable()?;
        check(options)?;
        let until = options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = Waiting::default();
        let (mut looked, mut looked_at): (Option<Instant>, u64) = (None, 0);
        loop {
            waiting.hear()?;
            let leased = self.lease_now(options)?;
            let left = || until.map_or(STOP_LOOK, |until| until.saturating_duration_since(Instant::now()));
            if !leased.is_empty() || left().is_zero() {
                return Ok(leased);
            }
            if looked.is_none_or(|looked| looked.elapsed() >= DEAD_LOOK) {
                looked_at = self.wake_stuck(looked_at)?.0;
                looked = Some(Instant::now());
            }
            let due_ns = engine.catalog.next_offer(&options.kinds)?;
            while !left().is_zero() && due_ns.is_none_or(|due_ns| due_ns > engine.clock.now_ns()) {
                engine.check()?;
                if waiting.wait(self, left().min(STOP_LOOK))? {
                    break;
                }
            }
        }
    }

    fn lease_now(&self, options: &LeaseOptions) -> Result<Vec<Action>> {
        let engine = self.engine();
        let now_ns = engine.clock.now_ns();
        self.end_leases(now_ns)?;
        loop {
            let behind = engine.lock.served(Turns::Leased);
            let chosen = engine.catalog.offered_actions(now_ns, &options.kinds, &behind, options.max)?;
            let Some(last) = chosen.last() else { return Ok(Vec::new()) };
            engine.lock.note_served(Turns::Leased, &last.spec.owner)?;
            let until_ns = after(engine.clock.now_ns(), options.duration);
            // Numbers of changes come again in a store that was restored. A worker's token does not.
            let tokens: Vec<u64> = chosen.iter().map(|_| random_u64(&*engine.clock)).collect();
            let proposals = chosen.iter().zip(&tokens).map(|(action, token)| {
                if action.is_late(now_ns) {
                    let error = LATE.to_owned();
                    return changes(
                        action,
                        [changed_for(action, ActionState::Failed, action.attempts, 0, error)],
                    );
                }
                let lease = Change::ActionLeased {
                    action: action.id,
                    worker: options.worker.clone(),
                    token: *token,
                    until_ns,
                    note: String::new(),
                };
                changes(action, [lease])
            });
            let answers = engine.commit(proposals.collect(), Durability::Durable)?;
            let (mut leased, mut failed) = (Vec::new(), None);
            for (answer, (action, token)) in answers.into_iter().zip(chosen.iter().zip(tokens)) {
                match answer.and_then(|_| engine.catalog.action(action.id)) {
                    // Another worker was first, or it was called off.
                    Err(error) if is_race(&error) => {}
                    Err(error) => failed = failed.or(Some(error)),
                    Ok(found) => leased.extend(found.filter(|found| holds(found, token))),
                }
            }
            // Of those whose lease is durable the worker hears also where that of others failed.
            match failed {
                Some(error) if leased.is_empty() => return Err(error),
                None if leased.is_empty() => {}
                _ => return Ok(leased),
            }
        }
    }

    /// Queues again what workers leased and did not end in time.
    pub(super) fn end_leases(&self, now_ns: TimeNs) -> Result<()> {
        let engine = self.engine();
        loop {
            let ended = engine.catalog.ended_leases(now_ns, ENDED_AT_ONCE)?;
            let count = ended.len();
            let proposals = ended.iter().map(|action| {
                let worker = action.lease.as_ref().map_or("", |lease| lease.worker.as_str());
                let error = format!("the lease of worker {worker:?} ended without a word of it");
                changes(action, [failed_attempt(action, true, 0, error)])
            });
            // One may be extended or ended at the last moment, or another one was first.
            engine.commit_unraced(proposals.collect(), Durability::Durable)?;
            if count < ENDED_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Extends a lease: it ends `duration` from now. The note says how far the worker is, for whoever looks, in at most 255
    /// bytes; `None` leaves the one before. Returns when the lease ends.
    ///
    /// A crash of the process does not take it back; a power loss may, together with the note.
    ///
    /// # Errors
    ///
    /// `LeaseLost` when it is not, or no longer, leased under this token; `Cancelled` when it was called off: the worker
    /// stops, and nothing more is expected of it. `ActionNotFound`.
    pub fn extend_lease(
        &self,
        id: ActionId,
        token: u64,
        duration: Duration,
        note: Option<&str>,
    ) -> Result<TimeNs> {
        check_duration(duration)?;
        check_text("note", note.unwrap_or(""))?;
        let mut until_ns = 0;
        self.end_or_extend(id, token, Durability::Relaxed, |action| {
            let lease = action.lease.as_ref()?;
            until_ns = after(self.engine().clock.now_ns(), duration);
            Some(vec![Change::ActionLeased {
                action: id,
                worker: lease.worker.clone(),
                token,
                until_ns,
                note: note.unwrap_or(&lease.note).to_owned(),
            }])
        })?;
        Ok(until_ns)
    }

    /// Ends a lease: the action is done, and `result`, at most 64 KiB, is kept with it. `false`: it was done under this
    /// token already, and stays as it is; so who does not know whether it had said so may say it again.
    ///
    /// # Errors
    ///
    /// As [`extend_lease`](Self::extend_lease).
    pub fn complete_lease(&self, id: ActionId, token: u64, result: &[u8]) -> Result<bool> {
        if result.len() > SITE_BYTES_MAX {
            return Err(Error::invalid("result", format!("it has at most {SITE_BYTES_MAX} bytes")));
        }
        self.end_or_extend(id, token, Durability::Durable, |action| {
            if action.state == ActionState::Done {
                return None;
            }
            let kept =
                (!result.is_empty()).then(|| Change::ActionResult { action: id, result: result.to_vec() });
            let done = changed(action, ActionState::Done, action.attempts);
            Some(kept.into_iter().chain([done]).collect())
        })
    }

    /// Ends a lease: the attempt failed, for the reason that `error` tells. With `again` the action is queued for another
    /// one, after a pause as for any other, unless that was the last; else it failed for good. Returns its state.
    ///
    /// # Errors
    ///
    /// As [`extend_lease`](Self::extend_lease).
    pub fn fail_lease(&self, id: ActionId, token: u64, error: &str, again: bool) -> Result<ActionState> {
        if error.is_empty() || error.len() > STORY_TEXT_BYTES_MAX {
            let detail = format!("it has at least one byte and at most {STORY_TEXT_BYTES_MAX}");
            return Err(Error::invalid("error", detail));
        }
        let mut became = ActionState::Failed;
        self.end_or_extend(id, token, Durability::Durable, |action| {
            if action.state == ActionState::Failed {
                return None; // Said before.
            }
            let now_ns = self.engine().clock.now_ns();
            let due_ns = now_ns.saturating_add(pause_ns(action.attempts + 1));
            let change = failed_attempt(action, again, due_ns, error.to_owned());
            if let Change::ActionChanged { state, .. } = &change {
                became = *state;
            }
            Some(vec![change])
        })?;
        Ok(became)
    }

    /// Ends a lease without an attempt: the action is queued as it was.
    ///
    /// # Errors
    ///
    /// As [`extend_lease`](Self::extend_lease).
    pub fn give_back_lease(&self, id: ActionId, token: u64) -> Result<()> {
        self.end_or_extend(id, token, Durability::Durable, |action| {
            Some(vec![changed(action, ActionState::Queued, action.attempts)])
        })
        .map(drop)
    }

    /// Commits what `change` makes of an action whose last lease has this token; `false`: nothing.
    fn end_or_extend(
        &self,
        id: ActionId,
        token: u64,
        durability: Durability,
        mut change: impl FnMut(&Action) -> Option<Vec<Change>>,
    ) -> Result<bool> {
        let engine = self.engine();
        engine.check_writable()?;
        loop {
            let found = engine.catalog.actions_of(&[id])?.pop().flatten();
            let action = found.ok_or(Error::ActionNotFound { id })?;
            let ours = action.lease.as_ref().is_some_and(|lease| lease.token == token);
            match action.state {
                ActionState::Cancelled if ours => {
                    return Err(Error::Cancelled { reason: format!("action {id} was called off") });
                }
                ActionState::Running | ActionState::Done | ActionState::Failed if ours => {}
                _ => return Err(Error::LeaseLost { id }),
            }
            let Some(made) = change(&action) else { return Ok(false) };
            if action.state != ActionState::Running {
                return Err(Error::LeaseLost { id });
            }
            match engine.commit_proposal(changes(&action, made), durability) {
                Err(error) if is_race(&error) => {}
                done => return done.map(|_| true),
            }
        }
    }
}

fn check(options: &LeaseOptions) -> Result<()> {
    if options.kinds.is_empty() || options.kinds.len() > 64 {
        return Err(Error::invalid("kinds", "name at least one kind of action and at most 64"));
    }
    options.kinds.iter().try_for_each(|kind| check_site_kind(kind))?;
    check_text("worker", &options.worker)?;
    if options.max == 0 || options.max > LEASED_AT_ONCE_MAX {
        return Err(Error::invalid("max", format!("it is at least 1 and at most {LEASED_AT_ONCE_MAX}")));
    }
    check_duration(options.duration)
}

fn check_duration(duration: Duration) -> Result<()> {
    if duration.is_zero() {
        return Err(Error::invalid("duration", "a lease needs a time to last"));
    }
    Ok(())
}

pub(super) fn check_text(what: &'static str, text: &str) -> Result<()> {
    if text.len() > ACTION_TEXT_BYTES_MAX {
        return Err(Error::invalid(what, format!("it has at most {ACTION_TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn after(now_ns: TimeNs, duration: Duration) -> TimeNs {
    now_ns.saturating_add(TimeNs::try_from(duration.as_nanos()).unwrap_or(TimeNs::MAX))
}

/// Whether an action is leased under this token now.
fn holds(action: &Action, token: u64) -> bool {
    action.state == ActionState::Running && action.lease.as_ref().is_some_and(|lease| lease.token == token)
}

fn changes(action: &Action, changes: impl Into<Vec<Change>>) -> Proposal {
    Proposal {
        expect: vec![Expect::Action(action.id, action.changed)],
        changes: changes.into(),
        ..Proposal::default()
    }
}

/// An attempt that failed: queued again, unless it was the last.
fn failed_attempt(action: &Action, again: bool, due_ns: TimeNs, error: String) -> Change {
    let attempts = action.attempts + 1;
    if again && attempts < action.spec.attempts_max {
        let due_ns = before_deadline(due_ns, action.spec.deadline_ns);
        return changed_for(action, ActionState::Queued, attempts, due_ns, error);
    }
    changed_for(action, ActionState::Failed, attempts, 0, error)
}
