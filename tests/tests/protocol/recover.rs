//! Deaths, power losses, opens and sweeps.

use super::state::{Bits, End, Group, Index, Kind, Mutant, NEW_EPOCH, Protocol, State, Step, Told};

impl State {
    /// A process dies. The kernel drops its locks; what it wrote stays in the cache.
    pub(crate) fn die(&mut self, process: usize) {
        let dying = &mut self.processes[process];
        // Who is at a change has begun it, and will not try it again.
        let began = dying.step.is_working() && dying.step != Step::Idle;
        dying.next += u8::from(began);
        dying.step = Step::Dead;
        dying.unswept = true;
        if self.lock == Some(process as u8) {
            self.lock = None;
        }
    }

    /// The ways a power loss can end: how long the journal is, how far the index had come, and which places of those that
    /// were not durable are torn.
    pub(crate) fn power_losses(&self) -> Vec<(u8, u8, u16)> {
        let unsure = |bits: Bits| matches!(bits, Bits::Cached | Bits::Doubtful);
        let mut lengths: Vec<usize> =
            (0..self.journal.len()).filter(|at| unsure(self.journal[*at].bits)).collect();
        lengths.push(self.journal.len());
        let places = self.places.iter().filter(|bits| unsure(**bits)).count();
        let mut ways = Vec::new();
        for length in lengths {
            for applied in 0..=self.index.applied.len() {
                ways.extend((0..1u16 << places).map(|torn| (length as u8, applied as u8, torn)));
            }
        }
        ways
    }

    /// A process opens the store: alone, or beside the other.
    pub(crate) fn open(&mut self, process: usize) -> Option<()> {
        let other = self.processes[1 - process].step;
        let opening = &mut self.processes[process];
        if opening.step != Step::Dead || other.is_opening() || (other.is_working() && self.mark) {
            return None;
        }
        opening.step = if other == Step::Dead { Step::Recover } else { Step::SweepSync(false) };
        opening.first = opening.next;
        Some(())
    }
}

impl Protocol {
    /// The power fails in one of these ways.
    pub(crate) fn lose_power(&self, state: &mut State, (length, applied, torn): (u8, u8, u16)) {
        state.losses += 1;
        state.boot += 1;
        for process in 0..state.processes.len() {
            if state.processes[process].step != Step::Dead {
                state.die(process);
            }
        }
        state.journal.truncate(length.into());
        state.journal.iter_mut().for_each(|group| group.bits = Bits::Durable);
        let unsure =
            state.places.iter_mut().filter(|bits| matches!(bits, Bits::Cached | Bits::Doubtful)).enumerate();
        for (at, bits) in unsure {
            *bits = if torn >> at & 1 == 1 { Bits::Torn } else { Bits::Durable };
        }
        state.index.applied.truncate(applied.into());
        let last = state.index.applied.iter().rposition(|change| !self.is_relaxed(*change));
        state.index.durable = state.index.durable.min(last.map_or(0, |at| at as u8 + 1));
        // Relaxed changes that did not become durable may be gone, and their numbers with them.
        let told = state.told.clone();
        state.given.retain(|(_, _, change)| {
            told.get(usize::from(*change)).is_none_or(|told| *told != Told::Relaxed)
        });
        state.give_up_relaxed();
    }

    /// The next step of an open.
    pub(crate) fn go_open(&self, state: &mut State, process: usize) -> Option<()> {
        let step = match state.processes[process].step {
            Step::Recover => {
                let end = self.find_end(state);
                let from = state.index.durable;
                if self.has(Mutant::DurableBeforeWrittenAgain) {
                    Step::Replay(end, from)
                } else {
                    Step::WriteAgain(end, from)
                }
            }
            Step::WriteAgain(end, from) => {
                self.write_again(state, end, from.into());
                if self.has(Mutant::DurableBeforeWrittenAgain) {
                    Step::Cut(end)
                } else {
                    Step::Replay(end, from)
                }
            }
            Step::Replay(end, from) => {
                self.replay(state, end);
                if self.has(Mutant::DurableBeforeWrittenAgain) {
                    Step::WriteAgain(end, from)
                } else {
                    Step::Cut(end)
                }
            }
            Step::Cut(end) => {
                self.cut(state, end);
                Step::SweepSync(true)
            }
            Step::SweepSync(dead) => {
                if state.lock.is_some() {
                    return None;
                }
                if !self.has(Mutant::SweepBeforeCatchUp) {
                    if !self.catch_up(state) {
                        state.die(process);
                        return Some(());
                    }
                    self.sync_places(state);
                    state.journal.iter_mut().for_each(|group| group.bits.sync());
                    state.index.durable = state.index.applied.len() as u8;
                }
                Step::SweepRemove(dead)
            }
            Step::SweepRemove(dead) => {
                self.sweep(state, process, dead || self.has(Mutant::DeadAreFoundLate));
                state.show_durable();
                Step::Idle
            }
            _ => return None,
        };
        state.processes[process].step = step;
        Some(())
    }

