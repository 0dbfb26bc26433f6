//! Stores with many objects in them, made once a run and shared by the rows that need one.
//!
//! Objects are 64 bytes long, as only their number counts. With ids of ours each has a key of 36 bytes and one
//! attribute. Keys are those of 100 ranks that write step after step, so that the order of keys is not the order
//! of arrival.

use std::path::{Path, PathBuf};

use hsm_core::PutOptions;
use hsm_core::object::{Attributes, DatasetId, Name, ObjectId};

use crate::error::{Context, Result};
use crate::ours::Ours;
use crate::{filesystem, payloads};

/// The dataset that has the keys.
pub(crate) const DATASET: &str = "run";

/// Length of a key in bytes.
const KEY_BYTES: usize = 36;

const RANKS: usize = 100;

const CONTENT: [u8; 64] = [7; 64];

/// Objects put together while a store is filled.
const TOGETHER: usize = 10_000;

/// Who chose the ids of a store's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// We did: they grow.
    Ours,
    /// The caller did: sixteen random bytes each.
    Random,
}

/// The store of `objects` objects in `shared_dir`, closed; made when it is first asked for. What a row adds to
/// it, the next finds.
pub(crate) fn shared(shared_dir: &Path, objects: usize, ids: Ids) -> Result<PathBuf> {
    let name = match ids {
        Ids::Ours => "populated",
        Ids::Random => "populated-random",
    };
    let dir = shared_dir.join(name);
    if !dir.exists() {
        let filled = Ours::create(&dir).and_then(|ours| fill(&ours, 0..objects, ids));
        if filled.is_err() {
            filesystem::remove_dir(&dir)?; // The next row must not take it for a whole one.
        }
        filled?;
    }
    Ok(dir)
}

/// Puts the objects `range` into a store.
pub(crate) fn fill(ours: &Ours, range: std::ops::Range<usize>, ids: Ids) -> Result<()> {
    let dataset = match ids {
        Ids::Random => None,
        Ids::Ours if range.start == 0 => {
            let made = ours.store().create_dataset(DATASET, &Attributes::default());
            Some(made.context(|| "create a dataset".into())?)
        }
        Ids::Ours => Some(ours.store().dataset(DATASET).context(|| "find the dataset".into())?.id),
    };
    for from in range.clone().step_by(TOGETHER) {
        let indexes = from..(from + TOGETHER).min(range.end);
        if let Some(dataset) = dataset {
            ours.put_batch_with(indexes.map(|index| (&CONTENT[..], named(dataset, index))))?;
        } else {
            let ids = random_ids(indexes.len())?;
            ours.put_batch_with(ids.into_iter().map(|id| (&CONTENT[..], PutOptions::id(id))))?;
        }
    }
    Ok(())
}

fn named(dataset: DatasetId, index: usize) -> PutOptions {
    let mut options = PutOptions::name(Name { dataset, key: key(index) });
    options.attributes.insert("project", "climate");
    options
}

/// The key of the object that was put as number `index`.
pub(crate) fn key(index: usize) -> Vec<u8> {
    let key = format!("rank-{:05}/step-{:011}/field.nc", index % RANKS, index / RANKS).into_bytes();
    debug_assert_eq!(key.len(), KEY_BYTES);
    key
}

/// Ids that a program chose without an order.
pub(crate) fn random_ids(count: usize) -> Result<Vec<ObjectId>> {
    let mut bytes = vec![0; count * 16];
    payloads::fill_random(&mut bytes)?;
    Ok(bytes.as_chunks().0.iter().map(|id| ObjectId(*id)).collect())
}

/// How long the index of the store in `dir` is, in bytes. The store is closed.
pub(crate) fn index_bytes(dir: &Path) -> Result<u64> {
    filesystem::total_bytes(&dir.join("index"))
}
