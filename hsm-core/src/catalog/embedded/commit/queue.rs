//! Who waits for a commit, and who of them leads.
//!
//! Callers who wait are a *round* once one of them leads: it takes all there are, itself among them, commits what they
//! want as one group of the journal, or several where that is long, and answers. The others sleep; meanwhile the
//! next round gathers. How many callers there are bounds a round, and what a group holds how long one has the
//! store's writer lock.
//!
//! Callers who were just answered are likely to be back with their next change before a sync is over. So the
//! next round is not led before as many are there as were answered and waited then, or a part of the time that the last
//! one took is over, a millisecond at most: one sync for all of them instead of two, each for half. Whoever
//! completes a round leads it, and need not wake anybody for that; one of those who came before looks at
//! the time. Where that was in vain it is not tried again for a while.
//!
//! A caller does so little between two sleeps that to wake them one by one takes longer than what they do. So a round
//! is woken at once, which the condition variables of `parking_lot` do not do: there, who is woken wakes the next.
//! Those of the round that gathers meanwhile sleep elsewhere, and go on sleeping.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::pack::Unsynced;
use crate::catalog::{Committed, Durability, Proposal};
use crate::error::{Error, Result};
use crate::file::processor;

/// How long callers are waited for at most.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// Rounds that are not waited for after many vain waits.
const ROUNDS_SKIPPED_MAX: u32 = 64;

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
    /// Where callers sleep: those of a round, and those of the next; each by the half of the processors they ran on.
    bells: [[Condvar; 2]; 2],
}

#[derive(Debug, Default)]
struct Waiting {
    /// Of the round that gathers.
    requests: Vec<Arc<Request>>,
    /// Number of the round that gathers.
    round: u64,
    /// How many rounds were answered: all that were led, or all but one, which is led now.
    answered: u64,
    /// How many sleep where, until they were woken and know it.
    asleep: [[usize; 2]; 2],
    /// Packs that those of the round that is led are to sync while they wait.
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
    /// Whether one caller sleeps no longer than until then.
    is_timed: bool,
    /// How many rounds in a row were waited for in vain.
    vain: u32,
    /// How many rounds to go without waiting.
    skip: u32,
}

impl Gathering {
    /// A round was answered, and others wait already.
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

    /// A round of so many is led.
    fn end(&mut self, came: usize) {
        self.is_timed = false;
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
            self.skip = 1_u32.checked_shl(self.vain).unwrap_or(ROUNDS_SKIPPED_MAX).min(ROUNDS_SKIPPED_MAX);
        }
    }
}

impl Queue {
    /// Queues a request and waits. `None`: it was answered; else its caller leads.
    pub(super) fn wait(&self, request: &Arc<Request>) -> Option<Lead<'_>> {
        let mut waiting = self.lock();
        waiting.requests.push(request.clone());
        let round = waiting.round;
        let mut keeps_time = false;
        while waiting.answered <= round {
            if waiting.answered == waiting.round {
                // Nobody leads.
                let Some(left) = waiting.gathering.left(waiting.requests.len()) else {
                    return Some(self.lead(waiting));
                };
                keeps_time |= !waiting.gathering.is_timed;
                waiting.gathering.is_timed = true;
                waiting = self.sleep(waiting, round, keeps_time.then_some(left));
            } else if waiting.answered == round
                && let Some(data) = waiting.to_sync.pop()
            {
                drop(waiting);
                // An error is that of the pack, and its leader meets it there.
                let _ = data.pack.sync_to(data.end);
                drop(data);
                waiting = self.lock();
            } else {
                waiting = self.sleep(waiting, round, None);
            }
        }
        None
    }

    /// Takes all who wait. Nobody leads, so all rounds but the one that gathers are answered.
    fn lead(&self, mut waiting: MutexGuard<'_, Waiting>) -> Lead<'_> {
        let count = waiting.requests.len();
        waiting.gathering.end(count);
        let round = waiting.round;
        waiting.round += 1;
        let requests = std::mem::replace(&mut waiting.requests, Vec::with_capacity(count));
        Lead { queue: self, round, requests, begun: Instant::now() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that is done under it panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is woken, or that time is over.
    fn sleep<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        round: u64,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        let half = half_of_processors();
        let bell = &self.bells[parity(round)][half];
        waiting.asleep[parity(round)][half] += 1;
        let mut waiting = match left {
            Some(left) => bell.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0,
            None => bell.wait(waiting).unwrap_or_else(PoisonError::into_inner),
        };
        // Those of a round that is answered are counted no more.
        if waiting.answered <= round {
            waiting.asleep[parity(round)][half] -= 1;
        }
        waiting
    }

    /// Wakes so many of a round, of whom so many sleep. The kernel has who is woken run where it ran before if that
    /// processor does nothing, and else, where processors are few, in place of who woke it: so it is rather one from
    /// the other half.
    fn wake(&self, round: u64, mut asleep: [usize; 2], count: usize) {
        let here = half_of_processors();
        for _ in 0..count {
            let half = if asleep[1 - here] > 0 { 1 - here } else { here };
            asleep[half] = asleep[half].saturating_sub(1);
            self.bells[parity(round)][half].notify_one();
        }
    }
}

fn parity(round: u64) -> usize {
    (round % 2) as usize
}

/// Of the processor that the calling thread runs on.
fn half_of_processors() -> usize {
    processor() % 2
}

/// The requests that one caller leads. Dropped, also by a panic, it answers those who were led and gives the
/// lead free.
pub(super) struct Lead<'a> {
    queue: &'a Queue,
    round: u64,
    pub(super) requests: Vec<Arc<Request>>,
    begun: Instant,
}

