//! A put of a file outside goes on where the attempt before ended, with what is right of what that left, whatever became of it
//! or of the file meanwhile; and nothing is left of one that is made no more.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hsm_core::integrity::{Algorithm, Digest, DigestSet};
use hsm_core::monitor::{Monitor, Progress};
use hsm_core::object::{ActionId, ActionSpec, ActionState, Adoption, ObjectId, TierLimits};
use hsm_core::{CheckOptions, RunOptions, Store};
use hsm_tests::fixture::{Fixture, bytes, half_written, traced};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const SIZE: usize = 12 * MIB + 345;
const OBJECT: ObjectId = ObjectId([7; 16]);

fn limit(store: &Store, bytes_a_second: u64) {
    store.set_tier_limits(0, &TierLimits { bytes_a_second, ..TierLimits::default() }).unwrap();
}

fn run(store: &Store) {
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap();
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut set = DigestSet::new([Algorithm::Sha256]);
    set.update(bytes);
    set.finish().remove(0)
}

/// Where an action came to, and what went wrong last.
fn outcome(store: &Store, id: ActionId) -> (ActionState, String) {
    let action = store.action(id).unwrap();
    (action.state, action.story.last().map(|attempt| attempt.error.clone()).unwrap_or_default())
}

/// A store, and the file that is put.
struct Scene {
    fixture: Fixture,
    outside: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap())
    }

    fn of(outside: TempDir) -> Self {
        let scene = Self { fixture: Fixture::new(), outside };
        fs::write(scene.from(), bytes(SIZE, 1)).unwrap();
        scene
    }

    fn store(&self) -> &Store {
        &self.fixture.store
    }

    fn from(&self) -> PathBuf {
        self.outside.path().join("from")
    }

    /// Where tier 0 keeps what is begun.
    fn begun(&self) -> PathBuf {
        self.fixture.path().join("tiers/0/begun")
    }

    fn left(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.begun()).into_iter().flatten();
        listed.map(|entry| entry.unwrap().path()).collect()
    }

    /// The length of the only one.
    fn left_len(&self) -> usize {
        let left = self.left();
        assert!(left.len() <= 1);
        left.first().and_then(|path| fs::metadata(path).ok()).map_or(0, |found| found.len() as usize)
    }

    fn spec(&self) -> ActionSpec {
        ActionSpec::put(OBJECT, self.from(), 0)
    }

    fn submit(&self) -> ActionId {
        self.store().submit(&self.spec()).unwrap()
    }

    /// Leaves a begun place, as the attempt of an action that is queued does: where it is.
    fn leave(&self, content: &[u8]) -> PathBuf {
        let stopped = self.store().with_monitor(Arc::new(Stopper(MIB as u64)));
        stopped.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap_err();
        let [path] = &self.left()[..] else { panic!("{:?}", self.left()) };
        fs::write(path, content).unwrap();
        path.clone()
    }

    /// Runs actions in another process, and counts the bytes that it writes before the place has its name. `None`: there is no
    /// strace.
    fn run_counted(&self) -> Option<usize> {
        let filter = ["-e", "trace=pwrite64,pwritev"];
        let (output, trace) = traced(&filter, env!("CARGO_BIN_EXE_runner"), &self.fixture.path())?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = trace.lines().filter(|line| line.contains("/begun/"));
        let answers = lines.filter_map(|line| line.rsplit_once("= "));
        Some(answers.map(|(_, written)| written.parse::<usize>().unwrap()).sum())
    }

    fn assert_is(&self, content: &[u8]) {
        assert!(self.store().get(OBJECT).unwrap() == content);
        assert!(self.left().is_empty(), "{:?}", self.left());
        let found = |finding| panic!("{finding:?}");
        self.store().check_all(&CheckOptions::default(), found).unwrap();
    }
}

/// Stops who runs actions once so many bytes were put.
struct Stopper(u64);

