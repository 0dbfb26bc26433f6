//! Reading copies back from the medium, the records of one pack in one pass.

use std::sync::Arc;

use crate::backend::runs::Runs;
use crate::engine::Engine;
use crate::error::Result;
use crate::monitor::Watch;
use crate::object::{Copy, Object, Place};
use crate::tier::{CopyReader, Wanted, place_name};

/// The pack that a pass over copies is at.
#[derive(Debug, Default)]
pub(super) struct Window {
    open: Option<(Place, Arc<Runs>)>,
}

/// Reads one copy back from the medium and compares all of it. `false`: a place of it is gone.
pub(crate) fn read_one(engine: &Engine, object: &Object, copy: &Copy, watch: &mut Watch<'_>) -> Result<bool> {
    read_copy(engine, object, copy, &mut Window::default(), watch)
}

/// The same, among others in order of their places.
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
