//! Reads an object file, and returns no byte that was not checked.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::checksums::{Checksums, KEPT_MAX};
use super::{DIGEST_LENGTH, MAGIC, TAIL_LENGTH, Table, Tail, decode_tail};
use crate::backend::PlaceReader;
use crate::error::{Error, Result};
use crate::integrity::{
    BlockDigest, BlockHasher, ChecksumHasher, RootDigest, RootHasher, block_digest, checksum,
};
use crate::object::{Generation, ObjectId, Piece};
use crate::wire::{check_head, store_seed};

/// Digests that are checked together when they are read again, and held in memory at once: 64 KiB.
const DIGESTS_AT_ONCE: u64 = 4096;

/// The part of a block that is hashed right after it was read, while much of it is still in the cache.
const HASHED_AT_ONCE: usize = 1 << 20;

/// What the catalog says of the place that is opened.
#[derive(Debug, Clone, Copy)]
pub struct Expectation {
    /// The store.
    pub store_id: [u8; 16],
    /// The object.
    pub id: ObjectId,
    /// The run of the object that is read; it may be a part of what the place holds.
    pub piece: Piece,
    /// Base-2 logarithm of the block size.
    pub block_shift: u8,
    /// Set when the place holds a whole content, which can be checked against its root.
    pub whole: Option<Whole>,
}

/// What is known of a content that lies in one place.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// The generation, unless any will do.
    pub generation: Option<Generation>,
    /// The root digest.
    pub root: RootDigest,
}

/// An object file open for reading. Callable from several threads; offsets count from the piece's start.
///
/// Its memory is bounded: 8 bytes for every 4096 blocks up to 512 KiB, at most 64 KiB of digests, and one block
/// once a read did not begin and end on the edges of blocks.
#[derive(Debug)]
pub struct ObjectReader {
    place: Arc<dyn PlaceReader>,
    expect: Expectation,
    tail: Tail,
    /// Where the digests begin in the place.
    digests_at: u64,
    /// Of every [`DIGESTS_AT_ONCE`] digests, as they were when they matched the tail.
    checksums: Mutex<Checksums>,
    digests: Mutex<Held<Vec<BlockDigest>>>,
    block: Mutex<Held<Vec<u8>>>,
}

/// The part of something that was read last.
#[derive(Debug)]
struct Held<T> {
    index: Option<u64>,
    value: T,
}

impl<T: Default> Held<T> {
    fn none() -> Mutex<Self> {
        Mutex::new(Self { index: None, value: T::default() })
    }
}

impl ObjectReader {
    /// Opens an object file: reads and checks its tail and its digests, but none of its data.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the file is torn, another one, or not what the catalog says.
    pub fn open(place: Arc<dyn PlaceReader>, expect: &Expectation) -> Result<Self> {
        let length = place.len()?;
        let corrupt = |detail: String| corrupt(expect, 0, detail);
        let Some(tail_at) = length.checked_sub(TAIL_LENGTH) else {
            return Err(corrupt(format!("the file has {length} bytes, too few for a tail")));
        };
        let (tail, table) = read_tail(&*place, tail_at, expect)?;
        check_tail(&tail, expect).map_err(corrupt)?;
        let digests_length = tail.block_count() * DIGEST_LENGTH;
        let digests_at = tail.length.checked_add(table.map_length);
        let end = digests_at.and_then(|at| at.checked_add(digests_length));
        let Some(digests_at) = digests_at.filter(|_| end == Some(tail_at)) else {
            let expected = end.and_then(|end| end.checked_add(TAIL_LENGTH)).unwrap_or(u64::MAX);
            return Err(corrupt(format!("the file has {length} bytes, but its tail says {expected}")));
        };
        let chunks = tail.block_count().div_ceil(DIGESTS_AT_ONCE);
        let mut reader = Self {
            place,
            expect: *expect,
            tail,
            digests_at,
            checksums: Mutex::new(Checksums::new(store_seed(&tail.store_id), chunks, KEPT_MAX)),
            digests: Held::none(),
            block: Held::none(),
        };
        reader.check_table(&table)?;
        Ok(reader)
    }

    /// What the tail says.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Length of the piece in bytes.
    pub fn length(&self) -> u64 {
        self.expect.piece.length
    }

    /// How many blocks the piece has; the last may be short.
    pub fn block_count(&self) -> u64 {
        self.length().div_ceil(self.block_size())
    }

