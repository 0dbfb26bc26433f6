//! Memory for pages of the index: how much of it a handle keeps, whatever the number of its connections.
//!
//! SQLite keeps pages that it read, each connection its own, and takes memory for no more than it read. How many it may keep
//! is the connection's *share*. The shares of a handle's connections are taken out of one [`Budget`]: the writer has a fixed one, a
//! reader begins with a small one, and with one that is full it gets as much again, as long as there is any; what others left
//! alone for a while is taken back for it. So one thread that lists gets nearly all of it, and many that get share it.
//!
//! What a connection kept is thrown away once another one committed: SQLite's pages are those of one moment, and it does not tell
//! which of them went. So a large share is of use between changes, and to the writer, which knows its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// For all connections of a handle.
const HANDLE_KIB: u32 = 64 << 10;
/// For the one that writes.
const WRITER_KIB: u32 = 8 << 10;
/// For one that reads, to begin with.
const FIRST_KIB: u32 = 4 << 10;
/// The least that a connection has, also where nothing is left.
const LEAST_KIB: u32 = 1 << 10;

/// What nobody has a share of, in KiB.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicU32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(HANDLE_KIB)))
    }
}

impl Budget {
    /// For the connection that writes. `alone`: nobody else reads.
    pub(super) fn writer(&self, alone: bool) -> Share {
        self.share(if alone { HANDLE_KIB } else { WRITER_KIB })
    }

    /// For one that reads.
    pub(super) fn reader(&self) -> Share {
        self.share(FIRST_KIB)
    }

    fn share(&self, kib: u32) -> Share {
        Share { taken_kib: self.take(kib), budget: self.clone() }
    }

    /// Takes so much, or what there is.
    fn take(&self, kib: u32) -> u32 {
        let rest = |free: u32| Some(free.saturating_sub(kib));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or_default();
        before.min(kib)
    }
}

/// What one connection may keep. Dropped with it, it goes back.
#[derive(Debug)]
pub(super) struct Share {
    taken_kib: u32,
    budget: Budget,
}

impl Share {
    pub(super) fn kib(&self) -> u32 {
        self.taken_kib.max(LEAST_KIB)
    }

    /// What it lacks to be twice as large, where nobody has that.
    pub(super) fn lacks_kib(&self) -> u32 {
        self.kib().saturating_sub(self.budget.0.load(Ordering::Relaxed))
    }

    /// Takes as much again, or what there is of it. `false`: there is nothing.
    pub(super) fn grow(&mut self) -> bool {
        let more = self.budget.take(self.kib());
        self.taken_kib += more;
        more > 0
    }

    /// Gives back all but what a reader begins with. `false`: it has no more.
    pub(super) fn shrink(&mut self) -> bool {
        let more = self.taken_kib.saturating_sub(FIRST_KIB);
        self.taken_kib -= more;
        self.budget.0.fetch_add(more, Ordering::Relaxed);
        more > 0
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.taken_kib, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_together_are_never_more_than_the_budget_but_for_the_least() {
        let budget = Budget::default();
        let writer = budget.writer(false);
        let mut readers: Vec<Share> = Vec::new();
        let all = |readers: &[Share]| writer.kib() + readers.iter().map(Share::kib).sum::<u32>();
        for number in 0..40 {
            readers.push(budget.reader());
            let grown = readers.last_mut().unwrap().grow();
            assert!(number > 0 || grown);
            let over = readers.iter().filter(|reader| reader.taken_kib < LEAST_KIB).count() as u32;
            assert!(all(&readers) <= HANDLE_KIB + over * LEAST_KIB, "{number}");
        }
        assert_eq!(readers[39].kib(), LEAST_KIB);
        readers.truncate(1);
        while readers[0].grow() {}
        assert_eq!(all(&readers), HANDLE_KIB);
        assert_eq!(readers[0].lacks_kib(), readers[0].kib());
        assert!(readers[0].shrink() && !readers[0].shrink());
        assert_eq!(readers[0].kib(), FIRST_KIB);
        assert_eq!(readers[0].lacks_kib(), 0);
        drop(readers);
        drop(writer);
        assert_eq!(budget.writer(true).kib(), HANDLE_KIB);
    }
}
