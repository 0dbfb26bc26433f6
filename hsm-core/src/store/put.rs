//! Put: new content under an id or a name, whole or not at all.

use std::io::{self, Read, Write};

use super::Store;
use crate::catalog::{Committed, Durability, Expect, Proposal, View};
use crate::engine::{ATTEMPTS_MAX, Engine, is_race};
use crate::error::{Error, Kind, Result};
use crate::integrity::{Algorithm, Digest, DigestSet};
use crate::journal::{Change, Updates};
use crate::migration::Attendant;
use crate::monitor::{Phase, Watch};
use crate::object::{
    self, Attributes, BLOCK_SHIFT_DEFAULT, Content, Copy, DIGESTS_MAX, Generation, Name, ObjectId, Position,
    SIZE_MAX, TierIndex,
};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::{CopyWriter, Written};

/// Bytes read at once from a caller's reader or file.
pub(super) const RUN_LEN: usize = 1 << 20;

/// Whether the object must exist before a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PutMode {
    /// It may: it is created, or gets a new generation.
    #[default]
    Upsert,
    /// It must not: else `Exists`.
    Create,
    /// It must: else `ObjectNotFound` or `KeyNotFound`.
    Update,
}

/// What to put where. The default makes a new object with an id of our choice on the hottest active tier.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// The object; `None`: the one that has `name`, or a new one.
    pub id: Option<ObjectId>,
    /// A dataset and a key there. The object has that name afterwards.
    pub name: Option<Name>,
    /// Whether it must exist.
    pub mode: PutMode,
    /// The generation that the object must have, live, when the put is committed: else `Conflict`, and nothing is stored. So
    /// what was made of that generation replaces no other.
    pub over: Option<Generation>,
    /// The tier; `None`: the hottest that is active.
    pub tier: Option<TierIndex>,
    /// Attributes to set with it. Others that an existing object has stay.
    pub attributes: Attributes,
    /// Digests to compute and record.
    pub digests: Vec<Algorithm>,
    /// Digests that the content must have: else `DigestMismatch`, and nothing is stored. They are recorded.
    pub expected: Vec<Digest>,
    /// When the put counts as done.
    pub durability: Durability,
    /// Bytes a block, for checksums: a power of two from 4 KiB to 64 MiB. `None`: 1 MiB.
    pub block_size: Option<u64>,
    /// About how many bytes will come, if that is known: room is looked for before the first is written.
    pub size_hint: u64,
}

/// What a put did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// The object.
    pub id: ObjectId,
    /// The generation that its content now is.
    pub generation: Generation,
    /// Where the change stands in the journal.
    pub position: Position,
}

/// Which object a put turned out to be for, and what must still hold when it is committed.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) id: ObjectId,
    pub(super) generation: Generation,
    pub(super) new: bool,
    /// Places of the generation before, which this put makes garbage.
    pub(super) replaced: usize,
    pub(super) expect: Vec<Expect>,
}

impl PutOptions {
    /// A put of a new generation of `id`, or of a new object with that id.
    pub fn id(id: ObjectId) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    /// A put under a name.
    pub fn name(name: Name) -> Self {
        Self { name: Some(name), ..Self::default() }
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(name) = &self.name {
            object::check_key(&name.key)?;
        }
        object::check_attributes(&self.attributes)?;
        if self.digests.len() + self.expected.len() > DIGESTS_MAX {
            return Err(Error::invalid("digests", format!("more than {DIGESTS_MAX} of them")));
        }
        if self.mode == PutMode::Update && self.id.is_none() && self.name.is_none() {
            return Err(Error::invalid("put", "an update needs an id or a name"));
        }
        if self.over.is_some() && (self.mode == PutMode::Create || self.id.is_none() && self.name.is_none()) {
            return Err(Error::invalid("put", "over a generation of what: it needs an object that exists"));
        }
        Ok(())
    }

    pub(super) fn block_shift(&self) -> Result<u8> {
        self.block_size.map_or(Ok(BLOCK_SHIFT_DEFAULT), object::check_block_size)
    }

    pub(super) fn updates(&self) -> Updates {
        self.attributes.iter().map(|(name, value)| (name.to_owned(), Some(value.to_vec()))).collect()
    }

