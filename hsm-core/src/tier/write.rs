//! Writing one object's bytes to a tier: into the open pack when they are few, else into a file of their own.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::object_file::{ObjectWriter, Scratch, Tail};
use crate::backend::pack::{RecordData, Unsynced};
use crate::backend::{Begun, BegunKey, PlaceName, PlaceWriter};
use crate::catalog::Durability;
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::file::{OpenFile, process_id};
use crate::integrity::{RootDigest, RootHasher, block_digest};
use crate::object::{Generation, ObjectId, Piece, Place};
use crate::testing_hooks::{Mutant, mutant};

use super::{Serials, Tier, Tiers};

/// How often a writer looks whether the file system still has room, in bytes.
const ROOM_CHECK_LEN: u64 = 64 << 20;

/// A place of this handle that is being written. Dropped before it is kept, it is removed.
#[derive(Debug)]
pub(crate) struct PlaceGuard {
    tier: Arc<Tier>,
    serials: Arc<Serials>,
    name: PlaceName,
    keep: bool,
    /// Who began it: in a child that was forked meanwhile the place is the parent's.
    pid: u32,
}

impl PlaceGuard {
    pub(crate) fn create(tiers: &Tiers, tier: &Arc<Tier>) -> Result<(Self, Arc<dyn PlaceWriter>)> {
        Self::make(tiers, tier, |name| tier.backend.create(name))
    }

    fn make(
        tiers: &Tiers,
        tier: &Arc<Tier>,
        make: impl FnOnce(PlaceName) -> Result<Arc<dyn PlaceWriter>>,
    ) -> Result<(Self, Arc<dyn PlaceWriter>)> {
        let serial = tiers.serials().next(|serial| tier.is_spent(serial, false));
        let name = PlaceName { instance: tiers.ground().instance, serial, packed: false };
        let (tier_held, serials) = (tier.clone(), tiers.serials().clone());
        let guard = Self { tier: tier_held, serials, name, keep: false, pid: process_id() };
        let writer = tiers.serials().make(|| make(name))?;
        tier.note_written();
        Ok((guard, writer))
    }

    pub(crate) fn place(&self) -> Place {
        self.tier.place(self.name.serial)
    }

    /// The journal refers to it, or may: it stays.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for PlaceGuard {
    fn drop(&mut self) {
        if self.pid != process_id() {
            return;
        }
        if !self.keep {
            // What cannot be removed now is swept after this handle's end, since its serial may be behind
            // the settled ones only if it is removed.
            let removed = self.tier.backend.remove(self.name);
            if removed.and_then(|()| self.tier.backend.sync_removals(&[self.name])).is_err() {
                return;
            }
        }
        self.serials.settle(self.name.serial);
    }
}

/// A place for what a writer cannot hold in memory, made when there is need for it. It goes with its owner.
#[derive(Debug)]
pub(crate) struct ScratchPlace {
    tiers: Arc<Tiers>,
    tier: Arc<Tier>,
    guard: Option<PlaceGuard>,
}

impl ScratchPlace {
    pub(crate) fn new(tiers: &Arc<Tiers>, tier: &Arc<Tier>) -> Self {
        Self { tiers: tiers.clone(), tier: tier.clone(), guard: None }
    }
}

impl Scratch for ScratchPlace {
    fn create(&mut self) -> Result<Arc<dyn PlaceWriter>> {
        let (guard, place) = PlaceGuard::create(&self.tiers, &self.tier)?;
        self.guard = Some(guard);
        Ok(place)
    }
}

/// Takes an object's bytes in order and puts them on a tier.
#[derive(Debug)]
pub(crate) struct CopyWriter {
    tiers: Arc<Tiers>,
    tier: Arc<Tier>,
    block_shift: u8,
    durability: Durability,
    /// Bytes that may yet go into a pack.
    small: RecordData,
    pack_max: u64,
    file: Option<(Named, ObjectWriter)>,
    room_checked_to: u64,
    finished: Option<(TimeNs, RootDigest)>,
}

/// Where a copy in a file of its own is written.
#[derive(Debug)]
enum Named {
    /// In a place of this handle.
    Place(PlaceGuard),
    /// In a begun one, that stays for a later attempt.
    Begun(BegunKey),
}

impl Named {
    fn path(&self) -> PathBuf {
        match self {
            Self::Place(guard) => guard.name.path(),
            Self::Begun(key) => format!("begun/{key:032x}.new").into(),
        }
    }
}

/// A copy on the medium that no one refers to yet.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) size: u64,
    pub(crate) root: RootDigest,
    pub(crate) pieces: Vec<Piece>,
}

