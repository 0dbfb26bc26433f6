//! Strays: places on the roots that nothing refers to and that no handle can be writing.
//!
//! The store is in use meanwhile, so the order of looks matters. A place is listed; its instance is found to be
//! neither alive nor dead and unswept, so it commits nothing any more, and all it ever did is in the index; only then
//! the index is asked. What it does not know then, it will never know: numbers of instances and their serials
//! are never used twice. What an instance left that died is no stray: the next open sweeps it.

use std::collections::BTreeMap;

use super::{Inner, member};
use crate::backend::PlaceName;
use crate::engine::Engine;
use crate::error::Result;
use crate::monitor::Watch;
use crate::object::TierIndex;
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::Tier;

/// Places that the catalog is asked about together: some 40 MiB of them. Few in tests, so that it is asked more
/// than once.
const PLACES_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 4 } else { 1 << 20 };

/// Places with their lengths.
type Listed = BTreeMap<(TierIndex, PlaceName), u64>;

/// A place that nothing refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stray {
    pub(super) tier: TierIndex,
    pub(super) place: PlaceName,
    pub(super) bytes: u64,
}

/// What has to be known of the members of a store.
pub(super) type Members<'m> = &'m dyn Fn() -> Result<Vec<u64>>;

impl Inner {
    /// The instances that have a member file: the living, and the dead that were not swept yet. Under the open lock.
    pub(super) fn members(&self, engine: &Engine) -> Result<Vec<u64>> {
        let others = member::others(&*engine.disk, &*engine.clock, &engine.directory, &self.store_id)?;
        let dead = others.dead.iter().map(|dead| dead.instance);
        Ok(others.live.iter().copied().chain(dead).chain([self.instance]).collect())
    }
}

/// Calls `visit` with every stray on the roots of these tiers. No lock is held during that call.
pub(super) fn strays(
    engine: &Engine,
    tiers: &[std::sync::Arc<Tier>],
    members: Members<'_>,
    watch: &mut Watch<'_>,
    visit: &mut dyn FnMut(&Tier, Stray) -> Result<()>,
) -> Result<()> {
    let before = members()?;
    for tier in tiers {
        let mut listed = Listed::new();
        for instance in tier.backend.instances()? {
            watch.check()?;
            if before.contains(&instance) && !mutant(Mutant::StraysOfMembers) {
                continue;
            }
            tier.backend.places(instance, 0, &mut |name, len| {
                watch.objects(1)?;
                listed.insert((tier.index(), name), len);
                if listed.len() < PLACES_AT_ONCE {
                    return Ok(());
                }
                sift(engine, tier, members, std::mem::take(&mut listed), visit)
            })?;
        }
        sift(engine, tier, members, listed, visit)?;
    }
    Ok(())
}

fn sift(
    engine: &Engine,
    tier: &Tier,
    members: Members<'_>,
    mut listed: Listed,
    visit: &mut dyn FnMut(&Tier, Stray) -> Result<()>,
) -> Result<()> {
    if listed.is_empty() {
        return Ok(());
    }
    let now = members()?;
    listed.retain(|(_, name), _| !now.contains(&name.instance) || mutant(Mutant::StraysOfMembers));
    engine.catalog.strike_known(&mut listed)?;
    for ((tier_index, place), bytes) in listed {
        // Garbage that was removed since it was listed is no stray.
        if tier.backend.length(place)?.is_some() {
            visit(tier, Stray { tier: tier_index, place, bytes })?;
        }
    }
    Ok(())
}
