//! What the engine asks of the record of all objects, in the engine's terms and never in SQL.
//!
//! Three nouns, from wish to fact:
//!
//! - a *proposal* is changes and what must hold for them to make sense;
//! - a commit checks a proposal and records its changes, all or none, under one lock;
//! - [`Committed`] says where in the journal they stand.
//!
//! `embedded` is a journal with a SQLite index. A distributed engine would replace it as a whole. What a
//! catalog does not do: touch objects' bytes.

mod action;
pub(crate) mod embedded;
mod epoch;
mod listed;
mod pin;
mod query;

use std::collections::BTreeMap;
use std::fmt::Debug;

pub use action::ActionQuery;
pub(crate) use action::{ActionWindow, Passed, Turn};
pub(crate) use epoch::{Epoch, is_unknown, seen_at};
pub use listed::{Listed, ObjectSummary};
pub use pin::PinQuery;
pub use query::{Cursor, Items, NamesPage, Page, Query};

use crate::backend::PlaceName;
use crate::backend::pack::Unsynced;
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::event::{EventPage, Gap, Retention};
use crate::journal::{Change, EpochCause, Subject, Updates};
use crate::object::{
    Action, ActionId, ActionState, Content, Copy, Dataset, DatasetId, Generation, GroupId, Name, Object,
    ObjectId, Piece, Pin, Position, TierConfig, TierIndex,
};
use crate::tier::kept::Source;

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// When it survives a power loss.
    #[default]
    Durable,
    /// When it survives a crash of the process. It is durable at the next durable commit, `sync` or close;
    /// after a power loss before that it may be rolled back, whole.
    Relaxed,
}

/// Changes that happen together or not at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proposal {
    /// What must hold when they are committed.
    pub(crate) expect: Vec<Expect>,
    /// The changes, in order.
    pub(crate) changes: Vec<Change>,
    /// Records that the changes refer to and that are not durable yet.
    pub(crate) data: Vec<Unsynced>,
}

/// What must hold for a proposal to be committed. Checked in order; the first that fails is the answer.
#[derive(Debug, Clone)]
pub(crate) enum Expect {
    /// No live object has this id. Fails with `Exists`.
    NotLive(ObjectId),
    /// A live object has this id. Fails with `ObjectNotFound`.
    Live(ObjectId),
    /// The object was removed and its grace window still runs. Fails with `ObjectNotFound`.
    Removed(ObjectId),
    /// The object is removed as it was when it was looked for. Fails with `ObjectNotFound`.
    RemovedSo(Expired),
    /// The object, live or removed, is at this generation (0: there is none). Fails with `Conflict`.
    Generation(ObjectId, Generation),
    /// Of the attributes of a live object or a dataset, these have these values; `None`: there is none of that name. Fails
    /// with `ObjectNotFound`, `DatasetNotFound` or `Conflict`.
    Attributes(Subject, Updates),
    /// The copy on this tier, of a live object or a removed one, lies just there. Fails with `Conflict`.
    CopyAt(ObjectId, TierIndex, Vec<Piece>),
    /// There is no copy on this tier. Fails with `Conflict`.
    NoCopy(ObjectId, TierIndex),
    /// There is another verified copy, on a readable tier other than this. Fails with `LastCopy`.
    VerifiedElsewhere(ObjectId, TierIndex),
    /// No pin keeps the copy on this tier now. Fails with `Pinned`.
    NotPinned(ObjectId, TierIndex),
    /// No object has this name. Fails with `Exists`.
    NameFree(Name),
    /// This object has this name. Fails with `Conflict`.
    NameIs(Name, ObjectId),
    /// There is a dataset with this id. Fails with `DatasetNotFound`.
    Dataset(DatasetId),
    /// No dataset has this name. Fails with `Exists`.
    DatasetNameFree(String),
    /// The dataset holds no key. Fails with `Exists`.
    DatasetEmpty(DatasetId),
    /// The tier takes new data, at the root of this incarnation. Fails with `TierNotFound`, `TierReadOnly`
    /// or `Conflict`.
    TierWritable(TierIndex, [u8; 16]),
    /// The tier has room for so many bytes more. Fails with `TierFull`.
    TierRoom(TierIndex, u64),
    /// The tier's settings are as they were when we looked. Fails with `Conflict`.
    TierIs(TierIndex, Option<TierConfig>),
    /// No copy is left on the tier. Fails with `Exists`.
    TierEmpty(TierIndex),
    /// This was the last change of the action (0: there is no such action). Fails with `Conflict`.
    Action(ActionId, u64),
    /// There is such an action. Fails with `ActionNotFound`.
    ActionKnown(ActionId),
}

/// Where a proposal's changes stand in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The position of the last of them.
    pub position: Position,
    /// When they were committed.
    pub time_ns: TimeNs,
}

