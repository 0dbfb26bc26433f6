//! A store whose whole directory is lost is restored from a snapshot on a tier: what was in it is there, what was
//! removed stays removed, and what came later is not touched.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hsm_core::monitor::{Monitor, Phase, Progress};
use hsm_core::object::{ObjectId, Position, TierConfig, TierState};
use hsm_core::{
    CheckOptions, CompactOptions, Durability, Kind, PutOptions, Query, RebuildOptions, RestoreOptions,
    Restored, SnapshotOptions, Store, StoreOptions,
};
use hsm_tests::fixture::{
    Fixture, LARGE, Listing, SMALL, SimFixture, bytes, events, files_below, files_ending, flip, kind, name,
    on_tier, tiers_of,
};

/// The tier that snapshots are kept on.
const BACKUP: u8 = 2;

fn kept() -> SnapshotOptions {
    SnapshotOptions::default()
}

/// A store whose tiers lie beside it, with objects in every state.
fn in_use() -> Fixture {
    let fixture = Fixture::with_outside_tiers(3, StoreOptions::new());
    let data = fixture.dataset("data");
    change(&fixture, data, 1);
    fixture
}

fn change(fixture: &Fixture, data: hsm_core::object::DatasetId, seed: u64) {
    let store = &fixture.store;
    let put = |seed: u64, size: usize| {
        store.put(&bytes(size, seed), &PutOptions::name(name(data, format!("{seed}")))).unwrap().id
    };
    let copied = put(seed * 10, LARGE);
    store.copy(copied, None, 1).unwrap();
    put(seed * 10 + 1, SMALL);
    store.remove(put(seed * 10 + 2, SMALL)).unwrap();
    store.purge(put(seed * 10 + 3, LARGE)).unwrap();
    store.move_object(put(seed * 10 + 4, SMALL), 0, BACKUP).unwrap();
    store.set_attributes(copied, &vec![("round".into(), Some(vec![seed as u8]))]).unwrap();
    store.put_at(copied, 10, b"patched", Durability::Durable).unwrap();
}

fn root(fixture: &Fixture) -> PathBuf {
    fixture.outside(&format!("tier-{BACKUP}"))
}

/// Loses the store's directory.
fn lose(fixture: &mut Fixture) {
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
}

fn restore(fixture: &Fixture) -> hsm_core::Result<Restored> {
    Store::restore(fixture.path(), root(fixture), &RestoreOptions::new())
}

/// Opens what was restored, which takes no change yet, and reconciles it. Says how many places were unknown.
fn reconcile(fixture: &mut Fixture) -> u64 {
    fixture.store = fixture.another_handle();
    let store = &fixture.store;
    assert!(store.read_only_reason().unwrap().contains("reconcile"));
    assert_eq!(kind(&store.put(b"x", &PutOptions::default())), Some(Kind::Refused));
    assert_eq!(kind(&store.maintain()), Some(Kind::Refused));
    let found = store.reconcile().unwrap();
    assert!(found.new_epoch.is_some());
    assert_eq!(store.read_only_reason(), None);
    found.unknown_places
}

#[test]
fn a_store_whose_directory_is_lost_is_restored_whole() {
    let mut fixture = in_use();
    let taken = fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    assert_eq!(taken, fixture.store.position().unwrap());
    let (before, id) = (Listing::of(&fixture.store), fixture.store.id());
    lose(&mut fixture);
    let restored = restore(&fixture).unwrap();
    assert_eq!((restored.store_id, restored.position, restored.tier), (id, taken, BACKUP));
    assert_eq!(restored.passed_over, Vec::<String>::new());
    assert_eq!(reconcile(&mut fixture), 0);
    let store = &fixture.store;
    assert_eq!(Listing::of(store), before);
    let later: Vec<_> = store.feed(taken).map(|event| event.unwrap().position).collect();
    let at = |epochs| Position { epoch: taken.epoch + epochs, number: taken.number + epochs };
    assert_eq!(later, [at(1), at(2)], "restored, then reconciled");
    let data = store.dataset("data").unwrap().id;
    change(&fixture, data, 2);
    fixture.reopen();
    assert_eq!(fixture.store.read_only_reason(), None);
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let before = Listing::of(&fixture.store);
    lose(&mut fixture);
    restore(&fixture).unwrap();
    reconcile(&mut fixture);
    assert_eq!(Listing::of(&fixture.store), before, "restored for the second time");
}

