//! Packs that were read just now, kept open for the reads that follow: opening and closing its pack is a quarter of
//! what a read of a small object costs.
//!
//! Its name is looked for all the same, at most every [`LOOKED_FOR`]: a pack or a root that goes away is missed by whoever
//! begins to read a millisecond later. A read before that gets what the place holds, which is right. It is kept for [`KEPT`] and
//! then opened anew, so the room of a pack that another process removes is given back. The next read of any pack lets go of
//! those whose time is up; a handle that is left alone keeps the few of its last reads until it is closed or maintained.
//!
//! What is read stays right all the same: a place is never used twice, and each record is checked. A verification never
//! reads through a pack that is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::backend::{PlaceName, PlaceReader};

/// Long against a read, short against whatever is done to a root by hand.
const KEPT: Duration = Duration::from_millis(100);
/// Short against whatever takes a root away, and long against a read, of which a look is a sixth.
const LOOKED_FOR: Duration = Duration::from_millis(1);
/// Descriptors that a tier holds at most.
const PACKS_MAX: usize = 8;

/// Packs open for reading, the one opened first in front.
#[derive(Debug, Default)]
pub(super) struct OpenPacks(Mutex<Vec<Kept>>);

/// An open pack, and its path where that is to be looked for.
type Found = (Arc<dyn PlaceReader>, Option<Arc<Path>>);

#[derive(Debug)]
struct Kept {
    name: PlaceName,
    path: Arc<Path>,
    opened: Instant,
    /// When its name was last looked for.
    looked: Instant,
    pack: Arc<dyn PlaceReader>,
}

impl OpenPacks {
    /// The pack, if it was opened less than [`KEPT`] before `now`, and its path where that is to be looked for.
    pub(super) fn find(&self, name: PlaceName, now: Instant) -> Option<Found> {
        let mut kept = self.0.lock();
        if kept.first().is_some_and(|first| first.is_over(now)) {
            kept.retain(|one| !one.is_over(now));
        }
        let found = kept.iter().find(|one| one.name == name)?;
        let is_due = now.saturating_duration_since(found.looked) >= LOOKED_FOR;
        Some((found.pack.clone(), is_due.then(|| found.path.clone())))
    }

    /// Notes that its name was there, looked for at `now` or later.
    pub(super) fn looked_for(&self, name: PlaceName, now: Instant) {
        if let Some(found) = self.0.lock().iter_mut().find(|one| one.name == name) {
            found.looked = found.looked.max(now);
        }
    }

    /// Keeps a pack that was looked for at `opened`, before it was opened.
    pub(super) fn keep(&self, name: PlaceName, path: &Path, pack: &Arc<dyn PlaceReader>, opened: Instant) {
        let mut kept = self.0.lock();
        kept.retain(|one| one.name != name);
        if kept.len() >= PACKS_MAX {
            kept.remove(0);
        }
        kept.push(Kept { name, path: path.into(), opened, looked: opened, pack: pack.clone() });
    }

    /// Lets go of a pack.
    pub(super) fn let_go(&self, name: PlaceName) {
        self.0.lock().retain(|one| one.name != name);
    }

    /// Lets go of all.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}

impl Kept {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.opened) >= KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;

    #[derive(Debug)]
    struct Nothing;

    impl PlaceReader for Nothing {
        fn read_at(&self, _: &mut [u8], _: u64) -> Result<usize> {
            Ok(0)
        }

        fn len(&self) -> Result<u64> {
            Ok(0)
        }
    }

    fn name(serial: u64) -> PlaceName {
        PlaceName { instance: 1, serial, packed: true }
    }

    fn kept(serials: std::ops::Range<u64>, opened: Instant) -> OpenPacks {
        let packs = OpenPacks::default();
        let pack: Arc<dyn PlaceReader> = Arc::new(Nothing);
        serials.for_each(|serial| packs.keep(name(serial), Path::new("pack"), &pack, opened));
        packs
    }

    #[test]
    fn a_pack_is_kept_for_its_time_and_no_longer() {
        let opened = Instant::now();
        let packs = kept(0..2, opened);
        assert!(packs.find(name(0), opened + KEPT / 2).is_some());
        assert!(packs.find(name(2), opened).is_none());
        assert!(packs.find(name(1), opened + KEPT).is_none());
        assert!(packs.0.lock().is_empty(), "what is over is let go of by any look");
    }

    #[test]
    fn the_name_of_a_pack_is_looked_for_again_after_a_moment() {
        let opened = Instant::now();
        let packs = kept(0..1, opened);
        let is_due = |at| packs.find(name(0), at).unwrap().1.is_some();
        assert!(!is_due(opened) && !is_due(opened + LOOKED_FOR / 2));
        assert!(is_due(opened + LOOKED_FOR) && is_due(opened + LOOKED_FOR), "until it was seen");
        packs.looked_for(name(0), opened + LOOKED_FOR);
        assert!(!is_due(opened + LOOKED_FOR) && is_due(opened + 2 * LOOKED_FOR));
    }

    #[test]
    fn few_are_kept_and_a_removed_one_is_let_go_of() {
        let now = Instant::now();
        let packs = kept(0..20, now);
        let found = |serial| packs.find(name(serial), now).is_some();
        assert_eq!((0..20).filter(|serial| found(*serial)).count(), PACKS_MAX);
        assert!(found(19) && !found(0));
        packs.let_go(name(19));
        assert!(!found(19) && found(18));
        packs.clear();
        assert!(!found(18));
    }
}