    /// The change that makes an object without data.
    pub(super) fn change_without_data(&self, resolved: &Resolved) -> Change {
        Change::Put {
            object: resolved.id,
            generation: resolved.generation,
            content: None,
            copies: Vec::new(),
            attributes: self.updates(),
            name: self.name.clone(),
            new: true,
        }
    }

    pub(super) fn digest_set(&self) -> DigestSet {
        DigestSet::new(self.digests.iter().copied().chain(self.expected.iter().map(Digest::algorithm)))
    }

    /// The digests to record, once they match what was expected.
    pub(super) fn checked(&self, digests: DigestSet) -> Result<Vec<Digest>> {
        digests.check(&self.expected)
    }

    /// Whether someone else gave the name or id away between our look and our commit, and that is no matter.
    pub(super) fn lost_a_name(&self, error: &Error) -> bool {
        self.mode == PutMode::Upsert
            && matches!(error.kind(), Kind::Exists | Kind::NotFound)
            && !matches!(error, Error::DatasetNotFound { .. } | Error::TierNotFound { .. })
    }

    /// Looks up which object is meant. `fresh`: the id for a new one.
    pub(super) fn resolve(&self, view: &dyn View, fresh: ObjectId) -> Result<Resolved> {
        let named = match &self.name {
            Some(name) => {
                if !view.has_dataset(name.dataset)? {
                    return Err(Error::DatasetNotFound { name: name.dataset.to_string() });
                }
                view.resolve(name)?
            }
            None => None,
        };
        if let (Some(name), Some(found)) = (&self.name, named)
            && (self.mode == PutMode::Create || self.id.is_some_and(|id| id != found))
        {
            return Err(Error::Exists { what: format!("key \"{}\"", name.key.escape_ascii()) });
        }
        let mut expect = Vec::new();
        if let Some(name) = &self.name {
            expect.push(Expect::Dataset(name.dataset));
            match named {
                Some(id) => expect.push(Expect::NameIs(name.clone(), id)),
                None => expect.push(Expect::NameFree(name.clone())),
            }
        }
        let Some(id) = self.id.or(named) else {
            return match (&self.mode, &self.name) {
                (_, Some(name)) if self.over.is_some() => {
                    Err(Error::Conflict { what: format!("key \"{}\"", name.key.escape_ascii()) })
                }
                (PutMode::Update, Some(name)) => Err(Error::KeyNotFound {
                    dataset: name.dataset.to_string(),
                    key: name.key.escape_ascii().to_string(),
                }),
                _ => Ok(Resolved { id: fresh, generation: 1, new: true, replaced: 0, expect }),
            };
        };
        let found = view.object(id)?;
        let live = found.as_ref().filter(|object| !object.is_removed());
        match (self.mode, live) {
            (PutMode::Create, Some(_)) => return Err(Error::Exists { what: format!("object {id}") }),
            (PutMode::Update, None) => return Err(Error::ObjectNotFound { id }),
            _ => {}
        }
        if self.over.is_some_and(|over| live.is_none_or(|object| object.generation != over)) {
            return Err(Error::Conflict { what: format!("object {id}") });
        }
        if let Some(live) = live.filter(|_| !self.attributes.is_empty()) {
            let mut together = live.attributes.clone();
            together.extend(&self.attributes);
            object::check_attributes(&together)?;
        }
        expect.push(Expect::Generation(id, found.as_ref().map_or(0, |object| object.generation)));
        expect.push(if live.is_some() { Expect::Live(id) } else { Expect::NotLive(id) });
        // An id that was purged leaves nothing behind, so a new life of one that a caller chose begins above
        // every number that the earlier life can have had.
        let generation = match &found {
            Some(object) => object.generation + 1,
            None => view.applied()?.number + 1,
        };
        let replaced = found.iter().flat_map(|object| &object.copies).map(|copy| copy.pieces.len()).sum();
        Ok(Resolved { id, generation, new: live.is_none(), replaced, expect })
    }
}

