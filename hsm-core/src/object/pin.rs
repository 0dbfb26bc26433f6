//! Pins: what forbids that an object's copy on a tier is released, until a time.

use super::{ObjectId, TierIndex};
use crate::clock::TimeNs;

/// A pin that ends only when it is taken away.
pub const FOR_EVER_NS: TimeNs = TimeNs::MAX;

/// One owner's word that an object stays on a tier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin {
    /// The object.
    pub object: ObjectId,
    /// The tier on which its copy stays.
    pub tier: TierIndex,
    /// Whose pin it is: at most 255 bytes; may be empty.
    pub owner: String,
    /// When it ends, in nanoseconds since 1970; [`FOR_EVER_NS`]: when it is taken away.
    pub until_ns: TimeNs,
}

impl Pin {
    /// For an error: until when, as who is asked to wait would say it.
    pub(crate) fn until(&self) -> String {
        match self.until_ns {
            FOR_EVER_NS => "for ever".to_owned(),
            until_ns => format!("until {}", crate::clock::utc(until_ns)),
        }
    }
}
