//! Batches: many changes for little more than the price of their bytes.
//!
//! The bytes of all small puts go to a pack together and are synced once; the changes are one group of the
//! journal. An *atomic* batch happens wholly or not at all; otherwise each change stands for itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::Store;
use super::put::{Put, PutMode, PutOptions, Resolved};
use crate::catalog::{Durability, Expect, Proposal, View};
use crate::engine::{ATTEMPTS_MAX, Engine, is_race};
use crate::error::{Error, Result};
use crate::integrity::Digest;
use crate::journal::{Change, Subject, Updates};
use crate::monitor::{Phase, Watch};
use crate::object::{self, Content, Copy, Name, ObjectId, TierIndex};
use crate::tier::{CopyWriter, PackEnd, Tier};

/// Bytes of small objects, attributes and keys that a batch holds in memory at most.
const BYTES_MAX: u64 = 16 << 20;
/// Changes in a batch at most.
const CHANGES_MAX: usize = 65_536;

/// Puts whose sync is left to the commit, at most: after a power loss each of their records is read back.
const DEFERRED_MAX: usize = 4096;

/// Changes gathered to be committed together.
#[derive(Debug)]
pub struct Batch {
    store: Store,
    atomic: bool,
    durability: Durability,
    steps: Vec<Step>,
    bytes: u64,
    /// The tier that puts go to, as it was at the last of them, and for which of them.
    target: Option<(Option<TierIndex>, Arc<Tier>)>,
    objects: BTreeSet<ObjectId>,
    names: HashSet<Name>,
}

#[derive(Debug)]
enum Step {
    Put { options: Box<PutOptions>, fresh: ObjectId, digests: Vec<Digest>, copy: Box<CopyWriter> },
    Empty { options: Box<PutOptions>, fresh: ObjectId },
    Attributes { id: ObjectId, updates: Updates },
    Remove { id: ObjectId },
    Name { id: ObjectId, name: Name },
}

/// A step that is ready to be proposed.
struct Prepared {
    index: usize,
    resolved: Resolved,
    /// What has to be synced before.
    end: PackEnd,
    proposal: Proposal,
}

impl Store {
    /// Begins a batch. `atomic`: all of it happens, or nothing. It holds at most 65 536 changes, 16 MiB of small
    /// objects, attributes and keys together, and each object and each key once.
    pub fn batch(&self, atomic: bool, durability: Durability) -> Batch {
        Batch {
            store: self.clone(),
            atomic,
            durability,
            steps: Vec::new(),
            bytes: 0,
            target: None,
            objects: BTreeSet::new(),
            names: HashSet::new(),
        }
    }
}

impl Batch {
    /// How many changes it holds.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds a put. Small objects are held in memory until the commit, with attributes and keys 16 MiB of them at
    /// most.
    ///
    /// # Errors
    ///
    /// `Invalid` when the batch is full (commit it and begin another), or names an object or key twice.
    pub fn put(&mut self, bytes: &[u8], options: &PutOptions) -> Result<()> {
        options.check()?;
        let engine = self.store.engine().clone();
        engine.check_writable()?;
        let tier = self.target(&engine, options.tier)?;
        let small = bytes.len() as u64 <= tier.config.pack_threshold_bytes;
        let held = options_len(options) + if small { bytes.len() as u64 } else { 0 };
        self.check_room(held)?;
        let (block_shift, length) = (options.block_shift()?, bytes.len() as u64);
        let mut copy = CopyWriter::new(&engine.tiers, tier, block_shift, length, self.durability)?;
        copy.write(bytes)?;
        let mut set = options.digest_set();
        set.update(bytes);
        let digests = options.checked(set)?;
        // Last, so that a put that was refused can be added again.
        self.note(options.id, options.name.as_ref(), held)?;
        let fresh = self.store.new_id();
        self.steps.push(Step::Put {
            options: Box::new(options.clone()),
            fresh,
            digests,
            copy: Box::new(copy),
        });
        Ok(())
    }

    /// Adds an object without data, as [`Store::put_empty`] makes it: its answer is `Exists` when there is such
    /// an object already.
    pub fn put_empty(&mut self, options: &PutOptions) -> Result<()> {
        options.check()?;
        self.note(options.id, options.name.as_ref(), options_len(options))?;
        let options = Box::new(PutOptions { mode: PutMode::Create, ..options.clone() });
        self.steps.push(Step::Empty { options, fresh: self.store.new_id() });
        Ok(())
    }

    /// Adds a change of an object's attributes; `None` removes one.
    pub fn set_attributes(&mut self, id: ObjectId, updates: Updates) -> Result<()> {
        for (name, value) in &updates {
            object::check_attribute(name, value.as_deref().unwrap_or_default())?;
        }
        let length =
            |(name, value): &(String, Option<Vec<u8>>)| name.len() + value.as_ref().map_or(0, Vec::len);
        self.note(Some(id), None, updates.iter().map(length).sum::<usize>() as u64)?;
        self.steps.push(Step::Attributes { id, updates });
        Ok(())
    }

