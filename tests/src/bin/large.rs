//! Puts, copies, moves and gets one large object, or lists many, and prints how much memory that took.
//!
//! `large object DIRECTORY MIB` and `large listing DIRECTORY OBJECTS`; DIRECTORY must not exist. Prints the peak
//! of the resident memory of this process in KiB: before, and after each verb.

use std::io::{self, Read};
use std::path::Path;

use hsm_core::{Durability, GetOptions, PutOptions, Query, Store, StoreOptions};

/// Length of the bytes that are repeated.
const PATTERN_LEN: usize = 1 << 20;
/// Objects of one batch.
const BATCH_LEN: u64 = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, directory, count] = &arguments[..] else {
        panic!("usage: large object|listing DIRECTORY COUNT")
    };
    let count = count.parse().expect("a number");
    let store = Store::open(Path::new(directory).join("store"), &StoreOptions::new()).expect("a store");
    report("begin");
    if what == "object" {
        object(&store, Path::new(directory), count << 20);
    } else {
        listing(&store, count);
    }
}

/// Peak of the resident memory so far, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn report(verb: &str) {
    println!("{verb} {}", peak_kib());
}

/// So many bytes, no two runs of them alike, without holding them.
struct Source {
    pattern: Vec<u8>,
    at: u64,
    size: u64,
}

impl Source {
    fn new(size: u64) -> Self {
        let pattern =
            (0..PATTERN_LEN as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        Self { pattern, at: 0, size }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let within = (self.at % PATTERN_LEN as u64) as usize;
        let len = (PATTERN_LEN - within).min(buffer.len()).min((self.size - self.at) as usize);
        buffer[..len].copy_from_slice(&self.pattern[within..within + len]);
        if within == 0 && len >= 8 {
            buffer[..8].copy_from_slice(&self.at.to_le_bytes());
        }
        self.at += len as u64;
        Ok(len)
    }
}

fn object(store: &Store, directory: &Path, size: u64) {
    let id = store.put_reader(Source::new(size), &PutOptions::default()).expect("a put").id;
    report("put");
    let mut reader = store.reader(id, &GetOptions::default()).expect("a reader");
    assert_eq!(io::copy(&mut reader, &mut io::sink()).expect("a read"), size);
    drop(reader);
    report("get");
    store.copy(id, None, 1).expect("a copy").expect("there was none");
    report("copy");
    store.release(id, 1, false).expect("a release");
    store.move_many(&[id], 0, 2).expect("a move").remove(0).expect("its answer");
    report("move_many");
    store.put_at(id, size / 2 + 1, b"patched", Durability::Durable).expect("a put at an offset");
    report("put_at");
    let path = directory.join("restored");
    assert_eq!(store.get_path(id, &path, &GetOptions::default()).expect("a restore"), size);
    report("get_path");
    store.close().expect("the store closes");
}

fn listing(store: &Store, objects: u64) {
    for begin in (0..objects).step_by(BATCH_LEN as usize) {
        let mut batch = store.batch(false, Durability::Relaxed);
        for number in begin..(begin + BATCH_LEN).min(objects) {
            batch.put(&number.to_le_bytes(), &PutOptions::default()).expect("a put");
        }
        batch.commit().expect("a batch");
        if begin == 0 {
            assert_eq!(store.objects(&Query::default()).count() as u64, BATCH_LEN.min(objects));
            report("first");
        }
    }
    report("put");
    assert_eq!(store.objects(&Query::default()).count() as u64, objects);
    report("list");
    store.close().expect("the store closes");
}
