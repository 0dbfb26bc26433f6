//! Walks the records of a pack without the index, and past what is damaged in it.
//!
//! Where no record begins, the next one is looked for at every multiple of 8. What is found proves nothing alone: behind
//! a header that is damaged its data is searched too, so an object that holds the bytes of a pack of this very store can
//! show records that were never written here. Who walks asks the catalog what lies there, or compares what it takes.

use super::record::{RECORD_HEADER_LENGTH, RecordHeader, padded};
use super::{PACK_HEADER_LENGTH, PACKED_LENGTH_MAX, PlaceReader};
use crate::clock::TimeNs;
use crate::error::Result;
use crate::integrity::{BlockDigest, block_digest};
use crate::object::{Generation, ObjectId};
use crate::wire::store_seed;

/// Bytes searched at once for the next record.
const SEARCHED_LENGTH: usize = 1 << 20;

/// A record with a whole header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The object.
    pub id: ObjectId,
    /// The generation of its content.
    pub generation: Generation,
    /// When it was appended.
    pub created_ns: TimeNs,
    /// Where the record begins in the pack: what a [`Piece`](crate::object::Piece) calls its offset.
    pub offset: u64,
    /// Length of the data in bytes.
    pub length: u64,
    /// Digest of the data, as the header says.
    pub digest: BlockDigest,
    /// Whether the data was read and matches; `false` too where only headers are.
    pub is_whole: bool,
}

/// What stands at one point of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// A record.
    Record(Found),
    /// Bytes between records that are no record.
    Unread {
        /// Where they begin.
        offset: u64,
        /// How many.
        length: u64,
    },
}

/// How much of a record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its header.
    Headers,
    /// Its data too, which is compared with its digest.
    Data,
}

/// Walks the records of a pack from the first one. Its memory is one record, and what is searched at once.
#[derive(Debug)]
pub struct Walker<'a> {
    place: &'a dyn PlaceReader,
    seed: u64,
    depth: Depth,
    offset: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl<'a> Walker<'a> {
    /// Begins at the first record of a pack of this store, whatever its own header says. Ends at `end`, or where the
    /// pack does. `place` had better read in long runs.
    pub fn new(place: &'a dyn PlaceReader, store_id: &[u8; 16], end: u64, depth: Depth) -> Result<Self> {
        let end = end.min(place.len()?);
        let seed = store_seed(store_id);
        Ok(Self { place, seed, depth, offset: PACK_HEADER_LENGTH, end, buffer: Vec::new() })
    }

    /// What comes next; `None` at the end, or where only zeros are left.
    pub fn step(&mut self) -> Result<Option<Walked>> {
        if self.offset >= self.end {
            return Ok(None);
        }
        if let Some(found) = self.header_at(self.offset)? {
            return self.record(&found).map(|found| Some(Walked::Record(found)));
        }
        let (offset, mut is_zero) = (self.offset, true);
        self.offset = self.search(offset, &mut is_zero)?;
        if self.offset == self.end && is_zero {
            return Ok(None);
        }
        Ok(Some(Walked::Unread { offset, length: self.offset - offset }))
    }

    /// Where what was walked ends.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn header_at(&self, offset: u64) -> Result<Option<RecordHeader>> {
        let mut header = [0; RECORD_HEADER_LENGTH];
        let read = self.place.read_at(&mut header, offset)?;
        Ok(if read == header.len() { self.decode(&header) } else { None })
    }

    fn decode(&self, bytes: &[u8]) -> Option<RecordHeader> {
        RecordHeader::decode(bytes, self.seed).filter(|found| found.length as usize <= PACKED_LENGTH_MAX)
    }

    fn record(&mut self, found: &RecordHeader) -> Result<Found> {
        let length = found.length as usize;
        let (offset, data_at) = (self.offset, self.offset + RECORD_HEADER_LENGTH as u64);
        let mut is_whole = false;
        if self.depth == Depth::Data {
            self.buffer.resize(length, 0);
            let read = self.place.read_at(&mut self.buffer, data_at)?;
            is_whole = read == length && block_digest(&self.buffer) == found.digest;
        }
        self.offset = (data_at + padded(length) as u64).min(self.end);
        let &RecordHeader { id, generation, created_ns, digest, .. } = found;
        Ok(Found { id, generation, created_ns, offset, length: length as u64, digest, is_whole })
    }

    /// Where the next record begins, behind `from`.
    fn search(&mut self, from: u64, is_zero: &mut bool) -> Result<u64> {
        let mut at = from;
        let mut buffer = vec![0; SEARCHED_LENGTH];
        while at < self.end {
            let wanted = SEARCHED_LENGTH.min((self.end - at) as usize);
            let read = self.place.read_at(&mut buffer[..wanted], at)?;
            let bytes = &buffer[..read];
            *is_zero &= bytes.iter().all(|byte| *byte == 0);
            let last = read.saturating_sub(RECORD_HEADER_LENGTH);
            // The first is the one that is no record.
            let first = if at == from { 8 } else { 0 };
            for begin in (first..=last).step_by(8) {
                if self.decode(&bytes[begin..]).is_some() {
                    return Ok(at + begin as u64);
                }
            }
            if read < SEARCHED_LENGTH {
                break;
            }
            at += (last - last % 8) as u64;
        }
        Ok(self.end)
    }
}
