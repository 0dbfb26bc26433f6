//! One object written by several writers: ranks of a simulation, parts of an upload.
//!
//! One process begins ([`Store::parts`]) and hands out a token; every writer, in whatever process, writes
//! parts that begin on the edge of a block, and gets a receipt for each; one process commits the receipts as
//! one generation. All parts lie in one place, so the object reads like any other; the digests of their blocks
//! wait in a scratch place, each in the slot of its block, so that neither a part nor a receipt grows. Where two parts
//! are written in one place, whoever claimed a block last has it ([`claims`]), and no commit takes the other's receipt.

mod claims;

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use self::claims::{Claims, Owner};
use super::Store;
use super::put::{Put, PutOptions};
use crate::backend::object_file::{BlockDigests, Spilled, Table, Tail, write_end};
use crate::backend::{PlaceName, PlaceWriter, ReadFrom};
use crate::catalog::{Durability, Expect};
use crate::engine::{ATTEMPTS_MAX, Engine, is_race};
use crate::error::{Error, Result};
use crate::integrity::{BlockDigest, Digest, RootDigest, RootHasher, block_digest};
use crate::journal::Change;
use crate::monitor::Phase;
use crate::object::{Content, Copy, Piece, SIZE_MAX, TierIndex};
use crate::tier::PlaceGuard;
use crate::wire::{self, Reader, Writer as Fields};

const TOKEN_MAGIC: [u8; 8] = *b"hsmparts";
const RECEIPT_MAGIC: [u8; 8] = *b"hsmpartr";
const RUN_LEN: usize = 1 << 20;
/// Of a token or a receipt.
const FOREIGN: &str = "it is not one of this store";
const OTHER_FORM: &str = "another version of hsm wrote it; begin the parts anew with one version";

/// An object being written in parts. Callable from several threads.
#[derive(Debug)]
pub struct Parts {
    store: Store,
    options: PutOptions,
    tier: TierIndex,
    /// The root that the bytes lie on: the tier may be given another meanwhile.
    incarnation: [u8; 16],
    name: PlaceName,
    block_shift: u8,
    place: Arc<dyn PlaceWriter>,
    /// The scratch place.
    scratch: Arc<dyn PlaceWriter>,
    scratch_serial: u64,
    /// Whose the blocks are.
    claims: Arc<dyn PlaceWriter>,
    claims_serial: u64,
    /// Held by who began: dropped without a commit, the place is removed. The other two go either way.
    guard: Mutex<Option<[PlaceGuard; 3]>>,
}

/// One part being written.
#[derive(Debug)]
pub struct Part {
    store: Store,
    tier: TierIndex,
    place: Arc<dyn PlaceWriter>,
    name: PlaceName,
    scratch_serial: u64,
    block_shift: u8,
    offset: u64,
    length: u64,
    claims: Claims,
    digests: BlockDigests,
    /// A write that failed left a hole: the part cannot be finished any more.
    failed: Option<Error>,
}

/// Says what a part holds; whoever commits needs those of all parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartReceipt {
    name: PlaceName,
    offset: u64,
    length: u64,
    /// Of the digests of its blocks.
    checksum: u64,
    owner: Owner,
    /// Another part may have written to its blocks: they are read back before they are committed.
    contended: bool,
}

impl Store {
    /// Begins an object that is written in parts, with a block size of `options` that divides every part but
    /// the last.
    pub fn parts(&self, options: &PutOptions) -> Result<Parts> {
        options.check()?;
        let engine = self.engine();
        engine.check_writable()?;
        let tier = engine.target(options.tier)?;
        tier.check_writable(options.size_hint)?;
        let (guard, place) = PlaceGuard::create(&engine.tiers, &tier)?;
        let (scratch_guard, scratch) = PlaceGuard::create(&engine.tiers, &tier)?;
        let (claims_guard, claims) = PlaceGuard::create(&engine.tiers, &tier)?;
        let name =
            PlaceName { instance: guard.place().instance, serial: guard.place().serial, packed: false };
        Ok(Parts {
            store: self.clone(),
            block_shift: options.block_shift()?,
            options: options.clone(),
            tier: tier.index(),
            incarnation: tier.config.incarnation,
            name,
            place,
            scratch,
            scratch_serial: scratch_guard.place().serial,
            claims,
            claims_serial: claims_guard.place().serial,
            guard: Mutex::new(Some([guard, scratch_guard, claims_guard])),
        })
    }

