//! The index held against itself, and places held against the index.
//!
//! What the index says twice has to agree: sums with the rows that they are sums of, names with the objects that
//! have them, copies with packs and with the garbage, pins with what they keep. Its pages are read from the file, so that
//! the checksum of each is compared.
//!
//! It reads one state of the index, which SQLite keeps for as long as that takes: the write-ahead log grows
//! meanwhile by what others commit.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::Embedded;
use super::index::{all, damaged, failed, one};
use super::{lookup, row};
use crate::backend::{PlaceName, pack};
use crate::catalog::Contradictions;
use crate::error::{Error, Result};
use crate::object::{Copy, ObjectId, Piece, Place, TierIndex};

/// Packs whose sums are compared in one pass over all objects. Few in tests, so that there is more than one pass.
const PACKS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 2 } else { 1 << 18 };
const ACTION: &str = "check it";
/// The object of an entry `e`, as it is told.
const OF_ENTRY: &str =
    "ifnull((SELECT lower(hex(o.id)) FROM object o WHERE o.number = e.object), 'number ' || e.object)";

impl Embedded {
    /// Holds the index against itself.
    pub(super) fn audit(&self) -> Result<Contradictions> {
        let audited = self.index.reader().and_then(|reading| {
            // What this connection holds in memory would not be read from the file.
            reading.execute_batch("PRAGMA shrink_memory").map_err(failed(ACTION))?;
            check_pages(&reading)?;
            reading.execute_batch("BEGIN").map_err(failed(ACTION))?;
            let found = Audit { connection: &reading, found: Contradictions::default() }.run();
            reading.execute_batch("ROLLBACK").map_err(failed(ACTION))?;
            found
        });
        match self.note_damage(audited) {
            Err(error @ Error::Index { damaged: true, .. }) => {
                Ok(Contradictions { count: 1, first: vec![error.to_string()], unreadable: true })
            }
            audited => audited,
        }
    }

    /// Strikes off places that the index knows: a copy lies there, or they wait to be removed.
    pub(super) fn strike_known_places(
        &self,
        places: &mut BTreeMap<(TierIndex, PlaceName), u64>,
    ) -> Result<()> {
        let mut after = 0; // Numbers begin with 1.
        while !places.is_empty()
            && let Some((last, copies)) = self.read(|connection| lookup::copies(connection, after))?
        {
            for piece in copies.iter().flat_map(|copy| &copy.pieces) {
                places.remove(&(piece.place.tier, crate::tier::place_name(piece)));
            }
            after = last;
        }
        // Behind the copies: a place that was dropped meanwhile is in the garbage by now.
        self.read(|connection| {
            let mut failed = None;
            places.retain(|(tier, name), _| match is_listed(connection, *tier, *name) {
                Ok(listed) => !listed,
                Err(error) => {
                    failed = Some(error);
                    true
                }
            });
            failed.map_or(Ok(()), Err)
        })
    }
}

/// Whether a file is in the garbage, or a pack among the packs.
fn is_listed(connection: &Connection, tier: TierIndex, name: PlaceName) -> Result<bool> {
    let sql = if name.packed {
        "SELECT 1 FROM pack WHERE tier = ?1 AND instance = ?2 AND serial = ?3"
    } else {
        "SELECT 1 FROM garbage WHERE tier = ?1 AND instance = ?2 AND serial = ?3"
    };
    let place = params![tier, name.instance as i64, name.serial as i64];
    Ok(one(connection, "look up a place", sql, place, |_| Ok(()))?.is_some())
}

/// Reads every page of the database.
fn check_pages(connection: &Connection) -> Result<()> {
    let verdicts = all(connection, ACTION, "PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?;
    match verdicts.first() {
        Some(verdict) if verdict == "ok" => Ok(()),
        verdict => Err(damaged(ACTION, verdict.map_or("it gave no answer", String::as_str))),
    }
}

/// What rows say of a pack: the end of its last record, objects and bytes.
type PackSums = (i64, i64, i64);

/// What takes objects: the id, the size where there is content, and the copies.
type Visit<'v> = &'v mut dyn FnMut(ObjectId, Option<u64>, &[Copy]) -> Result<()>;

struct Audit<'c> {
    connection: &'c Connection,
    found: Contradictions,
}

