//! What records there are in a pack, without their data.
//!
//! It says where records begin that have a whole header, and finds its way past damage. It proves nothing of their
//! data, nor that each is a record: an object may hold the bytes of a pack. Who uses it asks the catalog what lies there.

use super::record::{RECORD_HEADER_LENGTH, RecordHeader};
use super::{PACK_HEADER_LENGTH, PlaceReader, record_len};
use crate::error::Result;
use crate::object::{Generation, ObjectId};
use crate::wire::store_seed;

/// Records begin at a multiple of this.
const RECORD_ALIGNMENT: u64 = 8;

/// A record with a whole header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The object.
    pub id: ObjectId,
    /// The generation of its content.
    pub generation: Generation,
    /// Where the record begins.
    pub offset: u64,
    /// Length of the data in bytes.
    pub length: u64,
}

/// Walks the headers of a pack from its first record to `end`.
#[derive(Debug)]
pub struct Walker {
    seed: u64,
    offset: u64,
    end: u64,
}

impl Walker {
    /// Begins at the first record of a pack of this store.
    pub fn new(store_id: &[u8; 16], end: u64) -> Self {
        Self { seed: store_seed(store_id), offset: PACK_HEADER_LENGTH, end }
    }

    /// The next record; `None` at the end. `place` had better read in long runs.
    pub fn next(&mut self, place: &dyn PlaceReader) -> Result<Option<Found>> {
        let mut header = [0; RECORD_HEADER_LENGTH];
        while self.offset + RECORD_HEADER_LENGTH as u64 <= self.end {
            let offset = self.offset;
            if place.read_at(&mut header, offset)? != header.len() {
                return Ok(None);
            }
            let Some(found) = RecordHeader::decode(&header, self.seed) else {
                self.offset += RECORD_ALIGNMENT;
                continue;
            };
            let RecordHeader { id, generation, length, .. } = found;
            self.offset += record_len(length.into());
            return Ok(Some(Found { id, generation, offset, length: length.into() }));
        }
        Ok(None)
    }
}
