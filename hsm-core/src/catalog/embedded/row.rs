//! Rows of the index to and from the engine's data. Narrow: numbers shrink, times are differences, and what no
//! statement of SQL asks for is one blob, the *body*, since each column costs time in every row that is read.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::catalog::query::Rows;
use crate::catalog::{Listed, ObjectSummary};
use crate::clock::TimeNs;
use crate::integrity::{Algorithm, Digest};
use crate::object::{Attributes, Content, Copy, DatasetId, Generation, Name, Object, ObjectId, Piece, Place};
use crate::wire::{Reader, Writer};

const PACKED: u8 = 1;
/// Flags of a body.
const HAS_CONTENT: u8 = 1;
const WAS_ACCESSED: u8 = 2;

/// The columns that [`Objects`] reads, of table `object` as `o`.
pub(super) const OBJECT_COLUMNS: &str = "o.id, o.changed, o.removed, o.dataset, o.key, o.body";
/// How many these are.
pub(super) const OBJECT_COLUMNS_LEN: usize = 6;

/// Reads objects, and asks once for each dataset that they are named in: a join would look it up for every row.
pub(super) struct Objects<'c> {
    connection: &'c Connection,
    /// `None`: one that is gone; a removed object may still have a name there.
    datasets: BTreeMap<i64, Option<DatasetId>>,
}

impl<'c> Objects<'c> {
    pub(super) fn of(connection: &'c Connection) -> Self {
        Self { connection, datasets: BTreeMap::new() }
    }

    /// Reads an object. `Err(FromSqlConversionFailure)` where a blob is not what we write.
    pub(super) fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<Object> {
        let body = Body::read(row.get_ref(5)?.as_blob()?).ok_or_else(|| broken(5))?;
        let head = self.head(row)?;
        Ok(head.object(row.get_ref(4)?.as_blob_or_null()?.unwrap_or_default(), body))
    }

    /// What the columns of a row of their own say.
    pub(super) fn head(&mut self, row: &Row<'_>) -> rusqlite::Result<Head> {
        let dataset = match row.get_ref(3)?.as_i64_or_null()? {
            Some(number) => self.dataset(number)?,
            None => None,
        };
        let changed = row.get_ref(1)?.as_i64()? as u64;
        let removed_until_ns = row.get_ref(2)?.as_i64_or_null()?.unwrap_or(0);
        let id = row.get_ref(0)?.as_blob()?.try_into().map_err(|_| broken(0))?;
        Ok(Head { id: ObjectId(id), changed, removed_until_ns, dataset })
    }

    fn dataset(&mut self, number: i64) -> rusqlite::Result<Option<DatasetId>> {
        if let Some(id) = self.datasets.get(&number) {
            return Ok(*id);
        }
        let mut statement = self.connection.prepare_cached("SELECT id FROM dataset WHERE number = ?1")?;
        let id = statement.query_row([number], |row| row.get(0).map(DatasetId)).optional()?;
        self.datasets.insert(number, id);
        Ok(id)
    }
}

/// What columns of their own say of an object.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: ObjectId,
    pub(super) changed: u64,
    pub(super) removed_until_ns: TimeNs,
    dataset: Option<DatasetId>,
}

impl Head {
    fn object(self, key: &[u8], body: Body) -> Object {
        Object {
            id: self.id,
            generation: body.generation,
            created_ns: body.created_ns,
            modified_ns: body.modified_ns,
            accessed_ns: body.accessed_ns,
            changed: self.changed,
            removed_until_ns: self.removed_until_ns,
            content: body.content,
            copies: body.copies,
            attributes: body.attributes,
            name: self.dataset.map(|dataset| Name { dataset, key: key.to_vec() }),
        }
    }
}

/// The objects of a page, as they lie in their rows. Read one by one they take no more memory than one, and a page
/// is not thousands of small allocations.
#[derive(Debug, Default)]
pub(super) struct Found {
    rows: VecDeque<FoundRow>,
    /// Of each: the key it was found under, its first key, its body.
    bytes: Vec<u8>,
    /// Where the next begins.
    start: usize,
}

