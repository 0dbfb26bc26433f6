//! The C ABI of hsm: `libhsm.so`, `libhsm.a`, and the declarations that `include/hsm.h` is generated from.
//!
//! One file per C type, each a chapter of the header: its `//!` page is the chapter's introduction, and its
//! documentation comments are what a C programmer reads. So these speak C: status, NULL, `@param`.
//!
//! - `guard` is the one way in: it catches panics and turns errors into statuses;
//! - `input` and `output` hold the rules for what crosses the boundary;
//! - `callback` calls back into the host, `stream` as a reader or a writer;
//! - `fork` tells quickly whether the process was forked.
//!
//! What it does not do: anything of its own. Each function checks its arguments and calls one verb of
//! `hsm_core`. `tests/header.rs` generates the header and its pages in `docs/c`, and
//! compares them with the committed ones.

#![allow(unsafe_code, reason = "this crate is the boundary to C")]
#![allow(non_camel_case_types, reason = "these are the names of the types in C")]
#![allow(clippy::missing_safety_doc, reason = "the header says once what every function needs")]
#![allow(clippy::doc_markdown, reason = "the comments are read in the header, which is no Markdown")]

mod access;
mod action;
mod action_options;
mod attributes;
mod batch;
mod callback;
mod check;
mod compact;
mod cursor;
mod dataset;
mod delayed;
mod error;
mod event;
mod feed;
mod fork;
mod get;
mod get_many;
mod group;
mod guard;
mod id;
mod input;
mod lease;
mod limits;
mod object;
mod output;
mod parts;
mod pin;
mod progress;
mod put;
mod put_options;
mod query;
mod reader;
mod rebuild;
mod reconcile;
mod remove;
mod run;
mod sink;
mod snapshot;
mod status;
mod store;
mod store_options;
mod stream;
mod subscriber;
mod subscription;
mod tier;
mod tier_settings;
mod transfer;
mod writer;

pub use access::*;
pub use action::*;
pub use action_options::*;
pub use attributes::*;
pub use batch::*;
pub use callback::*;
pub use check::*;
pub use compact::*;
pub use cursor::*;
pub use dataset::*;
pub use delayed::*;
pub use error::*;
pub use event::*;
pub use feed::*;
pub use get::*;
pub use get_many::*;
pub use group::*;
pub use id::*;
pub use lease::*;
pub use limits::*;
pub use object::*;
pub use parts::*;
pub use pin::*;
pub use progress::*;
pub use put::*;
pub use put_options::*;
pub use query::*;
pub use reader::*;
pub use rebuild::*;
pub use reconcile::*;
pub use remove::*;
pub use run::*;
pub use sink::*;
pub use snapshot::*;
pub use status::*;
pub use store::*;
pub use store_options::*;
pub use subscriber::*;
pub use subscription::*;
pub use tier::*;
pub use tier_settings::*;
pub use transfer::*;
pub use writer::*;
