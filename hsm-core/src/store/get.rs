//! Get: an object's bytes, each checked before it is returned.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Store;
use crate::backend::ReadFrom;
use crate::engine::Scope;
use crate::error::{Error, IoContext, Kind, Result};
use crate::file::outside::Target;
use crate::integrity::BlockDigest;
use crate::monitor::{Phase, Watch};
use crate::object::{Name, Object, ObjectId, TierIndex};
use crate::tier::CopyReader;

/// Bytes handed on at once.
pub(super) const RUN_LEN: usize = 1 << 20;

/// Where to read from.
#[derive(Debug, Clone, Default)]
pub struct GetOptions {
    /// Only from this tier; `None`: the hottest copy in reach, and another where that is damaged.
    pub tier: Option<TierIndex>,
}

impl Store {
    /// What the store knows about a live object.
    pub fn object(&self, id: ObjectId) -> Result<Object> {
        let engine = self.engine();
        engine.check()?;
        engine.live(id)
    }

    /// The live object that has this name.
    pub fn find(&self, name: &Name) -> Result<ObjectId> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.resolve(name)?.ok_or_else(|| Error::KeyNotFound {
            dataset: name.dataset.to_string(),
            key: name.key.escape_ascii().to_string(),
        })
    }

    /// Opens an object for reading. The reader keeps what it began with, whatever happens to the object.
    ///
    /// That counts as an access: see [`set_access_staleness`](Self::set_access_staleness).
    pub fn reader(&self, id: ObjectId, options: &GetOptions) -> Result<Reader> {
        let reader = self.reader_unnoted(id, options)?;
        self.note_access(id, reader.object.last_used_ns());
        Ok(reader)
    }

    /// Opens an object for a reading that is none of the user's.
    pub(super) fn reader_unnoted(&self, id: ObjectId, options: &GetOptions) -> Result<Reader> {
        Ok(self.open_copy(id, options)?.into_reader(self))
    }

    fn open_copy(&self, id: ObjectId, options: &GetOptions) -> Result<Opened> {
        let engine = self.engine();
        engine.check()?;
        let (object, copy, tier) = engine.open_copy(id, Scope::Live, options.tier, ReadFrom::Anywhere)?;
        Ok(Opened { object, copy, tier, fall_back: options.tier.is_none() })
    }

    /// Reads a whole object into memory, however large it is.
    ///
    /// # Errors
    ///
    /// `NoData` for an object without data, `Corrupt` when a block is damaged on every copy in reach,
    /// `TierOffline` when no copy is in reach.
    pub fn get(&self, id: ObjectId) -> Result<Vec<u8>> {
        let mut opened = self.open_copy(id, &GetOptions::default())?;
        self.note_access(id, opened.object.last_used_ns());
        if self.monitor.is_none()
            && let Some(bytes) = opened.copy.take_packed()
        {
            return Ok(bytes);
        }
        let mut reader = opened.into_reader(self);
        let mut bytes = vec![0; reader.size() as usize];
        reader.read_parts(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Reads into `buffer` from byte `offset` on; short only at the end of the object. Only the blocks that hold
    /// the range are read, and checked. For many ranges, a [`reader`](Self::reader) looks the object up once.
    pub fn get_range(&self, id: ObjectId, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.get_range_with(id, &GetOptions::default(), offset, buffer)
    }

    /// The same, from where the options say.
    pub fn get_range_with(
        &self,
        id: ObjectId,
        options: &GetOptions,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize> {
        self.reader(id, options)?.read_parts(buffer, offset)
    }

    /// Writes a whole object to `target`, in runs of at most 1 MiB. Returns its size in bytes.
    ///
    /// # Errors
    ///
    /// `Cancelled` when `target` fails; it may have got a part of the object then.
    pub fn get_to(&self, id: ObjectId, mut target: impl Write, options: &GetOptions) -> Result<u64> {
        self.reader(id, options)?.each_run(&mut |bytes| {
            target
                .write_all(bytes)
                .map_err(|error| Error::Cancelled { reason: format!("the target failed: {error}") })
        })
    }

    /// Writes a whole object to a file, which is there whole or not at all: it is written beside `path`,
    /// synced, and renamed over what was there. Returns its size in bytes.
    pub fn get_path(&self, id: ObjectId, path: impl AsRef<Path>, options: &GetOptions) -> Result<u64> {
        let path = path.as_ref();
        let path = std::path::absolute(path).context("find", path)?;
        let mut reader = self.reader(id, options)?;
        // A temporary name of its own: made of the path's, it could be too long, or that of another call.
        let target = Target::begin(path, &self.new_id().to_string())?;
        let mut at = 0;
        let size = reader.each_run(&mut |bytes| {
            target.write_at(bytes, at)?;
            at += bytes.len() as u64;
            Ok(())
        })?;
        target.finish(|| Ok(()))?;
        Ok(size)
    }
}

/// A copy that was opened, before anyone holds the store for it.
struct Opened {
    object: Object,
    copy: CopyReader,
    tier: TierIndex,
    fall_back: bool,
}

impl Opened {
    fn into_reader(self, store: &Store) -> Reader {
        let Self { object, copy, tier, fall_back } = self;
        Reader { store: store.clone(), object, copy, tier, fall_back, position: 0 }
    }
}

/// An object open for reading. Its bytes are those of one generation, also when the object is overwritten,
/// moved or removed meanwhile.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    object: Object,
    copy: CopyReader,
    tier: TierIndex,
    fall_back: bool,
    position: u64,
}

impl Reader {
    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.copy.size()
    }

    /// The object as it was when it was opened.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The tier that bytes come from now.
    pub fn tier(&self) -> TierIndex {
        self.tier
    }

    /// Reads into `buffer` from byte `offset` on; short only at the end of the object.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a block is damaged on every copy in reach; no byte of it is returned.
    pub fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.store.engine().check()?;
        self.read_copy(buffer, offset)
    }

    /// The same, of a store that was looked at just now: whether it is closed, and whose process this is.
    fn read_copy(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        match self.copy.read_at(buffer, offset) {
            Err(error)
                if self.fall_back && matches!(error.kind(), Kind::Corrupt | Kind::Io | Kind::Offline) =>
            {
                self.read_elsewhere(buffer, offset, error)
            }
            read => read,
        }
    }

    /// Reads into `buffer` from where the last sequential read ended, or a seek went; 0 at the end.
    pub fn read_next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }

    /// As [`read_at`](Self::read_at), but tells the store's monitor how far it has come.
    pub fn read_range(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.store.engine().check()?;
        self.read_parts(buffer, offset)
    }

    fn read_parts(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        if self.store.monitor.is_none() {
            return self.read_copy(buffer, offset);
        }
        let store = self.store.clone();
        let size = self.size().saturating_sub(offset).min(buffer.len() as u64);
        let mut watch = store.watch(Phase::Get, 1, size);
        watch.check()?;
        let run = if watch.is_watched() { RUN_LEN } else { buffer.len().max(1) };
        let mut filled = 0;
        for part in buffer.chunks_mut(run) {
            let read = self.read_at(part, offset + filled as u64)?;
            filled += read;
            watch.bytes(read as u64)?;
            if read < part.len() {
                break;
            }
        }
        watch.done(1);
        Ok(filled)
    }

    /// The digest that the block of the object has that begins at a byte, a multiple of [`block_size`](Self::block_size).
    /// `None` where it cannot be told.
    pub(super) fn block_digest_at(&self, at: u64) -> Option<BlockDigest> {
        let content = self.object.content.as_ref()?;
        self.copy.digest_at(at, content.block_shift).ok().flatten()
    }

    /// Bytes of the object that are checked together.
    pub(super) fn block_size(&self) -> u64 {
        self.object.content.as_ref().map_or(1, |content| 1 << content.block_shift)
    }

    /// Reads from another copy of the same generation, and goes on with that one.
    fn read_elsewhere(&mut self, buffer: &mut [u8], offset: u64, first: Error) -> Result<usize> {
        let engine = self.store.engine();
        let Some(content) = self.object.content.clone() else { return Err(first) };
        for copy in self.object.copies.iter().filter(|copy| copy.tier != self.tier) {
            let Ok(Some(reader)) = engine.try_copy(&self.object, &content, copy.tier, ReadFrom::Anywhere)
            else {
                continue;
            };
            if let Ok(read) = reader.read_at(buffer, offset) {
                self.copy = reader;
                self.tier = copy.tier;
                return Ok(read);
            }
        }
        Err(first)
    }

    /// Calls `take` with all bytes in order, in runs of bounded length. Returns the size.
    pub(super) fn each_run(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let store = self.store.clone();
        let mut watch = store.watch(Phase::Get, 1, self.size());
        let size = self.each_run_watched(0, &mut watch, take)?;
        watch.done(1);
        Ok(size)
    }

    /// The same from a byte on, with a watch of the caller's.
    pub(super) fn each_run_watched(
        &mut self,
        from: u64,
        watch: &mut Watch<'_>,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let size = self.size();
        watch.check()?;
        let mut buffer = vec![0; RUN_LEN.min(size as usize)];
        let mut offset = from;
        while offset < size {
            let read = self.read_at(&mut buffer, offset)?;
            take(&buffer[..read])?;
            offset += read as u64;
            watch.bytes(read as u64)?;
        }
        Ok(size)
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_next(buffer).map_err(io::Error::other)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::End(by) => (self.size(), by),
            SeekFrom::Current(by) => (self.position, by),
        };
        self.position = base
            .checked_add_signed(by)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the beginning"))?;
        Ok(self.position)
    }
}
