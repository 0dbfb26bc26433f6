//! A directory outside of the store that many files are written into: each is there whole or not at all, and none
//! lies outside of the directory, whatever its name says.
//!
//! Files are written under temporary names, many are synced at once (`syncfs` of each file system that they lie on), and
//! then they get their names. The way to a file is walked directory by directory from the one that was opened, and no
//! symbolic link is followed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, syncfs, unlinkat};

const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW);
/// Longest name of a file on Linux.
const NAME_LENGTH_MAX: usize = 255;

/// The directory. It and those in it are made when they are missing.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    path: PathBuf,
    /// A directory on each other file system that was met below it: `syncfs` ends at a mount.
    others: BTreeMap<u64, OwnedFd>,
    device: u64,
    /// The directory that was used last: files come in the order in which they were put, so it is mostly the next too.
    last: Option<(Vec<u8>, OwnedFd)>,
    /// What the temporary names of this call begin with.
    stem: String,
    made: u64,
}

/// A file that is there under a temporary name. It is to be handed back to [`Tree::settle`] or [`Tree::discard`].
#[derive(Debug)]
pub(crate) struct NewFile {
    name: Vec<u8>,
    temporary: String,
    file: Option<File>,
}

impl NewFile {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    /// Nothing more will be written. Many such files need no descriptor.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }
}

impl Tree {
    /// `stem` is unique to this call.
    pub(crate) fn open(path: PathBuf, stem: String) -> io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        let root = openat(
            nix::fcntl::AT_FDCWD,
            &path,
            DIRECTORY.difference(OFlag::O_NOFOLLOW) | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        let device = fstat(&root)?.st_dev;
        Ok(Self { root, path, others: BTreeMap::new(), device, last: None, stem, made: 0 })
    }

    /// Begins a file.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a name that is no path below the directory.
    pub(crate) fn create(&mut self, name: &[u8]) -> io::Result<NewFile> {
        let (directory, _) = split(name)?;
        self.made += 1;
        let temporary = format!(".{}-{}.new", self.stem, self.made);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let within = self.directory(directory)?;
        let file = openat(within, temporary.as_str(), flags, Mode::from_bits_truncate(0o666))?;
        Ok(NewFile { name: name.to_vec(), temporary, file: Some(File::from(file)) })
    }

    /// Syncs files, and gives them their names, over what was there. Answers for each.
    pub(crate) fn settle(&mut self, files: Vec<NewFile>) -> Vec<io::Result<()>> {
        if let Err(error) = self.sync() {
            let failed = |file| {
                self.discard(&file);
                Err(io::Error::from(error.kind()))
            };
            return files.into_iter().map(failed).collect();
        }
        files.into_iter().map(|file| self.name(&file)).collect()
    }

    /// Everything in the directory is on the medium when this returns.
    pub(crate) fn sync(&self) -> io::Result<()> {
        for directory in std::iter::once(&self.root).chain(self.others.values()) {
            syncfs(directory.as_fd())?;
        }
        Ok(())
    }