#[test]
fn the_index_of_a_restored_store_can_be_lost_again() {
    let mut fixture = in_use();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let before = Listing::of(&fixture.store);
    lose(&mut fixture);
    restore(&fixture).unwrap();
    fs::remove_dir_all(fixture.path().join("index")).unwrap();
    reconcile(&mut fixture);
    assert_eq!(Listing::of(&fixture.store), before);
    fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
    assert_eq!(fixture.store.read_only_reason(), None);
    assert_eq!(Listing::of(&fixture.store), before);
}

#[test]
fn what_was_put_after_the_snapshot_is_reported_as_unknown_and_stays() {
    let mut fixture = in_use();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let before = Listing::of(&fixture.store);
    let known = |fixture: &Fixture| files_below(&fixture.outside("tier-1"));
    let old_files = known(&fixture);
    let later =
        [SMALL, SMALL, LARGE].map(|size| fixture.store.put(&bytes(size, 90), &on_tier(1)).unwrap().id);
    let new_files = known(&fixture);
    lose(&mut fixture);
    restore(&fixture).unwrap();
    assert_eq!(reconcile(&mut fixture), 2, "a pack and a file");
    assert_eq!(Listing::of(&fixture.store), before);
    fixture.store.maintain().unwrap();
    fixture.reopen();
    fixture.store.maintain().unwrap();
    for id in later {
        assert_eq!(kind(&fixture.store.object(id)), Some(Kind::NotFound));
    }
    let left = known(&fixture);
    let mut later = new_files.iter().filter(|file| !old_files.contains(file)).peekable();
    assert!(later.peek().is_some() && later.all(|file| left.contains(file)), "nothing of it is removed");
}

