//! Actions: those that data calls left, and any other of the store.

use serde_json::{Map, Value, json};

use super::{absent, bad, id_of, microseconds, refused, there, words};
use crate::client::Client;
use crate::data::{self, KIND};
use crate::failure::{Failure, Result};
use crate::hsm::{ActionText, Id};
use crate::object::id;
use crate::sys;
use crate::text::Kind;
use crate::text::ask::{Asked, Body};
use crate::types::{ITEM_DATASET, ITEM_OBJECT};

pub(super) struct Actions<'a>(pub(super) &'a Client);

/// What an action of the store itself is called here.
fn verb(number: i32) -> &'static str {
    match number {
        sys::HSM_ACTION_COPY | sys::HSM_ACTION_RECALL => "copy_data",
        sys::HSM_ACTION_MOVE => "move_data",
        sys::HSM_ACTION_RELEASE => "release_data",
        sys::HSM_ACTION_VERIFY => "verify_data",
        sys::HSM_ACTION_REMOVE => "remove",
        sys::HSM_ACTION_PUT | sys::HSM_ACTION_ADOPT => "put_data",
        sys::HSM_ACTION_GET => "get_data",
        _ => "site",
    }
}

impl Actions<'_> {
    /// What the action is about.
    fn fields(&self, id: &Id, info: &sys::hsm_action_info) -> Result<Map<String, Value>> {
        let kind = words(&self.0.store.action_text(id, ActionText::Text(sys::HSM_ACTION_TEXT_KIND))?);
        if kind.starts_with(KIND) {
            let payload = self.0.store.action_text(id, ActionText::Payload)?;
            if let Ok(Value::Object(fields)) = serde_json::from_slice(&payload) {
                return Ok(fields);
            }
        }
        let mut fields = Map::new();
        fields.insert("action".into(), json!(if kind.is_empty() { verb(info.verb) } else { &kind }));
        fields.insert("subject".into(), json!("object"));
        fields.insert("subject_key".into(), json!(id::format(&info.object.bytes)));
        if kind.is_empty() {
            for (key, tier) in [("source_tier", info.source), ("target_tier", info.target)] {
                if tier >= 0 {
                    fields.insert(key.into(), json!(tier));
                }
            }
        }
        Ok(fields)
    }
}

impl Kind for Actions<'_> {
    fn describe(&self, id: &str) -> Result<Option<Value>> {
        let bytes = id_of(id)?;
        let Some(info) = there(self.0.store.action(&bytes))? else { return Ok(None) };
        let mut fields = self.fields(&bytes, &info)?;
        let status = match info.state {
            sys::HSM_ACTION_DONE => "finished_ok",
            sys::HSM_ACTION_FAILED | sys::HSM_ACTION_CANCELLED => "error",
            _ => "running",
        };
        let error = self.0.store.action_text(&bytes, ActionText::Text(sys::HSM_ACTION_TEXT_ERROR))?;
        if !error.is_empty() {
            fields.insert("error".into(), json!(words(&error)));
        }
        let ended = if info.finished_ns == 0 { info.submitted_ns } else { info.finished_ns };
        fields.insert("creation_time".into(), json!(microseconds(info.submitted_ns)));
        fields.insert("id".into(), json!(id));
        fields.insert("last_modified_time".into(), json!(microseconds(ended)));
        fields.insert("status".into(), json!(status));
        fields.insert("type".into(), json!("hsm_action"));
        Ok(Some(Value::Object(fields)))
    }

    fn named(&self, _name: &str) -> Result<Vec<String>> {
        Err(bad("actions have no names"))
    }

    /// Those that are about an object or a dataset.
    fn children(&self, parent: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.each(&Body::new(), &mut |id| {
            if self.describe(&id)?.is_some_and(|item| item["subject_key"] == parent) {
                found.push(id);
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn parents_named(&self, name: &str) -> Result<Vec<String>> {
        super::object::Objects(self.0).named(name)
    }

    fn each(&self, _wanted: &Body, take: &mut dyn FnMut(String) -> Result<()>) -> Result<()> {
        let mut number = 0;
        while let Some(info) = self.0.store.action_after(number)? {
            number = info.number;
            take(id::format(&info.id.bytes))?;
        }
        Ok(())
    }

    /// Copies, moves or releases, and is done when it returns.
    fn create(&self, asked: &Asked, body: &Body) -> Result<String> {
        if asked.id.is_some() {
            return Err(Failure::bad_id("the ids of actions are drawn: leave it out"));
        }
        let verbs = ["copy_data", "move_data", "release_data"];
        let named = body.get("action").map_or("", String::as_str);
        let verb = verbs.into_iter().find(|verb| *verb == named);
        let verb = verb.ok_or_else(|| bad(format!("action is {named:?}, and none of {verbs:?}; data goes through hestia_data_put() and hestia_data_get()")))?;
        let tier = |key| {
            let text = body.get(key).filter(|text| !text.is_empty());
            text.map(|text| {
                text.parse::<u8>().map_err(|_| bad(format!("{key} {text:?} is no number of a tier")))
            })
            .transpose()
        };
        let item = match body.get("subject").map(String::as_str) {
            None | Some("object") => ITEM_OBJECT,
            Some("dataset") => ITEM_DATASET,
            Some(other) => return Err(bad(format!("subject is {other:?}, and neither object nor dataset"))),
        };
        let subject = asked.parent_id.as_ref().or_else(|| body.get("subject_key"));
        let subject = subject.ok_or_else(|| Failure::bad_id("subject_key names no object"))?;
        let subject = id::parse(self.0.is_strict(), subject.as_bytes())?;
        let task = data::task_of(self.0, verb, item, subject, (tier("source_tier")?, tier("target_tier")?))?;
        let (action, done) = data::recorded(self.0, &task, true, &mut || data::transfer(self.0, &task));
        done?;
        action.map(|action| id::format(&action)).ok_or_else(|| refused("the store takes no changes"))
    }

    fn update(&self, id: &str, _asked: &Asked, _body: &Body) -> Result<()> {
        self.describe(id)?.ok_or_else(|| absent(id))?;
        Err(refused("an action says what happened, and is not changed"))
    }

    /// Calls an action off that is not finished.
    fn remove(&self, id: &str) -> Result<()> {
        let bytes = id_of(id)?;
        let info = there(self.0.store.action(&bytes))?.ok_or_else(|| absent(id))?;
        if info.finished_ns != 0 {
            return Err(refused("a finished action is kept for a week, and then forgotten by itself"));
        }
        self.0.store.cancel_action(&bytes)
    }
}
