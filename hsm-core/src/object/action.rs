//! Actions: what was asked for, how far it came, and what became of it.
//!
//! - an [`ActionSpec`] says what is wanted, by whom and how urgently;
//! - an [`Action`] is a spec that the store accepted under an [`ActionId`], with its state and its story.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{ActionId, DIGESTS_MAX, GroupId, ObjectId, TierIndex};
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::integrity::Digest;

/// What an action does. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Verb {
    /// Makes sure that `target` holds a verified copy.
    Copy = 1,
    /// Copies to `target`, then drops the copy on `source`.
    Move = 2,
    /// Brings a copy to `target` from the hottest tier that has one.
    Recall = 3,
    /// Drops the copy on `target`.
    Release = 4,
    /// Reads the copy on `target` back from the medium.
    Verify = 5,
    /// Removes the object.
    Remove = 6,
    /// A kind of the site's own, done by a worker outside of the library: see [`SiteWork`].
    Site = 7,
    /// Stores the file at `path`, on `target`, as the next generation of the object.
    Put = 8,
    /// Writes the object to the file at `path`.
    Get = 9,
    /// As a put, but the file's bytes are not copied: see [`Adoption`].
    Adopt = 10,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 10] = [
        Self::Copy,
        Self::Move,
        Self::Recall,
        Self::Release,
        Self::Verify,
        Self::Remove,
        Self::Site,
        Self::Put,
        Self::Get,
        Self::Adopt,
    ];

    /// Whether it goes between the store and a file outside.
    pub fn is_outside(self) -> bool {
        matches!(self, Self::Put | Self::Get | Self::Adopt)
    }

    /// The verb of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| *verb as u8 == number)
    }
}

/// Where an action stands. The number is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum ActionState {
    /// To be queued when all that it comes after is done.
    Waiting = 1,
    /// To be run as soon as somebody does, but not before its time.
    Queued = 2,
    /// An executor has it.
    Running = 3,
    /// What was wanted is true.
    Done = 4,
    /// Given up: its story says why.
    Failed = 5,
    /// Called off.
    Cancelled = 6,
}

impl ActionState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The state of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == number)
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_finished(self) -> bool {
        self >= Self::Done
    }
}

/// Longest path of a file outside, in bytes.
pub const PATH_BYTES_MAX: usize = 4095;
/// Attempts of an action that says nothing else.
pub const ATTEMPTS_DEFAULT: u32 = 5;
/// Longest owner and reason, in bytes of UTF-8.
pub const ACTION_TEXT_BYTES_MAX: usize = 255;
/// Actions that one comes after at most.
pub const AFTER_MAX: usize = 16;
/// Attempts that failed which a story tells of: the last ones.
pub const STORY_MAX: usize = 16;
/// The story of one whose deadline passed.
pub(crate) const LATE: &str = "its deadline passed before it was run";
/// Longest text of one of them, in bytes.
pub const STORY_TEXT_BYTES_MAX: usize = 1000;

/// Longest payload and result of an action of a site's kind, in bytes.
pub const SITE_BYTES_MAX: usize = 65_536;

/// Work that no executor of the library does: it is leased by a worker that knows its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteWork {
    /// Its kind, such as `tape.mount`: 1 to 255 bytes, without commas and control characters.
    pub kind: String,
    /// What the worker needs to know: at most [`SITE_BYTES_MAX`] bytes. Lists of actions leave it out.
    pub payload: Vec<u8>,
}

/// Refuses what cannot be the name of a site's kind.
pub(crate) fn check_site_kind(kind: &str) -> Result<()> {
    let wrong = |char: char| char == ',' || char.is_control();
    if kind.is_empty() || kind.len() > ACTION_TEXT_BYTES_MAX || kind.contains(wrong) {
        let detail = "a kind has 1 to 255 bytes, without commas and control characters";
        return Err(Error::invalid("kind", detail));
    }
    Ok(())
}

/// When to come back to what is not to be run before `due_ns`: who is late is told in time.
pub(crate) fn before_deadline(due_ns: TimeNs, deadline_ns: TimeNs) -> TimeNs {
    if deadline_ns == 0 { due_ns } else { due_ns.min(deadline_ns.saturating_add(1)) }
}

