//! Who waits for a commit, and who of them leads.
//!
//! A caller who finds no leader leads; the others sleep until they are answered, or until one of them has to lead.
//! Whoever leads takes all that wait, itself among them: they are the next *group*. Those of a group are woken in one call:
//! each does so little before it sleeps again that to wake them one by one took longer than what they do. Those of the group
//! that gathers meanwhile sleep elsewhere, so that nobody is woken in vain.
//!
//! Callers who were just answered are likely to be back with their next change before a sync is over. So the next
//! group is not led before as many are there as there were, or a part of the time that the last group took is over: one sync for all of
//! them instead of two, each for half. Whoever comes last leads it, and need not wake anybody for that; one of those who came before
//! looks at the time. Where that was in vain it is not tried again for a while.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sched::sched_getcpu;

use crate::backend::pack::Unsynced;
use crate::catalog::{Committed, Durability, Proposal};
use crate::error::{Error, Result};

/// How long callers are waited for at most.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// Groups that are not waited for after many vain waits.
const GROUPS_SKIPPED_MAX: u32 = 64;

/// What one caller wants committed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) proposals: Vec<Proposal>,
    pub(super) relaxed: bool,
    answer: parking_lot::Mutex<Option<Vec<Result<Committed>>>>,
}

impl Request {
    /// What the calling thread wants.
    pub(super) fn new(proposals: Vec<Proposal>, durability: Durability) -> Arc<Self> {
        let relaxed = durability == Durability::Relaxed;
        Arc::new(Self { proposals, relaxed, answer: parking_lot::Mutex::default() })
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
    /// Where callers sleep: those of a group, and those of the next; each by the half of the processors that they ran on.
    bells: [[Condvar; 2]; 2],
}

#[derive(Debug, Default)]
struct Waiting {
    requests: Vec<Arc<Request>>,
    /// Number of the group that they are going to be.
    group: u64,
    /// How many groups were answered.
    answered: u64,
    led: bool,
    /// How many sleep there, or were just woken.
    asleep: [[usize; 2]; 2],
    /// Packs that those of the group that is led are to sync while they wait.
    to_sync: Vec<Unsynced>,
    gathering: Gathering,
}

/// Whether those who were answered last are waited for.
#[derive(Debug, Default)]
struct Gathering {
    /// How many requests there are when they are all back.
    expected: usize,
    /// When it is too late for them. None: nobody is waited for.
    until: Option<Instant>,
    /// The group of which one caller sleeps no longer than until then.
    timed: Option<u64>,
    /// How many groups in a row were waited for in vain.
    vain: u32,
    /// How many groups to go without waiting.
    skip: u32,
}

impl Gathering {
    /// A group was answered, and others wait already.
    fn expect(&mut self, answered: usize, waiting: usize, took: Duration) {
        self.expected = answered + waiting;
        self.until = Instant::now().checked_add(GATHER_MAX.min(took / 2)).filter(|_| self.skip == 0);
        self.skip = self.skip.saturating_sub(1);
    }

