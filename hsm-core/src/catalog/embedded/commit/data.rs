//! Data that becomes durable at the same time as the group that refers to it.
//!
//! A small put leaves the sync of its pack to the commit. Its records are written, then its group is appended,
//! and while the leader syncs the journal one of those it leads syncs the pack: nobody waits for two syncs. The
//! group says so (`with_data`), since the journal may then hold a group whose data never arrived:
//!
//! - nobody is told of it before both are durable, and no other group follows it before that;
//! - where the sync of a pack fails, the group is cut off like one whose own sync failed;
//! - where it is found at the end of the journal and not in the index, its records are synced and read back from
//!   the medium before it counts.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::{Embedded, lookup};
use super::queue::Lead;
use crate::backend::pack::Unsynced;
use crate::catalog::Proposal;
use crate::error::Result;
use crate::journal::{Change, Group};
use crate::testing_hooks::{Mutant, mutant};

/// The packs that proposals left to be synced, each up to the last of their records.
#[derive(Debug, Default)]
pub(super) struct Data(Vec<Unsynced>);

impl Data {
    pub(super) fn of<'a>(proposals: impl IntoIterator<Item = &'a Proposal>) -> Self {
        let mut packs: Vec<Unsynced> = Vec::new();
        for data in proposals.into_iter().flat_map(|proposal| &proposal.data) {
            match packs.iter_mut().find(|known| Arc::ptr_eq(&known.pack, &data.pack)) {
                Some(known) => known.end = known.end.max(data.end),
                None => packs.push(data.clone()),
            }
        }
        Self(packs)
    }

    /// Whether all of it is durable already.
    pub(super) fn is_durable(&self) -> bool {
        self.0.iter().all(|data| data.pack.is_synced(data.end))
    }

    /// Makes it durable, or waits for whoever is at it.
    pub(super) fn sync(&self) -> Result<()> {
        if mutant(Mutant::DataNotAwaited) {
            return Ok(());
        }
        self.0.iter().try_for_each(|data| data.pack.sync_to(data.end))
    }
}

impl Lead<'_> {
    /// Has packs synced by those who wait anyway, while their leader is at the journal.
    pub(super) fn share_syncs(&self) {
        let proposals = self.requests.iter().flat_map(|request| &request.proposals);
        self.ask_to_sync(Data::of(proposals).0);
    }
}

impl Embedded {
    /// Refuses where the data of the last group did not arrive: its writer met a sync that failed, and died before
    /// it could cut the group off. An open that is alone does that.
    pub(super) fn look_for_data(
        &self,
        connection: &Connection,
        group: &Group,
        changes: &[Change],
    ) -> Result<()> {
        // It may lie on a tier that another handle added.
        let tiers = lookup::tiers(connection)?;
        self.ground.places.configure(&tiers.into_iter().map(|usage| usage.config).collect::<Vec<_>>());
        if self.has_its_data(group, changes, &[])? {
            return Ok(());
        }
        Err(self
            .fail("the data of the last change is not whole; close every handle and open again".to_owned()))
    }
}
