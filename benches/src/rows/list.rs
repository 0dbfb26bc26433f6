//! A store with many objects is listed through the C cursor, by a program in C (`c/list.c`).

use std::path::PathBuf;
use std::process::Command;

use super::c_program;
use super::{Also, Goal, NO_RIVAL, Row, Setup};
use crate::child::HeldChild;
use crate::error::{Context, Error, Result};
use crate::measure::{Side, Sides};
use crate::populated::{self, Ids};

pub(super) const BY_ARRIVAL: Row = Row {
    name: "list 1 M objects in order of arrival, C cursor",
    unit: "objects/s",
    goal: Goal::Rate(1.5e6),
    also: &[Also { name: "index, keys of 36 bytes", unit: "bytes/object", goal: Goal::AtMost(300.0) }],
    rival_name: NO_RIVAL,
    needs: None,
    build: |setup| build(setup, None),
};

pub(super) const BY_KEY: Row = Row {
    name: "list 1 M objects by key, C cursor",
    unit: "objects/s",
    goal: Goal::Rate(0.6e6),
    also: &[],
    rival_name: NO_RIVAL,
    needs: None,
    build: |setup| build(setup, Some(populated::DATASET)),
};

struct OurList {
    program: PathBuf,
    store: PathBuf,
    dataset: Option<&'static str>,
    objects_min: usize,
    child: Option<HeldChild>,
    listed: u64,
}

fn build(setup: &Setup, dataset: Option<&'static str>) -> Result<Sides> {
    let store = populated::shared(&setup.shared_dir, setup.sizes.populated, Ids::Ours)?;
    let program = c_program::build(&setup.shared_dir, "benches/c/list.c")?;
    let objects_min = setup.sizes.populated;
    let ours = OurList { program, store, dataset, objects_min, child: None, listed: 0 };
    Ok(Sides { ours: Box::new(ours), rival: None })
}

impl Side for OurList {
    fn prepare(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg(&self.store).args(self.dataset);
        let child = self.child.insert(HeldChild::start(command)?);
        child.wait_ready()
    }

    fn run(&mut self) -> Result<f64> {
        let child = self.child.as_mut().ok_or_else(|| Error::new("list", "no program runs"))?;
        child.go()?;
        let said = child.line()?;
        self.listed = said.parse().context(|| format!("read \"{said}\" as a number of objects"))?;
        Ok(self.listed as f64)
    }

    fn clean(&mut self) -> Result<()> {
        if let Some(child) = self.child.take() {
            child.finish()?;
        }
        if self.listed >= self.objects_min as u64 {
            return Ok(());
        }
        Err(Error::new("trust the listing", format!("it shows {} objects", self.listed)))
    }

    fn also(&mut self) -> Vec<f64> {
        // A row without a place for the figure leaves it.
        let bytes = populated::index_bytes(&self.store).ok();
        bytes.map(|bytes| bytes as f64 / self.listed as f64).into_iter().collect()
    }
}
