//! What lies on the roots and is not what the catalog knows: gathered in passes, so that memory is bounded.
//!
//! A file that waits to be removed was known once. So was a record that lies below the end that the catalog knew of its
//! pack when the store was restored (what is taken since moves that end). No time is asked: clocks are set back. Where the catalog does not refer to it, it was dropped or overwritten before the snapshot was made, or never
//! committed. It is no news, and is looked at only where an object has nothing else.

use std::collections::BTreeSet;

use super::Reconciling;
use crate::backend::PlaceName;
use crate::backend::pack::Depth;
use crate::catalog::Garbage;
use crate::error::Result;
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object, ObjectId, Piece, TierIndex};
use crate::store::survey::{Candidate, Pass, Surveyor, Unread, survey};
use crate::tier::{Tier, place_name};

/// Copies that the catalog is asked about together.
const COPIES_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 3 } else { 1000 };

impl Reconciling<'_> {
    /// Takes from the roots what is sure.
    pub(super) fn survey(&mut self, watch: &mut Watch<'_>) -> Result<()> {
        let places = super::places_on(&self.tiers)?;
        let store_id = self.engine.tiers.ground().store_id;
        let mut next = Some(Pass::default());
        while let Some(mut pass) = next.take() {
            watch.stage(Phase::Reconcile);
            watch.expect(places, 0);
            let mut differing = Differing {
                known: self,
                pass: &mut pass,
                watch: &mut *watch,
                used: 0,
                batch: Vec::new(),
                refused: BTreeSet::new(),
            };
            survey(&store_id, &differing.known.tiers, &mut differing)?;
            differing.sift()?;
            let refused = differing.refused;
            self.refused.extend(refused);
            next = pass.next();
            let copies = || pass.objects.values().flat_map(|object| &object.copies);
            watch.stage(Phase::Verify);
            watch.expect(pass.objects.len() as u64, copies().map(|copy| copy.size).sum());
            for (id, found) in pass.objects {
                self.take(id, found.copies, watch)?;
                watch.objects(1)?;
            }
            self.commit()?;
        }
        Ok(())
    }

    /// Where a pack ended for the snapshot.
    fn known_end(&self, tier: TierIndex, place: PlaceName) -> Result<u64> {
        let catalog = &self.engine.catalog;
        // Nothing was taken yet before the epoch of the restore began.
        let is_moved = !self.is_restored || super::epoch_of_the_restore(self.engine)?;
        let kept = if is_moved && self.is_new_on(tier) { catalog.known_pack(tier, place)? } else { None };
        Ok(match kept {
            Some(end) => end,
            None => catalog.pack(tier, place)?.map_or(0, |pack| pack.used),
        })
    }

    /// Whether one of an object's copies is gone, and whether one is there. What is out of reach is neither.
    fn lies(&self, object: &Object) -> Result<(bool, bool)> {
        let (mut gone, mut there) = (false, false);
        for copy in &object.copies {
            if let Some(tier) = self.tier(copy.tier) {
                let is_gone = is_gone(tier, copy)?;
                gone |= is_gone;
                there |= !is_gone;
            }
        }
        Ok((gone, there))
    }
}

/// Whether a place that a copy needs is not there.
pub(super) fn is_gone(tier: &Tier, copy: &Copy) -> Result<bool> {
    for piece in &copy.pieces {
        if tier.backend.length(place_name(piece))?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Differing<'a, 'r, 'w> {
    known: &'a Reconciling<'r>,
    pass: &'a mut Pass,
    watch: &'a mut Watch<'w>,
    /// How much of the pack that is looked at the catalog knows.
    used: u64,
    batch: Vec<(ObjectId, Candidate)>,
    /// Tiers on which something could not be read.
    refused: BTreeSet<TierIndex>,
}

impl Differing<'_, '_, '_> {
    /// Keeps of the batch what is not known.
    fn sift(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let ids: Vec<ObjectId> = batch.iter().map(|(id, _)| *id).collect();
        let objects = self.known.engine.catalog.view().objects(&ids)?;
        for ((id, copy), object) in batch.into_iter().zip(objects) {
            if let Some(copy) = self.news(object.as_ref(), copy)? {
                self.pass.add(id, copy);
            }
        }
        Ok(())
    }

    /// The copy, where it may be of use or has to be told of.
    fn news(&self, object: Option<&Object>, mut copy: Candidate) -> Result<Option<Candidate>> {
        let known = self.known;
        if !copy.is_dropped
            && let [Piece { packed: false, .. }, ..] = copy.pieces[..]
            && let Some(last) = copy.pieces.last()
        {
            let garbage = Garbage { tier: copy.tier, name: place_name(last) };
            copy.is_dropped = known.engine.catalog.is_garbage(&garbage)?;
        }
        let is_news = known.is_new_on(copy.tier) && !copy.is_dropped;
        let Some(object) = object else { return Ok(is_news.then_some(copy)) };
        let lies_there = |known: &Copy| known.pieces == copy.pieces;
        if object.copies.iter().any(lies_there) || copy.generation < object.generation {
            return Ok(None);
        }
        if copy.generation > object.generation {
            return Ok(is_news.then_some(copy));
        }
        if is_news {
            return Ok(Some(copy));
        }
        let (gone, there) = known.lies(object)?;
        let is_needed = if copy.is_dropped { gone && !there } else { gone };
        Ok(is_needed.then_some(copy))
    }
}

impl Surveyor for Differing<'_, '_, '_> {
    /// What is taken is compared before that.
    const DEPTH: Depth = Depth::Headers;

    fn begin(&mut self, tier: &Tier, place: PlaceName) -> Result<bool> {
        self.sift()?;
        self.watch.objects(1)?;
        if place.instance == self.known.own {
            return Ok(false);
        }
        self.used = if place.packed { self.known.known_end(tier.index(), place)? } else { 0 };
        Ok(true)
    }

    fn copy(&mut self, id: ObjectId, mut copy: Candidate) -> Result<()> {
        copy.is_dropped = copy.pieces.iter().any(|piece| piece.packed && piece.offset < self.used);
        self.batch.push((id, copy));
        if self.batch.len() >= COPIES_AT_ONCE { self.sift() } else { Ok(()) }
    }

    fn unread(&mut self, unread: Unread) -> Result<()> {
        // What a known copy misses, a scrub tells; what else lies there is a stray.
        self.refused.extend(unread.is_refused.then_some(unread.tier));
        Ok(())
    }
}
