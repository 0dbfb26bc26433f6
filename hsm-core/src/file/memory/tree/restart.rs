//! What only the simulated disk asks of a tree: what is left of it after a restart, and what could be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Body, Inode, NameChange, ROOT, RangeLocks, Tree};

impl Tree {
    pub(crate) fn set_capacity(&mut self, capacity_bytes: Option<u64>) {
        self.capacity_bytes = capacity_bytes;
    }

    pub(crate) fn capacity(&self) -> Option<u64> {
        self.capacity_bytes
    }

    /// All files with their paths.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Inode)> {
        let mut found = Vec::new();
        let mut todo = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, inode)) = todo.pop() {
            match self.entries(inode) {
                Ok(entries) => todo.extend(entries.iter().map(|(name, inode)| (path.join(name), *inode))),
                Err(_) => found.push((path, inode)),
            }
        }
        found
    }

    /// The tree as the next process finds it: no handles, no locks, and only what has a name.
    pub(crate) fn keep_reachable(&mut self) {
        let kept = self.reachable(&[]);
        self.nodes.retain(|inode, _| kept.contains(inode));
        let mut links = BTreeMap::from([(ROOT, 1)]);
        for inode in kept.iter().filter_map(|inode| self.entries(*inode).ok()).flat_map(BTreeMap::values) {
            *links.entry(*inode).or_insert(0) += 1;
        }
        self.used_bytes = 0;
        for (inode, node) in &mut self.nodes {
            node.handles = 0;
            node.links = links.get(inode).copied().unwrap_or(0);
            if let Body::File { content, locks } = &mut node.body {
                *locks = RangeLocks::default();
                self.used_bytes += content.len();
            }
        }
    }

    /// The inodes that have, or by one of `changes` may come to have, a name below the root.
    pub(crate) fn reachable(&self, changes: &[&NameChange]) -> BTreeSet<Inode> {
        let mut edges: BTreeMap<Inode, Vec<Inode>> = BTreeMap::new();
        for change in changes {
            edges.entry(change.directory()).or_default().extend(change.named());
        }
        let mut found = BTreeSet::new();
        let mut todo = vec![ROOT];
        while let Some(inode) = todo.pop() {
            if found.insert(inode) {
                todo.extend(edges.remove(&inode).unwrap_or_default());
                todo.extend(self.entries(inode).ok().into_iter().flat_map(BTreeMap::values));
            }
        }
        found
    }
}
