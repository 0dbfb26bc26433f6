//! How much of the feed a store keeps.

use std::time::Duration;

use crate::clock::TimeNs;
use crate::wire::{Reader, Writer};

/// How much of the feed is kept. Whatever exceeds one of the bounds may be dropped; the default has none, and keeps all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Retention {
    /// At most so many of the last events.
    pub events_max: Option<u64>,
    /// Events of at most this age.
    pub age_max: Option<Duration>,
}

impl Retention {
    /// The setting of the store that it is kept in.
    pub(crate) const SETTING: &'static str = "feed.retention";

    /// Whether nothing is ever dropped.
    pub(crate) fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a change may go that was committed at `time_ns` at the latest, where `last` is the last one.
    pub(crate) fn is_beyond(&self, number: u64, time_ns: TimeNs, last: u64, now_ns: TimeNs) -> bool {
        let age = Duration::from_nanos(u64::try_from(now_ns.saturating_sub(time_ns)).unwrap_or(0));
        self.events_max.is_some_and(|max| last.saturating_sub(number) >= max)
            || self.age_max.is_some_and(|max| age > max)
    }

    /// As the setting holds it: the bounds, all ones for none. Ages are in nanoseconds.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let age = self.age_max.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX - 1));
        Writer(&mut bytes).u64(self.events_max.unwrap_or(u64::MAX)).u64(age.unwrap_or(u64::MAX));
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut bound = || reader.u64().map(|bound| Some(bound).filter(|bound| *bound < u64::MAX));
        Some(Self { events_max: bound()?, age_max: bound()?.map(Duration::from_nanos) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_comes_back_from_its_setting_and_either_bound_is_enough() {
        let both = Retention { events_max: Some(10), age_max: Some(Duration::from_secs(5)) };
        let [count, age] = [Retention { age_max: None, ..both }, Retention { events_max: None, ..both }];
        for retention in [Retention::default(), both, count, age] {
            assert_eq!(Retention::decode(&retention.encode()), Some(retention));
        }
        assert_eq!(Retention::decode(b"short"), None);
        let (young, old) = (6_000_000_000, 999_999_999);
        let now = 6_000_000_000;
        assert!(count.is_beyond(90, young, 100, now) && !count.is_beyond(91, old, 100, now));
        assert!(age.is_beyond(100, old, 100, now) && !age.is_beyond(1, young, 100, now));
        assert!(both.is_beyond(90, young, 100, now) && both.is_beyond(91, old, 100, now));
        assert!(!both.is_beyond(91, young, 100, now) && !Retention::default().is_beyond(1, old, 100, now));
    }
}
