//! Who waits for a commit, and who of them leads.
//!
//! A caller who finds no leader leads at once; the others sleep until they are answered, or until the lead is
//! passed on to them. Whoever leads takes all that wait, itself among them.
//!
//! Callers who were just answered are likely to be back with their next change before a sync is over. So the next
//! leader waits for as many as there were, for a part of the time that the last group took: one sync for all of
//! them instead of two, each for half. Where that was in vain it is not tried again for a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::backend::pack::Unsynced;
use crate::catalog::{Committed, Durability, Proposal};
use crate::error::{Error, Result};

/// Requests taken into one group at most: bounds how long the lock is held.
const REQUESTS_A_GROUP_MAX: usize = 1024;
/// How long callers are waited for at most.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// Groups that are not waited for after many vain waits.
const GROUPS_SKIPPED_MAX: u32 = 64;

/// What one caller wants committed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) proposals: Vec<Proposal>,
    pub(super) relaxed: bool,
    answer: Mutex<Option<Vec<Result<Committed>>>>,
    /// What this caller is to sync while it waits.
    to_sync: Mutex<Option<Unsynced>>,
    /// Set when it is this caller's turn to lead.
    leads: AtomicBool,
    /// Who waits: woken alone, since a crowd that wakes to sleep again costs more than the commit.
    caller: Thread,
}

impl Request {
    /// What the calling thread wants.
    pub(super) fn new(proposals: Vec<Proposal>, durability: Durability) -> Arc<Self> {
        Arc::new(Self {
            proposals,
            relaxed: durability == Durability::Relaxed,
            answer: Mutex::new(None),
            to_sync: Mutex::new(None),
            leads: AtomicBool::new(false),
            caller: thread::current(),
        })
    }

    /// Has its caller sync a pack.
    pub(super) fn ask_to_sync(&self, data: Unsynced) {
        *self.to_sync.lock() = Some(data);
        self.caller.unpark();
    }

    pub(super) fn set_answer(&self, answer: Vec<Result<Committed>>) {
        *self.answer.lock() = Some(answer);
    }

    pub(super) fn take_answer(&self) -> Vec<Result<Committed>> {
        self.answer.lock().take().unwrap_or_default()
    }
}

/// The callers who wait.
#[derive(Debug, Default)]
pub(in crate::catalog::embedded) struct Queue {
    state: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Arc<Request>>,
    led: bool,
    gathering: Gathering,
}

/// Whether a leader waits for those who were answered last.
#[derive(Debug, Default)]
struct Gathering {
    /// A leader, the first in the queue, waits.
    is_on: bool,
    /// How many requests there are when they are all back.
    expected: usize,
    /// When it is too late for them.
    until: Option<Instant>,
    /// How many groups in a row were waited for in vain.
    vain: u32,
    /// How many groups to go without waiting.
    skip: u32,
}

impl Gathering {
    /// A group was answered, and others wait already.
    fn expect(&mut self, answered: usize, waiting: usize, took: Duration) {
        self.expected = (answered + waiting).min(REQUESTS_A_GROUP_MAX);
        self.until = Instant::now().checked_add(GATHER_MAX.min(took / 2));
    }

    /// Notes how many came.
    fn note(&mut self, came: usize) {
        if came * 2 > self.expected {
            self.vain = 0;
        } else {
            self.vain += 1;
            self.skip = 1_u32.checked_shl(self.vain).unwrap_or(GROUPS_SKIPPED_MAX).min(GROUPS_SKIPPED_MAX);
        }
    }
}

impl Queue {
    /// Queues a request and waits. `None`: it was answered; else its caller leads.
    pub(super) fn wait(&self, request: &Arc<Request>) -> Option<Lead<'_>> {
        let leads_at_once = {
            let mut waiting = self.state.lock();
            waiting.requests.push_back(request.clone());
            if waiting.gathering.is_on && waiting.requests.len() >= waiting.gathering.expected {
                waiting.requests[0].caller.unpark();
            }
            !std::mem::replace(&mut waiting.led, true)
        };
        if !leads_at_once {
            while !request.leads.load(Ordering::Acquire) {
                let to_sync = request.to_sync.lock().take();
                if let Some(data) = to_sync {
                    // An error is that of the pack, and its leader meets it there.
                    let _ = data.pack.sync_to(data.end);
                }
                if request.answer.lock().is_some() {
                    return None;
                }
                thread::park();
            }
        }
        // Whoever leads is first in the queue, so its own request is among those taken.
        let mut waiting = self.state.lock();
        gather(&mut waiting);
        let count = waiting.requests.len().min(REQUESTS_A_GROUP_MAX);
        let requests = waiting.requests.drain(..count).collect();
        Some(Lead { queue: self, requests, begun: Instant::now() })
    }
}

