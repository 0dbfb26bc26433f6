//! An operation that takes its time, while another thread of the same handle puts an object.
//!
//! How far the other comes meanwhile is left to chance: the operation waits for it, but not for ever, since the other
//! may wait for what the verb holds. Either way both are done in the end, and neither took anything from the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hsm_core::{Kind, Put, Result, Store};

use super::super::run::{Reference, Runner};
use super::super::verbs::Verb;
use super::super::world::{World, blocks, bytes};
use super::{check_next, close, go_on, leads_to, prepare, settled};
use crate::audit::{self, Verdict};

/// How often an operation looks whether the other is done, and how long it waits between two looks.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_micros(200);

type Other = Arc<Mutex<Option<JoinHandle<Result<Put>>>>>;

/// Runs the verb with a delay at one step. Whether that step was reached.
pub(super) fn one(runner: &Runner<'_>, verb: &Verb, reference: &Reference, step: u64) -> Verdict<bool> {
    let mut world = prepare(runner, verb)?;
    let (other, met) = (Other::default(), Arc::new(AtomicBool::new(false)));
    arrange(&world, step, other.clone(), met.clone());
    let (_, failed) = go_on(verb, &mut world);
    world.disk.clear_failures();
    if let Some(error) = failed {
        return Err(format!("it fails: {error}"));
    }
    if !met.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let thread = other.lock().map_err(|_| "the other thread panicked")?.take();
    let put = match thread.map(|thread| thread.join().map_err(|_| "the other thread panicked")) {
        None => None,
        Some(joined) => match joined? {
            Ok(put) => Some(put.id),
            Err(error) if error.kind() == Kind::Closed && verb.name.contains("close") => None,
            Err(error) => return Err(format!("the other's put fails: {error}")),
        },
    };
    if world.store.as_ref().is_none_or(|store| store.check().is_err()) {
        world.open().map_err(|error| format!("it cannot be opened: {error}"))?;
    }
    let found = audit::view(world.store())?;
    if put.is_some_and(|id| !found.outlines.contains_key(&format!("object {id}"))) {
        return Err("what the other put is not there".to_owned());
    }
    let (before, after) = (&reference.views[verb.done], &reference.views[verb.acts.len()]);
    leads_to(before, after, &found, usize::from(put.is_some()))?;
    close(world.store())?;
    check_next(&mut world, &settled(&[found]))?;
    Ok(true)
}

fn arrange(world: &World, step: u64, other: Other, met: Arc<AtomicBool>) {
    let seen = AtomicU64::new(0);
    let is_due =
        move |label: &str| !label.starts_with("read ") && seen.fetch_add(1, Ordering::Relaxed) == step;
    let store = world.store.clone();
    world.disk.delay_next(is_due, move || {
        met.store(true, Ordering::Relaxed);
        let Some(thread) = store.map(|store| std::thread::spawn(move || put(&store))) else { return };
        for _ in 0..LOOKS {
            if thread.is_finished() {
                break;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        if let Ok(mut other) = other.lock() {
            *other = Some(thread);
        }
    });
}

fn put(store: &Store) -> Result<Put> {
    store.put(&bytes(150, 450), &blocks())
}
