//! Replacing a copy that is damaged from another one that is not.
//!
//! It goes the way of a copy: read, each byte checked, write, sync, read back from the medium, commit. The commit
//! drops the damaged copy and adds the new one in the same group, so that a crash leaves the one or the other.
//! Where no other copy is whole, nothing is changed: damaged bytes are better than none.

use super::finding::Fault;
use super::transfer::{self, Ready};
use super::window::Window;
use crate::backend::ReadFrom;
use crate::catalog::{Durability, Expect};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::journal::{Change, DropReason};
use crate::monitor::{Phase, Watch};
use crate::object::{Content, Copy, Object, TierIndex};

/// How it went.
#[derive(Debug)]
pub(super) enum Healing {
    /// The copy is whole again.
    Done,
    /// No other copy is whole.
    NoGoodCopy,
    /// It cannot be done now.
    NotNow(Error),
}

/// Replaces the copy on `tier`. An error says that the verb is to end, or, of kind `Conflict`, that the object changed
/// meanwhile.
pub(super) fn heal(
    engine: &Engine,
    object: &Object,
    tier: TierIndex,
    watch: &mut Watch<'_>,
) -> Result<Healing> {
    let (Some(content), Some(bad)) = (&object.content, object.copy_on(tier)) else {
        return Ok(Healing::NoGoodCopy);
    };
    let mut not_now = None;
    for source in object.copies.iter().filter(|copy| copy.tier != tier) {
        watch.phase(Phase::Copy);
        let done = watch.check().and_then(|()| from(engine, object, content, (source, bad), watch));
        match done {
            Ok(true) => return Ok(Healing::Done),
            Ok(false) => {}
            // A damaged source, or a target that did not keep what was written.
            Err(Error::Corrupt { tier: at, .. }) if at == source.tier => {}
            Err(error) if ends(&error) => return Err(error),
            Err(error) => not_now = Some(error),
        }
    }
    // One that is gone may have been dropped while we looked, and another may have come.
    if engine.catalog.object(object.id)?.is_none_or(|now| !lies_as(&now, object)) {
        return Err(Error::Conflict { what: format!("object {}", object.id) });
    }
    Ok(not_now.map_or(Healing::NoGoodCopy, Healing::NotNow))
}

/// Whether an object has the same content in the same places.
fn lies_as(a: &Object, b: &Object) -> bool {
    let places = |object: &Object| -> Vec<_> {
        object.copies.iter().map(|copy| (copy.tier, copy.pieces.clone())).collect()
    };
    a.generation == b.generation && places(a) == places(b)
}

/// Whether an error is about more than one copy of one object.
fn ends(error: &Error) -> bool {
    let about_a_tier = matches!(error, Error::TierReadOnly { .. } | Error::TierNotFound { .. });
    let about_a_copy = Fault::of(error).is_some() || matches!(error.kind(), Kind::Offline | Kind::Full);
    !about_a_tier && !about_a_copy
}

/// Replaces `bad` from `source`; `false` where that is gone.
fn from(
    engine: &Engine,
    object: &Object,
    content: &Content,
    (source, bad): (&Copy, &Copy),
    watch: &mut Watch<'_>,
) -> Result<bool> {
    let target = engine.tier(bad.tier)?;
    let Some(reader) = engine.try_copy(object, content, source.tier, ReadFrom::Anywhere)? else {
        return Ok(false);
    };
    let ready = transfer::write(engine, object.clone(), &reader, source.tier, target, watch)?;
    engine.note_sync(bad.tier, ready.writer.sync(&ready.end))?;
    watch.phase(Phase::Verify);
    transfer::verify(engine, &ready, &mut Window::default(), watch)?;
    commit(engine, ready, source, bad)?;
    // Removed later where it cannot be now.
    let _ = engine.note_garbage(bad.pieces.len());
    Ok(true)
}

fn commit(engine: &Engine, ready: Ready, source: &Copy, bad: &Copy) -> Result<()> {
    let Ready { object, writer, written, .. } = ready;
    let (id, generation, tier) = (object.id, object.generation, bad.tier);
    let expect = vec![
        Expect::Generation(id, generation),
        Expect::CopyAt(id, tier, bad.pieces.clone()),
        Expect::CopyAt(id, source.tier, source.pieces.clone()),
        Expect::TierWritable(tier, writer.tier().config.incarnation),
    ];
    // The times are the group's; 1 says that it was verified.
    let copy = Copy { tier, created_ns: 0, verified_ns: 1, pieces: written.pieces };
    let changes = vec![
        Change::CopyDropped { object: id, generation, tier, reason: DropReason::Damaged },
        Change::CopyAdded { object: id, generation, copy },
    ];
    let committed = engine.commit_one(expect, changes, Durability::Durable);
    if matches!(&committed, Ok(_) | Err(Error::Closed { .. })) {
        writer.keep();
    }
    committed.map(drop)
}