#[derive(Debug)]
struct FoundRow {
    summary: ObjectSummary,
    /// Of both keys.
    lens: [usize; 2],
    /// Of both keys and the body.
    len: usize,
    /// Where in these the attributes begin.
    attributes_at: usize,
}

impl Found {
    /// Takes an object as it lies in its row, once that was checked, and the key it was found under.
    pub(super) fn push(&mut self, head: &Head, row: &Row<'_>, key: &[u8]) -> rusqlite::Result<()> {
        let body = row.get_ref(5)?.as_blob()?;
        let (summary, attributes_at) = summarise(head, body).ok_or_else(|| broken(5))?;
        let name = if head.dataset.is_some() { row.get_ref(4)?.as_blob()? } else { &[] };
        for part in [key, name, body] {
            self.bytes.extend_from_slice(part);
        }
        let keys = key.len() + name.len();
        let lens = [key.len(), name.len()];
        self.rows.push_back(FoundRow {
            summary,
            lens,
            len: keys + body.len(),
            attributes_at: keys + attributes_at,
        });
        Ok(())
    }

    pub(super) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self) -> Option<(FoundRow, &[u8])> {
        let row = self.rows.pop_front()?;
        let start = self.start;
        self.start += row.len;
        let bytes = &self.bytes[start..self.start];
        Some((row, bytes))
    }
}

impl Rows for Found {
    fn next_into(&mut self, listed: &mut Listed) -> bool {
        let Some((row, bytes)) = self.take() else { return false };
        listed.replace(row.summary, bytes, row.lens, row.attributes_at);
        true
    }
}

impl Iterator for Found {
    type Item = (Vec<u8>, Object);

    fn next(&mut self) -> Option<Self::Item> {
        let (FoundRow { summary, lens: [key, name], .. }, bytes) = self.take()?;
        let (key, rest) = bytes.split_at(key);
        let (name, body) = rest.split_at(name);
        Some((key.to_vec(), object_of(&summary, name, body)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rows.len(), Some(self.rows.len()))
    }
}

impl ExactSizeIterator for Found {}

/// The object of a row that was gone through.
pub(in crate::catalog) fn object_of(summary: &ObjectSummary, key: &[u8], body: &[u8]) -> Object {
    let body = Body::read(body).expect("gone through when it was found");
    let ObjectSummary { id, dataset, changed, removed_until_ns, .. } = *summary;
    Head { id, changed, removed_until_ns, dataset }.object(key, body)
}

/// Goes through a body: what has a fixed length is read, what is a list is checked and counted. And where the attributes
/// begin. `None` where reading it whole gives nothing either.
fn summarise(head: &Head, body: &[u8]) -> Option<(ObjectSummary, usize)> {
    let mut reader = Reader(body);
    let flags = reader.u8()?;
    let (generation, created_ns) = (reader.varint()?, reader.i64()?);
    let (modified_ns, accessed_ns) = read_times(&mut reader, flags, created_ns)?;
    let (mut size, mut block_shift, mut digests) = (None, 0, 0);
    if flags & HAS_CONTENT != 0 {
        size = Some(reader.varint()?);
        block_shift = reader.u8().filter(|shift| *shift < 64)?;
        reader.array::<16>()?;
        digests = each_digest(&mut reader, |_, _| ())?;
    }
    let copies = reader.varint()?;
    for _ in 0..copies {
        read_copy::<false>(&mut reader, modified_ns)?;
    }
    let summary = ObjectSummary {
        id: head.id,
        dataset: head.dataset,
        generation,
        created_ns,
        modified_ns,
        accessed_ns,
        removed_until_ns: head.removed_until_ns,
        changed: head.changed,
        size,
        block_shift,
        copies: copies as usize,
        digests: digests as usize,
    };
    Attributes::are_encoded(reader.0).then_some((summary, body.len() - reader.0.len()))
}

fn read_times(reader: &mut Reader<'_>, flags: u8, created_ns: TimeNs) -> Option<(TimeNs, TimeNs)> {
    let modified_ns = unzigzag(reader.varint()?).wrapping_add(created_ns);
    let accessed_ns = match flags & WAS_ACCESSED {
        0 => 0,
        _ => unzigzag(reader.varint()?).wrapping_add(modified_ns),
    };
    Some((modified_ns, accessed_ns))
}

/// Reads an object's id and its body, of columns `id, body`.
pub(super) fn id_and_body(row: &Row<'_>) -> rusqlite::Result<(ObjectId, Body)> {
    let body = Body::read(row.get_ref(1)?.as_blob()?).ok_or_else(|| broken(1))?;
    Ok((ObjectId(row.get(0)?), body))
}

/// A blob that is not what we write: the index is damaged.
pub(super) fn broken(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, "unreadable blob".into())
}

