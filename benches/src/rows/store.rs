//! A store of ours that lives for a round, or for all rounds of a row.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::filesystem;
use crate::ours::Ours;

/// Where our store lies, and the store while it is open.
pub(super) struct StoreInDir {
    dir: PathBuf,
    store: Option<Ours>,
}

impl StoreInDir {
    /// Nothing is created before [`open`](Self::open).
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, store: None }
    }

    /// Opens the store, and creates it the first time; does nothing while it is open.
    pub(super) fn open(&mut self) -> Result<()> {
        if self.store.is_none() {
            self.store = Some(Ours::open_or_create(&self.dir)?);
        }
        Ok(())
    }

    /// The store.
    pub(super) fn get(&self) -> Result<&Ours> {
        self.store.as_ref().ok_or_else(|| Error::new("use our store", "it is not open"))
    }

    /// Where a tier of the open store keeps its bytes.
    pub(super) fn tier_root(&self, tier: u8) -> Result<PathBuf> {
        Ok(self.dir.join(self.get()?.tier_root(tier)?))
    }

    /// Closes the store; it can be opened again.
    pub(super) fn close(&mut self) -> Result<()> {
        self.store.take().map_or(Ok(()), Ours::close)
    }

    /// Closes the store and removes it.
    pub(super) fn remove(&mut self) -> Result<()> {
        self.close()?;
        filesystem::remove_dir(&self.dir)
    }
}
