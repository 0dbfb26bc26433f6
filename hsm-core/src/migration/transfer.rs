//! Copying and moving: read, write, sync, verify, commit, and only then release.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::window::{Window, read_copy};
use crate::backend::ReadFrom;
use crate::catalog::{Committed, Durability, Expect, Proposal};
use crate::engine::{ATTEMPTS_MAX, Engine, Scope, is_race};
use crate::error::{Error, Result};
use crate::journal::{Change, DropReason};
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object, ObjectId, Piece, Place, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::{CopyReader, CopyWriter, PackEnd, Tier, Written, place_name};

/// Bytes read at once.
const RUN_LEN: usize = 1 << 20;
/// Objects and bytes that are synced and committed together at most.
const TOGETHER_MAX: usize = 1000;
const TOGETHER_BYTES_MAX: u64 = 16 << 20;

/// What is to be true of some objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    /// The tier to read from; `None`: the hottest that holds a copy.
    pub(crate) source: Option<TierIndex>,
    /// The tier that is to hold a verified copy.
    pub(crate) target: TierIndex,
    /// Whether the copy on the source is dropped with it.
    pub(crate) release_source: bool,
    /// Which objects are meant.
    pub(crate) scope: Scope,
}

/// Whoever wants something done, and is told of it.
pub(crate) trait Attendant {
    /// Work for an object begins. An error is its answer.
    fn begins(&self, id: ObjectId) -> Result<()>;
    /// What is to be committed together with it. An error is its answer, and nothing is committed.
    fn joins(&self, id: ObjectId, proposal: &mut Proposal) -> Result<()>;
}

/// A copy that is written but not yet verified and committed.
pub(super) struct Ready {
    pub(super) object: Object,
    pub(super) source: TierIndex,
    pub(super) writer: CopyWriter,
    pub(super) end: PackEnd,
    pub(super) written: Written,
}

/// What a transfer found when it came to an object.
pub(super) enum Found {
    /// What was wanted is true.
    Done,
    /// The target holds a copy already.
    There(Box<Object>),
    /// Its copy was written.
    Written(Box<Ready>),
}

/// Transfers objects; one answer each, in order. `None`: there was nothing to do.
pub(crate) fn transfer(
    engine: &Engine,
    ids: &[ObjectId],
    wanted: Transfer,
    attendant: Option<&dyn Attendant>,
    watch: &mut Watch<'_>,
) -> Vec<Result<Option<Committed>>> {
    let mut answers: Vec<Option<Result<Option<Committed>>>> = ids.iter().map(|_| None).collect();
    let mut attempts = 0;
    loop {
        let mut left: Vec<usize> = (0..ids.len()).filter(|index| answers[*index].is_none()).collect();
        if left.is_empty() {
            break;
        }
        attempts += 1;
        let mut packs = BTreeMap::new();
        if attendant.is_some() {
            // In what order is nobody's business but the medium's.
            packs = by_place(engine, ids, wanted.source, &mut left);
        }
        let last = attempts >= ATTEMPTS_MAX;
        let pass = Pass { engine, ids, wanted, attendant, packs: &packs, last };
        pass.over(&left, &mut answers, watch);
    }
    answers.into_iter().flatten().collect()
}

/// The places of the copies that will be read, in whose order `left` is brought, with how many lie in each.
fn by_place(
    engine: &Engine,
    ids: &[ObjectId],
    source: Option<TierIndex>,
    left: &mut [usize],
) -> BTreeMap<Place, usize> {
    let mut packs: BTreeMap<Place, usize> = BTreeMap::new();
    let asked: Vec<ObjectId> = left.iter().map(|index| ids[*index]).collect();
    let Ok(objects) = engine.catalog.view().objects(&asked) else { return packs };
    let mut placed: Vec<(Option<(Place, u64)>, usize)> = Vec::with_capacity(left.len());
    for (object, index) in objects.iter().zip(left.iter()) {
        let piece = object.as_ref().and_then(|object| source_piece(engine, object, source));
        if let Some(piece) = piece {
            *packs.entry(piece.place).or_default() += 1;
        }
        placed.push((piece.map(|piece| (piece.place, piece.offset)), *index));
    }
    placed.sort_unstable();
    for (index, (_, next)) in left.iter_mut().zip(placed) {
        *index = next;
    }
    packs
}

