//! Index work that is put off until the journal is being synced.
//!
//! What a group changes is applied to the index within a transaction that ends when the journal is synced, so it
//! may as well be applied while somebody else makes that sync. What a later proposal of the group is checked for must
//! be the same, though, as if all before it were applied: so only puts of new objects are put off, whose expectations
//! are about nothing that those before them change. Whatever else comes is checked and applied behind them, at once.
//!
//! Where applying fails then, the group is in the journal already, and counts: as where the transaction cannot be ended.

use std::collections::BTreeSet;

use super::super::apply::Applier;
use crate::catalog::{Expect, Proposal};
use crate::clock::TimeNs;
use crate::error::Result;
use crate::journal::Change;
use crate::object::{Name, ObjectId};

/// Changes of a group that are not applied yet, in order.
pub(super) struct PutOff<'a> {
    is_on: bool,
    changes: Vec<(u64, &'a Change)>,
    names: BTreeSet<&'a Name>,
    objects: BTreeSet<ObjectId>,
}

impl<'a> PutOff<'a> {
    /// `is_on`: there is something that they can be put off until.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, changes: Vec::new(), names: BTreeSet::new(), objects: BTreeSet::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether a proposal can be checked before what is put off is applied, and be put off itself.
    pub(super) fn takes(&self, proposal: &Proposal) -> bool {
        self.is_on
            && proposal.changes.iter().all(|change| matches!(change, Change::Put { new: true, .. }))
            && proposal.expect.iter().all(|expect| match expect {
                Expect::TierWritable(..) | Expect::Dataset(_) => true,
                Expect::NameFree(name) => !self.names.contains(name),
                Expect::NotLive(id) | Expect::Generation(id, _) => !self.objects.contains(id),
                _ => false,
            })
    }

    /// Puts off the changes of a proposal that it takes and that was found to hold; `number` is that of the first.
    pub(super) fn push(&mut self, number: u64, proposal: &'a Proposal) {
        for (number, change) in (number..).zip(&proposal.changes) {
            if let Change::Put { object, name, .. } = change {
                self.objects.insert(*object);
                self.names.extend(name);
            }
            self.changes.push((number, change));
        }
    }

    /// Applies them.
    pub(super) fn apply(&mut self, applier: &mut Applier<'_>, time_ns: TimeNs) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        applier.relaxed = false;
        self.names.clear();
        self.objects.clear();
        self.changes.drain(..).try_for_each(|(number, change)| applier.apply(number, time_ns, change))
    }
}
