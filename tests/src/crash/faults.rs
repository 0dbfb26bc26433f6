//! Any one operation on the disk that fails, under every verb, and a disk of a tier that is gone for a while.
//!
//! After it a handle that is still in use says what the store was before the verb or after it, and can be closed; and
//! another finds the same, takes objects, and is maintained, without a repair by hand. Every copy is read by that, so
//! none is lost on the way.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hsm_core::Kind;

use super::Report;
use super::check;
use super::run::{Count, Failure, Reference, Runner};
use super::verbs::{Verb, verbs};
use super::world::{Base, Shape};
use crate::audit::{self, Verdict};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// One operation is refused as a failing disk does.
    Failed,
    /// One operation finds no room.
    Full,
    /// One read fails.
    Unread,
    /// From one operation on the disk of tier 0 answers nothing, until the verb is over.
    Gone,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Failed, Self::Full, Self::Unread, Self::Gone];

    fn kind(self) -> ErrorKind {
        if self == Self::Full { ErrorKind::StorageFull } else { ErrorKind::Other }
    }
}

/// Every verb that happens wholly or not at all, with every fault at every step. Of one that does each of several
/// objects by itself it cannot be told so simply what may be there.
pub fn faults(report: &mut Report) {
    let is_meant = |verb: &Verb| !verb.fresh;
    for verb in verbs().into_iter().filter(is_meant) {
        for fault in Fault::ALL {
            let name = format!("{}, {fault:?}", verb.name);
            let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
            let failed = each_step(&verb, fault, &mut count);
            let failure = |(step, message)| Failure {
                name: name.clone(),
                step: format!("step {step}"),
                state: format!("{fault:?}"),
                message,
            };
            report.failures.extend(failed.map(failure));
            report.counts.push(count);
        }
    }
}

/// The first step at which a check fails.
fn each_step(verb: &Verb, fault: Fault, count: &mut Count) -> Option<(u64, String)> {
    let base = match Base::with_cast(Shape::Roomy) {
        // What is tried again after a fault is then the same as what went well.
        Ok(base) => base.standing_still(),
        Err(error) => return Some((0, error.to_string())),
    };
    let runner = Runner { base: &base, seeds: 0, mutant: None, stop_at_first: false };
    let reference = match runner.reference(verb) {
        Ok(reference) => reference,
        Err(wrong) => return Some((0, wrong)),
    };
    for step in 0.. {
        match one(&runner, verb, &reference, fault, step) {
            Ok(true) => {}
            Ok(false) => return None, // It is over before: every step is done.
            Err(wrong) => return Some((step, wrong)),
        }
        count.steps += 1;
        count.process += 1;
        count.distinct += 1;
    }
    None
}

/// Runs the verb with the fault at one step. Whether that step was reached.
fn one(runner: &Runner<'_>, verb: &Verb, reference: &Reference, fault: Fault, step: u64) -> Verdict<bool> {
    let mut world = runner.begin(verb)?;
    for act in &verb.acts[..verb.done] {
        (act.run)(&mut world).map_err(|error| error.to_string())?;
    }
    let (seen, met) = (AtomicU64::new(0), Arc::new(AtomicBool::new(false)));
    let noted = met.clone();
    let of_tier = |label: &str| label.contains("store/tiers/0/");
    let is_due = move |label: &str| {
        if fault == Fault::Gone && !of_tier(label) {
            return false;
        }
        let number = seen.fetch_add(1, Ordering::Relaxed);
        let due = if fault == Fault::Gone { number >= step } else { number == step };
        noted.fetch_or(due, Ordering::Relaxed);
        due
    };
    match fault {
        Fault::Failed | Fault::Full => world.disk.fail_next(fault.kind(), is_due),
        Fault::Unread => world.disk.fail_reads(fault.kind(), is_due),
        Fault::Gone => {
            let gone = noted_by(&met);
            world.disk.fail_every(fault.kind(), is_due);
            world.disk.fail_reads(fault.kind(), move |label| of_tier(label) && gone());
        }
    }
    let mut acknowledged = verb.done;
    let mut failed = None;
    for act in &verb.acts[verb.done..] {
        match (act.run)(&mut world) {
            Ok(()) => acknowledged += 1,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    world.disk.clear_failures();
    if !met.load(Ordering::Relaxed) {
        return failed.map_or(Ok(false), |error| Err(format!("it fails without a fault: {error}")));
    }
    if let Some(error) = &failed {
        let expected = [Kind::Io, Kind::Full, Kind::Closed, Kind::Offline];
        // A copy is not dropped for another that could not be verified.
        let is_kept = error.kind() == Kind::Refused && verb.name.contains("release");
        // A snapshot that cannot be read back is not called whole.
        let is_unproved = error.kind() == Kind::Corrupt && verb.name.starts_with("snapshot");
        if !expected.contains(&error.kind()) && !is_kept && !is_unproved {
            return Err(format!("{:?} is no answer to that: {error}", error.kind()));
        }
    }
    let expected = reference.expect(verb, acknowledged, verb.durable(acknowledged));
    if let Some(store) = world.store.as_ref().filter(|store| store.position().is_ok()) {
        let said = || failed.as_ref().map_or_else(String::new, ToString::to_string);
        let found = audit::view(store).map_err(|wrong| format!("behind {}: {wrong}", said()))?;
        expected.check(&found).map_err(|wrong| format!("behind {}: {wrong}", said()))?;
        match store.close() {
            // Out of use, which it said before: the next open finds out what is there.
            Err(error) if error.kind() == Kind::Closed => {}
            closed => closed.map_err(|error| format!("it cannot be closed behind {}: {error}", said()))?,
        }
    }
    world.store = None;
    let image = world.disk.crash();
    check::check(&world, image.process_crash(), None, &expected)
        .map_err(|wrong| format!("behind {failed:?}: {wrong}"))?;
    Ok(true)
}

fn noted_by(met: &Arc<AtomicBool>) -> impl Fn() -> bool + Send + 'static {
    let met = met.clone();
    move || met.load(Ordering::Relaxed)
}
