//! What is written under the writer lock beside commits: syncs, new epochs, and rows that are no longer needed.

use rusqlite::{Connection, params};

use super::Embedded;
use super::apply::Applier;
use super::commit::{begin, commit, rollback};
use super::index::{failed, run};
use super::lookup::{self, State};
use super::schema::CHANGE_INDEX;
use crate::error::{Error, Result};
use crate::journal::{self, Change, EpochCause, Group, GroupHeader, GroupReader, SegmentHeader};
use crate::object::{Position, TierState};

/// Places of relaxed puts listed at once. Few in tests, so that there is more than one page of them.
const PLACES_AT_ONCE: usize = if cfg!(any(test, feature = "testing")) { 2 } else { 1000 };

impl Embedded {
    /// Makes relaxed changes durable without adding one.
    pub(super) fn sync_relaxed(&self) -> Result<Position> {
        self.check_usable()?;
        let _writer = self.ground.lock.lock_writer()?;
        let connection = self.index.writer();
        begin(&connection)?;
        let outcome = self.sync_in_transaction(&connection);
        if outcome.is_err() {
            rollback(&connection)?;
        }
        self.news.tell();
        self.note_damage(outcome)
    }

    fn sync_in_transaction(&self, connection: &Connection) -> Result<Position> {
        let mut state = self.catch_up(connection).map_err(|failed| *failed.error)?;
        self.sync_places(connection)?;
        if state.durable != state.tail
            && let Err(error) = journal::sync(&self.segments, state.durable.segment, state.tail.segment)
        {
            self.mark_failed_sync();
            return Err(
                self.fail(format!("relaxed changes could not be synced ({error}); open the store again"))
            );
        }
        state.durable = state.tail;
        lookup::set_state(connection, &state)?;
        commit(connection)?;
        Ok(state.tail.last)
    }

    /// Syncs the bytes of relaxed puts, and forgets that they had to be.
    pub(super) fn sync_places(&self, connection: &Connection) -> Result<()> {
        let mut places = lookup::unsynced(connection, None, PLACES_AT_ONCE)?;
        if places.is_empty() {
            return Ok(());
        }
        // They may lie on a tier that another handle added.
        let tiers: Vec<_> = lookup::tiers(connection)?.into_iter().map(|usage| usage.config).collect();
        self.ground.places.configure(&tiers);
        // Nothing is left to be synced on a tier that is lost or retired, by this very group perhaps: a disk
        // that is gone for good must not keep the store from ever being durable again.
        let is_gone = |tier: u8| {
            let mut gone =
                tiers.iter().filter(|tier| matches!(tier.state, TierState::Lost | TierState::Retired));
            gone.any(|gone| gone.index == tier)
        };
        while let Some(last) = places.last().copied() {
            for place in places.iter().filter(|place| !is_gone(place.tier)) {
                match self.ground.places.sync(place) {
                    // A second try, on another descriptor, could succeed though the pages are gone: what is true is
                    // found out by an open that reads the medium.
                    Err(error @ Error::Io { action: "sync" | "sync the directory", .. }) => {
                        self.mark_failed_sync();
                        return Err(self.fail(format!(
                            "the bytes of relaxed puts could not be synced ({error}); open the store again"
                        )));
                    }
                    synced => synced?,
                }
            }
            places = lookup::unsynced(connection, Some(last), PLACES_AT_ONCE)?;
        }
        run(connection, "apply a change", "DELETE FROM unsynced", []).map(drop)
    }

    /// Begins a new epoch in a segment of its own. The caller holds the writer lock and is alone.
    pub(super) fn new_epoch(&self, cause: EpochCause) -> Result<Position> {
        let connection = self.index.writer();
        begin(&connection)?;
        let outcome = self.new_epoch_in_transaction(&connection, cause);
        if outcome.is_err() {
            rollback(&connection)?;
        }
        outcome
    }

