//! Writes the store that is kept as a fixture of this format, and what is expected of it, to a directory.
//! Run once for each format; what it wrote is kept for ever.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hsm_core::{Store, StoreOptions};
use hsm_tests::describe::describe;
use hsm_tests::fixture::{ManualClock, files_ending};
use hsm_tests::verbs::every_change;

fn main() {
    let directory = std::env::args().nth(1).expect("usage: make_fixture <directory>");
    let (directory, century) = (Path::new(&directory), Duration::from_hours(24 * 36_525));
    let options = StoreOptions::new().clock(ManualClock::new()).grace(century).reserve_bytes(0);
    let path = directory.join("store");
    let store = Store::open(&path, &options.segment_bytes(4096)).unwrap();
    every_change(&store);
    store.snapshot().unwrap();
    let last = store.put(b"behind the snapshot", &hsm_core::PutOptions::default()).unwrap();
    store.set_attributes(last.id, &vec![("last".into(), Some(b"yes".to_vec()))]).unwrap();
    let text = describe(&store);
    // As a handle leaves it that dies.
    let member = files_ending(&path.join("members"), ".member").pop().unwrap();
    let content = fs::read(&member).unwrap();
    store.close().unwrap();
    drop(store);
    fs::write(member, content).unwrap();
    fs::write(directory.join("expected.txt"), text).unwrap();
}
