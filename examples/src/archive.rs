//! Puts the entries of a tree into a dataset.
//!
//! The format is that of `docs/datasets.md`, so that every other client can restore it:
//!
//! - a key is the path of an entry, as bytes: any name a file can have;
//! - what `lstat` says becomes attributes (`type`, `mode`, `mtime_ns`, `uid`, `gid`, `target`), those of the root
//!   attributes of the dataset;
//! - directories and symbolic links become objects without data;
//! - a file with several names becomes one object with several keys: its bytes are stored once.
//!
//! Small files go in by the batch, one sync for many; a large one is streamed from its path.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use hsm_core::object::{Attributes, DatasetId, Name, ObjectId};
use hsm_core::{Batch, Durability, PutOptions, Store};

use crate::tree::{Entry, Kind, join};
use crate::{Result, show};

/// Files up to this size go through batches. It is what tiers pack by default.
const SMALL_MAX: u64 = 64 << 10;
/// A batch is committed when it holds so many changes, or so many bytes.
const BATCH_LEN: usize = 1000;
const BATCH_BYTES: u64 = 8 << 20;

/// The version of the format, as the dataset says it.
pub const TREE_FORMAT: (&str, &str) = ("tree_format", "1");

/// What went in.
#[derive(Debug, Default, Clone, Copy)]
pub struct Archived {
    /// Entries of any kind.
    pub entries: u64,
    /// Files that went through batches.
    pub small_files: u64,
    /// Files that were streamed.
    pub large_files: u64,
    /// Batches that were committed.
    pub batches: u64,
    /// Bytes in files.
    pub bytes: u64,
}

/// Makes a dataset that holds a tree.
pub fn create(store: &Store, name: &str) -> Result<DatasetId> {
    let (format, version) = TREE_FORMAT;
    Ok(store.create_dataset(name, &Attributes::from([(format, version)]))?)
}

/// Puts every entry of the tree at `root` under its path.
pub fn archive(
    store: &Store,
    dataset: DatasetId,
    root: &Path,
    entries: &[Entry],
    progress: &mut show::Progress,
) -> Result<Archived> {
    let mut archived = Archived::default();
    let mut pending = Pending::new(store);
    // The object of each file with several names, and the names it has yet to get.
    let mut linked: HashMap<(u64, u64), ObjectId> = HashMap::new();
    let mut names: Vec<(ObjectId, Name)> = Vec::new();

    for entry in entries {
        let name = Name { dataset, key: entry.path.clone() };
        progress.step(entry.size);
        archived.entries += 1;
        if let Some(id) = entry.hard_link.and_then(|inode| linked.get(&inode)) {
            names.push((*id, name));
            continue;
        }
        let mut options = PutOptions::name(name);
        options.attributes = attributes(entry);
        if let Some(inode) = entry.hard_link {
            // An id drawn in advance lets the other names be given before the batch is committed.
            let id = store.new_id();
            options.id = Some(id);
            linked.insert(inode, id);
        }
        archived.bytes += entry.size;
        if entry.kind != Kind::File {
            pending.add(None, &options)?;
        } else if entry.size <= SMALL_MAX {
            let bytes = fs::read(join(root, &entry.path))?;
            pending.add(Some(&bytes), &options)?;
            archived.small_files += 1;
        } else {
            store.put_path(join(root, &entry.path), 0, None, &options)?;
            archived.large_files += 1;
        }
    }
    pending.commit()?;
    for (id, name) in names {
        pending.add_name(id, name)?;
    }
    pending.commit()?;
    let top = Entry::look(root, Vec::new())?.ok_or("the root is no directory")?;
    let updates = common(&top).iter().map(|(name, value)| (name.to_owned(), Some(value.to_vec()))).collect();
    store.set_dataset_attributes(dataset, &updates)?;
    archived.batches = pending.committed;
    Ok(archived)
}

/// What `lstat` says of an entry, as attributes.
fn attributes(entry: &Entry) -> Attributes {
    let word = match &entry.kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink(_) => "symlink",
    };
    let mut attributes = common(entry);
    attributes.insert("type", word);
    if let Kind::Symlink(target) = &entry.kind {
        attributes.insert("target", target);
    }
    attributes
}

/// What is said of the root too.
fn common(entry: &Entry) -> Attributes {
    Attributes::from([
        ("mode", format!("{:04o}", entry.mode)),
        ("mtime_ns", entry.mtime_ns.to_string()),
        ("uid", entry.uid.to_string()),
        ("gid", entry.gid.to_string()),
    ])
}

/// A batch that is committed whenever it is full.
struct Pending<'a> {
    store: &'a Store,
    batch: Batch,
    bytes: u64,
    /// Objects that get a further name: a batch changes an object once.
    named: HashSet<ObjectId>,
    committed: u64,
}

impl<'a> Pending<'a> {
    fn new(store: &'a Store) -> Self {
        Self { store, batch: begin(store), bytes: 0, named: HashSet::new(), committed: 0 }
    }

    fn add(&mut self, bytes: Option<&[u8]>, options: &PutOptions) -> Result<()> {
        let len = bytes.map_or(0, <[u8]>::len) as u64;
        if self.batch.len() >= BATCH_LEN || self.bytes + len > BATCH_BYTES {
            self.commit()?;
        }
        self.bytes += len;
        match bytes {
            Some(bytes) => self.batch.put(bytes, options)?,
            None => self.batch.put_empty(options)?,
        }
        Ok(())
    }

    fn add_name(&mut self, id: ObjectId, name: Name) -> Result<()> {
        if self.batch.len() >= BATCH_LEN || self.named.contains(&id) {
            self.commit()?;
        }
        self.named.insert(id);
        Ok(self.batch.add_name(id, name)?)
    }

    fn commit(&mut self) -> Result<()> {
        let full = std::mem::replace(&mut self.batch, begin(self.store));
        if full.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        self.named.clear();
        self.committed += 1;
        for answer in full.commit()? {
            answer?;
        }
        Ok(())
    }
}

/// Not atomic: each put stands for itself. Durable: when the commit returns, a power loss takes nothing.
fn begin(store: &Store) -> Batch {
    store.batch(false, Durability::Durable)
}