impl Lead<'_> {
    /// Has packs synced by those of the round who do nothing but wait, each by another one as far as there are others.
    pub(super) fn ask_to_sync(&self, mut packs: Vec<Unsynced>) {
        packs.truncate(self.requests.len() - 1);
        let count = packs.len();
        if count == 0 {
            return;
        }
        let mut waiting = self.queue.lock();
        waiting.to_sync = packs;
        let asleep = waiting.asleep[parity(self.round)];
        drop(waiting);
        self.queue.wake(self.round, asleep, count);
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
        // Counted before the first is answered, who may be back before the last one is.
        let next = waiting.requests.len();
        waiting.gathering.expect(self.requests.len(), next, self.begun.elapsed());
        waiting.to_sync.clear();
        waiting.answered += 1;
        let asleep = std::mem::take(&mut waiting.asleep[parity(self.round)]);
        let asleep_next = waiting.asleep[parity(self.round + 1)];
        drop(waiting);
        for (bell, asleep) in self.queue.bells[parity(self.round)].iter().zip(asleep) {
            if asleep > 0 {
                bell.notify_all();
            }
        }
        if next > 0 {
            self.queue.wake(self.round + 1, asleep_next, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::pack::{PACK_HEADER_LENGTH, PackIdentity, PackWriter};
    use crate::backend::{Backend as _, PlaceName};
    use crate::object::Place;

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
        assert_eq!(waiting.asleep, [[0; 2]; 2]);
        assert!(
            waiting.requests.is_empty() && waiting.answered == waiting.round && waiting.to_sync.is_empty()
        );
    }

    #[test]
    fn packs_are_synced_by_those_who_wait_and_not_by_their_leader() {
        const CALLERS: usize = 5;
        let pack = |serial: u64| {
            let place = MemoryBackend::new().create(PlaceName { instance: 1, serial, packed: true }).unwrap();
            let identity = PackIdentity { store_id: [1; 16], place: Place { tier: 0, instance: 1, serial } };
            Unsynced { pack: Arc::new(PackWriter::new(place, identity, 1)), end: PACK_HEADER_LENGTH }
        };
        let packs = [pack(1), pack(2)];
        let queue = Queue::default();
        let first = Request::new(Vec::new(), Durability::Durable);
        let lead = queue.wait(&first).unwrap();
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let request = Request::new(Vec::new(), Durability::Durable);
                    let Some(lead) = queue.wait(&request) else { return };
                    assert_eq!(lead.requests.len(), CALLERS);
                    lead.ask_to_sync(packs.to_vec());
                    let until = Instant::now() + Duration::from_mins(1);
                    while !packs.iter().all(|data| data.pack.is_synced(data.end)) {
                        assert!(Instant::now() < until, "nobody synced them");
                        thread::yield_now();
                    }
                });
            }
            while queue.lock().requests.len() < CALLERS {
                thread::yield_now();
            }
            drop(lead);
        });
        assert!(queue.lock().to_sync.is_empty());
    }

    #[test]
    fn a_lead_that_ends_without_answers_says_so_to_everyone() {
        let queue = Queue::default();
        let request = Request::new(vec![Proposal::default(); 2], Durability::Durable);
        drop(queue.wait(&request));
        let answer = request.take_answer();
        assert_eq!(answer.len(), 2);
        assert!(answer.iter().all(|answer| matches!(answer, Err(Error::Closed { .. }))));
        assert!(queue.wait(&request).is_some(), "nobody leads behind it");
    }
}
