//! Runs compilers, programs and tools, and says what they said when one fails.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

/// How long one program may take before it counts as hung, in seconds.
const TIME_S_MAX: &str = "900";

/// Where the loader looks first. Cargo names its own directories there, and a library of an earlier build may lie in
/// them; the programs of the tests know by themselves where theirs is.
pub(crate) const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// How memcheck is run: an error or a leak is the exit code 99. What is still reachable at the end is no leak.
pub(crate) const MEMCHECK: [&str; 5] = [
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect",
];

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The compiler for a language, as make would choose it.
pub(crate) fn compiler(variable: &str, default: &str) -> Command {
    let name = std::env::var(variable).ok().filter(|name| !name.is_empty());
    Command::new(name.as_deref().unwrap_or(default))
}

/// A program, stopped when it hangs.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    program_for(path, TIME_S_MAX)
}

/// A program that counts as hung after so many seconds.
pub(crate) fn program_for(path: impl AsRef<OsStr>, seconds: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", seconds]).arg(path).env_remove(LIBRARY_PATH);
    command
}

/// Whether a tool is there. In CI it has to be, so there the answer is yes, and the test fails for lack of it.
pub(crate) fn is_there(tool: &str) -> bool {
    std::env::var_os("CI").is_some() || Command::new(tool).arg("--version").output().is_ok()
}

/// A function that is a test, as a case; it is ignored, and says why, where one of the tools that it needs is missing.
pub(crate) fn case(name: &str, needs: &[&str], test: fn()) -> Trial {
    let missing = needs.iter().find(|tool| !is_there(tool));
    if let Some(tool) = missing {
        eprintln!("{name} is ignored: {tool} is missing");
    }
    let run = move || {
        test();
        Ok(())
    };
    Trial::test(name, run).with_ignored_flag(missing.is_some())
}

/// What a command prints, or all that it said when it failed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    let out = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(out.into_owned());
    }
    let err = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}\nended with {}\n{out}{err}", output.status))
}
