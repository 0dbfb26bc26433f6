//! Changes as bytes: the records of a group. `docs/format.md`, section 7.

mod action;
mod put;
mod tier;

pub(crate) use action::{read_spec, write_spec};
pub use put::PutSummary;
pub(super) use put::{PUT, summarise};
pub(crate) use tier::{read_tier, write_tier};

use crate::integrity::{Algorithm, Digest};
use crate::object::{Content, Copy, DatasetId, Name, ObjectId, Piece, Pin, Place, Position, TierIndex};
use crate::wire::{Reader, Writer};

use super::change::{Change, DropReason, EpochCause, Subject, Updates};
use crate::testing_hooks::{Mutant, mutant};

/// The reader of a later version may not pass over this record.
const MUST_UNDERSTAND: u16 = 1;
const COPY_VERIFIED: u8 = 1;
const PIECE_PACKED: u8 = 1;
const HAS_CONTENT: u8 = 1;
const HAS_NAME: u8 = 2;
const IS_NEW: u8 = 4;
/// Length of a piece, in bytes.
const PIECE_LEN: usize = 41;
/// Length of an attribute without name and value, in bytes.
const UPDATE_LEN_MIN: usize = 7;

/// Appends one record.
pub(super) fn write_record(out: &mut Writer<'_>, change: &Change) {
    let start = out.0.len();
    out.u32(0);
    out.u16(0);
    // Who does not know of accesses knows all else.
    out.u16(if matches!(change, Change::Accessed { .. }) { 0 } else { MUST_UNDERSTAND });
    let record_type = write_body(out, change);
    let body_len = (out.0.len() - start - 8) as u32;
    out.0[start..start + 4].copy_from_slice(&body_len.to_le_bytes());
    out.0[start + 4..start + 6].copy_from_slice(&record_type.to_le_bytes());
}

/// Takes one record. `None`: its bytes are not a record this version can apply.
pub(super) fn read_record(reader: &mut Reader<'_>) -> Option<Change> {
    let (record_type, flags, body) = split_record(reader)?;
    match read_body(&mut Reader(body), record_type) {
        Some(change) => Some(change),
        None if !matches!(record_type, 1..=16 | 32..=36 | 48..=50) && flags & MUST_UNDERSTAND == 0 => {
            Some(Change::Unknown { record_type })
        }
        None => None,
    }
}

/// Takes one record as its type, its flags and its body.
pub(super) fn split_record<'a>(reader: &mut Reader<'a>) -> Option<(u16, u16, &'a [u8])> {
    let len = reader.u32()?;
    Some((reader.u16()?, reader.u16()?, reader.bytes(len as usize)?))
}

/// Passes over one record, whatever is in it.
pub(super) fn skip_record(reader: &mut Reader<'_>) -> Option<()> {
    let len = reader.u32()?;
    reader.bytes(4 + len as usize).map(drop)
}

