//! The file in which a subscriber's position lies: `docs/format.md`, section 7.1.
//!
//! A head that never changes, and two slots. A position is written to the slot that does not hold the last durable
//! one, so whatever becomes of that write, one position of the two is whole, and it is one that was acknowledged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::TimeNs;
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk, File, Mode};
use crate::integrity::block_digest;
use crate::object::Position;
use crate::wire::{self, Reader, Writer};

const MAGIC: [u8; 8] = *b"hsmsubsc";
/// Bytes of the head, and of a slot.
const PART_LEN: usize = 512;
const SLOTS: usize = 2;
const FILE_LEN: usize = PART_LEN * (1 + SLOTS);
/// The byte that whoever follows has locked.
const LOCKED: std::ops::Range<u64> = 0..1;
/// Bytes of a name, at most.
pub(super) const NAME_LEN_MAX: usize = 255;
/// Bytes of a note, at most.
pub(crate) const NOTE_LEN_MAX: usize = 256;
/// What the names of these files end in.
const SUFFIX: &str = ".sub";

/// The directory of these files.
pub(super) fn directory(store: &Path) -> PathBuf {
    store.join("subscribers")
}

/// Where the file of a subscriber lies.
pub(super) fn path(store: &Path, store_id: &[u8; 16], name: &str) -> PathBuf {
    let digest = block_digest(&[store_id, name.as_bytes()].concat());
    directory(store).join(format!("{:032x}{SUFFIX}", u128::from_be_bytes(digest)))
}

/// Whether a name in the directory is that of a subscriber's file.
pub(super) fn is_ours(name: &str) -> bool {
    name.len() == 32 + SUFFIX.len() && name.ends_with(SUFFIX)
}

/// A position, and what its subscriber wrote down with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    /// When it was acknowledged.
    pub(crate) at_ns: TimeNs,
    pub(crate) note: Vec<u8>,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) created_ns: TimeNs,
    sequence: u64,
    slot: usize,
    pub(super) mark: Mark,
}

/// Makes the file of a new subscriber, durably.
pub(super) fn create(
    disk: &dyn Disk,
    path: &Path,
    store_id: &[u8; 16],
    name: &str,
    created_ns: TimeNs,
    mark: &Mark,
) -> Result<()> {
    let mut bytes = Vec::with_capacity(FILE_LEN);
    wire::write_head(&mut bytes, MAGIC, store_id);
    Writer(&mut bytes).i64(created_ns).b16(name.as_bytes());
    bytes.resize(PART_LEN - 8, 0);
    Writer(&mut bytes).seal(store_id);
    bytes.extend(encode(store_id, 1, mark));
    bytes.resize(FILE_LEN, 0);
    file::write_whole(disk, path, &bytes).context("write", path)
}

fn encode(store_id: &[u8; 16], sequence: u64, mark: &Mark) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PART_LEN);
    Writer(&mut bytes)
        .u64(sequence)
        .u64(mark.position.epoch)
        .u64(mark.position.number)
        .i64(mark.at_ns)
        .b16(&mark.note);
    bytes.resize(PART_LEN - 8, 0);
    Writer(&mut bytes).seal(store_id);
    bytes
}

fn decode(slot: &[u8], store_id: &[u8; 16]) -> Option<(u64, Mark)> {
    if !wire::check_seal(slot, store_id) {
        return None;
    }
    let mut reader = Reader(slot);
    let sequence = reader.u64().filter(|sequence| *sequence > 0)?;
    let position = Position { epoch: reader.u64()?, number: reader.u64()? };
    let (at_ns, note) = (reader.i64()?, reader.b16()?.to_vec());
    Some((sequence, Mark { position, at_ns, note }))
}

