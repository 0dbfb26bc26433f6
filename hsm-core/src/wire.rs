//! How numbers and runs of bytes lie in our files: little-endian, without padding (`docs/format.md`).
//!
//! - a [`Writer`] appends to a buffer; it cannot fail, since the limits of the format are checked before;
//! - a [`Reader`] takes from the front of a slice; whatever bytes it is given, it answers `None` rather than
//!   reading past the end, so damaged and hostile input is one case, not two;
//! - the *head* is what every file of ours begins with: [`write_head`], [`check_head`].

use std::path::Path;

use crate::error::{Error, Result};
use crate::integrity::checksum;

/// Length of the common head, in bytes.
pub(crate) const HEAD_LENGTH: usize = 40;

/// The version of every kind of file that this code writes, and the highest it reads.
const VERSION: u16 = 1;

/// The seed of a store's checksums: a file of another store fails them.
pub(crate) fn store_seed(store_id: &[u8; 16]) -> u64 {
    Reader(store_id).u64().unwrap_or_default()
}

/// Appends fields to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    /// A number in groups of 7 bits, low first: the index uses it to keep its rows narrow.
    pub(crate) fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8)
    }

    /// The checksum of everything in the buffer.
    pub(crate) fn seal(&mut self, store_id: &[u8; 16]) -> &mut Self {
        let sum = checksum(store_seed(store_id), self.0);
        self.u64(sum)
    }

    /// A u16 length and bytes. The caller has held them to a limit of the format.
    pub(crate) fn b16(&mut self, bytes: &[u8]) -> &mut Self {
        debug_assert!(u16::try_from(bytes.len()).is_ok());
        self.u16(bytes.len() as u16).bytes(bytes)
    }

    /// A u32 length and bytes. The caller has held them to a limit of the format.
    pub(crate) fn b32(&mut self, bytes: &[u8]) -> &mut Self {
        debug_assert!(u32::try_from(bytes.len()).is_ok());
        self.u32(bytes.len() as u32).bytes(bytes)
    }
}

/// Takes fields from the front of a slice; `None` when it is too short, and then nothing was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(first)
    }

    /// A u16 length and bytes.
    pub(crate) fn b16(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = ahead.u16()?;
        let bytes = ahead.bytes(usize::from(length))?;
        *self = ahead;
        Some(bytes)
    }

    /// A u32 length and bytes.
    pub(crate) fn b32(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = ahead.u32()?;
        let bytes = ahead.bytes(usize::try_from(length).ok()?)?;
        *self = ahead;
        Some(bytes)
    }

    /// A number in groups of 7 bits.
    #[inline]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        match self.0 {
            // Most are small.
            [first, rest @ ..] if *first < 0x80 => {
                self.0 = rest;
                Some(u64::from(*first))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Option<u64> {
        let mut ahead = *self;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = ahead.u8()?;
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *self = ahead;
                return Some(value);
            }
        }
        None
    }

    /// How many bytes are left.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The features a file uses that we may meet without knowing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    /// Bits of features that only a writer must know. None is known yet: any bit makes the file read-only.
    pub(crate) writers_must_know: u32,
}

impl Features {
    /// Whether this code may write to the file.
    pub(crate) fn writable(self) -> bool {
        self.writers_must_know == 0
    }
}

/// Appends the common head.
pub(crate) fn write_head(bytes: &mut Vec<u8>, magic: [u8; 8], store_id: &[u8; 16]) {
    Writer(bytes).bytes(&magic).u16(VERSION).u16(0).u32(0).u32(0).u32(0).bytes(store_id);
}

/// Whether the last 8 of `bytes` are the checksum of the rest.
pub(crate) fn check_seal(bytes: &[u8], store_id: &[u8; 16]) -> bool {
    let Some((body, seal)) = bytes.split_last_chunk::<8>() else { return false };
    checksum(store_seed(store_id), body) == u64::from_le_bytes(*seal)
}

