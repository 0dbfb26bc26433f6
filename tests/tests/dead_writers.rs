//! A process that dies between the journal and the index holds up nobody who goes on.

use hsm_core::PutOptions;
use hsm_tests::fixture::{SMALL, SimFixture, bytes, events};

#[test]
fn who_is_refused_for_what_a_dead_writer_left_looks_again_and_sees_it() {
    let mut left_behind = 0;
    for step in 0.. {
        let mut fixture = SimFixture::new();
        let id = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
        let other = fixture.another_process();
        other.put(b"its pack is begun", &PutOptions::default()).unwrap();
        let before = events(&other).len();
        fixture.disk.stop_at(step);
        let put = fixture.store.put(&bytes(SMALL, 2), &PutOptions::id(id));
        if !fixture.disk.is_stopped() {
            assert!(put.is_ok() && left_behind > 0, "no step left a group that is not in the index");
            return;
        }
        fixture.store = other; // The locks of the dead one go with it.
        let other = &fixture.store;
        other.put(&bytes(SMALL, 3), &PutOptions::id(id)).unwrap();
        assert_eq!(other.get(id).unwrap(), bytes(SMALL, 3), "step {step}");
        left_behind += events(other).len() - before - 1;
    }
}
