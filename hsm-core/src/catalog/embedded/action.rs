//! The rows of actions: applied like any change, and chosen to be run.
//!
//! Whose turn it is: the highest priority first; among the owners that have it each its share; of each owner the
//! oldest. What is run together is of one kind (verb, source, target). Whatever asks for the same comes along.

mod after;
mod offer;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

pub(super) use self::after::{Consequences, stuck};
pub(super) use self::offer::{ended, next_offer, offered, whole};
use super::index::{all, one, run};
use super::row;
use crate::catalog::{ActionQuery, ActionWindow, Passed, Turn};
use crate::clock::TimeNs;
use crate::error::Result;
use crate::journal::{self, Change};
use crate::object::{Action, ActionId, ActionState, Attempt, GroupId, Lease, STORY_MAX};
use crate::wire::{Reader, Writer};

/// Owners that share a window at most.
const OWNERS_MAX: usize = 64;
/// Rows that are looked at for each action of an owner's share: some may be of another kind.
const LOOKED_AT: usize = 4;
/// Actions that want the same and are run with a window at most.
const EQUAL_MAX: usize = 50_000;
/// Others of its kind that are looked at for it.
const OTHERS_MAX: usize = 4096;
const COLUMNS: &str = "id, number, state, due, instance, changed, finished, body";
const ACTION: &str = "look up actions";

pub(super) fn apply(connection: &Connection, number: u64, time_ns: TimeNs, change: &Change) -> Result<()> {
    let run = |sql, params: &[&dyn rusqlite::ToSql]| run(connection, "apply a change", sql, params).map(drop);
    match change {
        Change::ActionSubmitted { action, spec } => {
            let action = Action {
                id: *action,
                spec: (**spec).clone(),
                state: spec.first_state(),
                number,
                changed: number,
                submitted_ns: time_ns,
                finished_ns: 0,
                not_before_ns: 0,
                instance: 0,
                attempts: 0,
                story: Vec::new(),
                lease: None,
                result: Vec::new(),
            };
            let group = action.spec.group.map(|group| group.0);
            after::note(connection, number, &action.spec.after)?;
            if let Some(work) = &action.spec.site {
                offer::note(connection, number, &work.payload)?;
            }
            run(
                "INSERT OR REPLACE INTO action(number, id, state, priority, owner, together, kind, object, due, instance,
                 changed, finished, body, site) VALUES (?1, ?2, ?9, ?3, ?4, ?5, ?6, ?7, 0, 0, ?1, 0, ?8, ?10)",
                params![
                    number as i64,
                    action.id.0,
                    action.spec.priority,
                    action.spec.owner,
                    group,
                    action.spec.kind(),
                    action.spec.object.0,
                    write_body(&action),
                    action.state as u8,
                    action.spec.site.as_ref().map(|work| work.kind.as_str())
                ],
            )
        }
        Change::ActionChanged { action, state, attempts, instance, not_before_ns, error } => {
            // One that is not there was forgotten later in the journal than this.
            let Some(mut found) = find(connection, *action)? else { return Ok(()) };
            found.attempts = *attempts;
            if *state <= ActionState::Queued {
                found.lease = None;
            }
            if !error.is_empty() {
                found.story.push(Attempt { time_ns, error: error.clone() });
                let beyond = found.story.len().saturating_sub(STORY_MAX);
                found.story.drain(..beyond);
            }
            let finished_ns = if state.is_finished() { time_ns } else { 0 };
            run(
                "UPDATE action SET state = ?2, due = ?3, instance = ?4, changed = ?5, finished = ?6, body = ?7 WHERE id = ?1",
                params![
                    action.0,
                    *state as u8,
                    not_before_ns,
                    *instance as i64,
                    number as i64,
                    finished_ns,
                    write_body(&found)
                ],
            )
        }
        Change::ActionLeased { action, worker, token, until_ns, note } => {
            let Some(mut found) = find(connection, *action)? else { return Ok(()) };
            let token = if *token == 0 { number } else { *token };
            let (worker, note) = (worker.clone(), note.clone());
            found.lease = Some(Lease { worker, token, until_ns: *until_ns, note });
            run(
                "UPDATE action SET state = 3, due = ?2, instance = 0, changed = ?3, finished = 0, body = ?4 WHERE id = ?1",
                params![action.0, until_ns, number as i64, write_body(&found)],
            )
        }
        Change::ActionResult { action, result } => offer::set_result(connection, *action, result),
        Change::ActionForgotten { action } => {
            offer::forget(connection, *action)?;
            after::forget(connection, *action)?;
            run("DELETE FROM action WHERE id = ?1", params![action.0])
        }
        _ => Ok(()),
    }
}

