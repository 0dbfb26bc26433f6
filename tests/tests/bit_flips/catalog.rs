//! The journal, the index and its write-ahead log, and the small files of a store and its roots.
//!
//! Each flipped bit is met by an open. What a store says then is what it said before, or an error, or, where it says
//! that it is read-only since a part of the journal is missing, what it said at some moment before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hsm_core::object::{Attributes, ObjectId, TierConfig};
use hsm_core::testing::disk::{CrashImage, Keep, SimDisk};
use hsm_core::{Durability, Error, Kind, PutOptions, Query, Result, Store, StoreOptions};
use hsm_tests::fixture::{bytes, name};
use tempfile::TempDir;

use super::{content, files, flip};

const STORE: &str = "/store";

/// What a store says of its objects and datasets, each under a name of its own.
type Said = BTreeMap<String, String>;

/// What was asked of a store: what it said, and how it failed.
#[derive(Debug, Default)]
struct Look {
    said: Said,
    bytes: BTreeMap<(ObjectId, u64), Vec<u8>>,
    failed: Vec<Error>,
    /// Of reading objects, which says nothing of the catalog.
    unreadable: Vec<Error>,
}

impl Look {
    fn at(store: &Store) -> Self {
        let mut look = Self::default();
        for removed in [false, true] {
            for item in store.objects(&Query { removed, ..Query::default() }) {
                match item {
                    Ok((_, object)) => look.object(store, &object, removed),
                    Err(error) => look.failed.push(error),
                }
            }
        }
        match store.datasets(None, 1000) {
            Ok(all) => all.iter().for_each(|one| {
                look.said.insert(format!("dataset {}", one.name), format!("{one:?}"));
            }),
            Err(error) => look.failed.push(error),
        }
        look
    }

    fn object(&mut self, store: &Store, object: &hsm_core::object::Object, removed: bool) {
        let names = if removed { Ok(Vec::new()) } else { store.names(object.id) };
        let answer = names.and_then(|names| {
            for name in &names {
                let found = store.find(name)?;
                assert_eq!(found, object.id, "a name leads to another object");
            }
            Ok(names)
        });
        match answer {
            Ok(names) => {
                self.said.insert(format!("object {}", object.id), format!("{object:?} {names:?}"));
            }
            Err(error) => self.failed.push(error),
        }
        if !removed && object.content.is_some() {
            match store.get(object.id) {
                Ok(content) => drop(self.bytes.insert((object.id, object.generation), content)),
                Err(error) => self.unreadable.push(error),
            }
        }
    }
}

/// A store on a disk in memory, its index in files of the real one: closed, and as the death of its process left it.
struct Small {
    closed: CrashImage,
    closed_index: Files,
    died: CrashImage,
    died_index: Files,
    /// What it said after each change.
    moments: Vec<Said>,
    bytes: BTreeMap<(ObjectId, u64), Vec<u8>>,
}

/// Files of an index, by their names.
type Files = Vec<(String, Vec<u8>)>;

