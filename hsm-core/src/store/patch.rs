//! A put at an offset: a new generation that shares with the one before every block that did not change.
//!
//! The new copy is a list of pieces: parts of the places that held the old one, and one new place with the
//! blocks that changed. When the pieces become too many, or the object is small, it is written anew.

use super::put::{Put, PutMode, PutOptions};
use super::{GetOptions, Store};
use crate::backend::ReadFrom;
use crate::backend::object_file::{ObjectWriter, Tail};
use crate::catalog::{Durability, Expect};
use crate::engine::{ATTEMPTS_MAX, Engine, is_race};
use crate::error::{Error, Result};
use crate::integrity::RootHasher;
use crate::journal::{self, Change};
use crate::monitor::{Phase, Watch};
use crate::object::{Content, Copy, Object, ObjectId, PIECES_MAX, Piece, SIZE_MAX};
use crate::tier::{CopyReader, PlaceGuard, ScratchPlace, Tier};
use crate::wire::Writer as Fields;

/// Bytes copied at once.
const RUN_LEN: usize = 1 << 20;

/// What is written where.
#[derive(Debug, Clone, Copy)]
struct Patch<'a> {
    offset: u64,
    bytes: &'a [u8],
    /// Size of the content afterwards.
    size: u64,
    durability: Durability,
}

/// The blocks of a content that a patch rewrites.
#[derive(Debug, Clone, Copy)]
struct Rewritten {
    /// First byte; on the edge of a block.
    begin: u64,
    /// Behind the last byte; on the edge of a block, or the end of the content.
    end: u64,
    /// Size of the content afterwards.
    size: u64,
}

