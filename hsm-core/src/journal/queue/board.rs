//! What those who run actions share, over all handles of a store: streams on tiers, what is owed of tiers, and which
//! owner was served last.
//!
//! A stream is a locked byte: of one that died it is free again. What is owed, and the owner, are small records with a checksum
//! of their own; one that is not whole, after a power loss or in the middle of a write, says nothing, which costs a moment
//! of patience and no more. `docs/format.md`, section 4.

use super::{LockFile, OPEN};
use crate::error::{IoContext, Result};
use crate::object::TierIndex;
use crate::wire::{Reader, Writer, check_seal};

const SERVED_OFFSET: u64 = 1024;
const SERVED_LEN: usize = 512;
const METERS_OFFSET: u64 = 4096;
const METER_LEN: usize = 64;
const SEAL_LEN: usize = 8;
const METERS: u64 = OPEN + 256;
const STREAMS: u64 = 1 << 62;
/// Streams on a tier that can be told apart.
pub(crate) const STREAMS_MAX: u64 = 1 << 24;
/// The lock file is there before its store has an id.
const NOBODY: [u8; 16] = [0; 16];

/// What owners take turns in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turns {
    /// Being run by executors.
    Run = 0,
    /// Being leased.
    Leased = 1,
}

impl LockFile {
    /// Takes a stream on a tier. `false`: another handle has it. Among its own a handle tells them apart itself.
    pub(crate) fn take_stream(&self, tier: TierIndex, stream: u64) -> Result<bool> {
        let at = stream_at(tier, stream);
        self.file.try_lock(at..at + 1, true).context("lock", &self.path)
    }

    /// Gives it back.
    pub(crate) fn leave_stream(&self, tier: TierIndex, stream: u64) {
        let at = stream_at(tier, stream);
        let _ = self.file.unlock(at..at + 1); // Closing the file does it too.
    }

    /// Looks at what is owed of a tier, and changes it, while no other handle does; `None`: one does. Threads of this handle
    /// do so one after the other.
    pub(crate) fn meter<T>(
        &self,
        tier: TierIndex,
        change: impl FnOnce(&mut [i64; 4]) -> T,
    ) -> Result<Option<T>> {
        let at = METERS + u64::from(tier);
        if !self.file.try_lock(at..at + 1, true).context("lock", &self.path)? {
            return Ok(None);
        }
        let changed = self.change_meter(METERS_OFFSET + METER_LEN as u64 * u64::from(tier), change);
        self.file.unlock(at..at + 1).context("unlock", &self.path)?;
        changed.map(Some)
    }

    fn change_meter<T>(&self, offset: u64, change: impl FnOnce(&mut [i64; 4]) -> T) -> Result<T> {
        let mut record = [0; METER_LEN];
        self.file.read_at(&mut record, offset).context("read", &self.path)?;
        let mut before = [0; 4];
        if check_seal(&record, &NOBODY) {
            let mut fields = Reader(&record);
            for field in &mut before {
                *field = fields.i64().unwrap_or(0);
            }
        }
        let mut after = before;
        let answer = change(&mut after);
        if after != before {
            let mut bytes = Vec::with_capacity(METER_LEN);
            for field in after {
                Writer(&mut bytes).i64(field);
            }
            bytes.resize(METER_LEN - SEAL_LEN, 0);
            Writer(&mut bytes).seal(&NOBODY);
            self.file.write_at(&bytes, offset).context("write", &self.path)?;
        }
        Ok(answer)
    }

    /// The owner that was served last. Nobody, where that is not known.
    pub(crate) fn served(&self, turns: Turns) -> String {
        let mut record = [0; SERVED_LEN];
        let is_read = self.file.read_at(&mut record, served_at(turns)).is_ok();
        let owner = || {
            let owner = Reader(&record).b16().filter(|_| check_seal(&record, &NOBODY))?;
            String::from_utf8(owner.to_vec()).ok()
        };
        owner().filter(|_| is_read).unwrap_or_default()
    }

    /// Notes who was served.
    pub(crate) fn note_served(&self, turns: Turns, owner: &str) -> Result<()> {
        let mut record = Vec::with_capacity(SERVED_LEN);
        Writer(&mut record).b16(owner.as_bytes());
        record.resize(SERVED_LEN - SEAL_LEN, 0);
        Writer(&mut record).seal(&NOBODY);
        self.file.write_at(&record, served_at(turns)).context("write", &self.path)
    }
}

fn stream_at(tier: TierIndex, stream: u64) -> u64 {
    STREAMS + u64::from(tier) * STREAMS_MAX + stream
}

fn served_at(turns: Turns) -> u64 {
    SERVED_OFFSET + SERVED_LEN as u64 * turns as u64
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::file::{Disk as _, MemoryDisk, Mode};

    fn open(disk: &MemoryDisk) -> LockFile {
        LockFile::open(disk, Path::new("/lock"), &NOBODY, Duration::from_mins(1)).unwrap()
    }

    #[test]
    fn a_stream_is_one_handles_until_it_gives_it_back_or_is_gone() {
        let disk = MemoryDisk::default();
        let (one, other) = (open(&disk), open(&disk));
        assert!(one.take_stream(255, STREAMS_MAX - 1).unwrap());
        assert!(!other.take_stream(255, STREAMS_MAX - 1).unwrap());
        assert!(other.take_stream(255, 0).unwrap() && other.take_stream(254, STREAMS_MAX - 1).unwrap());
        one.leave_stream(255, STREAMS_MAX - 1);
        assert!(other.take_stream(255, STREAMS_MAX - 1).unwrap());
        drop(other);
        assert!(one.take_stream(255, STREAMS_MAX - 1).unwrap() && one.take_stream(255, 0).unwrap());
    }

    #[test]
    fn what_is_noted_is_read_by_every_handle_and_what_is_damaged_says_nothing() {
        let disk = MemoryDisk::default();
        let (one, other) = (open(&disk), open(&disk));
        assert_eq!(other.served(Turns::Run), "");
        assert_eq!(one.meter(7, |fields| std::mem::replace(fields, [1, 2, 3, 4])).unwrap(), Some([0; 4]));
        one.note_served(Turns::Run, &"o".repeat(255)).unwrap();
        one.note_served(Turns::Leased, "me").unwrap();
        assert_eq!(other.served(Turns::Run), "o".repeat(255));
        assert_eq!(other.served(Turns::Leased), "me");
        assert_eq!(other.meter(7, |fields| *fields).unwrap(), Some([1, 2, 3, 4]));
        assert_eq!(other.meter(8, |fields| *fields).unwrap(), Some([0; 4]));
        let file = disk.open(Path::new("/lock"), Mode::Write).unwrap();
        for at in [served_at(Turns::Leased), METERS_OFFSET + 7 * METER_LEN as u64] {
            file.write_at(&[0xee], at + 3).unwrap();
        }
        assert_eq!(one.served(Turns::Leased), "");
        assert_eq!(one.meter(7, |fields| *fields).unwrap(), Some([0; 4]));
        assert_eq!(one.served(Turns::Run), "o".repeat(255));
    }
}
