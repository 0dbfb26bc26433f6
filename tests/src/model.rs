//! What a store should be, in a few maps; and random programs that compare a real store with it.
//!
//! - a [`step::Step`] is one verb with its arguments, drawn at random;
//! - [`state::State`] is the model: it says what a step answers, and what holds afterwards;
//! - [`fold::Folded`] is what the feed alone says the store is;
//! - [`run::Run`] does steps on a store and compares the three after each.
//!
//! What it does not do: crash. A store is closed, dropped, and its index taken away, never torn.

mod batch;
mod contents;
mod entry;
pub mod fold;
mod pin;
mod query;
pub mod roots;
pub mod run;
pub mod state;
pub mod step;
mod transfer;
