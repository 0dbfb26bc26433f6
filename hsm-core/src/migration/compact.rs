//! Moving what lives in packs to other places of the same tier, so that the packs can go.
//!
//! It goes the way of a move: read, each byte checked, write, sync, read back from the medium, commit. The commit expects
//! each copy to lie where it was read, so it undoes nothing that came meanwhile; an object that was put, moved or
//! purged since is passed over. Nothing is removed here: a pack in which nothing lives any more is, by who called.
//!
//! A pack is read from front to back, and the catalog asked which of its records live. A record that is damaged stays
//! where it is, and so does its pack. The objects of one round are written in the order of their datasets and keys.

use std::sync::Arc;

use super::finding::{Bad, Finding, Remedy};
use super::transfer::{self, Ready};
use super::window::Window;
use crate::backend::ReadFrom;
use crate::backend::pack::{Depth, Found, Walked, Walker};
use crate::backend::runs::Runs;
use crate::catalog::{Durability, Expect, PackUsage, Proposal};
use crate::engine::{Engine, is_race};
use crate::error::{Error, Kind, Result};
use crate::journal::Change;
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object, ObjectId, Place, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::{Tier, place_name};

/// Objects and bytes that are moved together at most: one round of write, sync, verify, commit. Few in tests, so that
/// there is more than one.
const OBJECTS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1000 };
const BYTES_AT_ONCE: u64 = 16 << 20;
/// Records that the catalog is asked about together.
const RECORDS_AT_ONCE: usize = 1000;

/// Which packs [`Store::compact`](crate::Store::compact) rewrites, and how.
#[derive(Debug, Clone, Copy)]
pub struct CompactOptions {
    /// Only packs on this tier.
    pub tier: Option<TierIndex>,
    /// Packs are rewritten in which less than this many percent of the bytes live, 1 to 100; 50 by default. With 50,
    /// packs waste at most as much as lives in them; with 100, nothing, at the price of moving nearly everything.
    pub live_percent_min: u8,
    /// At most so many bytes a second are read; 0: as many as can be. The calling thread sleeps.
    pub bytes_a_second: u64,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self { tier: None, live_percent_min: 50, bytes_a_second: 0 }
    }
}

impl CompactOptions {
    pub(crate) fn check(&self) -> Result<()> {
        if (1..=100).contains(&self.live_percent_min) {
            return Ok(());
        }
        Err(Error::invalid(
            "options",
            format!("live_percent_min is {}; it is 1 to 100", self.live_percent_min),
        ))
    }
}

/// What [`Store::compact`](crate::Store::compact) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Packs that everything was moved out of.
    pub packs: u64,
    /// Objects that were moved.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that were removed: those, and others in which nothing lived.
    pub packs_removed: u64,
    /// The bytes that they took.
    pub bytes_removed: u64,
    /// Copies that stay in a pack that was to be rewritten: they are damaged or could not be read.
    pub copies_left: u64,
    /// Tiers that were passed over, or given up on the way.
    pub tiers_passed_over: u64,
}

/// What takes findings.
pub(crate) type Finder<'f> = &'f mut dyn FnMut(Finding) -> Result<()>;

/// What was moved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

/// A compaction of some packs of one tier.
#[derive(Debug)]
pub(crate) struct Compaction<'a> {
    engine: &'a Engine,
    tier: Arc<Tier>,
    /// What lives in packs that were read and was not moved yet.
    waiting: Vec<Object>,
    waiting_bytes: u64,
    pub(crate) moved: Moved,
}

impl<'a> Compaction<'a> {
    pub(crate) fn new(engine: &'a Engine, tier: Arc<Tier>) -> Self {
        Self { engine, tier, waiting: Vec::new(), waiting_bytes: 0, moved: Moved::default() }
    }

    /// Moves what lives in these packs, to which nobody appends any more.
    pub(crate) fn run(
        &mut self,
        packs: &[PackUsage],
        watch: &mut Watch<'_>,
        found: Finder<'_>,
    ) -> Result<()> {
        self.tier.check_writable(0)?;
        self.tier.backend.check_root()?;
        for pack in packs {
            self.pack(pack, watch, found)?;
        }
        self.flush(watch, found)
    }

    fn pack(&mut self, pack: &PackUsage, watch: &mut Watch<'_>, found: Finder<'_>) -> Result<()> {
        watch.phase(Phase::Copy);
        watch.check()?;
        let Some(place) = self.tier.backend.open(pack.name, ReadFrom::Anywhere)? else { return Ok(()) };
        let place = Runs::new(place);
        let store_id = self.engine.tiers.ground().store_id;
        // What cannot be read stays: the catalog says afterwards what that is.
        let Ok(mut walker) = Walker::new(&place, &store_id, pack.used, Depth::Headers) else { return Ok(()) };
        loop {
            let mut records = Vec::new();
            let mut is_done = false;
            while records.len() < RECORDS_AT_ONCE && !is_done {
                match walker.step() {
                    Ok(Some(Walked::Record(record))) => records.push(record),
                    Ok(Some(Walked::Unread { .. })) => {}
                    Ok(None) | Err(_) => is_done = true,
                }
            }
            for object in self.living(pack, &records)? {
                self.waiting_bytes += object.size();
                self.waiting.push(object);
                if self.waiting.len() >= OBJECTS_AT_ONCE || self.waiting_bytes >= BYTES_AT_ONCE {
                    self.flush(watch, found)?;
                }
            }
            if is_done {
                return Ok(());
            }
        }
    }