fn index_directory() -> TempDir {
    // In memory where there is such a place.
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn read_index(directory: &TempDir) -> Files {
    let entries = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn write_index(directory: &TempDir, index: &Files) {
    for (name, _) in read_index(directory) {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    for (name, content) in index {
        fs::write(directory.path().join(name), content).unwrap();
    }
}

/// Opens the store; its index in a directory, or made anew in memory.
fn open(disk: &SimDisk, index: Option<&TempDir>) -> Result<Store> {
    let tiers = [0, 1].map(|tier| TierConfig::posix(tier, format!("tiers/{tier}")));
    let options = StoreOptions::new().disk(Arc::new(disk.clone())).reserve_bytes(0).tiers(tiers.into());
    let options = match index {
        Some(directory) => options.index_directory(directory.path()),
        None => options.index_in_memory(),
    };
    Store::open(STORE, &options)
}

impl Small {
    fn new() -> Self {
        let (disk, directory) = (SimDisk::new(), index_directory());
        let store = open(&disk, Some(&directory)).unwrap();
        let mut moments = vec![Look::at(&store).said];
        let mut bytes_of = BTreeMap::new();
        let mut look = |store: &Store| {
            let look = Look::at(store);
            assert!(look.failed.is_empty() && look.unreadable.is_empty());
            moments.push(look.said);
            bytes_of.extend(look.bytes);
        };
        let data = store.create_dataset("data", &Attributes::from([("a", b"b")])).unwrap();
        look(&store);
        let one = store.put(&bytes(40, 1), &PutOptions::name(name(data, "one"))).unwrap().id;
        look(&store);
        let two = store.put(&bytes(70_000, 2), &PutOptions::default()).unwrap().id;
        look(&store);
        let relaxed = PutOptions { durability: Durability::Relaxed, ..PutOptions::id(one) };
        store.put(&bytes(41, 3), &relaxed).unwrap();
        look(&store);
        store.copy(two, None, 1).unwrap();
        look(&store);
        store.set_attributes(one, &vec![("colour".into(), Some(b"red".to_vec()))]).unwrap();
        look(&store);
        store.remove(two).unwrap();
        look(&store);
        store.put(&bytes(10, 4), &PutOptions::name(name(data, "three"))).unwrap();
        look(&store);
        let (died, died_index) = (disk.crash(), read_index(&directory));
        assert!(died_index.iter().any(|(name, content)| name.ends_with("-wal") && !content.is_empty()));
        store.close().unwrap();
        drop(store);
        let (closed, closed_index) = (disk.crash(), read_index(&directory));
        Self { closed, closed_index, died, died_index, moments, bytes: bytes_of }
    }

    /// Compares what a store says with what is true. Whether it said all of that.
    fn judge(&self, store: &Store, place: &str) -> bool {
        let look = Look::at(store);
        let truth = self.moments.last().unwrap();
        for (generation, content) in &look.bytes {
            assert_eq!(self.bytes.get(generation), Some(content), "{place}");
        }
        for error in &look.failed {
            assert_eq!(error.kind(), Kind::Corrupt, "{place}: {error}");
        }
        let reason = store.read_only_reason();
        if look.failed.is_empty() {
            if look.said == *truth {
                assert!(
                    look.unreadable.is_empty() || reason.is_some() || !are_tiers_online(store),
                    "{place}"
                );
                return true;
            }
            let reason =
                reason.unwrap_or_else(|| panic!("{place}: another store, and nothing is said of it"));
            assert!(self.moments.contains(&look.said), "{place}: {:?} ({reason})", look.said);
            for error in &look.unreadable {
                assert_eq!(error.kind(), Kind::Corrupt, "{place}: {error}");
            }
            assert_eq!(store.put(b"x", &PutOptions::default()).unwrap_err().kind(), Kind::Refused, "{place}");
            return false;
        }
        for (name, said) in &look.said {
            assert_eq!(truth.get(name), Some(said), "{place}");
        }
        false
    }
}

fn are_tiers_online(store: &Store) -> bool {
    [0, 1].iter().all(|tier| store.is_tier_online(*tier).is_ok_and(|online| online))
}

/// How it went with the flips of a file.
#[derive(Debug, Default)]
struct Tally {
    flips: u64,
    refused: u64,
    incomplete: u64,
}

/// Flips every bit of files of the disk, in two threads, and opens what that makes of the store.
fn on_the_disk(small: &Small, paths: &[PathBuf], with_index: bool) -> Tally {
    std::thread::scope(|scope| {
        let halves = [0, 1].map(|first| scope.spawn(move || on_half(small, paths, with_index, first)));
        let mut tally = Tally::default();
        for half in halves.map(|half| half.join().unwrap()) {
            tally.flips += half.flips;
            tally.refused += half.refused;
            tally.incomplete += half.incomplete;
        }
        tally
    })
}

/// The same with every other bit.
fn on_half(small: &Small, paths: &[PathBuf], with_index: bool, first: u64) -> Tally {
    let mut tally = Tally::default();
    let directory = index_directory();
    for path in paths {
        let len = content(&small.closed.power_loss(Keep::All), path).len() as u64;
        for bit in (first..len * 8).step_by(2) {
            let disk = small.closed.process_crash();
            flip(&disk, path, bit);
            let place = format!("bit {bit} of {}, with index: {with_index}", path.display());
            if with_index {
                write_index(&directory, &small.closed_index);
            }
            tally.flips += 1;
            match open(&disk, with_index.then_some(&directory)) {
                Ok(store) => {
                    let complete = small.judge(&store, &place);
                    assert!(complete || !with_index, "{place}: what the index knows is lost");
                    tally.incomplete += u64::from(!complete);
                    let _ = store.close();
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(
                        matches!(kind, Kind::Corrupt | Kind::Unsupported | Kind::Invalid),
                        "{place}: {error}"
                    );
                    tally.refused += 1;
                }
            }
        }
    }
    tally
}

/// Flips bits of one file of the index, each in one of the threads.
fn in_the_index(image: &CrashImage, index: &Files, suffix: &str, bits: &[usize], small: &Small) -> Tally {
    let which = index.iter().position(|(name, _)| name.ends_with(suffix)).unwrap();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let begin = |first| {
            scope.spawn(move || {
                let (mut tally, directory) = (Tally::default(), index_directory());
                for bit in bits.iter().skip(first).step_by(threads) {
                    let mut flipped = index.clone();
                    flipped[which].1[bit / 8] ^= 1 << (bit % 8);
                    let place = format!("bit {bit} of the index's {suffix}");
                    tally.flips += 1;
                    tally.incomplete += opened_until_complete(image, &flipped, &directory, small, &place);
                }
                tally
            })
        };
        let mut tally = Tally::default();
        for part in (0..threads).map(begin).collect::<Vec<_>>() {
            let part = part.join().unwrap();
            tally.flips += part.flips;
            tally.incomplete += part.incomplete;
        }
        tally
    })
}

/// Opens a store with a damaged index. Once that was met, it is mended by an open. How often it was met by less than all
/// that the store has to say.
fn opened_until_complete(
    image: &CrashImage,
    index: &Files,
    directory: &TempDir,
    small: &Small,
    place: &str,
) -> u64 {
    write_index(directory, index);
    let disk = image.process_crash();
    let mut rounds = 0;
    loop {
        let store = open(&disk, Some(directory)).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(store.read_only_reason(), None, "{place}");
        let complete = small.judge(&store, place);
        let _ = store.close();
        drop(store);
        if complete {
            return rounds;
        }
        rounds += 1;
        assert!(rounds < 3, "{place}: it is not mended by an open");
    }
}

/// Every so many bits of a file of the index.
fn bits(index: &Files, suffix: &str, stride: usize) -> Vec<usize> {
    (0..file_of(index, suffix).len() * 8).step_by(stride).collect()
}

fn file_of<'a>(index: &'a Files, suffix: &str) -> &'a [u8] {
    &index.iter().find(|(name, _)| name.ends_with(suffix)).unwrap().1
}

