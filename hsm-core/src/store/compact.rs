//! Compaction: packs in which little lives are rewritten, so that a store with many removals wastes a bounded space.

use std::sync::Arc;

use super::Store;
use crate::backend::PlaceName;
use crate::error::{Kind, Result};
use crate::migration::{CompactOptions, Compacted, Compaction, Finder, Finding, is_about_a_tier};
use crate::monitor::{Phase, Watch};
use crate::tier::Tier;

/// Packs rewritten before those that are empty then are removed: how much more room it takes while it runs. Few in
/// tests, so that there is more than one page of them.
const PACKS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 2 } else { 4 };

impl Store {
    /// Rewrites packs in which few bytes live: what lives is written to other places of the same tier, synced, read back
    /// from the medium and committed, many objects together; then the packs are removed. Works while the store is in use.
    ///
    /// Afterwards, for each tier that was not passed over, the records of each pack take at most
    /// `100 / live_percent_min` times the bytes that live in it: as much waste as life with the default of 50. Not counted
    /// are packs that a handle still appends to (two a tier and handle, each up to the tier's pack size), packs of other
    /// handles that are open, which compact their own, and packs with damaged records. While it runs it takes up to four packs'
    /// worth of room more.
    ///
    /// Tells `found` of copies that are damaged, which stay where they are, and of tiers that were passed over, with the
    /// reason: out of reach, not active, or full. What was moved before stays moved. In the feed each object is a
    /// [`CopyRelocated`](crate::journal::Change::CopyRelocated).
    ///
    /// A snapshot on a tier knows objects where they were when it was made: make a new one after a compaction. For that
    /// reason [`maintain`](Self::maintain) does not compact.
    ///
    /// # Errors
    ///
    /// `ReadOnly` where the store takes no changes, `TierNotFound` for a tier that there is not, `Invalid` for a
    /// percentage that is none. An error of `found` stops it.
    pub fn compact(
        &self,
        options: &CompactOptions,
        mut found: impl FnMut(Finding) -> Result<()>,
    ) -> Result<Compacted> {
        self.engine().check_writable()?;
        options.check()?;
        let mut watch = self.watch(Phase::Copy, 0, 0);
        watch.pace(options.bytes_a_second);
        // What an earlier one emptied that was stopped.
        let mut emptied = Compacted::default();
        self.remove_emptied(&mut emptied, &mut watch)?;
        let done = self.compact_watched(options, &mut watch, &mut found)?;
        Ok(Compacted {
            packs_removed: emptied.packs_removed + done.packs_removed,
            bytes_removed: emptied.bytes_removed + done.bytes_removed,
            ..done
        })
    }

    pub(super) fn compact_watched(
        &self,
        options: &CompactOptions,
        watch: &mut Watch<'_>,
        found: Finder<'_>,
    ) -> Result<Compacted> {
        let engine = self.engine();
        engine.refresh_tiers()?;
        let tiers = match options.tier {
            Some(index) => vec![engine.tiers.get(index)?],
            None => engine.tiers.all(),
        };
        let mut done = Compacted::default();
        for tier in tiers {
            match self.compact_tier(&tier, options, &mut done, watch, found) {
                Err(error) if is_about_a_tier(&error) => {
                    done.tiers_passed_over += 1;
                    found(Finding::OutOfReach { tier: tier.index(), detail: error.to_string() })?;
                }
                compacted => compacted?,
            }
        }
        Ok(done)
    }

    fn compact_tier(
        &self,
        tier: &Arc<Tier>,
        options: &CompactOptions,
        done: &mut Compacted,
        watch: &mut Watch<'_>,
        found: Finder<'_>,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let begin = after;
            let compacted = self.compact_page(tier, options, &mut after, done, watch, found);
            match compacted {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // What was moved before it was full may have emptied packs, and these make room.
                Err(error) if error.kind() == Kind::Full => {
                    if self.remove_emptied(done, watch)? == 0 {
                        return Err(error);
                    }
                    after = begin;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Rewrites the packs of one page behind `after`. `false`: there are no more.
    fn compact_page(
        &self,
        tier: &Arc<Tier>,
        options: &CompactOptions,
        after: &mut Option<PlaceName>,
        done: &mut Compacted,
        watch: &mut Watch<'_>,
        found: Finder<'_>,
    ) -> Result<bool> {
        let (engine, index) = (self.engine(), tier.index());
        let percent = options.live_percent_min;
        let mut page = engine.catalog.sparse_packs(index, percent, *after, PACKS_AT_ONCE)?;
        let Some(last) = page.last() else { return Ok(false) };
        *after = Some(last.name);
        self.retain_done(engine, &mut page)?;
        if page.is_empty() {
            return Ok(true);
        }
        let mut compaction = Compaction::new(engine, tier.clone());
        let outcome = compaction.run(&page, watch, found);
        done.objects += compaction.moved.objects;
        done.bytes += compaction.moved.bytes;
        outcome?;
        for pack in &page {
            match engine.catalog.pack(index, pack.name)?.map_or(0, |pack| pack.live_objects) {
                0 => done.packs += 1,
                left => done.copies_left += left,
            }
        }
        self.remove_emptied(done, watch)?;
        Ok(true)
    }

    fn remove_emptied(&self, done: &mut Compacted, watch: &mut Watch<'_>) -> Result<u64> {
        watch.phase(Phase::Reclaim);
        let removed = self.remove_empty_packs(self.engine(), watch)?;
        done.packs_removed += removed.packs;
        done.bytes_removed += removed.bytes;
        Ok(removed.packs)
    }
}
