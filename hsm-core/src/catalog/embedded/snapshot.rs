//! Snapshots: copies of the index, made while it is in use, from which it can be restored.
//!
//! One that is kept elsewhere takes the end of the journal along, and where the index lies in memory the whole
//! journal.

use std::path::{Path, PathBuf};

use super::commit::{begin, commit as end};
use super::index::{Index, IndexPlace, failed};
use super::{Embedded, Ground, lookup, recover};
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk, Mode, OsDisk};
use crate::journal::{Segments, Tail};
use crate::object::Position;
use crate::tier::kept::Source;

/// What SQLite keeps beside a database, and the database itself.
const BESIDE_SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// What the copy of the index is called in a snapshot that is kept elsewhere, and what segments end in.
const INDEX: &str = "db";
const SEGMENT: &str = "seg";
/// Bytes copied at once.
const COPY_LEN: usize = 1 << 20;

/// The directory of a store's snapshots.
pub(super) fn directory(ground: &Ground) -> PathBuf {
    ground.directory.join("snapshots")
}

/// Names of snapshots, the newest first. They sort by epoch and number.
pub(super) fn newest_first(ground: &Ground) -> Result<Vec<String>> {
    let directory = directory(ground);
    let names = match ground.disk.read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.context("list", &directory)?,
    };
    let is_snapshot = |name: &String| name.len() == 36 && name.strip_suffix(".db").is_some();
    let mut names: Vec<String> = names.into_iter().map(|(name, _)| name).filter(is_snapshot).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// Removes what interrupted snapshots left. Called by a handle that is alone.
pub(super) fn remove_interrupted(ground: &Ground) -> Result<()> {
    let directory = directory(ground);
    let names = match ground.disk.read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        names => names.context("list", &directory)?,
    };
    for (name, _) in names.iter().filter(|(name, _)| name.strip_suffix(".new").is_some()) {
        let path = directory.join(name);
        ground.disk.remove_file(&path).context("remove", &path)?;
    }
    remove_beside_index(ground)
}

/// The same beside the index, where a snapshot begins and where a restored one arrives.
fn remove_beside_index(ground: &Ground) -> Result<()> {
    let IndexPlace::File(path) = &ground.index else { return Ok(()) };
    let Some(directory) = path.parent() else { return Ok(()) };
    let names = match OsDisk::new().read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        names => names.context("list", directory)?,
    };
    for (name, _) in names {
        let stem = BESIDE_SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
        let is_ours = |stem: &str| {
            let instance = stem.strip_prefix("snapshot-").and_then(|rest| rest.strip_suffix(".new"));
            instance.is_some_and(|hex| hex.len() == 16 && u64::from_str_radix(hex, 16).is_ok())
        };
        if name == "index.new" || stem.into_iter().any(is_ours) {
            remove_if_there(&directory.join(&name))?;
        }
    }
    Ok(())
}

/// Puts a snapshot in the place of the index. `None`: it is damaged, or of another journal.
pub(super) fn restore(ground: &Ground, segments: &Segments, name: &str) -> Result<Option<Index>> {
    let from = directory(ground).join(name);
    let IndexPlace::File(path) = &ground.index else { return restore_to_memory(ground, segments, &from) };
    let beside = path.with_extension("new");
    copy(&*ground.disk, &from, &OsDisk::new(), &beside)?;
    OsDisk::new().rename(&beside, path).context("rename", path)?;
    file::sync_parent(&OsDisk::new(), path).context("sync", path)?;
    let index = Index::open_alone(&ground.index, ground.exclusive)?;
    let good = {
        let writer = index.writer();
        // Reads every page, and so checks every page's checksum.
        let verdict: String = writer
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(failed("check a snapshot"))?;
        let state = lookup::must_state(&writer)?;
        verdict == "ok" && state.store == ground.store_id && recover::is_past_of(segments, &state)?
    };
    Ok(good.then_some(index))
}

/// The same for an index in memory. SQLite has to find the snapshot: on another disk than the operating system's it does not.
fn restore_to_memory(ground: &Ground, segments: &Segments, from: &Path) -> Result<Option<Index>> {
    if OsDisk::new().metadata(from).is_err() {
        return Ok(None);
    }
    let index = Index::open(&ground.index, ground.exclusive)?;
    let good = index.load(from)? && {
        let state = lookup::must_state(&index.writer())?;
        state.store == ground.store_id && recover::is_past_of(segments, &state)?
    };
    Ok(good.then_some(index))
}

impl Embedded {
    /// Makes a snapshot of all that is durable.
    pub(super) fn make_snapshot(&self) -> Result<Option<Position>> {
        let IndexPlace::File(path) = &self.ground.index else { return Ok(None) };
        // Threads of a handle would write to the same file.
        let _one_at_a_time = self.snapshots.lock();
        let (beside, tail) = self.copy_beside(path)?;
        let position = tail.last;
        let directory = directory(&self.ground);
        file::create_dirs(&*self.ground.disk, &self.ground.directory, &directory)
            .context("create", &directory)?;
        let name = directory.join(format!("{:016x}-{:016x}.db", position.epoch, position.number));
        let target = name.with_extension(format!("{:016x}.new", self.ground.instance));
        let copied = copy(&OsDisk::new(), &beside, &*self.ground.disk, &target);
        remove_copy(&beside)?;
        copied?;
        self.ground.disk.rename(&target, &name).context("rename", &name)?;
        file::sync_parent(&*self.ground.disk, &name).context("sync", &name)?;
        Ok(Some(position))
    }

