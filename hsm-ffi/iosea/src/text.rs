//! The functions of `hestia.h` that take and give items as text. Nouns:
//!
//! - an *item* is an object, tier, dataset and so on, as a tree of JSON; each [`Kind`] reads and changes its own (`kinds`);
//! - what is [`Asked`](ask::Asked) names an item, or its parent, and a [`Body`](ask::Body) holds what is set (`ask`);
//! - the answer is written as ids, JSON, or keys and values (`answer`).
//!
//! Items of one call are changed one after another: where one fails, those before it stay changed.

mod answer;
mod ask;
mod kinds;

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use serde_json::Value;

use crate::client::{Client, client};
use crate::failure::{Failure, Result, guard};
use crate::hsm::Id;
use crate::memory::{Block, bytes_at, take_back};
use crate::types::{
    AS_IDS, AS_JSON, AS_KEY_VALUE, AS_NO_CHILD, BAD_INPUT_BUFFER, NAMED_BY_PARENT_NAME, NOT_FOUND,
    QUERY_FILTER, QUERY_IDS, QUERY_NONE,
};
use ask::{Asked, Body};

/// The items of one kind. An id is text here: of a tier its number, of a part of an object the object's with the tier's.
trait Kind {
    /// The item; `None` where there is none.
    fn describe(&self, id: &str) -> Result<Option<Value>>;
    /// The ids of those with a name.
    fn named(&self, name: &str) -> Result<Vec<String>>;
    /// The ids of those of a parent.
    fn children(&self, parent: &str) -> Result<Vec<String>>;
    /// The ids of parents with a name.
    fn parents_named(&self, name: &str) -> Result<Vec<String>>;
    /// Tells of every id. Where some fields are wanted, ids of items that have others may be left out.
    fn each(&self, wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()>;
    /// Makes an item and answers its id.
    fn create(&self, asked: &Asked, body: &Body) -> Result<String>;
    fn update(&self, id: &str, asked: &Asked, body: &Body) -> Result<()>;
    fn remove(&self, id: &str) -> Result<()>;
}

/// The dataset with an id, as libhsm knows it.
pub(crate) fn dataset_id(client: &Client, id: &Id) -> Result<Option<Id>> {
    kinds::dataset::find(client, id)
}

/// The ids of the items that are asked for, there or not.
fn find(kind: &dyn Kind, asked: &Asked) -> Result<Vec<String>> {
    if let Some(id) = &asked.id {
        return Ok(vec![id.clone()]);
    }
    if let Some(name) = &asked.name {
        return kind.named(name);
    }
    match parent(kind, asked)? {
        Some(parent) => kind.children(&parent),
        None => Err(Failure::bad_id("no id, name or parent is given")),
    }
}

/// The id of the parent that is named.
fn parent(kind: &dyn Kind, asked: &Asked) -> Result<Option<String>> {
    match (&asked.parent_id, &asked.parent_name) {
        (Some(id), _) => Ok(Some(id.clone())),
        (None, Some(name)) => match kind.parents_named(name)?.into_iter().next() {
            Some(id) => Ok(Some(id)),
            None => Err(Failure::new(NOT_FOUND, format!("there is no parent named {name:?}"))),
        },
        (None, None) => Ok(None),
    }
}

/// What a caller passes as text.
fn input(text: *const c_char, length: c_int) -> Result<String> {
    let wrong = |what: &str| Failure::new(BAD_INPUT_BUFFER, format!("the input {what}"));
    let length = usize::try_from(length).map_err(|_| wrong("has a length below 0"))?;
    if length == 0 {
        return Ok(String::new());
    }
    let mut bytes =
        bytes_at(text, length).ok_or_else(|| wrong("is not there, or shorter than its length"))?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| wrong("is no UTF-8"))
}

/// Where an answer goes.
#[derive(Clone, Copy)]
struct Output {
    format: c_int,
    text: *mut *mut c_char,
    length: *mut c_int,
}

impl Output {
    fn check(self) -> Result<()> {
        let wrong = |what: &str| Err(Failure::new(BAD_INPUT_BUFFER, what));
        if self.format & !(AS_IDS | AS_JSON | AS_KEY_VALUE | AS_NO_CHILD) != 0 {
            return wrong("the output format is none of HESTIA_IO_*");
        }
        if self.is_wanted() && (self.text.is_null() || self.length.is_null()) {
            return wrong("the place for the output, or for its length, is NULL");
        }
        Ok(())
    }

    fn is_wanted(self) -> bool {
        self.format & (AS_IDS | AS_JSON | AS_KEY_VALUE) != 0
    }

