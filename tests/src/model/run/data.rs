//! Steps that put, get, name and remove.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use hsm_core::integrity::{Algorithm, Digest, DigestSet};
use hsm_core::object::{Object, ObjectId};
use hsm_core::{Durability, GetOptions, Kind, PutOptions, Result, Store};

use super::super::batch::{Item, Noted};
use super::super::contents;
use super::super::state::PutArguments;
use super::super::step::{BatchStep, Bytes, How, Put, Step};
use super::{HELD_MAX, Run, attribute, same, updates, value};

const SMALL_BLOCK: u64 = 4096;

fn content(bytes: Bytes) -> Vec<u8> {
    contents::bytes(bytes.seed, bytes.len)
}

fn digests(algorithms: impl IntoIterator<Item = Algorithm>, bytes: &[u8]) -> Vec<Digest> {
    let mut set = DigestSet::new(algorithms);
    set.update(bytes);
    set.finish()
}

impl Run {
    /// Does a step on data. Answers the objects it touched; `None`: it is another kind of step.
    pub(super) fn data_step(&mut self, step: &Step) -> Option<Vec<ObjectId>> {
        let store = self.store();
        match step {
            Step::Put(put) => Some(self.put(put)),
            Step::PutEmpty(put) => {
                let (arguments, options) = self.arguments(put);
                let done = store.put_empty(&options);
                let fresh = done.as_ref().ok().map(|done| done.id);
                let predicted = self.state.put_empty(&arguments, fresh);
                same(done.map(|done| (done.id, done.generation)), predicted);
                Some(self.noted(fresh))
            }
            Step::PutAt { object, permille, bytes, durability } => {
                Some(self.put_at(self.object(*object), *permille, *bytes, *durability))
            }
            Step::Batch { steps, atomic, durability } => Some(self.batch(steps, *atomic, *durability)),
            Step::Get { object, tier } => {
                let id = self.object(*object);
                let on_tier = |tier: &u8| {
                    self.state.get(id).map(<[u8]>::to_vec).and_then(|bytes| {
                        let there = self.state.objects[&id].copies.contains_key(tier);
                        if there { Ok(bytes) } else { Err(Kind::NotFound) }
                    })
                };
                let predicted = match tier {
                    Some(tier) => match self.state.get(id) {
                        Err(Kind::Offline) => Err(Kind::NotFound),
                        _ => on_tier(tier),
                    },
                    None => self.state.get(id).map(<[u8]>::to_vec),
                };
                let mut bytes = Vec::new();
                let read = store.get_to(id, &mut bytes, &GetOptions { tier: *tier });
                same(read.map(|size| (size, bytes)), predicted.map(|bytes| (bytes.len() as u64, bytes)));
                Some(vec![id])
            }
            Step::GetRange { object, permille, len } => {
                self.get_range(self.object(*object), *permille, *len);
                Some(Vec::new())
            }
            Step::Hold { object } => {
                let id = self.object(*object);
                if self.held.len() < HELD_MAX
                    && let Ok(bytes) = self.state.get(id)
                {
                    let reader = store.reader(id, &GetOptions::default()).expect("a reader");
                    self.held.push((reader, bytes.to_vec()));
                }
                Some(Vec::new())
            }
            Step::Remove { object } => {
                let id = self.object(*object);
                let done = store.remove(id);
                let predicted = self.state.remove(id).map(|()| self.position());
                same(done, predicted);
                Some(vec![id])
            }
            Step::Undelete { object } => {
                let id = self.object(*object);
                same(store.undelete(id), self.state.undelete(id));
                Some(vec![id])
            }
            Step::Purge { object } => {
                let id = self.object(*object);
                let done = store.purge(id);
                let predicted = self.state.purge(id).map(|()| self.position());
                same(done, predicted);
                Some(vec![id])
            }
            Step::SetAttributes { object, updates: changed } => {
                let (id, changed) = (self.object(*object), updates(changed));
                let done = store.set_attributes(id, &changed);
                let predicted = self.state.set_attributes(id, &changed).map(|()| self.position());
                same(done, predicted);
                Some(vec![id])
            }
            Step::AddName { object, key } => {
                let (id, name) = (self.object(*object), self.name(*key));
                let done = store.add_name(id, &name);
                let predicted = self.state.add_name(id, &name).map(|()| self.position());
                same(done, predicted);
                Some(vec![id])
            }
            Step::RemoveName { key } => {
                let name = self.name(*key);
                let done = store.remove_name(&name);
                let predicted = self.state.remove_name(&name).map(|()| self.position());
                same(done, predicted);
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn noted(&mut self, id: Option<ObjectId>) -> Vec<ObjectId> {
        if let Some(id) = id {
            self.note(id);
        }
        id.into_iter().collect()
    }

    /// A put as the model and as the store are given it.
    fn arguments(&self, put: &Put) -> (PutArguments, PutOptions) {
        let bytes = content(put.bytes);
        let supplied = put.expected.map(|right| {
            let wrong_byte: &[u8] = if right { &[] } else { &[1] };
            digests([Algorithm::Sha256], &[&bytes[..], wrong_byte].concat())
        });
        let mut algorithms = put.algorithms.clone();
        algorithms.sort_unstable();
        algorithms.dedup();
        let arguments = PutArguments {
            id: put.object.map(|object| self.object(object)),
            name: put.key.map(|key| self.name(key)),
            mode: put.mode,
            tier: put.tier,
            attributes: put.attributes.iter().map(|(name, new)| (attribute(*name), value(*new))).collect(),
            algorithms: algorithms.iter().copied().chain(put.expected.map(|_| Algorithm::Sha256)).collect(),
            wrong_digest: put.expected == Some(false),
            durability: put.durability,
            block_size: put.small_blocks.then_some(SMALL_BLOCK),
            bytes,
            in_parts: matches!(put.how, How::Parts),
        };
        let options = PutOptions {
            id: arguments.id,
            name: arguments.name.clone(),
            mode: put.mode,
            tier: put.tier,
            attributes: arguments.attributes.clone(),
            digests: algorithms,
            expected: supplied.unwrap_or_default(),
            durability: put.durability,
            block_size: arguments.block_size,
            size_hint: 0,
            over: None,
        };
        (arguments, options)
    }

    fn put(&mut self, put: &Put) -> Vec<ObjectId> {
        let (arguments, options) = self.arguments(put);
        let store = self.store();
        let bytes = &arguments.bytes;
        let done = match put.how {
            How::Bytes => store.put(bytes, &options),
            How::Reader => store.put_reader(&bytes[..], &options),
            How::Writer => store.writer(&options).and_then(|mut writer| {
                for run in bytes.chunks(5000) {
                    writer.write_all(run).expect("a write");
                }
                writer.commit()
            }),
            How::Path => {
                let path = self.scratch.path().join("source");
                std::fs::write(&path, [b"head".as_slice(), bytes, b"tail"].concat()).expect("a source");
                store.put_path(&path, 4, Some(bytes.len() as u64), &options)
            }
            How::Parts => put_parts(&store, &self.other_store(), bytes, &options),
        };
        let fresh = done.as_ref().ok().map(|done| done.id);
        let predicted = self.state.put(&arguments, fresh);
        let position = self.position();
        same(
            done.map(|done| (done.id, done.generation, done.position)),
            predicted.map(|(id, generation)| (id, generation, position)),
        );
        self.noted(fresh)
    }

    fn put_at(&mut self, id: ObjectId, permille: u16, bytes: Bytes, durability: Durability) -> Vec<ObjectId> {
        let bytes = content(bytes);
        let size = self.state.live(id).map_or(0, super::super::state::Entry::size);
        // 1000 of a thousand is the end, 1001 lies behind it.
        let offset = if permille > 1000 { size + 1 } else { size * u64::from(permille) / 1000 };
        let store = self.store();
        let pieces = |object: &Object| object.copies.iter().map(|copy| copy.pieces.len()).max();
        let many_pieces = store.object(id).ok().as_ref().and_then(pieces).unwrap_or(0) + 2 > 32;
        let done = store.put_at(id, offset, &bytes, durability);
        let found_on = store.object(id).ok().and_then(|object| object.copies.first().map(|copy| copy.tier));
        let predicted = self.state.put_at(id, offset, &bytes, durability, many_pieces, found_on);
        let position = self.position();
        same(
            done.map(|done| (done.id, done.generation, done.position)),
            predicted.map(|generation| (id, generation, position)),
        );
        vec![id]
    }

    fn get_range(&mut self, id: ObjectId, permille: u16, len: usize) {
        let predicted = self.state.get(id).map(|bytes| {
            let begin = (bytes.len() * usize::from(permille)).div_ceil(1000).min(bytes.len());
            (begin, bytes[begin..(begin + len).min(bytes.len())].to_vec())
        });
        let begin = predicted.as_ref().map_or(0, |(begin, _)| *begin);
        let mut buffer = vec![0; len];
        let read = self.store().get_range(id, begin as u64, &mut buffer);
        same(read.map(|read| (begin, buffer[..read].to_vec())), predicted);
    }

    /// Reads held open since before give what they gave then.
    pub(super) fn check_held(&mut self) {
        for (reader, bytes) in &mut self.held {
            let mut read = Vec::new();
            reader.seek(SeekFrom::Start(0)).expect("a seek");
            reader.read_to_end(&mut read).expect("a reader held open goes on");
            assert!(read == *bytes, "a reader held open gives other bytes than before");
        }
    }

    fn item(&self, step: &BatchStep) -> (Item, Option<PutOptions>) {
        match step {
            BatchStep::Put(put) => {
                let (arguments, options) = self.arguments(put);
                (Item::Put(PutArguments { in_parts: false, ..arguments }), Some(options))
            }
            BatchStep::Attributes(object, changed) => {
                (Item::Attributes(self.object(*object), updates(changed)), None)
            }
            BatchStep::Remove(object) => (Item::Remove(self.object(*object)), None),
            BatchStep::Name(object, key) => (Item::Name(self.object(*object), self.name(*key)), None),
        }
    }

    fn batch(&mut self, steps: &[BatchStep], atomic: bool, durability: Durability) -> Vec<ObjectId> {
        let store = self.store();
        let mut batch = store.batch(atomic, durability);
        let (mut items, mut noted, mut objects) = (Vec::new(), Noted::default(), Vec::new());
        for step in steps {
            let (item, options) = self.item(step);
            let object = self.state.object_of(&item);
            // One after the other, changes of one object depend on who comes first: no case for a batch.
            if !atomic && object.is_some_and(|id| objects.contains(&id)) {
                continue;
            }
            let added = match (&item, &options) {
                (Item::Put(put), Some(options)) => batch.put(&put.bytes, options),
                (Item::Attributes(id, changed), _) => batch.set_attributes(*id, changed.clone()),
                (Item::Remove(id), _) => batch.remove(*id),
                (Item::Name(id, name), _) => batch.add_name(*id, name.clone()),
                (Item::Put(_), None) => unreachable!("a put has options"),
            };
            let predicted = noted.add(&self.state, &item);
            if added.is_ok() {
                objects.extend(object);
                items.push(item);
            }
            same(added, predicted);
        }
        assert_eq!(batch.len(), items.len());
        let done = batch.commit().expect("a batch answers for each change");
        let fresh: Vec<_> = done.iter().map(|done| done.as_ref().ok().map(|done| done.id)).collect();
        let predicted = self.state.batch(&items, atomic, durability, &fresh);
        assert_eq!(done.len(), predicted.len());
        for ((done, predicted), item) in done.into_iter().zip(predicted).zip(&items) {
            let is_put = matches!(item, Item::Put(_));
            same(
                done.map(|done| (is_put.then_some((done.id, done.generation)), done.position.number)),
                predicted,
            );
        }
        fresh.iter().flatten().for_each(|id| self.note(*id));
        objects.into_iter().chain(fresh.into_iter().flatten()).collect()
    }
}

/// Writes parts with two handles, the last part first.
fn put_parts(store: &Store, other: &Store, bytes: &[u8], options: &PutOptions) -> Result<hsm_core::Put> {
    let parts = store.parts(options)?;
    let joined = other.join_parts(&parts.token())?;
    let block_size = parts.block_size() as usize;
    let part_len = block_size * (bytes.len() / block_size / 3 + 1);
    let mut receipts = Vec::new();
    for (index, run) in bytes.chunks(part_len).enumerate().collect::<Vec<_>>().into_iter().rev() {
        let by = if index.is_multiple_of(2) { &parts } else { &joined };
        let mut part = by.part((index * part_len) as u64)?;
        for some in run.chunks(3000) {
            part.add(some)?;
        }
        let receipt = part.finish()?.to_bytes(other);
        receipts.push(hsm_core::PartReceipt::from_bytes(store, &receipt)?);
    }
    parts.commit(&receipts)
}
