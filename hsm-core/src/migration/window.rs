//! Reading copies back from the medium, the records of one pack in one pass.

use std::sync::Arc;

use crate::backend::ReadFrom;
use crate::backend::runs::Runs;
use crate::engine::Engine;
use crate::error::Result;
use crate::monitor::Watch;
use crate::object::{Copy, Object, Piece, Place, TierIndex};
use crate::tier::{CopyReader, Tier, Wanted, place_name};

/// The pack that a pass over copies is at.
#[derive(Debug, Default)]
pub(super) struct Window {
    open: Option<(Place, Arc<Runs>)>,
}

impl Window {
    /// The pack that a piece lies in. `None`: it is gone.
    fn pack(&mut self, tier: &Tier, piece: &Piece, from: ReadFrom) -> Result<Option<Arc<Runs>>> {
        if let Some((place, pack)) = &self.open
            && *place == piece.place
        {
            return Ok(Some(pack.clone()));
        }
        let Some(place) = tier.backend.open(place_name(piece), from)? else { return Ok(None) };
        let pack = Arc::new(Runs::new(place));
        Ok(Some(self.open.insert((piece.place, pack)).1.clone()))
    }
}

/// Opens the copy on `tier` by way of the pack that it lies in, among others in order of their places. `None`: it is
/// to be opened by itself, where what is wrong shows, too.
pub(super) fn open_packed(
    engine: &Engine,
    object: &Object,
    tier: TierIndex,
    window: &mut Window,
) -> Option<CopyReader> {
    let content = object.content.as_ref()?;
    let [piece] = object.copy_on(tier)?.pieces[..] else { return None };
    let wanted = Wanted { id: object.id, generation: object.generation, content };
    let open = piece.packed && piece.start == 0 && piece.length == content.size;
    let tier = engine.tier(tier).ok().filter(|_| open)?;
    let pack = window.pack(&tier, &piece, ReadFrom::Anywhere).ok()??;
    CopyReader::open_packed(&engine.tiers, &wanted, &piece, &*pack).ok()
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
        let Some(pack) = window.pack(&tier, &piece, from)? else { return Ok(false) };
        CopyReader::check_packed(&engine.tiers, &wanted, &piece, &*pack)?;
        watch.bytes(piece.length)?;
        return Ok(true);
    }
    match CopyReader::open(&engine.tiers, &wanted, copy, from)? {
        Some(reader) => reader.verify(watch).map(|()| true),
        None => Ok(false),
    }
}
