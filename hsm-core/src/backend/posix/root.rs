//! The root of a tier: its marker `HSM-TIER`, and `HSM-SEEN` (`docs/format.md`, section 3).
//!
//! The marker tells a root from the empty directory that an unmounted disk leaves, and from another disk
//! that was mounted in its place. `HSM-SEEN` tells a store that it is older than its roots.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::DATA;
use super::side::SIDE;
use crate::clock::TimeNs;
use crate::error::{Error, IoContext, Result};
use crate::file::{Disk, File, Mode, read_whole, sync_parent, write_whole};
use crate::integrity::checksum;
use crate::object::{Position, TierIndex};
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::{HEAD_LENGTH, Reader, Writer, check_head, store_seed, write_head};

pub(super) const MARKER: &str = "HSM-TIER";
const MARKER_MAGIC: [u8; 8] = *b"hsmtierm";
const MARKER_LENGTH: usize = 80;

const SEEN: &str = "HSM-SEEN";
const SEEN_MAGIC: [u8; 8] = *b"hsmseen1";
/// One sector: it is written whole or not at all, and a torn one leaves the other slot.
const SLOT_LENGTH: usize = 512;
const SLOT_USED: usize = 80;
/// Behind what every version writes: who began the epoch, and a checksum of its own.
const SLOT_USED_SINCE: usize = 96;

/// A byte of the marker's file, far behind what is in it: locked by whoever removes from the root, together with others
/// who do, and by whoever takes the root over, alone.
const HELD: Range<u64> = 1 << 40..(1 << 40) + 1;
/// Longer than a page of removals takes.
const HOLD_WAIT_MAX: Duration = Duration::from_secs(30);
const HOLD_PAUSE: Duration = Duration::from_millis(1);

/// A root that does not change hands until this is dropped.
#[derive(Debug, Default)]
pub struct Held {
    /// None where there is nothing to be held, or no way to: in memory, on a file system without locks.
    _file: Option<Arc<dyn File>>,
}

/// Whose root a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootIdentity {
    /// The store.
    pub store_id: [u8; 16],
    /// The tier.
    pub tier: TierIndex,
    /// Drawn when the root was made: tells it from an earlier root of the same tier.
    pub incarnation: [u8; 16],
}

/// What a root has seen of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// How far the journal had come.
    pub position: Position,
    /// The writer instance that began the epoch: it tells two journals apart that went on from one and counted alike.
    /// 0: not known.
    pub begun_by: u64,
}

/// Appends the checksum of what `bytes` holds so far.
fn seal(bytes: &mut Vec<u8>, store_id: &[u8; 16]) {
    let sum = checksum(store_seed(store_id), bytes);
    Writer(bytes).u64(sum);
}

/// Whether the last 8 bytes are the checksum of those before, by the store that the head names.
fn is_sealed(bytes: &[u8]) -> bool {
    let Some((covered, sum)) = bytes.split_last_chunk::<8>() else { return false };
    let Some(store_id) = covered.get(24..HEAD_LENGTH).and_then(|id| id.try_into().ok()) else { return false };
    checksum(store_seed(store_id), covered) == u64::from_le_bytes(*sum)
}

fn marker(identity: &RootIdentity, created_ns: TimeNs) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MARKER_LENGTH);
    write_head(&mut bytes, MARKER_MAGIC, &identity.store_id);
    Writer(&mut bytes).u8(identity.tier).zeros(7).bytes(&identity.incarnation).i64(created_ns);
    seal(&mut bytes, &identity.store_id);
    bytes
}

