//! The pins of the index.
//!
//! A pin ends by the clock alone: nothing is written then, and its row goes with a later pin.

use rusqlite::{Connection, Row, params};

use super::index::{all, failed, one, run};
use super::lookup;
use crate::catalog::{Contradictions, PinQuery};
use crate::clock::TimeNs;
use crate::error::Result;
use crate::object::{ObjectId, Pin, TierIndex, TierState};

/// Rows of pins that ended which one pin takes along: more than one, so that they do not pile up.
const ENDED_AT_ONCE: i64 = 100;

pub(super) fn set(connection: &Connection, time_ns: TimeNs, pin: &Pin) -> Result<()> {
    let sql = "DELETE FROM pin WHERE (object, tier, owner) IN
         (SELECT object, tier, owner FROM pin WHERE until <= ?1 ORDER BY until, object, tier, owner LIMIT ?2)";
    run(connection, "apply a change", sql, params![time_ns, ENDED_AT_ONCE])?;
    let sql = "INSERT OR REPLACE INTO pin(object, tier, owner, until) VALUES (?1, ?2, ?3, ?4)";
    run(connection, "apply a change", sql, params![pin.object.0, pin.tier, pin.owner, pin.until_ns]).map(drop)
}

pub(super) fn end(connection: &Connection, id: ObjectId, tier: TierIndex, owner: &str) -> Result<()> {
    let sql = "DELETE FROM pin WHERE object = ?1 AND tier = ?2 AND owner = ?3";
    run(connection, "apply a change", sql, params![id.0, tier, owner]).map(drop)
}

/// All of an object that is gone.
pub(super) fn forget_object(connection: &Connection, id: ObjectId) -> Result<()> {
    run(connection, "apply a change", "DELETE FROM pin WHERE object = ?1", params![id.0]).map(drop)
}

/// All on a tier that is gone.
pub(super) fn forget_tier(connection: &Connection, tier: TierIndex) -> Result<()> {
    run(connection, "apply a change", "DELETE FROM pin WHERE tier = ?1", params![tier]).map(drop)
}

/// Of the pins that keep a copy now, the one that ends last.
pub(super) fn longest(
    connection: &Connection,
    id: ObjectId,
    tier: TierIndex,
    now_ns: TimeNs,
) -> Result<Option<Pin>> {
    let sql = "SELECT object, tier, owner, until FROM pin WHERE object = ?1 AND tier = ?2 AND until > ?3
         ORDER BY until DESC LIMIT 1";
    one(connection, "look up pins", sql, params![id.0, tier, now_ns], read)
}

