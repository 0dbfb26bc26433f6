//! A pack that failed stays failed, and nobody who waits on it is left behind.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::Kind;
use crate::backend::pack::RECORD_HEADER_LENGTH;
use crate::integrity::block_digest;
use crate::object::Place;

const IDENTITY: PackIdentity =
    PackIdentity { store_id: [1; 16], place: Place { tier: 0, instance: 1, serial: 1 } };

/// A place that counts its syncs, takes its time over them, and fails or panics when it is told to.
#[derive(Debug, Default)]
struct SlowPlace {
    syncs: AtomicU64,
    fail: AtomicBool,
    panic: AtomicBool,
    fail_writes: AtomicBool,
}

impl PlaceWriter for SlowPlace {
    fn write_at(&self, _bytes: &[u8], _offset: u64) -> Result<()> {
        if self.fail_writes.load(Ordering::SeqCst) {
            return Err(Error::invalid("write", "told to fail"));
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        assert!(!self.panic.load(Ordering::SeqCst), "told to panic");
        // Fails once: a second sync would succeed, as the kernel's does.
        if self.fail.swap(false, Ordering::SeqCst) {
            return Err(Error::invalid("sync", "told to fail"));
        }
        Ok(())
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn truncate(&self, _len: u64) -> Result<()> {
        Ok(())
    }

    fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> Result<usize> {
        Ok(0)
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }
}

fn record_data(data: &[u8]) -> RecordData {
    let mut gathered = RecordData::default();
    gathered.extend(data);
    gathered
}

fn append(pack: &PackWriter, data: &[u8]) -> Result<Appended> {
    pack.append(ObjectId([1; 16]), 1, 1, &block_digest(data), &mut record_data(data))
}

/// Appends and syncs on several threads; counts those that succeeded.
fn on_threads(pack: &PackWriter, threads: usize) -> usize {
    thread::scope(|scope| {
        let work = || append(pack, b"data").and_then(|appended| pack.sync_to(appended.end));
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(thread::ScopedJoinHandle::join).flatten().count()
    })
}

#[test]
fn one_sync_serves_many() {
    let place = Arc::new(SlowPlace::default());
    let pack = PackWriter::new(place.clone(), IDENTITY, 1);
    assert_eq!(on_threads(&pack, 16), 16);
    assert!(place.syncs.load(Ordering::SeqCst) < 16, "every thread synced alone");
    let before = place.syncs.load(Ordering::SeqCst);
    pack.sync_to(u64::MAX).unwrap();
    assert_eq!(place.syncs.load(Ordering::SeqCst), before, "nothing was left to sync");
}

#[test]
fn a_failed_sync_fails_everyone_and_is_never_repeated() {
    let place = Arc::new(SlowPlace::default());
    let pack = PackWriter::new(place.clone(), IDENTITY, 1);
    place.fail.store(true, Ordering::SeqCst);
    assert_eq!(on_threads(&pack, 8), 0);
    assert_eq!(place.syncs.load(Ordering::SeqCst), 1);
    assert!(append(&pack, b"more").is_err());
    assert!(pack.sync_to(0).is_err());
    assert_eq!(pack.failed().map(|error| error.kind()), Some(Kind::Invalid));
}

#[test]
fn a_failed_write_fails_the_pack() {
    let place = Arc::new(SlowPlace::default());
    let pack = PackWriter::new(place.clone(), IDENTITY, 1);
    append(&pack, b"data").unwrap();
    place.fail_writes.store(true, Ordering::SeqCst);
    assert!(append(&pack, &vec![0; PACKED_LENGTH_MAX]).is_err(), "it is too much to stay pending");
    place.fail_writes.store(false, Ordering::SeqCst);
    assert!(pack.sync_to(u64::MAX).is_err());
    assert!(pack.write_to(u64::MAX).is_err());
}

#[test]
fn a_panic_in_the_backend_wakes_everyone() {
    let place = Arc::new(SlowPlace::default());
    let pack = PackWriter::new(place.clone(), IDENTITY, 1);
    place.panic.store(true, Ordering::SeqCst);
    assert_eq!(on_threads(&pack, 4), 0);
    assert_eq!(pack.failed().map(|error| error.kind()), Some(Kind::Closed));
}

/// A place whose first write fails while a second is under way, which ends after that.
#[derive(Debug, Default)]
struct CrossedPlace {
    pack: OnceLock<Arc<PackWriter>>,
    second_began: AtomicBool,
}

/// Waits until something is so.
fn wait_for(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

impl PlaceWriter for CrossedPlace {
    fn write_at(&self, _bytes: &[u8], offset: u64) -> Result<()> {
        if offset == 0 {
            wait_for(|| self.second_began.load(Ordering::SeqCst));
            return Err(Error::invalid("write", "told to fail"));
        }
        self.second_began.store(true, Ordering::SeqCst);
        wait_for(|| self.pack.get().unwrap().failed().is_some());
        Ok(())
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn sync(&self) -> Result<()> {
        panic!("what was not written is synced");
    }

    fn truncate(&self, _len: u64) -> Result<()> {
        Ok(())
    }

    fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> Result<usize> {
        Ok(0)
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }
}

#[test]
fn a_write_that_fails_while_the_leader_writes_leaves_nobody_waiting() {
    let place = Arc::new(CrossedPlace::default());
    let pack = Arc::new(PackWriter::new(place.clone(), IDENTITY, 1));
    place.pack.set(pack.clone()).unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| append(&pack, &vec![0; PACKED_LENGTH_MAX]));
        wait_for(|| !pack.state.lock().writing.is_empty());
        let appended = append(&pack, b"data").unwrap();
        assert!(pack.sync_to(appended.end).is_err());
        assert!(first.join().unwrap().is_err());
    });
    pack.close(); // Waits for nobody.
}

#[test]
fn a_pack_that_was_closed_takes_nothing_more() {
    let place = Arc::new(SlowPlace::default());
    let pack = PackWriter::new(place.clone(), IDENTITY, 1);
    let appended = append(&pack, b"data").unwrap();
    pack.close();
    assert_eq!(append(&pack, b"more").unwrap_err().kind(), Kind::Closed);
    assert_eq!(pack.sync_to(appended.end).unwrap_err().kind(), Kind::Closed);
    assert_eq!(place.syncs.load(Ordering::SeqCst), 0);
}

/// A place that keeps what is written.
#[derive(Debug, Default)]
struct KeptPlace(Mutex<Vec<u8>>);

impl PlaceWriter for KeptPlace {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut kept = self.0.lock();
        assert_eq!(kept.len() as u64, offset, "one writes what comes next");
        kept.extend_from_slice(bytes);
        Ok(())
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn truncate(&self, _len: u64) -> Result<()> {
        Ok(())
    }

    fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> Result<usize> {
        Ok(0)
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }
}

// A put that lost a race is appended again with another generation, maybe before the first record is written.
#[test]
fn what_is_appended_again_leaves_the_record_before_as_it_was() {
    for length in [10, (16 << 10) - 73, (16 << 10) - 72, 100_001] {
        let place = Arc::new(KeptPlace::default());
        let pack = PackWriter::new(place.clone(), IDENTITY, 1);
        let bytes = vec![7; length];
        let mut data = record_data(&bytes);
        let mut append = |generation| {
            pack.append(ObjectId([1; 16]), generation, 1, &block_digest(&bytes), &mut data).unwrap()
        };
        let appended = [append(1), append(2)];
        pack.write_to(u64::MAX).unwrap();
        let third = append(3);
        pack.sync_to(third.end).unwrap();
        let kept = place.0.lock();
        assert_eq!(kept.len() as u64, third.end);
        for (generation, appended) in (1..).zip([appended[0], appended[1], third]) {
            let record = &kept[appended.offset as usize..appended.end as usize];
            let seed = store_seed(&IDENTITY.store_id);
            let header = RecordHeader::decode(record, seed).expect("a whole header");
            assert_eq!((header.generation, header.length as usize), (generation, length));
            let (found, padding) = record[RECORD_HEADER_LENGTH..].split_at(length);
            assert!(found == bytes, "{length} bytes, generation {generation}");
            assert!(padding.len() < 8 && padding.iter().all(|byte| *byte == 0));
        }
    }
}
