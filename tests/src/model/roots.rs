//! What lies on the roots of the tiers, compared with what the feed knows.

use std::collections::BTreeSet;
use std::path::Path;

use super::fold::Folded;

/// Every place that a copy lies in, on tiers that can be read.
pub fn expected(folded: &Folded) -> BTreeSet<String> {
    let readable = |tier| folded.tiers[&tier].state.is_readable();
    let places = folded.places().into_iter().filter(|(place, _)| readable(place.tier));
    let name = |(place, packed): (hsm_core::object::Place, bool)| {
        let suffix = if packed { "pack" } else { "obj" };
        format!("{}/{:016x}/{:016x}.{suffix}", place.tier, place.instance, place.serial)
    };
    places.map(name).collect()
}

/// Every place there is on these tiers.
pub fn places(directory: &Path, folded: &Folded) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for config in folded.tiers_in_use().filter(|config| config.state.is_readable()) {
        below(&directory.join(&config.root), config.index, &mut found);
    }
    found
}

fn below(directory: &Path, tier: u8, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            below(&path, tier, found);
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.extension().is_some_and(|kind| kind == "obj" || kind == "pack")
        {
            let instance = path.ancestors().nth(2).and_then(Path::file_name).and_then(|name| name.to_str());
            found.insert(format!("{tier}/{}/{name}", instance.unwrap_or_default()));
        }
    }
}