impl Monitor for Stopper {
    fn report(&self, progress: &Progress) -> ControlFlow<i32> {
        if progress.bytes_done >= self.0 { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_put_that_was_killed_goes_on_where_it_was() {
    let scene = Scene::new();
    let store = scene.store();
    limit(store, 2 * MIB as u64);
    let id = scene.submit();
    let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(scene.fixture.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while scene.left_len() < 5 * MIB {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = scene.left_len() / MIB * MIB;
    assert!((5 * MIB..SIZE).contains(&kept));
    limit(store, 0);
    // Whoever opens the store sweeps after the dead, and maintenance runs: neither takes away what is gone on with.
    scene.fixture.another_handle().maintain().unwrap();
    assert_eq!(scene.left_len() / MIB * MIB, kept);
    let Some(written) = scene.run_counted() else { return };
    assert_eq!(outcome(store, id), (ActionState::Done, String::new()));
    assert_eq!(written, SIZE - kept, "bytes of which {kept} were there");
    scene.assert_is(&bytes(SIZE, 1));
}

#[test]
fn of_what_was_left_only_bytes_of_the_file_are_kept_from_the_first_on() {
    let scene = Scene::new();
    let whole = bytes(SIZE, 1);
    for (what, left, kept) in half_written(&whole, &bytes(SIZE, 2)) {
        let id = scene.submit();
        scene.leave(&left);
        let Some(written) = scene.run_counted() else { return };
        assert_eq!(outcome(scene.store(), id), (ActionState::Done, String::new()), "{what}");
        assert_eq!(written, SIZE - kept, "{what}");
        scene.assert_is(&whole);
    }
}

#[test]
fn a_file_that_is_another_by_then_is_put_as_it_is_then() {
    let scene = Scene::new();
    let id = scene.submit();
    scene.leave(&bytes(SIZE, 1)[..8 * MIB]);
    let shorter = [&bytes(SIZE, 1)[..2 * MIB], &bytes(3 * MIB + 9, 3)].concat();
    fs::write(scene.from(), &shorter).unwrap();
    run(scene.store());
    assert_eq!(outcome(scene.store(), id), (ActionState::Done, String::new()));
    scene.assert_is(&shorter);
}

#[test]
fn digests_that_are_expected_are_those_of_what_was_kept_too() {
    let scene = Scene::new();
    let whole = bytes(SIZE, 1);
    let right = sha256(&whole);
    let id = scene.store().submit(&ActionSpec { expected: vec![right], ..scene.spec() }).unwrap();
    scene.leave(&whole[..5 * MIB]);
    run(scene.store());
    assert_eq!(outcome(scene.store(), id), (ActionState::Done, String::new()));
    scene.assert_is(&whole);
    let wrong = sha256(b"another");
    let id = scene.store().submit(&ActionSpec { expected: vec![wrong], ..scene.spec() }).unwrap();
    scene.leave(&whole[..5 * MIB]);
    run(scene.store());
    assert_eq!(outcome(scene.store(), id).0, ActionState::Failed);
    scene.assert_is(&whole); // What failed for good leaves nothing.
}

#[test]
fn a_put_that_was_stopped_keeps_what_it_has_until_it_is_called_off() {
    let scene = Scene::new();
    let id = scene.submit();
    let stopped = scene.store().with_monitor(Arc::new(Stopper(3 * MIB as u64)));
    stopped.run(&RunOptions::until_idle(), &AtomicBool::new(false)).unwrap_err();
    assert_eq!(scene.store().action(id).unwrap().state, ActionState::Queued);
    assert_eq!(scene.left_len(), 3 * MIB);
    assert!(scene.store().cancel(id).unwrap());
    assert!(scene.left().is_empty());
}

#[test]
fn one_that_is_called_off_while_it_is_made_leaves_nothing() {
    let scene = Scene::new();
    let store = scene.store();
    limit(store, MIB as u64);
    let id = scene.submit();
    let runner = {
        let store = store.clone();
        thread::spawn(move || store.run(&RunOptions::until_idle(), &AtomicBool::new(false)))
    };
    while scene.left_len() < MIB {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(store.cancel(id).unwrap());
    runner.join().unwrap().unwrap();
    assert_eq!(outcome(store, id).0, ActionState::Cancelled);
    assert!(scene.left().is_empty());
    assert!(store.get(OBJECT).is_err());
}

#[test]
fn an_adoption_that_copies_goes_on_too() {
    // Another file system, which shares nothing in any case.
    let scene = Scene::of(tempfile::tempdir_in("/dev/shm").unwrap());
    let adoption = Adoption { copy_allowed: true, remove_source: true };
    let id = scene.store().submit(&ActionSpec::adopt(OBJECT, scene.from(), 0, adoption)).unwrap();
    scene.leave(&bytes(SIZE, 1)[..7 * MIB]);
    let Some(written) = scene.run_counted() else { return };
    assert_eq!(outcome(scene.store(), id), (ActionState::Done, String::new()));
    assert_eq!(written, SIZE - 7 * MIB);
    assert!(!scene.from().exists());
    scene.assert_is(&bytes(SIZE, 1));
}

#[test]
fn what_could_not_be_synced_is_not_gone_on_with() {
    let scene = Scene::new();
    let id = scene.submit();
    let path = scene.leave(&bytes(SIZE, 1)[..5 * MIB]);
    let options = ["-P", path.to_str().unwrap(), "-e", "inject=fdatasync:error=EIO"];
    let Some((output, _)) = traced(&options, env!("CARGO_BIN_EXE_runner"), &scene.fixture.path()) else {
        return;
    };
    assert!(output.status.success());
    let (state, why) = outcome(scene.store(), id);
    assert_eq!(state, ActionState::Queued);
    assert!(why.contains("cannot sync"), "{why}");
    assert!(scene.left().is_empty());
}

#[test]
fn maintenance_removes_what_nobody_goes_on_with_and_nothing_else() {
    let scene = Scene::new();
    scene.submit();
    let wanted = scene.leave(&bytes(SIZE, 1)[..5 * MIB]);
    fs::write(scene.begun().join(format!("{:032x}.new", 5)), b"left").unwrap();
    fs::write(scene.begun().join("not-ours"), b"").unwrap();
    scene.store().maintain().unwrap();
    let mut left = scene.left();
    left.sort_unstable();
    assert_eq!(left, [wanted, scene.begun().join("not-ours")]);
}

#[test]
fn two_puts_of_one_file_into_one_object_do_not_go_on_with_each_others_bytes() {
    let scene = Scene::new();
    let store = scene.store();
    limit(store, MIB as u64);
    let slow = scene.submit();
    let stop = Arc::new(AtomicBool::new(false));
    let runner = {
        let (store, stop) = (store.clone(), stop.clone());
        thread::spawn(move || store.run(&RunOptions::until_idle(), &stop))
    };
    while scene.left_len() < MIB {
        thread::sleep(Duration::from_millis(1));
    }
    // To another tier, so that it does not join the first.
    let other = store.submit(&ActionSpec { target: 2, ..scene.spec() }).unwrap();
    run(&scene.fixture.another_handle());
    assert_eq!(outcome(store, other), (ActionState::Done, String::new()));
    assert!(!scene.fixture.path().join("tiers/2/begun").exists());
    limit(store, 0);
    runner.join().unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    assert_eq!(outcome(store, slow), (ActionState::Done, String::new()));
    scene.assert_is(&bytes(SIZE, 1));
}