#[allow(clippy::too_many_lines, reason = "one arm a type of record, beside the table in the format")]
pub(super) fn write_body(out: &mut Writer<'_>, change: &Change) -> u16 {
    match change {
        Change::Put { object, generation, content, copies, attributes, name, new } => {
            out.bytes(&object.0);
            out.u64(*generation);
            let presence = if content.is_some() { HAS_CONTENT } else { 0 }
                | if name.is_some() { HAS_NAME } else { 0 }
                | if *new { IS_NEW } else { 0 };
            out.u8(presence);
            if let Some(content) = content {
                write_content(out, content);
            }
            out.u8(copies.len() as u8);
            for copy in copies {
                write_copy(out, copy);
            }
            write_attributes(out, attributes);
            if let Some(name) = name {
                write_name(out, name);
            }
            PUT
        }
        Change::CopyAdded { object, generation, copy } => {
            out.bytes(&object.0);
            out.u64(*generation);
            write_copy(out, copy);
            2
        }
        Change::CopyDropped { object, generation, tier, reason } => {
            out.bytes(&object.0);
            out.u64(*generation);
            out.u8(*tier);
            out.u8(*reason as u8);
            3
        }
        Change::CopyVerified { object, generation, tier, whole } => {
            out.bytes(&object.0);
            out.u64(*generation);
            out.u8(*tier);
            out.u8(if *whole { 1 } else { 2 });
            4
        }
        Change::AttributesSet { subject, attributes } => {
            match subject {
                Subject::Object(id) => {
                    out.u8(1);
                    out.bytes(&id.0);
                }
                Subject::Dataset(id) => {
                    out.u8(2);
                    out.bytes(&id.0);
                }
            }
            write_attributes(out, attributes);
            5
        }
        Change::Removed { object, until_ns } => {
            out.bytes(&object.0);
            out.i64(*until_ns);
            6
        }
        Change::Undeleted { object, name } => {
            out.bytes(&object.0);
            let name = name.as_ref().filter(|_| !mutant(Mutant::UndeleteLosesName));
            out.u8(u8::from(name.is_some()));
            if let Some(name) = name {
                write_name(out, name);
            }
            7
        }
        Change::Purged { object } => {
            out.bytes(&object.0);
            8
        }
        Change::DatasetCreated { dataset, name, attributes } => {
            out.bytes(&dataset.0);
            out.b16(name.as_bytes());
            write_attributes(out, attributes);
            9
        }
        Change::DatasetRemoved { dataset } => {
            out.bytes(&dataset.0);
            10
        }
        Change::Named { name, object } => {
            write_name(out, name);
            out.bytes(&object.0);
            11
        }
        Change::Unnamed { name, object } => {
            write_name(out, name);
            out.bytes(&object.0);
            12
        }
        Change::TierSet(config) => {
            write_tier(out, config);
            13
        }
        Change::SettingSet { name, value } => {
            out.b16(name.as_bytes());
            out.b32(value);
            14
        }
        Change::EpochBegan { cause, ended } => {
            out.u8(*cause as u8);
            out.u64(ended.epoch);
            out.u64(ended.number);
            15
        }
        Change::CopyRelocated { object, generation, copy } => {
            out.bytes(&object.0);
            out.u64(*generation);
            write_copy(out, copy);
            16
        }
        Change::ActionSubmitted { .. }
        | Change::ActionChanged { .. }
        | Change::ActionLeased { .. }
        | Change::ActionResult { .. }
        | Change::ActionForgotten { .. } => action::write(out, change),
        Change::Accessed { object, accessed_ns } => {
            out.bytes(&object.0);
            out.i64(*accessed_ns);
            48
        }
        Change::Pinned(pin) => {
            write_pin(out, pin.object, pin.tier, &pin.owner);
            out.i64(pin.until_ns);
            49
        }
        Change::Unpinned { object, tier, owner } => {
            write_pin(out, *object, *tier, owner);
            50
        }
        Change::Unknown { record_type } => *record_type,
    }
}

