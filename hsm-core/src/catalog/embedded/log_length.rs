//! How long SQLite's log may grow before a commit moves its pages into the database (a *checkpoint*), and syncs them there.
//!
//! Where changes lie anywhere in the index, as those of objects with ids of no order do, a checkpoint writes pages that are far
//! from each other, and their sync is most of what such a change costs. In a log half as long as the index many pages are
//! changed twice before they are written once, and many lie side by side. Where even the longest log is less than a quarter of
//! the index, few do: a long log would make the pause longer and save nothing.
//!
//! After a power loss an open replays from the journal what was in the log. A short log may hold many changes: those of large
//! groups to few objects. So whoever passes a multiple of [`CHANGES_MAX`] moves the log as well, whatever its length.

use rusqlite::Connection;

/// At least: 16 MiB.
const PAGES_MIN: u32 = 4096;
/// At most: 64 MiB, which an open after a crash has to read.
const PAGES_MAX: u32 = 4 * PAGES_MIN;
/// Changes that an open has to replay at most, give or take a group: some seconds of it. Few in tests, so that they pass it.
const CHANGES_MAX: u64 = if cfg!(any(test, feature = "testing")) { 64 } else { 1 << 18 };

/// For an index of so many pages.
pub(super) fn pages_max(index_pages: i64) -> u32 {
    let half = u32::try_from(index_pages / 2).unwrap_or(u32::MAX);
    if half > 2 * PAGES_MAX { PAGES_MIN } else { half.clamp(PAGES_MIN, PAGES_MAX) }
}

/// Moves the log where the changes that were just committed, those beyond number `before` up to `last`, pass what may be in it.
/// The caller holds the writer lock. Where it fails or a reader keeps the log, the log stays and a later commit moves it, as
/// SQLite does by itself.
pub(super) fn move_if_due(connection: &Connection, before: u64, last: u64) {
    if before / CHANGES_MAX != last / CHANGES_MAX {
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::super::index::{Index, IndexPlace};
    use super::super::lookup;
    use super::*;
    use crate::{PutOptions, Store, StoreOptions};

    /// The last change that the index of a store has without its log.
    fn known_without_log(store: &Path) -> u64 {
        let directory = tempfile::tempdir().unwrap();
        let alone = directory.path().join("index.db");
        std::fs::copy(store.join("index/index.db"), &alone).unwrap();
        let index = Index::open(&IndexPlace::File(alone), true).unwrap();
        let state = lookup::state(&index.writer()).unwrap();
        state.map_or(0, |state| state.tail.last.number) // None: everything is in the log yet.
    }

    #[test]
    fn a_power_loss_takes_few_changes_from_the_index_however_short_the_log_is() {
        let directory = tempfile::tempdir().unwrap();
        let (lived, died) = (directory.path().join("lived"), directory.path().join("died"));
        let store = Store::open(&lived, &StoreOptions::new()).unwrap();
        let mut early = Vec::new();
        for round in 0..1000_u32 {
            store.put(b"x", &PutOptions::default()).unwrap();
            if round == 100 {
                early = std::fs::read(lived.join("index/index.db")).unwrap();
            }
            let (last, known) = (store.position().unwrap().number, known_without_log(&lived));
            assert!(last - known < CHANGES_MAX, "{known} of {last}");
        }
        // A replay is bounded in the same way: who dies again has not to begin anew.
        assert!(Command::new("cp").arg("-a").args([&lived, &died]).status().unwrap().success());
        std::fs::remove_file(died.join("index/index.db-wal")).unwrap();
        std::fs::write(died.join("index/index.db"), early).unwrap();
        let before = known_without_log(&died);
        let again = Store::open(&died, &StoreOptions::new()).unwrap();
        assert_eq!(again.tiers().unwrap()[0].objects, 1000);
        let after = known_without_log(&died);
        assert!((1..=101).contains(&before) && after > before + 512, "{before}, {after}");
    }

    #[test]
    fn the_log_grows_with_the_index_as_long_as_pages_meet_in_it() {
        for (index, log) in [(0, 4096), (8192, 4096), (20_000, 10_000), (32_768, 16_384), (65_536, 16_384)] {
            assert_eq!(pages_max(index), log);
        }
        assert_eq!([70_000, i64::MAX].map(pages_max), [4096, 4096]);
    }
}
