//! What an object file says of itself, read without a catalog.

use std::path::Path;

use super::{DIGEST_LENGTH, MAGIC, TAIL_LENGTH, Tail, decode_tail};
use crate::backend::PlaceReader;
use crate::error::Result;
use crate::integrity::checksum;
use crate::object::{BLOCK_SHIFT_MAX, BLOCK_SHIFT_MIN, Place, SIZE_MAX};
use crate::wire::{check_head, store_seed};

/// A map is at most so long: 32 pieces need far less.
const MAP_LENGTH_MAX: u64 = 64 << 10;

/// An object file whose tail is whole. Its data and digests were not looked at.
#[derive(Debug)]
pub(crate) struct Described {
    /// The tail.
    pub(crate) tail: Tail,
    /// The pieces of the whole copy as they were written; empty where the file is the copy.
    pub(crate) map: Vec<u8>,
}

/// Reads the end of the file at `at`. The inner error says why it describes nothing that can be used.
pub(crate) fn describe(
    place: &dyn PlaceReader,
    store_id: &[u8; 16],
    at: Place,
) -> Result<Result<Described, String>> {
    let length = place.len()?;
    let Some(tail_at) = length.checked_sub(TAIL_LENGTH) else {
        return Ok(Err(format!("it has {length} bytes, too few for a tail")));
    };
    let mut bytes = [0; TAIL_LENGTH as usize];
    let read = place.read_at(&mut bytes, tail_at)?;
    let (covered, sum) = bytes.split_at(bytes.len() - 8);
    if read != bytes.len() || *sum != checksum(store_seed(store_id), covered).to_le_bytes() {
        return Ok(Err("the checksum of its tail does not match: torn, unfinished or foreign".to_owned()));
    }
    if let Err(error) = check_head(&bytes, MAGIC, Some(store_id), Path::new("the tail")) {
        return Ok(Err(error.to_string()));
    }
    let Some((tail, table)) = decode_tail(&bytes) else { return Ok(Err("its tail is too short".to_owned())) };
    if tail.place != at {
        let Place { tier, instance, serial } = tail.place;
        return Ok(Err(format!("it is the file {serial} of instance {instance:016x} on tier {tier}")));
    }
    let shift_is_known = (BLOCK_SHIFT_MIN..=BLOCK_SHIFT_MAX).contains(&tail.block_shift);
    let end = tail.start.checked_add(tail.length).filter(|end| *end <= tail.size && tail.size <= SIZE_MAX);
    if !shift_is_known || end.is_none() || table.map_length > MAP_LENGTH_MAX {
        return Ok(Err("its tail says what cannot be".to_owned()));
    }
    let expected = tail.length + table.map_length + DIGEST_LENGTH * tail.block_count() + TAIL_LENGTH;
    if expected != length {
        return Ok(Err(format!("it has {length} bytes, but its tail says {expected}")));
    }
    let mut map = vec![0; table.map_length as usize];
    if place.read_at(&mut map, tail.length)? != map.len() {
        return Ok(Err("it became shorter while it was read".to_owned()));
    }
    Ok(Ok(Described { tail, map }))
}
