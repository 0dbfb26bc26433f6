//! Questions to the index that one short read answers.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::index::{all, damaged, failed, one};
use super::row;
use crate::backend::PlaceName;
use crate::backend::pack::PACK_HEADER_LENGTH;
use crate::catalog::query::After;
use crate::catalog::{Cursor, Expired, Garbage, Items, NamesPage, PackUsage, Page, Query, TierUsage};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::journal;
use crate::object::{Attributes, Copy, Dataset, DatasetId, Name, Object, ObjectId, Position, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::Reader;

/// Rows looked at for one page, at most, however few of them match.
const ROWS_A_PAGE_MAX: usize = 10_000;
/// A page ends where its attributes and keys have grown beyond so many bytes: one object alone may have 256 KiB.
const BYTES_A_PAGE_MAX: usize = 4 << 20;
const DATASET_COLUMNS: &str = "id, name, created, attributes, keys";

/// The object that a key of a dataset stands for, by the dataset's number.
pub(super) fn entry(connection: &Connection, dataset: i64, key: &[u8]) -> Result<Option<ObjectId>> {
    let sql = "SELECT (SELECT o.id FROM object o WHERE o.number = e.object) FROM entry e
         WHERE e.dataset = ?1 AND e.key = ?2";
    one(connection, "look up a key", sql, params![dataset, key], |row| row.get(0).map(ObjectId))
}

/// Names in the order of their datasets' numbers, then of their keys: that of table `alias`.
pub(super) fn names(
    connection: &Connection,
    id: ObjectId,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<NamesPage> {
    let (dataset, key) = match after.map(|cursor| &cursor.after) {
        Some(After::Name(dataset, key)) => (*dataset, key.as_slice()),
        Some(_) => return Err(Error::invalid("cursor", "it comes from another listing")),
        None => (0, &[][..]), // Before the first: numbers begin with 1.
    };
    let sql = "SELECT n.dataset, n.key, (SELECT d.id FROM dataset d WHERE d.number = n.dataset) FROM (
         SELECT dataset, key FROM object
             WHERE id = ?1 AND key IS NOT NULL AND removed IS NULL AND (dataset, key) > (?2, ?3)
         UNION SELECT dataset, key FROM alias WHERE id = ?1 AND (dataset, key) > (?2, ?3)
         ORDER BY 1, 2 LIMIT ?4) n";
    let values = params![id.0, dataset, key, i64::try_from(limit).unwrap_or(i64::MAX)];
    let rows: Vec<(i64, Name)> = all(connection, "look up names", sql, values, |row| {
        Ok((row.get(0)?, Name { dataset: DatasetId(row.get(2)?), key: row.get(1)? }))
    })?;
    let last = rows.last().filter(|_| rows.len() == limit);
    let next = last.map(|(dataset, name)| Cursor { after: After::Name(*dataset, name.key.clone()) });
    Ok(NamesPage { names: rows.into_iter().map(|(_, name)| name).collect(), next })
}

pub(super) fn dataset(connection: &Connection, id: DatasetId) -> Result<Option<Dataset>> {
    let sql = format!("SELECT {DATASET_COLUMNS} FROM dataset WHERE id = ?1");
    one(connection, "look up a dataset", &sql, params![id.0], read_dataset)
}

pub(super) fn dataset_named(connection: &Connection, name: &str) -> Result<Option<Dataset>> {
    let sql = format!("SELECT {DATASET_COLUMNS} FROM dataset WHERE name = ?1");
    one(connection, "look up a dataset", &sql, params![name], read_dataset)
}

pub(super) fn datasets(connection: &Connection, after: Option<&str>, limit: usize) -> Result<Vec<Dataset>> {
    let sql = format!("SELECT {DATASET_COLUMNS} FROM dataset WHERE name > ?1 ORDER BY name LIMIT ?2");
    all(connection, "list datasets", &sql, params![after.unwrap_or(""), limit as i64], read_dataset)
}

fn read_dataset(row: &Row<'_>) -> rusqlite::Result<Dataset> {
    let attributes = Attributes::decode(row.get_ref(3)?.as_blob()?).ok_or_else(|| row::broken(3))?;
    Ok(Dataset {
        id: DatasetId(row.get(0)?),
        name: row.get(1)?,
        created_ns: row.get(2)?,
        attributes,
        keys: row.get::<_, i64>(4)?.max(0) as u64,
    })
}

pub(super) fn tier(connection: &Connection, tier: TierIndex) -> Result<Option<TierUsage>> {
    let sql = "SELECT config, objects, bytes FROM tier WHERE tier = ?1";
    one(connection, "look up a tier", sql, params![tier], read_tier)
}

pub(super) fn tiers(connection: &Connection) -> Result<Vec<TierUsage>> {
    all(connection, "list tiers", "SELECT config, objects, bytes FROM tier ORDER BY tier", [], read_tier)
}

fn read_tier(row: &Row<'_>) -> rusqlite::Result<TierUsage> {
    let config = journal::read_tier(&mut Reader(row.get_ref(0)?.as_blob()?)).ok_or_else(|| row::broken(0))?;
    Ok(TierUsage {
        config,
        objects: row.get::<_, i64>(1)?.max(0) as u64,
        bytes: row.get::<_, i64>(2)?.max(0) as u64,
    })
}

pub(super) fn expired(connection: &Connection, now_ns: TimeNs, limit: usize) -> Result<Vec<Expired>> {
    let sql = "SELECT id, body, removed FROM object WHERE removed IS NOT NULL AND removed <= ?1 ORDER BY removed LIMIT ?2";
    all(connection, "list removed objects", sql, params![now_ns, limit as i64], |row| {
        let (id, body) = row::id_and_body(row)?;
        Ok(Expired { id, generation: body.generation, until_ns: row.get(2)? })
    })
}

pub(super) fn garbage(connection: &Connection, after: Option<Garbage>, limit: usize) -> Result<Vec<Garbage>> {
    let sql = "SELECT tier, instance, serial, packed FROM garbage
         WHERE (?5 OR number <= (SELECT durable FROM state)) AND (tier, instance, serial) > (?1, ?2, ?3)
         ORDER BY tier, instance, serial LIMIT ?4";
    let (tier, instance, serial) = behind(after);
    let early = mutant(Mutant::ReclaimBeforeDurable);
    all(connection, "list garbage", sql, params![tier, instance, serial, limit as i64, early], |row| {
        Ok(Garbage { tier: row.get(0)?, name: read_place_name(row, 1, row.get(3)?)? })
    })
}

pub(super) fn is_garbage(connection: &Connection, place: &Garbage) -> Result<bool> {
    let sql = "SELECT 1 FROM garbage WHERE tier = ?1 AND instance = ?2 AND serial = ?3";
    let Garbage { tier, name } = place;
    let values = params![tier, name.instance as i64, name.serial as i64];
    Ok(one(connection, "look up a place", sql, values, |_| Ok(()))?.is_some())
}

/// Places to be synced, in order, behind `after`.
pub(super) fn unsynced(
    connection: &Connection,
    after: Option<Garbage>,
    limit: usize,
) -> Result<Vec<Garbage>> {
    let sql = "SELECT tier, instance, serial, packed FROM unsynced
         WHERE (tier, instance, serial) > (?1, ?2, ?3) ORDER BY tier, instance, serial LIMIT ?4";
    let (tier, instance, serial) = behind(after);
    all(connection, "list places to sync", sql, params![tier, instance, serial, limit as i64], |row| {
        Ok(Garbage { tier: row.get(0)?, name: read_place_name(row, 1, row.get(3)?)? })
    })
}

/// The key of a place, to go on behind it. Before the first: a tier that cannot be.
fn behind(after: Option<Garbage>) -> (i64, i64, i64) {
    after.map_or((-1, 0, 0), |place| {
        (i64::from(place.tier), place.name.instance as i64, place.name.serial as i64)
    })
}

/// The copies of some objects, live and removed, in order of arrival behind the one of number `after`, and the last number;
/// `None` at the end.
pub(super) fn copies(connection: &Connection, after: i64) -> Result<Option<(i64, Vec<Copy>)>> {
    let sql = "SELECT id, body, number FROM object WHERE number > ?1 ORDER BY number LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed("list copies"))?;
    let mut rows = statement.query(params![after, ROWS_A_PAGE_MAX as i64]).map_err(failed("list copies"))?;
    let (mut last, mut found) = (None, Vec::new());
    while let Some(row) = rows.next().map_err(failed("list copies"))? {
        let (_, body) = row::id_and_body(row).map_err(failed("list copies"))?;
        last = Some(row.get(2).map_err(failed("list copies"))?);
        found.extend(body.copies);
    }
    Ok(last.map(|last| (last, found)))
}

const PACK_COLUMNS: &str = "tier, instance, serial, used, live_objects";

pub(super) fn packs(connection: &Connection, instance: u64) -> Result<Vec<PackUsage>> {
    let sql = format!("SELECT {PACK_COLUMNS} FROM pack WHERE instance = ?1 ORDER BY tier, serial");
    all(connection, "list packs", &sql, params![instance as i64], read_pack)
}

pub(super) fn empty_packs(
    connection: &Connection,
    after: Option<(TierIndex, PlaceName)>,
    limit: usize,
) -> Result<Vec<PackUsage>> {
    let sql = format!(
        "SELECT {PACK_COLUMNS} FROM pack
         WHERE live_objects <= 0 AND (tier, instance, serial) > (?1, ?2, ?3) ORDER BY tier, instance, serial LIMIT ?4"
    );
    let (tier, instance, serial) = behind(after.map(|(tier, name)| Garbage { tier, name }));
    all(connection, "list packs", &sql, params![tier, instance, serial, limit as i64], read_pack)
}

pub(super) fn sparse_packs(
    connection: &Connection,
    tier: TierIndex,
    live_percent_min: u8,
    after: Option<PlaceName>,
    limit: usize,
) -> Result<Vec<PackUsage>> {
    let sql = format!(
        "SELECT {PACK_COLUMNS} FROM pack WHERE tier = ?1 AND (?2 OR (instance, serial) > (?3, ?4))
         AND live_objects > 0 AND live_bytes * 100 < (used - {PACK_HEADER_LENGTH}) * ?5
         ORDER BY instance, serial LIMIT ?6"
    );
    let (first, after) = (after.is_none(), after.map_or((0, 0), |name| (name.instance, name.serial)));
    let values = params![tier, first, after.0 as i64, after.1 as i64, live_percent_min, limit as i64];
    all(connection, "list packs", &sql, values, read_pack)
}

pub(super) fn pack(connection: &Connection, tier: TierIndex, name: PlaceName) -> Result<Option<PackUsage>> {
    let sql = format!("SELECT {PACK_COLUMNS} FROM pack WHERE tier = ?1 AND instance = ?2 AND serial = ?3");
    one(
        connection,
        "look up a pack",
        &sql,
        params![tier, name.instance as i64, name.serial as i64],
        read_pack,
    )
}

fn read_pack(row: &Row<'_>) -> rusqlite::Result<PackUsage> {
    Ok(PackUsage {
        tier: row.get(0)?,
        name: read_place_name(row, 1, true)?,
        used: row.get::<_, i64>(3)? as u64,
        live_objects: row.get::<_, i64>(4)?.max(0) as u64,
    })
}

fn read_place_name(row: &Row<'_>, column: usize, packed: bool) -> rusqlite::Result<PlaceName> {
    Ok(PlaceName {
        instance: row.get::<_, i64>(column)? as u64,
        serial: row.get::<_, i64>(column + 1)? as u64,
        packed,
    })
}

pub(super) fn resolved(connection: &Connection, instance: u64) -> Result<u64> {
    let sql = "SELECT resolved FROM member WHERE instance = ?1";
    let found =
        one(connection, "look up a member", sql, params![instance as i64], |row| row.get::<_, i64>(0))?;
    Ok(found.unwrap_or(0) as u64)
}

pub(super) fn is_recent(connection: &Connection, instance: u64, serial: u64) -> Result<bool> {
    let sql = "SELECT 1 FROM recent WHERE instance = ?1 AND serial = ?2";
    let found = one(connection, "look up a place", sql, params![instance as i64, serial as i64], |_| Ok(()))?;
    Ok(found.is_some())
}

/// A page of objects that match, by keyset: nothing is held between two pages.
pub(super) fn page(
    connection: &Connection,
    query: &Query,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page> {
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut condition = |text: &str, value: Value| {
        values.push(value);
        conditions.push(text.replace('?', &format!("?{}", values.len())));
    };
    let by_change = is_by_change(connection, query, after)?;
    if let Some(number) = query.changed_after {
        condition("o.changed > ?", i64::try_from(number).unwrap_or(i64::MAX).into());
    }
    let (key_column, from, order) = match query.dataset {
        Some(id) => {
            let number = super::apply::dataset_number(connection, id)?
                .ok_or_else(|| Error::DatasetNotFound { name: id.to_string() })?;
            condition("e.dataset = ?", number.into());
            match after.map(|cursor| &cursor.after) {
                Some(After::Key(key)) => condition("e.key > ?", key.clone().into()),
                Some(_) => return Err(Error::invalid("cursor", "it comes from another listing")),
                None => {}
            }
            condition("e.key >= ?", query.key_prefix.clone().into());
            if let Some(end) = prefix_end(&query.key_prefix) {
                condition("e.key < ?", end.into());
            }
            ("e.key", "entry e CROSS JOIN object o ON o.number = e.object", "e.key")
        }
        None if !query.key_prefix.is_empty() => {
            return Err(Error::invalid("query", "a key prefix needs a dataset"));
        }
        None if by_change => {
            if let Some(After::Changed(changed, number)) = after.map(|cursor| &cursor.after) {
                condition("o.changed >= ?", (*changed).into());
                condition(&format!("(o.changed > {changed} OR o.number > ?)"), (*number).into());
            }
            ("NULL", "object o", "o.changed, o.number")
        }
        None => {
            match after.map(|cursor| &cursor.after) {
                Some(After::Arrival(number)) => condition("o.number > ?", (*number).into()),
                Some(_) => return Err(Error::invalid("cursor", "it comes from another listing")),
                None => {}
            }
            ("NULL", "object o", "o.number")
        }
    };
    let sql = format!(
        "SELECT {}, {key_column}, o.number FROM {from} {} {} ORDER BY {order} LIMIT {ROWS_A_PAGE_MAX}",
        row::OBJECT_COLUMNS,
        if conditions.is_empty() { "" } else { "WHERE" },
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed("list objects"))?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed("list objects"))?;
    let mut objects = row::Objects::of(connection);
    let mut found = row::Found::default();
    let mut next = None;
    let looks_inside = query.looks_inside();
    let mut looked_at = 0;
    while let Some(row) = rows.next().map_err(failed("list objects"))? {
        looked_at += 1;
        let key = match query.dataset {
            Some(_) => found_key(row).map_err(failed("list objects"))?,
            None => &[],
        };
        let head = objects.head(row).map_err(failed("list objects"))?;
        let changed = head.changed as i64;
        let mut is_wanted = (head.removed_until_ns != 0) == query.removed;
        if is_wanted && looks_inside {
            is_wanted = matches(query, &objects.read(row).map_err(failed("list objects"))?);
        }
        if is_wanted {
            found.push(&head, row, key).map_err(failed("list objects"))?;
        }
        if looked_at == ROWS_A_PAGE_MAX || found.bytes_len() > BYTES_A_PAGE_MAX || found.len() >= limit {
            let number = row.get(row::OBJECT_COLUMNS_LEN + 1).map_err(failed("list objects"))?;
            let after = match query.dataset {
                Some(_) => After::Key(key.to_vec()),
                None if by_change => After::Changed(changed, number),
                None => After::Arrival(number),
            };
            next = Some(Cursor { after });
            break;
        }
    }
    Ok(Page { items: Items::new(found), next })
}

/// Whether objects are listed in the order of their last change: where an index of it is there, from the first page on.
fn is_by_change(connection: &Connection, query: &Query, after: Option<&Cursor>) -> Result<bool> {
    if query.changed_after.is_none() || query.dataset.is_some() {
        return Ok(false);
    }
    match after.map(|cursor| &cursor.after) {
        None => has_change_index(connection),
        Some(after) => Ok(matches!(after, After::Changed(..))),
    }
}

pub(super) fn has_change_index(connection: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'object_changed'";
    Ok(one(connection, "read its schema", sql, [], |_| Ok(()))?.is_some())
}

pub(super) fn setting(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    one(connection, "look up a setting", "SELECT value FROM setting WHERE name = ?1", [name], |row| {
        row.get(0)
    })
}

fn found_key<'r>(row: &'r Row<'_>) -> rusqlite::Result<&'r [u8]> {
    Ok(row.get_ref(row::OBJECT_COLUMNS_LEN)?.as_blob()?)
}

fn matches(query: &Query, object: &Object) -> bool {
    let within = |min: Option<i64>, value: i64, before: Option<i64>| {
        min.is_none_or(|min| value >= min) && before.is_none_or(|before| value < before)
    };
    query.size_min.is_none_or(|min| object.size() >= min)
        && query.size_max.is_none_or(|max| object.size() <= max)
        && within(query.created_from_ns, object.created_ns, query.created_before_ns)
        && within(query.modified_from_ns, object.modified_ns, query.modified_before_ns)
        && within(query.accessed_from_ns, object.last_used_ns(), query.accessed_before_ns)
        && query.tier.is_none_or(|tier| object.copy_on(tier).is_some())
        && query.not_on_tier.is_none_or(|tier| object.copy_on(tier).is_none())
        && query.attribute.as_ref().is_none_or(|(name, value)| {
            object.attributes.get(name).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        })
}

/// The least bytes that are greater than everything that begins with `prefix`, if there are any.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// The row that says how far the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) store: [u8; 16],
    /// Behind the last change applied.
    pub(super) tail: journal::Tail,
    /// Behind the last change that survives a power loss.
    pub(super) durable: journal::Tail,
}