#[test]
fn a_tier_that_was_lost_with_the_store_is_declared_lost_after_it_was_reconciled() {
    let mut fixture = in_use();
    let only_there = fixture.store.put(&bytes(LARGE, 50), &on_tier(0)).unwrap().id;
    let relaxed = PutOptions { durability: Durability::Relaxed, ..on_tier(0) };
    fixture.store.put(&bytes(SMALL, 51), &relaxed).unwrap();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    lose(&mut fixture);
    fs::remove_dir_all(fixture.outside("tier-0")).unwrap();
    restore(&fixture).unwrap();
    reconcile(&mut fixture);
    let store = &fixture.store;
    assert_eq!(kind(&store.get(only_there)), Some(Kind::Offline));
    assert!(store.lose_tier(0).unwrap().contains(&only_there));
    for item in store.objects(&Query::default()) {
        let object = item.unwrap().1;
        assert!(object.copies.is_empty() || !store.get(object.id).unwrap().is_empty());
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_said_so() {
    type Harm = fn(&Path, &str);
    let flipped: Harm = |path, _| flip(path, fs::metadata(path).unwrap().len() / 2, 1);
    let cut: Harm = |path, _| fs::write(path, &fs::read(path).unwrap()[..50]).unwrap();
    let gone: Harm = |path, _| fs::remove_file(path).unwrap();
    for suffix in [".db", ".seg", ".list"] {
        for harm in [flipped, cut, gone] {
            let mut fixture = in_use();
            let first = fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
            let before = Listing::of(&fixture.store);
            let dataset = fixture.store.dataset("data").unwrap().id;
            change(&fixture, dataset, 2);
            let newest = fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
            lose(&mut fixture);
            let path = files_ending(&root(&fixture).join("snapshots"), suffix).pop().unwrap();
            let was = fs::read(&path).unwrap();
            harm(&path, suffix);
            let restored = restore(&fixture).unwrap();
            assert_eq!(restored.position, first);
            // Without its list there is no snapshot.
            let said = usize::from(suffix != ".list" || path.exists());
            assert_eq!(restored.passed_over.len(), said, "{:?}", restored.passed_over);
            reconcile(&mut fixture);
            // What was moved and purged after the older snapshot is not where that one knows it.
            let ids =
                |listing: &Listing| listing.objects.iter().map(|object| object.0.id).collect::<Vec<_>>();
            let found: Vec<ObjectId> =
                fixture.store.objects(&Query::default()).map(|item| item.unwrap().1.id).collect();
            assert_eq!(found, ids(&before)[..found.len()]);
            lose(&mut fixture);
            fs::write(&path, was).unwrap();
            assert_eq!(restore(&fixture).unwrap().position, newest);
        }
    }
}

#[test]
fn where_every_snapshot_is_damaged_nothing_becomes_a_store_until_one_is_mended() {
    let mut fixture = in_use();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let before = Listing::of(&fixture.store);
    lose(&mut fixture);
    let path = files_ending(&root(&fixture).join("snapshots"), ".db").pop().unwrap();
    flip(&path, 5000, 1);
    let error = restore(&fixture).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    let opened = Store::open(fixture.path(), &StoreOptions::new());
    assert_eq!(kind(&opened), Some(Kind::Invalid), "no new store is made of it");
    flip(&path, 5000, 1);
    restore(&fixture).unwrap();
    reconcile(&mut fixture);
    assert_eq!(Listing::of(&fixture.store), before);
}

#[test]
fn roots_that_moved_are_named_at_the_restore() {
    let mut fixture = in_use();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let mut before = Listing::of(&fixture.store);
    lose(&mut fixture);
    for tier in 0..3 {
        let moved = fixture.outside(&format!("moved-{tier}"));
        fs::rename(fixture.outside(&format!("tier-{tier}")), moved).unwrap();
    }
    let moved = |tier: u8| fixture.outside(&format!("moved-{tier}")).display().to_string();
    let from = moved(BACKUP);
    let swapped = RestoreOptions::new().root(0, moved(1)).root(1, moved(0));
    assert_eq!(kind(&Store::restore(fixture.path(), &from, &swapped)), Some(Kind::Offline));
    let unknown = RestoreOptions::new().root(9, moved(1));
    assert_eq!(kind(&Store::restore(fixture.path(), &from, &unknown)), Some(Kind::NotFound));
    let options = RestoreOptions::new().root(0, moved(0)).root(1, moved(1)).root(2, moved(2));
    Store::restore(fixture.path(), &from, &options).unwrap();
    for usage in &mut before.tiers {
        usage.config.root = moved(usage.config.index);
    }
    assert_eq!(reconcile(&mut fixture), 0);
    assert_eq!(Listing::of(&fixture.store), before);
    fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
    assert_eq!(Listing::of(&fixture.store), before, "the journal knows it");
}

#[test]
fn roots_in_the_directory_of_the_store_survive_its_loss() {
    let mut fixture = Fixture::new();
    let kept_there = fixture.store.put(&bytes(LARGE, 1), &on_tier(BACKUP)).unwrap().id;
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let before = Listing::of(&fixture.store);
    fixture.lose_all_but_tiers();
    let opened = Store::open(fixture.path(), &StoreOptions::new());
    assert_eq!(kind(&opened), Some(Kind::Invalid), "no new store is begun over data");
    let from = fixture.path().join(format!("tiers/{BACKUP}"));
    Store::restore(fixture.path(), from, &RestoreOptions::new()).unwrap();
    reconcile(&mut fixture);
    assert_eq!(Listing::of(&fixture.store), before);
    assert_eq!(fixture.store.get(kept_there).unwrap(), bytes(LARGE, 1));
}

#[test]
fn a_store_is_restored_only_where_nothing_is() {
    let mut fixture = in_use();
    assert_eq!(kind(&restore(&fixture)), Some(Kind::NotFound), "no snapshot yet");
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    assert_eq!(kind(&restore(&fixture)), Some(Kind::Exists));
    let elsewhere = fixture.outside("elsewhere");
    let options = RestoreOptions::new();
    for other in ["notes.txt", "journal"] {
        fs::create_dir_all(&elsewhere).unwrap();
        fs::write(elsewhere.join(other), b"not ours").unwrap();
        assert_eq!(kind(&Store::restore(&elsewhere, root(&fixture), &options)), Some(Kind::Invalid));
        assert_eq!(fs::read(elsewhere.join(other)).unwrap(), b"not ours");
        fs::remove_dir_all(&elsewhere).unwrap();
    }
    assert_eq!(kind(&Store::restore(&elsewhere, fixture.path(), &options)), Some(Kind::Invalid), "no root");
    fixture.close();
    assert!(!elsewhere.exists());
}

#[test]
fn the_newest_two_are_kept_and_as_many_as_one_asks_for() {
    let fixture = in_use();
    let store = &fixture.store;
    let positions =
        || store.snapshots_on(BACKUP).unwrap().iter().map(|kept| kept.position).collect::<Vec<_>>();
    let mut taken = Vec::new();
    for seed in 0..4 {
        store.put(&bytes(SMALL, seed), &on_tier(0)).unwrap();
        taken.insert(0, store.snapshot_to(BACKUP, &kept()).unwrap());
        assert_eq!(positions(), taken[..taken.len().min(2)]);
    }
    let files = || files_below(&root(&fixture).join("snapshots"));
    let before = files();
    assert_eq!(store.snapshot_to(BACKUP, &kept()).unwrap(), taken[0]);
    assert_eq!(files(), before, "nothing changed since");
    store.put(&bytes(SMALL, 9), &on_tier(0)).unwrap();
    taken.insert(0, store.snapshot_to(BACKUP, &kept().keep(3)).unwrap());
    assert_eq!(positions(), taken[..3]);
    store.snapshot_to(BACKUP, &kept().keep(1)).unwrap();
    assert_eq!(positions(), taken[..1]);
    assert_eq!(files().len(), 3, "list, index and segment");
    assert_eq!(kind(&store.snapshot_to(BACKUP, &kept().keep(0))), Some(Kind::Invalid));
}

#[test]
fn a_damaged_one_is_made_again_though_nothing_changed() {
    let mut fixture = in_use();
    let taken = fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let directory = root(&fixture).join("snapshots");
    for suffix in [".db", ".list"] {
        flip(&files_ending(&directory, suffix).pop().unwrap(), 60, 1);
        assert_eq!(fixture.store.snapshot_to(BACKUP, &kept()).unwrap(), taken);
        assert_eq!(files_below(&directory).len(), 3);
    }
    lose(&mut fixture);
    assert_eq!(restore(&fixture).unwrap().passed_over, Vec::<String>::new());
}

#[test]
fn a_tier_out_of_reach_or_read_only_is_refused_and_the_one_before_stays() {
    let mut fixture = in_use();
    let taken = fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let store = &fixture.store;
    store.put(&bytes(SMALL, 9), &on_tier(0)).unwrap();
    let (there, away) = (root(&fixture), fixture.outside("away"));
    fs::rename(&there, &away).unwrap();
    fs::create_dir(&there).unwrap();
    assert_eq!(kind(&store.snapshot_to(BACKUP, &kept())), Some(Kind::Offline));
    assert_eq!(kind(&store.snapshots_on(BACKUP)), Some(Kind::Offline));
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    fs::remove_dir(&there).unwrap();
    fs::rename(&away, &there).unwrap();
    store.set_tier_state(BACKUP, TierState::ReadOnly).unwrap();
    assert_eq!(kind(&store.snapshot_to(BACKUP, &kept())), Some(Kind::Refused));
    assert_eq!(kind(&store.snapshot_to(9, &kept())), Some(Kind::NotFound));
    store
        .add_tier(&TierConfig { backend: hsm_core::object::BackendKind::Memory, ..TierConfig::posix(9, "") })
        .unwrap();
    assert_eq!(kind(&store.snapshot_to(9, &kept())), Some(Kind::Unsupported));
    assert_eq!(store.snapshots_on(BACKUP).unwrap()[0].position, taken);
    lose(&mut fixture);
    assert_eq!(restore(&fixture).unwrap().position, taken);
}

#[test]
fn a_tier_that_is_full_or_fails_leaves_the_one_before_and_nothing_half_made() {
    let fixture = SimFixture::new();
    let store = &fixture.store;
    store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    let taken = store.snapshot_to(BACKUP, &kept()).unwrap();
    for (failing, wanted) in
        [(std::io::ErrorKind::StorageFull, Kind::Full), (std::io::ErrorKind::Other, Kind::Io)]
    {
        for operation in ["write ", "sync ", "create ", "rename "] {
            for suffix in ["/snapshots/", ".seg", ".db"] {
                store.put(&bytes(SMALL, 1), &on_tier(0)).unwrap();
                let fails = format!("tiers/{BACKUP}/snapshots/");
                fixture.disk.fail_next(failing, move |label| {
                    label.starts_with(operation) && label.contains(&fails) && label.contains(suffix)
                });
                let answer = store.snapshot_to(BACKUP, &kept());
                if operation == "rename " && suffix != "/snapshots/" {
                    continue; // Only the list is renamed: this failure is met by the next.
                }
                assert_eq!(kind(&answer), Some(wanted), "{operation} {suffix}");
                let left: Vec<_> = store.snapshots_on(BACKUP).unwrap();
                assert!(!left.is_empty() && left.last().unwrap().position >= taken);
            }
        }
    }
}

#[test]
fn what_a_crash_left_half_made_is_swept_by_the_next_snapshot_and_the_next_open() {
    let mut fixture = in_use();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let directory = root(&fixture).join("snapshots");
    let whole = files_below(&directory);
    let half = "00000000000000ff-00000000000000ff-00000000000000ff";
    let leave = || {
        for suffix in ["db", "new", "0000000000000001.seg"] {
            fs::write(directory.join(format!("{half}.{suffix}")), b"half of it").unwrap();
        }
        fs::write(directory.join("notes.txt"), b"not ours").unwrap();
    };
    let is_swept = || {
        let mut left = files_below(&directory);
        left.retain(|file| file != Path::new("notes.txt"));
        left == whole
    };
    leave();
    let living = format!("{:016x}-{:016x}-{:016x}.db", 9, 9, fixture.another_handle().instance());
    fs::write(directory.join(&living), b"its handle is gone").unwrap();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    assert!(is_swept());
    leave();
    fixture.reopen();
    assert!(is_swept());
    let other = fixture.another_handle();
    let living = directory.join(format!("{:016x}-{:016x}-{:016x}.db", 9, 9, other.instance()));
    fs::write(&living, b"on its way").unwrap();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    assert!(living.exists(), "another handle may be making it");
    assert!(directory.join("notes.txt").exists());
}

#[test]
fn retiring_a_tier_takes_its_snapshots_along() {
    let fixture = in_use();
    let store = &fixture.store;
    store.snapshot_to(BACKUP, &kept()).unwrap();
    store.drain_tier(BACKUP, 1).unwrap();
    store.retire_tier(BACKUP).unwrap();
    assert_eq!(files_below(&root(&fixture)), Vec::<PathBuf>::new());
}

#[test]
fn a_store_with_its_index_in_memory_is_backed_up_with_its_whole_journal() {
    let options = StoreOptions::new().index_in_memory().segment_bytes(3000);
    let mut fixture = Fixture::with_outside_tiers(3, options);
    let data = fixture.dataset("data");
    change(&fixture, data, 1);
    let relaxed = PutOptions { durability: Durability::Relaxed, ..on_tier(0) };
    fixture.store.put(&bytes(SMALL, 51), &relaxed).unwrap();
    let taken = fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let (before, history) = (Listing::of(&fixture.store), events(&fixture.store));
    lose(&mut fixture);
    // Not needed to know what there is.
    fs::rename(fixture.outside("tier-0"), fixture.outside("away")).unwrap();
    assert_eq!(restore(&fixture).unwrap().position, taken);
    fs::rename(fixture.outside("away"), fixture.outside("tier-0")).unwrap();
    assert_eq!(reconcile(&mut fixture), 0);
    assert_eq!(Listing::of(&fixture.store), before);
    assert_eq!(events(&fixture.store)[..history.len()], history);
}

#[test]
fn snapshots_are_made_while_others_write() {
    let mut fixture = in_use();
    let writer = fixture.another_handle();
    let stop = AtomicBool::new(false);
    let ids = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let mut ids = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let durability = if ids.len() % 3 == 0 { Durability::Durable } else { Durability::Relaxed };
                let options = PutOptions { durability, ..on_tier(1) };
                ids.push(writer.put(&bytes(100, ids.len() as u64), &options).unwrap().id);
            }
            ids
        });
        for _ in 0..5 {
            fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        work.join().unwrap()
    });
    drop(writer);
    lose(&mut fixture);
    restore(&fixture).unwrap();
    reconcile(&mut fixture);
    let found = ids.iter().take_while(|id| fixture.store.object(**id).is_ok()).count();
    assert!(ids[found..].iter().all(|id| kind(&fixture.store.object(*id)) == Some(Kind::NotFound)));
    for (seed, id) in ids[..found].iter().enumerate() {
        assert_eq!(tiers_of(&fixture.store, *id), [1]);
        assert_eq!(fixture.store.get(*id).unwrap(), bytes(100, seed as u64));
    }
}

