//! Reading every copy back from the medium, and healing what is damaged.
//!
//! Tier by tier; within one, in runs of objects in the order of their arrival, and within a run in the
//! order of their places: so packs are read from front to back. What was found whole is noted in relaxed changes,
//! many together, so that a scrub costs next to no sync; what was found damaged, in a durable one.

use std::collections::BTreeSet;

use super::finding::{Bad, Fault, Finding, Remedy};
use super::heal::{Healing, heal};
use super::window::{Window, read_copy};
use crate::backend::ReadFrom;
use crate::catalog::{Durability, Expect, Proposal, Query};
use crate::clock::TimeNs;
use crate::engine::{ATTEMPTS_MAX, Engine, is_race, verify_from};
use crate::error::{Error, Kind, Result};
use crate::journal::Change;
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object, Piece, Place, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::place_name;

/// Objects listed, and ordered by their places, together. Few in tests, so that there is more than one run.
const OBJECTS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1000 };
/// Copies that are noted together, and bytes that are read before that: what has to be read again after a crash. Few in
/// tests, so that a crash comes between two notes.
const NOTED_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 2 } else { 1000 };
const NOTED_AFTER_BYTES: u64 = 1 << 30;

/// What [`Store::scrub`](crate::Store::scrub) reads, and how.
#[derive(Debug, Clone, Default)]
pub struct ScrubOptions {
    /// Only copies on this tier.
    pub tier: Option<TierIndex>,
    /// Passes over copies that were verified at this time or later, and not in the future. To go on with a scrub that was stopped, give the
    /// time when it began.
    pub not_verified_since: Option<TimeNs>,
    /// At most so many bytes a second; 0: as many as can be. The calling thread sleeps.
    pub bytes_a_second: u64,
    /// Whether damaged copies are replaced from others that are whole.
    pub heal: bool,
}

/// What [`Store::scrub`](crate::Store::scrub) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// Copies that are whole.
    pub whole: u64,
    /// Copies that were verified lately, or would have to be recalled first, and were not read.
    pub passed_over: u64,
    /// Copies that are not whole, or could not be read; those that were healed too.
    pub bad: u64,
    /// Of these, how many were replaced.
    pub healed: u64,
    /// Of these, how many could not be, since no other copy is whole.
    pub lost: u64,
    /// Packs that copies lie in and whose own header is damaged.
    pub damaged_packs: u64,
}

/// What takes findings.
type Found<'f> = &'f mut dyn FnMut(Finding) -> Result<()>;

/// Scrubs. What was found whole before an error stays noted.
pub(crate) fn scrub(
    engine: &Engine,
    options: &ScrubOptions,
    watch: &mut Watch<'_>,
    found: Found<'_>,
) -> Result<Scrubbed> {
    engine.refresh_tiers()?;
    let since = (engine.clock.now_ns(), engine.catalog.progress()?.applied.number);
    let notes = engine.read_only.read().is_none();
    let mut scrub = Scrub {
        engine,
        options,
        notes,
        since,
        done: Scrubbed::default(),
        whole: Vec::new(),
        unnoted_bytes: 0,
        window: Window::default(),
        pack: None,
        damaged_packs: BTreeSet::new(),
        offline: 0,
    };
    for tier in engine.tiers.all() {
        let is_meant = options.tier.is_none_or(|meant| meant == tier.index());
        if !is_meant || !tier.config.state.is_readable() {
            continue;
        }
        scrub.offline = 0;
        let read = tier.backend.check_root().and_then(|()| scrub.tier(tier.index(), watch, found));
        scrub.note_whole()?;
        if scrub.offline > 0 {
            let detail = format!(
                "{} copies on it are offline; recall them and scrub while they are readable",
                scrub.offline
            );
            found(Finding::OutOfReach { tier: tier.index(), detail })?;
        }
        match read {
            Err(error) if error.kind() == Kind::Offline => {
                found(Finding::OutOfReach { tier: tier.index(), detail: error.to_string() })?;
            }
            read => read?,
        }
    }
    Ok(scrub.done)
}

