//! Contents that prove themselves: each run of 4096 bytes says whose it is, where it lies and what it holds.
//!
//! A content comes from one put and has one seed throughout, but for runs that a put at an offset replaced;
//! those say so. A mixture of two puts therefore shows.

use hsm_core::object::ObjectId;

use super::Random;

/// Bytes of a run.
pub const RUN_LEN: usize = 4096;
/// Bytes of what a run says of itself.
const HEAD_LEN: usize = 48;
/// Shortest last run.
pub const LAST_RUN_MIN: usize = HEAD_LEN;
/// In the place of the id where a content was put under a name.
const ANY: [u8; 16] = [0; 16];

fn run(id: Option<ObjectId>, seed: u64, index: u64, size: u64, patched: bool, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    bytes.extend_from_slice(&id.map_or(ANY, |id| id.0));
    for number in [seed, index, size, u64::from(patched)] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let mut random = Random(seed ^ index.rotate_left(32));
    while bytes.len() < len {
        bytes.extend_from_slice(&random.number().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A size near `wanted` whose last run can say what it is.
pub fn fitting(wanted: usize) -> usize {
    let last = wanted % RUN_LEN;
    if last < LAST_RUN_MIN { wanted - last + LAST_RUN_MIN } else { wanted }
}

/// A whole content.
pub fn whole(id: Option<ObjectId>, seed: u64, size: usize) -> Vec<u8> {
    let runs = (0..size.div_ceil(RUN_LEN)).flat_map(|index| {
        let len = (size - index * RUN_LEN).min(RUN_LEN);
        run(id, seed, index as u64, size as u64, false, len)
    });
    runs.collect()
}

/// The run that takes the place of run `index`.
pub fn patch(id: ObjectId, seed: u64, index: u64) -> Vec<u8> {
    run(Some(id), seed, index, 0, true, RUN_LEN)
}

/// Checks a content, or runs of one from run `first` on. `size`: of the whole.
pub fn check(id: ObjectId, bytes: &[u8], first: u64, size: u64) -> Result<(), String> {
    let mut of_put: Option<u64> = None;
    for (index, found) in (first..).zip(bytes.chunks(RUN_LEN)) {
        let wrong = |what: &str| Err(format!("run {index} of {id} ({size} bytes): {what}"));
        let Some((head, _)) = found.split_at_checked(HEAD_LEN) else { return wrong("it is cut short") };
        let number =
            |at: usize| head[at..at + 8].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (seed, patched) = (number(16), number(40) == 1);
        let named = (head[..16] != ANY).then_some(id);
        let says_size = if patched { 0 } else { size };
        if run(named, seed, index, says_size, patched, found.len()) != found {
            return wrong("it is not what was put");
        }
        if !patched && of_put.replace(seed).is_some_and(|other| other != seed) {
            return wrong("it comes from another put than the run before");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_proves_itself_and_a_mixture_does_not() {
        let id = ObjectId([7; 16]);
        let size = fitting(3 * RUN_LEN + 5);
        let (one, other) = (whole(Some(id), 1, size), whole(None, 2, size));
        check(id, &one, 0, size as u64).unwrap();
        check(id, &other[RUN_LEN..], 1, size as u64).unwrap();
        let mixture = [&one[..RUN_LEN], &other[RUN_LEN..]].concat();
        check(id, &mixture, 0, size as u64).unwrap_err();
        check(ObjectId([8; 16]), &one, 0, size as u64).unwrap_err();
        let patched = [&patch(id, 3, 0), &one[RUN_LEN..]].concat();
        check(id, &patched, 0, size as u64).unwrap();
    }
}
