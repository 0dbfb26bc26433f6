//! Limits of tiers: how much of a tier executors take at most, those of all handles and processes together.
//!
//! A *gate* stands before each tier: who goes in takes a stream and gives it back, and pays for each object and each
//! byte. What a run cost is owed: the next one waits until it is paid, by the store's clock. So nothing is saved up while
//! nothing is done, and nothing larger than the limit is refused. Streams that are held, and what is owed, stand in the lock
//! file, where all handles see them; the streams of one that died are free.
//!
//! An executor goes in before it claims anything, for a window that takes about a second, or one object; where it would
//! have to wait it does something else. Who waits within a window looks ten times a second whether it is to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Engine;
use crate::clock::TimeNs;
use crate::error::{Error, Kind, Result};
use crate::journal::queue::STREAMS_MAX;
use crate::monitor::Throttle;
use crate::object::{Position, TierIndex, TierLimits};
use crate::wire::{Reader, Writer};

/// Between two looks what other handles set; the longest wait for a stream without a look whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// Until another handle has changed what is owed.
const TURN: Duration = Duration::from_millis(1);

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
    /// The streams that this handle holds.
    streams: BTreeSet<u64>,
}

/// What was taken of a tier and is not paid yet.
#[derive(Debug, Default)]
struct Owed {
    operations: Debt,
    bytes: Debt,
}

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

impl Owed {
    fn of(fields: &[i64; 4]) -> Self {
        let [operations, seen, bytes, seen_too] = *fields;
        Self {
            operations: Debt { paid_ns: operations, seen_ns: seen },
            bytes: Debt { paid_ns: bytes, seen_ns: seen_too },
        }
    }

    fn fields(&self) -> [i64; 4] {
        let Self { operations, bytes } = self;
        [operations.paid_ns, operations.seen_ns, bytes.paid_ns, bytes.seen_ns]
    }

    /// How long it takes until something can be taken of what is limited and wanted, so much of each.
    fn left(&mut self, limits: &TierLimits, now_ns: TimeNs, operations: u64, bytes: u64) -> Duration {
        let each = self.each(limits, operations, bytes);
        Duration::from_nanos(each.map(|(debt, ..)| debt.left_ns(now_ns)).max().unwrap_or(0))
    }

    /// Takes so much. More than zero: nothing was taken, and it takes so long until something can be.
    fn take(&mut self, limits: &TierLimits, now_ns: TimeNs, operations: u64, bytes: u64) -> Duration {
        let left = self.left(limits, now_ns, operations, bytes);
        if left.is_zero() {
            for (debt, count, limit) in self.each(limits, operations, bytes) {
                debt.add(now_ns, count, limit);
            }
        }
        left
    }

    /// What is limited and wanted: the debt, how much, and the limit.
    fn each(
        &mut self,
        limits: &TierLimits,
        operations: u64,
        bytes: u64,
    ) -> impl Iterator<Item = (&mut Debt, u64, u64)> {
        let all = [
            (&mut self.operations, operations, limits.operations_a_second),
            (&mut self.bytes, bytes, limits.bytes_a_second),
        ];
        all.into_iter().filter(|(_, count, limit)| *count > 0 && *limit > 0)
    }
}

/// Streams that an executor holds.
#[derive(Debug)]
pub(crate) struct Streams<'a> {
    engine: &'a Engine,
    held: Vec<(TierIndex, u64)>,
}

impl Drop for Streams<'_> {
    fn drop(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut gates = self.engine.limits.gates.lock();
        for (tier, stream) in &self.held {
            if gates.get_mut(tier).is_some_and(|gate| gate.streams.remove(stream)) {
                self.engine.lock.leave_stream(*tier, *stream);
            }
        }
        drop(gates);
        self.engine.limits.left.notify_all();
    }
}

