//! Places as files below a directory: `data/<instance>/<serial / 1024>/<serial>.obj` or `.pack`. Side files:
//! `snapshots/<name>`.
//!
//! - the *root* of a tier is a directory with a marker; a root without it is an unmounted disk,
//!   and nothing is ever written there;
//! - a *bucket* is a directory of at most 1024 places, made and synced before its first place is created, so
//!   that a place needs no more than its own sync and its bucket's.
//!
//! A name that is not found is never taken for a place that is gone before the marker was seen: a disk that
//! was pulled out must not look like one that was emptied. A pack that was read less than a tenth of a second ago is
//! looked for, and not opened again (`open_packs`).

mod open_packs;
mod place;
mod root;
mod side;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::{Backend, Capabilities, PLACES_PER_DIRECTORY, PlaceName, PlaceReader, PlaceWriter, ReadFrom};
use crate::clock::TimeNs;
use crate::error::{Error, IoContext, Result};
use crate::file::{Disk, File, FileKind, Mode, Space, sync_parent};
use open_packs::OpenPacks;
use place::PosixPlace;
pub use root::{Held, RootIdentity, Seen};

/// The directory of places below a root.
const DATA: &str = "data";

/// A backend that keeps its places in a directory.
#[derive(Debug)]
pub struct PosixBackend {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    identity: RootIdentity,
    /// The bucket that a place was created in last: serials rise, so one is nearly always enough.
    recent: Mutex<Option<Arc<Bucket>>>,
    /// Directories of which a sync failed.
    spent: Spent,
    /// Held while `HSM-SEEN` is written.
    seen: Mutex<()>,
    /// Packs that are read.
    open_packs: OpenPacks,
}

/// Directories of which a sync failed: names created there before may be lost, whatever a later sync says, so no place is
/// made or synced there any more.
type Spent = Arc<Mutex<BTreeSet<PathBuf>>>;

/// A directory whose name is durable.
#[derive(Debug)]
struct Bucket {
    path: PathBuf,
    spent: Spent,
}

impl PosixBackend {
    /// A backend on an existing root, which need not be mounted yet: every use that misses a name checks.
    pub fn new(disk: Arc<dyn Disk>, root: PathBuf, identity: RootIdentity) -> Self {
        Self {
            disk,
            root,
            identity,
            recent: Mutex::new(None),
            spent: Spent::default(),
            seen: Mutex::new(()),
            open_packs: OpenPacks::default(),
        }
    }

    /// Makes `root` the root of a tier, durably: the directory (its parent must exist), `data/` and the marker.
    ///
    /// A root that has this very marker is left as it is; one of the same store and tier that holds no data
    /// yet, as an interrupted creation leaves it, gets the new marker.
    ///
    /// # Errors
    ///
    /// `Exists`: the root of another store or tier, or an earlier one with data. Nothing was changed then.
    pub fn create_root(
        disk: &dyn Disk,
        root: &Path,
        identity: &RootIdentity,
        created_ns: TimeNs,
    ) -> Result<()> {
        root::create(disk, root, identity, created_ns)
    }

    /// Whether the directory is this root. One without a marker, with a damaged one, or with that of another is not;
    /// an error says that it could not be read.
    pub fn is_root(&self) -> Result<bool> {
        match root::read_marker(&*self.disk, &self.root) {
            Err(error @ Error::Io { .. }) => Err(error),
            read => Ok(read.ok().flatten() == Some(self.identity)),
        }
    }

    /// Whose root a directory is, read from its marker. `None`: it is no root.
    pub fn find_root(disk: &dyn Disk, root: &Path) -> Result<Option<RootIdentity>> {
        root::read_marker(disk, root)
    }

    /// How far the journal had come when this root was last written to, as far as it was noted.
    pub fn seen(&self) -> Result<Option<Seen>> {
        root::seen(&*self.disk, &self.root, &self.identity)
    }

    /// Notes, durably, how far the journal has come. A position that is not ahead of the noted one changes
    /// nothing. Processes that share a root take turns (under the store's writer lock).
    pub fn mark_seen(&self, seen: Seen) -> Result<()> {
        let _turn = self.seen.lock();
        self.check_root()?;
        root::mark_seen(&*self.disk, &self.root, &self.identity, seen)
    }

    /// Keeps the root from being taken over by another store until the answer is dropped; `alone`: to take it over, when
    /// nobody removes anything from it.
    ///
    /// # Errors
    ///
    /// `Offline` where it is not there. `Busy` where it is held for long.
    pub fn hold(&self, alone: bool) -> Result<Held> {
        root::hold(&*self.disk, &self.root, &self.identity, alone)
    }

