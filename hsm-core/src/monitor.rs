//! Progress: what a long verb tells while it runs, and how it is stopped.
//!
//! - a [`Monitor`] is the program's; a store carries one after `Store::with_monitor`;
//! - [`Progress`] is what it is told, in runs of about 1 MiB and at each object;
//! - a `Watch` (private) is one verb under way: it counts, reports, and remembers that it was told to stop.
//!
//! A verb that is stopped answers [`Error::Stopped`]. What it had committed by then stays, whole objects always;
//! of what it had not, nothing is left. After the last commit of a verb a stop comes too late, and the verb answers
//! that it is done. The monitor is asked no more once it said stop. Where the store is closed meanwhile, by the monitor
//! or by another thread, the verb ends with [`Error::Closed`].
//!
//! It runs on the thread that called the verb. No lock of the engine is held meanwhile, but for `Store::reconcile`,
//! which lets nobody open the store until it returns.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::object::TierIndex;

/// Bytes between two reports.
const REPORT_LEN: u64 = 1 << 20;
/// How many phases there are.
const PHASES: usize = 11;
/// Longest sleep of a verb that is paced, before it looks whether it is to stop.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// Shortest sleep: the store's clock may be slower than ours.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// Follows long verbs, and may stop them.
pub trait Monitor: Send + Sync {
    /// Told how far a verb has come. [`ControlFlow::Break`] stops it, and the number in it comes back in
    /// [`Error::Stopped`].
    fn report(&self, progress: &Progress) -> ControlFlow<i32>;
}

/// What a verb is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Bytes of the program go to a tier.
    Put = 0,
    /// An object's bytes go to the program.
    Get = 1,
    /// Bytes are copied from one tier to another, or within one.
    Copy = 2,
    /// Bytes are read back from the medium and compared.
    Verify = 3,
    /// Copies on a tier that was lost are struck off.
    StrikeOff = 4,
    /// Removed objects whose grace window is over are purged.
    Purge = 5,
    /// Places that hold nothing any more are removed.
    Reclaim = 6,
    /// The places on the roots of the tiers are compared with the catalog.
    Reconcile = 7,
    /// A snapshot is written to a tier.
    Snapshot = 8,
    /// The catalog is compared with itself, and with the places that its copies lie in.
    Check = 9,
    /// The roots of tiers are read to make their store again.
    Rebuild = 10,
}

/// How far a verb has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing now. Copies are verified in rounds, so phases may come again.
    pub phase: Phase,
    /// Objects that it is done with for good; in `Reclaim` and `Reconcile`, places; of a snapshot, files; in a scrub
    /// and in `Check`, copies.
    pub objects_done: u64,
    /// Of how many; 0 where that is not known.
    pub objects_total: u64,
    /// Bytes that this phase went through, all its rounds together. Where something has to be done again they may
    /// become more than the total.
    pub bytes_done: u64,
    /// Of how many; 0 where that is not known.
    pub bytes_total: u64,
}

/// What keeps verbs below the limits of tiers.
pub(crate) trait Throttle: Sync {
    /// Takes so much of a tier. More than zero: nothing was taken, and it takes so long until something can be.
    fn take(&self, tier: TierIndex, operations: u64, bytes: u64) -> Result<Duration>;
}

/// One verb under way, and the monitor that follows it, if one does.
pub(crate) struct Watch<'a> {
    monitor: Option<&'a dyn Monitor>,
    progress: Progress,
    /// What each phase went through.
    bytes: [u64; PHASES],
    unreported: u64,
    stopped: Option<i32>,
    /// Whether the store was closed: by the monitor, or by another thread.
    closed: Option<&'a AtomicBool>,
    pace: Option<Pace>,
    throttle: Option<&'a dyn Throttle>,
    /// The tiers that bytes are counted for.
    on: Vec<TierIndex>,
}

/// Keeps a verb below a number of bytes a second.
#[derive(Debug, Clone, Copy)]
struct Pace {
    bytes_a_second: u64,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    /// How long what was counted should have taken.
    fn due(&self) -> Duration {
        let (seconds, rest) = (self.bytes / self.bytes_a_second, self.bytes % self.bytes_a_second);
        let nanoseconds = u128::from(rest) * 1_000_000_000 / u128::from(self.bytes_a_second);
        Duration::new(seconds, nanoseconds as u32)
    }
}

