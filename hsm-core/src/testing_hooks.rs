//! Mistakes that tests switch on to see that they are caught. In a build for users every one is off, by
//! constant.

/// A mistake that could be made in this crate.
#[cfg_attr(
    not(any(test, feature = "testing")),
    allow(dead_code, unreachable_pub, reason = "only tests name them all")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mutant {
    /// Data is not synced before the journal says it is there.
    DataSyncLeftOut,
    /// A change is acknowledged before the data that is synced with it is durable.
    DataNotAwaited,
    /// The data of the journal's last group is not looked at by recovery.
    DataNotVerified,
    /// The journal is not synced before a durable change is acknowledged.
    JournalSyncLeftOut,
    /// The name of a new file is not synced.
    DirectorySyncLeftOut,
    /// A change is committed before its data is written.
    CommitBeforeData,
    /// The source of a move is removed before the copy is committed.
    ReleaseBeforeCommit,
    /// A pack is removed before the copies of what lived in it are durable.
    PackRemovedEarly,
    /// The sweep removes what is old instead of what belongs to the dead.
    SweepByAge,
    /// The sweep does not look at what the dead left behind.
    SweepLeftOut,
    /// A replay passes over the first change of a group.
    ReplaySkips,
    /// A copy is verified from the page cache.
    VerifyFromCache,
    /// A failed append is not cut off by a new segment.
    CutLeftOut,
    /// Relaxed and durable puts share a pack.
    PacksShared,
    /// Bytes of an overwritten generation are removed before the new one is durable.
    ReclaimBeforeDurable,
    /// A reconciliation brings back objects that the catalog does not know.
    RemovedBroughtBack,
}

#[cfg(any(test, feature = "testing"))]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether this mistake is to be made, on this thread.
#[inline]
pub(crate) fn mutant(mutant: Mutant) -> bool {
    #[cfg(any(test, feature = "testing"))]
    {
        ACTIVE.get() == Some(mutant)
    }
    #[cfg(not(any(test, feature = "testing")))]
    {
        let _ = mutant;
        false
    }
}

/// Makes this thread's code make a mistake, or none.
#[cfg(any(test, feature = "testing"))]
pub fn set_mutant(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}
