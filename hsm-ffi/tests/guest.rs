//! The library is a good guest: what a host would notice of it is its answers, and nothing else.
//!
//! Each test is a program in `tests/guest` that watches itself. That every verb runs on a stack of 256 KiB and under
//! floating-point traps is tested in `c.rs`, with the programs of every chapter.

#[path = "support/library.rs"]
mod library;
#[path = "support/tool.rs"]
mod tool;

use std::path::{Path, PathBuf};
use std::process::Command;

use tool::{compiler, output, program};

/// A program of `tests/guest`, compiled.
struct Guest {
    directory: tempfile::TempDir,
}

impl Guest {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let guest = Self { directory };
        let libraries = library::directory(&library::built(), &guest.path("lib"));
        let mut cc = guest.compiler();
        cc.arg("-o").arg(guest.path("program")).arg(source(name));
        // The shim is loaded before everything; a program that asks it for its notes links it.
        if name == "quiet.c" {
            cc.arg(guest.shim());
        }
        cc.arg("-L").arg(&libraries).arg("-lhsm").arg(format!("-Wl,-rpath,{}", libraries.display()));
        output(&mut cc).unwrap();
        guest
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn compiler(&self) -> Command {
        let mut cc = compiler("CC", "cc");
        cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-I"]);
        cc.arg(tool::repository().join("include")).current_dir(self.directory.path());
        cc
    }

    fn shim(&self) -> PathBuf {
        let shim = self.path("shim.so");
        let mut cc = self.compiler();
        output(cc.args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(source("shim.c"))).unwrap();
        shim
    }

    /// Runs it with an empty directory as its argument. What it prints is checked to be nothing.
    fn run(&self, environment: &[(&str, &str)]) {
        let scratch = self.path("scratch");
        std::fs::create_dir(&scratch).unwrap();
        self.run_in(&scratch, environment);
    }

    fn run_in(&self, scratch: &Path, environment: &[(&str, &str)]) {
        let mut command = program(self.path("program"));
        let ran = command.arg(scratch).envs(environment.iter().copied()).output().unwrap();
        let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(ran.status.success(), "{}: {said:?}", ran.status);
        assert_eq!(said, ["", ""]);
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest").join(name)
}

#[cfg(feature = "testing")]
#[test]
fn a_host_hears_and_sees_nothing_also_while_a_panic_is_caught() {
    let guest = Guest::new("quiet.c");
    let preload = guest.path("shim.so").display().to_string();
    let wanted =
        [("RUST_BACKTRACE", "1"), ("RUST_MIN_STACK", "1"), ("TMPDIR", "/tmp"), ("SQLITE_TMPDIR", "/tmp")];
    let environment: Vec<_> = wanted.into_iter().chain([("HOME", "/"), ("LD_PRELOAD", &preload)]).collect();
    guest.run(&environment);
}

#[test]
fn a_forked_child_is_told_so_and_harms_nothing() {
    Guest::new("fork.c").run(&[]);
}

#[test]
fn descriptors_and_memory_return_a_thousand_times_over() {
    let guest = Guest::new("thousand.c");
    // In memory where that can be: nothing here is about disks, and every open syncs.
    let scratch = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir_in(guest.path(""))).unwrap();
    // What the C library keeps of freed memory for each thread counts as in use, and it keeps more for a while.
    guest.run_in(scratch.path(), &[("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")]);
}

#[test]
fn an_open_store_runs_no_thread_and_passes_no_file_on() {
    Guest::new("descriptors.c").run(&[]);
}
