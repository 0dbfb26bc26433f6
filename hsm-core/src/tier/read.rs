//! Reading a copy: every byte is checked against the digests of its block before it is returned.

use crate::backend::object_file::{Expectation, ObjectReader, Whole};
use crate::backend::pack::{self, ExpectedRecord, RECORD_HEADER_LENGTH};
use crate::backend::{PlaceReader, ReadFrom};
use crate::error::{Error, Result};
use crate::integrity::{BlockDigest, RootHasher, block_digest};
use crate::monitor::Watch;
use crate::object::{Content, Copy, Generation, ObjectId, Piece, TierIndex};

use super::{Tier, Tiers, place_name};

/// Digests of one piece taken at once when several pieces make up a content: 64 KiB.
const DIGESTS_AT_ONCE: u64 = 4096;
/// Bytes verified at once.
const VERIFY_LEN: usize = 1 << 20;

/// Whose bytes are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) id: ObjectId,
    pub(crate) generation: Generation,
    pub(crate) content: &'a Content,
}

/// A copy open for reading. It stays readable after the copy is dropped.
#[derive(Debug)]
pub(crate) struct CopyReader {
    id: ObjectId,
    tier: TierIndex,
    size: u64,
    pieces: Vec<(Piece, PieceReader)>,
}

#[derive(Debug)]
enum PieceReader {
    /// A small object's record, read and checked when it was opened: its data lies behind the header.
    Packed(Vec<u8>),
    File(Box<ObjectReader>),
}

impl CopyReader {
    /// Opens every place of a copy. `None`: one is gone, since the copy was dropped meanwhile.
    pub(crate) fn open(
        tiers: &Tiers,
        wanted: &Wanted<'_>,
        copy: &Copy,
        from: ReadFrom,
    ) -> Result<Option<Self>> {
        Self::open_on(&*tiers.get(copy.tier)?, wanted, copy, from)
    }

    /// The same, on a tier that was looked up already.
    pub(crate) fn open_on(
        tier: &Tier,
        wanted: &Wanted<'_>,
        copy: &Copy,
        from: ReadFrom,
    ) -> Result<Option<Self>> {
        let content = wanted.content;
        check_order(wanted, copy)?;
        let mut pieces = Vec::with_capacity(copy.pieces.len());
        for piece in &copy.pieces {
            let Some(place) = tier.backend.open(place_name(piece), from)? else { return Ok(None) };
            let reader = if piece.packed {
                PieceReader::Packed(read_packed(&tier.ground.store_id, wanted, piece, &*place)?)
            } else {
                let whole = (copy.pieces.len() == 1)
                    .then_some(Whole { generation: Some(wanted.generation), root: content.root });
                let expect = Expectation {
                    store_id: tier.ground.store_id,
                    id: wanted.id,
                    piece: *piece,
                    block_shift: content.block_shift,
                    whole,
                };
                PieceReader::File(Box::new(ObjectReader::open(place, &expect)?))
            };
            pieces.push((*piece, reader));
        }
        let reader = Self { id: wanted.id, tier: copy.tier, size: content.size, pieces };
        if reader.pieces.len() > 1 {
            reader.check_root(wanted, copy)?;
        }
        Ok(Some(reader))
    }

    /// The same of an object in a pack that is open already.
    pub(crate) fn open_packed(
        tiers: &Tiers,
        wanted: &Wanted<'_>,
        piece: &Piece,
        place: &dyn PlaceReader,
    ) -> Result<Self> {
        let record = read_packed(&tiers.ground().store_id, wanted, piece, place)?;
        let pieces = vec![(*piece, PieceReader::Packed(record))];
        Ok(Self { id: wanted.id, tier: piece.place.tier, size: wanted.content.size, pieces })
    }

    /// Checks one packed object in a place that is open already.
    pub(crate) fn check_packed(
        tiers: &Tiers,
        wanted: &Wanted<'_>,
        piece: &Piece,
        place: &dyn PlaceReader,
    ) -> Result<()> {
        read_packed(&tiers.ground().store_id, wanted, piece, place).map(drop)
    }

    /// Compares the digests of all pieces with the content's root.
    fn check_root(&self, wanted: &Wanted<'_>, copy: &Copy) -> Result<()> {
        let mut root = RootHasher::new(self.size);
        self.each_digest(&mut |digest| root.push(&digest))?;
        if root.finish() == wanted.content.root {
            return Ok(());
        }
        Err(Error::Corrupt {
            id: wanted.id,
            tier: copy.tier,
            offset: 0,
            detail: "the digests of its pieces do not make up its root".to_owned(),
        })
    }

    /// Calls `visit` with the digest of every block, in order.
    pub(crate) fn each_digest(&self, visit: &mut dyn FnMut(BlockDigest)) -> Result<()> {
        for (_, reader) in &self.pieces {
            match reader {
                PieceReader::Packed(record) => visit(block_digest(&record[RECORD_HEADER_LENGTH..])),
                PieceReader::File(file) => {
                    let count = file.block_count();
                    for begin in (0..count).step_by(DIGESTS_AT_ONCE as usize) {
                        let digests = file.block_digests(begin..(begin + DIGESTS_AT_ONCE).min(count))?;
                        digests.into_iter().for_each(&mut *visit);
                    }
                }
            }
        }
        Ok(())
    }

    /// The digest of the block that begins at a byte, a multiple of the block size.
    pub(crate) fn digest_at(&self, at: u64, block_shift: u8) -> Result<Option<BlockDigest>> {
        let index = self.pieces.partition_point(|(piece, _)| piece.start + piece.length <= at);
        match self.pieces.get(index) {
            None => Ok(None),
            Some((_, PieceReader::Packed(record))) => Ok(Some(block_digest(&record[RECORD_HEADER_LENGTH..]))),
            Some((piece, PieceReader::File(file))) => {
                let block = (at - piece.start) >> block_shift;
                Ok(file.block_digests(block..block + 1)?.pop())
            }
        }
    }

