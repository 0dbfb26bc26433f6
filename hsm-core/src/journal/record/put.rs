//! The record of a put, gone through once: what has a fixed length is read, what is a list is checked and counted.

use std::ops::Range;

use super::{HAS_CONTENT, HAS_NAME, IS_NEW, each_attribute, each_digest, each_piece};
use crate::object::{DatasetId, Generation, ObjectId, TierIndex};
use crate::wire::Reader;

/// The type of the record.
pub(in crate::journal) const PUT: u16 = 1;

/// What a put says, its lists counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutSummary {
    /// The object.
    pub object: ObjectId,
    /// The generation this content is.
    pub generation: Generation,
    /// Whether the object came to be with this change; else it existed.
    pub new: bool,
    /// Length of the content in bytes; `None` for an object without data.
    pub size: Option<u64>,
    /// Base-2 logarithm of the block size; 0 without data.
    pub block_shift: u8,
    /// How many digests.
    pub digests: u8,
    /// How many copies.
    pub copies: u8,
    /// The tier of the first copy.
    pub tier: Option<TierIndex>,
    /// How many attributes are named, each time counted.
    pub attributes: u16,
    /// The dataset of the name given with it.
    pub dataset: Option<DatasetId>,
    /// Where in the record the key lies, and the attributes begin.
    pub(in crate::journal) key: Range<usize>,
    pub(in crate::journal) attributes_at: usize,
}

/// Goes through the body of a put. `None` where it cannot be read, that is, where reading it whole gives nothing either.
pub(in crate::journal) fn summarise(body: &[u8]) -> Option<PutSummary> {
    let mut reader = Reader(body);
    let at = |reader: &Reader<'_>| body.len() - reader.0.len();
    let (object, generation) = (ObjectId(reader.array()?), reader.u64()?);
    let presence = reader.u8()?;
    let (mut size, mut block_shift, mut digests) = (None, 0, 0);
    if presence & HAS_CONTENT != 0 {
        size = Some(reader.u64()?);
        block_shift = reader.u8().filter(|shift| *shift < 64)?;
        reader.array::<16>()?;
        each_digest(&mut reader, |_, _| digests += 1)?;
    }
    let copies = reader.u8()?;
    let mut tier = None;
    for _ in 0..copies {
        let (its, _) = each_piece(&mut reader, |_| ())?;
        tier = tier.or(Some(its));
    }
    let (attributes_at, attributes) = (at(&reader), Reader(reader.0).u16()?);
    each_attribute(&mut reader, |_, _| ())?;
    let (mut dataset, mut key) = (None, 0..0);
    if presence & HAS_NAME != 0 {
        dataset = Some(DatasetId(reader.array()?));
        let length = reader.b16()?.len();
        key = at(&reader) - length..at(&reader);
    }
    let new = presence & IS_NEW != 0;
    Some(PutSummary {
        object,
        generation,
        new,
        size,
        block_shift,
        digests,
        copies,
        tier,
        attributes,
        dataset,
        key,
        attributes_at,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Change, read_body, write_body};
    use super::*;
    use crate::integrity::{Algorithm, Digest};
    use crate::object::{Content, Copy, Name, Piece, Place};
    use crate::wire::{Writer, each_damage};

    fn puts() -> Vec<Vec<u8>> {
        let copy = |tier, pieces| {
            let place = Place { tier, instance: u64::MAX, serial: 9 };
            let piece = Piece { start: 0, length: 4096, place, offset: 128, packed: true };
            Copy { tier, created_ns: 0, verified_ns: 0, pieces: vec![piece; pieces] }
        };
        let digest = Digest::new(Algorithm::Crc32c, &[1, 2, 3, 4]).unwrap();
        let content = Content { size: 4096, block_shift: 20, root: [7; 16], digests: vec![digest; 2] };
        let attributes = vec![
            ("é".to_owned(), Some(b"1".to_vec())),
            ("a".to_owned(), None),
            ("a".to_owned(), Some(vec![])),
        ];
        let name = Name { dataset: DatasetId([9; 16]), key: b"a/b".to_vec() };
        let full = Change::Put {
            object: ObjectId([3; 16]),
            generation: 5,
            content: Some(content),
            copies: vec![copy(4, 2), copy(7, 0)],
            attributes,
            name: Some(name),
            new: true,
        };
        let bare = Change::Put {
            object: ObjectId([3; 16]),
            generation: 5,
            content: None,
            copies: vec![],
            attributes: vec![],
            name: None,
            new: false,
        };
        let body = |change| {
            let mut bytes = Vec::new();
            write_body(&mut Writer(&mut bytes), change);
            bytes
        };
        [full, bare].iter().map(body).collect()
    }

    /// Whatever the bytes, a summary is there where the whole can be read, and says the same.
    fn compare(body: &[u8]) {
        let whole = read_body(&mut Reader(body), PUT);
        let Some(found) = summarise(body) else {
            assert_eq!(whole, None, "{body:?}");
            return;
        };
        let Some(Change::Put { object, generation, content, copies, attributes, name, new }) = whole else {
            panic!("{body:?} has a summary, and cannot be read")
        };
        assert_eq!((found.object, found.generation, found.new), (object, generation, new));
        assert_eq!(found.size, content.as_ref().map(|content| content.size));
        assert_eq!(found.block_shift, content.as_ref().map_or(0, |content| content.block_shift));
        assert_eq!(usize::from(found.digests), content.map_or(0, |content| content.digests.len()));
        assert_eq!(usize::from(found.copies), copies.len());
        assert_eq!(found.tier, copies.first().map(|copy| copy.tier));
        assert_eq!(usize::from(found.attributes), attributes.len());
        let mut updates = Vec::new();
        let take =
            |name: &str, value: Option<&[u8]>| updates.push((name.to_owned(), value.map(<[u8]>::to_vec)));
        each_attribute(&mut Reader(&body[found.attributes_at..]), take).unwrap();
        assert_eq!(updates, attributes);
        assert_eq!(found.dataset, name.as_ref().map(|name| name.dataset));
        assert_eq!(body[found.key], name.map_or(Vec::new(), |name| name.key));
    }

    #[test]
    fn a_summary_says_what_the_record_says_and_is_there_where_it_can_be_read() {
        for body in puts() {
            assert!(summarise(&body).is_some());
            each_damage(&body, compare);
        }
    }
}
