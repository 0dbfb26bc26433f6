//! Snapshots kept on a tier: side files of its root that restore a store of which nothing else is left
//! (`docs/format.md`, section 11.1).
//!
//! - a [`Stem`] names a snapshot: the last change in it, and the instance that made it;
//! - its *list* says which files it has, with their lengths and digests. It is written last and removed first: a
//!   snapshot without one is half-made and means nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::{Backend, PlaceReader, ReadFrom};
use crate::clock::TimeNs;
use crate::error::{Error, Kind, Result};
use crate::file::File;
use crate::integrity::{BlockDigest, BlockHasher};
use crate::monitor::{Phase, Watch};
use crate::object::Position;
use crate::testing_hooks::{Mutant, mutant};
use crate::wire::{self, Reader, Writer};

const MAGIC: [u8; 8] = *b"hsmsnaps";
const LIST: &str = "list";
/// Bytes of a list, at most: some hundred thousand files.
const LIST_LEN_MAX: u64 = 16 << 20;
/// Bytes copied at once.
const COPY_LEN: usize = 1 << 20;
/// The number of characters before the dot: three numbers and two dashes.
const STEM_LEN: usize = 50;

/// Names a snapshot. They sort by what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stem {
    pub(crate) position: Position,
    pub(crate) instance: u64,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedFile {
    /// What follows the stem and a dot.
    pub(crate) name: String,
    pub(crate) length: u64,
    digest: BlockDigest,
}

/// What a snapshot consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    /// When the store was created.
    pub(crate) created_ns: TimeNs,
    /// When the snapshot was made.
    pub(crate) made_ns: TimeNs,
    pub(crate) files: Vec<ListedFile>,
}

/// A file that goes into a snapshot.
#[derive(Debug)]
pub(crate) struct Source {
    /// What follows the stem and a dot.
    pub(crate) name: String,
    pub(crate) file: Arc<dyn File>,
    /// Bytes of it that belong to the snapshot.
    pub(crate) length: u64,
}

impl Stem {
    /// The name of one of its files.
    pub(crate) fn file(self, name: &str) -> String {
        let Self { position: Position { epoch, number }, instance } = self;
        format!("{epoch:016x}-{number:016x}-{instance:016x}.{name}")
    }

    fn of(file: &str) -> Option<(Self, &str)> {
        let (stem, name) = file.split_at_checked(STEM_LEN)?;
        let mut numbers = stem.split('-').map(|digits| u64::from_str_radix(digits, 16).ok());
        let (epoch, number, instance) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some((Self { position: Position { epoch, number }, instance }, name.strip_prefix('.')?))
    }

    fn damaged(self, name: &str, detail: impl Into<String>) -> Error {
        Error::damaged(&PathBuf::from("snapshots").join(self.file(name)), detail)
    }
}

impl List {
    /// Bytes of all its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.length))
    }

    fn encode(&self, store_id: &[u8; 16], stem: Stem) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::write_head(&mut bytes, MAGIC, store_id);
        Writer(&mut bytes)
            .u64(stem.position.epoch)
            .u64(stem.position.number)
            .u64(stem.instance)
            .i64(self.created_ns)
            .i64(self.made_ns)
            .u32(self.files.len() as u32)
            .zeros(4);
        for file in &self.files {
            Writer(&mut bytes).u64(file.length).bytes(&file.digest).b16(file.name.as_bytes());
        }
        Writer(&mut bytes).seal(store_id);
        bytes
    }

    fn decode(bytes: &[u8], store_id: &[u8; 16], stem: Stem) -> Result<Self> {
        if !wire::check_seal(bytes, store_id) {
            return Err(stem.damaged(LIST, "its checksum does not match"));
        }
        wire::check_head(bytes, MAGIC, Some(store_id), Path::new(&stem.file(LIST)))?;
        let mut reader = Reader(&bytes[wire::HEAD_LENGTH..bytes.len() - 8]);
        let decoded = (|| {
            let position = Position { epoch: reader.u64()?, number: reader.u64()? };
            let named = Stem { position, instance: reader.u64()? };
            let (created_ns, made_ns) = (reader.i64()?, reader.i64()?);
            let count = reader.u32()?;
            reader.bytes(4)?;
            let mut files = Vec::new();
            for _ in 0..count {
                let (length, digest) = (reader.u64()?, reader.array()?);
                let name = std::str::from_utf8(reader.b16()?).ok()?.to_owned();
                files.push(ListedFile { name, length, digest });
            }
            (named == stem).then_some(Self { created_ns, made_ns, files })
        })();
        decoded.ok_or_else(|| stem.damaged(LIST, "it is too short, or that of another snapshot"))
    }
}

