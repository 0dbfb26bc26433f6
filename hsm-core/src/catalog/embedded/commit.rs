//! Commits: many callers, one group, one sync.
//!
//! Callers queue their proposals. Who finds no leader, and need not wait for others, leads: it takes all that wait,
//! becomes the store's writer, and commits them as one group while the next callers gather ([`queue`]). The way of a group:
//!
//! 1. in a transaction of the index: apply what others left unapplied, check, apply;
//! 2. sync the bytes of relaxed puts that this group makes durable;
//! 3. append to the journal and sync it, and at the same time the packs of small puts ([`data`]);
//! 4. end the transaction, answer.
//!
//! If 3 fails, the transaction is undone and the journal continues behind a cut. If 4 fails, the change is
//! committed: the journal has it.

mod data;
mod queue;

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::apply::Applier;
use super::index::{failed, move_head, run};
use super::lookup::{self, State};
use super::{Embedded, action, check, epochs, log_length};
use crate::catalog::{Committed, Durability, Proposal};
use crate::error::{Error, Kind, Result};
use crate::journal::{self, Change, Group, GroupHeader, GroupReader};
use crate::object::Position;
use crate::testing_hooks::{Mutant, mutant};
use data::Data;
pub(super) use queue::Queue;
use queue::Request;

/// A group's records beyond this go into the next one, in bytes.
const GROUP_BYTES_SOFT: usize = 4 << 20;

/// Proposals on their way through a group, with the answers so far.
struct Round<'a> {
    /// Each with whether it may be relaxed.
    proposals: Vec<(&'a Proposal, bool)>,
    answers: Vec<Option<Result<Committed>>>,
}

impl Round<'_> {
    /// Answers those whose pack failed. `false`: there are none.
    fn fail_with_their_packs(&mut self) -> bool {
        let mut any = false;
        for ((proposal, _), answer) in self.proposals.iter().zip(&mut self.answers) {
            let failed = || proposal.data.iter().find_map(|data| data.pack.failed());
            if answer.is_none()
                && let Some(error) = failed()
            {
                (*answer, any) = (Some(Err(error)), true);
            }
        }
        any
    }
}

impl Embedded {
    pub(super) fn commit_queued(
        &self,
        proposals: Vec<Proposal>,
        durability: Durability,
    ) -> Vec<Result<Committed>> {
        if proposals.is_empty() {
            return Vec::new();
        }
        let request = Request::new(proposals, durability);
        if let Some(lead) = self.queue.wait(&request) {
            lead.share_syncs();
            self.answer(&lead.requests);
        }
        request.take_answer()
    }

    /// Commits everything the requests want and gives each its answers.
    fn answer(&self, requests: &[Arc<Request>]) {
        let proposals: Vec<_> = requests
            .iter()
            .flat_map(|request| request.proposals.iter().map(|proposal| (proposal, request.relaxed)))
            .collect();
        let mut round = Round { answers: proposals.iter().map(|_| None).collect(), proposals };
        Self::write_data(&mut round);
        while let Some(next) = round.answers.iter().position(Option::is_none) {
            if let Err(error) = self.commit_group(&mut round, next) {
                for answer in round.answers.iter_mut().filter(|answer| answer.is_none()) {
                    *answer = Some(Err(error.clone()));
                }
            }
        }
        let mut answers = round.answers.into_iter().flatten();
        for request in requests {
            request.set_answer(answers.by_ref().take(request.proposals.len()).collect());
        }
    }

    /// Writes the records that the proposals refer to, so that those which do not fit fail before the journal
    /// hears of them.
    fn write_data(round: &mut Round<'_>) {
        for (index, (proposal, _)) in round.proposals.iter().enumerate().rev() {
            let written = proposal.data.iter().try_for_each(|data| data.pack.write_to(data.end));
            round.answers[index] = written.err().map(Err);
        }
    }

    /// Commits as many proposals from `next` on as go into one group.
    fn commit_group(&self, round: &mut Round<'_>, next: usize) -> Result<()> {
        self.check_usable()?;
        // Where other processes are at it, the data is durable before our turn, which then takes one sync and not two.
        let _writer = self.ground.lock.lock_writer_doing(|| {
            let waiting = (next..round.proposals.len()).filter(|index| round.answers[*index].is_none());
            let data = Data::of(waiting.map(|index| round.proposals[index].0));
            let _ = data.sync(); // An error is that of the pack, and met again there.
        })?;
        let first_try = self.try_group(round, next);
        match first_try {
            // The others can be committed without them.
            Err(error) if error.kind() != Kind::Closed && round.fail_with_their_packs() => Ok(()),
            Err(error) if error.kind() == Kind::Full && self.give_back_reserve() => {
                self.try_group(round, next)
            }
            done => done,
        }
    }