impl<'a> Watch<'a> {
    pub(crate) fn new(monitor: Option<&'a dyn Monitor>, phase: Phase) -> Self {
        let progress = Progress { phase, objects_done: 0, objects_total: 0, bytes_done: 0, bytes_total: 0 };
        Self {
            monitor,
            progress,
            bytes: [0; PHASES],
            unreported: 0,
            stopped: None,
            closed: None,
            pace: None,
            throttle: None,
            on: Vec::new(),
        }
    }

    /// Ends the verb when the store is closed.
    pub(crate) fn until(self, closed: &'a AtomicBool) -> Self {
        Self { closed: Some(closed), ..self }
    }

    /// Keeps the verb below the limits of tiers.
    pub(crate) fn throttled(self, throttle: &'a dyn Throttle) -> Self {
        Self { throttle: Some(throttle), ..self }
    }

    /// Does what reads one object from, or writes it to, these tiers, once and as fast as their limits allow. Ends as
    /// soon as the verb is to stop.
    pub(crate) fn on<T>(
        &mut self,
        tiers: &[TierIndex],
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.throttle.is_none() {
            return work(self);
        }
        self.on = tiers.to_vec();
        let done = self.keep_limits(1, 0).and_then(|()| work(self));
        self.on.clear();
        done
    }

    /// Sleeps until so much may be taken of each tier that is worked on.
    fn keep_limits(&mut self, operations: u64, bytes: u64) -> Result<()> {
        let Some(throttle) = self.throttle else { return Ok(()) };
        for index in 0..self.on.len() {
            loop {
                let early = throttle.take(self.on[index], operations, bytes)?;
                if early.is_zero() {
                    break;
                }
                thread::sleep(early.clamp(SLEEP_MIN, SLEEP_MAX));
                self.check()?;
            }
        }
        Ok(())
    }

    /// For work that nobody follows.
    pub(crate) fn nobody() -> Self {
        Self::new(None, Phase::Reclaim)
    }

    /// Says how much there is to do, as far as that is known.
    pub(crate) fn expect(&mut self, objects: u64, bytes: u64) {
        (self.progress.objects_total, self.progress.bytes_total) = (objects, bytes);
    }

    /// Says how large the object is, where the verb is about one alone.
    pub(crate) fn expect_size(&mut self, bytes: u64) {
        if self.progress.objects_total == 1 {
            self.progress.bytes_total = bytes;
        }
    }