fn write_body(action: &Action) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Writer(&mut bytes);
    journal::write_spec(&mut out, &action.spec, false);
    out.i64(action.submitted_ns);
    out.u32(action.attempts);
    out.u16(action.story.len() as u16);
    for attempt in &action.story {
        out.i64(attempt.time_ns);
        out.b16(attempt.error.as_bytes());
    }
    if let Some(lease) = &action.lease {
        out.u64(lease.token);
        out.i64(lease.until_ns);
        out.b16(lease.worker.as_bytes());
        out.b16(lease.note.as_bytes());
    }
    bytes
}

fn read(row: &Row<'_>) -> rusqlite::Result<Action> {
    let broken = || row::broken(7);
    let mut body = Reader(row.get_ref(7)?.as_blob()?);
    let spec = journal::read_spec(&mut body).ok_or_else(broken)?;
    let submitted_ns = body.i64().ok_or_else(broken)?;
    let attempts = body.u32().ok_or_else(broken)?;
    let mut story = Vec::new();
    for _ in 0..body.u16().ok_or_else(broken)? {
        let time_ns = body.i64().ok_or_else(broken)?;
        let error = body.b16().and_then(|text| String::from_utf8(text.to_vec()).ok()).ok_or_else(broken)?;
        story.push(Attempt { time_ns, error });
    }
    let lease = if body.0.is_empty() { None } else { Some(read_lease(&mut body).ok_or_else(broken)?) };
    let state = ActionState::from_number(row.get(2)?).ok_or_else(broken)?;
    // While it is leased, its row has the end of the lease there.
    let is_leased = lease.is_some() && state == ActionState::Running;
    Ok(Action {
        id: ActionId(row.get(0)?),
        spec,
        number: row.get::<_, i64>(1)? as u64,
        state,
        not_before_ns: if is_leased { 0 } else { row.get(3)? },
        instance: row.get::<_, i64>(4)? as u64,
        changed: row.get::<_, i64>(5)? as u64,
        finished_ns: row.get(6)?,
        submitted_ns,
        attempts,
        story,
        lease,
        result: Vec::new(),
    })
}

fn read_lease(body: &mut Reader<'_>) -> Option<Lease> {
    let (token, until_ns) = (body.u64()?, body.i64()?);
    let mut text = || String::from_utf8(body.b16()?.to_vec()).ok();
    Some(Lease { token, until_ns, worker: text()?, note: text()? })
}

pub(super) fn find(connection: &Connection, id: ActionId) -> Result<Option<Action>> {
    const SQL: &str =
        "SELECT id, number, state, due, instance, changed, finished, body FROM action WHERE id = ?1";
    one(connection, ACTION, SQL, params![id.0], read)
}

/// The number of an action's last change.
pub(super) fn changed(connection: &Connection, id: ActionId) -> Result<Option<u64>> {
    let sql = "SELECT changed FROM action WHERE id = ?1";
    Ok(one(connection, ACTION, sql, params![id.0], |row| row.get::<_, i64>(0))?.map(|number| number as u64))
}

pub(super) fn list(
    connection: &Connection,
    wanted: &ActionQuery,
    after: u64,
    limit: usize,
) -> Result<Vec<Action>> {
    let mut sql = format!("SELECT {COLUMNS} FROM action WHERE number > ?1");
    let mut values = vec![Value::from(after as i64), Value::from(i64::try_from(limit).unwrap_or(i64::MAX))];
    let mut also = |term: &str, value: Value| {
        values.push(value);
        sql += " AND ";
        sql += term;
        sql += " = ?";
        sql += &values.len().to_string();
    };
    if let Some(state) = wanted.state {
        also("state", i64::from(state as u8).into());
    }
    if let Some(owner) = &wanted.owner {
        also("owner", owner.clone().into());
    }
    if let Some(group) = wanted.group {
        also("together", group.0.to_vec().into());
    }
    if let Some(instance) = wanted.instance {
        also("state = 3 AND site IS NULL AND instance", (instance as i64).into());
    }
    if wanted.unfinished {
        sql += " AND state < 4";
    }
    sql += " ORDER BY number LIMIT ?2";
    all(connection, ACTION, &sql, params_from_iter(values), read)
}

