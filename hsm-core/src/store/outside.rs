//! The files outside of the store that actions put, adopt and get.
//!
//! A put's new generation is committed together with its action. A get's file has its name before its action is done, in
//! a commit that follows at once: after a crash in between, it is written once more, with the same bytes or those of a
//! later generation. Nobody else of this store makes the file of that name meanwhile.
//!
//! A get whose attempt ended, in whatever way, goes on behind the blocks that it finds in the temporary file and that are
//! the object's by their digests. When it is made no more, that file goes ([`forget`](Carrier::forget)).
//!
//! A put of a large file goes on in the same way: what is written lies on the root of its tier under a key made of object and
//! path, without being a place of a handle, until all of it is there. What an attempt before left is compared with the file,
//! so the file is read anew and nothing depends on what it was then.
//!
//! The store's own directories are not outside.

use std::iter;
use std::path::{Path, PathBuf};

use super::Store;
use super::adopt::let_go;
use super::get::{GetOptions, Reader};
use super::put::PutOptions;
use crate::backend::BegunKey;
use crate::catalog::{ActionQuery, Durability};
use crate::error::{Error, Result};
use crate::file::outside::{Lasting, Source, Target, Turn};
use crate::integrity::{Digest, DigestSet, block_digest};
use crate::migration::{Attendant, Carrier};
use crate::monitor::Watch;
use crate::object::{ActionSpec, ObjectId, TierIndex, Verb};

/// Bytes of a file that a put goes on with: one that is shorter begins again. Hardly any in tests.
const RESUMED_LEN_MIN: u64 = if cfg!(any(test, feature = "testing")) { 1 } else { 16 << 20 };
/// Actions that are looked through together.
const ACTIONS_AT_ONCE: usize = 1000;

/// What is the same of all attempts to put a file into an object, and of no others.
fn begun_key(object: ObjectId, path: &Path) -> BegunKey {
    BegunKey::from_be_bytes(block_digest(&[&object.0, path.as_os_str().as_encoded_bytes()].concat()))
}

impl Carrier for Store {
    fn own_directories(&self) -> Result<Vec<PathBuf>> {
        let engine = self.engine();
        let roots = engine.catalog.tiers()?.into_iter().map(|usage| engine.directory.join(usage.config.root));
        let all = iter::once(engine.directory.clone()).chain(roots);
        Ok(all.filter_map(|path| path.canonicalize().ok()).collect())
    }

    fn carry(
        &self,
        spec: &ActionSpec,
        own_directories: &[PathBuf],
        attendant: &dyn Attendant,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let Some(path) = &spec.path else { return Err(Error::invalid("action", "it has no path")) };
        self.check_is_outside(path, own_directories)?;
        match spec.verb {
            Verb::Get => self.get_outside(path, spec, attendant, watch),
            _ => self.put_outside(path, spec, attendant, watch),
        }
    }

    fn forget(&self, spec: &ActionSpec) {
        let Some(path) = &spec.path else { return };
        match spec.verb {
            Verb::Get => {}
            Verb::Put | Verb::Adopt => return self.forget_begun(spec.target, begun_key(spec.object, path)),
            _ => return,
        }
        let lasting = Lasting::new(path, &self.id());
        if lasting.is_begun()
            && let Ok(turn) = self.turn(&lasting)
        {
            lasting.clear(turn);
        }
    }
}

/// Refuses what lies in the store, in one of its roots, or beside its index: a get would write over it, and to read a file of the
/// index and close it would drop SQLite's locks.
fn check_is_outside(path: &Path, own_directories: &[PathBuf], index: Option<&Path>) -> Result<()> {
    let found: Vec<PathBuf> =
        iter::once(path).chain(path.parent()).filter_map(|path| path.canonicalize().ok()).collect();
    let lies_in = |ours: &&PathBuf| found.iter().any(|path| path.starts_with(ours));
    // A directory of the user's, in which the indexes of several stores may lie, and below which what he likes.
    let index = index.and_then(|index| index.canonicalize().ok());
    let directories = [path.parent().and_then(|path| path.canonicalize().ok()), found_parent(path)]
        .map(Option::unwrap_or_default);
    let lies_beside = |ours: &&PathBuf| directories.contains(ours);
    let ours = own_directories.iter().find(lies_in).or(index.as_ref().filter(lies_beside));
    ours.map_or(Ok(()), |ours| {
        let detail = format!("{} lies in the store itself, in {}", path.display(), ours.display());
        Err(Error::invalid("path", detail))
    })
}

/// The directory of a file, whatever links lead to it.
fn found_parent(path: &Path) -> Option<PathBuf> {
    Some(path.canonicalize().ok()?.parent()?.to_owned())
}

/// Calls `take` with those blocks of an object, from the first on, that attempts before left in the file, whatever else they
/// or others left there.
fn each_kept_block(
    target: &Target,
    reader: &Reader,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (length, mut at, mut block) = (target.len()?, 0, Vec::new());
    while at < reader.size() {
        let end = at.saturating_add(reader.block_size()).min(reader.size());
        if end > length {
            break;
        }
        block.resize((end - at) as usize, 0);
        let read = target.read_at(&mut block, at)?;
        if read < block.len() || reader.block_digest_at(at) != Some(block_digest(&block)) {
            break;
        }
        take(&block)?;
        at = end;
    }
    Ok(())
}

