//! A host's callbacks as the streams that the engine reads and writes.
//!
//! The engine knows only that a stream failed; what the callback answered is kept here and handed back.

use std::io::{self, Read, Write};

use hsm_core::{Error, Result};

use crate::callback::{Callback, Record, hsm_read_callback, hsm_write_callback};
use crate::error::hsm_error;

/// A callback that is called as a stream.
#[derive(Debug)]
pub(crate) struct Stream<R: Record> {
    callback: Callback<R>,
    failed: Option<hsm_error>,
}

impl<R: Record> Stream<R> {
    pub(crate) fn new(callback: Callback<R>) -> Self {
        Self { callback, failed: None }
    }

    /// What came of the verb: where the callback failed, that.
    pub(crate) fn outcome<T>(self, done: Result<T, Error>) -> Result<T, hsm_error> {
        match (done, self.failed) {
            (Err(_), Some(failed)) => Err(failed),
            (done, _) => done.map_err(hsm_error::from),
        }
    }

    fn note<T>(&mut self, called: Result<T, hsm_error>) -> io::Result<T> {
        called.map_err(|error| {
            self.failed = Some(error);
            io::Error::other("the callback failed")
        })
    }
}

impl Read for Stream<hsm_read_callback> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.callback.read(buffer);
        self.note(read)
    }
}

impl Write for Stream<hsm_write_callback> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.callback.write(bytes).map(|()| bytes.len());
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
