//! A simulated disk: counts what changes it, stops at any operation, and loses what was not synced.
//!
//! Four nouns:
//!
//! - an *operation* changes the disk; each is counted, logged under a label such as `write journal/1.seg`,
//!   and can be the one at which the disk stops or fails;
//! - *pending* is what was done and not yet synced; each pending change can be kept or lost on its own;
//! - a [`CrashImage`] is the disk at one moment; it makes any number of restarted disks;
//! - a [`Keep`] says which pending changes a power loss lets through.
//!
//! A file's sync makes its bytes and length durable, never its name; a directory's sync its names, never the
//! files' bytes. What has no durable name below the root is lost with everything in it, however synced.
//!
//! Told to, operations fail ([`SimDisk::fail_next`] and its like), take only a part of what they are given
//! ([`SimDisk::be_short`]), or take their time ([`SimDisk::delay_next`]).

mod crash;
mod open_file;
pub(super) mod random;
mod storage;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

pub use self::crash::{CrashImage, Keep, PendingStep, Tear};
use self::open_file::SimFile;
use self::storage::Storage;
use crate::file::memory::is_writable;
use crate::file::memory::tree::{NameChange, Opening};
use crate::file::{Disk, File, FileKind, Metadata, Mode, ProcessIdentity, Space};

/// The simulated disk. A clone is another handle of the same disk and process.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    process: ProcessIdentity,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimDisk").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything about a disk: what it stores, and what the test asked of it.
#[derive(Debug)]
struct State {
    storage: Storage,
    log: Vec<Arc<str>>,
    stop: Option<Stop>,
    /// Processes for which it has stopped.
    stopped: Vec<ProcessIdentity>,
    failures: Vec<Failure>,
    delays: Vec<Delay>,
    /// Calls so far that took or gave only a part, where each does.
    short: Option<u64>,
}

#[derive(Debug)]
struct Stop {
    process: ProcessIdentity,
    /// Operations of that process that still happen whole.
    after: u64,
    torn: bool,
}

type Predicate = Box<dyn Fn(&str) -> bool + Send>;

struct Failure {
    kind: io::ErrorKind,
    once: bool,
    on: FailureOn,
    matches: Predicate,
}

/// What a failure is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureOn {
    /// Operations; nothing of one happens.
    Operations,
    /// Writes, of which the first half happens.
    HalfWrites,
    /// Reads of bytes.
    Reads,
}

/// An operation that takes its time.
struct Delay {
    matches: Predicate,
    meanwhile: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Delay").finish_non_exhaustive()
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Failure({:?}, once: {})", self.kind, self.once)
    }
}

/// How much of an operation may happen.
#[derive(Debug)]
enum Admitted {
    Whole,
    /// A write: its first half, then this error.
    Half(io::Error),
}

/// Waits as long as an operation of this label is delayed.
fn delay(state: &Mutex<State>, label: impl FnOnce() -> String) {
    let mut locked = state.lock();
    if locked.delays.is_empty() {
        return;
    }
    let label = label();
    let due = locked.delays.iter().position(|delay| (delay.matches)(&label));
    let Some(due) = due.map(|position| locked.delays.remove(position)) else { return };
    drop(locked);
    (due.meanwhile)();
}

fn simulated_crash() -> io::Error {
    io::Error::other("simulated crash")
}

/// `verb path`, the path without its leading slash.
fn label(verb: &str, path: &Path) -> String {
    format!("{verb} {}", path.strip_prefix("/").unwrap_or(path).display())
}

impl State {
    /// Fails once the disk has stopped: asked before anything that changes nothing.
    fn check_running(&self, process: ProcessIdentity) -> io::Result<()> {
        if self.stopped.contains(&process) { Err(simulated_crash()) } else { Ok(()) }
    }

    /// Counts an operation that is about to happen, and decides whether it does.
    fn admit(&mut self, process: ProcessIdentity, label: &str) -> io::Result<Admitted> {
        self.check_running(process)?;
        match self.stop.as_mut().filter(|stop| stop.process == process) {
            Some(Stop { after: 0, torn, .. }) => {
                self.stopped.push(process);
                if !*torn || !label.starts_with("write ") {
                    return Err(simulated_crash());
                }
                self.log.push(label.into());
                return Ok(Admitted::Half(simulated_crash()));
            }
            Some(stop) => stop.after -= 1,
            None => {}
        }
        self.log.push(label.into());
        self.inject(label, FailureOn::Operations)?;
        if label.starts_with("write ")
            && let Err(error) = self.inject(label, FailureOn::HalfWrites)
        {
            return Ok(Admitted::Half(error));
        }
        Ok(Admitted::Whole)
    }

    fn inject(&mut self, label: &str, on: FailureOn) -> io::Result<()> {
        let due = |failure: &Failure| failure.on == on && (failure.matches)(label);
        let Some(position) = self.failures.iter().position(due) else { return Ok(()) };
        let kind = self.failures[position].kind;
        if self.failures[position].once {
            self.failures.remove(position);
        }
        Err(io::Error::new(kind, format!("injected failure of {label:?}")))
    }

