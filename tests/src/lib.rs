//! What the scenarios share: a model of the store, and many processes at work on one.

pub mod model;
pub mod stress;