/// Waits, as the leader, for those who were answered last.
fn gather(waiting: &mut MutexGuard<'_, Waiting>) {
    let Some(until) = waiting.gathering.until.take() else { return };
    if waiting.requests.len() >= waiting.gathering.expected {
        waiting.gathering.vain = 0;
        return;
    }
    if waiting.gathering.skip > 0 {
        waiting.gathering.skip -= 1;
        return;
    }
    waiting.gathering.is_on = true;
    while waiting.requests.len() < waiting.gathering.expected {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        MutexGuard::unlocked(waiting, || thread::park_timeout(left));
    }
    waiting.gathering.is_on = false;
    let came = waiting.requests.len();
    waiting.gathering.note(came);
}

/// The requests that one caller leads. Dropped, also by a panic, it answers those who were led and passes the
/// lead on.
pub(super) struct Lead<'a> {
    queue: &'a Queue,
    pub(super) requests: Vec<Arc<Request>>,
    begun: Instant,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // Counted before the first is answered, who may be back before the last one is.
        let waiting_count = self.queue.state.lock().requests.len();
        for request in &self.requests {
            request.answer.lock().get_or_insert_with(|| {
                let lost =
                    || Error::Closed { reason: "the commit panicked; open the store again".to_owned() };
                request.proposals.iter().map(|_| Err(lost())).collect()
            });
            request.caller.unpark();
        }
        let mut waiting = self.queue.state.lock();
        waiting.gathering.expect(self.requests.len(), waiting_count, self.begun.elapsed());
        match waiting.requests.front() {
            Some(next) => {
                next.leads.store(true, Ordering::Release);
                next.caller.unpark();
            }
            None => waiting.led = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_in_vain_is_tried_more_and_more_rarely_until_it_pays() {
        let mut gathering = Gathering { expected: 8, ..Gathering::default() };
        let skipped = [2, 2, 3, 4, 1, 4, 4, 4, 4].map(|came| {
            gathering.note(came);
            gathering.skip
        });
        assert_eq!(skipped, [2, 4, 8, 16, 32, 64, 64, 64, 64]);
        gathering.note(5);
        assert_eq!(gathering.vain, 0);
        gathering.note(4);
        assert_eq!(gathering.skip, 2);
    }

    #[test]
    fn a_caller_who_is_back_before_all_are_answered_is_expected_once() {
        const CALLERS: usize = 4;
        let queue = Queue::default();
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let request = Request::new(Vec::new(), Durability::Durable);
                        if let Some(lead) = queue.wait(&request) {
                            lead.requests.iter().for_each(|request| request.set_answer(Vec::new()));
                            drop(lead);
                            let expected = queue.state.lock().gathering.expected;
                            assert!(expected <= CALLERS, "{expected} are waited for");
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn everyone_who_waits_is_answered_however_many_come_back() {
        let queue = Queue::default();
        let answer =
            |lead: &Lead<'_>| lead.requests.iter().for_each(|request| request.set_answer(Vec::new()));
        thread::scope(|scope| {
            for caller in 1..=8_u64 {
                let queue = &queue;
                scope.spawn(move || {
                    for round in 0..200 {
                        let request = Request::new(Vec::new(), Durability::Durable);
                        if let Some(lead) = queue.wait(&request) {
                            answer(&lead);
                        }
                        assert!(request.take_answer().is_empty());
                        if round % (caller * 7) == 0 {
                            thread::sleep(Duration::from_micros(caller * 50));
                        }
                    }
                });
            }
        });
        let waiting = queue.state.lock();
        assert!(waiting.requests.is_empty() && !waiting.led && !waiting.gathering.is_on);
    }
}
