//! Reads past the page cache: what the medium holds, not what the kernel remembers.
//!
//! Direct I/O takes only whole sectors into aligned memory, so a read covers the sectors around the wanted
//! range, chunk by chunk, and copies the wanted part out. Dirty pages of the range are written out by the
//! kernel first. Where a file system has no direct I/O the cached pages are dropped before a plain read; that
//! drops only pages that were synced, so verify after a sync.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, OFlag, PosixFadviseAdvice, fcntl, posix_fadvise};

/// The largest unit that file systems on today's disks ask for.
const SECTOR_BYTES: u64 = 4096;
const CHUNK_BYTES: u64 = 1024 * 1024;
/// The largest page of any machine we run on: the kernel drops only pages that lie wholly in the range.
const PAGE_BYTES_MAX: u64 = 64 * 1024;

/// Fills `buffer` from `offset`, less at the end of the file. `InvalidInput`: no direct I/O here.
pub(super) fn read_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let end = offset + buffer.len() as u64;
    let mut sector = offset - offset % SECTOR_BYTES;
    let chunk_len = (end.next_multiple_of(SECTOR_BYTES) - sector).min(CHUNK_BYTES) as usize;
    let mut memory = vec![0; chunk_len + SECTOR_BYTES as usize];
    let aligned = memory.as_ptr().align_offset(SECTOR_BYTES as usize);
    let scratch = &mut memory[aligned..aligned + chunk_len];

    let mut done = 0;
    while done < buffer.len() {
        let wanted = ((end.next_multiple_of(SECTOR_BYTES) - sector) as usize).min(scratch.len());
        let read = match file.read_at(&mut scratch[..wanted], sector) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let skip = (offset + done as u64 - sector) as usize;
        let useful = read.saturating_sub(skip).min(buffer.len() - done);
        buffer[done..done + useful].copy_from_slice(&scratch[skip..skip + useful]);
        done += useful;
        // Only the end of the file stops a read inside a sector.
        if read == 0 || !(read as u64).is_multiple_of(SECTOR_BYTES) {
            break;
        }
        sector += read as u64;
    }
    Ok(done)
}

/// Makes the descriptor an ordinary one.
pub(super) fn turn_off(file: &fs::File) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags - OFlag::O_DIRECT))?;
    Ok(())
}

/// Drops the clean cached pages of a range; a hint.
pub(in crate::file) fn forget_cached(file: &fs::File, offset: u64, len: u64) {
    let start = offset - offset % PAGE_BYTES_MAX;
    let len = (offset + len).next_multiple_of(PAGE_BYTES_MAX) - start;
    if let (Ok(start), Ok(len)) = (i64::try_from(start), i64::try_from(len)) {
        let _ = posix_fadvise(file, start, len, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn a_descriptor_that_is_turned_off_reads_like_any_other() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        fs::write(&path, vec![7; 10_000]).unwrap();
        let opened = fs::OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECT.bits()).open(&path);
        let Ok(file) = opened else { return }; // No direct I/O where this machine keeps temporary files.

        let has_direct =
            || OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL).unwrap()).contains(OFlag::O_DIRECT);
        assert!(has_direct());
        turn_off(&file).unwrap();
        assert!(!has_direct());
        forget_cached(&file, 3, 5);
        let mut read = [0; 5];
        assert_eq!(file.read_at(&mut read, 3).unwrap(), 5);
        assert_eq!(read, [7; 5]);
    }
}
