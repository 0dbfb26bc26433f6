//! The catalog of a store that lives in a directory: a journal, and a SQLite index of it.
//!
//! The journal is the truth; the index answers questions. They stay together so:
//!
//! - a commit ([`commit`]) holds the writer lock, checks and applies its changes in a transaction of the
//!   index, appends them to the journal, syncs, and only then ends the transaction;
//! - whoever comes next and finds groups behind the index's last applies them first;
//! - an open with no one else there ([`recover`]) makes good what a crash or a power loss left, and
//!   rebuilds the index from a snapshot and the journal where it is missing, damaged or ahead.

mod action;
mod apply;
mod audit;
mod check;
mod commit;
mod epochs;
mod feed;
mod index;
mod known_packs;
mod log_length;
mod lookup;
mod moment;
mod notice;
mod page_cache;
mod page_checksum;
mod pin;
mod recover;
mod retention;
mod row;
mod schema;
mod snapshot;
mod trust;
mod unlocked;
mod upgrade;
mod upkeep;
mod whole;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) use feed::FoundAt;
pub(crate) use index::IndexPlace;
pub(crate) use notice::Notice;
pub(crate) use recover::Found;
pub(in crate::catalog) use row::object_of;

use super::{
    ActionQuery, ActionWindow, Catalog, Committed, Contradictions, Cursor, Durability, Epoch, Expired, Fed,
    FeedCursor, Garbage, NamesPage, PackUsage, Page, Passed, PinQuery, Places, Progress, Proposal, Query,
    TierUsage, Turn, View,
};
use crate::backend::PlaceName;
use crate::clock::{Clock, TimeNs};
use crate::error::{Error, Result};
use crate::event::Retention;
use crate::file::Disk;
use crate::journal::queue::LockFile;
use crate::journal::{EpochCause, Segments};
use crate::object::{
    Action, ActionId, ActionState, Dataset, DatasetId, GroupId, Name, Object, ObjectId, Pin, Position,
    TierIndex,
};
use crate::testing_hooks::lookup_fails;
use crate::tier::kept::Source;
use commit::Queue;
use index::Index;
use moment::Moment;

/// What an embedded catalog stands on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The store's directory.
    pub(crate) directory: PathBuf,
    pub(crate) store_id: [u8; 16],
    /// This handle's instance.
    pub(crate) instance: u64,
    pub(crate) index: IndexPlace,
    /// Whether this handle keeps everyone else out.
    pub(crate) exclusive: bool,
    pub(crate) segment_bytes_max: u64,
    pub(crate) places: Arc<dyn Places>,
    pub(crate) lock: Arc<LockFile>,
}

/// For fuzzing: see [`testing::parse`](crate::testing::parse).
#[cfg(any(test, feature = "testing"))]
pub(crate) fn reread_row(bytes: &[u8]) -> Option<bool> {
    let body = row::Body::read(bytes)?;
    Some(row::Body::read(&body.write()).as_ref() == Some(&body))
}

/// A journal and its index.
#[derive(Debug)]
pub(crate) struct Embedded {
    ground: Ground,
    segments: Segments,
    index: Index,
    queue: Queue,
    /// Why this handle commits nothing any more.
    failed: Mutex<Option<String>>,
    /// Held while a snapshot is made.
    snapshots: Mutex<()>,
    boot: u64,
    news: Arc<notice::News>,
}

impl Embedded {
    /// The directory of segments of a store.
    pub(crate) fn journal_directory(store: &std::path::Path) -> PathBuf {
        store.join("journal")
    }

    /// The file whose presence says that the index is to be rebuilt.
    fn damage_mark(&self) -> PathBuf {
        self.ground.directory.join(trust::DAMAGE_MARK)
    }

