//! Limits of tiers: how much of a tier executors take at most.
//!
//! Each handle keeps them by itself, for all its threads together. A *gate* stands before each tier: what goes in takes a
//! stream and gives it back, and pays for each object and each byte. What a run cost is owed: the next one waits until
//! it is paid, by the store's clock. So nothing is saved up while nothing is done, and nothing larger than the
//! limit is refused. Who waits holds nothing of what it waits for, and looks ten times a second whether it is to stop.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Engine;
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::monitor::Throttle;
use crate::object::{Position, TierIndex, TierLimits};
use crate::wire::{Reader, Writer};

/// Between two looks what other handles set; the longest wait for a stream without a look whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The gates before the tiers.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    gates: Mutex<BTreeMap<TierIndex, Gate>>,
    left: Condvar,
}

/// What goes to one tier and comes from it.
#[derive(Debug, Default)]
struct Gate {
    limits: TierLimits,
    /// When `limits` were asked for.
    looked: Option<Instant>,
    /// Objects that are read or written now.
    streams: u64,
    operations: Debt,
    bytes: Debt,
}

/// What was taken and is not paid yet.
#[derive(Debug, Default)]
struct Debt {
    paid_ns: TimeNs,
    /// When it was last asked about.
    seen_ns: TimeNs,
}

impl Debt {
    /// Nanoseconds until it is paid.
    fn left_ns(&mut self, now_ns: TimeNs) -> u64 {
        // Where the clock was set back, what was owed is owed still, and no more.
        self.paid_ns = self.paid_ns.saturating_sub((self.seen_ns.saturating_sub(now_ns)).max(0));
        self.seen_ns = now_ns;
        self.paid_ns.saturating_sub(now_ns).max(0) as u64
    }

    fn add(&mut self, now_ns: TimeNs, count: u64, a_second: u64) {
        let cost = u128::from(count) * 1_000_000_000 / u128::from(a_second.max(1));
        self.paid_ns = self.paid_ns.max(now_ns).saturating_add(i64::try_from(cost).unwrap_or(i64::MAX));
    }
}

impl Gate {
    /// What is owed by limits that are no more is owed to nobody.
    fn renew(&mut self, limits: TierLimits) {
        self.looked = Some(Instant::now());
        if self.limits != limits {
            (self.limits, self.operations, self.bytes) = (limits, Debt::default(), Debt::default());
        }
    }

    fn has_room(&self) -> bool {
        self.limits.actions_max == 0 || self.streams < self.limits.actions_max
    }

    fn take(&mut self, now_ns: TimeNs, operations: u64, bytes: u64) -> Duration {
        let TierLimits { operations_a_second, bytes_a_second, .. } = self.limits;
        let mut all = [
            (&mut self.operations, operations, operations_a_second),
            (&mut self.bytes, bytes, bytes_a_second),
        ];
        let owed = |(debt, count, limit): &mut (&mut Debt, u64, u64)| {
            if *count == 0 || *limit == 0 { 0 } else { debt.left_ns(now_ns) }
        };
        let wait_ns = all.iter_mut().map(owed).max().unwrap_or(0);
        if wait_ns == 0 {
            for (debt, count, limit) in all.into_iter().filter(|(_, count, limit)| *count > 0 && *limit > 0) {
                debt.add(now_ns, count, limit);
            }
        }
        Duration::from_nanos(wait_ns)
    }
}

impl Limits {
    fn enter(&self, tiers: &[TierIndex]) -> bool {
        let mut gates = self.gates.lock();
        let mut waited = false;
        loop {
            let mut all = tiers.iter();
            if all.all(|tier| gates.get(tier).is_none_or(Gate::has_room)) {
                // All of them or none: who holds one and waits for another could wait for ever.
                for tier in tiers {
                    gates.entry(*tier).or_default().streams += 1;
                }
                return true;
            }
            if waited || self.left.wait_for(&mut gates, LOOK).timed_out() {
                return false;
            }
            waited = true;
        }
    }

    fn leave(&self, tiers: &[TierIndex]) {
        let mut gates = self.gates.lock();
        for tier in tiers {
            if let Some(gate) = gates.get_mut(tier) {
                gate.streams = gate.streams.saturating_sub(1);
            }
        }
        drop(gates);
        self.left.notify_all();
    }
}

impl Engine {
    /// Sets the limits of a tier.
    pub(crate) fn set_limits(&self, tier: TierIndex, limits: TierLimits) -> Result<Position> {
        let mut value = Vec::new();
        let mut out = Writer(&mut value);
        // A tier that is given this index later has limits of its own.
        out.bytes(&self.tier(tier)?.config.incarnation);
        out.u64(limits.actions_max);
        out.u64(limits.operations_a_second);
        out.u64(limits.bytes_a_second);
        let position = self.set(&setting(tier), value)?;
        self.limits.gates.lock().entry(tier).or_default().renew(limits);
        self.limits.left.notify_all();
        Ok(position)
    }

