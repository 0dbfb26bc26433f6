//! What the demonstration is made of: a tree of files goes into a store, and comes out again.
//!
//! - [`tree`] looks at a tree of the file system; [`made_up`] makes one that has every oddity;
//! - [`archive`] puts entries into a dataset, [`restore`] writes a dataset out as a tree again;
//! - [`compare`] says what differs between two trees;
//! - [`show`] prints tables, sizes and progress; [`options`] are those of the command line.
//!
//! The story itself is in `bin/demo.rs`. All of it uses only the public interface of `hsm_core`.

pub mod archive;
pub mod compare;
pub mod made_up;
pub mod options;
pub mod restore;
pub mod show;
pub mod tree;

/// The result of everything in these examples that can fail. A program of its own would have its own errors.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
