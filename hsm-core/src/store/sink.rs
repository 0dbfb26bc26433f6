//! The feed as a file of YAML that other programs follow.
//!
//! A sink is a subscriber whose note says how far its file was written. What is appended next first lies, synced, in a file
//! beside it; then it is acknowledged together with its place in the file; then it is appended. So at every
//! moment either the event is not acknowledged and not in the file, or its bytes are at hand and their place is known: a restart
//! ends what was begun, and no event is there twice or missing. `docs/format.md`, section 7.2.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Store;
use super::subscription::{Next, Subscription};
use crate::catalog::{Durability, Query};
use crate::error::{Error, IoContext, Result};
use crate::event::yaml::{self, Tag};
use crate::event::{Event, EventKind, EventKinds, Filter, Gap};
use crate::file::{self, Disk, File, Mode};
use crate::integrity::block_digest;
use crate::journal::{Change, Subject};
use crate::object::Position;
use crate::wire::{Reader, Writer};

/// Events that are read together at most.
const EVENTS_AT_ONCE: usize = 4096;
/// A batch is written when it has grown to so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// No batch is longer: what the largest object's attributes take when every byte is escaped, and a full batch.
const BATCH_BYTES_MAX: u64 = 8 << 20;
/// Objects that are listed together behind a gap.
const OBJECTS_AT_ONCE: usize = 1000;

/// How a sink writes its file.
#[derive(Debug, Clone, Default)]
pub struct SinkOptions {
    after: Position,
    max_bytes: u64,
    keep: u64,
}

impl SinkOptions {
    /// From the first change on, in one file that grows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the file begins, when the sink is opened for the first time: behind this change.
    #[must_use]
    pub fn after(mut self, after: Position) -> Self {
        self.after = after;
        self
    }

    /// The file is renamed, to its name and a number that counts up, before it would become longer than `max_bytes`; 0: never.
    /// Of those files the last `keep` are kept; 0: all.
    #[must_use]
    pub fn rotate(mut self, max_bytes: u64, keep: u64) -> Self {
        (self.max_bytes, self.keep) = (max_bytes, keep);
        self
    }
}

/// Mirrors the feed into a file of YAML, for programs that follow one: see [`Store::sink`].
#[derive(Debug)]
pub struct Sink {
    store: Store,
    subscription: Subscription,
    options: SinkOptions,
    path: PathBuf,
    file: Arc<dyn File>,
    /// What is appended next. Locked: one sink writes a file.
    next: Arc<dyn File>,
    next_path: PathBuf,
    /// The number that the file gets when it is rotated.
    rotation: u64,
    /// Its length.
    len: u64,
    /// Something failed half way; a new sink finds out what.
    failed: bool,
}

/// What a sink notes with its position: the batch that is appended once this is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Note {
    rotation: u64,
    offset: u64,
    len: u64,
    digest: [u8; 16],
}

impl Note {
    fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40);
        Writer(&mut bytes).u64(self.rotation).u64(self.offset).u64(self.len).bytes(&self.digest);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (rotation, offset, len) = (reader.u64()?, reader.u64()?, reader.u64()?);
        Some(Self { rotation, offset, len, digest: reader.array()? })
    }
}

