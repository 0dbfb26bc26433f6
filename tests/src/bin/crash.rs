//! Stops the engine at every write and prints what survived, as a table.
//!
//! `crash [random states a step [part of a name]]`; the default is 8. With a part of a name, only verbs that have it
//! in theirs are run.

use std::process::ExitCode;

use hsm_tests::crash::{Effort, Report, everything, two_processes, verbs_named};

fn main() -> ExitCode {
    let seeds = std::env::args().nth(1).map_or(Ok(8), |seeds| seeds.parse());
    let Ok(seeds) = seeds else {
        eprintln!("usage: crash [random states a step [part of a name]]");
        return ExitCode::FAILURE;
    };
    let effort = Effort { seeds, threads: 2 };
    let report = match std::env::args().nth(2) {
        None => everything(effort),
        Some(part) => {
            let mut report = Report::default();
            verbs_named(effort, &part, &mut report);
            two_processes(effort, &part, &mut report);
            report
        }
    };
    print!("{report}");
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