/// Checks the common head at the front of `bytes`. Without `store_id` any store's file will do.
///
/// The caller checks its checksum first where it has one: else a damaged version would pass for a new one.
///
/// # Errors
///
/// `StoreDamaged`: too short, of another kind, of another store. `NewerFormat`: a version or a feature that
/// this code does not know.
pub(crate) fn check_head(
    bytes: &[u8],
    magic: [u8; 8],
    store_id: Option<&[u8; 16]>,
    path: &Path,
) -> Result<Features> {
    let newer = |detail| Err(Error::NewerFormat { path: path.to_owned(), detail });
    let Some(head) = bytes.first_chunk::<HEAD_LENGTH>() else {
        return Err(Error::damaged(path, format!("{} bytes are too few for a head", bytes.len())));
    };
    if head[..8] != magic {
        let (found, expected) = (head[..8].escape_ascii(), magic.escape_ascii());
        return Err(Error::damaged(path, format!("it begins with \"{found}\", not \"{expected}\"")));
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version > VERSION {
        return newer(format!("its version is {version}, and {VERSION} is the last one known here"));
    }
    if version == 0 {
        return Err(Error::damaged(path, "its version is 0"));
    }
    if word(20) != 0 {
        return newer(format!("it uses unknown features ({:#x})", word(20)));
    }
    if store_id.is_some_and(|id| head[24..] != *id) {
        return Err(Error::damaged(path, "it belongs to another store"));
    }
    Ok(Features { writers_must_know: word(16) })
}

/// Every way in which bytes may be cut short, or be wrong in one byte; and the bytes as they are.
#[cfg(test)]
pub(crate) fn each_damage(bytes: &[u8], check: impl Fn(&[u8])) {
    (0..=bytes.len()).for_each(|end| check(&bytes[..end]));
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let mut damaged = bytes.to_vec();
            damaged[at] = value;
            check(&damaged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    const MAGIC: [u8; 8] = *b"hsmtests";

    fn head() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_head(&mut bytes, MAGIC, &[7; 16]);
        bytes
    }

    fn kind_with(at: usize, value: u8) -> Option<Kind> {
        let mut bytes = head();
        bytes[at] = value;
        check_head(&bytes, MAGIC, Some(&[7; 16]), Path::new("f")).err().map(|error| error.kind())
    }

    #[test]
    fn fields_come_back_as_they_were_written() {
        let mut bytes = Vec::new();
        Writer(&mut bytes).u8(1).u16(2).u32(3).u64(4).i64(-5).b16(b"six").b32(b"seven").zeros(2);
        let mut reader = Reader(&bytes);
        assert_eq!((reader.u8(), reader.u16(), reader.u32()), (Some(1), Some(2), Some(3)));
        assert_eq!((reader.u64(), reader.i64()), (Some(4), Some(-5)));
        assert_eq!((reader.b16(), reader.b32()), (Some(&b"six"[..]), Some(&b"seven"[..])));
        assert_eq!(reader.len(), 2);
        assert_eq!(reader.u32(), None);
        assert_eq!(reader.u16(), Some(0));
        assert!(reader.is_empty());
    }

    #[test]
    fn varints_of_every_length_come_back_and_too_long_ones_are_refused() {
        for value in [0, 1, 127, 128, 1 << 35, u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            Writer(&mut bytes).varint(value);
            assert_eq!(Reader(&bytes).varint(), Some(value));
            assert_eq!(Reader(&bytes[..bytes.len() - 1]).varint(), None);
        }
        assert_eq!(Reader(&[0xff; 11]).varint(), None);
    }

    #[test]
    fn a_length_beyond_the_end_takes_nothing() {
        let mut reader = Reader(&[255, 255, 255, 255, 1]);
        assert_eq!((reader.b32(), reader.b16()), (None, None));
        assert_eq!(reader.len(), 5);
    }

    #[test]
    fn a_head_of_another_kind_store_or_version_is_refused() {
        let features = check_head(&head(), MAGIC, None, Path::new("f")).unwrap();
        assert_eq!(head().len(), HEAD_LENGTH);
        assert!(features.writable());
        assert_eq!(kind_with(0, b'x'), Some(Kind::Corrupt));
        assert_eq!(kind_with(8, 0), Some(Kind::Corrupt));
        assert_eq!(kind_with(24, 0), Some(Kind::Corrupt));
        assert_eq!(kind_with(8, 2), Some(Kind::Unsupported));
        assert_eq!(kind_with(23, 1), Some(Kind::Unsupported));
        assert_eq!(kind_with(12, 1), None);
        let mut read_only = head();
        read_only[16] = 1;
        assert!(!check_head(&read_only, MAGIC, None, Path::new("f")).unwrap().writable());
        assert!(check_head(&head()[..39], MAGIC, None, Path::new("f")).is_err());
    }
}