impl Store {
    /// Opens a sink: the subscriber `name`, made if there is none, whose events go into the file at `path` as documents in
    /// the format of the event feed of IO-SEA's Hestia. [`Sink::pump`] writes.
    ///
    /// The documents tell of objects: `!create`, `!read`, `!update` and `!remove`, the first and third with what the object
    /// is when the document is written. Reads come as late and as seldom as accesses are recorded
    /// ([`set_access_staleness`](Self::set_access_staleness)). The file only grows, and each batch of it is synced. A file that was moved away is begun anew.
    ///
    /// # Errors
    ///
    /// `Busy` while another sink has that name or writes that file; `ReadOnly` through a handle that may not write.
    pub fn sink(&self, name: &str, path: impl AsRef<Path>, options: &SinkOptions) -> Result<Sink> {
        let path = std::path::absolute(path.as_ref()).context("find", path.as_ref())?;
        let disk = &*self.engine().disk;
        let next_path = beside(&path, "next");
        let kinds = [
            EventKind::Put,
            EventKind::CopyAdded,
            EventKind::CopyDropped,
            EventKind::AttributesSet,
            EventKind::Removed,
            EventKind::Undeleted,
            EventKind::Accessed,
        ];
        let kinds = kinds.into_iter().fold(EventKinds::new(), EventKinds::with);
        let filter = Filter { kinds: Some(kinds), ..Filter::default() };
        let next = disk.open(&next_path, Mode::OpenOrCreate).context("open", &next_path)?;
        if !next.try_lock(0..1, true).context("lock", &next_path)? {
            return Err(Error::Busy {
                what: format!("the sink that writes {}", path.display()),
                waited_s: 0,
            });
        }
        let is_there = disk.metadata(&path).is_ok();
        let file = open_file(disk, &path)?;
        let subscription = match self.subscription(name, &filter) {
            Err(Error::SubscriberNotFound { .. }) => {
                self.subscribe(name, options.after)?;
                self.subscription(name, &filter)?
            }
            subscription => subscription?,
        };
        let note = Note::decode(subscription.note()).unwrap_or_default();
        let (rotation, is_rotated) = free_number(disk, &path, note.rotation)?;
        let mut sink = Sink {
            store: self.clone(),
            subscription,
            options: options.clone(),
            len: file.len().context("look at", &path)?,
            path,
            file,
            next,
            next_path,
            rotation,
            failed: false,
        };
        if is_there && !is_rotated {
            sink.end(note)?;
        }
        Ok(sink)
    }
}

/// The file, its name synced.
fn open_file(disk: &dyn Disk, path: &Path) -> Result<Arc<dyn File>> {
    let file = disk.open(path, Mode::OpenOrCreate).context("open", path)?;
    file::sync_parent(disk, path).context("sync", path)?;
    Ok(file)
}

/// The first number from `first` on that no file has, and whether that is another one.
fn free_number(disk: &dyn Disk, path: &Path, first: u64) -> Result<(u64, bool)> {
    let mut number = first;
    loop {
        let rotated = numbered(path, number);
        match disk.metadata(&rotated) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((number, number != first)),
            found => found.context("look at", &rotated)?,
        };
        number += 1;
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    beside(path, &number.to_string())
}

