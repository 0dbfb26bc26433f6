//! The process that is killed: it opens the store, works, tidies up, closes, and begins again, until it dies.
//!
//! It says in a file which phase it is in, so that whoever kills it can choose.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::thread;

use hsm_core::object::{Attributes, Name, ObjectId};
use hsm_core::{Durability, Kind, PutOptions, Result, Store};

use super::ledger::{Account, Ledger};
use super::slot::{Change, Live, Slot};
use super::{SLOTS, THREADS, id_of, options};
use crate::stress::Random;
use crate::stress::content::{self, RUN_LEN};

/// Calls of a thread between an open and a close.
const CALLS_MAX: u64 = 60;
const TIERS: u64 = 4;
const DATASET: &str = "soak";

/// Where a client says which phase it is in.
pub fn phase_path(ledgers: &Path, client: u8) -> PathBuf {
    ledgers.join(format!("{client}.phase"))
}

/// Where clients say what must not happen.
pub fn failures_path(ledgers: &Path) -> PathBuf {
    ledgers.join("failures")
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes())
}

/// Works until it is killed, its parent dies, or something goes wrong.
pub fn run(directory: &Path, ledgers: &Path, client: u8, seed: u64) -> io::Result<()> {
    let (parent, mut random) = (parent_id(), Random(seed));
    let phase = |name: &str| append(&phase_path(ledgers, client), name);
    let mut threads = Vec::new();
    for thread in 0..THREADS {
        threads.push(Actor::new(ledgers, client, thread, random.number())?);
    }
    let life = |random: &mut Random, threads: &mut Vec<Actor>| -> std::result::Result<(), String> {
        let wrong = |verb: &'static str| move |error: hsm_core::Error| format!("{verb}: {error}");
        let note = |name: &str| phase(name).map_err(|error| error.to_string());
        note("open")?;
        let store = Store::open(directory, &options()).map_err(wrong("open"))?;
        note("work")?;
        let calls = random.below(CALLS_MAX);
        thread::scope(|scope| {
            let work = |actor: &mut Actor| (0..calls).try_for_each(|_| actor.act(&store));
            let working: Vec<_> = threads.iter_mut().map(|actor| scope.spawn(move || work(actor))).collect();
            let mut ends = working.into_iter().map(thread::ScopedJoinHandle::join);
            ends.try_for_each(|end| end.unwrap_or_else(|_| Err("a thread panicked".to_owned())))
        })?;
        note("maintain")?;
        store.maintain().map_err(wrong("maintain"))?;
        if random.below(8) == 0 {
            store.snapshot().map_err(wrong("snapshot"))?;
        }
        note("close")?;
        store.close().map_err(wrong("close"))
    };
    while parent_id() == parent {
        if let Err(wrong) = life(&mut random, &mut threads) {
            return append(&failures_path(ledgers), &format!("client {client}: {wrong}"));
        }
    }
    Ok(())
}

/// One thread.
struct Actor {
    client: u8,
    thread: u8,
    random: Random,
    ledger: Ledger,
    account: Account,
}

impl Actor {
    fn new(ledgers: &Path, client: u8, thread: u8, seed: u64) -> io::Result<Self> {
        let path = Ledger::path(ledgers, client, thread);
        let account = Account::read(&path)?;
        assert_eq!(account.in_flight, None, "the last life was not settled");
        Ok(Self { client, thread, random: Random(seed), ledger: Ledger::open(&path)?, account })
    }

    fn id(&self, slot: u8) -> ObjectId {
        id_of(self.client, self.thread, slot)
    }

    /// One call: intent, call, outcome. Whatever it draws must succeed.
    fn act(&mut self, store: &Store) -> std::result::Result<(), String> {
        let slot = self.random.below(SLOTS.into()) as u8;
        let changes = match self.random.below(10) {
            0..2 => return self.read(store, slot),
            2 => self.draw_batch(),
            _ => vec![self.draw(slot)],
        };
        self.account.intend(changes.clone());
        self.ledger.intend(&changes).map_err(|error| error.to_string())?;
        let done =
            if changes.len() > 1 { self.batch(store, &changes) } else { self.call(store, &changes[0]) };
        self.ledger.settle(done.is_ok()).map_err(|error| error.to_string())?;
        self.account.in_flight = None;
        done.map_err(|error| format!("{changes:?}: {:?}: {error}", error.kind()))?;
        self.account.slots = self.account.after(&changes);
        Ok(())
    }

