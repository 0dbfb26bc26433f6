//! A large store is opened after a crash that the index did not survive as far as the journal did.
//!
//! A process puts the last objects and dies. The index is then set back to what it was before them: as after a
//! power loss, since nothing of it is synced at a commit.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use super::{Goal, NO_RIVAL, Row, Setup};
use crate::error::{Context, Error, Result};
use crate::measure::{Side, Sides};
use crate::ours::Ours;
use crate::populated::{self, Ids};
use crate::{child, filesystem, worker};

pub(super) const ROW: Row = Row {
    name: "open after a crash, 1 M objects, 100 k not in the index",
    unit: "s",
    goal: Goal::AtMost(2.0),
    also: &[],
    rival_name: NO_RIVAL,
    needs: None,
    build: |setup| build(setup, setup.sizes.unreplayed),
};

/// The worst: what an open finds at most in the journal alone (`catalog/embedded/log_length`).
pub(super) const MOST: Row = Row {
    name: "open after a crash, 1 M objects, as many as can be not in the index",
    unit: "s",
    goal: Goal::AtMost(5.0),
    also: &[],
    rival_name: NO_RIVAL,
    needs: None,
    build: |setup| build(setup, setup.sizes.unreplayed_max),
};

struct Open {
    store: PathBuf,
    /// What the crash left, but for the journal and the objects' bytes, which an open leaves alone.
    left: PathBuf,
    objects: u64,
    opened: Option<Ours>,
}

/// What lies in a store and is not set back.
const KEPT: [&str; 2] = ["journal", "tiers"];

fn build(setup: &Setup, more: usize) -> Result<Sides> {
    let shared = populated::shared(&setup.shared_dir, setup.sizes.populated, Ids::Ours)?;
    let (store, left) = (setup.row_dir.join("store"), setup.row_dir.join("left"));
    copy(&shared, &store)?;
    let there = Ours::open(&store)?.objects_on(0)?;
    let index = setup.row_dir.join("index");
    copy(&store.join("index"), &index)?;
    let from = setup.sizes.populated;
    let mut died = worker::command(&["die"], &store, &[from, from + more])?;
    let ended = died.status().context(|| "run the process that dies".into())?;
    if ended.signal() != Some(Signal::SIGKILL as i32) {
        return Err(Error::new("crash", format!("the process did not die of what it was told to: {ended}")));
    }
    filesystem::remove_dir(&store.join("index"))?;
    copy(&index, &store.join("index"))?;
    filesystem::create_dir(&left)?;
    for name in names(&store)? {
        copy(&store.join(&name), &left.join(&name))?;
    }
    Ok(Sides {
        ours: Box::new(Open { store, left, objects: there + more as u64, opened: None }),
        rival: None,
    })
}

/// The names of what is set back.
fn names(store: &Path) -> Result<Vec<PathBuf>> {
    let names = filesystem::names(store)?;
    Ok(names.into_iter().filter(|name| KEPT.iter().all(|kept| name != Path::new(kept))).collect())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    child::run(Command::new("cp").args(["-a", "--"]).args([from, to]))
}

impl Side for Open {
    fn prepare(&mut self) -> Result<()> {
        for name in names(&self.store)? {
            let path = self.store.join(name);
            if path.is_dir() { filesystem::remove_dir(&path)? } else { filesystem::remove_file(&path)? }
        }
        for name in names(&self.left)? {
            copy(&self.left.join(&name), &self.store.join(&name))?;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<f64> {
        self.opened = Some(Ours::open(&self.store)?);
        Ok(1.0)
    }

    fn clean(&mut self) -> Result<()> {
        let opened = self.opened.take().ok_or_else(|| Error::new("look at the store", "it is not open"))?;
        let found = opened.objects_on(0)?;
        if found == self.objects {
            return Ok(());
        }
        Err(Error::new("trust the open", format!("{found} objects where {} were put", self.objects)))
    }
}
