//! A get to a file outside goes on where the attempt before ended, with what is right of what that left, whatever became
//! of it meanwhile; and two gets of one file are kept apart where its file system has no locks.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hsm_core::monitor::{Monitor, Progress};
use hsm_core::object::{ActionId, ActionSpec, ActionState, ObjectId, TierLimits};
use hsm_core::{PutOptions, RunOptions, Store, StoreOptions};
use hsm_tests::fixture::{
    Fixture, ManualClock, bytes, files_below, half_written, on_tier, temporary_name, traced,
};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const SIZE: usize = 12 * MIB + 345;

fn put(store: &Store, seed: u64) -> ObjectId {
    store.put(&bytes(SIZE, seed), &on_tier(0)).unwrap().id
}

fn limit(store: &Store, bytes_a_second: u64) {
    store.set_tier_limits(0, &TierLimits { bytes_a_second, ..TierLimits::default() }).unwrap();
}

fn len(path: &Path) -> usize {
    fs::metadata(path).map_or(0, |found| found.len() as usize)
}

/// Where an action came to, and what went wrong last.
fn outcome(store: &Store, id: ActionId) -> (ActionState, String) {
    let action = store.action(id).unwrap();
    (action.state, action.story.last().map(|attempt| attempt.error.clone()).unwrap_or_default())
}

/// A store, the object that is got, and the place of the file.
struct Scene {
    fixture: Fixture,
    outside: TempDir,
    object: ObjectId,
}

impl Scene {
    fn new() -> Self {
        let fixture = Fixture::new();
        let object = put(&fixture.store, 1);
        Self { fixture, outside: tempfile::tempdir().unwrap(), object }
    }

    fn to(&self) -> PathBuf {
        self.outside.path().join("to")
    }

    fn temporary(&self) -> PathBuf {
        self.outside.path().join(temporary_name(&self.fixture.store, "to"))
    }

    fn submit(&self) -> ActionId {
        self.fixture.store.submit(&ActionSpec::get(self.object, None, self.to())).unwrap()
    }

    /// Runs actions in another process, and counts the bytes that it writes to the temporary file. `None`: there is no
    /// strace.
    fn run_counted(&self) -> Option<usize> {
        let filter = ["-e", "trace=pwrite64"];
        let (output, trace) = traced(&filter, env!("CARGO_BIN_EXE_runner"), &self.fixture.path())?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let name = self.temporary().file_name().unwrap().to_string_lossy().into_owned();
        let answers =
            trace.lines().filter(|line| line.contains(&name)).filter_map(|line| line.rsplit_once("= "));
        Some(answers.map(|(_, written)| written.parse::<usize>().unwrap()).sum())
    }
}

