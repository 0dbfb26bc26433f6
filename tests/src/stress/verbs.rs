//! One thread's verbs, drawn at random over few ids and keys, so that threads meet.

use std::collections::BTreeSet;

use hsm_core::object::{Attributes, DatasetId, Name, ObjectId, Position, TierState};
use hsm_core::{Durability, GetOptions, PutMode, PutOptions, Query, Reader, Store};

use super::Random;
use super::content::{self, RUN_LEN};
use super::tally::Tally;

/// Ids that all share; the first of them have one size for ever and are put at offsets.
const IDS: u64 = 150;
const PATCHED_IDS: u64 = 20;
const PATCHED_RUNS: u64 = 12;
const KEYS: u64 = 120;
const DATASETS: u64 = 4;
const TIERS: u64 = 4;
/// Readers a thread holds open.
const HELD_MAX: usize = 3;
/// Own objects a thread remembers.
const OWN_MAX: usize = 64;

/// A thread at work.
#[derive(Debug)]
pub struct Actor {
    /// What is done next.
    pub random: Random,
    /// What was done.
    pub tally: Tally,
    held: Vec<Reader>,
    own: Vec<ObjectId>,
    followed: Position,
}

impl Actor {
    /// A thread that has done nothing yet.
    pub fn new(seed: u64) -> Self {
        let (tally, held, own) = (Tally::default(), Vec::new(), Vec::new());
        Self { random: Random(seed), tally, held, own, followed: Position::default() }
    }

    fn shared_id(&mut self) -> ObjectId {
        let number = self.random.below(IDS) as u8;
        ObjectId([
            0x55, number, 0x55, 0x55, 0x55, 0x55, 0x75, 0x55, 0x95, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
        ])
    }

    /// An object to do something with: one that all share, or one of this thread's.
    fn some_id(&mut self) -> ObjectId {
        let own = self.own.len() as u64;
        if own > 0 && self.random.below(3) == 0 {
            return self.own[self.random.below(own) as usize];
        }
        self.shared_id()
    }

    fn dataset(&mut self, store: &Store) -> Option<DatasetId> {
        let name = format!("dataset {}", self.random.below(DATASETS));
        match store.dataset(&name) {
            Ok(dataset) => Some(dataset.id),
            Err(_) => self.tally.note("create_dataset", store.create_dataset(&name, &Attributes::new())),
        }
    }

    fn name(&mut self, store: &Store) -> Option<Name> {
        let dataset = self.dataset(store)?;
        Some(Name { dataset, key: format!("key/{}", self.random.below(KEYS)).into_bytes() })
    }

    fn tier(&mut self) -> u8 {
        self.random.below(TIERS) as u8
    }

    fn durability(&mut self) -> Durability {
        if self.random.below(3) == 0 { Durability::Relaxed } else { Durability::Durable }
    }

    fn size(&mut self) -> usize {
        let wanted = match self.random.below(10) {
            0..4 => self.random.below(4096),
            4..8 => self.random.below(40_000),
            _ => self.random.below(250_000),
        };
        content::fitting(wanted as usize)
    }

    /// A put and its bytes.
    fn put(&mut self, store: &Store) -> (PutOptions, Vec<u8>) {
        let seed = self.random.number();
        let mut options = PutOptions { durability: self.durability(), ..PutOptions::default() };
        if self.random.below(4) == 0 {
            options.tier = Some(self.tier());
        }
        if self.random.below(3) == 0 {
            options.block_size = Some(RUN_LEN as u64);
        }
        match self.random.below(6) {
            0..3 => {
                let id = self.shared_id();
                let patched = u64::from(id.0[1]) < PATCHED_IDS;
                options.mode =
                    [PutMode::Upsert, PutMode::Create, PutMode::Update][self.random.below(3) as usize];
                options.id = Some(id);
                let size = if patched { PATCHED_RUNS as usize * RUN_LEN } else { self.size() };
                (options, content::whole(Some(id), seed, size))
            }
            3 => {
                options.id = Some(store.new_id());
                let size = self.size();
                let bytes = content::whole(options.id, seed, size);
                (options, bytes)
            }
            _ => {
                options.name = self.name(store);
                let size = self.size();
                (options, content::whole(None, seed, size))
            }
        }
    }

    fn note_own(&mut self, id: ObjectId) {
        if self.own.len() >= OWN_MAX {
            let index = self.random.below(OWN_MAX as u64) as usize;
            self.own.swap_remove(index);
        }
        self.own.push(id);
    }