/// Stops at a phase, and counts what it is told.
struct Follower {
    stop_in: Option<Phase>,
    told: std::sync::Mutex<Vec<Progress>>,
}

impl Monitor for Follower {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        self.told.lock().unwrap().push(*progress);
        let stops = progress.objects_done > 0 && Some(progress.phase) == self.stop_in;
        if stops { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_monitor_follows_a_snapshot_and_stops_it_without_a_trace() {
    let fixture = in_use();
    let followed = |stop_in| {
        let follower = Arc::new(Follower { stop_in, told: std::sync::Mutex::default() });
        let answer = fixture.store.with_monitor(follower.clone()).snapshot_to(BACKUP, &kept());
        let told = follower.told.lock().unwrap().clone();
        (answer, told)
    };
    for phase in [Phase::Snapshot, Phase::Verify] {
        let (answer, _) = followed(Some(phase));
        assert_eq!(kind(&answer), Some(Kind::Cancelled));
        assert_eq!(files_below(&root(&fixture).join("snapshots")), Vec::<PathBuf>::new());
    }
    let (answer, told) = followed(None);
    answer.unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.objects_done, last.objects_total), (2, 2), "the index and a segment");
    assert_eq!(last.bytes_done, last.bytes_total);
    assert_eq!(last.bytes_total, fixture.store.snapshots_on(BACKUP).unwrap()[0].bytes);
}