pub(super) fn state(connection: &Connection) -> Result<Option<State>> {
    let sql = "SELECT store, epoch, applied, segment, offset, before, chain,
         durable_epoch, durable, durable_segment, durable_offset, durable_before, durable_chain FROM state";
    one(connection, "read its state", sql, [], |row| {
        let tail = |from: usize| {
            let number = |column: usize| row.get::<_, i64>(from + column).map(|value| value as u64);
            Ok::<_, rusqlite::Error>(journal::Tail {
                last: Position { epoch: number(0)?, number: number(1)? },
                segment: number(2)?,
                offset: number(3)?,
                before: number(4)?,
                chain: number(5)?,
            })
        };
        Ok(State { store: row.get(0)?, tail: tail(1)?, durable: tail(7)? })
    })
}

pub(super) fn must_state(connection: &Connection) -> Result<State> {
    state(connection)?.ok_or_else(|| damaged("read its state", "it has none"))
}

pub(super) fn set_state(connection: &Connection, state: &State) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO state(one, store, epoch, applied, segment, offset, before, chain,
             durable_epoch, durable, durable_segment, durable_offset, durable_before, durable_chain)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let (tail, durable) = (&state.tail, &state.durable);
    super::index::run(
        connection,
        "write its state",
        sql,
        params![
            state.store,
            tail.last.epoch as i64,
            tail.last.number as i64,
            tail.segment as i64,
            tail.offset as i64,
            tail.before as i64,
            tail.chain as i64,
            durable.last.epoch as i64,
            durable.last.number as i64,
            durable.segment as i64,
            durable.offset as i64,
            durable.before as i64,
            durable.chain as i64
        ],
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn the_end_of_a_prefix_is_the_least_that_follows_it() {
        assert_eq!(prefix_end(b"a"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"a\xff"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"\xff"), None);
        assert_eq!(prefix_end(b""), None);
    }
}