    /// What the verb does from here on.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.progress.phase = phase;
        self.progress.bytes_done = self.bytes[phase as usize];
        self.unreported = 0;
    }

    /// Another kind of work, which counts anew.
    pub(crate) fn stage(&mut self, phase: Phase) {
        let (stopped, closed, pace, throttle) = (self.stopped, self.closed, self.pace, self.throttle);
        *self = Self { stopped, closed, pace, throttle, ..Self::new(self.monitor, phase) };
    }

    /// Reports, and fails when the verb is to stop, or the store was closed.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(monitor) = self.monitor
            && self.stopped.is_none()
            && let ControlFlow::Break(code) = monitor.report(&self.progress)
        {
            self.stopped = Some(code);
        }
        self.unreported = 0;
        if let Some(code) = self.stopped {
            return Err(Error::Stopped { code });
        }
        let closed = self.closed.is_some_and(|closed| closed.load(Ordering::Acquire));
        if closed { Err(Error::was_closed()) } else { Ok(()) }
    }

    /// Goes through at most so many bytes a second from here on, all phases together; 0: as many as it can.
    pub(crate) fn pace(&mut self, bytes_a_second: u64) {
        self.pace = (bytes_a_second > 0).then(|| Pace { bytes_a_second, begun: Instant::now(), bytes: 0 });
    }

    /// Sleeps until what was counted may have been gone through.
    fn keep_pace(&mut self, count: u64) -> Result<()> {
        let Some(pace) = &mut self.pace else { return Ok(()) };
        pace.bytes += count;
        let pace = *pace;
        loop {
            let early = pace.due().saturating_sub(pace.begun.elapsed());
            if early.is_zero() {
                return Ok(());
            }
            thread::sleep(early.min(SLEEP_MAX));
            self.check()?;
        }
    }

    /// Counts bytes, and reports once there are enough.
    pub(crate) fn bytes(&mut self, count: u64) -> Result<()> {
        self.keep_pace(count)?;
        self.keep_limits(0, count)?;
        self.progress.bytes_done += count;
        self.bytes[self.progress.phase as usize] = self.progress.bytes_done;
        self.unreported += count;
        if self.unreported < REPORT_LEN && self.stopped.is_none() { Ok(()) } else { self.check() }
    }

    /// Counts objects that are to be done, and reports.
    pub(crate) fn objects(&mut self, count: u64) -> Result<()> {
        self.progress.objects_done += count;
        self.check()
    }

    /// Counts objects that are done for good, and reports. A stop concerns only what comes after.
    pub(crate) fn done(&mut self, count: u64) {
        let _ = self.objects(count); // Remembered, for the next check.
    }

    /// Whether anybody follows.
    pub(crate) fn is_watched(&self) -> bool {
        self.monitor.is_some()
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Notes what it is told, and stops at a report.
    struct Notes {
        told: Mutex<Vec<Progress>>,
        stop_at: usize,
    }

    impl Monitor for Notes {
        fn report(&self, progress: &Progress) -> ControlFlow<i32> {
            let mut told = self.told.lock();
            told.push(*progress);
            if told.len() == self.stop_at { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
        }
    }

    fn notes(stop_at: usize) -> Notes {
        Notes { told: Mutex::default(), stop_at }
    }

    #[test]
    fn bytes_are_reported_in_runs_and_phases_remember_theirs() {
        let notes = notes(0);
        let mut watch = Watch::new(Some(&notes), Phase::Copy);
        watch.bytes(REPORT_LEN - 1).unwrap();
        assert!(notes.told.lock().is_empty());
        watch.bytes(1).unwrap();
        watch.phase(Phase::Verify);
        watch.bytes(2 * REPORT_LEN).unwrap();
        watch.phase(Phase::Copy);
        watch.objects(1).unwrap();
        let told: Vec<_> = notes.told.lock().iter().map(|one| (one.phase, one.bytes_done)).collect();
        let wanted = [(Phase::Copy, REPORT_LEN), (Phase::Verify, 2 * REPORT_LEN), (Phase::Copy, REPORT_LEN)];
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_stop_is_asked_for_once_and_holds_for_all_that_follows() {
        let notes = notes(1);
        let mut watch = Watch::new(Some(&notes), Phase::Purge);
        watch.done(1);
        for _ in 0..2 {
            assert!(matches!(watch.check(), Err(Error::Stopped { code: 7 })));
        }
        watch.stage(Phase::Reclaim);
        assert!(matches!(watch.objects(1), Err(Error::Stopped { code: 7 })));
        assert_eq!(notes.told.lock().len(), 1);
    }

    #[test]
    fn a_pace_asks_for_the_time_that_its_bytes_take() {
        let pace = Pace { bytes_a_second: 1 << 20, begun: Instant::now(), bytes: 5 << 19 };
        assert_eq!(pace.due(), Duration::from_millis(2500));
    }

    #[test]
    fn a_verb_that_is_ahead_of_its_pace_can_be_stopped_while_it_sleeps() {
        let notes = notes(1);
        let mut watch = Watch::new(Some(&notes), Phase::Verify);
        watch.pace(1); // A byte a second: ten of them would take ten seconds.
        assert!(matches!(watch.bytes(10), Err(Error::Stopped { code: 7 })));
        assert_eq!(watch.progress.bytes_done, 0);
    }

    #[test]
    fn the_size_of_one_object_is_no_total_of_many() {
        let mut watch = Watch::new(None, Phase::Copy);
        watch.expect(2, 0);
        watch.expect_size(5);
        assert_eq!(watch.progress.bytes_total, 0);
        watch.expect(1, 0);
        watch.expect_size(5);
        assert_eq!(watch.progress.bytes_total, 5);
    }
}
