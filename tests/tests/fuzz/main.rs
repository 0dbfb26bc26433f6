//! Whatever bytes lie where a store, a data file or a text is expected: an error or a value, never a panic, never
//! memory without bound.
//!
//! A plain loop over the corpus ([`corpus`]) with seeded mutations ([`mutate`]); most inputs get their checksums made
//! right again ([`seal`]), so that what stands behind them is reached. `HSM_FUZZ_TIMES` multiplies the rounds,
//! `HSM_FUZZ_SEED` begins elsewhere. An input that fails is written to the directory for temporary files: put it into
//! `tests/corpus/<target>/` to keep it.

mod corpus;
mod more_targets;
mod mutate;
mod seal;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mutate::{Random, mutate};
use targets::Target;

/// What one input may make the address space grow by. Twenty times the longest buffer that is ever taken.
const GROWTH_KIB_MAX: u64 = 512 << 10;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().expect(variable))
}

/// The most address space that this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn fuzz(target: &dyn Target) {
    let mut seeds = target.seeds();
    let own = seeds.len();
    seeds.extend(corpus::inputs(target.name()));
    assert!(!seeds.is_empty(), "{} has no corpus", target.name());
    let files = own.max(1);
    let mut random = Random(number("HSM_FUZZ_SEED", 1));
    let rounds = target.rounds() * number("HSM_FUZZ_TIMES", 1);
    let mut peak = peak_kib();
    for round in 0..rounds + seeds.len() as u64 {
        let (which, input) = if round < seeds.len() as u64 {
            // As it is.
            (round as usize % files, seeds[round as usize].clone())
        } else {
            let at = random.below(seeds.len());
            let which = if at < own { at } else { random.below(files) };
            let other = seeds[random.below(seeds.len())].clone();
            let mut input = mutate(&mut random, seeds[at].clone(), &other);
            if random.below(8) > 0 {
                target.seal(which, &mut input);
            }
            (which, input)
        };
        let fed = catch_unwind(AssertUnwindSafe(|| target.feed(which, &input)));
        let now = peak_kib_now_and_then(round, target.rounds(), peak);
        let grown = now.saturating_sub(peak);
        peak = now;
        if fed.is_err() || grown > GROWTH_KIB_MAX {
            let path = std::env::temp_dir().join(format!("hsm-fuzz-{}-{which}-{round}", target.name()));
            std::fs::write(&path, &input).unwrap();
            let what = if fed.is_err() { "panics" } else { "takes too much memory" };
            panic!("{} {what} at round {round}, file {which}: {}", target.name(), path.display());
        }
    }
    println!("{}: {rounds} inputs of {} seeds", target.name(), seeds.len());
}

/// Looked at after each input where that costs little beside it, else after some.
fn peak_kib_now_and_then(round: u64, rounds: u64, known: u64) -> u64 {
    if rounds < 10_000 || round.is_multiple_of(100) { peak_kib() } else { known }
}

#[test]
fn no_bytes_make_a_parser_panic_or_take_memory_without_bound() {
    for target in targets::all() {
        fuzz(&*target);
    }
}
