//! What a caller asks for: lines of ids, and what is to be set, as JSON or as keys and values.
//!
//! ```text
//! 0197…-…-…     a line for each item: its id or name; behind a comma its parent's, where the format says so
//!               a blank line
//! key=value     then what is set, nested keys joined by dots; a blank line between items
//! ```

use std::collections::BTreeMap;
use std::ffi::c_int;

use serde_json::Value;

use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::object::id;
use crate::types::{
    AS_IDS, AS_JSON, AS_KEY_VALUE, AS_NO_CHILD, BAD_INPUT_BUFFER, ITEM_TIER, ITEM_TIER_EXTENT, NAMED_BY_ID,
    NAMED_BY_NAME, NAMED_BY_PARENT_ID, NAMED_BY_PARENT_NAME,
};

/// Fields of an item, nested keys joined by dots.
pub(super) type Body = BTreeMap<String, String>;

/// How an item is named.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) parent_id: Option<String>,
    pub(super) parent_name: Option<String>,
}

fn wrong(what: impl Into<String>) -> Failure {
    Failure::new(BAD_INPUT_BUFFER, what)
}

impl Asked {
    fn read(format: c_int, line: &str) -> Self {
        let has = |flag| format & flag != 0;
        let has_own = has(NAMED_BY_ID | NAMED_BY_NAME);
        let has_parent = has(NAMED_BY_PARENT_ID | NAMED_BY_PARENT_NAME);
        let (own, parent) = match line.split_once(',') {
            Some((own, parent)) if has_own && has_parent => (own, parent),
            _ if has_own => (line, ""),
            // Of a parent alone; its name may have commas.
            _ => ("", line.strip_prefix(',').unwrap_or(line)),
        };
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut asked = Self::default();
        if has(NAMED_BY_NAME) && (!has(NAMED_BY_ID) || id::parse(true, own.trim().as_bytes()).is_err()) {
            asked.name = given(own);
        } else {
            asked.id = given(own);
        }
        if has(NAMED_BY_PARENT_NAME) {
            asked.parent_name = given(parent);
        } else {
            asked.parent_id = given(parent);
        }
        asked
    }

    /// With ids as they are always written, and an error for what is none.
    pub(super) fn checked(&self, client: &Client, item: c_int, format: c_int) -> Result<Self> {
        if format & !(NAMED_BY_ID | NAMED_BY_NAME | NAMED_BY_PARENT_ID | NAMED_BY_PARENT_NAME) != 0 {
            return Err(wrong("the format of ids is none of HESTIA_ID, _NAME, _PARENT_ID and _PARENT_NAME"));
        }
        let checked =
            |text: &String| id::parse(client.is_strict(), text.as_bytes()).map(|id| id::format(&id));
        let mut asked = self.clone();
        asked.parent_id = self.parent_id.as_ref().map(checked).transpose()?;
        asked.id = match &self.id {
            Some(own) if item == ITEM_TIER => {
                let number = own.parse::<u8>().map_err(|_| {
                    Failure::bad_id(format!("{own:?} is no number of a tier, which are 0 to 255"))
                })?;
                Some(number.to_string())
            }
            Some(own) if item == ITEM_TIER_EXTENT => {
                let parts = own.rsplit_once(':').and_then(|(object, tier)| {
                    Some((checked(&object.to_owned()).ok()?, tier.parse::<u8>().ok()?))
                });
                let (object, tier) = parts.ok_or_else(|| {
                    Failure::bad_id(format!(
                        "{own:?} is no id of an extent: it is that of the object, a colon, the tier"
                    ))
                })?;
                Some(format!("{object}:{tier}"))
            }
            own => own.as_ref().map(checked).transpose()?,
        };
        Ok(asked)
    }
}

/// Reads what is asked of which items.
pub(super) fn read(format: c_int, id_format: c_int, text: &str) -> Result<Vec<(Asked, Body)>> {
    if format & !(AS_IDS | AS_JSON | AS_KEY_VALUE | AS_NO_CHILD) != 0 {
        return Err(wrong("the input format is none of HESTIA_IO_*"));
    }
    let text = text.replace("\r\n", "\n");
    let has_body = format & (AS_JSON | AS_KEY_VALUE) != 0;
    let (ids, rest) = if !has_body {
        (text.as_str(), "")
    } else if id_format == 0 || is_body(format, id_format, &text) {
        ("", text.as_str())
    } else if let Some(rest) = text.strip_prefix('\n') {
        ("", rest)
    } else {
        text.split_once("\n\n").unwrap_or((&text, ""))
    };
    let lines = ids.lines().filter(|line| !line.trim().is_empty());
    let mut asked: Vec<Asked> = lines.map(|line| Asked::read(id_format, line)).collect();
    let bodies = if format & AS_JSON != 0 { json(rest)? } else { blocks(rest)? };
    let count = match (asked.len(), bodies.len()) {
        (0, 0) => 1,
        (0, count) | (count, 0 | 1) => count,
        (ids, bodies) if ids == bodies => ids,
        (ids, bodies) => {
            return Err(wrong(format!(
                "there are {ids} ids and {bodies} items: give one item for all, or one each"
            )));
        }
    };
    asked.resize(count, Asked::default());
    let body = |index: usize| bodies.get(index).or(bodies.first()).cloned().unwrap_or_default();
    Ok(asked
        .into_iter()
        .enumerate()
        .map(|(index, mut asked)| {
            let body = body(index);
            // An item may name itself.
            if asked.id.is_none() && asked.name.is_none() {
                asked.id = body.get("id").filter(|id| !id.is_empty()).cloned();
            }
            (asked, body)
        })
        .collect())
}