pub(super) fn group_states(connection: &Connection, group: GroupId) -> Result<Vec<(ActionState, u64)>> {
    let sql = "SELECT state, count(*) FROM action WHERE together = ?1 GROUP BY state ORDER BY state";
    all(connection, ACTION, sql, params![group.0], |row| {
        let state = ActionState::from_number(row.get(0)?).ok_or_else(|| row::broken(0))?;
        Ok((state, row.get::<_, i64>(1)? as u64))
    })
}

pub(super) fn next_due(connection: &Connection) -> Result<Option<TimeNs>> {
    let sql = "SELECT min(due) FROM action WHERE state = 2 AND site IS NULL";
    Ok(one(connection, ACTION, sql, [], |row| row.get(0))?.flatten())
}

pub(super) fn claimers(connection: &Connection) -> Result<Vec<u64>> {
    let sql = "SELECT DISTINCT instance FROM action WHERE state = 3 AND site IS NULL";
    all(connection, ACTION, sql, [], |row| Ok(row.get::<_, i64>(0)? as u64))
}

pub(super) fn finished(
    connection: &Connection,
    kept: u64,
    until_ns: TimeNs,
    limit: usize,
) -> Result<Vec<(ActionId, u64)>> {
    let sql = "SELECT count(*) FROM action WHERE state >= 4";
    let count: i64 = one(connection, ACTION, sql, [], |row| row.get(0))?.unwrap_or(0);
    let beyond = (count as u64).saturating_sub(kept) as usize;
    let sql = "SELECT id, changed, finished FROM action WHERE state >= 4 ORDER BY finished LIMIT ?1";
    let found: Vec<(ActionId, u64, TimeNs)> = all(connection, ACTION, sql, params![limit as i64], |row| {
        Ok((ActionId(row.get(0)?), row.get::<_, i64>(1)? as u64, row.get(2)?))
    })?;
    let goes = |(at, (id, changed, finished_ns)): (usize, (ActionId, u64, TimeNs))| {
        (at < beyond || finished_ns < until_ns).then_some((id, changed))
    };
    Ok(found.into_iter().enumerate().filter_map(goes).collect())
}

/// What is to be run next.
pub(super) fn window(
    connection: &Connection,
    now_ns: TimeNs,
    behind: &str,
    max: usize,
    passed: &[Passed],
) -> Result<ActionWindow> {
    let mut window = ActionWindow::default();
    let wanted = Wanted { connection, now_ns, site: None, but: but(passed) };
    let Some(priority) = wanted.priority()? else { return Ok(window) };
    let owners = wanted.owners(priority, behind)?;
    let share = max.div_ceil(owners.len().max(1));
    let oldest = |owner: &str, limit| wanted.oldest(priority, owner, limit);
    let Some(first) = owners.first() else { return Ok(window) };
    let Some(kind) = oldest(first, 1)?.first().map(|action| action.spec.kind()) else { return Ok(window) };
    let (mut works, mut left) = (BTreeSet::new(), Vec::new());
    // Each its share; then what is left of the oldest, until the window is full.
    for owner in &owners {
        let ours = oldest(owner, share.saturating_mul(LOOKED_AT))?;
        let mut ours = ours.into_iter().filter(|action| action.spec.kind() == kind);
        let before = works.len();
        for action in ours.by_ref() {
            if works.insert(action.spec.object) {
                window.chosen.push(action);
            }
            if works.len() - before >= share {
                break;
            }
        }
        left.extend(ours);
    }
    in_order(&mut left);
    for action in left {
        if works.len() >= max {
            break;
        }
        if works.insert(action.spec.object) {
            window.chosen.push(action);
        }
    }
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for action in &window.chosen {
        let last = last.entry(&action.spec.owner).or_default();
        *last = action.number.max(*last);
    }
    window.looked = last.into_values().min().unwrap_or(0);
    add_equal(connection, kind, &mut window.chosen)?;
    if works.len() < max {
        let sql = format!("SELECT {COLUMNS} FROM action WHERE state = 2 AND kind = ?1 LIMIT ?2");
        let found = all(connection, ACTION, &sql, params![kind, OTHERS_MAX as i64], read)?;
        window.others = found.into_iter().filter(|action| !works.contains(&action.spec.object)).collect();
    }
    Ok(window)
}

/// Sorts actions by when they were submitted.
fn in_order(actions: &mut [Action]) {
    actions.sort_unstable_by_key(|action| action.number);
}

