//! What a commit of a batch does: it looks up, moves, syncs and proposes all of it together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Batch, Step};
use crate::catalog::{Expect, Proposal, View};
use crate::engine::{ATTEMPTS_MAX, Engine, Scope, is_race};
use crate::error::{Error, Result};
use crate::journal::{Change, Subject};
use crate::migration::{self, Staged, Transfer};
use crate::monitor::{Phase, Watch};
use crate::object::{Content, Copy, ObjectId, Position};
use crate::store::attributes;
use crate::store::put::{Put, PutMode, Resolved};
use crate::tier::PackEnd;

/// Puts whose sync is left to the commit, at most: after a power loss each of their records is read back.
const DEFERRED_MAX: usize = 4096;

/// A step that is ready to be proposed.
struct Prepared {
    index: usize,
    resolved: Resolved,
    /// What has to be synced before.
    end: PackEnd,
    proposal: Proposal,
}

impl Prepared {
    /// Whether there is nothing to do.
    fn is_done(&self) -> bool {
        self.proposal.changes.is_empty()
    }
}

impl Batch {
    /// Commits it. One answer for each change, in the order they were added; in an atomic batch, either all
    /// are `Ok`, or the error that prevented it is the answer to all.
    pub fn commit(mut self) -> Result<Vec<Result<Put>>> {
        let engine = self.store.engine().clone();
        engine.check_writable()?;
        if self.steps.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.store.clone();
        let mut watch = store.watch(Phase::Put, self.steps.len() as u64, 0);
        let mut answers: Vec<Option<Result<Put>>> = self.steps.iter().map(|_| None).collect();
        for attempt in 1.. {
            let last = attempt >= ATTEMPTS_MAX;
            if let Err(error) = self.try_commit(&engine, last, &mut answers, &mut watch) {
                if !answers.iter().any(|answer| matches!(answer, Some(Ok(_)))) {
                    return Err(error);
                }
                // An earlier attempt committed some of it, and the caller has to hear of that.
                for answer in answers.iter_mut().filter(|answer| answer.is_none()) {
                    *answer = Some(Err(error.clone()));
                }
            }
            if answers.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// One attempt at all that has no answer yet. What lost a race stays without, unless it is the last.
    fn try_commit(
        &mut self,
        engine: &Engine,
        last: bool,
        answers: &mut [Option<Result<Put>>],
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let all_staged = self.stage_moves(engine, last, answers, watch);
        if self.atomic && !all_staged {
            return Ok(());
        }
        watch.phase(Phase::Put);
        let looked_up = self.look_up(engine, answers);
        let mut prepared = Vec::with_capacity(looked_up.len());
        for (index, looked_up) in looked_up {
            watch.check()?;
            match looked_up.and_then(|found| prepare(engine, &mut self.steps[index], index, found)) {
                Ok(ready) => prepared.push(ready),
                Err(error) => answers[index] = Some(Err(error)),
            }
        }
        if self.atomic
            && let Some(twice) = changed_twice(&prepared)
        {
            let error = Error::invalid("batch", format!("it changes object {twice} twice, once by its name"));
            answers.fill(Some(Err(error)));
            return Ok(());
        }
        if self.fails_as_one(answers) {
            return Ok(());
        }
        self.sync_data(engine, &mut prepared, answers);
        if self.fails_as_one(answers) {
            return Ok(());
        }
        // What was moved before needs no change. In an atomic batch it has the position of the others.
        if !self.atomic || prepared.iter().all(Prepared::is_done) {
            for ready in prepared.extract_if(.., |ready| ready.is_done()) {
                let position = Position { epoch: 0, number: 0 };
                answers[ready.index] = Some(Ok(Put { id: ready.resolved.id, generation: 0, position }));
                watch.done(1);
            }
        }
        if prepared.is_empty() {
            return Ok(());
        }
        let proposals = if self.atomic {
            let mut all = Proposal::default();
            for ready in &mut prepared {
                all.expect.append(&mut ready.proposal.expect);
                all.changes.append(&mut ready.proposal.changes);
                all.data.append(&mut ready.proposal.data);
            }
            all.expect = room_in_all(all.expect);
            vec![all]
        } else {
            prepared.iter_mut().map(|ready| std::mem::take(&mut ready.proposal)).collect()
        };
        let done = engine.commit(proposals, self.durability)?;
        let (mut replaced, mut moved, mut finished) = (0, false, 0);
        for (position, ready) in prepared.iter().enumerate() {
            let outcome = if self.atomic { &done[0] } else { &done[position] };
            let step = &mut self.steps[ready.index];
            // What was committed stays, whatever comes next; the other steps drop their places with themselves.
            let stays = matches!(outcome, Ok(_) | Err(Error::Closed { .. }));
            match step {
                Step::Put { copy, .. } if stays => copy.keep_place(),
                Step::Move { staged, .. } => {
                    let _ = staged.take().filter(|_| stays).map(Staged::keep);
                    moved |= outcome.is_ok();
                }
                _ => {}
            }
            let answer = match outcome {
                Err(error) if !last => match self.follow(engine, ready.index, error) {
                    Ok(followed) if followed || is_race(error) => continue,
                    Ok(_) if !self.atomic && self.steps[ready.index].lost_a_name(error) => continue,
                    Ok(_) => Err(error.clone()),
                    Err(error) => Err(error),
                },
                Err(error) => Err(error.clone()),
                Ok(done) => {
                    finished += 1;
                    let Resolved { id, generation, replaced: places, .. } = ready.resolved;
                    replaced += places;
                    Ok(Put { id, generation, position: done.position })
                }
            };
            answers[ready.index] = Some(answer);
        }
        watch.done(finished);
        // What cannot be removed now is removed later.
        let _ = if moved { engine.reclaim().map(drop) } else { engine.note_garbage(replaced) };
        Ok(())
    }

    /// Whether the batch is atomic and something of it failed: the first error is then the answer to all.
    fn fails_as_one(&self, answers: &mut [Option<Result<Put>>]) -> bool {
        let error = answers.iter().flatten().find_map(|answer| answer.as_ref().err().cloned());
        let Some(error) = error.filter(|_| self.atomic) else { return false };
        answers.fill(Some(Err(error)));
        true
    }

    /// Copies what is to be moved, and reads it back. `false`: something lost a race, and has no answer yet.
    fn stage_moves(
        &mut self,
        engine: &Engine,
        last: bool,
        answers: &mut [Option<Result<Put>>],
        watch: &mut Watch<'_>,
    ) -> bool {
        let mut groups = BTreeMap::<_, (Vec<ObjectId>, Vec<_>)>::new();
        for (index, step) in self.steps.iter_mut().enumerate().filter(|(index, _)| answers[*index].is_none())
        {
            if let Step::Move { id, from, to, staged } = step {
                let (ids, places) = groups.entry((*from, *to)).or_default();
                ids.push(*id);
                places.push((index, staged));
            }
        }
        let mut all = true;
        for ((from, to), (ids, places)) in groups {
            let wanted =
                Transfer { source: Some(from), target: to, release_source: true, scope: Scope::Live };
            for ((index, staged), done) in
                places.into_iter().zip(migration::stage(engine, &ids, wanted, watch))
            {
                match done {
                    Ok(done) => *staged = Some(done),
                    Err(error) if is_race(&error) && !last => all = false,
                    Err(error) => answers[index] = Some(Err(error)),
                }
            }
        }
        all
    }

    /// Takes a put's bytes to where its tier is now, or to the tier that takes its place.
    fn follow(&mut self, engine: &Engine, index: usize, error: &Error) -> Result<bool> {
        let Step::Put { options, copy, .. } = &mut self.steps[index] else { return Ok(false) };
        let Some(target) = engine.new_target(options.tier, copy.tier(), error)? else { return Ok(false) };
        copy.move_to(target)?;
        Ok(true)
    }

    /// Looks up, as of one moment, what the steps without an answer are about.
    fn look_up(&self, engine: &Engine, answers: &[Option<Result<Put>>]) -> Vec<(usize, Result<Resolved>)> {
        let view = engine.catalog.view();
        let waits = |(index, step): &(usize, &Step)| {
            answers[*index].is_none() && !matches!(step, Step::Move { staged: None, .. })
        };
        self.steps
            .iter()
            .enumerate()
            .filter(waits)
            .map(|(index, step)| (index, step.look_up(engine, &*view)))
            .collect()
    }

    /// Syncs the bytes of all puts: each pack once, up to the last record of the batch. What the commit can sync
    /// together with the journal is left to it.
    fn sync_data(&self, engine: &Engine, prepared: &mut Vec<Prepared>, answers: &mut [Option<Result<Put>>]) {
        let defer = prepared.len() <= DEFERRED_MAX;
        let mut failed = BTreeSet::new();
        // The last record of a pack first: that one sync is the sync of all before it.
        for ready in prepared.iter_mut().rev() {
            let Step::Put { copy, .. } = &self.steps[ready.index] else { continue };
            let end = &ready.end;
            let synced = if defer { copy.sync_or_defer(end) } else { copy.sync(end).map(|()| Vec::new()) };
            match engine.note_sync(copy.tier().index(), synced) {
                Ok(deferred) => ready.proposal.data = deferred,
                Err(error) => {
                    answers[ready.index] = Some(Err(error));
                    failed.insert(ready.index);
                }
            }
        }
        prepared.retain(|ready| !failed.contains(&ready.index));
    }
}

impl Step {
    /// Which object it is about, and what must hold of it.
    fn look_up(&self, engine: &Engine, view: &dyn View) -> Result<Resolved> {
        let live = |id, more: &[Expect]| {
            let expect = [&[Expect::Live(id)], more].concat();
            Ok(Resolved { id, generation: 0, new: false, replaced: 0, expect })
        };
        match self {
            Self::Put { options, fresh, .. } | Self::Empty { options, fresh } => {
                options.resolve(view, *fresh)
            }
            Self::Attributes { id, updates } => {
                attributes::check(engine, &view.live(*id)?.attributes, updates)?;
                live(*id, &[])
            }
            Self::Remove { id } | Self::Move { id, .. } => live(*id, &[]),
            Self::Name { id, name } => {
                live(*id, &[Expect::Dataset(name.dataset), Expect::NameFree(name.clone())])
            }
        }
    }

    fn lost_a_name(&self, error: &Error) -> bool {
        matches!(self, Self::Put { options, .. } if options.lost_a_name(error))
    }
}

/// An object that two changes turned out to be about: what they expect was looked up before either.
fn changed_twice(prepared: &[Prepared]) -> Option<ObjectId> {
    let mut seen = BTreeSet::new();
    let mut twice = prepared.iter().map(|ready| ready.resolved.id).filter(|id| !seen.insert(*id));
    twice.next()
}

/// All puts of a batch together must find room on a tier, not each alone.
fn room_in_all(expect: Vec<Expect>) -> Vec<Expect> {
    let mut wanted = BTreeMap::new();
    let mut left: Vec<Expect> = expect
        .into_iter()
        .filter(|one| match one {
            Expect::TierRoom(tier, bytes) => {
                *wanted.entry(*tier).or_insert(0) += bytes;
                false
            }
            _ => true,
        })
        .collect();
    left.extend(wanted.into_iter().map(|(tier, bytes)| Expect::TierRoom(tier, bytes)));
    left
}

/// Makes of a step what is to be proposed, and writes what goes into a pack.
fn prepare(engine: &Engine, step: &mut Step, index: usize, mut resolved: Resolved) -> Result<Prepared> {
    let mut expect = std::mem::take(&mut resolved.expect);
    let mut pack_end = PackEnd::Nothing;
    let change = match step {
        Step::Put { options, digests, copy, .. } => {
            let (written, end) = copy.finish(resolved.id, resolved.generation)?;
            pack_end = end;
            let tier = copy.tier();
            expect.push(Expect::TierWritable(tier.index(), tier.config.incarnation));
            if tier.config.capacity_bytes != 0 {
                expect.push(Expect::TierRoom(tier.index(), written.size));
            }
            let content = Content {
                size: written.size,
                block_shift: options.block_shift()?,
                root: written.root,
                digests: digests.clone(),
            };
            debug_assert!(options.mode != PutMode::Update || !resolved.new);
            Change::Put {
                object: resolved.id,
                generation: resolved.generation,
                content: Some(content),
                copies: vec![Copy {
                    tier: tier.index(),
                    created_ns: 0,
                    verified_ns: 0,
                    pieces: written.pieces,
                }],
                attributes: options.updates(),
                name: options.name.clone(),
                new: resolved.new,
            }
        }
        Step::Empty { options, .. } => options.change_without_data(&resolved),
        Step::Attributes { id, updates } => {
            Change::AttributesSet { subject: Subject::Object(*id), attributes: updates.clone() }
        }
        Step::Remove { id } => {
            let until_ns = engine.clock.now_ns().saturating_add(engine.grace_ns);
            Change::Removed { object: *id, until_ns }
        }
        Step::Move { staged, .. } => {
            let mut proposal =
                staged.as_mut().map(|staged| std::mem::take(&mut staged.proposal)).unwrap_or_default();
            proposal.expect.append(&mut expect);
            return Ok(Prepared { index, resolved, end: pack_end, proposal });
        }
        Step::Name { id, name } => Change::Named { name: name.clone(), object: *id },
    };
    let proposal = Proposal { expect, changes: vec![change], data: Vec::new() };
    Ok(Prepared { index, resolved, end: pack_end, proposal })
}
