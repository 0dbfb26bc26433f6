//! Setups that several scenarios share: a store in a directory of its own, a store on a simulated disk, a
//! clock that stands still, and bytes to put.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hsm_core::clock::{Clock, TimeNs};
use hsm_core::object::Object;
use hsm_core::object::{Attributes, DatasetId, Name, ObjectId, TierConfig, TierIndex};
use hsm_core::testing::disk::{CrashImage, Keep, SimDisk};
use hsm_core::{Event, Kind, PutOptions, Query, Result, Store, StoreOptions};
use tempfile::TempDir;

/// Larger than the pack threshold: an object of this size has a file of its own.
pub const LARGE: usize = 100_000;
/// Smaller than the pack threshold: an object of this size goes into a pack.
pub const SMALL: usize = 1000;

/// Bytes that look like no others of another `seed`.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A name in a dataset.
pub fn name(dataset: DatasetId, key: impl AsRef<[u8]>) -> Name {
    Name { dataset, key: key.as_ref().to_vec() }
}

/// Puts on a tier.
pub fn on_tier(tier: TierIndex) -> PutOptions {
    PutOptions { tier: Some(tier), ..PutOptions::default() }
}

/// What kind of error an answer is; `None` for a good one.
pub fn kind<T>(answer: &Result<T>) -> Option<Kind> {
    answer.as_ref().err().map(hsm_core::Error::kind)
}

/// The tiers that hold a copy of an object.
pub fn tiers_of(store: &Store, id: ObjectId) -> Vec<TierIndex> {
    store.object(id).unwrap().copies.iter().map(|copy| copy.tier).collect()
}

/// What a file of outside is called while an action of this store writes it.
pub fn temporary_name(store: &Store, name: &str) -> String {
    let half = u128::from_be_bytes(store.id()) as u64;
    format!(".{name}.{half:016x}.hsm-new")
}

/// A store in a directory of its own, gone with the fixture.
#[derive(Debug)]
pub struct Fixture {
    directory: TempDir,
    options: StoreOptions,
    /// The open store.
    pub store: Store,
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

impl Fixture {
    /// A new store with the default five tiers.
    pub fn new() -> Self {
        Self::with(StoreOptions::new())
    }

    /// A new store.
    pub fn with(options: StoreOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("store"), &options).unwrap();
        Self { directory, options, store }
    }

    /// A new store whose tiers lie beside it, at [`outside`](Self::outside)`("tier-<index>")`.
    pub fn with_outside_tiers(count: u8, options: StoreOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = |index| directory.path().join(format!("tier-{index}")).display().to_string();
        let tiers = (0..count).map(|index| TierConfig::posix(index, root(index))).collect();
        let store = Store::open(directory.path().join("store"), &options.clone().tiers(tiers)).unwrap();
        Self { directory, options, store }
    }

    /// The store's directory.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// A path beside the store's directory.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// One more handle of the same store.
    pub fn another_handle(&self) -> Store {
        Store::open(self.path(), &self.options).unwrap()
    }

    /// Closes the store and all its files; a store in memory stands in for it.
    pub fn close(&mut self) {
        self.store.close().unwrap();
        self.store = Store::in_memory(&StoreOptions::new()).unwrap();
    }

    /// Closes the store and loses all of its directory but the roots: as when the tiers are disks mounted below a directory
    /// whose own disk is new.
    pub fn lose_all_but_tiers(&mut self) {
        self.close();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            } else if path.file_name().unwrap() != "tiers" {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }

    /// Closes the store, lets `change` do something to its files, and opens it again.
    pub fn reopen_after(&mut self, change: impl FnOnce(&Path)) {
        self.close();
        change(&self.path());
        self.store = Store::open(self.path(), &self.options).unwrap();
    }

    /// Closes the store and opens it again.
    pub fn reopen(&mut self) {
        self.reopen_after(|_| ());
    }

    /// A dataset.
    pub fn dataset(&self, name: &str) -> DatasetId {
        self.store.create_dataset(name, &Attributes::new()).unwrap()
    }
}

