//! Check: the catalog against itself, against the roots of the tiers, and these against it. No object is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::strays::{Stray, strays};
use super::{Store, strays};
use crate::backend::object_file::TAIL_LENGTH;
use crate::backend::{PlaceName, ReadFrom};
use crate::catalog::Query;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::integrity::BlockDigest;
use crate::migration::{Bad, Fault, Finding, Remedy};
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object, Piece, TierIndex};
use crate::tier::{Tier, place_name};

/// Objects listed together. Few in tests, so that there is more than one page.
pub(super) const OBJECTS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1000 };
/// Packs whose length is remembered, since many objects lie in one.
const PACKS_REMEMBERED_MAX: usize = 1024;

/// What [`Store::check`] does beside looking.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Whether strays are removed. None is where the index contradicts itself, since its word is not to be trusted, nor
    /// where a copy is not all there or a tier is out of reach: a stray may hold what is missing. Nor where a tier was
    /// out of reach when the store was reconciled: what is newest of an object may lie there.
    /// [`reconcile`](Store::reconcile) looks for it.
    pub remove_strays: bool,
}

/// What [`Store::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// Contradictions of the index. The first hundred are told one by one.
    pub contradictions: u64,
    /// Copies whose places were looked for.
    pub copies: u64,
    /// Of these, how many are not all there, or could not be looked at.
    pub bad: u64,
    /// Places that nothing refers to.
    pub strays: u64,
    /// Their length in bytes.
    pub stray_bytes: u64,
    /// Of these, how many were removed.
    pub removed: u64,
    /// Tiers that are out of reach, and were passed over.
    pub out_of_reach: u64,
    /// Packs that copies lie in and whose own header is damaged.
    pub damaged_packs: u64,
}

impl Checked {
    /// Whether everything that could be looked at is as it should be.
    pub fn is_clean(&self) -> bool {
        self.contradictions == 0 && self.bad == 0 && self.damaged_packs == 0 && self.strays == 0
    }
}

impl Store {
    /// Compares the index with itself, the copies it knows with the places on the tiers, and the places there with
    /// the copies. Tells `found` of what is not as it should be. Reads no object: that is what
    /// [`scrub`](Self::scrub) does. Works while the store is in use, and in a store that is read-only.
    ///
    /// Where the index cannot be read, it ends with that finding: the next open that finds no one else makes the index
    /// anew, and then there is more to say.
    ///
    /// Nothing is changed, unless `options` ask for it; an index whose pages are damaged is marked to be rebuilt, as
    /// by any call that meets that. Removing strays is safe also while others work: they are looked for among what
    /// handles left that are gone for good.
    ///
    /// # Errors
    ///
    /// `ReadOnly` where strays are to be removed and the store takes no changes. An error of `found` stops it.
    pub fn check_all(
        &self,
        options: &CheckOptions,
        mut found: impl FnMut(Finding) -> Result<()>,
    ) -> Result<Checked> {
        let engine = self.engine();
        engine.check()?;
        if options.remove_strays {
            engine.check_writable()?;
        }
        let mut check =
            Check { engine, found: &mut found, damaged_packs: BTreeSet::new(), done: Checked::default() };
        let mut watch = self.watch(Phase::Check, 0, 0);
        watch.check()?;
        if check.index()? {
            return Ok(check.done); // What it says of the tiers is worth nothing.
        }
        let tiers = check.tiers_in_reach()?;
        check.copies(&tiers, &mut watch)?;
        watch.stage(Phase::Reconcile);
        let members = || {
            let _open = self.inner.lock.lock_open()?;
            self.inner.members(engine)
        };
        let was_away = tiers.iter().any(|tier| engine.tiers.was_away(tier));
        let all_there = !was_away
            && check.done.contradictions == 0
            && check.done.bad == 0
            && check.done.out_of_reach == 0;
        let may_remove = options.remove_strays && all_there;
        check.strays(&tiers, &members, may_remove, &mut watch)?;
        Ok(check.done)
    }
}

struct Check<'a> {
    engine: &'a Engine,
    found: &'a mut dyn FnMut(Finding) -> Result<()>,
    /// Packs whose damaged header was told of.
    damaged_packs: BTreeSet<(TierIndex, PlaceName)>,
    done: Checked,
}

/// Lengths of packs, by tier and name.
pub(super) type Lengths = BTreeMap<(TierIndex, PlaceName), u64>;

