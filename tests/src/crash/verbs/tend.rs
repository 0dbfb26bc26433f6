//! Verbs that look after a store: scrub, and the removal of strays. Healing: see `crash::healing`.

use std::path::PathBuf;

use hsm_core::file::{Disk as _, Mode};
use hsm_core::{CheckOptions, Error, Result, ScrubOptions};

use super::{Act, Run, Verb, verb};
use crate::audit::LITTER_INSTANCE;
use crate::crash::world::{STORE, World};

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn io(error: std::io::Error) -> Error {
    Error::Cancelled { reason: error.to_string() }
}

/// Files on a root that no handle will ever write again, of an instance that nobody knows.
const LITTER: Run = |world| {
    let directory = PathBuf::from(format!("{STORE}/tiers/1/data/{LITTER_INSTANCE:016x}/{:016x}", 0));
    for below in [directory.parent().unwrap_or(&directory), &directory] {
        world.disk.create_dir(below).map_err(io)?;
        world.disk.sync_dir(below.parent().unwrap_or(below)).map_err(io)?;
    }
    for name in ["0000000000000001.obj", "0000000000000002.pack"] {
        let file = world.disk.open(&directory.join(name), Mode::Create).map_err(io)?;
        file.write_at(b"left behind", 0).map_err(io)?;
        file.sync_data().map_err(io)?;
    }
    world.disk.sync_dir(&directory).map_err(io)
};

fn remove_strays(world: &World) -> Result<()> {
    let done = world.store().check_all(&CheckOptions { remove_strays: true }, |_| Ok(()))?;
    if (done.strays, done.removed, done.bad, done.contradictions) != (2, 2, 0, 0) {
        return Err(Error::Cancelled { reason: format!("it found {done:?}") });
    }
    Ok(())
}

pub(super) fn verbs() -> Vec<Verb> {
    // What is found is noted copy by copy, without a sync. Of one tier, so that each object changes once.
    let scrub = Act {
        run: |world| {
            world
                .store()
                .scrub(&ScrubOptions { tier: Some(0), ..ScrubOptions::default() }, |_| Ok(()))
                .map(drop)
        },
        whole: false,
        relaxed: true,
    };
    vec![
        verb("scrub", super::READY, [scrub]),
        verb("remove strays", LITTER, [super::each(|world| remove_strays(world))]),
    ]
}