    /// # Safety
    ///
    /// NULL, or places.
    unsafe fn set(self, items: Option<&[(String, Value)]>) -> Result<()> {
        let (mut text, mut length) = (null_mut(), 0);
        if let Some(items) = items.filter(|_| self.is_wanted()) {
            let words = answer::write(self.format, items);
            length = c_int::try_from(words.len()).map_err(|_| {
                Failure::new(BAD_INPUT_BUFFER, "the answer has more than 2 GiB: ask for fewer items at once")
            })?;
            let mut block = Block::new(words.len() + 1)?;
            text = block.text(words.as_bytes());
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

/// The items as they are, those that are gone left out.
fn described(kind: &dyn Kind, ids: Vec<String>, output: Output) -> Result<Vec<(String, Value)>> {
    let mut items = Vec::new();
    for id in ids {
        // Ids alone need no look.
        let item = if output.format & (AS_JSON | AS_KEY_VALUE) == 0 {
            Some(Value::Null)
        } else {
            kind.describe(&id)?
        };
        items.extend(item.map(|item| (id, item)));
    }
    Ok(items)
}

/// Changes what is asked for, and answers the ids.
type Change<'a> = &'a dyn Fn(&dyn Kind, &Asked, &Body) -> Result<Vec<String>>;

/// What create and update have in common: each item that is asked for is changed by `change`, which answers ids.
///
/// # Safety
///
/// The places of the output are NULL or places.
unsafe fn change(
    item: c_int,
    formats: (c_int, c_int),
    text: (*const c_char, c_int),
    output: Output,
    change: Change<'_>,
) -> c_int {
    guard(|| {
        let client = client()?;
        output.check()?;
        // SAFETY: as the caller says.
        unsafe { output.set(None) }?;
        let kind = kinds::of(&client, item)?;
        let wanted = ask::read(formats.0, formats.1, &input(text.0, text.1)?)?;
        let mut ids = Vec::new();
        let mut changed = Ok(());
        for (asked, body) in &wanted {
            changed = asked.checked(&client, item, formats.1).and_then(|asked| {
                ids.extend(change(&*kind, &asked, body)?);
                Ok(())
            });
            if changed.is_err() {
                break;
            }
        }
        client.happened();
        changed?;
        // SAFETY: as the caller says.
        unsafe { output.set(Some(&described(&*kind, ids, output)?)) }
    })
}

/// Makes items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_create(
    subject: c_int,
    input_format: c_int,
    id_format: c_int,
    input: *const c_char,
    len_input: c_int,
    output_format: c_int,
    output: *mut *mut c_char,
    len_output: *mut c_int,
) -> c_int {
    let output = Output { format: output_format, text: output, length: len_output };
    // SAFETY: as the caller says.
    unsafe {
        change(subject, (input_format, id_format), (input, len_input), output, &|kind, asked, body| {
            let mut asked = asked.clone();
            asked.parent_id = parent(kind, &asked)?;
            Ok(vec![kind.create(&asked, body)?])
        })
    }
}

/// Changes items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_update(
    subject: c_int,
    input_format: c_int,
    id_format: c_int,
    input: *const c_char,
    len_input: c_int,
    output_format: c_int,
    output: *mut *mut c_char,
    len_output: *mut c_int,
) -> c_int {
    let output = Output { format: output_format, text: output, length: len_output };
    // SAFETY: as the caller says.
    unsafe {
        change(subject, (input_format, id_format), (input, len_input), output, &|kind, asked, body| {
            let ids = find(kind, asked)?;
            if ids.is_empty() {
                return Err(Failure::new(NOT_FOUND, "there is no such item"));
            }
            let mut asked = asked.clone();
            // Beside an id the parent is one to be set; else it is what the items were found by.
            asked.parent_id = if asked.id.is_some() { parent(kind, &asked)? } else { None };
            for id in &ids {
                kind.update(id, &asked, body)?;
            }
            Ok(ids)
        })
    }
}

/// Reads items: all, those that are named, or those with certain fields.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_read(
    subject: c_int,
    query_format: c_int,
    id_format: c_int,
    offset: c_int,
    count: c_int,
    input: *const c_char,
    len_input: c_int,
    output_format: c_int,
    output: *mut *mut c_char,
    len_output: *mut c_int,
    total_count: *mut c_int,
) -> c_int {
    let output = Output { format: output_format, text: output, length: len_output };
    guard(|| {
        let client = client()?;
        output.check()?;
        // SAFETY: as the caller says.
        unsafe { output.set(None) }?;
        let skipped =
            u64::try_from(offset).map_err(|_| Failure::new(BAD_INPUT_BUFFER, "the offset is below 0"))?;
        // Without a count: all.
        let last =
            u64::try_from(count).ok().filter(|count| *count > 0).map_or(u64::MAX, |count| skipped + count);
        let kind = kinds::of(&client, subject)?;
        let text = self::input(input, len_input)?;
        let (mut total, mut page) = (0_u64, Vec::new());
        let mut take = |id: String| {
            if (skipped..last).contains(&total) {
                page.push(id);
            }
            total += 1;
        };
        match query_format {
            QUERY_NONE => kind.each(&Body::new(), &mut |id| {
                take(id);
                Ok(())
            })?,
            QUERY_IDS => {
                for (asked, _) in ask::read(AS_IDS, id_format, &text)? {
                    let asked = asked.checked(&client, subject, id_format)?;
                    let is_by_name = id_format & NAMED_BY_PARENT_NAME != 0;
                    let found = match find(&*kind, &asked) {
                        // As an item that is missing: nothing.
                        Err(failure) if failure.code == NOT_FOUND && is_by_name => Vec::new(),
                        found => found?,
                    };
                    for id in found {
                        if kind.describe(&id)?.is_some() {
                            take(id);
                        }
                    }
                }
            }
            QUERY_FILTER => {
                let wanted = ask::fields(&text)?;
                kind.each(&wanted, &mut |id| {
                    if kind.describe(&id)?.is_some_and(|item| ask::has(&item, &wanted)) {
                        take(id);
                    }
                    Ok(())
                })?;
            }
            _ => {
                return Err(Failure::new(BAD_INPUT_BUFFER, "the query format is none of HESTIA_QUERY_*"));
            }
        }
        let items = described(&*kind, page, output)?;
        // SAFETY: as the caller says.
        unsafe {
            output.set(Some(&items))?;
            if let Some(total_count) = total_count.as_mut() {
                *total_count = c_int::try_from(total).unwrap_or(c_int::MAX);
            }
        }
        Ok(())
    })
}