impl Store {
    /// Stores `bytes` as an object: a new one, or the next generation of the one that `options` name. Copies of the
    /// generation before, on whatever tiers, are dropped with it. On an error nothing changed.
    ///
    /// # Errors
    ///
    /// `Exists`, `ObjectNotFound` or `KeyNotFound` by [`PutMode`], `DigestMismatch`, `TierReadOnly`, `TierFull`.
    pub fn put(&self, bytes: &[u8], options: &PutOptions) -> Result<Put> {
        let options = PutOptions { size_hint: bytes.len() as u64, ..options.clone() };
        let (mut watch, mut writer) = self.watched_writer(&options)?;
        let run = if watch.is_watched() { RUN_LEN } else { bytes.len().max(1) };
        for run in bytes.chunks(run) {
            writer.add_watched(run, &mut watch)?;
        }
        writer.commit_watched(&mut watch)
    }

    /// Stores what a reader yields until its end, in runs of at most 1 MiB.
    ///
    /// # Errors
    ///
    /// `Cancelled` when the reader fails; and those of [`put`](Self::put).
    pub fn put_reader(&self, mut reader: impl Read, options: &PutOptions) -> Result<Put> {
        let (mut watch, mut writer) = self.watched_writer(options)?;
        let mut buffer = vec![0; RUN_LEN];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return writer.commit_watched(&mut watch),
                Ok(read) => writer.add_watched(&buffer[..read], &mut watch)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Cancelled { reason: format!("the source failed: {error}") }),
            }
        }
    }

    /// Makes an object without data: attributes and a name alone. It can be given data later.
    ///
    /// # Errors
    ///
    /// `Exists` when there is such an object already.
    pub fn put_empty(&self, options: &PutOptions) -> Result<Put> {
        options.check()?;
        let options = PutOptions { mode: PutMode::Create, ..options.clone() };
        options.check()?; // What comes to be has no generation that it could be put over.
        let engine = self.engine();
        engine.check_writable()?;
        let fresh = self.new_id();
        for attempt in 0.. {
            let resolved = options.resolve(&*engine.catalog.view(), fresh)?;
            let change = options.change_without_data(&resolved);
            match engine.commit_one(resolved.expect, vec![change], options.durability) {
                Err(error) if is_race(&error) && attempt < ATTEMPTS_MAX => {}
                answer => {
                    let Committed { position, .. } = answer?;
                    return Ok(Put { id: resolved.id, generation: resolved.generation, position });
                }
            }
        }
        Err(Error::Conflict { what: "the object".to_owned() })
    }

    pub(super) fn watched_writer(&self, options: &PutOptions) -> Result<(Watch<'_>, Writer)> {
        let mut watch = self.watch(Phase::Put, 1, options.size_hint);
        watch.check()?;
        Ok((watch, self.writer(options)?))
    }

    /// Begins a put whose bytes come piece by piece. Nothing is visible before [`Writer::commit`]; a writer
    /// that is dropped leaves nothing.
    pub fn writer(&self, options: &PutOptions) -> Result<Writer> {
        options.check()?;
        let engine = self.engine();
        engine.check_writable()?;
        let tier = engine.target(options.tier)?;
        let (block_shift, durability) = (options.block_shift()?, options.durability);
        let copy = CopyWriter::new(&engine.tiers, tier, block_shift, options.size_hint, durability)?;
        Ok(Writer {
            store: self.clone(),
            fresh: self.new_id(),
            digests: options.digest_set(),
            options: options.clone(),
            copy,
            failed: None,
        })
    }
}

/// A put under way.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    options: PutOptions,
    fresh: ObjectId,
    pub(super) copy: CopyWriter,
    pub(super) digests: DigestSet,
    /// A write that failed left a hole: the put cannot be committed any more.
    failed: Option<Error>,
}

