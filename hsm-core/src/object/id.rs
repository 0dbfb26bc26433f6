//! Ids of objects and datasets: 128 bits, written as a UUID.

use std::fmt;
use std::str::FromStr;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::error::{Error, Result};

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads the 8-4-4-4-12 form, or 32 hexadecimal digits.
            fn from_str(text: &str) -> Result<Self> {
                uuid::Uuid::parse_str(text).map(|uuid| Self(uuid.into_bytes())).map_err(|_| {
                    Error::invalid($what, format!("{text:?} is not a UUID (8-4-4-4-12 hexadecimal digits)"))
                })
            }
        }
    };
}

uuid_type!(
    /// Names an object for ever.
    ObjectId,
    "object id"
);
uuid_type!(
    /// Names a dataset for ever.
    DatasetId,
    "dataset id"
);
uuid_type!(
    /// Names an action for ever.
    ActionId,
    "action id"
);
uuid_type!(
    /// Names actions that were submitted together.
    GroupId,
    "group id"
);

/// Makes version 7 UUIDs that rise strictly within a process, so that new objects append to the index.
///
/// The first 48 bits are milliseconds since 1970, the next 12 a fraction of one (RFC 9562, section 6.2,
/// method 3), the rest random.
#[derive(Debug, Default)]
pub struct IdGenerator {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_tick: u64,
    /// Random bytes not used yet: asking the kernel for each id alone would cost as much as the rest of it.
    random: Vec<u8>,
}

/// Random bytes fetched at once.
const RANDOM_LEN: usize = 512;

impl IdGenerator {
    /// The next id. Never the same twice, also when the clock stands still or runs back.
    pub fn next(&self, clock: &dyn Clock) -> [u8; 16] {
        // One tick is 1/4096 ms: what 12 bits of fraction can tell apart.
        let now_tick = (clock.now_ns().max(0) as u128 * 4096 / 1_000_000) as u64;
        let mut bytes = [0; 16];
        let mut state = self.state.lock();
        state.last_tick = now_tick.max(state.last_tick + 1);
        let tick = state.last_tick;
        if state.random.is_empty() {
            state.random.resize(RANDOM_LEN, 0);
            clock.fill_random(&mut state.random);
        }
        let rest = state.random.len() - 8;
        bytes[8..].copy_from_slice(&state.random[rest..]);
        state.random.truncate(rest);
        drop(state);
        bytes[..6].copy_from_slice(&(tick >> 12).to_be_bytes()[2..]);
        bytes[6] = 0x70 | (tick >> 8) as u8 & 0x0f;
        bytes[7] = tick as u8;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn generated_ids_rise_and_are_version_7() {
        let generator = IdGenerator::default();
        let mut last = [0; 16];
        for _ in 0..10_000 {
            let id = generator.next(&SystemClock);
            assert!(id > last, "ids must rise");
            assert_eq!(uuid::Uuid::from_bytes(id).get_version_num(), 7);
            last = id;
        }
    }

    #[test]
    fn ids_read_what_they_print_and_refuse_the_rest() {
        let id = ObjectId(IdGenerator::default().next(&SystemClock));
        assert_eq!(id.to_string().parse::<ObjectId>().unwrap(), id);
        assert!("1234".parse::<ObjectId>().is_err());
        assert!("".parse::<ObjectId>().is_err());
    }
}
