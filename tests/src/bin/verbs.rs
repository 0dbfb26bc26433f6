//! Runs every verb on a store in the directory given, and prints what the file layer was asked to do there:
//! an operation, a tab and a path a line. A test compares that with what the kernel saw.

use std::path::Path;
use std::sync::Arc;

use hsm_core::{Store, StoreOptions};
use hsm_tests::describe::describe;
use hsm_tests::recording::RecordingDisk;
use hsm_tests::verbs::every_change;

fn main() {
    let directory = std::env::args().nth(1).expect("usage: verbs <directory>");
    let disk = RecordingDisk::default();
    let options = StoreOptions::new().disk(Arc::new(disk.clone())).segment_bytes(4096);
    let store = Store::open(&directory, &options).unwrap();
    every_change(&store);
    store.snapshot().unwrap();
    describe(&store);
    store.reconcile().unwrap();
    store.close().unwrap();
    drop(store);
    // Once more, so that it is recovered, rebuilt from the snapshot, and swept.
    std::fs::write(Path::new(&directory).join("index.damaged"), b"for the test").unwrap();
    let store = Store::open(&directory, &options).unwrap();
    describe(&store);
    store.close().unwrap();
    for (operation, path) in disk.recorded() {
        println!("{operation}\t{}", path.display());
    }
}
