//! Many small objects in one place, written and synced together (`docs/format.md`, section 9.2).
//!
//! - a *record* is one object's data behind a header that says whose it is; [`RecordData`] gathers one;
//! - a [`PackWriter`] appends records for many threads, and one sync serves all who wait for it;
//! - [`read_record`] returns one record's data after it was checked;
//! - a [`Walker`] finds the records of a pack without the index, and its way past damage.
//!
//! What it does not do: know which records are live, or when a pack is full.

mod pending;
mod record;
mod walk;
mod writer;

/// How many bytes of a pack an object of `data_length` bytes takes.
pub const fn record_len(data_length: u64) -> u64 {
    RECORD_HEADER_LENGTH as u64 + data_length.next_multiple_of(8)
}

use super::{PlaceReader, PlaceWriter};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::integrity::{RootDigest, RootHasher, block_digest, checksum};
use crate::object::{Generation, ObjectId, Piece, Place};
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::{store_seed, write_head};
pub(crate) use record::RECORD_HEADER_LENGTH;
pub use record::RecordData;
use record::RecordHeader;
pub use walk::{Depth, Found, Walked, Walker};
pub use writer::{Appended, PackWriter, Unsynced};

/// Largest data of a record, in bytes.
pub const PACKED_LENGTH_MAX: usize = 1 << 20;

/// Where the first record of a pack begins.
pub const PACK_HEADER_LENGTH: u64 = 128;

const MAGIC: [u8; 8] = *b"hsmpack1";

/// Whose pack it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackIdentity {
    /// The store.
    pub store_id: [u8; 16],
    /// Where the pack lies.
    pub place: Place,
}

/// The header of a pack.
fn encode_header(identity: &PackIdentity, created_ns: TimeNs) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PACK_HEADER_LENGTH as usize);
    write_head(&mut bytes, MAGIC, &identity.store_id);
    let Place { tier, instance, serial } = identity.place;
    let mut writer = crate::wire::Writer(&mut bytes);
    writer.u8(tier).zeros(7).u64(instance).u64(serial).i64(created_ns).zeros(48);
    let sum = checksum(store_seed(&identity.store_id), &bytes);
    crate::wire::Writer(&mut bytes).u64(sum);
    bytes
}

/// Says what is wrong with a pack's own header; `None`: nothing.
pub fn header_fault(place: &dyn PlaceReader, identity: &PackIdentity) -> Result<Option<String>> {
    let mut header = [0; PACK_HEADER_LENGTH as usize];
    let read = place.read_at(&mut header, 0)?;
    if read != header.len() {
        return Ok(Some("the pack ends inside its header".to_owned()));
    }
    let created = i64::from_le_bytes(header[64..72].try_into().unwrap_or_default());
    let is_whole = header[..] == encode_header(identity, created);
    Ok((!is_whole).then(|| "the header of the pack is damaged, or of another pack".to_owned()))
}

/// What the catalog says of a record.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedRecord {
    /// The store.
    pub store_id: [u8; 16],
    /// The object.
    pub id: ObjectId,
    /// The generation of its content, unless any will do.
    pub generation: Option<Generation>,
    /// The whole object: where its record begins, and the length of its data.
    pub piece: Piece,
    /// Root digest of the content.
    pub root: RootDigest,
}

/// Reads the data of one record into `buffer`, with one read, and checks it. Returns the data within `buffer`.
///
/// # Errors
///
/// `Corrupt` when the record is torn, another one, or not what the catalog says.
pub fn read_record<'a>(
    place: &dyn PlaceReader,
    expect: &ExpectedRecord,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8]> {
    let corrupt = |detail: String| Error::Corrupt {
        id: expect.id,
        tier: expect.piece.place.tier,
        offset: expect.piece.start,
        detail,
    };
    let length = usize::try_from(expect.piece.length).unwrap_or(usize::MAX);
    if length > PACKED_LENGTH_MAX {
        return Err(corrupt(format!("{length} bytes are too many for a packed object")));
    }
    buffer.clear();
    place.read_new(buffer, RECORD_HEADER_LENGTH + length, expect.piece.offset)?;
    if buffer.len() != RECORD_HEADER_LENGTH + length {
        buffer.clear();
        return Err(corrupt("the pack ends before it".into()));
    }
    match check_record(expect, buffer) {
        Ok(()) => Ok(&buffer[RECORD_HEADER_LENGTH..]),
        Err(detail) => {
            buffer.clear(); // Not a byte that failed its check, whatever the caller does with the error.
            Err(corrupt(detail))
        }
    }
}

/// The data of a record that was read already, or `None` where it is not the one expected.
pub(crate) fn record_in<'a>(expect: &ExpectedRecord, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let is_whole = bytes.len() as u64 == RECORD_HEADER_LENGTH as u64 + expect.piece.length;
    (is_whole && (mutant(Mutant::BulkReadUnchecked) || check_record(expect, bytes).is_ok()))
        .then(|| &bytes[RECORD_HEADER_LENGTH..])
}

fn check_record(expect: &ExpectedRecord, bytes: &[u8]) -> Result<(), String> {
    let (header, data) = bytes.split_at(RECORD_HEADER_LENGTH);
    let Some(found) = RecordHeader::decode(header, store_seed(&expect.store_id)) else {
        return Err("the header of its record does not match its checksum".into());
    };
    if found.id != expect.id {
        return Err(format!("the record belongs to object {}", found.id));
    }
    if expect.generation.is_some_and(|generation| generation != found.generation) {
        return Err(format!("the record holds generation {}", found.generation));
    }
    if found.length as usize != data.len() {
        return Err(format!("length: expected {}, found {}", data.len(), found.length));
    }
    let digest = block_digest(data);
    let (recorded, computed) = (u128::from_le_bytes(found.digest), u128::from_le_bytes(digest));
    if recorded != computed {
        return Err(format!("expected {recorded:032x}, found {computed:032x}"));
    }
    let root = RootHasher::of_one_block(data.len() as u64, &digest);
    if root != expect.root {
        let (expected, found) = (u128::from_le_bytes(expect.root), u128::from_le_bytes(root));
        return Err(format!("root: expected {expected:032x}, found {found:032x}"));
    }
    Ok(())
}
