//! A store on a simulated disk, with a clock that makes every run the same.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hsm_core::clock::Clock;
use hsm_core::file::Disk as _;
use hsm_core::object::{Attributes, DatasetId, Name, ObjectId, TierConfig};
use hsm_core::testing::disk::{CrashImage, Keep, SimDisk};
use hsm_core::{Durability, PutOptions, Result, Store, StoreOptions};

use super::index_file::IndexFiles;

/// Where every store of these tests lies, on its own disk.
pub(crate) const STORE: &str = "/store";
/// Objects up to this size are packed.
pub(crate) const PACKED_MAX: u64 = 2048;
/// Bytes a block: the least there is, so that objects of several blocks stay small.
pub(crate) const BLOCK: u64 = 4096;
/// How long removed objects can be brought back.
pub(crate) const GRACE: Duration = Duration::from_hours(1);
/// How far a clock moves at each look.
const TICK_NS: i64 = 1_000_000;
/// When the first store is created.
const BEGINNING_NS: i64 = 1_700_000_000_000_000_000;

/// Time that moves only when asked for or told to, and random numbers from a seed.
#[derive(Debug)]
pub(crate) struct TestClock {
    now_ns: AtomicI64,
    /// How far each look moves it.
    tick_ns: AtomicI64,
    random: AtomicU64,
    seed: u64,
}

