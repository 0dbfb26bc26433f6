//! What a put costs in a large store, against what it costs in a small one. Both sides are ours.
//!
//! Twenty durable batches of 1000 objects are timed on either side. They would make a small store three times as large, and a
//! cost at 10 k would be one between 10 k and 30 k. So there are ten small stores, each made anew for each round, and each gets two:
//! all that is timed there lies between 9 k and 11 k. The large store is one, and grows by 2 % a round.
//!
//! Where ids are random, every few batches find the log of the index full and move its pages into the index, which is a large part
//! of the cost. In ten stores that were all filled alike this would fall into all of the timed batches or into none, so each is
//! filled in another number of batches, which leaves its log full to another degree.
//!
//! The objects that are timed have no key: with ids of ours they only arrive. Those that were there before have keys, where
//! ids are ours.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use hsm_core::PutOptions;

use super::put_batches::{BATCH_OBJECTS, objects_in, objects_of};
use super::{Goal, Row, Setup};
use crate::error::{Error, Result};
use crate::filesystem;
use crate::measure::{Side, Sides};
use crate::ours::Ours;
use crate::payloads::Payloads;
use crate::populated::{self, Ids, random_ids};

pub(super) const IDS_OURS: Row = Row {
    name: "put at 1 M objects, ids ours",
    unit: "objects/s",
    goal: Goal::Ratio(1.0 / 1.3),
    also: &[],
    rival_name: "the same at 10 k objects",
    needs: None,
    build: |setup| build(setup, Ids::Ours),
};

pub(super) const IDS_RANDOM: Row = Row {
    name: "put at 1 M objects, ids random",
    unit: "objects/s",
    goal: Goal::Ratio(1.0 / 2.0),
    also: &[],
    rival_name: "the same at 10 k objects",
    needs: None,
    build: |setup| build(setup, Ids::Random),
};

/// Batches put into each small store while the clock runs.
const BATCHES_A_STORE: usize = 2;

struct Store {
    dir: PathBuf,
    ours: Option<Ours>,
    /// Batches while the clock runs.
    batches: usize,
}

struct Puts {
    stores: Vec<Store>,
    /// How many objects the stores are made with for each round; `None`: they are there, and stay.
    made_with: Option<usize>,
    ids: Ids,
    payloads: Rc<Payloads>,
}

fn build(setup: &Setup, ids: Ids) -> Result<Sides> {
    let payloads = Rc::new(Payloads::random()?);
    let batches = setup.sizes.growth_batches;
    let large = populated::shared(&setup.shared_dir, setup.sizes.populated, ids)?;
    let side = |stores, made_with| -> Box<dyn Side> {
        Box::new(Puts { stores, made_with, ids, payloads: Rc::clone(&payloads) })
    };
    let small = (0..batches.div_ceil(BATCHES_A_STORE)).map(|number| Store {
        dir: setup.row_dir.join(format!("small-{number}")),
        ours: None,
        batches: BATCHES_A_STORE.min(batches - number * BATCHES_A_STORE),
    });
    // Half of what is timed comes before the size that the row speaks of, and a batch that is not timed before that.
    let made_with = setup.sizes.few - (BATCHES_A_STORE / 2 + 1) * BATCH_OBJECTS;
    let rival = side(small.collect(), Some(made_with));
    Ok(Sides { ours: side(vec![Store { dir: large, ours: None, batches }], None), rival: Some(rival) })
}

impl Puts {
    fn put(&self, store: &Store, batches: usize) -> Result<()> {
        let ours = store.ours.as_ref().ok_or_else(|| Error::new("put", "no store is open"))?;
        for batch in 0..batches {
            let payloads = objects_of(batch).map(|index| self.payloads.get(index));
            match self.ids {
                Ids::Ours => ours.put_batch_with(payloads.zip(std::iter::repeat(PutOptions::default())))?,
                Ids::Random => {
                    let ids = random_ids(BATCH_OBJECTS)?.into_iter().map(PutOptions::id);
                    ours.put_batch_with(payloads.zip(ids))?
                }
            };
        }
        Ok(())
    }
}

/// Makes a store of `objects` objects, put in `batches` batches of the same length.
fn make(dir: &Path, objects: usize, batches: usize, ids: Ids) -> Result<Ours> {
    let ours = Ours::create(dir)?;
    let length = objects.div_ceil(batches);
    for from in (0..objects).step_by(length) {
        populated::fill(&ours, from..objects.min(from + length), ids)?;
    }
    Ok(ours)
}

impl Side for Puts {
    fn prepare(&mut self) -> Result<()> {
        for (number, store) in self.stores.iter_mut().enumerate() {
            if store.ours.is_none() {
                store.ours = Some(match self.made_with {
                    None => Ours::open(&store.dir)?,
                    Some(objects) => make(&store.dir, objects, number + 1, self.ids)?,
                });
            }
        }
        // What a handle does at its first puts is not a matter of the store's size.
        self.stores.iter().try_for_each(|store| self.put(store, 1))
    }

    fn run(&mut self) -> Result<f64> {
        self.stores.iter().try_for_each(|store| self.put(store, store.batches))?;
        Ok(objects_in(self.stores.iter().map(|store| store.batches).sum()))
    }

    fn clean(&mut self) -> Result<()> {
        if let Some(made_with) = self.made_with {
            for store in &mut self.stores {
                let ours =
                    store.ours.take().ok_or_else(|| Error::new("look at the store", "it is not open"))?;
                let expected = made_with + (1 + store.batches) * BATCH_OBJECTS;
                let found = ours.objects_on(0)?;
                if found != expected as u64 {
                    let found = format!("{found} objects where {expected} were put");
                    return Err(Error::new("trust the puts", found));
                }
                ours.close()?;
                filesystem::remove_dir(&store.dir)?;
            }
        }
        Ok(())
    }
}
