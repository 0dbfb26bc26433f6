//! A file that is adopted becomes an object without its bytes being copied, and neither is lost on the way.
//!
//! XFS and btrfs share bytes, most file systems do not: root mounts one of each for these tests. What does not depend on it
//! is tested on the temporary directory too.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hsm_core::file::{Disk as _, OsDisk};
use hsm_core::integrity::Algorithm;
use hsm_core::monitor::{Monitor, Phase, Progress};
use hsm_core::object::{ActionSpec, ActionState, Adoption, ObjectId, TierConfig};
use hsm_core::testing::disk::Keep;
use hsm_core::{Adopted, Durability, Kind, PutOptions, Result, RunOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, SMALL, SimFixture, bytes, files_ending, flip, kind, on_tier};

const MIB: usize = 1 << 20;
const SIZE: usize = 48 * MIB + 4321;

const SHARED: Adoption = Adoption { copy_allowed: false, remove_source: false };
const COPIED: Adoption = Adoption { copy_allowed: true, remove_source: false };
const REMOVED: Adoption = Adoption { copy_allowed: true, remove_source: true };

/// A file system that shares bytes, with a store on it. Only root can mount one.
struct Mounted {
    place: PathBuf,
    _above: tempfile::TempDir,
    store: Option<Store>,
}

impl Mounted {
    fn new(make: &str) -> Option<Self> {
        let above = tempfile::tempdir().unwrap();
        let (image, place) = (above.path().join("image"), above.path().join("mount"));
        fs::create_dir(&place).unwrap();
        // XFS takes no less than 300 MB.
        File::create(&image).unwrap().set_len(400 << 20).unwrap();
        let run = |program: &str, arguments: &[&Path]| {
            let output = Command::new(program).arg(arguments[0]).args(&arguments[1..]).output();
            output.map_err(|error| error.to_string()).and_then(|output| {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                if output.status.success() { Ok(()) } else { Err(said) }
            })
        };
        let outcome = run(make, &["-q".as_ref(), &image])
            .and_then(|()| run("mount", &["-o".as_ref(), "loop".as_ref(), &image, &place]));
        if let Err(why) = outcome {
            let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
            assert!(!is_root || std::env::var("CI").as_deref() != Ok("true"), "{make}, then mount: {why}");
            println!("skipped: no file system of {make} can be mounted here: {why}");
            return None;
        }
        let store = Store::open(place.join("store"), &StoreOptions::new()).unwrap();
        Some(Self { place, _above: above, store: Some(store) })
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.place.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Bytes in use, once all that was written is on the medium.
    fn used(&self) -> u64 {
        nix::unistd::syncfs(File::open(&self.place).unwrap()).unwrap();
        let space = OsDisk::new().space(&self.place).unwrap();
        space.total - space.available
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.store = None;
        let _ = Command::new("umount").arg("-l").arg(&self.place).output();
    }
}

/// On each file system that shares bytes.
fn each(test: impl Fn(&Mounted)) {
    for make in ["mkfs.xfs", "mkfs.btrfs"] {
        if let Some(mounted) = Mounted::new(make) {
            test(&mounted);
        }
    }
}

fn adopt(store: &Store, path: &Path, adoption: Adoption) -> Result<Adopted> {
    store.adopt_path(path, adoption, &PutOptions::default())
}

fn run(store: &Store) -> hsm_core::Ran {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap()
}

#[test]
fn a_file_is_adopted_without_its_bytes_taking_room_twice() {
    each(|mounted| {
        let (store, content) = (mounted.store(), bytes(SIZE, 1));
        let path = mounted.file("from", &content);
        let before = mounted.used();
        let options = PutOptions { digests: vec![Algorithm::Sha256], ..PutOptions::default() };
        let adopted = store.adopt_path(&path, SHARED, &options).unwrap();
        assert!(adopted.shared && !adopted.source_removed && adopted.source_left.is_none());
        let grown = mounted.used().saturating_sub(before);
        assert!(grown < SIZE as u64 / 4, "{grown} bytes more are in use for {SIZE}");
        assert!(store.get(adopted.put.id).unwrap() == content);
        let put = store.put(&content, &options).unwrap();
        let content_of = |id| store.object(id).unwrap().content.unwrap();
        assert_eq!(
            content_of(adopted.put.id),
            content_of(put.id),
            "digests, root and size are those of a put"
        );
        store.verify(adopted.put.id, 0).unwrap();
    });
}

#[test]
fn neither_the_file_nor_the_object_changes_with_the_other() {
    each(|mounted| {
        let (store, content) = (mounted.store(), bytes(SIZE, 2));
        let path = mounted.file("from", &content);
        let id = adopt(store, &path, SHARED).unwrap().put.id;
        assert!(
            fs::read(&path).unwrap() == content,
            "the object's digests lie behind the bytes in its place alone"
        );
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&[0xff; 4096], 7 * MIB as u64).unwrap();
        file.set_len(SIZE as u64 / 2).unwrap();
        file.sync_all().unwrap();
        store.verify(id, 0).unwrap();
        assert!(store.get(id).unwrap() == content);
        store.remove(id).unwrap();
        store.purge(id).unwrap();
        store.maintain().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), SIZE as u64 / 2);
    });
}

