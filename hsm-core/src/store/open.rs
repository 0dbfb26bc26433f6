//! Opening and creating a store.

mod age;
mod index;
mod rebuild;
mod restore;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, ReentrantMutex, RwLock};

use super::member::{self, Member, Others};
use super::orders::{self, What};
use super::{Inner, Store, StoreOptions, reserve};
use crate::catalog::Places as _;
use crate::catalog::embedded::{Embedded, Found, Ground};
use crate::clock::{self, TimeNs};
use crate::engine::Engine;
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk, FileKind, MemoryDisk, OsDisk, process_id};
use crate::journal::Change;
use crate::journal::queue::LockFile;
use crate::object::{IdGenerator, TierConfig};
use crate::tier::{Tier, TierGround, Tiers};
use crate::wire::{self, Reader, Writer};
pub use rebuild::{RebuildFinding, RebuildOptions, Rebuilt};
pub use restore::{RestoreOptions, Restored};

const MARKER: &str = "HSM-STORE";
const MAGIC: [u8; 8] = *b"hsmstore";
const MARKER_LEN: usize = 64;
/// What lies in a store beside the roots of its tiers and its index.
const DIRECTORIES: [&str; 4] = ["members", "journal", "tiers", "snapshots"];
/// Names that an interrupted creation leaves behind; no other name may be in a directory that becomes a store.
const OWN_NAMES: [&str; 8] =
    ["lock", "reserve", "members", "journal", "index", "snapshots", "tiers", "HSM-STORE.new"];

impl Store {
    /// Opens the store in directory `path`, or creates it there. `":memory:"` is a store in memory.
    ///
    /// # Errors
    ///
    /// `NotAStore` where other files are, `NewerFormat`, `SecondImage`, `Busy` where someone has it open
    /// exclusively, `Unsupported` on a network file system unless exclusive.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self> {
        let path = path.as_ref();
        if path == Path::new(":memory:") {
            return Self::in_memory(options);
        }
        let directory = std::path::absolute(path).context("find", path)?;
        Opening { options, directory, disk: options.disk.clone() }.open()
    }

    /// A new store wholly in memory, gone with its last handle: for tests of those who embed the library.
    pub fn in_memory(options: &StoreOptions) -> Result<Self> {
        let disk = Arc::new(MemoryDisk::new());
        let in_memory = |mut config: TierConfig| {
            config.backend = crate::object::BackendKind::Memory;
            config.root.clear();
            config
        };
        let tiers = options.tiers.clone().unwrap_or_else(default_tiers).into_iter().map(in_memory).collect();
        let options = options.clone().tiers(tiers).index_in_memory();
        Opening { options: &options, directory: PathBuf::from("/memory"), disk }.open()
    }
}

/// Tiers 0 to 4, under the store.
fn default_tiers() -> Vec<TierConfig> {
    (0..5).map(|index| TierConfig::posix(index, format!("tiers/{index}"))).collect()
}

