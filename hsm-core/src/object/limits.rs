//! The limits of the format, and the checks that hold callers to them.

use crate::error::{Error, Result};

/// Longest key of a dataset, in bytes.
pub const KEY_LENGTH_MAX: usize = 4096;
/// Longest name of an attribute or a dataset, in bytes of UTF-8.
pub const NAME_LENGTH_MAX: usize = 255;
/// Longest value of an attribute, in bytes.
pub const VALUE_LENGTH_MAX: usize = 64 << 10;
/// All attributes of one object together, names and values, in bytes.
pub const ATTRIBUTES_LENGTH_MAX: usize = 256 << 10;
/// Largest object, in bytes; numbers and generations share the bound.
pub const SIZE_MAX: u64 = i64::MAX as u64;
/// Base-2 logarithm of the smallest block size: 4 KiB.
pub const BLOCK_SHIFT_MIN: u8 = 12;
/// Base-2 logarithm of the largest block size: 64 MiB.
pub const BLOCK_SHIFT_MAX: u8 = 26;
/// Base-2 logarithm of the default block size: 1 MiB.
pub const BLOCK_SHIFT_DEFAULT: u8 = 20;
/// Most pieces a copy may have before a put at an offset rewrites it as one.
pub const PIECES_MAX: usize = 32;
/// Most digests recorded with one content.
pub const DIGESTS_MAX: usize = 16;

/// Checks a dataset's key: 1 to 4096 bytes, no NUL.
pub fn check_key(key: &[u8]) -> Result<()> {
    if key.is_empty() || key.len() > KEY_LENGTH_MAX {
        return Err(Error::invalid("key", format!("{} bytes; a key has 1 to {KEY_LENGTH_MAX}", key.len())));
    }
    if key.contains(&0) {
        return Err(Error::invalid("key", "it contains a NUL byte"));
    }
    Ok(())
}

/// Checks the name of an attribute or dataset: 1 to 255 bytes, no NUL.
pub fn check_name(what: &'static str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_LENGTH_MAX {
        return Err(Error::invalid(what, format!("{} bytes; a name has 1 to {NAME_LENGTH_MAX}", name.len())));
    }
    if name.contains('\0') {
        return Err(Error::invalid(what, "it contains a NUL byte"));
    }
    Ok(())
}

/// Checks an attribute: its name, and a value of at most 64 KiB.
pub fn check_attribute(name: &str, value: &[u8]) -> Result<()> {
    check_name("attribute name", name)?;
    if value.len() > VALUE_LENGTH_MAX {
        return Err(Error::invalid(
            "attribute value",
            format!("{} bytes for {name:?}; the most is {VALUE_LENGTH_MAX}", value.len()),
        ));
    }
    Ok(())
}

/// Checks a whole set of attributes, each alone and all together.
pub fn check_attributes(attributes: &super::Attributes) -> Result<()> {
    let mut total = 0;
    for (name, value) in attributes {
        check_attribute(name, value)?;
        total += name.len() + value.len();
    }
    if total > ATTRIBUTES_LENGTH_MAX {
        return Err(Error::invalid(
            "attributes",
            format!("{total} bytes; the most is {ATTRIBUTES_LENGTH_MAX}"),
        ));
    }
    Ok(())
}

/// Checks a block size: a power of two from 4 KiB to 64 MiB. Returns its logarithm.
pub fn check_block_size(block_size: u64) -> Result<u8> {
    let shift = block_size.trailing_zeros() as u8;
    if !block_size.is_power_of_two() || !(BLOCK_SHIFT_MIN..=BLOCK_SHIFT_MAX).contains(&shift) {
        return Err(Error::invalid(
            "block size",
            format!("{block_size} bytes; a power of two from 4096 to 67108864 is needed"),
        ));
    }
    Ok(shift)
}