    /// Joins an object that another handle, here or in another process, began to write in parts.
    pub fn join_parts(&self, token: &[u8]) -> Result<Parts> {
        let engine = self.engine();
        engine.check_writable()?;
        let invalid = |detail| Error::invalid("token of parts", detail);
        let sealed = wire::check_seal(token, &self.inner.store_id) && token.starts_with(&TOKEN_MAGIC);
        let body = token.get(wire::HEAD_LENGTH..).filter(|_| sealed);
        let mut fields = Reader(body.ok_or_else(|| invalid(FOREIGN))?);
        let read = (|| {
            let (tier, block_shift) = (fields.u8()?, fields.u8()?);
            let name = PlaceName { instance: fields.u64()?, serial: fields.u64()?, packed: false };
            let (scratch_serial, claims_serial) = (fields.u64()?, fields.u64()?);
            // What is left is the seal.
            (fields.0.len() == 8).then_some((tier, block_shift, name, scratch_serial, claims_serial))
        })();
        let (tier, block_shift, name, scratch_serial, claims_serial) =
            read.ok_or_else(|| invalid(OTHER_FORM))?;
        let on = engine.tier(tier)?;
        let reopen = |name| {
            on.backend.reopen(name).map_err(|error| match error {
                Error::Io { io_kind: std::io::ErrorKind::NotFound, .. } => Error::PartsNotFound,
                error => error,
            })
        };
        let place = reopen(name)?;
        let scratch = reopen(PlaceName { serial: scratch_serial, ..name })?;
        let claims = reopen(PlaceName { serial: claims_serial, ..name })?;
        Ok(Parts {
            store: self.clone(),
            options: PutOptions::default(),
            tier,
            incarnation: on.config.incarnation,
            name,
            block_shift,
            place,
            scratch,
            scratch_serial,
            claims,
            claims_serial,
            guard: Mutex::new(None),
        })
    }
}

impl Parts {
    /// What another process needs to write parts: bytes to be sent as they are.
    pub fn token(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::write_head(&mut bytes, TOKEN_MAGIC, &self.store.inner.store_id);
        Fields(&mut bytes)
            .u8(self.tier)
            .u8(self.block_shift)
            .u64(self.name.instance)
            .u64(self.name.serial)
            .u64(self.scratch_serial)
            .u64(self.claims_serial)
            .seal(&self.store.inner.store_id);
        bytes
    }

    /// Bytes a block: parts begin at multiples of it.
    pub fn block_size(&self) -> u64 {
        1 << self.block_shift
    }

    /// Begins the part at byte `offset` of the object. Where another is written in its place, here or in another process,
    /// the one that reaches a block last has it, and the other is refused with `Conflict`.
    pub fn part(&self, offset: u64) -> Result<Part> {
        self.store.engine().check_writable()?;
        if !offset.is_multiple_of(self.block_size()) {
            let detail = format!("{offset} is no multiple of the block size, {}", self.block_size());
            return Err(Error::invalid("offset of a part", detail));
        }
        if offset > SIZE_MAX {
            return Err(Error::invalid("offset of a part", "an object has at most 2^63 - 1 bytes"));
        }
        let owner = claims::new_owner(self.store.engine().tiers.ground().instance);
        Ok(Part {
            store: self.store.clone(),
            tier: self.tier,
            place: self.place.clone(),
            name: self.name,
            scratch_serial: self.scratch_serial,
            block_shift: self.block_shift,
            offset,
            length: 0,
            claims: Claims::new(self.claims.clone(), owner, offset >> self.block_shift),
            digests: BlockDigests::in_place(
                self.block_size(),
                self.scratch.clone(),
                offset / self.block_size(),
            ),
            failed: None,
        })
    }