/// Where the bytes begin that a transfer reads.
pub(super) fn source_piece<'a>(
    engine: &Engine,
    object: &'a Object,
    source: Option<TierIndex>,
) -> Option<&'a Piece> {
    source_copy(engine, object, source)?.pieces.first()
}

/// The copy that a transfer reads: that on `source` if one is named, else the one at hand first.
pub(super) fn source_copy<'a>(
    engine: &Engine,
    object: &'a Object,
    source: Option<TierIndex>,
) -> Option<&'a Copy> {
    match source {
        Some(source) => object.copy_on(source),
        None => engine.tiers.in_order(object).next(),
    }
}

/// One pass over the objects that have no answer yet.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) engine: &'a Engine,
    pub(super) ids: &'a [ObjectId],
    pub(super) wanted: Transfer,
    pub(super) attendant: Option<&'a dyn Attendant>,
    /// How many objects are read from each place, where that is known.
    pub(super) packs: &'a BTreeMap<Place, usize>,
    /// Whether those that lost a race get that for their answer; else they stay without.
    pub(super) last: bool,
}

/// What a pass has met.
pub(super) enum Met {
    /// An object for which nothing was written.
    One(usize, Result<Found>),
    /// Copies that are to be synced, verified and committed together.
    Round(Vec<(usize, Ready)>),
}

