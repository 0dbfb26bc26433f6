//! What a reader keeps of a table of digests, to check those that it reads again: bounded, however long the table.
//!
//! A table is read in *chunks*. While they are few, the checksum of each is kept. Else one is kept for every
//! *span* of chunks, over their checksums, and those of the span that was used last.

use crate::error::Result;
use crate::integrity::ChecksumHasher;

/// Checksums kept at most: 512 KiB, enough for those of 256 TiB in blocks of the default size. Few in tests, so
/// that they come to spans at all.
pub(super) const KEPT_MAX: u64 = if cfg!(any(test, feature = "testing")) { 2 } else { 65_536 };

/// Checksums of the chunks of a table.
#[derive(Debug)]
pub(super) struct Checksums {
    seed: u64,
    chunks: u64,
    /// Chunks a span.
    span: u64,
    kept: Vec<u64>,
    /// The span that is being filled, or was used last, and the checksums of its chunks.
    held: (u64, Vec<u64>),
}

impl Checksums {
    pub(super) fn new(seed: u64, chunks: u64, kept_max: u64) -> Self {
        let span = chunks.div_ceil(kept_max).max(1);
        Self { seed, chunks, span, kept: Vec::new(), held: (0, Vec::new()) }
    }

    /// Notes the checksum of the next chunk.
    pub(super) fn push(&mut self, sum: u64) {
        let done = self.kept.len() as u64;
        if self.held.0 != done {
            self.held = (done, Vec::new());
        }
        self.held.1.push(sum);
        let noted = done * self.span + self.held.1.len() as u64;
        if self.held.1.len() as u64 == self.span || noted == self.chunks {
            self.kept.push(self.sum_of(&self.held.1));
        }
    }

    /// Whether `found` is the checksum that was noted of a chunk. `read` answers the checksum of a chunk of the
    /// same span as it is now.
    pub(super) fn matches(
        &mut self,
        chunk: u64,
        found: u64,
        read: impl FnMut(u64) -> Result<u64>,
    ) -> Result<bool> {
        let span = chunk / self.span;
        if self.span > 1 && self.held.0 != span {
            let chunks = span * self.span..((span + 1) * self.span).min(self.chunks);
            let sums = chunks.map(read).collect::<Result<Vec<_>>>()?;
            if self.kept.get(span as usize) != Some(&self.sum_of(&sums)) {
                return Ok(false);
            }
            self.held = (span, sums);
        }
        let expected = if self.span == 1 {
            self.kept.get(chunk as usize)
        } else {
            self.held.1.get((chunk % self.span) as usize)
        };
        Ok(expected == Some(&found))
    }

    fn sum_of(&self, sums: &[u64]) -> u64 {
        if let ([sum], 1) = (sums, self.span) {
            return *sum;
        }
        let mut hasher = ChecksumHasher::new(self.seed);
        for sum in sums {
            hasher.write(&sum.to_le_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_that_changed_is_noticed_in_spans_of_every_length() {
        for chunks in 1..40_u64 {
            for kept_max in 1..10 {
                let mut sums: Vec<u64> = (0..chunks).map(|chunk| chunk * 77).collect();
                let mut kept = Checksums::new(5, chunks, kept_max);
                for sum in &sums {
                    kept.push(*sum);
                }
                assert!(kept.kept.len() as u64 <= kept_max.min(chunks));
                for chunk in (0..chunks).rev().chain(0..chunks) {
                    let found = sums[chunk as usize];
                    assert!(kept.matches(chunk, found, |at| Ok(sums[at as usize])).unwrap());
                    assert!(!kept.matches(chunk, found + 1, |at| Ok(sums[at as usize])).unwrap());
                }
                // The first chunk changes once the last span was used, and so is no longer known by heart.
                sums[0] += 1;
                assert!(!kept.matches(0, sums[0], |at| Ok(sums[at as usize])).unwrap());
            }
        }
    }
}
