//! Batches: many changes for little more than the price of their bytes.
//!
//! The bytes of all small puts go to a pack together and are synced once, and so are those of all moves, before the changes,
//! which are one group of the journal. An *atomic* batch happens wholly or not at all; otherwise each change stands for itself.

mod commit;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Store;
use super::put::{PutMode, PutOptions};
use crate::catalog::Durability;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::integrity::Digest;
use crate::journal::Updates;
use crate::migration::Staged;
use crate::object::{self, Name, ObjectId, TierIndex};
use crate::tier::{CopyWriter, Tier};

/// Bytes of small objects, attributes and keys that a batch holds in memory at most.
const BYTES_MAX: u64 = 16 << 20;
/// Changes in a batch at most.
const CHANGES_MAX: usize = 65_536;

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
    Put {
        options: Box<PutOptions>,
        fresh: ObjectId,
        digests: Vec<Digest>,
        copy: Box<CopyWriter>,
    },
    Empty {
        options: Box<PutOptions>,
        fresh: ObjectId,
    },
    Attributes {
        id: ObjectId,
        updates: Updates,
    },
    Remove {
        id: ObjectId,
    },
    /// `staged`: while it is being committed.
    Move {
        id: ObjectId,
        from: TierIndex,
        to: TierIndex,
        staged: Option<Staged>,
    },
    Name {
        id: ObjectId,
        name: Name,
    },
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

    /// Adds a move, as [`Store::move_object`] does it: its bytes are copied at the commit, small ones of many objects together,
    /// and read back from the medium before any change of the batch happens. Where only `to` has a copy already, its answer
    /// has position 0.
    ///
    /// # Errors
    ///
    /// Those of [`put`](Self::put), and `TierNotFound`.
    pub fn move_object(&mut self, id: ObjectId, from: TierIndex, to: TierIndex) -> Result<()> {
        if from == to {
            return Err(Error::invalid("target", "it is the source tier itself"));
        }
        let engine = self.store.engine();
        engine.check_writable()?;
        engine.tier(from)?;
        engine.tier(to)?;
        self.note(Some(id), None, 0)?;
        self.steps.push(Step::Move { id, from, to, staged: None });
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
}

/// Bytes of attributes and key that a put keeps in memory.
fn options_len(options: &PutOptions) -> u64 {
    let attributes = options.attributes.iter().map(|(name, value)| name.len() + value.len());
    (attributes.sum::<usize>() + options.name.as_ref().map_or(0, |name| name.key.len())) as u64
}
