//! The rows: what is measured, against whom, and which ratio we want.
//!
//! A file a row below, with both of its sides in it. A row measures work per second, so that a ratio
//! above 1 always means that ours is better.

mod get_file;
mod open_empty;
mod put_batches;
mod put_file;
mod put_threads;
mod sqlite;
mod store;

use std::path::PathBuf;

use crate::error::Result;
use crate::measure::Sides;
use crate::ours::Opener;

pub(crate) use sqlite::SETTINGS as SQLITE_SETTINGS;

/// One line of the table.
pub(crate) struct Row {
    /// The task, at full size.
    pub(crate) name: &'static str,
    /// Unit of both rates: work per second.
    pub(crate) unit: &'static str,
    /// The ratio of ours to the rival's that we want at least.
    pub(crate) goal: f64,
    /// Whom we compare with, and how it is made durable.
    pub(crate) rival_name: &'static str,
    /// Makes the two sides.
    pub(crate) build: fn(&Setup) -> Result<Sides>,
}

/// What a row is built from.
pub(crate) struct Setup {
    /// A directory that all rows share: holds the large file, made once.
    pub(crate) shared_dir: PathBuf,
    /// A directory of the row's own, removed after it.
    pub(crate) row_dir: PathBuf,
    /// How much work a round is.
    pub(crate) sizes: Sizes,
    /// How to open our side; `None` when this build has none.
    pub(crate) open_ours: Option<Opener>,
}

/// How much work a round of each row is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Length of the large file in bytes.
    pub(crate) file_bytes: u64,
    /// Batches of [`put_batches::BATCH_OBJECTS`] objects.
    pub(crate) batches: usize,
    /// Puts of all threads together.
    pub(crate) thread_puts: usize,
}

impl Sizes {
    /// What the names of the rows say.
    pub(crate) const FULL: Self = Self { file_bytes: 1 << 30, batches: 100, thread_puts: 8_000 };

    /// Enough to see that everything runs.
    pub(crate) const QUICK: Self = Self { file_bytes: 64 << 20, batches: 10, thread_puts: 1_600 };
}

/// Every row, in the order of the table.
const ALL: [Row; 5] = [put_file::ROW, get_file::ROW, put_batches::ROW, put_threads::ROW, open_empty::ROW];

/// The rows whose name contains `filter`; all of them without one.
pub(crate) fn chosen(filter: Option<&str>) -> Vec<Row> {
    ALL.into_iter().filter(|row| filter.is_none_or(|filter| row.name.contains(filter))).collect()
}

/// Bytes as MiB, the work of rows on large files.
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{filesystem, measure, ours};

    const TINY: Sizes = Sizes { file_bytes: (1 << 20) + 1, batches: 1, thread_puts: 64 };

    #[test]
    fn every_row_runs_with_both_sides_and_leaves_nothing_behind() {
        let shared = tempfile::tempdir().unwrap();
        for row in ALL {
            let row_dir = filesystem::temporary_dir(shared.path()).unwrap();
            let setup = Setup {
                shared_dir: shared.path().to_owned(),
                row_dir: row_dir.path().to_owned(),
                sizes: TINY,
                open_ours: Some(ours::stand_in::open),
            };
            let mut sides = (row.build)(&setup).unwrap();
            let rates = measure::alternate(&mut sides, row_dir.path(), 2, |_| ()).unwrap();
            drop(sides);
            assert_eq!((rates.ours.len(), rates.rival.len()), (2, 2), "{}", row.name);
            assert!(rates.ours.iter().chain(&rates.rival).all(|rate| rate.is_finite() && *rate > 0.0));
        }
        // The large file alone is left, for the rows that share it.
        assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_filter_chooses_rows_by_a_part_of_their_name() {
        assert_eq!(chosen(None).len(), ALL.len());
        assert_eq!(chosen(Some("1 GiB")).len(), 2);
        assert!(chosen(Some("no such row")).is_empty());
    }
}
