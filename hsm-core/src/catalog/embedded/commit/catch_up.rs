//! Groups that are in the journal and not in the index: their writer died, or could not apply them.

use rusqlite::Connection;

use super::super::Embedded;
use super::super::apply::Applier;
use super::super::index::run;
use super::super::lookup::{self, State};
use super::Failed;
use crate::error::Result;
use crate::journal::{self, Change, Group, GroupReader};
use crate::testing_hooks::{Mutant, mutant};

impl Embedded {
    /// Applies groups that someone else wrote and could not apply: it died in between. In a transaction.
    pub(in crate::catalog::embedded) fn catch_up(&self, connection: &Connection) -> Result<State, Failed> {
        let mut state = lookup::must_state(connection)?;
        self.check_trusted(&state)?;
        if self.segments.is_end(&state.tail)? {
            return Ok(state);
        }
        let mut reader = GroupReader::new(&self.segments, state.tail);
        loop {
            let before = reader.tail();
            let Some((group, changes)) = reader.next()? else { break };
            if reader.tail().segment != before.segment {
                self.segments.confirm(reader.tail().segment)?;
            }
            if group.header.with_data && self.segments.is_end(&reader.tail())? {
                self.look_for_data(connection, &group, &changes)?;
            }
            if !group.header.relaxed {
                self.write_relaxed_again(&state)?;
                journal::write_again(&self.segments, &reader.start_of_last(before), &group)?;
            }
            Self::replay(connection, &mut state, reader.tail(), &group, &changes)?;
            if changes.iter().any(|change| matches!(change, Change::TierSet(_))) {
                let _ = self.ground.lock.note_tiers(state.tail.last.number);
            }
        }
        if state.tail != reader.tail() {
            if state.tail.segment != reader.tail().segment {
                self.segments.confirm(reader.tail().segment)?;
            }
            if state.durable == state.tail {
                state.durable = reader.tail();
            }
            state.tail = reader.tail();
        }
        self.check_trusted(&state)?;
        lookup::set_state(connection, &state)?;
        Ok(state)
    }

    /// Applies one group that is in the journal already.
    pub(in crate::catalog::embedded) fn replay(
        connection: &Connection,
        state: &mut State,
        tail: journal::Tail,
        group: &Group,
        changes: &[Change],
    ) -> Result<()> {
        let mut applier = Applier::new(connection);
        applier.relaxed = group.header.relaxed;
        applier.writer = group.header.instance;
        let skip_one = mutant(Mutant::ReplaySkips);
        for (number, change) in (group.header.first.number..).zip(changes).skip(usize::from(skip_one)) {
            applier.apply(number, group.header.time_ns, change)?;
        }
        applier.finish()?;
        state.tail = tail;
        if !group.header.relaxed || mutant(Mutant::RelaxedTakenForDurable) {
            // A durable group is appended after the bytes of the relaxed ones before it were synced.
            state.durable = tail;
            run(connection, "apply a change", "DELETE FROM unsynced", [])?;
        }
        Ok(())
    }
}