impl Writer {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.copy.len().saturating_add(bytes.len() as u64) > SIZE_MAX {
            return Err(Error::invalid("size", "an object has at most 2^63 - 1 bytes"));
        }
        self.store.engine().check()?;
        if let Err(error) = self.copy.write(bytes) {
            self.failed = Some(error.clone());
            return Err(error);
        }
        self.digests.update(bytes);
        Ok(())
    }

    pub(super) fn add_watched(&mut self, bytes: &[u8], watch: &mut Watch<'_>) -> Result<()> {
        self.add(bytes)?;
        watch.bytes(bytes.len() as u64)
    }

    pub(super) fn commit_watched(self, watch: &mut Watch<'_>) -> Result<Put> {
        watch.check()?;
        let put = self.commit()?;
        watch.done(1);
        Ok(put)
    }

    /// How many bytes came so far.
    pub fn len(&self) -> u64 {
        self.copy.len()
    }

    /// Whether none came so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Publishes what was written as the object's next generation.
    pub fn commit(self) -> Result<Put> {
        self.commit_with(None, None)
    }

    /// The same, with what an attendant joins to it. With `read_back` the copy is read back from the medium before.
    pub(super) fn commit_with(
        mut self,
        attendant: Option<&dyn Attendant>,
        mut read_back: Option<&mut Watch<'_>>,
    ) -> Result<Put> {
        let engine = self.store.engine().clone();
        engine.check_writable()?;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let digests = self.options.checked(std::mem::take(&mut self.digests))?;
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let resolved = self.options.resolve(&*engine.catalog.view(), self.fresh)?;
            match self.try_commit(&engine, &resolved, &digests, attendant, read_back.as_deref_mut()) {
                Ok(committed) => {
                    self.copy.keep();
                    let put = Put {
                        id: resolved.id,
                        generation: resolved.generation,
                        position: committed.position,
                    };
                    // Failing to remove garbage is no failure of the put: it is tried again later.
                    let _ = engine.note_garbage(resolved.replaced);
                    return Ok(put);
                }
                Err(error @ Error::Closed { .. }) => {
                    self.copy.keep(); // The journal may refer to it.
                    return Err(error);
                }
                Err(error) => {
                    if let Some(target) = engine.new_target(self.options.tier, self.copy.tier(), &error)? {
                        self.copy.move_to(target)?;
                    } else if !is_race(&error) && !self.options.lost_a_name(&error) {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::Conflict { what: "the object".to_owned() }))
    }

    fn try_commit(
        &mut self,
        engine: &Engine,
        resolved: &Resolved,
        digests: &[Digest],
        attendant: Option<&dyn Attendant>,
        read_back: Option<&mut Watch<'_>>,
    ) -> Result<Committed> {
        let (written, end) = self.copy.finish(resolved.id, resolved.generation)?;
        let tier = self.copy.tier().index();
        let data = if mutant(Mutant::CommitBeforeData) {
            Vec::new()
        } else if read_back.is_some() {
            engine.note_sync(tier, self.copy.sync(&end)).map(|()| Vec::new())?
        } else {
            engine.note_sync(tier, self.copy.sync_or_defer(&end))?
        };
        let (expect, mut change) = self.proposal(resolved, written, digests)?;
        if let Some(watch) = read_back {
            super::adopt::read_back(engine, resolved, &mut change, watch)?;
        }
        let mut proposal = Proposal { expect, changes: vec![change], data };
        if let Some(attendant) = attendant {
            attendant.joins(resolved.id, &mut proposal)?;
        }
        let committed = engine.commit_proposal(proposal, self.options.durability)?;
        if mutant(Mutant::CommitBeforeData) {
            engine.note_sync(tier, self.copy.sync(&end))?;
        }
        Ok(committed)
    }

    fn proposal(
        &self,
        resolved: &Resolved,
        written: Written,
        digests: &[Digest],
    ) -> Result<(Vec<Expect>, Change)> {
        let tier = self.copy.tier();
        let mut expect = resolved.expect.clone();
        expect.push(Expect::TierWritable(tier.index(), tier.config.incarnation));
        if tier.config.capacity_bytes != 0 {
            expect.push(Expect::TierRoom(tier.index(), written.size));
        }
        let content = Content {
            size: written.size,
            block_shift: self.options.block_shift()?,
            root: written.root,
            digests: digests.to_vec(),
        };
        let copy = Copy { tier: tier.index(), created_ns: 0, verified_ns: 0, pieces: written.pieces };
        let change = Change::Put {
            object: resolved.id,
            generation: resolved.generation,
            content: Some(content),
            copies: vec![copy],
            attributes: self.options.updates(),
            name: self.options.name.clone(),
            new: resolved.new,
        };
        Ok((expect, change))
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    /// Does nothing: bytes become visible, and durable, with the commit.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