    fn try_group(&self, round: &mut Round<'_>, next: usize) -> Result<()> {
        let connection = self.index.writer();
        begin(&connection)?;
        let outcome = self.fill_group(&connection, round, next);
        match outcome {
            Ok(Some((state, tail, durable, checked))) => {
                let time_ns = checked.1;
                let before = state.tail.last.number;
                let state = State { tail, durable: if durable { tail } else { state.durable }, ..state };
                self.end_group(&connection, &state)?;
                self.news.tell();
                log_length::move_if_due(&connection, before, state.tail.last.number);
                let epochs = || epochs::list(&connection);
                self.ground.places.committed(&state.durable.last, state.tail.segment, &epochs);
                let mut done = checked.0.iter().flat_map(|(index, _)| &round.proposals[*index].0.changes);
                if done.any(|change| matches!(change, Change::TierSet(_))) {
                    // Where it cannot be told, others learn of it when the tier refuses what they bring.
                    let _ = self.ground.lock.note_tiers(state.tail.last.number);
                    // Who looked at that note after the commit and before it was written looks again.
                    move_head(&connection);
                }
                for (index, position) in checked.0 {
                    round.answers[index] = Some(Ok(Committed { position, time_ns }));
                }
                Ok(())
            }
            // What was caught up with is kept: who was refused because of it would look at the same again, for ever.
            Ok(None) => commit(&connection).or_else(|_| rollback(&connection)),
            Err(Failed { error, tail }) => {
                rollback(&connection)?;
                if let Some(continued) = tail {
                    self.continue_at(&connection, *continued, &error)?;
                }
                self.note_damage(Err(*error))
            }
        }
    }

