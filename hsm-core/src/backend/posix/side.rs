//! Side files of a root: `snapshots/` below it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Bucket, PosixBackend, PosixPlace, Spent};
use crate::backend::side::{check_side_name, is_side_name};
use crate::backend::{Backend as _, PlaceReader, PlaceWriter, ReadFrom};
use crate::error::{Error, IoContext, Result};
use crate::file::{self, FileKind, Mode};

/// The directory of side files below a root.
pub(super) const SIDE: &str = "snapshots";

impl PosixBackend {
    fn side_directory(&self) -> PathBuf {
        self.root.join(SIDE)
    }

    /// The path of a side file that is to be written, in a directory whose name is durable.
    fn new_side(&self, name: &str) -> Result<PathBuf> {
        check_side_name(name)?;
        self.check_root()?;
        let directory = self.side_directory();
        match self.disk.create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create the directory", &directory, &error));
            }
            // Also when it was there: who made it may have failed to sync it.
            _ => {
                file::sync_parent(&*self.disk, &directory).context("sync the directory above", &directory)?;
            }
        }
        Ok(directory.join(name))
    }

    pub(super) fn make_side(&self, name: &str) -> Result<Arc<dyn PlaceWriter>> {
        let path = self.new_side(name)?;
        let file = match self.disk.open(&path, Mode::Create) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::Exists { what: format!("side file {}", path.display()) });
            }
            opened => opened.context("create", &path)?,
        };
        let bucket = Bucket { path: self.side_directory(), spent: Spent::default() };
        Ok(self.writer(path, file, Arc::new(bucket)))
    }

    pub(super) fn write_side(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.new_side(name)?;
        file::write_whole(&*self.disk, &path, bytes).context("write", &path)
    }

    pub(super) fn read_side(&self, name: &str, from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        let path = self.side_directory().join(name);
        let mode = if from == ReadFrom::Medium { Mode::ReadMedium } else { Mode::Read };
        match self.disk.open(&path, mode) {
            Ok(file) => {
                let (disk, named) = (self.disk.clone(), Mutex::new(true));
                Ok(Some(Arc::new(PosixPlace { disk, path, file, bucket: None, named })))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(None),
            Err(error) => Err(Error::io("open", &path, &error)),
        }
    }

    pub(super) fn list_sides(&self) -> Result<Vec<(String, u64)>> {
        let directory = self.side_directory();
        let mut sides = Vec::new();
        for (name, kind) in self.list(&directory)? {
            if kind != FileKind::File || !is_side_name(&name) {
                continue;
            }
            match self.disk.metadata(&directory.join(&name)) {
                Ok(metadata) => sides.push((name, metadata.len)),
                // Removed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("look at", &directory.join(&name), &error)),
            }
        }
        Ok(sides)
    }

    pub(super) fn delete_sides(&self, names: &[String]) -> Result<()> {
        let directory = self.side_directory();
        for name in names {
            let path = directory.join(name);
            match self.disk.remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(())?,
                removed => removed.context("remove", &path)?,
            }
        }
        match self.disk.sync_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(()),
            synced => synced.context("sync", &directory),
        }
    }

    /// Removes all side files and their directory, unless others put something there.
    pub(super) fn clear_sides(&self) -> Result<()> {
        let names: Vec<String> = self.list_sides()?.into_iter().map(|(name, _)| name).collect();
        if !names.is_empty() {
            self.delete_sides(&names)?;
        }
        self.remove_dir_if_empty(&self.side_directory())
    }
}
