//! A tape library in front of another backend: what was not recalled cannot be read.
//!
//! It is simulated, by the clock of the store and without a thread: when a place is asked for, a drive takes it behind
//! what that drive has to do, and when it will be ready is known at once. A place is a tape; putting another into a drive
//! takes its time, and so does finding the place on it. What was fetched, or written, can be read until its *window*
//! ends. Whoever has it open by then goes on reading. A request for many places keeps all of them until the last was
//! there for as long, so that a copy of several pieces can be read at one time.
//!
//! Drives, requests and windows are of this process: another one, or the next, knows nothing of them and asks anew.
//! Writing, removing and listing go through at once: a library has disks for what comes in, and knows its shelves.
//!
//! What it does not do: limit how fast is read and written, or fill up.

#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{Backend, Begun, BegunKey, Capabilities, PlaceName, PlaceReader, PlaceWriter, ReadFrom};
use crate::clock::{Clock, TimeNs};
use crate::error::{Error, Result};
use crate::file::Space;
use crate::object::{Delay, Readiness, TierIndex};
use writer::Renewing;

/// Requests that a drive has before it at most: who comes later with more of a hurry waits for no more than these.
const QUEUE_PER_DRIVE: usize = 64;
/// Windows that are remembered at most. Beyond, those that end first are forgotten, and asked for again.
const WINDOWS_MAX: usize = 65_536;
/// Windows that may have ended before they are looked for.
const WINDOWS_FEW: usize = 1024;

/// What a delayed tier had to do since this handle of the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DelayedCounts {
    /// Places that were fetched for requests.
    pub fetches: u64,
    /// How often another tape was put into a drive for that.
    pub mounts: u64,
    /// Places that were opened to be read.
    pub opens: u64,
}

/// A backend whose places have to be recalled before they can be read.
#[derive(Debug)]
pub struct DelayedBackend {
    inner: Arc<dyn Backend>,
    tier: TierIndex,
    /// While this is not zero, nothing waits.
    at_once: Arc<AtomicUsize>,
    library: Arc<Library>,
}

/// What readers and writers share.
#[derive(Debug)]
struct Library {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    delay: Delay,
    drives: Vec<Drive>,
    windows: BTreeMap<PlaceName, Window>,
    /// How many windows there may be until those that ended are looked for.
    windows_few: usize,
    counts: DelayedCounts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Drive {
    free_ns: TimeNs,
    tape: Option<PlaceName>,
}

/// When a place can be read.
#[derive(Debug, Clone, Copy)]
struct Window {
    ready_ns: TimeNs,
    until_ns: TimeNs,
}

/// What a recall of places would come to: asked of a copy of the library, so that nothing is fetched for it.
#[derive(Debug)]
pub struct Plan {
    now_ns: TimeNs,
    state: State,
    ready_ns: TimeNs,
}

impl DelayedBackend {
    /// Puts a library in front of `inner`, the backend of a tier. While `at_once` is not zero, nothing waits.
    pub fn new(
        inner: Arc<dyn Backend>,
        tier: TierIndex,
        delay: Delay,
        clock: Arc<dyn Clock>,
        at_once: Arc<AtomicUsize>,
    ) -> Self {
        let drives = vec![Drive::default(); delay.drives as usize];
        let (windows, counts) = (BTreeMap::new(), DelayedCounts::default());
        let state = State { delay, drives, windows, windows_few: WINDOWS_FEW, counts };
        Self { inner, tier, at_once, library: Arc::new(Library { clock, state: Mutex::new(state) }) }
    }

    /// Changes how long it takes. What is under way keeps its times.
    pub fn set_delay(&self, delay: Delay) {
        let mut state = self.library.state.lock();
        state.drives.resize(delay.drives as usize, Drive::default());
        state.delay = delay;
    }

    /// What it had to do.
    pub fn counts(&self) -> DelayedCounts {
        self.library.state.lock().counts
    }

    /// A plan of a recall, as of now, with nothing in it.
    pub fn plan(&self) -> Plan {
        let mut state = self.library.state.lock().clone();
        state.counts = DelayedCounts::default();
        let now_ns = self.library.clock.now_ns();
        Plan { now_ns, state, ready_ns: now_ns }
    }