impl CopyWriter {
    /// Begins a copy of about `size_hint` bytes, if that is known.
    pub(crate) fn new(
        tiers: &Arc<Tiers>,
        tier: Arc<Tier>,
        block_shift: u8,
        size_hint: u64,
        durability: Durability,
    ) -> Result<Self> {
        tier.check_writable(size_hint)?;
        let pack_max = tier.config.pack_threshold_bytes.min(1 << block_shift);
        Ok(Self {
            tiers: tiers.clone(),
            tier,
            block_shift,
            durability,
            small: RecordData::default(),
            pack_max,
            file: None,
            room_checked_to: size_hint.max(ROOM_CHECK_LEN),
            finished: None,
        })
    }

    pub(crate) fn tier(&self) -> &Arc<Tier> {
        &self.tier
    }

    /// Adds the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.file.is_none() {
            if (self.small.len() + bytes.len()) as u64 <= self.pack_max {
                self.small.extend(bytes);
                return Ok(());
            }
            self.begin_file(|_| Ok(()))?;
        }
        let Some((_, writer)) = &mut self.file else { return Ok(()) };
        writer.write(bytes)?;
        if writer.length() > self.room_checked_to {
            self.tier.check_room(ROOM_CHECK_LEN)?;
            self.room_checked_to = writer.length() + ROOM_CHECK_LEN;
        }
        Ok(())
    }

    /// Goes on in a file of its own, to whose empty place `first` does something. What that fails with this does,
    /// too, and bytes may come all the same.
    fn begin_file(&mut self, first: impl FnOnce(&dyn PlaceWriter) -> Result<()>) -> Result<()> {
        let (guard, place) = PlaceGuard::create(&self.tiers, &self.tier)?;
        let done = first(&*place);
        let scratch = ScratchPlace::new(&self.tiers, &self.tier);
        let mut writer = ObjectWriter::new(place, self.block_shift).with_scratch(Box::new(scratch));
        writer.write(self.small.bytes())?;
        self.small = RecordData::default();
        self.file = Some((Named::Place(guard), writer));
        done
    }

    /// Goes on with what an earlier attempt left at `key`, if this tier keeps such things: bytes that are written already are
    /// not written again. Whoever else does so meanwhile spoils it. To be called before any bytes come.
    pub(crate) fn go_on(&mut self, key: BegunKey) -> Result<()> {
        let Some(Begun { place, found }) = self.tier.backend.begun(key)? else { return Ok(()) };
        self.tier.note_written();
        let scratch = ScratchPlace::new(&self.tiers, &self.tier);
        let writer = ObjectWriter::new(place, self.block_shift).with_scratch(Box::new(scratch)).over(found);
        self.file = Some((Named::Begun(key), writer));
        Ok(())
    }

    /// Gives the copy a place of this handle, if it was begun without.
    fn name_place(&mut self) -> Result<()> {
        let Some((named, writer)) = &mut self.file else { return Ok(()) };
        let Named::Begun(key) = *named else { return Ok(()) };
        let ended = writer.end_begun();
        if ended.is_err() {
            // A sync that failed is never repeated, and what was written is not to be trusted.
            let _ = self.tier.backend.remove_begun(key);
        }
        ended?;
        let (guard, place) =
            PlaceGuard::make(&self.tiers, &self.tier, |name| self.tier.backend.name_begun(key, name))?;
        writer.go_on_in(place);
        *named = Named::Place(guard);
        Ok(())
    }

    /// Begins with all bytes of a file outside, which are shared and not copied. They are to be [taken in](Self::take_in)
    /// then. Where they cannot be shared (`Unsupported`), they may be [written](Self::write).
    pub(crate) fn share(&mut self, source: &OpenFile) -> Result<()> {
        self.begin_file(|place| place.share(source))
    }

    /// The next of the bytes that are shared. 0: there are no more.
    pub(crate) fn take_in(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.file.as_mut().map_or(Ok(0), |(_, writer)| writer.take_in(buffer))
    }

    /// Whether an object of so many bytes goes into a pack.
    pub(crate) fn packs(&self, len: u64) -> bool {
        len <= self.pack_max
    }

    /// How many bytes came.
    pub(crate) fn len(&self) -> u64 {
        self.file.as_ref().map_or(self.small.len() as u64, |(_, writer)| writer.length())
    }

    /// Goes on to another tier, or to another root of the same, with all that came: what was written before
    /// is given up.
    pub(crate) fn move_to(&mut self, tier: Arc<Tier>) -> Result<()> {
        let mut anew = Self::new(&self.tiers, tier, self.block_shift, self.len(), self.durability)?;
        match &mut self.file {
            None => anew.write(self.small.bytes())?,
            Some((named, writer)) => {
                writer.end_data()?;
                for (index, digest) in (0..).zip(writer.digests()) {
                    let block = writer.read_block(index, &digest?)?.ok_or_else(|| Error::Io {
                        action: "read back",
                        path: named.path(),
                        io_kind: std::io::ErrorKind::InvalidData,
                        message: format!("block {index} is not what was written"),
                    })?;
                    anew.write(&block)?;
                }
            }
        }
        *self = anew;
        Ok(())
    }

    /// Ends the copy as `generation` of `id`: all that is left is to make it durable ([`sync`](Self::sync))
    /// and to commit it. May be called again with another generation, when a commit met with another one.
    pub(crate) fn finish(&mut self, id: ObjectId, generation: Generation) -> Result<(Written, PackEnd)> {
        let created_ns =
            self.finished.map_or_else(|| self.tiers.ground().clock.now_ns(), |(created_ns, _)| created_ns);
        self.name_place()?;
        if let Some((Named::Place(guard), writer)) = &mut self.file {
            let root = writer.end_data()?;
            let place = guard.place();
            let size = writer.length();
            let tail = Tail {
                store_id: self.tiers.ground().store_id,
                place,
                id,
                generation,
                start: 0,
                length: size,
                size,
                block_shift: self.block_shift,
                root,
                created_ns,
            };
            if self.finished.replace((created_ns, root)).is_some() {
                writer.rewrite_tail(&tail)?;
            } else {
                writer.finish(&tail, &[])?;
            }
            let piece = Piece { start: 0, length: size, place, offset: 0, packed: false };
            return Ok((Written { size, root, pieces: vec![piece] }, PackEnd::File));
        }
        let size = self.small.len() as u64;
        let digest = block_digest(self.small.bytes());
        let root = RootHasher::of_one_block(size, &digest);
        self.finished = Some((created_ns, root));
        if size == 0 {
            return Ok((Written { size, root, pieces: Vec::new() }, PackEnd::Nothing));
        }
        let pack = self.tier.pack(self.tiers.serials(), self.durability)?;
        let appended = pack.append(id, generation, created_ns, &digest, &mut self.small)?;
        let place = pack.identity().place;
        let piece = Piece { start: 0, length: size, place, offset: appended.offset, packed: true };
        Ok((Written { size, root, pieces: vec![piece] }, PackEnd::Pack(pack, appended.end)))
    }

    /// Makes what was finished durable, or, of a relaxed put, at least visible to every process.
    pub(crate) fn sync(&self, end: &PackEnd) -> Result<()> {
        let durable = self.durability == Durability::Durable && !mutant(Mutant::DataSyncLeftOut);
        match (end, &self.file) {
            (PackEnd::Pack(pack, end), _) if durable => pack.sync_to(*end),
            (PackEnd::Pack(pack, end), _) => pack.write_to(*end),
            (PackEnd::File, Some((_, writer))) if durable => writer.sync(),
            _ => Ok(()),
        }
    }

    /// The same, but leaves to the commit what it can make durable for many callers at once: packs on a medium,
    /// where recovery finds out what arrived.
    pub(crate) fn sync_or_defer(&self, end: &PackEnd) -> Result<Vec<Unsynced>> {
        let durable = self.durability == Durability::Durable && !mutant(Mutant::DataSyncLeftOut);
        match end {
            PackEnd::Pack(pack, end) if durable && self.tier.posix.is_some() => {
                Ok(vec![Unsynced { pack: pack.clone(), end: *end }])
            }
            _ => self.sync(end).map(|()| Vec::new()),
        }
    }

    /// The journal refers to the copy, or may: its place stays.
    pub(crate) fn keep(mut self) {
        self.keep_place();
    }

    /// The same, for a copy that is not written to any more.
    pub(crate) fn keep_place(&mut self) {
        if let Some((Named::Place(guard), _)) = self.file.take() {
            guard.keep();
        }
    }

    /// Its place, if it has one of its own, where nothing is written any more and the bytes are not needed.
    pub(crate) fn into_place(self) -> Option<PlaceGuard> {
        match self.file {
            Some((Named::Place(guard), _)) => Some(guard),
            _ => None,
        }
    }
}

/// What has to be synced for a finished copy.
#[derive(Debug, Clone)]
pub(crate) enum PackEnd {
    /// An object of zero bytes lies nowhere.
    Nothing,
    /// Its own file.
    File,
    /// A pack, up to this byte.
    Pack(Arc<crate::backend::pack::PackWriter>, u64),
}