    /// Where the journal ends, and what of it holds. Syncs what it finds whole.
    fn find_end(&self, state: &mut State) -> End {
        // The last segment is synced by whoever finds it.
        state.journal.iter_mut().for_each(|group| group.bits.sync());
        let changes = state.changes();
        let all_again = state.mark;
        let is_past = changes.starts_with(&state.index.applied);
        let mut rebuilt = state.mark || !is_past;
        if rebuilt {
            state.index = Index::default();
        }
        let durable = usize::from(state.index.durable);
        let settled = changes.iter().rposition(|change| !self.is_relaxed(*change)).map_or(0, |at| at + 1);
        let settled = settled.max(durable);
        let (mut tail, mut holds) = (changes.len(), settled);
        let last = changes.last().copied();
        let arriving = last.filter(|change| {
            settled > durable && settled == changes.len() && self.kind(*change) == Some(Kind::Packed)
        });
        if let Some(change) = arriving
            && !self.has_its_data(state, change)
        {
            (tail, holds) = (changes.len() - 1, changes.len() - 1);
            state.cut = true;
        }
        if settled < tail {
            let another_boot =
                state.mark || state.journal[settled..].iter().any(|group| group.boot != state.boot);
            if another_boot {
                tail = self.compare_relaxed(state, &changes, settled);
                holds = tail;
                for group in &mut state.journal[settled..tail] {
                    self.places(group.change).for_each(|place| state.places[place].sync());
                    group.bits = Bits::Durable;
                }
            }
        }
        let rolled_back = settled < changes.len() && tail < changes.len();
        state.cut |= rolled_back;
        if tail < state.index.applied.len() {
            // It is ahead of the journal.
            (rebuilt, state.index) = (true, Index::default());
        }
        End { tail: tail as u8, durable: holds as u8, new_epoch: rebuilt || rolled_back, all_again }
    }

    /// The last number behind which all that relaxed groups brought is whole, but for what later ones replaced.
    fn compare_relaxed(&self, state: &State, changes: &[u8], settled: usize) -> usize {
        if self.has(Mutant::RelaxedNotCompared) {
            return changes.len();
        }
        let is_whole = |end: &usize| {
            self.fold(&changes[settled..*end]).values().all(|place| state.places[*place].are_on_medium())
        };
        (settled..=changes.len()).rev().find(is_whole).unwrap_or(settled)
    }

    /// Writes again and syncs what is called durable and what the index does not hold for that: whoever wrote it may have
    /// died before it synced it, or behind a sync that failed.
    fn write_again(&self, state: &mut State, end: End, from: usize) {
        if self.has(Mutant::NotWrittenAgain) {
            return;
        }
        let again = if end.all_again { 0..end.tail.into() } else { from..usize::from(end.durable).max(from) };
        for at in again {
            if !self.has(Mutant::RelaxedNotWrittenAgain) || !self.is_relaxed(state.journal[at].change) {
                state.journal[at].bits = Bits::Durable;
            }
        }
    }

    /// Applies what the index lacks, and says what of it is durable.
    fn replay(&self, state: &mut State, end: End) {
        let applied = state.index.applied.len();
        let skipped = usize::from(self.has(Mutant::ReplaySkips) && applied < end.tail.into());
        state.index.applied.extend(
            state.journal[..end.tail.into()].iter().skip(applied + skipped).map(|group| group.change),
        );
        state.index.durable = state.index.durable.max(end.durable);
    }

    /// Cuts off what does not hold, and begins a new epoch where that was seen by anyone.
    fn cut(&self, state: &mut State, end: End) {
        state.journal.truncate(end.tail.into());
        if end.new_epoch && !self.has(Mutant::NoNewEpoch) {
            state.journal.push(Group { change: NEW_EPOCH, bits: Bits::Durable, boot: state.boot });
            state.journal.iter_mut().for_each(|group| group.bits.sync());
            state.index.applied.push(NEW_EPOCH);
            state.index.durable = state.index.applied.len() as u8;
        }
        state.mark = false;
    }

    /// Removes what the dead left and no commit names.
    fn sweep(&self, state: &mut State, process: usize, with_other: bool) {
        for other in 0..state.processes.len() {
            let of = &mut state.processes[other];
            if other != process && !with_other && !self.has(Mutant::SweepByAge) {
                continue;
            }
            let is_dead = of.step == Step::Dead || other == process;
            // The lives that ended: of who lives now, all before its first change.
            let mut until = if of.step == Step::Dead { of.next } else { of.first };
            let mut any = of.unswept;
            if self.has(Mutant::SweepByAge) {
                (until, any) = (of.next + 1, true);
            }
            if is_dead {
                of.unswept = false;
            }
            if any {
                self.remove_unnamed(state, other, until);
            }
        }
    }

    fn remove_unnamed(&self, state: &mut State, of: usize, until: u8) {
        let until = until.min(self.programs[of].len() as u8);
        for change in (0..until).map(|change| (of * super::state::CHANGES) as u8 + change) {
            if state.index.applied.contains(&change) {
                continue;
            }
            for place in self.places(change) {
                if !matches!(state.places[place], Bits::Absent | Bits::Removed) {
                    state.places[place] = Bits::Removed;
                    state.swept = true;
                }
            }
        }
    }
}
