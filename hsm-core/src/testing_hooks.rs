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
    /// The name of a new segment of the journal is not synced.
    SegmentNameLeftOut,
    /// A replay takes relaxed changes for durable, since the ones before it were.
    RelaxedTakenForDurable,
    /// The index adds the copies that come to a tier, and does not take away those that go.
    DropNotCounted,
    /// The file of a place that an overwritten copy leaves is not noted as garbage.
    GarbageForgotten,
    /// The member file of the dead is removed before their places are swept.
    MemberBuriedEarly,
    /// The sweep takes what the dead had not settled for what they had not committed.
    SweepOfUnsettled,
    /// A release takes any other copy for a good one.
    ReleaseUnverified,
    /// A scrub looks at lengths, tails and digests, and not at the data.
    ScrubReadsTails,
    /// The files of a snapshot are not synced before its list is.
    SnapshotSyncLeftOut,
    /// A restore says that there is a store before it has laid it out.
    MarkerBeforeStore,
    /// The root of a tier is cleared before the tier is retired.
    RootClearedEarly,
    /// The journal does not say which name an undeleted object got back.
    UndeleteLosesName,
    /// A bulk read does not compare records with their digests.
    BulkReadUnchecked,
    /// A reconciliation brings back objects that the catalog does not know.
    RemovedBroughtBack,
    /// A rebuild takes the oldest generation of an object that is whole.
    RebuildTakesOldest,
    /// The index passes over that a compaction moved a copy.
    RelocationSkipped,
    /// An action is said to be done before its effect is committed.
    DoneBeforeEffect,
    /// Strays are looked for without asking who is alive, or dead and not swept.
    StraysOfMembers,
    /// Bytes are removed from a root without looking whether another store took it over.
    TakeoverUnnoticed,
    /// A root that has seen less than the journal has come to is taken for one of this journal.
    MarkBehindPassed,
    /// A reconciliation looks at the roots before it has told them whose they are now.
    SurveyBeforeMark,
    /// A root is not held while something is removed from it.
    RootNotHeld,
    /// A copy in memory stands for one on a disk.
    MemoryForGood,
    /// An action is queued when what it comes after is begun.
    AfterNotAwaited,
    /// A part is written without a claim to its blocks, and nobody asks for one.
    ClaimLeftOut,
    /// What is read without a lock goes on with what it began with, though somebody committed since.
    OldHeadTaken,
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

#[cfg(any(test, feature = "testing"))]
thread_local! {
    static LOOKUPS_LEFT: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// Whether this thread's question to the index is the one that is to fail.
#[inline]
pub(crate) fn lookup_fails() -> bool {
    #[cfg(any(test, feature = "testing"))]
    {
        let left = LOOKUPS_LEFT.get();
        LOOKUPS_LEFT.set(left.and_then(|left| left.checked_sub(1)));
        left == Some(0)
    }
    #[cfg(not(any(test, feature = "testing")))]
    {
        false
    }
}

/// Makes one of this thread's questions to the index fail, behind so many that are answered; or none. Says whether the
/// last one that was to fail is still to come.
#[cfg(any(test, feature = "testing"))]
pub fn fail_lookup(behind: Option<u64>) -> bool {
    LOOKUPS_LEFT.replace(behind).is_some()
}

/// Makes this thread's code make a mistake, or none.
#[cfg(any(test, feature = "testing"))]
pub fn set_mutant(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}