impl Store {
    /// Replaces the bytes from `offset` on with `bytes`, as a new generation; the object grows if they reach
    /// beyond its end. Copies on other tiers are of the old generation and are dropped. Digests of the whole
    /// content are no longer known afterwards. Without a byte to write nothing changes.
    ///
    /// # Errors
    ///
    /// `Invalid` when `offset` lies behind the end of the object: there would be a hole.
    pub fn put_at(&self, id: ObjectId, offset: u64, bytes: &[u8], durability: Durability) -> Result<Put> {
        let engine = self.engine();
        engine.check_writable()?;
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= SIZE_MAX);
        let end = end.ok_or_else(|| Error::invalid("offset", "an object has at most 2^63 - 1 bytes"))?;
        let mut watch = self.watch(Phase::Put, 1, 0);
        for attempt in 0.. {
            let object = engine.live(id)?;
            if offset > object.size() {
                let detail = format!("{offset} lies behind the end of the object, {}", object.size());
                return Err(Error::invalid("offset", detail));
            }
            if bytes.is_empty() && object.content.is_some() {
                engine.catalog.check_in_use()?;
                let position = engine.catalog.progress()?.applied;
                return Ok(Put { id, generation: object.generation, position });
            }
            let patch = Patch { offset, bytes, size: end.max(object.size()), durability };
            watch.check()?;
            match self.try_put_at(engine, &object, patch, &mut watch) {
                Err(error) if is_race(&error) && attempt < ATTEMPTS_MAX => engine.refresh_tiers()?,
                done => {
                    watch.done(u64::from(done.is_ok()));
                    return done;
                }
            }
        }
        Err(Error::Conflict { what: format!("object {id}") })
    }

    fn try_put_at(
        &self,
        engine: &Engine,
        object: &Object,
        patch: Patch<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Put> {
        let Patch { offset, bytes, size, durability } = patch;
        let Some((content, base, tier)) = patchable(engine, object, size)? else {
            return self.write_anew(object, patch, watch);
        };
        let block = content.block_size();
        // Where there is nothing to write, one block is written as it is: a piece is never empty.
        let begin = offset / block * block;
        let end = (offset + bytes.len() as u64).max(begin + 1).next_multiple_of(block).min(size);
        let rewritten = Rewritten { begin, end, size };
        let wanted = crate::tier::Wanted { id: object.id, generation: object.generation, content };
        let Some(reader) = CopyReader::open(&engine.tiers, &wanted, base, ReadFrom::Anywhere)? else {
            return Err(Error::Conflict { what: format!("object {}", object.id) });
        };
        if split(&base.pieces, rewritten).len() + 1 > PIECES_MAX {
            return self.write_anew(object, patch, watch);
        }
        let (guard, place) = PlaceGuard::create(&engine.tiers, &tier)?;
        let scratch = Box::new(ScratchPlace::new(&engine.tiers, &tier));
        let mut writer = ObjectWriter::new(place, content.block_shift).with_scratch(scratch);
        watch.expect_size(end - begin);
        let pass = |writer: &mut ObjectWriter, from, to: u64, watch: &mut Watch<'_>| {
            let to = to.min(reader.size());
            copy_range(
                from,
                to,
                |buffer, at| reader.read_at(buffer, at),
                |bytes| {
                    writer.write(bytes)?;
                    watch.bytes(bytes.len() as u64)
                },
            )
        };
        pass(&mut writer, begin, offset, watch)?;
        for run in bytes.chunks(RUN_LEN) {
            writer.write(run)?;
            watch.bytes(run.len() as u64)?;
        }
        pass(&mut writer, offset + bytes.len() as u64, end, watch)?;
        writer.end_data()?;
        let root = new_root(&reader, &writer, rewritten, block)?;
        let new = Piece { start: begin, length: end - begin, place: guard.place(), offset: 0, packed: false };
        let mut pieces = split(&base.pieces, rewritten);
        pieces.push(new);
        pieces.sort_unstable_by_key(|piece| piece.start);
        let generation = object.generation + 1;
        let tail = Tail {
            store_id: self.inner.store_id,
            place: guard.place(),
            id: object.id,
            generation,
            start: begin,
            length: end - begin,
            size,
            block_shift: content.block_shift,
            root,
            created_ns: engine.clock.now_ns(),
        };
        let mut map = Vec::new();
        for piece in &pieces {
            journal::write_piece(&mut Fields(&mut map), piece);
        }
        writer.finish(&tail, &map)?;
        if durability == Durability::Durable {
            engine.note_sync(tier.index(), writer.sync())?;
        }
        let expect = vec![
            Expect::Live(object.id),
            Expect::Generation(object.id, object.generation),
            Expect::CopyAt(object.id, base.tier, base.pieces.clone()),
            Expect::TierWritable(base.tier, tier.config.incarnation),
            Expect::TierRoom(base.tier, size - object.size()),
        ];
        let change = Change::Put {
            object: object.id,
            generation,
            content: Some(Content { size, block_shift: content.block_shift, root, digests: Vec::new() }),
            copies: vec![Copy { tier: base.tier, created_ns: 0, verified_ns: 0, pieces }],
            attributes: Vec::new(),
            name: None,
            new: false,
        };
        let done = engine.commit_one(expect, vec![change], durability);
        if matches!(&done, Ok(_) | Err(Error::Closed { .. })) {
            guard.keep();
        }
        let put = Put { id: object.id, generation, position: done?.position };
        let _ = engine.note_garbage(object.copies.len()); // What cannot be removed now is removed later.
        Ok(put)
    }

    /// Writes the whole object again with the bytes changed.
    fn write_anew(&self, object: &Object, patch: Patch<'_>, watch: &mut Watch<'_>) -> Result<Put> {
        let Patch { offset, bytes, size, durability } = patch;
        watch.expect_size(size);
        let engine = self.engine();
        let block_size = object.content.as_ref().map(Content::block_size);
        let takes_data = |tier: &u8| engine.tier(*tier).is_ok_and(|tier| tier.check_writable(0).is_ok());
        let options = PutOptions {
            mode: PutMode::Update,
            // It stays where it is, as far as it can.
            tier: object.copies.iter().map(|copy| copy.tier).find(takes_data),
            durability,
            block_size,
            size_hint: size,
            over: Some(object.generation),
            ..PutOptions::id(object.id)
        };
        let mut writer = self.writer(&options)?;
        if object.content.is_some() {
            let mut reader = self.reader_unnoted(object.id, &GetOptions::default())?;
            if reader.object().generation != object.generation {
                return Err(Error::Conflict { what: format!("object {}", object.id) });
            }
            let mut pass = |writer: &mut super::Writer, from: u64, to: u64, watch: &mut Watch<'_>| {
                copy_range(
                    from,
                    to,
                    |buffer, at| reader.read_at(buffer, at),
                    |bytes| writer.add_watched(bytes, watch),
                )
            };
            pass(&mut writer, 0, offset, watch)?;
            writer.add_watched(bytes, watch)?;
            pass(&mut writer, offset + bytes.len() as u64, object.size(), watch)?;
        } else {
            writer.add_watched(bytes, watch)?;
        }
        watch.check()?;
        writer.commit()
    }
}