    fn renewing(&self, name: PlaceName, writer: Arc<dyn PlaceWriter>) -> Arc<dyn PlaceWriter> {
        self.library.written(name);
        Arc::new(Renewing { library: self.library.clone(), name, writer })
    }
}

impl Library {
    /// A place that is written can be read for a while.
    fn written(&self, name: PlaceName) {
        let now_ns = self.clock.now_ns();
        let mut state = self.state.lock();
        let until_ns = now_ns.saturating_add(ns(state.delay.readable_ms));
        state.note(name, Window { ready_ns: now_ns, until_ns }, now_ns);
    }
}

impl State {
    /// How a place stands.
    fn readiness(&self, name: PlaceName, now_ns: TimeNs) -> Readiness {
        match self.windows.get(&name) {
            Some(window) if window.until_ns <= now_ns => Readiness::Offline,
            Some(window) if window.ready_ns > now_ns => Readiness::Waiting { ready_ns: window.ready_ns },
            Some(window) => Readiness::Readable { until_ns: window.until_ns },
            None => Readiness::Offline,
        }
    }

    /// Lets a drive fetch a place behind all it has to do. Says when it is there.
    fn fetch(&mut self, name: PlaceName, now_ns: TimeNs) -> TimeNs {
        let has_it = self.drives.iter().position(|drive| drive.tape == Some(name));
        let next = has_it.or_else(|| (0..self.drives.len()).min_by_key(|index| self.drives[*index].free_ns));
        let Some(drive) = next.and_then(|index| self.drives.get_mut(index)) else { return now_ns };
        let begin_ns = now_ns.saturating_add(ns(self.delay.latency_ms)).max(drive.free_ns);
        let is_mounted = drive.tape.replace(name) == Some(name);
        let mount_ns = if is_mounted { 0 } else { ns(self.delay.mount_ms) };
        let ready_ns = begin_ns.saturating_add(mount_ns).saturating_add(ns(self.delay.seek_ms));
        drive.free_ns = ready_ns;
        self.counts.fetches += 1;
        self.counts.mounts += u64::from(!is_mounted);
        ready_ns
    }

    fn note(&mut self, name: PlaceName, window: Window, now_ns: TimeNs) {
        self.windows.insert(name, window);
        if self.windows.len() <= self.windows_few {
            return;
        }
        self.windows.retain(|_, window| window.until_ns > now_ns);
        if self.windows.len() > WINDOWS_MAX {
            let mut ends: Vec<TimeNs> = self.windows.values().map(|window| window.until_ns).collect();
            ends.sort_unstable();
            let first = ends[ends.len() / 2];
            self.windows.retain(|other, window| window.until_ns > first || *other == name);
        }
        self.windows_few = self.windows.len() * 2 + WINDOWS_FEW;
    }

    fn recall(&mut self, names: &[PlaceName], now_ns: TimeNs) -> Vec<Readiness> {
        let is_waiting = |window: &&Window| window.ready_ns > now_ns;
        let mut waiting = self.windows.values().filter(is_waiting).count();
        let room = QUEUE_PER_DRIVE * self.drives.len();
        let mut last_ns = now_ns;
        for name in names {
            let is_known = !matches!(self.readiness(*name, now_ns), Readiness::Offline);
            if !is_known && waiting < room {
                let ready_ns = self.fetch(*name, now_ns);
                self.note(*name, Window { ready_ns, until_ns: TimeNs::MAX }, now_ns);
                waiting += usize::from(ready_ns > now_ns);
            }
            if let Some(window) = self.windows.get(name).filter(|window| window.until_ns > now_ns) {
                last_ns = last_ns.max(window.ready_ns);
            }
        }
        let until_ns = last_ns.saturating_add(ns(self.delay.readable_ms));
        for name in names {
            if let Some(window) = self.windows.get_mut(name).filter(|window| window.until_ns > now_ns) {
                let is_new = window.until_ns == TimeNs::MAX;
                window.until_ns = if is_new { until_ns } else { window.until_ns.max(until_ns) };
            }
        }
        let free_ns = self.drives.iter().map(|drive| drive.free_ns).max().unwrap_or(now_ns);
        let answer = |name: &PlaceName| match self.readiness(*name, now_ns) {
            // No room in the queue before that is done.
            Readiness::Offline => Readiness::Waiting { ready_ns: free_ns.max(now_ns + 1) },
            known => known,
        };
        names.iter().map(answer).collect()
    }
}

impl Plan {
    /// Adds a place. Says whether it would be fetched.
    pub fn add(&mut self, name: PlaceName) -> bool {
        let known = self.state.readiness(name, self.now_ns);
        let ready_ns = match known {
            Readiness::Waiting { ready_ns } => ready_ns,
            Readiness::Offline => self.state.fetch(name, self.now_ns),
            _ => self.now_ns,
        };
        self.ready_ns = self.ready_ns.max(ready_ns);
        known == Readiness::Offline
    }