    /// Reads up to `buffer.len()` bytes at `offset` of the piece, every block checked against its digest.
    /// Short only at the end of the piece.
    ///
    /// # Errors
    ///
    /// `Corrupt` names the first byte of the block that failed; `buffer` then holds no byte of that block.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let wanted = self.length().saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let index = at / self.block_size();
            let within = (at % self.block_size()) as usize;
            let block_length = self.block_length(index);
            let rest = &mut buffer[done..wanted];
            if within == 0 && rest.len() >= block_length {
                self.read_block(index, &mut rest[..block_length])?;
                done += block_length;
            } else {
                let count = rest.len().min(block_length - within);
                let mut held = self.block.lock();
                self.hold_block(&mut held, index)?;
                rest[..count].copy_from_slice(&held.value[within..within + count]);
                done += count;
            }
        }
        Ok(wanted)
    }

    /// The digests of a range of the piece's blocks, for whoever computes a new root from several places.
    /// The caller bounds the range: 16 bytes of memory for every block.
    pub fn block_digests(&self, range: Range<u64>) -> Result<Vec<BlockDigest>> {
        (range.start..range.end.min(self.block_count())).map(|index| self.digest(index)).collect()
    }

    /// Reads everything and checks it.
    pub fn verify(&self) -> Result<()> {
        self.verify_blocks(0..self.block_count())
    }

    /// Reads a range of the piece's blocks and checks them: a part of a verification that is paced.
    pub fn verify_blocks(&self, range: Range<u64>) -> Result<()> {
        let mut buffer = vec![0; HASHED_AT_ONCE.min(self.length() as usize)];
        for index in range.start..range.end.min(self.block_count()) {
            let mut hasher = BlockHasher::new();
            let (mut at, mut left) = (self.position(index), self.block_length(index));
            while left > 0 {
                let part = &mut buffer[..left.min(HASHED_AT_ONCE)];
                self.read_exactly(part, at, index)?;
                hasher.write(part);
                at += part.len() as u64;
                left -= part.len();
            }
            self.compare(index, &hasher.finish())?;
        }
        Ok(())
    }

    fn block_size(&self) -> u64 {
        1 << self.tail.block_shift
    }

    fn block_length(&self, index: u64) -> usize {
        (self.length() - index * self.block_size()).min(self.block_size()) as usize
    }

    /// Where a block of the piece lies in the place.
    fn position(&self, index: u64) -> u64 {
        self.expect.piece.offset + index * self.block_size()
    }

    /// Reads one whole block into `target` and checks it.
    fn read_block(&self, index: u64, target: &mut [u8]) -> Result<()> {
        let checked = if target.len() <= HASHED_AT_ONCE {
            self.read_exactly(target, self.position(index), index)
                .and_then(|()| self.compare(index, &block_digest(target)))
        } else {
            let mut hasher = BlockHasher::new();
            let mut at = self.position(index);
            let read = target.chunks_mut(HASHED_AT_ONCE).try_for_each(|part| {
                self.read_exactly(part, at, index)?;
                hasher.write(part);
                at += part.len() as u64;
                Ok(())
            });
            read.and_then(|()| self.compare(index, &hasher.finish()))
        };
        if checked.is_err() {
            target.fill(0); // Not a byte that failed its check, whatever the caller does with the error.
        }
        checked
    }

    fn hold_block(&self, held: &mut Held<Vec<u8>>, index: u64) -> Result<()> {
        if held.index != Some(index) {
            held.index = None;
            held.value.resize(self.block_length(index), 0);
            self.read_block(index, &mut held.value)?;
            held.index = Some(index);
        }
        Ok(())
    }

    fn read_exactly(&self, buffer: &mut [u8], offset: u64, index: u64) -> Result<()> {
        let read = self.place.read_at(buffer, offset)?;
        if read == buffer.len() {
            return Ok(());
        }
        Err(self.corrupt(index, format!("the file ends at byte {}", offset + read as u64)))
    }

    fn compare(&self, index: u64, found: &BlockDigest) -> Result<()> {
        let expected = self.digest(index)?;
        if *found == expected {
            return Ok(());
        }
        Err(self.corrupt(index, format!("expected {}, found {}", hex(&expected), hex(found))))
    }

    fn corrupt(&self, index: u64, detail: String) -> Error {
        corrupt(&self.expect, index * self.block_size(), detail)
    }

    /// The digest of a block of the piece, checked against what was found when the file was opened.
    fn digest(&self, index: u64) -> Result<BlockDigest> {
        let in_place = self.expect.piece.offset / self.block_size() + index;
        let (chunk, within) = (in_place / DIGESTS_AT_ONCE, (in_place % DIGESTS_AT_ONCE) as usize);
        let mut held = self.digests.lock();
        if held.index != Some(chunk) {
            held.index = None;
            held.value = self.read_digests(chunk)?;
            held.index = Some(chunk);
        }
        held.value.get(within).copied().ok_or_else(|| self.corrupt(index, "it has no digest".into()))
    }

    fn read_digests(&self, chunk: u64) -> Result<Vec<BlockDigest>> {
        let bytes = self.digest_bytes(chunk)?;
        let sum = |bytes: &[u8]| checksum(store_seed(&self.tail.store_id), bytes);
        let again = |chunk| Ok(sum(&self.digest_bytes(chunk)?));
        if self.checksums.lock().matches(chunk, sum(&bytes), again)? {
            return Ok(bytes.as_chunks().0.to_vec());
        }
        Err(corrupt(&self.expect, 0, "its digests changed since it was opened".into()))
    }

    fn digest_bytes(&self, chunk: u64) -> Result<Vec<u8>> {
        let first = chunk * DIGESTS_AT_ONCE;
        let count = (self.tail.block_count() - first).min(DIGESTS_AT_ONCE);
        let mut bytes = vec![0; (count * DIGEST_LENGTH) as usize];
        self.read_exactly(&mut bytes, self.digests_at + first * DIGEST_LENGTH, 0)?;
        Ok(bytes)
    }

    /// Streams map and digests, compares them with the tail and the expected root, and keeps what it takes
    /// to check a digest that is read again.
    fn check_table(&mut self, table: &Table) -> Result<()> {
        let seed = store_seed(&self.tail.store_id);
        let mut hasher = ChecksumHasher::new(seed);
        let mut root = RootHasher::new(self.tail.length);
        let mut buffer = vec![0; HASHED_AT_ONCE.min(table.map_length as usize)];
        let mut at = self.tail.length;
        while at < self.digests_at {
            let count = (self.digests_at - at).min(HASHED_AT_ONCE as u64) as usize;
            self.read_exactly(&mut buffer[..count], at, 0)?;
            hasher.write(&buffer[..count]);
            at += count as u64;
        }
        for chunk in 0..self.tail.block_count().div_ceil(DIGESTS_AT_ONCE) {
            let bytes = self.digest_bytes(chunk)?;
            hasher.write(&bytes);
            let digests = bytes.as_chunks().0;
            for digest in digests {
                root.push(digest);
            }
            self.checksums.get_mut().push(checksum(seed, &bytes));
            *self.digests.get_mut() = Held { index: Some(chunk), value: digests.to_vec() };
        }
        if hasher.finish() != table.checksum {
            let (expected, found) = (table.checksum, hasher.finish());
            let detail = format!("the checksum of its digests: expected {expected:016x}, found {found:016x}");
            return Err(corrupt(&self.expect, 0, detail));
        }
        match self.expect.whole {
            Some(whole) if whole.root != root.finish() => {
                let (expected, found) = (hex(&whole.root), hex(&root.finish()));
                Err(corrupt(&self.expect, 0, format!("its root: expected {expected}, found {found}")))
            }
            _ => Ok(()),
        }
    }
}