/// A tier's settings and what is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierUsage {
    /// Its settings.
    pub config: TierConfig,
    /// How many objects have a copy on it, removed ones that may still come back included.
    pub objects: u64,
    /// How many bytes those copies hold.
    pub bytes: u64,
}

/// A removed object whose grace window is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) id: ObjectId,
    pub(crate) generation: Generation,
    /// When that was. With the generation it tells this removal from a later one.
    pub(crate) until_ns: TimeNs,
}

/// A place that no committed generation refers to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbage {
    /// Its tier.
    pub(crate) tier: TierIndex,
    /// Its name there.
    pub(crate) name: PlaceName,
}

/// What is live in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackUsage {
    /// Its tier.
    pub(crate) tier: TierIndex,
    /// Its name there.
    pub(crate) name: PlaceName,
    /// End of its last record that was ever committed.
    pub(crate) used: u64,
    /// How many objects still lie in it.
    pub(crate) live_objects: u64,
}

/// What a catalog says of itself that cannot be.
#[derive(Debug, Default)]
pub(crate) struct Contradictions {
    /// How many there are.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) first: Vec<String>,
    /// Whether it cannot be read, so that there may be more of them, and it can answer nothing.
    pub(crate) unreadable: bool,
}

/// Contradictions that are told one by one.
const CONTRADICTIONS_TOLD_MAX: usize = 100;

impl Contradictions {
    pub(crate) fn note(&mut self, what: String) {
        self.add(Self { count: 1, first: vec![what], unreadable: false });
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.count += more.count;
        self.unreadable |= more.unreadable;
        let room = CONTRADICTIONS_TOLD_MAX.saturating_sub(self.first.len());
        self.first.extend(more.first.into_iter().take(room));
    }
}

/// How far the journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last change.
    pub(crate) applied: Position,
    /// The last change that survives a power loss.
    pub(crate) durable: Position,
}

/// What a reader of the feed gets.
#[derive(Debug)]
pub(crate) enum Fed {
    /// Events, in order.
    Events(EventPage),
    /// Changes that cannot be had any more; the next ones come behind them.
    Gap(Gap),
}

/// Where a reader of the feed stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FeedCursor {
    /// The last change it knows.
    pub(crate) after: Position,
    /// Where the catalog goes on to read; `None`: it has to look for it.
    found: Option<embedded::FoundAt>,
}

impl FeedCursor {
    /// Behind the change at `after`.
    pub(crate) fn behind(after: Position) -> Self {
        Self { after, found: None }
    }
}

/// Which of a handle's places need no sweep.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    /// Serials up to this are committed or given up, packs aside.
    pub(crate) serials: u64,
    /// The packs it appended to since the last commit.
    pub(crate) packs: Vec<(TierIndex, PlaceName)>,
}

/// What the catalog asks of the tiers' bytes.
pub(crate) trait Places: Send + Sync + Debug {
    /// Says which tiers there are.
    fn configure(&self, tiers: &[TierConfig]);
    /// Makes a place's bytes and name survive a power loss. One that is gone is no error.
    fn sync(&self, place: &Garbage) -> Result<()>;
    /// Whether a copy, read from the medium, is what the catalog says.
    fn is_whole(&self, id: ObjectId, generation: Generation, content: &Content, copy: &Copy) -> Result<bool>;
    /// Whether a root was told that the journal had come as far as this, durably.
    fn has_seen(&self, position: &Position) -> bool;
    /// What a sweep after the death of this handle need not look for.
    fn settled(&self) -> Settled;
    /// Told under the writer lock how far the journal has come, in which segment it ends, and which epochs it has.
    fn committed(&self, durable: &Position, segment: u64, epochs: &dyn Fn() -> Result<Vec<Epoch>>);
}

/// Answers to many questions as of one moment, for little more than the price of one.
///
/// It begins with the first question and ends when it is dropped; whoever has one asks the catalog nothing else
/// meanwhile, and holds it for as long as it takes to ask, no longer.
pub(crate) trait View {
    /// An object, live or removed.
    fn object(&self, id: ObjectId) -> Result<Option<Object>>;
    /// Objects, live or removed, in the order asked for.
    fn objects(&self, ids: &[ObjectId]) -> Result<Vec<Option<Object>>>;
    /// The object with this name.
    fn resolve(&self, name: &Name) -> Result<Option<ObjectId>>;
    /// Whether there is a dataset with this id.
    fn has_dataset(&self, id: DatasetId) -> Result<bool>;
    /// The last change that it shows.
    fn applied(&self) -> Result<Position>;

    /// A live object.
    fn live(&self, id: ObjectId) -> Result<Object> {
        self.object(id)?.filter(|object| !object.is_removed()).ok_or(Error::ObjectNotFound { id })
    }
}

