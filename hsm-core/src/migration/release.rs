//! Dropping copies, and proving others whole before that.

use super::transfer::Attendant;
use crate::backend::ReadFrom;
use crate::catalog::{Committed, Durability, Expect, Proposal};
use crate::engine::{ATTEMPTS_MAX, Engine, Scope, is_race};
use crate::error::{Error, Kind, Result};
use crate::journal::{Change, DropReason};
use crate::monitor::{Phase, Watch};
use crate::object::{Copy, Object, ObjectId, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::places;

/// Drops the copy on `tier`. Unless forced, another verified copy must be in reach now; one that was never
/// verified is read back first. `None`: there was no copy there.
pub(crate) fn release(
    engine: &Engine,
    id: ObjectId,
    scope: Scope,
    tier: TierIndex,
    force: bool,
    attendant: Option<&dyn Attendant>,
    watch: &mut Watch<'_>,
) -> Result<Option<Committed>> {
    engine.refresh_tiers()?;
    engine.tier(tier)?;
    for attempt in 0.. {
        match try_release(engine, id, scope, tier, force, attendant, watch) {
            Err(error) if is_race(&error) && attempt < ATTEMPTS_MAX => {}
            done => return done,
        }
    }
    Ok(None)
}

fn try_release(
    engine: &Engine,
    id: ObjectId,
    scope: Scope,
    tier: TierIndex,
    force: bool,
    attendant: Option<&dyn Attendant>,
    watch: &mut Watch<'_>,
) -> Result<Option<Committed>> {
    let object = engine.look_up(id, scope)?;
    let Some(proposal) = proposal(engine, &object, scope, tier, force, watch)? else { return Ok(None) };
    let committed = commit_with(engine, id, proposal, attendant)?;
    // Failing to remove garbage is no failure of the release: it is tried again later.
    let _ = engine.reclaim();
    Ok(Some(committed))
}

/// What drops the copy on `tier`, and what has to hold then. `None`: there is no copy.
pub(super) fn proposal(
    engine: &Engine,
    object: &Object,
    scope: Scope,
    tier: TierIndex,
    force: bool,
    watch: &mut Watch<'_>,
) -> Result<Option<Proposal>> {
    let (id, generation) = (object.id, object.generation);
    let Some(copy) = object.copy_on(tier) else {
        return if object.content.is_some() { Ok(None) } else { Err(Error::NoData { id }) };
    };
    engine.check_not_pinned(id, tier)?;
    let mut expect = Vec::from_iter(scope.expect(id));
    expect.push(Expect::Generation(id, generation));
    expect.push(Expect::CopyAt(id, tier, copy.pieces.clone()));
    expect.push(Expect::NotPinned(id, tier));
    if !force && !mutant(Mutant::ReleaseUnverified) {
        let other = safe_copy(engine, object, scope, tier, watch)?;
        expect.push(Expect::CopyAt(id, other.tier, other.pieces));
        expect.push(Expect::VerifiedElsewhere(id, tier));
    }
    let change = Change::CopyDropped { object: id, generation, tier, reason: DropReason::Released };
    Ok(Some(Proposal { expect, changes: vec![change], ..Proposal::default() }))
}

/// Commits what is proposed for an object, with what joins it.
fn commit_with(
    engine: &Engine,
    id: ObjectId,
    mut proposal: Proposal,
    attendant: Option<&dyn Attendant>,
) -> Result<Committed> {
    if let Some(attendant) = attendant {
        attendant.joins(id, &mut proposal)?;
    }
    engine.commit_proposal(proposal, Durability::Durable)
}

/// Whether a copy on `other` can stand for one on `tier`: one that goes with the process is none for one that stays.
pub(super) fn may_replace(engine: &Engine, tier: TierIndex, other: TierIndex) -> Result<bool> {
    let stays = |index| engine.tier(index).map(|tier| tier.outlives_the_process());
    Ok(stays(other)? || !stays(tier)? || mutant(Mutant::MemoryForGood))
}

/// A verified copy in reach other than the one on `tier`, that is still there; verifies one where none is yet.
fn safe_copy(
    engine: &Engine,
    object: &Object,
    scope: Scope,
    tier: TierIndex,
    watch: &mut Watch<'_>,
) -> Result<Copy> {
    let in_reach = |copy: &&Copy| {
        copy.tier != tier
            && may_replace(engine, tier, copy.tier).unwrap_or(false)
            && engine
                .tier(copy.tier)
                .is_ok_and(|tier| tier.config.state.is_readable() && tier.backend.check_root().is_ok())
    };
    let others: Vec<&Copy> = object.copies.iter().filter(in_reach).collect();
    let (verified, others): (Vec<&Copy>, Vec<&Copy>) =
        others.into_iter().partition(|copy| copy.is_verified());
    for copy in verified {
        if is_there(engine, object, copy.tier) {
            return Ok(copy.clone());
        }
    }
    for copy in others {
        match verify_copy(engine, object.id, scope, copy.tier, None, watch) {
            Ok(_) => return Ok(copy.clone()),
            Err(stopped @ Error::Stopped { .. }) => return Err(stopped),
            Err(_) => {}
        }
    }
    if engine.look_up(object.id, Scope::Kept)?.changed != object.changed {
        return Err(Error::Conflict { what: format!("object {}", object.id) });
    }
    Err(Error::LastCopy { id: object.id, tier })
}

/// Whether a copy that was verified once is there yet, as far as it shows without reading all of it again: its
/// files, their length, tail and digests; of a small one everything. Of one that would have to be recalled: that its
/// places are there.
fn is_there(engine: &Engine, object: &Object, tier: TierIndex) -> bool {
    let Some(content) = &object.content else { return false };
    if let (Some(copy), Ok(tier)) = (object.copy_on(tier), engine.tier(tier))
        && !tier.readiness(copy).is_readable()
    {
        // What lies on a tape is known from the shelf.
        return places(copy).into_iter().all(|name| matches!(tier.backend.length(name), Ok(Some(_))));
    }
    matches!(engine.try_copy(object, content, tier, ReadFrom::Anywhere), Ok(Some(_)))
}

/// Reads a copy from the medium and records what was found. A damaged one is an error, after it is recorded.
pub(crate) fn verify_copy(
    engine: &Engine,
    id: ObjectId,
    scope: Scope,
    tier: TierIndex,
    attendant: Option<&dyn Attendant>,
    watch: &mut Watch<'_>,
) -> Result<Committed> {
    let object = engine.look_up(id, scope)?;
    let generation = object.generation;
    let copy = object.copy_on(tier).ok_or(Error::CopyNotFound { id, tier })?;
    let outcome = read_whole(engine, &object, tier, watch);
    let whole = match &outcome {
        Ok(()) => true,
        Err(error) if error.kind() == Kind::Corrupt => false,
        Err(error) => return Err(error.clone()),
    };
    if !whole && !copy.is_verified() {
        return outcome.and(Err(Error::CopyNotFound { id, tier })); // It never was known to be whole: nothing new.
    }
    let mut expect = Vec::from_iter(scope.expect(id));
    expect.push(Expect::Generation(id, generation));
    expect.push(Expect::CopyAt(id, tier, copy.pieces.clone()));
    let change = Change::CopyVerified { object: id, generation, tier, whole };
    let proposal = Proposal { expect, changes: vec![change], ..Proposal::default() };
    let committed = commit_with(engine, id, proposal, attendant.filter(|_| whole))?;
    outcome.map(|()| committed)
}

fn read_whole(engine: &Engine, object: &Object, tier: TierIndex, watch: &mut Watch<'_>) -> Result<()> {
    // A copy must not be taken for damaged because it lies on a root that this handle does not know yet.
    engine.refresh_tiers()?;
    let content = object.content.as_ref().ok_or(Error::NoData { id: object.id })?;
    let from = crate::engine::verify_from();
    watch.phase(Phase::Verify);
    watch.expect_size(content.size);
    watch.check()?;
    match engine.try_copy(object, content, tier, from)? {
        Some(reader) => watch.on(&[tier], |watch| reader.verify(watch)),
        None if engine.look_up(object.id, Scope::Kept)?.changed != object.changed => {
            Err(Error::Conflict { what: format!("object {}", object.id) })
        }
        None => Err(Error::Corrupt {
            id: object.id,
            tier,
            offset: 0,
            detail: "the file that holds it is missing".to_owned(),
        }),
    }
}
