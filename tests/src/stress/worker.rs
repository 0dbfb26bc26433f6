//! One process of the stress: threads that do verbs until there were enough.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hsm_core::object::TierConfig;
use hsm_core::{Store, StoreOptions};

use super::tally::Tally;
use super::verbs::Actor;

/// Verbs between two openings of a thread that has a handle of its own.
const VERBS_AN_OPENING: u64 = 60;
/// Every so many threads one has a handle of its own.
const OWN_HANDLE_EVERY: usize = 3;

/// What one process is to do.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Threads.
    pub threads: usize,
    /// Verbs of all threads together, at least.
    pub operations: u64,
    /// At most so long.
    pub seconds: u64,
    /// Where its random numbers begin.
    pub seed: u64,
}

/// How every process opens the store.
pub fn options() -> StoreOptions {
    let tier = |index, pack_threshold_bytes| TierConfig {
        pack_threshold_bytes,
        pack_size_bytes: 1 << 20,
        ..TierConfig::posix(index, format!("tiers/{index}"))
    };
    StoreOptions::new()
        .tiers(vec![tier(0, 16 << 10), tier(1, 0), tier(2, 64 << 10), tier(3, 4096)])
        .grace(Duration::from_millis(300))
        .segment_bytes(1 << 20)
}

/// Does the work.
pub fn run(directory: &Path, work: Work) -> Tally {
    let shared = match Store::open(directory, &options()) {
        Ok(store) => store,
        Err(error) => {
            let mut tally = Tally::default();
            tally.note::<()>("open", Err(error));
            return tally;
        }
    };
    let done = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let deadline = Instant::now() + Duration::from_secs(work.seconds);
    let mut all = Tally::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..work.threads)
            .map(|thread| {
                let (shared, done, stop) = (shared.clone(), done.clone(), stop.clone());
                let seed = work.seed.wrapping_mul(1000).wrapping_add(thread as u64);
                scope.spawn(move || {
                    let mut actor = Actor::new(seed);
                    let mut own = None;
                    while !stop.load(Ordering::Relaxed) {
                        if thread.is_multiple_of(OWN_HANDLE_EVERY) {
                            churn(directory, &mut actor, &mut own);
                        }
                        actor.act(own.as_ref().unwrap_or(&shared));
                        let enough = done.fetch_add(1, Ordering::Relaxed) + 1 >= work.operations;
                        if enough || Instant::now() > deadline {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                    actor.end();
                    if let Some(store) = own {
                        actor.tally.note("close", store.close());
                    }
                    actor.tally
                })
            })
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(tally) => all.merge(tally),
                Err(_) => all.failures.push("a thread panicked".to_owned()),
            }
        }
    });
    all.note("close", shared.close());
    all
}

/// Closes a thread's own handle now and then, and opens it again.
fn churn(directory: &Path, actor: &mut Actor, own: &mut Option<Store>) {
    if actor.random.below(VERBS_AN_OPENING) == 0
        && let Some(store) = own.take()
    {
        actor.end();
        if actor.random.below(2) == 0 {
            actor.tally.note("close", store.close());
        }
    }
    if own.is_none() {
        *own = actor.tally.note("open", Store::open(directory, &options()));
    }
}