/// What became of going in.
#[derive(Debug)]
pub(crate) enum Entered<'a> {
    /// The streams are held.
    In(Streams<'a>),
    /// Nothing was taken: this tier bears no more now, perhaps after that long.
    Full(TierIndex, Duration),
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
        let before = self.limits_of(tier)?;
        let position = self.set(&setting(tier), value)?;
        let mut gates = self.limits.gates.lock();
        let gate = gates.entry(tier).or_default();
        (gate.limits, gate.looked) = (limits, Some(Instant::now()));
        // What is owed by limits that are no more is owed to nobody.
        while before != limits && self.lock.meter(tier, |fields| *fields = [0; 4])?.is_none() {
            std::thread::sleep(TURN);
        }
        drop(gates);
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

    /// The same, as it was not long ago.
    fn limits_now(&self, tier: TierIndex) -> Result<TierLimits> {
        let is_new = |looked: Instant| looked.elapsed() < LOOK;
        if let Some(gate) = self.limits.gates.lock().get(&tier)
            && gate.looked.is_some_and(is_new)
        {
            return Ok(gate.limits);
        }
        let limits = self.limits_of(tier)?;
        let mut gates = self.limits.gates.lock();
        let gate = gates.entry(tier).or_default();
        (gate.limits, gate.looked) = (limits, Some(Instant::now()));
        Ok(limits)
    }

    /// The tiers that have limits.
    pub(crate) fn limited_tiers(&self) -> Result<BTreeMap<TierIndex, TierLimits>> {
        let mut limited = BTreeMap::new();
        for tier in self.tiers.all() {
            match self.limits_now(tier.index()) {
                Ok(limits) if limits != TierLimits::default() => {
                    limited.insert(tier.index(), limits);
                }
                // It was retired meanwhile.
                Err(error) if error.kind() != Kind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(limited)
    }

    /// Takes a stream on each of these tiers, where nothing is owed of any, or takes none: who held one and waited for
    /// another could wait for ever.
    pub(crate) fn enter(&self, tiers: &BTreeSet<TierIndex>) -> Result<Entered<'_>> {
        let mut streams = Streams { engine: self, held: Vec::new() };
        for tier in tiers {
            let limits = self.limits_now(*tier)?;
            let now_ns = self.clock.now_ns();
            let mut gates = self.limits.gates.lock();
            let gate = gates.entry(*tier).or_default();
            if limits.operations_a_second > 0 || limits.bytes_a_second > 0 {
                let left = self.owed(*tier, |owed| owed.left(&limits, now_ns, 1, 1))?;
                if !left.is_zero() {
                    return Ok(Entered::Full(*tier, left));
                }
            }
            if limits.actions_max > 0 {
                let all = 0..limits.actions_max.min(STREAMS_MAX);
                let mut free = None;
                for stream in all.filter(|stream| !gate.streams.contains(stream)) {
                    if self.lock.take_stream(*tier, stream)? {
                        free = Some(stream);
                        break;
                    }
                }
                let Some(stream) = free else { return Ok(Entered::Full(*tier, LOOK)) };
                gate.streams.insert(stream);
                streams.held.push((*tier, stream));
            }
        }
        Ok(Entered::In(streams))
    }

    /// Asks how long what is owed of a tier is to be waited for, and may add to it. The caller holds the gates: threads of this
    /// handle share its locks, and are one behind the other there.
    fn owed(&self, tier: TierIndex, ask: impl FnOnce(&mut Owed) -> Duration) -> Result<Duration> {
        let left = self.lock.meter(tier, |fields| {
            let mut owed = Owed::of(fields);
            let left = ask(&mut owed);
            *fields = owed.fields();
            left
        })?;
        Ok(left.unwrap_or(TURN))
    }

    /// Waits until a stream of this handle is given back, but no longer than `at_most`, nor than between two looks.
    pub(crate) fn wait_for_room(&self, at_most: Duration) {
        let mut gates = self.limits.gates.lock();
        self.limits.left.wait_for(&mut gates, at_most.clamp(TURN, LOOK));
    }
}

fn setting(tier: TierIndex) -> String {
    format!("tier.limits.{tier}")
}

impl Throttle for Engine {
    fn take(&self, tier: TierIndex, operations: u64, bytes: u64) -> Result<Duration> {
        let limits = self.limits_now(tier)?;
        let is_limited = |(count, limit)| count > 0 && limit > 0;
        if ![(operations, limits.operations_a_second), (bytes, limits.bytes_a_second)]
            .into_iter()
            .any(is_limited)
        {
            return Ok(Duration::ZERO);
        }
        let _gates = self.limits.gates.lock();
        self.owed(tier, |owed| owed.take(&limits, self.clock.now_ns(), operations, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: TimeNs = 1_000_000_000;

    fn rates(operations_a_second: u64, bytes_a_second: u64) -> TierLimits {
        TierLimits { actions_max: 0, operations_a_second, bytes_a_second }
    }

    #[test]
    fn what_was_taken_is_owed_for_as_long_as_it_takes() {
        let (mut owed, limits) = (Owed::default(), rates(0, 1000));
        let mut take = |now_ns, bytes| owed.take(&limits, now_ns, 0, bytes);
        assert_eq!(take(7, 3000), Duration::ZERO, "more than a second's worth goes at once");
        assert_eq!(take(7, 1), Duration::from_secs(3));
        assert_eq!(take(7 + SECOND_NS, 1), Duration::from_secs(2), "asking costs nothing");
        assert_eq!(take(7 + 3 * SECOND_NS, 500), Duration::ZERO);
        assert_eq!(take(7 + 3 * SECOND_NS, 1), Duration::from_millis(500));
        // Nothing is saved up in an hour.
        assert_eq!(take(3600 * SECOND_NS, 1000), Duration::ZERO);
        assert_eq!(take(3600 * SECOND_NS, 1000), Duration::from_secs(1));
        let kept = Owed::of(&owed.fields());
        assert_eq!(kept.bytes.paid_ns, 3601 * SECOND_NS, "as another handle reads it");
    }

    #[test]
    fn operations_and_bytes_are_owed_apart() {
        let (mut owed, limits) = (Owed::default(), rates(2, 0));
        assert_eq!(owed.take(&limits, 0, 1, 0), Duration::ZERO);
        assert_eq!(owed.take(&limits, 0, 0, 1 << 40), Duration::ZERO, "bytes have no limit");
        assert_eq!(owed.take(&limits, 0, 1, 0), Duration::from_millis(500));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_longer() {
        let (mut owed, limits) = (Owed::default(), rates(0, 1000));
        assert_eq!(owed.take(&limits, 3600 * SECOND_NS, 0, 2000), Duration::ZERO);
        assert_eq!(owed.take(&limits, 3600 * SECOND_NS, 0, 1), Duration::from_secs(2));
        assert_eq!(owed.take(&limits, SECOND_NS, 0, 1), Duration::from_secs(2));
        assert_eq!(owed.take(&limits, 3 * SECOND_NS, 0, 1), Duration::ZERO);
    }
}
