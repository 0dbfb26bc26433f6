//! The data calls of `hestia.h`: each does what it is asked before it returns, and leaves an action that says how it went.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

use serde_json::{Map, Value, json};

use crate::client::{Client, client};
use crate::failure::{Failure, Result, guard};
use crate::hsm::{Id, Which};
use crate::memory::{Block, text_at};
use crate::object::put::Put;
use crate::object::{Place, get, id};
use crate::types::{BAD_INPUT_BUFFER, ITEM_DATASET, ITEM_OBJECT, NOT_FOUND};

/// What the kinds of these actions begin with. The rest of a kind is of the one call, so that no other leases it.
pub(crate) const KIND: &str = "hestia.";

/// An action as it is recorded.
pub(crate) struct Task {
    pub(crate) verb: &'static str,
    pub(crate) id: Id,
    /// The action is of every object of the dataset `id`.
    pub(crate) is_dataset: bool,
    pub(crate) source: Option<u8>,
    pub(crate) target: Option<u8>,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Task {
    fn new(verb: &'static str, id: Id, source: Option<u8>, target: Option<u8>) -> Self {
        Self { verb, id, is_dataset: false, source, target, offset: 0, length: 0 }
    }

    fn payload(&self) -> String {
        let mut map = Map::new();
        map.insert("action".into(), json!(self.verb));
        map.insert("offset".into(), json!(self.offset));
        map.insert("size".into(), json!(self.length));
        for (key, tier) in [("source_tier", self.source), ("target_tier", self.target)] {
            if let Some(tier) = tier {
                map.insert(key.into(), json!(tier));
            }
        }
        map.insert("subject".into(), json!(if self.is_dataset { "dataset" } else { "object" }));
        map.insert("subject_key".into(), json!(id::format(&self.id)));
        Value::Object(map).to_string()
    }
}

/// Does a task, and records that, if somebody wants to read it. The action is that of a failure too.
pub(crate) fn recorded(
    client: &Client,
    task: &Task,
    is_wanted: bool,
    act: &mut dyn FnMut() -> Result<()>,
) -> (Option<Id>, Result<()>) {
    // What takes no changes can be read all the same.
    if !is_wanted || client.store.is_read_only().unwrap_or(true) {
        return (None, act());
    }
    let begun = client.store.new_id().and_then(|drawn| {
        let kind = format!("{KIND}{}.{}", task.verb, id::format(&drawn));
        let object = if task.is_dataset { [0; 16] } else { task.id };
        client.store.begin_action(kind.as_bytes(), task.payload().as_bytes(), &object)
    });
    let action = match begun {
        Ok(action) => action,
        Err(failure) => return (None, Err(failure)),
    };
    let done = act();
    let words = done.as_ref().err().map(|failure| {
        let words: String = failure.message.chars().take(200).collect();
        if words.is_empty() { "it failed".to_owned() } else { words }
    });
    let ended = client.store.end_action(&action, words.as_deref());
    (Some(action.id), done.and(ended))
}

/// Copies, moves or releases what a task is about.
pub(crate) fn transfer(client: &Client, task: &Task) -> Result<()> {
    let one = |id: &Id| match (task.verb, task.source, task.target) {
        ("copy_data", Some(source), Some(target)) => client.store.copy(id, source, target),
        ("move_data", Some(source), Some(target)) => client.store.move_between(id, source, target),
        ("release_data", Some(tier), _) => client.store.release(id, tier, false),
        _ => Err(Failure::new(
            BAD_INPUT_BUFFER,
            "copy_data and move_data need both tiers, release_data its source",
        )),
    };
    let done = if task.is_dataset {
        let mut ids = Vec::new();
        client.store.each(&Which::OfDataset(&task.id), &mut |id| {
            ids.push(id);
            Ok(())
        })?;
        ids.iter().try_for_each(one)
    } else {
        one(&task.id)
    };
    client.happened();
    done
}

/// Where the id of the action goes. Both may be NULL: then there is none.
#[derive(Clone, Copy)]
struct Activity {
    text: *mut *mut c_char,
    length: *mut c_int,
}

impl Activity {
    /// # Safety
    ///
    /// NULL, or places.
    unsafe fn set(self, action: Option<Id>) -> Result<()> {
        let mut text = null_mut();
        let mut length = 0;
        if let (false, Some(action)) = (self.text.is_null(), action) {
            let words = id::format(&action);
            let mut block = Block::new(words.len() + 1)?;
            text = block.text(words.as_bytes());
            length = words.len() as c_int;
            block.hand_out(text);
        }
        // SAFETY: as the caller says.
        unsafe {
            if !self.text.is_null() {
                *self.text = text;
            }
            if !self.length.is_null() {
                *self.length = length;
            }
        }
        Ok(())
    }
}

/// Runs a data call.
///
/// # Safety
///
/// `oid` is NULL or text, and the places of the activity are NULL or places.
unsafe fn run(
    oid: *const c_char,
    activity: Activity,
    task: &dyn Fn(&Client, Id) -> Result<Task>,
    act: &mut dyn FnMut(&Client, &Task) -> Result<()>,
) -> c_int {
    guard(|| {
        // SAFETY: as the caller says.
        unsafe { activity.set(None) }?;
        let client = client()?;
        let text = text_at(oid, id::TEXT_LENGTH + 1).ok_or_else(|| Failure::bad_id("the id is no text"))?;
        let task = task(&client, id::parse(client.is_strict(), &text)?)?;
        let is_wanted = !activity.text.is_null();
        let (action, done) = recorded(&client, &task, is_wanted, &mut || act(&client, &task));
        // SAFETY: as the caller says.
        let told = unsafe { activity.set(action) };
        done.and(told)
    })
}

unsafe fn put(
    oid: *const c_char,
    place: &dyn Fn() -> Result<Place>,
    range: (usize, usize),
    tier: u8,
    activity: Activity,
) -> c_int {
    let (length, offset) = range;
    let task = |_: &Client, id| Ok(Task { offset, length, ..Task::new("put_data", id, None, Some(tier)) });
    // SAFETY: as the caller says.
    unsafe {
        run(oid, activity, &task, &mut |client, task| {
            let put = Put { client, id: &task.id, tier: i32::from(tier), offset: offset as u64, length };
            put.update(&place()?)?;
            client.happened();
            Ok(())
        })
    }
}

/// Puts a buffer into an object that exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_put(
    oid: *const c_char,
    buffer: *const c_void,
    length: usize,
    offset: usize,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { put(oid, &|| Place::of_memory(buffer.cast_mut(), length), (length, offset), tier, activity) }
}

