//! A long verb tells how far it has come, and can be stopped at any report: it then leaves the store as it was,
//! or whole objects done, and nothing on the tiers that no object refers to. Called again it does the rest.

use std::fs;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hsm_core::integrity::Algorithm;
use hsm_core::monitor::{Monitor, Phase, Progress};
use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::testing::disk::SimDisk;
use hsm_core::{
    Durability, Error, GetOptions, Kind, PutOptions, Query, Result, SnapshotOptions, Store, StoreOptions,
};
use hsm_tests::audit::{self, Strictness};
use hsm_tests::fixture::{LARGE, Listing, ManualClock, SMALL, bytes, files_below, tiers_of};
use tempfile::TempDir;

/// Takes several reports to go through.
const HUGE: usize = (2 << 20) + 5;
const SMALLS: usize = 4;
const CODE: i32 = 41;
const STORE: &str = "/store";

/// Notes what it is told, and stops at one report.
#[derive(Default)]
struct Follower {
    told: std::sync::Mutex<Vec<Progress>>,
    stop_at: usize,
}

impl Follower {
    fn stopping_at(report: usize) -> Arc<Self> {
        Arc::new(Self { stop_at: report, ..Self::default() })
    }

    fn told(&self) -> Vec<Progress> {
        self.told.lock().unwrap().clone()
    }
}

impl Monitor for Follower {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let mut told = self.told.lock().unwrap();
        told.push(*progress);
        if told.len() == self.stop_at { ControlFlow::Break(CODE) } else { ControlFlow::Continue(()) }
    }
}

/// Which tiers hold a copy, and whether it was verified.
type Copies = Vec<(TierIndex, bool)>;

/// A store with something to do for every verb.
struct World {
    disk: SimDisk,
    /// For files of the program.
    outside: TempDir,
    options: StoreOptions,
    store: Store,
    /// On tier 0.
    huge: ObjectId,
    /// On tiers 0, where it was never verified, and 2.
    twice: ObjectId,
    /// All on tier 0: the huge one, some in files, some in a pack.
    all: Vec<ObjectId>,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let (disk, outside) = (SimDisk::new(), tempfile::tempdir().unwrap());
        // Hundreds of stores are opened here: in memory that takes no time.
        let options = StoreOptions::new().clock(clock.clone()).index_in_memory().disk(Arc::new(disk.clone()));
        let store = Store::open(STORE, &options).unwrap();
        let put = |length, seed| store.put(&bytes(length, seed), &PutOptions::default()).unwrap().id;
        let huge = put(HUGE, 1);
        let twice = put(HUGE, 2);
        store.copy(twice, None, 2).unwrap().unwrap();
        let mut all = vec![huge, put(LARGE, 3)];
        all.extend((0..SMALLS).map(|seed| put(SMALL, 100 + seed as u64)));
        // For maintenance: some that were removed, one of them large, and some that were overwritten.
        for seed in 0..3 {
            store.remove(put(if seed == 0 { LARGE } else { SMALL }, 200 + seed)).unwrap();
            let id = put(LARGE, 300 + seed);
            store.put(&bytes(LARGE, 400 + seed), &PutOptions::id(id)).unwrap();
        }
        clock.advance(Duration::from_hours(25));
        fs::write(outside.path().join("source"), bytes(HUGE, 9)).unwrap();
        Self { disk, outside, options, store, huge, twice, all }
    }

    /// What anybody would call the state of the store: contents, tiers, and what was verified.
    fn state(&self) -> Vec<(Vec<u8>, Copies)> {
        let store = &self.store;
        let mut state: Vec<_> = store
            .objects(&Query::default())
            .map(|item| {
                let object = item.unwrap().1;
                let copies: Copies =
                    object.copies.iter().map(|copy| (copy.tier, copy.is_verified())).collect();
                let content =
                    if object.copies.is_empty() { Vec::new() } else { store.get(object.id).unwrap() };
                (content, copies)
            })
            .collect();
        state.sort();
        state
    }

    /// Nothing is on the tiers that belongs to nobody once the handle gave up its packs, and the feed tells all
    /// that is.
    fn check(&mut self, what: &str) {
        self.store.close().unwrap();
        self.store = Store::open(STORE, &self.options).unwrap();
        let store = &self.store;
        store.maintain().unwrap();
        let view = audit::view(store).unwrap();
        let model = audit::feed_adds_up(store, &view).unwrap();
        audit::stray(&self.disk, Path::new(STORE), &view, &model, Strictness::AfterMaintenance)
            .unwrap_or_else(|stray| panic!("{what}: {stray}"));
    }
}

