//! Rows of the index to and from the engine's data. Narrow: numbers shrink, times are differences.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use crate::clock::TimeNs;
use crate::integrity::{Algorithm, Digest};
use crate::object::{Attributes, Content, Copy, DatasetId, Name, Object, ObjectId, Piece, Place};
use crate::wire::{Reader, Writer};

const PACKED: u8 = 1;

/// The columns that [`Objects`] reads, of table `object` as `o`.
pub(super) const OBJECT_COLUMNS: &str = "o.id, o.generation, o.size, o.created, o.modified, o.accessed, o.changed, \
     o.removed, o.content, o.copies, o.attributes, o.dataset, o.key";

/// Reads objects, and asks once for each dataset that they are named in: a join would look it up for every row.
pub(super) struct Objects<'c> {
    connection: &'c Connection,
    datasets: BTreeMap<i64, DatasetId>,
}

impl<'c> Objects<'c> {
    pub(super) fn of(connection: &'c Connection) -> Self {
        Self { connection, datasets: BTreeMap::new() }
    }

    /// Reads an object. `Err(FromSqlConversionFailure)` where a blob is not what we write.
    pub(super) fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<Object> {
        let dataset = match row.get(11)? {
            Some(number) => Some(self.dataset(number)?),
            None => None,
        };
        object(row, dataset)
    }

    fn dataset(&mut self, number: i64) -> rusqlite::Result<DatasetId> {
        if let Some(id) = self.datasets.get(&number) {
            return Ok(*id);
        }
        let mut statement = self.connection.prepare_cached("SELECT id FROM dataset WHERE number = ?1")?;
        let id = statement.query_row([number], |row| row.get(0).map(DatasetId))?;
        self.datasets.insert(number, id);
        Ok(id)
    }
}

fn object(row: &Row<'_>, dataset: Option<DatasetId>) -> rusqlite::Result<Object> {
    let modified_ns: TimeNs = row.get(4)?;
    let size: i64 = row.get(2)?;
    let content = match row.get_ref(8)?.as_blob_or_null()? {
        Some(bytes) => Some(read_content(bytes, size as u64).ok_or_else(|| broken(8))?),
        None => None,
    };
    let copies = read_copies(row.get_ref(9)?.as_blob()?, modified_ns).ok_or_else(|| broken(9))?;
    let attributes = match row.get_ref(10)?.as_blob_or_null()? {
        Some(bytes) => read_attributes(bytes).ok_or_else(|| broken(10))?,
        None => Attributes::new(),
    };
    let name = match dataset {
        Some(dataset) => Some(Name { dataset, key: row.get(12)? }),
        None => None,
    };
    Ok(Object {
        id: ObjectId(row.get(0)?),
        generation: row.get::<_, i64>(1)? as u64,
        created_ns: row.get(3)?,
        modified_ns,
        accessed_ns: row.get::<_, Option<i64>>(5)?.unwrap_or(0),
        changed: row.get::<_, i64>(6)? as u64,
        removed_until_ns: row.get::<_, Option<i64>>(7)?.unwrap_or(0),
        content,
        copies,
        attributes,
        name,
    })
}

/// Reads an object's id and its copies, of columns `id, copies, modified`.
pub(super) fn id_and_copies(row: &Row<'_>) -> rusqlite::Result<(ObjectId, Vec<Copy>)> {
    let copies = read_copies(row.get_ref(1)?.as_blob()?, row.get(2)?).ok_or_else(|| broken(1))?;
    Ok((ObjectId(row.get(0)?), copies))
}

/// A blob that is not what we write: the index is damaged.
pub(super) fn broken(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, "unreadable blob".into())
}

pub(super) fn write_content(content: &Content) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Writer(&mut bytes);
    out.u8(content.block_shift);
    out.bytes(&content.root);
    for digest in &content.digests {
        out.u8(digest.algorithm() as u8);
        out.u8(digest.value().len() as u8);
        out.bytes(digest.value());
    }
    bytes
}

