//! Makes a store again from a snapshot that was kept on a tier.
//!
//! Its directory is laid out from the snapshot's files, each compared with the list; the marker comes last. Until then
//! the file `restoring` says that the directory is no store, and that it may be begun anew.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{MARKER, Opening};
use crate::backend::posix::{PosixBackend, RootIdentity};
use crate::backend::{Backend, ReadFrom};
use crate::catalog::embedded::Embedded;
use crate::catalog::{Catalog as _, Durability, Expect, Places as _, Proposal};
use crate::clock::TimeNs;
use crate::error::{Error, IoContext, Kind, Result};
use crate::file::{self, Disk, FileKind, Mode};
use crate::journal::Change;
use crate::journal::queue::LockFile;
use crate::monitor::Watch;
use crate::object::{Position, TierConfig, TierIndex, TierState};
use crate::store::survey::{begin_epochs_beyond, epoch_in_reach};
use crate::store::{Store, StoreOptions};
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::kept::{self, List, Stem};

/// Present in a directory that is being made a store again.
const RESTORING: &str = "restoring";
/// What may lie in a directory that a store is restored into: roots of its tiers, and the locks of an open that was
/// refused.
const ALLOWED: [&str; 2] = ["lock", "tiers"];

/// How a store is restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    store: StoreOptions,
    roots: BTreeMap<TierIndex, String>,
}

impl RestoreOptions {
    /// The defaults: every root lies where it was.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the index lies, and what disk and clock are used: as the store will be opened.
    #[must_use]
    pub fn store(mut self, options: StoreOptions) -> Self {
        self.store = options;
        self
    }

    /// Where the root of a tier lies now, as an absolute path or one from the store's directory. It must be in reach.
    #[must_use]
    pub fn root(mut self, tier: TierIndex, root: impl Into<String>) -> Self {
        self.roots.insert(tier, root.into());
        self
    }
}

/// What [`Store::restore`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The store.
    pub store_id: [u8; 16],
    /// The last change that is known again.
    pub position: Position,
    /// The tier whose root the snapshot was on.
    pub tier: TierIndex,
    /// Newer snapshots that were damaged, and how.
    pub passed_over: Vec<String>,
}

impl Store {
    /// Makes a store again, in an empty or absent directory, from the newest whole snapshot on `root`, the root of one
    /// of its tiers ([`snapshot_to`](Self::snapshot_to)). A directory that holds `tiers` alone, with roots below it,
    /// counts as empty. Nothing on any root is changed.
    ///
    /// The store is not opened. It is read-only when it is, until it is [reconciled](Self::reconcile): it may be older
    /// than its roots. Tiers whose roots did not survive are offline, and are declared lost after that.
    ///
    /// A crash leaves a directory that is no store, and that can be restored into again.
    ///
    /// # Errors
    ///
    /// `NotFound` without a snapshot, `Corrupt` where all are damaged, `Exists` where there is a store, `Invalid`
    /// where other files are, or `root` is no root of a tier.
    pub fn restore(
        directory: impl AsRef<Path>,
        root: impl AsRef<Path>,
        options: &RestoreOptions,
    ) -> Result<Restored> {
        let absolute = |path: &Path| std::path::absolute(path).context("find", path);
        let (directory, root) = (absolute(directory.as_ref())?, absolute(root.as_ref())?);
        let store = options.store.clone().read_only(false).exclusive(true);
        let opening = Opening { options: &store, directory, disk: store.disk.clone() };
        let identity = PosixBackend::find_root(&*opening.disk, &root)?.ok_or_else(|| {
            let detail = "it is no root of a tier: it has no HSM-TIER".to_owned();
            Error::NotAStore { path: root.clone(), detail }
        })?;
        Restoring { opening, roots: &options.roots, identity, root }.restore()
    }
}

struct Restoring<'a> {
    opening: Opening<'a>,
    roots: &'a BTreeMap<TierIndex, String>,
    identity: RootIdentity,
    root: PathBuf,
}