/// Reads the marker of whatever store it is. `None`: there is none.
pub(super) fn read_marker(disk: &dyn Disk, root: &Path) -> Result<Option<RootIdentity>> {
    let path = root.join(MARKER);
    let bytes = match read_whole(disk, &path, MARKER_LENGTH as u64) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        read => read.context("read", &path)?,
    };
    if bytes.len() != MARKER_LENGTH || !is_sealed(&bytes) {
        return Err(Error::damaged(&path, "its checksum does not match"));
    }
    check_head(&bytes, MARKER_MAGIC, None, &path)?;
    let fields = (|| {
        let mut reader = Reader(&bytes[24..]);
        let (store_id, tier, _) = (reader.array()?, reader.u8()?, reader.bytes(7)?);
        Some(RootIdentity { store_id, tier, incarnation: reader.array()? })
    })();
    fields.map(Some).ok_or_else(|| Error::damaged(&path, "it is too short"))
}

/// Checks that the root is there and ours.
pub(super) fn check(disk: &dyn Disk, root: &Path, identity: &RootIdentity) -> Result<()> {
    let shown = root.display();
    let detail = match read_marker(disk, root) {
        Ok(Some(found)) if found == *identity => return Ok(()),
        Ok(None) => {
            format!("{shown} has no {MARKER}; mount its file system there, or declare the tier lost")
        }
        Ok(Some(found)) if found.store_id != identity.store_id => {
            format!("{shown} belongs to another store; mount the right file system there")
        }
        Ok(Some(found)) if found.tier != identity.tier => {
            format!("{shown} belongs to tier {}; mount the right file system there", found.tier)
        }
        Ok(Some(_)) => {
            format!("{shown} holds another root of this tier; mount the one the store knows there")
        }
        Err(newer @ Error::NewerFormat { .. }) => return Err(newer),
        Err(error) => format!("{error}; repair its file system, or declare the tier lost"),
    };
    Err(Error::TierOffline { tier: identity.tier, detail })
}

/// Keeps the root from being taken over; `alone`: waits too until nobody removes anything from it.
pub(super) fn hold(disk: &dyn Disk, root: &Path, identity: &RootIdentity, alone: bool) -> Result<Held> {
    if mutant(Mutant::RootNotHeld) {
        return Ok(Held::default());
    }
    let path = root.join(MARKER);
    let file = match disk.open(&path, if alone { Mode::Write } else { Mode::Read }) {
        Ok(file) => file,
        Err(error) => {
            check(disk, root, identity)?; // It is not there, or is another.
            return Err(Error::io("open", &path, &error));
        }
    };
    let begun = Instant::now();
    loop {
        match file.try_lock(HELD, alone) {
            Ok(true) => return Ok(Held { _file: Some(file) }),
            Ok(false) if begun.elapsed() < HOLD_WAIT_MAX => thread::sleep(HOLD_PAUSE),
            Ok(false) => {
                let what = format!("the root {}, from which another store removes", root.display());
                return Err(Error::Busy { what, waited_s: HOLD_WAIT_MAX.as_secs() });
            }
            Err(_) => return Ok(Held::default()),
        }
    }
}

pub(super) fn create(
    disk: &dyn Disk,
    root: &Path,
    identity: &RootIdentity,
    created_ns: TimeNs,
) -> Result<()> {
    let data = root.join(DATA);
    if let Some(found) = read_marker(disk, root)? {
        let ours = found.store_id == identity.store_id && found.tier == identity.tier;
        let empty = || {
            let snapshots = disk.read_dir(&root.join(SIDE));
            disk.read_dir(&data).is_ok_and(|names| names.is_empty())
                && snapshots
                    .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |names| names.is_empty())
        };
        if found != *identity && !(ours && empty()) {
            let whose = if ours { "with data" } else { "of another store or tier" };
            return Err(Error::Exists { what: format!("a root {whose} at {}", root.display()) });
        }
    }
    for made in [root, &data] {
        match disk.create_dir(made) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create the directory", made, &error));
            }
            _ => sync_parent(disk, made).context("sync the directory above", made)?,
        }
    }
    // The marker comes last: a root with a marker is complete.
    let path = root.join(MARKER);
    match read_marker(disk, root)? {
        Some(found) if found == *identity => Ok(()),
        _ => write_whole(disk, &path, &marker(identity, created_ns)).context("write", &path),
    }
}

