//! What is asked about pins.

use crate::object::{ObjectId, TierIndex};

/// Which pins are listed: those that all that is set agrees on. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinQuery {
    /// Of this object.
    pub object: Option<ObjectId>,
    /// On this tier.
    pub tier: Option<TierIndex>,
    /// Of this owner.
    pub owner: Option<String>,
}