/// What a stop may leave done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// Nothing.
    Nothing,
    /// Whole objects.
    WholeObjects,
}

struct Verb {
    name: &'static str,
    leaves: Leaves,
    /// Phases that must be reported.
    phases: &'static [Phase],
    run: fn(&World, &Store) -> Result<()>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "put",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |_, store| store.put(&bytes(HUGE, 9), &PutOptions::default()).map(drop),
    },
    Verb {
        name: "put_reader",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |_, store| store.put_reader(&bytes(HUGE, 9)[..], &PutOptions::default()).map(drop),
    },
    Verb {
        name: "put_path",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |world, store| {
            store.put_path(world.outside.path().join("source"), 0, None, &PutOptions::default()).map(drop)
        },
    },
    Verb {
        name: "put_descriptor",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |world, store| {
            let source = fs::File::open(world.outside.path().join("source")).unwrap();
            store.put_descriptor(source.as_fd(), 0, None, &PutOptions::default()).map(drop)
        },
    },
    Verb {
        name: "put_at",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |world, store| store.put_at(world.huge, 7, &bytes(2 << 20, 9), Durability::Durable).map(drop),
    },
    Verb {
        name: "put_at, written anew",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |world, store| store.put_at(world.all[2], 3, &bytes(2 << 20, 9), Durability::Durable).map(drop),
    },
    Verb {
        name: "batch",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |_, store| batch(store, false),
    },
    Verb {
        name: "atomic batch",
        leaves: Leaves::Nothing,
        phases: &[Phase::Put],
        run: |_, store| batch(store, true),
    },
    Verb {
        name: "parts",
        leaves: Leaves::Nothing,
        phases: &[Phase::Verify],
        run: |_, store| {
            let digests = vec![Algorithm::Sha256];
            let parts = store.parts(&PutOptions { digests, ..PutOptions::default() })?;
            let mut part = parts.part(0)?;
            part.add(&bytes(HUGE, 9))?;
            let receipt = part.finish()?;
            parts.commit(&[receipt]).map(drop)
        },
    },
    Verb {
        name: "get",
        leaves: Leaves::Nothing,
        phases: &[Phase::Get],
        run: |world, store| store.get(world.huge).map(|content| assert!(content == bytes(HUGE, 1))),
    },
    Verb {
        name: "get_range",
        leaves: Leaves::Nothing,
        phases: &[Phase::Get],
        run: |world, store| {
            let mut buffer = vec![0; HUGE];
            let read = store.get_range(world.huge, 10, &mut buffer)?;
            assert!(buffer[..read] == bytes(HUGE, 1)[10..]);
            Ok(())
        },
    },
    Verb {
        name: "get_to",
        leaves: Leaves::Nothing,
        phases: &[Phase::Get],
        run: |world, store| {
            let mut content = Vec::new();
            store.get_to(world.huge, &mut content, &GetOptions::default())?;
            assert!(content == bytes(HUGE, 1));
            Ok(())
        },
    },
    Verb {
        name: "get_path",
        leaves: Leaves::Nothing,
        phases: &[Phase::Get],
        run: |world, store| {
            let directory = world.outside.path().join("restored");
            fs::create_dir_all(&directory).unwrap();
            let got = store.get_path(world.huge, directory.join("file"), &GetOptions::default());
            assert_eq!(
                files_below(&directory).len(),
                usize::from(got.is_ok()),
                "files left beside the target"
            );
            got.map(drop)
        },
    },
    Verb {
        name: "get_descriptor",
        leaves: Leaves::Nothing,
        phases: &[Phase::Get],
        run: |world, store| {
            let path = world.outside.path().join("target");
            let target = fs::File::create(&path).unwrap();
            store.get_descriptor(world.huge, target.as_fd(), &GetOptions::default())?;
            assert!(fs::read(path).unwrap() == bytes(HUGE, 1));
            Ok(())
        },
    },
    Verb {
        name: "copy",
        leaves: Leaves::Nothing,
        phases: &[Phase::Copy, Phase::Verify],
        run: |world, store| store.copy(world.huge, None, 3).map(drop),
    },
    Verb {
        name: "move",
        leaves: Leaves::Nothing,
        phases: &[Phase::Copy, Phase::Verify],
        run: |world, store| store.move_object(world.huge, 0, 3).map(drop),
    },
    Verb {
        name: "move to where a copy is",
        leaves: Leaves::Nothing,
        phases: &[Phase::Verify],
        run: |world, store| store.move_object(world.twice, 2, 0).map(drop),
    },
    Verb {
        name: "move_many",
        leaves: Leaves::WholeObjects,
        phases: &[Phase::Copy, Phase::Verify],
        run: |world, store| {
            store.move_many(&world.all, 0, 3)?.into_iter().try_for_each(|answer| answer.map(drop))
        },
    },
    Verb {
        name: "release",
        leaves: Leaves::Nothing,
        phases: &[Phase::Verify],
        run: |world, store| store.release(world.twice, 2, false).map(drop),
    },
    Verb {
        name: "verify",
        leaves: Leaves::Nothing,
        phases: &[Phase::Verify],
        run: |world, store| store.verify(world.huge, 0).map(drop),
    },
    Verb {
        name: "drain_tier",
        leaves: Leaves::WholeObjects,
        phases: &[Phase::Copy, Phase::Verify],
        run: |_, store| store.drain_tier(0, 4).map(drop),
    },
    Verb {
        name: "lose_tier",
        leaves: Leaves::WholeObjects,
        phases: &[Phase::StrikeOff],
        run: |_, store| store.lose_tier(2).map(drop),
    },
    Verb {
        name: "maintain",
        leaves: Leaves::WholeObjects,
        phases: &[Phase::Purge, Phase::Reclaim],
        run: |_, store| store.maintain().map(drop),
    },
    Verb {
        name: "reconcile",
        leaves: Leaves::Nothing,
        phases: &[Phase::Reconcile],
        run: |_, store| store.reconcile().map(drop),
    },
    Verb {
        name: "check_all",
        leaves: Leaves::Nothing,
        phases: &[Phase::Check],
        run: |_, store| store.check_all(&hsm_core::CheckOptions::default(), |_| Ok(())).map(drop),
    },
    Verb {
        name: "scrub",
        leaves: Leaves::WholeObjects,
        phases: &[Phase::Verify],
        run: |_, store| store.scrub(&hsm_core::ScrubOptions::default(), |_| Ok(())).map(drop),
    },
];

