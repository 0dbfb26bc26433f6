//! The result of a row, and the file that keeps results for other programs.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::{Context, Result};
use crate::filesystem;
use crate::measure::Rates;
use crate::rows::Row;
use crate::statistics::{Summary, pairwise_ratios};

/// What a row came to. Fields about ours are `None` when this build has no side of ours.
#[derive(Debug, Clone)]
pub(crate) struct RowResult {
    /// The row's name.
    pub(crate) name: &'static str,
    /// Whom we compare with.
    pub(crate) rival_name: &'static str,
    /// Unit of both rates.
    pub(crate) unit: &'static str,
    /// Our rates.
    pub(crate) ours: Option<Summary>,
    /// The rival's rates.
    pub(crate) rival: Option<Summary>,
    /// Ours to the rival's, pair by pair.
    pub(crate) ratio: Option<Summary>,
    /// The ratio we want.
    pub(crate) goal: f64,
    /// Timed rounds.
    pub(crate) rounds: usize,
}

/// A row in the file: the names here are the format.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    unit: &'static str,
    ours: Option<f64>,
    rival: Option<f64>,
    ratio: Option<f64>,
    goal: f64,
    met: Option<bool>,
    rounds: usize,
    spread: Option<[f64; 2]>,
    rival_name: &'static str,
}

impl RowResult {
    /// Sums up the rates of `row`.
    pub(crate) fn new(row: &Row, rates: &Rates) -> Self {
        Self {
            name: row.name,
            rival_name: row.rival_name,
            unit: row.unit,
            ours: Summary::of(&rates.ours),
            rival: Summary::of(&rates.rival),
            ratio: Summary::of(&pairwise_ratios(&rates.ours, &rates.rival)),
            goal: row.goal,
            rounds: rates.rival.len(),
        }
    }

    /// Whether the median ratio reaches the goal.
    pub(crate) fn met(&self) -> Option<bool> {
        self.ratio.map(|ratio| ratio.median >= self.goal)
    }

    fn entry(&self) -> Entry {
        Entry {
            name: self.name,
            unit: self.unit,
            ours: self.ours.map(|ours| ours.median),
            rival: self.rival.map(|rival| rival.median),
            ratio: self.ratio.map(|ratio| ratio.median),
            goal: self.goal,
            met: self.met(),
            rounds: self.rounds,
            spread: self.ratio.map(|ratio| [ratio.min, ratio.max]),
            rival_name: self.rival_name,
        }
    }
}

/// Writes `results` to `path` as a list in JSON, in place of what was there.
pub(crate) fn write(path: &Path, results: &[RowResult]) -> Result<()> {
    let action = || format!("write {}", path.display());
    let entries: Vec<Entry> = results.iter().map(RowResult::entry).collect();
    let mut text = serde_json::to_string_pretty(&entries).context(action)?;
    text.push('\n');
    if let Some(parent) = path.parent() {
        filesystem::create_dir(parent)?;
    }
    fs::write(path, text).context(action)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn result(rates: &Rates) -> RowResult {
        let build = |_: &_| unreachable!("nothing is measured");
        let row = Row { name: "put \"4 KiB\"", unit: "objects/s", goal: 3.0, rival_name: "SQLite", build };
        RowResult::new(&row, rates)
    }

    fn written(results: &[RowResult]) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench").join("results.json");
        write(&path, results).unwrap();
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_file_holds_every_field_of_a_row() {
        let rates = Rates { ours: vec![8.0, 6.0, 2.0], rival: vec![2.0, 2.0, 1.0] };
        let expected = json!([{
            "name": "put \"4 KiB\"",
            "unit": "objects/s",
            "ours": 6.0,
            "rival": 2.0,
            "ratio": 3.0,
            "goal": 3.0,
            "met": true,
            "rounds": 3,
            "spread": [2.0, 4.0],
            "rival_name": "SQLite",
        }]);
        assert_eq!(written(&[result(&rates)]), expected);
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let written = written(&[result(&Rates { ours: vec![], rival: vec![2.0] })]);
        for field in ["ours", "ratio", "met", "spread"] {
            assert_eq!(written[0][field], Value::Null, "{field}");
        }
        assert_eq!(written[0]["rival"], json!(2.0));
    }

    #[test]
    fn a_goal_just_missed_is_not_met() {
        assert_eq!(result(&Rates { ours: vec![2.99], rival: vec![1.0] }).met(), Some(false));
    }
}