/// The record of all objects. Callable from several threads.
pub(crate) trait Catalog: Send + Sync + Debug {
    /// Commits proposals in order, each for itself: one that fails leaves no trace and does not disturb the
    /// others.
    fn commit(&self, proposals: Vec<Proposal>, durability: Durability) -> Vec<Result<Committed>>;
    /// Makes every change so far durable.
    fn sync(&self) -> Result<Position>;
    /// A directory of this handle's places on a tier could not be synced: where relaxed changes have bytes there
    /// that are not durable, the handle fails, and an open finds out what is true.
    fn distrust(&self, tier: TierIndex);
    /// Refuses, with what happened, where this handle commits nothing any more: what it reads may not be what an open
    /// finds.
    fn check_in_use(&self) -> Result<()>;
    /// How far it has come.
    fn progress(&self) -> Result<Progress>;
    /// What many questions are put to.
    fn view(&self) -> Box<dyn View + '_>;
    /// An object, live or removed.
    fn object(&self, id: ObjectId) -> Result<Option<Object>>;
    /// The same, and what [`tiers_changed`](Self::tiers_changed) would say of that moment, where that is known already.
    fn object_and_tiers(&self, id: ObjectId) -> Result<(Option<Object>, Option<u64>)>;
    /// Names of a live object, behind the cursor.
    fn names(&self, id: ObjectId, after: Option<&Cursor>, limit: usize) -> Result<NamesPage>;
    /// The object with this name.
    fn resolve(&self, name: &Name) -> Result<Option<ObjectId>>;
    /// A dataset by id.
    fn dataset(&self, id: DatasetId) -> Result<Option<Dataset>>;
    /// A dataset by name.
    fn dataset_named(&self, name: &str) -> Result<Option<Dataset>>;
    /// Datasets in order of name, behind `after`.
    fn datasets(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dataset>>;
    /// Gives memory back that what was read is kept in.
    fn let_pages_go(&self);
    /// Objects that match, in the query's order, behind the cursor.
    fn page(&self, query: &Query, after: Option<&Cursor>, limit: usize) -> Result<Page>;
    /// All tiers that ever were, in order of index.
    fn tiers(&self) -> Result<Vec<TierUsage>>;
    /// A number that is another one after a tier was added or its settings changed, by whatever handle.
    fn tiers_changed(&self) -> Result<u64>;
    /// Removed objects whose grace window was over before `now_ns`.
    fn expired(&self, now_ns: TimeNs, limit: usize) -> Result<Vec<Expired>>;
    /// Places that may be removed now, in order, behind `after`.
    fn garbage(&self, after: Option<Garbage>, limit: usize) -> Result<Vec<Garbage>>;
    /// Whether a file waits to be removed.
    fn is_garbage(&self, place: &Garbage) -> Result<bool>;
    /// Strikes places off the garbage that are removed.
    fn forget_garbage(&self, removed: &[Garbage]) -> Result<()>;
    /// Strikes off those of `places` that the catalog knows: a copy lies there, of an object live or removed, or they
    /// wait to be removed. Looks at every object: ask for many places at once.
    fn strike_known(&self, places: &mut BTreeMap<(TierIndex, PlaceName), u64>) -> Result<()>;
    /// Where the catalog says of itself what cannot be. Reads all of it, from the medium.
    fn contradictions(&self) -> Result<Contradictions>;
    /// The packs of an instance, by tier and name.
    fn packs(&self, instance: u64) -> Result<Vec<PackUsage>>;
    /// Packs in which nothing lives, by tier and name, from the first behind `after`.
    fn empty_packs(&self, after: Option<(TierIndex, PlaceName)>, limit: usize) -> Result<Vec<PackUsage>>;
    /// Packs of a tier in which something lives, but less than so many percent of their records' bytes, by name,
    /// from the first behind `after`.
    fn sparse_packs(
        &self,
        tier: TierIndex,
        live_percent_min: u8,
        after: Option<PlaceName>,
        limit: usize,
    ) -> Result<Vec<PackUsage>>;
    /// One pack. `None`: it was struck off.
    fn pack(&self, tier: TierIndex, name: PlaceName) -> Result<Option<PackUsage>>;
    /// Where a pack ended when the store was restored the last time. `None`: it never was.
    fn known_pack(&self, tier: TierIndex, name: PlaceName) -> Result<Option<u64>>;
    /// Strikes off packs that are removed.
    fn forget_packs(&self, removed: &[PackUsage]) -> Result<()>;
    /// Serials of `instance` up to this are known to be committed or given up.
    fn resolved(&self, instance: u64) -> Result<u64>;
    /// Whether a file place behind the settled ones of its instance was committed.
    fn is_recent(&self, instance: u64, serial: u64) -> Result<bool>;
    /// Forgets what was kept for the sweep of instances that are gone: all but these.
    fn forget_instances(&self, but: &[u64]) -> Result<()>;
    /// Writes a snapshot of the index and says which change it holds last. `None`: it has no file to copy.
    fn snapshot(&self) -> Result<Option<Position>>;
    /// The files of a snapshot of all that is durable, with the journal that leads to its end, open for reading.
    fn open_snapshot(&self) -> Result<(Position, Vec<Source>)>;
    /// Begins a new epoch; the handle must be the only one.
    fn begin_epoch(&self, cause: EpochCause) -> Result<Position>;
    /// The epochs that began, in order.
    fn epochs(&self) -> Result<Vec<Epoch>>;
    /// Closes what a clean end can close, so that nothing needs recovery.
    fn close(&self) -> Result<()>;
    /// Gives its files back, at the very end: calls that come later are `Closed`.
    fn let_go(&self) -> Result<()>;
    /// The next durable changes, in order, and moves the cursor behind them. Fewer than `limit` where they are
    /// large, none only at the end; `None`: some megabytes of records, to be made one by one. Or the gap before them, and
    /// moves the cursor behind that.
    fn feed(&self, cursor: &mut FeedCursor, limit: Option<usize>) -> Result<Fed>;
    /// A setting of the store.
    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// Sees to it that objects can be listed by their last change.
    fn index_changes(&self) -> Result<()>;
    /// Drops what of the journal lies beyond `retention` and is not needed to restore the index; says how many segments
    /// went. Takes the open lock.
    fn drop_journal(&self, retention: &Retention, now_ns: TimeNs) -> Result<u64>;
    /// Actions, in the order asked for.
    fn actions_of(&self, ids: &[ActionId]) -> Result<Vec<Option<Action>>>;
    /// Actions in the order in which they were submitted, behind the one with this number.
    fn actions(&self, wanted: &ActionQuery, after: u64, limit: usize) -> Result<Vec<Action>>;
    /// How many actions of a group are in each state.
    fn group_states(&self, group: GroupId) -> Result<Vec<(ActionState, u64)>>;
    /// What is to be run next, of one kind, for owners from the one behind `behind` on, and not what was passed over.
    fn action_window(
        &self,
        now_ns: TimeNs,
        behind: &str,
        max: usize,
        passed: &[Passed],
    ) -> Result<ActionWindow>;
    /// Whether something is to be run that is more urgent than a turn, and was not to be when that began.
    fn is_outranked(&self, now_ns: TimeNs, turn: &Turn) -> Result<bool>;
    /// An action with its payload and its result.
    fn action(&self, id: ActionId) -> Result<Option<Action>>;
    /// What is to be leased next, of these kinds of a site, for owners from the one behind `behind` on.
    fn offered_actions(
        &self,
        now_ns: TimeNs,
        kinds: &[String],
        behind: &str,
        max: usize,
    ) -> Result<Vec<Action>>;
    /// When there may be something more to lease; `None`: nothing of these kinds is queued, or leased.
    fn next_offer(&self, kinds: &[String]) -> Result<Option<TimeNs>>;
    /// Leased actions whose lease ended before `now_ns`.
    fn ended_leases(&self, now_ns: TimeNs, limit: usize) -> Result<Vec<Action>>;
    /// When the next queued action can be run; `None`: none is queued.
    fn next_due(&self) -> Result<Option<TimeNs>>;
    /// Actions that wait for nothing any more, which a commit left: each with the number of its last change, among `limit`
    /// behind the one of number `after`. Also the number of the last one looked at; 0 at the end.
    fn stuck_actions(&self, after: u64, limit: usize) -> Result<(Vec<(ActionId, u64)>, u64)>;
    /// The handles that run actions.
    fn claimers(&self) -> Result<Vec<u64>>;
    /// Finished actions, each with the number of its last change: those that were finished before `until_ns`, and the
    /// oldest of those beyond `kept`.
    fn finished_actions(&self, kept: u64, until_ns: TimeNs, limit: usize) -> Result<Vec<(ActionId, u64)>>;
    /// Of the pins that keep a copy on a tier at `now_ns`, the one that ends last.
    fn pinned(&self, id: ObjectId, tier: TierIndex, now_ns: TimeNs) -> Result<Option<Pin>>;
    /// Pins that have not ended at `now_ns`, by object, tier and owner, behind `after`.
    fn pins(&self, wanted: &PinQuery, now_ns: TimeNs, after: Option<&Pin>, limit: usize) -> Result<Vec<Pin>>;
    /// How a reader of the feed that came to its end hears when to look again.
    fn notice(&self) -> Result<embedded::Notice>;
}
