//! Actions that bring bytes in from files outside of the store and out to them: each effect once, each file whole.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use hsm_core::clock::Clock as _;
use hsm_core::journal::Change;
use hsm_core::monitor::{Monitor, Progress};
use hsm_core::object::{ActionId, ActionSpec, ActionState, ObjectId};
use hsm_core::{ActionQuery, Kind, PutOptions, Ran, RunOptions, Store, StoreOptions};
use hsm_tests::fixture::{
    Fixture, LARGE, ManualClock, SMALL, bytes, events, files_below, kind, temporary_name,
};

fn run(store: &Store) -> Ran {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap()
}

fn object(nth: u8) -> ObjectId {
    ObjectId([nth; 16])
}

/// Where an action came to, and what went wrong last.
fn outcome(store: &Store, id: ActionId) -> (ActionState, String) {
    let action = store.action(id).unwrap();
    (action.state, action.story.last().map(|attempt| attempt.error.clone()).unwrap_or_default())
}

fn file(directory: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = files_below(directory)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_put_is_done_in_the_group_of_its_effect_and_a_get_makes_the_same_file() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    for (nth, length) in [(1, 0), (2, SMALL), (3, LARGE), (4, 3 << 20)] {
        let content = bytes(length, nth.into());
        let from = file(&outside, &format!("from {nth}"), &content);
        let to = outside.path().join(format!("to {nth}"));
        let put = store.submit(&ActionSpec::put(object(nth), &from, 2)).unwrap();
        assert_eq!(run(store), Ran { done: 1, ..Ran::default() });
        let feed = events(store);
        assert!(matches!(feed[feed.len() - 2].change, Change::Put { object: put, .. } if put == object(nth)));
        assert_eq!(feed.last().unwrap().position.number, store.action(put).unwrap().changed);
        assert_eq!(
            store.object(object(nth)).unwrap().copies.iter().map(|copy| copy.tier).collect::<Vec<_>>(),
            [2]
        );
        let get = store.submit(&ActionSpec::get(object(nth), Some(2), &to)).unwrap();
        assert_eq!(run(store), Ran { done: 1, ..Ran::default() });
        assert_eq!(outcome(store, get), (ActionState::Done, String::new()));
        assert_eq!(fs::read(&to).unwrap(), content);
    }
    assert_eq!(names(outside.path()).len(), 8, "nothing temporary is left");
    // A second put is the next generation; a second get writes over the file.
    let from = file(&outside, "from 2", b"new");
    store.submit(&ActionSpec::put(object(2), &from, 0)).unwrap();
    store
        .submit(&ActionSpec { priority: -1, ..ActionSpec::get(object(2), None, outside.path().join("to 2")) })
        .unwrap();
    assert_eq!(run(store), Ran { done: 2, ..Ran::default() });
    assert_eq!(fs::read(outside.path().join("to 2")).unwrap(), b"new");
}

#[test]
fn equal_ones_are_done_once_and_those_to_other_files_each() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    let from = file(&outside, "from", &bytes(SMALL, 1));
    let other = file(&outside, "other", &bytes(SMALL, 2));
    for path in [&from, &from, &from, &other] {
        store.submit(&ActionSpec::put(object(1), path, 0)).unwrap();
    }
    assert_eq!(run(store), Ran { done: 4, ..Ran::default() });
    let puts = events(store).into_iter().filter(|event| matches!(event.change, Change::Put { .. })).count();
    assert_eq!(puts, 2, "three wanted the same");
    assert_eq!(store.get(object(1)).unwrap(), bytes(SMALL, 2), "in the order in which they were submitted");
    for name in ["a", "b", "a"] {
        store.submit(&ActionSpec::get(object(1), None, outside.path().join(name))).unwrap();
    }
    assert_eq!(run(store), Ran { done: 3, ..Ran::default() });
    assert_eq!(names(outside.path()), ["a", "b", "from", "other"]);
}

