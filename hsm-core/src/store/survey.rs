//! What the roots of tiers hold, by what the files there say of themselves: what a rebuild and a reconciliation go by.
//!
//! A [`Surveyor`] is told of every copy that a file describes, and mostly gathers them in a [`Pass`].
//! Memory is bounded whatever lies there: a pass over the roots gathers the objects with the lowest ids behind
//! those that are done with, as many as fit, and the next pass goes on behind them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backend::object_file::described::{Described, describe};
use crate::backend::pack::{Depth, PACK_HEADER_LENGTH, PackIdentity, Walked, Walker, header_fault};
use crate::backend::runs::Runs;
use crate::backend::{PlaceName, PlaceReader, ReadFrom};
use crate::catalog::{Catalog, Garbage, Places as _};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::integrity::{RootDigest, RootHasher};
use crate::journal::{self, EpochCause};
use crate::object::{Generation, ObjectId, PIECES_MAX, Piece, Place, TierIndex};
use crate::tier::{Tier, Tiers, kept, place_name};
use crate::wire::Reader;

/// Copies gathered in one pass: some 50 MiB of them. Few in tests, so that there is more than one pass.
const CANDIDATES_MAX: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1 << 18 };
/// Places that are remembered for having been synced.
const SYNCED_MAX: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1 << 16 };
/// Generations and sizes end here, by the format.
const NUMBER_MAX: u64 = i64::MAX as u64;

/// A copy of an object, as a file says.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) generation: Generation,
    pub(super) size: u64,
    pub(super) root: RootDigest,
    /// Not known of what lies in a pack.
    pub(super) block_shift: Option<u8>,
    pub(super) written_ns: TimeNs,
    pub(super) tier: TierIndex,
    pub(super) pieces: Vec<Piece>,
    /// Whether its bytes were compared with its digest.
    pub(super) is_checked: bool,
    /// Whether the catalog knew it, and knows that it was dropped or overwritten since.
    pub(super) is_dropped: bool,
}

/// A run of bytes that says of no object what it is.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) tier: TierIndex,
    pub(super) place: PlaceName,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) detail: String,
    /// Whether it could not be read: it may be whole.
    pub(super) is_refused: bool,
}

/// Who is told what lies on the roots. An error ends the survey.
pub(super) trait Surveyor {
    /// How much of a record in a pack is read.
    const DEPTH: Depth;
    /// Whether a place is looked at.
    fn begin(&mut self, tier: &Tier, place: PlaceName) -> Result<bool>;
    /// A copy that a file describes.
    fn copy(&mut self, id: ObjectId, copy: Candidate) -> Result<()>;
    /// Bytes that describe none.
    fn unread(&mut self, unread: Unread) -> Result<()>;
}

impl Candidate {
    /// The newest first; with `dropped_last` behind them what the catalog knows to be dropped, in the same way.
    pub(super) fn newest_first(candidates: &mut [Self], dropped_last: bool) {
        candidates.sort_by_key(|copy| (dropped_last && copy.is_dropped, Reverse(copy.written_ns)));
    }
}

/// All that was found of one object.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) copies: Vec<Candidate>,
    /// Copies of older generations that were left out already.
    pub(super) superseded: u64,
}

/// What one pass found, by object.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub(super) objects: BTreeMap<ObjectId, Candidates>,
    count: usize,
    /// Objects up to this one are done with.
    after: Option<ObjectId>,
    /// Objects from this one on did not fit.
    behind: Option<ObjectId>,
}

impl Pass {
    /// The next one; `None` when this was the last.
    pub(super) fn next(&self) -> Option<Self> {
        let after = self.objects.keys().next_back().copied();
        self.behind.map(|_| Self { after, ..Self::default() })
    }

    pub(super) fn is_first(&self) -> bool {
        self.after.is_none()
    }

    pub(super) fn add(&mut self, id: ObjectId, found: Candidate) {
        if self.after.is_some_and(|after| id <= after) || self.behind.is_some_and(|behind| id >= behind) {
            return;
        }
        let object = self.objects.entry(id).or_default();
        // A pack keeps what was overwritten; only what may be the newest is remembered.
        let newest = object.copies.iter().filter(|copy| copy.is_checked).map(|copy| copy.generation).max();
        if newest.is_some_and(|newest| found.generation < newest) {
            object.superseded += 1;
            return;
        }
        if found.is_checked {
            let before = object.copies.len();
            object.copies.retain(|copy| copy.generation >= found.generation);
            let dropped = before - object.copies.len();
            object.superseded += dropped as u64;
            self.count -= dropped;
        }
        object.copies.push(found);
        self.count += 1;
        while self.count > CANDIDATES_MAX && self.objects.len() > 1 {
            if let Some((last, dropped)) = self.objects.pop_last() {
                self.behind = Some(last);
                self.count -= dropped.copies.len();
            }
        }
    }
}

