//! A full disk refuses what would fill it, and takes what frees it: the reserve is there for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hsm_core::file::{Disk as _, Mode};
use hsm_core::testing::disk::SimDisk;
use hsm_core::{Kind, PutOptions, Query, Store, StoreOptions};
use hsm_tests::fixture::{LARGE, SMALL, bytes, kind};

const CAPACITY: u64 = 8 << 20;
const RESERVE: u64 = 1 << 20;

/// A store on a file system with little room, and a way to fill that from outside.
trait Small {
    fn store(&self) -> &Store;
    /// Another writer takes all room but so many bytes.
    fn fill(&self, leave: u64);
    /// And gives it back.
    fn free(&self);
}

struct Simulated {
    disk: SimDisk,
    store: Store,
    _index: tempfile::TempDir,
}

impl Simulated {
    fn new() -> Self {
        let disk = SimDisk::new();
        disk.set_capacity(Some(CAPACITY));
        let index = tempfile::tempdir().unwrap();
        let options = StoreOptions::new().disk(Arc::new(disk.clone())).index_directory(index.path());
        let store = Store::open("/store", &options.reserve_bytes(RESERVE)).unwrap();
        Self { disk, store, _index: index }
    }
}

impl Small for Simulated {
    fn store(&self) -> &Store {
        &self.store
    }

    fn fill(&self, leave: u64) {
        let file = self.disk.open(Path::new("/ballast"), Mode::OpenOrCreate).unwrap();
        file.set_len(0).unwrap();
        let room = self.disk.space(Path::new("/")).unwrap().available;
        file.set_len(room - leave).unwrap();
    }

    fn free(&self) {
        self.disk.remove_file(Path::new("/ballast")).unwrap();
    }
}

/// A small file system in memory, index and all. Only root can mount one.
struct Mounted {
    place: PathBuf,
    _above: tempfile::TempDir,
    store: Option<Store>,
}

impl Mounted {
    fn new() -> Option<Self> {
        let above = tempfile::tempdir().unwrap();
        let place = above.path().join("mount");
        fs::create_dir(&place).unwrap();
        let options = format!("size={CAPACITY}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&place).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            println!("skipped: this user cannot mount a file system");
            return None;
        }
        let options = StoreOptions::new().reserve_bytes(RESERVE);
        let store = Store::open(place.join("store"), &options).unwrap();
        Some(Self { place, _above: above, store: Some(store) })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.store = None;
        let _ = Command::new("umount").arg("-l").arg(&self.place).output();
    }
}

impl Small for Mounted {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn fill(&self, leave: u64) {
        let ballast = self.place.join("ballast");
        fs::write(&ballast, b"").unwrap();
        let mut room = hsm_core::file::OsDisk::new().space(&self.place).unwrap().available;
        room = room.saturating_sub(leave);
        fs::write(&ballast, vec![1; usize::try_from(room).unwrap()]).unwrap();
    }

    fn free(&self) {
        // A process that another test is just starting may still hold it open, and with it its room.
        fs::write(self.place.join("ballast"), b"").unwrap();
        fs::remove_file(self.place.join("ballast")).unwrap();
    }
}

fn each(test: impl Fn(&dyn Small)) {
    test(&Simulated::new());
    if let Some(mounted) = Mounted::new() {
        test(&mounted);
    }
}

#[test]
fn the_reserve_is_made_again_by_maintenance_when_there_is_room() {
    let small = Simulated::new();
    let reserve = Path::new("/store/reserve");
    let len = || small.disk.metadata(reserve).map(|found| found.len);
    assert_eq!(len().unwrap(), RESERVE);
    small.disk.remove_file(reserve).unwrap();
    small.fill(RESERVE * 2 - 1);
    small.store.maintain().unwrap();
    assert!(len().is_err(), "it would take what little is left");
    small.free();
    small.store.maintain().unwrap();
    assert_eq!(len().unwrap(), RESERVE);
}

#[test]
fn a_put_that_would_eat_the_reserve_fails_and_changes_nothing() {
    each(|small| {
        let store = small.store();
        let kept = store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap().id;
        small.fill(RESERVE + 50_000);
        let before = store.position().unwrap();
        for size in [LARGE, 3_000_000] {
            assert_eq!(kind(&store.put(&bytes(size, 2), &PutOptions::default())), Some(Kind::Full));
            assert_eq!(kind(&store.put(&bytes(size, 2), &PutOptions::id(kept))), Some(Kind::Full));
            // Without a hint of how much will come.
            let written = store.put_reader(&bytes(size, 3)[..], &PutOptions::default());
            assert!(size == LARGE || kind(&written) == Some(Kind::Full), "{written:?}");
        }
        assert_eq!(kind(&store.copy(kept, None, 2)), Some(Kind::Full));
        assert!(store.position().unwrap().number <= before.number + 1);
        assert_eq!(store.get(kept).unwrap(), bytes(LARGE, 1));
        small.free();
        store.put(&bytes(LARGE, 2), &PutOptions::default()).unwrap();
        store.copy(kept, None, 2).unwrap();
    });
}

#[test]
fn on_a_full_disk_attributes_are_set_and_objects_removed_and_purged() {
    each(|small| {
        let store = small.store();
        let ids: Vec<_> = (0..40)
            .map(|seed| {
                let size = if seed % 2 == 0 { SMALL } else { LARGE / 2 };
                store.put(&bytes(size, seed), &PutOptions::default()).unwrap().id
            })
            .collect();
        small.fill(0);
        assert_eq!(kind(&store.put(b"x", &PutOptions::default())), Some(Kind::Full));
        for (number, id) in ids.iter().enumerate() {
            store.set_attributes(*id, &vec![("a".into(), Some(vec![1; 200]))]).unwrap();
            match number % 4 {
                0 => assert!(store.remove(*id).is_ok()),
                1 => assert!(store.purge(*id).is_ok()),
                _ => {}
            }
        }
        store.maintain().unwrap();
        assert_eq!(store.objects(&Query::default()).count(), 20);
        small.free();
        store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap();
        assert_eq!(store.get(ids[2]).unwrap(), bytes(SMALL, 2));
        assert_eq!(store.object(ids[2]).unwrap().attributes.get("a"), Some(&[1; 200][..]));
        store.close().unwrap();
    });
}

#[test]
fn a_store_is_usable_again_without_a_new_open_once_there_is_room() {
    each(|small| {
        let store = small.store();
        let id = store.put(b"first", &PutOptions::default()).unwrap().id;
        small.fill(0);
        // Until even the reserve is used up.
        let mut refused = 0;
        for round in 0..3000_u32 {
            let value = round.to_le_bytes().repeat(2000);
            match store.set_attributes(id, &vec![("a".into(), Some(value))]) {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Full, "{error}");
                    refused += 1;
                    if refused == 5 {
                        break;
                    }
                }
            }
            small.fill(0);
        }
        assert_eq!(refused, 5);
        assert_eq!(store.get(id).unwrap(), b"first");
        small.free();
        store.set_attributes(id, &vec![("a".into(), Some(b"at last".to_vec()))]).unwrap();
        let put = store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap();
        assert_eq!(store.get(put.id).unwrap(), bytes(LARGE, 1));
        let numbers: Vec<u64> =
            hsm_tests::fixture::events(store).iter().map(|event| event.position.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        store.close().unwrap();
    });
}