/// Makes a root that nothing lies in any more a directory like any other. The marker goes last: until then it is
/// known whose root this was.
pub(super) fn remove(disk: &dyn Disk, root: &Path) -> Result<()> {
    for name in [SEEN, MARKER] {
        let path = root.join(name);
        match disk.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.context("remove", &path)?,
        }
        disk.sync_dir(root).context("sync", root)?;
    }
    Ok(())
}

fn read_slot(whole: &[u8], path: &Path, identity: &RootIdentity) -> Result<Option<Seen>> {
    let Some(slot) = whole.get(..SLOT_USED).filter(|slot| is_sealed(slot)) else { return Ok(None) };
    match check_head(slot, SEEN_MAGIC, Some(&identity.store_id), path) {
        Err(newer @ Error::NewerFormat { .. }) => return Err(newer),
        Err(_) => return Ok(None),
        Ok(_) => {}
    }
    let mut reader = Reader(&slot[HEAD_LENGTH..]);
    let fields = (|| Some((reader.array::<16>()?, reader.u64()?, reader.u64()?)))();
    // Earlier versions wrote zeros there.
    let since = whole.get(..SLOT_USED_SINCE).filter(|slot| is_sealed(slot));
    let begun_by = since.and_then(|slot| Reader(&slot[SLOT_USED..]).u64()).unwrap_or(0);
    Ok(fields
        .filter(|(incarnation, ..)| *incarnation == identity.incarnation)
        .map(|(_, epoch, number)| Seen { position: Position { epoch, number }, begun_by }))
}

/// Both slots; `None` where one is not valid.
fn read_slots(disk: &dyn Disk, root: &Path, identity: &RootIdentity) -> Result<[Option<Seen>; 2]> {
    let path = root.join(SEEN);
    let bytes = match read_whole(disk, &path, 2 * SLOT_LENGTH as u64) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok([None, None]),
        read => read.context("read", &path)?,
    };
    let (first, second) = bytes.split_at(bytes.len().min(SLOT_LENGTH));
    Ok([read_slot(first, &path, identity)?, read_slot(second, &path, identity)?])
}

pub(super) fn seen(disk: &dyn Disk, root: &Path, identity: &RootIdentity) -> Result<Option<Seen>> {
    let [first, second] = read_slots(disk, root, identity)?;
    let found = first.max(second);
    if found.is_none() {
        check(disk, root, identity)?; // Nothing was noted, or nothing is mounted?
    }
    Ok(found)
}

pub(super) fn mark_seen(disk: &dyn Disk, root: &Path, identity: &RootIdentity, seen: Seen) -> Result<()> {
    let [first, second] = read_slots(disk, root, identity)?;
    let Seen { position, begun_by } = seen;
    if first.max(second).is_some_and(|before| before.position >= position) {
        return Ok(());
    }
    let mut slot = Vec::with_capacity(SLOT_LENGTH);
    write_head(&mut slot, SEEN_MAGIC, &identity.store_id);
    Writer(&mut slot).bytes(&identity.incarnation).u64(position.epoch).u64(position.number);
    seal(&mut slot, &identity.store_id);
    Writer(&mut slot).u64(begun_by);
    seal(&mut slot, &identity.store_id);
    slot.resize(SLOT_LENGTH, 0);

    let path = root.join(SEEN);
    let offset = if first > second { SLOT_LENGTH as u64 } else { 0 };
    let file = disk.open(&path, Mode::OpenOrCreate).context("open", &path)?;
    file.write_at(&slot, offset).context("write", &path)?;
    file.sync_data().context("sync", &path)?;
    if first.or(second).is_none() {
        sync_parent(disk, &path).context("sync the directory of", &path)?;
    }
    Ok(())
}
