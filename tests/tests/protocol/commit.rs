//! The steps of a commit. Each is one transition; a process may die, and the power fail, between any two.

use super::state::{Bits, Group, Kind, Mutant, Protocol, State, Step, Told};

/// A sync that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// Of the journal.
    Journal,
    /// Of the change's own data.
    Data,
    /// Of the places of relaxed changes before it.
    Places,
}

impl Protocol {
    /// The next step of a process that works, where there is but one.
    pub(crate) fn go(&self, state: &mut State, process: usize) -> Option<()> {
        let change = self.next(state, process)?;
        let kind = self.kind(change)?;
        let step = match state.processes[process].step {
            Step::Idle if kind == Kind::Moved && self.source(state, change).is_none() => {
                state.refuse(process, change); // There is nothing to move.
                return Some(());
            }
            Step::Idle => {
                if kind == Kind::Moved {
                    state.sources[usize::from(change)] = self.source(state, change);
                }
                self.places(change).for_each(|place| state.places[place] = Bits::Cached);
                if matches!(kind, Kind::Filed | Kind::Moved) { Step::Written } else { Step::Ready }
            }
            Step::Written => {
                self.places(change).for_each(|place| state.places[place].sync());
                Step::Ready
            }
            Step::Ready => {
                if state.lock.is_some() {
                    return None;
                }
                if !self.catch_up(state) {
                    state.fail_handle(process, change);
                    return Some(());
                }
                state.lock = Some(process as u8);
                Step::Locked
            }
            Step::Locked
                if kind == Kind::Moved
                    && !self.has(Mutant::MoveUnchecked)
                    && self.source(state, change) != state.sources[usize::from(change)] =>
            {
                // It was put, moved or removed meanwhile.
                self.places(change).for_each(|place| state.places[place] = Bits::Removed);
                state.lock = None;
                state.refuse(process, change);
                return Some(());
            }
            Step::Locked if kind != Kind::Relaxed && state.relaxed_wait() => {
                self.sync_places(state);
                Step::PlacesSynced
            }
            Step::Locked | Step::PlacesSynced => {
                state.journal.push(Group { change, bits: Bits::Cached, boot: state.boot });
                if self.has(Mutant::IndexBeforeJournal) && kind != Kind::Relaxed {
                    self.apply(state, change);
                }
                match kind {
                    Kind::Relaxed => Step::Durable,
                    _ => Step::Appended { journal: false, data: kind != Kind::Packed },
                }
            }
            Step::Appended { journal: true, data } if data || self.has(Mutant::DataNotAwaited) => {
                Step::Durable
            }
            Step::Appended { data: true, .. } if self.has(Mutant::JournalNotSynced) => Step::Durable,
            Step::Failed => {
                self.cut_own(state, process, change);
                return Some(());
            }
            Step::Durable => {
                if !self.has(Mutant::IndexBeforeJournal) || kind == Kind::Relaxed {
                    self.apply(state, change);
                }
                Step::Applied
            }
            Step::Applied => {
                state.lock = None;
                state.told[usize::from(change)] =
                    if kind == Kind::Relaxed { Told::Relaxed } else { Told::Durable };
                if kind == Kind::Relaxed {
                    let number = state.index.applied.iter().position(|applied| *applied == change)? + 1;
                    state.given.insert((state.epoch(number), number as u8, change));
                }
                state.processes[process].next += 1;
                Step::Idle
            }
            _ => return None,
        };
        state.processes[process].step = step;
        Some(())
    }

    /// The two syncs of a group with data, in any order.
    pub(crate) fn sync(&self, state: &mut State, process: usize, of_journal: bool) -> Option<()> {
        let Step::Appended { journal, data } = state.processes[process].step else { return None };
        if if of_journal { journal } else { data } {
            return None;
        }
        if of_journal {
            state.journal.iter_mut().for_each(|group| group.bits.sync());
        } else {
            let change = self.next(state, process)?;
            self.places(change).for_each(|place| state.places[place].sync());
        }
        let step = Step::Appended { journal: journal || of_journal, data: data || !of_journal };
        state.processes[process].step = step;
        Some(())
    }

