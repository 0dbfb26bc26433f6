//! Tiers at work: their backends, the packs that are open on them, and the places this handle writes.
//!
//! - a [`Tier`] is a tier's settings and the backend they name;
//! - [`Tiers`] are all of them, and the serials of this handle's places;
//! - a [`CopyWriter`] puts one object's bytes on a tier; a [`CopyReader`] reads a copy, each byte checked.
//!
//! [`kept`] are snapshots of the store on the root of a tier.
//!
//! A serial is *settled* when its place was committed or given up. What is not settled when a handle dies is
//! what the sweep has to look at.

pub(crate) mod kept;
mod read;
mod ready;
mod seen;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::backend::delayed::DelayedBackend;
use crate::backend::memory::MemoryBackend;
use crate::backend::pack::{PACK_HEADER_LENGTH, PackIdentity, PackWriter, header_fault};
use crate::backend::posix::{PosixBackend, RootIdentity};
use crate::backend::{Backend, PLACES_PER_DIRECTORY, PlaceName, PlaceReader, ReadFrom};
use crate::catalog::{Durability, Epoch, Garbage, Places, Settled};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::file::Disk;
use crate::monitor::Watch;
use crate::object::{
    BackendKind, Content, Copy, Generation, ObjectId, Piece, Place, Position, TierConfig, TierIndex,
    TierState,
};
use crate::testing_hooks::{Mutant, mutant};

pub(crate) use read::{CopyReader, Wanted};
pub(crate) use ready::{places, worst};
pub(crate) use write::{CopyWriter, PackEnd, PlaceGuard, ScratchPlace, Written};

/// Bytes of small writes between two looks at the room of a file system that has plenty.
const ROOM_CREDIT: u64 = 16 << 20;
/// Room beside the reserve below which every write looks: far more than all who write at once have on credit.
const ROOM_PLENTY: u64 = 4 << 30;

/// What tiers stand on.
#[derive(Debug, Clone)]
pub(crate) struct TierGround {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: PathBuf,
    pub(crate) store_id: [u8; 16],
    pub(crate) instance: u64,
    pub(crate) reserve_bytes: u64,
}

/// One tier.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) config: TierConfig,
    pub(crate) backend: Arc<dyn Backend>,
    /// The backend without what delays it.
    bare: Arc<dyn Backend>,
    /// What delays it, where something does.
    pub(crate) delayed: Option<Arc<DelayedBackend>>,
    posix: Option<Arc<PosixBackend>>,
    ground: TierGround,
    /// The packs that small objects are appended to: of durable puts, and of relaxed ones.
    packs: [Mutex<Option<Arc<PackWriter>>>; 2],
    /// Bytes that may be written before the file system is asked for its room again.
    room_credit: AtomicU64,
    /// Whether this handle wrote to the root since it last noted there how far the journal had come.
    written: AtomicBool,
}

/// All tiers of a store, as one handle sees them.
#[derive(Debug)]
pub(crate) struct Tiers {
    ground: TierGround,
    by_index: RwLock<BTreeMap<TierIndex, Arc<Tier>>>,
    serials: Arc<Serials>,
    /// The segment in which the journal ended when the roots were last told.
    told_segment: AtomicU64,
    /// The epoch that the last reconciliation began. A root that has not seen it was away then, and may hold what the
    /// catalog never knew.
    reconciled_epoch: AtomicU64,
    /// Tiers whose roots were out of reach when the store was opened: what they have seen was not compared with the
    /// journal, and has to be there for the next open that can.
    unseen: RwLock<BTreeSet<TierIndex>>,
    /// While this is not zero, delayed tiers answer at once: the store is opened or reconciled, and reads what it must.
    at_once: Arc<AtomicUsize>,
}

/// Counts places, and knows which are still being written.
#[derive(Debug, Default)]
pub(crate) struct Serials {
    state: Mutex<(u64, BTreeSet<u64>)>,
    /// Packs of this handle. One that is full is open for as long as a put that it took is under way.
    packs: Mutex<Vec<OpenPack>>,
    /// Whether the handle closed. Held for reading while a place is made.
    closed: RwLock<bool>,
}

/// A pack of this handle.
#[derive(Debug)]
struct OpenPack {
    place: Place,
    writer: Weak<PackWriter>,
    /// Whether the catalog was told of it.
    noted: bool,
}

impl Serials {
    /// The next serial that is not spent. Where one is, so is the directory that it would lie in.
    pub(crate) fn next(&self, is_spent: impl Fn(u64) -> bool) -> u64 {
        let mut state = self.state.lock();
        state.0 += 1;
        while is_spent(state.0) {
            state.0 = (state.0 / PLACES_PER_DIRECTORY + 1) * PLACES_PER_DIRECTORY;
        }
        let serial = state.0;
        state.1.insert(serial);
        serial
    }