/// A store on a simulated disk; its index lies in a directory of the real one.
#[derive(Debug)]
pub struct SimFixture {
    /// The disk.
    pub disk: SimDisk,
    index: TempDir,
    options: StoreOptions,
    /// The open store; `None` after the disk lost its power.
    pub store: Store,
}

impl Default for SimFixture {
    fn default() -> Self {
        Self::new()
    }
}

impl SimFixture {
    /// A new store with the default five tiers.
    pub fn new() -> Self {
        Self::with(StoreOptions::new())
    }

    /// A new store. The disk is not limited, so the ballast is left out unless asked for.
    pub fn with(options: StoreOptions) -> Self {
        let disk = SimDisk::new();
        let index = tempfile::tempdir().unwrap();
        let options = options.index_directory(index.path());
        let store = Self::open_on(&disk, &options).unwrap();
        Self { disk, index, options, store }
    }

    fn open_on(disk: &SimDisk, options: &StoreOptions) -> Result<Store> {
        Store::open("/store", &options.clone().disk(Arc::new(disk.clone())))
    }

    /// Opens the store as it is on `disk`, in place of the one that was open.
    pub fn continue_on(&mut self, disk: SimDisk) {
        // The handle of the machine that died must not tidy up behind it.
        self.disk.stop();
        let _ = self.store.close();
        self.store = Self::open_on(&disk, &self.options).unwrap();
        self.disk = disk;
    }

    /// Opens the store as it is on `disk`, where that may fail, and closes it again. Whether it opened.
    pub fn try_continue_on(&mut self, disk: &SimDisk) -> bool {
        self.disk.stop();
        let _ = self.store.close();
        let opened = Self::open_on(disk, &self.options);
        let is_open = opened.is_ok();
        disk.stop();
        if let Ok(store) = opened {
            let _ = store.close();
        }
        is_open
    }

    /// Loses the power now; of what was not synced, `keep` survives. With `index_too` the index is gone as
    /// well, else it stays as it was at that moment.
    pub fn lose_power(&mut self, keep: Keep, index_too: bool) {
        let image: CrashImage = self.disk.crash();
        self.disk.stop();
        let _ = self.store.close();
        if index_too {
            self.delete_index();
        }
        self.continue_on(image.power_loss(keep));
    }