    /// How often another tape is put into a drive.
    pub fn mounts(&self) -> u64 {
        self.state.counts.mounts
    }

    /// From now until the last place can be read, in nanoseconds.
    pub fn wait_ns(&self) -> i64 {
        self.ready_ns.saturating_sub(self.now_ns)
    }
}

/// Milliseconds in nanoseconds.
fn ns(ms: u64) -> TimeNs {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

impl Backend for DelayedBackend {
    fn open(&self, name: PlaceName, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        let is_readable = self.readiness(name).is_readable();
        if !is_readable && self.inner.length(name)?.is_none() {
            return Ok(None);
        }
        if !is_readable {
            return Err(Error::Delayed { tier: self.tier, place: format!("place {name}") });
        }
        self.library.state.lock().counts.opens += 1;
        self.inner.open(name, from)
    }

    fn readiness(&self, name: PlaceName) -> Readiness {
        if self.at_once.load(Ordering::Acquire) > 0 {
            return Readiness::Online;
        }
        self.library.state.lock().readiness(name, self.library.clock.now_ns())
    }

    fn recall(&self, names: &[PlaceName]) -> Vec<Readiness> {
        let now_ns = self.library.clock.now_ns();
        self.library.state.lock().recall(names, now_ns)
    }

    fn create(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        self.inner.create(name).map(|writer| self.renewing(name, writer))
    }

    fn reopen(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        self.inner.reopen(name).map(|writer| self.renewing(name, writer))
    }

    fn begun(&self, key: BegunKey) -> Result<Option<Begun>> {
        self.inner.begun(key)
    }

    fn name_begun(&self, key: BegunKey, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        self.inner.name_begun(key, name).map(|writer| self.renewing(name, writer))
    }

    fn all_begun(&self) -> Result<Vec<BegunKey>> {
        self.inner.all_begun()
    }

    fn remove_begun(&self, key: BegunKey) -> Result<()> {
        self.inner.remove_begun(key)
    }

    fn remove(&self, name: PlaceName) -> Result<()> {
        self.inner.remove(name)?;
        self.library.state.lock().windows.remove(&name);
        Ok(())
    }

    fn length(&self, name: PlaceName) -> Result<Option<u64>> {
        self.inner.length(name)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn check_root(&self) -> Result<()> {
        self.inner.check_root()
    }

    fn look_for_root(&self) -> Result<()> {
        self.inner.look_for_root()
    }

    fn is_spent(&self, name: PlaceName) -> bool {
        self.inner.is_spent(name)
    }

    fn close_idle(&self) {
        self.inner.close_idle();
    }

    fn sync_removals(&self, names: &[PlaceName]) -> Result<()> {
        self.inner.sync_removals(names)
    }

    fn instances(&self) -> Result<Vec<u64>> {
        self.inner.instances()
    }

    fn places(
        &self,
        instance: u64,
        from_serial: u64,
        visit: &mut dyn FnMut(PlaceName, u64) -> Result<()>,
    ) -> Result<()> {
        self.inner.places(instance, from_serial, visit)
    }

    fn forget_instance(&self, instance: u64) -> Result<()> {
        self.inner.forget_instance(instance)
    }

    fn create_side(&self, name: &str) -> Result<Arc<dyn PlaceWriter>> {
        self.inner.create_side(name)
    }

    fn put_side(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.inner.put_side(name, bytes)
    }

    fn open_side(&self, name: &str, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        self.inner.open_side(name, from)
    }

    fn sides(&self) -> Result<Vec<(String, u64)>> {
        self.inner.sides()
    }

    fn remove_sides(&self, names: &[String]) -> Result<()> {
        self.inner.remove_sides(names)
    }

    fn clear(&self) -> Result<()> {
        self.inner.clear()
    }

    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }
}
