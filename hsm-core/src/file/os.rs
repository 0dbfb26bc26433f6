//! The disk of the operating system: [`Disk`] and [`File`] over Linux system calls.
//!
//! Everything here is a thin translation, with three exceptions that carry a rule of their own: a failed sync
//! is remembered (`OsFile::sync_data`), reads past the page cache go through aligned sectors (`direct`), and
//! locks belong to the open file, not to the process, so that closing another descriptor drops nothing.

mod direct;
mod watch;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, PosixFadviseAdvice, fallocate, fcntl, posix_fadvise};
use nix::libc;
use nix::sys::statfs::statfs;
use nix::sys::statvfs::statvfs;

pub(super) use direct::forget_cached;

use super::{Disk, File, FileKind, Metadata, Mode, ProcessIdentity, Space, read_on, write_on};
pub(crate) use watch::Watch;

/// File systems whose files live on another machine, by the number that `statfs` gives them.
/// The numbers are those of `linux/magic.h` and of the file systems' own sources.
const NETWORK_KINDS: [(u32, &str); 13] = [
    (0x6969, "nfs"),
    (0x517B, "smb"),
    (0xFF53_4D42, "cifs"),
    (0xFE53_4D42, "smb2"),
    (0x5346_414F, "afs"),
    (0x6B41_4653, "afs"),
    (0x00C3_6400, "ceph"),
    (0x0BD0_0BD0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x0102_1997, "9p"),
    (0x1983_0326, "beegfs"),
    (0x7375_7245, "coda"),
    (0x0116_1970, "gfs2"),
];

/// Runs that one call writes at most: `IOV_MAX` of Linux.
const RUNS_AT_ONCE: usize = 1024;

/// The file systems of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk {}

impl OsDisk {
    /// Needs nothing and holds nothing.
    pub fn new() -> Self {
        Self {}
    }

    /// Tells a file or directory from every other that is there, whatever path leads to it: its device and its inode.
    pub fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        let found = fs::metadata(path)?;
        Ok((found.dev(), found.ino()))
    }

    /// A file that the caller opened, seen as a file of this layer. It is closed when the last clone of the
    /// answer is dropped.
    pub fn adopt(file: fs::File) -> Arc<dyn File> {
        Arc::new(OsFile { file, sync_failed: AtomicBool::new(false), medium: None })
    }
}

impl Disk for OsDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            Mode::Read => {}
            Mode::ReadMedium => {
                options.custom_flags(OFlag::O_DIRECT.bits());
            }
            Mode::Write => {
                options.write(true);
            }
            Mode::Create => {
                options.write(true).create_new(true);
            }
            Mode::OpenOrCreate => {
                options.write(true).create(true).truncate(false);
            }
        }
        let mut direct = mode == Mode::ReadMedium;
        let file = match options.open(path) {
            // A file system without direct I/O says so at the open or at the first read.
            Err(error) if direct && error.kind() == io::ErrorKind::InvalidInput => {
                direct = false;
                fs::OpenOptions::new().read(true).open(path)?
            }
            other => other?,
        };
        // Linux opens a directory for reading and fails at the first read only.
        if matches!(mode, Mode::Read | Mode::ReadMedium) && file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(OsFile {
            file,
            sync_failed: AtomicBool::new(false),
            medium: (mode == Mode::ReadMedium).then(|| AtomicBool::new(direct)),
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let options = OFlag::O_DIRECTORY.bits();
        fs::OpenOptions::new().read(true).custom_flags(options).open(path)?.sync_all()
    }

    /// A name that is not UTF-8 comes with its wrong bytes replaced by U+FFFD: it is listed, so that nobody
    /// takes the directory for empty, but cannot be opened by that name. A store makes no such names.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<(String, FileKind)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            names.push((lossy(&entry.file_name()), kind_of(entry.file_type()?)));
        }
        names.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(names)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let found = fs::metadata(path)?;
        Ok(Metadata { kind: kind_of(found.file_type()), len: found.len() })
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = repeat(|| statvfs(path))?;
        let unit_bytes = found.fragment_size();
        Ok(Space {
            total: found.blocks().saturating_mul(unit_bytes),
            available: found.blocks_available().saturating_mul(unit_bytes),
        })
    }

    fn network_kind(&self, path: &Path) -> io::Result<Option<&'static str>> {
        let number = repeat(|| statfs(path))?.filesystem_type().0 as u32;
        Ok(NETWORK_KINDS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name))
    }

    /// Read afresh at each call: it must be right in a forked child. What `/proc` does not tell is 0.
    fn process(&self) -> ProcessIdentity {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        ProcessIdentity {
            pid: u64::from(std::process::id()),
            start_ticks: start_ticks(&stat).unwrap_or(0),
            boot_id: uuid::Uuid::parse_str(boot.trim()).map_or([0; 16], uuid::Uuid::into_bytes),
        }
    }
}

