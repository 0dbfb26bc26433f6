//! Opens what a crash left, and audits it.

use std::collections::BTreeMap;
use std::path::Path;

use hsm_core::PutOptions;
use hsm_core::object::ObjectId;
use hsm_core::testing::disk::{Keep, SimDisk};

use super::index_file::IndexFiles;
use super::world::{STORE, World, bytes};
use crate::audit::{self, Strictness, Verdict, View, differences};

/// A store in the middle of an act: its entities, and their outlines.
#[derive(Debug, Clone)]
pub struct Moment {
    pub(super) entities: BTreeMap<String, String>,
    pub(super) outlines: BTreeMap<String, String>,
}

/// What may be found after a crash: the store as it was between two acts.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The store before the first act, and after each.
    pub views: &'a [View],
    /// The bytes of every generation that is known.
    pub bytes: &'a BTreeMap<(ObjectId, u64), u64>,
    /// Acts that must have happened.
    pub least: usize,
    /// Acts that may have happened: one more than were acknowledged.
    pub most: usize,
    /// Whether the last of these happens wholly or not at all; else each object stands for itself.
    pub whole: bool,
    /// What objects were in the middle of the last act, where it commits more than once.
    pub between: &'a [Moment],
    /// Whether some objects may have fared as in that act while others before them did not, so that they have other
    /// numbers and places.
    pub by_outline: bool,
}

impl Expected<'_> {
    /// Whether `found` is one of the stores that may be there.
    pub(super) fn check(&self, found: &View) -> Verdict<()> {
        for (generation, hash) in &found.bytes {
            if self.bytes.get(generation).is_some_and(|known| known != hash) {
                return Err(format!("the bytes of generation {generation:?} are others than were put"));
            }
        }
        let possible = &self.views[self.least..=self.most];
        if possible.iter().any(|view| view.entities == found.entities) {
            return Ok(());
        }
        if !self.whole && self.is_mixture(found) {
            return Ok(());
        }
        let mut said = String::new();
        for (number, view) in (self.least..).zip(possible) {
            let difference = differences(&view.entities, &found.entities).unwrap_or_default();
            said += "; not as after ";
            said += &number.to_string();
            said += " acts: ";
            said += &difference;
        }
        Err(format!("neither the old state nor the new{said}"))
    }

    /// The same by what is said of objects wherever they lie and whenever they changed: for a store in which something
    /// else was done besides.
    pub(super) fn check_outlines(&self, found: &View) -> Verdict<()> {
        let possible = &self.views[self.least..=self.most];
        if possible.iter().any(|view| view.outlines == found.outlines) {
            return Ok(());
        }
        let between = self.between.iter().map(|moment| &moment.outlines);
        let moments = possible.iter().map(|view| &view.outlines).chain(between);
        if !self.whole && is_mixture_of(moments, &found.outlines) {
            return Ok(());
        }
        let differs = |view: &View| differences(&view.outlines, &found.outlines).unwrap_or_default();
        let said: Vec<String> = possible.iter().map(differs).collect();
        Err(format!("neither the old state nor the new: {}", said.join("; ")))
    }

    /// Whether each object is as it was at some moment of the last act.
    fn is_mixture(&self, found: &View) -> bool {
        let (before, after) = (&self.views[self.most - 1], &self.views[self.most]);
        if self.by_outline {
            let between = self.between.iter().map(|moment| &moment.outlines);
            return is_mixture_of(
                [&before.outlines, &after.outlines].into_iter().chain(between),
                &found.outlines,
            );
        }
        let between = self.between.iter().map(|moment| &moment.entities);
        is_mixture_of([&before.entities, &after.entities].into_iter().chain(between), &found.entities)
    }
}

fn is_mixture_of<'a>(
    moments: impl Iterator<Item = &'a BTreeMap<String, String>>,
    found: &'a BTreeMap<String, String>,
) -> bool {
    let moments: Vec<_> = moments.collect();
    let names = moments.iter().flat_map(|moment| moment.keys()).chain(found.keys());
    names.into_iter().all(|name| moments.iter().any(|moment| moment.get(name) == found.get(name)))
}

