//! Actions of a site's own kinds: offered to outside workers, and leased by them.
//!
//! Whose turn it is, is decided as for those that the library runs; what is handed out together is of one priority.

use rusqlite::{Connection, params};

use super::{ACTION, COLUMNS, Wanted, all, find, in_order, one, read, run};
use crate::clock::TimeNs;
use crate::error::Result;
use crate::object::{Action, ActionId};

/// Notes the payload of an action of a site's kind.
pub(super) fn note(connection: &Connection, number: u64, payload: &[u8]) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO action_site(number, payload, result) VALUES (?1, ?2, x'')";
    run(connection, ACTION, sql, params![number as i64, payload]).map(drop)
}

pub(super) fn set_result(connection: &Connection, id: ActionId, result: &[u8]) -> Result<()> {
    let sql = "UPDATE action_site SET result = ?2 WHERE number = (SELECT number FROM action WHERE id = ?1)";
    run(connection, ACTION, sql, params![id.0, result]).map(drop)
}

pub(super) fn forget(connection: &Connection, id: ActionId) -> Result<()> {
    let sql = "DELETE FROM action_site WHERE number = (SELECT number FROM action WHERE id = ?1)";
    run(connection, ACTION, sql, params![id.0]).map(drop)
}

/// An action with its payload and its result.
pub(in crate::catalog::embedded) fn whole(connection: &Connection, id: ActionId) -> Result<Option<Action>> {
    let Some(mut action) = find(connection, id)? else { return Ok(None) };
    if let Some(work) = &mut action.spec.site {
        let sql = "SELECT payload, result FROM action_site WHERE number = ?1";
        let bytes = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        if let Some((payload, result)) = one(connection, ACTION, sql, params![action.number as i64], bytes)? {
            (work.payload, action.result) = (payload, result);
        }
    }
    Ok(Some(action))
}

/// What is to be handed out next of these kinds, for owners from the one behind `behind` on: without its payload.
pub(in crate::catalog::embedded) fn offered(
    connection: &Connection,
    now_ns: TimeNs,
    kinds: &[String],
    behind: &str,
    max: usize,
) -> Result<Vec<Action>> {
    let mut found = Vec::new();
    for kind in kinds {
        let wanted = Wanted { connection, now_ns, site: Some(kind), but: String::new() };
        found.extend(wanted.priority()?.map(|priority| (priority, wanted)));
    }
    let Some(highest) = found.iter().map(|(priority, _)| *priority).max() else { return Ok(Vec::new()) };
    found.retain(|(priority, _)| *priority == highest);
    let mut all_owners = Vec::new();
    for (_, wanted) in &found {
        all_owners.extend(wanted.owners(highest, behind)?);
    }
    all_owners.sort_unstable_by(|a, b| (a.as_str() <= behind, a).cmp(&(b.as_str() <= behind, b)));
    all_owners.dedup();
    let share = max.div_ceil(all_owners.len().max(1));
    let (mut chosen, mut left) = (Vec::new(), Vec::new());
    for owner in &all_owners {
        let mut ours = Vec::new();
        for (_, wanted) in &found {
            ours.extend(wanted.oldest(highest, owner, max)?);
        }
        in_order(&mut ours);
        left.extend(ours.split_off(share.min(ours.len())));
        in_order(&mut left);
        left.truncate(max);
        chosen.extend(ours);
    }
    chosen.truncate(max);
    left.truncate(max - chosen.len());
    chosen.extend(left);
    Ok(chosen)
}

/// When there may be something more to hand out: one of these kinds is due, or a lease ends. `None`: nothing waits.
pub(in crate::catalog::embedded) fn next_offer(
    connection: &Connection,
    kinds: &[String],
) -> Result<Option<TimeNs>> {
    let least = |sql, params: &[&dyn rusqlite::ToSql]| {
        Ok(one(connection, ACTION, sql, params, |row| row.get::<_, Option<TimeNs>>(0))?.flatten())
    };
    let mut next = least("SELECT min(due) FROM action WHERE state = 3 AND site IS NOT NULL", &[])?;
    for kind in kinds {
        let due = least("SELECT min(due) FROM action WHERE state = 2 AND site = ?1", params![kind])?;
        next = next.into_iter().chain(due).min();
    }
    Ok(next)
}

/// Leases that ended before `now_ns`.
pub(in crate::catalog::embedded) fn ended(
    connection: &Connection,
    now_ns: TimeNs,
    limit: usize,
) -> Result<Vec<Action>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM action WHERE state = 3 AND site IS NOT NULL AND due <= ?1 ORDER BY due LIMIT ?2"
    );
    all(connection, ACTION, &sql, params![now_ns, limit as i64], read)
}
