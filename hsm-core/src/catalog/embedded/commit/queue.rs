//! Who waits for a commit, and who of them leads.
//!
//! A caller who finds no leader leads at once; the others sleep until they are answered, or until the lead is
//! passed on to them. Whoever leads takes all that wait, itself among them.
//!
//! Callers who were just answered are likely to be back with their next change before a sync is over. So the next
//! group waits for as many as there were, for a part of the time that the last group took: one sync for all of
//! them instead of two, each for half. Where that was in vain it is not tried again for a while. The first of them
//! sleeps no longer than that. The one with whom they are all back leads, since it is awake already.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::errand::Errand;
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
    /// What this caller is to do while it waits.
    errand: Mutex<Option<Errand>>,
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
            errand: Mutex::new(None),
            leads: AtomicBool::new(false),
            caller: thread::current(),
        })
    }

    /// Has its caller do something.
    pub(super) fn send(&self, errand: Errand) {
        *self.errand.lock() = Some(errand);
        self.caller.unpark();
    }

    /// What its caller was sent to do and has not begun.
    pub(super) fn take_errand(&self) -> Option<Errand> {
        self.errand.lock().take()
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
    /// Somebody leads, or waits as the first until it does.
    led: bool,
    gathering: Gathering,
}

/// Whether those are waited for who were answered last.
#[derive(Debug, Default)]
struct Gathering {
    /// They are, until then.
    until: Option<Instant>,
    /// How many requests there are when they are all back.
    expected: usize,
    /// How many groups in a row were waited for in vain.
    vain: u32,
    /// How many groups to go without waiting.
    skip: u32,
}

impl Gathering {
    /// A group is answered, and others wait already.
    fn expect(&mut self, answered: usize, waiting: usize, took: Duration) {
        self.expected = (answered + waiting).min(REQUESTS_A_GROUP_MAX);
        self.until = None;
        if waiting >= self.expected {
            self.vain = 0;
        } else if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.until = Instant::now().checked_add(GATHER_MAX.min(took / 2));
        }
    }

    /// Waking those who are answered took so long: the time for them begins behind it.
    fn extend(&mut self, waking: Duration) {
        self.until = self.until.and_then(|until| until.checked_add(waking));
    }

    /// How long to wait on, with so many there. `None`: no longer.
    fn time_left(&self, came: usize) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (came < self.expected && !left.is_zero()).then_some(left)
    }

    /// Ends it. Notes how many came.
    fn end(&mut self, came: usize) {
        if self.until.take().is_none() {
            return;
        }
        if came * 2 > self.expected {
            self.vain = 0;
        } else {
            self.vain += 1;
            self.skip = 1_u32.checked_shl(self.vain).unwrap_or(GROUPS_SKIPPED_MAX).min(GROUPS_SKIPPED_MAX);
        }
    }
}

impl Waiting {
    /// Whether a request that just came is the one with which all are back.
    fn is_complete(&self) -> bool {
        let count = self.requests.len();
        self.gathering.until.is_some() && count >= self.gathering.expected && count <= REQUESTS_A_GROUP_MAX
    }

    fn is_first(&self, request: &Arc<Request>) -> bool {
        self.requests.front().is_some_and(|first| Arc::ptr_eq(first, request))
    }
}

impl Queue {
    /// Queues a request and waits. `None`: it was answered; else its caller leads.
    pub(super) fn wait(&self, request: &Arc<Request>) -> Option<Lead<'_>> {
        let mut waiting = self.state.lock();
        waiting.requests.push_back(request.clone());
        let mut is_first = !std::mem::replace(&mut waiting.led, true);
        if !is_first && waiting.is_complete() {
            // The first sleeps on, as one of those who are led.
            waiting.requests[0].leads.store(false, Ordering::Relaxed);
            return Some(self.lead(&mut waiting, request));
        }
        drop(waiting);
        loop {
            if is_first || request.leads.load(Ordering::Acquire) {
                if let Some(lead) = self.gather(request) {
                    return Some(lead);
                }
                is_first = false;
            }
            if let Some(errand) = request.take_errand() {
                errand.run();
            }
            if request.answer.lock().is_some() {
                return None;
            }
            thread::park();
        }
    }

    /// Waits, as the first, for those who were answered last, and leads. `None`: the last of them leads.
    fn gather(&self, request: &Arc<Request>) -> Option<Lead<'_>> {
        let mut waiting = self.state.lock();
        loop {
            if !waiting.is_first(request) {
                return None;
            }
            let Some(left) = waiting.gathering.time_left(waiting.requests.len()) else {
                return Some(self.lead(&mut waiting, request));
            };
            MutexGuard::unlocked(&mut waiting, || thread::park_timeout(left));
        }
    }

    /// Takes those who wait, among them the caller's own request.
    fn lead(&self, waiting: &mut Waiting, request: &Arc<Request>) -> Lead<'_> {
        let count = waiting.requests.len().min(REQUESTS_A_GROUP_MAX);
        waiting.gathering.end(count);
        let requests = waiting.requests.drain(..count).collect();
        Lead { queue: self, own: request.clone(), requests, begun: Instant::now() }
    }
}

/// The requests that one caller leads. Dropped, also by a panic, it answers those who were led and passes the
/// lead on.
pub(super) struct Lead<'a> {
    queue: &'a Queue,
    own: Arc<Request>,
    pub(super) requests: Vec<Arc<Request>>,
    begun: Instant,
}

impl Lead<'_> {
    /// Those who wait while their leader works, the one that sleeps longest first.
    pub(super) fn others(&self) -> impl Iterator<Item = &Arc<Request>> {
        self.requests.iter().filter(|request| !Arc::ptr_eq(request, &self.own))
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // Before the first is answered: who is back before the last one is finds that the lead is free.
        let (next, gathers) = {
            let mut waiting = self.queue.state.lock();
            let count = waiting.requests.len();
            waiting.gathering.expect(self.requests.len(), count, self.begun.elapsed());
            waiting.led = count > 0;
            let next = waiting.requests.front().cloned();
            if let Some(next) = &next {
                next.leads.store(true, Ordering::Release);
            }
            (next, waiting.gathering.until.is_some())
        };
        let waking = Instant::now();
        for request in &self.requests {
            request.answer.lock().get_or_insert_with(|| {
                let lost =
                    || Error::Closed { reason: "the commit panicked; open the store again".to_owned() };
                request.proposals.iter().map(|_| Err(lost())).collect()
            });
        }
        // Woken first where it leads at once, and last where it waits for those who are woken now.
        let (first, last) = if gathers { (None, next) } else { (next, None) };
        let woken = first.iter().chain(self.others()).chain(&last);
        woken.for_each(|request| request.caller.unpark());
        self.queue.state.lock().gathering.extend(waking.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_in_vain_is_tried_more_and_more_rarely_until_it_pays() {
        let mut gathering = Gathering { expected: 8, ..Gathering::default() };
        let skipped = [2, 2, 3, 4, 1, 4, 4, 4, 4].map(|came| {
            gathering.until = Some(Instant::now());
            gathering.end(came);
            gathering.skip
        });
        assert_eq!(skipped, [2, 4, 8, 16, 32, 64, 64, 64, 64]);
        let mut came = |count| {
            gathering.until = Some(Instant::now());
            gathering.end(count);
            (gathering.vain, gathering.skip)
        };
        assert_eq!(came(5).0, 0);
        assert_eq!(came(4), (1, 2));
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
        assert!(waiting.requests.is_empty() && !waiting.led);
    }
}
