//! A place read in long runs, by who goes through it from front to back in small steps.

use std::sync::Arc;

use parking_lot::Mutex;

use super::PlaceReader;
use crate::error::Result;

/// What is read at once.
const RUN_LEN: usize = 1 << 20;

/// A place read in long runs: small reads one after the other come from memory.
#[derive(Debug)]
pub(crate) struct Runs {
    place: Arc<dyn PlaceReader>,
    held: Mutex<(u64, Vec<u8>)>,
}

impl Runs {
    pub(crate) fn new(place: Arc<dyn PlaceReader>) -> Self {
        Self { place, held: Mutex::default() }
    }
}

impl PlaceReader for Runs {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut held = self.held.lock();
        let end = offset + buffer.len() as u64;
        if offset < held.0 || end > held.0 + held.1.len() as u64 {
            held.1.resize(RUN_LEN.max(buffer.len()), 0);
            let read = self.place.read_at(&mut held.1, offset).inspect_err(|_| held.1.clear())?;
            held.1.truncate(read);
            held.0 = offset;
        }
        let begin = (offset - held.0) as usize;
        let available = &held.1[begin.min(held.1.len())..];
        let taken = available.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&available[..taken]);
        Ok(taken)
    }

    fn len(&self) -> Result<u64> {
        self.place.len()
    }
}