    /// How many of so many bytes a call takes or gives. Where each is short, every other is interrupted.
    fn take(&mut self, len: usize) -> io::Result<usize> {
        let Some(calls) = &mut self.short else { return Ok(len) };
        *calls += 1;
        if calls.is_multiple_of(2) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(len.div_ceil(2))
    }

    /// Admits and applies changes of names.
    fn change_names(
        &mut self,
        process: ProcessIdentity,
        label: &str,
        changes: Vec<NameChange>,
    ) -> io::Result<()> {
        self.admit(process, label)?;
        self.storage.change_names(label, changes);
        Ok(())
    }
}

impl SimDisk {
    /// An empty disk with the root directory `/`, everything durable.
    pub fn new() -> Self {
        Self::over(Storage::new())
    }

    fn over(storage: Storage) -> Self {
        let process = storage.process();
        let state = State {
            storage,
            log: Vec::new(),
            stop: None,
            stopped: Vec::new(),
            failures: Vec::new(),
            delays: Vec::new(),
            short: None,
        };
        Self { state: Arc::new(Mutex::new(state)), process }
    }

    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        state.check_running(self.process)?;
        Ok(state)
    }

    /// The same disk as another process of the same boot sees it.
    #[must_use]
    pub fn another_process(&self) -> Self {
        let mut state = self.state.lock();
        state.storage.start_process();
        Self { state: Arc::clone(&self.state), process: state.storage.process() }
    }

    /// Lets `operations` more operations happen. The one after them does not, and from then on everything on
    /// this disk fails with "simulated crash". `stop_at(n)` thus stops before what would become entry `n` of
    /// the log of [`labels`](Self::labels), counted from now. It counts, and stops for, the process of this handle
    /// alone: [another one](Self::another_process) goes on.
    pub fn stop_at(&self, operations: u64) {
        self.state.lock().stop = Some(Stop { process: self.process, after: operations, torn: false });
    }

    /// Like [`stop_at`](Self::stop_at), but if the operation that stops is a write its first half happens.
    pub fn stop_within(&self, operations: u64) {
        self.state.lock().stop = Some(Stop { process: self.process, after: operations, torn: true });
    }

    /// Stops now, for this process.
    pub fn stop(&self) {
        self.state.lock().stopped.push(self.process);
    }

    /// Whether the disk has stopped for this process.
    pub fn is_stopped(&self) -> bool {
        self.state.lock().stopped.contains(&self.process)
    }

    /// How many operations were attempted since this disk was made or restarted.
    pub fn operations(&self) -> u64 {
        self.state.lock().log.len() as u64
    }

    /// The labels of those operations, in their order: `create`, `write`, `share`, `set_len`, `allocate`, `sync`,
    /// `mkdir`, `rename … -> …`, `unlink`, `rmdir`, `syncdir`, each followed by the path without its leading
    /// slash (a file's is the one it was opened by).
    pub fn labels(&self) -> Vec<String> {
        self.state.lock().log.iter().map(ToString::to_string).collect()
    }

    /// The disk as it is now, from which restarted ones can be made. This one goes on unharmed.
    pub fn crash(&self) -> CrashImage {
        CrashImage::new(&self.state.lock().storage)
    }

    /// What a power loss could take away now; see [`CrashImage::pending`].
    pub fn pending(&self) -> Vec<PendingStep> {
        self.crash().pending()
    }

    /// Makes the medium hold a wrong byte: the one at `offset` of the only file whose path ends in
    /// `path_suffix` is changed by `xor`. Reads see the right one until the disk is restarted in any way;
    /// [`Mode::ReadMedium`] sees the wrong one at once. Writing the byte again mends it.
    ///
    /// # Errors
    ///
    /// `NotFound` when none or several files have that suffix.
    pub fn corrupt_medium(&self, path_suffix: &str, offset: u64, xor: u8) -> io::Result<()> {
        self.state.lock().storage.corrupt(path_suffix, offset, xor)
    }

    /// Fails the next operation whose label satisfies `matches`, which then does not happen. A failed sync
    /// fails for ever on that open file, and what it should have synced is not synced by a later one either.
    pub fn fail_next(&self, kind: io::ErrorKind, matches: impl Fn(&str) -> bool + Send + 'static) {
        self.add_failure(kind, true, FailureOn::Operations, Box::new(matches));
    }

    /// Lets the first half of the next write happen whose label satisfies `matches`, and fails it.
    pub fn fail_halfway(&self, kind: io::ErrorKind, matches: impl Fn(&str) -> bool + Send + 'static) {
        self.add_failure(kind, true, FailureOn::HalfWrites, Box::new(matches));
    }

    /// Fails every operation whose label satisfies `matches`, until [`clear_failures`](Self::clear_failures).
    pub fn fail_every(&self, kind: io::ErrorKind, matches: impl Fn(&str) -> bool + Send + 'static) {
        self.add_failure(kind, false, FailureOn::Operations, Box::new(matches));
    }

    /// Fails every read of bytes whose label, `read` and the path, satisfies `matches`, until
    /// [`clear_failures`](Self::clear_failures).
    pub fn fail_reads(&self, kind: io::ErrorKind, matches: impl Fn(&str) -> bool + Send + 'static) {
        self.add_failure(kind, false, FailureOn::Reads, Box::new(matches));
    }

    /// Ends all injected failures and delays. Syncs that failed stay failed.
    pub fn clear_failures(&self) {
        let mut state = self.state.lock();
        state.failures.clear();
        state.delays.clear();
    }

    fn add_failure(&self, kind: io::ErrorKind, once: bool, on: FailureOn, matches: Predicate) {
        self.state.lock().failures.push(Failure { kind, once, on, matches });
    }

    /// From now on, or no longer, a call that writes or reads bytes takes or gives only half of them, and every other
    /// is interrupted before it does anything. What is left is done by further calls, as by any [`File`]: each is an
    /// operation of its own.
    pub fn be_short(&self, short: bool) {
        self.state.lock().short = short.then_some(0);
    }

    /// Delays the next operation, or read of bytes, whose label satisfies `matches`: before it happens, and while the
    /// disk serves other threads, `meanwhile` runs.
    pub fn delay_next(
        &self,
        matches: impl Fn(&str) -> bool + Send + 'static,
        meanwhile: impl FnOnce() + Send + 'static,
    ) {
        let (matches, meanwhile) = (Box::new(matches), Box::new(meanwhile));
        self.state.lock().delays.push(Delay { matches, meanwhile });
    }

    /// Pretends that everything lies on a network file system of this kind.
    pub fn set_network(&self, kind: Option<&'static str>) {
        self.state.lock().storage.network = kind;
    }

    /// Limits the sum of the files' lengths; what exceeds it fails with `StorageFull`. Survives restarts.
    pub fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.state.lock().storage.cached.set_capacity(capacity_bytes);
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        if matches!(mode, Mode::Create | Mode::OpenOrCreate) {
            delay(&self.state, || label("create", path));
        }
        let mut state = self.running()?;
        let inode = match state.storage.cached.plan_open(path, mode)? {
            Opening::Existing(inode) => inode,
            Opening::New { directory, name } => {
                let label = label("create", path);
                state.admit(self.process, &label)?;
                let inode = state.storage.new_file();
                state.storage.change_names(&label, vec![NameChange::Link { directory, name, inode }]);
                inode
            }
        };
        let owner = state.storage.cached.open_handle(inode);
        let medium = mode == Mode::ReadMedium;
        Ok(Arc::new(SimFile::new(self, path, inode, owner, is_writable(mode), medium)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        delay(&self.state, || label("mkdir", path));
        let mut state = self.running()?;
        let (directory, name) = state.storage.cached.plan_create_dir(path)?;
        let label = label("mkdir", path);
        state.admit(self.process, &label)?;
        let inode = state.storage.new_directory();
        state.storage.change_names(&label, vec![NameChange::Link { directory, name, inode }]);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        delay(&self.state, || label("rename", from));
        let mut state = self.running()?;
        let changes = state.storage.cached.plan_rename(from, to)?;
        let to = to.strip_prefix("/").unwrap_or(to).display();
        state.change_names(self.process, &format!("{} -> {to}", label("rename", from)), changes)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        delay(&self.state, || label("unlink", path));
        let mut state = self.running()?;
        let change = state.storage.cached.plan_remove_file(path)?;
        state.change_names(self.process, &label("unlink", path), vec![change])
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        delay(&self.state, || label("rmdir", path));
        let mut state = self.running()?;
        let change = state.storage.cached.plan_remove_dir(path)?;
        state.change_names(self.process, &label("rmdir", path), vec![change])
    }

    /// A failed one may be repeated: its names stay pending until one succeeds.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        delay(&self.state, || label("syncdir", path));
        let mut state = self.running()?;
        let directory = state.storage.cached.find_directory(path)?;
        state.admit(self.process, &label("syncdir", path))?;
        state.storage.sync_names(directory);
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(String, FileKind)>> {
        self.running()?.storage.cached.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.running()?.storage.cached.metadata(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let state = self.running()?;
        state.storage.cached.find(path)?;
        Ok(state.storage.cached.space())
    }

    fn network_kind(&self, path: &Path) -> io::Result<Option<&'static str>> {
        let state = self.running()?;
        state.storage.cached.find(path)?;
        Ok(state.storage.network)
    }

    fn process(&self) -> ProcessIdentity {
        self.process
    }
}

#[cfg(test)]
mod tests;