    /// Steps 1 to 3. `None`: no proposal could be committed, and nothing was written but what a dead writer left.
    #[allow(
        clippy::type_complexity,
        reason = "internal: state before, tail after, durability, who got which number"
    )]
    fn fill_group(
        &self,
        connection: &Connection,
        round: &mut Round<'_>,
        next: usize,
    ) -> Result<Option<(State, journal::Tail, bool, (Vec<(usize, Position)>, i64))>, Failed> {
        let state = self.catch_up(connection)?;
        let time_ns = self.ground.clock.now_ns();
        let mut group = Group::new(GroupHeader {
            relaxed: false,
            with_data: false,
            instance: self.ground.instance,
            first: state.tail.next(),
            time_ns,
            boot: self.boot,
            chain: state.tail.chain,
        });
        let mut applier = Applier::new(connection);
        applier.time_ns = time_ns;
        let (mut done, mut relaxed) = (Vec::new(), true);
        for index in next..round.proposals.len() {
            if group.payload_len() > GROUP_BYTES_SOFT {
                break;
            }
            if round.answers[index].is_some() {
                continue;
            }
            let (proposal, may_relax) = round.proposals[index];
            if let Some(error) = refusal(connection, &applier, proposal)? {
                round.answers[index] = Some(Err(error));
                continue;
            }
            let before = (group.count, group.payload_len());
            proposal.changes.iter().for_each(|change| group.push(change));
            if group.is_too_long() {
                group.truncate(before.0, before.1);
                if group.count > 0 {
                    break;
                }
                let detail = format!(
                    "its {} changes do not fit into one group; use smaller ones",
                    proposal.changes.len()
                );
                round.answers[index] = Some(Err(Error::invalid("batch", detail)));
                continue;
            }
            applier.relaxed = may_relax;
            for (change, number) in
                proposal.changes.iter().zip(group.header.first.number + u64::from(before.0)..)
            {
                applier.apply(number, time_ns, change)?;
            }
            let mut following = action::Consequences::of(&proposal.changes);
            while let Some(change) = following.next(connection)? {
                let before = (group.count, group.payload_len());
                group.push(&change);
                if group.is_too_long() {
                    group.truncate(before.0, before.1); // What is left is found later.
                    break;
                }
                applier.apply(group.next_number() - 1, time_ns, &change)?;
            }
            relaxed &= may_relax;
            done.push((index, Position { epoch: state.tail.last.epoch, number: group.next_number() - 1 }));
        }
        if group.count == 0 {
            return Ok(None);
        }
        applier.finish()?;
        self.note_settled(connection)?;
        self.index.check_room(group.payload_len())?;
        group.header.relaxed = relaxed;
        if !relaxed {
            self.sync_places(connection)?;
        }
        let data = Data::of(done.iter().map(|(index, _)| round.proposals[*index].0));
        group.header.with_data = !data.is_durable();
        let durable = !relaxed;
        let sync = durable && !mutant(Mutant::JournalSyncLeftOut);
        let (unsynced, max) = (state.durable != state.tail, self.ground.segment_bytes_max);
        match journal::append(&self.segments, state.tail, &group, sync, unsynced, max, || data.sync()) {
            Ok(tail) => Ok(Some((state, tail, durable, (done, time_ns)))),
            Err(append) => {
                let continued = Continued { state, tail: append.tail, synced: append.synced };
                Err(Failed { error: append.error, tail: Some(Box::new(continued)) })
            }
        }
    }

    /// Step 4.
    fn end_group(&self, connection: &Connection, state: &State) -> Result<()> {
        let ended = lookup::set_state(connection, state).and_then(|()| commit(connection));
        let Err(error) = ended else { return Ok(()) };
        // The journal has the group, so it counts. Apply it once more, with the reserve given back.
        let _ = rollback(connection);
        self.give_back_reserve();
        let again = begin(connection).and_then(|()| match self.catch_up(connection) {
            Ok(_) => commit(connection),
            Err(failed) => Err(*failed.error),
        });
        if again.is_err() {
            let _ = rollback(connection);
            return Err(self.fail(format!(
                "the change is committed, but the index cannot be updated ({error}); open the store again"
            )));
        }
        Ok(())
    }

    /// Continues behind a failed append: at the cut, or not at all.
    fn continue_at(&self, connection: &Connection, continued: Continued, error: &Error) -> Result<()> {
        let Continued { state, tail, synced } = continued;
        let unsynced = !synced && state.durable.last != state.tail.last;
        if unsynced && (tail.is_none() || error.kind() != Kind::Full) {
            // The sync that failed was also that of relaxed groups, whose pages may be gone: what is true is
            // found out by an open that reads the medium.
            self.mark_failed_sync();
            return Err(
                self.fail(format!("relaxed changes could not be synced ({error}); open the store again"))
            );
        }
        let Some(tail) = tail else {
            return Err(self.fail(format!("the journal cannot be written ({error}); open the store again")));
        };
        if tail == state.tail {
            return Ok(());
        }
        let durable = if synced || state.durable == state.tail { tail } else { state.durable };
        begin(connection)?;
        if synced {
            // The places of relaxed changes were synced before the group was written.
            run(connection, "apply a change", "DELETE FROM unsynced", [])?;
        }
        lookup::set_state(connection, &State { tail, durable, ..state })?;
        commit(connection)
    }

    /// Puts this handle out of use, and says why.
    pub(super) fn fail(&self, reason: String) -> Error {
        *self.failed.lock() = Some(reason.clone());
        Error::Closed { reason }
    }

    /// Applies groups that someone else wrote and could not apply: it died in between. In a transaction.
    pub(super) fn catch_up(&self, connection: &Connection) -> Result<State, Failed> {
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
    pub(super) fn replay(
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

    /// Records which serials of ours are settled, so that a sweep after our death need not look at them, and
    /// which packs are open.
    fn note_settled(&self, connection: &Connection) -> Result<()> {
        let settled = self.ground.places.settled();
        let instance = self.ground.instance as i64;
        for (tier, name) in settled.packs {
            let sql = "INSERT OR IGNORE INTO pack(tier, instance, serial, used, live_objects, live_bytes)
                 VALUES (?1, ?2, ?3, 0, 0, 0)";
            run(connection, "apply a change", sql, params![tier, instance, name.serial as i64])?;
        }
        let sql = "DELETE FROM recent WHERE instance = ?1 AND serial <= ?2";
        run(connection, "apply a change", sql, params![instance, settled.serials as i64])?;
        let sql = "INSERT INTO member(instance, resolved) VALUES (?1, ?2)
             ON CONFLICT(instance) DO UPDATE SET resolved = ?2 WHERE resolved <> ?2";
        run(connection, "apply a change", sql, params![instance, settled.serials as i64]).map(drop)
    }

    /// Removes the ballast; `false` when there was none.
    fn give_back_reserve(&self) -> bool {
        self.ground.disk.remove_file(&self.ground.directory.join("reserve")).is_ok()
    }
}

/// A group that failed; `tail` when its append did.
pub(super) struct Failed {
    pub(super) error: Box<Error>,
    tail: Option<Box<Continued>>,
}

/// What is left of the journal by an append that failed.
#[derive(Clone, Copy)]
struct Continued {
    /// The state before.
    state: State,
    /// Where the journal continues, if that can be told.
    tail: Option<journal::Tail>,
    /// Whether all before the group is durable.
    synced: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error: Box::new(error), tail: None }
    }
}

/// The first expectation of a proposal that does not hold. Trouble with the index is an `Err`.
fn refusal(connection: &Connection, applier: &Applier<'_>, proposal: &Proposal) -> Result<Option<Error>> {
    for expect in &proposal.expect {
        match check::check(connection, applier, expect) {
            Ok(()) => {}
            Err(error @ Error::Index { .. }) => return Err(error),
            Err(error) => return Ok(Some(error)),
        }
    }
    Ok(None)
}

pub(super) fn begin(connection: &Connection) -> Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed("begin a transaction"))
}

pub(super) fn commit(connection: &Connection) -> Result<()> {
    connection.execute_batch("COMMIT").map_err(failed("end a transaction"))
}

pub(super) fn rollback(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() {
        return Ok(()); // SQLite undid it by itself.
    }
    connection.execute_batch("ROLLBACK").map_err(failed("undo a transaction"))
}
