//! Damage of the kinds that find mistakes in parsers: bits, bytes, lengths, cuts and splices.

/// Random numbers that a seed repeats: splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }
}

/// Numbers at which lengths and counts go wrong.
const EDGES: [u64; 14] = [
    0,
    1,
    7,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// One to four changes of `bytes`. `other`: what parts may come from.
pub(crate) fn mutate(random: &mut Random, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let len = bytes.len();
        let at = random.below(len);
        match random.below(9) {
            0 if len > 0 => bytes[at] ^= 1 << random.below(8),
            1 if len > 0 => bytes[at] = random.next() as u8,
            2 if len > 0 => bytes[at] = EDGES[random.below(6)] as u8,
            3 | 4 => {
                // A length, at a place where one may stand.
                let width = [2, 4, 8][random.below(3)];
                let at = at / 2 * 2;
                let near = (len as u64).wrapping_add(random.next() % 17).wrapping_sub(8);
                let edge = *EDGES.get(random.below(EDGES.len() + 2)).unwrap_or(&near);
                if at + width <= len {
                    bytes[at..at + width].copy_from_slice(&edge.to_le_bytes()[..width]);
                }
            }
            5 => bytes.truncate(at),
            6 => drop(bytes.drain(at..(at + 1 + random.below(32)).min(len))),
            7 => {
                let from = random.below(other.len());
                let part = other[from..(from + 1 + random.below(64)).min(other.len())].to_vec();
                drop(bytes.splice(at..at, part));
            }
            _ => {
                let from = random.below(other.len());
                let part = &other[from..(from + 1 + random.below(64)).min(other.len())];
                let count = part.len().min(len - at);
                bytes[at..at + count].copy_from_slice(&part[..count]);
            }
        }
    }
    bytes
}