/// Places that were synced, so that what is found in them is not synced once for each object.
#[derive(Debug, Default)]
pub(super) struct Synced(BTreeSet<(TierIndex, PlaceName)>);

impl Synced {
    /// Syncs what a copy lies in: whoever wrote it may have died before that.
    pub(super) fn sync(&mut self, tiers: &Tiers, tier: TierIndex, pieces: &[Piece]) -> Result<()> {
        for name in pieces.iter().map(place_name) {
            if self.0.contains(&(tier, name)) {
                continue;
            }
            match tiers.sync(&Garbage { tier, name }) {
                // A file system that takes no writes has none to sync.
                Err(Error::Io { io_kind: std::io::ErrorKind::ReadOnlyFilesystem, .. }) => {}
                synced => synced?,
            }
            if self.0.len() >= SYNCED_MAX {
                self.0.clear();
            }
            self.0.insert((tier, name));
        }
        Ok(())
    }
}

/// The last epoch that the roots tell of.
pub(super) fn last_epoch(store_id: &[u8; 16], tiers: &[Arc<Tier>]) -> Result<u64> {
    let mut last = 0;
    for tier in tiers {
        let seen = tier.seen()?.map_or(0, |seen| seen.position.epoch);
        let kept = kept::all(&*tier.backend, store_id)?;
        let kept = kept.iter().map(|(stem, _)| stem.position.epoch).max().unwrap_or(0);
        last = last.max(seen).max(kept);
    }
    Ok(last)
}

/// The same of those in reach, as far as they tell.
pub(super) fn epoch_in_reach(store_id: &[u8; 16], tiers: &[Arc<Tier>]) -> u64 {
    let in_reach =
        tiers.iter().filter(|tier| tier.config.state.is_readable() && tier.backend.check_root().is_ok());
    in_reach.filter_map(|tier| last_epoch(store_id, std::slice::from_ref(tier)).ok()).max().unwrap_or(0)
}

/// Begins epochs of a restore until one is beyond this: its numbers were never given out.
pub(super) fn begin_epochs_beyond(catalog: &dyn Catalog, epoch: u64) -> Result<()> {
    while catalog.progress()?.applied.epoch <= epoch {
        catalog.begin_epoch(EpochCause::Restored)?;
    }
    Ok(())
}

/// The length of every file on the roots.
pub(super) fn length(tiers: &[Arc<Tier>]) -> Result<u64> {
    let mut total = 0_u64;
    for tier in tiers {
        for instance in tier.backend.instances()? {
            tier.backend.places(instance, 0, &mut |_, length| {
                total = total.saturating_add(length);
                Ok(())
            })?;
        }
    }
    Ok(total)
}

/// Looks at every file on the roots.
pub(super) fn survey<S: Surveyor>(store_id: &[u8; 16], tiers: &[Arc<Tier>], surveyor: &mut S) -> Result<()> {
    for tier in tiers {
        for instance in tier.backend.instances()? {
            tier.backend.places(instance, 0, &mut |name, length| {
                if !surveyor.begin(tier, name)? {
                    return Ok(());
                }
                let mut look = Look { store_id, tier, name, surveyor: &mut *surveyor };
                match look.at_place() {
                    // The file system refuses to read it: what else lies there may be whole.
                    Err(Missed::Place(error @ Error::Io { .. })) => {
                        look.unread(0, length, error.to_string(), true)
                    }
                    Err(Missed::Place(error) | Missed::Surveyor(error)) => Err(error),
                    Ok(()) => Ok(()),
                }
            })?;
        }
    }
    Ok(())
}

/// Whose error it is.
enum Missed {
    Place(Error),
    Surveyor(Error),
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        Self::Place(error)
    }
}

struct Look<'a, S> {
    store_id: &'a [u8; 16],
    tier: &'a Tier,
    name: PlaceName,
    surveyor: &'a mut S,
}