pub(super) fn read_body(body: &mut Reader<'_>, record_type: u16) -> Option<Change> {
    Some(match record_type {
        PUT => {
            let object = ObjectId(body.array()?);
            let generation = body.u64()?;
            let presence = body.u8()?;
            let content = if presence & HAS_CONTENT != 0 { Some(read_content(body)?) } else { None };
            let copies = read_copies(body)?;
            let attributes = read_attributes(body)?;
            let name = if presence & HAS_NAME != 0 { Some(read_name(body)?) } else { None };
            let new = presence & IS_NEW != 0;
            Change::Put { object, generation, content, copies, attributes, name, new }
        }
        2 => Change::CopyAdded {
            object: ObjectId(body.array()?),
            generation: body.u64()?,
            copy: read_copy(body)?,
        },
        3 => Change::CopyDropped {
            object: ObjectId(body.array()?),
            generation: body.u64()?,
            tier: body.u8()?,
            reason: match body.u8()? {
                1 => DropReason::Released,
                2 => DropReason::TierLost,
                3 => DropReason::Damaged,
                4 => DropReason::Drained,
                _ => return None,
            },
        },
        4 => Change::CopyVerified {
            object: ObjectId(body.array()?),
            generation: body.u64()?,
            tier: body.u8()?,
            whole: body.u8()? == 1,
        },
        5 => {
            let kind = body.u8()?;
            let id = body.array()?;
            let subject = match kind {
                1 => Subject::Object(ObjectId(id)),
                2 => Subject::Dataset(DatasetId(id)),
                _ => return None,
            };
            Change::AttributesSet { subject, attributes: read_attributes(body)? }
        }
        6 => Change::Removed { object: ObjectId(body.array()?), until_ns: body.i64()? },
        7 => {
            let object = ObjectId(body.array()?);
            let name = if body.u8()? != 0 { Some(read_name(body)?) } else { None };
            Change::Undeleted { object, name }
        }
        8 => Change::Purged { object: ObjectId(body.array()?) },
        9 => Change::DatasetCreated {
            dataset: DatasetId(body.array()?),
            name: read_text(body.b16()?)?,
            attributes: read_attributes(body)?,
        },
        10 => Change::DatasetRemoved { dataset: DatasetId(body.array()?) },
        11 => Change::Named { name: read_name(body)?, object: ObjectId(body.array()?) },
        12 => Change::Unnamed { name: read_name(body)?, object: ObjectId(body.array()?) },
        13 => Change::TierSet(read_tier(body)?),
        14 => Change::SettingSet { name: read_text(body.b16()?)?, value: body.b32()?.to_vec() },
        15 => Change::EpochBegan {
            cause: EpochCause::from_number(body.u8()?)?,
            ended: Position { epoch: body.u64()?, number: body.u64()? },
        },
        16 => Change::CopyRelocated {
            object: ObjectId(body.array()?),
            generation: body.u64()?,
            copy: read_copy(body)?,
        },
        48 => Change::Accessed { object: ObjectId(body.array()?), accessed_ns: body.i64()? },
        49 | 50 => {
            let (object, tier) = (ObjectId(body.array()?), body.u8()?);
            let owner = read_text(body.b16()?)?;
            if record_type == 50 {
                return Some(Change::Unpinned { object, tier, owner });
            }
            Change::Pinned(Pin { object, tier, owner, until_ns: body.i64()? })
        }
        _ => return action::read(body, record_type),
    })
}

fn write_pin(out: &mut Writer<'_>, object: ObjectId, tier: TierIndex, owner: &str) {
    out.bytes(&object.0);
    out.u8(tier);
    out.b16(owner.as_bytes());
}

fn read_text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn write_name(out: &mut Writer<'_>, name: &Name) {
    out.bytes(&name.dataset.0);
    out.b16(&name.key);
}

fn read_name(body: &mut Reader<'_>) -> Option<Name> {
    Some(Name { dataset: DatasetId(body.array()?), key: body.b16()?.to_vec() })
}

fn write_content(out: &mut Writer<'_>, content: &Content) {
    out.u64(content.size);
    out.u8(content.block_shift);
    out.bytes(&content.root);
    write_digests(out, &content.digests);
}

fn write_digests(out: &mut Writer<'_>, digests: &[Digest]) {
    out.u8(digests.len() as u8);
    for digest in digests {
        out.u8(digest.algorithm() as u8);
        out.u8(digest.value().len() as u8);
        out.bytes(digest.value());
    }
}

fn read_content(body: &mut Reader<'_>) -> Option<Content> {
    let size = body.u64()?;
    let block_shift = body.u8().filter(|shift| *shift < 64)?;
    let root = body.array()?;
    Some(Content { size, block_shift, root, digests: read_digests(body)? })
}

fn read_digests(body: &mut Reader<'_>) -> Option<Vec<Digest>> {
    let mut digests = Vec::new();
    let mut take = |algorithm, value: &[u8]| digests.push(Digest::new(algorithm, value).ok());
    each_digest(body, &mut take)?;
    digests.into_iter().collect()
}

/// Takes digests one by one; each is as long as its algorithm makes it.
fn each_digest(body: &mut Reader<'_>, mut take: impl FnMut(Algorithm, &[u8])) -> Option<()> {
    for _ in 0..body.u8()? {
        let algorithm = body.u8()?;
        let len = body.u8()?;
        let value = body.bytes(usize::from(len))?;
        // A digest of a later version's algorithm is no reason to refuse the object.
        if let Some(algorithm) = Algorithm::from_number(algorithm) {
            (value.len() == algorithm.value_len()).then(|| take(algorithm, value))?;
        }
    }
    Some(())
}

