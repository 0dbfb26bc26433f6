//! Walks a pack without the index, and past what is damaged in it.
//!
//! A [`Scanner`](super::Scanner) ends at the first record that is not valid: behind it nothing was committed. A
//! pack that was damaged later goes on behind the damage. The next record is looked for at every multiple of 8.
//!
//! Where the header of a record is damaged its data is searched too, so an object that holds a pack of this very
//! store can show records that were never written here.

use super::{PACK_HEADER_LENGTH, PACKED_LENGTH_MAX, PackIdentity, RECORD_HEADER_LENGTH, Scanned};
use super::{RecordHeader, padded};
use crate::backend::PlaceReader;
use crate::error::Result;
use crate::integrity::block_digest;
use crate::wire::store_seed;

/// Bytes searched at once for the next record.
const SEARCHED_LENGTH: usize = 1 << 20;

/// What stands at one point of a pack.
#[derive(Debug)]
pub(crate) enum Salvaged {
    /// A record, and whether its data matches its digest.
    Record(Scanned, bool),
    /// Bytes between records that are no record.
    Unread {
        /// Where they begin.
        offset: u64,
        /// How many.
        length: u64,
    },
}

/// Walks the records of a pack. Its memory is two records.
#[derive(Debug)]
pub(crate) struct Salvage<'a> {
    place: &'a dyn PlaceReader,
    seed: u64,
    offset: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl<'a> Salvage<'a> {
    /// Begins at the first record.
    pub(crate) fn new(place: &'a dyn PlaceReader, identity: &PackIdentity) -> Result<Self> {
        let (seed, end) = (store_seed(&identity.store_id), place.len()?);
        Ok(Self { place, seed, offset: PACK_HEADER_LENGTH, end, buffer: Vec::new() })
    }

    /// What comes next; `None` at the end, or where only zeros are left.
    pub(crate) fn next(&mut self) -> Result<Option<Salvaged>> {
        if self.offset >= self.end {
            return Ok(None);
        }
        if let Some(found) = self.header_at(self.offset)? {
            return self.record(&found).map(Some);
        }
        let (offset, mut is_zero) = (self.offset, true);
        self.offset = self.search(offset, &mut is_zero)?;
        if self.offset == self.end && is_zero {
            return Ok(None);
        }
        Ok(Some(Salvaged::Unread { offset, length: self.offset - offset }))
    }

    fn header_at(&self, offset: u64) -> Result<Option<RecordHeader>> {
        let mut header = [0; RECORD_HEADER_LENGTH];
        let read = self.place.read_at(&mut header, offset)?;
        Ok(if read == header.len() { self.decode(&header) } else { None })
    }

    fn decode(&self, bytes: &[u8]) -> Option<RecordHeader> {
        RecordHeader::decode(bytes, self.seed).filter(|found| found.length as usize <= PACKED_LENGTH_MAX)
    }

    fn record(&mut self, found: &RecordHeader) -> Result<Salvaged> {
        let length = found.length as usize;
        let (offset, data_at) = (self.offset, self.offset + RECORD_HEADER_LENGTH as u64);
        self.buffer.resize(length, 0);
        let read = self.place.read_at(&mut self.buffer, data_at)?;
        let is_whole = read == length && block_digest(&self.buffer) == found.digest;
        self.offset = (data_at + padded(length) as u64).min(self.end);
        let &RecordHeader { id, generation, created_ns, digest, .. } = found;
        let record = Scanned { id, generation, created_ns, offset, length: length as u64, digest };
        Ok(Salvaged::Record(record, is_whole))
    }

    /// Where the next record begins, behind `from`.
    fn search(&mut self, from: u64, is_zero: &mut bool) -> Result<u64> {
        let mut at = from;
        let mut buffer = vec![0; SEARCHED_LENGTH];
        while at < self.end {
            let read = self.place.read_at(&mut buffer, at)?;
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
            if read < buffer.len() {
                break;
            }
            at += (last - last % 8) as u64;
        }
        Ok(self.end)
    }
}
