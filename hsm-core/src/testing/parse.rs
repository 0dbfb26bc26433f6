//! Parsers that no verb hands bytes to as they are, for fuzzing.

use crate::catalog::embedded;
use crate::object::Attributes;

/// What lies in a row of the index for an object: whether what was read is written and read as the same again. `None`: it
/// is refused.
pub fn index_row(body: &[u8]) -> Option<bool> {
    embedded::reread_row(body)
}

/// A run of attributes, as rows of the index hold them: what comes out, and whether it is the same run again.
pub fn attributes(encoded: &[u8]) -> Option<(Attributes, bool)> {
    let attributes = Attributes::decode(encoded)?;
    let again = attributes.encoded() == encoded;
    Some((attributes, again))
}