    fn new_epoch_in_transaction(&self, connection: &Connection, cause: EpochCause) -> Result<Position> {
        let state = lookup::must_state(connection)?;
        self.check_trusted(&state)?;
        // The epoch is durable, so everything before it has to be: relaxed changes that a crash of the process
        // left may not have been synced yet.
        self.sync_places(connection)?;
        if state.durable != state.tail {
            journal::sync(&self.segments, state.durable.segment, state.tail.segment)?;
        }
        let ended = state.tail.last;
        let first = Position { epoch: ended.epoch + 1, number: ended.number + 1 };
        let header = SegmentHeader {
            serial: state.tail.segment + 1,
            first,
            chain: state.tail.chain,
            created_ns: self.ground.clock.now_ns(),
            instance: self.ground.instance,
        };
        let tail = journal::begin(&self.segments, &header)?;
        let mut group = Group::new(GroupHeader {
            relaxed: false,
            with_data: false,
            instance: self.ground.instance,
            first,
            time_ns: header.created_ns,
            boot: self.boot,
            chain: tail.chain,
        });
        let change = Change::EpochBegan { cause, ended };
        group.push(&change);
        let mut applier = Applier::new(connection);
        applier.writer = self.ground.instance;
        applier.apply(first.number, header.created_ns, &change)?;
        applier.finish()?;
        let tail = journal::append(&self.segments, tail, &group, true, false, u64::MAX, || Ok(()))
            .map_err(|append| *append.error)?;
        lookup::set_state(connection, &State { tail, durable: tail, ..state })?;
        commit(connection)?;
        self.news.tell();
        Ok(tail.last)
    }

    /// Makes the index of objects by their last change, if it is not there: only stores with subscribers have one.
    pub(super) fn make_change_index(&self) -> Result<()> {
        if self.read(lookup::has_change_index)? {
            return Ok(());
        }
        self.check_usable()?;
        let _writer = self.ground.lock.lock_writer()?;
        let connection = self.index.writer();
        self.note_damage(connection.execute_batch(CHANGE_INDEX).map_err(failed("make an index")))
    }

    /// Deletes rows of what is removed from the tiers. Not a change of the store: losing it means removing
    /// again what is gone.
    pub(super) fn forget(
        &self,
        sql: &str,
        places: impl Iterator<Item = (u8, crate::backend::PlaceName)>,
    ) -> Result<()> {
        self.check_usable()?;
        let _writer = self.ground.lock.lock_writer()?;
        let connection = self.index.writer();
        begin(&connection)?;
        for (tier, name) in places {
            let outcome = run(
                &connection,
                "forget garbage",
                sql,
                params![tier, name.instance as i64, name.serial as i64],
            );
            if let Err(error) = outcome {
                rollback(&connection)?;
                return self.note_damage(Err(error));
            }
        }
        self.note_damage(commit(&connection))
    }

    /// Deletes what the sweep needed of instances that are swept.
    pub(super) fn forget_all_but(&self, instances: &[u64]) -> Result<()> {
        self.check_usable()?;
        let _writer = self.ground.lock.lock_writer()?;
        let connection = self.index.writer();
        let list: Vec<String> = instances.iter().map(|instance| (*instance as i64).to_string()).collect();
        let list = list.join(",");
        let forgotten = connection
            .execute_batch(&format!(
                "DELETE FROM recent WHERE instance NOT IN ({list}); DELETE FROM member WHERE instance NOT IN ({list});"
            ))
            .map_err(failed("forget members"));
        self.note_damage(forgotten)
    }

    /// Writes relaxed groups that were not synced once more: the sync that a later group's writer died in, or
    /// that failed, may have left their pages clean.
    pub(super) fn write_relaxed_again(&self, state: &State) -> Result<()> {
        let mut reader = GroupReader::new(&self.segments, state.durable);
        while reader.tail().last.number < state.tail.last.number {
            let before = reader.tail();
            let Some((group, _)) = reader.next()? else { break };
            journal::write_again_unsynced(&self.segments, &reader.start_of_last(before), &group)?;
        }
        if state.durable != state.tail {
            journal::sync(&self.segments, state.durable.segment, state.tail.segment)?;
        }
        Ok(())
    }
}
