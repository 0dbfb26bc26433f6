//! The epochs of a journal, and whether what the root of a tier has seen belongs to it.

use crate::backend::posix::Seen;
use crate::journal::EpochCause;
use crate::object::Position;

/// One epoch. The first of a journal is none of these: it began without a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// Its number.
    pub(crate) number: u64,
    /// Why it began.
    pub(crate) cause: EpochCause,
    /// The number of its first change.
    pub(crate) first: u64,
    /// The writer instance that began it; 0: an index of an earlier version did not keep it.
    pub(crate) begun_by: u64,
}

/// What a mark of this journal at this position says.
pub(crate) fn seen_at(position: Position, epochs: &[Epoch]) -> Seen {
    let begun = epochs.iter().find(|epoch| epoch.number == position.epoch);
    Seen { position, begun_by: begun.map_or(0, |epoch| epoch.begun_by) }
}

/// Whether a change that a root has seen never was in the journal that ends at `last`. Two journals that went on from
/// one count alike, so the number of an epoch says little: who began it does, and where it began and ended. What was
/// reconciled since is known and settled, unless another journal began it.
pub(crate) fn is_unknown(seen: Seen, last: Position, epochs: &[Epoch]) -> bool {
    let at = seen.position;
    let own = epochs.iter().find(|epoch| epoch.number == at.epoch);
    let is_another = match own {
        Some(own) => own.begun_by != 0 && own.begun_by != seen.begun_by,
        // Our first epoch has no record, and theirs has.
        None => epochs.first().map_or(last.epoch, |second| second.number - 1) <= at.epoch,
    };
    if is_another && seen.begun_by != 0 {
        return true;
    }
    let mut later = epochs.iter().filter(|epoch| epoch.number > at.epoch);
    if later.clone().any(|epoch| epoch.cause == EpochCause::Reconciled) {
        return false;
    }
    at > last
        || own.is_some_and(|own| at.number < own.first)
        || later.next().is_some_and(|next| next.first <= at.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use EpochCause::{Rebuilt, Reconciled, Restored};

    fn at(epoch: u64, number: u64) -> Position {
        Position { epoch, number }
    }

    fn seen(epoch: u64, number: u64, begun_by: u64) -> Seen {
        Seen { position: at(epoch, number), begun_by }
    }

    fn began(number: u64, cause: EpochCause, first: u64, begun_by: u64) -> Epoch {
        Epoch { number, cause, first, begun_by }
    }

    #[test]
    fn a_mark_is_known_where_its_epoch_is_ours_and_its_number_lies_within() {
        let epochs = [began(2, Rebuilt, 10, 71), began(3, Rebuilt, 20, 72)];
        for (mark, unknown) in [
            (seen(1, 9, 0), false),
            (seen(1, 10, 0), true),
            (seen(2, 10, 71), false),
            (seen(2, 19, 71), false),
            (seen(2, 19, 0), false),
            (seen(2, 9, 71), true),
            (seen(2, 20, 71), true),
            (seen(2, 12, 99), true),
            (seen(3, 30, 72), false),
            (seen(3, 31, 72), true),
            (seen(3, 25, 99), true),
            (seen(4, 1, 72), true),
            (seen(1, 5, 99), true),
        ] {
            assert_eq!(is_unknown(mark, at(3, 30), &epochs), unknown, "{mark:?}");
        }
    }

    #[test]
    fn what_was_reconciled_since_is_settled_and_what_another_journal_began_is_not() {
        let epochs = [began(2, Restored, 10, 71), began(3, Reconciled, 11, 71)];
        assert!(!is_unknown(seen(1, 500, 0), at(3, 30), &epochs));
        assert!(!is_unknown(seen(2, 10, 71), at(3, 30), &epochs));
        assert!(is_unknown(seen(2, 10, 99), at(3, 30), &epochs));
        // A journal that was rebuilt begins in an epoch of its own: those before it are not told of.
        let rebuilt = [began(8, Restored, 10, 71), began(9, Reconciled, 11, 71)];
        assert!(!is_unknown(seen(3, 500, 99), at(9, 30), &rebuilt));
    }

    #[test]
    fn an_index_that_does_not_know_who_began_its_epochs_goes_by_numbers() {
        let epochs = [began(2, Rebuilt, 10, 0), began(3, Rebuilt, 20, 0)];
        assert!(!is_unknown(seen(2, 12, 99), at(3, 30), &epochs));
        assert!(is_unknown(seen(2, 22, 99), at(3, 30), &epochs));
        assert!(is_unknown(seen(2, 9, 99), at(3, 30), &epochs));
    }
}
