//! What the figures were measured on: they mean nothing without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::error::{Context, Result};
use crate::rows::{REDB_SETTINGS, RESTIC_SETTINGS, SQLITE_SETTINGS};

/// Describes the machine, the file system of `dir`, and the rivals, in a few lines.
pub(crate) fn describe(dir: &Path) -> Result<String> {
    let cores = thread::available_parallelism().map_or_else(|_| "?".into(), |cores| cores.to_string());
    let dir = dir.canonicalize().context(|| format!("find {}", dir.display()))?;
    Ok(format!(
        "machine      {cores} cores, kernel {}, load {}\n\
         file system  {} ({})\n\
         SQLite       {}, {SQLITE_SETTINGS}\n\
         redb         {REDB_SETTINGS}\n\
         cp           {}\n\
         tar          {}\n\
         restic       {}, {RESTIC_SETTINGS}",
        first_line("/proc/sys/kernel/osrelease"),
        first_line("/proc/loadavg").split(' ').next().unwrap_or_default(),
        file_system(&dir),
        dir.display(),
        rusqlite::version(),
        version("cp", "--version"),
        version("tar", "--version"),
        version("restic", "version"),
    ))
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

fn version(program: &str, asked: &str) -> String {
    // Only GNU's knows the option; another one's complaint is not its version.
    let output = Command::new(program).arg(asked).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown version").to_owned()
}

fn file_system(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mount_of(&mounts, dir).unwrap_or_else(|| "unknown".into())
}

/// Finds type and options of the mount that holds `dir` in the kernel's table (see proc(5)).
fn mount_of(mounts: &str, dir: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (place, medium) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(4);
        let (point, options) = (PathBuf::from(place.next()?), place.next()?);
        dir.starts_with(&point).then(|| {
            let kind = medium.split(' ').next().unwrap_or("unknown");
            (point.components().count(), format!("{kind} {options}"))
        })
    };
    // Of two mounts at one point the later one hides the earlier, and `max_by_key` takes the last.
    mounts.lines().filter_map(mount).max_by_key(|(depth, _)| *depth).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_above_a_directory_holds_it() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/a rw\n\
                      23 22 8:2 / /data rw,noatime - xfs /dev/b rw\n\
                      24 22 8:3 / /data rw - btrfs /dev/c rw\n\
                      25 22 8:4 / /database rw - tmpfs none rw\n";
        assert_eq!(mount_of(mounts, Path::new("/data/bench")).unwrap(), "btrfs rw");
        assert_eq!(mount_of(mounts, Path::new("/home")).unwrap(), "ext4 rw,relatime");
        assert_eq!(mount_of("", Path::new("/home")), None);
    }
}
