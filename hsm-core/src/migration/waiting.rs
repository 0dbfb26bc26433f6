//! Actions whose bytes lie on a delayed tier: what they need is asked for before they are claimed.
//!
//! The places of a whole window are asked for at once, in the order in which they lie. An action whose places are not all
//! readable stays queued until they are to be, without an attempt that failed. That it waits is durable, that the places
//! were asked for is not: whoever comes back to it asks again, which costs nothing where the request is known, and is
//! all that is needed where the process that made it is gone, or a window ended.

use std::collections::{BTreeMap, BTreeSet};

use super::executor::Executor;
use super::party::Claim;
use super::transfer::source_copy;
use crate::backend::PlaceName;
use crate::catalog::Durability;
use crate::clock::TimeNs;
use crate::engine::Engine;
use crate::error::Result;
use crate::object::{
    Action, ActionSpec, ActionState, Copy, Object, ObjectId, Readiness, TierIndex, Verb, before_deadline,
};
use crate::tier::{places, worst};

/// After so long it is asked again where nobody says when to.
const ASK_AGAIN_NS: TimeNs = 1_000_000_000;

impl Executor<'_> {
    /// Asks for what these actions of one window read and puts back those that have to wait for it. Says of each
    /// whether it can be run.
    pub(super) fn ask(&self, actions: &[Action], now_ns: TimeNs) -> Result<Vec<bool>> {
        let engine = self.engine;
        if engine.tiers.all().iter().all(|tier| tier.delayed.is_none()) {
            return Ok(vec![true; actions.len()]);
        }
        let objects = objects_of(engine, actions)?;
        let needed: Vec<Option<&Copy>> = actions
            .iter()
            .map(|action| copy_read(engine, &action.spec, objects.get(&action.spec.object)?))
            .collect();
        let mut wanted: BTreeMap<TierIndex, BTreeSet<PlaceName>> = BTreeMap::new();
        for copy in needed.iter().flatten() {
            wanted.entry(copy.tier).or_default().extend(places(copy));
        }
        let mut answers: BTreeMap<(TierIndex, PlaceName), Readiness> = BTreeMap::new();
        for (tier, names) in wanted {
            let names: Vec<PlaceName> = names.into_iter().collect();
            let answered = engine.tier(tier)?.backend.recall(&names);
            answers.extend(names.into_iter().map(|name| (tier, name)).zip(answered));
        }
        let stand = |copy: &Copy| {
            worst(places(copy).into_iter().filter_map(|name| answers.get(&(copy.tier, name)).copied()))
        };
        let (mut ready, mut waiting) = (Vec::with_capacity(actions.len()), Vec::new());
        for (action, copy) in actions.iter().zip(needed) {
            let due_ns = copy.and_then(|copy| due_ns(stand(copy), now_ns));
            ready.push(due_ns.is_none());
            // One that came along with others waits already.
            if let Some(due_ns) = due_ns.filter(|_| action.not_before_ns <= now_ns) {
                let due_ns = before_deadline(due_ns, action.spec.deadline_ns);
                let claim = Claim::of(action, action.changed);
                waiting.push(claim.proposal(ActionState::Queued, action.attempts, due_ns, String::new()));
            }
        }
        // Lost with the power, they are asked for again, that is all.
        engine.commit_unraced(waiting, Durability::Relaxed)?;
        Ok(ready)
    }

    /// Asks for an object that could not be read from a delayed tier, and says until when to wait: its window ended, or
    /// the copy that is always at hand could not be read.
    pub(super) fn ask_for(&self, id: ObjectId, tier: TierIndex, now_ns: TimeNs) -> Result<TimeNs> {
        let object = self.engine.catalog.object(id)?;
        let Some(copy) = object.as_ref().and_then(|object| object.copy_on(tier)) else { return Ok(0) };
        let names: Vec<PlaceName> = places(copy).into_iter().collect();
        let answers = self.engine.tier(tier)?.backend.recall(&names);
        Ok(due_ns(worst(answers.into_iter()), now_ns).unwrap_or(0))
    }
}

/// The objects that these actions are about, those that there are.
pub(super) fn objects_of(engine: &Engine, actions: &[Action]) -> Result<BTreeMap<ObjectId, Object>> {
    let ids: BTreeSet<ObjectId> = actions.iter().map(|action| action.spec.object).collect();
    let ids: Vec<ObjectId> = ids.into_iter().collect();
    let mut objects = BTreeMap::new();
    for object in engine.catalog.view().objects(&ids)?.into_iter().flatten() {
        objects.insert(object.id, object);
    }
    Ok(objects)
}

/// The copy on a delayed tier that an action will read; `None`: there is none, or it reads another.
fn copy_read<'a>(engine: &Engine, spec: &ActionSpec, object: &'a Object) -> Option<&'a Copy> {
    let source = || source_copy(engine, object, spec.source);
    let copy = match (spec.verb, object.copy_on(spec.target)) {
        // A recall to the tier itself makes it readable there.
        (Verb::Verify | Verb::Recall, Some(there)) => Some(there),
        (Verb::Copy | Verb::Move, Some(there)) => Some(there).filter(|there| !there.is_verified()),
        (Verb::Copy | Verb::Move | Verb::Recall, None) | (Verb::Get, _) => source(),
        _ => None,
    };
    copy.filter(|copy| engine.tiers.is_delayed(copy.tier))
}

/// When to come back to what stands like this; `None`: it can be read now.
fn due_ns(readiness: Readiness, now_ns: TimeNs) -> Option<TimeNs> {
    match readiness {
        Readiness::Online | Readiness::Readable { .. } => None,
        Readiness::Waiting { ready_ns } => Some(ready_ns.max(now_ns.saturating_add(1))),
        Readiness::Offline => Some(now_ns.saturating_add(ASK_AGAIN_NS)),
    }
}