struct Scrub<'a> {
    engine: &'a Engine,
    options: &'a ScrubOptions,
    /// Whether the store takes notes: one that is read-only is only read.
    notes: bool,
    /// When it began, and the last change then.
    since: (TimeNs, u64),
    done: Scrubbed,
    /// What was found whole and is not noted yet.
    whole: Vec<Proposal>,
    unnoted_bytes: u64,
    window: Window,
    /// The pack whose header was looked at last.
    pack: Option<Place>,
    /// Packs whose damaged header was told of.
    damaged_packs: BTreeSet<Place>,
    /// Copies on the tier that it is at that would have to be recalled.
    offline: u64,
}

impl Scrub<'_> {
    fn tier(&mut self, tier: TierIndex, watch: &mut Watch<'_>, found: Found<'_>) -> Result<()> {
        for removed in [false, true] {
            let query = Query { removed, ..Query::tier(tier) };
            let mut after = None;
            loop {
                let page = self.engine.catalog.page(&query, after.as_ref(), OBJECTS_AT_ONCE)?;
                let mut objects: Vec<Object> = page.items.map(|(_, object)| object).collect();
                objects.sort_unstable_by_key(|object| {
                    let first = object.copy_on(tier).and_then(|copy| copy.pieces.first());
                    first.map(|piece| (piece.place, piece.offset))
                });
                for object in objects {
                    if self.object(object, tier, watch, found)? {
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

    /// Reads one copy, again where the object changed meanwhile. `false`: there is none that is meant.
    fn object(
        &mut self,
        mut object: Object,
        tier: TierIndex,
        watch: &mut Watch<'_>,
        found: Found<'_>,
    ) -> Result<bool> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(copy) = object.copy_on(tier).cloned() else { return Ok(false) };
            // One that came since: else a scrub would not end while more comes than it reads.
            if copy.created_ns >= self.since.0 && object.changed > self.since.1 {
                return Ok(false);
            }
            // What was verified in the future was by a clock that went wrong: it says nothing.
            let now_ns = self.engine.clock.now_ns();
            let lately = |since| copy.is_verified() && (since..=now_ns).contains(&copy.verified_ns);
            let is_readable = self.engine.tier(tier)?.readiness(&copy).is_readable();
            if is_readable {
                // Those too whose copies were read before it was stopped: only who stopped was told of them.
                for piece in copy.pieces.iter().filter(|piece| piece.packed) {
                    self.header(piece, found)?;
                }
            }
            if self.options.not_verified_since.is_some_and(lately) {
                self.done.passed_over += 1;
                return Ok(true);
            }
            if !is_readable {
                self.offline += 1;
                self.done.passed_over += 1;
                return Ok(true);
            }
            watch.phase(Phase::Verify);
            let first = match self.read(&object, &copy, watch) {
                // It could be a moment ago.
                Err(Error::Delayed { .. }) => continue,
                read => read?,
            };
            let Some(first) = first else {
                return self.found_whole(&object, &copy).map(|()| true);
            };
            // What is said of a copy is said of it as it is now, after a second look.
            let now = self.engine.catalog.object(object.id)?;
            let changed = now.as_ref().is_none_or(|now| now.changed != object.changed);
            if !changed {
                self.window = Window::default();
                let Some(second) = self.read(&object, &copy, watch)? else {
                    return self.found_whole(&object, &copy).map(|()| true);
                };
                let bad = if first.fault == Fault::Unreadable { second } else { first };
                match self.found_bad(&object, &copy, bad, watch, found) {
                    Err(error) if is_race(&error) => {}
                    done => return done.map(|()| true),
                }
            }
            let Some(now) = self.engine.catalog.object(object.id)? else { return Ok(false) };
            object = now;
        }
        Ok(false)
    }

    /// Looks at the header of a pack that is met anew.
    fn header(&mut self, piece: &Piece, found: Found<'_>) -> Result<()> {
        if self.pack.replace(piece.place) == Some(piece.place) || self.damaged_packs.contains(&piece.place) {
            return Ok(());
        }
        let tier = self.engine.tier(piece.place.tier)?;
        let place = place_name(piece);
        let Some(detail) = tier.pack_fault(place, verify_from())? else { return Ok(()) };
        tier.backend.check_root()?;
        self.damaged_packs.insert(piece.place);
        self.done.damaged_packs += 1;
        found(Finding::Pack { tier: tier.index(), place, detail })
    }

    /// Reads a copy; `None`: it is whole.
    fn read(&mut self, object: &Object, copy: &Copy, watch: &mut Watch<'_>) -> Result<Option<Bad>> {
        if mutant(Mutant::ScrubReadsTails)
            && let Some(content) = &object.content
            && let Ok(Some(_)) = self.engine.try_copy(object, content, copy.tier, ReadFrom::Anywhere)
        {
            return Ok(None);
        }
        match read_copy(self.engine, object, copy, &mut self.window, watch) {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(Bad::gone())),
            Err(error) => {
                let bad = Bad::of(error)?;
                // What lies on another disk in this one's place says nothing of the copy.
                self.engine.tier(copy.tier)?.backend.check_root()?;
                Ok(Some(bad))
            }
        }
    }

    fn expect(object: &Object, copy: &Copy) -> Vec<Expect> {
        vec![
            Expect::Generation(object.id, object.generation),
            Expect::CopyAt(object.id, copy.tier, copy.pieces.clone()),
        ]
    }

    fn verdict(object: &Object, copy: &Copy, whole: bool) -> Change {
        let Object { id, generation, .. } = object;
        Change::CopyVerified { object: *id, generation: *generation, tier: copy.tier, whole }
    }

    fn found_whole(&mut self, object: &Object, copy: &Copy) -> Result<()> {
        self.done.whole += 1;
        if !self.notes {
            return Ok(());
        }
        let changes = vec![Self::verdict(object, copy, true)];
        self.whole.push(Proposal { expect: Self::expect(object, copy), changes, data: Vec::new() });
        self.unnoted_bytes += object.size();
        if self.whole.len() >= NOTED_AT_ONCE || self.unnoted_bytes >= NOTED_AFTER_BYTES {
            self.note_whole()?;
        }
        Ok(())
    }

    fn note_whole(&mut self) -> Result<()> {
        self.unnoted_bytes = 0;
        if self.whole.is_empty() {
            return Ok(());
        }
        for answer in self.engine.commit(std::mem::take(&mut self.whole), Durability::Relaxed)? {
            match answer {
                // It changed since it was read.
                Err(error) if is_race(&error) => {}
                answer => drop(answer?),
            }
        }
        Ok(())
    }

    fn found_bad(
        &mut self,
        object: &Object,
        copy: &Copy,
        mut bad: Bad,
        watch: &mut Watch<'_>,
        found: Found<'_>,
    ) -> Result<()> {
        if self.notes && copy.is_verified() && bad.fault != Fault::Unreadable {
            let changes = vec![Self::verdict(object, copy, false)];
            self.engine.commit_one(Self::expect(object, copy), changes, Durability::Durable)?;
        }
        let mut remedy = Remedy::None;
        if self.options.heal {
            match heal(self.engine, object, copy.tier, watch)? {
                Healing::Done => remedy = Remedy::Healed,
                Healing::NoGoodCopy if bad.fault == Fault::Unreadable => {}
                Healing::NoGoodCopy => remedy = Remedy::Lost,
                Healing::NotNow(why) => bad.detail = format!("{}; not healed: {why}", bad.detail),
            }
        }
        self.done.bad += 1;
        self.done.healed += u64::from(remedy == Remedy::Healed);
        self.done.lost += u64::from(remedy == Remedy::Lost);
        found(bad.finding(object, copy.tier, remedy))
    }
}

/// A scrub that heals changes the store.
pub(crate) fn check_may_heal(engine: &Engine, options: &ScrubOptions) -> Result<(), Error> {
    if options.heal { engine.check_writable() } else { engine.check() }
}
