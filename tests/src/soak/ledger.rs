//! The record that a thread keeps beside the store, and what it adds up to.
//!
//! Lines, each written by one `write`: `? change;change…` before a call, then `+` when it was acknowledged or `-`
//! when it failed. A killed process loses nothing of what it wrote, so no sync is needed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::slot::{Change, Slot};
use super::{SLOTS, slot};

/// One thread's ledger.
#[derive(Debug)]
pub struct Ledger {
    file: File,
}

impl Ledger {
    /// Where the ledger of a thread lies.
    pub fn path(ledgers: &Path, client: u8, thread: u8) -> PathBuf {
        ledgers.join(format!("{client}-{thread}.ledger"))
    }

    /// Goes on with a ledger.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().append(true).create(true).open(path)? })
    }

    /// Notes what will be tried now.
    pub fn intend(&mut self, changes: &[Change]) -> io::Result<()> {
        let words = |change: &Change| {
            let (verb, arguments) = change.words();
            arguments.iter().fold(verb.to_owned(), |line, argument| format!("{line} {argument}"))
        };
        let line = format!("? {}\n", changes.iter().map(words).collect::<Vec<_>>().join(";"));
        self.file.write_all(line.as_bytes())
    }

    /// Notes how it ended.
    pub fn settle(&mut self, happened: bool) -> io::Result<()> {
        self.file.write_all(if happened { b"+\n" } else { b"-\n" })
    }
}

/// What a ledger adds up to.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// What the slots hold, by what was acknowledged.
    pub slots: Vec<Slot>,
    /// Slots that any intent named.
    pub named: Vec<bool>,
    /// The call without an outcome.
    pub in_flight: Option<Vec<Change>>,
    /// Calls that were acknowledged.
    pub acknowledged: u64,
}

impl Account {
    /// Reads a ledger; one that is not there yet says nothing.
    pub fn read(path: &Path) -> io::Result<Self> {
        let (slots, named) = (vec![slot::Slot::default(); SLOTS.into()], vec![false; SLOTS.into()]);
        let mut account = Self { slots, named, ..Self::default() };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        for line in text.lines() {
            account.apply(line).ok_or_else(|| io::Error::other(format!("no line of a ledger: {line}")))?;
        }
        Ok(account)
    }

    fn apply(&mut self, line: &str) -> Option<()> {
        match line {
            "+" => {
                let changes = self.in_flight.take()?;
                self.slots = self.after(&changes);
                self.acknowledged += 1;
            }
            "-" => drop(self.in_flight.take()?),
            _ => {
                let changes = line.strip_prefix("? ")?.split(';').map(|change| {
                    let (verb, arguments) = change.split_once(' ')?;
                    let numbers = arguments.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>();
                    Change::from_words(verb, &numbers.ok()?)
                });
                self.intend(changes.collect::<Option<Vec<_>>>()?);
            }
        }
        Some(())
    }

    /// Notes what will be tried now.
    pub fn intend(&mut self, changes: Vec<Change>) {
        for change in &changes {
            self.named[usize::from(change.slot())] = true;
        }
        self.in_flight = Some(changes);
    }

    /// What the slots hold once these changes have happened, all of them.
    pub fn after(&self, changes: &[Change]) -> Vec<Slot> {
        let mut slots = self.slots.clone();
        for change in changes {
            let slot = &mut slots[usize::from(change.slot())];
            *slot = change.apply(std::mem::take(slot));
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_read_back_with_what_has_no_outcome_yet() {
        let directory = tempfile::tempdir().unwrap();
        let path = Ledger::path(directory.path(), 0, 1);
        let mut ledger = Ledger::open(&path).unwrap();
        let put = |slot| Change::Put { slot, seed: u64::MAX, size: 48, tier: 2, relaxed: true };
        ledger.intend(&[put(3), put(4)]).unwrap();
        ledger.settle(true).unwrap();
        ledger.intend(&[Change::Move { slot: 3, source: 2, target: 0 }]).unwrap();
        ledger.settle(false).unwrap();
        ledger.intend(&[Change::Remove { slot: 4 }]).unwrap();

        let account = Account::read(&path).unwrap();

        assert_eq!(account.acknowledged, 1);
        assert_eq!(account.in_flight, Some(vec![Change::Remove { slot: 4 }]));
        let Slot::Live(live) = &account.slots[3] else { panic!("{:?}", account.slots[3]) };
        assert_eq!((live.seed, live.size), (u64::MAX, 48));
        assert_eq!(live.tiers, Some([2].into()));
        let after = account.after(&[Change::Remove { slot: 4 }]);
        assert!(matches!(after[4], Slot::Removed(_)));
        assert!(matches!(after[5], Slot::Absent));
    }
}
