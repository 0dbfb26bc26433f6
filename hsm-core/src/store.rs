//! The handle that programs hold: open a directory, and put, get, move, list and remove objects in it.
//!
//! One verb a file. A [`Store`] is cheap to clone and callable from any number of threads; several stores may
//! be open in one process, and several processes may have one store open. It runs no thread of its own.
//!
//! What every verb keeps to:
//!
//! - it happens wholly or not at all, also across a crash;
//! - an error says what to do, and leaves the store as it was;
//! - in a process forked from the one that opened the store it is refused, and dropping does nothing.

mod access;
mod actions;
mod adopt;
mod attributes;
mod backup;
mod batch;
mod check;
mod compact;
mod dataset;
mod descriptor;
mod feed;
mod get;
mod get_into;
mod get_many;
mod lease;
mod limits;
mod list;
mod maintain;
mod member;
mod open;
mod options;
mod orders;
mod outside;
mod parts;
mod patch;
mod pin;
mod put;
mod put_file;
mod recall;
mod reconcile;
mod remove;
mod reserve;
mod run;
mod scrub;
mod sink;
mod strays;
mod subscribers;
mod subscription;
mod survey;
mod sweep;
mod tiers;
mod transfer;

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::{Mutex, ReentrantMutex};

pub use actions::GroupStatus;
pub use adopt::Adopted;
pub use backup::{KeptSnapshot, SnapshotOptions};
pub use batch::Batch;
pub use check::{CheckOptions, Checked};
pub use feed::Feed;
pub use get::{GetOptions, Reader};
pub use get_into::{GotInto, NotGot};
pub use get_many::Delivery;
pub use lease::{LEASED_AT_ONCE_MAX, LeaseOptions};
pub use list::Objects;
pub use maintain::Maintained;
pub use open::{RebuildFinding, RebuildOptions, Rebuilt, RestoreOptions, Restored};
pub use options::StoreOptions;
pub use parts::{Part, PartReceipt, Parts};
pub use put::{Put, PutMode, PutOptions, Writer};
pub use recall::RecallEstimate;
pub use reconcile::Reconciled;
pub use run::RunOptions;
pub use sink::{Sink, SinkOptions};
pub use subscribers::Subscriber;
pub use subscription::{Next, Subscription, Waited};

pub use crate::migration::{CompactOptions, Compacted, Fault, Finding, Ran, Remedy, ScrubOptions, Scrubbed};

use crate::engine::Engine;
use crate::error::Result;
use crate::file::process_id;
use crate::journal::queue::LockFile;
use crate::monitor::{Monitor, Phase, Watch};
use crate::object::{ObjectId, Position};
use member::Member;

/// An open store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// Follows the long verbs that are called on this clone, and on what is made from it.
    monitor: Option<Arc<dyn Monitor>>,
}

