//! Small objects move to another tier: copied, synced, read back, committed, dropped from the first, and their bytes removed
//! from its medium.
//!
//! A pack goes when nothing in it lives any more, at the next `maintain`; but the pack that the handle still appends to goes
//! only when the handle closes. Closing removes the others as well, so the close is a part of what is timed, as the rival's
//! `rm` is; what the first tier still holds then is measured on the medium before anybody opens the store again.

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
    /// Where the tier that they move from keeps its bytes.
    source_root: PathBuf,
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
    let payloads_of_ours = Rc::clone(&payloads);
    let (ids, source_root) = (Vec::new(), PathBuf::new());
    let ours = OurMove { store, payloads: payloads_of_ours, count, ids, source_root };
    let rival = CopyAndRemove { dir: setup.row_dir.join("rival"), payloads, count };
    Ok(Sides { ours: Box::new(ours), rival: Some(Box::new(rival)) })
}

impl OurMove {
    fn moved_bytes(&self) -> u64 {
        (self.count * SMALL_BYTES) as u64
    }
}

impl Side for OurMove {
    fn prepare(&mut self) -> Result<()> {
        self.store.open()?;
        self.ids = put_all(&self.store, &self.payloads, self.count)?;
        self.source_root = self.store.tier_root(0)?;
        // What is to go has to be found where it is looked for.
        let there_bytes = filesystem::room_bytes(&self.source_root)?;
        if there_bytes < self.moved_bytes() {
            let found = format!("{there_bytes} bytes in {}", self.source_root.display());
            return Err(Error::new("find the objects on the first tier", found));
        }
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        self.store.get()?.move_to_next_tier(&self.ids)?;
        self.store.close()?;
        Ok(self.count as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let action = "trust the move";
        let left_bytes = filesystem::room_bytes(&self.source_root)?;
        if left_bytes > self.moved_bytes() / 100 {
            return Err(Error::new(action, format!("{left_bytes} bytes are left of {}", self.moved_bytes())));
        }
        self.store.open()?;
        let moved = self.store.get()?.objects_on(1)?;
        if moved != self.count as u64 {
            return Err(Error::new(action, format!("{moved} objects of {} moved", self.count)));
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
