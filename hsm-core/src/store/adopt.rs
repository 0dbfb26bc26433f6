//! Adopting a file where it lies: its bytes become an object's, shared by the file system and not copied.
//!
//! An object file begins with the bytes of the object (`docs/format.md`, section 9.1), so a place that shares all bytes of a
//! file needs its digests and its tail alone. The digests are those of the place, not of the file. From there on it is a
//! put like any other: what is committed does not depend on the file. One that is to be removed is let go last, and its object
//! was read back from the medium before it was committed.

use std::path::Path;

use super::Store;
use super::put::{Put, PutOptions, RUN_LEN, Resolved, Writer};
use crate::backend::{BegunKey, ReadFrom};
use crate::catalog::Durability;
use crate::engine::Engine;
use crate::error::{Error, IoContext as _, Result};
use crate::file::outside::Source;
use crate::journal::Change;
use crate::migration::Carrier as _;
use crate::monitor::{Phase, Watch};
use crate::object::{Adoption, SIZE_MAX};
use crate::tier::{CopyReader, Wanted};

/// What an adoption did.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// The object.
    pub put: Put,
    /// Whether its bytes are shared with the file; else they were copied.
    pub shared: bool,
    /// Whether the file was removed.
    pub source_removed: bool,
    /// Why it is still there, though it should have been removed.
    pub source_left: Option<Error>,
}

impl Store {
    /// Adopts the file at `path`: it becomes an object, new or the next generation of the one that `options` name, whose
    /// bytes it shares on the medium. Each is read once, for the digests. On an error nothing changed.
    ///
    /// # Errors
    ///
    /// `Unsupported` where bytes cannot be shared and must not be copied; `Io` for a file that is changed meanwhile; `Invalid`
    /// for what lies in the store itself, and for a file that is to be removed in favour of a relaxed put or a tier in
    /// memory; and those of [`put`](Self::put).
    pub fn adopt_path(
        &self,
        path: impl AsRef<Path>,
        adoption: Adoption,
        options: &PutOptions,
    ) -> Result<Adopted> {
        let path = path.as_ref();
        let path = std::path::absolute(path).context("find", path)?;
        self.check_is_outside(&path, &self.own_directories()?)?;
        let source = Source::open(&path)?;
        let mut watch = self.watch(Phase::Put, 1, source.len());
        watch.check()?;
        let (writer, shared) = self.take_file(&source, Some(adoption), None, options, &mut watch)?;
        let remove = adoption.remove_source;
        let put = writer.commit_with(None, remove.then_some(&mut watch))?;
        watch.done(1);
        let source_left = if remove { let_go(&source).err() } else { None };
        let source_removed = remove && source_left.is_none();
        Ok(Adopted { put, shared, source_removed, source_left })
    }

    /// Takes all bytes of a file, which may be adopted. Those that are copied may go on with what was `begun`. Says whether they
    /// are shared with the file.
    pub(super) fn take_file(
        &self,
        source: &Source,
        adoption: Option<Adoption>,
        begun: Option<BegunKey>,
        options: &PutOptions,
        watch: &mut Watch<'_>,
    ) -> Result<(Writer, bool)> {
        // What is shared takes no room.
        let size_hint = if adoption.is_none() { source.len() } else { 0 };
        let mut writer = self.writer(&PutOptions { size_hint, ..options.clone() })?;
        let mut shared = false;
        if let Some(adoption) = adoption {
            check_removal(adoption, options, &writer)?;
            shared = share(&mut writer, source, adoption)?;
        }
        if let Some(key) = begun.filter(|_| !shared && !writer.copy.packs(source.len())) {
            writer.copy.go_on(key)?;
        }
        let mut buffer = vec![0; RUN_LEN];
        loop {
            if shared {
                let read = writer.copy.take_in(&mut buffer)?;
                if read == 0 {
                    break;
                }
                writer.digests.update(&buffer[..read]);
                watch.bytes(read as u64)?;
            } else {
                let read = source.read_at(&mut buffer, writer.len())?;
                if read == 0 {
                    break;
                }
                writer.add_watched(&buffer[..read], watch)?;
            }
        }
        source.check_unchanged()?;
        watch.check()?;
        Ok((writer, shared))
    }
}

/// Removes a file that was adopted. The object is committed, on the medium, and was read back from there.
pub(super) fn let_go(source: &Source) -> Result<()> {
    if source.remove()? {
        return Ok(());
    }
    Err(Error::Conflict { what: "the file that was adopted".to_owned() })
}

/// Reads the copy of a put, which is about to be committed, back from the medium.
pub(super) fn read_back(
    engine: &Engine,
    resolved: &Resolved,
    change: &mut Change,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let Change::Put { object: id, generation, content: Some(content), copies, .. } = change else {
        return Ok(());
    };
    watch.phase(Phase::Verify);
    let wanted = Wanted { id: *id, generation: *generation, content };
    for copy in copies {
        let Some(reader) = CopyReader::open(&engine.tiers, &wanted, copy, ReadFrom::Medium)? else {
            let detail = "the new copy cannot be found on the medium".to_owned();
            return Err(Error::Corrupt { id: resolved.id, tier: copy.tier, offset: 0, detail });
        };
        watch.on(&[copy.tier], |watch| reader.verify(watch))?;
        copy.verified_ns = 1; // The time is the group's.
    }
    Ok(())
}

/// Refuses to remove a file whose object may be lost with the power, or with the process.
fn check_removal(adoption: Adoption, options: &PutOptions, writer: &Writer) -> Result<()> {
    let tier = writer.copy.tier();
    let is_safe = options.durability == Durability::Durable && tier.backend.capabilities().durable;
    if adoption.remove_source && !is_safe {
        let detail = "a file is removed only in favour of an object that is durable, on a disk";
        return Err(Error::invalid("adoption", detail));
    }
    Ok(())
}

/// Shares the bytes of a file with the object, if that can be and is worth it. `false`: they are to be copied.
fn share(writer: &mut Writer, source: &Source, adoption: Adoption) -> Result<bool> {
    let len = source.len();
    if len > SIZE_MAX {
        return Err(Error::invalid("size", "an object has at most 2^63 - 1 bytes"));
    }
    if writer.copy.packs(len) {
        return Ok(false);
    }
    match writer.copy.share(source.file()) {
        Ok(()) => Ok(true),
        Err(Error::Unsupported { .. }) if adoption.copy_allowed => {
            writer.copy.tier().check_writable(len)?;
            Ok(false)
        }
        Err(Error::Unsupported { what: why }) => {
            let (path, tier) = (source.path().display(), writer.copy.tier().index());
            let what = format!(
                "to adopt {path} on tier {tier} without copying it, since it {why}; allow it to be copied, or put it"
            );
            Err(Error::Unsupported { what })
        }
        Err(error) => Err(error),
    }
}
