//! libhestia: the C interface of IO-SEA's Hestia over libhsm.
//!
//! Programs that were written for `hestia.h` and `hestia_iosea.h` are relinked with this library and work on a store of
//! hsm. It calls the public functions of `hsm.h` and nothing else, and finds libhsm.so beside itself, so that a process may
//! use both. Nouns:
//!
//! - the *client*: the one open store of the process (`client`), as it was configured (`config`, `yaml`);
//! - a [`Failure`](failure::Failure): a number of the header with words for the thread that called (`failure`);
//! - what is *handed out*: memory that the caller frees (`memory`).
//!
//! `object` has the functions of `hestia_iosea.h`, one subject a file; `text` those of `hestia.h` that take and give items as text,
//! `data` those that move bytes and leave an action; `hsm` the handles of libhsm, `sys` its declarations, `feed`
//! the file of events, `process` what a forked child has of its own. Nothing a caller did not initialise is followed or freed; see `memory`.

#![allow(unsafe_code, reason = "a C interface")]
#![allow(unreachable_pub, reason = "what C sees is public where it stands")]
#![allow(clippy::missing_safety_doc, reason = "what callers owe stands in the headers in include/")]

mod client;
mod config;
mod data;
mod failure;
mod feed;
mod hsm;
mod memory;
mod object;
mod process;
mod sys;
mod text;
mod types;
mod yaml;

// Where there is no libhsm.so: the tests of the modules.
#[cfg(test)]
use ::hsm as _;
