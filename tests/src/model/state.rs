//! The model: objects, names, datasets and tiers in maps, and what each verb makes of them.
//!
//! Every verb answers as the store must: with the same value, or an error of the same kind. A verb that
//! fails changes nothing, but where its comment says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use hsm_core::clock::TimeNs;
use hsm_core::integrity::Algorithm;
use hsm_core::journal::Updates;
use hsm_core::object::{
    Attributes, DatasetId, Generation, Name, ObjectId, Position, TierConfig, TierIndex, TierState,
};
use hsm_core::{Durability, Kind, PutMode};

use super::fold::update;

/// What a verb answers.
pub type Answer<T> = Result<T, Kind>;

/// A content and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// Base-2 logarithm of the block size.
    pub block_shift: u8,
    /// Which digests are recorded.
    pub algorithms: BTreeSet<Algorithm>,
}

/// A copy on one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// When it was made.
    pub created_ns: TimeNs,
    /// When it was read back; 0: never.
    pub verified_ns: TimeNs,
    /// Whether it lies in files of its own, and not in a pack or nowhere.
    pub in_files: bool,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The change that made it.
    pub number: u64,
    /// Counts contents.
    pub generation: Generation,
    /// When it came to be.
    pub created_ns: TimeNs,
    /// When its content changed last.
    pub modified_ns: TimeNs,
    /// The last change to it.
    pub changed: u64,
    /// 0 while it lives.
    pub removed_until_ns: TimeNs,
    /// `None`: it has no data.
    pub content: Option<Content>,
    /// By tier.
    pub copies: BTreeMap<TierIndex, Copy>,
    /// As users set them.
    pub attributes: Attributes,
    /// What it is called first.
    pub name: Option<Name>,
}

/// A dataset.
#[derive(Debug, Clone)]
pub struct DatasetEntry {
    /// The change that made it.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_ns: TimeNs,
    /// As users set them.
    pub attributes: Attributes,
}

/// What a put is given.
#[derive(Debug, Clone)]
pub struct PutArguments {
    /// The object, if one is named.
    pub id: Option<ObjectId>,
    /// The key, if one is given.
    pub name: Option<Name>,
    /// Whether it must exist.
    pub mode: PutMode,
    /// Where to.
    pub tier: Option<TierIndex>,
    /// To be set.
    pub attributes: Attributes,
    /// To be computed.
    pub algorithms: Vec<Algorithm>,
    /// Whether a digest is supplied that is wrong.
    pub wrong_digest: bool,
    /// When it counts as done.
    pub durability: Durability,
    /// Bytes a block.
    pub block_size: Option<u64>,
    /// The content.
    pub bytes: Vec<u8>,
    /// Whether it is written in parts, and so always to a file.
    pub in_parts: bool,
}

/// Which object a put is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved {
    /// `None`: a new one.
    pub(super) id: Option<ObjectId>,
    pub(super) generation: Generation,
    pub(super) new: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub struct State {
    /// The epoch.
    pub epoch: u64,
    /// The number of the last change.
    pub number: u64,
    /// The number of the last change that is durable.
    pub durable: u64,
    /// The time of the next change.
    pub now_ns: TimeNs,
    /// How long removed objects stay.
    pub grace_ns: TimeNs,
    /// By id, removed ones included.
    pub objects: BTreeMap<ObjectId, Entry>,
    /// All keys.
    pub names: BTreeMap<Name, ObjectId>,
    /// By id.
    pub datasets: BTreeMap<DatasetId, DatasetEntry>,
    /// By index, retired ones included.
    pub tiers: BTreeMap<TierIndex, TierConfig>,
    /// By object, tier and owner: when each ends.
    pub pins: BTreeMap<(ObjectId, TierIndex, String), TimeNs>,
    /// Whether a verb is about removed objects, too: a drain is.
    pub looks_at_removed: bool,
}

impl State {
    /// Takes the next number.
    pub(super) fn next(&mut self, durability: Durability) -> u64 {
        self.number += 1;
        if durability == Durability::Durable {
            self.durable = self.number;
        }
        self.number
    }