impl Pass<'_> {
    fn over(self, left: &[usize], answers: &mut [Option<Result<Option<Committed>>>], watch: &mut Watch<'_>) {
        let Self { last, .. } = self;
        self.rounds(left, watch, |met, watch| match met {
            Met::One(index, found) => {
                let answer = found.and_then(|found| match found {
                    Found::There(object) => self.keep_what_is_there(&object, watch),
                    _ => Ok(()),
                });
                if answer.is_ok() {
                    watch.done(1);
                }
                if last || !answer.as_ref().is_err_and(is_race) {
                    answers[index] = Some(answer.map(|()| None));
                }
            }
            Met::Round(ready) => {
                for (index, answer) in self.finish(ready, watch) {
                    if last || !answer.as_ref().is_err_and(is_race) {
                        answers[index] = Some(answer.map(Some));
                    }
                }
            }
        });
    }

    /// Writes the copies of objects, and hands over as many as belong together.
    pub(super) fn rounds(
        self,
        left: &[usize],
        watch: &mut Watch<'_>,
        mut meet: impl FnMut(Met, &mut Watch<'_>),
    ) {
        let (mut ready, mut bytes) = (Vec::new(), 0);
        let mut packs = Window::default();
        for (position, index) in left.iter().enumerate() {
            match self.prepare(self.ids[*index], &mut packs, watch) {
                Ok(Found::Written(copy)) => {
                    bytes += copy.written.size;
                    ready.push((*index, *copy));
                }
                found => meet(Met::One(*index, found), watch),
            }
            let is_end = position + 1 == left.len();
            if is_end || ready.len() >= TOGETHER_MAX || bytes >= TOGETHER_BYTES_MAX {
                bytes = 0;
                meet(Met::Round(std::mem::take(&mut ready)), watch);
            }
        }
    }

    /// Writes the copy of one object, where there is need for it.
    fn prepare(self, id: ObjectId, packs: &mut Window, watch: &mut Watch<'_>) -> Result<Found> {
        let Self { engine, wanted, .. } = self;
        if let Some(attendant) = self.attendant {
            attendant.begins(id)?;
        }
        watch.phase(Phase::Copy);
        watch.check()?;
        let target = engine.tier(wanted.target)?;
        if wanted.source == Some(wanted.target) {
            return Err(Error::invalid("target", "it is the source tier itself"));
        }
        let object = engine.look_up(id, wanted.scope)?;
        let content = object.content.clone().ok_or(Error::NoData { id })?;
        if let Some(source) = wanted.source
            && object.copy_on(source).is_none()
        {
            // A move that was done already: what was wanted is true.
            let done = wanted.release_source && object.copy_on(wanted.target).is_some_and(Copy::is_verified);
            return if done { Ok(Found::Done) } else { Err(Error::CopyNotFound { id, tier: source }) };
        }
        if let Some(source) = wanted.source
            && wanted.release_source
            && !super::release::may_replace(engine, source, wanted.target)?
        {
            return Err(Error::LastCopy { id, tier: source });
        }
        if let Some(source) = wanted.source.filter(|_| wanted.release_source) {
            engine.check_not_pinned(id, source)?; // Before its bytes are copied for nothing.
        }
        if object.copy_on(wanted.target).is_some() {
            return Ok(Found::There(Box::new(object)));
        }
        let place = source_piece(engine, &object, wanted.source).map(|piece| piece.place);
        let together = place.filter(|place| self.packs.get(place).is_some_and(|count| *count > 1));
        let near = together.and_then(|place| super::window::open_packed(engine, &object, place.tier, packs));
        let (object, reader, source) = match (near, together) {
            (Some(reader), Some(place)) => (object, reader, place.tier),
            _ => engine.open_copy(id, wanted.scope, wanted.source, ReadFrom::Anywhere)?,
        };
        if object.content.as_ref() != Some(&content) || object.copy_on(wanted.target).is_some() {
            return Err(Error::Conflict { what: format!("object {id}") });
        }
        watch.expect_size(content.size);
        watch
            .on(&[source, wanted.target], |watch| write(engine, object, &reader, source, target, watch))
            .map(|copy| Found::Written(Box::new(copy)))
    }

    /// The target holds a copy already: it is verified if it never was, and the source dropped if that is wanted.
    fn keep_what_is_there(self, object: &Object, watch: &mut Watch<'_>) -> Result<()> {
        let Self { engine, wanted, attendant, .. } = self;
        self.verify_what_is_there(object, watch)?;
        match wanted.source {
            Some(source) if wanted.release_source => {
                super::release(engine, object.id, wanted.scope, source, false, attendant, watch).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Whether it was not verified before.
    pub(super) fn verify_what_is_there(self, object: &Object, watch: &mut Watch<'_>) -> Result<bool> {
        let Self { engine, wanted, .. } = self;
        let is_new = object.copy_on(wanted.target).is_some_and(|there| !there.is_verified());
        if is_new {
            super::release::verify_copy(engine, object.id, wanted.scope, wanted.target, None, watch)?;
        }
        Ok(is_new)
    }

    /// Syncs and verifies copies that are written, and says what is to be committed for each. A stop gives up those that are
    /// not verified yet.
    pub(super) fn prove(
        self,
        ready: Vec<(usize, Ready)>,
        watch: &mut Watch<'_>,
    ) -> Vec<(usize, Result<(Ready, Proposal)>)> {
        let Self { engine, wanted, .. } = self;
        watch.phase(Phase::Verify);
        let mut answers = Vec::with_capacity(ready.len());
        let mut good = Vec::with_capacity(ready.len());
        let mut window = Window::default();
        for (index, copy) in ready {
            let sync = || engine.note_sync(wanted.target, copy.writer.sync(&copy.end));
            if let Err(error) = watch.check().and_then(|()| sync()) {
                answers.push((index, Err(error)));
            } else {
                good.push((index, copy));
            }
        }
        for (index, copy) in good {
            let verified = watch.on(&[wanted.target], |watch| verify(engine, &copy, &mut window, watch));
            let verified = engine.unless_closed(verified);
            let proven = verified.and_then(|()| self.propose(&copy)).map(|proposal| (copy, proposal));
            answers.push((index, proven));
        }
        answers
    }

    /// Syncs, verifies and commits copies that are written.
    fn finish(self, ready: Vec<(usize, Ready)>, watch: &mut Watch<'_>) -> Vec<(usize, Result<Committed>)> {
        let Self { engine, wanted, .. } = self;
        let (mut answers, mut proposals, mut keepers) = (Vec::new(), Vec::new(), Vec::new());
        for (index, proven) in self.prove(ready, watch) {
            match proven {
                Ok((copy, proposal)) => {
                    proposals.push(proposal);
                    keepers.push((index, copy));
                }
                Err(error) => answers.push((index, Err(error))),
            }
        }
        if mutant(Mutant::ReleaseBeforeCommit) && wanted.release_source {
            for (_, copy) in &keepers {
                remove_source_early(engine, &copy.object, copy.source);
            }
        }
        let committed = match engine.commit(proposals, Durability::Durable) {
            Ok(committed) => committed,
            Err(error) => keepers.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut dropped = 0;
        for ((index, copy), answer) in keepers.into_iter().zip(committed) {
            if matches!(&answer, Ok(_) | Err(Error::Closed { .. })) {
                dropped += copy.object.copy_on(copy.source).map_or(0, |source| source.pieces.len());
                copy.writer.keep();
            }
            answers.push((index, answer));
        }
        watch.done(answers.iter().filter(|(_, answer)| answer.is_ok()).count() as u64);
        if wanted.release_source && dropped > 0 {
            // Failing to remove garbage is no failure of the move: it is tried again later.
            let _ = engine.reclaim();
        }
        answers
    }

    fn propose(self, copy: &Ready) -> Result<Proposal> {
        let mut proposal = proposal(copy, self.wanted);
        if let Some(attendant) = self.attendant {
            attendant.joins(copy.object.id, &mut proposal)?;
        }
        Ok(proposal)
    }
}

/// Writes an object's bytes, as they are read from its copy on `source`, to `target`.
pub(super) fn write(
    engine: &Engine,
    object: Object,
    reader: &CopyReader,
    source: TierIndex,
    target: Arc<Tier>,
    watch: &mut Watch<'_>,
) -> Result<Ready> {
    let id = object.id;
    let content = object.content.as_ref().ok_or(Error::NoData { id })?;
    let (shift, size) = (content.block_shift, content.size);
    engine.check_is_compared(&target)?;
    let mut writer = CopyWriter::new(&engine.tiers, target, shift, size, Durability::Durable)?;
    let mut buffer = vec![0; RUN_LEN.min(size as usize)];
    let mut offset = 0;
    while offset < size {
        let read = reader.read_at(&mut buffer, offset)?;
        writer.write(&buffer[..read])?;
        offset += read as u64;
        watch.bytes(read as u64)?;
    }
    let (written, end) = writer.finish(id, object.generation)?;
    if written.root != content.root || written.size != content.size {
        let detail = "what was read for the copy does not have its root digest".to_owned();
        return Err(Error::Corrupt { id, tier: source, offset: 0, detail });
    }
    Ok(Ready { object, source, writer, end, written })
}

fn proposal(copy: &Ready, wanted: Transfer) -> Proposal {
    let (object, target) = (&copy.object, copy.writer.tier());
    let (id, generation) = (object.id, object.generation);
    let source = object.copy_on(copy.source).map(|source| source.pieces.clone()).unwrap_or_default();
    let mut expect = Vec::from_iter(wanted.scope.expect(id));
    expect.extend([
        Expect::Generation(id, generation),
        Expect::NoCopy(id, wanted.target),
        Expect::TierWritable(wanted.target, target.config.incarnation),
        Expect::TierRoom(wanted.target, copy.written.size),
    ]);
    // The times are the group's; 1 says that it was verified.
    let new =
        Copy { tier: wanted.target, created_ns: 0, verified_ns: 1, pieces: copy.written.pieces.clone() };
    let mut changes = vec![Change::CopyAdded { object: id, generation, copy: new }];
    if wanted.release_source {
        expect.push(Expect::CopyAt(id, copy.source, source));
        expect.push(Expect::NotPinned(id, copy.source));
        changes.push(Change::CopyDropped {
            object: id,
            generation,
            tier: copy.source,
            reason: DropReason::Released,
        });
    }
    Proposal { expect, changes, data: Vec::new() }
}

/// Reads a copy back from the medium. Records of one pack are read in one pass.
pub(super) fn verify(
    engine: &Engine,
    copy: &Ready,
    window: &mut Window,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let tier = copy.writer.tier().index();
    let as_written = Copy { tier, created_ns: 0, verified_ns: 0, pieces: copy.written.pieces.clone() };
    if read_copy(engine, &copy.object, &as_written, window, watch)? {
        return Ok(());
    }
    let detail = "the new copy cannot be found on the medium".to_owned();
    Err(Error::Corrupt { id: copy.object.id, tier, offset: 0, detail })
}

/// What a careless mover would do. Only tests come here.
fn remove_source_early(engine: &Engine, object: &Object, source: TierIndex) {
    let Some(copy) = object.copy_on(source) else { return };
    for piece in copy.pieces.iter().filter(|piece| !piece.packed) {
        if let Ok(tier) = engine.tier(source) {
            let _ = tier.backend.remove(place_name(piece));
        }
    }
}
