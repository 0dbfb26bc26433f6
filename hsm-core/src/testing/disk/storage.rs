//! What the simulated disk stores: the cached view, the durable one, and the changes between them.
//!
//! Invariant: the durable tree with every pending change applied in order has the names and bytes of the
//! cached one. Both trees use the same inodes.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::file::ProcessIdentity;
use crate::file::memory::content::Content;
use crate::file::memory::tree::{Inode, NameChange, Tree};

/// One thing done to a file or directory.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { inode: Inode, offset: u64, bytes: Arc<[u8]> },
    SetLen { inode: Inode, len: u64 },
    Name(NameChange),
}

impl Change {
    /// The file whose bytes it changes.
    pub(super) fn file(&self) -> Option<Inode> {
        match self {
            Self::Write { inode, .. } | Self::SetLen { inode, .. } => Some(*inode),
            Self::Name(_) => None,
        }
    }

    pub(super) fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Write { inode, offset, bytes } => tree.write_at(*inode, bytes, *offset),
            Self::SetLen { inode, len } => tree.set_len(*inode, *len),
            Self::Name(change) => {
                tree.apply(change);
            }
        }
    }

    /// A write's part within a range of its own bytes.
    pub(super) fn part(&self, part: Range<usize>) -> Option<Self> {
        match self {
            Self::Write { inode, offset, bytes } if !part.is_empty() => Some(Self::Write {
                inode: *inode,
                offset: offset + part.start as u64,
                bytes: bytes[part].into(),
            }),
            _ => None,
        }
    }

    /// What is left of a write once a range of the file was overwritten.
    fn without(self, range: &Range<u64>) -> Vec<Self> {
        let Self::Write { offset, bytes, .. } = &self else { return vec![self] };
        let len = bytes.len() as u64;
        let before = range.start.clamp(*offset, offset + len) - offset;
        let after = range.end.clamp(*offset, offset + len) - offset;
        if before == after {
            return vec![self];
        }
        [0..before as usize, after as usize..bytes.len()]
            .into_iter()
            .filter_map(|part| self.part(part))
            .collect()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) label: Arc<str>,
    pub(super) change: Change,
    /// A sync of it failed: the kernel takes it for written, and writes it no more.
    forgotten: bool,
}

#[derive(Debug, Clone)]
struct Fault {
    offset: u64,
    xor: u8,
    /// The right byte has left the cache.
    cache_gone: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) cached: Tree,
    pub(super) durable: Tree,
    pub(super) pending: Vec<Pending>,
    faults: BTreeMap<Inode, Vec<Fault>>,
    pub(super) network: Option<&'static str>,
    boot: u64,
    starts: u64,
}

impl Storage {
    pub(super) fn new() -> Self {
        let tree = Tree::new(None);
        Self {
            cached: tree.clone(),
            durable: tree,
            pending: Vec::new(),
            faults: BTreeMap::new(),
            network: None,
            boot: 1,
            starts: 1,
        }
    }

    // Processes and boots.

    pub(super) fn process(&self) -> ProcessIdentity {
        // The first 8 bytes differ too: they are what the journal records.
        let boot_id = (u128::from_le_bytes(*b"simulated boot..") ^ u128::from(self.boot)).to_le_bytes();
        ProcessIdentity { pid: u64::from(std::process::id()), start_ticks: self.starts, boot_id }
    }

    pub(super) fn start_process(&mut self) {
        self.starts += 1;
    }

    /// The process died and another takes its place: handles and locks are gone.
    pub(super) fn restart_process(&mut self) {
        self.start_process();
        self.cached.keep_reachable();
        self.lose_cached_bytes_of_faults();
    }

    /// The machine starts with `durable` as all there is.
    pub(super) fn restart_machine(&mut self, mut durable: Tree) {
        self.start_process();
        self.boot += 1;
        self.pending.clear();
        durable.keep_reachable();
        let capacity = self.cached.capacity();
        self.cached = durable.clone();
        self.cached.set_capacity(capacity);
        self.durable = durable;
        self.lose_cached_bytes_of_faults();
    }

    fn lose_cached_bytes_of_faults(&mut self) {
        for fault in self.faults.values_mut().flatten() {
            fault.cache_gone = true;
        }
    }

    // Changes.

    /// The same empty file in both trees; nameless, so that a power loss leaves nothing of it.
    pub(super) fn new_file(&mut self) -> Inode {
        self.durable.new_file();
        self.cached.new_file()
    }

    pub(super) fn new_directory(&mut self) -> Inode {
        self.durable.new_directory();
        self.cached.new_directory()
    }

    pub(super) fn change_names(&mut self, label: &str, changes: Vec<NameChange>) {
        for change in changes {
            for inode in self.cached.apply(&change) {
                self.cached.collect(inode);
            }
            self.push(label, Change::Name(change));
        }
    }

