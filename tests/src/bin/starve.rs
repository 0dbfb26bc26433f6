//! Puts objects until there is no memory left, and prints each that was acknowledged.
//!
//! `starve measure|run DIRECTORY`. A line `put ID SEED LENGTH` is an object that is in the store. `measure` ends where the
//! memory would begin to run short, with a line `peak KIB`; `run` goes on with batches that are held in memory. Whoever
//! starts it limits its address space.

use std::io::Write as _;

use hsm_core::object::ObjectId;
use hsm_core::{Durability, PutOptions, Result, Store, StoreOptions};
use hsm_tests::fixture::{LARGE, SMALL, bytes};

/// Puts before the memory runs short.
const PUTS: u64 = 20;
/// Batches at most: more memory than any limit leaves is wanted by the first.
const BATCHES: u64 = 3;
/// Objects of a batch, and how long each is: about 15 MiB together.
const BATCH_LEN: u64 = 250;
const HELD_LEN: usize = 60_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, directory] = &arguments[..] else { panic!("usage: starve measure|run DIRECTORY") };
    let store = Store::open(directory, &StoreOptions::new())?;
    for seed in 0..PUTS {
        let len = if seed.is_multiple_of(2) { SMALL } else { LARGE };
        acknowledged(store.put(&bytes(len, seed), &PutOptions::default())?.id, seed, len);
    }
    if what == "measure" {
        println!("peak {}", peak_kib());
        return store.close();
    }
    for number in 1..=BATCHES {
        let seeds = number * 1000..number * 1000 + BATCH_LEN;
        let mut batch = store.batch(true, Durability::Durable);
        for seed in seeds.clone() {
            batch.put(&bytes(HELD_LEN, seed), &PutOptions::default())?;
        }
        for (put, seed) in batch.commit()?.into_iter().zip(seeds) {
            acknowledged(put?.id, seed, HELD_LEN);
        }
    }
    store.close()
}

fn acknowledged(id: ObjectId, seed: u64, len: usize) {
    println!("put {id} {seed} {len}");
    std::io::stdout().flush().expect("somebody reads");
}

/// The most address space that this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
