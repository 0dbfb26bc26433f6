//! Reading the index without SQLite's read lock, which takes two system calls a question.
//!
//! The lock keeps others from writing over what a reader's transaction may still read: frames of the log, when it begins
//! anew, and pages of the database, when a checkpoint moves newer ones into them. Both come only after the *head* of the
//! log's index has changed, as it does with every commit of any process, and a reader can look at that in memory that SQLite maps.
//! So a question is asked in a transaction that took no lock, and its answer counts only where the head was the same
//! before and behind it: then nobody wrote over anything, and the answer is that of this moment. Where it was not, and
//! where anything failed, the question is asked again with the lock, and only that answer counts.
//!
//! In more detail, by SQLite's wal.c: while the head stays, a checkpoint writes only pages into the database of which this
//! transaction finds a newer frame in the log; the log begins anew behind a new head (`walRestartHdr`); what a writer appends
//! without committing lies behind the last frame that counts, where no reader looks.
//!
//! The transaction stays open from one question to the next, as long as the head stays. It holds no lock, so it stands in
//! the way of nobody: neither of a checkpoint nor of a log that begins anew, however long the handle is left alone.

use rusqlite::Connection;

use super::page_cache::Share;
use super::page_checksum::{Connected, Head};
use crate::error::Result;
use crate::testing_hooks::{Mutant, mutant};

/// A connection for reading.
#[derive(Debug)]
pub(super) struct Reader {
    connected: Connected,
    /// The head of the log that an open transaction without a lock has.
    begun_at: Option<Head>,
    /// The number of the last change of a tier, and the head of the log before that was looked up.
    tiers: Option<(Head, u64)>,
    share: Share,
    /// How often it was asked.
    asked: u32,
    /// How often readers of the handle had been given back when it was.
    pub(super) idle_since: u64,
}

/// So often it is looked whether the share is full: that takes less than a hundredth of the questions.
const ASKED_AT_ONCE: u32 = 32;

impl Reader {
    /// `ours`: it was opened through our VFS.
    pub(super) fn new(connection: Connection, ours: bool, share: Share) -> Self {
        let connected = Connected::new(connection, ours);
        Self { connected, begun_at: None, tiers: None, share, asked: 0, idle_since: 0 }
    }

    pub(super) fn connection(&self) -> &Connection {
        self.connected.connection()
    }

    /// The number of the last change of a tier when the open transaction began, if that is known.
    ///
    /// Whoever changes a tier commits once more behind its note of that: the same head, so the same number.
    pub(super) fn tiers_changed(&self) -> Option<u64> {
        self.tiers.filter(|(head, _)| self.begun_at == Some(*head)).map(|(_, changed)| changed)
    }

    /// The same now; looked up where it is not known.
    pub(super) fn learn_tiers(&mut self, look_up: impl FnOnce() -> Result<u64>) -> Result<u64> {
        let head = self.connected.head();
        if let Some((at, changed)) = self.tiers
            && head == Some(at)
        {
            return Ok(changed);
        }
        let changed = look_up()?;
        self.tiers = head.map(|head| (head, changed));
        Ok(changed)
    }

    /// Asks without a lock. `None`: somebody committed meanwhile, or it failed.
    pub(super) fn ask<T>(&mut self, question: impl FnOnce(&Connection) -> Result<T>) -> Option<T> {
        let before = self.connected.head()?;
        let is_open =
            self.begun_at == Some(before) || (self.begun_at.is_some() && mutant(Mutant::OldHeadTaken));
        if !(is_open || self.end() && self.begin()) {
            return None;
        }
        let answer = question(self.connection());
        match answer {
            Ok(answer) if self.connected.head() == Some(before) => {
                self.begun_at = Some(before);
                Some(answer)
            }
            _ => {
                self.end();
                None
            }
        }
    }

    /// Says after a question that its answer was `large`, and whether the connection has all pages it may keep, as far as it was looked.
    pub(super) fn is_full(&mut self, large: bool) -> bool {
        self.asked = self.asked.wrapping_add(1);
        (large || self.asked.is_multiple_of(ASKED_AT_ONCE))
            && self.connected.kept_bytes() >= u64::from(self.share.kib()) << 10
    }

    /// What its share lacks to be twice as large.
    pub(super) fn lacks_kib(&self) -> u32 {
        self.share.lacks_kib()
    }

    pub(super) fn grow(&mut self) {
        if self.share.grow() {
            self.keep_to_its_share();
        }
    }

    /// Gives memory back that its pages took. Returns how much may be taken by others, in KiB.
    pub(super) fn shrink(&mut self) -> u32 {
        let before = self.share.kib();
        if self.share.shrink() {
            self.keep_to_its_share();
        }
        before - self.share.kib()
    }

    fn keep_to_its_share(&self) {
        // SQLite lets go of pages at once where they are more than that. It refuses nothing here but for want of memory; then the
        // next change of the share says it again.
        let _ = self.connection().pragma_update(None, "cache_size", -i64::from(self.share.kib()));
    }

