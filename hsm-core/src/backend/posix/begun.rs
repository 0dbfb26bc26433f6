//! Begun places of a root: `begun/<key>.new` below it, until each is given the name of a place.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::PosixBackend;
use super::place::PosixPlace;
use crate::backend::{Backend as _, Begun, BegunKey, PlaceName, PlaceWriter};
use crate::error::{Error, IoContext, Result};
use crate::file::{FileKind, Mode};

/// The directory of begun places below a root.
const BEGUN: &str = "begun";

impl PosixBackend {
    fn begun_directory(&self) -> PathBuf {
        self.root.join(BEGUN)
    }

    fn begun_path(&self, key: BegunKey) -> PathBuf {
        self.begun_directory().join(format!("{key:032x}.new"))
    }

    pub(super) fn open_begun(&self, key: BegunKey) -> Result<Begun> {
        self.check_root()?;
        let (directory, path) = (self.begun_directory(), self.begun_path(key));
        match self.disk.create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create the directory", &directory, &error));
            }
            _ => {} // Its name need not survive a power loss, and neither need those in it.
        }
        let file = match self.disk.open(&path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.disk.open(&path, Mode::Create),
            opened => opened,
        };
        let file = file.context("open", &path)?;
        let found = self.disk.open(&path, Mode::ReadMedium).context("open", &path)?;
        let place = |file, path| {
            let disk = self.disk.clone();
            // Its name is not synced: nothing refers to it.
            Arc::new(PosixPlace { disk, path, file, bucket: None, named: Mutex::new(true) })
        };
        Ok(Begun { place: place(file, path.clone()), found: place(found, path) })
    }

    pub(super) fn rename_begun(&self, key: BegunKey, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        let (from, to) = (self.begun_path(key), self.path(name));
        let bucket = self.bucket_of(&to)?;
        self.disk.rename(&from, &to).context("give its place to", &from)?;
        // Before anything refers to the place: whoever found the old name would write into it.
        let directory = self.begun_directory();
        self.disk.sync_dir(&directory).context("sync what is begun in", &directory)?;
        let file = self.disk.open(&to, Mode::Write).context("open", &to)?;
        Ok(self.writer(to, file, bucket))
    }

    pub(super) fn list_begun(&self) -> Result<Vec<BegunKey>> {
        let key_of = |name: &str| {
            let digits = name.strip_suffix(".new")?;
            let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let is_key = digits.len() == 32 && digits.bytes().all(is_hex);
            is_key.then(|| BegunKey::from_str_radix(digits, 16).ok())?
        };
        let listed = self.list(&self.begun_directory())?;
        let files = listed.iter().filter(|(_, kind)| *kind == FileKind::File);
        Ok(files.filter_map(|(name, _)| key_of(name)).collect())
    }

    pub(super) fn delete_begun(&self, key: BegunKey) -> Result<()> {
        let path = self.begun_path(key);
        match self.disk.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.context("remove", &path),
        }
    }

    /// Removes all begun places and their directory, unless others put something there.
    pub(super) fn clear_begun(&self) -> Result<()> {
        self.list_begun()?.into_iter().try_for_each(|key| self.delete_begun(key))?;
        self.remove_dir_if_empty(&self.begun_directory())
    }
}