    fn data(&self) -> PathBuf {
        self.root.join(DATA)
    }

    fn path(&self, name: PlaceName) -> PathBuf {
        self.data().join(name.path())
    }

    /// The durable directory that `path` goes to.
    fn bucket_of(&self, path: &Path) -> Result<Arc<Bucket>> {
        let Some(directory) = path.parent() else {
            return Err(Error::invalid("place", format!("{} has no directory", path.display())));
        };
        // Held to the end: a second thread must not use a directory whose name is not durable yet.
        let mut recent = self.recent.lock();
        if let Some(bucket) = recent.as_ref().filter(|bucket| bucket.path == directory) {
            return Ok(bucket.clone());
        }
        self.check_root()?;
        let above = directory.parent().unwrap_or(directory);
        for made in [&self.data(), above, directory] {
            match self.disk.create_dir(made) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("create the directory", made, &error));
                }
                // Also when it was there: who made it may have failed to sync it.
                _ => sync_parent(&*self.disk, made).context("sync the directory above", made)?,
            }
        }
        let bucket = Arc::new(Bucket { path: directory.to_owned(), spent: self.spent.clone() });
        *recent = Some(bucket.clone());
        Ok(bucket)
    }

    fn writer(&self, path: PathBuf, file: Arc<dyn File>, bucket: Arc<Bucket>) -> Arc<dyn PlaceWriter> {
        Arc::new(PosixPlace {
            disk: self.disk.clone(),
            path,
            file,
            bucket: Some(bucket),
            named: Mutex::new(false),
        })
    }

    /// What a name that is not there means: nothing, or that the whole root is gone.
    fn missing<T>(&self, answer: T) -> Result<T> {
        self.check_root().map(|()| answer)
    }

    /// Lists a directory; a missing one is empty.
    fn list(&self, path: &Path) -> Result<Vec<(String, FileKind)>> {
        match self.disk.read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(Vec::new()),
            listed => listed.context("list", path),
        }
    }

    fn remove_dir_if_empty(&self, path: &Path) -> Result<()> {
        match self.disk.remove_dir(path) {
            // POSIX lets a file system say either of a directory that is not empty.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                Ok(())
            }
            removed => removed.context("remove the directory", path),
        }
    }
}

