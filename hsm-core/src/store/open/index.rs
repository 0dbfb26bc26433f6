//! Where the index of a store lies, and that all handles of it agree on that.

use std::path::PathBuf;

use super::Opening;
use crate::catalog::embedded::IndexPlace;
use crate::error::{Error, IoContext as _, Result};
use crate::file::{self, OsDisk};
use crate::journal::queue::LockFile;
use crate::object::ObjectId;

impl Opening<'_> {
    pub(super) fn index_place(&self, id: &[u8; 16]) -> Result<IndexPlace> {
        if self.options.index_in_memory {
            return Ok(IndexPlace::Memory);
        }
        let directory = self.index_directory()?;
        // A directory of the user's may hold the indexes of several stores.
        let name = match &self.options.index_directory {
            Some(_) => format!("index-{}.db", ObjectId(*id)),
            None => "index.db".to_owned(),
        };
        Ok(IndexPlace::File(directory.join(name)))
    }

    fn index_directory(&self) -> Result<PathBuf> {
        if let Some(directory) = &self.options.index_directory {
            return Ok(directory.clone());
        }
        let directory = self.directory.join("index");
        file::create_dirs(&*self.disk, &self.directory, &directory).context("create", &directory)?;
        Ok(directory)
    }

    /// Refuses another index than that of the handles inside: each index says where the journal goes on, and the
    /// writers of two would write over each other's changes.
    pub(super) fn check_index(&self, lock: &LockFile, alone: bool) -> Result<()> {
        let ours = self.index_mark()?;
        if alone {
            return lock.note_index(ours);
        }
        match lock.index()? {
            0 => Ok(()),
            theirs if theirs == ours => Ok(()),
            _ => {
                let detail = "others have the store open with its index elsewhere; name the same directory";
                Err(Error::invalid("index directory", detail))
            }
        }
    }

    /// Tells directories apart, whatever path leads to them; 0 for an index in memory, whose handle is alone.
    pub(super) fn index_mark(&self) -> Result<u64> {
        if self.options.index_in_memory {
            return Ok(0);
        }
        let directory = self.index_directory()?;
        let (device, inode) = OsDisk::new().identity(&directory).context("look at", &directory)?;
        let mark = inode.rotate_left(32) ^ device;
        // In a directory that was named the file has another name, also in the store's own.
        Ok(if self.options.index_directory.is_some() { !mark } else { mark }.max(1))
    }
}
