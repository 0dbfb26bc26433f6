//! A clock that a test sets, with random numbers that a seed repeats.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::disk::random::Random;
use crate::clock::{Clock, TimeNs};

/// Stands still until it is set or advanced.
#[derive(Debug)]
pub struct ManualClock {
    now_ns: AtomicI64,
    random: Mutex<Random>,
}

impl ManualClock {
    /// A clock at `now_ns` whose random numbers follow from `seed`.
    pub fn new(now_ns: TimeNs, seed: u64) -> Self {
        Self { now_ns: AtomicI64::new(now_ns), random: Mutex::new(Random(seed)) }
    }

    /// Sets the time, back or forth.
    pub fn set_ns(&self, now_ns: TimeNs) {
        self.now_ns.store(now_ns, Ordering::Release);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by_ns = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        let _ = self
            .now_ns
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now_ns| Some(now_ns.saturating_add(by_ns)));
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> TimeNs {
        self.now_ns.load(Ordering::Acquire)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let mut random = self.random.lock();
        for run in bytes.chunks_mut(8) {
            let number = random.next().to_le_bytes();
            run.copy_from_slice(&number[..run.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_time_moves_only_when_told() {
        let (one, other) = (ManualClock::new(5, 1), ManualClock::new(5, 1));
        let (mut a, mut b) = ([0; 13], [0; 13]);
        one.fill_random(&mut a);
        other.fill_random(&mut b);
        assert_eq!(a, b);
        assert_eq!(one.now_ns(), 5);
        one.advance(Duration::from_nanos(7));
        assert_eq!(one.now_ns(), 12);
        one.set_ns(-3);
        assert_eq!(one.now_ns(), -3);
    }
}
