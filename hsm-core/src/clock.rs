//! Time and randomness, injected so that a test can decide both.
//!
//! Times are nanoseconds since 1970-01-01 UTC in an `i64`. Nothing orders changes by time: the journal's
//! numbers do that, so a clock that jumps back harms nothing but the times that are shown.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970-01-01 UTC.
pub type TimeNs = i64;

/// Where the engine takes time and randomness from.
pub trait Clock: Send + Sync + Debug {
    /// The time now, in nanoseconds since 1970 UTC.
    fn now_ns(&self) -> TimeNs;

    /// Fills `bytes` with unpredictable bytes (a test's clock: with predictable ones).
    fn fill_random(&self, bytes: &mut [u8]);
}

/// The machine's clock and the kernel's random numbers.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> TimeNs {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        }
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        // The kernel's generator fails only where no kernel of this decade runs; an id taken from the
        // clock alone would then still be unique within this process.
        if getrandom::fill(bytes).is_err() {
            static FALLBACK: AtomicU64 = AtomicU64::new(0);
            let seed = (self.now_ns() as u64) ^ FALLBACK.fetch_add(1, Ordering::Relaxed).rotate_left(32);
            for (byte, source) in bytes.iter_mut().zip(seed.to_le_bytes().into_iter().cycle()) {
                *byte = source;
            }
        }
    }
}

/// A time as people read it: date and time of day, UTC, to the second.
pub(crate) fn utc(time_ns: TimeNs) -> String {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of the year 0, in eras of 400 years: a leap day is the last of its year.
    let day = days + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let day = day - (153 * from_march + 2) / 5 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Draws a random 64-bit number that is not zero.
pub(crate) fn random_u64(clock: &dyn Clock) -> u64 {
    let mut bytes = [0; 8];
    loop {
        clock.fill_random(&mut bytes);
        let number = u64::from_le_bytes(bytes);
        if number != 0 {
            return number;
        }
    }
}

/// Draws 16 random bytes: the identity of a store or of a tier's root.
pub(crate) fn random_identity(clock: &dyn Clock) -> [u8; 16] {
    let mut bytes = [0; 16];
    clock.fill_random(&mut bytes);
    bytes
}