/// Bytes of a page of the index.
const PAGE_LEN: usize = 4096;

/// Of each kind of pages that a database has, the one that holds most. The kinds are those of SQLite's file format.
fn page_of_each_kind(database: &[u8]) -> BTreeMap<&'static str, usize> {
    let held = |page: &[u8]| page.iter().filter(|byte| **byte != 0).count();
    let mut fullest: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (number, page) in database.chunks(PAGE_LEN).enumerate() {
        let kind = match page[0] {
            _ if number == 0 => "the first page",
            2 => "inner page of an index",
            5 => "inner page of a table",
            10 => "leaf of an index, or of a table by key",
            13 => "leaf of a table",
            _ => "overflow or free page",
        };
        let best = fullest.entry(kind).or_default();
        *best = (*best).max((held(page), number));
    }
    fullest.into_iter().map(|(kind, (_, number))| (kind, number)).collect()
}

fn segments(small: &Small) -> Vec<PathBuf> {
    files(&small.closed.power_loss(Keep::All), Path::new(STORE), ".seg")
}

/// Everything of a store but its data, its journal and its index.
fn small_files(small: &Small) -> Vec<PathBuf> {
    let disk = small.closed.power_loss(Keep::All);
    let names = ["HSM-STORE", "HSM-TIER", "HSM-SEEN", "lock", "reserve"];
    let found: Vec<PathBuf> = names.iter().flat_map(|name| files(&disk, Path::new(STORE), name)).collect();
    let kinds: BTreeSet<_> = found.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert!(kinds.len() >= 4, "{kinds:?}");
    found
}

fn flip_bits(of_index: usize) {
    let small = Small::new();
    let say = |what: &str, tally: &Tally| {
        println!("{what}: {tally:?}");
        assert!(tally.flips > 100);
    };
    let journal = on_the_disk(&small, &segments(&small), false);
    say("journal, without an index", &journal);
    assert!(journal.incomplete > 0);
    say("journal", &on_the_disk(&small, &segments(&small), true));
    say("small files", &on_the_disk(&small, &small_files(&small), true));
    let (closed, died) = (&small.closed_index, &small.died_index);
    let of_index_then =
        |suffix, stride| in_the_index(&small.died, died, suffix, &bits(died, suffix, stride), &small);
    let closed_bits = bits(closed, ".db", of_index);
    say("index", &in_the_index(&small.closed, closed, ".db", &closed_bits, &small));
    say("index of the dead", &of_index_then(".db", of_index / 8 + 1));
    say("write-ahead log", &of_index_then("-wal", of_index));
}

