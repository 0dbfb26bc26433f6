//! Makes a store again from the roots of its tiers alone: its directory and every snapshot are lost.
//!
//! Object files and the records of packs say which object they are, which generation, and how long; their digests
//! tell what is whole. Nothing else about an object is there. [`survey`](super::super::survey) gathers what the files say, [`settle`]
//! decides what of it an object is. The directory is laid out as by a restore: the marker comes last.

mod settle;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Opening;
use crate::backend::PlaceName;
use crate::backend::pack::Depth;
use crate::backend::posix::{PosixBackend, RootIdentity};
use crate::catalog::embedded::Embedded;
use crate::catalog::{Catalog as _, Durability, Places as _, Proposal};
use crate::error::{Error, IoContext, Result};
use crate::journal::queue::LockFile;
use crate::journal::{Change, EpochCause};
use crate::monitor::{Monitor, Phase, Watch};
use crate::object::{Generation, ObjectId, Position, TierConfig, TierIndex};
use crate::store::survey::{Candidate, Pass, Surveyor, Synced, Unread, last_epoch, length, survey};
use crate::store::{Store, StoreOptions};
use crate::tier::Tier;
use settle::Settling;

/// Objects committed together.
const OBJECTS_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 3 } else { 1000 };

/// How a store is rebuilt.
#[derive(Debug, Clone, Default)]
pub struct RebuildOptions {
    store: StoreOptions,
    roots: Vec<PathBuf>,
}

impl RebuildOptions {
    /// No root yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the index lies, and what disk and clock are used: as the store will be opened.
    #[must_use]
    pub fn store(mut self, options: StoreOptions) -> Self {
        self.store = options;
        self
    }

    /// Adds the root of a tier. Which tier it is of stands in its marker.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.roots.push(root.into());
        self
    }
}

/// What [`Store::rebuild`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Rebuilt {
    /// The store.
    pub store_id: [u8; 16],
    /// The last change of the new journal.
    pub position: Position,
    /// The tiers whose roots were read.
    pub tiers: Vec<TierIndex>,
    /// Objects that are known again.
    pub objects: u64,
    /// Their length in bytes, together.
    pub bytes: u64,
    /// Their copies, each read back from the medium.
    pub copies: u64,
    /// Copies that are damaged, each told as [`RebuildFinding::Damaged`].
    pub damaged: u64,
    /// Runs of bytes that could not be read for what they are, each told as [`RebuildFinding::Unread`].
    pub unread: u64,
    /// Objects of which a newer generation was found than is whole, or none that is whole.
    pub partial: u64,
    /// Of these, how many have no whole generation, and are not in the store.
    pub lost: u64,
    /// Objects with several contents of the same generation.
    pub contested: u64,
    /// Copies that were left out since a newer generation, or another copy on the tier, is whole.
    pub superseded: u64,
}

/// Something that could not be known for sure, or is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RebuildFinding {
    /// A file, or a part of it, says of no object what it is: damaged, never finished, or not ours.
    Unread {
        /// The tier.
        tier: TierIndex,
        /// The file.
        place: PlaceName,
        /// The first byte of it that is meant.
        offset: u64,
        /// How many.
        bytes: u64,
        /// What is the matter.
        detail: String,
    },
    /// A copy of an object that is not whole. It was left out.
    Damaged {
        /// The object.
        object: ObjectId,
        /// The generation that it is of.
        generation: Generation,
        /// The tier.
        tier: TierIndex,
        /// The file.
        place: PlaceName,
        /// Where in the file the block or record that failed begins.
        offset: u64,
        /// What was expected and what was found.
        detail: String,
    },
    /// The newest generation that was found of an object has no whole copy.
    Partial {
        /// The object.
        object: ObjectId,
        /// That generation.
        newest: Generation,
        /// The newest that is whole, and was taken; `None`: the object is lost.
        taken: Option<Generation>,
    },
    /// Whole copies of the same generation differ: writers raced, or one died before it committed. The content
    /// with the most copies was taken, of these the one written last.
    Contested {
        /// The object.
        object: ObjectId,
        /// The generation.
        generation: Generation,
    },
}