struct Opening<'a> {
    options: &'a StoreOptions,
    directory: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Opening<'_> {
    fn open(self) -> Result<Store> {
        match self.try_open() {
            // Met behind the first look at it, and marked: this time it is rebuilt.
            Err(Error::Index { damaged: true, .. }) => self.try_open(),
            opened => opened,
        }
    }

    fn try_open(&self) -> Result<Store> {
        self.prepare_directory()?;
        self.check_network()?;
        let lock_path = self.directory.join("lock");
        let patience = self.options.patience;
        let lock = Arc::new(LockFile::open(&*self.disk, &lock_path, &[0; 16], patience)?);
        let open_lock = lock.lock_open()?;
        self.enter(&lock)?;
        let id = self.read_marker()?;
        let store = match id {
            Some(_) if self.options.must_create => {
                return Err(Error::Exists { what: format!("a store in {}", self.directory.display()) });
            }
            Some(id) => match self.open_existing(id, lock.clone()) {
                // Damage that shows only when the sweep reads the index. It is noted: the index is rebuilt now.
                Err(Error::Index { damaged: true, .. }) => {
                    self.enter(&lock)?; // The handle that failed has closed.
                    self.open_existing(id, lock.clone())
                }
                opened => opened,
            },
            None if self.options.create && !self.options.read_only => self.create(lock.clone()),
            None => Err(self.not_a_store("it has no HSM-STORE")),
        }?;
        drop(open_lock);
        Ok(store)
    }

    fn enter(&self, lock: &LockFile) -> Result<()> {
        if lock.enter(self.options.exclusive)? {
            return Ok(());
        }
        let what = format!("the store in {} (one of you exclusively)", self.directory.display());
        Err(Error::Busy { what, waited_s: 0 })
    }

    fn not_a_store(&self, detail: &str) -> Error {
        Error::NotAStore { path: self.directory.clone(), detail: detail.to_owned() }
    }

    /// Makes sure that there is a directory, and that it is a store or may become one.
    fn prepare_directory(&self) -> Result<()> {
        let path = &self.directory;
        match self.disk.metadata(path) {
            Ok(found) if found.kind != FileKind::Directory => {
                return Err(self.not_a_store("it is no directory"));
            }
            Ok(_) => {}
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && self.options.create
                    && !self.options.read_only =>
            {
                match self.disk.create_dir(path) {
                    // By somebody who opens it too.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => made.context("create", path)?,
                }
                file::sync_parent(&*self.disk, path).context("sync", path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.not_a_store("there is no such directory"));
            }
            Err(error) => return Err(Error::io("open", path, &error)),
        }
        let names = self.disk.read_dir(path).context("list", path)?;
        if names.iter().any(|(name, _)| name == MARKER) {
            return Ok(());
        }
        match names.iter().find(|(name, _)| !OWN_NAMES.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(self.not_a_store(&format!("it holds {name:?} and no HSM-STORE; give an empty directory")))
            }
            None if !self.options.create || self.options.read_only => {
                Err(self.not_a_store("it has no HSM-STORE"))
            }
            None => Ok(()),
        }
    }

    fn check_network(&self) -> Result<()> {
        if self.options.exclusive || self.options.index_in_memory {
            return Ok(());
        }
        // An index of its own directory lies on the operating system's disk, whatever the store lies on.
        let (kind, directory) = match &self.options.index_directory {
            Some(directory) => (OsDisk::new().network_kind(directory), directory),
            None => (self.disk.network_kind(&self.directory), &self.directory),
        };
        match kind.context("look at", directory)? {
            Some(kind) => Err(Error::Unsupported {
                what: format!(
                    "a shared index on {kind} ({}): put the index on a local disk, or open the store exclusively",
                    directory.display()
                ),
            }),
            None => Ok(()),
        }
    }

    /// The store's id; `None` where there is no store.
    fn read_marker(&self) -> Result<Option<[u8; 16]>> {
        let path = self.directory.join(MARKER);
        let bytes = match file::read_whole(&*self.disk, &path, MARKER_LEN as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.context("read", &path)?,
        };
        let id: Option<[u8; 16]> = bytes.get(24..40).and_then(|id| id.try_into().ok());
        let Some(id) = id.filter(|id| bytes.len() == MARKER_LEN && wire::check_seal(&bytes, id)) else {
            return Err(Error::damaged(&path, "it is no whole marker of a store"));
        };
        let features = wire::check_head(&bytes, MAGIC, Some(&id), &path)?;
        if !features.writable() && !self.options.read_only {
            return Err(Error::NewerFormat {
                path,
                detail: "it uses features that this hsm can read but not write; open it read-only".to_owned(),
            });
        }
        debug_assert!(Reader(&bytes[40..]).i64().is_some());
        Ok(Some(id))
    }

    fn write_marker(&self, id: &[u8; 16], created_ns: TimeNs) -> Result<()> {
        let path = self.directory.join(MARKER);
        let mut bytes = Vec::with_capacity(MARKER_LEN);
        wire::write_head(&mut bytes, MAGIC, id);
        Writer(&mut bytes).i64(created_ns).zeros(8).seal(id);
        file::write_whole(&*self.disk, &path, &bytes).context("write", &path)
    }

    fn create(&self, lock: Arc<LockFile>) -> Result<Store> {
        let clock = &*self.options.clock;
        let id = clock::random_identity(clock);
        self.clear_interrupted_creation()?;
        self.make_directories()?;
        lock.note_index(self.index_mark()?)?;
        let parts = self.parts(id, lock)?;
        let mut changes = Vec::new();
        for mut config in self.options.tiers.clone().unwrap_or_else(default_tiers) {
            super::tiers::check_config(&config)?;
            config.incarnation = clock::random_identity(clock);
            Tier::create_root(parts.tiers.ground(), &config)?;
            parts.tiers.configure(std::slice::from_ref(&config));
            changes.push(Change::TierSet(config));
        }
        let member = Member::join(&*self.disk, clock, &self.directory, &id, parts.instance)?;
        let catalog = Embedded::create(parts.ground.clone(), 1, &changes)?;
        self.make_reserve(&id);
        self.write_marker(&id, clock.now_ns())?;
        Ok(self.assemble(parts, catalog, member, Found::default(), None))
    }

    fn make_directories(&self) -> Result<()> {
        for name in DIRECTORIES {
            let path = self.directory.join(name);
            file::create_dirs(&*self.disk, &self.directory, &path).context("create", &path)?;
        }
        Ok(())
    }

    /// Removes what an interrupted creation left: nothing in it was ever acknowledged.
    fn clear_interrupted_creation(&self) -> Result<()> {
        let tiers = self.directory.join("tiers");
        if let Some(root) = self.root_with_data(&tiers)? {
            return Err(self.not_a_store(&format!(
                "it has no HSM-STORE, and {} holds data of a store; restore or rebuild that store, or give an empty directory",
                root.display()
            )));
        }
        self.clear_but_tiers()?;
        remove_tree(&*self.disk, &tiers)
    }

    /// The same, and leaves the roots of tiers alone.
    fn clear_but_tiers(&self) -> Result<()> {
        DIRECTORIES
            .into_iter()
            .filter(|name| *name != "tiers")
            .try_for_each(|name| remove_tree(&*self.disk, &self.directory.join(name)))
    }

    /// A root below `tiers` that somebody put something on: no creation that was interrupted leaves that.
    fn root_with_data(&self, tiers: &Path) -> Result<Option<PathBuf>> {
        let list = |path: &Path| match self.disk.read_dir(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(Vec::new())
            }
            listed => listed.context("list", path),
        };
        for (name, _) in list(tiers)? {
            let root = tiers.join(name);
            if !list(&root.join("data"))?.is_empty() || !list(&root.join("snapshots"))?.is_empty() {
                return Ok(Some(root));
            }
        }
        Ok(None)
    }

    fn open_existing(&self, id: [u8; 16], lock: Arc<LockFile>) -> Result<Store> {
        let clock = &*self.options.clock;
        let others = member::others(&*self.disk, clock, &self.directory, &id)?;
        let alone = others.live.is_empty();
        if self.options.exclusive && !alone {
            return Err(Error::Busy {
                what: format!("the store in {}", self.directory.display()),
                waited_s: 0,
            });
        }
        self.check_index(&lock, alone)?;
        let parts = self.parts(id, lock)?;
        // What recovery has to read is read now, or the store would have to wait for tapes.
        let _at_once = parts.tiers.at_once();
        let ordered = orders::read(&*self.disk, &self.directory, &id)?;
        let lost: Vec<_> = ordered.iter().filter(|order| order.what == What::Lose).map(|o| o.tier).collect();
        let (catalog, mut found) = Embedded::open(parts.ground.clone(), alone, &lost)?;
        let member = Member::join(&*self.disk, clock, &self.directory, &id, parts.instance)?;
        if self.options.read_only {
            found.read_only.get_or_insert_with(|| "it was opened read-only".to_owned());
        }
        self.make_reserve(&id);
        let store = self.assemble(parts, catalog, member, found.clone(), found.read_only);
        let engine = store.engine();
        engine.refresh_tiers()?;
        store.check_age()?;
        let is_writable = engine.read_only.read().is_none();
        if is_writable && alone && engine.tiers.has_unseen() {
            store.set_apart()?;
        }
        if engine.read_only.read().is_none() {
            store.carry_out(&ordered)?;
            let Others { dead, live } = others;
            engine.sweep(dead, &live, store.inner.instance)?;
            store.sweep_kept(&live);
            restore::forget(&*self.disk, &self.directory);
            super::subscribers::sweep(&*self.disk, &self.directory)?;
            engine.reclaim()?;
        }
        Ok(store)
    }

    /// What a catalog needs, put together.
    fn parts(&self, id: [u8; 16], lock: Arc<LockFile>) -> Result<Parts> {
        let instance = clock::random_u64(&*self.options.clock);
        let tiers = Arc::new(Tiers::new(TierGround {
            disk: self.disk.clone(),
            clock: self.options.clock.clone(),
            directory: self.directory.clone(),
            store_id: id,
            instance,
            reserve_bytes: self.options.reserve_bytes,
        }));
        let ground = Ground {
            disk: self.disk.clone(),
            clock: self.options.clock.clone(),
            directory: self.directory.clone(),
            store_id: id,
            instance,
            index: self.index_place(&id)?,
            exclusive: self.options.exclusive,
            segment_bytes_max: self.options.segment_bytes_max,
            places: tiers.clone(),
            lock: lock.clone(),
        };
        Ok(Parts { ground, tiers, lock, instance })
    }

    fn make_reserve(&self, id: &[u8; 16]) {
        if !self.options.read_only {
            reserve::make(&*self.disk, &self.directory, id, self.options.reserve_bytes);
        }
    }

    fn assemble(
        &self,
        parts: Parts,
        catalog: Embedded,
        member: Member,
        found: Found,
        read_only: Option<String>,
    ) -> Store {
        let store_id = parts.ground.store_id;
        let grace_ns = i64::try_from(self.options.grace.as_nanos()).unwrap_or(i64::MAX);
        let engine = Engine {
            disk: self.disk.clone(),
            clock: self.options.clock.clone(),
            directory: self.directory.clone(),
            ids: IdGenerator::default(),
            catalog: Arc::new(catalog),
            tiers: parts.tiers,
            grace_ns,
            pid: process_id(),
            closed: AtomicBool::new(false),
            read_only: RwLock::new(read_only),
            restored: AtomicBool::new(false),
            undecided: found.undecided,
            garbage: AtomicU64::new(0),
            tiers_known: AtomicU64::new(u64::MAX),
            commits: RwLock::new(()),
            claims_left: Mutex::default(),
            lock: parts.lock.clone(),
            limits: crate::engine::Limits::default(),
        };
        let inner = Inner {
            engine: Some(Arc::new(engine)),
            instance: member.instance,
            member: Mutex::new(Some(member)),
            lock: parts.lock,
            keeping: ReentrantMutex::default(),
            accesses: super::access::Accesses::default(),
            index_directory: self.options.index_directory.clone(),
            store_id,
            found,
            set_apart: OnceLock::new(),
        };
        Store { inner: Arc::new(inner), monitor: None }
    }
}

struct Parts {
    ground: Ground,
    tiers: Arc<Tiers>,
    lock: Arc<LockFile>,
    instance: u64,
}

/// When the store in a directory was created.
pub(super) fn created_ns(disk: &dyn Disk, directory: &Path) -> Result<TimeNs> {
    let path = directory.join(MARKER);
    let bytes = file::read_whole(disk, &path, MARKER_LEN as u64).context("read", &path)?;
    let created = bytes.get(wire::HEAD_LENGTH..).and_then(|fields| Reader(fields).i64());
    created.ok_or_else(|| Error::damaged(&path, "it is no whole marker of a store"))
}

/// Removes a directory and all below it, as far as it is there.
fn remove_tree(disk: &dyn Disk, path: &Path) -> Result<()> {
    let names = match disk.read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.context("list", path)?,
    };
    for (name, kind) in names {
        let below = path.join(name);
        match kind {
            FileKind::Directory => remove_tree(disk, &below)?,
            _ => disk.remove_file(&below).context("remove", &below)?,
        }
    }
    disk.remove_dir(path).context("remove", path)
}