fn batch(store: &Store, atomic: bool) -> Result<()> {
    let mut batch = store.batch(atomic, Durability::Durable);
    for seed in 0..3 {
        batch.put(&bytes(SMALL, 500 + seed), &PutOptions::default())?;
    }
    batch.put(&bytes(LARGE, 503), &PutOptions::default())?;
    batch.commit()?.into_iter().try_for_each(|answer| answer.map(drop))
}

#[test]
fn every_long_verb_reports_and_a_stop_at_any_report_leaves_whole_objects_and_nothing_else() {
    for verb in VERBS {
        let world = World::new();
        let follower = Follower::stopping_at(0);
        (verb.run)(&world, &world.store.with_monitor(follower.clone())).unwrap();
        let (told, wanted) = (follower.told(), world.state());
        for phase in verb.phases {
            assert!(told.iter().any(|progress| progress.phase == *phase), "{}: no {phase:?}", verb.name);
        }
        let mut stopped = 0;
        for report in 1..=told.len() {
            let what = format!("{}, stopped at report {report} of {}", verb.name, told.len());
            let mut world = World::new();
            let before = Listing::of(&world.store);
            let follower = Follower::stopping_at(report);
            match (verb.run)(&world, &world.store.with_monitor(follower.clone())) {
                Ok(()) => assert!(world.state() == wanted, "{what}: it said that it was done"),
                Err(Error::Stopped { code: CODE }) => {
                    stopped += 1;
                    assert_eq!(follower.told().len(), report, "{what}: asked again");
                    if verb.leaves == Leaves::Nothing {
                        assert!(Listing::of(&world.store) == before, "{what}: something changed");
                    }
                    world.check(&what);
                    (verb.run)(&world, &world.store).unwrap();
                    assert!(world.state() == wanted, "{what}: called again it did not do the rest");
                }
                Err(error) => panic!("{what}: {error}"),
            }
            world.check(&what);
        }
        assert!(stopped > 0, "{}: nothing stops it", verb.name);
    }
}