    /// Does one verb.
    pub fn act(&mut self, store: &Store) {
        match self.random.below(100) {
            0..22 => {
                let (options, bytes) = self.put(store);
                if let Some(put) = self.tally.note("put", store.put(&bytes, &options)) {
                    self.note_own(put.id);
                }
            }
            22..25 => self.parts(store),
            25 => {
                let options = PutOptions { name: self.name(store), ..PutOptions::default() };
                self.tally.note("put_empty", store.put_empty(&options));
            }
            26..30 => self.patch(store),
            30..33 => self.batch(store),
            33..50 => self.get(store),
            50..54 => self.hold(store),
            54..58 => {
                let (id, target) = (self.some_id(), self.tier());
                self.tally.note("copy", store.copy(id, None, target));
            }
            58..64 => {
                let (id, source, target) = (self.some_id(), self.tier(), self.tier());
                if source != target {
                    self.tally.note("move", store.move_object(id, source, target));
                }
            }
            64..66 => self.move_many(store),
            66..70 => {
                let (id, tier) = (self.some_id(), self.tier());
                self.tally.note("release", store.release(id, tier, false));
            }
            70..72 => {
                let (id, tier) = (self.some_id(), self.tier());
                self.tally.note("verify", store.verify(id, tier));
            }
            72..78 => {
                let id = self.some_id();
                self.tally.note("remove", store.remove(id));
            }
            78..80 => {
                let id = self.some_id();
                self.tally.note("undelete", store.undelete(id));
            }
            80 => {
                let id = self.some_id();
                self.tally.note("purge", store.purge(id));
            }
            _ => self.act_on_names(store),
        }
    }

    fn act_on_names(&mut self, store: &Store) {
        match self.random.below(20) {
            0..4 => {
                let (id, value) = (self.some_id(), self.random.number().to_le_bytes().to_vec());
                self.tally.note("set_attributes", store.set_attributes(id, &vec![("a".into(), Some(value))]));
            }
            4..7 => {
                // Put under a name, an object with a size for ever would get another one.
                let id = self.some_id();
                if let Some(name) = self.name(store)
                    && !(id.0[0] == 0x55 && u64::from(id.0[1]) < PATCHED_IDS)
                {
                    self.tally.note("add_name", store.add_name(id, &name));
                }
            }
            7..9 => {
                if let Some(name) = self.name(store) {
                    self.tally.note("remove_name", store.remove_name(&name));
                }
            }
            9 => {
                if let Some(dataset) = self.dataset(store) {
                    self.tally.note("remove_dataset", store.remove_dataset(dataset));
                }
            }
            10..13 => self.list(store),
            13 => {
                let id = self.some_id();
                self.tally.note("names", store.names(id));
            }
            14 => {
                self.tally.note("tiers", store.tiers());
            }
            15 => self.follow(store),
            16..18 => {
                self.tally.note("maintain", store.maintain());
            }
            18 => {
                self.tally.note("sync", store.sync());
            }
            _ => self.administrate(store),
        }
    }

    fn administrate(&mut self, store: &Store) {
        match self.random.below(12) {
            0 => {
                self.tally.note("snapshot", store.snapshot());
            }
            1..4 => {
                self.tally.note("set_tier_state", store.set_tier_state(3, TierState::ReadOnly));
            }
            _ => {
                self.tally.note("set_tier_state", store.set_tier_state(3, TierState::Active));
            }
        }
    }

    fn parts(&mut self, store: &Store) {
        let (options, bytes) = self.put(store);
        let put = store.parts(&options).and_then(|parts| {
            let joined = store.join_parts(&parts.token())?;
            let edge = bytes.len() / parts.block_size() as usize / 2 * parts.block_size() as usize;
            let mut receipts = Vec::new();
            for (part, begin, end) in [(&joined, edge, bytes.len()), (&parts, 0, edge)] {
                let mut part = part.part(begin as u64)?;
                part.add(&bytes[begin..end])?;
                receipts.push(part.finish()?);
            }
            parts.commit(&receipts)
        });
        self.tally.note("parts", put);
    }

    fn patch(&mut self, store: &Store) {
        let (number, index, seed) =
            (self.random.below(PATCHED_IDS) as u8, self.random.below(PATCHED_RUNS), self.random.number());
        let mut id = self.shared_id();
        id.0[1] = number;
        let bytes = content::patch(id, seed, index);
        let durability = self.durability();
        let put = store.put_at(id, index * RUN_LEN as u64, &bytes, durability);
        self.tally.note("put_at", put);
    }