fn parse(bytes: &[u8], path: &Path, store_id: &[u8; 16]) -> Result<Found> {
    let damaged = |what: &str| {
        Error::damaged(
            path,
            format!("{what}; drop the subscriber and subscribe again at a position you know"),
        )
    };
    let head = bytes.get(..PART_LEN).filter(|head| wire::check_seal(head, store_id));
    let head = head.ok_or_else(|| damaged("its head does not match its checksum"))?;
    wire::check_head(head, MAGIC, Some(store_id), path)?;
    let mut reader = Reader(&head[wire::HEAD_LENGTH..]);
    let (created_ns, name) =
        (|| Some((reader.i64()?, std::str::from_utf8(reader.b16()?).ok()?.to_owned())))()
            .ok_or_else(|| damaged("its head has no name"))?;
    let slots = bytes[PART_LEN..].chunks_exact(PART_LEN).enumerate();
    let whole = slots.filter_map(|(slot, bytes)| decode(bytes, store_id).map(|found| (slot, found)));
    let (slot, (sequence, mark)) = whole
        .max_by_key(|(_, (sequence, _))| *sequence)
        .ok_or_else(|| damaged("neither of its positions is whole"))?;
    Ok(Found { name, created_ns, sequence, slot, mark })
}

/// Reads the file of a subscriber; `None` where there is none.
pub(super) fn read(disk: &dyn Disk, path: &Path, store_id: &[u8; 16]) -> Result<Option<Found>> {
    match file::read_whole(disk, path, FILE_LEN as u64) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => parse(&bytes.context("read", path)?, path, store_id).map(Some),
    }
}

/// Whether somebody follows with this file. In the way of nobody who is about to.
pub(super) fn is_followed(disk: &dyn Disk, path: &Path) -> Result<bool> {
    let file = disk.open(path, Mode::Read).context("open", path)?;
    file.is_locked(LOCKED).context("look for a lock of", path)
}

/// The file of a subscriber, open for the one who follows with it.
#[derive(Debug)]
pub(crate) struct Bookmark {
    file: Arc<dyn File>,
    path: PathBuf,
    store_id: [u8; 16],
    sequence: u64,
    /// Where the last durable position lies.
    durable: usize,
    mark: Mark,
}

impl Bookmark {
    /// Opens it. `None`: there is none of this name. Fails with `Busy` where somebody else has it.
    pub(super) fn open(
        disk: &dyn Disk,
        path: &Path,
        store_id: &[u8; 16],
        name: &str,
    ) -> Result<Option<Self>> {
        let file = match disk.open(path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.context("open", path)?,
        };
        if !file.try_lock(LOCKED, true).context("lock", path)? {
            return Err(Error::Busy { what: format!("the subscription of {name:?}"), waited_s: 0 });
        }
        let mut bytes = vec![0; FILE_LEN];
        let read = file.read_at(&mut bytes, 0).context("read", path)?;
        bytes.resize(read, 0);
        let Found { sequence, slot, mark, .. } = parse(&bytes, path, store_id)?;
        let mut bookmark =
            Self { file, path: path.to_owned(), store_id: *store_id, sequence, durable: slot, mark };
        // Whoever wrote it may have died before it was synced, or behind a sync that failed.
        bookmark.write(slot)?;
        bookmark.sync()?;
        Ok(Some(bookmark))
    }

    /// What was acknowledged last.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Acknowledges. After an error it is the old mark or the new one.
    pub(crate) fn set(&mut self, mark: Mark, durable: bool) -> Result<()> {
        debug_assert!(mark.note.len() <= NOTE_LEN_MAX);
        let slot = (self.durable + 1) % SLOTS;
        let before = std::mem::replace(&mut self.mark, mark);
        self.sequence += 1;
        let written = self.write(slot).and_then(|()| if durable { self.sync() } else { Ok(()) });
        match written {
            Ok(()) if durable => self.durable = slot,
            Ok(()) => {}
            Err(error) => {
                self.mark = before;
                return Err(error);
            }
        }
        Ok(())
    }

    fn write(&mut self, slot: usize) -> Result<()> {
        let bytes = encode(&self.store_id, self.sequence, &self.mark);
        self.file.write_at(&bytes, (PART_LEN * (1 + slot)) as u64).context("write", &self.path)
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data().context("sync", &self.path)
    }
}