/// How a file outside is adopted: it becomes an object whose bytes the file system shares with it (a *reflink*), so that
/// none is copied. The object does not change when the file does. A file so small that it goes into a pack is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Adoption {
    /// Where they cannot be shared (another file system than the tier's, or one without reflinks), they are copied.
    /// Without it that is `Unsupported`.
    pub copy_allowed: bool,
    /// The copy is read back from the medium before it is committed, and then the file is removed, if it is the one
    /// that was adopted and was not changed since. After a crash, or where it cannot be removed, it is left.
    pub remove_source: bool,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionSpec {
    /// What is to be done.
    pub verb: Verb,
    /// To which object. Of a site's kind: zeros where it is about none.
    pub object: ObjectId,
    /// The tier to read from; `None`: any. Of a move: the one to be left.
    pub source: Option<TierIndex>,
    /// The tier that is to hold a copy, whose copy is dropped, or read back. Of a removal and a get: 0.
    pub target: TierIndex,
    /// Whether a release may drop the last good copy.
    pub force: bool,
    /// Higher ones are run first.
    pub priority: i32,
    /// On whose behalf: owners of equal priority are served in turn.
    pub owner: String,
    /// Why, in the words of who asked.
    pub reason: String,
    /// When it is no longer of use: it then fails without being run. 0: never.
    pub deadline_ns: TimeNs,
    /// The group that it belongs to.
    pub group: Option<GroupId>,
    /// How often it is tried at most.
    pub attempts_max: u32,
    /// The actions that it comes after, at most [`AFTER_MAX`]: it waits until all of them are done. Where one of them
    /// fails or is cancelled, it fails.
    pub after: Vec<ActionId>,
    /// Of [`Verb::Site`]: which work.
    pub site: Option<SiteWork>,
    /// The file outside that a put or an adoption reads and a get writes: an absolute path, as it is where the action is run.
    pub path: Option<PathBuf>,
    /// Digests that the bytes of a put, a get or an adoption must have, else it fails.
    pub expected: Vec<Digest>,
    /// Of [`Verb::Adopt`]: how.
    pub adoption: Adoption,
}

impl ActionSpec {
    fn new(verb: Verb, object: ObjectId, source: Option<TierIndex>, target: TierIndex) -> Self {
        Self {
            verb,
            object,
            source,
            target,
            force: false,
            priority: 0,
            owner: String::new(),
            reason: String::new(),
            deadline_ns: 0,
            group: None,
            attempts_max: ATTEMPTS_DEFAULT,
            after: Vec::new(),
            site: None,
            path: None,
            expected: Vec::new(),
            adoption: Adoption::default(),
        }
    }

    /// A verified copy on `target`, read from `source` if one is named.
    pub fn copy(object: ObjectId, source: Option<TierIndex>, target: TierIndex) -> Self {
        Self::new(Verb::Copy, object, source, target)
    }

    /// A verified copy on `target` in place of that on `source`.
    pub fn move_object(object: ObjectId, source: TierIndex, target: TierIndex) -> Self {
        Self::new(Verb::Move, object, Some(source), target)
    }

    /// A copy brought back to `target`.
    pub fn recall(object: ObjectId, target: TierIndex) -> Self {
        Self::new(Verb::Recall, object, None, target)
    }

    /// No copy on `tier`.
    pub fn release(object: ObjectId, tier: TierIndex, force: bool) -> Self {
        Self { force, ..Self::new(Verb::Release, object, None, tier) }
    }

    /// The copy on `tier` read back from the medium.
    pub fn verify(object: ObjectId, tier: TierIndex) -> Self {
        Self::new(Verb::Verify, object, None, tier)
    }

    /// No such object.
    pub fn remove(object: ObjectId) -> Self {
        Self::new(Verb::Remove, object, None, 0)
    }

    /// Work of a site's own kind, about no object; set `object` where it is about one.
    pub fn site(kind: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        let site = Some(SiteWork { kind: kind.into(), payload: payload.into() });
        Self { site, ..Self::new(Verb::Site, ObjectId([0; 16]), None, 0) }
    }

    /// The file at `path`, stored on `target` as the next generation of the object. There need be no such object yet.
    pub fn put(object: ObjectId, path: impl AsRef<Path>, target: TierIndex) -> Self {
        let path = Some(path.as_ref().to_owned());
        Self { path, ..Self::new(Verb::Put, object, None, target) }
    }

    /// The file at `path`, adopted on `target` as the next generation of the object. There need be no such object yet.
    pub fn adopt(object: ObjectId, path: impl AsRef<Path>, target: TierIndex, adoption: Adoption) -> Self {
        let path = Some(path.as_ref().to_owned());
        Self { path, adoption, ..Self::new(Verb::Adopt, object, None, target) }
    }

    /// The object, read from `source` if one is named, in the file at `path`.
    pub fn get(object: ObjectId, source: Option<TierIndex>, path: impl AsRef<Path>) -> Self {
        let path = Some(path.as_ref().to_owned());
        Self { path, ..Self::new(Verb::Get, object, source, 0) }
    }