/// The 22nd field of `/proc/<pid>/stat` (proc(5)). The second is the program's name in brackets, which may
/// itself hold blanks and brackets, so we count from the last bracket.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

fn lossy(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn kind_of(found: fs::FileType) -> FileKind {
    if found.is_file() {
        FileKind::File
    } else if found.is_dir() {
        FileKind::Directory
    } else {
        FileKind::Other
    }
}

/// Repeats a system call for as long as signals interrupt it.
fn repeat<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

fn lock(range: &Range<u64>, kind: libc::c_int) -> io::Result<libc::flock> {
    let out_of_range = |_| io::Error::from(io::ErrorKind::InvalidInput);
    Ok(libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: i64::try_from(range.start).map_err(out_of_range)?,
        l_len: i64::try_from(range.end - range.start).map_err(out_of_range)?,
        l_pid: 0, // Required by fcntl_locking(2) for locks of an open file.
    })
}

/// An open file of the operating system.
#[derive(Debug)]
struct OsFile {
    file: fs::File,
    sync_failed: AtomicBool,
    /// For [`Mode::ReadMedium`]: whether direct I/O works here.
    medium: Option<AtomicBool>,
}

impl OsFile {
    fn set_lock(&self, range: &Range<u64>, kind: libc::c_int) -> io::Result<bool> {
        if range.is_empty() {
            return Ok(true); // A length of 0 would mean "to the end of the world".
        }
        let lock = lock(range, kind)?;
        match repeat(|| fcntl(&self.file, FcntlArg::F_OFD_SETLK(&lock))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn read_cached(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_on(buffer, offset, |buffer, offset| self.file.read_at(buffer, offset))
    }
}

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(direct_works) = &self.medium else { return self.read_cached(buffer, offset) };
        if direct_works.load(Ordering::Relaxed) {
            match direct::read_at(&self.file, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    direct::turn_off(&self.file)?;
                    direct_works.store(false, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        direct::forget_cached(&self.file, offset, buffer.len() as u64);
        self.read_cached(buffer, offset)
    }

    fn read_new(&self, buffer: &mut Vec<u8>, len: usize, offset: u64) -> io::Result<()> {
        use rustix::buffer::spare_capacity;
        use rustix::io::{pread, retry_on_intr};
        buffer.clear();
        if self.medium.is_none() {
            buffer.reserve_exact(len);
            // All its room is read into, which is as much as was asked for in a buffer that is new.
            if buffer.capacity() == len {
                retry_on_intr(|| pread(&self.file, spare_capacity(buffer), offset))?;
            }
        }
        let read = buffer.len();
        if read < len {
            super::fill_up(buffer, len, |rest| self.read_at(rest, offset + read as u64))?;
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_on(bytes, offset, |bytes, offset| self.file.write_at(bytes, offset))
    }

    fn write_runs_at(&self, mut runs: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        use rustix::io::{pwritev, retry_on_intr};
        IoSlice::advance_slices(&mut runs, 0); // Runs of no bytes at the front go.
        while !runs.is_empty() {
            let at_once = &runs[..runs.len().min(RUNS_AT_ONCE)];
            match retry_on_intr(|| pwritev(&self.file, at_once, offset))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => {
                    IoSlice::advance_slices(&mut runs, written);
                    offset += written as u64;
                }
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of this file failed; its bytes may be lost"));
        }
        self.file.sync_data().inspect_err(|_| self.sync_failed.store(true, Ordering::Release))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let wanted = i64::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if wanted == 0 {
            return Ok(());
        }
        match repeat(|| fallocate(&self.file, FallocateFlags::empty(), 0, wanted)) {
            Err(Errno::EOPNOTSUPP) if self.len()? < len => self.file.set_len(len),
            Ok(()) | Err(Errno::EOPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the kernel answers where it cannot (`FICLONE`): that there is no such call, or that the files differ in
    /// what has to be equal, as whether btrfs copies them on write.
    fn share(&self, source: &fs::File) -> io::Result<()> {
        use rustix::io::{Errno, retry_on_intr};
        match retry_on_intr(|| rustix::fs::ioctl_ficlone(&self.file, source)) {
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            shared => Ok(shared?),
        }
    }

    /// `sync_file_range` has no safe wrapper. "Not needed any more" is the other advice that begins to write
    /// a range's dirty pages without waiting (`generic_fadvise` in Linux' mm/fadvise.c); those being written
    /// stay in the cache.
    fn start_writeback(&self, offset: u64, len: u64) {
        if let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) {
            let _ = posix_fadvise(&self.file, offset, len, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        }
    }

    fn start_reading(&self, offset: u64, len: u64) {
        if let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) {
            let _ = posix_fadvise(&self.file, offset, len, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
        }
    }

    fn try_lock(&self, range: Range<u64>, exclusive: bool) -> io::Result<bool> {
        self.set_lock(&range, if exclusive { libc::F_WRLCK } else { libc::F_RDLCK })
    }

    fn is_locked(&self, range: Range<u64>) -> io::Result<bool> {
        if range.is_empty() {
            return Ok(false);
        }
        let mut lock = lock(&range, libc::F_WRLCK)?;
        repeat(|| fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut lock)))?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }

    fn unlock(&self, range: Range<u64>) -> io::Result<()> {
        self.set_lock(&range, libc::F_UNLCK).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::disk_conformance;

    #[test]
    fn the_operating_systems_disk_conforms() {
        let root = tempfile::tempdir().unwrap();
        disk_conformance::check(&OsDisk::new(), root.path());
    }

    // Kernels before 6.6 have no direct I/O on tmpfs; later ones take it without asking for alignment.
    #[test]
    fn a_file_system_in_shared_memory_conforms() {
        let Ok(root) = tempfile::tempdir_in("/dev/shm") else { return };
        disk_conformance::check(&OsDisk::new(), root.path());
    }

    #[test]
    fn without_direct_io_the_medium_is_read_through_the_cache() {
        let file = tempfile::tempfile().unwrap();
        let medium = Some(AtomicBool::new(false));
        let file = OsFile { file, sync_failed: AtomicBool::new(false), medium };
        file.write_at(b"0123456789", 100_000).unwrap();
        let mut read = [0; 20];
        assert_eq!(file.read_at(&mut read, 100_003).unwrap(), 7);
        assert_eq!(&read[..7], b"3456789");
    }

    #[test]
    fn start_ticks_are_found_behind_a_name_with_brackets_and_blanks() {
        let stat = "42 (a) b) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(start_ticks(stat), Some(777));
        assert_eq!(start_ticks(""), None);
    }

    #[test]
    fn a_process_knows_itself() {
        let identity = OsDisk::new().process();
        assert_eq!(identity.pid, u64::from(std::process::id()));
        assert_ne!(identity.start_ticks, 0);
        assert_ne!(identity.boot_id, [0; 16]);
        assert_eq!(identity, OsDisk::new().process());
    }

    #[test]
    fn the_temporary_directory_is_not_on_a_network() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(OsDisk::new().network_kind(root.path()).unwrap(), None);
    }
}