    pub(super) fn write_at(&mut self, label: &str, inode: Inode, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        self.cached.write_at(inode, bytes, offset);
        self.mend(inode, offset..offset + bytes.len() as u64);
        self.push(label, Change::Write { inode, offset, bytes: bytes.into() });
    }

    pub(super) fn set_len(&mut self, label: &str, inode: Inode, len: u64) {
        self.cached.set_len(inode, len);
        self.mend(inode, len..u64::MAX);
        self.push(label, Change::SetLen { inode, len });
    }

    fn push(&mut self, label: &str, change: Change) {
        self.pending.push(Pending { label: label.into(), change, forgotten: false });
    }

    // Syncs.

    pub(super) fn sync_names(&mut self, directory: Inode) {
        let durable = &mut self.durable;
        self.pending.retain(|pending| match &pending.change {
            Change::Name(change) if change.directory() == directory => {
                durable.apply(change);
                false
            }
            _ => true,
        });
    }

    pub(super) fn sync_bytes(&mut self, inode: Inode) {
        let mut left: Vec<Pending> = Vec::with_capacity(self.pending.len());
        for pending in std::mem::take(&mut self.pending) {
            if pending.change.file() != Some(inode) || pending.forgotten {
                left.push(pending);
                continue;
            }
            pending.change.apply(&mut self.durable);
            // Older forgotten bytes must not come back over these, which are durable now.
            let range = match &pending.change {
                Change::Write { offset, bytes, .. } => *offset..offset + bytes.len() as u64,
                Change::SetLen { len, .. } => *len..u64::MAX,
                Change::Name(_) => continue,
            };
            let cut = |older: Pending| {
                let parts = if older.forgotten && older.change.file() == Some(inode) {
                    older.change.clone().without(&range)
                } else {
                    vec![older.change.clone()]
                };
                parts.into_iter().map(move |change| Pending { change, ..older.clone() })
            };
            if left.iter().any(|older| older.forgotten) {
                left = left.into_iter().flat_map(cut).collect();
            }
        }
        self.pending = left;
    }

    /// The pages are marked clean although they were not written. Lengths are the file system's own records,
    /// which it keeps trying to write.
    pub(super) fn fail_sync(&mut self, inode: Inode) {
        for pending in &mut self.pending {
            if matches!(&pending.change, Change::Write { inode: written, .. } if *written == inode) {
                pending.forgotten = true;
            }
        }
    }

    // Reading, and what the medium got wrong.

    pub(super) fn read_at(&self, inode: Inode, buffer: &mut [u8], offset: u64, medium: bool) -> usize {
        let read = if medium {
            self.medium_content(inode).map_or(0, |content| content.read_at(buffer, offset))
        } else {
            self.cached.content(inode).map_or(0, |content| content.read_at(buffer, offset))
        };
        for fault in self.faults.get(&inode).into_iter().flatten() {
            if (medium || fault.cache_gone) && (offset..offset + read as u64).contains(&fault.offset) {
                buffer[(fault.offset - offset) as usize] ^= fault.xor;
            }
        }
        read
    }

    /// Direct reads first write out what is dirty; what a failed sync marked clean is not.
    fn medium_content(&self, inode: Inode) -> Option<Content> {
        let of_file = |pending: &&Pending| pending.change.file() == Some(inode);
        let cached = self.cached.content(inode)?;
        if !self.pending.iter().filter(of_file).any(|pending| pending.forgotten) {
            return Some(cached.clone());
        }
        let mut content = self.durable.content(inode)?.clone();
        for pending in self.pending.iter().filter(of_file).filter(|pending| !pending.forgotten) {
            match &pending.change {
                Change::Write { offset, bytes, .. } => content.write_at(bytes, *offset),
                Change::SetLen { len, .. } => content.set_len(*len),
                Change::Name(_) => {}
            }
        }
        content.set_len(cached.len());
        Some(content)
    }

    pub(super) fn corrupt(&mut self, path_suffix: &str, offset: u64, xor: u8) -> io::Result<()> {
        let mut files = self.cached.files();
        files.retain(|(path, _)| path.to_string_lossy().ends_with(path_suffix));
        let [(_, inode)] = files[..] else {
            let detail = format!("{} files end in {path_suffix:?}", files.len());
            return Err(io::Error::new(io::ErrorKind::NotFound, detail));
        };
        self.faults.entry(inode).or_default().push(Fault { offset, xor, cache_gone: false });
        Ok(())
    }

    fn mend(&mut self, inode: Inode, range: Range<u64>) {
        if let Some(faults) = self.faults.get_mut(&inode) {
            faults.retain(|fault| !range.contains(&fault.offset));
        }
    }
}
