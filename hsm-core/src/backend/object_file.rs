//! One object, or a run of its blocks, in a place of its own (`docs/format.md`, section 9.1).
//!
//! - the *data* lies at the start of the place, as the caller gave it;
//! - the *table* behind it holds a digest for every block, and a map in the places of a put at an offset;
//! - the [`Tail`] ends the place and says what it is.
//!
//! [`ObjectWriter`] writes one from a stream. Several writers can each write whole blocks of one place, and
//! one of them ends it with [`write_end`]. [`ObjectReader`] returns no byte whose block it did not compare
//! with its digest, and no digest it did not compare with what the catalog and the tail say.
//!
//! What it does not do: choose places, make them durable, or know of other copies.

mod checksums;
pub(crate) mod described;
mod digests;
mod reader;
mod writer;

use crate::clock::TimeNs;
use crate::error::Result;
use crate::integrity::{BlockDigest, ChecksumHasher, RootDigest, checksum};
use crate::object::{Generation, ObjectId, Place};
use crate::wire::{HEAD_LENGTH, Reader, Writer, store_seed, write_head};

use super::PlaceWriter;
pub use digests::{BlockDigests, Scratch, Spilled};
pub use reader::{Expectation, ObjectReader, Whole};
pub use writer::ObjectWriter;

const MAGIC: [u8; 8] = *b"hsmobjct";

/// Length of the tail in bytes.
pub const TAIL_LENGTH: u64 = 192;

/// Length of a block's digest in bytes.
const DIGEST_LENGTH: u64 = 16;

/// How much of the table is held in memory at once.
const TABLE_BUFFER_LENGTH: usize = 64 << 10;

/// What the end of an object file says about the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The store the file belongs to.
    pub store_id: [u8; 16],
    /// Where the file lies.
    pub place: Place,
    /// The object.
    pub id: ObjectId,
    /// The generation that wrote it.
    pub generation: Generation,
    /// First byte of the data within the object.
    pub start: u64,
    /// Bytes of data in this file.
    pub length: u64,
    /// Size of the whole content of that generation.
    pub size: u64,
    /// Base-2 logarithm of the block size.
    pub block_shift: u8,
    /// Root digest of the whole content of that generation.
    pub root: RootDigest,
    /// When it was written.
    pub created_ns: TimeNs,
}

impl Tail {
    /// How many blocks of data lie before the table; the last may be short.
    fn block_count(&self) -> u64 {
        self.length.div_ceil(1 << self.block_shift)
    }
}

/// The table of an object file that was written: what its tail needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    map_length: u64,
    checksum: u64,
}

impl Table {
    /// Writes the tail, for the first time or again with what changed: a commit that is tried once more has
    /// another generation. `tail.length` and `tail.block_shift` are those the table was written with.
    ///
    /// Returns the length of the file.
    pub fn write_tail(&self, place: &dyn PlaceWriter, tail: &Tail) -> Result<u64> {
        let at = tail.length + self.map_length + DIGEST_LENGTH * tail.block_count();
        place.write_at(&encode_tail(tail, self), at)?;
        Ok(at + TAIL_LENGTH)
    }
}

/// Writes map, digests and tail behind the data of a place, whoever wrote the data.
///
/// `digests` yields one for each block of the data, in order; they pass through a bounded buffer.
pub fn write_end(
    place: &dyn PlaceWriter,
    tail: &Tail,
    map: &[u8],
    digests: impl IntoIterator<Item = Result<BlockDigest>>,
) -> Result<Table> {
    let mut hasher = ChecksumHasher::new(store_seed(&tail.store_id));
    let mut buffer = Vec::with_capacity(TABLE_BUFFER_LENGTH.min(map.len() + 4096));
    buffer.extend_from_slice(map);
    let (mut at, mut count) = (tail.length, 0);
    for digest in digests {
        if buffer.len() >= TABLE_BUFFER_LENGTH {
            hasher.write(&buffer);
            place.write_at(&buffer, at)?;
            at += buffer.len() as u64;
            buffer.clear();
        }
        buffer.extend_from_slice(&digest?);
        count += 1;
    }
    if count != tail.block_count() {
        let detail = format!("{count} for {} blocks", tail.block_count());
        return Err(crate::Error::invalid("block digests", detail));
    }
    hasher.write(&buffer);
    let table = Table { map_length: map.len() as u64, checksum: hasher.finish() };
    // The last of the table and the tail go out together: a small object's whole end is one write.
    buffer.extend_from_slice(&encode_tail(tail, &table));
    place.write_at(&buffer, at)?;
    Ok(table)
}

fn encode_tail(tail: &Tail, table: &Table) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TAIL_LENGTH as usize);
    write_head(&mut bytes, MAGIC, &tail.store_id);
    Writer(&mut bytes)
        .u8(tail.place.tier)
        .zeros(7)
        .u64(tail.place.instance)
        .u64(tail.place.serial)
        .bytes(&tail.id.0)
        .u64(tail.generation)
        .u64(tail.start)
        .u64(tail.length)
        .u64(tail.size)
        .u8(tail.block_shift)
        .zeros(7)
        .bytes(&tail.root)
        .i64(tail.created_ns)
        .u64(table.map_length)
        .u64(table.checksum)
        .zeros(24);
    let sum = checksum(store_seed(&tail.store_id), &bytes);
    Writer(&mut bytes).u64(sum);
    bytes
}

/// Reads a tail whose checksum and head were checked. `None`: too short.
fn decode_tail(bytes: &[u8]) -> Option<(Tail, Table)> {
    let mut reader = Reader(bytes.get(HEAD_LENGTH - 16..)?);
    let store_id = reader.array()?;
    let tier = reader.u8()?;
    reader.bytes(7)?;
    let place = Place { tier, instance: reader.u64()?, serial: reader.u64()? };
    let id = ObjectId(reader.array()?);
    let (generation, start, length, size) = (reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?);
    let block_shift = reader.u8()?;
    reader.bytes(7)?;
    let (root, created_ns) = (reader.array()?, reader.i64()?);
    let table = Table { map_length: reader.u64()?, checksum: reader.u64()? };
    let tail = Tail { store_id, place, id, generation, start, length, size, block_shift, root, created_ns };
    Some((tail, table))
}
