//! What each byte of a data file is for, worked out from `docs/format.md` and what the catalog says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use hsm_core::file::Disk;
use hsm_core::object::{Object, ObjectId};
use hsm_core::{Query, Store};

use super::content;

const TAIL_LEN: u64 = 192;
const PACK_HEADER_LEN: u64 = 128;
const RECORD_HEADER_LEN: u64 = 72;

/// What a flipped bit there does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Byte {
    /// A copy is damaged, and is so from this byte of the object on.
    Of { object: ObjectId, tier: u8, offset: u64 },
    /// The header of a pack is damaged: a scrub says so. The catalog says where each record lies, and the record says
    /// whose it is, so that nothing is read by it.
    PackHeader,
    /// No reader looks at it, for this reason.
    Unused(&'static str),
}

/// Zeros between the records of a pack.
pub(crate) const PADDING: &str = "padding behind a record";
/// What was overwritten or purged and whose pack is still in use.
pub(crate) const DEAD_RECORD: &str = "record that nothing refers to";
/// A block that a put at an offset wrote anew elsewhere.
pub(crate) const DEAD_BLOCK: &str = "block that nothing refers to";

/// All bytes of a file, in runs.
pub(crate) fn map(disk: &dyn Disk, root_of: &dyn Fn(u8) -> String, store: &Store, file: &Path) -> Vec<Byte> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let (serial, suffix) = name.split_once('.').unwrap();
    let serial = u64::from_str_radix(serial, 16).unwrap();
    let mut pieces = Vec::new();
    for object in objects(store) {
        for copy in &object.copies {
            for piece in &copy.pieces {
                let root = root_of(copy.tier);
                let place = piece.place;
                let directory = Path::new(&root).join(format!("data/{:016x}", place.instance));
                if place.serial == serial && piece.packed == (suffix == "pack") && file.starts_with(directory)
                {
                    pieces.push((object.id, copy.tier, *piece, object.content.as_ref().unwrap().block_shift));
                }
            }
        }
    }
    let bytes = content(disk, file);
    if suffix == "pack" {
        let mut map = vec![Byte::Unused(DEAD_RECORD); bytes.len()];
        let mut set = |range: Range<u64>, byte| map[range.start as usize..range.end as usize].fill(byte);
        set(0..PACK_HEADER_LEN, Byte::PackHeader);
        for (object, tier, piece, _) in pieces {
            let end = piece.offset + RECORD_HEADER_LEN + piece.length;
            set(piece.offset..end, Byte::Of { object, tier, offset: 0 });
            set(end..end.next_multiple_of(8).min(bytes.len() as u64), Byte::Unused(PADDING));
        }
        return map;
    }
    // What lies behind the data speaks for all that is read from the file, and is met with its first piece.
    let (object, tier) = (pieces[0].0, pieces[0].1);
    let first = pieces.iter().map(|(_, _, piece, _)| piece.start).min().unwrap();
    let mut map = vec![Byte::Of { object, tier, offset: first }; bytes.len()];
    let tail = bytes.len() - TAIL_LEN as usize;
    let data = u64::from_le_bytes(bytes[tail + 96..tail + 104].try_into().unwrap());
    map[..data as usize].fill(Byte::Unused(DEAD_BLOCK));
    for (object, tier, piece, block_shift) in pieces {
        for at in 0..piece.length {
            let offset = piece.start + (at >> block_shift << block_shift);
            map[(piece.offset + at) as usize] = Byte::Of { object, tier, offset };
        }
    }
    map
}

/// Every object, live or removed.
pub(crate) fn objects(store: &Store) -> Vec<Object> {
    let mut found = Vec::new();
    for removed in [false, true] {
        let query = Query { removed, ..Query::default() };
        found.extend(store.objects(&query).map(|item| item.unwrap().1));
    }
    found
}

/// How many bytes are unused, by the reason.
pub(crate) fn unused(map: &[Byte], into: &mut BTreeMap<&'static str, usize>) {
    for byte in map {
        if let Byte::Unused(reason) = byte {
            *into.entry(reason).or_default() += 1;
        }
    }
}
