//! Follows a store as a subscriber and writes down what it is handed: `follower STORE NAME LEDGER LAST`.
//!
//! With `wait` in place of a ledger it answers the first event behind the position of the subscriber on standard output, with
//! the time at which it was handed out, and so on with every one up to number LAST.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, io};

use hsm_core::{Durability, Filter, Next, Result, Store, StoreOptions};
use hsm_tests::follower;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [store, name, ledger, last] = &words[..] else {
        eprintln!("usage: follower STORE NAME LEDGER|wait LAST");
        return ExitCode::from(2);
    };
    let last = last.parse().expect("a number");
    let done = match ledger.as_str() {
        "wait" => wait(Path::new(store), name, last),
        ledger => follower::follow(Path::new(store), name, Path::new(ledger), last),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn wait(store: &Path, name: &str, last: u64) -> Result<()> {
    use io::Write as _;

    let store = Store::open(store, &StoreOptions::new().create(false))?;
    let mut subscription = store.subscription(name, &Filter::default())?;
    println!("ready");
    while subscription.acked().is_some_and(|acked| acked.number < last) {
        if let Next::Events(events) = subscription.next(1, None)? {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
            println!("{} {now}", events[0].position.number);
            io::stdout().flush().expect("somebody listens");
            subscription.ack(events[0].position, Durability::Relaxed)?;
        }
    }
    Ok(())
}