/// What is in the blob of an object's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) generation: Generation,
    pub(super) created_ns: TimeNs,
    pub(super) modified_ns: TimeNs,
    /// 0: unknown.
    pub(super) accessed_ns: TimeNs,
    pub(super) content: Option<Content>,
    pub(super) copies: Vec<Copy>,
    pub(super) attributes: Attributes,
}

impl Body {
    /// What of an object goes into the blob.
    pub(super) fn of(object: Object) -> Self {
        let Object { generation, created_ns, modified_ns, accessed_ns, content, copies, attributes, .. } =
            object;
        Self { generation, created_ns, modified_ns, accessed_ns, content, copies, attributes }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        let mut out = Writer(&mut bytes);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        out.u8(flag(self.content.is_some(), HAS_CONTENT) | flag(self.accessed_ns != 0, WAS_ACCESSED));
        out.varint(self.generation);
        out.i64(self.created_ns);
        out.varint(zigzag(self.modified_ns.wrapping_sub(self.created_ns)));
        if self.accessed_ns != 0 {
            out.varint(zigzag(self.accessed_ns.wrapping_sub(self.modified_ns)));
        }
        if let Some(content) = &self.content {
            write_content(&mut out, content);
        }
        out.varint(self.copies.len() as u64);
        for copy in &self.copies {
            write_copy(&mut out, copy, self.modified_ns);
        }
        out.bytes(self.attributes.encoded());
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let flags = reader.u8()?;
        let (generation, created_ns) = (reader.varint()?, reader.i64()?);
        let (modified_ns, accessed_ns) = read_times(&mut reader, flags, created_ns)?;
        let content = match flags & HAS_CONTENT {
            0 => None,
            _ => Some(read_content(&mut reader)?),
        };
        let count = reader.varint()?;
        let mut copies = room(count, &reader);
        for _ in 0..count {
            copies.push(read_copy::<true>(&mut reader, modified_ns)?);
        }
        let attributes = Attributes::decode(reader.0)?;
        Some(Self { generation, created_ns, modified_ns, accessed_ns, content, copies, attributes })
    }
}

fn write_content(out: &mut Writer<'_>, content: &Content) {
    out.varint(content.size);
    out.u8(content.block_shift);
    out.bytes(&content.root);
    out.varint(content.digests.len() as u64);
    for digest in &content.digests {
        out.u8(digest.algorithm() as u8);
        out.u8(digest.value().len() as u8);
        out.bytes(digest.value());
    }
}

/// Room for so many. Each takes more than one byte, so a wrong count asks for no room that is not there.
fn room<T>(count: u64, reader: &Reader<'_>) -> Vec<T> {
    Vec::with_capacity(count.min(reader.0.len() as u64) as usize)
}

fn read_content(reader: &mut Reader<'_>) -> Option<Content> {
    let size = reader.varint()?;
    let block_shift = reader.u8().filter(|shift| *shift < 64)?;
    let root = reader.array()?;
    let mut digests = Vec::new();
    each_digest(reader, |algorithm, value| digests.push(Digest::new(algorithm, value).ok()))?;
    Some(Content { size, block_shift, root, digests: digests.into_iter().collect::<Option<_>>()? })
}

/// Takes digests one by one, each as long as its algorithm makes it; how many they were.
fn each_digest(reader: &mut Reader<'_>, mut take: impl FnMut(Algorithm, &[u8])) -> Option<u64> {
    let count = reader.varint()?;
    for _ in 0..count {
        let algorithm = Algorithm::from_number(reader.u8()?)?;
        let len = usize::from(reader.u8()?);
        take(algorithm, reader.bytes(len).filter(|value| value.len() == algorithm.value_len())?);
    }
    Some(count)
}