#[test]
fn what_is_reported_adds_up() {
    let world = World::new();
    let follower = Follower::stopping_at(0);
    let watched = world.store.with_monitor(follower.clone());
    watched.move_object(world.huge, 0, 3).unwrap().unwrap();
    let told = follower.told();
    let size = HUGE as u64;
    assert!(told.iter().all(|progress| progress.objects_total == 1));
    for phase in [Phase::Copy, Phase::Verify] {
        let bytes = told.iter().filter(|progress| progress.phase == phase);
        let bytes: Vec<u64> = bytes.map(|progress| progress.bytes_done).collect();
        assert!(bytes.is_sorted() && bytes.len() >= HUGE >> 20, "{phase:?}: {bytes:?}");
    }
    let last = told.last().unwrap();
    assert_eq!(
        (last.phase, last.objects_done, last.bytes_done, last.bytes_total),
        (Phase::Verify, 1, size, size)
    );

    let follower = Follower::stopping_at(0);
    world.store.maintain().unwrap(); // Removed objects count as well, while they last.
    let usage = world.store.tier(0).unwrap();
    let moved = world.store.with_monitor(follower.clone()).drain_tier(0, 4).unwrap();
    let last = *follower.told().last().unwrap();
    assert_eq!((last.objects_done, last.objects_total), (usage.objects, usage.objects));
    assert_eq!((moved, last.bytes_total), (usage.objects, usage.bytes));
    let reports = follower.told().len() as u64;
    assert!(reports < 5 * usage.objects + 5 * (usage.bytes >> 20), "{reports} reports are too many");
}

#[test]
fn a_list_that_is_stopped_answers_for_each_object_whether_it_was_done() {
    let world = World::new();
    let follower = Follower::stopping_at(4);
    // The huge one is a round of its own once 16 MiB came, so both are in the first.
    let answers = world.store.with_monitor(follower).copy_many(&world.all, None, 3).unwrap();
    assert_eq!(answers.len(), world.all.len());
    for (id, answer) in world.all.iter().zip(&answers) {
        let there = tiers_of(&world.store, *id).contains(&3);
        assert_eq!(there, answer.is_ok(), "{id}: {answer:?}");
    }
    assert!(answers.iter().any(|answer| answer.as_ref().is_err_and(|error| error.kind() == Kind::Cancelled)));
}

#[test]
fn the_monitor_is_for_the_handle_that_carries_it_and_goes_with_it() {
    let world = World::new();
    let follower = Follower::stopping_at(1);
    let watched = world.store.with_monitor(follower.clone());
    world.store.get(world.huge).unwrap();
    assert_eq!(follower.told().len(), 0);
    assert_eq!(watched.get(world.huge).unwrap_err().kind(), Kind::Cancelled);
    // The next call is another verb, and is asked for again.
    watched.get(world.huge).unwrap();
    drop(watched);
    assert_eq!(Arc::strong_count(&follower), 1);
    world.store.get(world.huge).unwrap();
}

