//! The shared library that cargo built for this test, and what its header declares.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tool::{output, repository};

/// The name that programs look for when they start.
pub(crate) const SONAME: &str = "libhsm.so.0";

/// The library of this build: cargo puts it beside its tests.
pub(crate) fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libhsm.so");
    assert!(library.exists(), "{} is missing: build with cargo test -p hsm-ffi", library.display());
    library
}

/// A directory with the library under the names that linker and loader look for.
pub(crate) fn directory(library: &Path, directory: &Path) -> PathBuf {
    std::fs::create_dir_all(directory).unwrap();
    for name in ["libhsm.so", SONAME] {
        let link = directory.join(name);
        let _ = std::fs::remove_file(&link);
        symlink(library, &link).unwrap();
    }
    directory.to_owned()
}

/// The names that a library shows to programs.
pub(crate) fn exports(library: &Path) -> Vec<String> {
    let mut command = Command::new("nm");
    let table = output(command.args(["--dynamic", "--defined-only", "--format=posix"]).arg(library)).unwrap();
    table.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

/// The functions that `hsm.h` declares.
pub(crate) fn declared() -> Vec<String> {
    let header = std::fs::read_to_string(repository().join("include/hsm.h")).unwrap();
    let starts = header.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    let names = starts.filter_map(|line| line.split_once('(').map(|(before, _)| before));
    let names = names.map(|before| before.rsplit([' ', '*']).next().unwrap().to_owned());
    names.filter(|name| name.starts_with("hsm_")).collect()
}
