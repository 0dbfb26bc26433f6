//! A record: its header, and the bytes to come.

use std::sync::Arc;

use crate::clock::TimeNs;
use crate::integrity::{BlockDigest, checksum};
use crate::object::{Generation, ObjectId};
use crate::wire::Reader;

pub(crate) const RECORD_HEADER_LENGTH: usize = 72;
const MAGIC: &[u8; 4] = b"HREC";
const VERSION: u16 = 1;

/// What stands before the data of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) length: u32,
    pub(super) id: ObjectId,
    pub(super) generation: Generation,
    pub(super) created_ns: TimeNs,
    pub(super) digest: BlockDigest,
}

/// `length` up to the next multiple of 8.
pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}

impl RecordHeader {
    /// The header as it lies in front of its data.
    fn encode(&self, seed: u64) -> [u8; RECORD_HEADER_LENGTH] {
        let mut bytes = [0; RECORD_HEADER_LENGTH];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id.0);
        bytes[32..40].copy_from_slice(&self.generation.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.created_ns.to_le_bytes());
        bytes[48..64].copy_from_slice(&self.digest);
        let sum = checksum(seed, &bytes[..64]);
        bytes[64..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// `None`: not a whole, undamaged header of this store and of a version that is known here.
    pub(super) fn decode(bytes: &[u8], seed: u64) -> Option<Self> {
        let covered = bytes.get(..RECORD_HEADER_LENGTH - 8)?;
        let mut reader = Reader(bytes);
        if reader.array()? != *MAGIC || reader.u16()? != VERSION {
            return None;
        }
        reader.u16()?;
        let length = reader.u32()?;
        reader.u32()?;
        let (id, generation) = (ObjectId(reader.array()?), reader.u64()?);
        let (created_ns, digest) = (reader.i64()?, reader.array()?);
        let found = Self { length, id, generation, created_ns, digest };
        (reader.u64()? == checksum(seed, covered)).then_some(found)
    }
}

/// Records of so many bytes are shared with the pack that writes them; to copy shorter ones costs less.
const SHARED_LENGTH_MIN: usize = 16 << 10;

/// The data of a record to come, gathered behind room for its header.
///
/// A pack may take a share of it over instead of a copy, until it has written it. Its owner may append it again all the same, as
/// another generation or to another pack: what is shared is not changed, but copied first.
#[derive(Debug, Clone)]
pub struct RecordData(Record);

/// A record, or what is there of one.
#[derive(Debug, Clone)]
pub(super) enum Record {
    Own(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Record {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Default for RecordData {
    fn default() -> Self {
        Self(Record::Own(Vec::new()))
    }
}

impl RecordData {
    /// Adds the next bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        let mut record = self.take();
        if record.is_empty() {
            // Most data comes at once.
            record.reserve_exact(RECORD_HEADER_LENGTH + bytes.len());
            record.resize(RECORD_HEADER_LENGTH, 0);
        }
        record.extend_from_slice(bytes);
        self.0 = Record::Own(record);
    }

    /// The data.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes().get(RECORD_HEADER_LENGTH..).unwrap_or_default()
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record: its header, and the data behind it.
    pub(super) fn seal(&mut self, header: &RecordHeader, seed: u64) -> &Record {
        let mut record = self.take();
        record.resize(record.len().max(RECORD_HEADER_LENGTH), 0);
        record[..RECORD_HEADER_LENGTH].copy_from_slice(&header.encode(seed));
        self.0 = match record.len() {
            ..SHARED_LENGTH_MIN => Record::Own(record),
            _ => Record::Shared(Arc::new(record)),
        };
        &self.0
    }

    /// Its bytes, to change them: a copy where a pack has them yet.
    fn take(&mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.0, Record::Own(Vec::new())) {
            Record::Own(bytes) => bytes,
            Record::Shared(shared) => Arc::unwrap_or_clone(shared),
        }
    }
}
