//! Where the journal ends: which of its last groups hold.
//!
//! The last one may have been written without its data, and relaxed ones of another boot, or behind a failed sync,
//! may have been lost in part: these are compared with the medium. Three answers are possible: all of them hold, the
//! journal ends before the first that does not, or it cannot be told, since a root is out of reach.

use crate::catalog::embedded::lookup::{self, State};
use crate::catalog::embedded::whole::Compared;
use crate::catalog::embedded::{Embedded, Found};
use crate::error::{Error, Kind, Result};
use crate::journal::{self, Change, Group, GroupReader, Tail};
use crate::object::TierIndex;

/// Where the journal turned out to end.
pub(super) struct JournalEnd {
    /// The last point up to which every change holds.
    pub(super) tail: Tail,
    /// Relaxed groups were cut off behind it.
    pub(super) rolled_back: bool,
    /// The last point up to which every change survives a power loss, once the next is done.
    pub(super) durable: Tail,
    /// Behind this point and up to `durable` groups are to be written again and synced: whoever wrote the last durable
    /// one may have died before it had synced it, or behind a sync that failed, which was also that of the relaxed ones
    /// before it. All before it was durable when that was written.
    pub(super) again_from: Tail,
    /// Why the journal cannot be read further, though it goes on.
    pub(super) damage: Option<Error>,
    /// Why it cannot be told which groups hold, and what to do about it: then `tail` is where the relaxed ones end, or
    /// where the last one begins whose data is in question.
    pub(super) undecided: Option<String>,
}

impl JournalEnd {
    /// All that was read up to `tail` is durable.
    pub(super) fn durable(tail: Tail, again_from: Tail, state: &State) -> Self {
        let rolled_back = tail.last.number < state.tail.last.number;
        Self { tail, rolled_back, durable: tail, again_from, damage: None, undecided: None }
    }
}

/// Why a store whose changes cannot be compared is read-only.
fn undecided(why: &str) -> String {
    format!(
        "changes that a crash, a power loss or a failed sync interrupted cannot be compared with the medium ({why}); bring the tier back, or declare it lost (lose_tier); then close every handle and open the store again"
    )
}

impl Embedded {
    /// Whether changes wait for an open that can compare them: beside others, a handle is read-only then.
    pub(super) fn find_waiting(&self, found: &mut Found) -> Result<()> {
        let state = self.read(lookup::must_state)?;
        if state.durable == state.tail {
            return self.find_arriving(&state, found);
        }
        let first = GroupReader::new(&self.segments, state.durable).next()?;
        if first.is_some_and(|(group, _)| group.header.relaxed && group.header.boot != self.boot) {
            found.undecided = true;
            found.read_only = Some(undecided("its root is out of reach"));
        } else if self.is_marked_damaged() {
            let reason = "relaxed changes may be lost; close every handle and open again";
            found.read_only = Some(reason.to_owned());
        }
        Ok(())
    }

    /// The same of a last group whose data cannot be looked at.
    fn find_arriving(&self, state: &State, found: &mut Found) -> Result<()> {
        if self.segments.is_end(&state.tail)? {
            return Ok(());
        }
        // A writer may be at work on what was seen there: under its lock nobody is.
        let _writer = self.ground.lock.lock_writer()?;
        let mut reader = GroupReader::new(&self.segments, self.read(lookup::must_state)?.tail);
        let mut last = None;
        while let Some(read) = reader.next()? {
            last = Some(read);
        }
        let Some((group, changes)) = last.filter(|(group, _)| group.header.with_data) else { return Ok(()) };
        let tiers = self.read(lookup::tiers)?;
        self.ground.places.configure(&tiers.into_iter().map(|usage| usage.config).collect::<Vec<_>>());
        // What else it may answer, the first commit finds out.
        if let Err(away @ Error::TierOffline { .. }) = self.has_its_data(&group, &changes, &[]) {
            found.undecided = true;
            found.read_only = Some(undecided(&away.to_string()));
        }
        Ok(())
    }

