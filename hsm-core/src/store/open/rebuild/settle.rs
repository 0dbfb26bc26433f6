//! Which of the copies that were found of an object are what it is: those of its newest generation that are whole.

use std::collections::BTreeMap;

use super::{RebuildFinding, Rebuilt};
use crate::backend::ReadFrom;
use crate::error::{Error, Result};
use crate::integrity::RootDigest;
use crate::journal::Change;
use crate::monitor::Watch;
use crate::object::{BLOCK_SHIFT_DEFAULT, Content, Copy, Generation, ObjectId, TierIndex};
use crate::store::survey::{Candidate, Candidates, Synced};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::{CopyReader, Tiers, Wanted, place_name};

pub(super) struct Settling<'a, 'w> {
    pub(super) tiers: &'a Tiers,
    pub(super) synced: &'a mut Synced,
    pub(super) done: &'a mut Rebuilt,
    pub(super) watch: &'a mut Watch<'w>,
    pub(super) found: &'a mut dyn FnMut(RebuildFinding) -> Result<()>,
}

/// A content of which a whole copy was found.
struct Whole {
    content: Content,
    copies: BTreeMap<TierIndex, Copy>,
    written_ns: i64,
}

impl Settling<'_, '_> {
    /// The put that makes the object what was found of it; `None`: nothing of it is whole.
    pub(super) fn settle(&mut self, id: ObjectId, found: Candidates) -> Result<Option<Change>> {
        self.done.superseded += found.superseded;
        let mut generations = BTreeMap::<Generation, Vec<Candidate>>::new();
        for copy in found.copies {
            generations.entry(copy.generation).or_default().push(copy);
        }
        let newest = generations.keys().next_back().copied().unwrap_or(0);
        let next = if mutant(Mutant::RebuildTakesOldest) { BTreeMap::pop_first } else { BTreeMap::pop_last };
        while let Some((generation, copies)) = next(&mut generations) {
            let Some(whole) = self.whole(id, generation, copies)? else { continue };
            self.done.superseded += generations.values().map(|copies| copies.len() as u64).sum::<u64>();
            if generation != newest {
                self.partial(id, newest, Some(generation))?;
            }
            self.done.objects += 1;
            self.done.bytes += whole.content.size;
            self.done.copies += whole.copies.len() as u64;
            return Ok(Some(Change::Put {
                object: id,
                generation,
                content: Some(whole.content),
                copies: whole.copies.into_values().collect(),
                attributes: Vec::new(),
                name: None,
                new: true,
            }));
        }
        self.done.lost += 1;
        self.partial(id, newest, None)?;
        Ok(None)
    }

    fn partial(&mut self, object: ObjectId, newest: Generation, taken: Option<Generation>) -> Result<()> {
        self.done.partial += 1;
        (self.found)(RebuildFinding::Partial { object, newest, taken })
    }

    /// The content of a generation, with its whole copies.
    fn whole(
        &mut self,
        id: ObjectId,
        generation: Generation,
        copies: Vec<Candidate>,
    ) -> Result<Option<Whole>> {
        let mut contents = BTreeMap::<(RootDigest, u64), Vec<Candidate>>::new();
        for copy in copies {
            contents.entry((copy.root, copy.size)).or_default().push(copy);
        }
        let mut wholes = Vec::new();
        for ((root, size), copies) in contents {
            // A content that lies in packs alone has one block, whatever the size of that would be.
            let block_shift = copies.iter().find_map(|copy| copy.block_shift).unwrap_or(BLOCK_SHIFT_DEFAULT);
            let content = Content { size, block_shift, root, digests: Vec::new() };
            wholes.extend(self.copies_of(id, generation, content, copies)?);
        }
        if wholes.len() > 1 {
            self.done.contested += 1;
            (self.found)(RebuildFinding::Contested { object: id, generation })?;
        }
        let taken = wholes.into_iter().max_by_key(|whole| (whole.copies.len(), whole.written_ns));
        Ok(taken)
    }

    /// The whole copies of one content: on each tier the one written last.
    fn copies_of(
        &mut self,
        id: ObjectId,
        generation: Generation,
        content: Content,
        mut candidates: Vec<Candidate>,
    ) -> Result<Option<Whole>> {
        Candidate::newest_first(&mut candidates, false);
        let mut whole = Whole { content, copies: BTreeMap::new(), written_ns: i64::MIN };
        for Candidate { tier, pieces, written_ns, is_checked, .. } in candidates {
            if whole.copies.contains_key(&tier) {
                self.done.superseded += 1;
                continue;
            }
            let copy = Copy { tier, created_ns: 0, verified_ns: 1, pieces };
            let wanted = Wanted { id, generation, content: &whole.content };
            let synced = self.synced.sync(self.tiers, tier, &copy.pieces);
            let verified =
                synced.and_then(|()| if is_checked { Ok(()) } else { self.verify(&wanted, &copy) });
            if let Err(error) = verified {
                self.damaged(&wanted, &copy, error)?;
                continue;
            }
            whole.written_ns = whole.written_ns.max(written_ns);
            whole.copies.insert(tier, copy);
        }
        Ok((!whole.copies.is_empty()).then_some(whole))
    }

    fn verify(&mut self, wanted: &Wanted<'_>, copy: &Copy) -> Result<()> {
        if let Some(reader) = CopyReader::open(self.tiers, wanted, copy, ReadFrom::Medium)? {
            return reader.verify(self.watch);
        }
        let detail = "a file that holds a part of it is missing".to_owned();
        Err(Error::Corrupt { id: wanted.id, tier: copy.tier, offset: 0, detail })
    }

    /// Tells of a copy that is not whole, where an error says no more than that.
    fn damaged(&mut self, wanted: &Wanted<'_>, copy: &Copy, error: Error) -> Result<()> {
        let (at, detail) = match error {
            Error::Corrupt { offset, detail, .. } => (offset, detail),
            error @ (Error::Io { .. } | Error::NewerFormat { .. }) => (0, error.to_string()),
            error => return Err(error),
        };
        let holds = |piece: &&crate::object::Piece| piece.start <= at && at - piece.start < piece.length;
        let Some(piece) = copy.pieces.iter().find(holds).or(copy.pieces.first()) else { return Ok(()) };
        let offset = piece.offset + at.saturating_sub(piece.start);
        self.done.damaged += 1;
        (self.found)(RebuildFinding::Damaged {
            object: wanted.id,
            generation: wanted.generation,
            tier: copy.tier,
            place: place_name(piece),
            offset,
            detail,
        })
    }
}
