//! Runs the actions of a store until nothing is left to be run: `runner DIRECTORY`. It is killed on its way.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use hsm_core::{Result, RunOptions, Store, StoreOptions};

fn main() -> Result<()> {
    let directory: PathBuf = std::env::args_os().nth(1).expect("usage: runner DIRECTORY").into();
    let store = Store::open(directory, &StoreOptions::new())?;
    store.run(&RunOptions::until_idle(), &AtomicBool::new(false))?;
    store.close()
}
