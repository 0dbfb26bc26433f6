//! Checksums: what every byte that is returned was checked against.
//!
//! - a *block digest* is the XXH3-128 of one block of an object;
//! - the *root digest* of a content hashes its length and its block digests in order, so that several
//!   writers (ranks) can each compute their part of it ([`RootHasher`]);
//! - a [`Digest`] is `algorithm:value` over the whole content, as many as were asked for or supplied.

mod digest;

pub use digest::{Algorithm, Digest, DigestSet};

use twox_hash::xxhash3_128::Hasher as Xxh3;

/// XXH3-128 of one block, little-endian.
pub type BlockDigest = [u8; 16];

/// Hash of a content's length and block digests.
pub type RootDigest = [u8; 16];

/// The XXH3-128 of `bytes`, little-endian.
pub fn block_digest(bytes: &[u8]) -> BlockDigest {
    oneshot(bytes).to_le_bytes()
}

/// The crate picks its vector code at run time, and that code is fast only when the compiler inlines it into
/// the function that picked it. In functions of their own, small and called from everywhere, it does; inlined
/// into ours it sometimes did not, at a quarter of the speed.
#[inline(never)]
fn oneshot(bytes: &[u8]) -> u128 {
    Xxh3::oneshot(bytes)
}

/// See [`oneshot`].
#[inline(never)]
fn update(hasher: &mut Xxh3, bytes: &[u8]) {
    hasher.write(bytes);
}

/// XXH3-64 of `bytes`, seeded with `seed`: the checksum of headers, records and index pages.
pub(crate) fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    twox_hash::xxhash3_64::Hasher::oneshot_with_seed(seed, bytes)
}

/// Computes a [`checksum`] from pieces of any length.
pub(crate) struct ChecksumHasher(twox_hash::xxhash3_64::Hasher);

impl std::fmt::Debug for ChecksumHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChecksumHasher")
    }
}

impl ChecksumHasher {
    pub(crate) fn new(seed: u64) -> Self {
        Self(twox_hash::xxhash3_64::Hasher::with_seed(seed))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        std::hash::Hasher::write(&mut self.0, bytes);
    }

    pub(crate) fn finish(&self) -> u64 {
        std::hash::Hasher::finish(&self.0)
    }
}

/// Computes the digest of one block from pieces of any length.
pub(crate) struct BlockHasher(Xxh3);

impl std::fmt::Debug for BlockHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlockHasher")
    }
}

impl BlockHasher {
    pub(crate) fn new() -> Self {
        Self(Xxh3::new())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        update(&mut self.0, bytes);
    }

    pub(crate) fn finish(&self) -> BlockDigest {
        self.0.finish_128().to_le_bytes()
    }
}

/// Computes the digests of blocks one after the other, however their bytes come.
#[derive(Debug)]
pub(crate) struct BlockSplitter {
    block_size: u64,
    /// The block that has begun and how much of it came; `None` on a block's edge.
    begun: Option<(BlockHasher, u64)>,
}

impl BlockSplitter {
    pub(crate) fn new(block_size: u64) -> Self {
        Self { block_size, begun: None }
    }

    /// Takes bytes from the front, up to the end of a block; its digest when the block is whole.
    pub(crate) fn write(&mut self, bytes: &mut &[u8]) -> Option<BlockDigest> {
        if self.begun.is_none()
            && let Some((block, rest)) = bytes.split_at_checked(self.block_size as usize)
        {
            *bytes = rest;
            return Some(block_digest(block));
        }
        let (hasher, came) = self.begun.get_or_insert_with(|| (BlockHasher::new(), 0));
        let wanted = (self.block_size - *came).min(bytes.len() as u64);
        let (part, rest) = bytes.split_at(wanted as usize);
        hasher.write(part);
        *came += wanted;
        *bytes = rest;
        if *came < self.block_size { None } else { self.end() }
    }

    /// The digest of a block that has begun: the last, if it is short.
    pub(crate) fn end(&mut self) -> Option<BlockDigest> {
        self.begun.take().map(|(hasher, _)| hasher.finish())
    }
}

/// Computes a root digest: the length first, then every block's digest in order.
pub struct RootHasher(Xxh3);

impl std::fmt::Debug for RootHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootHasher")
    }
}

impl RootHasher {
    /// Begins the root of a content of `size` bytes.
    pub fn new(size: u64) -> Self {
        let mut hasher = Xxh3::new();
        hasher.write(&size.to_le_bytes());
        Self(hasher)
    }

    /// Adds the digest of the next block.
    pub fn push(&mut self, block: &BlockDigest) {
        self.0.write(block);
    }

    /// The root.
    pub fn finish(&self) -> RootDigest {
        self.0.finish_128().to_le_bytes()
    }

    /// The root of a content of at most one block.
    pub fn of_one_block(size: u64, block: &BlockDigest) -> RootDigest {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&size.to_le_bytes());
        bytes[8..].copy_from_slice(block);
        let used = if size == 0 { 8 } else { 24 };
        Xxh3::oneshot(&bytes[..used]).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_one_block_is_the_general_root() {
        let block = block_digest(b"payload");
        let mut general = RootHasher::new(7);
        general.push(&block);
        assert_eq!(general.finish(), RootHasher::of_one_block(7, &block));
        assert_eq!(RootHasher::new(0).finish(), RootHasher::of_one_block(0, &block_digest(b"")));
    }

    #[test]
    fn a_block_digest_does_not_depend_on_how_the_bytes_came() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
        for block_size in [100_000, 4096, 777, 1] {
            let whole: Vec<_> = bytes.chunks(block_size).map(block_digest).collect();
            for slice in [777, 4096, 5000, 100_000] {
                let mut splitter = BlockSplitter::new(block_size as u64);
                let mut digests = Vec::new();
                for mut piece in bytes.chunks(slice) {
                    while !piece.is_empty() {
                        digests.extend(splitter.write(&mut piece));
                    }
                }
                digests.extend(splitter.end());
                assert!(digests == whole, "blocks of {block_size}, slices of {slice}");
            }
        }
    }
}
