//! Remove and undelete.

use super::Store;
use crate::catalog::{Durability, Expect};
use crate::engine::{ATTEMPTS_MAX, Engine, is_race};
use crate::error::{Error, Kind, Result};
use crate::journal::Change;
use crate::object::{Name, Object, ObjectId, Position};

impl Store {
    /// Removes an object, with all its names. Until the grace window of the store is over it can be brought
    /// back with [`undelete`](Self::undelete); then its bytes are reclaimed.
    pub fn remove(&self, id: ObjectId) -> Result<Position> {
        let grace_ns = self.engine().grace_ns;
        self.remove_for(id, grace_ns)
    }

    /// Removes an object at once and for good, removed before or not.
    pub fn purge(&self, id: ObjectId) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        match engine.catalog.object(id)? {
            Some(object) if object.is_removed() => {
                let expect = vec![Expect::Removed(id)];
                let done =
                    engine.commit_one(expect, vec![Change::Purged { object: id }], Durability::Durable)?;
                let _ = engine.reclaim(); // What cannot be removed now is removed later.
                Ok(done.position)
            }
            Some(_) => self.remove_for(id, 0),
            None => Err(Error::ObjectNotFound { id }),
        }
    }

    fn remove_for(&self, id: ObjectId, grace_ns: i64) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        let done = engine.commit_proposal(engine.removal(id, grace_ns), Durability::Durable)?;
        if grace_ns == 0 {
            let _ = engine.reclaim(); // What cannot be removed now is removed later.
        }
        Ok(done.position)
    }

    /// Brings a removed object back: its content, its attributes, and its first name if that is still free.
    /// Returns the name it has again.
    ///
    /// # Errors
    ///
    /// `ObjectNotFound` when it was never there, is alive, or its grace window is over.
    pub fn undelete(&self, id: ObjectId) -> Result<Option<Name>> {
        let engine = self.engine();
        engine.check_writable()?;
        for attempt in 0.. {
            let now_ns = engine.clock.now_ns();
            let is_kept = |object: &Object| object.is_removed() && object.removed_until_ns > now_ns;
            let object = engine.catalog.object(id)?.filter(is_kept).ok_or(Error::ObjectNotFound { id })?;
            let name = free_name(engine, &object)?;
            let mut expect = vec![Expect::Removed(id)];
            if let Some(name) = &name {
                expect.push(Expect::Dataset(name.dataset));
                expect.push(Expect::NameFree(name.clone()));
            }
            let change = Change::Undeleted { object: id, name: name.clone() };
            match engine.commit_one(expect, vec![change], Durability::Durable) {
                Err(error) if attempt < ATTEMPTS_MAX && (is_race(&error) || error.kind() == Kind::Exists) => {
                }
                done => return done.map(|_| name),
            }
        }
        Err(Error::ObjectNotFound { id })
    }
}

/// The name an object had when it was removed, if no other has it now.
fn free_name(engine: &Engine, object: &Object) -> Result<Option<Name>> {
    let Some(name) = &object.name else { return Ok(None) };
    if engine.catalog.dataset(name.dataset)?.is_none() || engine.catalog.resolve(name)?.is_some() {
        return Ok(None);
    }
    Ok(Some(name.clone()))
}