    /// Removes a file that has no name yet, as far as that is possible.
    pub(crate) fn discard(&mut self, file: &NewFile) {
        let Ok((directory, _)) = split(&file.name) else { return };
        if let Ok(within) = self.directory(directory) {
            let _ = unlinkat(within, file.temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }

    /// Where a file of this name lies.
    pub(crate) fn path(&self, name: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.path.join(std::ffi::OsStr::from_bytes(name))
    }

    fn name(&mut self, file: &NewFile) -> io::Result<()> {
        let (directory, name) = split(&file.name)?;
        let within = self.directory(directory)?;
        let named = renameat(within, file.temporary.as_str(), within, name);
        if named.is_err() {
            let _ = unlinkat(within, file.temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        Ok(named?)
    }

    /// A directory below the root, made where it is missing.
    fn directory(&mut self, directory: &[u8]) -> io::Result<BorrowedFd<'_>> {
        if directory.is_empty() {
            return Ok(self.root.as_fd());
        }
        if self.last.as_ref().is_none_or(|(known, _)| known != directory) {
            let mut at = self.root.try_clone()?;
            for part in directory.split(|byte| *byte == b'/') {
                at = match openat(&at, part, DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) {
                    Err(Errno::ENOENT) => {
                        match mkdirat(&at, part, Mode::from_bits_truncate(0o777)) {
                            Ok(()) | Err(Errno::EEXIST) => {}
                            Err(error) => return Err(error.into()),
                        }
                        openat(&at, part, DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?
                    }
                    opened => opened?,
                };
            }
            let device = fstat(&at)?.st_dev;
            if device != self.device && !self.others.contains_key(&device) {
                self.others.insert(device, at.try_clone()?);
            }
            self.last = Some((directory.to_vec(), at));
        }
        Ok(self.last.as_ref().map_or(self.root.as_fd(), |(_, last)| last.as_fd()))
    }
}

/// The directory and the last part of a name, where that is a path below a directory.
fn split(name: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let is_part = |part: &[u8]| {
        !part.is_empty()
            && part != b"."
            && part != b".."
            && part.len() <= NAME_LENGTH_MAX
            && !part.contains(&0)
    };
    if !name.split(|byte| *byte == b'/').all(is_part) {
        let detail = "it is no path below a directory: each of its parts must be a name of a file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, detail));
    }
    let slash = name.iter().rposition(|byte| *byte == b'/');
    Ok(slash.map_or((&[][..], name), |slash| (&name[..slash], &name[slash + 1..])))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn tree(scratch: &Path) -> Tree {
        Tree::open(scratch.join("tree"), "call".to_owned()).unwrap()
    }

    fn put(tree: &mut Tree, name: &[u8], bytes: &[u8]) -> io::Result<()> {
        let mut file = tree.create(name)?;
        file.write(bytes).unwrap();
        tree.settle(vec![file]).remove(0)
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_replaces_what_was_there() {
        let scratch = tempfile::tempdir().unwrap();
        let mut tree = tree(scratch.path());
        put(&mut tree, b"a/b/c", b"first").unwrap();
        let mut file = tree.create(b"a/b/c").unwrap();
        file.write(b"second").unwrap();
        let path = scratch.path().join("tree/a/b");
        assert_eq!(std::fs::read(path.join("c")).unwrap(), b"first");
        assert!(tree.settle(vec![file]).iter().all(Result::is_ok));
        assert_eq!(std::fs::read(path.join("c")).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 1, "no temporary name is left");
    }

    #[test]
    fn a_file_behind_a_mount_is_synced_with_its_own_file_system() {
        use std::os::unix::fs::MetadataExt as _;

        let Ok(scratch) = tempfile::tempdir_in("/dev/shm") else { return };
        let device = std::fs::metadata(scratch.path()).unwrap().dev();
        if std::fs::metadata("/").unwrap().dev() == device {
            return; // Nothing is mounted there.
        }
        let mut tree = Tree::open("/".into(), "call".to_owned()).unwrap();
        let name = scratch.path().join("new/file").to_str().unwrap()[1..].to_owned();
        put(&mut tree, name.as_bytes(), b"x").unwrap();
        assert_eq!(tree.others.keys().collect::<Vec<_>>(), [&device]);
        assert_eq!(std::fs::read(scratch.path().join("new/file")).unwrap(), b"x");
        let mut below = Tree::open(scratch.path().to_owned(), "call".to_owned()).unwrap();
        put(&mut below, b"other", b"x").unwrap();
        assert!(below.others.is_empty());
    }

    #[test]
    fn a_file_that_is_discarded_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let mut tree = tree(scratch.path());
        let file = tree.create(b"half").unwrap();
        tree.discard(&file);
        assert_eq!(std::fs::read_dir(scratch.path().join("tree")).unwrap().count(), 0);
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let mut tree = tree(scratch.path());
        let long = [b'x'; NAME_LENGTH_MAX + 1];
        for name in [&b""[..], b"/a", b"a/", b"a//b", b"..", b"a/../../b", b"./a", b"a\0b", &long] {
            assert_eq!(
                put(&mut tree, name, b"x").unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{name:?}"
            );
        }
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_symbolic_link_on_the_way_is_not_followed_and_one_at_the_end_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let mut tree = tree(scratch.path());
        let outside = scratch.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), b"theirs").unwrap();
        let within = scratch.path().join("tree");
        std::os::unix::fs::symlink(&outside, within.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.join("file"), within.join("file")).unwrap();
        assert!(put(&mut tree, b"link/file", b"mine").is_err());
        put(&mut tree, b"file", b"mine").unwrap();
        assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"theirs");
        assert_eq!(std::fs::read(within.join("file")).unwrap(), b"mine");
    }

    #[test]
    fn a_file_where_a_directory_is_fails_and_leaves_it() {
        let scratch = tempfile::tempdir().unwrap();
        let mut tree = tree(scratch.path());
        put(&mut tree, b"a/b", b"x").unwrap();
        assert!(put(&mut tree, b"a", b"x").is_err());
        assert!(put(&mut tree, b"a/b/c", b"x").is_err());
        assert_eq!(std::fs::read(scratch.path().join("tree/a/b")).unwrap(), b"x");
        assert_eq!(std::fs::read_dir(scratch.path().join("tree")).unwrap().count(), 1);
    }
}