struct Inner {
    /// `None` only in a forked child, whose copy is left alone.
    engine: Option<Arc<Engine>>,
    member: Mutex<Option<Member>>,
    lock: Arc<LockFile>,
    /// Held while this handle makes a snapshot on a tier; whether the thread that has it does.
    keeping: ReentrantMutex<Cell<bool>>,
    /// Reads that the journal does not know of yet.
    accesses: access::Accesses,
    /// Where its index lies, if that was said.
    index_directory: Option<PathBuf>,
    store_id: [u8; 16],
    instance: u64,
    found: crate::catalog::embedded::Found,
    /// Why the open began an epoch when it found roots out of reach.
    set_apart: std::sync::OnceLock<crate::journal::EpochCause>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("directory", &self.engine().directory).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        self.inner.engine.as_ref().expect("taken only when the handle is dropped")
    }

    /// The same open store, whose long verbs report to `monitor` and can be stopped by it: puts, gets, patches,
    /// batches and parts as they are committed, copies and moves, releases, `verify`, `drain_tier`, `lose_tier`,
    /// `maintain`, `reconcile`, `check_all`, `scrub`, `compact` and `snapshot_to`. See [`monitor`](crate::monitor).
    #[must_use]
    pub fn with_monitor(&self, monitor: Arc<dyn Monitor>) -> Self {
        Self { inner: self.inner.clone(), monitor: Some(monitor) }
    }

    /// Follows a verb with so many objects and bytes to do; 0: that is not known.
    fn watch(&self, phase: Phase, objects: u64, bytes: u64) -> Watch<'_> {
        let mut watch = Watch::new(self.monitor.as_deref(), phase).until(&self.engine().closed);
        watch.expect(objects, bytes);
        watch
    }

    /// The directory that was opened.
    pub fn directory(&self) -> &Path {
        &self.engine().directory
    }

    /// The store's identity, drawn when it was created.
    pub fn id(&self) -> [u8; 16] {
        self.inner.store_id
    }

    /// This handle's writer instance, as events name it.
    pub fn instance(&self) -> u64 {
        self.inner.instance
    }

    /// Why changes are refused, if they are: the handle was opened read-only, or the store is damaged or older
    /// than the roots of its tiers.
    pub fn read_only_reason(&self) -> Option<String> {
        self.engine().read_only.read().clone()
    }

    /// Why opening the store began a new epoch of the journal, if it did.
    pub fn new_epoch_cause(&self) -> Option<crate::journal::EpochCause> {
        self.inner.found.new_epoch.or_else(|| self.inner.set_apart.get().copied())
    }

    /// Makes every change so far durable, those of other handles included. Returns the position of the last.
    pub fn sync(&self) -> Result<Position> {
        let engine = self.engine();
        engine.check_writable()?;
        engine.catalog.sync()
    }

    /// The position of the last change.
    ///
    /// # Errors
    ///
    /// `Closed` where the handle is out of use since a sync failed, and says so: the next open decides which changes
    /// count. What it knew can still be read.
    pub fn position(&self) -> Result<Position> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.check_in_use()?;
        Ok(engine.catalog.progress()?.applied)
    }

    /// Draws an id as [`put`](Self::put) would: a UUID of version 7, greater than all drawn by this handle.
    pub fn new_id(&self) -> ObjectId {
        let engine = self.engine();
        ObjectId(engine.ids.next(&*engine.clock))
    }

    /// Refuses where this handle may not be used any more, or not in this process: as every verb does first.
    pub fn check(&self) -> Result<()> {
        self.engine().check()
    }

    /// Whether the store was closed, through whichever clone. Costs next to nothing; a process that was forked
    /// from the one that opened it is found out by [`check`](Self::check) alone.
    pub fn is_closed(&self) -> bool {
        self.engine().closed.load(Ordering::Acquire)
    }

    /// Closes the store: relaxed changes become durable, and what could not be removed before is. Other clones
    /// of the handle, and readers and writers made from it, then answer `Closed`.
    ///
    /// Dropping the last clone does the same, but cannot say whether it went well.
    pub fn close(&self) -> Result<()> {
        self.inner.close()
    }
}

/// Lets exclusive handles in again, when all is done.
struct Leaving<'a>(&'a LockFile);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.exit();
    }
}

impl Inner {
    fn close(&self) -> Result<()> {
        let Some(engine) = &self.engine else { return Ok(()) };
        engine.check()?;
        self.accesses.flush(engine);
        {
            let _none_under_way = engine.commits.write();
            if engine.closed.swap(true, Ordering::AcqRel) {
                return Ok(());
            }
        }
        let writable = engine.read_only.read().is_none();
        let _left = Leaving(&self.lock);
        let synced = if writable { engine.catalog.close() } else { Ok(()) };
        if synced.is_ok() && writable {
            // Garbage that is out of reach now is removed by a later handle.
            let _ = engine.reclaim();
        }
        engine.tiers.close();
        let left = match self.member.lock().take() {
            // Its file stays where something failed: the next open then looks at what was left behind.
            Some(member) if synced.is_ok() && writable => self.leave(engine, member),
            _ => synced,
        };
        left.and(engine.catalog.let_go())
    }

    fn leave(&self, engine: &Engine, member: Member) -> Result<()> {
        let _open = self.lock.lock_open()?;
        engine.sweep_own(self.instance)?;
        member.leave(&*engine.disk)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let forked = self.engine.as_ref().is_some_and(|engine| engine.pid != process_id());
        if forked {
            // Closing SQLite's files here would checkpoint and unlink what the parent uses.
            std::mem::forget(self.engine.take());
            std::mem::forget(self.member.lock().take());
            return;
        }
        let _ = self.close();
    }
}