fn read_tail(place: &dyn PlaceReader, at: u64, expect: &Expectation) -> Result<(Tail, Table)> {
    let mut bytes = [0; TAIL_LENGTH as usize];
    let read = place.read_at(&mut bytes, at)?;
    // By the store that is open: a file of another one fails here, or at its head.
    let covered = bytes.len() - 8;
    let expected = checksum(store_seed(&expect.store_id), &bytes[..covered]);
    if read != bytes.len() || bytes[covered..] != expected.to_le_bytes() {
        return Err(corrupt(expect, 0, "the checksum of its tail does not match: torn or foreign".into()));
    }
    match check_head(&bytes, MAGIC, Some(&expect.store_id), Path::new(&format!("object {}", expect.id))) {
        Err(newer @ Error::NewerFormat { .. }) => Err(newer),
        Err(error) => Err(corrupt(expect, 0, format!("its tail: {error}"))),
        Ok(_) => decode_tail(&bytes).ok_or_else(|| corrupt(expect, 0, "its tail is too short".into())),
    }
}

/// Compares the tail with the catalog; says what differs.
fn check_tail(tail: &Tail, expect: &Expectation) -> Result<(), String> {
    let piece = &expect.piece;
    let differs = |what: &str, expected: u64, found: u64| {
        if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected}, found {found}")) }
    };
    if tail.id != expect.id {
        return Err(format!("it belongs to object {}", tail.id));
    }
    differs("tier", piece.place.tier.into(), tail.place.tier.into())?;
    differs("instance", piece.place.instance, tail.place.instance)?;
    differs("serial", piece.place.serial, tail.place.serial)?;
    differs("block shift", expect.block_shift.into(), tail.block_shift.into())?;
    differs("start in the object", piece.start, tail.start.saturating_add(piece.offset))?;
    let block_size = 1 << expect.block_shift;
    let end = piece.offset.saturating_add(piece.length);
    if end > tail.length || !piece.offset.is_multiple_of(block_size) {
        return Err(format!("bytes {} to {end} are wanted, but it holds {}", piece.offset, tail.length));
    }
    if end != tail.length && !end.is_multiple_of(block_size) {
        return Err(format!("the piece ends inside a block, at byte {end} of {}", tail.length));
    }
    if let Some(whole) = expect.whole {
        differs("start in the object", 0, tail.start)?;
        differs("length", piece.length, tail.length)?;
        differs("size", piece.length, tail.size)?;
        if tail.root != whole.root {
            return Err(format!("root: expected {}, found {}", hex(&whole.root), hex(&tail.root)));
        }
        differs("generation", whole.generation.unwrap_or(tail.generation), tail.generation)?;
    }
    Ok(())
}

/// `offset` counts from the start of the piece; the error counts from the start of the object.
fn corrupt(expect: &Expectation, offset: u64, detail: String) -> Error {
    let Piece { start, place, .. } = expect.piece;
    Error::Corrupt { id: expect.id, tier: place.tier, offset: start.saturating_add(offset), detail }
}

/// A digest as tools print it: most significant byte first.
fn hex(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_le_bytes(*digest))
}