#[test]
fn damage_of_an_adopted_object_is_found() {
    each(|mounted| {
        let store = mounted.store();
        let path = mounted.file("from", &bytes(SIZE, 3));
        let id = adopt(store, &path, SHARED).unwrap().put.id;
        let place = files_ending(&mounted.place.join("store/tiers"), ".obj").pop().unwrap();
        let place = mounted.place.join("store/tiers").join(place);
        flip(&place, 5 * MIB as u64 + 3, 1);
        File::open(&place).unwrap().sync_all().unwrap();
        assert_eq!(kind(&store.verify(id, 0)), Some(Kind::Corrupt));
        flip(&place, 5 * MIB as u64 + 3, 1);
        store.verify(id, 0).unwrap();
    });
}

#[test]
fn actions_adopt_and_let_go_of_files() {
    each(|mounted| {
        let (store, content) = (mounted.store(), bytes(SIZE, 4));
        let path = mounted.file("from", &content);
        let id = ObjectId([4; 16]);
        let adoption = Adoption { copy_allowed: false, remove_source: true };
        let action = store.submit(&ActionSpec::adopt(id, &path, 0, adoption)).unwrap();
        let before = mounted.used();
        assert_eq!(run(store).done, 1);
        assert_eq!(store.action(action).unwrap().state, ActionState::Done);
        assert!(!path.exists());
        assert!(mounted.used().saturating_sub(before) < SIZE as u64 / 4);
        assert!(store.get(id).unwrap() == content);
        assert_ne!(
            store.object(id).unwrap().copies[0].verified_ns,
            0,
            "it was read back before the file went"
        );
    });
}

#[test]
fn where_bytes_cannot_be_shared_that_is_said_or_they_are_copied() {
    let (fixture, elsewhere) = (Fixture::new(), tempfile::tempdir_in("/dev/shm").unwrap());
    let (store, content) = (&fixture.store, bytes(MIB, 5));
    store.add_tier(&TierConfig::memory(9)).unwrap();
    let path = elsewhere.path().join("from");
    fs::write(&path, &content).unwrap();
    let here = fs::metadata(fixture.path()).unwrap().dev();
    if here != fs::metadata(&path).unwrap().dev() {
        let error = adopt(store, &path, SHARED).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        let said = error.to_string();
        assert!(said.contains("lies on another file system; allow it to be copied, or put it"), "{said}");
    }
    let error = store.adopt_path(&path, SHARED, &on_tier(9)).unwrap_err();
    assert!(error.to_string().contains("a tier that is no directory"), "{error}");
    // tmpfs shares nothing.
    let within = Store::open(elsewhere.path().join("store"), &StoreOptions::new()).unwrap();
    let error = adopt(&within, &path, SHARED).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(
        error.to_string().contains("cannot share its bytes there: XFS and btrfs have reflinks"),
        "{error}"
    );
    assert!(files_ending(&elsewhere.path().join("store/tiers"), ".obj").is_empty(), "nothing is left of it");
    for store in [store, &within] {
        let adopted = adopt(store, &path, COPIED).unwrap();
        assert!(!adopted.shared && store.get(adopted.put.id).unwrap() == content);
        store.verify(adopted.put.id, 0).unwrap();
    }
    // An action that may not copy fails for good, one that may is done.
    for (adoption, state) in [(SHARED, ActionState::Failed), (REMOVED, ActionState::Done)] {
        let id = within.submit(&ActionSpec::adopt(ObjectId([5; 16]), &path, 0, adoption)).unwrap();
        run(&within);
        assert_eq!(within.action(id).unwrap().state, state);
    }
    assert!(!path.exists() && within.get(ObjectId([5; 16])).unwrap() == content);
}

