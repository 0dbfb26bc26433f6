//! How long SQLite's log may grow before a commit moves its pages into the database (a *checkpoint*), and syncs them there.
//!
//! Where changes lie anywhere in the index, as those of objects with ids of no order do, a checkpoint writes pages that are far
//! from each other, and their sync is most of what such a change costs. In a log half as long as the index many pages are
//! changed twice before they are written once, and many lie side by side. Where even the longest log is less than a quarter of
//! the index, few do: a long log would make the pause longer and save nothing.

/// At least: 16 MiB.
const PAGES_MIN: u32 = 4096;
/// At most: 64 MiB, which an open after a crash has to read.
const PAGES_MAX: u32 = 4 * PAGES_MIN;

/// For an index of so many pages.
pub(super) fn pages_max(index_pages: i64) -> u32 {
    let half = u32::try_from(index_pages / 2).unwrap_or(u32::MAX);
    if half > 2 * PAGES_MAX { PAGES_MIN } else { half.clamp(PAGES_MIN, PAGES_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_grows_with_the_index_as_long_as_pages_meet_in_it() {
        for (index, log) in [(0, 4096), (8192, 4096), (20_000, 10_000), (32_768, 16_384), (65_536, 16_384)] {
            assert_eq!(pages_max(index), log);
        }
        assert_eq!([70_000, i64::MAX].map(pages_max), [4096, 4096]);
    }
}