impl Sink {
    /// Writes what is there, and where nothing is, waits for it, at most for `timeout` (`None`: for as long as it takes). Answers
    /// how many documents it wrote; 0: nothing came in time.
    ///
    /// Changes that the store no longer has are a remark in the file, and all objects that changed since follow, as they
    /// are now; only those come again if that is interrupted.
    ///
    /// # Errors
    ///
    /// `Io` where the file cannot be written, on a full disk for instance. Then the sink is of no more use: a new one, opened
    /// once the cause is gone, ends what was begun and goes on.
    pub fn pump(&mut self, timeout: Option<Duration>) -> Result<u64> {
        if self.failed {
            return Err(Error::invalid(
                "sink",
                "it failed before; open it again, and it goes on where it was",
            ));
        }
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let next = self.subscription.next(EVENTS_AT_ONCE, left)?;
            // From here on it is behind what it read.
            self.failed = true;
            let written = match next {
                Next::TimedOut => None,
                Next::Events(events) => Some(self.events(&events)?),
                Next::Gap(gap) => Some(self.gap(gap)?),
            };
            self.failed = false;
            match written {
                None => return Ok(0),
                Some(0) => {} // Of datasets: the file tells nothing of them.
                Some(written) => return Ok(written),
            }
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn events(&mut self, events: &[Event]) -> Result<u64> {
        let (mut batch, mut written) = (Vec::new(), 0);
        for (at, event) in events.iter().enumerate() {
            written += u64::from(self.document(&mut batch, event)?);
            let is_last = at + 1 == events.len();
            if batch.len() >= BATCH_BYTES || is_last {
                // Behind the last come those that the filter passed over.
                let position = if is_last { self.subscription.position() } else { event.position };
                self.append(&batch, position)?;
                batch.clear();
            }
        }
        Ok(written)
    }

    fn document(&self, batch: &mut Vec<u8>, event: &Event) -> Result<bool> {
        if let Change::Accessed { object, accessed_ns } = event.change {
            yaml::write(batch, Tag::Read, accessed_ns, object, None);
            return Ok(true);
        }
        let (id, tag) = match &event.change {
            Change::Put { object, new: true, .. } | Change::Undeleted { object, .. } => {
                (*object, Tag::Create)
            }
            Change::Put { object, .. }
            | Change::CopyAdded { object, .. }
            | Change::CopyDropped { object, .. }
            | Change::AttributesSet { subject: Subject::Object(object), .. } => (*object, Tag::Update),
            Change::Removed { object, .. } => (*object, Tag::Remove),
            _ => return Ok(false),
        };
        // As it is now. One that is purged already has nothing to show but that it was there.
        let object = if tag == Tag::Remove { None } else { self.store.engine().catalog.object(id)? };
        yaml::write(batch, tag, event.time_ns, id, object.as_ref());
        Ok(true)
    }

    fn gap(&mut self, gap: Gap) -> Result<u64> {
        let acked = self.subscription.acked().unwrap_or_default();
        let (mut batch, mut written, mut after) = (Vec::new(), 0, None);
        let (from, to) = (gap.from.number, gap.to.number);
        let remark =
            format!("changes {from} to {to} are not known any more; the objects that changed since follow");
        yaml::write_remark(&mut batch, &remark);
        // Who was told of nothing yet knows none of them.
        let tag = if from <= 1 { Tag::Create } else { Tag::Update };
        let query = Query { changed_after: Some(from.saturating_sub(1)), ..Query::default() };
        loop {
            let page = self.store.page(&query, after.as_ref(), OBJECTS_AT_ONCE)?;
            for (_, object) in page.items {
                yaml::write(&mut batch, tag, object.modified_ns, object.id, Some(&object));
                written += 1;
                if batch.len() >= BATCH_BYTES {
                    self.append(&batch, acked)?;
                    batch.clear();
                }
            }
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        self.append(&batch, self.subscription.position())?;
        Ok(written)
    }

    /// Appends what lies in the feed up to `position`, in the order that a crash can be told by.
    fn append(&mut self, batch: &[u8], position: Position) -> Result<()> {
        if batch.is_empty() {
            // Nothing is lost if this is not remembered.
            return self.subscription.ack(position, Durability::Relaxed);
        }
        let len = batch.len() as u64;
        if self.options.max_bytes > 0 && self.len > 0 && self.len + len > self.options.max_bytes {
            self.rotate()?;
        }
        self.next.write_at(batch, 0).context("write", &self.next_path)?;
        self.next.sync_data().context("sync", &self.next_path)?;
        let note = Note { rotation: self.rotation, offset: self.len, len, digest: block_digest(batch) };
        self.subscription.mark(position, note.encode(), Durability::Durable)?;
        self.write(batch, self.len)
    }

    fn write(&mut self, batch: &[u8], offset: u64) -> Result<()> {
        self.file.write_at(batch, offset).context("write", &self.path)?;
        self.file.sync_data().context("sync", &self.path)?;
        self.len = offset + batch.len() as u64;
        Ok(())
    }

    /// Ends what was noted before a crash. The batch before it was synced before.
    fn end(&mut self, note: Note) -> Result<()> {
        let is_ours = self.len >= note.offset && self.len <= note.offset + note.len;
        if note.len == 0 || note.len > BATCH_BYTES_MAX || !is_ours {
            return Ok(()); // A file that others wrote to, or cut, is gone on with at its end.
        }
        let mut batch = vec![0; note.len as usize];
        let read = self.next.read_at(&mut batch, 0).context("read", &self.next_path)?;
        if read < batch.len() || block_digest(&batch) != note.digest {
            return Ok(()); // That is the next one, not yet noted; so this one was written and synced.
        }
        self.write(&batch, note.offset)
    }

    fn rotate(&mut self) -> Result<()> {
        let disk = self.store.engine().disk.clone();
        let rotated = numbered(&self.path, self.rotation);
        disk.rename(&self.path, &rotated).context("rename", &self.path)?;
        self.file = open_file(&*disk, &self.path)?;
        self.len = 0;
        if let Some(old) = self.rotation.checked_sub(self.options.keep).filter(|_| self.options.keep > 0) {
            let old = numbered(&self.path, old);
            match disk.remove_file(&old) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.context("remove", &old)?,
            }
        }
        (self.rotation, _) = free_number(&*disk, &self.path, self.rotation + 1)?;
        Ok(())
    }
}
