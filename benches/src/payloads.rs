//! Random bytes to store, made before anything is timed.
//!
//! Random, so that nothing on the way can compress or share them; different for each object, so that
//! no side profits from storing the same bytes twice.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};
use crate::filesystem;

/// Length of a small object in bytes.
pub(crate) const SMALL_BYTES: usize = 4096;

/// Length of a lap in bytes: how much lies between two payloads that overlap.
const LAP_BYTES: usize = 64 << 20;

/// By how much a lap is shifted against the one before, in bytes.
const SHIFT_BYTES: usize = 64;

/// Payloads of [`SMALL_BYTES`], cut out of one pool of random bytes.
pub(crate) struct Payloads {
    pool: Vec<u8>,
}

impl Payloads {
    /// Draws the pool.
    pub(crate) fn random() -> Result<Self> {
        let mut pool = vec![0; LAP_BYTES + SMALL_BYTES];
        fill_random(&mut pool)?;
        Ok(Self { pool })
    }

    /// The payload of object `index`: different for the first million of them.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let per_lap = LAP_BYTES / SMALL_BYTES;
        let shift = (index / per_lap) * SHIFT_BYTES % SMALL_BYTES;
        let start = (index % per_lap) * SMALL_BYTES + shift;
        &self.pool[start..start + SMALL_BYTES]
    }
}

/// The file of `size_bytes` random bytes in `dir`, made when it is first asked for.
pub(crate) fn random_file(dir: &Path, size_bytes: u64) -> Result<PathBuf> {
    const PART_BYTES: usize = 1 << 20;
    let path = dir.join("random");
    if path.exists() {
        return Ok(path);
    }
    let action = || format!("write {}", path.display());
    let mut file = BufWriter::with_capacity(PART_BYTES, File::create(&path).context(action)?);
    let mut part = vec![0; PART_BYTES];
    let mut left_bytes = size_bytes;
    while left_bytes > 0 {
        let length = left_bytes.min(PART_BYTES as u64) as usize;
        fill_random(&mut part[..length])?;
        file.write_all(&part[..length]).context(action)?;
        left_bytes -= length as u64;
    }
    file.flush().context(action)?;
    Ok(path)
}

/// Reads `path` once, so that it lies in the page cache, and checks its length.
pub(crate) fn warm(path: &Path, size_bytes: u64) -> Result<()> {
    let mut buffer = vec![0; filesystem::READ_BUFFER_BYTES];
    let found = filesystem::read_through(path, &mut buffer)?;
    filesystem::check_length("the file to put", found, size_bytes)
}

/// Fills `bytes` with random ones.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).context(|| "draw random bytes".into())
}

/// The numbers below `count` in a random order.
pub(crate) fn shuffled(count: usize) -> Result<Vec<usize>> {
    let mut keys = vec![0; count * 8];
    fill_random(&mut keys)?;
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|index| &keys[index * 8..][..8]);
    Ok(order)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn payloads_differ_across_laps() {
        let payloads = Payloads::random().unwrap();
        let per_lap = LAP_BYTES / SMALL_BYTES;
        let laps = SMALL_BYTES / SHIFT_BYTES;
        let indexes = (0..laps).flat_map(|lap| [lap * per_lap, (lap + 1) * per_lap - 1]);
        let seen: HashSet<&[u8]> = indexes.map(|index| payloads.get(index)).collect();
        assert_eq!(seen.len(), 2 * laps);
    }

    #[test]
    fn a_random_file_has_the_length_asked_for_and_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let size_bytes = (3 << 20) + 17;
        let path = random_file(dir.path(), size_bytes).unwrap();
        let content = std::fs::read(&path).unwrap();
        warm(&path, size_bytes).unwrap();
        assert!(warm(&path, size_bytes + 1).is_err());
        random_file(dir.path(), size_bytes).unwrap();
        assert!(content == std::fs::read(&path).unwrap());
    }
}