impl<S: Surveyor> Look<'_, S> {
    fn at_place(&mut self) -> Result<(), Missed> {
        let Some(place) = self.tier.backend.open(self.name, ReadFrom::Medium)? else { return Ok(()) };
        if self.name.packed { self.at_pack(&Runs::new(place)) } else { self.at_file(&*place) }
    }

    fn place(&self) -> Place {
        let PlaceName { instance, serial, .. } = self.name;
        Place { tier: self.tier.index(), instance, serial }
    }

    fn unread(&mut self, offset: u64, bytes: u64, detail: String, is_refused: bool) -> Result<()> {
        let (tier, place) = (self.tier.index(), self.name);
        self.surveyor.unread(Unread { tier, place, offset, bytes, detail, is_refused })
    }

    fn tell_unread(&mut self, offset: u64, bytes: u64, detail: &str) -> Result<(), Missed> {
        self.unread(offset, bytes, detail.to_owned(), false).map_err(Missed::Surveyor)
    }

    fn at_pack(&mut self, place: &dyn PlaceReader) -> Result<(), Missed> {
        let identity = PackIdentity { store_id: *self.store_id, place: self.place() };
        if let Some(fault) = header_fault(place, &identity)? {
            self.tell_unread(0, PACK_HEADER_LENGTH, &fault)?;
        }
        let mut walker = Walker::new(place, self.store_id, u64::MAX, S::DEPTH)?;
        while let Some(next) = walker.step()? {
            let record = match next {
                Walked::Unread { offset, length } => {
                    self.tell_unread(offset, length, "no record begins here: damaged, or never finished")?;
                    continue;
                }
                Walked::Record(record) => record,
            };
            if !is_generation(record.generation) {
                self.tell_unread(record.offset, record.length, "its generation cannot be")?;
                continue;
            }
            let (length, offset) = (record.length, record.offset);
            let piece = Piece { start: 0, length, place: identity.place, offset, packed: true };
            let candidate = Candidate {
                generation: record.generation,
                size: length,
                root: RootHasher::of_one_block(length, &record.digest),
                block_shift: None,
                written_ns: record.created_ns,
                tier: self.tier.index(),
                pieces: vec![piece],
                is_checked: record.is_whole,
                is_dropped: false,
            };
            self.surveyor.copy(record.id, candidate).map_err(Missed::Surveyor)?;
        }
        Ok(())
    }

    fn at_file(&mut self, place: &dyn PlaceReader) -> Result<(), Missed> {
        let described = describe(place, self.store_id, self.place())?;
        let usable = described.and_then(|described| {
            let pieces =
                pieces_of(&described).ok_or("it holds a part of an object, and its map is no whole")?;
            Ok((described.tail, pieces))
        });
        let (tail, pieces) = match usable {
            Ok(usable) => usable,
            Err(detail) => return self.tell_unread(0, place.len()?, &detail),
        };
        let candidate = Candidate {
            generation: tail.generation,
            size: tail.size,
            root: tail.root,
            block_shift: Some(tail.block_shift),
            written_ns: tail.created_ns,
            tier: self.tier.index(),
            pieces,
            is_checked: false,
            is_dropped: false,
        };
        self.surveyor.copy(tail.id, candidate).map_err(Missed::Surveyor)
    }
}

fn is_generation(number: u64) -> bool {
    (1..=NUMBER_MAX).contains(&number)
}

/// The pieces of the copy that a file completes. `None`: they do not make up its content.
fn pieces_of(described: &Described) -> Option<Vec<Piece>> {
    let tail = &described.tail;
    if !is_generation(tail.generation) {
        return None;
    }
    let own = Piece { start: tail.start, length: tail.length, place: tail.place, offset: 0, packed: false };
    let mut pieces = Vec::new();
    let mut map = Reader(&described.map);
    while !map.0.is_empty() {
        pieces.push(journal::read_piece(&mut map, tail.place.tier)?);
    }
    if pieces.is_empty() {
        pieces.push(own);
    }
    let mut end = 0;
    for piece in &pieces {
        let is_next = piece.start == end && piece.length > 0 && !piece.packed;
        end = is_next.then(|| end.checked_add(piece.length)).flatten()?;
    }
    // What the map says is as true as this file: it has to be one of those that are checked.
    (end == tail.size && pieces.len() <= PIECES_MAX && pieces.contains(&own)).then_some(pieces)
}