    /// Reads the journal from the index's last durable point to its end, and decides what of the groups behind the last
    /// durable one holds. `lost`: tiers that were declared lost.
    pub(super) fn find_end(&self, state: &State, lost: &[TierIndex]) -> Result<JournalEnd> {
        let mut durable = state.durable;
        let mut again_from = durable;
        let mut reader = GroupReader::new(&self.segments, state.durable);
        let mut any_relaxed = false;
        let mut arriving = None;
        loop {
            let before = reader.tail();
            let (group, changes) = match reader.next() {
                Ok(Some(read)) => read,
                Ok(None) => break,
                Err(damage @ Error::StoreDamaged { .. }) => {
                    let tail = reader.tail();
                    let damage = Some(damage);
                    let (rolled_back, undecided) = (false, None);
                    return Ok(JournalEnd { tail, rolled_back, durable, again_from, damage, undecided });
                }
                Err(error) => return Err(error),
            };
            self.note_tiers(&changes);
            arriving = None; // Nothing follows a group before its data arrived.
            if group.header.relaxed {
                any_relaxed = true;
                continue;
            }
            again_from = std::mem::replace(&mut durable, reader.tail());
            any_relaxed = false;
            if group.header.with_data {
                arriving = Some((reader.start_of_last(before), group, changes));
            }
        }
        let read_to = reader.tail();
        if let Some((before, group, changes)) = arriving
            && before.segment == read_to.segment
            && let Some(end) = self.end_before(before, &group, &changes, state, lost)?
        {
            return Ok(JournalEnd { again_from, ..end });
        }
        if any_relaxed {
            let end = self.find_end_of_relaxed(durable, state, lost)?;
            return Ok(JournalEnd { again_from, ..end });
        }
        Ok(JournalEnd::durable(read_to, again_from, state))
    }

    /// Whether the journal ends before its last group, whose data may not have arrived.
    fn end_before(
        &self,
        before: Tail,
        group: &Group,
        changes: &[Change],
        state: &State,
        lost: &[TierIndex],
    ) -> Result<Option<JournalEnd>> {
        let end = JournalEnd::durable(before, before, state);
        match self.has_its_data(group, changes, lost) {
            Ok(true) => Ok(None),
            // Like one that is torn: nobody was told of it.
            Ok(false) => Ok(Some(end)),
            // It can be neither kept nor cut off.
            Err(away) if away.kind() == Kind::Offline => {
                Ok(Some(JournalEnd { undecided: Some(undecided(&away.to_string())), ..end }))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads on behind the last durable group.
    fn find_end_of_relaxed(&self, durable: Tail, state: &State, lost: &[TierIndex]) -> Result<JournalEnd> {
        let mut reader = GroupReader::new(&self.segments, durable);
        // Where the journal ends if all that is out of reach is whole, and if none of it is.
        let (mut at_most, mut at_least) = (durable, durable);
        let mut another_boot = false;
        let mut compared = Compared::new(lost);
        let mut note_end = |compared: &Compared<'_>, tail: Tail| {
            if compared.missing.is_empty() {
                at_least = tail;
            }
            if !compared.is_any_damaged() {
                at_most = tail;
            }
        };
        while let Some((group, changes)) = reader.next()? {
            another_boot |= group.header.boot != self.boot || self.is_marked_damaged();
            if another_boot {
                self.compare(&changes, false, &mut compared)?;
            }
            note_end(&compared, reader.tail());
        }
        // The reader may have gone on to a segment in which nothing is yet.
        note_end(&compared, reader.tail());
        let read_to = reader.tail();
        if at_most != at_least {
            let away: Vec<String> = compared.away.values().map(ToString::to_string).collect();
            let undecided = Some(undecided(&away.join("; ")));
            let (tail, again_from) = (read_to, durable);
            return Ok(JournalEnd { tail, rolled_back: false, durable, again_from, damage: None, undecided });
        }
        let tail = at_least;
        let rolled_back = tail != read_to || tail.last.number < state.tail.last.number;
        if another_boot {
            self.settle_relaxed(durable, tail, &compared)?;
        }
        let again_from = durable;
        let durable = if another_boot { tail } else { durable };
        Ok(JournalEnd { tail, rolled_back, durable, again_from, damage: None, undecided: None })
    }

    fn note_tiers(&self, changes: &[Change]) {
        let configs: Vec<_> = changes
            .iter()
            .filter_map(
                |change| if let Change::TierSet(config) = change { Some(config.clone()) } else { None },
            )
            .collect();
        if !configs.is_empty() {
            self.ground.places.configure(&configs);
        }
    }

    /// Makes relaxed groups durable that were found whole: behind a mark, in the same boot, they may be in the
    /// cache only.
    fn settle_relaxed(&self, from: Tail, to: Tail, compared: &Compared<'_>) -> Result<()> {
        let mut reader = GroupReader::new(&self.segments, from);
        while reader.tail().last.number < to.last.number {
            let before = reader.tail();
            let Some((group, changes)) = reader.next()? else { break };
            self.sync_copies(&changes, compared)?;
            journal::write_again(&self.segments, &reader.start_of_last(before), &group)?;
        }
        Ok(())
    }
}
