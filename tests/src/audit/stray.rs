//! What lies on the disk and belongs to nothing.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use hsm_core::file::{Disk, FileKind, Mode};
use hsm_core::object::{Place, TierConfig};

use super::{Model, Verdict, View};

/// How much is expected to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// What an open removes. A pack in which nothing lives any more may wait for maintenance.
    AfterOpen,
    /// Everything.
    AfterMaintenance,
}

/// Files of this instance are put on a root by a test, to be removed when the store is told to. No open may do that,
/// since no member file says that it died.
pub const LITTER_INSTANCE: u64 = 0xdead_beef;
/// What is in them.
pub const LITTER_BYTES: &[u8] = b"left behind";

/// Looks for files that no object refers to, packs longer than their last record, half-written files, and
/// members but the one that is open.
pub fn stray(
    disk: &dyn Disk,
    store: &Path,
    view: &View,
    model: &Model,
    strictness: Strictness,
) -> Verdict<()> {
    let copies = view.objects.iter().flat_map(|object| &object.copies);
    let referred: BTreeSet<(Place, bool)> =
        copies.flat_map(|copy| &copy.pieces).map(|piece| (piece.place, piece.packed)).collect();
    for config in view.tiers.iter().filter(|config| config.state.is_readable()) {
        let data = store.join(&config.root).join("data");
        for file in files(disk, &data)? {
            let (place, packed) = place_of(config, &data, &file)
                .ok_or_else(|| format!("{} is no name of a place", file.display()))?;
            if place.instance == LITTER_INSTANCE && read(disk, &file)? == LITTER_BYTES {
                continue;
            }
            let known_end = model.pack_ends.get(&place);
            let waits = packed && strictness == Strictness::AfterOpen && known_end.is_some();
            if !referred.contains(&(place, packed)) && !waits {
                return Err(format!("{} belongs to no object", file.display()));
            }
            let len = disk.metadata(&file).map_err(|error| error.to_string())?.len;
            // Shorter it may be, by zeros behind the last record: whether data is missing shows when it is read.
            if packed && known_end.is_none_or(|end| len > *end) {
                return Err(format!("{} has {len} bytes, its records {known_end:?}", file.display()));
            }
        }
    }
    for config in view.tiers.iter().filter(|config| config.state.is_readable()) {
        let kept = files(disk, &store.join(&config.root).join("snapshots"))?;
        if let Some(half) = kept.iter().find(|file| !kept.contains(&list_of(file))) {
            return Err(format!("{} belongs to no snapshot", half.display()));
        }
    }
    let mut all = files(disk, store)?;
    // A root that was begun for a tier that never came to be is no part of the store: it could lie anywhere,
    // and is made good when the tier is added again.
    let roots: Vec<PathBuf> = view.tiers.iter().map(|config| store.join(&config.root)).collect();
    all.retain(|file| {
        !file.starts_with(store.join("tiers")) || roots.iter().any(|root| file.starts_with(root))
    });
    // What is begun of a put stays as long as somebody may go on with it: the checks of such puts look there.
    all.retain(|file| !file.parent().is_some_and(|directory| directory.ends_with("begun")));
    if let Some(half) = all.iter().find(|file| file.extension().is_some_and(|suffix| suffix == "new")) {
        return Err(format!("{} was left behind", half.display()));
    }
    if let Some(orders) = all.iter().find(|file| file.ends_with("orders")) {
        return Err(format!("{} was not carried out", orders.display()));
    }
    for root in model.retired_roots() {
        if let Some(left) = files(disk, &store.join(root))?.first() {
            return Err(format!("{} was left on the root of a retired tier", left.display()));
        }
    }
    let members = all.iter().filter(|file| file.starts_with(store.join("members"))).count();
    if members == 1 { Ok(()) } else { Err(format!("{members} member files, one handle")) }
}

/// The list of the snapshot that a side file is part of.
fn list_of(file: &Path) -> PathBuf {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    file.with_file_name(format!("{stem}.list"))
}

fn place_of(config: &TierConfig, data: &Path, file: &Path) -> Option<(Place, bool)> {
    let within = file.strip_prefix(data).ok()?;
    let mut parts = within.iter().map(|part| part.to_str().unwrap_or_default());
    let instance = u64::from_str_radix(parts.next()?, 16).ok()?;
    let (serial, suffix) = parts.nth(1)?.split_once('.')?;
    let serial = u64::from_str_radix(serial, 16).ok()?;
    Some((Place { tier: config.index, instance, serial }, suffix == "pack"))
}

/// Every file below a directory.
pub(crate) fn files(disk: &dyn Disk, directory: &Path) -> Verdict<Vec<PathBuf>> {
    let mut found = Vec::new();
    let listed = match disk.read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        listed => listed.map_err(|error| format!("{}: {error}", directory.display()))?,
    };
    for (name, kind) in listed {
        let path = directory.join(name);
        match kind {
            FileKind::Directory => found.extend(files(disk, &path)?),
            _ => found.push(path),
        }
    }
    Ok(found)
}

/// A hash of everything on a disk but the store's lock file, whose bytes mean nothing after a restart.
pub fn disk_hash(disk: &dyn Disk) -> Verdict<u64> {
    let mut hasher = DefaultHasher::new();
    hash_directory(disk, Path::new("/"), &mut hasher).map_err(|error| error.to_string())?;
    Ok(hasher.finish())
}

fn hash_directory(disk: &dyn Disk, directory: &Path, hasher: &mut DefaultHasher) -> std::io::Result<()> {
    for (name, kind) in disk.read_dir(directory)? {
        let path = directory.join(&name);
        path.hash(hasher);
        if kind == FileKind::Directory {
            hash_directory(disk, &path, hasher)?;
        } else if name != "lock" {
            let file = disk.open(&path, Mode::Read)?;
            let mut bytes = vec![0; file.len()? as usize];
            file.read_at(&mut bytes, 0)?;
            bytes.hash(hasher);
        }
    }
    Ok(())
}

fn read(disk: &dyn Disk, path: &Path) -> Verdict<Vec<u8>> {
    let read = || {
        let file = disk.open(path, Mode::Read)?;
        let mut bytes = vec![0; file.len()? as usize];
        let count = file.read_at(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    };
    read().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))
}
