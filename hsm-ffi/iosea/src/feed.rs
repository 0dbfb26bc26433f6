//! The event feed as a file: what happened is in it when the call returns that did it.
//!
//! Several processes may work on one store with one such file, and each call writes whatever is not in it yet, by
//! whomever. So the sink is opened for as long as that takes. Where a file cannot be written the call that was to tell of
//! itself has happened all the same: what is missing is written by the next one.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::{Result, call};
use crate::hsm::Store;
use crate::process::PerProcess;
use crate::sys;

/// The subscriber's name in the store.
const NAME: &[u8] = b"iosea-event-feed";

/// How long another process may be at it. What it did not see is written by the next call.
const PATIENCE: Duration = Duration::from_secs(2);

struct Sink(*mut sys::hsm_sink);

impl Drop for Sink {
    fn drop(&mut self) {
        // SAFETY: it is ours, and freed once.
        unsafe { sys::hsm_sink_free(self.0) };
    }
}

/// Writes what happened and is not in the file yet.
pub(crate) fn write(store: &Store, path: &Path) -> Result<()> {
    /// Threads of one process wait here, and not for a lock of the store.
    static TURN: PerProcess<Mutex<()>> = PerProcess::new();
    let _turn = TURN.get().lock().unwrap_or_else(PoisonError::into_inner);
    let until = Instant::now() + PATIENCE;
    let sink = loop {
        match open(store, path) {
            Err(failure) if failure.status == sys::HSM_STATUS_BUSY && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(2));
            }
            sink => break sink?,
        }
    };
    // SAFETY: a live handle; how much was written is not wanted.
    while call(|error| unsafe { sys::hsm_sink_pump(sink.0, 0, null_mut(), error) })? == sys::HSM_STATUS_OK {}
    Ok(())
}

fn open(store: &Store, path: &Path) -> Result<Sink> {
    let path = path.as_os_str().as_bytes();
    let mut sink = null_mut();
    // SAFETY: a live handle, and text with its length.
    call(|error| unsafe {
        sys::hsm_sink_open(
            store.0,
            NAME.as_ptr().cast(),
            NAME.len(),
            path.as_ptr().cast(),
            path.len(),
            null(),
            0,
            0,
            &raw mut sink,
            error,
        )
    })?;
    Ok(Sink(sink))
}