impl Backend for PosixBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, random_write: true }
    }

    fn check_root(&self) -> Result<()> {
        // Who finds it gone does not read on in what is still open there.
        root::check(&*self.disk, &self.root, &self.identity).inspect_err(|_| self.open_packs.clear())
    }

    fn look_for_root(&self) -> Result<()> {
        match self.disk.metadata(&self.root.join(root::MARKER)) {
            Ok(_) => Ok(()),
            Err(_) => self.check_root(),
        }
    }

    fn is_spent(&self, name: PlaceName) -> bool {
        let spent = self.spent.lock();
        !spent.is_empty() && self.path(name).parent().is_some_and(|directory| spent.contains(directory))
    }

    fn create(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        let path = self.path(name);
        let mut retried = false;
        loop {
            let bucket = self.bucket_of(&path)?;
            match self.disk.open(&path, Mode::Create) {
                Ok(file) => return Ok(self.writer(path, file, bucket)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(Error::Exists { what: format!("place {}", path.display()) });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && !retried => {
                    // The directory we remember is gone: with the root, or swept.
                    self.check_root()?;
                    *self.recent.lock() = None;
                    retried = true;
                }
                Err(error) => return Err(Error::io("create", &path, &error)),
            }
        }
    }

    fn reopen(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        let path = self.path(name);
        match self.disk.open(&path, Mode::Write) {
            Ok(file) => {
                let directory = path.parent().unwrap_or(&self.root).to_owned();
                let recent = self.recent.lock().clone().filter(|bucket| bucket.path == directory);
                let bucket =
                    recent.unwrap_or_else(|| Arc::new(Bucket { path: directory, spent: self.spent.clone() }));
                Ok(self.writer(path, file, bucket))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.missing(super::gone(name))?),
            Err(error) => Err(Error::io("reopen", &path, &error)),
        }
    }

    fn open(&self, name: PlaceName, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        let begun = (name.packed && from == ReadFrom::Anywhere).then(Instant::now);
        if let Some(now) = begun
            && let Some((pack, path)) = self.open_packs.find(name, now)
        {
            // It may have gone meanwhile, with its root or alone.
            let Some(path) = path else { return Ok(Some(pack)) };
            if self.disk.metadata(&path).is_ok() {
                self.open_packs.looked_for(name, now);
                return Ok(Some(pack));
            }
            self.open_packs.let_go(name);
        }
        let path = self.path(name);
        let mode = match from {
            ReadFrom::Anywhere => Mode::Read,
            ReadFrom::Medium => Mode::ReadMedium,
        };
        match self.disk.open(&path, mode) {
            Ok(file) => {
                let (disk, named) = (self.disk.clone(), Mutex::new(true));
                let place: Arc<dyn PlaceReader> =
                    Arc::new(PosixPlace { disk, path: path.clone(), file, bucket: None, named });
                if let Some(opened) = begun {
                    self.open_packs.keep(name, &path, &place, opened);
                }
                Ok(Some(place))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(None),
            Err(error) => Err(Error::io("open", &path, &error)),
        }
    }

    fn remove(&self, name: PlaceName) -> Result<()> {
        let path = self.path(name);
        let removed = match self.disk.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(()),
            removed => removed.context("remove", &path),
        };
        // Behind the removal: a read that came in between found it.
        self.open_packs.let_go(name);
        removed
    }

    fn close_idle(&self) {
        self.open_packs.clear();
    }

    fn sync_removals(&self, names: &[PlaceName]) -> Result<()> {
        let directories = names.iter().filter_map(|name| self.path(*name).parent().map(Path::to_owned));
        for directory in directories.collect::<BTreeSet<_>>() {
            match self.disk.sync_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(())?,
                synced => synced.context("sync", &directory)?,
            }
        }
        Ok(())
    }

    fn instances(&self) -> Result<Vec<u64>> {
        let listed = self.list(&self.data())?;
        Ok(listed.iter().filter_map(|(name, _)| sixteen_digits(name)).collect())
    }

    fn places(
        &self,
        instance: u64,
        from_serial: u64,
        visit: &mut dyn FnMut(PlaceName, u64) -> Result<()>,
    ) -> Result<()> {
        let above = self.data().join(format!("{instance:016x}"));
        for (bucket, _) in self.list(&above)? {
            if sixteen_digits(&bucket).is_none_or(|number| number < from_serial / PLACES_PER_DIRECTORY) {
                continue;
            }
            let directory = above.join(&bucket);
            for (file, _) in self.list(&directory)? {
                let Some((serial, packed)) = place_of(&file) else { continue };
                if serial < from_serial {
                    continue;
                }
                match self.disk.metadata(&directory.join(&file)) {
                    Ok(metadata) => visit(PlaceName { instance, serial, packed }, metadata.len)?,
                    // Removed since it was listed.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Error::io("look at", &directory.join(&file), &error)),
                }
            }
        }
        Ok(())
    }

    fn forget_instance(&self, instance: u64) -> Result<()> {
        let above = self.data().join(format!("{instance:016x}"));
        for (bucket, _) in self.list(&above)? {
            if sixteen_digits(&bucket).is_some() {
                self.remove_dir_if_empty(&above.join(&bucket))?;
            }
        }
        self.remove_dir_if_empty(&above)
    }

    fn create_side(&self, name: &str) -> Result<Arc<dyn PlaceWriter>> {
        self.make_side(name)
    }

    fn put_side(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_side(name, bytes)
    }

    fn open_side(&self, name: &str, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        self.read_side(name, from)
    }

    fn sides(&self) -> Result<Vec<(String, u64)>> {
        self.list_sides()
    }

    fn remove_sides(&self, names: &[String]) -> Result<()> {
        self.delete_sides(names)
    }

    fn clear(&self) -> Result<()> {
        self.open_packs.clear();
        self.check_root()?;
        self.clear_sides()?;
        for instance in self.instances()? {
            self.places(instance, 0, &mut |name, _| self.remove(name))?;
            self.forget_instance(instance)?;
        }
        self.remove_dir_if_empty(&self.data())?;
        root::remove(&*self.disk, &self.root)
    }

    fn space(&self) -> Result<Option<Space>> {
        match self.disk.space(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(None),
            space => space.context("ask for the room below", &self.root).map(Some),
        }
    }
}

/// Reads a name of 16 hexadecimal digits, lower case: any other name is not ours.
fn sixteen_digits(name: &str) -> Option<u64> {
    let ours = name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    ours.then(|| u64::from_str_radix(name, 16).ok())?
}

fn place_of(file: &str) -> Option<(u64, bool)> {
    let (serial, suffix) = file.split_once('.')?;
    let packed = match suffix {
        "pack" => true,
        "obj" => false,
        _ => return None,
    };
    Some((sixteen_digits(serial)?, packed))
}

#[cfg(test)]
mod tests;