/// Every snapshot that has a list, the newest first, with what the list says.
pub(crate) fn all(backend: &dyn Backend, store_id: &[u8; 16]) -> Result<Vec<(Stem, Result<List>)>> {
    let mut found = Vec::new();
    for (file, length) in backend.sides()? {
        let Some((stem, LIST)) = Stem::of(&file) else { continue };
        let Some(place) = backend.open_side(&file, ReadFrom::Anywhere)? else { continue };
        let mut bytes = vec![0; length.min(LIST_LEN_MAX) as usize];
        let list = place.read_at(&mut bytes, 0).and_then(|read| List::decode(&bytes[..read], store_id, stem));
        found.push((stem, list));
    }
    found.sort_unstable_by_key(|(stem, _)| std::cmp::Reverse(*stem));
    Ok(found)
}

/// Removes snapshots without a list, but for those that the living may be making.
pub(crate) fn sweep(backend: &dyn Backend, live: &[u64]) -> Result<()> {
    let sides = backend.sides()?;
    let whole: Vec<Stem> = sides
        .iter()
        .filter_map(|(file, _)| Stem::of(file).filter(|(_, name)| *name == LIST))
        .map(|(stem, _)| stem)
        .collect();
    let is_left = |file: &String| {
        Stem::of(file).is_some_and(|(stem, _)| !whole.contains(&stem) && !live.contains(&stem.instance))
    };
    let left: Vec<String> = sides.into_iter().map(|(file, _)| file).filter(is_left).collect();
    if left.is_empty() { Ok(()) } else { backend.remove_sides(&left) }
}

/// Removes a snapshot, its list first.
pub(crate) fn remove(backend: &dyn Backend, stem: Stem) -> Result<()> {
    let list = stem.file(LIST);
    let all = backend.sides()?.into_iter().map(|(file, _)| file);
    let (lists, files): (Vec<_>, Vec<_>) =
        all.filter(|file| Stem::of(file).is_some_and(|(of, _)| of == stem)).partition(|file| *file == list);
    for names in [lists, files] {
        if !names.is_empty() {
            backend.remove_sides(&names)?;
        }
    }
    Ok(())
}

/// Removes snapshots but for the newest `keep` that have a list which can be read. What a later version wrote stays.
pub(crate) fn prune(backend: &dyn Backend, store_id: &[u8; 16], keep: u32) -> Result<()> {
    let mut good = 0;
    for (stem, list) in all(backend, store_id)? {
        match list {
            _ if good >= keep && !list.as_ref().is_err_and(|error| error.kind() == Kind::Unsupported) => {
                remove(backend, stem)?;
            }
            Ok(_) => good += 1,
            Err(_) => {}
        }
    }
    Ok(())
}

/// Writes a snapshot, durably, and reads it back from the medium. Where that fails, nothing of it is left, as far as
/// the backend can still remove it.
pub(crate) fn make(
    backend: &dyn Backend,
    store_id: &[u8; 16],
    stem: Stem,
    times_ns: (TimeNs, TimeNs),
    sources: &[Source],
    watch: &mut Watch<'_>,
) -> Result<()> {
    let made = (|| {
        let (created_ns, made_ns) = times_ns;
        let mut list = List { created_ns, made_ns, files: Vec::new() };
        for source in sources {
            list.files.push(write(backend, stem, source, watch)?);
            watch.objects(1)?;
        }
        check_files(backend, stem, &list, watch)?;
        watch.check()?;
        let bytes = list.encode(store_id, stem);
        backend.put_side(&stem.file(LIST), &bytes)?;
        let mut read_back = vec![0; bytes.len() + 1];
        let read = open(backend, stem, LIST, ReadFrom::Medium)?.read_at(&mut read_back, 0)?;
        if read_back[..read] == bytes { Ok(()) } else { Err(not_as_written(stem, LIST)) }
    })();
    if made.is_err() {
        // If it cannot be removed it has no list, or the next snapshot finds that list damaged.
        let _ = remove(backend, stem);
    }
    made
}