    /// Removes the files of the index.
    pub fn delete_index(&self) {
        for entry in fs::read_dir(self.index.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    /// One more handle, of another process of the same machine.
    pub fn another_process(&self) -> Store {
        Self::open_on(&self.disk.another_process(), &self.options).unwrap()
    }
}

/// A clock that moves when it is told to, with predictable random bytes.
#[derive(Debug)]
pub struct ManualClock {
    now_ns: AtomicI64,
    drawn: AtomicU64,
}

impl ManualClock {
    /// One that stands at a moment of 2024.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { now_ns: AtomicI64::new(1_717_171_717_000_000_000), drawn: AtomicU64::new(1) })
    }

    /// Lets time pass.
    pub fn advance(&self, by: std::time::Duration) {
        self.now_ns.fetch_add(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    /// Is set back.
    pub fn set_back(&self, by: std::time::Duration) {
        self.now_ns.fetch_sub(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> TimeNs {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn fill_random(&self, target: &mut [u8]) {
        let seed = self.drawn.fetch_add(1, Ordering::SeqCst);
        target.copy_from_slice(&bytes(target.len(), seed));
    }
}

/// Everything that can be seen of a store: compared, it tells whether two states are the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    /// Every object, live ones first, with its names and content.
    pub objects: Vec<(Object, Vec<Name>, Option<Vec<u8>>)>,
    /// Every dataset.
    pub datasets: Vec<hsm_core::object::Dataset>,
    /// Every tier and what is on it.
    pub tiers: Vec<hsm_core::TierUsage>,
}

impl Listing {
    /// Looks at all of a store.
    pub fn of(store: &Store) -> Self {
        let mut objects = Vec::new();
        for removed in [false, true] {
            for item in store.objects(&Query { removed, ..Query::default() }) {
                let (_, object) = item.unwrap();
                let names = if removed { Vec::new() } else { store.names(object.id).unwrap() };
                let content = (!removed && object.content.is_some() && !object.copies.is_empty())
                    .then(|| store.get(object.id).unwrap());
                objects.push((object, names, content));
            }
        }
        let datasets = store.datasets(None, 1000).unwrap();
        Self { objects, datasets, tiers: store.tiers().unwrap() }
    }
}

/// Every durable event of a store.
pub fn events(store: &Store) -> Vec<Event> {
    store.feed(hsm_core::object::Position::default()).collect::<Result<_>>().unwrap()
}

/// What an attempt to write `whole` may have left, or others, and how much of it counts: whole MiB of `whole` from the first
/// byte on, the last of which may be shorter. `other` is another content of that length, above 5 MiB.
pub fn half_written(whole: &[u8], other: &[u8]) -> Vec<(&'static str, Vec<u8>, usize)> {
    const MIB: usize = 1 << 20;
    let (size, last) = (whole.len(), (whole.len() - 1) / MIB * MIB);
    let damaged = |at: usize| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    vec![
        ("nothing", Vec::new(), 0),
        ("a part of a run", whole[..MIB - 1].to_vec(), 0),
        ("runs and a part of one", whole[..3 * MIB + 5].to_vec(), 3 * MIB),
        ("all of it", whole.to_vec(), size),
        ("all but the last byte", whole[..size - 1].to_vec(), last),
        ("a longer file", [whole, b"and more"].concat(), size),
        ("damage in the first run", damaged(0), 0),
        ("damage in the fifth", damaged(5 * MIB - 1), 4 * MIB),
        ("damage in the last", damaged(size - 1), last),
        ("another content, of which one run is equal", [&whole[..MIB], &other[MIB..]].concat(), MIB),
        (
            "zeros, as a power loss leaves",
            [&whole[..2 * MIB], &vec![0; size - 3 * MIB][..]].concat(),
            2 * MIB,
        ),
    ]
}

/// Every file below a directory, by its path relative to it, in order.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    let mut found: Vec<PathBuf> =
        found.into_iter().map(|path| path.strip_prefix(directory).unwrap().to_owned()).collect();
    found.sort();
    found
}

/// The files below a directory whose names end so.
pub fn files_ending(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let below = files_below(directory).into_iter();
    below.filter(|path| path.to_str().unwrap().ends_with(suffix)).map(|path| directory.join(path)).collect()
}

/// Changes one byte of a file.
pub fn flip(path: &Path, offset: u64, xor: u8) {
    let mut content = fs::read(path).unwrap();
    content[usize::try_from(offset).unwrap()] ^= xor;
    fs::write(path, content).unwrap();
}

/// Copies a directory and all below it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The checksum of the format: XXH3-64 seeded with the first 8 bytes of the store's id.
pub fn checksum(store_id: &[u8; 16], covered: &[u8]) -> u64 {
    let seed = u64::from_le_bytes(*store_id.first_chunk().unwrap());
    twox_hash::xxhash3_64::Hasher::oneshot_with_seed(seed, covered)
}

/// Runs a program with one operand under strace, with these options of its own. Returns what it answered, and the trace:
/// descriptors are told with their paths. `None`: strace is missing, or may not trace here, which is an error in CI.
pub fn traced(options: &[&str], program: &str, operand: &Path) -> Option<(Output, String)> {
    let missing = |why: &str| {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
        println!("skipped: {why}");
    };
    if Command::new("strace").arg("-V").output().is_err() {
        missing("strace is missing");
        return None;
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("strace")
        .args(["-f", "-y"])
        .args(options)
        .arg("-o")
        .args([trace.path(), Path::new(program), operand])
        .output()
        .unwrap();
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("ptrace") {
        missing("strace may not trace here");
        return None;
    }
    Some((output, String::from_utf8_lossy(&fs::read(trace.path()).unwrap()).into_owned()))
}