impl Audit<'_> {
    fn run(mut self) -> Result<Contradictions> {
        self.objects_and_tiers()?;
        self.packs()?;
        self.names()?;
        super::action::check_rows(self.connection)?;
        super::pin::check_rows(self.connection, &mut self.found)?;
        Ok(self.found)
    }

    /// Calls `visit` with each object, live or removed.
    fn each_object(&self, visit: Visit<'_>) -> Result<()> {
        let sql = "SELECT id, body FROM object";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed(ACTION))?;
        let mut rows = statement.query([]).map_err(failed(ACTION))?;
        while let Some(row) = rows.next().map_err(failed(ACTION))? {
            let (id, body) = row::id_and_body(row).map_err(failed(ACTION))?;
            visit(id, body.content.map(|content| content.size), &body.copies)?;
        }
        Ok(())
    }

    fn objects_and_tiers(&mut self) -> Result<()> {
        let tiers = lookup::tiers(self.connection)?;
        let mut sums: BTreeMap<TierIndex, (u64, u64)> = BTreeMap::new();
        sums.extend(tiers.iter().map(|tier| (tier.config.index, (0, 0))));
        let (mut found, mut last_pack) = (Contradictions::default(), None);
        self.each_object(&mut |id, size, copies| {
            let in_order = copies.is_sorted_by(|a, b| a.tier < b.tier);
            if !in_order || size.is_none() && !copies.is_empty() {
                found.note(format!("object {id} has copies that cannot be: {copies:?}"));
            }
            for copy in copies {
                if !makes_up(&copy.pieces, size.unwrap_or(0)) {
                    found.note(format!("the pieces of object {id} on tier {} do not make it up", copy.tier));
                }
                match sums.get_mut(&copy.tier) {
                    Some(sum) => {
                        sum.0 += 1;
                        sum.1 += copy.pieces.iter().map(|piece| piece.length).sum::<u64>();
                    }
                    None => found.note(format!("object {id} lies on tier {}, which is not known", copy.tier)),
                }
                for piece in &copy.pieces {
                    let name = crate::tier::place_name(piece);
                    if piece.packed && last_pack == Some(piece.place) {
                        continue;
                    }
                    if is_listed(self.connection, copy.tier, name)? != piece.packed {
                        let what = if piece.packed { "is not among the packs" } else { "is in the garbage" };
                        found.note(format!("place {name} on tier {} of object {id} {what}", copy.tier));
                    }
                    last_pack = piece.packed.then_some(piece.place);
                }
            }
            Ok(())
        })?;
        for tier in &tiers {
            let counted = sums.get(&tier.config.index).copied().unwrap_or_default();
            if counted != (tier.objects, tier.bytes) {
                found.note(format!(
                    "tier {}: {} objects with {} bytes are noted, {} with {} are there",
                    tier.config.index, tier.objects, tier.bytes, counted.0, counted.1
                ));
            }
        }
        self.found.add(found);
        Ok(())
    }

    fn packs(&mut self) -> Result<()> {
        let mut after = (-1, 0, 0);
        loop {
            let sql = "SELECT tier, instance, serial, used, live_objects, live_bytes FROM pack
                 WHERE (tier, instance, serial) > (?1, ?2, ?3) ORDER BY tier, instance, serial LIMIT ?4";
            let values = params![after.0, after.1, after.2, PACKS_AT_ONCE as i64];
            let page: Vec<(Place, PackSums)> = all(self.connection, ACTION, sql, values, |row| {
                let (instance, serial) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64);
                let place = Place { tier: row.get(0)?, instance, serial };
                Ok((place, (row.get(3)?, row.get(4)?, row.get(5)?)))
            })?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = (i64::from(last.tier), last.instance as i64, last.serial as i64);
            self.page_of_packs(&page)?;
        }
    }

    fn page_of_packs(&mut self, page: &[(Place, PackSums)]) -> Result<()> {
        let mut sums: BTreeMap<Place, PackSums> = BTreeMap::new();
        sums.extend(page.iter().map(|(place, _)| (*place, (0, 0, 0))));
        self.each_object(&mut |_, _, copies| {
            for piece in copies.iter().flat_map(|copy| &copy.pieces).filter(|piece| piece.packed) {
                if let Some(sum) = sums.get_mut(&piece.place) {
                    let length = pack::record_len(piece.length) as i64;
                    sum.0 = sum.0.max(piece.offset as i64 + length);
                    sum.1 += 1;
                    sum.2 += length;
                }
            }
            Ok(())
        })?;
        for (place, (used, objects, bytes)) in page {
            let counted = sums.get(place).copied().unwrap_or_default();
            if (*objects, *bytes) != (counted.1, counted.2) || *used < counted.0 {
                let Place { tier, instance, serial } = place;
                self.found.note(format!(
                    "pack {} on tier {tier}: {objects} objects with {bytes} bytes up to {used} are noted, {} with {} up to {} are there",
                    PlaceName { instance: *instance, serial: *serial, packed: true }, counted.1, counted.2, counted.0
                ));
            }
        }
        Ok(())
    }

    fn names(&mut self) -> Result<()> {
        let questions = [
            (
                "the number of keys is wrong of dataset",
                "SELECT name FROM dataset d WHERE keys <> (SELECT count(*) FROM entry e WHERE e.dataset = d.number)".to_owned(),
            ),
            (
                "no dataset has the key of object",
                format!(
                    "SELECT {OF_ENTRY} FROM entry e WHERE NOT EXISTS (SELECT 1 FROM dataset d WHERE d.number = e.dataset)"
                ),
            ),
            (
                "a key names, but is no name of, object",
                format!(
                    "SELECT {OF_ENTRY} FROM entry e WHERE NOT EXISTS (SELECT 1 FROM object o
                     WHERE o.number = e.object AND o.removed IS NULL AND o.dataset = e.dataset AND o.key = e.key)
                 AND NOT EXISTS (SELECT 1 FROM object o CROSS JOIN alias a ON a.id = o.id
                     WHERE o.number = e.object AND a.dataset = e.dataset AND a.key = e.key)"
                ),
            ),
            (
                "no key is the name of object",
                "SELECT lower(hex(id)) FROM (SELECT id, dataset, key FROM object WHERE key IS NOT NULL AND removed IS NULL
                     UNION ALL SELECT id, dataset, key FROM alias) n
                 WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.dataset = n.dataset AND e.key = n.key
                     AND e.object = (SELECT o.number FROM object o WHERE o.id = n.id))".to_owned(),
            ),
            (
                "no look-up finds object",
                "SELECT lower(hex(id)) FROM object o NOT INDEXED
                 WHERE number IS NOT (SELECT x.number FROM object x WHERE x.id = o.id)".to_owned(),
            ),
            (
                "a look-up finds, where it is not, object",
                "SELECT lower(hex(id)) FROM object o INDEXED BY object_id
                 WHERE NOT EXISTS (SELECT 1 FROM object x NOT INDEXED WHERE x.number = o.number AND x.id = o.id)".to_owned(),
            ),
            (
                "no change made, as its number says, object",
                "SELECT lower(hex(id)) FROM object WHERE number < 1 OR number > (SELECT applied FROM state)".to_owned(),
            ),
        ];
        for (what, sql) in questions {
            let mut statement = self.connection.prepare_cached(&sql).map_err(failed(ACTION))?;
            let mut rows = statement.query([]).map_err(failed(ACTION))?;
            while let Some(row) = rows.next().map_err(failed(ACTION))? {
                let of: String = row.get(0).map_err(failed(ACTION))?;
                self.found.note(format!("{what} {of}"));
            }
        }
        Ok(())
    }
}

