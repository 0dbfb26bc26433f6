//! The header of a record.

use crate::clock::TimeNs;
use crate::integrity::{BlockDigest, checksum};
use crate::object::{Generation, ObjectId};
use crate::wire::{Reader, Writer};

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
    pub(super) fn encode(&self, bytes: &mut Vec<u8>, seed: u64) {
        let begin = bytes.len();
        Writer(bytes)
            .bytes(MAGIC)
            .u16(VERSION)
            .u16(0)
            .u32(self.length)
            .u32(0)
            .bytes(&self.id.0)
            .u64(self.generation)
            .i64(self.created_ns)
            .bytes(&self.digest);
        let sum = checksum(seed, &bytes[begin..]);
        Writer(bytes).u64(sum);
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