    pub(crate) fn settle(&self, serial: u64) {
        self.state.lock().1.remove(&serial);
    }

    /// Makes a place. Once the handle closed it makes none: nobody would sweep it.
    fn make<T>(&self, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let closed = self.closed.read();
        if *closed {
            return Err(Error::was_closed());
        }
        make()
    }

    fn opened(&self, pack: &Arc<PackWriter>) {
        let (place, writer) = (pack.identity().place, Arc::downgrade(pack));
        self.packs.lock().push(OpenPack { place, writer, noted: false });
    }

    /// Packs that something may still be appended to, or was without being committed yet.
    fn open_packs(&self) -> Vec<Place> {
        let packs = self.packs.lock();
        packs.iter().filter(|pack| pack.writer.strong_count() > 0).map(|pack| pack.place).collect()
    }

    /// Every pack that the catalog may not know of yet, to be noted there.
    fn packs_to_note(&self) -> Vec<Place> {
        let mut packs = self.packs.lock();
        packs.iter_mut().for_each(|pack| pack.noted = true);
        packs.iter().map(|pack| pack.place).collect()
    }

    /// The catalog noted all that it was told: packs that are done need no more care.
    fn packs_noted(&self) {
        self.packs.lock().retain(|pack| {
            let is_done = pack.noted && pack.writer.strong_count() == 0;
            if is_done {
                self.settle(pack.place.serial);
            }
            !is_done
        });
    }

    fn settled_to(&self, packs: &[u64]) -> u64 {
        let state = self.state.lock();
        state.1.iter().find(|serial| !packs.contains(serial)).map_or(state.0, |first| first - 1)
    }
}

impl Tiers {
    pub(crate) fn new(ground: TierGround) -> Self {
        let serials = Arc::new(Serials::default());
        Self {
            ground,
            by_index: RwLock::default(),
            serials,
            told_segment: AtomicU64::new(0),
            reconciled_epoch: AtomicU64::new(0),
            unseen: RwLock::default(),
            at_once: Arc::default(),
        }
    }

    /// A tier that was not retired.
    pub(crate) fn get(&self, index: TierIndex) -> Result<Arc<Tier>> {
        let found = self.by_index.read().get(&index).cloned();
        found
            .filter(|tier| tier.config.state != TierState::Retired)
            .ok_or(Error::TierNotFound { tier: index })
    }

    /// A tier that was retired.
    pub(crate) fn retired(&self, index: TierIndex) -> Option<Arc<Tier>> {
        let found = self.by_index.read().get(&index).cloned();
        found.filter(|tier| tier.config.state == TierState::Retired)
    }

    /// Every tier that was not retired, the hottest first.
    pub(crate) fn all(&self) -> Vec<Arc<Tier>> {
        let tiers = self.by_index.read();
        tiers.values().filter(|tier| tier.config.state != TierState::Retired).cloned().collect()
    }

    pub(crate) fn serials(&self) -> &Arc<Serials> {
        &self.serials
    }

    pub(crate) fn ground(&self) -> &TierGround {
        &self.ground
    }

    /// Packs of this handle that must stay, whatever the catalog says of them.
    pub(crate) fn open_packs(&self) -> Vec<(TierIndex, PlaceName)> {
        self.serials.open_packs().iter().map(|place| (place.tier, pack_name(place))).collect()
    }

    /// Gives up every pack, read or written: the next small object begins a new one.
    pub(crate) fn close_packs(&self) {
        for tier in self.by_index.read().values() {
            tier.backend.close_idle();
            tier.packs.iter().for_each(|pack| drop(pack.lock().take()));
        }
    }

    /// Closes every pack, and makes no place any more: what is there from now on is all there is to sweep.
    pub(crate) fn close(&self) {
        *self.serials.closed.write() = true;
        let open: Vec<_> =
            self.serials.packs.lock().iter().filter_map(|pack| pack.writer.upgrade()).collect();
        for pack in open {
            pack.close();
        }
        self.close_packs();
    }

