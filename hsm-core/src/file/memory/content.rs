//! The bytes of one file in memory.
//!
//! Kept in chunks, so that a file grows without copying what it holds; shared and copied on write, so that a
//! clone costs a pointer a chunk. A chunk that is missing, or shorter than its place, reads as zeros.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

const CHUNK_BYTES: u64 = 64 * 1024;

/// Bytes and a length. Holes take no memory.
#[derive(Clone, Default)]
pub(crate) struct Content {
    len: u64,
    chunks: BTreeMap<u64, Arc<Vec<u8>>>,
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.len)
    }
}

impl Content {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Reads what there is from `offset`; says how much.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let wanted = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        for (number, within, part) in pieces(offset, wanted) {
            let target = &mut buffer[part];
            let held = self.chunks.get(&number).map_or(&[][..], |chunk| chunk.get(within..).unwrap_or(&[]));
            let copied = held.len().min(target.len());
            target[..copied].copy_from_slice(&held[..copied]);
            target[copied..].fill(0);
        }
        wanted
    }

    /// Writes, extending the length where it must. The caller has seen to it that the end fits a `u64`.
    pub(crate) fn write_at(&mut self, bytes: &[u8], offset: u64) {
        for (number, within, part) in pieces(offset, bytes.len()) {
            let source = &bytes[part];
            let chunk = Arc::make_mut(self.chunks.entry(number).or_default());
            if chunk.len() < within {
                chunk.resize(within, 0);
            }
            let overlap = (chunk.len() - within).min(source.len());
            chunk[within..within + overlap].copy_from_slice(&source[..overlap]);
            chunk.extend_from_slice(&source[overlap..]);
        }
        if !bytes.is_empty() {
            self.len = self.len.max(offset + bytes.len() as u64);
        }
    }

    /// Cuts or extends with zeros.
    pub(crate) fn set_len(&mut self, len: u64) {
        if len < self.len {
            drop(self.chunks.split_off(&len.div_ceil(CHUNK_BYTES)));
            if let Some(last) = self.chunks.get_mut(&(len / CHUNK_BYTES)) {
                Arc::make_mut(last).truncate((len % CHUNK_BYTES) as usize);
            }
        }
        self.len = len;
    }
}

/// The chunks that a range touches: number, first byte within the chunk, part of the range.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = at % CHUNK_BYTES;
        let part = done..len.min(done + (CHUNK_BYTES - within) as usize);
        done = part.end;
        Some((at / CHUNK_BYTES, within as usize, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_reads_like_one_flat_vector() {
        let mut flat: Vec<u8> = Vec::new();
        let mut content = Content::default();
        for step in 0..400_u64 {
            let offset = (step * 7919 * 13) % (3 * CHUNK_BYTES);
            if step % 7 == 3 {
                flat.resize(offset as usize, 0);
                content.set_len(offset);
            } else {
                let bytes = vec![step as u8 | 1; (step as usize * 331) % 70_000];
                let end = offset as usize + bytes.len();
                if !bytes.is_empty() {
                    flat.resize(flat.len().max(end), 0);
                    flat[offset as usize..end].copy_from_slice(&bytes);
                }
                content.write_at(&bytes, offset);
            }
            assert_eq!(content.len(), flat.len() as u64, "step {step}");
            let mut read = vec![0xEE; flat.len() + 10];
            assert_eq!(content.read_at(&mut read, 0), flat.len());
            assert!(read[..flat.len()] == flat[..], "step {step}");
        }
    }

    #[test]
    fn a_clone_does_not_see_later_writes() {
        let mut content = Content::default();
        content.write_at(b"before", 0);
        let clone = content.clone();
        content.write_at(b"after!", 0);
        let mut read = [0; 6];
        clone.read_at(&mut read, 0);
        assert_eq!(&read, b"before");
    }

    #[test]
    fn a_far_write_leaves_a_hole_that_takes_no_memory() {
        let mut content = Content::default();
        content.write_at(b"x", 1 << 50);
        assert_eq!((content.len(), content.chunks.len()), ((1 << 50) + 1, 1));
    }
}
