//! Appends records for many threads; one write and one sync serve all who wait.
//!
//! Whoever needs its bytes synced while nobody syncs becomes the *leader* of a round: it writes what is
//! pending, syncs, and wakes the others. Bytes that came meanwhile are the next round's. The lock is never
//! held during a write or a sync, so an append waits for neither.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::pending::Pending;
use super::record::{RecordData, RecordHeader};
use super::{PACKED_LENGTH_MAX, PackIdentity, PlaceWriter, encode_header};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::integrity::BlockDigest;
use crate::object::{Generation, ObjectId};
use crate::wire::store_seed;

/// Pending bytes above which an append writes them out itself.
const PENDING_LENGTH_MAX: usize = 1 << 20;

/// Where a record was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where the record begins: what a [`Piece`](crate::object::Piece) calls its offset.
    pub offset: u64,
    /// Where it ends: what [`PackWriter::sync_to`] wants.
    pub end: u64,
}

/// Records of a pack that are not durable yet.
#[derive(Debug, Clone)]
pub struct Unsynced {
    /// The pack.
    pub pack: Arc<PackWriter>,
    /// Where the last of them ends.
    pub end: u64,
}

/// The pack that one instance appends to on one tier. Callable from several threads.
///
/// A write or a sync that failed fails the pack for good: every call returns that error, and the owner goes
/// on with another pack. What was synced before stays readable.
#[derive(Debug)]
pub struct PackWriter {
    place: Arc<dyn PlaceWriter>,
    identity: PackIdentity,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes that no one has begun to write; they go to `pending_at`.
    pending: Pending,
    /// What was written last, empty: its room is used again.
    spare: Pending,
    pending_at: u64,
    /// Where each write that is under way begins: one a thread at most.
    writing: Vec<u64>,
    /// Bytes before this are durable.
    synced: u64,
    /// Whether a leader is syncing.
    syncing: bool,
    failed: Option<Error>,
}

impl State {
    fn end(&self) -> u64 {
        self.pending_at + self.pending.len() as u64
    }

