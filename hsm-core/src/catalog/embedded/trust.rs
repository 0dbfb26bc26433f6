//! Whether relaxed changes may still be made durable by a sync.
//!
//! A sync that failed may have left pages clean that never reached the medium, so one that succeeds later proves
//! nothing. Whoever meets such a failure leaves a *mark* (`index.damaged`, which says `failed sync`) and goes
//! out of use. While the mark is there and relaxed changes wait, no handle makes them durable: an open that finds
//! nobody else compares them with the medium.

use super::Embedded;
use super::lookup::{self, State};
use crate::backend::PlaceName;
use crate::catalog::Garbage;
use crate::error::Result;
use crate::object::TierIndex;

/// Its presence in the store's directory says that the index is to be rebuilt.
pub(super) const DAMAGE_MARK: &str = "index.damaged";
/// What the mark says when it was a sync that failed.
const FAILED_SYNC: &[u8] = b"failed sync\n";

impl Embedded {
    pub(super) fn is_marked_damaged(&self) -> bool {
        self.ground.disk.metadata(&self.damage_mark()).is_ok()
    }

    /// Whether a sync failed: what is in the cache need not be on the medium.
    pub(super) fn is_marked_for_sync(&self) -> bool {
        let read = crate::file::read_whole(&*self.ground.disk, &self.damage_mark(), 64);
        read.is_ok_and(|said| said == FAILED_SYNC)
    }

    /// Says to every handle, and to the next open, that relaxed groups may be in the cache only.
    pub(super) fn mark_failed_sync(&self) {
        // If the mark cannot be made, a power loss may roll them back; that they may be was said.
        let _ = crate::file::write_whole(&*self.ground.disk, &self.damage_mark(), FAILED_SYNC);
    }

    /// Refuses where relaxed changes wait to be made durable and some handle met a sync that failed.
    pub(super) fn check_trusted(&self, state: &State) -> Result<()> {
        if state.durable == state.tail || !self.is_marked_damaged() {
            return Ok(());
        }
        Err(self.fail("relaxed changes may be lost; close every handle and open again".to_owned()))
    }

    /// Puts the handle out of use where its own relaxed changes have bytes on this tier that are not durable.
    pub(super) fn distrust_relaxed(&self, tier: TierIndex) {
        let is_waiting = || -> Result<bool> {
            let _writer = self.ground.lock.lock_writer()?;
            let instance = self.ground.instance;
            let before = Garbage { tier, name: PlaceName { instance, serial: 0, packed: false } };
            let places = lookup::unsynced(&self.index.writer(), Some(before), 1)?;
            Ok(places.iter().any(|place| place.tier == tier && place.name.instance == instance))
        };
        // Where it cannot be told, there may be some.
        if is_waiting().unwrap_or(true) {
            self.mark_failed_sync();
            self.fail(
                "a directory with bytes of relaxed puts could not be synced; open the store again".to_owned(),
            );
        }
    }
}