    /// Refuses where the handle failed before.
    fn check_usable(&self) -> Result<()> {
        match &*self.failed.lock() {
            Some(reason) => Err(Error::Closed { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Asks the index; where it turns out damaged, leaves a mark so that the next exclusive open rebuilds it.
    fn read<T>(&self, question: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        check_lookup()?;
        self.read_locked(question)
    }

    fn read_locked<T>(&self, question: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        let answer = self.index.reader().and_then(|reading| question(&reading));
        self.note_damage(answer)
    }

    fn note_damage<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(Error::Index { damaged: true, .. }) = &answer {
            // What a mark of a failed sync says must not be lost. If the mark cannot be made, the next open meets
            // the damage again and finds out by itself.
            if !self.is_marked_damaged() {
                let _ = crate::file::write_whole(&*self.ground.disk, &self.damage_mark(), b"damaged\n");
            }
        }
        answer
    }
}

/// Fails where a test wants this question to fail.
fn check_lookup() -> Result<()> {
    if lookup_fails() {
        let message = "a test wants it so".to_owned();
        return Err(Error::Index { action: "look something up", message, damaged: false });
    }
    Ok(())
}

impl Catalog for Embedded {
    fn commit(&self, proposals: Vec<Proposal>, durability: Durability) -> Vec<Result<Committed>> {
        self.commit_queued(proposals, durability)
    }

    fn sync(&self) -> Result<Position> {
        self.sync_relaxed()
    }

    fn distrust(&self, tier: TierIndex) {
        self.distrust_relaxed(tier);
    }

    fn check_in_use(&self) -> Result<()> {
        self.check_usable()
    }

    fn progress(&self) -> Result<Progress> {
        self.read(|connection| {
            let state = lookup::must_state(connection)?;
            Ok(Progress { applied: state.tail.last, durable: state.durable.last })
        })
    }

    fn view(&self) -> Box<dyn View + '_> {
        Box::new(Moment::new(self))
    }

    fn object(&self, id: ObjectId) -> Result<Option<Object>> {
        self.object_and_tiers(id).map(|(object, _)| object)
    }

    fn object_and_tiers(&self, id: ObjectId) -> Result<(Option<Object>, Option<u64>)> {
        check_lookup()?;
        let find = |connection: &rusqlite::Connection| apply::find(connection, id);
        match self.index.ask_unlocked(find) {
            Some(answer) => Ok(answer),
            None => self.read_locked(find).map(|object| (object, None)),
        }
    }

    fn names(&self, id: ObjectId, after: Option<&Cursor>, limit: usize) -> Result<NamesPage> {
        self.read(|connection| lookup::names(connection, id, after, limit))
    }

    fn resolve(&self, name: &Name) -> Result<Option<ObjectId>> {
        self.view().resolve(name)
    }

    fn dataset(&self, id: DatasetId) -> Result<Option<Dataset>> {
        self.read(|connection| lookup::dataset(connection, id))
    }

    fn dataset_named(&self, name: &str) -> Result<Option<Dataset>> {
        self.read(|connection| lookup::dataset_named(connection, name))
    }

    fn datasets(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dataset>> {
        self.read(|connection| lookup::datasets(connection, after, limit))
    }

    fn page(&self, query: &Query, after: Option<&Cursor>, limit: usize) -> Result<Page> {
        check_lookup()?;
        // In order of arrival each page of the index is read once; by key, for as many objects as lie in it.
        let is_once = query.dataset.is_none();
        let reading = self.index.reader().map(|reading| if is_once { reading.once() } else { reading });
        self.note_damage(reading.and_then(|reading| lookup::page(&reading, query, after, limit)))
    }

    fn let_pages_go(&self) {
        self.index.let_pages_go();
    }

    fn tiers(&self) -> Result<Vec<TierUsage>> {
        self.read(lookup::tiers)
    }

    fn tiers_changed(&self) -> Result<u64> {
        self.index.tiers_changed(|| self.ground.lock.tiers_changed())
    }

    fn expired(&self, now_ns: TimeNs, limit: usize) -> Result<Vec<Expired>> {
        self.read(|connection| lookup::expired(connection, now_ns, limit))
    }

    fn garbage(&self, after: Option<Garbage>, limit: usize) -> Result<Vec<Garbage>> {
        self.read(|connection| lookup::garbage(connection, after, limit))
    }

    fn is_garbage(&self, place: &Garbage) -> Result<bool> {
        self.read(|connection| lookup::is_garbage(connection, place))
    }

    fn forget_garbage(&self, removed: &[Garbage]) -> Result<()> {
        let sql = "DELETE FROM garbage WHERE tier = ?1 AND instance = ?2 AND serial = ?3";
        self.forget(sql, removed.iter().map(|place| (place.tier, place.name)))
    }

    fn strike_known(&self, places: &mut BTreeMap<(TierIndex, PlaceName), u64>) -> Result<()> {
        self.strike_known_places(places)
    }

    fn contradictions(&self) -> Result<Contradictions> {
        self.audit()
    }

    fn packs(&self, instance: u64) -> Result<Vec<PackUsage>> {
        self.read(|connection| lookup::packs(connection, instance))
    }

    fn empty_packs(&self, after: Option<(TierIndex, PlaceName)>, limit: usize) -> Result<Vec<PackUsage>> {
        self.read(|connection| lookup::empty_packs(connection, after, limit))
    }

    fn sparse_packs(
        &self,
        tier: TierIndex,
        live_percent_min: u8,
        after: Option<PlaceName>,
        limit: usize,
    ) -> Result<Vec<PackUsage>> {
        self.read(|connection| lookup::sparse_packs(connection, tier, live_percent_min, after, limit))
    }

    fn pack(&self, tier: TierIndex, name: PlaceName) -> Result<Option<PackUsage>> {
        self.read(|connection| lookup::pack(connection, tier, name))
    }

    fn known_pack(&self, tier: TierIndex, name: PlaceName) -> Result<Option<u64>> {
        self.read(|connection| known_packs::end(connection, tier, name))
    }

    fn forget_packs(&self, removed: &[PackUsage]) -> Result<()> {
        let sql = "DELETE FROM pack WHERE tier = ?1 AND instance = ?2 AND serial = ?3 AND live_objects = 0";
        self.forget(sql, removed.iter().map(|pack| (pack.tier, pack.name)))
    }

    fn resolved(&self, instance: u64) -> Result<u64> {
        self.read(|connection| lookup::resolved(connection, instance))
    }

    fn is_recent(&self, instance: u64, serial: u64) -> Result<bool> {
        self.read(|connection| lookup::is_recent(connection, instance, serial))
    }

    fn forget_instances(&self, but: &[u64]) -> Result<()> {
        self.forget_all_but(but)
    }

    fn snapshot(&self) -> Result<Option<Position>> {
        self.make_snapshot()
    }

    fn open_snapshot(&self) -> Result<(Position, Vec<Source>)> {
        self.snapshot_files()
    }

    fn begin_epoch(&self, cause: EpochCause) -> Result<Position> {
        // One that failed half-way may have left its segment.
        self.sync_relaxed()?;
        let _writer = self.ground.lock.lock_writer()?;
        self.new_epoch(cause)
    }

    fn epochs(&self) -> Result<Vec<Epoch>> {
        self.read(epochs::list)
    }

    fn close(&self) -> Result<()> {
        let progress = self.progress()?;
        if progress.applied != progress.durable {
            self.sync_relaxed()?;
        }
        let _writer = self.ground.lock.lock_writer()?;
        self.ground.places.committed(&progress.applied, u64::MAX, &|| self.read(epochs::list));
        Ok(())
    }

    fn let_go(&self) -> Result<()> {
        self.failed.lock().get_or_insert_with(|| "it was closed".to_owned());
        self.news.tell();
        self.index.close()
    }

    fn feed(&self, cursor: &mut FeedCursor, limit: Option<usize>) -> Result<Fed> {
        self.next_events(cursor, limit)
    }

    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read(|connection| lookup::setting(connection, name))
    }

    fn index_changes(&self) -> Result<()> {
        self.make_change_index()
    }

    fn drop_journal(&self, retention: &Retention, now_ns: TimeNs) -> Result<u64> {
        self.drop_segments(retention, now_ns)
    }

    fn actions_of(&self, ids: &[ActionId]) -> Result<Vec<Option<Action>>> {
        self.read(|connection| ids.iter().map(|id| action::find(connection, *id)).collect())
    }

    fn actions(&self, wanted: &ActionQuery, after: u64, limit: usize) -> Result<Vec<Action>> {
        self.read(|connection| action::list(connection, wanted, after, limit))
    }

    fn group_states(&self, group: GroupId) -> Result<Vec<(ActionState, u64)>> {
        self.read(|connection| action::group_states(connection, group))
    }

    fn action_window(
        &self,
        now_ns: TimeNs,
        behind: &str,
        max: usize,
        passed: &[Passed],
    ) -> Result<ActionWindow> {
        self.read(|connection| action::window(connection, now_ns, behind, max, passed))
    }

    fn is_outranked(&self, now_ns: TimeNs, turn: &Turn) -> Result<bool> {
        self.read(|connection| action::is_outranked(connection, now_ns, turn))
    }

    fn action(&self, id: ActionId) -> Result<Option<Action>> {
        self.read(|connection| action::whole(connection, id))
    }

    fn offered_actions(
        &self,
        now_ns: TimeNs,
        kinds: &[String],
        behind: &str,
        max: usize,
    ) -> Result<Vec<Action>> {
        self.read(|connection| action::offered(connection, now_ns, kinds, behind, max))
    }

    fn next_offer(&self, kinds: &[String]) -> Result<Option<TimeNs>> {
        self.read(|connection| action::next_offer(connection, kinds))
    }

    fn ended_leases(&self, now_ns: TimeNs, limit: usize) -> Result<Vec<Action>> {
        self.read(|connection| action::ended(connection, now_ns, limit))
    }

    fn next_due(&self) -> Result<Option<TimeNs>> {
        self.read(action::next_due)
    }

    fn stuck_actions(&self, after: u64, limit: usize) -> Result<(Vec<(ActionId, u64)>, u64)> {
        self.read(|connection| action::stuck(connection, after, limit))
    }

    fn claimers(&self) -> Result<Vec<u64>> {
        self.read(action::claimers)
    }

    fn finished_actions(&self, kept: u64, until_ns: TimeNs, limit: usize) -> Result<Vec<(ActionId, u64)>> {
        self.read(|connection| action::finished(connection, kept, until_ns, limit))
    }

    fn pinned(&self, id: ObjectId, tier: TierIndex, now_ns: TimeNs) -> Result<Option<Pin>> {
        self.read(|connection| pin::longest(connection, id, tier, now_ns))
    }

    fn pins(&self, wanted: &PinQuery, now_ns: TimeNs, after: Option<&Pin>, limit: usize) -> Result<Vec<Pin>> {
        self.read(|connection| pin::list(connection, wanted, now_ns, after, limit))
    }

    fn notice(&self) -> Result<Notice> {
        self.new_notice()
    }
}
