//! The rows: what is measured, against whom, and which ratio we want.
//!
//! A file a task below, with both of its sides in it. A row measures work per second, so that a ratio
//! above 1 always means that ours is better. A row without a rival wants a rate of ours, or a cost.

mod archive;
mod c_program;
mod feed;
mod files;
mod get_file;
mod get_small;
mod growth;
mod list;
mod move_small;
mod open_crashed;
mod open_empty;
mod put_batches;
mod put_file;
mod put_processes;
mod put_threads;
mod recalls;
mod redb;
mod sqlite;
mod store;

use std::path::PathBuf;
use std::process::Command;

use crate::error::Result;
use crate::measure::Sides;

pub(crate) use self::archive::RESTIC_SETTINGS;
pub(crate) use self::redb::SETTINGS as REDB_SETTINGS;
pub(crate) use self::sqlite::settings as sqlite_settings;

/// One line of the table.
pub(crate) struct Row {
    /// The task, at full size.
    pub(crate) name: &'static str,
    /// Unit of both figures: work per second, or seconds a unit of work where the goal is a cost.
    pub(crate) unit: &'static str,
    /// What we want.
    pub(crate) goal: Goal,
    /// What else its rounds show of ours, as rows of their own.
    pub(crate) also: &'static [Also],
    /// Whom we compare with, and how it is made durable.
    pub(crate) rival_name: &'static str,
    /// A program that the rival is, where a machine may lack it.
    pub(crate) needs: Option<&'static str>,
    /// Makes the two sides.
    pub(crate) build: fn(&Setup) -> Result<Sides>,
}

/// A figure of ours that a row shows besides its own.
pub(crate) struct Also {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// What we want.
    pub(crate) goal: Goal,
}

/// Stands for whom we compare with, where we compare with no one.
pub(crate) const NO_RIVAL: &str = "none";

/// What we want of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// The ratio of our rate to the rival's is at least this.
    Ratio(f64),
    /// Our rate is at least this.
    Rate(f64),
    /// Our figure is at most this.
    AtMost(f64),
    /// Our figure is at most this in every round.
    NeverAbove(f64),
}

impl Goal {
    /// Its number.
    pub(crate) fn figure(self) -> f64 {
        let (Self::Ratio(figure) | Self::Rate(figure) | Self::AtMost(figure) | Self::NeverAbove(figure)) =
            self;
        figure
    }

    /// What the number is, for the table: ratios stand without a sign.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Ratio(_) => "",
            Self::Rate(_) => "ours ≥ ",
            Self::AtMost(_) => "ours ≤ ",
            Self::NeverAbove(_) => "never > ",
        }
    }

    /// What the number is, for the file.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ratio(_) => "ratio at least",
            Self::Rate(_) => "ours at least",
            Self::AtMost(_) => "ours at most",
            Self::NeverAbove(_) => "ours never above",
        }
    }
}

/// What a row is built from.
pub(crate) struct Setup {
    /// A directory that all rows share: holds the large file and the stores with many objects, made once.
    pub(crate) shared_dir: PathBuf,
    /// A directory of the row's own, removed after it.
    pub(crate) row_dir: PathBuf,
    /// How much work a round is.
    pub(crate) sizes: Sizes,
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
    /// Small objects that are read.
    pub(crate) gets: usize,
    /// Objects in a large store.
    pub(crate) populated: usize,
    /// Objects in a small store, in the middle of what is timed; three batches at least.
    pub(crate) few: usize,
    /// Batches put into a large store, and into small ones all together.
    pub(crate) growth_batches: usize,
    /// Objects that the index does not know after the crash.
    pub(crate) unreplayed: usize,
    /// The most that there can be of them.
    pub(crate) unreplayed_max: usize,
    /// Objects that move.
    pub(crate) moved: usize,
    /// Files in the tree.
    pub(crate) tree_files: usize,
    /// Batches of all processes together, in a short round.
    pub(crate) process_batches: usize,
    /// Changes that another process hears of.
    pub(crate) wakes: usize,
    /// Recalls from tape.
    pub(crate) recalls: usize,
}

impl Sizes {
    /// What the names of the rows say.
    pub(crate) const FULL: Self = Self {
        file_bytes: 1 << 30,
        batches: 100,
        thread_puts: 20_000,
        gets: 100_000,
        populated: 1_000_000,
        few: 10_000,
        growth_batches: 20,
        unreplayed: 100_000,
        unreplayed_max: 1 << 18,
        moved: 100_000,
        tree_files: 50_000,
        process_batches: 256,
        wakes: 1_000,
        recalls: 10_000,
    };

    /// Enough to see that everything runs.
    pub(crate) const QUICK: Self = Self {
        file_bytes: 64 << 20,
        batches: 2,
        thread_puts: 320,
        gets: 2_000,
        populated: 20_000,
        few: 3_000,
        growth_batches: 1,
        unreplayed: 2_000,
        unreplayed_max: 4_000,
        moved: 2_000,
        tree_files: 1_000,
        process_batches: 32,
        wakes: 50,
        recalls: 1_000,
    };
}

/// Every row, in the order of the table. What adds to a store that is shared comes behind what lists it.
const ALL: [Row; 28] = [
    put_file::ROW,
    get_file::ROW,
    put_batches::ROW,
    put_batches::AND_FILES,
    put_batches::AND_SQLITE,
    put_batches::AND_REDB,
    put_threads::ROW,
    put_threads::AND_FILES,
    put_threads::AND_REDB,
    open_empty::ROW,
    get_small::ROW,
    get_small::IN_BULK,
    list::BY_ARRIVAL,
    list::BY_KEY,
    feed::REPLAY,
    feed::WAKE,
    recalls::ROW,
    move_small::ROW,
    archive::ROW,
    archive::AND_RESTIC,
    open_crashed::ROW,
    open_crashed::MOST,
    growth::IDS_OURS,
    growth::IDS_RANDOM,
    put_processes::EIGHT,
    put_processes::THIRTY_TWO,
    put_processes::EIGHT_LONG,
    put_processes::THIRTY_TWO_LONG,
];

/// Whether this machine has a program.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program).arg("version").output().is_ok()
}

/// The row whose name is `filter`, or those whose name contains it; all of them without one.
pub(crate) fn chosen(filter: Option<&str>) -> Vec<Row> {
    let is_name = ALL.iter().any(|row| filter == Some(row.name));
    let is_chosen = |row: &Row| match filter {
        Some(filter) if is_name => row.name == filter,
        Some(filter) => row.name.contains(filter),
        None => true,
    };
    ALL.into_iter().filter(is_chosen).collect()
}

/// Bytes as MiB, the work of rows on large files.
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_chooses_rows_by_a_part_of_their_name() {
        assert_eq!(chosen(None).len(), ALL.len());
        assert_eq!(chosen(Some("1 GiB")).len(), 2);
        assert_eq!((chosen(Some(put_threads::ROW.name)).len(), chosen(Some("16 threads")).len()), (1, 3));
        assert!(chosen(Some("no such row")).is_empty());
    }
}