    /// A sync fails. That the handle finds it out and says so (the mark) is one step with it where a relaxed change's
    /// place is concerned.
    pub(crate) fn fail_sync(&self, state: &mut State, process: usize, fault: Fault) -> Option<()> {
        let change = self.next(state, process)?;
        state.faults += 1;
        match (fault, state.processes[process].step) {
            (Fault::Data, Step::Written) => {
                if self.has(Mutant::FailedSyncRetried) {
                    self.places(change).for_each(|place| state.places[place] = Bits::Doubtful);
                    state.processes[process].step = Step::Ready;
                    return Some(());
                }
                self.places(change).for_each(|place| state.places[place] = Bits::Removed);
                state.refuse(process, change);
            }
            (Fault::Data, Step::Appended { journal: true, data: false }) => {
                self.places(change).for_each(|place| state.places[place] = Bits::Doubtful);
                state.processes[process].step = Step::Failed;
            }
            (Fault::Journal, Step::Appended { journal: false, .. }) => {
                let cached = state.journal.iter_mut().filter(|group| group.bits == Bits::Cached);
                cached.for_each(|group| group.bits = Bits::Doubtful);
                state.processes[process].step = Step::Failed;
            }
            (Fault::Places, Step::Locked) if state.relaxed_wait() => {
                for place in self.unsynced(state) {
                    if state.places[place] == Bits::Cached {
                        state.places[place] = Bits::Doubtful;
                    }
                }
                state.mark_failed_sync();
                state.fail_handle(process, change);
            }
            _ => return None,
        }
        Some(())
    }

    /// Cuts off the group whose sync failed: a new segment begins with its number. Where that sync was also one of
    /// relaxed changes, nothing is cut, the mark is made, and whether the change happened the next open finds out.
    fn cut_own(&self, state: &mut State, process: usize, change: u8) {
        let is_unsynced = state.journal.last().is_some_and(|group| group.bits == Bits::Doubtful);
        if is_unsynced && state.relaxed_wait() {
            state.mark_failed_sync();
            state.fail_handle(process, change);
            state.told[usize::from(change)] = Told::Nothing;
            return;
        }
        if !self.has(Mutant::CutLeftOut) {
            state.journal.pop();
        }
        state.lock = None;
        state.refuse(process, change);
    }

    /// Applies the last group to the index.
    pub(crate) fn apply(&self, state: &mut State, change: u8) {
        state.index.applied.push(change);
        if !self.is_relaxed(change) {
            state.index.durable = state.index.applied.len() as u8;
            state.show_durable();
        }
    }

    /// The places of the relaxed changes that wait.
    fn unsynced(&self, state: &State) -> Vec<usize> {
        let waiting = &state.index.applied[usize::from(state.index.durable)..];
        waiting.iter().flat_map(|change| self.places(*change)).collect()
    }

    pub(crate) fn sync_places(&self, state: &mut State) {
        if !self.has(Mutant::PlacesNotSynced) {
            self.unsynced(state).into_iter().for_each(|place| state.places[place].sync());
        }
    }

    /// Applies what dead processes left in the journal. `false`: this handle must not go on.
    pub(crate) fn catch_up(&self, state: &mut State) -> bool {
        if state.relaxed_wait() && state.mark {
            return false;
        }
        if self.has(Mutant::CatchUpLeftOut) {
            return true;
        }
        for at in state.index.applied.len()..state.journal.len() {
            let change = state.journal[at].change;
            let is_last = at + 1 == state.journal.len();
            if is_last && self.kind(change) == Some(Kind::Packed) && !self.has_its_data(state, change) {
                return false;
            }
            if !self.is_relaxed(change) && !self.has(Mutant::NotWrittenAgain) {
                // The relaxed ones before it too: the sync that failed may have been theirs.
                for group in &mut state.journal[usize::from(state.index.durable)..=at] {
                    group.bits = Bits::Durable;
                }
            }
            self.apply(state, change);
        }
        true
    }

    /// Whether the data of a last group is on the medium; it is synced first.
    pub(crate) fn has_its_data(&self, state: &mut State, change: u8) -> bool {
        if self.has(Mutant::DataNotVerified) {
            return true;
        }
        let places = self.places(change);
        places.clone().for_each(|place| state.places[place].sync());
        places.into_iter().all(|place| state.places[place].are_on_medium())
    }

    /// Garbage that may be removed, since what replaced it is durable.
    pub(crate) fn garbage(&self, state: &State) -> Vec<usize> {
        let durable = if self.has(Mutant::ReclaimBeforeDurable) {
            state.index.applied.len()
        } else {
            usize::from(state.index.durable)
        };
        let (settled, waiting) = state.index.applied.split_at(durable);
        let live: Vec<usize> = self.fold(settled).into_values().collect();
        let named = settled.iter().flat_map(|change| self.places(*change));
        let is_waiting = |place: &usize| waiting.iter().any(|change| self.places(*change).contains(place));
        named
            .filter(|place| !live.contains(place) && !is_waiting(place))
            .filter(|place| state.places[*place] != Bits::Removed)
            .collect()
    }
}