fn write_copy(out: &mut Writer<'_>, copy: &Copy) {
    out.u8(copy.tier);
    out.u8(if copy.is_verified() { COPY_VERIFIED } else { 0 });
    out.u16(copy.pieces.len() as u16);
    for piece in &copy.pieces {
        write_piece(out, piece);
    }
}

/// Appends one piece; also the form of the map in an object file's tail.
pub(crate) fn write_piece(out: &mut Writer<'_>, piece: &Piece) {
    out.u64(piece.start);
    out.u64(piece.length);
    out.u64(piece.place.instance);
    out.u64(piece.place.serial);
    out.u64(piece.offset);
    out.u8(if piece.packed { PIECE_PACKED } else { 0 });
}

fn read_copies(body: &mut Reader<'_>) -> Option<Vec<Copy>> {
    let count = body.u8()?;
    let mut copies = Vec::with_capacity(count.into());
    for _ in 0..count {
        copies.push(read_copy(body)?);
    }
    Some(copies)
}

/// Takes a copy. Its times are the group's: 1 stands for "verified", until the catalog knows the time.
fn read_copy(body: &mut Reader<'_>) -> Option<Copy> {
    // No more than there can be: the count may be wrong.
    let count = Reader(body.0.get(2..)?).u16()?;
    let mut pieces = Vec::with_capacity(usize::from(count).min(body.0.len() / PIECE_LEN));
    let (tier, flags) = each_piece(body, |piece| pieces.push(piece))?;
    let verified_ns = i64::from(flags & COPY_VERIFIED != 0);
    Some(Copy { tier, created_ns: 0, verified_ns, pieces })
}

/// Takes a copy piece by piece; its tier and flags.
fn each_piece(body: &mut Reader<'_>, mut take: impl FnMut(Piece)) -> Option<(TierIndex, u8)> {
    let (tier, flags) = (body.u8()?, body.u8()?);
    let mut sum = 0_u64;
    for _ in 0..body.u16()? {
        let piece = read_piece(body, tier)?;
        sum = sum.checked_add(piece.length).filter(|sum| i64::try_from(*sum).is_ok())?;
        take(piece);
    }
    Some((tier, flags))
}

/// Takes one piece of a copy on `tier`. Whoever adds its numbers up may rely on it: no object and no place is longer
/// than 2^63 - 1.
pub(crate) fn read_piece(body: &mut Reader<'_>, tier: TierIndex) -> Option<Piece> {
    let (start, length) = (body.u64()?, body.u64()?);
    start.checked_add(length).filter(|end| i64::try_from(*end).is_ok())?;
    let place = Place { tier, instance: body.u64()?, serial: body.u64()? };
    let offset = body.u64()?;
    offset.checked_add(length).filter(|end| i64::try_from(*end).is_ok())?;
    let packed = body.u8()? & PIECE_PACKED != 0;
    Some(Piece { start, length, place, offset, packed })
}

/// Appends new values of attributes.
fn write_attributes(out: &mut Writer<'_>, updates: &Updates) {
    out.u16(updates.len() as u16);
    for (name, value) in updates {
        out.b16(name.as_bytes());
        out.u8(u8::from(value.is_some()));
        out.b32(value.as_deref().unwrap_or_default());
    }
}

/// Takes new values of attributes.
fn read_attributes(body: &mut Reader<'_>) -> Option<Updates> {
    let count = Reader(body.0).u16()?;
    let mut updates = Vec::with_capacity(usize::from(count).min(body.0.len() / UPDATE_LEN_MIN));
    each_attribute(body, |name, value| updates.push((name.to_owned(), value.map(<[u8]>::to_vec))))?;
    Some(updates)
}

/// Takes them one by one.
pub(super) fn each_attribute<'a>(
    body: &mut Reader<'a>,
    mut take: impl FnMut(&'a str, Option<&'a [u8]>),
) -> Option<()> {
    for _ in 0..body.u16()? {
        let name = std::str::from_utf8(body.b16()?).ok()?;
        let present = body.u8()? != 0;
        let value = body.b32()?;
        take(name, present.then_some(value));
    }
    Some(())
}