/// Whether a text begins with items, and not with ids.
fn is_body(format: c_int, id_format: c_int, text: &str) -> bool {
    if format & AS_JSON != 0 {
        return text.trim_start().starts_with(['[', '{']);
    }
    let first = text.lines().next().unwrap_or_default();
    id_format & (NAMED_BY_NAME | NAMED_BY_PARENT_NAME) == 0 && first.contains('=')
}

fn json(text: &str) -> Result<Vec<Body>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let tree: Value =
        serde_json::from_str(text).map_err(|error| wrong(format!("the input is no JSON: {error}")))?;
    let items = match tree {
        Value::Array(items) => items,
        item => vec![item],
    };
    if items.iter().any(|item| !item.is_object()) {
        return Err(wrong("an item in the input is no mapping"));
    }
    Ok(items.iter().map(flat).collect())
}

/// Keys and values, a blank line between items.
fn blocks(text: &str) -> Result<Vec<Body>> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    blocks.map(fields).collect()
}

/// Keys and values, a line each.
pub(super) fn fields(text: &str) -> Result<Body> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let pairs = lines.map(|line| {
        let (key, value) = line.split_once('=').ok_or_else(|| wrong(format!("{line:?} is no key=value")))?;
        Ok((key.trim().to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// A tree as keys and values.
pub(super) fn flat(tree: &Value) -> Body {
    fn walk(at: &str, tree: &Value, body: &mut Body) {
        let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        match tree {
            Value::Object(map) => map.iter().for_each(|(key, value)| walk(&below(key), value, body)),
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    walk(&below(&index.to_string()), value, body);
                }
            }
            Value::String(text) => drop(body.insert(at.to_owned(), text.clone())),
            Value::Null => drop(body.insert(at.to_owned(), String::new())),
            other => drop(body.insert(at.to_owned(), other.to_string())),
        }
    }
    let mut body = Body::new();
    walk("", tree, &mut body);
    body
}

/// Whether an item has all of these fields.
pub(super) fn has(item: &Value, wanted: &Body) -> bool {
    let item = flat(item);
    wanted.iter().all(|(key, value)| item.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    #[test]
    fn ids_and_items_are_told_apart() {
        let one = |format, ids, text: &str| {
            let mut read = read(format, ids, text).unwrap();
            assert_eq!(read.len(), 1, "{text:?}");
            let (asked, body) = read.remove(0);
            let body: Vec<String> = body.iter().map(|(key, value)| format!("{key}={value}")).collect();
            (asked.id.unwrap_or_default(), asked.parent_id.unwrap_or_default(), body.join(";"))
        };
        let told = |id: &str, parent: &str, body: &str| (id.to_owned(), parent.to_owned(), body.to_owned());
        assert_eq!(
            one(AS_KEY_VALUE, NAMED_BY_ID, &format!("{ID}\n\ndata.a=1\nb=2=3\n")),
            told(ID, "", "b=2=3;data.a=1")
        );
        assert_eq!(one(AS_KEY_VALUE, NAMED_BY_ID, "\ndata.a=1"), told("", "", "data.a=1"));
        assert_eq!(one(AS_KEY_VALUE, 0, "data.a=1"), told("", "", "data.a=1"));
        assert_eq!(one(AS_KEY_VALUE, NAMED_BY_PARENT_ID, &format!("{ID}\n\na=")), told("", ID, "a="));
        assert_eq!(one(AS_IDS, NAMED_BY_ID | NAMED_BY_PARENT_ID, &format!("x,{ID}")), told("x", ID, ""));
        assert_eq!(one(AS_JSON, 0, r#"{"id":"x","a":{"b":[1,null]}}"#), told("x", "", "a.b.0=1;a.b.1=;id=x"));
        assert_eq!(one(AS_JSON, NAMED_BY_ID, "x\n\n{\"a\":true}"), told("x", "", "a=true"));
        assert_eq!(one(0, 0, ""), told("", "", ""));
    }

    #[test]
    fn one_item_is_for_all_ids_or_there_is_one_each() {
        let each = read(AS_KEY_VALUE, NAMED_BY_ID, "x\ny\n\na=1\n\na=2\n").unwrap();
        assert_eq!((each.len(), each[1].1["a"].as_str()), (2, "2"));
        let all = read(AS_KEY_VALUE, NAMED_BY_ID, "x\ny\n\na=1\n").unwrap();
        assert_eq!((all.len(), all[1].1["a"].as_str()), (2, "1"));
        assert!(read(AS_KEY_VALUE, NAMED_BY_ID, "x\ny\nz\n\na=1\n\na=2\n").is_err());
        for broken in ["[", "[1]", "7"] {
            assert!(read(AS_JSON, 0, broken).is_err(), "{broken}");
        }
        assert!(read(AS_KEY_VALUE, 0, "no sign").is_err() && read(64, 0, "").is_err());
    }
}
