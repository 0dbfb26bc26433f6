//! What a put costs in a large store, against what it costs in a small one. Both sides are ours.

use std::path::PathBuf;
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

struct Puts {
    dir: PathBuf,
    store: Option<Ours>,
    /// How many objects a store is made with for each round; `None`: it is there, and stays.
    made_with: Option<usize>,
    ids: Ids,
    payloads: Rc<Payloads>,
    batches: usize,
}

fn build(setup: &Setup, ids: Ids) -> Result<Sides> {
    let payloads = Rc::new(Payloads::random()?);
    let batches = setup.sizes.growth_batches;
    let large = populated::shared(&setup.shared_dir, setup.sizes.populated, ids)?;
    let side = |dir, made_with| -> Box<dyn Side> {
        Box::new(Puts { dir, store: None, made_with, ids, payloads: Rc::clone(&payloads), batches })
    };
    let rival = side(setup.row_dir.join("small"), Some(setup.sizes.few));
    Ok(Sides { ours: side(large, None), rival: Some(rival) })
}

impl Puts {
    fn put(&self, batches: usize) -> Result<()> {
        let ours = self.store.as_ref().ok_or_else(|| Error::new("put", "no store is open"))?;
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

impl Side for Puts {
    fn prepare(&mut self) -> Result<()> {
        if self.store.is_none() {
            self.store = Some(match self.made_with {
                None => Ours::open(&self.dir)?,
                Some(objects) => {
                    let ours = Ours::create(&self.dir)?;
                    populated::fill(&ours, 0..objects, self.ids)?;
                    ours
                }
            });
        }
        // What a handle does at its first puts is not a matter of the store's size.
        self.put(1)
    }

    fn run(&mut self) -> Result<f64> {
        self.put(self.batches)?;
        Ok(objects_in(self.batches))
    }

    fn clean(&mut self) -> Result<()> {
        if self.made_with.is_some() {
            self.store = None;
            filesystem::remove_dir(&self.dir)?;
        }
        Ok(())
    }
}