/// Removes items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_remove(
    subject: c_int,
    id_format: c_int,
    input: *const c_char,
    len_input: c_int,
) -> c_int {
    let output = Output { format: 0, text: null_mut(), length: null_mut() };
    // SAFETY: as the caller says.
    unsafe {
        change(subject, (AS_IDS, id_format), (input, len_input), output, &|kind, asked, _| {
            let ids = find(kind, asked)?;
            if ids.is_empty() {
                return Err(Failure::new(NOT_FOUND, "there is no such item"));
            }
            ids.iter().try_for_each(|id| kind.remove(id))?;
            Ok(ids)
        })
    }
}

/// Says whether items are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_identify(
    subject: c_int,
    id_format: c_int,
    input: *const c_char,
    len_input: c_int,
    _output: *const c_char,
    len_output: *mut c_int,
    exists: *mut c_int,
) -> c_int {
    guard(|| {
        let client = client()?;
        if exists.is_null() {
            return Err(Failure::null("the place for whether it exists"));
        }
        let kind = kinds::of(&client, subject)?;
        let asked = ask::read(AS_IDS, id_format, &self::input(input, len_input)?)?;
        let mut are_there = !asked.is_empty();
        for (asked, _) in &asked {
            let found = match find(&*kind, &asked.checked(&client, subject, id_format)?) {
                Err(failure) if failure.code == NOT_FOUND => Vec::new(),
                found => found?,
            };
            are_there &= !found.is_empty();
            for id in found {
                are_there &= kind.describe(&id)?.is_some();
            }
        }
        // SAFETY: the caller passes places, or NULL for the length, since nothing is written.
        unsafe {
            *exists = c_int::from(are_there);
            if let Some(length) = len_output.as_mut() {
                *length = 0;
            }
        }
        Ok(())
    })
}

/// Frees what was written for a caller, and sets the pointer to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_free_output(output: *mut *mut c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller passes NULL or a place.
        let output = unsafe { output.as_mut() }.ok_or_else(|| Failure::null("the output"))?;
        take_back(*output);
        *output = null_mut();
        Ok(())
    })
}

/// There is no server: a store needs none. What a caller would reach through it is refused in words, and nothing listens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_start_server(
    _host: *const c_char,
    _port: c_int,
    _config: *const c_char,
) -> c_int {
    guard(|| {
        Err(Failure::new(
            crate::types::UNKNOWN,
            "this library has no server, and needs none: programs on this machine call hestia_initialize() with the same cache_path",
        ))
    })
}

/// None runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_stop_server() -> c_int {
    guard(|| Err(Failure::state("no server runs")))
}