#[test]
fn what_was_compacted_since_the_snapshot_is_no_stray_to_be_removed_and_is_found() {
    let mut fixture = Fixture::with_outside_tiers(3, StoreOptions::new());
    let config = fixture.store.tier(0).unwrap().config;
    fixture.store.change_tier(&TierConfig { pack_size_bytes: 1 << 16, ..config }).unwrap();
    let mut living = Vec::new();
    for seed in 0..100 {
        let id = fixture.store.put(&bytes(2000, seed), &on_tier(0)).unwrap().id;
        if seed % 10 == 0 {
            living.push((id, seed));
        } else {
            fixture.store.purge(id).unwrap();
        }
    }
    fixture.reopen();
    fixture.store.snapshot_to(BACKUP, &kept()).unwrap();
    let moved = fixture.store.compact(&CompactOptions::default(), |_| Ok(())).unwrap().objects;
    assert!(moved > 0);
    lose(&mut fixture);
    restore(&fixture).unwrap();
    // As long as it takes no changes, what was moved is missing, and no stray is removed.
    fixture.store = fixture.another_handle();
    let checked = fixture.store.check_all(&CheckOptions::default(), |_| Ok(())).unwrap();
    assert_eq!((checked.bad, checked.removed), (moved, 0), "{checked:?}");
    assert!(checked.strays > 0);
    let found = fixture.store.reconcile().unwrap();
    assert_eq!((found.copies_adopted, found.copies_missing, found.unknown_places), (moved, 0, 0));
    let checked = fixture.store.check_all(&CheckOptions { remove_strays: true }, |_| Ok(())).unwrap();
    assert!(checked.is_clean(), "{checked:?}");
    for (id, seed) in &living {
        assert_eq!(fixture.store.get(*id).unwrap(), bytes(2000, *seed));
    }
    // A rebuild finds it too.
    lose(&mut fixture);
    let roots = (0..3)
        .fold(RebuildOptions::new(), |options, tier| options.root(fixture.outside(&format!("tier-{tier}"))));
    Store::rebuild(fixture.path(), &roots, None, |_| Ok(())).unwrap();
    reconcile(&mut fixture);
    for (id, seed) in living {
        assert_eq!(fixture.store.get(id).unwrap(), bytes(2000, seed));
    }
}