    fn make(&self, config: &TierConfig, before: Option<&Arc<Tier>>) -> Arc<Tier> {
        let same_place = |tier: &&Arc<Tier>| {
            let old = &tier.config;
            (old.backend, &old.root, old.incarnation) == (config.backend, &config.root, config.incarnation)
        };
        let (bare, posix): (Arc<dyn Backend>, _) = match (before.filter(same_place), config.backend) {
            (Some(tier), _) => (tier.bare.clone(), tier.posix.clone()),
            (None, BackendKind::Memory) => (Arc::new(MemoryBackend::new()), None),
            (None, BackendKind::Posix) => {
                let root = self.ground.directory.join(&config.root);
                let identity = RootIdentity {
                    store_id: self.ground.store_id,
                    tier: config.index,
                    incarnation: config.incarnation,
                };
                let posix = Arc::new(PosixBackend::new(self.ground.disk.clone(), root, identity));
                (posix.clone(), Some(posix))
            }
        };
        let delayed = self.delayed(config, before.filter(same_place), &bare);
        let backend = delayed.as_ref().map_or_else(|| bare.clone(), |delayed| delayed.clone());
        let pack =
            |of: usize| Mutex::new(before.filter(same_place).and_then(|tier| tier.packs[of].lock().take()));
        Arc::new(Tier {
            config: config.clone(),
            backend,
            bare,
            delayed,
            posix,
            ground: self.ground.clone(),
            packs: [pack(0), pack(1)],
            room_credit: AtomicU64::new(0),
            written: AtomicBool::new(false),
        })
    }
}

impl Tier {
    pub(crate) fn index(&self) -> TierIndex {
        self.config.index
    }

    /// Checks that the tier takes new data and has room for `bytes` of it beside the reserve.
    pub(crate) fn check_writable(&self, bytes: u64) -> Result<()> {
        if self.config.state != TierState::Active {
            return Err(Error::TierReadOnly { tier: self.index(), state: self.config.state.name() });
        }
        self.check_room(bytes)
    }

    /// Checks that the file system has room for `bytes` more beside the reserve.
    ///
    /// While there is plenty, small writes live on credit and need not ask each time.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<()> {
        let spend = |credit: u64| credit.checked_sub(bytes);
        if self.room_credit.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend).is_ok() {
            return Ok(());
        }
        let Some(space) = self.backend.space()? else { return Ok(()) };
        if space.available < bytes.saturating_add(self.ground.reserve_bytes) {
            return Err(Error::TierFull {
                tier: self.index(),
                detail: format!(
                    "{bytes} bytes wanted, {} left on its file system, of which {} are kept in reserve; free some",
                    space.available, self.ground.reserve_bytes
                ),
            });
        }
        let left = space.available - self.ground.reserve_bytes - bytes;
        let credit = if left >= ROOM_PLENTY { ROOM_CREDIT } else { 0 };
        self.room_credit.store(credit, Ordering::Release);
        Ok(())
    }

    /// The place of a name on this tier.
    pub(crate) fn place(&self, serial: u64) -> Place {
        Place { tier: self.index(), instance: self.ground.instance, serial }
    }

    /// Whether a place of this serial could not be made durable here.
    pub(crate) fn is_spent(&self, serial: u64, packed: bool) -> bool {
        self.backend.is_spent(PlaceName { instance: self.ground.instance, serial, packed })
    }

    /// The pack to append to: the open one, or a new one when that is full or failed.
    ///
    /// Relaxed puts have a pack of their own, which is synced only under the writer lock, for the group that makes
    /// them durable: a sync that fails for a durable put has none of their bytes in it.
    pub(crate) fn pack(&self, serials: &Serials, durability: Durability) -> Result<Arc<PackWriter>> {
        let relaxed = durability == Durability::Relaxed && !mutant(Mutant::PacksShared);
        let mut open = self.packs[usize::from(relaxed)].lock();
        if let Some(pack) = &*open {
            // One whose name may be lost could not be synced.
            let is_good = pack.failed().is_none() && !self.is_spent(pack.identity().place.serial, true);
            if is_good && pack.len() < self.config.pack_size_bytes {
                // An open file outlives the root it lies on: what is written there would not be found. What waits to
                // be written was looked for already, and is written with this.
                if !pack.is_pending() {
                    self.backend.look_for_root()?;
                }
                return Ok(pack.clone());
            }
            *open = None;
        }
        let serial = serials.next(|serial| self.is_spent(serial, true));
        let place = self.place(serial);
        let name = PlaceName { instance: place.instance, serial, packed: true };
        let made = serials.make(|| self.backend.create(name));
        let writer = made.inspect_err(|_| serials.settle(serial))?;
        let identity = PackIdentity { store_id: self.ground.store_id, place };
        let pack = Arc::new(PackWriter::new(writer, identity, self.ground.clock.now_ns()));
        serials.opened(&pack);
        self.note_written();
        Ok(open.insert(pack).clone())
    }

    /// What is wrong with the header of a pack. `None`: nothing, or the pack is gone, ends inside it or cannot be read:
    /// then nothing in it can.
    pub(crate) fn pack_fault(&self, name: PlaceName, from: ReadFrom) -> Result<Option<String>> {
        let PlaceName { instance, serial, .. } = name;
        let place = Place { tier: self.index(), instance, serial };
        let identity = PackIdentity { store_id: self.ground.store_id, place };
        let read = |place: Arc<dyn PlaceReader>| match place.len()? {
            0..PACK_HEADER_LENGTH => Ok(None),
            _ => header_fault(&*place, &identity),
        };
        match self.backend.open(name, from).and_then(|open| open.map_or(Ok(None), read)) {
            Err(Error::Io { .. } | Error::Delayed { .. }) => Ok(None),
            read => read,
        }
    }

    /// Whether what lies there is there yet when the process is gone.
    pub(crate) fn outlives_the_process(&self) -> bool {
        self.posix.is_some()
    }

    pub(crate) fn note_written(&self) {
        self.written.store(true, Ordering::Release);
    }

    /// Removes what is left on the root, marker and all, if it is in reach. One that cannot be read is an error: whether
    /// it is this one cannot be told.
    pub(crate) fn clear_root(&self) -> Result<()> {
        match &self.posix {
            Some(posix) if !posix.is_root()? => Ok(()),
            _ => self.backend.clear(),
        }
    }

    /// Creates the root of a tier that begins. Durable.
    pub(crate) fn create_root(ground: &TierGround, config: &TierConfig) -> Result<()> {
        if config.backend != BackendKind::Posix {
            return Ok(());
        }
        let identity =
            RootIdentity { store_id: ground.store_id, tier: config.index, incarnation: config.incarnation };
        let root = ground.directory.join(&config.root);
        PosixBackend::create_root(&*ground.disk, &root, &identity, ground.clock.now_ns())
    }
}

