//! Runs the actions of a store until nothing is left to be run: `runner DIRECTORY [MILLISECONDS]`, and nothing
//! came for so long. It is killed on its way.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hsm_core::{Result, RunOptions, Store, StoreOptions};

fn main() -> Result<()> {
    let directory: PathBuf = std::env::args_os().nth(1).expect("usage: runner DIRECTORY").into();
    let idle_ms = std::env::args().nth(2).map_or(0, |ms| ms.parse().expect("milliseconds"));
    let options = RunOptions { idle_max: Some(Duration::from_millis(idle_ms)) };
    let store = Store::open(directory, &StoreOptions::new())?;
    store.run(&options, &AtomicBool::new(false))?;
    store.close()
}