impl Restoring<'_> {
    fn disk(&self) -> &dyn Disk {
        &*self.opening.disk
    }

    fn restore(self) -> Result<Restored> {
        let backend = PosixBackend::new(self.opening.disk.clone(), self.root.clone(), self.identity);
        let RootIdentity { store_id, tier, .. } = self.identity;
        let found = kept::all(&backend, &store_id)?;
        if found.is_empty() {
            return Err(Error::SnapshotNotFound { root: self.root });
        }
        self.opening.prepare_restore()?;
        let lock_path = self.opening.directory.join("lock");
        let lock = LockFile::open(self.disk(), &lock_path, &[0; 16], self.opening.options.patience)?;
        let lock = Arc::new(lock);
        let _open_lock = lock.lock_open()?;
        self.opening.enter(&lock)?;
        self.opening.begin_restore()?;
        let mut passed_over = Vec::new();
        for (stem, list) in found {
            match list.and_then(|list| self.lay_out(&backend, stem, &list, &lock)) {
                Ok(()) => {
                    let position = stem.position;
                    return Ok(Restored { store_id, position, tier, passed_over });
                }
                Err(error) if error.kind() == Kind::Corrupt => passed_over.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        let detail = format!("no snapshot on it is whole: {}", passed_over.join("; "));
        Err(Error::StoreDamaged { path: self.root, detail })
    }

    /// Makes the store from one snapshot.
    fn lay_out(&self, backend: &dyn Backend, stem: Stem, list: &List, lock: &Arc<LockFile>) -> Result<()> {
        let directory = &self.opening.directory;
        self.opening.clear_but_tiers()?;
        self.opening.make_directories()?;
        if mutant(Mutant::MarkerBeforeStore) {
            self.opening.end_restore(&self.identity.store_id, list.created_ns)?;
        }
        for file in &list.files {
            let path = Embedded::restored_path(directory, stem.position, &file.name).ok_or_else(|| {
                Error::damaged(&self.root, format!("{:?} is no file of a snapshot", file.name))
            })?;
            let target = self.disk().open(&path, Mode::Create).context("create", &path)?;
            let write = |bytes: &[u8], offset| target.write_at(bytes, offset).context("write", &path);
            kept::read_file(backend, stem, file, ReadFrom::Anywhere, write, &mut Watch::nobody())?;
            target.sync_data().context("sync", &path)?;
            file::sync_parent(self.disk(), &path).context("sync", &path)?;
        }
        self.begin_epoch(stem.position, lock)?;
        self.opening.end_restore(&self.identity.store_id, list.created_ns)
    }

    /// Recovers the catalog, and notes where roots lie now.
    fn begin_epoch(&self, last: Position, lock: &Arc<LockFile>) -> Result<()> {
        let parts = self.opening.parts(self.identity.store_id, lock.clone())?;
        let catalog = Embedded::restored(parts.ground, last)?;
        let mut moved = Proposal::default();
        for (tier, root) in self.roots {
            let all = catalog.tiers()?.into_iter().map(|usage| usage.config);
            let before = all
                .into_iter()
                .find(|config| config.index == *tier && config.state != TierState::Retired)
                .ok_or(Error::TierNotFound { tier: *tier })?;
            let config = TierConfig { root: root.clone(), ..before.clone() };
            crate::store::tiers::check_config(&config)?;
            parts.tiers.configure(std::slice::from_ref(&config));
            parts.tiers.get(*tier)?.backend.check_root()?;
            moved.expect.push(Expect::TierIs(*tier, Some(before)));
            moved.changes.push(Change::TierSet(config));
        }
        if !moved.changes.is_empty() {
            let answers = catalog.commit(vec![moved], Durability::Durable);
            answers.into_iter().collect::<Result<Vec<_>>>()?;
        }
        // An older snapshot may be restored twice: what was given out in between is not given out again.
        parts.tiers.configure(&catalog.tiers()?.into_iter().map(|usage| usage.config).collect::<Vec<_>>());
        let own = PosixBackend::new(self.opening.disk.clone(), self.root.clone(), self.identity);
        let own = kept::all(&own, &self.identity.store_id)?;
        let own = own.iter().map(|(stem, _)| stem.position.epoch).max().unwrap_or(0);
        begin_epochs_beyond(&catalog, own.max(epoch_in_reach(&self.identity.store_id, &parts.tiers.all())))?;
        catalog.close()
    }
}

impl Opening<'_> {
    /// Makes sure that there is a directory, and that nothing in it is lost by a restore.
    pub(super) fn prepare_restore(&self) -> Result<()> {
        let path = &self.directory;
        match self.disk.metadata(path) {
            Ok(found) if found.kind == FileKind::Directory => {}
            Ok(_) => return Err(self.not_a_store("it is no directory")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk.create_dir(path).context("create", path)?;
                file::sync_parent(&*self.disk, path).context("sync", path)?;
            }
            Err(error) => return Err(Error::io("open", path, &error)),
        }
        let names = self.disk.read_dir(path).context("list", path)?;
        if names.iter().any(|(name, _)| name == MARKER) {
            return Err(Error::Exists { what: format!("a store in {}", path.display()) });
        }
        if names.iter().any(|(name, _)| name == RESTORING) {
            return Ok(());
        }
        match names.iter().find(|(name, _)| !ALLOWED.contains(&name.as_str())) {
            Some((name, _)) => Err(self.not_a_store(&format!("it holds {name:?}; give an empty directory"))),
            None => self.mark_restore(),
        }
    }

    /// Says, durably, that the directory is no store and holds nothing of worth.
    fn mark_restore(&self) -> Result<()> {
        let mark = self.directory.join(RESTORING);
        self.disk.open(&mark, Mode::OpenOrCreate).context("create", &mark)?;
        file::sync_parent(&*self.disk, &mark).context("sync", &mark)
    }

    /// Who came before us with the lock may have made a store of it.
    pub(super) fn begin_restore(&self) -> Result<()> {
        if self.read_marker()?.is_some() {
            let what = format!("a store in {}", self.directory.display());
            return Err(Error::Exists { what });
        }
        self.mark_restore()
    }

    /// What was laid out is a store from now on.
    pub(super) fn end_restore(&self, id: &[u8; 16], created_ns: TimeNs) -> Result<()> {
        self.write_marker(id, created_ns)?;
        // Left behind, it means nothing.
        let _ = self.disk.remove_file(&self.directory.join(RESTORING));
        Ok(())
    }
}

/// Removes what a restore may leave behind that crashed when all was done.
pub(super) fn forget(disk: &dyn Disk, directory: &Path) {
    let mark = directory.join(RESTORING);
    if disk.metadata(&mark).is_ok() {
        let _ = disk.remove_file(&mark);
    }
}
