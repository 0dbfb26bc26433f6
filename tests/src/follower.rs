//! A program that follows a store, for tests that kill it: it writes down what it was handed, then acknowledges.
//!
//! Its ledger is a file of numbers, one a line, each with a dot behind it: a kill can leave a half-written line, which does
//! not count. It is synced before each acknowledgement, so what was acknowledged is
//! in it; what is in it behind that is handed out again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use hsm_core::object::Position;
use hsm_core::{Durability, Filter, Next, Result, Store, StoreOptions};

/// Events handed out together.
const EVENTS_AT_ONCE: usize = 200;

/// Follows as `name` until the event of number `last` is acknowledged.
pub fn follow(path: &Path, name: &str, ledger: &Path, last: u64) -> Result<()> {
    let store = Store::open(path, &StoreOptions::new().create(false))?;
    let mut subscription = store.subscription(name, &Filter::default())?;
    let mut ledger =
        OpenOptions::new().create(true).append(true).open(ledger).expect("a ledger can be written");
    ledger.write_all(b"\n").expect("a ledger can be written"); // Behind what a kill left.
    while subscription.acked().is_some_and(|acked| acked.number < last) {
        let Next::Events(events) = subscription.next(EVENTS_AT_ONCE, Some(Duration::from_mins(1)))? else {
            panic!("nothing came behind {:?}", subscription.position());
        };
        let lines: Vec<String> = events.iter().map(|event| format!("{}.\n", event.position.number)).collect();
        ledger.write_all(lines.concat().as_bytes()).expect("a ledger can be written");
        ledger.sync_data().expect("a ledger can be synced");
        let position = events.last().map_or(Position::default(), |event| event.position);
        subscription.ack(position, Durability::Durable)?;
        let acked = format!("acked {}.\n", position.number);
        ledger.write_all(acked.as_bytes()).expect("a ledger can be written");
    }
    Ok(())
}

/// What a ledger holds once what was handed out again is counted once: the numbers in order. `None` where one was
/// missing, or was handed out again though it had been acknowledged.
pub fn read_ledger(text: &str) -> Option<Vec<u64>> {
    let mut seen: Vec<u64> = Vec::new();
    let mut acked = 0;
    for line in text.lines().filter_map(|line| line.strip_suffix('.')) {
        if let Some(number) = line.strip_prefix("acked ") {
            acked = number.parse().ok()?;
            continue;
        }
        let number: u64 = line.parse().ok()?;
        if number <= acked {
            return None;
        }
        // Handed out again behind a kill: from the first that was not acknowledged on.
        while seen.last().is_some_and(|last| *last >= number) {
            seen.pop();
        }
        if seen.last().copied().unwrap_or(0) + 1 != number {
            return None;
        }
        seen.push(number);
    }
    Some(seen)
}