pub(super) fn list(
    connection: &Connection,
    wanted: &PinQuery,
    now_ns: TimeNs,
    after: Option<&Pin>,
    limit: usize,
) -> Result<Vec<Pin>> {
    let PinQuery { object, tier, owner } = wanted;
    // Where one object is wanted, its first pin is where the key begins.
    let first =
        Pin { object: object.unwrap_or(ObjectId([0; 16])), tier: 0, owner: String::new(), until_ns: 0 };
    let (from, is_after) =
        after.filter(|after| after.object >= first.object).map_or((&first, 0), |after| (after, 1));
    let sql = "SELECT object, tier, owner, until FROM pin
         WHERE (object, tier, owner) >= (?1, ?2, ?3) AND NOT (?4 AND (object, tier, owner) = (?1, ?2, ?3))
         AND object <= ?5 AND (?6 IS NULL OR tier = ?6) AND (?7 IS NULL OR owner = ?7) AND until > ?8
         ORDER BY object, tier, owner LIMIT ?9";
    let last = object.unwrap_or(ObjectId([0xff; 16]));
    let params =
        params![from.object.0, from.tier, from.owner, is_after, last.0, tier, owner, now_ns, limit as i64];
    all(connection, "list pins", sql, params, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pin> {
    Ok(Pin { object: ObjectId(row.get(0)?), tier: row.get(1)?, owner: row.get(2)?, until_ns: row.get(3)? })
}

/// Tells of pins that keep nothing: of an object, or on a tier, that is not there. A row that cannot be read is damage.
///
/// A pin that ended is as it should be: it forbids nothing, and its row goes with a later pin.
pub(super) fn check_rows(connection: &Connection, found: &mut Contradictions) -> Result<()> {
    let tiers = lookup::tiers(connection)?;
    let is_there = |tier| {
        tiers.iter().any(|usage| usage.config.index == tier && usage.config.state != TierState::Retired)
    };
    let sql =
        "SELECT p.object, p.tier, p.owner, p.until, EXISTS (SELECT 1 FROM object o WHERE o.id = p.object)
         FROM pin p";
    let mut statement = connection.prepare_cached(sql).map_err(failed("check it"))?;
    let mut rows = statement.query([]).map_err(failed("check it"))?;
    while let Some(row) = rows.next().map_err(failed("check it"))? {
        let of_object = row.get::<_, bool>(4);
        let (pin, of_object) = read(row).and_then(|pin| Ok((pin, of_object?))).map_err(failed("check it"))?;
        let Pin { object, tier, owner, .. } = &pin;
        if !of_object {
            found.note(format!("{owner:?} pins object {object} to tier {tier}, and there is no such object"));
        }
        if !is_there(*tier) {
            found.note(format!("{owner:?} pins object {object} to tier {tier}, and there is no such tier"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::object::FOR_EVER_NS;
    use crate::{CheckOptions, PinQuery, PutOptions, Store, StoreOptions};

    /// What a check tells of a store with two pins, whose index was changed so.
    fn told(change: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let open = || Store::open(directory.path(), &StoreOptions::new()).unwrap();
        let store = open();
        let kept = store.put(b"kept", &PutOptions::default()).unwrap().id;
        store.pin(kept, 0, "ann", FOR_EVER_NS).unwrap();
        store.pin(kept, 1, "bob", FOR_EVER_NS).unwrap();
        store.close().unwrap();
        let told = super::super::audit::tests::told(directory.path(), change);
        // Made anew where it could not be read; else as an operator is told to.
        if told.iter().all(|told| !told.contains("failed to")) && !told.is_empty() {
            std::fs::remove_dir_all(directory.path().join("index")).unwrap();
        }
        let store = open();
        if !told.is_empty() {
            assert_eq!(store.pins(&PinQuery::default(), None, 10).unwrap().len(), 2);
        }
        assert!(store.check_all(&CheckOptions::default(), |_| Ok(())).unwrap().is_clean());
        told
    }

    const NOBODY: &str = "x'00112233445566778899aabbccddeeff'";

    #[test]
    fn a_pin_of_no_object_or_on_no_tier_is_told_and_the_journal_knows_better() {
        let of_nobody = told(&format!("INSERT INTO pin VALUES ({NOBODY}, 0, 'eve', 9223372036854775807)"));
        assert!(
            matches!(&of_nobody[..], [one] if one.contains("\"eve\"") && one.contains("no such object")),
            "{of_nobody:?}"
        );
        let nowhere = told("UPDATE pin SET tier = 77 WHERE owner = 'bob'");
        assert!(
            matches!(&nowhere[..], [one] if one.contains("tier 77") && one.contains("no such tier")),
            "{nowhere:?}"
        );
        let gone = told("DELETE FROM object");
        assert!(gone.iter().filter(|one| one.contains("pins object")).count() == 2, "{gone:?}");
    }

    #[test]
    fn a_row_of_a_pin_that_cannot_be_read_is_told_and_the_next_open_makes_the_index_anew() {
        for change in [
            "UPDATE pin SET object = x'00' WHERE owner = 'bob'",
            "UPDATE pin SET tier = 256 WHERE owner = 'bob'",
            "UPDATE pin SET tier = -1 WHERE owner = 'bob'",
            "UPDATE pin SET owner = CAST(x'ff' AS TEXT) WHERE owner = 'bob'",
        ] {
            let told = told(change);
            assert!(
                matches!(&told[..], [one] if one.contains("the index failed to check it")),
                "{change}: {told:?}"
            );
        }
    }

    #[test]
    fn a_pin_that_ended_is_no_fault() {
        assert_eq!(told("UPDATE pin SET until = 1"), [""; 0]);
    }
}
