//! Every program in `tests/c` and `tests/cpp` is a case of its own, several times over.
//!
//! - `c::store` is compiled as strict C99 (C++17) against `include/hsm.h`, without a warning, linked with the
//!   shared library and run;
//! - `c::store::valgrind` is the same program under memcheck: an error or a leak fails it;
//! - `c::store::sanitizers` is compiled again with the sanitizers for addresses, leaks and undefined behaviour;
//! - `c::store::host` runs in a hard host (`guest/host.c`): on a stack of 256 KiB, under floating-point traps, and
//!   no descriptor or thread may be left.
//!
//! A program gets an empty directory as its argument and fails with any exit code but 0. The directories are
//! read when the test starts, so a new file is a new case. Where valgrind or a C++ compiler is missing its cases are
//! ignored; in CI they fail.

#[path = "support/library.rs"]
mod library;
#[path = "support/tool.rs"]
mod tool;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

/// A language: where its programs are, and how they are compiled.
struct Language {
    directory: &'static str,
    /// The variable of the environment that names the compiler, and who it is otherwise.
    compiler: [&'static str; 2],
    standard: &'static str,
    modes: &'static [Mode],
}

const LANGUAGES: [Language; 2] = [
    Language {
        directory: "c",
        compiler: ["CC", "cc"],
        standard: "-std=c99",
        modes: &[Mode::Plain, Mode::Valgrind, Mode::Sanitizers, Mode::Host],
    },
    // The host calls a function with a C name.
    Language {
        directory: "cpp",
        compiler: ["CXX", "c++"],
        standard: "-std=c++17",
        modes: &[Mode::Plain, Mode::Valgrind, Mode::Sanitizers],
    },
];

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// How a program is run.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Plain,
    Valgrind,
    Sanitizers,
    Host,
}

impl Mode {
    fn case(self, program: &str) -> String {
        match self {
            Self::Plain => program.to_owned(),
            Self::Valgrind => format!("{program}::valgrind"),
            Self::Sanitizers => format!("{program}::sanitizers"),
            Self::Host => format!("{program}::host"),
        }
    }

    fn can_run(self, language: &Language) -> bool {
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
        command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        command.args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"]);
        command.arg(program);
        command
    }
}

fn sources(language: &Language) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(language.directory);
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == language.directory)).collect();
    paths.sort();
    paths
}

fn compile(language: &Language, mode: Mode, source: &Path, program: &Path) -> Result<(), String> {
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
    tool::output(&mut command)?;
    Ok(())
}

fn run(language: &Language, mode: Mode, source: &Path) -> Result<(), Failed> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let program = directory.path().join("program");
    let scratch = directory.path().join("scratch");
    std::fs::create_dir(&scratch)?;
    compile(language, mode, source, &program)?;
    tool::output(mode.command(&program).arg(&scratch))?;
    Ok(())
}

fn cases() -> impl Iterator<Item = Trial> {
    LANGUAGES.iter().flat_map(|language| {
        sources(language).into_iter().flat_map(move |source| {
            let stem = source.file_stem().unwrap().to_string_lossy();
            let program = format!("{}::{stem}", language.directory);
            language.modes.iter().map(move |&mode| {
                let source = source.clone();
                Trial::test(mode.case(&program), move || run(language, mode, &source))
                    .with_ignored_flag(!mode.can_run(language))
            })
        })
    })
}

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), cases().collect()).exit_code()
}
