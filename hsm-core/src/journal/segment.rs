//! Segments: the files of the journal, numbered by serial without gaps.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::TimeNs;
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk, File, FileKind, Mode};
use crate::object::Position;
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::{self, Reader, Writer};

/// Length of a segment's header: where its first group begins.
pub(super) const HEADER_LEN: usize = 128;
const MAGIC: [u8; 8] = *b"hsmjrnl1";

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Its serial, as in its name.
    pub(crate) serial: u64,
    /// Position of the first change in it.
    pub(crate) first: Position,
    /// Checksum of the last group before it.
    pub(crate) chain: u64,
    /// When it was created.
    pub(crate) created_ns: TimeNs,
    /// By which handle.
    pub(crate) instance: u64,
}

/// The directory of segments.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    store_id: [u8; 16],
    /// The segment last written to: commit after commit goes to the same one.
    writing: Mutex<Option<(u64, Arc<dyn File>)>>,
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: PathBuf, store_id: [u8; 16]) -> Self {
        Self { disk, directory, store_id, writing: Mutex::new(None) }
    }

    /// The seed of checksums.
    pub(crate) fn seed(&self) -> u64 {
        wire::store_seed(&self.store_id)
    }

    pub(super) fn path(&self, serial: u64) -> PathBuf {
        self.directory.join(format!("{serial:016x}.seg"))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The serials there are, in order.
    pub(crate) fn serials(&self) -> Result<Vec<u64>> {
        let names = self.disk.read_dir(&self.directory).context("list", &self.directory)?;
        let serial = |(name, kind): (String, FileKind)| {
            let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 16)?;
            (kind == FileKind::File).then(|| u64::from_str_radix(digits, 16).ok())?
        };
        let mut serials: Vec<u64> = names.into_iter().filter_map(serial).collect();
        serials.sort_unstable();
        Ok(serials)
    }

    /// Creates a segment whose header and name are durable. Nothing of the journal is in it yet.
    pub(super) fn create(&self, header: &SegmentHeader) -> Result<()> {
        let path = self.path(header.serial);
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        wire::write_head(&mut bytes, MAGIC, &self.store_id);
        Writer(&mut bytes)
            .u64(header.serial)
            .u64(header.first.epoch)
            .u64(header.first.number)
            .u64(header.chain)
            .i64(header.created_ns)
            .u64(header.instance)
            .zeros(32)
            .seal(&self.store_id);
        // What may stand there is a creation that was interrupted: no reader takes it for a segment.
        let file = match self.disk.open(&path, Mode::Create) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if let Ok(Some(found)) = self.header(header.serial) {
                    return Err(Error::damaged(
                        &path,
                        format!(
                            "segment {} exists already, from change {}",
                            found.serial, found.first.number
                        ),
                    ));
                }
                self.disk.open(&path, Mode::Write)
            }
            opened => opened,
        }
        .context("create", &path)?;
        let made = self.begin_file(&path, &*file, &bytes);
        match &made {
            Ok(()) => *self.writing.lock() = Some((header.serial, file)),
            // A header that is there without being durable must not be taken for a segment by who comes next.
            Err(_) => drop(self.disk.remove_file(&path)),
        }
        made
    }

    fn begin_file(&self, path: &Path, file: &dyn File, header: &[u8]) -> Result<()> {
        file.write_at(header, 0).context("write", path)?;
        file.set_len(HEADER_LEN as u64).context("truncate", path)?;
        file.sync_data().context("sync", path)?;
        if mutant(Mutant::SegmentNameLeftOut) {
            return Ok(());
        }
        self.disk.sync_dir(&self.directory).context("sync", &self.directory)
    }

    /// Makes a segment's header and name durable once more: whoever created it may have died before that was
    /// done, and what is appended to it, or begun behind it, relies on them.
    pub(crate) fn confirm(&self, serial: u64) -> Result<()> {
        let path = self.path(serial);
        let bytes = file::read_whole(&*self.disk, &path, HEADER_LEN as u64).context("read", &path)?;
        let file = self.open_for_writing(serial)?;
        file.write_at(&bytes, 0).context("write", &path)?;
        file.sync_data().context("sync", &path)?;
        self.disk.sync_dir(&self.directory).context("sync", &self.directory)
    }

    /// The header of a segment; `None` when there is no such segment or its header is not whole.
    pub(crate) fn header(&self, serial: u64) -> Result<Option<SegmentHeader>> {
        let path = self.path(serial);
        let bytes = match file::read_whole(&*self.disk, &path, HEADER_LEN as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.context("read", &path)?,
        };
        if bytes.len() < HEADER_LEN || !wire::check_seal(&bytes, &self.store_id) {
            return Ok(None);
        }
        wire::check_head(&bytes, MAGIC, Some(&self.store_id), &path)?;
        let mut reader = Reader(&bytes[wire::HEAD_LENGTH..]);
        let parsed = (|| {
            Some(SegmentHeader {
                serial: reader.u64()?,
                first: Position { epoch: reader.u64()?, number: reader.u64()? },
                chain: reader.u64()?,
                created_ns: reader.i64()?,
                instance: reader.u64()?,
            })
        })();
        Ok(parsed.filter(|header| header.serial == serial))
    }

    /// The header of the first segment there is.
    pub(crate) fn first_header(&self) -> Result<Option<SegmentHeader>> {
        let mut first = self.serials()?.first().copied();
        loop {
            let header = first.map(|serial| self.header(serial)).transpose()?.flatten();
            // It may have been dropped in between.
            let now = self.serials()?.first().copied();
            if header.is_some() || now == first {
                return Ok(header);
            }
            first = now;
        }
    }

    /// Whether a segment was dropped: the journal begins behind it.
    pub(crate) fn is_dropped(&self, serial: u64) -> Result<bool> {
        Ok(self.serials()?.first().is_some_and(|first| *first > serial))
    }

    /// The start of the boot id of this machine, as groups have it.
    pub(super) fn boot(&self) -> u64 {
        wire::store_seed(&self.disk.process().boot_id)
    }

    /// Whether a segment is there, has held more than a header, and its header is not whole: it is damaged. One
    /// that is no longer than a header is a creation that was interrupted.
    pub(crate) fn is_damaged(&self, serial: u64) -> Result<bool> {
        let path = self.path(serial);
        match self.disk.metadata(&path) {
            Ok(found) => Ok(found.len > HEADER_LEN as u64 && self.header(serial)?.is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("look for", &path, &error)),
        }
    }

    /// Refuses where later segments say that the journal does not end with this one.
    pub(super) fn check_nothing_follows(&self, serial: u64) -> Result<()> {
        if self.is_damaged(serial + 1)? {
            return Err(Error::damaged(&self.path(serial + 1), "its header does not match its checksum"));
        }
        match self.serials()?.last() {
            Some(last) if *last > serial + 1 => {
                let path = self.path(serial + 1);
                Err(Error::damaged(&path, format!("it is missing, though segment {last} is there")))
            }
            _ => Ok(()),
        }
    }

    /// Removes a segment: one whose creation was interrupted, or one that a snapshot stands for.
    pub(crate) fn remove(&self, serial: u64) -> Result<()> {
        let path = self.path(serial);
        match self.disk.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.context("remove", &path),
        }
    }

    /// Opens a segment, to be copied.
    pub(crate) fn open(&self, serial: u64) -> Result<Arc<dyn File>> {
        self.open_for_reading(serial)
    }

    pub(super) fn open_for_reading(&self, serial: u64) -> Result<Arc<dyn File>> {
        let path = self.path(serial);
        self.disk.open(&path, Mode::Read).context("open", &path)
    }

    pub(super) fn open_for_writing(&self, serial: u64) -> Result<Arc<dyn File>> {
        let mut writing = self.writing.lock();
        if let Some((open, file)) = &*writing
            && *open == serial
        {
            return Ok(file.clone());
        }
        let path = self.path(serial);
        let file = self.disk.open(&path, Mode::Write).context("open", &path)?;
        *writing = Some((serial, file.clone()));
        Ok(file)
    }

    /// Whether nothing that could be a group lies at `tail`, and no later segment exists: the usual case,
    /// told by one read and one look.
    pub(crate) fn is_end(&self, tail: &super::Tail) -> Result<bool> {
        let path = self.path(tail.segment);
        let mut header = [0; super::group::HEADER_LEN];
        let file = self.open_for_writing(tail.segment)?;
        let read = file.read_at(&mut header, tail.offset).context("read", &path)?;
        if read == header.len() && super::group::group_len(&header).is_some() {
            return Ok(false);
        }
        match self.disk.metadata(&self.path(tail.segment + 1)) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Error::io("look for", &self.path(tail.segment + 1), &error)),
        }
    }

    /// Whether a group ends at `tail` with the checksum that `tail` says: the point is one this journal passes
    /// through.
    ///
    /// # Errors
    ///
    /// `StoreDamaged` where it may have been, but the bytes are no longer those of any group.
    pub(crate) fn ends_with(&self, tail: &super::Tail) -> Result<bool> {
        let Some(header) = self.header(tail.segment)? else {
            return if self.is_damaged(tail.segment)? {
                Err(Error::damaged(&self.path(tail.segment), "its header does not match its checksum"))
            } else {
                Ok(false)
            };
        };
        if tail.before == 0 {
            return Ok(header.chain == tail.chain && tail.offset == HEADER_LEN as u64);
        }
        let Some(length) =
            tail.offset.checked_sub(tail.before).filter(|length| *length <= super::group::LEN_MAX)
        else {
            return Ok(false);
        };
        let mut bytes = vec![0; length as usize];
        let path = self.path(tail.segment);
        let file = self.open_for_reading(tail.segment)?;
        let read = file.read_at(&mut bytes, tail.before).context("read", &path)?;
        if read < bytes.len() {
            return Ok(false);
        }
        match super::group::sum_of(&bytes, self.seed()) {
            Some(sum) => Ok(sum == tail.chain),
            // Another history may have groups of other lengths here; else what was synced is damaged.
            None if super::beyond::is_group_at(&*file, &path, tail.before, self)? => Ok(false),
            None => Err(Error::damaged(
                &path,
                format!(
                    "the change before number {} is not readable (byte {})",
                    tail.last.number + 1,
                    tail.before
                ),
            )),
        }
    }

    /// Forgets the open segment: after a failed sync its descriptor proves nothing any more.
    pub(super) fn abandon_writing(&self) {
        *self.writing.lock() = None;
    }
}
