//! Kills a client of a store again and again, at random moments, and compares what is left with what it was told.
//!
//! `soak [SECONDS [SEED]]`: two minutes by default. It prints how many kills there were, what was compared, and what was
//! lost or invented, which must be nothing. A store with a failure is left for a look.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, process};

use hsm_tests::soak::{client, rounds};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [role, store, ledgers, number, seed] = &words[..]
        && role == "client"
    {
        let (number, seed) = (number.parse().expect("a number"), seed.parse().expect("a seed"));
        return match client::run(Path::new(store), Path::new(ledgers), number, seed) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the client cannot keep its ledger: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let numbers: Result<Vec<u64>, _> = words.iter().map(|word| word.parse()).collect();
    let (seconds, seed) = match numbers.as_deref() {
        Ok([]) => (120, u64::from(process::id())),
        Ok([seconds]) => (*seconds, u64::from(process::id())),
        Ok([seconds, seed]) => (*seconds, *seed),
        _ => {
            eprintln!("usage: soak [SECONDS [SEED]]");
            return ExitCode::from(2);
        }
    };
    let directory = tempfile::tempdir().expect("a directory");
    println!("seed {seed}");
    let report = rounds::soak(directory.path(), Duration::from_secs(seconds), seed);
    print!("{report}");
    if report.is_good() {
        return ExitCode::SUCCESS;
    }
    println!("see {}", directory.keep().display());
    ExitCode::FAILURE
}