fn pack_name(place: &Place) -> PlaceName {
    PlaceName { instance: place.instance, serial: place.serial, packed: true }
}

/// The name of the place that a piece lies in.
pub(crate) fn place_name(piece: &Piece) -> PlaceName {
    PlaceName { instance: piece.place.instance, serial: piece.place.serial, packed: piece.packed }
}

impl Places for Tiers {
    fn configure(&self, configs: &[TierConfig]) {
        let mut tiers = self.by_index.write();
        for config in configs {
            let before = tiers.get(&config.index);
            if before.is_none_or(|tier| tier.config != *config) {
                let tier = self.make(config, before);
                tiers.insert(config.index, tier);
            }
        }
    }

    fn sync(&self, place: &Garbage) -> Result<()> {
        // On a tier that was retired there is nothing left to sync.
        let Ok(tier) = self.get(place.tier) else { return Ok(()) };
        match tier.backend.reopen(place.name) {
            Ok(writer) => writer.sync(),
            Err(Error::Io { io_kind: std::io::ErrorKind::NotFound, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn is_whole(&self, id: ObjectId, generation: Generation, content: &Content, copy: &Copy) -> Result<bool> {
        let wanted = Wanted { id, generation, content };
        // Whether a change counts cannot wait for a tape, and what is asked about was written lately.
        let _at_once = self.at_once();
        if self.get(copy.tier).is_ok_and(|tier| tier.config.state == TierState::Lost) {
            return Ok(false);
        }
        match CopyReader::open(self, &wanted, copy, ReadFrom::Medium) {
            Ok(Some(reader)) => match reader.verify(&mut Watch::nobody()) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == Kind::Corrupt => Ok(false),
                Err(error) => Err(error),
            },
            Ok(None) => Ok(false),
            // A tier in memory did not survive: neither did its bytes.
            Err(error) if matches!(error.kind(), Kind::Corrupt | Kind::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn has_seen(&self, position: &Position) -> bool {
        // A root that is out of reach, or does not say, proves nothing; nor does one of another epoch, which another
        // journal may have begun.
        let has_seen = |seen: &Position| seen.epoch == position.epoch && seen >= position;
        self.all().iter().any(|tier| matches!(tier.seen(), Ok(Some(seen)) if has_seen(&seen.position)))
    }

    fn settled(&self) -> Settled {
        let places = self.serials.packs_to_note();
        let serials: Vec<u64> = places.iter().map(|place| place.serial).collect();
        let packs = places.iter().map(|place| (place.tier, pack_name(place))).collect();
        Settled { serials: self.serials.settled_to(&serials), packs }
    }

    fn committed(&self, durable: &Position, segment: u64, epochs: &dyn Fn() -> Result<Vec<Epoch>>) {
        self.serials.packs_noted();
        if self.told_segment.swap(segment, Ordering::AcqRel) != segment {
            self.tell_roots(*durable, epochs);
        }
    }
}
