//! Leases a store's actions of the kinds `a` and `b` until it is killed: `worker DIRECTORY SEED`. Most it completes, some it
//! fails, gives back, or forgets.

use std::path::PathBuf;
use std::time::Duration;

use hsm_core::{Kind, LeaseOptions, Result, Store, StoreOptions};

/// So that what a killed one had is soon had by another.
const LEASE: Duration = Duration::from_millis(150);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory: PathBuf = arguments.next().expect("usage: worker DIRECTORY SEED").into();
    let seed = arguments.next().expect("usage: worker DIRECTORY SEED");
    let mut random: u64 = seed.parse().expect("a seed is a number");
    let store = Store::open(directory, &StoreOptions::new())?;
    let options = LeaseOptions {
        kinds: vec!["a".into(), "b".into()],
        worker: format!(" by {seed}"),
        max: 3,
        duration: LEASE,
        timeout: None,
    };
    loop {
        for action in store.lease(&options)? {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let lease = action.lease.expect("it is leased");
            let payload = action.spec.site.expect("it is of a site's kind").payload;
            std::thread::sleep(Duration::from_millis(random >> 62));
            let said = match random >> 33 & 15 {
                0 => Ok(()), // Forgotten.
                1 => store.give_back_lease(action.id, lease.token),
                2 => store.extend_lease(action.id, lease.token, LEASE, Some("half")).map(drop),
                _ => {
                    let result = [payload, lease.worker.into_bytes()].concat();
                    store.complete_lease(action.id, lease.token, &result).map(drop)
                }
            };
            match said {
                // It was too slow.
                Err(error) if error.kind() == Kind::Refused => {}
                said => said?,
            }
        }
    }
}
