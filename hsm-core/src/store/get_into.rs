//! Reading many objects into the files of a directory: a bulk read whose target is a [`Tree`].

use std::path::Path;

use super::Store;
use super::get::GetOptions;
use super::get_many::Delivery;
use crate::catalog::Query;
use crate::error::{Error, IoContext as _, Result};
use crate::file::tree::{NewFile, Tree};
use crate::object::ObjectId;

/// Files that are synced together.
const FILES_AT_ONCE: usize = 1000;
/// About how many bytes they have together, at most.
const BYTES_AT_ONCE: u64 = 256 << 20;

/// What came of reading many objects into a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GotInto {
    /// Files that were written.
    pub files: u64,
    /// Their length in bytes, together.
    pub bytes: u64,
    /// Objects that could not be read, or whose file could not be written: the caller was told of each.
    pub failed: u64,
}

/// An object that did not become a file.
#[derive(Debug)]
pub struct NotGot<'a> {
    /// Which: its position in the list of ids, or in the listing.
    pub index: u64,
    /// The object.
    pub id: ObjectId,
    /// The key that the listing has it under; empty outside a dataset.
    pub key: &'a [u8],
    /// Why.
    pub error: &'a Error,
}

/// Told of each object that did not become a file; an error stops the whole call.
type Failed<'a> = dyn FnMut(NotGot<'_>) -> Result<()> + 'a;

impl Store {
    /// Reads many objects, each into a file of `directory` that is named after its id, as
    /// [`get_many`](Self::get_many) reads them. See [`get_all_into`](Self::get_all_into).
    pub fn get_many_into(
        &self,
        ids: &[ObjectId],
        directory: impl AsRef<Path>,
        options: &GetOptions,
        failed: &mut dyn FnMut(NotGot<'_>) -> Result<()>,
    ) -> Result<GotInto> {
        self.engine().check()?;
        let mut filling = Filling::new(self, directory.as_ref(), failed)?;
        let done = self.get_many(ids, options, &mut |delivery| filling.take(&delivery));
        filling.finish(done)
    }

    /// Reads all objects of a listing that have data, each into a file of `directory`: of a dataset under its key, the
    /// parts of which between slashes are directories; outside a dataset under its id. Missing directories are made.
    ///
    /// Each file is there whole or not at all, also after a power loss: files are written under temporary names
    /// (`.<id>-<number>.new`, which a process that is killed leaves), synced, and renamed over what was there. All are on
    /// the medium when this returns. None lies outside of `directory`: a key that is no path below it fails, and
    /// symbolic links on the way are not followed. What else lies in the directory stays.
    ///
    /// An object that cannot be read, or whose file cannot be written, is told to `failed` and disturbs no other.
    ///
    /// # Errors
    ///
    /// `Io` where the directory cannot be made or synced; what `failed` returned, at once; those of
    /// [`get_all`](Self::get_all). Files that were renamed by then stay.
    pub fn get_all_into(
        &self,
        query: &Query,
        directory: impl AsRef<Path>,
        options: &GetOptions,
        failed: &mut dyn FnMut(NotGot<'_>) -> Result<()>,
    ) -> Result<GotInto> {
        self.engine().check()?;
        let mut filling = Filling::new(self, directory.as_ref(), failed)?;
        let done = self.get_all(query, options, &mut |delivery| filling.take(&delivery));
        filling.finish(done)
    }
}

/// An object that was asked for.
struct Which {
    index: u64,
    id: ObjectId,
    key: Vec<u8>,
}

impl Which {
    fn of(delivery: &Delivery<'_>) -> Self {
        Self { index: delivery.index, id: delivery.id, key: delivery.key.to_vec() }
    }

    /// The name of its file.
    fn name(&self) -> Vec<u8> {
        if self.key.is_empty() { self.id.to_string().into_bytes() } else { self.key.clone() }
    }
}

/// A file that is being written, or waits for its name.
struct Pending {
    which: Which,
    size: u64,
    file: NewFile,
}

struct Filling<'a> {
    tree: Tree,
    failed: &'a mut Failed<'a>,
    done: GotInto,
    /// The object whose bytes are coming.
    open: Option<Pending>,
    /// The one that was told of, whose other bytes may still come.
    told: Option<u64>,
    waiting: Vec<Pending>,
    waiting_bytes: u64,
}

impl<'a> Filling<'a> {
    fn new(store: &Store, directory: &Path, failed: &'a mut Failed<'a>) -> Result<Self> {
        let directory = std::path::absolute(directory).context("find", directory)?;
        let tree = Tree::open(directory.clone(), store.new_id().to_string()).context("open", &directory)?;
        Ok(Self {
            tree,
            failed,
            done: GotInto::default(),
            open: None,
            told: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
        })
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<()> {
        if self.told == Some(delivery.index) {
            return Ok(());
        }
        let bytes = match delivery.bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                self.discard_open(); // What came of it before is of no use.
                return self.fail(&Which::of(delivery), error);
            }
        };
        if delivery.offset == 0 {
            let which = Which::of(delivery);
            match self.tree.create(&which.name()) {
                Ok(file) => self.open = Some(Pending { which, size: delivery.size, file }),
                Err(error) => return self.fail_io(&which, "create", &error),
            }
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if let Err(error) = open.file.write(bytes) {
            self.discard_open();
            return self.fail_io(&Which::of(delivery), "write", &error);
        }
        if delivery.offset + bytes.len() as u64 == delivery.size
            && let Some(mut whole) = self.open.take()
        {
            whole.file.close();
            self.waiting_bytes += whole.size;
            self.waiting.push(whole);
            if self.waiting.len() == FILES_AT_ONCE || self.waiting_bytes >= BYTES_AT_ONCE {
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Gives the files that wait their names.
    fn settle(&mut self) -> Result<()> {
        self.waiting_bytes = 0;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (files, told): (Vec<_>, Vec<_>) =
            waiting.map(|Pending { which, size, file }| (file, (which, size))).unzip();
        for ((which, size), settled) in told.into_iter().zip(self.tree.settle(files)) {
            match settled {
                Ok(()) => {
                    self.done.files += 1;
                    self.done.bytes += size;
                }
                Err(error) => self.fail_io(&which, "name", &error)?,
            }
        }
        Ok(())
    }

    fn fail(&mut self, which: &Which, error: &Error) -> Result<()> {
        self.done.failed += 1;
        self.told = Some(which.index);
        (self.failed)(NotGot { index: which.index, id: which.id, key: &which.key, error })
    }

    fn fail_io(&mut self, which: &Which, action: &'static str, error: &std::io::Error) -> Result<()> {
        let error = if error.kind() == std::io::ErrorKind::InvalidInput {
            let key = which.key.escape_ascii();
            Error::invalid(
                "key",
                format!("\"{key}\" is no path below a directory; read the object by its id"),
            )
        } else {
            Error::io(action, &self.tree.path(&which.name()), error)
        };
        self.fail(which, &error)
    }

    fn discard_open(&mut self) {
        if let Some(open) = self.open.take() {
            self.tree.discard(&open.file);
        }
    }

    /// The end of the call. Where it was stopped, what has no name yet is removed.
    fn finish(mut self, done: Result<()>) -> Result<GotInto> {
        self.discard_open();
        if let Err(error) = done {
            self.waiting.into_iter().for_each(|pending| self.tree.discard(&pending.file));
            return Err(error);
        }
        self.settle()?;
        self.tree.sync().context("sync", &self.tree.path(b"."))?;
        Ok(self.done)
    }
}