impl Store {
    /// Refuses what is the store's own.
    pub(super) fn check_is_outside(&self, path: &Path, own_directories: &[PathBuf]) -> Result<()> {
        check_is_outside(path, own_directories, self.inner.index_directory.as_deref())
    }

    /// Keeps all others of this store from writing a file outside.
    fn turn(&self, lasting: &Lasting) -> Result<Turn> {
        let engine = self.engine();
        let turn = engine.lock.take_spot(&*engine.disk, lasting.spot()?)?;
        turn.ok_or_else(|| lasting.is_written())
    }

    /// Keeps all others of this store from going on with a put. `None`: another one does.
    fn begun_turn(&self, key: BegunKey) -> Result<Option<Turn>> {
        let engine = self.engine();
        engine.lock.take_spot(&*engine.disk, key as u64)
    }

    /// Removes what was left of a put that is made no more. What cannot be removed now is by [`maintain`](Self::maintain).
    fn forget_begun(&self, tier: TierIndex, key: BegunKey) {
        let engine = self.engine();
        let Ok(tier) = engine.tier(tier) else { return };
        if tier.backend.all_begun().is_ok_and(|left| left.contains(&key))
            && let Ok(Some(_turn)) = self.begun_turn(key)
        {
            let _ = engine.check_is_ours(&tier).and_then(|_held| tier.backend.remove_begun(key));
        }
    }

    /// Removes what was left of puts of which no action is left that would go on with them.
    pub(super) fn forget_left_begun(&self) -> Result<()> {
        let engine = self.engine();
        let mut left: Vec<(TierIndex, BegunKey)> = Vec::new();
        for tier in engine.tiers.all() {
            // Of a root that is out of reach, later.
            let keys = tier.backend.all_begun().unwrap_or_default();
            left.extend(keys.into_iter().map(|key| (tier.index(), key)));
        }
        let wanted = ActionQuery { unfinished: true, ..ActionQuery::default() };
        let mut after = 0;
        while !left.is_empty() {
            let page = engine.catalog.actions(&wanted, after, ACTIONS_AT_ONCE)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for spec in page.iter().map(|action| &action.spec).filter(|spec| spec.verb.is_outside()) {
                let key = spec.path.as_ref().map(|path| begun_key(spec.object, path));
                left.retain(|(tier, left)| (*tier, Some(*left)) != (spec.target, key));
            }
        }
        for (tier, key) in left {
            self.forget_begun(tier, key);
        }
        Ok(())
    }

    fn put_outside(
        &self,
        path: &Path,
        spec: &ActionSpec,
        attendant: &dyn Attendant,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let source = Source::open(path)?;
        let options = PutOptions {
            id: Some(spec.object),
            tier: Some(spec.target),
            expected: spec.expected.clone(),
            durability: Durability::Durable,
            ..PutOptions::default()
        };
        let adoption = (spec.verb == Verb::Adopt).then_some(spec.adoption);
        let key = (source.len() >= RESUMED_LEN_MIN).then(|| begun_key(spec.object, path));
        // Where another attempt has its turn, this one goes its own way.
        let turn = key.map_or(Ok(None), |key| self.begun_turn(key))?;
        let begun = key.filter(|_| turn.is_some());
        watch.expect(1, source.len());
        let (writer, _) =
            watch.on(&[spec.target], |watch| self.take_file(&source, adoption, begun, &options, watch))?;
        let remove = adoption.is_some_and(|adoption| adoption.remove_source);
        writer.commit_with(Some(attendant), remove.then_some(watch))?;
        if remove {
            // The action is done: what hinders this is told to nobody, and the file is left.
            let _ = let_go(&source);
        }
        Ok(())
    }

    fn get_outside(
        &self,
        path: &Path,
        spec: &ActionSpec,
        attendant: &dyn Attendant,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let lasting = Lasting::new(path, &self.id());
        let turn = self.turn(&lasting)?;
        let target = lasting.go_on(turn)?;
        let mut reader = self.reader(spec.object, &GetOptions { tier: spec.source })?;
        watch.expect(1, reader.size());
        let mut digests = DigestSet::new(spec.expected.iter().map(Digest::algorithm));
        let mut at = 0;
        each_kept_block(&target, &reader, &mut |block| {
            digests.update(block);
            at += block.len() as u64;
            watch.bytes(block.len() as u64)
        })?;
        target.cut(at)?;
        watch.on(&[reader.tier()], |watch| {
            reader.each_run_watched(at, watch, &mut |bytes| {
                target.write_at(bytes, at)?;
                digests.update(bytes);
                at += bytes.len() as u64;
                Ok(())
            })
        })?;
        digests.check(&spec.expected)?;
        target.finish(|| attendant.begins(spec.object)) // Who called it off meanwhile wants no file.
    }
}