#[test]
fn a_flipped_bit_of_every_byte_of_a_page_of_each_kind_of_the_index_is_an_error_or_does_no_harm() {
    let small = Small::new();
    let index = &small.closed_index;
    let database = file_of(index, ".db");
    let pages = page_of_each_kind(database);
    assert!(pages.len() > 2, "{pages:?}");
    let begun = std::time::Instant::now();
    let mut flips = 0;
    for (kind, number) in pages {
        // Each of the eight bits in turn.
        let bits: Vec<usize> = (0..PAGE_LEN).map(|byte| (number * PAGE_LEN + byte) * 8 + byte % 8).collect();
        let tally = in_the_index(&small.closed, index, ".db", &bits, &small);
        println!("{kind}, page {number} of {}: {tally:?}", database.len() / PAGE_LEN);
        assert_eq!(tally.flips, PAGE_LEN as u64);
        flips += tally.flips;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let files = [(index, ".db"), (&small.died_index, ".db"), (&small.died_index, "-wal")];
    let all: usize = files.iter().map(|(index, suffix)| bits(index, suffix, 1).len()).sum();
    let hours = seconds * all as f64 / flips as f64 / 3600.0;
    println!(
        "{flips} opens took {seconds:.0} s; one for each bit of the index and its log, {all}, would take {hours:.1} h"
    );
}

/// What SQLite reads of a database, and of a log, before or beside the seal and the checksum of a page: the first 100 bytes; the
/// header of the log, and that of a frame.
const DATABASE_HEADER_LEN: usize = 100;
const LOG_HEADER_LEN: usize = 32;
const FRAME_HEADER_LEN: usize = 24;

#[test]
fn a_flip_of_every_bit_that_is_read_outside_of_a_sealed_page_is_an_error_or_does_no_harm() {
    let small = Small::new();
    let all = |begin: usize, len: usize| (begin * 8..(begin + len) * 8).collect::<Vec<_>>();
    let headers = [all(0, LOG_HEADER_LEN), all(LOG_HEADER_LEN, FRAME_HEADER_LEN)].concat();
    let last_frame = file_of(&small.died_index, "-wal").len() - PAGE_LEN - FRAME_HEADER_LEN;
    for (image, index, suffix, bits) in [
        (&small.closed, &small.closed_index, ".db", all(0, DATABASE_HEADER_LEN)),
        (&small.died, &small.died_index, ".db", all(0, DATABASE_HEADER_LEN)),
        (&small.died, &small.died_index, "-wal", headers),
        (&small.died, &small.died_index, "-wal", all(last_frame, FRAME_HEADER_LEN)),
    ] {
        let tally = in_the_index(image, index, suffix, &bits, &small);
        println!("{} bits of the index's {suffix} from {}: {tally:?}", bits.len(), bits[0]);
        assert_eq!(tally.flips, bits.len() as u64);
    }
}

#[test]
fn a_flipped_bit_of_each_page_of_the_index_is_an_error_or_does_no_harm() {
    let small = Small::new();
    let pages = |index: &Files, suffix: &str| {
        let (begin, len) =
            if suffix == ".db" { (0, PAGE_LEN) } else { (LOG_HEADER_LEN, FRAME_HEADER_LEN + PAGE_LEN) };
        let count = (file_of(index, suffix).len() - begin) / len;
        // One before its seal, and one in it.
        let of_page = |page: usize| [2, 1].map(|back| (begin + (page + 1) * len - back * 8) * 8 + page % 64);
        (0..count).flat_map(of_page).collect::<Vec<_>>()
    };
    for (image, index, suffix) in [
        (&small.closed, &small.closed_index, ".db"),
        (&small.died, &small.died_index, ".db"),
        (&small.died, &small.died_index, "-wal"),
    ] {
        let bits = pages(index, suffix);
        let tally = in_the_index(image, index, suffix, &bits, &small);
        println!("{} bits of {} pages of the index's {suffix}: {tally:?}", bits.len(), bits.len() / 2);
        assert_eq!(tally.flips, bits.len() as u64);
    }
}

#[test]
fn a_flipped_bit_of_the_catalog_is_an_error_or_does_no_harm() {
    flip_bits(1999);
}

#[test]
#[ignore = "takes hours: every bit is an open of a store"]
fn every_flipped_bit_of_the_catalog_is_an_error_or_does_no_harm() {
    flip_bits(1);
}
