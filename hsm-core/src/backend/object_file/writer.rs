//! Writes an object file from a stream of bytes.

use std::sync::Arc;

use super::{BlockDigests, Scratch, Table, Tail, write_end};
use crate::backend::{PlaceReader, PlaceWriter};
use crate::error::{Error, Result};
use crate::integrity::{BlockDigest, RootDigest, RootHasher, block_digest};
use crate::testing_hooks::{Mutant, mutant};

/// Bytes that go to the place in one write, and the most that is buffered.
const RUN_LENGTH: usize = 1 << 20;

/// Writes an object file. Its memory is bounded: one run (1 MiB), and digests, which go to a scratch place when
/// they are many.
#[derive(Debug)]
pub struct ObjectWriter {
    place: Arc<dyn PlaceWriter>,
    block_size: u64,
    /// Bytes that were hashed but not written: less than a run.
    run: Vec<u8>,
    /// Bytes that were written.
    written: u64,
    /// The bytes that lay in the place before, as long as those that came are the same.
    found: Option<Arc<dyn PlaceReader>>,
    digests: BlockDigests,
    ended: bool,
    table: Option<Table>,
}

impl ObjectWriter {
    /// Begins an object file in an empty place.
    pub fn new(place: Arc<dyn PlaceWriter>, block_shift: u8) -> Self {
        Self {
            place,
            block_size: 1 << block_shift,
            run: Vec::new(),
            written: 0,
            found: None,
            digests: BlockDigests::new(1 << block_shift),
            ended: false,
            table: None,
        }
    }

    /// Where digests go that are too many for memory; without it, 16 bytes are kept for every block.
    #[must_use]
    pub fn with_scratch(mut self, scratch: Box<dyn Scratch>) -> Self {
        self.digests = self.digests.with_scratch(scratch);
        self
    }

    /// Goes on in a place that may hold bytes of an earlier attempt, or any: those that come are compared with what is `found`
    /// there, and written from the first difference on.
    #[must_use]
    pub fn over(mut self, found: Arc<dyn PlaceReader>) -> Self {
        self.found = Some(found);
        self
    }

    /// Ends the data and makes it durable, with nothing behind it, before the place is given a name.
    pub fn end_begun(&mut self) -> Result<()> {
        self.end_data()?;
        if self.place.len()? > self.written {
            self.place.truncate(self.written)?;
        }
        self.place.sync()
    }

    /// Goes on with the same place, opened anew.
    pub fn go_on_in(&mut self, place: Arc<dyn PlaceWriter>) {
        self.place = place;
    }

    /// Adds the next bytes of the data, however many.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        if self.ended {
            return Err(Error::invalid("write", "the data of this place has ended"));
        }
        while !bytes.is_empty() {
            let (run, rest) = bytes.split_at(bytes.len().min(RUN_LENGTH - self.run.len()));
            self.digests.write(run)?;
            if run.len() == RUN_LENGTH {
                // A whole run lies in the caller's memory: no need to copy it.
                write_over(&*self.place, &mut self.found, run, self.written)?;
                self.written += RUN_LENGTH as u64;
            } else {
                self.run.extend_from_slice(run);
                if self.run.len() == RUN_LENGTH {
                    self.write_run()?;
                }
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Takes the next bytes of data that lie in the place already, into `buffer` too. 0: there are no more.
    pub fn take_in(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.ended || !self.run.is_empty() {
            return Err(Error::invalid("take in", "data of this place was written, or has ended"));
        }
        let read = self.place.read_at(buffer, self.written)?;
        self.digests.write(&buffer[..read])?;
        self.written += read as u64;
        Ok(read)
    }

    /// How many bytes of data came.
    pub fn length(&self) -> u64 {
        self.written + self.run.len() as u64
    }

    /// Ends the data. Returns the root digest of a content that is exactly this data.
    pub fn end_data(&mut self) -> Result<RootDigest> {
        if !self.ended {
            self.write_run()?;
            self.digests.end()?;
            self.run = Vec::new();
            self.ended = true;
        }
        let mut root = RootHasher::new(self.length());
        for digest in self.digests.iter() {
            root.push(&digest?);
        }
        Ok(root.finish())
    }

    /// The digests of the blocks so far; of all of them after [`end_data`](Self::end_data).
    pub fn digests(&self) -> impl Iterator<Item = Result<BlockDigest>> {
        self.digests.iter()
    }

    /// Writes map, digests and tail. Returns the length of the file.
    pub fn finish(&mut self, tail: &Tail, map: &[u8]) -> Result<u64> {
        self.end_data()?;
        self.check(tail)?;
        let table = write_end(&*self.place, tail, map, self.digests.iter())?;
        self.table = Some(table);
        self.place.len()
    }

    /// Writes the tail again, for a commit that is tried once more with another generation.
    pub fn rewrite_tail(&self, tail: &Tail) -> Result<()> {
        self.check(tail)?;
        match &self.table {
            Some(table) => table.write_tail(&*self.place, tail).map(drop),
            None => Err(Error::invalid("tail", "the place was not finished yet")),
        }
    }

    /// Reads back block `index` of data that has ended, and compares it with its digest; `None`: it is not
    /// what was written.
    pub fn read_block(&self, index: u64, digest: &BlockDigest) -> Result<Option<Vec<u8>>> {
        let begin = index * self.block_size;
        let mut block = vec![0; self.length().saturating_sub(begin).min(self.block_size) as usize];
        let read = self.place.read_at(&mut block, begin)?;
        let whole = read == block.len() && *digest == block_digest(&block);
        Ok(whole.then_some(block))
    }

    /// Makes everything durable.
    pub fn sync(&self) -> Result<()> {
        self.place.sync()
    }

    fn check(&self, tail: &Tail) -> Result<()> {
        if tail.length == self.length() && 1 << tail.block_shift == self.block_size {
            return Ok(());
        }
        let came = self.length();
        Err(Error::invalid("tail", format!("{} bytes of data, but {came} were written", tail.length)))
    }

    fn write_run(&mut self) -> Result<()> {
        if !self.run.is_empty() {
            write_over(&*self.place, &mut self.found, &self.run, self.written)?;
            self.written += self.run.len() as u64;
            self.run.clear();
        }
        Ok(())
    }
}

/// Writes bytes, unless they and all before them were found there already.
fn write_over(
    place: &dyn PlaceWriter,
    found: &mut Option<Arc<dyn PlaceReader>>,
    bytes: &[u8],
    offset: u64,
) -> Result<()> {
    if let Some(reader) = found {
        let mut there = Vec::new();
        reader.read_new(&mut there, bytes.len(), offset)?;
        if there == bytes || there.len() == bytes.len() && mutant(Mutant::BegunNotCompared) {
            return Ok(());
        }
        *found = None;
    }
    place.write_at(bytes, offset)
}