    fn batch(&mut self, store: &Store) {
        let (atomic, durability) = (self.random.below(2) == 0, self.durability());
        let mut batch = store.batch(atomic, durability);
        for _ in 0..self.random.below(12) {
            let id = self.some_id();
            let added = match self.random.below(8) {
                0 => batch.set_attributes(id, vec![("b".into(), None)]),
                1 => batch.remove(id),
                _ => {
                    let (options, mut bytes) = self.put(store);
                    let small = content::whole(options.id, self.random.number(), RUN_LEN - 8);
                    let is_patched = options.id.is_some_and(|id| u64::from(id.0[1]) < PATCHED_IDS);
                    if !is_patched || options.id.is_some_and(|id| id.0[0] != 0x55) {
                        bytes = small;
                    }
                    batch.put(&bytes, &options)
                }
            };
            self.tally.note("batch", added);
        }
        let Some(answers) = self.tally.note("batch", batch.commit()) else { return };
        if atomic && answers.iter().any(Result::is_ok) && answers.iter().any(Result::is_err) {
            self.tally.failures.push("batch: an atomic batch happened by half".to_owned());
        }
        for answer in answers {
            self.tally.note("batch", answer);
        }
    }

    fn get(&mut self, store: &Store) {
        let id = self.some_id();
        if self.random.below(3) > 0 {
            if let Some(bytes) = self.tally.note("get", store.get(id)) {
                self.tally.check("get", content::check(id, &bytes, 0, bytes.len() as u64));
            }
            return;
        }
        let Some(mut reader) = self.tally.note("reader", store.reader(id, &GetOptions::default())) else {
            return;
        };
        let size = reader.size();
        let first = self.random.below(size.div_ceil(RUN_LEN as u64).max(1));
        let mut buffer = vec![0; 2 * RUN_LEN];
        if let Some(read) = self.tally.note("get_range", reader.read_at(&mut buffer, first * RUN_LEN as u64))
        {
            self.tally.check("get_range", content::check(id, &buffer[..read], first, size));
        }
    }

    /// Opens a reader and keeps it; reads one that was kept to its end.
    fn hold(&mut self, store: &Store) {
        if self.held.len() < HELD_MAX {
            let id = self.some_id();
            self.held.extend(self.tally.note("reader", store.reader(id, &GetOptions::default())));
            return;
        }
        let index = self.random.below(HELD_MAX as u64) as usize;
        let mut reader = self.held.swap_remove(index);
        let (id, size) = (reader.object().id, reader.size());
        let mut bytes = vec![0; size as usize];
        if self.tally.note("reader", reader.read_at(&mut bytes, 0)).is_some() {
            self.tally.check("reader", content::check(id, &bytes, 0, size));
        }
    }

    fn move_many(&mut self, store: &Store) {
        let ids: Vec<ObjectId> = (0..self.random.below(12)).map(|_| self.some_id()).collect();
        let (source, target) = (self.tier(), self.tier());
        if source == target {
            return;
        }
        let Some(answers) = self.tally.note("move_many", store.move_many(&ids, source, target)) else {
            return;
        };
        for answer in answers {
            self.tally.note("move_many", answer);
        }
    }

    /// Lists a dataset, in order of its keys, or everything: each once, but for another object that was put with the id of one that was purged.
    fn list(&mut self, store: &Store) {
        let dataset = if self.random.below(2) == 0 { self.dataset(store) } else { None };
        let query = Query { dataset, ..Query::default() };
        let (mut after, mut before, mut seen) = (None, None, BTreeSet::new());
        loop {
            let Some(page) = self.tally.note("list", store.page(&query, after.as_ref(), 50)) else { return };
            for (key, object) in page.items {
                let is_right = match dataset {
                    Some(_) => before.replace(key.clone()) < Some(key),
                    None => seen.insert((object.id, object.created_ns)),
                };
                if !is_right {
                    self.tally.failures.push(format!("list: {} comes twice or out of order", object.id));
                }
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    /// Follows the feed from where this thread last was: no number is left out.
    fn follow(&mut self, store: &Store) {
        let Some(events) = self.tally.note("feed", store.feed_after(self.followed, 5000)) else { return };
        for event in events {
            if event.position.number != self.followed.number + 1 {
                let (last, next) = (self.followed.number, event.position.number);
                self.tally.failures.push(format!("feed: {next} follows {last}"));
            }
            self.followed = event.position;
        }
    }

    /// Reads what is still held. Called before the handle is closed.
    pub fn end(&mut self) {
        for mut reader in self.held.drain(..) {
            let (id, size) = (reader.object().id, reader.size());
            let mut bytes = vec![0; size as usize];
            if self.tally.note("reader", reader.read_at(&mut bytes, 0)).is_some() {
                self.tally.check("reader", content::check(id, &bytes, 0, size));
            }
        }
    }
}
