//! Striking off copies that are gone: moved, released or compacted since the snapshot was made.

use super::differing::is_gone;
use super::{Reconciled, Reconciling, Settled};
use crate::catalog::{Expect, Proposal, Query};
use crate::error::{Error, Result};
use crate::journal::{Change, DropReason};
use crate::migration::{Bad, Remedy, read_copy};
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object};
use crate::store::check::{Lengths, OBJECTS_AT_ONCE, look};

impl Reconciling<'_> {
    /// Looks for the places of every copy. One that is gone is struck off where another is whole, in a store that was
    /// restored: in one that is in step it may be healed. Says how many are gone.
    pub(super) fn strike_off(&mut self, watch: &mut Watch<'_>) -> Result<u64> {
        watch.stage(Phase::Check);
        watch.expect(self.engine.catalog.tiers()?.iter().map(|usage| usage.objects).sum(), 0);
        let (begun_ns, last) = (self.engine.clock.now_ns(), self.engine.catalog.progress()?.applied.number);
        let (mut lengths, mut count) = (Lengths::new(), 0);
        for removed in [false, true] {
            let query = Query { removed, ..Query::default() };
            let mut after = None;
            loop {
                let page = self.engine.catalog.page(&query, after.as_ref(), OBJECTS_AT_ONCE)?;
                for (_, object) in page.items {
                    // One that came since: else it would not end while more comes than it looks at.
                    if object.created_ns >= begun_ns && object.changed > last {
                        continue;
                    }
                    let gone = self.gone(&object, &mut lengths)?;
                    if !gone.is_empty() {
                        count += gone.len() as u64;
                        self.without(&object, &gone, watch)?;
                    }
                    watch.objects(object.copies.len() as u64)?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        self.commit()?;
        Ok(count)
    }

    /// The copies of an object that are not where they are to be, on tiers in reach.
    fn gone<'o>(&self, object: &'o Object, lengths: &mut Lengths) -> Result<Vec<&'o Copy>> {
        let mut gone = Vec::new();
        for copy in &object.copies {
            if let Some(tier) = self.tier(copy.tier)
                && look(tier, object, copy, lengths)?.is_some()
                && is_gone(tier, copy)?
            {
                gone.push(copy);
            }
        }
        Ok(gone)
    }

    fn without(&mut self, object: &Object, gone: &[&Copy], watch: &mut Watch<'_>) -> Result<()> {
        let whole = if self.is_restored { self.whole(object, gone, watch)? } else { None };
        let Some(whole) = whole else {
            self.done.copies_missing += gone.len() as u64;
            if !self.is_restored {
                return Ok(()); // The check tells of it.
            }
            let told = gone.iter().map(|copy| Bad::gone().finding(object, copy.tier, Remedy::None));
            return told.collect::<Vec<_>>().into_iter().try_for_each(&mut *self.found);
        };
        let (id, generation) = (object.id, object.generation);
        let mut expect =
            vec![Expect::Generation(id, generation), Expect::CopyAt(id, whole.tier, whole.pieces.clone())];
        let (mut changes, mut findings) = (Vec::new(), Vec::new());
        for copy in gone {
            let tier = copy.tier;
            expect.push(Expect::CopyAt(id, tier, copy.pieces.clone()));
            changes.push(Change::CopyDropped { object: id, generation, tier, reason: DropReason::Damaged });
            findings.push(Bad::gone().finding(object, tier, Remedy::Dropped));
        }
        let done = Reconciled { copies_dropped: gone.len() as u64, ..Reconciled::default() };
        self.settle(Settled { proposal: Proposal { expect, changes, data: Vec::new() }, findings, done })
    }

    /// A copy that was read back, whole.
    fn whole<'o>(
        &self,
        object: &'o Object,
        gone: &[&Copy],
        watch: &mut Watch<'_>,
    ) -> Result<Option<&'o Copy>> {
        for copy in &object.copies {
            let is_gone = gone.iter().any(|other| other.tier == copy.tier);
            if is_gone || self.tier(copy.tier).is_none() {
                continue;
            }
            match read_copy(self.engine, object, copy, watch) {
                Ok(true) => return Ok(Some(copy)),
                Ok(false) | Err(Error::Corrupt { .. }) => {}
                Err(error) => drop(Bad::of(error)?),
            }
        }
        Ok(None)
    }
}