/// Puts what a descriptor gives into an object that exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_put_descriptor(
    oid: *const c_char,
    descriptor: c_int,
    length: usize,
    offset: usize,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { put(oid, &|| Place::of_descriptor(descriptor), (length, offset), tier, activity) }
}

/// Puts a file into an object that exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_put_path(
    oid: *const c_char,
    path: *const c_char,
    length: usize,
    offset: usize,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { put(oid, &|| Place::of_path(path), (length, offset), tier, activity) }
}

unsafe fn read(
    oid: *const c_char,
    place: &dyn Fn() -> Result<Place>,
    range: (usize, usize),
    tier: u8,
    activity: Activity,
    read: &mut usize,
) -> c_int {
    let (length, offset) = range;
    let task = |_: &Client, id| Ok(Task { offset, length, ..Task::new("get_data", id, Some(tier), None) });
    // SAFETY: as the caller says.
    unsafe {
        run(oid, activity, &task, &mut |client, task| {
            *read = get::read(client, &task.id, i32::from(tier), offset as u64, length, &place()?)?;
            Ok(())
        })
    }
}

/// Gets an object into a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_get(
    oid: *const c_char,
    buffer: *mut c_void,
    length: *mut usize,
    offset: usize,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: the caller passes NULL or a place.
    let Some(length) = (unsafe { length.as_mut() }) else {
        return guard(|| Err(client().err().unwrap_or_else(|| Failure::null("the length"))));
    };
    let capacity = *length;
    let place = || Place::of_memory(buffer, capacity);
    // SAFETY: as the caller says.
    unsafe { read(oid, &place, (capacity, offset), tier, activity, length) }
}

/// Gets an object to a descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_get_descriptor(
    oid: *const c_char,
    descriptor: c_int,
    length: usize,
    offset: usize,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { read(oid, &|| Place::of_descriptor(descriptor), (length, offset), tier, activity, &mut 0) }
}

/// Gets an object into a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_get_path(
    oid: *const c_char,
    path: *const c_char,
    length: usize,
    offset: usize,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { read(oid, &|| Place::of_path(path), (length, offset), tier, activity, &mut 0) }
}

/// The task of an item of these kinds: an object, or each of a dataset.
pub(crate) fn task_of(
    client: &Client,
    verb: &'static str,
    item: c_int,
    id: Id,
    tiers: (Option<u8>, Option<u8>),
) -> Result<Task> {
    let (source, target) = tiers;
    match item {
        ITEM_OBJECT => Ok(Task::new(verb, id, source, target)),
        ITEM_DATASET => {
            let id = crate::text::dataset_id(client, &id)?
                .ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no dataset {}", id::format(&id))))?;
            Ok(Task { is_dataset: true, ..Task::new(verb, id, source, target) })
        }
        _ => Err(Failure::new(BAD_INPUT_BUFFER, "only objects and datasets have data")),
    }
}

unsafe fn change(
    verb: &'static str,
    item: c_int,
    oid: *const c_char,
    tiers: (Option<u8>, Option<u8>),
    activity: Activity,
) -> c_int {
    let task = |client: &Client, id| task_of(client, verb, item, id, tiers);
    // SAFETY: as the caller says.
    unsafe { run(oid, activity, &task, &mut transfer) }
}

/// Makes sure that a tier has a copy of an object, or of each object of a dataset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_copy(
    subject: c_int,
    oid: *const c_char,
    source_tier: u8,
    target_tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { change("copy_data", subject, oid, (Some(source_tier), Some(target_tier)), activity) }
}

/// Moves an object, or each object of a dataset, to another tier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_move(
    subject: c_int,
    oid: *const c_char,
    source_tier: u8,
    target_tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { change("move_data", subject, oid, (Some(source_tier), Some(target_tier)), activity) }
}

/// Drops the copy on a tier, unless it is the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_data_release(
    subject: c_int,
    oid: *const c_char,
    tier: u8,
    activity_id: *mut *mut c_char,
    len_activity_id: *mut c_int,
) -> c_int {
    let activity = Activity { text: activity_id, length: len_activity_id };
    // SAFETY: as the caller says.
    unsafe { change("release_data", subject, oid, (Some(tier), None), activity) }
}