    fn begin(&mut self) -> bool {
        self.connected.set_unlocked(true);
        self.run("BEGIN")
    }

    /// Ends what was begun without a lock. `false`: it cannot be ended, and the connection is of no use any more.
    pub(super) fn end(&mut self) -> bool {
        self.begun_at = None;
        self.connected.set_unlocked(false);
        self.connection().is_autocommit() || self.run("COMMIT") || self.run("ROLLBACK")
    }

    fn run(&self, sql: &str) -> bool {
        self.connection().prepare_cached(sql).and_then(|mut statement| statement.execute([])).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::index::{Index, IndexPlace, failed, move_head};
    use super::*;

    fn index(directory: &Path) -> Index {
        Index::open(&IndexPlace::File(directory.join("index.db")), false).unwrap()
    }

    fn setting(connection: &Connection) -> Result<Vec<u8>> {
        let sql = "SELECT value FROM setting WHERE name = 'a'";
        connection.query_row(sql, [], |row| row.get(0)).map_err(failed("look"))
    }

    fn set(index: &Index, value: &[u8]) {
        let sql =
            "INSERT INTO setting(name, value) VALUES ('a', ?1) ON CONFLICT(name) DO UPDATE SET value = ?1";
        index.writer().execute(sql, [value]).unwrap();
    }

    fn ask(index: &Index) -> Vec<u8> {
        index.ask_unlocked(setting).unwrap().0
    }

    /// The first question of a connection takes the lock: SQLite maps the log's index with it.
    fn warm(index: &Index) {
        index.reader().unwrap().query_row("SELECT 1 FROM setting", [], |_| Ok(())).unwrap();
        assert!(index.ask_unlocked(setting).is_some());
    }

    #[test]
    fn a_commit_of_another_handle_is_seen_by_the_next_question() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, others) = (index(directory.path()), index(directory.path()));
        set(&others, b"0");
        warm(&ours);
        for value in 0..100_u8 {
            set(&others, &[value]);
            assert_eq!(ask(&ours), [value]);
            assert_eq!(ask(&ours), [value]);
        }
    }

    #[test]
    fn an_answer_does_not_count_where_somebody_committed_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, others) = (index(directory.path()), index(directory.path()));
        set(&others, b"before");
        warm(&ours);
        let answer = ours.ask_unlocked(|connection| {
            let answer = setting(connection);
            set(&others, b"after");
            answer
        });
        assert!(answer.is_none());
        assert_eq!(ask(&ours), b"after");
        assert_eq!(ours.ask_unlocked(|_| Err::<(), _>(crate::Error::was_closed())).map(drop), None);
    }

    #[test]
    fn a_reader_that_is_left_alone_stands_in_the_way_of_no_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, others) = (index(directory.path()), index(directory.path()));
        set(&others, b"0");
        warm(&ours);
        let log = || std::fs::metadata(directory.path().join("index.db-wal")).unwrap().len();
        let checkpoint = || {
            let row = others.writer().query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            });
            row.unwrap()
        };
        for round in 0..20_u8 {
            set(&others, &vec![round; 30_000]);
            let (busy, frames, moved) = checkpoint();
            assert_eq!((busy, frames), (0, moved), "all of the log went, and it begins anew");
            assert_eq!(ask(&ours), vec![round; 30_000]);
        }
        assert!(log() < 300_000, "{}", log()); // All rounds together wrote twice as much.
        // A transaction with its lock would have.
        let reading = ours.reader().unwrap();
        reading.execute_batch("BEGIN").unwrap();
        setting(&reading).unwrap();
        others.writer().busy_timeout(std::time::Duration::ZERO).unwrap();
        set(&others, &vec![1; 30_000]);
        assert_eq!(checkpoint().0, 1);
    }

    #[test]
    fn a_question_with_the_lock_and_one_without_share_a_connection() {
        let directory = tempfile::tempdir().unwrap();
        let ours = index(directory.path());
        for value in 0..10_u8 {
            set(&ours, &[value]);
            warm(&ours);
            assert_eq!(ask(&ours), [value]);
            set(&ours, &[value, value]);
            assert_eq!(setting(&ours.reader().unwrap()).unwrap(), [value, value]);
        }
    }

    #[test]
    fn the_head_moves_without_a_change_where_it_is_told_to() {
        let directory = tempfile::tempdir().unwrap();
        let ours = index(directory.path());
        set(&ours, b"0");
        warm(&ours);
        let known = || ours.ask_unlocked(setting).unwrap().1;
        for number in 1..4 {
            assert_eq!(known(), None);
            assert_eq!(ours.tiers_changed(|| Ok(number)).unwrap(), number);
            assert_eq!(ours.tiers_changed(|| panic!("it is known")).unwrap(), number);
            assert_eq!(known(), Some(number));
            move_head(&ours.writer());
        }
        assert_eq!(
            ours.tiers_changed(|| Err(crate::Error::was_closed())).map_err(|error| error.kind()),
            Err(crate::Kind::Closed)
        );
        assert_eq!(known(), None);
    }
}
