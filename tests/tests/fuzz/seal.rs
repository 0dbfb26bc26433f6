//! Checksums made right again behind a mutation: else nothing but checksums would be tested.

use hsm_tests::fixture::checksum;

const SEGMENT_HEADER_LEN: usize = 128;
const GROUP_HEADER_LEN: usize = 72;

/// A file whose last 8 bytes are the checksum of the rest, and a marker of a root, whose seed is in its head.
pub(crate) fn end(bytes: &mut [u8], store_id: &[u8; 16]) {
    if let Some((covered, sum)) = bytes.split_last_chunk_mut::<8>() {
        *sum = checksum(store_id, covered).to_le_bytes();
    }
}

/// The checksum at `at` of the bytes before it.
pub(crate) fn at(bytes: &mut [u8], begin: usize, at: usize, store_id: &[u8; 16]) {
    if bytes.len() >= at + 8 {
        let sum = checksum(store_id, &bytes[begin..at]);
        bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    }
}

/// A segment: its header, and each group that its lengths still lead to, chained.
pub(crate) fn segment(bytes: &mut [u8], store_id: &[u8; 16]) {
    at(bytes, 0, SEGMENT_HEADER_LEN - 8, store_id);
    if bytes.len() < SEGMENT_HEADER_LEN {
        return;
    }
    let mut chain: [u8; 8] = bytes[64..72].try_into().unwrap();
    let mut from = SEGMENT_HEADER_LEN;
    while let Some(header) = bytes.get(from..from + GROUP_HEADER_LEN) {
        let payload_len = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let Some(group) = bytes.get_mut(from..from + GROUP_HEADER_LEN + payload_len) else { return };
        group[56..64].copy_from_slice(&chain);
        let payload = checksum(store_id, &group[GROUP_HEADER_LEN..]);
        let sum = twox_hash::xxhash3_64::Hasher::oneshot_with_seed(payload, &group[..64]);
        chain = sum.to_le_bytes();
        group[64..72].copy_from_slice(&chain);
        from += GROUP_HEADER_LEN + payload_len;
    }
}

/// A pack: its header and those of its records, wherever they begin.
pub(crate) fn pack(bytes: &mut [u8], store_id: &[u8; 16]) {
    at(bytes, 0, 120, store_id);
    for begin in (128..bytes.len()).step_by(8) {
        if bytes[begin..].starts_with(b"HREC") {
            at(bytes, begin, begin + 64, store_id);
        }
    }
}

/// An object file: its table and its tail, as far as its lengths lead there.
pub(crate) fn object(bytes: &mut [u8], store_id: &[u8; 16]) {
    let Some(tail) = bytes.len().checked_sub(192) else { return };
    let data = u64::from_le_bytes(bytes[tail + 96..tail + 104].try_into().unwrap());
    if let Some(table) = usize::try_from(data).ok().filter(|data| *data <= tail) {
        let sum = checksum(store_id, &bytes[table..tail]);
        bytes[tail + 152..tail + 160].copy_from_slice(&sum.to_le_bytes());
    }
    at(bytes, tail, tail + 184, store_id);
}