#[test]
fn a_small_file_goes_into_a_pack_and_an_empty_one_nowhere() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    for length in [0, 1, SMALL] {
        let path = outside.path().join("from");
        fs::write(&path, bytes(length, 6)).unwrap();
        let adopted = adopt(&fixture.store, &path, Adoption { remove_source: true, ..SHARED }).unwrap();
        assert!(!adopted.shared && adopted.source_removed && !path.exists());
        assert_eq!(fixture.store.get(adopted.put.id).unwrap(), bytes(length, 6));
    }
}

#[test]
fn a_file_is_removed_only_in_favour_of_an_object_that_outlives_it() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    store.add_tier(&TierConfig::memory(9)).unwrap();
    let path = outside.path().join("from");
    fs::write(&path, bytes(MIB, 7)).unwrap();
    let relaxed = PutOptions { durability: Durability::Relaxed, ..PutOptions::default() };
    for options in [relaxed, on_tier(9)] {
        assert_eq!(kind(&store.adopt_path(&path, REMOVED, &options)), Some(Kind::Invalid));
    }
    // A link is no file that could be let go of, and what it leads to is not what was named.
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let adopted = adopt(store, &link, REMOVED).unwrap();
    assert!(!adopted.source_removed && adopted.source_left.is_some() && link.exists());
    for own in [fixture.path().join("HSM-STORE"), fixture.path().join("journal")] {
        assert_eq!(kind(&adopt(store, &own, REMOVED)), Some(Kind::Invalid));
        assert!(own.exists());
    }
}

/// Does something to a file when its copy is read back.
struct Meddler(Box<dyn Fn() + Send + Sync>);

impl Monitor for Meddler {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        if progress.phase == Phase::Verify {
            (self.0)();
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn a_file_that_changed_after_it_was_adopted_is_left() {
    let fixture = Fixture::new();
    let path = fixture.outside("from");
    let append = |path: PathBuf| {
        move || File::options().append(true).open(&path).unwrap().write_all_at(b"!", 0).unwrap()
    };
    let rename = |path: PathBuf| {
        move || {
            let other = path.with_extension("other");
            if fs::write(&other, bytes(2 * MIB, 8)).is_ok() {
                fs::rename(&other, &path).unwrap();
            }
        }
    };
    let touch = |path: PathBuf| {
        move || {
            let file = File::options().write(true).open(&path).unwrap();
            file.write_all_at(b"?", MIB as u64).unwrap();
        }
    };
    let meddlers: [Box<dyn Fn() + Send + Sync>; 3] =
        [Box::new(append(path.clone())), Box::new(rename(path.clone())), Box::new(touch(path.clone()))];
    for meddler in meddlers {
        fs::write(&path, bytes(2 * MIB, 7)).unwrap();
        let store = fixture.store.with_monitor(Arc::new(Meddler(meddler)));
        let adopted = adopt(&store, &path, REMOVED).unwrap();
        assert!(!adopted.source_removed && path.exists());
        assert!(fixture.store.get(adopted.put.id).unwrap() == bytes(2 * MIB, 7));
    }
}

#[test]
fn a_crash_at_any_step_leaves_the_file_or_the_object() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("from");
    let content = bytes(300_000, 9);
    for crash_at in 0.. {
        fs::write(&path, &content).unwrap();
        let mut sim = SimFixture::new();
        sim.disk.stop_at(crash_at);
        let options = PutOptions::id(ObjectId([9; 16]));
        let adopted = sim.store.adopt_path(&path, Adoption { remove_source: true, ..SHARED }, &options);
        let is_done = adopted.as_ref().is_ok_and(|adopted| adopted.source_removed);
        sim.lose_power(Keep::None, true);
        let object = sim.store.get(ObjectId([9; 16]));
        let is_there = object.is_ok_and(|object| object == content);
        assert!(path.exists() || is_there, "crashed at operation {crash_at}: both are lost");
        assert!(adopted.is_err() || is_there, "crashed at operation {crash_at}: it was acknowledged");
        if is_done {
            assert!(crash_at > 5, "it takes more operations than that");
            return;
        }
    }
}
