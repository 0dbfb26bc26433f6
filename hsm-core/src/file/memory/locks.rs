//! Locks on ranges of one file's bytes, owned by open files: the rules of `F_OFD_SETLK` (fcntl(2)).

use std::ops::Range;

/// An open file, as the owner of locks.
pub(crate) type Owner = u64;

#[derive(Debug, Clone)]
struct Held {
    owner: Owner,
    range: Range<u64>,
    exclusive: bool,
}

/// Who holds what. An owner's own locks never overlap each other and never stand in its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct RangeLocks {
    held: Vec<Held>,
}

impl RangeLocks {
    /// Takes or converts a lock; `false` if another owner's lock is in the way, and then nothing changed.
    pub(crate) fn try_lock(&mut self, owner: Owner, range: Range<u64>, exclusive: bool) -> bool {
        if range.is_empty() {
            return true;
        }
        if self.is_locked(owner, &range, exclusive) {
            return false;
        }
        self.unlock(owner, &range);
        self.held.push(Held { owner, range, exclusive });
        true
    }

    /// Whether another owner's lock is in the way of such a one.
    pub(crate) fn is_locked(&self, owner: Owner, range: &Range<u64>, exclusive: bool) -> bool {
        let in_the_way =
            |held: &Held| held.owner != owner && overlap(&held.range, range) && (held.exclusive || exclusive);
        self.held.iter().any(in_the_way)
    }

    /// Drops an owner's locks in a range; what lies outside the range stays locked.
    pub(crate) fn unlock(&mut self, owner: Owner, range: &Range<u64>) {
        let mut left = Vec::with_capacity(self.held.len() + 1);
        for held in self.held.drain(..) {
            if held.owner != owner || !overlap(&held.range, range) {
                left.push(held);
                continue;
            }
            for rest in [held.range.start..range.start, range.end..held.range.end] {
                if !rest.is_empty() {
                    left.push(Held { range: rest, ..held.clone() });
                }
            }
        }
        self.held = left;
    }

    /// Drops all locks of an owner that closes.
    pub(crate) fn release(&mut self, owner: Owner) {
        self.held.retain(|held| held.owner != owner);
    }
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    !one.is_empty() && !other.is_empty() && one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlocking_the_middle_leaves_both_ends_locked() {
        let mut locks = RangeLocks::default();
        assert!(locks.try_lock(1, 0..100, true));
        locks.unlock(1, &(40..60));
        assert!(locks.try_lock(2, 40..60, true));
        assert!(!locks.try_lock(2, 39..40, false));
        assert!(!locks.try_lock(2, 60..61, false));
    }

    #[test]
    fn a_refused_conversion_keeps_the_old_lock() {
        let mut locks = RangeLocks::default();
        assert!(locks.try_lock(1, 0..10, false));
        assert!(locks.try_lock(2, 0..10, false));
        assert!(!locks.try_lock(1, 0..10, true));
        locks.release(2);
        assert!(!locks.try_lock(2, 0..10, true));
    }
}