/// The content and the copy to patch, where pieces can be shared: on a tier that takes data, in files.
fn patchable<'a>(
    engine: &Engine,
    object: &'a Object,
    size: u64,
) -> Result<Option<(&'a Content, &'a Copy, std::sync::Arc<Tier>)>> {
    let Some(content) = &object.content else { return Ok(None) };
    for copy in &object.copies {
        let tier = engine.tier(copy.tier)?;
        let in_files = !copy.pieces.is_empty() && copy.pieces.iter().all(|piece| !piece.packed);
        if in_files && size > tier.config.pack_threshold_bytes && tier.check_writable(0).is_ok() {
            engine.check_is_compared(&tier)?;
            return Ok(Some((content, copy, tier)));
        }
    }
    Ok(None)
}

/// What is left of pieces outside of the rewritten blocks.
fn split(pieces: &[Piece], rewritten: Rewritten) -> Vec<Piece> {
    let mut left = Vec::with_capacity(pieces.len() + 1);
    for piece in pieces {
        let piece_end = piece.start + piece.length;
        if piece.start < rewritten.begin {
            left.push(Piece { length: piece_end.min(rewritten.begin) - piece.start, ..*piece });
        }
        if piece_end > rewritten.end {
            let start = piece.start.max(rewritten.end);
            let offset = piece.offset + (start - piece.start);
            left.push(Piece { start, length: piece_end - start, offset, ..*piece });
        }
    }
    left
}

/// Takes the bytes between two offsets from one to the other, in runs.
fn copy_range(
    from: u64,
    to: u64,
    mut read_at: impl FnMut(&mut [u8], u64) -> Result<usize>,
    mut write: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut buffer = vec![0; RUN_LEN.min(to.saturating_sub(from) as usize)];
    let mut at = from;
    while at < to {
        let wanted = ((to - at) as usize).min(buffer.len());
        let read = read_at(&mut buffer[..wanted], at)?;
        write(&buffer[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// The root of the content with the rewritten blocks in the place of the old ones.
fn new_root(
    reader: &CopyReader,
    writer: &ObjectWriter,
    rewritten: Rewritten,
    block: u64,
) -> Result<crate::integrity::RootDigest> {
    let mut root = RootHasher::new(rewritten.size);
    let (first, behind) = (rewritten.begin / block, rewritten.end.div_ceil(block));
    let push_new = |root: &mut RootHasher| -> Result<()> {
        writer.digests().try_for_each(|digest| digest.map(|digest| root.push(&digest)))
    };
    let (mut index, mut pushed) = (0, Ok(()));
    reader.each_digest(&mut |digest| {
        if index == first {
            pushed = push_new(&mut root);
        }
        if index < first || index >= behind {
            root.push(&digest);
        }
        index += 1;
    })?;
    if index <= first {
        pushed = push_new(&mut root); // The object grew from its very end.
    }
    pushed?;
    Ok(root.finish())
}
