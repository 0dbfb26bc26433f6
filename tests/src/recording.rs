//! A disk that writes down which names are opened, made, renamed, removed and synced through it, and how much
//! is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hsm_core::file::{Disk, File, FileKind, Metadata, Mode, OpenFile, OsDisk, ProcessIdentity, Space};

/// What was done to which name.
pub type Recorded = BTreeSet<(String, PathBuf)>;

/// The operating system's disk with a recorder before it.
#[derive(Debug, Clone, Default)]
pub struct RecordingDisk {
    disk: OsDisk,
    recorded: Arc<Mutex<Recorded>>,
    read: Arc<Mutex<BTreeMap<PathBuf, u64>>>,
    reads: Arc<Mutex<BTreeMap<PathBuf, u64>>>,
}

impl RecordingDisk {
    /// All that was done so far.
    pub fn recorded(&self) -> Recorded {
        self.recorded.lock().unwrap().clone()
    }

    /// How many bytes were read of files below `directory`, and of how many files.
    pub fn read_below(&self, directory: &Path) -> (u64, usize) {
        let read = self.read.lock().unwrap();
        let below: Vec<u64> =
            read.iter().filter(|(path, _)| path.starts_with(directory)).map(|(_, bytes)| *bytes).collect();
        (below.iter().sum(), below.len())
    }

    /// How often something was read of files below `directory`.
    pub fn reads_below(&self, directory: &Path) -> u64 {
        let reads = self.reads.lock().unwrap();
        reads.iter().filter(|(path, _)| path.starts_with(directory)).map(|(_, count)| count).sum()
    }

    fn note(&self, operation: &str, path: &Path) {
        self.recorded.lock().unwrap().insert((operation.to_owned(), path.to_owned()));
    }
}

impl Disk for RecordingDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        self.note("open", path);
        let file = self.disk.open(path, mode)?;
        Ok(Arc::new(RecordingFile { file, disk: self.clone(), path: path.to_owned() }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.note("mkdir", path);
        self.disk.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.note("rename", from);
        self.note("rename", to);
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.note("unlink", path);
        self.disk.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.note("rmdir", path);
        self.disk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.note("open", path);
        self.note("sync", path);
        self.disk.sync_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(String, FileKind)>> {
        self.note("open", path);
        self.disk.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.disk.metadata(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.disk.space(path)
    }

    fn network_kind(&self, path: &Path) -> io::Result<Option<&'static str>> {
        self.disk.network_kind(path)
    }

    fn process(&self) -> ProcessIdentity {
        self.disk.process()
    }
}

struct RecordingFile {
    file: Arc<dyn File>,
    disk: RecordingDisk,
    path: PathBuf,
}

impl fmt::Debug for RecordingFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RecordingFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl File for RecordingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        *self.disk.read.lock().unwrap().entry(self.path.clone()).or_default() += read as u64;
        *self.disk.reads.lock().unwrap().entry(self.path.clone()).or_default() += 1;
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.note("sync", &self.path);
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }

    fn share(&self, source: &OpenFile) -> io::Result<()> {
        self.file.share(source)
    }

    fn start_writeback(&self, offset: u64, len: u64) {
        self.file.start_writeback(offset, len);
    }

    fn try_lock(&self, range: Range<u64>, exclusive: bool) -> io::Result<bool> {
        self.file.try_lock(range, exclusive)
    }

    fn is_locked(&self, range: Range<u64>) -> io::Result<bool> {
        self.file.is_locked(range)
    }

    fn unlock(&self, range: Range<u64>) -> io::Result<()> {
        self.file.unlock(range)
    }
}
