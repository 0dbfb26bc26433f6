//! An object of a listing, read no further than it is asked for.

use std::sync::OnceLock;

use super::embedded;
use crate::clock::TimeNs;
use crate::object::{Attributes, DatasetId, Generation, Object, ObjectId};

/// What is known of an object, its lists counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// Its id.
    pub id: ObjectId,
    /// The dataset of its first name.
    pub dataset: Option<DatasetId>,
    /// Counts its contents from 1; 0: it never had data.
    pub generation: Generation,
    /// When it came to be.
    pub created_ns: TimeNs,
    /// When its content last changed.
    pub modified_ns: TimeNs,
    /// When its content was last known to be read; 0: never, as far as is known.
    pub accessed_ns: TimeNs,
    /// 0 while it lives; after its removal: until when it can be brought back.
    pub removed_until_ns: TimeNs,
    /// The number of the last change to anything about it.
    pub changed: u64,
    /// Length of its content in bytes; `None` without data.
    pub size: Option<u64>,
    /// Base-2 logarithm of the block size; 0 without data.
    pub block_shift: u8,
    /// How many copies.
    pub copies: usize,
    /// How many digests.
    pub digests: usize,
}

impl Default for ObjectSummary {
    fn default() -> Self {
        Self {
            id: ObjectId([0; 16]),
            dataset: None,
            generation: 0,
            created_ns: 0,
            modified_ns: 0,
            accessed_ns: 0,
            removed_until_ns: 0,
            changed: 0,
            size: None,
            block_shift: 0,
            copies: 0,
            digests: 0,
        }
    }
}

/// An object as its row has it: see [`Items::next_into`](crate::Items::next_into). An object that is made has half a dozen
/// allocations; this one, put in the place of another, uses its room again.
#[derive(Debug, Default)]
pub struct Listed {
    summary: ObjectSummary,
    /// The key it was found under, its first key, its attributes, and all of its row that is read when it is asked for.
    bytes: Vec<u8>,
    lens: [usize; 2],
    attributes_at: usize,
    /// Made when it is first asked for.
    object: OnceLock<Object>,
}

impl Listed {
    /// Takes an object that was checked in the place of what was here: `bytes` are the key it was found under, its first
    /// key, and its body.
    pub(super) fn replace(
        &mut self,
        summary: ObjectSummary,
        bytes: &[u8],
        lens: [usize; 2],
        attributes_at: usize,
    ) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.object.take();
        (self.summary, self.lens, self.attributes_at) = (summary, lens, attributes_at);
    }

    /// What is known of it, its lists counted.
    pub fn summary(&self) -> &ObjectSummary {
        &self.summary
    }

    /// The key it was found under; empty outside a dataset.
    pub fn found_key(&self) -> &[u8] {
        &self.bytes[..self.lens[0]]
    }

    /// Its first key; empty where it has none.
    pub fn first_key(&self) -> &[u8] {
        &self.bytes[self.lens[0]..][..self.lens[1]]
    }

    /// Its attributes, put in the place of others, whose room is used again.
    pub fn attributes_into(&self, attributes: &mut Attributes) {
        attributes.replace_by(&self.bytes[self.attributes_at..]);
    }

    /// The object, with all that it lists.
    pub fn object(&self) -> &Object {
        let body = &self.bytes[self.lens.iter().sum()..];
        self.object.get_or_init(|| embedded::object_of(&self.summary, self.first_key(), body))
    }
}

impl From<Object> for Listed {
    fn from(object: Object) -> Self {
        let content = object.content.as_ref();
        let summary = ObjectSummary {
            id: object.id,
            dataset: object.name.as_ref().map(|name| name.dataset),
            generation: object.generation,
            created_ns: object.created_ns,
            modified_ns: object.modified_ns,
            accessed_ns: object.accessed_ns,
            removed_until_ns: object.removed_until_ns,
            changed: object.changed,
            size: content.map(|content| content.size),
            block_shift: content.map_or(0, |content| content.block_shift),
            copies: object.copies.len(),
            digests: content.map_or(0, |content| content.digests.len()),
        };
        let mut bytes = object.name.as_ref().map_or(Vec::new(), |name| name.key.clone());
        let lens = [0, bytes.len()];
        let attributes_at = bytes.len();
        bytes.extend_from_slice(object.attributes.encoded());
        Self { summary, bytes, lens, attributes_at, object: object.into() }
    }
}
