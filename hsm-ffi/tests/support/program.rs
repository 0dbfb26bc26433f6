//! The programs in `tests/c` and `tests/cpp`: compiled against `include/hsm.h` and the library of this build, and run.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{library, tool};

/// A language: where its programs are, and how they are compiled.
pub(crate) struct Language {
    pub(crate) directory: &'static str,
    /// The variable of the environment that names the compiler, and who it is otherwise.
    compiler: [&'static str; 2],
    standard: &'static str,
    pub(crate) modes: &'static [Mode],
}

pub(crate) const C: Language = Language {
    directory: "c",
    compiler: ["CC", "cc"],
    standard: "-std=c99",
    modes: &[Mode::Plain, Mode::Valgrind, Mode::Sanitizers, Mode::Host],
};
// The host calls a function with a C name.
pub(crate) const CPP: Language = Language {
    directory: "cpp",
    compiler: ["CXX", "c++"],
    standard: "-std=c++17",
    modes: &[Mode::Plain, Mode::Valgrind, Mode::Sanitizers],
};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// How a program is run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Plain,
    Valgrind,
    Sanitizers,
    Host,
}

impl Mode {
    pub(crate) fn case(self, program: &str) -> String {
        match self {
            Self::Plain => program.to_owned(),
            Self::Valgrind => format!("{program}::valgrind"),
            Self::Sanitizers => format!("{program}::sanitizers"),
            Self::Host => format!("{program}::host"),
        }
    }

    pub(crate) fn can_run(self, language: &Language) -> bool {
        tool::is_there(language.compiler[1]) && (self != Self::Valgrind || tool::is_there("valgrind"))
    }

    fn compiler_options(self) -> &'static [&'static str] {
        match self {
            Self::Sanitizers => &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
            Self::Host => &["-Dmain=program_main"],
            Self::Plain | Self::Valgrind => &[],
        }
    }

    fn command(self, program: &Path) -> Command {
        if self != Self::Valgrind {
            return tool::program(program);
        }
        let mut command = tool::program("valgrind");
        command.args(tool::MEMCHECK).arg(program);
        command
    }
}

/// The programs of a language, by name.
pub(crate) fn sources(language: &Language) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(language.directory);
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == language.directory)).collect();
    paths.sort();
    paths
}

fn compile(language: &Language, mode: Mode, source: &Path, program: &Path) -> Result<String, String> {
    let links = program.parent().unwrap().join("lib");
    let libraries = library::directory(&library::built(), &links);
    let object = program.with_extension("o");
    let options = || ["-g", "-pthread"].iter().chain(mode.compiler_options());

    let [variable, default] = language.compiler;
    let mut command = tool::compiler(variable, default);
    command.arg(language.standard).args(WARNINGS).args(options());
    command.arg("-I").arg(tool::repository().join("include")).arg("-c").arg(source).arg("-o").arg(&object);
    tool::output(&mut command)?;

    let mut command = tool::compiler(variable, default);
    command.args(options().filter(|option| !option.starts_with("-D"))).arg("-o").arg(program).arg(&object);
    if mode == Mode::Host {
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest/host.c")).arg("-lm");
    }
    command.arg("-L").arg(&libraries).arg("-lhsm").arg(format!("-Wl,-rpath,{}", libraries.display()));
    tool::output(&mut command)
}

/// Runs a program in an empty directory. Answers what it prints, or all that it said when it failed.
pub(crate) fn run(language: &Language, mode: Mode, source: &Path) -> Result<String, String> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|error| error.to_string())?;
    let program = directory.path().join("program");
    let scratch = directory.path().join("scratch");
    std::fs::create_dir(&scratch).map_err(|error| error.to_string())?;
    compile(language, mode, source, &program)?;
    tool::output(mode.command(&program).arg(&scratch))
}
