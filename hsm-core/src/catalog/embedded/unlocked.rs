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

use super::page_checksum::{Connected, Head};
use crate::error::Result;
use crate::testing_hooks::{Mutant, mutant};

/// A connection for reading.
#[derive(Debug)]
pub(super) struct Reader {
    connected: Connected,
    /// The head of the log that an open transaction without a lock has.
    begun_at: Option<Head>,
}

impl Reader {
    /// `ours`: it was opened through our VFS.
    pub(super) fn new(connection: Connection, ours: bool) -> Self {
        Self { connected: Connected::new(connection, ours), begun_at: None }
    }

    pub(super) fn connection(&self) -> &Connection {
        self.connected.connection()
    }

    pub(super) fn head(&self) -> Option<Head> {
        self.connected.head()
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
            assert_eq!(ours.ask_unlocked(setting).unwrap(), [value]);
            assert_eq!(ours.ask_unlocked(setting).unwrap(), [value]);
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
        assert_eq!(answer, None);
        assert_eq!(ours.ask_unlocked(setting).unwrap(), b"after");
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
            assert_eq!(ours.ask_unlocked(setting).unwrap(), vec![round; 30_000]);
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
            assert_eq!(ours.ask_unlocked(setting).unwrap(), [value]);
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
        for _ in 0..3 {
            let before = ours.head().unwrap();
            assert_eq!(ours.head(), Some(before));
            move_head(&ours.writer());
            assert_ne!(ours.head().unwrap(), before);
        }
    }
}
