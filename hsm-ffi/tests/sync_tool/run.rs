//! Builds the programs in `examples/c`, once, and runs them.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use hsm_core::object::{DatasetId, ObjectId};
use hsm_core::{Query, Store, StoreOptions};

use crate::{library, tool};

/// As strict as it gets; the programs are models.
const WARNINGS: [&str; 11] = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Wstrict-prototypes",
    "-Wcast-qual",
    "-Wwrite-strings",
    "-Wformat=2",
    "-Wvla",
    "-Werror",
];

/// One of the programs, compiled. It finds the library of this build.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples-c");
        let libraries = library::directory(&library::built(), &directory);
        let engine = has_sqlite().then_some("policy_engine");
        for name in ["sync_tool", "datamover", "follow"].into_iter().chain(engine) {
            let source = tool::repository().join("examples/c").join(name).with_extension("c");
            let mut compiler = tool::compiler("CC", "cc");
            compiler.arg("-std=c99").args(WARNINGS).args(["-O2", "-g", "-pthread"]);
            compiler.arg("-I").arg(tool::repository().join("include"));
            compiler.arg("-o").arg(directory.join(name)).arg(source);
            compiler
                .arg("-L")
                .arg(&libraries)
                .arg("-lhsm")
                .arg(format!("-Wl,-rpath,{}", libraries.display()));
            if name == "policy_engine" {
                compiler.arg("-lsqlite3"); // It has a database of its own.
            }
            tool::output(&mut compiler).unwrap();
        }
        directory
    });
    directory.join(name)
}

/// Whether the policy engine can be built. In CI it must be.
pub(crate) fn has_sqlite() -> bool {
    let mut compiler = tool::compiler("CC", "cc");
    let looked = compiler.args(["-E", "-include", "sqlite3.h", "-x", "c", "/dev/null"]).output();
    let is_there = looked.is_ok_and(|looked| looked.status.success()) || std::env::var_os("CI").is_some();
    if !is_there {
        eprintln!("nothing is tested of the policy engine: sqlite3.h is missing");
    }
    is_there
}

/// A run of one of the programs.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command.env_remove(tool::LIBRARY_PATH);
    command
}

/// How large a test is: a number of the environment, for full runs.
pub(crate) fn scale(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |count| count.parse().unwrap())
}

/// A store, a dataset and a place for trees.
pub(crate) struct Scene {
    directory: tempfile::TempDir,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap()),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A number of the summary in JSON.
    pub(crate) fn count(&self, member: &str) -> u64 {
        let line = self.out.lines().last().unwrap_or_default();
        let summary: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"));
        summary[member].as_u64().unwrap_or_else(|| panic!("no {member}: {self:?}"))
    }

    /// Fails unless the program exited so.
    pub(crate) fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A run of the sync tool that has yet to be started.
    pub(crate) fn command(&self, command: &str, tree: &str, options: &[&str]) -> Command {
        let mut tool = self::command("sync_tool");
        tool.arg(command).arg("--store").arg(self.path("store")).args(["--dataset", "tree", "--json"]);
        tool.args(options).arg(self.path(tree));
        tool
    }

    /// Runs the sync tool on a tree of the scene.
    pub(crate) fn run(&self, command: &str, tree: &str, options: &[&str]) -> Said {
        Said::of(&self.command(command, tree, options).output().unwrap())
    }

    /// The store, opened by this process.
    pub(crate) fn store(&self) -> Store {
        Store::open(self.path("store"), &StoreOptions::new()).unwrap()
    }

    /// A store with a dataset that claims to hold a tree.
    pub(crate) fn with_dataset(&self) -> (Store, DatasetId) {
        let store = self.store();
        let dataset = hsm_examples::archive::create(&store, "tree").unwrap();
        (store, dataset)
    }

    /// Fails if there is an object without a key, or one whose bytes cannot be read. Returns the objects.
    pub(crate) fn check_store(&self) -> Vec<ObjectId> {
        let store = self.store();
        let mut ids = Vec::new();
        for item in store.objects(&Query::default()) {
            let (_, object) = item.unwrap();
            assert!(!store.names(object.id).unwrap().is_empty(), "object {} has no key", object.id);
            if object.content.is_some() {
                assert_eq!(store.get(object.id).unwrap().len() as u64, object.size());
            }
            ids.push(object.id);
        }
        store.close().unwrap();
        ids
    }
}

/// Runs a program with any arguments.
pub(crate) fn run<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Said {
    Said::of(&command(name).args(arguments).output().unwrap())
}
