//! Complete client programs of hsm.