fn read_content(bytes: &[u8], size: u64) -> Option<Content> {
    let mut reader = Reader(bytes);
    let block_shift = reader.u8().filter(|shift| *shift < 64)?;
    let root = reader.array()?;
    let mut digests = Vec::new();
    while !reader.0.is_empty() {
        let algorithm = Algorithm::from_number(reader.u8()?)?;
        let len = reader.u8()?;
        digests.push(Digest::new(algorithm, reader.bytes(usize::from(len))?).ok()?);
    }
    Some(Content { size, block_shift, root, digests })
}

/// Small differences of either sign become small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn write_copies(copies: &[Copy], modified_ns: TimeNs) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Writer(&mut bytes);
    for copy in copies {
        out.u8(copy.tier);
        out.varint(zigzag(copy.created_ns.wrapping_sub(modified_ns)));
        out.u8(u8::from(copy.is_verified()));
        if copy.is_verified() {
            out.varint(zigzag(copy.verified_ns.wrapping_sub(modified_ns)));
        }
        out.varint(copy.pieces.len() as u64);
        for piece in &copy.pieces {
            out.varint(piece.start);
            out.varint(piece.length);
            out.u64(piece.place.instance);
            out.varint(piece.place.serial);
            out.varint(piece.offset);
            out.u8(if piece.packed { PACKED } else { 0 });
        }
    }
    bytes
}

fn read_copies(bytes: &[u8], modified_ns: TimeNs) -> Option<Vec<Copy>> {
    let mut reader = Reader(bytes);
    let mut copies = Vec::new();
    while !reader.0.is_empty() {
        let tier = reader.u8()?;
        let created_ns = unzigzag(reader.varint()?).wrapping_add(modified_ns);
        let verified_ns =
            if reader.u8()? == 0 { 0 } else { unzigzag(reader.varint()?).wrapping_add(modified_ns) };
        let mut pieces = Vec::new();
        for _ in 0..reader.varint()? {
            let (start, length) = (reader.varint()?, reader.varint()?);
            let place = Place { tier, instance: reader.u64()?, serial: reader.varint()? };
            let offset = reader.varint()?;
            let packed = reader.u8()? & PACKED != 0;
            pieces.push(Piece { start, length, place, offset, packed });
        }
        copies.push(Copy { tier, created_ns, verified_ns, pieces });
    }
    Some(copies)
}

/// `None` for no attributes: the column is then NULL.
pub(super) fn write_attributes(attributes: &Attributes) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer(&mut bytes);
    for (name, value) in attributes {
        out.b16(name.as_bytes());
        out.b32(value);
    }
    (!attributes.is_empty()).then_some(bytes)
}

pub(super) fn read_attributes(bytes: &[u8]) -> Option<Attributes> {
    let mut reader = Reader(bytes);
    let mut attributes = Attributes::new();
    while !reader.0.is_empty() {
        let name = String::from_utf8(reader.b16()?.to_vec()).ok()?;
        attributes.insert(name, reader.b32()?.to_vec());
    }
    Some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_come_back_as_they_were_written_and_stay_narrow() {
        let place = Place { tier: 3, instance: u64::MAX, serial: 9 };
        let piece = Piece { start: 0, length: 4096, place, offset: 128, packed: true };
        let copies = vec![
            Copy { tier: 3, created_ns: 1_000, verified_ns: 0, pieces: vec![piece] },
            Copy { tier: 4, created_ns: i64::MIN, verified_ns: i64::MAX, pieces: vec![] },
        ];
        let bytes = write_copies(&copies, 1_000);
        assert_eq!(read_copies(&bytes, 1_000).unwrap()[0], copies[0]);
        assert_eq!(read_copies(&bytes, 1_000).unwrap()[1].verified_ns, i64::MAX);
        assert!(write_copies(&copies[..1], 1_000).len() <= 20);
        assert_eq!(read_copies(&bytes[..bytes.len() - 1], 1_000), None);
    }
}