/// Opens the store on `disk` and audits it. `index`: its index, if that lies in a file.
pub(crate) fn check(
    crashed: &World,
    disk: SimDisk,
    index: Option<IndexFiles>,
    expected: &Expected<'_>,
) -> Verdict<()> {
    let mut world = World::after(crashed, disk, index);
    let (found, model) = open_and_look(&mut world, "the first open")?;
    expected.check(&found)?;
    let look = |world: &World, found: &View, model: &audit::Model, strictness| {
        audit::stray(&world.disk, Path::new(STORE), found, model, strictness)
    };
    look(&world, &found, &model, Strictness::AfterOpen)?;
    let used = use_it(&world)?;
    world.store().close().map_err(|error| format!("it cannot be closed: {error}"))?;

    let (mut again, _) = open_and_look(&mut world, "the second open")?;
    forget(&mut again, &used);
    if let Some(difference) = differences(&found.entities, &again.entities) {
        return Err(format!("the second open finds another store: {difference}"));
    }
    world.store().maintain().map_err(|error| format!("maintenance fails: {error}"))?;
    let found = audit::view(world.store())?;
    let model = audit::feed_adds_up(world.store(), &found)?;
    look(&world, &found, &model, Strictness::AfterMaintenance)?;
    world.store().close().map_err(|error| format!("it cannot be closed again: {error}"))
}

/// After the process alone died and the store was opened again, the power goes as well: what the feed had shown
/// must still be there.
pub(crate) fn check_twice(crashed: &World, disk: SimDisk, expected: &Expected<'_>) -> Verdict<()> {
    let mut world = World::after(crashed, disk, None);
    let before = open_and_feed(&mut world, "the open before the power loss")?;
    let lost = world.disk.crash().power_loss(Keep::None);
    let mut world = World::after(&world, lost, None);
    let after = open_and_feed(&mut world, "the open after the power loss")?;
    if !after.starts_with(&before) {
        return Err("a power loss took back events that the feed had shown".to_owned());
    }
    expected.check(&audit::view(world.store())?)
}

fn open_and_feed(world: &mut World, what: &str) -> Verdict<Vec<hsm_core::Event>> {
    world.open().map_err(|error| format!("{what} fails: {error}"))?;
    audit::feed(world.store())
}

/// Opens and reads everything. Damage in a page of the index that the open did not need is met later: it is
/// answered with an error and noted, and the next open must mend it.
pub(crate) fn open_and_look(world: &mut World, what: &str) -> Verdict<(View, audit::Model)> {
    match try_look(world) {
        Err(error) if world.index.is_some() && error.contains("the index failed to") => {
            try_look(world).map_err(|wrong| format!("{what}, again after {error}: {wrong}"))
        }
        looked => looked.map_err(|wrong| format!("{what}: {wrong}")),
    }
}

fn try_look(world: &mut World) -> Verdict<(View, audit::Model)> {
    world.open().map_err(|error| error.to_string())?;
    let found = audit::view(world.store())?;
    let model = audit::feed_adds_up(world.store(), &found)?;
    Ok((found, model))
}

/// A store that was opened takes objects, small and large, and gives them back.
fn use_it(world: &World) -> Verdict<Vec<ObjectId>> {
    let mut used = Vec::new();
    for content in [bytes(100, 400), bytes(101, 6000)] {
        let put = world.store().put(&content, &PutOptions::default());
        let id = put.map_err(|error| format!("it takes no object: {error}"))?.id;
        match world.store().get(id) {
            Ok(got) if got == content => used.push(id),
            Ok(_) => return Err("it returns another object than was put".to_owned()),
            Err(error) => return Err(format!("it does not return what was put: {error}")),
        }
    }
    Ok(used)
}

fn forget(view: &mut View, used: &[ObjectId]) {
    for id in used {
        view.entities.remove(&format!("object {id}"));
    }
}