#[test]
fn a_get_that_was_killed_goes_on_where_it_was() {
    let scene = Scene::new();
    let store = &scene.fixture.store;
    limit(store, 2 * MIB as u64);
    let id = scene.submit();
    let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(scene.fixture.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while len(&scene.temporary()) < 5 * MIB {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = len(&scene.temporary()) / MIB * MIB;
    assert!((5 * MIB..SIZE).contains(&kept) && !scene.to().exists());
    limit(store, 0);
    let Some(written) = scene.run_counted() else { return };
    assert_eq!(written, SIZE - kept, "bytes of which {kept} were there");
    assert_eq!(outcome(store, id), (ActionState::Done, String::new()));
    assert!(fs::read(scene.to()).unwrap() == bytes(SIZE, 1));
    assert_eq!(files_below(scene.outside.path()).len(), 1, "nothing temporary is left");
}

#[test]
fn of_what_was_left_only_blocks_of_the_object_are_kept_from_the_first_on() {
    let scene = Scene::new();
    let whole = bytes(SIZE, 1);
    for (what, left, kept) in half_written(&whole, &bytes(SIZE, 2)) {
        fs::write(scene.temporary(), left).unwrap();
        let expected = vec!["crc32c:00000000".parse().unwrap()];
        let id = scene.submit();
        let Some(written) = scene.run_counted() else { return };
        assert_eq!(outcome(&scene.fixture.store, id), (ActionState::Done, String::new()), "{what}");
        assert_eq!(written, SIZE - kept, "{what}");
        assert!(fs::read(scene.to()).unwrap() == whole, "{what}");
        // Digests that were asked for are those of all of it, of what was kept too.
        fs::write(scene.temporary(), &whole[..2 * MIB]).unwrap();
        let wrong = ActionSpec { expected, ..ActionSpec::get(scene.object, None, scene.to()) };
        let id = scene.fixture.store.submit(&wrong).unwrap();
        scene.fixture.store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap();
        assert_eq!(outcome(&scene.fixture.store, id).0, ActionState::Failed);
        assert_eq!(files_below(scene.outside.path()).len(), 1, "what failed for good leaves nothing");
    }
}

#[test]
fn digests_that_are_expected_are_those_of_what_was_kept_too() {
    let (fixture, outside) = (Fixture::new(), tempfile::tempdir().unwrap());
    let store = &fixture.store;
    let content = bytes(3 * MIB, 7);
    let asked = PutOptions { digests: vec![hsm_core::integrity::Algorithm::Sha256], ..on_tier(0) };
    let object = store.put(&content, &asked).unwrap().id;
    let expected = store.object(object).unwrap().content.unwrap().digests;
    fs::write(outside.path().join(temporary_name(store, "to")), &content[..2 * MIB]).unwrap();
    let to = outside.path().join("to");
    let id = store.submit(&ActionSpec { expected, ..ActionSpec::get(object, None, &to) }).unwrap();
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap();
    assert_eq!(outcome(store, id), (ActionState::Done, String::new()));
    assert!(fs::read(to).unwrap() == content);
}

/// Stops who runs actions once so many bytes were got.
struct Stopper(u64);

impl Monitor for Stopper {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        if progress.bytes_done >= self.0 { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_get_that_was_stopped_keeps_what_it_has_until_it_is_called_off() {
    let scene = Scene::new();
    let store = &scene.fixture.store;
    let id = scene.submit();
    let stopped = store.with_monitor(Arc::new(Stopper(3 * MIB as u64)));
    stopped.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap_err();
    assert_eq!(store.action(id).unwrap().state, ActionState::Queued);
    assert_eq!(len(&scene.temporary()), 3 * MIB);
    assert!(store.cancel(id).unwrap());
    assert!(files_below(scene.outside.path()).is_empty());
}

#[test]
fn what_could_not_be_synced_is_not_gone_on_with() {
    let scene = Scene::new();
    let id = scene.submit();
    fs::write(scene.temporary(), b"").unwrap(); // For strace to know it.
    let temporary = scene.temporary();
    let options = ["-P", temporary.to_str().unwrap(), "-e", "inject=fdatasync:error=EIO"];
    let Some((output, _)) = traced(&options, env!("CARGO_BIN_EXE_runner"), &scene.fixture.path()) else {
        return;
    };
    assert!(output.status.success());
    let (state, why) = outcome(&scene.fixture.store, id);
    assert_eq!(state, ActionState::Queued);
    assert!(why.contains("cannot sync"), "{why}");
    assert!(files_below(scene.outside.path()).is_empty());
}

#[test]
fn where_there_are_no_locks_gets_are_done_and_those_of_one_file_kept_apart() {
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS"] {
        let (clock, outside) = (ManualClock::new(), tempfile::tempdir().unwrap());
        let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
        let store = &fixture.store;
        let (one, other) = (put(store, 1), put(store, 2));
        let to = outside.path().join("to");
        let temporary = outside.path().join(temporary_name(store, "to"));
        limit(store, MIB as u64);
        let slow = store.submit(&ActionSpec::get(one, None, &to)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let runner = {
            let (store, stop) = (store.clone(), stop.clone());
            thread::spawn(move || store.run(&RunOptions::until_idle(), &stop).unwrap())
        };
        // By the clock of this store, which stands, it gets no further than that.
        while len(&temporary) < MIB {
            thread::sleep(Duration::from_millis(1));
        }
        let late = store.submit(&ActionSpec::get(other, None, &to)).unwrap();
        let inject = format!("inject=flock:error={error}");
        let options = ["-e", "trace=flock", "-e", &inject];
        let program = env!("CARGO_BIN_EXE_runner");
        let run = || traced(&options, program, &fixture.path());
        let Some((output, trace)) = run() else {
            stop.store(true, Ordering::Relaxed);
            runner.join().unwrap();
            return;
        };
        assert!(output.status.success() && !trace.contains(error), "it does not come so far");
        let (state, why) = outcome(store, late);
        assert_eq!(state, ActionState::Queued);
        assert!(why.contains("being written"), "{why}");
        limit(store, 0);
        runner.join().unwrap();
        assert_eq!(outcome(store, slow), (ActionState::Done, String::new()));
        assert!(fs::read(&to).unwrap() == bytes(SIZE, 1));
        let again = store.submit(&ActionSpec::get(other, Some(0), &to)).unwrap();
        let (output, trace) = run().unwrap();
        assert!(output.status.success() && trace.contains(error), "there were no locks");
        assert_eq!(outcome(store, again), (ActionState::Done, String::new()));
        assert!(fs::read(&to).unwrap() == bytes(SIZE, 2));
        // What was left there is found and removed, too.
        fs::write(&temporary, b"left").unwrap();
        let unwanted = store.submit(&ActionSpec::get(other, None, &to)).unwrap();
        assert!(store.cancel(unwanted).unwrap());
        assert!(!temporary.exists());
    }
}