/// Says what was passed over to SQLite.
fn but(passed: &[Passed]) -> String {
    let one = |passed: &Passed| format!(" AND NOT (kind = {} AND number <= {})", passed.kind, passed.up_to);
    passed.iter().map(one).collect()
}

/// Whether something more urgent than a turn is to be run, that was submitted, or due, only since that began.
pub(super) fn is_outranked(connection: &Connection, now_ns: TimeNs, turn: &Turn) -> Result<bool> {
    let sql = "SELECT 1 FROM action
         WHERE state = 2 AND site IS NULL AND priority > ?1 AND due <= ?2 AND (changed > ?3 OR due > ?4) LIMIT 1";
    let Turn { priority, claimed, since_ns } = turn;
    Ok(one(connection, ACTION, sql, params![priority, now_ns, *claimed as i64, since_ns], |_| Ok(()))?
        .is_some())
}

/// What of the queue is looked at: what is to be done now, of a site's kind or of the library's own.
struct Wanted<'a> {
    connection: &'a Connection,
    now_ns: TimeNs,
    site: Option<&'a str>,
    /// What is not looked at.
    but: String,
}

impl Wanted<'_> {
    /// The highest priority there is.
    fn priority(&self) -> Result<Option<i32>> {
        let Self { connection, now_ns, site, but } = self;
        let sql = format!(
            "SELECT priority FROM action WHERE state = 2 AND site IS ?2 AND due <= ?1{but}
             ORDER BY priority DESC LIMIT 1"
        );
        one(connection, ACTION, &sql, params![now_ns, site], |row| row.get(0))
    }

    /// The oldest of an owner.
    fn oldest(&self, priority: i32, owner: &str, limit: usize) -> Result<Vec<Action>> {
        let Self { connection, now_ns, site, but } = self;
        let sql = format!(
            "SELECT {COLUMNS} FROM action
             WHERE state = 2 AND site IS ?5 AND priority = ?1 AND owner = ?2 AND due <= ?3{but}
             ORDER BY number LIMIT ?4"
        );
        all(connection, ACTION, &sql, params![priority, owner, now_ns, limit as i64, site], read)
    }

    /// Owners with something to be done at this priority, those behind `behind` first.
    fn owners(&self, priority: i32, behind: &str) -> Result<Vec<String>> {
        let Self { connection, now_ns, site, but } = self;
        let next = |beyond: &str, after: &str| {
            let sql = format!(
                "SELECT owner FROM action
                 WHERE state = 2 AND site IS ?4 AND priority = ?1 AND owner {beyond} ?2 AND due <= ?3{but}
                 ORDER BY owner LIMIT 1"
            );
            one(connection, ACTION, &sql, params![priority, after, now_ns, site], |row| {
                row.get::<_, String>(0)
            })
        };
        let mut owners = Vec::new();
        let mut after = behind.to_owned();
        while owners.len() < OWNERS_MAX
            && let Some(owner) = next(">", &after)?
        {
            after.clone_from(&owner);
            owners.push(owner);
        }
        // From the beginning: the first one may be without a name.
        let mut found = next(">=", "")?;
        while let Some(owner) = found.filter(|owner| owners.len() < OWNERS_MAX && owner.as_str() <= behind) {
            found = next(">", &owner)?;
            owners.push(owner);
        }
        Ok(owners)
    }
}

/// Adds all that want the same as those chosen, of which no two are about one object.
fn add_equal(connection: &Connection, kind: i64, chosen: &mut Vec<Action>) -> Result<()> {
    let known: BTreeSet<ActionId> = chosen.iter().map(|action| action.id).collect();
    let sql = format!("SELECT {COLUMNS} FROM action WHERE state = 2 AND kind = ?1 AND object = ?2 LIMIT ?3");
    for at in 0..known.len() {
        let spec = chosen[at].spec.clone();
        let room = EQUAL_MAX.saturating_sub(chosen.len());
        let equal = all(connection, ACTION, &sql, params![kind, spec.object.0, room as i64], read)?;
        chosen.extend(
            equal.into_iter().filter(|action| !known.contains(&action.id) && action.spec.is_same_work(&spec)),
        );
    }
    Ok(())
}

/// Rows that cannot be read are damage of the index.
pub(super) fn check_rows(connection: &Connection) -> Result<()> {
    let mut after = 0;
    while let Some(last) = list(connection, &ActionQuery::default(), after, 1000)?.last() {
        after = last.number;
    }
    Ok(())
}