    /// How long others are still waited for, where so many came. `None`: no longer.
    fn left(&self, came: usize) -> Option<Duration> {
        let until = self.until.filter(|_| came < self.expected)?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// A group is led.
    fn end(&mut self, came: usize) {
        if self.until.take().is_some() {
            self.note(came);
        }
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
        let mut waiting = self.lock();
        waiting.requests.push(request.clone());
        let group = waiting.group;
        let mut keeps_time = false;
        while waiting.answered <= group {
            let mut left = None;
            if !waiting.led {
                left = waiting.gathering.left(waiting.requests.len());
                if left.is_none() {
                    return Some(self.lead(waiting));
                }
                left = left.filter(|_| keeps_time || waiting.gathering.timed != Some(group));
            }
            // Whose group is led does what is to be done for it.
            let to_sync = if waiting.group > group { waiting.to_sync.pop() } else { None };
            waiting = if let Some(data) = to_sync {
                drop(waiting);
                // An error is that of the pack, and its leader meets it there.
                let _ = data.pack.sync_to(data.end);
                self.lock()
            } else {
                if left.is_some() {
                    keeps_time = true;
                    waiting.gathering.timed = Some(group);
                }
                self.sleep(waiting, group, left)
            };
        }
        None
    }

    /// Takes all who wait. Nobody leads, so all groups that were taken are answered.
    fn lead(&self, mut waiting: MutexGuard<'_, Waiting>) -> Lead<'_> {
        let count = waiting.requests.len();
        waiting.gathering.end(count);
        waiting.led = true;
        let group = waiting.group;
        waiting.group += 1;
        let requests = std::mem::replace(&mut waiting.requests, Vec::with_capacity(count));
        Lead { queue: self, group, requests, begun: Instant::now() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that is done under it panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is woken, or that time is over.
    fn sleep<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        group: u64,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        let half = half_of_processors();
        let bell = &self.bells[parity(group)][half];
        waiting.asleep[parity(group)][half] += 1;
        let mut waiting = match left {
            Some(left) => bell.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0,
            None => bell.wait(waiting).unwrap_or_else(PoisonError::into_inner),
        };
        waiting.asleep[parity(group)][half] -= 1;
        waiting
    }

    /// Wakes sleepers of a group, without asking the kernel where there are none.
    fn wake(&self, asleep: &[[usize; 2]; 2], group: u64, how: impl Fn(&Condvar)) {
        let halves = self.bells[parity(group)].iter().zip(asleep[parity(group)]);
        halves.filter(|(_, asleep)| *asleep > 0).for_each(|(bell, _)| how(bell));
    }

    /// Where to wake somebody to help: the kernel has who is woken run where it ran before if that processor
    /// does nothing, and else, where processors are few, in place of who woke it.
    fn other_half(&self, waiting: &Waiting, group: u64) -> &Condvar {
        let other = 1 - half_of_processors();
        let half = if waiting.asleep[parity(group)][other] > 0 { other } else { 1 - other };
        &self.bells[parity(group)][half]
    }
}

fn parity(group: u64) -> usize {
    usize::from(!group.is_multiple_of(2))
}

/// Of the processor that the calling thread runs on.
fn half_of_processors() -> usize {
    sched_getcpu().map_or(0, |processor| processor % 2)
}

/// The requests that one caller leads. Dropped, also by a panic, it answers those who were led and gives the
/// lead free.
pub(super) struct Lead<'a> {
    queue: &'a Queue,
    group: u64,
    pub(super) requests: Vec<Arc<Request>>,
    begun: Instant,
}

impl Lead<'_> {
    /// Has packs synced by those of the group who do nothing but wait, as many as there are.
    pub(super) fn ask_to_sync(&self, mut packs: Vec<Unsynced>) {
        packs.truncate(self.requests.len() - 1);
        let count = packs.len();
        let mut waiting = self.queue.lock();
        waiting.to_sync = packs;
        let bell = self.queue.other_half(&waiting, self.group);
        drop(waiting);
        (0..count).for_each(|_| bell.notify_one());
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        for request in &self.requests {
            request.answer.lock().get_or_insert_with(|| {
                let lost =
                    || Error::Closed { reason: "the commit panicked; open the store again".to_owned() };
                request.proposals.iter().map(|_| Err(lost())).collect()
            });
        }
        let mut waiting = self.queue.lock();
        let next = waiting.requests.len();
        // Counted before the first is answered, who may be back before the last one is.
        waiting.gathering.expect(self.requests.len(), next, self.begun.elapsed());
        waiting.to_sync.clear();
        waiting.answered = self.group + 1;
        waiting.led = false;
        let asleep = waiting.asleep;
        drop(waiting);
        self.queue.wake(&asleep, self.group, Condvar::notify_all);
        if next > 0 {
            // In both halves: who is counted in one may still be of the group before the last.
            self.queue.wake(&asleep, self.group + 1, Condvar::notify_one);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

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
                            let expected = queue.lock().gathering.expected;
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
                            if round % 3 == 0 {
                                thread::sleep(Duration::from_micros(20)); // Others wait for the next meanwhile.
                            }
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
        let waiting = queue.lock();
        assert!(waiting.requests.is_empty() && !waiting.led && waiting.to_sync.is_empty());
    }
}