impl Store {
    /// Makes a store again, in an empty or absent directory, from the roots of its tiers alone. It is the way out
    /// where the store's directory and all its snapshots are lost; where one is left, [`restore`](Self::restore) it.
    ///
    /// Of every object the newest generation is taken of which a whole copy is found, with all its whole copies;
    /// every byte is read back and compared. `found` is told of what is not whole or not sure, and `monitor` how far
    /// it has come: objects that are known again, and bytes of the files on the roots.
    ///
    /// What the roots do not say cannot be known, and is not told one by one: datasets, keys and attributes; when
    /// objects were created; digests beside the library's own; objects of zero bytes and those without data; settings
    /// of the store and of tiers, which get the defaults. Objects that had been removed live again where their bytes
    /// are still there, and bytes of a put that was never acknowledged can be taken for a generation. An older generation
    /// comes back, without a finding, where every byte of the newer ones is gone, since nothing tells of them: compare
    /// [`Rebuilt::tiers`] with the tiers there were.
    ///
    /// Nothing on any root is changed. The store is not opened; when it is, it is read-only until it is
    /// [reconciled](Self::reconcile). Tiers whose roots were not named are unknown to it. What was not taken lies on
    /// the roots as strays, which only [`check_all`](Self::check_all) removes, when told.
    ///
    /// A crash, a stop, or an error of `found` leaves a directory that is no store and that can be rebuilt into again.
    ///
    /// # Errors
    ///
    /// `Exists` where there is a store; `Invalid` where other files are, no root is named, one is no root of a tier,
    /// they are of several stores, or two are of one tier.
    pub fn rebuild(
        directory: impl AsRef<Path>,
        options: &RebuildOptions,
        monitor: Option<&dyn Monitor>,
        mut found: impl FnMut(RebuildFinding) -> Result<()>,
    ) -> Result<Rebuilt> {
        let absolute = |path: &Path| std::path::absolute(path).context("find", path);
        let directory = absolute(directory.as_ref())?;
        let store = options.store.clone().read_only(false).exclusive(true);
        let opening = Opening { options: &store, directory, disk: store.disk.clone() };
        let mut roots = Vec::with_capacity(options.roots.len());
        for root in &options.roots {
            let path = absolute(root)?;
            let identity = PosixBackend::find_root(&*opening.disk, &path)?.ok_or_else(|| {
                let detail = "it is no root of a tier: it has no HSM-TIER".to_owned();
                Error::NotAStore { path: path.clone(), detail }
            })?;
            roots.push((path, identity));
        }
        let store_id = check_roots(&roots)?;
        let done = Rebuilt { store_id, ..Rebuilt::default() };
        let mut watch = Watch::new(monitor, Phase::Rebuild);
        Rebuilding { opening, roots, store_id, done }.rebuild(&mut watch, &mut found)
    }
}

/// Whether these are roots of different tiers of one store; of which.
fn check_roots(roots: &[(PathBuf, RootIdentity)]) -> Result<[u8; 16]> {
    let invalid = |detail: String| Err(Error::invalid("roots", detail));
    let Some((first, identity)) = roots.first() else {
        return invalid("name the roots of the tiers to rebuild from".to_owned());
    };
    for (at, (path, other)) in roots.iter().enumerate() {
        if other.store_id != identity.store_id {
            return invalid(format!("{} and {} are of different stores", first.display(), path.display()));
        }
        if let Some((twin, _)) = roots[..at].iter().find(|(_, before)| before.tier == other.tier) {
            let (twin, path) = (twin.display(), path.display());
            return invalid(format!("{twin} and {path} are both of tier {}", other.tier));
        }
    }
    Ok(identity.store_id)
}

struct Rebuilding<'a> {
    opening: Opening<'a>,
    roots: Vec<(PathBuf, RootIdentity)>,
    store_id: [u8; 16],
    done: Rebuilt,
}

