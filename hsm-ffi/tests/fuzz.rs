//! Random sequences of calls, made from the header's own list, break nothing.
//!
//! A program in C is made from `include/hsm.h`: for each function it picks arguments by their types, half sensible and
//! half not, makes the call, and checks what the header promises of every call (`tests/fuzz`). It is compiled once, with
//! the sanitizers for addresses, leaks and undefined behaviour, and run with one seed after the other. A run fails
//! on a crash, a hang, a leak, a panic, an answer against the conventions, a descriptor that stays open, a callback
//! that is not destroyed once, or a store that is not clean afterwards. All runs together fail where a function of the
//! header was never called, or never with success.
//!
//! - `HSM_FUZZ_SECONDS`: how long to go on, 20 unless told.
//! - `HSM_FUZZ_FIRST`: the first seed, 1 unless told.
//! - `HSM_FUZZ_SEED`: run this seed alone.
//!
//! A run that failed names its seed and leaves its directory: the program, with its source, and the calls it made.

#[path = "fuzz/header.rs"]
mod header;
#[path = "support/library.rs"]
mod library;
#[path = "fuzz/program.rs"]
mod program;
#[path = "support/tool.rs"]
mod tool;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use header::Header;

/// Calls of one run. Short runs end with a check more often.
const CALLS: &str = "500";

/// One run takes less than a second. Some machines are slow.
const HANGS_AFTER_S: &str = "300";

/// How long to go on, unless told.
const TIME_S: u64 = 20;

/// A function that was not called with success after so many runs never will be.
const RUNS_MAX: u64 = 1000;

const OPTIONS: [&str; 9] = [
    "-std=c99",
    "-D_XOPEN_SOURCE=700",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-g",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
];

/// How often a function was called, and how often with success.
type Counts = BTreeMap<String, (u64, u64)>;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Makes the program and compiles it.
fn build(header: &Header, directory: &Path) -> PathBuf {
    std::fs::write(directory.join("kinds.h"), program::kinds(header)).unwrap();
    std::fs::write(directory.join("calls.h"), program::calls(header)).unwrap();
    let sources = tool::repository().join("hsm-ffi/tests/fuzz");
    let library = library::directory(&library::built(), &directory.join("lib"));
    let program = directory.join("fuzz");
    let mut command = tool::compiler("CC", "cc");
    command.args(OPTIONS).arg("-I").arg(directory).arg("-I").arg(tool::repository().join("include"));
    command.arg(sources.join("fuzz.c")).arg("-o").arg(&program);
    command.arg("-L").arg(&library).arg("-lhsm").arg(format!("-Wl,-rpath,{}", library.display()));
    tool::output(&mut command).unwrap();
    program
}

/// Runs a seed and adds to the counts. What it leaves is removed, unless it failed.
fn run(program: &Path, seed: u64, counts: &mut Counts) {
    let scratch = program.with_file_name(format!("seed-{seed}"));
    std::fs::create_dir(&scratch).unwrap();
    let mut command = tool::program_for(program, HANGS_AFTER_S);
    command.arg(&scratch).args([&seed.to_string(), CALLS]);
    // As without the sanitizer: no memory is an answer, and the library has to live with it.
    command.env("ASAN_OPTIONS", "allocator_may_return_null=1");
    let printed = tool::output(&mut command).unwrap_or_else(|error| {
        let trace = std::fs::read(scratch.join("trace")).unwrap_or_default();
        let trace = String::from_utf8_lossy(&trace);
        let lines: Vec<_> = trace.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        panic!("HSM_FUZZ_SEED={seed} fails: {error}\nThe last calls in {}/trace:\n{last}", scratch.display())
    });
    for line in printed.lines() {
        let mut words = line.split(' ');
        let count = counts.entry(words.next().unwrap().to_owned()).or_default();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        *count = (count.0 + number(), count.1 + number());
    }
    std::fs::remove_dir_all(&scratch).unwrap();
}

/// Functions of the header that were never called with success.
fn never_succeeded(header: &Header, counts: &Counts) -> Vec<String> {
    let names = header.functions.iter().map(|function| function.name.clone());
    names.filter(|name| counts.get(name).is_none_or(|(_, successes)| *successes == 0)).collect()
}

/// How many of the header's functions were called.
fn reached(header: &Header, counts: &Counts) -> usize {
    let is_called = |name: &String| counts.get(name).is_some_and(|(calls, _)| *calls > 0);
    header.functions.iter().filter(|function| is_called(&function.name)).count()
}

#[test]
fn random_sequences_of_calls_break_nothing() {
    let header = Header::read();
    let mut directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // A panic below leaves it.
    directory.disable_cleanup(true);
    let program = build(&header, directory.path());
    let mut counts = Counts::new();
    if let Some(seed) = variable("HSM_FUZZ_SEED") {
        run(&program, seed, &mut counts);
        return directory.disable_cleanup(false);
    }
    let time = Duration::from_secs(variable("HSM_FUZZ_SECONDS").unwrap_or(TIME_S));
    let first = variable("HSM_FUZZ_FIRST").unwrap_or(1);
    let begun = Instant::now();
    let mut runs = 0;
    // A slow machine gets through less in that time, but through everything once.
    while begun.elapsed() < time || (runs < RUNS_MAX && !never_succeeded(&header, &counts).is_empty()) {
        run(&program, first + runs, &mut counts);
        runs += 1;
    }
    let calls: u64 = counts.values().map(|(calls, _)| calls).sum();
    let successes: u64 = counts.values().map(|(_, successes)| successes).sum();
    let seconds = begun.elapsed().as_secs();
    let (reached, all) = (reached(&header, &counts), header.functions.len());
    // Past the harness, which shows what a test printed only if it failed.
    writeln!(
        std::io::stderr(),
        "\nfuzz: {runs} programs from seed {first}, {calls} calls, {successes} with success, in {seconds} s; \
         {reached} of the {all} functions of hsm.h were called"
    )
    .unwrap();
    for (name, (calls, successes)) in &counts {
        println!("{name:45} {calls:8} {successes:8}");
    }
    assert_eq!(reached, all, "a function of hsm.h was never called");
    let never = never_succeeded(&header, &counts);
    assert!(never.is_empty(), "never called with success: {never:?}");
    // About half of them do. With far fewer the fuzzer met nothing but refusals.
    assert!(successes * 5 > calls * 2, "{successes} of {calls} calls succeeded");
    directory.disable_cleanup(false);
}
