//! A store whose directory is restored from a snapshot, while its roots have seen what came behind that: under every verb.
//!
//! It is read-only then: a verb is refused, and changes nothing on any disk. Once it was reconciled the verb leads where
//! it would have led, and the roots' newest content of what changed since is there.

use hsm_core::object::ObjectId;
use hsm_core::{Kind, PutOptions};

use super::super::backup::{lose, restore, take, text};
use super::super::run::{Reference, Runner};
use super::super::verbs::Verb;
use super::super::world::{World, blocks, bytes};
use super::{check_next, close, leads_to, prepare, settled};
use crate::audit::{self, Verdict, disk_hash};

/// Not those that prepare what a restore leaves behind: bytes in memory, a store that is closed, subscribers, which are
/// in no snapshot. Nor what only a process that dies leaves.
pub(super) fn is_meant(verb: &Verb) -> bool {
    let left_behind = ["open", "acknowledge", "drop a subscriber"];
    let is_left = left_behind.iter().any(|what| verb.name.starts_with(what));
    !is_left && !verb.name.contains("in memory") && verb.done == 0
}

/// Runs the verb in such a store, then in the reconciled one.
pub(super) fn one(runner: &Runner<'_>, verb: &Verb, reference: &Reference) -> Verdict<()> {
    let (mut world, late) = restored(runner, verb)?;
    world.open().map_err(text)?;
    if world.store().read_only_reason().is_none() {
        return Err("it is not read-only, though its roots have seen more".to_owned());
    }
    let before = disk_hash(&world.disk)?;
    for (number, act) in verb.acts.iter().enumerate() {
        let done = (act.run)(&mut world);
        if world.store.as_ref().is_none_or(|store| store.check().is_err()) {
            world.open().map_err(text)?; // It was closed, which it may be.
            break;
        }
        if disk_hash(&world.disk)? != before {
            return Err(format!("act {number} changes what lies on the disk of a store that is read-only"));
        }
        match done {
            Ok(()) => {} // It only reads, or there was nothing to do.
            // What comes behind it needs what it would have made.
            Err(error) if error.kind() == Kind::Refused => break,
            Err(error) => {
                return Err(format!("act {number} is answered with {:?}: {error}", error.kind()));
            }
        }
    }
    world.store().reconcile().map_err(|error| format!("it cannot be reconciled: {error}"))?;
    world.again = true;
    for (number, act) in verb.acts.iter().enumerate() {
        (act.run)(&mut world).map_err(|error| format!("reconciled, act {number}: {error}"))?;
    }
    if world.store.as_ref().is_none_or(|store| store.check().is_err()) {
        world.open().map_err(text)?;
    }
    let found = audit::view(world.store())?;
    let got = world.store().get(late).map_err(|error| format!("what was put since is gone: {error}"))?;
    if got != bytes(61, 9100) {
        return Err("what was put over since is not what is read".to_owned());
    }
    leads_to(&reference.views[0], &reference.views[verb.acts.len()], &found, 1)?;
    close(world.store())?;
    check_next(&mut world, &settled(&[found]))
}

/// A store that is to be opened, and the object in it that was put over behind the snapshot.
fn restored(runner: &Runner<'_>, verb: &Verb) -> Verdict<(World, ObjectId)> {
    let world = prepare(runner, verb)?;
    let store = world.store();
    let late = store.put(&bytes(60, 9000), &blocks()).map_err(text)?.id;
    take(&world).map_err(text)?;
    store.put(&bytes(61, 9100), &PutOptions { id: Some(late), ..blocks() }).map_err(text)?;
    let lost = lose(&world)?;
    restore(&lost).map_err(text)?;
    let mut left = world.at_once(lost.disk.crash().process_crash());
    left.kept.clone_from(&world.kept);
    Ok((left, late))
}