impl TestClock {
    pub(crate) fn new(now_ns: i64, seed: u64) -> Arc<Self> {
        // Far apart, so that no two seeds meet: the generator below counts.
        let random = AtomicU64::new(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Arc::new(Self { now_ns: AtomicI64::new(now_ns), tick_ns: AtomicI64::new(TICK_NS), random, seed })
    }

    /// Lets it move only when told to, so that what is done twice has the time of what is done once.
    pub(crate) fn stand_still(&self) {
        self.tick_ns.store(0, Ordering::Relaxed);
    }

    /// Lets it stand still meanwhile: whoever looks at a store reads it, and a read asks for the time.
    pub(crate) fn paused<T>(&self, look: impl FnOnce() -> T) -> T {
        let tick_ns = self.tick_ns.swap(0, Ordering::Relaxed);
        let seen = look();
        self.tick_ns.store(tick_ns, Ordering::Relaxed);
        seen
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now_ns.fetch_add(by.as_nanos() as i64, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_ns(&self) -> i64 {
        self.now_ns.fetch_add(self.tick_ns.load(Ordering::Relaxed), Ordering::Relaxed)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // splitmix64
            let mut x = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(x ^ (x >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// How soon a store goes on to its next pack and segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Everything goes into one of each.
    Roomy,
    /// Nearly every change begins one.
    Tight,
}

impl Shape {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Roomy, Self::Tight];

    fn pack_bytes(self) -> u64 {
        if self == Self::Tight { 4096 } else { 1 << 20 }
    }

    fn segment_bytes(self) -> u64 {
        if self == Self::Tight { 512 } else { 1 << 20 }
    }

    /// The settings of a tier of such a store.
    pub(crate) fn tier(self, index: u8) -> TierConfig {
        TierConfig {
            pack_threshold_bytes: PACKED_MAX,
            pack_size_bytes: self.pack_bytes(),
            ..TierConfig::posix(index, format!("tiers/{index}"))
        }
    }
}

/// The objects that every store has before a verb.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    /// A dataset.
    pub data: DatasetId,
    /// A dataset without keys.
    pub bare: DatasetId,
    /// Packed; named `a`, with an attribute.
    pub small: ObjectId,
    /// Packed; named `b` and `c`.
    pub other: ObjectId,
    /// In a file of its own, of several blocks; named `large`.
    pub large: ObjectId,
    /// In several files, by puts at an offset.
    pub pieces: ObjectId,
    /// Of zero bytes.
    pub empty: ObjectId,
    /// Without data, with an attribute.
    pub bodiless: ObjectId,
    /// Removed, in grace; its name was `gone`.
    pub removed: ObjectId,
    /// Packed, with verified copies on tiers 0 and 1.
    pub doubled: ObjectId,
    /// In a file of its own, with copies on tiers 0 and 1.
    pub doubled_large: ObjectId,
}

/// Bytes that differ from all others by their length and seed.
pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut random = vec![0; len];
    TestClock::new(0, seed ^ (len as u64) << 32).fill_random(&mut random);
    random
}

/// A store that was made and closed: what every run of a verb begins with.
#[derive(Debug, Clone)]
pub struct Base {
    pub(crate) image: CrashImage,
    pub(crate) shape: Shape,
    pub(crate) cast: Option<Cast>,
    /// Whether time stands still in it.
    pub(crate) still: bool,
    /// Its index, if it lies in a file.
    index: Option<IndexFiles>,
    now_ns: i64,
}

impl Base {
    /// An empty disk.
    pub fn blank(shape: Shape) -> Self {
        Self {
            image: SimDisk::new().crash(),
            shape,
            cast: None,
            still: false,
            index: None,
            now_ns: BEGINNING_NS,
        }
    }

    /// A store with the whole cast, its index in memory.
    pub fn with_cast(shape: Shape) -> Result<Self> {
        Self::make(shape, None)
    }

    /// The same, its index in a file of the real file system: SQLite's own files are all that is not on the
    /// simulated disk.
    pub(crate) fn with_index_file(shape: Shape, index: IndexFiles) -> Result<Self> {
        Self::make(shape, Some(index))
    }

    fn make(shape: Shape, index: Option<IndexFiles>) -> Result<Self> {
        let mut world = World {
            disk: SimDisk::new(),
            clock: TestClock::new(BEGINNING_NS, 1),
            shape,
            index,
            store: None,
            cast: None,
            kept: Vec::new(),
            answers: Vec::new(),
            again: false,
        };
        world.open()?;
        let cast = put_cast(world.store())?;
        // The audit reads everything, and its reads are none of the verb's: see tests/accesses.rs.
        world.store().set_access_staleness(None)?;
        world.store().close()?;
        world.store = None;
        // As if it had lain there for long: nothing is pending.
        let image = world.disk.crash().power_loss(Keep::All).crash();
        let now_ns = world.clock.now_ns();
        Ok(Self { image, shape, cast: Some(cast), still: false, index: world.index, now_ns })
    }

    /// The same, where time moves only when told to.
    pub(crate) fn standing_still(self) -> Self {
        Self { still: true, ..self }
    }

    /// The same store on a disk of its own, not open yet.
    pub(crate) fn world(&self) -> std::io::Result<World> {
        let clock = TestClock::new(self.now_ns, 2);
        if self.still {
            clock.stand_still();
        }
        Ok(World {
            disk: self.image.power_loss(Keep::All),
            clock,
            shape: self.shape,
            index: self.index.as_ref().map(IndexFiles::copy).transpose()?,
            store: None,
            cast: self.cast,
            kept: Vec::new(),
            answers: Vec::new(),
            again: false,
        })
    }
}

/// A store on its disk, perhaps open.
#[derive(Debug)]
pub struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) shape: Shape,
    pub(crate) index: Option<IndexFiles>,
    pub(crate) store: Option<Store>,
    cast: Option<Cast>,
    /// Objects that an act made, for the acts behind it.
    pub(crate) kept: Vec<ObjectId>,
    /// Objects that had an answer of their own, and whether it said that it was done.
    pub(crate) answers: Vec<(ObjectId, bool)>,
    /// Whether an act is tried once more: some of what it does may be done already.
    pub(crate) again: bool,
}

impl World {
    /// What was left by a crash of `world`, on another disk and later.
    pub(crate) fn after(world: &Self, disk: SimDisk, index: Option<IndexFiles>) -> Self {
        let now_ns = world.clock.now_ns.load(Ordering::Relaxed) + 1_000_000_000;
        let clock = TestClock::new(now_ns, world.clock.seed + 1);
        Self {
            disk,
            clock,
            shape: world.shape,
            index,
            store: None,
            cast: world.cast,
            kept: Vec::new(),
            answers: Vec::new(),
            again: false,
        }
    }

