//! Our side of every row: a store with its default settings, behind the few operations that rows time.
//!
//! Everything a put writes is durable when it returns. Dropping the value closes the store; its directory is
//! removed by whoever created it.

use std::io::Read;
use std::path::{Path, PathBuf};

use hsm_core::object::ObjectId;
use hsm_core::{Durability, GetOptions, PutOptions, Store, StoreOptions};

use crate::error::{Context, Error, Result};

/// A store, open.
pub(crate) struct Ours(Store);

impl Ours {
    /// Creates a store in a directory that does not exist yet and opens it.
    pub(crate) fn create(dir: &Path) -> Result<Self> {
        Self::open_with(dir, &StoreOptions::new().create_new(true))
    }

    /// Opens the store in a directory.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        Self::open_with(dir, &StoreOptions::new().create(false))
    }

    /// Opens the store in a directory, and creates both where there is none yet.
    pub(crate) fn open_or_create(dir: &Path) -> Result<Self> {
        Self::open_with(dir, &StoreOptions::new())
    }

    fn open_with(dir: &Path, options: &StoreOptions) -> Result<Self> {
        let store = Store::open(dir, options).context(|| format!("open a store in {}", dir.display()))?;
        Ok(Self(store))
    }

    /// The store itself, for what is not timed.
    pub(crate) fn store(&self) -> &Store {
        &self.0
    }

    /// Puts the content of the file at `path` as one object.
    pub(crate) fn put_path(&self, path: &Path) -> Result<ObjectId> {
        let put = self.0.put_path(path, 0, None, &PutOptions::default());
        Ok(put.context(|| format!("put {}", path.display()))?.id)
    }

    /// Reads object `id` to its end through `buffer` and returns its length in bytes.
    pub(crate) fn read_all(&self, id: ObjectId, buffer: &mut [u8]) -> Result<u64> {
        let action = || "read an object".to_owned();
        let mut reader = self.0.reader(id, &GetOptions::default()).context(action)?;
        let mut read_bytes = 0;
        loop {
            match reader.read(buffer).context(action)? {
                0 => return Ok(read_bytes),
                length => read_bytes += length as u64,
            }
        }
    }

    /// Reads a small object in one call and returns its length in bytes.
    pub(crate) fn get_small(&self, id: ObjectId) -> Result<u64> {
        Ok(self.0.get(id).context(|| "get a small object".into())?.len() as u64)
    }

    /// Reads many small objects in one call and returns their length in bytes, all together.
    pub(crate) fn get_many(&self, ids: &[ObjectId]) -> Result<u64> {
        let mut read_bytes = 0;
        let got = self.0.get_many(ids, &GetOptions::default(), &mut |delivery| {
            read_bytes += delivery.bytes.map_err(Clone::clone)?.len() as u64;
            Ok(())
        });
        got.context(|| "get many small objects".into())?;
        Ok(read_bytes)
    }

    /// Puts one small object.
    pub(crate) fn put_small(&self, payload: &[u8]) -> Result<()> {
        self.0.put(payload, &PutOptions::default()).context(|| "put a small object".into())?;
        Ok(())
    }

    /// Puts each payload as an object of its own, all of them in one durable batch.
    pub(crate) fn put_batch(&self, payloads: &[&[u8]]) -> Result<Vec<ObjectId>> {
        let default = PutOptions::default();
        self.put_batch_with(payloads.iter().map(|payload| (*payload, &default)))
    }

    /// Puts each payload with options of its own, all of them in one durable batch.
    pub(crate) fn put_batch_with<'a, O: std::borrow::Borrow<PutOptions>>(
        &self,
        puts: impl IntoIterator<Item = (&'a [u8], O)>,
    ) -> Result<Vec<ObjectId>> {
        let action = || "put a batch".to_owned();
        let mut batch = self.0.batch(true, Durability::Durable);
        for (payload, options) in puts {
            batch.put(payload, options.borrow()).context(action)?;
        }
        let answers = batch.commit().context(action)?;
        answers.into_iter().map(|answer| Ok(answer.context(action)?.id)).collect()
    }

    /// Moves objects from the hottest tier to the next.
    pub(crate) fn move_to_next_tier(&self, ids: &[ObjectId]) -> Result<()> {
        let action = || "move objects".to_owned();
        for answer in self.0.move_many(ids, 0, 1).context(action)? {
            if answer.context(action)?.is_none() {
                return Err(Error::new(action(), "one was there already"));
            }
        }
        Ok(())
    }

    /// Where `tier` keeps its bytes: an absolute path, or one from the store's directory.
    pub(crate) fn tier_root(&self, tier: u8) -> Result<PathBuf> {
        Ok(self.0.tier(tier).context(|| format!("look at tier {tier}"))?.config.root.into())
    }

    /// Closes the store. Dropping it does the same, and does not tell of what went wrong.
    pub(crate) fn close(self) -> Result<()> {
        self.0.close().context(|| "close the store".into())
    }

    /// How many objects have a copy on `tier`.
    pub(crate) fn objects_on(&self, tier: u8) -> Result<u64> {
        Ok(self.0.tier(tier).context(|| format!("look at tier {tier}"))?.objects)
    }
}
