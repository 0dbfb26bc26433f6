//! What the figures were measured on: they mean nothing without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::rows::{REDB_SETTINGS, RESTIC_SETTINGS, sqlite_settings};

/// What this program was built from: libraries that do not tell their version are looked up here.
const LOCKED: &str = include_str!("../../Cargo.lock");

/// Describes the machine, the file system of `dir`, and the rivals, in a few lines.
pub(crate) fn describe(dir: &Path) -> Result<String> {
    let cores = thread::available_parallelism().map_or_else(|_| "?".into(), |cores| cores.to_string());
    let dir = dir.canonicalize().context(|| format!("find {}", dir.display()))?;
    let sqlite_dir = filesystem::temporary_dir(&dir)?;
    Ok(format!(
        "machine      {cores} cores, kernel {}, load {}\n\
         file system  {} ({})\n\
         SQLite       {}, {}\n\
         redb         {}, {REDB_SETTINGS}\n\
         cp           {}\n\
         tar          {}\n\
         restic       {}, {RESTIC_SETTINGS}",
        first_line("/proc/sys/kernel/osrelease"),
        first_line("/proc/loadavg").split(' ').next().unwrap_or_default(),
        file_system(&dir),
        dir.display(),
        rusqlite::version(),
        sqlite_settings(sqlite_dir.path())?,
        locked_version(LOCKED, "redb")?,
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

/// The version of the package `name` in the text of a `Cargo.lock`: there is one.
fn locked_version<'a>(lock: &'a str, name: &str) -> Result<&'a str> {
    let named = format!("\nname = \"{name}\"\nversion = \"");
    let mut versions = lock.split(&named).skip(1).filter_map(|behind| behind.split('"').next());
    match (versions.next(), versions.next()) {
        (Some(version), None) => Ok(version),
        (found, _) => {
            let found = if found.is_some() { "several" } else { "none" };
            Err(Error::new(format!("find the version of {name}"), format!("Cargo.lock has {found}")))
        }
    }
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
    fn the_version_of_a_library_is_the_one_that_was_locked() {
        let lock = "[[package]]\nname = \"redb\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"redb-more\"\nversion = \"9.0.0\"\n";
        assert_eq!(locked_version(lock, "redb").unwrap(), "1.2.3");
        assert!(locked_version(lock, "sled").is_err());
        assert!(locked_version(&lock.replace("redb-more", "redb"), "redb").is_err());
        assert!(locked_version(LOCKED, "redb").is_ok());
    }

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