    /// Refuses what cannot be wanted.
    pub(crate) fn check(&self) -> Result<()> {
        let moves = matches!(self.verb, Verb::Copy | Verb::Move);
        if self.owner.len() > ACTION_TEXT_BYTES_MAX || self.reason.len() > ACTION_TEXT_BYTES_MAX {
            let detail = format!("owner and reason have at most {ACTION_TEXT_BYTES_MAX} bytes");
            return Err(Error::invalid("action", detail));
        }
        self.site.as_ref().map_or(Ok(()), |work| check_site_kind(&work.kind))?;
        let wrong = match self {
            Self { verb, site, .. } if (*verb == Verb::Site) != site.is_some() => {
                "a site's work has its kind, and no other"
            }
            Self { site: Some(work), .. } if work.payload.len() > SITE_BYTES_MAX => {
                "its payload has at most 65536 bytes"
            }
            Self { verb: Verb::Move, source: None, .. } => "a move needs a source",
            Self { source: Some(_), verb, .. } if !moves && *verb != Verb::Get => {
                "only copies, moves and gets have a source"
            }
            Self { source: Some(source), target, .. } if moves && source == target => {
                "its target is its source"
            }
            Self { verb, force: true, .. } if *verb != Verb::Release => "only a release can be forced",
            Self { attempts_max: 0, .. } => "it needs at least one attempt",
            Self { deadline_ns, .. } if *deadline_ns < 0 => "its deadline lies before 1970",
            Self { after, .. } if after.len() > AFTER_MAX => "it comes after at most 16 others",
            Self { verb, path, .. } if verb.is_outside() != path.is_some() => {
                "puts, gets and adoptions need a path, and nothing else has one"
            }
            Self { path: Some(path), .. } if !is_path(path) => {
                "its path is none of a file, absolute, and of at most 4095 bytes"
            }
            Self { verb, expected, .. } if !verb.is_outside() && !expected.is_empty() => {
                "only puts, gets and adoptions have digests that are expected"
            }
            Self { verb, adoption, .. } if *verb != Verb::Adopt && *adoption != Adoption::default() => {
                "only an adoption says how a file is adopted"
            }
            Self { expected, .. } if expected.len() > DIGESTS_MAX => "it expects too many digests",
            _ => return Ok(()),
        };
        Err(Error::invalid("action", wrong))
    }

    /// The state of one that is submitted, or asked for anew: what it comes after is looked at by the same commit.
    pub(crate) fn first_state(&self) -> ActionState {
        if self.after.is_empty() { ActionState::Queued } else { ActionState::Waiting }
    }

    /// Whether one effect is enough for both: they are of one kind and object.
    pub(crate) fn is_same_work(&self, other: &Self) -> bool {
        self.path == other.path && self.expected == other.expected && self.adoption == other.adoption
    }

    /// What has to be equal, beside the object and what a put or get is about, for two actions to be the same work.
    pub(crate) fn kind(&self) -> i64 {
        let source = self.source.map_or(0, |source| i64::from(source) + 1);
        (self.verb as i64) << 32 | source << 16 | i64::from(self.target) << 8 | i64::from(self.force)
    }
}

/// Whether this is the path of a file that everybody understands alike.
fn is_path(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    path.is_absolute() && path.file_name().is_some() && bytes.len() <= PATH_BYTES_MAX && !bytes.contains(&0)
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub time_ns: TimeNs,
    /// Why.
    pub error: String,
}

/// Who does an action of a site's kind, or did last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What the worker calls itself.
    pub worker: String,
    /// What the worker shows to extend and to end it: the number of the change that leased the action.
    pub token: u64,
    /// When it ends, or would have.
    pub until_ns: TimeNs,
    /// How far the worker said that it is.
    pub note: String,
}

/// An action as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// What is wanted.
    pub spec: ActionSpec,
    /// Where it stands.
    pub state: ActionState,
    /// The number of the change that submitted it: actions are listed in this order.
    pub number: u64,
    /// The number of its last change. Of one that is done: that of the group that did it.
    pub changed: u64,
    /// When it was submitted.
    pub submitted_ns: TimeNs,
    /// When it was done, failed or cancelled; 0: it was not.
    pub finished_ns: TimeNs,
    /// When it can be run, at the soonest.
    pub not_before_ns: TimeNs,
    /// The handle that runs it; 0: none.
    pub instance: u64,
    /// How many attempts failed since it was submitted, or asked for anew.
    pub attempts: u32,
    /// The attempts that failed, the last [`STORY_MAX`] of them.
    pub story: Vec<Attempt>,
    /// Of a site's kind that is not queued: its lease, or its last one.
    pub lease: Option<Lease>,
    /// What the worker left with it. Lists of actions leave it out.
    pub result: Vec<u8>,
}

impl Action {
    /// Whether it is of no use any more.
    pub(crate) fn is_late(&self, now_ns: TimeNs) -> bool {
        self.spec.deadline_ns != 0 && self.spec.deadline_ns < now_ns
    }
}