    /// Adds a removal, with the store's grace window.
    pub fn remove(&mut self, id: ObjectId) -> Result<()> {
        self.note(Some(id), None, 0)?;
        self.steps.push(Step::Remove { id });
        Ok(())
    }

    /// Adds one more name for an object.
    pub fn add_name(&mut self, id: ObjectId, name: Name) -> Result<()> {
        object::check_key(&name.key)?;
        self.note(Some(id), Some(&name), name.key.len() as u64)?;
        self.steps.push(Step::Name { id, name });
        Ok(())
    }

    /// Where the bytes of a put go. Others may change the tiers meanwhile: the commit finds that out.
    fn target(&mut self, engine: &Engine, named: Option<TierIndex>) -> Result<Arc<Tier>> {
        match &self.target {
            Some((known, tier)) if *known == named => Ok(tier.clone()),
            _ => Ok(self.target.insert((named, engine.target(named)?)).1.clone()),
        }
    }

    /// Refuses what would take more memory than a batch may.
    fn check_room(&self, more: u64) -> Result<()> {
        if self.bytes + more <= BYTES_MAX {
            return Ok(());
        }
        let detail = format!(
            "it holds {} bytes of small objects, attributes and keys, and {more} more are too many; commit it first",
            self.bytes
        );
        Err(Error::invalid("batch", detail))
    }

    /// Each object and key once: what a batch expects is checked before any of it happens. `held`: bytes that this
    /// change keeps in memory.
    fn note(&mut self, id: Option<ObjectId>, name: Option<&Name>, held: u64) -> Result<()> {
        self.check_room(held)?;
        if self.steps.len() >= CHANGES_MAX {
            return Err(Error::invalid(
                "batch",
                format!("it holds {CHANGES_MAX} changes already; commit it first"),
            ));
        }
        if let Some(id) = id.filter(|id| self.objects.contains(id)) {
            return Err(Error::invalid("batch", format!("it changes object {id} already")));
        }
        if let Some(name) = name.filter(|name| self.names.contains(name)) {
            return Err(Error::invalid(
                "batch",
                format!("it names key \"{}\" already", name.key.escape_ascii()),
            ));
        }
        self.objects.extend(id);
        self.names.extend(name.cloned());
        self.bytes += held;
        Ok(())
    }

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
        if self.atomic
            && let Some(error) = answers.iter().flatten().find_map(|answer| answer.as_ref().err().cloned())
        {
            answers.fill(Some(Err(error.clone())));
            return Ok(());
        }
        self.sync_data(engine, &mut prepared, answers);
        if self.atomic && answers.iter().any(|answer| matches!(answer, Some(Err(_)))) {
            let error = answers.iter().flatten().find_map(|answer| answer.as_ref().err().cloned());
            let error = error.unwrap_or_else(|| Error::invalid("batch", "it failed"));
            answers.fill(Some(Err(error.clone())));
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
        let (mut replaced, mut finished) = (0, 0);
        for (position, ready) in prepared.iter().enumerate() {
            let outcome = if self.atomic { &done[0] } else { &done[position] };
            // What was committed stays, whatever comes next; the other steps drop their places with themselves.
            if let (Step::Put { copy, .. }, Ok(_) | Err(Error::Closed { .. })) =
                (&mut self.steps[ready.index], outcome)
            {
                copy.keep_place();
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
        let _ = engine.note_garbage(replaced); // What cannot be removed now is removed later.
        Ok(())
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
        let unanswered = self.steps.iter().enumerate().filter(|(index, _)| answers[*index].is_none());
        unanswered.map(|(index, step)| (index, step.look_up(engine, &*view))).collect()
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
                super::attributes::check(engine, &view.live(*id)?.attributes, updates)?;
                live(*id, &[])
            }
            Self::Remove { id } => live(*id, &[]),
            Self::Name { id, name } => {
                live(*id, &[Expect::Dataset(name.dataset), Expect::NameFree(name.clone())])
            }
        }
    }

    fn lost_a_name(&self, error: &Error) -> bool {
        matches!(self, Self::Put { options, .. } if options.lost_a_name(error))
    }
}

/// Bytes of attributes and key that a put keeps in memory.
fn options_len(options: &PutOptions) -> u64 {
    let attributes = options.attributes.iter().map(|(name, value)| name.len() + value.len());
    (attributes.sum::<usize>() + options.name.as_ref().map_or(0, |name| name.key.len())) as u64
}

/// An object that two changes turned out to be about: what they expect was looked up before either.
fn changed_twice(prepared: &[Prepared]) -> Option<ObjectId> {
    let mut seen = BTreeSet::new();
    let objects = prepared.iter().flat_map(|ready| &ready.proposal.changes).filter_map(Change::object);
    let mut twice = objects.filter(|id| !seen.insert(*id));
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
        Step::Name { id, name } => Change::Named { name: name.clone(), object: *id },
    };
    let proposal = Proposal { expect, changes: vec![change], data: Vec::new() };
    Ok(Prepared { index, resolved, end: pack_end, proposal })
}
