//! The records of actions. `docs/format.md`, section 7.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::{read_digests, read_text, write_digests};
use crate::journal::change::Change;
use crate::object::{ActionId, ActionSpec, ActionState, Adoption, GroupId, ObjectId, SiteWork, Verb};
use crate::wire::{Reader, Writer};

const HAS_GROUP: u8 = 1;
const HAS_SOURCE: u8 = 2;
const FORCED: u8 = 4;
const HAS_AFTER: u8 = 8;
const HAS_SITE: u8 = 16;
const HAS_PATH: u8 = 32;
/// How a file is adopted.
const COPY_ALLOWED: u8 = 1;
const REMOVE_SOURCE: u8 = 2;

pub(super) fn write(out: &mut Writer<'_>, change: &Change) -> u16 {
    match change {
        Change::ActionSubmitted { action, spec } => {
            out.bytes(&action.0);
            write_spec(out, spec, true);
            32
        }
        Change::ActionChanged { action, state, attempts, instance, not_before_ns, error } => {
            out.bytes(&action.0);
            out.u8(*state as u8);
            out.u32(*attempts);
            out.u64(*instance);
            out.i64(*not_before_ns);
            out.b16(error.as_bytes());
            33
        }
        Change::ActionLeased { action, worker, token, until_ns, note } => {
            out.bytes(&action.0);
            out.u64(*token);
            out.i64(*until_ns);
            out.b16(worker.as_bytes());
            out.b16(note.as_bytes());
            35
        }
        Change::ActionResult { action, result } => {
            out.bytes(&action.0);
            out.b32(result);
            36
        }
        Change::ActionForgotten { action } => {
            out.bytes(&action.0);
            34
        }
        _ => 0,
    }
}

pub(super) fn read(body: &mut Reader<'_>, record_type: u16) -> Option<Change> {
    if !(32..=36).contains(&record_type) {
        return None;
    }
    let action = ActionId(body.array()?);
    Some(match record_type {
        32 => Change::ActionSubmitted { action, spec: Box::new(read_spec(body)?) },
        33 => Change::ActionChanged {
            action,
            state: ActionState::from_number(body.u8()?)?,
            attempts: body.u32()?,
            instance: body.u64()?,
            not_before_ns: body.i64()?,
            error: read_text(body.b16()?)?,
        },
        35 => {
            let (token, until_ns) = (body.u64()?, body.i64()?);
            let worker = read_text(body.b16()?)?;
            Change::ActionLeased { action, worker, token, until_ns, note: read_text(body.b16()?)? }
        }
        36 => Change::ActionResult { action, result: body.b32()?.to_vec() },
        _ => Change::ActionForgotten { action },
    })
}

/// Appends what an action is to do; the index keeps the payload elsewhere.
pub(crate) fn write_spec(out: &mut Writer<'_>, spec: &ActionSpec, with_payload: bool) {
    let flags = if spec.group.is_some() { HAS_GROUP } else { 0 }
        | if spec.source.is_some() { HAS_SOURCE } else { 0 }
        | if spec.force { FORCED } else { 0 }
        | if spec.after.is_empty() { 0 } else { HAS_AFTER }
        | if spec.site.is_some() { HAS_SITE } else { 0 }
        | if spec.path.is_some() { HAS_PATH } else { 0 };
    out.u8(spec.verb as u8);
    out.u8(flags);
    out.bytes(&spec.object.0);
    out.u8(spec.source.unwrap_or(0));
    out.u8(spec.target);
    out.u32(spec.priority as u32);
    out.i64(spec.deadline_ns);
    out.u32(spec.attempts_max);
    out.bytes(&spec.group.map_or([0; 16], |group| group.0));
    out.b16(spec.owner.as_bytes());
    out.b16(spec.reason.as_bytes());
    if !spec.after.is_empty() {
        out.u8(spec.after.len() as u8);
        for id in &spec.after {
            out.bytes(&id.0);
        }
    }
    if let Some(work) = &spec.site {
        out.b16(work.kind.as_bytes());
        out.b32(if with_payload { &work.payload } else { &[] });
    }
    if let Some(path) = &spec.path {
        out.b16(path.as_os_str().as_bytes());
        write_digests(out, &spec.expected);
    }
    if spec.verb == Verb::Adopt {
        let Adoption { copy_allowed, remove_source } = spec.adoption;
        out.u8(if copy_allowed { COPY_ALLOWED } else { 0 } | if remove_source { REMOVE_SOURCE } else { 0 });
    }
}

/// Takes what an action is to do.
pub(crate) fn read_spec(body: &mut Reader<'_>) -> Option<ActionSpec> {
    let verb = Verb::from_number(body.u8()?)?;
    let flags = body.u8()?;
    let object = ObjectId(body.array()?);
    let source = Some(body.u8()?).filter(|_| flags & HAS_SOURCE != 0);
    let target = body.u8()?;
    let priority = body.u32()? as i32;
    let deadline_ns = body.i64()?;
    let attempts_max = body.u32()?;
    let group = Some(GroupId(body.array()?)).filter(|_| flags & HAS_GROUP != 0);
    let owner = read_text(body.b16()?)?;
    let reason = read_text(body.b16()?)?;
    let force = flags & FORCED != 0;
    let mut after = Vec::new();
    if flags & HAS_AFTER != 0 {
        for _ in 0..body.u8()? {
            after.push(ActionId(body.array()?));
        }
    }
    let mut site = None;
    if flags & HAS_SITE != 0 {
        let kind = read_text(body.b16()?)?;
        site = Some(SiteWork { kind, payload: body.b32()?.to_vec() });
    }
    let (mut path, mut expected) = (None, Vec::new());
    if flags & HAS_PATH != 0 {
        path = Some(OsString::from_vec(body.b16()?.to_vec()).into());
        expected = read_digests(body)?;
    }
    let how = if verb == Verb::Adopt { body.u8()? } else { 0 };
    let adoption =
        Adoption { copy_allowed: how & COPY_ALLOWED != 0, remove_source: how & REMOVE_SOURCE != 0 };
    Some(ActionSpec {
        verb,
        object,
        source,
        target,
        force,
        priority,
        owner,
        reason,
        deadline_ns,
        group,
        attempts_max,
        after,
        site,
        path,
        expected,
        adoption,
    })
}
