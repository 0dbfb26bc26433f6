//! Compaction: packs in which little lives are rewritten, so that a store with many removals wastes a bounded space.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Store;
use super::check::OBJECTS_AT_ONCE;
use crate::backend::PlaceName;
use crate::catalog::Query;
use crate::error::{Error, Kind, Result};
use crate::migration::{
    Bad, CompactOptions, Compacted, Compaction, Finder, Finding, Remedy, is_about_a_tier, read_copy,
};
use crate::monitor::{Phase, Watch};
use crate::object::{ObjectId, Piece};
use crate::tier::{Tier, place_name};

/// Packs rewritten before those that are empty then are removed: how much more room it takes while it runs. Few in
/// tests, so that there is more than one page of them.
const PACKS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 2 } else { 4 };

/// How far the packs of a tier were gone through, and what stayed in them.
#[derive(Default)]
struct Pages {
    /// The last pack of the page before.
    after: Option<PlaceName>,
    /// Packs that something stays in.
    left: BTreeSet<PlaceName>,
    /// Objects that were told of.
    told: BTreeSet<ObjectId>,
}

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
    /// Tells `found` of copies that are damaged or gone, which stay where they are, and of tiers that were passed over, with the
    /// reason: out of reach, not active, or full. What was moved before stays moved. In the feed each object is a
    /// [`CopyRelocated`](crate::journal::Change::CopyRelocated).
    ///
    /// A snapshot on a tier knows objects where they were when it was made, and [`reconcile`](Self::reconcile) has to find what was
    /// moved since: make a new one after a compaction. For that reason [`maintain`](Self::maintain) does not compact.
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
        if self.engine().tiers.was_away(tier) {
            let detail = "it was out of reach when the store was reconciled; reconcile again".to_owned();
            return Err(Error::TierOffline { tier: tier.index(), detail });
        }
        let mut pages = Pages::default();
        loop {
            let begin = pages.after;
            let compacted = self.compact_page(tier, options, &mut pages, done, watch, found);
            match compacted {
                Ok(true) => {}
                Ok(false) => return self.tell_left(tier, &pages, watch, found),
                // What was moved before it was full may have emptied packs, and these make room.
                Err(error) if error.kind() == Kind::Full => {
                    if self.remove_emptied(done, watch)? == 0 {
                        return Err(error);
                    }
                    pages.after = begin;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Rewrites the packs of the next page. `false`: there are no more.
    fn compact_page(
        &self,
        tier: &Arc<Tier>,
        options: &CompactOptions,
        pages: &mut Pages,
        done: &mut Compacted,
        watch: &mut Watch<'_>,
        found: Finder<'_>,
    ) -> Result<bool> {
        let (engine, index) = (self.engine(), tier.index());
        let percent = options.live_percent_min;
        let mut page = engine.catalog.sparse_packs(index, percent, pages.after, PACKS_AT_ONCE)?;
        let Some(last) = page.last() else { return Ok(false) };
        pages.after = Some(last.name);
        self.retain_done(engine, &mut page)?;
        if page.is_empty() {
            return Ok(true);
        }
        let mut compaction = Compaction::new(engine, tier.clone());
        let outcome = compaction.run(&page, watch, &mut |finding| {
            if let Finding::Copy { object, .. } = &finding {
                pages.told.insert(*object);
            }
            found(finding)
        });
        done.objects += compaction.moved.objects;
        done.bytes += compaction.moved.bytes;
        outcome?;
        for pack in &page {
            match engine.catalog.pack(index, pack.name)?.map_or(0, |pack| pack.live_objects) {
                0 => done.packs += 1,
                left => {
                    done.copies_left += left;
                    pages.left.insert(pack.name);
                }
            }
        }
        self.remove_emptied(done, watch)?;
        Ok(true)
    }

    /// Tells of copies that stay in a pack that was to be rewritten and were not met there: the pack is gone or cut off,
    /// or the header of their record is damaged.
    fn tell_left(&self, tier: &Tier, pages: &Pages, watch: &mut Watch<'_>, found: Finder<'_>) -> Result<()> {
        if pages.left.is_empty() {
            return Ok(());
        }
        let (engine, index) = (self.engine(), tier.index());
        for removed in [false, true] {
            let query = Query { removed, ..Query::tier(index) };
            let mut after = None;
            loop {
                let page = engine.catalog.page(&query, after.as_ref(), OBJECTS_AT_ONCE)?;
                for (_, object) in page.items {
                    watch.check()?;
                    let Some(copy) = object.copy_on(index) else { continue };
                    let is_left = |piece: &Piece| piece.packed && pages.left.contains(&place_name(piece));
                    if !copy.pieces.iter().any(is_left) || pages.told.contains(&object.id) {
                        continue;
                    }
                    let bad = match read_copy(engine, &object, copy, watch) {
                        Ok(true) => continue, // It changed while its pack was rewritten.
                        Ok(false) => Bad::gone(),
                        Err(error) => Bad::of(error)?,
                    };
                    // What lies on another disk in this one's place says nothing of the copy.
                    tier.backend.check_root()?;
                    if engine.catalog.object(object.id)?.is_some_and(|now| now.changed == object.changed) {
                        found(bad.finding(&object, index, Remedy::None))?;
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn remove_emptied(&self, done: &mut Compacted, watch: &mut Watch<'_>) -> Result<u64> {
        watch.phase(Phase::Reclaim);
        let removed = self.remove_empty_packs(self.engine(), watch)?;
        done.packs_removed += removed.packs;
        done.bytes_removed += removed.bytes;
        Ok(removed.packs)
    }
}
