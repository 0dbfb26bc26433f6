//! What a pack has to write next: small records copied behind one another, larger ones taken over as they are.

use std::io::IoSlice;
use std::sync::Arc;

use super::PlaceWriter;
use super::record::{Record, padded};
use crate::error::Result;

/// Bytes of a pack that no one has begun to write.
#[derive(Debug, Default)]
pub(super) struct Pending {
    copied: Vec<u8>,
    /// Records that were taken over, each with how many of the copied bytes come before it.
    taken: Vec<(usize, Arc<Vec<u8>>)>,
    /// Of both together.
    length: usize,
}

impl Pending {
    /// Begins with these bytes.
    pub(super) fn with(copied: Vec<u8>) -> Self {
        Self { length: copied.len(), copied, taken: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a record, and what fills it up: the pack's header and every record end on a multiple of 8.
    pub(super) fn push(&mut self, record: &Record) {
        match record {
            Record::Own(bytes) => self.copied.extend_from_slice(bytes),
            Record::Shared(bytes) => self.taken.push((self.copied.len(), bytes.clone())),
        }
        self.length += record.bytes().len();
        let length = padded(self.length);
        self.copied.resize(self.copied.len() + length - self.length, 0);
        self.length = length;
    }

    /// Writes all of it from `begin` on, with one write.
    pub(super) fn write(&self, place: &dyn PlaceWriter, begin: u64) -> Result<()> {
        if self.taken.is_empty() {
            return place.write_at(&self.copied, begin);
        }
        let mut runs = Vec::with_capacity(2 * self.taken.len() + 1);
        let mut from = 0;
        for (until, bytes) in &self.taken {
            runs.extend([IoSlice::new(&self.copied[from..*until]), IoSlice::new(bytes)]);
            from = *until;
        }
        runs.push(IoSlice::new(&self.copied[from..]));
        runs.retain(|run| !run.is_empty());
        place.write_runs_at(&mut runs, begin)
    }

    /// Empties it; its room can be used again.
    pub(super) fn clear(&mut self) {
        self.copied.clear();
        self.taken.clear();
        self.length = 0;
    }
}