#[test]
fn what_is_expected_is_checked_before_anything_is_stored_or_named() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    let from = file(&outside, "from", b"123456789");
    let right = vec!["crc32c:e3069283".parse().unwrap()];
    let wrong = vec!["crc32c:e3069284".parse().unwrap()];
    let submit =
        |expected: &Vec<_>, spec| store.submit(&ActionSpec { expected: expected.clone(), ..spec }).unwrap();
    let refused = submit(&wrong, ActionSpec::put(object(1), &from, 0));
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
    let came = outcome(store, refused);
    assert_eq!(came.0, ActionState::Failed);
    assert!(came.1.contains("expected crc32c:e3069284, computed crc32c:e3069283"), "{}", came.1);
    assert_eq!(kind(&store.object(object(1))), Some(Kind::NotFound));
    submit(&right, ActionSpec::put(object(1), &from, 0));
    assert_eq!(run(store).done, 1);
    assert_eq!(store.object(object(1)).unwrap().content.unwrap().digests, right);
    let to = outside.path().join("to");
    submit(&wrong, ActionSpec::get(object(1), None, &to));
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
    assert_eq!(names(outside.path()), ["from"]);
    submit(&right, ActionSpec::get(object(1), None, &to));
    assert_eq!(run(store).done, 1);
    assert_eq!(fs::read(to).unwrap(), b"123456789");
}

#[test]
fn a_file_that_comes_later_is_tried_again_and_what_is_none_is_not_waited_for() {
    let outside = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let path = outside.path().join("late");
    let late = store.submit(&ActionSpec::put(object(1), &path, 0)).unwrap();
    assert_eq!(run(store), Ran { put_off: 1, ..Ran::default() });
    assert!(outcome(store, late).1.contains("late"), "the story names the file");
    file(&outside, "late", b"here");
    clock.advance(Duration::from_mins(1));
    assert_eq!(run(store), Ran { done: 1, ..Ran::default() });
    assert_eq!(store.get(object(1)).unwrap(), b"here");

    let pipe = outside.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    for no_file in [pipe.as_path(), outside.path()] {
        let put = store.submit(&ActionSpec::put(object(2), no_file, 0)).unwrap();
        assert_eq!(run(store), Ran { failed: 1, ..Ran::default() }, "at once");
        assert!(outcome(store, put).1.contains("is no regular file"));
    }
    let nowhere =
        ActionSpec { attempts_max: 1, ..ActionSpec::get(object(1), None, outside.path().join("no/where")) };
    store.submit(&nowhere).unwrap();
    assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
}

#[test]
fn specs_that_make_no_sense_are_refused() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let long = format!("/{}", "x".repeat(4096));
    for path in ["", "relative", "/", "/..", &long, "/with\0nul"] {
        for spec in [ActionSpec::put(object(1), path, 0), ActionSpec::get(object(1), None, path)] {
            assert_eq!(kind(&store.submit(&spec)), Some(Kind::Invalid), "{path}");
        }
    }
    let put = ActionSpec::put(object(1), "/a", 0);
    let wrong = [
        ActionSpec { path: None, ..put.clone() },
        ActionSpec { source: Some(1), ..put.clone() },
        ActionSpec { path: put.path, ..ActionSpec::remove(object(1)) },
        ActionSpec { expected: vec!["crc32c:e3069283".parse().unwrap()], ..ActionSpec::remove(object(1)) },
    ];
    for spec in wrong {
        assert_eq!(kind(&store.submit(&spec)), Some(Kind::Invalid), "{spec:?}");
    }
    let nowhere = [ActionSpec::put(object(1), "/a", 200), ActionSpec::get(object(1), Some(200), "/a")];
    for spec in nowhere {
        assert_eq!(kind(&store.submit(&spec)), Some(Kind::NotFound), "{spec:?}");
    }
}

