//! The engine of hsm.

pub mod backend;
pub mod clock;
pub mod error;
pub mod file;
pub mod integrity;
pub mod object;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use error::{Error, Kind, Result};