/// Whether pieces follow each other from the first byte of a content to its last.
fn makes_up(pieces: &[Piece], size: u64) -> bool {
    let mut end = 0;
    let follow = pieces.iter().all(|piece| {
        let follows = piece.start == end && piece.length > 0;
        end += piece.length;
        follows
    });
    follow && end == size
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::super::index::{Index, IndexPlace};
    use crate::object::ObjectId;
    use crate::{CheckOptions, Finding, PutOptions, Store, StoreOptions};

    /// What a check tells of a closed store, once its index was changed so.
    pub(in super::super) fn told(directory: &Path, change: &str) -> Vec<String> {
        let index = Index::open(&IndexPlace::File(directory.join("index/index.db")), true).unwrap();
        index.writer().execute_batch(change).unwrap();
        index.close().unwrap();
        let store = Store::open(directory, &StoreOptions::new()).unwrap();
        let mut told = Vec::new();
        let done = store.check_all(&CheckOptions::default(), |finding| {
            match finding {
                Finding::Index { detail } => told.push(detail),
                other => panic!("{other:?}"),
            }
            Ok(())
        });
        assert_eq!(done.unwrap().contradictions, told.len() as u64);
        store.close().unwrap();
        told
    }

    #[test]
    fn a_row_that_no_look_up_finds_is_told_and_so_is_a_look_up_that_finds_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::new()).unwrap();
        let ids = [1, 2, 3].map(|number| ObjectId([number; 16]));
        for id in ids {
            store.put(b"x", &PutOptions::id(id)).unwrap();
        }
        store.close().unwrap();
        // As if the index on ids were of none of the rows, so that it stays as it is while one changes.
        let schema = |of: &str| {
            format!(
                "PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX object_id ON object(id) {of}' WHERE name = 'object_id';
                 PRAGMA writable_schema = RESET;"
            )
        };
        let change = "UPDATE object SET id = x'09090909090909090909090909090909' WHERE id = x'02020202020202020202020202020202';";
        let all = [&schema("WHERE number < 0"), change, &schema("")].concat();
        let told = told(directory.path(), &all);
        let has = |what: &str, id: u8| {
            let expected = format!("{what} {}", format!("{id:02x}").repeat(16));
            told.contains(&expected)
        };
        assert!(has("no look-up finds object", 9), "{told:?}");
        assert!(has("a look-up finds, where it is not, object", 2), "{told:?}");
        assert!(!told.iter().any(|told| told.contains(&"01".repeat(16))), "{told:?}");
    }
}