#[test]
fn the_files_of_the_store_are_not_outside() {
    let (fixture, outside) =
        (Fixture::with_outside_tiers(2, StoreOptions::new()), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    store.put(&bytes(SMALL, 1), &PutOptions::id(object(1))).unwrap();
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(fixture.path(), &link).unwrap();
    let marker = fixture.outside("tier-0/HSM-TIER");
    let own = [fixture.path().join("HSM-STORE"), link.join("journal/0000000000000001.seg"), marker];
    for path in &own {
        let before = fs::read(path).unwrap();
        for spec in [ActionSpec::get(object(1), None, path), ActionSpec::put(object(2), path, 0)] {
            let id = store.submit(&spec).unwrap();
            assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
            assert!(outcome(store, id).1.contains("lies in the store itself"));
        }
        assert!(fs::read(path).unwrap().starts_with(&before), "the journal alone grows");
    }
}

#[test]
fn what_lies_beside_an_index_that_lies_elsewhere_is_not_outside_and_what_lies_below_it_is() {
    let elsewhere = tempfile::tempdir().unwrap();
    let fixture = Fixture::with(StoreOptions::new().index_directory(elsewhere.path()));
    let store = &fixture.store;
    store.put(&bytes(SMALL, 1), &PutOptions::id(object(1))).unwrap();
    let index =
        files_below(elsewhere.path()).into_iter().find(|path| path.extension().unwrap() == "db").unwrap();
    let index = elsewhere.path().join(index);
    // Not read here: to close it would drop SQLite's locks.
    let before = fs::metadata(&index).unwrap().len();
    for path in [index.clone(), elsewhere.path().join("new")] {
        for spec in [ActionSpec::get(object(1), None, &path), ActionSpec::put(object(2), &path, 0)] {
            let id = store.submit(&spec).unwrap();
            assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
            assert!(outcome(store, id).1.contains("lies in the store itself"));
        }
    }
    assert!(fs::metadata(&index).unwrap().len() >= before && !elsewhere.path().join("new").exists());
    fs::create_dir(elsewhere.path().join("below")).unwrap();
    store.submit(&ActionSpec::get(object(1), None, elsewhere.path().join("below/new"))).unwrap();
    assert_eq!(run(store), Ran { done: 1, ..Ran::default() });
}

#[test]
fn however_a_get_ends_nothing_is_left_of_an_attempt_that_was_killed() {
    let outside = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    store.put(&bytes(SMALL, 1), &PutOptions::id(object(1))).unwrap();
    let get = ActionSpec::get(object(1), None, outside.path().join("to"));
    let temporary = temporary_name(store, "to");
    let left = || file(&outside, &temporary, &bytes(LARGE, 2));
    for end in ["gone", "cancelled", "all cancelled", "late"] {
        left();
        let mut spec = get.clone();
        match end {
            "gone" => spec.object = object(9),
            "late" => spec.deadline_ns = clock.now_ns() + 1,
            _ => {}
        }
        let id = store.submit(&spec).unwrap();
        match end {
            "cancelled" => assert!(store.cancel(id).unwrap()),
            "all cancelled" => assert_eq!(store.cancel_all(&ActionQuery::default()).unwrap(), 1),
            _ => {
                clock.advance(Duration::from_secs(1));
                assert_eq!(run(store), Ran { failed: 1, ..Ran::default() });
            }
        }
        assert!(store.action(id).unwrap().state.is_finished());
        assert_eq!(names(outside.path()), [""; 0], "{end}");
    }
    // What another process writes is let be.
    let living = fs::File::open(left()).unwrap();
    living.try_lock().unwrap();
    let id = store.submit(&get).unwrap();
    assert!(store.cancel(id).unwrap());
    assert_eq!(names(outside.path()), [temporary]);
}

/// Appends to a file when the first bytes of it were read.
struct Meddler(PathBuf);

impl Monitor for Meddler {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        let length = fs::metadata(&self.0).unwrap().len();
        if progress.bytes_done > 0 && length == 5 << 20 {
            fs::write(&self.0, bytes(4 << 20, 2)).unwrap();
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again_later() {
    let outside = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let path = file(&outside, "restless", &bytes(5 << 20, 1));
    let store = fixture.store.with_monitor(Arc::new(Meddler(path.clone())));
    let put = store.submit(&ActionSpec::put(object(1), &path, 0)).unwrap();
    assert_eq!(run(&store), Ran { put_off: 1, ..Ran::default() });
    assert!(outcome(&store, put).1.contains("it was changed while it was read"));
    assert_eq!(kind(&store.object(object(1))), Some(Kind::NotFound));
    clock.advance(Duration::from_mins(1));
    assert_eq!(run(&store), Ran { done: 1, ..Ran::default() });
    assert_eq!(store.get(object(1)).unwrap(), bytes(4 << 20, 2));
}

#[test]
fn what_a_dead_process_left_is_written_over_and_what_a_living_one_writes_is_let_be() {
    let outside = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    store.put(&bytes(SMALL, 1), &PutOptions::id(object(1))).unwrap();
    let left = file(&outside, &temporary_name(store, "to"), &bytes(LARGE, 2));
    let living = fs::File::open(&left).unwrap();
    living.try_lock().unwrap();
    let to = outside.path().join("to");
    let id = store.submit(&ActionSpec::get(object(1), None, &to)).unwrap();
    assert_eq!(run(store), Ran { put_off: 1, ..Ran::default() });
    assert!(outcome(store, id).1.contains("being written"));
    assert_eq!(fs::read(&left).unwrap(), bytes(LARGE, 2));
    drop(living);
    clock.advance(Duration::from_mins(1));
    assert_eq!(run(store), Ran { done: 1, ..Ran::default() });
    assert_eq!(fs::read(to).unwrap(), bytes(SMALL, 1));
    assert_eq!(names(outside.path()), ["to"]);
}

#[test]
fn names_of_any_bytes_and_links_are_followed_by_a_put_and_replaced_by_a_get() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    let odd = outside.path().join(std::ffi::OsStr::from_bytes(b"\xff\n \xfe"));
    fs::write(&odd, b"odd").unwrap();
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(&odd, &link).unwrap();
    store.submit(&ActionSpec::put(object(1), &odd, 0)).unwrap();
    store.submit(&ActionSpec::put(object(2), &link, 0)).unwrap();
    assert_eq!(run(store).done, 2);
    store.put(b"other", &PutOptions::id(object(1))).unwrap();
    store.submit(&ActionSpec::get(object(1), None, &link)).unwrap();
    assert_eq!(run(store).done, 1);
    assert_eq!(fs::read(&odd).unwrap(), b"odd", "the link was replaced, not what it names");
    assert_eq!(fs::read(&link).unwrap(), b"other");
    assert_eq!(store.get(object(2)).unwrap(), b"odd");
}

#[test]
fn a_process_that_puts_and_gets_is_killed_and_each_put_is_committed_once_and_each_file_whole() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    let content = |nth: u64| bytes(if nth.is_multiple_of(9) { 2 << 20 } else { 20_000 }, nth);
    let mut specs = Vec::new();
    for nth in 0..100 {
        let from = file(&outside, &format!("from {nth}"), &content(nth));
        specs.push(ActionSpec::put(object(nth as u8 + 1), from, 0));
        let kept = store.put(&content(1000 + nth), &PutOptions::default()).unwrap().id;
        specs.push(ActionSpec::get(kept, None, outside.path().join(format!("to {nth}"))));
    }
    let (group, _) = store.submit_group(specs).unwrap();
    let mut killed = 0;
    for round in 0..8_u64 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
            .arg(fixture.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let enough = 200 * (round + 1) / 10;
        while child.try_wait().unwrap().is_none() && store.group_status(group).unwrap().done < enough {
            thread::sleep(Duration::from_millis(1 + round % 3));
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        for nth in 0..100 {
            if let Ok(found) = fs::read(outside.path().join(format!("to {nth}"))) {
                assert!(found == content(1000 + nth), "a file is there whole or not at all");
            }
        }
    }
    while !store.group_status(group).unwrap().is_finished() {
        run(store);
    }
    assert_eq!(store.group_status(group).unwrap().done, 200);
    let feed = events(store);
    for nth in 0..100_u64 {
        let id = object(nth as u8 + 1);
        let puts =
            feed.iter().filter(|event| matches!(event.change, Change::Put { object, .. } if object == id));
        assert_eq!(puts.count(), 1);
        assert!(store.get(id).unwrap() == content(nth));
        assert!(fs::read(outside.path().join(format!("to {nth}"))).unwrap() == content(1000 + nth));
    }
    assert_eq!(names(outside.path()).len(), 200, "nothing temporary is left");
    println!(
        "100 puts and 100 gets, their process killed {killed} times: each put committed once, each file whole"
    );
    let view = hsm_tests::audit::view(store).unwrap();
    hsm_tests::audit::feed_adds_up(store, &view).unwrap();
}