    /// The same store, not open yet, for another process of the same moment.
    pub(crate) fn beside(&self) -> Self {
        self.at_once(self.disk.another_process())
    }

    /// The same store on `disk`, not open yet, at the same moment, where time stands still.
    pub(crate) fn at_once(&self, disk: SimDisk) -> Self {
        let now_ns = self.clock.now_ns.load(Ordering::Relaxed);
        let clock = TestClock::new(now_ns, self.clock.seed + 1000);
        clock.stand_still();
        Self { clock, ..Self::after(self, disk, self.index.clone()) }
    }

    /// Opens the store, or creates it.
    pub fn open(&mut self) -> Result<()> {
        self.store = None;
        self.store = Some(Store::open(STORE, &self.options())?);
        Ok(())
    }

    /// How the store is opened.
    pub(crate) fn options(&self) -> StoreOptions {
        let options = StoreOptions::new()
            .disk(Arc::new(self.disk.clone()))
            .clock(self.clock.clone())
            .tiers((0..4).map(|index| self.shape.tier(index)).collect())
            .segment_bytes(self.shape.segment_bytes())
            .reserve_bytes(4096)
            .grace(GRACE)
            .patience(Duration::from_secs(5));
        match &self.index {
            Some(files) => options.index_directory(files.directory()).exclusive(!files.shared),
            None => options.index_in_memory(),
        }
    }

    /// The open store.
    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("a verb that needs a store opens it first")
    }

    /// The objects that were there before.
    pub fn cast(&self) -> Cast {
        self.cast.expect("only the creation of a store has no cast")
    }

    /// The objects of the cast.
    pub(crate) fn objects(&self) -> [ObjectId; 9] {
        let cast = self.cast();
        [
            cast.small,
            cast.other,
            cast.large,
            cast.pieces,
            cast.empty,
            cast.bodiless,
            cast.removed,
            cast.doubled,
            cast.doubled_large,
        ]
    }

    /// A key in the dataset of the cast.
    pub(crate) fn name(&self, key: &str) -> Name {
        Name { dataset: self.cast().data, key: key.into() }
    }

    /// Whether there is a store on the disk already.
    pub(crate) fn is_created(&self) -> bool {
        self.disk.metadata(&Path::new(STORE).join("HSM-STORE")).is_ok()
    }
}

/// Options of a put in blocks of the least size.
pub(crate) fn blocks() -> PutOptions {
    PutOptions { block_size: Some(BLOCK), ..PutOptions::default() }
}

fn put_cast(store: &Store) -> Result<Cast> {
    let data = store.create_dataset("data", &Attributes::from([("owner", b"me")]))?;
    let bare = store.create_dataset("bare", &Attributes::new())?;
    let named = |key: &str| PutOptions { name: Some(Name { dataset: data, key: key.into() }), ..blocks() };
    let marked =
        |options: PutOptions| PutOptions { attributes: Attributes::from([("colour", b"red")]), ..options };
    let small = store.put(&bytes(1, 300), &marked(named("a")))?.id;
    let other = store.put(&bytes(2, 700), &named("b"))?.id;
    store.add_name(other, &Name { dataset: data, key: b"c".to_vec() })?;
    let large = store.put(&bytes(3, 20_000), &named("large"))?.id;
    let pieces = store.put(&bytes(4, 30_000), &blocks())?.id;
    store.put_at(pieces, 9000, &bytes(5, 3000), Durability::Durable)?;
    store.put_at(pieces, 30_000, &bytes(6, 5000), Durability::Durable)?;
    let empty = store.put(b"", &named("empty"))?.id;
    let bodiless = store.put_empty(&marked(PutOptions::default()))?.id;
    let removed = store.put(&bytes(7, 500), &named("gone"))?.id;
    store.remove(removed)?;
    let doubled = store.put(&bytes(8, 900), &blocks())?.id;
    store.copy(doubled, None, 1)?;
    store.verify(doubled, 0)?;
    let doubled_large = store.put(&bytes(9, 12_000), &blocks())?.id;
    store.copy(doubled_large, None, 1)?;
    Ok(Cast { data, bare, small, other, large, pieces, empty, bodiless, removed, doubled, doubled_large })
}
