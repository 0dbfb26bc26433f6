//! Parsers that no verb hands bytes to as they are, for fuzzing.

use crate::object::Attributes;

/// A run of attributes, as rows of the index hold them: what comes out, and whether it is the same run again.
pub fn attributes(encoded: &[u8]) -> Option<(Attributes, bool)> {
    let attributes = Attributes::decode(encoded)?;
    let again = attributes.encoded() == encoded;
    Some((attributes, again))
}
