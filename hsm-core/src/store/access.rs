//! When objects were last read: noted in memory, and written for many at once.
//!
//! A read that finds its object's last use (read or changed) longer ago than half the *staleness* notes it in this
//! handle; later reads move the time that is noted. What was noted is *flushed* once the oldest of it is half the
//! staleness old, by the read that finds this, and by `maintain` and `close`: one relaxed group of the journal for
//! thousands of objects. So reading costs no write a call, and the index is at most the staleness behind as long
//! as the handle is used. A crash loses what was not flushed, and nothing else.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Store;
use crate::catalog::Durability;
use crate::clock::TimeNs;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::journal::Change;
use crate::object::{ObjectId, Position};

/// The setting that holds it: nanoseconds as u64, all ones where accesses are not recorded.
const SETTING: &str = "access.staleness";
/// Unless it is set.
const STALENESS: Duration = Duration::from_hours(1);
/// Objects noted at most before they are flushed.
const NOTED_MAX: usize = if cfg!(any(test, feature = "testing")) { 64 } else { 16 << 10 };
/// Objects in one group: others get their turn to commit in between.
const FLUSHED_AT_ONCE: usize = 4 << 10;
/// What a flush may take of the disk: more than the journal and the index need for it.
const ROOM_BYTES: u64 = 8 << 20;
/// How long another handle may not know that the setting changed.
const LOOK_AGAIN_NS: TimeNs = 60_000_000_000;
/// Accesses are not recorded.
const OFF: TimeNs = TimeNs::MAX;
/// Nothing is noted; the setting was not looked up.
const NEVER: TimeNs = TimeNs::MIN;

/// What one handle noted.
#[derive(Debug)]
pub(super) struct Accesses {
    /// Half the staleness, or `OFF`.
    half_ns: AtomicI64,
    /// When the setting was looked up.
    looked_ns: AtomicI64,
    /// When the oldest of `noted` was.
    since_ns: AtomicI64,
    noted: Mutex<BTreeMap<ObjectId, TimeNs>>,
}

impl Default for Accesses {
    fn default() -> Self {
        let [half_ns, looked_ns, since_ns] = [OFF, NEVER, NEVER].map(AtomicI64::new);
        Self { half_ns, looked_ns, since_ns, noted: Mutex::default() }
    }
}

impl Accesses {
    /// Notes a read of a live object that was last used at `used_ns`, and flushes if it is time. Nothing here can make
    /// the read fail.
    pub(super) fn note(&self, engine: &Engine, id: ObjectId, used_ns: TimeNs, now_ns: TimeNs) {
        if is_past(self.looked_ns.load(Ordering::Relaxed), LOOK_AGAIN_NS, now_ns) {
            self.looked_ns.store(now_ns, Ordering::Relaxed);
            let value = engine.catalog.setting(SETTING);
            self.set(value.and_then(|value| decode(value.as_deref())).unwrap_or_default());
        }
        let half_ns = self.half_ns.load(Ordering::Relaxed);
        if half_ns == OFF {
            return;
        }
        if now_ns.saturating_sub(used_ns) >= half_ns && engine.read_only.read().is_none() {
            let mut noted = self.noted.lock();
            if noted.is_empty() {
                self.since_ns.store(now_ns, Ordering::Relaxed);
            }
            noted.insert(id, now_ns);
            if noted.len() >= NOTED_MAX {
                self.since_ns.store(TimeNs::MAX, Ordering::Relaxed);
            }
        }
        let since_ns = self.since_ns.load(Ordering::Relaxed);
        if since_ns != NEVER && is_past(since_ns, half_ns, now_ns) {
            self.flush(engine);
        }
    }

    /// Writes down what was noted. What cannot be written is forgotten: it is no more than a crash may lose.
    pub(super) fn flush(&self, engine: &Engine) {
        let noted = {
            let mut noted = self.noted.lock();
            self.since_ns.store(NEVER, Ordering::Relaxed);
            std::mem::take(&mut *noted)
        };
        if noted.is_empty() || engine.check_writable().is_err() || !has_room(engine) {
            return;
        }
        // In the order of the ids, in which the index finds them.
        let mut noted = noted.into_iter().peekable();
        while noted.peek().is_some() {
            let Ok(changes) = still_true(engine, noted.by_ref().take(FLUSHED_AT_ONCE)) else { return };
            if !changes.is_empty() && engine.commit_one(Vec::new(), changes, Durability::Relaxed).is_err() {
                return;
            }
        }
    }