    /// The content, where it is that of one record, which then is taken out.
    pub(crate) fn take_packed(&mut self) -> Option<Vec<u8>> {
        let size = self.size;
        let is_whole = |piece: &Piece| piece.start == 0 && piece.length == size;
        match self.pieces.as_mut_slice() {
            [(piece, PieceReader::Packed(record))] if is_whole(piece) => {
                let mut record = std::mem::take(record);
                record.drain(..RECORD_HEADER_LENGTH);
                Some(record)
            }
            _ => None,
        }
    }

    /// Length of the content in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads up to `buffer.len()` bytes at `offset`; short only at the end of the content. So a loop that reads
    /// until there comes to its end, also where the pieces of a copy do not make up its size: that is `Corrupt`.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let index = self.pieces.partition_point(|(piece, _)| piece.start + piece.length <= at);
            let Some((piece, reader)) = self.pieces.get(index) else { break };
            let within = at - piece.start;
            let wanted = ((piece.length - within).min((buffer.len() - filled) as u64)) as usize;
            let into = &mut buffer[filled..filled + wanted];
            match reader {
                PieceReader::Packed(record) => {
                    let begin = RECORD_HEADER_LENGTH + within as usize;
                    into.copy_from_slice(&record[begin..begin + wanted]);
                }
                PieceReader::File(file) => {
                    if file.read_at(into, within)? != wanted {
                        break;
                    }
                }
            }
            filled += wanted;
        }
        let end = offset + filled as u64;
        if filled < buffer.len() && end < self.size {
            return Err(Error::Corrupt {
                id: self.id,
                tier: self.tier,
                offset: end,
                detail: format!("its pieces end there, and {} bytes were expected", self.size),
            });
        }
        Ok(filled)
    }

    /// Reads everything and compares it.
    pub(crate) fn verify(&self, watch: &mut Watch<'_>) -> Result<()> {
        let mut buffer = vec![0; VERIFY_LEN.min(self.size as usize)];
        let mut offset = 0;
        while offset < self.size {
            let read = self.read_at(&mut buffer, offset)?;
            offset += read as u64;
            watch.bytes(read as u64)?;
        }
        Ok(())
    }
}

/// A read looks for its piece by where the pieces begin, so each must begin where the one before ends.
fn check_order(wanted: &Wanted<'_>, copy: &Copy) -> Result<()> {
    let mut end = 0_u64;
    for piece in &copy.pieces {
        let next = piece.start.checked_add(piece.length).filter(|_| piece.start == end);
        let Some(next) = next else {
            return Err(Error::Corrupt {
                id: wanted.id,
                tier: copy.tier,
                offset: end,
                detail: format!("its next piece begins at {}, with {} bytes", piece.start, piece.length),
            });
        };
        end = next;
    }
    Ok(())
}

/// The record of a packed piece, header and data, checked.
fn read_packed(
    store_id: &[u8; 16],
    wanted: &Wanted<'_>,
    piece: &Piece,
    place: &dyn PlaceReader,
) -> Result<Vec<u8>> {
    let expect = ExpectedRecord {
        store_id: *store_id,
        id: wanted.id,
        generation: Some(wanted.generation),
        piece: *piece,
        root: wanted.content.root,
    };
    let mut record = Vec::new();
    pack::read_record(place, &expect, &mut record)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::object::Place;

    #[test]
    fn pieces_that_end_before_the_size_are_damage_and_no_end() {
        let place = Place { tier: 3, instance: 1, serial: 1 };
        let piece = Piece { start: 0, length: 50, place, offset: 0, packed: true };
        let id = ObjectId([7; 16]);
        let pieces = vec![(piece, PieceReader::Packed(vec![1; RECORD_HEADER_LENGTH + 50]))];
        let reader = CopyReader { id, tier: 3, size: 100, pieces };
        let mut buffer = [0; 100];
        assert_eq!(reader.read_at(&mut buffer[..50], 0).unwrap(), 50);
        for (from, len) in [(0, 100), (49, 2), (50, 1)] {
            let error = reader.read_at(&mut buffer[..len], from).unwrap_err();
            assert_eq!(error.kind(), Kind::Corrupt);
            assert!(matches!(error, Error::Corrupt { tier: 3, offset: 50, .. }), "{error}");
        }
        assert_eq!(reader.read_at(&mut buffer, 100).unwrap(), 0);
    }

    #[test]
    fn pieces_that_do_not_follow_each_other_are_damage() {
        let place = Place { tier: 3, instance: 1, serial: 1 };
        let piece = |start, length| Piece { start, length, place, offset: 0, packed: true };
        let content = Content { size: 100, block_shift: 12, root: [0; 16], digests: Vec::new() };
        let wanted = Wanted { id: ObjectId([7; 16]), generation: 1, content: &content };
        let check = |pieces: Vec<Piece>| {
            check_order(&wanted, &Copy { tier: 3, created_ns: 0, verified_ns: 0, pieces })
        };
        check(vec![piece(0, 50), piece(50, 50)]).unwrap();
        for pieces in
            [vec![piece(1, 99)], vec![piece(0, 50), piece(60, 40)], vec![piece(0, 50), piece(40, 60)]]
        {
            assert_eq!(check(pieces).unwrap_err().kind(), Kind::Corrupt);
        }
        let error = check(vec![piece(0, u64::MAX), piece(u64::MAX, 2)]).unwrap_err();
        assert!(matches!(error, Error::Corrupt { tier: 3, offset: u64::MAX, .. }), "{error}");
    }
}
