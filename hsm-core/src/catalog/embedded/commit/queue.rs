//! Who waits for a commit, and who of them leads.
//!
//! A caller who finds no leader leads at once; the others sleep until they are answered, or until the lead is
//! passed on to them. Whoever leads takes all that wait, itself among them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use parking_lot::Mutex;

use crate::backend::pack::Unsynced;
use crate::catalog::{Committed, Durability, Proposal};
use crate::error::{Error, Result};

/// Requests taken into one group at most: bounds how long the lock is held.
const REQUESTS_A_GROUP_MAX: usize = 1024;

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
}

impl Queue {
    /// Queues a request and waits. `None`: it was answered; else its caller leads.
    pub(super) fn wait(&self, request: &Arc<Request>) -> Option<Lead<'_>> {
        let leads_at_once = {
            let mut waiting = self.state.lock();
            waiting.requests.push_back(request.clone());
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
        let count = waiting.requests.len().min(REQUESTS_A_GROUP_MAX);
        Some(Lead { queue: self, requests: waiting.requests.drain(..count).collect() })
    }
}

/// The requests that one caller leads. Dropped, also by a panic, it answers those who were led and passes the
/// lead on.
pub(super) struct Lead<'a> {
    queue: &'a Queue,
    pub(super) requests: Vec<Arc<Request>>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        for request in &self.requests {
            request.answer.lock().get_or_insert_with(|| {
                let lost =
                    || Error::Closed { reason: "the commit panicked; open the store again".to_owned() };
                request.proposals.iter().map(|_| Err(lost())).collect()
            });
            request.caller.unpark();
        }
        let mut waiting = self.queue.state.lock();
        match waiting.requests.front() {
            Some(next) => {
                next.leads.store(true, Ordering::Release);
                next.caller.unpark();
            }
            None => waiting.led = false,
        }
    }
}