    fn check(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Whether all bytes before `end` were written.
    fn is_written(&self, end: u64) -> bool {
        self.pending_at >= end && self.writing.iter().all(|begin| *begin >= end)
    }
}

impl PackWriter {
    /// Begins a pack in an empty place. Its header is written with the first records.
    pub fn new(place: Arc<dyn PlaceWriter>, identity: PackIdentity, created_ns: TimeNs) -> Self {
        let state = State {
            pending: Pending::with(encode_header(&identity, created_ns)),
            spare: Pending::default(),
            pending_at: 0,
            writing: Vec::new(),
            synced: 0,
            syncing: false,
            failed: None,
        };
        Self { place, identity, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Whose pack it is.
    pub fn identity(&self) -> &PackIdentity {
        &self.identity
    }

    /// Appends a record. `digest` is the [`block_digest`](crate::integrity::block_digest) of `data`, of which a share may be
    /// kept until it is written.
    ///
    /// The record can be read after [`write_to`](Self::write_to), and survives a power loss after
    /// [`sync_to`](Self::sync_to). Never waits for a sync; every so often it writes what is pending.
    pub fn append(
        &self,
        id: ObjectId,
        generation: Generation,
        created_ns: TimeNs,
        digest: &BlockDigest,
        data: &mut RecordData,
    ) -> Result<Appended> {
        if data.len() > PACKED_LENGTH_MAX {
            let detail = format!("{} bytes; the most is {PACKED_LENGTH_MAX}", data.len());
            return Err(Error::invalid("packed object", detail));
        }
        let header = RecordHeader { length: data.len() as u32, id, generation, created_ns, digest: *digest };
        let record = data.seal(&header, store_seed(&self.identity.store_id));
        let mut state = self.state.lock();
        state.check()?;
        let offset = state.end();
        state.pending.push(record);
        let (end, length) = (state.end(), state.pending.len());
        if length > PENDING_LENGTH_MAX {
            let (begin, length) = (state.pending_at, length as u64);
            self.write_pending(&mut state)?;
            // The medium works while the rest is prepared; whoever syncs waits for less.
            MutexGuard::unlocked(&mut state, || self.place.start_writeback(begin, length));
        }
        Ok(Appended { offset, end })
    }

    /// Writes the records before `end`, so that they can be read and survive the end of the process.
    pub fn write_to(&self, end: u64) -> Result<()> {
        let mut state = self.state.lock();
        let end = end.min(state.end());
        loop {
            state.check()?;
            if state.is_written(end) {
                return Ok(());
            }
            if state.pending_at < end {
                self.write_pending(&mut state)?;
            } else {
                self.changed.wait(&mut state);
            }
        }
    }

    /// Makes the records before `end` durable, together with whatever else is pending.
    pub fn sync_to(&self, end: u64) -> Result<()> {
        let mut state = self.state.lock();
        let end = end.min(state.end());
        loop {
            state.check()?;
            if state.synced >= end {
                return Ok(());
            }
            if state.syncing {
                self.changed.wait(&mut state);
            } else {
                self.lead_round(&mut state)?;
            }
        }
    }

    /// Whether the records before `end` are durable.
    pub fn is_synced(&self, end: u64) -> bool {
        self.state.lock().synced >= end
    }

    /// Whether records wait to be written.
    pub fn is_pending(&self) -> bool {
        !self.state.lock().pending.is_empty()
    }

    /// Length of the pack in bytes, with what is pending.
    pub fn len(&self) -> u64 {
        self.state.lock().end()
    }

    /// Whether no record was appended.
    pub fn is_empty(&self) -> bool {
        self.len() <= super::PACK_HEADER_LENGTH
    }

    /// Why the pack failed, if it did: time for another one.
    pub fn failed(&self) -> Option<Error> {
        self.state.lock().failed.clone()
    }

    /// Takes no record any more, and gives up what is pending. No write is under way when this returns.
    pub fn close(&self) {
        let mut state = self.state.lock();
        self.fail(&mut state, Error::was_closed());
        while !state.writing.is_empty() {
            self.changed.wait(&mut state);
        }
    }

    /// Writes what is pending and syncs once; the lock is open meanwhile.
    fn lead_round(&self, state: &mut MutexGuard<'_, State>) -> Result<()> {
        state.syncing = true;
        if !state.pending.is_empty() {
            self.write_pending(state)?;
        }
        let end = state.pending_at;
        loop {
            // Before the wait: who failed while we wrote woke nobody of us.
            state.check()?;
            if state.is_written(end) {
                break;
            }
            self.changed.wait(state);
        }
        self.unlocked(state, || self.place.sync())?;
        state.synced = end;
        state.syncing = false;
        self.changed.notify_all();
        Ok(())
    }

    /// Writes what is pending; the lock is open meanwhile.
    fn write_pending(&self, state: &mut MutexGuard<'_, State>) -> Result<()> {
        let spare = std::mem::take(&mut state.spare);
        let mut pending = std::mem::replace(&mut state.pending, spare);
        let begin = state.pending_at;
        state.pending_at += pending.len() as u64;
        state.writing.push(begin);
        let written = self.unlocked(state, || {
            let written = pending.write(&*self.place, begin);
            pending.clear();
            written
        });
        state.writing.retain(|other| *other != begin);
        self.changed.notify_all();
        state.spare = pending;
        written
    }

    /// Calls the place with the lock open. An error, or a panic of the backend, fails the pack and wakes
    /// everyone: no waiter is left behind.
    fn unlocked(&self, state: &mut MutexGuard<'_, State>, call: impl FnOnce() -> Result<()>) -> Result<()> {
        struct FailUnlessDone<'a>(&'a PackWriter, bool);
        impl Drop for FailUnlessDone<'_> {
            fn drop(&mut self) {
                if !self.1 {
                    let reason = "its backend panicked".to_owned();
                    let mut state = self.0.state.lock();
                    self.0.fail(&mut state, Error::Closed { reason });
                    state.writing.clear(); // Whichever it was: nobody is to wait for it.
                }
            }
        }
        let called = MutexGuard::unlocked(state, || {
            let mut guard = FailUnlessDone(self, false);
            let called = call();
            guard.1 = true;
            called
        });
        if let Err(error) = &called {
            self.fail(state, error.clone());
        }
        called
    }

    /// Keeps the first error.
    fn fail(&self, state: &mut State, error: Error) {
        state.failed.get_or_insert(error);
        state.pending = Pending::default();
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
