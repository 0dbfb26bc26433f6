//! Actions that come after others: what follows from a change, in the same commit.
//!
//! An action waits for as long as one that it comes after is not done. Whoever commits that an action is done, failed or
//! cancelled commits with it that those which waited for it are queued, or fail in their turn: an action never waits
//! for what will not come, and who commits need not know that anybody waits.
//!
//! A commit carries a bounded number of these. What it leaves is found by whoever runs actions ([`stuck`]).

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::{ACTION, all, find, run};
use crate::error::Result;
use crate::journal::Change;
use crate::object::{ActionId, ActionState};
use crate::testing_hooks::{Mutant, mutant};

/// Changes that follow from one proposal, in its commit, at most.
const FOLLOWING_MAX: usize = 10_000;

/// Notes what the action submitted by change `number` comes after.
pub(super) fn note(connection: &Connection, number: u64, after: &[ActionId]) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO action_after(after, number) VALUES (?1, ?2)";
    after.iter().try_for_each(|id| run(connection, ACTION, sql, params![id.0, number as i64]).map(drop))
}

/// Forgets what an action came after; and what came after it, where it was done: who finds nothing noted waits for
/// nothing.
pub(super) fn forget(connection: &Connection, id: ActionId) -> Result<()> {
    let own = "DELETE FROM action_after WHERE number = (SELECT number FROM action WHERE id = ?1)";
    run(connection, ACTION, own, params![id.0])?;
    let others = "DELETE FROM action_after WHERE after = ?1
         AND EXISTS (SELECT 1 FROM action WHERE id = ?1 AND state = 4)";
    run(connection, ACTION, others, params![id.0]).map(drop)
}

/// What follows from the changes of a proposal, asked for one by one; each is applied before the next is asked for.
#[derive(Debug)]
pub(in crate::catalog::embedded) struct Consequences {
    /// Actions that may have nothing more to wait for.
    waiting: VecDeque<ActionId>,
    /// Actions that others may have waited for.
    finished: VecDeque<ActionId>,
    left: usize,
}

impl Consequences {
    /// Of these changes, which have been applied.
    pub(in crate::catalog::embedded) fn of(changes: &[Change]) -> Self {
        let mut found = Self { waiting: VecDeque::new(), finished: VecDeque::new(), left: FOLLOWING_MAX };
        for change in changes {
            match change {
                Change::ActionSubmitted { action, spec } if !spec.after.is_empty() => {
                    found.waiting.push_back(*action);
                }
                Change::ActionChanged { action, state: ActionState::Waiting, .. } => {
                    found.waiting.push_back(*action);
                }
                _ => found.finished.extend(finished(change)),
            }
        }
        found
    }

    /// The next one.
    pub(in crate::catalog::embedded) fn next(&mut self, connection: &Connection) -> Result<Option<Change>> {
        while self.left > 0 {
            if let Some(id) = self.waiting.pop_front() {
                if let Some(change) = outcome(connection, id)? {
                    self.finished.extend(finished(&change));
                    self.left -= 1;
                    return Ok(Some(change));
                }
            } else if let Some(id) = self.finished.pop_front() {
                self.waiting.extend(followers(connection, id, self.left)?);
            } else {
                break;
            }
        }
        Ok(None)
    }
}

/// The action that nobody waits for any longer after this change.
fn finished(change: &Change) -> Option<ActionId> {
    match change {
        Change::ActionChanged { action, state, .. } => {
            let early = *state == ActionState::Running && mutant(Mutant::AfterNotAwaited);
            (state.is_finished() || early).then_some(*action)
        }
        _ => None,
    }
}

fn followers(connection: &Connection, id: ActionId, limit: usize) -> Result<Vec<ActionId>> {
    let sql = "SELECT a.id FROM action_after f JOIN action a ON a.number = f.number
         WHERE f.after = ?1 AND a.state = 1 LIMIT ?2";
    all(connection, ACTION, sql, params![id.0, limit as i64], |row| Ok(ActionId(row.get(0)?)))
}

/// What becomes of an action that waits; `None`: it waits on, or does not wait.
fn outcome(connection: &Connection, id: ActionId) -> Result<Option<Change>> {
    let Some(found) = find(connection, id)?.filter(|found| found.state == ActionState::Waiting) else {
        return Ok(None);
    };
    let sql = "SELECT f.after, a.state FROM action_after f LEFT JOIN action a ON a.id = f.after
         WHERE f.number = ?1 AND a.state IS NOT 4";
    let mut open: Vec<(ActionId, Option<u8>)> =
        all(connection, ACTION, sql, params![found.number as i64], |row| {
            Ok((ActionId(row.get(0)?), row.get(1)?))
        })?;
    if mutant(Mutant::AfterNotAwaited) {
        open.retain(|(_, state)| *state != Some(ActionState::Running as u8));
    }
    let became = |state: Option<u8>| match state.map(ActionState::from_number) {
        None => Some("is not known any more"),
        Some(Some(ActionState::Failed)) => Some("failed"),
        Some(Some(ActionState::Cancelled)) => Some("was cancelled"),
        Some(_) => None,
    };
    let broken = open.iter().find_map(|(after, state)| Some((after, became(*state)?)));
    let (state, error) = match broken {
        Some((after, became)) => (
            ActionState::Failed,
            format!("it comes after action {after}, which {became}; retry that one first"),
        ),
        None if open.is_empty() => (ActionState::Queued, String::new()),
        None => return Ok(None),
    };
    let attempts = found.attempts;
    Ok(Some(Change::ActionChanged { action: id, state, attempts, instance: 0, not_before_ns: 0, error }))
}

/// Actions that wait for nothing any more, each with the number of its last change: among `limit` behind the one of
/// number `after`. Also the number of the last one looked at; 0 at the end.
pub(in crate::catalog::embedded) fn stuck(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<(Vec<(ActionId, u64)>, u64)> {
    let sql =
        "SELECT id, changed, number FROM action WHERE state = 1 AND number > ?1 ORDER BY number LIMIT ?2";
    let waiting: Vec<(ActionId, u64, u64)> =
        all(connection, ACTION, sql, params![after as i64, limit as i64], |row| {
            Ok((ActionId(row.get(0)?), row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
        })?;
    let last = waiting.last().filter(|_| waiting.len() == limit).map_or(0, |(_, _, number)| *number);
    let mut found = Vec::new();
    for (id, changed, _) in waiting {
        if outcome(connection, id)?.is_some() {
            found.push((id, changed));
        }
    }
    Ok((found, last))
}
