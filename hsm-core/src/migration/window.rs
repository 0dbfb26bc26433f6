//! Reading copies back from the medium, the records of one pack in one pass.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::backend::PlaceReader;
use crate::engine::Engine;
use crate::error::Result;
use crate::monitor::Watch;
use crate::object::{Copy, Object, Place};
use crate::tier::{CopyReader, Wanted, place_name};

/// What a pass over a pack on the medium reads at once.
const RUN_LEN: usize = 1 << 20;

/// The pack that a pass over copies is at.
#[derive(Debug, Default)]
pub(super) struct Window {
    open: Option<(Place, Arc<Runs>)>,
}

/// Reads a copy back from the medium and compares all of it. `false`: a place of it is gone.
pub(super) fn read_copy(
    engine: &Engine,
    object: &Object,
    copy: &Copy,
    window: &mut Window,
    watch: &mut Watch<'_>,
) -> Result<bool> {
    let Some(content) = &object.content else { return Ok(true) };
    let wanted = Wanted { id: object.id, generation: object.generation, content };
    let from = crate::engine::verify_from();
    let tier = engine.tier(copy.tier)?;
    if let [piece] = copy.pieces[..]
        && piece.packed
    {
        let pack = match &window.open {
            Some((place, pack)) if *place == piece.place => pack.clone(),
            _ => {
                let Some(place) = tier.backend.open(place_name(&piece), from)? else { return Ok(false) };
                let pack = Arc::new(Runs::new(place));
                window.open.insert((piece.place, pack)).1.clone()
            }
        };
        CopyReader::check_packed(&engine.tiers, &wanted, &piece, &*pack)?;
        watch.bytes(piece.length)?;
        return Ok(true);
    }
    match CopyReader::open(&engine.tiers, &wanted, copy, from)? {
        Some(reader) => reader.verify(watch).map(|()| true),
        None => Ok(false),
    }
}

/// A place read in long runs: small reads one after the other come from memory.
#[derive(Debug)]
pub(super) struct Runs {
    place: Arc<dyn PlaceReader>,
    held: Mutex<(u64, Vec<u8>)>,
}

impl Runs {
    pub(super) fn new(place: Arc<dyn PlaceReader>) -> Self {
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
