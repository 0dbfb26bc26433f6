//! Looking many objects up at once: rows next to each other in one walk.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::index::failed;
use super::super::row;
use super::FIND;
use crate::error::Result;
use crate::object::{Object, ObjectId};

static FROM: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM object o WHERE o.id >= ?1 ORDER BY o.id", row::OBJECT_COLUMNS));

/// Rows in a row that nobody asked for, after which it is searched anew: a search costs about four.
const PASSED_MAX: usize = 3;
/// Searches after which it is tried again whether rows next to each other are wanted, where they were not.
const SEARCHES: usize = 64;

/// Reads many, in the order asked for; best in that of their ids.
pub(in super::super) fn find_all(connection: &Connection, ids: &[ObjectId]) -> Result<Vec<Option<Object>>> {
    let found = if ids.is_sorted() { walk(connection, ids) } else { search(connection, ids) };
    found.map_err(failed("look up objects"))
}

fn search(connection: &Connection, ids: &[ObjectId]) -> rusqlite::Result<Vec<Option<Object>>> {
    let mut statement = connection.prepare_cached(&FIND)?;
    let mut objects = row::Objects::of(connection);
    ids.iter().map(|id| statement.query_row(params![id.0], |row| objects.read(row)).optional()).collect()
}

/// From row to row where those that are wanted are near each other, and by a search for the next where they are not.
fn walk(connection: &Connection, ids: &[ObjectId]) -> rusqlite::Result<Vec<Option<Object>>> {
    let mut statement = connection.prepare_cached(&FROM)?;
    let mut objects = row::Objects::of(connection);
    let mut found: Vec<Option<Object>> = Vec::with_capacity(ids.len());
    let (mut passed_max, mut searches_in_vain) = (PASSED_MAX, 0);
    while let Some(wanted) = ids.get(found.len()) {
        let mut rows = statement.query(params![wanted.0])?;
        let (mut passed, before) = (0, found.len());
        while passed <= passed_max && found.len() < ids.len() {
            let Some(row) = rows.next()? else {
                found.resize(ids.len(), None); // Nothing lies behind.
                break;
            };
            let id = ObjectId(row.get(0)?);
            let gone = ids[found.len()..].partition_point(|wanted| *wanted < id);
            found.resize(found.len() + gone, None);
            match ids[found.len()..].partition_point(|wanted| *wanted == id) {
                0 => passed += 1,
                times => {
                    passed = 0;
                    let object = objects.read(row)?;
                    found.resize(found.len() + times, Some(object));
                    if passed_max == 0 {
                        break;
                    }
                }
            }
        }
        searches_in_vain = if found.len() > before + 1 { 0 } else { searches_in_vain + 1 };
        passed_max = if searches_in_vain % SEARCHES < 4 { PASSED_MAX } else { 0 };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PutOptions, Store, StoreOptions};

    fn id(number: u64) -> ObjectId {
        ObjectId(u128::from(number).to_be_bytes())
    }

    #[test]
    fn many_are_found_in_the_order_asked_for_near_or_far_there_or_not_and_twice() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::new()).unwrap();
        let mut batch = store.batch(true, crate::Durability::Relaxed);
        let exists = |number: u64| number % 7 != 3 && number < 900;
        for number in (0..1000).filter(|number| exists(*number)) {
            batch.put(&[1], &PutOptions::id(id(number))).unwrap();
        }
        batch.commit().unwrap();
        let check = |numbers: Vec<u64>| {
            let ids: Vec<ObjectId> = numbers.iter().map(|number| id(*number)).collect();
            let found = store.engine().catalog.view().objects(&ids).unwrap();
            let found: Vec<Option<ObjectId>> =
                found.into_iter().map(|object| object.map(|object| object.id)).collect();
            let expected: Vec<Option<ObjectId>> =
                numbers.iter().map(|number| exists(*number).then(|| id(*number))).collect();
            assert_eq!(found, expected, "{numbers:?}");
        };
        for step in [1, 2, 3, 4, 5, 6, 7, 9, 40, 999] {
            check((0..1000).step_by(step).collect());
            check((0..1000).step_by(step).flat_map(|number| [number, number]).collect());
            check((0..1000).rev().step_by(step).collect());
        }
        // Near each other, then far apart, and near again.
        check((0..100).chain((100..800).step_by(8)).chain(800..950).collect());
        check(Vec::new());
        check(vec![5000]);
    }
}