fn not_as_written(stem: Stem, name: &str) -> Error {
    stem.damaged(name, "what is read back from the medium is not what was written")
}

fn open(backend: &dyn Backend, stem: Stem, name: &str, from: ReadFrom) -> Result<Arc<dyn PlaceReader>> {
    backend.open_side(&stem.file(name), from)?.ok_or_else(|| stem.damaged(name, "it is missing"))
}

fn write(backend: &dyn Backend, stem: Stem, source: &Source, watch: &mut Watch<'_>) -> Result<ListedFile> {
    let target = backend.create_side(&stem.file(&source.name))?;
    let path = PathBuf::from(&source.name);
    let read = |buffer: &mut [u8], offset| {
        let wanted = buffer.len().min((source.length - offset) as usize);
        source.file.read_at(&mut buffer[..wanted], offset).map_err(|error| Error::io("read", &path, &error))
    };
    let (length, digest) = copy(read, |bytes, offset| target.write_at(bytes, offset), watch)?;
    if length != source.length {
        return Err(Error::damaged(&path, format!("it ends at byte {length} of {}", source.length)));
    }
    if !mutant(Mutant::SnapshotSyncLeftOut) {
        target.sync()?;
    }
    Ok(ListedFile { name: source.name.clone(), length, digest })
}

/// Reads every file of a snapshot from the medium and compares it with the list.
pub(crate) fn check_files(
    backend: &dyn Backend,
    stem: Stem,
    list: &List,
    watch: &mut Watch<'_>,
) -> Result<()> {
    watch.phase(Phase::Verify);
    for file in &list.files {
        read_file(backend, stem, file, ReadFrom::Medium, |_, _| Ok(()), watch)?;
    }
    Ok(())
}

/// Reads a file of a snapshot into `write`, and compares it with the list at the end.
///
/// # Errors
///
/// Of kind `Corrupt` where it is missing, cannot be read, or is not what the list says.
pub(crate) fn read_file(
    backend: &dyn Backend,
    stem: Stem,
    file: &ListedFile,
    from: ReadFrom,
    write: impl FnMut(&[u8], u64) -> Result<()>,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let place = open(backend, stem, &file.name, from)?;
    let read = |buffer: &mut [u8], offset| {
        place.read_at(buffer, offset).map_err(|error| match error {
            Error::Io { io_kind, .. } if io_kind != io::ErrorKind::NotFound => {
                stem.damaged(&file.name, error.to_string())
            }
            error => error,
        })
    };
    let (length, digest) = copy(read, write, watch)?;
    if (length, digest) == (file.length, file.digest) {
        return Ok(());
    }
    let detail = format!("its {length} bytes are not the {} that its list names", file.length);
    Err(stem.damaged(&file.name, detail))
}

/// Copies to the end, and says how much that was.
fn copy(
    read: impl Fn(&mut [u8], u64) -> Result<usize>,
    mut write: impl FnMut(&[u8], u64) -> Result<()>,
    watch: &mut Watch<'_>,
) -> Result<(u64, BlockDigest)> {
    let (mut hasher, mut buffer, mut offset) = (BlockHasher::new(), vec![0; COPY_LEN], 0);
    loop {
        let count = read(&mut buffer, offset)?;
        if count == 0 {
            return Ok((offset, hasher.finish()));
        }
        write(&buffer[..count], offset)?;
        hasher.write(&buffer[..count]);
        offset += count as u64;
        watch.bytes(count as u64)?;
    }
}