impl Rebuilding<'_> {
    fn rebuild(
        mut self,
        watch: &mut Watch<'_>,
        found: &mut dyn FnMut(RebuildFinding) -> Result<()>,
    ) -> Result<Rebuilt> {
        watch.check()?;
        self.opening.prepare_restore()?;
        let lock_path = self.opening.directory.join("lock");
        let disk = self.opening.disk.clone();
        let lock = LockFile::open(&*disk, &lock_path, &[0; 16], self.opening.options.patience)?;
        let lock = Arc::new(lock);
        let _open_lock = lock.lock_open()?;
        self.opening.enter(&lock)?;
        self.opening.begin_restore()?;
        self.opening.clear_but_tiers()?;
        self.opening.make_directories()?;
        let parts = self.opening.parts(self.store_id, lock.clone())?;
        let configs = self.configs()?;
        parts.tiers.configure(&configs);
        let tiers = parts.tiers.all();
        self.done.tiers = tiers.iter().map(|tier| tier.index()).collect();
        let epoch = last_epoch(&self.store_id, &tiers)?.saturating_add(1);
        let settings: Vec<_> = configs.into_iter().map(Change::TierSet).collect();
        let catalog = Embedded::create(parts.ground, epoch, &settings)?;
        watch.expect(0, length(&tiers)?);
        let (mut synced, mut next) = (Synced::default(), Some(Pass::default()));
        while let Some(mut pass) = next.take() {
            let mut gathering =
                Gathering { pass: &mut pass, done: &mut self.done, watch: &mut *watch, found: &mut *found };
            survey(&self.store_id, &tiers, &mut gathering)?;
            next = pass.next();
            let mut changes = Vec::new();
            for (id, candidates) in pass.objects {
                let (tiers, done, found) = (&parts.tiers, &mut self.done, &mut *found);
                let synced = &mut synced;
                let mut settling = Settling { tiers, synced, done, watch: &mut *watch, found };
                changes.extend(settling.settle(id, candidates)?);
                if changes.len() >= OBJECTS_AT_ONCE {
                    commit(&catalog, std::mem::take(&mut changes))?;
                }
                watch.objects(1)?;
            }
            commit(&catalog, changes)?;
        }
        self.done.position = catalog.begin_epoch(EpochCause::Restored)?;
        catalog.close()?;
        let created_ns = self.opening.options.clock.now_ns();
        self.opening.end_restore(&self.store_id, created_ns)?;
        Ok(self.done)
    }

    /// The tiers, with default settings. A root below the store's directory is named from there.
    fn configs(&self) -> Result<Vec<TierConfig>> {
        let mut configs = Vec::with_capacity(self.roots.len());
        for (path, identity) in &self.roots {
            let below = path.strip_prefix(&self.opening.directory).unwrap_or(path);
            let root = below.to_str().ok_or_else(|| {
                Error::invalid(
                    "root",
                    format!("{} is no UTF-8, which a tier's root has to be", path.display()),
                )
            })?;
            let incarnation = identity.incarnation;
            let config = TierConfig { incarnation, ..TierConfig::posix(identity.tier, root) };
            crate::store::tiers::check_config(&config)?;
            configs.push(config);
        }
        Ok(configs)
    }
}

/// Gathers all that is there.
struct Gathering<'a, 'w> {
    pass: &'a mut Pass,
    done: &'a mut Rebuilt,
    watch: &'a mut Watch<'w>,
    found: &'a mut dyn FnMut(RebuildFinding) -> Result<()>,
}

impl Surveyor for Gathering<'_, '_> {
    const DEPTH: Depth = Depth::Data;

    fn begin(&mut self, _: &Tier, _: PlaceName) -> Result<bool> {
        Ok(true)
    }

    fn copy(&mut self, id: ObjectId, copy: Candidate) -> Result<()> {
        if copy.pieces.iter().any(|piece| piece.packed) {
            self.watch.bytes(copy.size)?; // It was read.
        }
        self.pass.add(id, copy);
        Ok(())
    }

    fn unread(&mut self, unread: Unread) -> Result<()> {
        if !self.pass.is_first() {
            return Ok(()); // It was told of.
        }
        self.done.unread += 1;
        let Unread { tier, place, offset, bytes, detail, .. } = unread;
        (self.found)(RebuildFinding::Unread { tier, place, offset, bytes, detail })
    }
}

fn commit(catalog: &Embedded, changes: Vec<Change>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let proposal = Proposal { changes, ..Proposal::default() };
    let answers = catalog.commit(vec![proposal], Durability::Durable);
    answers.into_iter().collect::<Result<Vec<_>>>().map(drop)
}