    /// Commits the parts as one generation. They must cover the object without gap or overlap.
    ///
    /// # Errors
    ///
    /// `Invalid` when the receipts do not fit together, or by a handle that joined: who began commits. `Conflict` when
    /// another part was written in the place of one of them.
    pub fn commit(self, receipts: &[PartReceipt]) -> Result<Put> {
        self.store.engine().check_writable()?;
        let guard = self.guard.lock().take();
        // Named, so that the two places stay until the end.
        let [guard, _scratch, _claims] = guard
            .ok_or_else(|| Error::invalid("commit of parts", "only the handle that began it commits"))?;
        let (size, parts) = self.join(receipts)?;
        for part in &parts {
            let blocks = self.blocks(part);
            if !claims::are_held(&*self.claims, &part.owner, blocks)? {
                return Err(Error::PartOverwritten { offset: part.offset });
            }
        }
        let mut root = RootHasher::new(size);
        for digest in self.digests(&parts) {
            root.push(&digest?);
        }
        let root = root.finish();
        let recorded = self.whole_digests(&parts)?;
        // A part that nobody has a receipt for may reach beyond the object.
        if self.place.len()? > size {
            self.place.truncate(size)?;
        }
        let engine = self.store.engine().clone();
        let fresh = self.store.new_id();
        let mut table: Option<Table> = None;
        for _ in 0..ATTEMPTS_MAX {
            let resolved = self.options.resolve(&*engine.catalog.view(), fresh)?;
            let tail = self.tail(&engine, &resolved, size, root);
            match &table {
                Some(table) => table.write_tail(&*self.place, &tail).map(drop)?,
                None => table = Some(write_end(&*self.place, &tail, &[], self.digests(&parts))?),
            }
            if self.options.durability == Durability::Durable {
                engine.note_sync(self.tier, self.place.sync())?;
            }
            match self.try_commit(&engine, &resolved, size, root, &recorded) {
                Ok(put) => {
                    guard.keep();
                    let _ = engine.note_garbage(resolved.replaced); // Removed later where it cannot be now.
                    return Ok(put);
                }
                Err(error @ Error::Closed { .. }) => {
                    guard.keep(); // The journal may refer to it.
                    return Err(error);
                }
                Err(error) if is_race(&error) || self.options.lost_a_name(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict { what: "the object".to_owned() })
    }

    fn tail(&self, engine: &Engine, resolved: &super::put::Resolved, size: u64, root: RootDigest) -> Tail {
        Tail {
            store_id: self.store.inner.store_id,
            place: crate::object::Place {
                tier: self.tier,
                instance: self.name.instance,
                serial: self.name.serial,
            },
            id: resolved.id,
            generation: resolved.generation,
            start: 0,
            length: size,
            size,
            block_shift: self.block_shift,
            root,
            created_ns: engine.clock.now_ns(),
        }
    }

    fn try_commit(
        &self,
        engine: &Engine,
        resolved: &super::put::Resolved,
        size: u64,
        root: RootDigest,
        digests: &[Digest],
    ) -> Result<Put> {
        let mut expect = resolved.expect.clone();
        expect.push(Expect::TierWritable(self.tier, self.incarnation));
        expect.push(Expect::TierRoom(self.tier, size));
        let place =
            crate::object::Place { tier: self.tier, instance: self.name.instance, serial: self.name.serial };
        let piece = Piece { start: 0, length: size, place, offset: 0, packed: false };
        let change = Change::Put {
            object: resolved.id,
            generation: resolved.generation,
            content: Some(Content { size, block_shift: self.block_shift, root, digests: digests.to_vec() }),
            copies: vec![Copy { tier: self.tier, created_ns: 0, verified_ns: 0, pieces: vec![piece] }],
            attributes: self.options.updates(),
            name: self.options.name.clone(),
            new: resolved.new,
        };
        let done = engine.commit_one(expect, vec![change], self.options.durability)?;
        Ok(Put { id: resolved.id, generation: resolved.generation, position: done.position })
    }

    /// The size of all parts together, and the parts in order.
    fn join<'a>(&self, receipts: &'a [PartReceipt]) -> Result<(u64, Vec<&'a PartReceipt>)> {
        let mut sorted: Vec<&PartReceipt> = receipts.iter().collect();
        // One without a byte comes before the one that begins where it does.
        sorted.sort_unstable_by_key(|receipt| (receipt.offset, receipt.length));
        let mut size = 0;
        for receipt in &sorted {
            if receipt.name != self.name {
                return Err(Error::invalid("receipt", "it is of another object's part"));
            }
            if receipt.offset != size {
                let detail = format!("a part begins at {}, where {size} was expected", receipt.offset);
                return Err(Error::invalid("receipts", detail));
            }
            let together = receipt.length.checked_add(size).filter(|size| *size <= SIZE_MAX);
            size = together.ok_or_else(|| Error::invalid("receipts", "they are too long together"))?;
        }
        if size == 0 {
            return Err(Error::invalid("receipts", "no part holds a byte; put an empty object instead"));
        }
        Ok((size, sorted))
    }

    /// The numbers of the blocks of a part.
    fn blocks(&self, part: &PartReceipt) -> Range<u64> {
        let first = part.offset >> self.block_shift;
        first..first + part.length.div_ceil(1 << self.block_shift)
    }

    /// The digests of the blocks of all parts, in order.
    fn digests(&self, parts: &[&PartReceipt]) -> impl Iterator<Item = Result<BlockDigest>> {
        parts.iter().flat_map(|part| self.digests_of(part))
    }

    fn digests_of(&self, part: &PartReceipt) -> impl Iterator<Item = Result<BlockDigest>> {
        let blocks = self.blocks(part);
        let (first, count) = (blocks.start, blocks.end - blocks.start);
        Spilled { first, count, checksum: part.checksum }.read(&*self.scratch)
    }

    /// Digests of the whole content, where they were asked for: that needs one more pass over it. Parts that another may
    /// have written into are read back in any case.
    fn whole_digests(&self, parts: &[&PartReceipt]) -> Result<Vec<Digest>> {
        let mut set = self.options.digest_set();
        let all = !set.is_empty();
        let read: Vec<_> = parts.iter().filter(|part| all || part.contended).collect();
        if read.is_empty() {
            return Ok(Vec::new());
        }
        let mut watch = self.store.watch(Phase::Verify, 1, read.iter().map(|part| part.length).sum());
        watch.check()?;
        let mut buffer = vec![0; self.block_size() as usize];
        for part in read {
            let mut at = part.offset;
            for expected in self.digests_of(part) {
                let wanted = (part.offset + part.length - at).min(self.block_size()) as usize;
                let read = self.place.read_at(&mut buffer[..wanted], at)?;
                if read != wanted || block_digest(&buffer[..read]) != expected? {
                    return Err(Error::PartOverwritten { offset: part.offset });
                }
                if all {
                    set.update(&buffer[..read]);
                }
                at += read as u64;
                watch.bytes(read as u64)?;
            }
        }
        if all { self.options.checked(set) } else { Ok(Vec::new()) }
    }
}

impl Part {
    /// Adds the next bytes of the part. Not while the parts are being committed: it would write into the object.
    ///
    /// # Errors
    ///
    /// `NotFound` once the parts were committed, or given up by who began them. `Conflict` when another part was
    /// written in its place meanwhile.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.check()?;
        if (self.offset + self.length).saturating_add(bytes.len() as u64) > SIZE_MAX {
            return Err(Error::invalid("size", "an object has at most 2^63 - 1 bytes"));
        }
        for run in bytes.chunks(RUN_LEN) {
            let written = self.claim(self.offset + self.length + run.len() as u64);
            let written = written.and_then(|()| self.place.write_at(run, self.offset + self.length));
            let hashed = written.and_then(|()| self.digests.write(run));
            hashed.inspect_err(|error| self.failed = Some(error.clone()))?;
            self.length += run.len() as u64;
        }
        Ok(())
    }

