//! Transfers that are done but for their commit, which someone else makes: with other changes, all at once.

use std::collections::BTreeMap;

use super::transfer::{Found, Met, Pass, Ready, Transfer};
use crate::catalog::Proposal;
use crate::engine::Engine;
use crate::error::Result;
use crate::monitor::Watch;
use crate::object::{Object, ObjectId};
use crate::tier::{PackEnd, PlaceGuard};

/// A transfer that wants nothing but its commit: what it wrote was synced and read back from the medium. Dropped before it is
/// kept, that goes.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// What is to be committed. Without changes: what was wanted is true.
    pub(crate) proposal: Proposal,
    written: Option<(Option<PlaceGuard>, PackEnd)>,
}

impl Staged {
    fn new(copy: Ready, proposal: Proposal) -> Self {
        // A pack is not taken for empty as long as its end is held.
        Self { proposal, written: Some((copy.writer.into_place(), copy.end)) }
    }

    /// It was committed, or may have been.
    pub(crate) fn keep(self) {
        if let Some((Some(place), _)) = self.written {
            place.keep();
        }
    }
}

/// Does all of some transfers but their commits; one answer each, in order. What lost a race has that for its answer.
pub(crate) fn stage(
    engine: &Engine,
    ids: &[ObjectId],
    wanted: Transfer,
    watch: &mut Watch<'_>,
) -> Vec<Result<Staged>> {
    let mut answers: Vec<Option<Result<Staged>>> = ids.iter().map(|_| None).collect();
    let packs = BTreeMap::new();
    let pass = Pass { engine, ids, wanted, attendant: None, packs: &packs, last: true };
    let all: Vec<usize> = (0..ids.len()).collect();
    pass.rounds(&all, watch, |found, watch| match found {
        Met::One(index, Ok(Found::There(object))) => {
            answers[index] = Some(pass.stage_what_is_there(*object, watch));
        }
        Met::One(index, found) => answers[index] = Some(found.map(|_| Staged::default())),
        Met::Round(ready) => {
            for (index, proven) in pass.prove(ready, watch) {
                answers[index] = Some(proven.map(|(copy, proposal)| Staged::new(copy, proposal)));
            }
        }
    });
    answers.into_iter().flatten().collect()
}

impl Pass<'_> {
    /// The target holds a copy already: it is verified if it never was, and what drops the source is staged.
    fn stage_what_is_there(self, object: Object, watch: &mut Watch<'_>) -> Result<Staged> {
        let Self { engine, wanted, .. } = self;
        let object = if self.verify_what_is_there(&object, watch)? {
            engine.look_up(object.id, wanted.scope)?
        } else {
            object
        };
        let Some(source) = wanted.source.filter(|_| wanted.release_source) else {
            return Ok(Staged::default());
        };
        let proposal = super::release::proposal(engine, &object, wanted.scope, source, false, watch)?;
        Ok(Staged { proposal: proposal.unwrap_or_default(), written: None })
    }
}
