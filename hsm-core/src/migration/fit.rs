//! What of a window goes within the limits of tiers now: an executor claims nothing that would have to wait for a tier.
//!
//! The first action that need not wait says on which tiers with limits this window works: a stream is taken on each, and those
//! come along that need the same ones, as many as these tiers bear in about a second, or one object. So others find in the
//! queue what this executor cannot do yet, and what is more urgent does not wait for what was claimed in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::executor::Executor;
use super::transfer::source_copy;
use super::waiting::objects_of;
use crate::engine::{Engine, Entered, Streams};
use crate::error::Result;
use crate::object::{Action, ActionSpec, Copy, Object, ObjectId, TierIndex, TierLimits, Verb};

/// What an action takes of each tier that has limits.
type Needs = BTreeMap<TierIndex, Load>;

/// How much one object is for a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Load {
    operations: u64,
    bytes: u64,
}

/// What can be claimed now.
pub(super) enum Fit<'a> {
    /// Those of the window that say so, and the streams that are held for them.
    Some(Vec<bool>, Option<Streams<'a>>),
    /// Nothing, perhaps for so long.
    Nothing {
        wait: Duration,
        /// The tiers that bear no more.
        full: BTreeSet<TierIndex>,
    },
}

impl<'a> Executor<'a> {
    /// Takes what a part of the window needs of the tiers that have limits.
    pub(super) fn fit(&self, actions: &[Action]) -> Result<Fit<'a>> {
        let engine = self.engine;
        let limited = engine.limited_tiers()?;
        if limited.is_empty() {
            return Ok(Fit::Some(vec![true; actions.len()], None));
        }
        let needs = all_needs(engine, actions, &limited)?;
        let mut full: BTreeMap<TierIndex, Duration> = BTreeMap::new();
        for one in &needs {
            if one.keys().any(|tier| full.contains_key(tier)) {
                continue;
            }
            match engine.enter(&one.keys().copied().collect())? {
                Entered::In(streams) => {
                    return Ok(Fit::Some(bounded(actions, &needs, one, &limited), Some(streams)));
                }
                Entered::Full(tier, wait) => {
                    full.insert(tier, wait);
                }
            }
        }
        let wait = full.values().min().copied().unwrap_or_default();
        Ok(Fit::Nothing { wait, full: full.into_keys().collect() })
    }
}

/// What each of these actions needs.
fn all_needs(
    engine: &Engine,
    actions: &[Action],
    limited: &BTreeMap<TierIndex, TierLimits>,
) -> Result<Vec<Needs>> {
    let objects = objects_of(engine, actions)?;
    let needs = |action: &Action| {
        let mut needs = needs_of(engine, &action.spec, objects.get(&action.spec.object));
        needs.retain(|tier, _| limited.contains_key(tier));
        needs
    };
    Ok(actions.iter().map(needs).collect())
}

/// What one action needs, as far as that shows before it is begun.
fn needs_of(engine: &Engine, spec: &ActionSpec, object: Option<&Object>) -> Needs {
    // How large a file outside is shows when it is put: one by one, then.
    if spec.verb == Verb::Put {
        return Needs::from([(spec.target, Load { operations: 1, bytes: u64::MAX })]);
    }
    let Some(object) = object else { return Needs::new() };
    let size = object.content.as_ref().map_or(0, |content| content.size);
    let (once, twice) =
        (Load { operations: 1, bytes: size }, Load { operations: 2, bytes: size.saturating_mul(2) });
    let source = || source_copy(engine, object, spec.source).map(|copy| (copy.tier, once));
    match (spec.verb, object.copy_on(spec.target)) {
        (Verb::Verify, Some(_)) => Needs::from([(spec.target, once)]),
        (Verb::Copy | Verb::Move | Verb::Recall, Some(there)) if there.is_verified() => Needs::new(),
        (Verb::Copy | Verb::Move | Verb::Recall, Some(Copy { tier, .. })) => Needs::from([(*tier, once)]),
        // What is written is read back.
        (Verb::Copy | Verb::Move | Verb::Recall, None) => {
            source().into_iter().chain([(spec.target, twice)]).collect()
        }
        (Verb::Get, _) => source().into_iter().collect(),
        _ => Needs::new(),
    }
}

/// Which actions need the same tiers as `first`, and are borne by them together, in order.
fn bounded(
    actions: &[Action],
    needs: &[Needs],
    first: &Needs,
    limited: &BTreeMap<TierIndex, TierLimits>,
) -> Vec<bool> {
    let mut sum = Needs::new();
    let mut fits: BTreeMap<ObjectId, bool> = BTreeMap::new();
    let mut is_full = false;
    let of_one = |(action, needs): (&Action, &Needs)| {
        if !needs.keys().eq(first.keys()) {
            return false;
        }
        *fits.entry(action.spec.object).or_insert_with(|| {
            let is_first = sum.is_empty();
            for (tier, load) in needs {
                let sum = sum.entry(*tier).or_default();
                sum.operations = sum.operations.saturating_add(load.operations);
                sum.bytes = sum.bytes.saturating_add(load.bytes);
                let TierLimits { operations_a_second, bytes_a_second, .. } = limited[tier];
                let exceeds = |sum: u64, limit: u64| limit > 0 && sum > limit;
                is_full |= !is_first
                    && (exceeds(sum.operations, operations_a_second) || exceeds(sum.bytes, bytes_a_second));
            }
            !is_full
        })
    };
    actions.iter().zip(needs).map(of_one).collect()
}
