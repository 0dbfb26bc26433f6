//! The result of a row, and the file that keeps results for other programs.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::{Context, Result};
use crate::filesystem;
use crate::measure::Rates;
use crate::rows::{Goal, NO_RIVAL, Row};
use crate::statistics::{Summary, pairwise_ratios};

/// What a row came to.
#[derive(Debug, Clone)]
pub(crate) struct RowResult {
    /// The row's name.
    pub(crate) name: &'static str,
    /// Whom we compare with.
    pub(crate) rival_name: &'static str,
    /// Unit of both figures.
    pub(crate) unit: &'static str,
    /// Our figures.
    pub(crate) ours: Option<Summary>,
    /// The rival's; `None` without one.
    pub(crate) rival: Option<Summary>,
    /// Ours to the rival's, pair by pair.
    pub(crate) ratio: Option<Summary>,
    /// What we want.
    pub(crate) goal: Goal,
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
    goal_is: &'static str,
    met: Option<bool>,
    rounds: usize,
    spread: Option<[f64; 2]>,
    rival_name: &'static str,
}

impl RowResult {
    /// Sums up what the rounds of `row` showed: its own result, and one for each of what it shows besides.
    pub(crate) fn of(row: &Row, rates: &Rates) -> Vec<Self> {
        // A cost is time a unit of work.
        let ours = match row.goal {
            Goal::Ratio(_) | Goal::Rate(_) => Summary::of(&rates.ours),
            Goal::AtMost(_) | Goal::NeverAbove(_) => {
                Summary::of(&rates.ours.iter().map(|rate| rate.recip()).collect::<Vec<f64>>())
            }
        };
        let own = Self {
            name: row.name,
            rival_name: row.rival_name,
            unit: row.unit,
            ours,
            rival: Summary::of(&rates.rival),
            ratio: Summary::of(&pairwise_ratios(&rates.ours, &rates.rival)),
            goal: row.goal,
            rounds: rates.ours.len(),
        };
        let besides = row.also.iter().enumerate().map(|(index, also)| {
            let figures: Vec<f64> = rates.also.iter().filter_map(|round| round.get(index).copied()).collect();
            Self {
                name: also.name,
                rival_name: NO_RIVAL,
                unit: also.unit,
                ours: Summary::of(&figures),
                rival: None,
                ratio: None,
                goal: also.goal,
                rounds: figures.len(),
            }
        });
        std::iter::once(own.clone()).chain(besides).collect()
    }

    /// Whether the goal was reached.
    pub(crate) fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::Ratio(goal) => self.ratio.map(|ratio| ratio.median >= goal),
            Goal::Rate(goal) => self.ours.map(|ours| ours.median >= goal),
            Goal::AtMost(goal) => self.ours.map(|ours| ours.median <= goal),
            Goal::NeverAbove(goal) => self.ours.map(|ours| ours.max <= goal),
        }
    }

    fn entry(&self) -> Entry {
        let never = matches!(self.goal, Goal::NeverAbove(_));
        Entry {
            name: self.name,
            unit: self.unit,
            ours: self.ours.map(|ours| if never { ours.max } else { ours.median }),
            rival: self.rival.map(|rival| rival.median),
            ratio: self.ratio.map(|ratio| ratio.median),
            goal: self.goal.figure(),
            goal_is: self.goal.words(),
            met: self.met(),
            rounds: self.rounds,
            spread: self.ratio.or(self.ours).map(|figures| [figures.min, figures.max]),
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
    use crate::rows::Also;

    const SHOWN: Also = Also { name: "wait", unit: "ms", goal: Goal::NeverAbove(10.0) };

    fn results(goal: Goal, rates: &Rates) -> Vec<RowResult> {
        let build = |_: &_| unreachable!("nothing is measured");
        let (name, unit) = ("put \"4 KiB\"", "objects/s");
        RowResult::of(
            &Row { name, unit, goal, also: &[SHOWN], rival_name: "SQLite", needs: None, build },
            rates,
        )
    }

    fn met(goal: Goal, rates: &Rates) -> Vec<Option<bool>> {
        results(goal, rates).iter().map(RowResult::met).collect()
    }

    fn written(results: &[RowResult]) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench").join("results.json");
        write(&path, results).unwrap();
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_file_holds_every_field_of_a_row() {
        let also = vec![vec![3.0], vec![5.0], vec![4.0]];
        let rates = Rates { ours: vec![8.0, 6.0, 2.0], rival: vec![2.0, 2.0, 1.0], also };
        let expected = json!([{
            "name": "put \"4 KiB\"",
            "unit": "objects/s",
            "ours": 6.0,
            "rival": 2.0,
            "ratio": 3.0,
            "goal": 3.0,
            "goal_is": "ratio at least",
            "met": true,
            "rounds": 3,
            "spread": [2.0, 4.0],
            "rival_name": "SQLite",
        }, {
            "name": "wait",
            "unit": "ms",
            "ours": 5.0,
            "rival": null,
            "ratio": null,
            "goal": 10.0,
            "goal_is": "ours never above",
            "met": true,
            "rounds": 3,
            "spread": [3.0, 5.0],
            "rival_name": "none",
        }]);
        assert_eq!(written(&results(Goal::Ratio(3.0), &rates)), expected);
    }

    #[test]
    fn a_goal_just_missed_is_not_met() {
        let rates = Rates { ours: vec![2.99], rival: vec![1.0], also: vec![vec![10.1]] };
        assert_eq!(met(Goal::Ratio(3.0), &rates), [Some(false), Some(false)]);
    }

    #[test]
    fn goals_without_a_rival_are_about_our_rate_or_our_cost() {
        let rates = Rates { ours: vec![0.5, 0.25, 0.5], rival: vec![], also: vec![vec![1.0], vec![9.9]] };
        assert_eq!(met(Goal::Rate(0.5), &rates)[0], Some(true));
        assert_eq!(met(Goal::Rate(0.51), &rates)[0], Some(false));
        assert_eq!(met(Goal::AtMost(2.0), &rates), [Some(true), Some(true)]);
        assert_eq!(met(Goal::NeverAbove(2.0), &rates)[0], Some(false), "one round took 4 s");
        assert_eq!(met(Goal::Ratio(1.0), &rates)[0], None);
    }
}
