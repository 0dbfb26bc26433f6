//! What a leader has done by those it leads, who wait anyway.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, Thread};

use parking_lot::Mutex;

use super::queue::Request;
use crate::error::{Error, Result};
use crate::testing_hooks::{Mutant, mutant};

/// Something to do for a caller who waits.
pub(super) struct Errand(Box<dyn FnOnce() + Send>);

impl Errand {
    pub(super) fn new(work: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    pub(super) fn run(self) {
        (self.0)();
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand").finish_non_exhaustive()
    }
}

/// An errand whose outcome its leader waits for.
pub(super) struct Awaited {
    to: Arc<Request>,
    outcome: Arc<Outcome>,
}

struct Outcome {
    result: Mutex<Option<Result<()>>>,
    leader: Thread,
}

impl Awaited {
    /// Sends the caller of `to`. It has no other errand.
    pub(super) fn send(to: &Arc<Request>, work: impl FnOnce() -> Result<()> + Send + 'static) -> Self {
        let outcome = Arc::new(Outcome { result: Mutex::new(None), leader: thread::current() });
        let reporter = Reporter(outcome.clone());
        to.send(Errand::new(move || reporter.report(work())));
        Self { to: to.clone(), outcome }
    }

    /// Waits until it is done, and does it where nobody has begun it.
    pub(super) fn wait(self) -> Result<()> {
        if mutant(Mutant::JournalSyncNotAwaited) {
            return Ok(());
        }
        if let Some(errand) = self.to.take_errand() {
            errand.run();
        }
        loop {
            if let Some(result) = self.outcome.result.lock().take() {
                return result;
            }
            thread::park();
        }
    }
}

/// Tells the leader how it went. Dropped before that, by a panic, it says so.
struct Reporter(Arc<Outcome>);

impl Reporter {
    #[allow(clippy::needless_pass_by_value, reason = "its drop wakes the leader")]
    fn report(self, result: Result<()>) {
        *self.0.result.lock() = Some(result);
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let lost = || Err(Error::Closed { reason: "a sync panicked; open the store again".to_owned() });
        self.0.result.lock().get_or_insert_with(lost);
        self.0.leader.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::catalog::Durability;
    use crate::error::Kind;

    fn request() -> Arc<Request> {
        Request::new(Vec::new(), Durability::Durable)
    }

    #[test]
    fn an_errand_that_nobody_began_is_done_by_who_waits_for_it_and_once() {
        let (to, done) = (request(), Arc::new(AtomicBool::new(false)));
        let awaited = Awaited::send(&to, {
            let done = done.clone();
            move || {
                assert!(!done.swap(true, Ordering::Relaxed));
                Ok(())
            }
        });
        awaited.wait().unwrap();
        assert!(done.load(Ordering::Relaxed) && to.take_errand().is_none());
    }

    #[test]
    fn an_errand_that_another_thread_began_is_waited_for_and_its_error_told() {
        let to = request();
        let awaited = Awaited::send(&to, || Err(Error::invalid("sync", "told to fail")));
        let errand = to.take_errand().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| errand.run());
            assert_eq!(awaited.wait().unwrap_err().kind(), Kind::Invalid);
        });
    }

    #[test]
    fn an_errand_that_panicked_leaves_nobody_waiting() {
        let to = request();
        let awaited = Awaited::send(&to, || panic!("told to panic"));
        let errand = to.take_errand().unwrap();
        assert!(thread::spawn(|| errand.run()).join().is_err());
        assert_eq!(awaited.wait().unwrap_err().kind(), Kind::Closed);
    }
}
