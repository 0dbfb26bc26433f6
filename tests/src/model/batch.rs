//! The model of batches.

use std::collections::BTreeSet;

use hsm_core::journal::Updates;
use hsm_core::object::{Name, ObjectId};
use hsm_core::{Durability, Kind};

use super::state::{Answer, PutArguments, Resolved, State};

/// One change of a batch.
#[derive(Debug, Clone)]
pub enum Item {
    /// A put.
    Put(PutArguments),
    /// A change of attributes.
    Attributes(ObjectId, Updates),
    /// A removal.
    Remove(ObjectId),
    /// One more name.
    Name(ObjectId, Name),
}

/// The id and generation of a put, and the number of the change.
pub(super) type Done = (Option<(ObjectId, u64)>, u64);

/// What a batch has named already.
#[derive(Debug, Default)]
pub(super) struct Noted {
    objects: BTreeSet<ObjectId>,
    names: BTreeSet<Name>,
}

impl Item {
    fn id(&self) -> Option<ObjectId> {
        match self {
            Self::Put(put) => put.id,
            Self::Attributes(id, _) | Self::Remove(id) | Self::Name(id, _) => Some(*id),
        }
    }

    fn name(&self) -> Option<&Name> {
        match self {
            Self::Put(put) => put.name.as_ref(),
            Self::Name(_, name) => Some(name),
            _ => None,
        }
    }
}

impl Noted {
    /// Adds a change to a batch.
    pub(super) fn add(&mut self, state: &State, item: &Item) -> Answer<()> {
        if let Item::Put(put) = item {
            state.check_put(put)?;
        }
        if matches!(item, Item::Put(put) if put.wrong_digest) {
            return Err(Kind::Invalid);
        }
        let known = item.id().is_some_and(|id| self.objects.contains(&id))
            || item.name().is_some_and(|name| self.names.contains(name));
        if known {
            return Err(Kind::Invalid);
        }
        self.objects.extend(item.id());
        self.names.extend(item.name().cloned());
        Ok(())
    }
}

impl State {
    /// The object that an item is about, where it is there already.
    pub fn object_of(&self, item: &Item) -> Option<ObjectId> {
        match item {
            Item::Put(put) => self.resolve(put).ok().and_then(|resolved| resolved.id),
            _ => item.id(),
        }
    }

    /// Commits a batch; `fresh` are the ids of its answers. Answers the id and generation of each put, and
    /// the position of each change.
    pub fn batch(
        &mut self,
        items: &[Item],
        atomic: bool,
        durability: Durability,
        fresh: &[Option<ObjectId>],
    ) -> Vec<Answer<Done>> {
        let resolved: Vec<Answer<Option<Resolved>>> = items
            .iter()
            .map(|item| match item {
                Item::Put(put) => self.resolve(put).map(Some),
                Item::Attributes(id, _) => self.live(*id).map(|_| None),
                Item::Remove(_) | Item::Name(..) => Ok(None),
            })
            .collect();
        if atomic && let Err(kind) = self.check_atomic(items, &resolved) {
            return items.iter().map(|_| Err(kind)).collect();
        }
        let mut answers = Vec::new();
        for ((item, resolved), fresh) in items.iter().zip(resolved).zip(fresh) {
            let answer = resolved.and_then(|resolved| self.apply_item(item, resolved, durability, *fresh));
            answers.push(answer.map(|put| (put, self.number)));
        }
        if atomic {
            answers.iter_mut().flatten().for_each(|(_, number)| *number = self.number);
        }
        answers
    }

    /// An atomic batch is looked at as a whole before any of it happens.
    fn check_atomic(&self, items: &[Item], resolved: &[Answer<Option<Resolved>>]) -> Answer<()> {
        let mut objects = BTreeSet::new();
        for (item, _) in items.iter().zip(resolved).filter(|(_, resolved)| resolved.is_ok()) {
            if self.object_of(item).is_some_and(|id| !objects.insert(id)) {
                return Err(Kind::Invalid);
            }
        }
        for resolved in resolved {
            (*resolved)?;
        }
        let mut bytes = std::collections::BTreeMap::<u8, u64>::new();
        for item in items {
            match item {
                Item::Put(put) => {
                    let tier = self.target(put.tier)?;
                    let sum = bytes.entry(tier).or_default();
                    *sum += put.bytes.len() as u64;
                    self.room(tier, *sum)?;
                }
                Item::Attributes(id, _) | Item::Remove(id) => drop(self.live(*id)?),
                Item::Name(id, name) => self.check_name(*id, name)?,
            }
        }
        Ok(())
    }

    fn check_name(&self, id: ObjectId, name: &Name) -> Answer<()> {
        self.live(id)?;
        self.datasets.get(&name.dataset).ok_or(Kind::NotFound)?;
        if self.names.contains_key(name) { Err(Kind::Exists) } else { Ok(()) }
    }

    fn apply_item(
        &mut self,
        item: &Item,
        resolved: Option<Resolved>,
        durability: Durability,
        fresh: Option<ObjectId>,
    ) -> Answer<Option<(ObjectId, u64)>> {
        // The verbs themselves are durable at once; in a batch that is said for all.
        let durable = self.durable;
        match item {
            Item::Put(put) => {
                let resolved = resolved.ok_or(Kind::Cancelled)?;
                let tier = self.target(put.tier)?;
                self.room(tier, put.bytes.len() as u64)?;
                let id = resolved.id.or(fresh).ok_or(Kind::Cancelled)?;
                self.apply_put(&PutArguments { durability, ..put.clone() }, tier, id, resolved);
                return Ok(Some((id, resolved.generation)));
            }
            Item::Attributes(id, updates) => self.set_attributes(*id, updates)?,
            Item::Remove(id) => self.remove(*id)?,
            Item::Name(id, name) => self.add_name(*id, name)?,
        }
        if durability == Durability::Relaxed {
            self.durable = durable;
        }
        Ok(None)
    }
}