/// Small differences of either sign become small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn write_copy(out: &mut Writer<'_>, copy: &Copy, modified_ns: TimeNs) {
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

fn read_copy<const KEPT: bool>(reader: &mut Reader<'_>, modified_ns: TimeNs) -> Option<Copy> {
    let tier = reader.u8()?;
    let created_ns = unzigzag(reader.varint()?).wrapping_add(modified_ns);
    let verified_ns =
        if reader.u8()? == 0 { 0 } else { unzigzag(reader.varint()?).wrapping_add(modified_ns) };
    let count = reader.varint()?;
    let mut pieces = if KEPT { room(count, reader) } else { Vec::new() };
    for _ in 0..count {
        let (start, length) = (reader.varint()?, reader.varint()?);
        let place = Place { tier, instance: reader.u64()?, serial: reader.varint()? };
        let offset = reader.varint()?;
        let packed = reader.u8()? & PACKED != 0;
        if KEPT {
            pieces.push(Piece { start, length, place, offset, packed });
        }
    }
    Some(Copy { tier, created_ns, verified_ns, pieces })
}

/// A copy as it stands after a group of that time.
pub(super) fn dated(mut copy: Copy, time_ns: TimeNs) -> Copy {
    copy.created_ns = time_ns;
    if copy.is_verified() {
        copy.verified_ns = time_ns;
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        let place = Place { tier: 3, instance: u64::MAX, serial: 9 };
        let piece = Piece { start: 0, length: 4096, place, offset: 128, packed: true };
        let digest = Digest::new(Algorithm::Crc32c, &[1, 2, 3, 4]).unwrap();
        Body {
            generation: 3,
            created_ns: 1_000,
            modified_ns: 2_000,
            accessed_ns: 0,
            content: Some(Content { size: 4096, block_shift: 20, root: [7; 16], digests: vec![digest] }),
            copies: vec![
                Copy { tier: 3, created_ns: 2_000, verified_ns: 0, pieces: vec![piece] },
                Copy { tier: 4, created_ns: i64::MIN, verified_ns: i64::MAX, pieces: vec![] },
            ],
            attributes: Attributes::from([("a", "1"), ("b", "")]),
        }
    }

    fn bodies() -> [Body; 3] {
        let bare = Body { content: None, copies: Vec::new(), attributes: Attributes::new(), ..body() };
        let read = Body { accessed_ns: i64::MAX, created_ns: i64::MIN, ..body() };
        [body(), bare, read]
    }

    #[test]
    fn a_body_comes_back_as_it_was_written() {
        for body in bodies() {
            let bytes = body.write();
            compare(&bytes);
            assert_eq!(Body::read(&bytes), Some(body));
        }
    }

    /// Whatever the bytes, a summary is there where the whole can be read, and says the same.
    fn compare(bytes: &[u8]) {
        let head = Head { id: ObjectId([1; 16]), changed: 5, removed_until_ns: 6, dataset: None };
        let Some((summary, attributes_at)) = summarise(&head, bytes) else {
            assert_eq!(Body::read(bytes), None, "{bytes:?}");
            return;
        };
        let object = object_of(&summary, &[], bytes);
        assert_eq!(object.attributes.encoded(), &bytes[attributes_at..]);
        assert_eq!(*Listed::from(object).summary(), summary);
    }

    #[test]
    fn a_summary_says_what_the_body_says_and_is_there_where_it_can_be_read() {
        for body in bodies() {
            crate::wire::each_damage(&body.write(), compare);
        }
    }

    #[test]
    fn a_body_that_ends_too_early_is_broken() {
        let bytes = body().write();
        let attributes = 2 * (1 + 1 + 1) + 1;
        for end in 0..bytes.len() - attributes {
            assert_eq!(Body::read(&bytes[..end]), None, "{end}");
        }
        assert_eq!(Body::read(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn the_body_of_a_small_object_is_narrow() {
        let plain = Content { digests: Vec::new(), ..body().content.unwrap() };
        let one = body().copies[..1].to_vec();
        let small = Body { content: Some(plain), copies: one, attributes: Attributes::new(), ..body() };
        assert!(small.write().len() <= 52, "{}", small.write().len());
    }
}
