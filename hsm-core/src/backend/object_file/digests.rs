//! The digests of the blocks of a place that is being written, of which few are held in memory.
//!
//! Those that are too many go to a *scratch* place, in order, 16 bytes each, and are read back once the data
//! has ended. Nothing refers to that place; it goes with the writer, or by the sweep.

use std::fmt;
use std::sync::Arc;

use super::DIGEST_LENGTH;
use crate::backend::PlaceWriter;
use crate::error::{Error, Result};
use crate::integrity::{BlockDigest, BlockSplitter, ChecksumHasher};

/// Digests held in memory: 64 KiB, enough for 4 GiB in blocks of the default size. Few in tests, so that they
/// come to the scratch place at all.
const HELD_MAX: usize = if cfg!(any(test, feature = "testing")) { 8 } else { 4096 };

/// Digests read back at once.
const READ_AT_ONCE: u64 = 4096;

/// Makes the place for what is too much for memory.
pub trait Scratch: fmt::Debug + Send + Sync {
    /// Creates it. Called at most once; the place may go when `self` is dropped.
    fn create(&mut self) -> Result<Arc<dyn PlaceWriter>>;
}

/// Digests of the blocks of one run of data, computed as the data comes.
#[derive(Debug)]
pub struct BlockDigests {
    splitter: BlockSplitter,
    held: Vec<BlockDigest>,
    /// The slot of the first digest in the scratch place.
    first: u64,
    spilled: u64,
    checksum: ChecksumHasher,
    scratch: Option<Box<dyn Scratch>>,
    place: Option<Arc<dyn PlaceWriter>>,
}

/// A run of digests in a scratch place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spilled {
    /// The slot of the first.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// A checksum over all of them.
    pub checksum: u64,
}

impl BlockDigests {
    /// Of blocks of `block_size` bytes. All digests are held in memory unless a scratch place is given.
    pub fn new(block_size: u64) -> Self {
        Self {
            splitter: BlockSplitter::new(block_size),
            held: Vec::new(),
            first: 0,
            spilled: 0,
            checksum: ChecksumHasher::new(0),
            scratch: None,
            place: None,
        }
    }

    /// Where digests go that are too many for memory.
    #[must_use]
    pub fn with_scratch(mut self, scratch: Box<dyn Scratch>) -> Self {
        self.scratch = Some(scratch);
        self
    }

    /// Digests that go to a scratch place that is there, from slot `first` on.
    pub fn in_place(block_size: u64, place: Arc<dyn PlaceWriter>, first: u64) -> Self {
        Self { first, place: Some(place), ..Self::new(block_size) }
    }

    /// Adds the next bytes of the data.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if let Some(digest) = self.splitter.write(&mut bytes) {
                self.push(digest)?;
            }
        }
        Ok(())
    }

    /// Ends the data: its last block may be short.
    pub fn end(&mut self) -> Result<()> {
        match self.splitter.end() {
            Some(digest) => self.push(digest),
            None => Ok(()),
        }
    }

    fn push(&mut self, digest: BlockDigest) -> Result<()> {
        if self.held.len() >= HELD_MAX && (self.place.is_some() || self.scratch.is_some()) {
            self.spill()?;
        }
        self.held.push(digest);
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        let place = match (&self.place, &mut self.scratch) {
            (Some(place), _) => place,
            (None, Some(scratch)) => self.place.insert(scratch.create()?),
            (None, None) => return Ok(()),
        };
        let bytes = self.held.as_flattened();
        place.write_at(bytes, (self.first + self.spilled) * DIGEST_LENGTH)?;
        self.checksum.write(bytes);
        self.spilled += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }

    /// Takes all digests to the scratch place, where others find them.
    pub fn spill_all(&mut self) -> Result<Spilled> {
        if !self.held.is_empty() {
            self.spill()?;
        }
        Ok(self.spilled())
    }

    fn spilled(&self) -> Spilled {
        Spilled { first: self.first, count: self.spilled, checksum: self.checksum.finish() }
    }

    /// The digests so far, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<BlockDigest>> {
        let spilled = self.place.as_deref().map(|place| self.spilled().read(place));
        spilled.into_iter().flatten().chain(self.held.iter().copied().map(Ok))
    }
}

impl Spilled {
    /// Reads the digests back, in order. The last answer is an error if they are not those that were written.
    pub fn read(self, place: &dyn PlaceWriter) -> impl Iterator<Item = Result<BlockDigest>> {
        Reading { place, spilled: self, at: 0, buffer: Vec::new(), checksum: ChecksumHasher::new(0) }
    }
}

/// Digests on their way back from a scratch place.
struct Reading<'a> {
    place: &'a dyn PlaceWriter,
    spilled: Spilled,
    at: u64,
    buffer: Vec<BlockDigest>,
    checksum: ChecksumHasher,
}

impl Iterator for Reading<'_> {
    type Item = Result<BlockDigest>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.spilled.count {
            return None;
        }
        let within = (self.at % READ_AT_ONCE) as usize;
        if within == 0
            && let Err(error) = self.fill()
        {
            self.at = self.spilled.count;
            return Some(Err(error));
        }
        self.at += 1;
        self.buffer.get(within).copied().map(Ok)
    }
}

impl Reading<'_> {
    fn fill(&mut self) -> Result<()> {
        let count = (self.spilled.count - self.at).min(READ_AT_ONCE);
        self.buffer.resize(count as usize, BlockDigest::default());
        let bytes = self.buffer.as_flattened_mut();
        let read = self.place.read_at(bytes, (self.spilled.first + self.at) * DIGEST_LENGTH)?;
        self.checksum.write(bytes);
        let is_last = self.at + count == self.spilled.count;
        if read != bytes.len() || is_last && self.checksum.finish() != self.spilled.checksum {
            let detail = "those in the scratch place are not what was written; write the object again";
            return Err(Error::invalid("block digests", detail));
        }
        Ok(())
    }
}
