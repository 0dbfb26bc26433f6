//! Stops the engine at every write and prints what survived, as a table.
//!
//! `crash [random states a step]`; the default is 8.

use std::process::ExitCode;

use hsm_tests::crash::{Effort, everything};

fn main() -> ExitCode {
    let seeds = std::env::args().nth(1).map_or(Ok(8), |seeds| seeds.parse());
    let Ok(seeds) = seeds else {
        eprintln!("usage: crash [random states a step]");
        return ExitCode::FAILURE;
    };
    let report = everything(Effort { seeds, threads: 2 });
    print!("{report}");
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