#[test]
fn no_lock_is_held_while_the_monitor_runs() {
    /// Uses the store that it follows, as a program may.
    struct Busy {
        store: Store,
        puts: AtomicUsize,
    }
    impl Monitor for Busy {
        fn report(&self, _: &Progress) -> ControlFlow<i32> {
            let put = self.store.put(b"meanwhile", &PutOptions::default()).unwrap();
            self.store.move_object(put.id, self.store.object(put.id).unwrap().copies[0].tier, 1).unwrap();
            self.puts.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        }
    }
    for verb in VERBS.iter().filter(|verb| verb.name != "drain_tier") {
        let world = World::new();
        let busy = Arc::new(Busy { store: world.store.clone(), puts: AtomicUsize::new(0) });
        (verb.run)(&world, &world.store.with_monitor(busy.clone()))
            .unwrap_or_else(|error| panic!("{}: {error}", verb.name));
        assert!(busy.puts.load(Ordering::Relaxed) > 0, "{}", verb.name);
    }
}

#[test]
fn a_snapshot_that_the_monitor_of_one_makes_is_refused() {
    /// Makes a snapshot while one is made, and notes how that ended.
    struct Again {
        store: Store,
        ended: std::sync::Mutex<Vec<Option<Kind>>>,
    }
    impl Monitor for Again {
        fn report(&self, progress: &Progress) -> ControlFlow<i32> {
            if progress.objects_total == 0 {
                return ControlFlow::Continue(()); // Nothing is made yet.
            }
            let kind = self.store.snapshot_to(2, &SnapshotOptions::default()).err().map(|error| error.kind());
            self.ended.lock().unwrap().push(kind);
            ControlFlow::Continue(())
        }
    }
    let world = World::new();
    let again = Arc::new(Again { store: world.store.clone(), ended: std::sync::Mutex::default() });
    let watched = world.store.with_monitor(again.clone());
    watched.snapshot_to(2, &SnapshotOptions::default()).unwrap();
    let ended = again.ended.lock().unwrap().clone();
    assert!(!ended.is_empty() && ended.iter().all(|kind| *kind == Some(Kind::Busy)), "{ended:?}");
    world.store.snapshot_to(2, &SnapshotOptions::default()).unwrap();
}

#[test]
fn a_close_at_any_report_ends_the_verb_and_leaves_nothing_behind() {
    /// Closes the store that it follows.
    struct Closing {
        store: Store,
        at: usize,
        reports: AtomicUsize,
    }
    impl Monitor for Closing {
        fn report(&self, _: &Progress) -> ControlFlow<i32> {
            if self.reports.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
                self.store.close().unwrap();
            }
            ControlFlow::Continue(())
        }
    }
    for verb in VERBS {
        for at in 1.. {
            let what = format!("{}, closed at report {at}", verb.name);
            let mut world = World::new();
            let closing = Arc::new(Closing { store: world.store.clone(), at, reports: AtomicUsize::new(0) });
            let done = (verb.run)(&world, &world.store.with_monitor(closing.clone()));
            assert!(matches!(&done, Ok(()) | Err(Error::Closed { .. })), "{what}: {done:?}");
            let closed = closing.reports.load(Ordering::Relaxed) >= at;
            if closed {
                assert_eq!(world.store.position().unwrap_err().kind(), Kind::Closed, "{what}");
                world.store = Store::open(STORE, &world.options).unwrap();
            }
            let found = world.store.check_all(&hsm_core::CheckOptions::default(), |_| Ok(())).unwrap();
            assert_eq!((found.contradictions, found.bad, found.strays), (0, 0, 0), "{what}: {found:?}");
            world.check(&what);
            if !closed {
                break;
            }
        }
    }
}
