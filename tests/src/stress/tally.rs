//! What was done, how often, and how it ended.

use std::collections::BTreeMap;

use hsm_core::{Error, Kind, Result};

/// Errors that the rules name, by verb. Anything else is a failure of the store.
const RULES: &[(&str, &[Kind])] = &[
    ("open", &[]),
    ("close", &[]),
    // A name that another object has, a mode that does not fit, a tier that takes nothing now, a dataset
    // that was removed.
    ("put", &[Kind::Exists, Kind::NotFound, Kind::Refused]),
    ("parts", &[Kind::Exists, Kind::NotFound, Kind::Refused]),
    ("put_empty", &[Kind::Exists, Kind::NotFound]),
    // Behind the end of what the object is now.
    ("put_at", &[Kind::NotFound, Kind::Invalid, Kind::Refused]),
    // The answers of each of its changes; Invalid where two turn out to be about one object.
    ("batch", &[Kind::Exists, Kind::NotFound, Kind::Refused, Kind::Conflict, Kind::Invalid]),
    ("get", &[Kind::NotFound]),
    ("get_range", &[Kind::NotFound]),
    ("reader", &[Kind::NotFound]),
    ("copy", &[Kind::NotFound, Kind::Refused]),
    ("move", &[Kind::NotFound, Kind::Refused]),
    ("move_many", &[Kind::NotFound, Kind::Refused]),
    // The last copy.
    ("release", &[Kind::NotFound, Kind::Refused]),
    ("verify", &[Kind::NotFound, Kind::Conflict]),
    ("remove", &[Kind::NotFound]),
    ("undelete", &[Kind::NotFound]),
    ("purge", &[Kind::NotFound]),
    ("maintain", &[]),
    ("set_attributes", &[Kind::NotFound]),
    ("add_name", &[Kind::NotFound, Kind::Exists]),
    ("remove_name", &[Kind::NotFound, Kind::Conflict]),
    ("create_dataset", &[Kind::Exists]),
    ("remove_dataset", &[Kind::NotFound, Kind::Exists]),
    ("set_tier_state", &[Kind::Conflict]),
    ("list", &[Kind::NotFound]),
    ("names", &[Kind::NotFound]),
    ("tiers", &[]),
    ("feed", &[]),
    ("sync", &[]),
    ("snapshot", &[]),
];

/// Counts by verb and outcome.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(String, String), u64>,
    /// What must not happen.
    pub failures: Vec<String>,
}

impl Tally {
    /// Counts one answer; hands on what it brought.
    pub fn note<T>(&mut self, verb: &str, answer: Result<T>) -> Option<T> {
        match answer {
            Ok(value) => {
                self.count(verb, "ok", 1);
                Some(value)
            }
            Err(error) => {
                self.note_error(verb, &error);
                None
            }
        }
    }

    fn note_error(&mut self, verb: &str, error: &Error) {
        let kind = error.kind();
        self.count(verb, &format!("{kind:?}"), 1);
        let named = RULES.iter().find(|(known, _)| *known == verb).map_or(&[][..], |(_, kinds)| *kinds);
        if !named.contains(&kind) {
            self.failures.push(format!("{verb}: {kind:?}: {error}"));
        }
    }

    /// Notes what was read wrongly, if it was.
    pub fn check(&mut self, verb: &str, verdict: std::result::Result<(), String>) {
        if let Err(wrong) = verdict {
            self.failures.push(format!("{verb}: {wrong}"));
        }
    }

    /// Adds to a count.
    pub fn count(&mut self, verb: &str, outcome: &str, by: u64) {
        *self.counts.entry((verb.to_owned(), outcome.to_owned())).or_default() += by;
    }

    /// All that was done.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Takes in another one.
    pub fn merge(&mut self, other: Self) {
        for ((verb, outcome), by) in other.counts {
            self.count(&verb, &outcome, by);
        }
        self.failures.extend(other.failures);
    }

    /// As lines, for another process to read.
    pub fn to_lines(&self) -> String {
        let mut lines = Vec::new();
        for ((verb, outcome), count) in &self.counts {
            lines.push(format!("count {verb} {outcome} {count}\n"));
        }
        for failure in &self.failures {
            lines.push(format!("failure {}\n", failure.replace('\n', " ")));
        }
        lines.concat()
    }

    /// Reads lines back.
    pub fn from_lines(text: &str) -> Self {
        let mut tally = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("count"), Some(verb), Some(outcome), Some(count)) => {
                    tally.count(verb, outcome, count.parse().unwrap_or(0));
                }
                (Some("failure"), ..) => tally.failures.push(line["failure ".len()..].to_owned()),
                _ => {}
            }
        }
        tally
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut by_verb: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((verb, outcome), count) in &self.counts {
            by_verb.entry(verb).or_default().push(format!("{outcome} {count}"));
        }
        let row = |(verb, outcomes): (&str, Vec<String>)| format!("{verb:16} {}\n", outcomes.join(", "));
        by_verb.into_iter().map(row).collect::<Vec<_>>().concat()
    }
}
