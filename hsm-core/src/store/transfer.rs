//! Copy, move, archive, recall, release and verify.

use super::Store;
use crate::catalog::Query;
use crate::engine::{Engine, Scope};
use crate::error::Result;
use crate::migration::{self, Transfer};
use crate::monitor::{Phase, Watch};
use crate::object::{ObjectId, Position, TierIndex};

/// Objects transferred together when a whole listing is.
const PAGE_LEN: usize = 1000;

impl Store {
    /// Makes sure that `target` holds a verified copy, read from `source` (`None`: the hottest copy). `None`
    /// where that was so already. Archiving is copying to a colder tier, recalling to a hotter one.
    ///
    /// The new copy was synced and read back from the medium when this returns, and the change is durable.
    ///
    /// # Errors
    ///
    /// `CopyNotFound` when `source` has no copy, `NoData` for an object without data, `TierReadOnly` or
    /// `TierFull` when `target` takes nothing, `Corrupt` when no whole copy could be read, or the new one came
    /// back from the medium damaged. The object is then as it was.
    pub fn copy(
        &self,
        id: ObjectId,
        source: Option<TierIndex>,
        target: TierIndex,
    ) -> Result<Option<Position>> {
        self.transfer_one(id, Transfer { source, target, release_source: false, scope: Scope::Live })
    }

    /// Copies, then drops the copy on `source`, in one change. Nothing is dropped before the new copy was read
    /// back from the medium. `None` where only `target` has a copy already.
    ///
    /// # Errors
    ///
    /// Those of [`copy`](Self::copy).
    pub fn move_object(
        &self,
        id: ObjectId,
        source: TierIndex,
        target: TierIndex,
    ) -> Result<Option<Position>> {
        self.transfer_one(
            id,
            Transfer { source: Some(source), target, release_source: true, scope: Scope::Live },
        )
    }

    /// Copies many objects; small ones share packs, syncs and commits. One answer each, in order; an object that
    /// fails does not disturb the others. A monitor that stops it is the answer of all that were not done. Memory grows with the number of ids: a listing is best done page by
    /// page.
    pub fn copy_many(
        &self,
        ids: &[ObjectId],
        source: Option<TierIndex>,
        target: TierIndex,
    ) -> Result<Vec<Result<Option<Position>>>> {
        self.transfer_all(ids, Transfer { source, target, release_source: false, scope: Scope::Live })
    }

    /// Moves many objects, as [`copy_many`](Self::copy_many) copies them.
    pub fn move_many(
        &self,
        ids: &[ObjectId],
        source: TierIndex,
        target: TierIndex,
    ) -> Result<Vec<Result<Option<Position>>>> {
        self.transfer_all(
            ids,
            Transfer { source: Some(source), target, release_source: true, scope: Scope::Live },
        )
    }

    /// Drops the copy on `tier`. `None` where there was none.
    ///
    /// # Errors
    ///
    /// `LastCopy` unless another verified copy is in reach and its files are whole by their length and digests, or
    /// `force` is given: then the bytes may be lost. What was verified is not read again; [`verify`](Self::verify)
    /// does that.
    pub fn release(&self, id: ObjectId, tier: TierIndex, force: bool) -> Result<Option<Position>> {
        let engine = self.engine();
        engine.check_writable()?;
        let mut watch = self.watch(Phase::Verify, 1, 0);
        let done = migration::release(engine, id, Scope::Live, tier, force, None, &mut watch)?;
        watch.done(1);
        Ok(done.map(|done| done.position))
    }

    /// Brings a copy back to `target` from the hottest tier that has one. `None` where it was there already.
    pub fn recall(&self, id: ObjectId, target: TierIndex) -> Result<Option<Position>> {
        self.copy(id, None, target)
    }

    /// Reads the copy on `tier` back from the medium, past the page cache where the kernel allows, and records
    /// whether it is whole. A copy that was found damaged no longer counts as verified.
    ///
    /// # Errors
    ///
    /// `Corrupt` when it is not whole, `CopyNotFound` when there is none.
    pub fn verify(&self, id: ObjectId, tier: TierIndex) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        let mut watch = self.watch(Phase::Verify, 1, 0);
        let done = migration::verify(engine, id, Scope::Live, tier, None, &mut watch)?;
        watch.done(1);
        Ok(done.position)
    }

    fn transfer_one(&self, id: ObjectId, wanted: Transfer) -> Result<Option<Position>> {
        let mut answers = self.transfer_all(&[id], wanted)?;
        answers.pop().unwrap_or(Ok(None))
    }

    fn transfer_all(&self, ids: &[ObjectId], wanted: Transfer) -> Result<Vec<Result<Option<Position>>>> {
        let engine = self.engine();
        engine.check_writable()?;
        let mut watch = self.watch(Phase::Copy, ids.len() as u64, 0);
        let answers = migration::transfer(engine, ids, wanted, None, &mut watch);
        Ok(answers.into_iter().map(|answer| answer.map(|done| done.map(|done| done.position))).collect())
    }
}

impl Engine {
    /// Moves everything off a tier, page by page, and what was removed and can be brought back with it. The first error
    /// stops it; what was moved stays moved.
    pub(super) fn drain_tier(
        &self,
        source: TierIndex,
        target: TierIndex,
        watch: &mut Watch<'_>,
    ) -> Result<u64> {
        let mut moved = 0;
        loop {
            let before = moved;
            for removed in [false, true] {
                let query = Query { removed, ..Query::tier(source) };
                moved += self.drain(&query, source, target, watch)?;
            }
            // Once more, since an object that was removed or brought back between the two looks is in neither.
            if moved == before {
                return Ok(moved);
            }
        }
    }

    fn drain(
        &self,
        query: &Query,
        source: TierIndex,
        target: TierIndex,
        watch: &mut Watch<'_>,
    ) -> Result<u64> {
        let (mut after, mut moved) = (None, 0);
        loop {
            let page = self.catalog.page(query, after.as_ref(), PAGE_LEN)?;
            let ids: Vec<ObjectId> = page.items.map(|(_, object)| object.id).collect();
            let wanted = Transfer { source: Some(source), target, release_source: true, scope: Scope::Kept };
            for answer in migration::transfer(self, &ids, wanted, None, watch) {
                match answer {
                    Ok(_) => moved += 1,
                    // Someone else purged or moved it.
                    Err(error) if error.kind() == crate::Kind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(moved);
            }
        }
    }
}