    fn set(&self, staleness: Option<Duration>) {
        let half =
            staleness.map_or(OFF, |staleness| TimeNs::try_from(staleness.as_nanos() / 2).unwrap_or(OFF - 1));
        if self.half_ns.swap(half, Ordering::Relaxed) != half && half == OFF {
            self.noted.lock().clear();
            self.since_ns.store(NEVER, Ordering::Relaxed);
        }
    }
}

/// Whether `now_ns` is not within `length_ns` from `begin_ns` on; also where the clock was set back.
fn is_past(begin_ns: TimeNs, length_ns: TimeNs, now_ns: TimeNs) -> bool {
    !(0..length_ns).contains(&now_ns.saturating_sub(begin_ns))
}

/// Whether all of it fits beside the reserve, which is there for what makes room.
fn has_room(engine: &Engine) -> bool {
    let needed = engine.tiers.ground().reserve_bytes.saturating_add(ROOM_BYTES);
    engine.disk.space(&engine.directory).is_ok_and(|space| space.available >= needed)
}

/// Those that are not overtaken: by a removal, a newer content, or a later access that another handle wrote down.
fn still_true(engine: &Engine, noted: impl Iterator<Item = (ObjectId, TimeNs)>) -> Result<Vec<Change>> {
    let view = engine.catalog.view();
    let mut changes = Vec::new();
    for (object, accessed_ns) in noted {
        let found = view.object(object)?.filter(|found| !found.is_removed());
        if found.is_some_and(|found| found.last_used_ns() < accessed_ns) {
            changes.push(Change::Accessed { object, accessed_ns });
        }
    }
    Ok(changes)
}

fn decode(value: Option<&[u8]>) -> Result<Option<Duration>> {
    let Some(value) = value else { return Ok(Some(STALENESS)) };
    let bytes = value.first_chunk();
    let bytes = bytes.ok_or_else(|| Error::invalid("setting", format!("{SETTING} is too short")))?;
    let ns = u64::from_le_bytes(*bytes);
    Ok((ns < u64::MAX).then(|| Duration::from_nanos(ns)))
}

impl Store {
    /// Says how far the times of last access may be behind, for every handle of the store; `None`: accesses are not
    /// recorded. One hour unless it is set. Other handles learn of it within a minute.
    ///
    /// Reading costs no write a call: a handle notes in memory what is read, no more often for an object than every half
    /// of this time since it was last read or changed, and writes it down for thousands of objects at once, when half of
    /// it has passed at the next read, in [`maintain`](Self::maintain), and when it is closed. What was only noted is
    /// lost in a crash; a handle that is left alone keeps it noted. With a time of zero every read is written down at once.
    ///
    /// Reads are those of an object's bytes by a user: gets, readers, bulk reads; not copies, moves, scrubs and
    /// verifications. They show in [`Object::accessed_ns`](crate::object::Object::accessed_ns) and as events
    /// ([`Change::Accessed`]). An object has not changed by them: [`Object::changed`](crate::object::Object::changed) stays.
    /// Through a handle that may not write nothing is noted.
    pub fn set_access_staleness(&self, staleness: Option<Duration>) -> Result<Position> {
        let ns = staleness.map(|staleness| u64::try_from(staleness.as_nanos()).unwrap_or(u64::MAX - 1));
        let value = ns.unwrap_or(u64::MAX).to_le_bytes().to_vec();
        let position = self.engine().set(SETTING, value)?;
        self.inner.accesses.set(staleness);
        self.inner.accesses.looked_ns.store(self.engine().clock.now_ns(), Ordering::Relaxed);
        Ok(position)
    }

    /// How far the times of last access may be behind; `None`: accesses are not recorded.
    pub fn access_staleness(&self) -> Result<Option<Duration>> {
        let engine = self.engine();
        engine.check()?;
        decode(engine.catalog.setting(SETTING)?.as_deref())
    }

    /// Notes that the bytes of a live object are read.
    pub(super) fn note_access(&self, id: ObjectId, used_ns: TimeNs) {
        self.note_access_at(id, used_ns, self.engine().clock.now_ns());
    }

    /// The same, of a read at a time just now.
    pub(super) fn note_access_at(&self, id: ObjectId, used_ns: TimeNs, now_ns: TimeNs) {
        self.inner.accesses.note(self.engine(), id, used_ns, now_ns);
    }
}