    /// Makes the blocks up to byte `end` ours, before anything is written there.
    fn claim(&mut self, end: u64) -> Result<()> {
        if !self.claims.hold_last()? {
            return Err(Error::PartOverwritten { offset: self.offset });
        }
        self.claims.take(end.div_ceil(1 << self.block_shift))
    }

    fn check(&self) -> Result<()> {
        let engine = self.store.engine();
        engine.check()?;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // Written on after the commit, the part would damage the object. The scratch place goes with the commit.
        let scratch = PlaceName { serial: self.scratch_serial, ..self.name };
        let found = engine.tier(self.tier)?.backend.open(scratch, ReadFrom::Anywhere)?;
        found.map(drop).ok_or(Error::PartsNotFound)
    }

    /// Ends the part: its bytes are durable when this returns. `Conflict` when another was written in its place meanwhile.
    pub fn finish(mut self) -> Result<PartReceipt> {
        self.check()?;
        // The digests of the other lie where ours would.
        if !self.claims.hold()? {
            return Err(Error::PartOverwritten { offset: self.offset });
        }
        self.digests.end()?;
        let checksum = self.digests.spill_all()?.checksum;
        self.place.sync()?;
        Ok(PartReceipt {
            name: self.name,
            offset: self.offset,
            length: self.length,
            checksum,
            owner: self.claims.owner(),
            contended: self.claims.contended(),
        })
    }
}

impl PartReceipt {
    /// The receipt as bytes, to be sent to who commits.
    pub fn to_bytes(&self, store: &Store) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::write_head(&mut bytes, RECEIPT_MAGIC, &store.inner.store_id);
        Fields(&mut bytes)
            .u64(self.name.instance)
            .u64(self.name.serial)
            .u64(self.offset)
            .u64(self.length)
            .u64(self.checksum)
            .bytes(&self.owner)
            .u8(self.contended.into())
            .seal(&store.inner.store_id);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(store: &Store, bytes: &[u8]) -> Result<Self> {
        let invalid = |detail| Error::invalid("receipt", detail);
        let sealed = wire::check_seal(bytes, &store.inner.store_id) && bytes.starts_with(&RECEIPT_MAGIC);
        let body = bytes.get(wire::HEAD_LENGTH..bytes.len().saturating_sub(8)).filter(|_| sealed);
        let mut fields = Reader(body.ok_or_else(|| invalid(FOREIGN))?);
        let read = (|| {
            let name = PlaceName { instance: fields.u64()?, serial: fields.u64()?, packed: false };
            let (offset, length, checksum) = (fields.u64()?, fields.u64()?, fields.u64()?);
            let (owner, contended) = (fields.array()?, fields.u8()? != 0);
            fields.is_empty().then_some(Self { name, offset, length, checksum, owner, contended })
        })();
        read.ok_or_else(|| invalid(OTHER_FORM))
    }
}