    /// What is in a slot is what this thread put there, also while others are killed.
    fn read(&mut self, store: &Store, slot: u8) -> std::result::Result<(), String> {
        let id = self.id(slot);
        let found = match store.get(id) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => return Err(format!("get of {id}: {error}")),
        };
        let expected = match &self.account.slots[usize::from(slot)] {
            Slot::Live(live) => Some(live.bytes(id)),
            _ => None,
        };
        if found == expected { Ok(()) } else { Err(format!("get of {id}: not what was put")) }
    }

    fn draw_put(&mut self, slot: u8, relaxed: bool) -> Change {
        let size_max = [3000, 3000, 30_000, 200_000][self.random.below(4) as usize];
        let size = content::fitting(self.random.below(size_max) as usize) as u64;
        Change::Put { slot, seed: self.random.number(), size, tier: self.draw_tier(), relaxed }
    }

    fn draw_tier(&mut self) -> u8 {
        self.random.below(TIERS) as u8
    }

    fn draw_relaxed(&mut self) -> bool {
        self.random.below(3) == 0
    }

    fn draw(&mut self, slot: u8) -> Change {
        let relaxed = self.draw_relaxed();
        match self.account.slots[usize::from(slot)].clone() {
            Slot::Absent => self.draw_put(slot, relaxed),
            Slot::Removed(_) => match self.random.below(4) {
                0 => Change::Purge { slot },
                1 | 2 => Change::Undelete { slot },
                _ => self.draw_put(slot, relaxed),
            },
            Slot::Live(live) => match self.random.below(20) {
                0..6 => self.draw_put(slot, relaxed),
                6..9 => Change::Remove { slot },
                9..11 if live.size >= RUN_LEN => {
                    let run = self.random.below((live.size / RUN_LEN) as u64);
                    Change::Patch { slot, run, seed: self.random.number(), relaxed }
                }
                11..13 => {
                    if live.named {
                        Change::Unname { slot }
                    } else {
                        Change::Name { slot }
                    }
                }
                13..19 => self.draw_transfer(slot, &live),
                _ => Change::Attribute { slot, value: self.random.number() },
            },
        }
    }

    fn draw_transfer(&mut self, slot: u8, live: &Live) -> Change {
        let Some(tiers) = &live.tiers else { return self.draw_put(slot, false) };
        let (source, target) = (*tiers.first().expect("a copy"), self.draw_tier());
        if tiers.contains(&target) {
            return if tiers.len() > 1 {
                Change::Release { slot, tier: target }
            } else {
                Change::Remove { slot }
            };
        }
        if self.random.below(2) == 0 {
            Change::Copy { slot, tier: target }
        } else {
            Change::Move { slot, source, target }
        }
    }

    fn draw_batch(&mut self) -> Vec<Change> {
        let (first, count, relaxed) =
            (self.random.below(SLOTS.into()) as u8, 2 + self.random.below(5) as u8, self.draw_relaxed());
        let mut changes = Vec::new();
        for slot in (first..first + count).map(|slot| slot % SLOTS) {
            let lives = matches!(self.account.slots[usize::from(slot)], Slot::Live(_));
            changes.push(match self.random.below(4) {
                0 if lives => Change::Remove { slot },
                1 if lives => Change::Attribute { slot, value: self.random.number() },
                _ => self.draw_put(slot, relaxed),
            });
        }
        changes
    }

    fn options(&self, slot: u8, tier: u8, relaxed: bool) -> PutOptions {
        PutOptions { tier: Some(tier), durability: durability(relaxed), ..PutOptions::id(self.id(slot)) }
    }

    fn call(&self, store: &Store, change: &Change) -> Result<()> {
        let id = self.id(change.slot());
        match *change {
            Change::Put { slot, seed, size, tier, relaxed } => {
                let bytes = content::whole(Some(id), seed, size as usize);
                store.put(&bytes, &self.options(slot, tier, relaxed)).map(drop)
            }
            Change::Patch { run, seed, relaxed, .. } => {
                let bytes = content::patch(id, seed, run);
                store.put_at(id, run * RUN_LEN as u64, &bytes, durability(relaxed)).map(drop)
            }
            Change::Remove { .. } => store.remove(id).map(drop),
            Change::Undelete { .. } => store.undelete(id).map(drop),
            Change::Purge { .. } => store.purge(id).map(drop),
            Change::Attribute { value, .. } => store.set_attributes(id, &vec![attribute(value)]).map(drop),
            Change::Name { .. } => store.add_name(id, &name_of(store, id)?).map(drop),
            Change::Unname { .. } => store.remove_name(&name_of(store, id)?).map(drop),
            Change::Copy { tier, .. } => store.copy(id, None, tier).map(drop),
            Change::Move { source, target, .. } => store.move_object(id, source, target).map(drop),
            Change::Release { tier, .. } => store.release(id, tier, false).map(drop),
        }
    }

    fn batch(&self, store: &Store, changes: &[Change]) -> Result<()> {
        let relaxed = changes.iter().any(|change| matches!(change, Change::Put { relaxed: true, .. }));
        let mut batch = store.batch(true, durability(relaxed));
        for change in changes {
            let id = self.id(change.slot());
            match *change {
                Change::Put { slot, seed, size, tier, .. } => {
                    let bytes = content::whole(Some(id), seed, size as usize);
                    batch.put(&bytes, &self.options(slot, tier, relaxed))?;
                }
                Change::Attribute { value, .. } => batch.set_attributes(id, vec![attribute(value)])?,
                _ => batch.remove(id)?,
            }
        }
        batch.commit()?.into_iter().try_for_each(|answer| answer.map(drop))
    }
}

fn durability(relaxed: bool) -> Durability {
    if relaxed { Durability::Relaxed } else { Durability::Durable }
}

/// The attribute that every object may have.
fn attribute(value: u64) -> (String, Option<Vec<u8>>) {
    ("value".to_owned(), Some(value.to_le_bytes().to_vec()))
}

/// The name that an object may have.
fn name_of(store: &Store, id: ObjectId) -> Result<Name> {
    let dataset = match store.dataset(DATASET) {
        Err(error) if error.kind() == Kind::NotFound => {
            match store.create_dataset(DATASET, &Attributes::new()) {
                Err(error) if error.kind() == Kind::Exists => store.dataset(DATASET)?.id,
                created => created?,
            }
        }
        found => found?.id,
    };
    Ok(Name { dataset, key: id.to_string().into_bytes() })
}