    /// The limits of a tier.
    pub(crate) fn limits_of(&self, tier: TierIndex) -> Result<TierLimits> {
        let incarnation = self.tier(tier)?.config.incarnation;
        let Some(value) = self.catalog.setting(&setting(tier))? else { return Ok(TierLimits::default()) };
        let read = |reader: &mut Reader<'_>| {
            let of: [u8; 16] = reader.array()?;
            let limits = TierLimits {
                actions_max: reader.u64()?,
                operations_a_second: reader.u64()?,
                bytes_a_second: reader.u64()?,
            };
            Some(if of == incarnation { limits } else { TierLimits::default() })
        };
        read(&mut Reader(&value)).ok_or_else(|| {
            Error::damaged(&self.directory, format!("the setting {} is too short", setting(tier)))
        })
    }

    /// Learns what others set.
    fn renew(&self, tier: TierIndex) -> Result<()> {
        let looked = self.limits.gates.lock().get(&tier).and_then(|gate| gate.looked);
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            let limits = self.limits_of(tier)?;
            self.limits.gates.lock().entry(tier).or_default().renew(limits);
        }
        Ok(())
    }
}

fn setting(tier: TierIndex) -> String {
    format!("tier.limits.{tier}")
}

impl Throttle for Engine {
    fn enter(&self, tiers: &[TierIndex]) -> Result<bool> {
        tiers.iter().try_for_each(|tier| self.renew(*tier))?;
        Ok(self.limits.enter(tiers))
    }

    fn leave(&self, tiers: &[TierIndex]) {
        self.limits.leave(tiers);
    }

    fn take(&self, tier: TierIndex, operations: u64, bytes: u64) -> Result<Duration> {
        self.renew(tier)?;
        let now_ns = self.clock.now_ns();
        let mut gates = self.limits.gates.lock();
        Ok(gates.entry(tier).or_default().take(now_ns, operations, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: TimeNs = 1_000_000_000;

    fn gate(actions_max: u64, operations_a_second: u64, bytes_a_second: u64) -> Gate {
        Gate { limits: TierLimits { actions_max, operations_a_second, bytes_a_second }, ..Gate::default() }
    }

    #[test]
    fn what_was_taken_is_owed_for_as_long_as_it_takes() {
        let mut gate = gate(0, 0, 1000);
        assert_eq!(gate.take(7, 0, 3000), Duration::ZERO, "more than a second's worth goes at once");
        assert_eq!(gate.take(7, 0, 1), Duration::from_secs(3));
        assert_eq!(gate.take(7 + SECOND_NS, 0, 1), Duration::from_secs(2), "asking costs nothing");
        assert_eq!(gate.take(7 + 3 * SECOND_NS, 0, 500), Duration::ZERO);
        assert_eq!(gate.take(7 + 3 * SECOND_NS, 0, 1), Duration::from_millis(500));
        // Nothing is saved up in an hour.
        assert_eq!(gate.take(3600 * SECOND_NS, 0, 1000), Duration::ZERO);
        assert_eq!(gate.take(3600 * SECOND_NS, 0, 1000), Duration::from_secs(1));
    }

    #[test]
    fn operations_and_bytes_are_owed_apart() {
        let mut gate = gate(0, 2, 0);
        assert_eq!(gate.take(0, 1, 0), Duration::ZERO);
        assert_eq!(gate.take(0, 0, 1 << 40), Duration::ZERO, "bytes have no limit");
        assert_eq!(gate.take(0, 1, 0), Duration::from_millis(500));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_longer() {
        let mut gate = gate(0, 0, 1000);
        assert_eq!(gate.take(3600 * SECOND_NS, 0, 2000), Duration::ZERO);
        assert_eq!(gate.take(3600 * SECOND_NS, 0, 1), Duration::from_secs(2));
        assert_eq!(gate.take(SECOND_NS, 0, 1), Duration::from_secs(2));
        assert_eq!(gate.take(3 * SECOND_NS, 0, 1), Duration::ZERO);
    }

    #[test]
    fn other_limits_forgive_what_is_owed() {
        let mut gate = gate(0, 0, 1);
        assert_eq!(gate.take(0, 0, 1 << 20), Duration::ZERO);
        let same = gate.limits;
        gate.renew(same);
        assert_eq!(gate.take(0, 0, 1), Duration::from_secs(1 << 20));
        gate.renew(TierLimits { bytes_a_second: 2, ..TierLimits::default() });
        assert_eq!(gate.take(0, 0, 1), Duration::ZERO);
    }

    #[test]
    fn streams_are_taken_on_all_tiers_or_on_none() {
        let limits = Limits::default();
        limits.gates.lock().insert(2, gate(1, 0, 0));
        assert!(limits.enter(&[0, 2]));
        assert!(!limits.enter(&[2, 1]), "2 is taken");
        assert!(limits.enter(&[0, 1]), "nothing is held of 1 by who was refused, and 0 has no limit");
        limits.leave(&[0, 2]);
        assert!(limits.enter(&[2, 1]));
        let streams = |tier: TierIndex| limits.gates.lock()[&tier].streams;
        assert_eq!((streams(0), streams(1), streams(2)), (1, 2, 1));
    }
}
