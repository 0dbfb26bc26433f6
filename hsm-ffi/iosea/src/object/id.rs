//! Ids: read from a record, drawn for one, and freed.

use std::ffi::{c_char, c_int};

use crate::client::Client;
use crate::failure::{Failure, Result, guard};
use crate::hsm::Id;
use crate::memory::{Block, stamp, take_back_stamped, text_at};
use crate::types::{HestiaId, INITIALIZED};

/// 8-4-4-4-12 digits, and four dashes.
pub(crate) const TEXT_LENGTH: usize = 36;

/// The id that a record holds: as text, or else as two numbers. `None` in one that was not initialised, or holds neither.
///
/// # Safety
///
/// `id` points to a record, initialised or not.
pub(super) unsafe fn given(is_strict: bool, id: *const HestiaId) -> Result<Option<Id>> {
    // SAFETY: as the caller says. Any bytes are a record of numbers and a pointer.
    let id = unsafe { id.as_ref() }.ok_or_else(|| Failure::bad_id("the id is NULL"))?;
    if id.m_user_initialized != INITIALIZED {
        return Ok(None);
    }
    let text = if id.m_uuid.is_null() {
        Vec::new()
    } else {
        text_at(id.m_uuid, TEXT_LENGTH + 1)
            .ok_or_else(|| Failure::bad_id("m_uuid is no address of a text: call hestia_init_id() first"))?
    };
    let bytes = if text.is_empty() {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.m_hi.to_be_bytes());
        bytes[8..].copy_from_slice(&id.m_lo.to_be_bytes());
        bytes
    } else {
        parse(is_strict, &text)?
    };
    match bytes {
        [0, ..] if bytes == [0; 16] && !text.is_empty() => Err(Failure::bad_id("an id of zeros is none")),
        _ => Ok(Some(bytes).filter(|bytes| *bytes != [0; 16])),
    }
}

/// The id that a record must hold.
///
/// # Safety
///
/// As for [`given`].
pub(super) unsafe fn needed(client: &Client, id: *const HestiaId) -> Result<Id> {
    // SAFETY: as the caller says.
    unsafe { given(client.is_strict(), id) }?
        .ok_or_else(|| Failure::bad_id("no id: call hestia_init_id(), then set m_uuid, or m_hi and m_lo"))
}

/// What an id begins with that is a word: where ids are not validated, programs use `1234` and the like. The word stands
/// behind it. No id that is drawn begins so.
const WORD: [u8; 2] = [0xff, 0xfe];

/// Reads an id: digits and dashes, or, where that is not strict, a word of at most 14 bytes.
pub(crate) fn parse(is_strict: bool, text: &[u8]) -> Result<Id> {
    let is_word = text.iter().all(|byte| byte.is_ascii_graphic() && !b",:=".contains(byte));
    if !is_strict && is_word && (1..=14).contains(&text.len()) {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&WORD);
        bytes[2..2 + text.len()].copy_from_slice(text);
        return Ok(bytes);
    }

    let wrong = || {
        let said = String::from_utf8_lossy(text);
        Failure::bad_id(format!("{said:?} is no id of 8-4-4-4-12 hexadecimal digits"))
    };
    let is_dash = |at: usize| [8, 13, 18, 23].contains(&at);
    if text.len() != TEXT_LENGTH {
        return Err(wrong());
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, character) in text.iter().enumerate() {
        match char::from(*character).to_digit(16) {
            _ if is_dash(at) && *character == b'-' => {}
            Some(digit) if !is_dash(at) => {
                bytes[digits / 2] = bytes[digits / 2] << 4 | digit as u8;
                digits += 1;
            }
            _ => return Err(wrong()),
        }
    }
    Ok(bytes)
}

/// The text of an id.
pub(crate) fn format(id: &Id) -> String {
    let word = id[2..].split(|byte| *byte == 0).next().unwrap_or_default();
    let is_padded = id[2 + word.len()..].iter().all(|byte| *byte == 0);
    if id[..2] == WORD && !word.is_empty() && is_padded && word.iter().all(u8::is_ascii_graphic) {
        return String::from_utf8_lossy(word).into_owned();
    }
    let mut text = String::with_capacity(TEXT_LENGTH);
    for (at, byte) in id.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

/// A record for an id; its text lies elsewhere.
pub(super) fn record(id: &Id, text: *mut c_char) -> HestiaId {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    HestiaId {
        m_hi: number(&id[..8]),
        m_lo: number(&id[8..]),
        m_uuid: text,
        m_user_initialized: INITIALIZED,
        stamp: 0,
    }
}

/// An id's text on its way to the caller.
pub(super) struct Drawn {
    id: Id,
    block: Block,
    text: *mut c_char,
}

impl Drawn {
    pub(super) fn new(id: Id) -> Result<Self> {
        let mut block = Block::new(TEXT_LENGTH + 1)?;
        let text = block.text(format(&id).as_bytes());
        Ok(Self { id, block, text })
    }

    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// # Safety
    ///
    /// `place` is one for a record.
    pub(super) unsafe fn hand_out(self, place: *mut HestiaId) {
        let record = HestiaId { stamp: stamp(), ..record(&self.id, self.text) };
        self.block.hand_out_stamped(self.text, record.stamp);
        // SAFETY: as the caller says.
        unsafe { place.write(record) };
    }
}

/// Makes a record one that holds no id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_init_id(id: *mut HestiaId) -> c_int {
    guard(|| {
        if id.is_null() {
            return Err(Failure::bad_id("the id is NULL"));
        }
        // SAFETY: the caller passes a place for a record.
        unsafe { id.write(record(&[0; 16], std::ptr::null_mut())) };
        Ok(())
    })
}

/// Frees a text that a put drew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_free_id(id: *mut HestiaId) -> c_int {
    guard(|| {
        // SAFETY: the caller passes a record, initialised or not.
        let id = unsafe { id.as_mut() }.ok_or_else(|| Failure::bad_id("the id is NULL"))?;
        take_back_stamped(id.m_uuid, id.stamp);
        id.stamp = 0;
        id.m_uuid = std::ptr::null_mut();
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_numbers_are_one_id_high_half_first() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let id = parse(true, text.as_bytes()).unwrap();
        assert_eq!(format(&id), text);
        assert_eq!(parse(true, text.to_uppercase().as_bytes()).unwrap(), id);
        let mut record = record(&id, std::ptr::null_mut());
        assert_eq!((record.m_hi, record.m_lo), (0x0011_2233_4455_6677, 0x8899_aabb_ccdd_eeff));
        // SAFETY: a record.
        assert_eq!(unsafe { given(true, &raw const record) }.unwrap(), Some(id));
        record.m_user_initialized = 0;
        // SAFETY: a record.
        assert_eq!(unsafe { given(true, &raw const record) }.unwrap(), None);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in
            ["", "1234", "0011223344556677-8899-aabbccddeeff-xx", "00112233-4455-6677-8899-aabbccddeef"]
        {
            assert!(parse(true, text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(true, b"00112233-4455-6677-8899-aabbccddee-f").is_err());
    }

    #[test]
    fn a_word_is_an_id_where_ids_are_not_validated() {
        let id = parse(false, b"1234").unwrap();
        assert_eq!(format(&id), "1234");
        assert!(parse(false, b"a word that is too long").is_err() && parse(false, b"").is_err());
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(parse(false, text.as_bytes()).unwrap(), parse(true, text.as_bytes()).unwrap());
    }
}
