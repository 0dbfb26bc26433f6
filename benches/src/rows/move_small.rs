//! Small objects move to another tier: copied, synced, read back, committed, dropped from the first.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use hsm_core::object::ObjectId;

use super::get_small::put_all;
use super::store::StoreInDir;
use super::{Goal, Row, Setup, files};
use crate::error::{Error, Result};
use crate::measure::{Side, Sides};
use crate::payloads::{Payloads, SMALL_BYTES};
use crate::{child, filesystem};

pub(super) const ROW: Row = Row {
    name: "move 100 k x 4 KiB to another tier",
    unit: "objects/s",
    goal: Goal::Ratio(4.0),
    also: &[],
    rival_name: "cp -a of the same files, sync of the file system, rm -r, sync",
    needs: None,
    build,
};

struct OurMove {
    store: StoreInDir,
    payloads: Rc<Payloads>,
    count: usize,
    ids: Vec<ObjectId>,
}

struct CopyAndRemove {
    dir: PathBuf,
    payloads: Rc<Payloads>,
    count: usize,
}

fn build(setup: &Setup) -> Result<Sides> {
    let payloads = Rc::new(Payloads::random()?);
    let count = setup.sizes.moved;
    let store = StoreInDir::new(setup.row_dir.join("ours"));
    let ours = OurMove { store, payloads: Rc::clone(&payloads), count, ids: Vec::new() };
    let rival = CopyAndRemove { dir: setup.row_dir.join("rival"), payloads, count };
    Ok(Sides { ours: Box::new(ours), rival: Some(Box::new(rival)) })
}

impl Side for OurMove {
    fn prepare(&mut self) -> Result<()> {
        self.store.open()?;
        self.ids = put_all(&self.store, &self.payloads, self.count)?;
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        self.store.get()?.move_to_next_tier(&self.ids)?;
        Ok(self.count as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let moved = self.store.get()?.objects_on(1)?;
        if moved != self.count as u64 {
            return Err(Error::new("trust the move", format!("{moved} objects of {} moved", self.count)));
        }
        self.store.remove()
    }
}

impl Side for CopyAndRemove {
    fn prepare(&mut self) -> Result<()> {
        files::write_all(&self.dir.join("hot"), &self.payloads, self.count)
    }

    fn run(&mut self) -> Result<f64> {
        let (hot, cold) = (self.dir.join("hot"), self.dir.join("cold"));
        child::run(Command::new("cp").args(["-a", "--"]).args([&hot, &cold]))?;
        filesystem::settle(&self.dir)?;
        child::run(Command::new("rm").args(["-r", "--"]).arg(&hot))?;
        filesystem::settle(&self.dir)?;
        Ok(self.count as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let length = filesystem::total_bytes(&self.dir)?;
        filesystem::check_length("the moved files", length, (self.count * SMALL_BYTES) as u64)?;
        if fs::exists(self.dir.join("hot")).unwrap_or(true) {
            return Err(Error::new("trust the rival", "it left the files where they were"));
        }
        filesystem::remove_dir(&self.dir)
    }
}
