//! Side files: what is kept on a root beside its places, such as snapshots.
//!
//! They are few and known by name. A backend knows nothing of what is in them; what they mean, and which of them
//! make a whole, is up to who writes them.

use crate::error::{Error, Result};

/// Bytes of a name, at most.
const NAME_LEN_MAX: usize = 100;

/// Whether the format gives side files such names: three numbers of 16 hexadecimal digits, and what follows them.
/// What has another name is not ours.
pub(super) fn is_side_name(name: &str) -> bool {
    let mut numbers = name.splitn(3, '-');
    let is_hex = |digits: &str| {
        digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let (Some(first), Some(second), Some(rest)) = (numbers.next(), numbers.next(), numbers.next()) else {
        return false;
    };
    let Some((third, suffix)) = rest.split_once('.') else { return false };
    let is_plain = |suffix: &str| suffix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'.'));
    let known = [first, second, third].into_iter().all(is_hex);
    known && !suffix.is_empty() && is_plain(suffix) && name.len() <= NAME_LEN_MAX
}

/// Refuses a name that is none by the format.
pub(super) fn check_side_name(name: &str) -> Result<()> {
    if is_side_name(name) {
        return Ok(());
    }
    Err(Error::invalid("name of a side file", format!("{name:?} is none by the format")))
}
