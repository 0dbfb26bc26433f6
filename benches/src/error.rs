//! What went wrong: the action that could not be done, and why.
//!
//! A measurement has no caller that reacts to kinds of errors, so there is one kind, made for reading.

use std::error::Error as StdError;

/// Shorthand for results of this crate.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An action that failed, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}: {cause}")]
pub(crate) struct Error {
    action: String,
    cause: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// States that `action` failed because of `cause`.
    pub(crate) fn new(action: impl Into<String>, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { action: action.into(), cause: cause.into() }
    }
}

/// Says what was attempted when something failed.
pub(crate) trait Context<T> {
    /// Turns a failure into an [`Error`] that names the action.
    fn context(self, action: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::new(action(), cause))
    }
}
