//! Many threads of many processes on one store; one process is killed on the way.
//!
//! `stress DIRECTORY [PROCESSES THREADS OPERATIONS SECONDS SEED]` makes a store in DIRECTORY (which must not
//! exist), lets PROCESSES of THREADS threads do OPERATIONS verbs in all, at most for SECONDS, kills one process
//! half-way and begins another in its place, and then audits the store alone. It prints what was done.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use hsm_core::Store;
use hsm_tests::stress::audit::audit;
use hsm_tests::stress::tally::Tally;
use hsm_tests::stress::worker::{self, Work};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |index: usize, default: u64| {
        arguments.get(index).and_then(|word| word.parse().ok()).unwrap_or(default)
    };
    match arguments.first().map(String::as_str) {
        Some("worker") => {
            let work = Work {
                threads: number(2, 8) as usize,
                operations: number(3, 5000),
                seconds: number(4, 60),
                seed: number(5, 1),
            };
            print!("{}", worker::run(Path::new(&arguments[1]), work).to_lines());
            ExitCode::SUCCESS
        }
        Some(directory) => {
            let processes = number(1, 4);
            let work = Work {
                threads: number(2, 8) as usize,
                operations: number(3, 24_000).div_ceil(processes),
                seconds: number(4, 60),
                seed: number(5, 1),
            };
            coordinate(Path::new(directory), processes, work)
        }
        None => {
            eprintln!("usage: stress DIRECTORY [PROCESSES THREADS OPERATIONS SECONDS SEED]");
            ExitCode::from(2)
        }
    }
}

fn coordinate(directory: &Path, processes: u64, work: Work) -> ExitCode {
    Store::open(directory, &worker::options().create_new(true))
        .and_then(|store| store.close())
        .expect("a new store");
    let started = Instant::now();
    let begin = |number: u64| begin_worker(directory, Work { seed: work.seed * 100 + number, ..work });
    let mut victim = begin(0);
    let workers: Vec<Child> = (1..processes).map(begin).collect();

    thread::sleep(kill_after(work.seconds));

    victim.kill().expect("a worker to kill");
    victim.wait().expect("a worker that was killed");
    let mut all = Tally::default();
    for worker in workers.into_iter().chain([begin(processes)]) {
        let output = worker.wait_with_output().expect("what a worker did");
        if !output.status.success() {
            all.failures.push(format!("a worker ended with {}", output.status));
        }
        all.merge(Tally::from_lines(&String::from_utf8_lossy(&output.stdout)));
    }
    let took = started.elapsed();
    println!("{}{} operations in {:.1} s", all.table(), all.total(), took.as_secs_f64());
    let audited = audit(directory, &worker::options());
    println!("{} objects, {} bytes, {} events", audited.objects, audited.bytes, audited.events);
    for failure in all.failures.iter().take(50) {
        println!("FAILED {failure}");
    }
    if all.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Long enough for the process to be in the middle of something.
fn kill_after(seconds: u64) -> Duration {
    Duration::from_millis((seconds * 1000 / 10).min(3000))
}

fn begin_worker(directory: &Path, work: Work) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .arg("worker")
        .arg(directory)
        .args(
            [work.threads as u64, work.operations, work.seconds, work.seed].map(|number| number.to_string()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .expect("a worker begins")
}