    /// Where the last change stands.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, number: self.number }
    }

    /// A live object.
    pub fn live(&self, id: ObjectId) -> Answer<&Entry> {
        let is_meant = |entry: &&Entry| entry.removed_until_ns == 0 || self.looks_at_removed;
        self.objects.get(&id).filter(is_meant).ok_or(Kind::NotFound)
    }

    pub(in crate::model) fn change(&mut self, id: ObjectId, durability: Durability) -> &mut Entry {
        let number = self.next(durability);
        let entry = self.objects.get_mut(&id).expect("looked up before");
        entry.changed = number;
        entry
    }

    /// A tier in use.
    pub fn tier(&self, index: TierIndex) -> Answer<&TierConfig> {
        let in_use = |config: &&TierConfig| config.state != TierState::Retired;
        self.tiers.get(&index).filter(in_use).ok_or(Kind::NotFound)
    }

    /// Where a put goes.
    pub(super) fn target(&self, named: Option<TierIndex>) -> Answer<TierIndex> {
        let active = |config: &&TierConfig| config.state == TierState::Active;
        let found = match named {
            Some(index) => Some(self.tier(index)?).filter(active),
            None => self.tiers.values().find(active),
        };
        found.map(|config| config.index).ok_or(Kind::Refused)
    }

    /// Objects and bytes on a tier.
    pub fn usage(&self, tier: TierIndex) -> (u64, u64) {
        let there = self.objects.values().filter(|entry| entry.copies.contains_key(&tier));
        there.fold((0, 0), |(objects, bytes), entry| (objects + 1, bytes + entry.size()))
    }

    pub(super) fn room(&self, tier: TierIndex, bytes: u64) -> Answer<()> {
        let capacity = self.tiers[&tier].capacity_bytes;
        if capacity == 0 || self.usage(tier).1 + bytes <= capacity { Ok(()) } else { Err(Kind::Full) }
    }

    pub(super) fn resolve(&self, put: &PutArguments) -> Answer<Resolved> {
        let named = match &put.name {
            Some(name) if !self.datasets.contains_key(&name.dataset) => return Err(Kind::NotFound),
            Some(name) => self.names.get(name).copied(),
            None => None,
        };
        if named.is_some_and(|found| put.mode == PutMode::Create || put.id.is_some_and(|id| id != found)) {
            return Err(Kind::Exists);
        }
        let Some(id) = put.id.or(named) else {
            let fresh = Resolved { id: None, generation: 1, new: true };
            return if put.mode == PutMode::Update { Err(Kind::NotFound) } else { Ok(fresh) };
        };
        let lives = self.live(id).is_ok();
        match put.mode {
            PutMode::Create if lives => return Err(Kind::Exists),
            PutMode::Update if !lives => return Err(Kind::NotFound),
            _ => {}
        }
        let generation = self.objects.get(&id).map_or(self.number, |entry| entry.generation) + 1;
        Ok(Resolved { id: Some(id), generation, new: !lives })
    }

    /// A put; `fresh` is the id that a new object got. Answers its id and generation.
    pub fn put(&mut self, put: &PutArguments, fresh: Option<ObjectId>) -> Answer<(ObjectId, Generation)> {
        let tier = self.check_put(put)?;
        if put.in_parts && put.bytes.is_empty() || put.wrong_digest {
            return Err(Kind::Invalid);
        }
        let resolved = self.resolve(put)?;
        self.room(tier, put.bytes.len() as u64)?;
        let id = resolved.id.or(fresh).ok_or(Kind::Cancelled)?;
        self.apply_put(put, tier, id, resolved);
        Ok((id, resolved.generation))
    }

    /// What is looked at before the first byte comes.
    pub(super) fn check_put(&self, put: &PutArguments) -> Answer<TierIndex> {
        if put.mode == PutMode::Update && put.id.is_none() && put.name.is_none() {
            return Err(Kind::Invalid);
        }
        self.target(put.tier)
    }

    pub(super) fn apply_put(
        &mut self,
        put: &PutArguments,
        tier: TierIndex,
        id: ObjectId,
        resolved: Resolved,
    ) {
        let block_shift = put.block_size.map_or(20, |size| size.trailing_zeros() as u8);
        let in_files = put.in_parts || self.in_files(tier, put.bytes.len() as u64, block_shift);
        let algorithms = put.algorithms.iter().copied().collect();
        let content = Content { bytes: put.bytes.clone(), block_shift, algorithms };
        let copy = Copy { created_ns: self.now_ns, verified_ns: 0, in_files };
        self.apply_content(put, id, resolved, Some(content), BTreeMap::from([(tier, copy)]));
    }

    fn apply_content(
        &mut self,
        put: &PutArguments,
        id: ObjectId,
        resolved: Resolved,
        content: Option<Content>,
        copies: BTreeMap<TierIndex, Copy>,
    ) {
        let changed = self.next(put.durability);
        self.forget_pins(id, resolved.new);
        let before = self.objects.remove(&id).filter(|_| !resolved.new);
        let made = (changed, self.now_ns, Attributes::new(), None);
        let (number, created_ns, mut attributes, mut name) =
            before.map_or(made, |it| (it.number, it.created_ns, it.attributes, it.name));
        attributes.extend(&put.attributes);
        if let Some(new_name) = &put.name {
            self.names.insert(new_name.clone(), id);
            name.get_or_insert_with(|| new_name.clone());
        }
        let entry = Entry {
            number,
            generation: resolved.generation,
            created_ns,
            modified_ns: self.now_ns,
            changed,
            removed_until_ns: 0,
            content,
            copies,
            attributes,
            name,
        };
        self.objects.insert(id, entry);
    }

    pub(super) fn in_files(&self, tier: TierIndex, size: u64, block_shift: u8) -> bool {
        size > self.tiers[&tier].pack_threshold_bytes.min(1 << block_shift)
    }

    /// An object without data.
    pub fn put_empty(
        &mut self,
        put: &PutArguments,
        fresh: Option<ObjectId>,
    ) -> Answer<(ObjectId, Generation)> {
        if put.mode == PutMode::Update && put.id.is_none() && put.name.is_none() {
            return Err(Kind::Invalid);
        }
        let put = PutArguments { mode: PutMode::Create, ..put.clone() };
        let resolved = self.resolve(&put)?;
        let id = resolved.id.or(fresh).ok_or(Kind::Cancelled)?;
        self.apply_content(&put, id, resolved, None, BTreeMap::new());
        Ok((id, resolved.generation))
    }

    /// A put at an offset. `many_pieces`: the copy is in so many that it may be written anew.
    /// Answers the generation and, where it may have been either, leaves the tier to `found_on`.
    pub fn put_at(
        &mut self,
        id: ObjectId,
        offset: u64,
        bytes: &[u8],
        durability: Durability,
        many_pieces: bool,
        found_on: Option<TierIndex>,
    ) -> Answer<Generation> {
        let entry = self.live(id)?;
        if offset > entry.size() {
            return Err(Kind::Invalid);
        }
        if bytes.is_empty() && entry.content.is_some() {
            return Ok(entry.generation);
        }
        let before = entry.size();
        let size = before.max(offset + bytes.len() as u64);
        let patched = |tier: &TierIndex| {
            let config = &self.tiers[tier];
            config.state == TierState::Active && size > config.pack_threshold_bytes
        };
        let base = entry.copies.iter().find(|(tier, copy)| copy.in_files && patched(tier));
        let (tier, in_files) = match base {
            Some((tier, _)) if !many_pieces || found_on == Some(*tier) => {
                self.room(*tier, size - before)?;
                (*tier, true)
            }
            _ => {
                // It stays where it is, as far as it can.
                let takes_data = |tier: &&TierIndex| self.tiers[*tier].state == TierState::Active;
                let tier = self.target(entry.copies.keys().find(takes_data).copied())?;
                if entry.content.is_some() && entry.copies.is_empty() {
                    return Err(Kind::Offline);
                }
                self.room(tier, size)?;
                let block_shift = entry.content.as_ref().map_or(20, |content| content.block_shift);
                (tier, self.in_files(tier, size, block_shift))
            }
        };
        let now_ns = self.now_ns;
        let entry = self.change(id, durability);
        let mut content = entry.content.take().unwrap_or(Content {
            bytes: Vec::new(),
            block_shift: 20,
            algorithms: BTreeSet::new(),
        });
        content.bytes.resize(size as usize, 0);
        content.bytes[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        content.algorithms.clear();
        entry.content = Some(content);
        entry.copies = BTreeMap::from([(tier, Copy { created_ns: now_ns, verified_ns: 0, in_files })]);
        entry.generation += 1;
        entry.modified_ns = now_ns;
        Ok(entry.generation)
    }

    /// The bytes of a live object.
    pub fn get(&self, id: ObjectId) -> Answer<&[u8]> {
        let entry = self.live(id)?;
        let content = entry.content.as_ref().ok_or(Kind::NotFound)?;
        if entry.copies.is_empty() { Err(Kind::Offline) } else { Ok(&content.bytes) }
    }

    /// Removes an object for as long as the grace window is open.
    pub fn remove(&mut self, id: ObjectId) -> Answer<()> {
        self.remove_for(id, self.grace_ns)
    }

    pub(super) fn remove_for(&mut self, id: ObjectId, grace_ns: TimeNs) -> Answer<()> {
        self.live(id)?;
        self.names.retain(|_, named| *named != id);
        let until_ns = self.now_ns + grace_ns;
        self.change(id, Durability::Durable).removed_until_ns = until_ns;
        Ok(())
    }

    /// Removes an object for good.
    pub fn purge(&mut self, id: ObjectId) -> Answer<()> {
        if !self.objects.contains_key(&id) {
            return Err(Kind::NotFound);
        }
        let _ = self.remove_for(id, 0);
        self.next(Durability::Durable);
        self.objects.remove(&id);
        Ok(())
    }

    /// Brings a removed object back.
    pub fn undelete(&mut self, id: ObjectId) -> Answer<Option<Name>> {
        let now_ns = self.now_ns;
        let in_window = |entry: &&Entry| entry.removed_until_ns > now_ns;
        let entry = self.objects.get(&id).filter(in_window).ok_or(Kind::NotFound)?;
        let free = |name: &Name| self.datasets.contains_key(&name.dataset) && !self.names.contains_key(name);
        let name = entry.name.clone().filter(free);
        let entry = self.change(id, Durability::Durable);
        entry.removed_until_ns = 0;
        entry.name.clone_from(&name);
        self.names.extend(name.clone().map(|name| (name, id)));
        Ok(name)
    }

    /// Purges what is over. Answers how many.
    pub fn maintain(&mut self) -> u64 {
        let is_over = |entry: &Entry| entry.removed_until_ns != 0 && entry.removed_until_ns <= self.now_ns;
        let over: Vec<ObjectId> =
            self.objects.iter().filter(|(_, entry)| is_over(entry)).map(|(id, _)| *id).collect();
        for id in &over {
            self.next(Durability::Durable);
            self.objects.remove(id);
        }
        over.len() as u64
    }

    /// Sets attributes of an object.
    pub fn set_attributes(&mut self, id: ObjectId, updates: &Updates) -> Answer<()> {
        self.live(id)?;
        update(&mut self.change(id, Durability::Durable).attributes, updates);
        Ok(())
    }

    /// Sets attributes of a dataset.
    pub fn set_dataset_attributes(&mut self, id: DatasetId, updates: &Updates) -> Answer<()> {
        update(&mut self.datasets.get_mut(&id).ok_or(Kind::NotFound)?.attributes, updates);
        self.next(Durability::Durable);
        Ok(())
    }

    /// Gives a name more.
    pub fn add_name(&mut self, id: ObjectId, name: &Name) -> Answer<()> {
        self.live(id)?;
        if !self.datasets.contains_key(&name.dataset) {
            return Err(Kind::NotFound);
        }
        if self.names.contains_key(name) {
            return Err(Kind::Exists);
        }
        self.names.insert(name.clone(), id);
        self.change(id, Durability::Durable).name.get_or_insert_with(|| name.clone());
        Ok(())
    }

    /// Takes a name away.
    pub fn remove_name(&mut self, name: &Name) -> Answer<()> {
        let id = self.names.remove(name).ok_or(Kind::NotFound)?;
        let others = self.names.iter().filter(|(_, named)| **named == id).map(|(name, _)| name);
        let next = others.min_by_key(|name| (self.datasets[&name.dataset].number, &name.key)).cloned();
        let entry = self.change(id, Durability::Durable);
        if entry.name.as_ref() == Some(name) {
            entry.name = next;
        }
        Ok(())
    }

    /// Makes a dataset; `fresh` is the id it got.
    pub fn create_dataset(
        &mut self,
        name: &str,
        attributes: &Attributes,
        fresh: Option<DatasetId>,
    ) -> Answer<DatasetId> {
        if self.datasets.values().any(|dataset| dataset.name == name) {
            return Err(Kind::Exists);
        }
        let id = fresh.ok_or(Kind::Cancelled)?;
        let number = self.next(Durability::Durable);
        let (name, attributes, created_ns) = (name.to_owned(), attributes.clone(), self.now_ns);
        self.datasets.insert(id, DatasetEntry { number, name, created_ns, attributes });
        Ok(id)
    }

    /// Removes a dataset without keys.
    pub fn remove_dataset(&mut self, id: DatasetId) -> Answer<()> {
        if !self.datasets.contains_key(&id) {
            return Err(Kind::NotFound);
        }
        if self.names.keys().any(|name| name.dataset == id) {
            return Err(Kind::Exists);
        }
        self.next(Durability::Durable);
        self.datasets.remove(&id);
        for entry in self.objects.values_mut() {
            entry.name = entry.name.take().filter(|name| name.dataset != id);
        }
        Ok(())
    }
}