    /// The objects, live or removed, whose copies these records are.
    fn living(&self, pack: &PackUsage, records: &[Found]) -> Result<Vec<Object>> {
        let PackUsage { tier, name, .. } = *pack;
        let place = Place { tier, instance: name.instance, serial: name.serial };
        let ids: Vec<ObjectId> = records.iter().map(|record| record.id).collect();
        let objects = self.engine.catalog.view().objects(&ids)?;
        let lies_there = |object: &Object, record: &Found| {
            object.copy_on(tier).is_some_and(|copy| match copy.pieces[..] {
                [piece] => piece.packed && piece.place == place && piece.offset == record.offset,
                _ => false,
            })
        };
        let found = objects.into_iter().zip(records);
        Ok(found.filter_map(|(object, record)| object.filter(|object| lies_there(object, record))).collect())
    }

    /// Moves what waits.
    fn flush(&mut self, watch: &mut Watch<'_>, found: Finder<'_>) -> Result<()> {
        let mut objects = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        objects.sort_unstable_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut ready = Vec::with_capacity(objects.len());
        for object in objects {
            watch.phase(Phase::Copy);
            watch.check()?;
            ready.extend(self.write(object, watch, found)?);
        }
        if mutant(Mutant::PackRemovedEarly) {
            self.remove_sources_early(&ready);
        }
        watch.phase(Phase::Verify);
        for copy in &ready {
            watch.check()?;
            self.engine.note_sync(self.tier.index(), copy.writer.sync(&copy.end))?;
        }
        let mut window = Window::default();
        for copy in &ready {
            transfer::verify(self.engine, copy, &mut window, watch)?;
        }
        self.commit(ready, watch)
    }

    /// Writes an object's bytes anew. `None`: it lies elsewhere by now, or is damaged and stays.
    fn write(&self, object: Object, watch: &mut Watch<'_>, found: Finder<'_>) -> Result<Option<Ready>> {
        let (engine, index) = (self.engine, self.tier.index());
        let Some(content) = &object.content else { return Ok(None) };
        match engine.try_copy(&object, content, index, ReadFrom::Anywhere) {
            // The record was read and checked when it was opened: what fails from here on is the writing.
            Ok(Some(reader)) => {
                transfer::write(engine, object, &reader, index, self.tier.clone(), watch).map(Some)
            }
            Ok(None) => Ok(None),
            Err(error) => {
                let bad = Bad::of(error)?;
                // What lies on another disk in this one's place says nothing of the copy.
                self.tier.backend.check_root()?;
                if engine.catalog.object(object.id)?.is_some_and(|now| now.changed == object.changed) {
                    found(bad.finding(&object, index, Remedy::None))?;
                }
                Ok(None)
            }
        }
    }

    fn commit(&mut self, ready: Vec<Ready>, watch: &mut Watch<'_>) -> Result<()> {
        if ready.is_empty() {
            return Ok(());
        }
        let proposals = ready.iter().map(|copy| self.proposal(copy)).collect();
        let answers = match self.engine.commit(proposals, Durability::Durable) {
            Ok(answers) => answers,
            Err(error) => ready.iter().map(|_| Err(error.clone())).collect(),
        };
        let (mut failed, mut done) = (None, Moved::default());
        for (copy, answer) in ready.into_iter().zip(answers) {
            if matches!(&answer, Ok(_) | Err(Error::Closed { .. })) {
                copy.writer.keep();
            }
            match answer {
                Ok(_) => {
                    done.objects += 1;
                    done.bytes += copy.written.size;
                }
                // It was put, moved or purged since it was read.
                Err(Error::ObjectNotFound { .. }) => {}
                Err(error) if is_race(&error) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        self.moved.objects += done.objects;
        self.moved.bytes += done.bytes;
        watch.done(done.objects);
        failed.map_or(Ok(()), Err)
    }

    fn proposal(&self, ready: &Ready) -> Proposal {
        let (id, generation, tier) = (ready.object.id, ready.object.generation, self.tier.index());
        let source = ready.object.copy_on(tier).map(|copy| copy.pieces.clone()).unwrap_or_default();
        // The times are the group's; 1 says that it was verified.
        let copy = Copy { tier, created_ns: 0, verified_ns: 1, pieces: ready.written.pieces.clone() };
        Proposal {
            expect: vec![
                Expect::Generation(id, generation),
                Expect::CopyAt(id, tier, source),
                Expect::TierWritable(tier, self.tier.config.incarnation),
            ],
            changes: vec![Change::CopyRelocated { object: id, generation, copy }],
            data: Vec::new(),
        }
    }

    /// What a careless compaction would do. Only tests come here.
    fn remove_sources_early(&self, ready: &[Ready]) {
        let copies = ready.iter().filter_map(|copy| copy.object.copy_on(self.tier.index()));
        for piece in copies.flat_map(|copy| &copy.pieces) {
            let _ = self.tier.backend.remove(place_name(piece));
        }
    }
}

/// Whether an error says only that nothing can be moved on one tier now.
pub(crate) fn is_about_a_tier(error: &Error) -> bool {
    matches!(error, Error::TierReadOnly { .. } | Error::TierNotFound { .. })
        || matches!(error.kind(), Kind::Offline | Kind::Full | Kind::Io | Kind::Corrupt)
}