    /// Writes a copy of the index, at `path`, beside it, and says at which change of the journal it stands. That is
    /// durable.
    fn copy_beside(&self, path: &Path) -> Result<(PathBuf, Tail)> {
        // What is not durable must not be in it: a rebuild could not take it back.
        self.sync_relaxed()?;
        let beside = path.with_file_name(format!("snapshot-{:016x}.new", self.ground.instance));
        remove_copy(&beside)?;
        self.index.copy_to(&beside)?;
        let copy = Index::open(&IndexPlace::File(beside.clone()), true)?;
        let connection = copy.writer();
        let mut state = lookup::must_state(&connection)?;
        if state.durable != state.tail {
            // Relaxed changes came in between. Now they are durable, and the copy may say so.
            self.sync_relaxed()?;
            state.durable = state.tail;
            begin(&connection)?;
            lookup::set_state(&connection, &state)?;
            end(&connection)?;
        }
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(failed("make a snapshot"))?;
        if busy != 0 {
            return Err(Error::Busy { what: "the copy of the index".to_owned(), waited_s: 0 });
        }
        Ok((beside, state.tail))
    }

    /// The files of a snapshot that is kept elsewhere: a copy of the index and the segment in which the journal ends
    /// there, or the whole journal where the index lies in memory.
    pub(super) fn snapshot_files(&self) -> Result<(Position, Vec<Source>)> {
        let mut files = Vec::new();
        let (tail, first) = match &self.ground.index {
            IndexPlace::File(path) => {
                let _one_at_a_time = self.snapshots.lock();
                let (beside, tail) = self.copy_beside(path)?;
                let opened = OsDisk::new().open(&beside, Mode::Read).context("open", &beside);
                // Its bytes stay readable where it is open, and no crash leaves them behind.
                remove_copy(&beside)?;
                let file = opened?;
                let length = file.len().context("measure", &beside)?;
                files.push(Source { name: INDEX.to_owned(), file, length });
                (tail, tail.segment)
            }
            IndexPlace::Memory => {
                self.sync_relaxed()?;
                let first = self.segments.first_header()?.map(|header| header.first.number);
                if first != Some(1) {
                    let what = "a snapshot on a tier from an index in memory, of a store that dropped the beginning of its journal; open it with its index in a file";
                    return Err(Error::Unsupported { what: what.to_owned() });
                }
                let first = self.segments.serials()?.first().copied().unwrap_or(1);
                (self.read(lookup::must_state)?.durable, first)
            }
        };
        for serial in first..=tail.segment {
            let file = self.segments.open(serial)?;
            let whole = file.len().context("measure", self.segments.directory())?;
            let length = if serial == tail.segment { tail.offset } else { whole };
            files.push(Source { name: format!("{serial:016x}.{SEGMENT}"), file, length });
        }
        Ok((tail.last, files))
    }

    /// Where a file of a snapshot that was kept elsewhere belongs in a store; `None` for one that is not known.
    pub(crate) fn restored_path(store: &Path, last: Position, name: &str) -> Option<PathBuf> {
        if name == INDEX {
            let name = format!("{:016x}-{:016x}.db", last.epoch, last.number);
            return Some(store.join("snapshots").join(name));
        }
        let serial = name.strip_suffix(SEGMENT)?.strip_suffix('.')?;
        let is_ours = serial.len() == 16 && u64::from_str_radix(serial, 16).is_ok();
        is_ours.then(|| Self::journal_directory(store).join(name))
    }
}

/// Removes a copy beside the index.
fn remove_copy(beside: &Path) -> Result<()> {
    for suffix in BESIDE_SUFFIXES {
        let mut left = beside.to_owned().into_os_string();
        left.push(suffix);
        remove_if_there(left.as_ref())?;
    }
    Ok(())
}

fn remove_if_there(path: &std::path::Path) -> Result<()> {
    match OsDisk::new().remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.context("remove", path),
    }
}

/// Copies a file, from one disk to another, and syncs it.
fn copy(
    from_disk: &dyn Disk,
    from: &std::path::Path,
    to_disk: &dyn Disk,
    to: &std::path::Path,
) -> Result<()> {
    let source = from_disk.open(from, Mode::Read).context("open", from)?;
    let target = to_disk.open(to, Mode::OpenOrCreate).context("create", to)?;
    target.set_len(0).context("truncate", to)?;
    let mut buffer = vec![0; COPY_LEN];
    let mut offset = 0;
    loop {
        let read = source.read_at(&mut buffer, offset).context("read", from)?;
        if read == 0 {
            return target.sync_data().context("sync", to);
        }
        target.write_at(&buffer[..read], offset).context("write", to)?;
        offset += read as u64;
    }
}
