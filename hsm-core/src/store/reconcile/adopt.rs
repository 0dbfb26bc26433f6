//! What of the copies that were found is taken: what is whole, and can be nothing else than what the object was.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reconciled, Reconciling, Settled};
use crate::catalog::{Expect, Proposal};
use crate::error::{Error, Result};
use crate::integrity::RootDigest;
use crate::journal::Change;
use crate::migration::{Bad, Fault, Finding, read_copy};
use crate::monitor::Watch;
use crate::object::{BLOCK_SHIFT_DEFAULT, Content, Copy, Generation, Object, ObjectId, Piece, TierIndex};
use crate::store::survey::Candidate;
use crate::testing_hooks::{Mutant, mutant};
use crate::tier::place_name;

/// A copy of an object's bytes that is whole, or why it is not.
type Read = Result<Copy, String>;

impl Reconciling<'_> {
    /// Takes of the copies of an object that were found what is sure, and tells of the rest.
    pub(super) fn take(
        &mut self,
        id: ObjectId,
        mut copies: Vec<Candidate>,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        Candidate::newest_first(&mut copies, true);
        let Some(object) = self.engine.catalog.object(id)? else {
            if mutant(Mutant::RemovedBroughtBack) {
                return self.bring_back(id, copies, watch);
            }
            return self.unknown(id, &copies, "the catalog does not know the object, or it was removed");
        };
        let (newer, same): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(|copy| copy.generation > object.generation);
        if !newer.is_empty() && self.renew(&object, newer, watch)? {
            return Ok(());
        }
        self.relocate(&object, same, watch)
    }

    /// Tells of an object, or a generation of one, that is left where it is.
    fn unknown(&mut self, id: ObjectId, copies: &[Candidate], detail: &str) -> Result<()> {
        let newest = copies.iter().max_by_key(|copy| copy.generation);
        let Some((copy, piece)) = newest.and_then(|copy| Some((copy, copy.pieces.last()?))) else {
            return Ok(());
        };
        self.done.unknown_objects += 1;
        (self.found)(Finding::Unknown {
            object: id,
            generation: copy.generation,
            tier: copy.tier,
            place: place_name(piece),
            bytes: copy.size,
            detail: detail.to_owned(),
        })
    }

    /// Takes the newest generation of which all that is whole agrees. `false`: there is none.
    fn renew(&mut self, object: &Object, copies: Vec<Candidate>, watch: &mut Watch<'_>) -> Result<bool> {
        if object.is_removed() {
            self.unknown(object.id, &copies, "the object was removed, and put again since")?;
            return Ok(false);
        }
        if object.changed >= self.unchanged_before {
            let detail = "its tier was away when the store was reconciled, and the object was changed since";
            self.unknown(object.id, &copies, detail)?;
            return Ok(false);
        }
        let mut generations = BTreeMap::<Generation, Vec<Candidate>>::new();
        for copy in copies {
            generations.entry(copy.generation).or_default().push(copy);
        }
        while let Some((generation, copies)) = generations.pop_last() {
            let mut contents = BTreeMap::<(RootDigest, u64), Vec<Candidate>>::new();
            for copy in copies.clone() {
                contents.entry((copy.root, copy.size)).or_default().push(copy);
            }
            let (mut wholes, mut why_not) = (Vec::new(), String::new());
            for ((root, size), copies) in contents {
                // A content that lies in packs alone has one block, whatever the size of that would be.
                let shift = copies.iter().find_map(|copy| copy.block_shift).unwrap_or(BLOCK_SHIFT_DEFAULT);
                let content = Content { size, block_shift: shift, root, digests: Vec::new() };
                let renewed = Object { generation, content: Some(content), ..object.clone() };
                let (whole, detail) = self.whole_of(&renewed, copies, watch)?;
                why_not = detail.unwrap_or(why_not);
                if !whole.is_empty() {
                    wholes.push((renewed, whole));
                }
            }
            match wholes.pop() {
                Some((renewed, whole)) if wholes.is_empty() => {
                    self.put(object, renewed, whole)?;
                    return Ok(true);
                }
                Some(_) => {
                    let detail =
                        "whole copies of this generation differ: writers raced, or one did not commit";
                    self.unknown(object.id, &copies, detail)?;
                }
                None => {
                    let detail = format!("no copy of this generation is whole: {why_not}");
                    self.unknown(object.id, &copies, &detail)?;
                }
            }
        }
        Ok(false)
    }

    fn put(&mut self, before: &Object, renewed: Object, copies: Vec<Copy>) -> Result<()> {
        let Object { id, generation, content, .. } = renewed;
        let known = before.generation;
        let adopted = |copy: &Copy| adopted(id, (known, generation), copy, content.as_ref());
        let settled = Settled {
            findings: copies.iter().filter_map(adopted).collect(),
            done: Reconciled {
                objects_renewed: 1,
                copies_adopted: copies.len() as u64,
                ..Reconciled::default()
            },
            proposal: Proposal {
                expect: vec![Expect::Live(id), Expect::Generation(id, known)],
                changes: vec![Change::Put {
                    object: id,
                    generation,
                    content: content.clone(),
                    copies,
                    attributes: Vec::new(),
                    name: None,
                    new: false,
                }],
                data: Vec::new(),
            },
        };
        self.settle(settled)
    }

    /// Takes copies of the generation that the catalog knows, on tiers where it knows none that is whole.
    fn relocate(&mut self, object: &Object, copies: Vec<Candidate>, watch: &mut Watch<'_>) -> Result<()> {
        let Some(content) = &object.content else { return Ok(()) };
        let (copies, others): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(|copy| copy.root == content.root && copy.size == content.size);
        if others.iter().any(|copy| !copy.is_dropped) {
            self.unknown(object.id, &others, "the catalog knows another content of this generation")?;
        }
        let mut settled = BTreeSet::<TierIndex>::new();
        for copy in copies {
            let is_last_resort = copy.is_dropped;
            if settled.contains(&copy.tier) || is_last_resort && !settled.is_empty() {
                continue;
            }
            let known = object.copy_on(copy.tier);
            if let Some(known) = known
                && !self.is_lost(object, known, watch)?
            {
                settled.insert(copy.tier);
                continue;
            }
            match self.read(object, &copy, watch)? {
                Ok(found) => {
                    settled.insert(found.tier);
                    self.adopt(object, known, found)?;
                }
                Err(detail) if is_last_resort => drop(detail),
                Err(detail) => self.unknown(object.id, &[copy], &format!("it is not whole: {detail}"))?,
            }
        }
        Ok(())
    }

    fn adopt(&mut self, object: &Object, known: Option<&Copy>, found: Copy) -> Result<()> {
        let (id, generation, tier) = (object.id, object.generation, found.tier);
        let finding = adopted(id, (generation, generation), &found, object.content.as_ref());
        let lies_so = match known {
            Some(known) => Expect::CopyAt(id, tier, known.pieces.clone()),
            None => Expect::NoCopy(id, tier),
        };
        let change = match known {
            Some(_) => Change::CopyRelocated { object: id, generation, copy: found },
            None => Change::CopyAdded { object: id, generation, copy: found },
        };
        self.settle(Settled {
            proposal: Proposal {
                expect: vec![Expect::Generation(id, generation), lies_so],
                changes: vec![change],
                data: Vec::new(),
            },
            findings: finding.into_iter().collect(),
            done: Reconciled { copies_adopted: 1, ..Reconciled::default() },
        })
    }

    /// Of each tier a copy that is whole, the one written last; and what is the matter with one that is not.
    fn whole_of(
        &mut self,
        object: &Object,
        copies: Vec<Candidate>,
        watch: &mut Watch<'_>,
    ) -> Result<(Vec<Copy>, Option<String>)> {
        let (mut whole, mut why_not) = (BTreeMap::<TierIndex, Copy>::new(), None);
        for copy in copies {
            if whole.contains_key(&copy.tier) {
                continue;
            }
            match self.read(object, &copy, watch)? {
                Ok(found) => drop(whole.insert(found.tier, found)),
                Err(detail) => why_not = Some(detail),
            }
        }
        Ok((whole.into_values().collect(), why_not))
    }

    /// Syncs a copy that was found, reads it back from the medium and compares every byte.
    fn read(&mut self, object: &Object, found: &Candidate, watch: &mut Watch<'_>) -> Result<Read> {
        let copy = Copy { tier: found.tier, created_ns: 0, verified_ns: 1, pieces: found.pieces.clone() };
        let synced = self.synced.sync(&self.engine.tiers, copy.tier, &copy.pieces);
        match synced.and_then(|()| read_copy(self.engine, object, &copy, watch)) {
            Ok(true) => Ok(Ok(copy)),
            Ok(false) => Ok(Err(Bad::gone().detail)),
            Err(error) => {
                let bad = Bad::of(error)?;
                self.refused.extend((bad.fault == Fault::Unreadable).then_some(copy.tier));
                Ok(Err(bad.detail))
            }
        }
    }

    /// Whether a known copy is gone or damaged. One that cannot be read may be whole.
    fn is_lost(&self, object: &Object, known: &Copy, watch: &mut Watch<'_>) -> Result<bool> {
        match read_copy(self.engine, object, known, watch) {
            Ok(is_there) => Ok(!is_there),
            Err(Error::Corrupt { .. }) => Ok(true),
            Err(error) => Bad::of(error).map(|_| false),
        }
    }

    /// What a careless reconciliation would do. Only tests come here.
    fn bring_back(&mut self, id: ObjectId, copies: Vec<Candidate>, watch: &mut Watch<'_>) -> Result<()> {
        let Some(newest) = copies.into_iter().max_by_key(|copy| copy.generation) else { return Ok(()) };
        let block_shift = newest.block_shift.unwrap_or(BLOCK_SHIFT_DEFAULT);
        let content = Content { size: newest.size, block_shift, root: newest.root, digests: Vec::new() };
        let object = Object {
            id,
            generation: newest.generation,
            created_ns: 0,
            modified_ns: 0,
            accessed_ns: 0,
            changed: 0,
            removed_until_ns: 0,
            content: Some(content),
            copies: Vec::new(),
            attributes: crate::object::Attributes::new(),
            name: None,
        };
        let Ok(copy) = self.read(&object, &newest, watch)? else { return Ok(()) };
        let change = Change::Put {
            object: id,
            generation: newest.generation,
            content: object.content,
            copies: vec![copy],
            attributes: Vec::new(),
            name: None,
            new: true,
        };
        let proposal = Proposal { changes: vec![change], ..Proposal::default() };
        self.settle(Settled { proposal, findings: Vec::new(), done: Reconciled::default() })
    }
}

/// What is told of a copy that is taken.
fn adopted(
    object: ObjectId,
    (known, generation): (Generation, Generation),
    copy: &Copy,
    content: Option<&Content>,
) -> Option<Finding> {
    let place: &Piece = copy.pieces.last()?;
    let bytes = content.map_or(0, |content| content.size);
    Some(Finding::Adopted { object, generation, known, tier: copy.tier, place: place_name(place), bytes })
}