impl Check<'_> {
    /// Whether the index cannot be read.
    fn index(&mut self) -> Result<bool> {
        let contradictions = self.engine.catalog.contradictions()?;
        self.done.contradictions = contradictions.count;
        for detail in contradictions.first {
            (self.found)(Finding::Index { detail })?;
        }
        Ok(contradictions.unreadable)
    }

    fn tiers_in_reach(&mut self) -> Result<Vec<Arc<Tier>>> {
        self.engine.refresh_tiers()?;
        let mut tiers = self.engine.tiers.all();
        tiers.retain(|tier| tier.config.state.is_readable());
        let mut in_reach = Vec::with_capacity(tiers.len());
        for tier in tiers {
            match tier.backend.check_root() {
                Ok(()) => in_reach.push(tier),
                Err(error) => self.out_of_reach(tier.index(), &error)?,
            }
        }
        Ok(in_reach)
    }

    fn out_of_reach(&mut self, tier: TierIndex, error: &Error) -> Result<()> {
        self.done.out_of_reach += 1;
        (self.found)(Finding::OutOfReach { tier, detail: error.to_string() })
    }

    /// Looks for the places of every copy.
    fn copies(&mut self, tiers: &[Arc<Tier>], watch: &mut Watch<'_>) -> Result<()> {
        let (begun_ns, last) = (self.engine.clock.now_ns(), self.engine.catalog.progress()?.applied.number);
        let (mut lengths, mut left) = (Lengths::new(), tiers.to_vec());
        for removed in [false, true] {
            let query = Query { removed, ..Query::default() };
            let mut after = None;
            loop {
                let page = self.engine.catalog.page(&query, after.as_ref(), OBJECTS_AT_ONCE)?;
                for (_, object) in page.items {
                    // One that came since: else a check would not end while more comes than it looks at.
                    if object.created_ns >= begun_ns && object.changed > last {
                        continue;
                    }
                    for copy in &object.copies {
                        let Some(tier) = left.iter().find(|tier| tier.index() == copy.tier).cloned() else {
                            continue;
                        };
                        match self.copy(&tier, &object, copy, &mut lengths) {
                            Err(error) if error.kind() == Kind::Offline => {
                                left.retain(|tier| tier.index() != copy.tier);
                                self.out_of_reach(copy.tier, &error)?;
                            }
                            looked => looked?,
                        }
                        watch.objects(1)?;
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

    fn copy(&mut self, tier: &Tier, object: &Object, copy: &Copy, lengths: &mut Lengths) -> Result<()> {
        self.done.copies += 1;
        for piece in copy.pieces.iter().filter(|piece| piece.packed) {
            self.header(tier, place_name(piece), lengths)?;
        }
        if look(tier, object, copy, lengths)?.is_none() {
            return Ok(());
        }
        // A copy that was dropped meanwhile, or a tier whose root was: they are looked for as they are now.
        tier.backend.check_root()?;
        let Some(now) = self.engine.catalog.object(object.id)? else { return Ok(()) };
        let is_there_yet = now.generation == object.generation
            && now.copy_on(copy.tier).is_some_and(|now| now.pieces == copy.pieces);
        if !is_there_yet {
            return Ok(());
        }
        let Some(bad) = look(tier, object, copy, lengths)? else { return Ok(()) };
        self.done.bad += 1;
        (self.found)(bad.finding(object, copy.tier, Remedy::None))
    }

    /// Looks at the header of a pack that is met for the first time.
    fn header(&mut self, tier: &Tier, place: PlaceName, lengths: &Lengths) -> Result<()> {
        let key = (tier.index(), place);
        if lengths.contains_key(&key) || self.damaged_packs.contains(&key) {
            return Ok(());
        }
        let Some(detail) = tier.pack_fault(place, ReadFrom::Anywhere)? else { return Ok(()) };
        self.damaged_packs.insert(key);
        self.done.damaged_packs += 1;
        (self.found)(Finding::Pack { tier: tier.index(), place, detail })
    }

    fn strays(
        &mut self,
        tiers: &[Arc<Tier>],
        members: strays::Members<'_>,
        remove: bool,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        for tier in tiers {
            if remove && let Err(error) = self.engine.check_is_ours(tier) {
                self.out_of_reach(tier.index(), &error)?;
                continue;
            }
            let tiers = std::slice::from_ref(tier);
            let listed = strays(self.engine, tiers, members, watch, &mut |tier, stray| {
                let Stray { tier: index, place, bytes } = stray;
                if remove {
                    let _held = self.engine.check_is_ours(tier)?;
                    tier.backend.remove(place)?;
                    tier.backend.sync_removals(&[place])?;
                    // An empty directory that stays does no harm.
                    let _ = tier.backend.forget_instance(place.instance);
                }
                self.done.strays += 1;
                self.done.stray_bytes += bytes;
                self.done.removed += u64::from(remove);
                (self.found)(Finding::Stray { tier: index, place, bytes, removed: remove })
            });
            match listed {
                Err(error) if error.kind() == Kind::Offline => self.out_of_reach(tier.index(), &error)?,
                listed => listed?,
            }
        }
        Ok(())
    }
}

/// Looks for the places of a copy; `None`: all are there and long enough.
pub(super) fn look(tier: &Tier, object: &Object, copy: &Copy, lengths: &mut Lengths) -> Result<Option<Bad>> {
    let Some(content) = &object.content else { return Ok(None) };
    for piece in &copy.pieces {
        let needed = needed_len(piece, content.block_size());
        let key = (copy.tier, place_name(piece));
        if lengths.get(&key).is_some_and(|len| *len >= needed) {
            continue;
        }
        let len = match tier.backend.length(key.1) {
            Ok(Some(len)) => len,
            Ok(None) => return Ok(Some(Bad { offset: piece.start, ..Bad::gone() })),
            Err(error) => return Bad::of(error).map(|bad| Some(Bad { offset: piece.start, ..bad })),
        };
        if len < needed {
            let detail = format!("the file that holds it has {len} bytes, at least {needed} are needed");
            return Ok(Some(Bad { fault: Fault::Missing, offset: piece.start, detail }));
        }
        if piece.packed {
            if lengths.len() >= PACKS_REMEMBERED_MAX {
                lengths.clear();
            }
            lengths.insert(key, len);
        }
    }
    Ok(None)
}

/// How long a place must be at least that holds this piece.
fn needed_len(piece: &Piece, block_size: u64) -> u64 {
    if piece.packed {
        // Zeros behind the last record may be missing.
        return piece.offset + crate::backend::pack::record_len(0) + piece.length;
    }
    let data = piece.offset + piece.length;
    data + data.div_ceil(block_size) * size_of::<BlockDigest>() as u64 + TAIL_LENGTH
}
