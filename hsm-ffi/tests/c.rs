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
#[path = "support/program.rs"]
mod program;
#[path = "support/tool.rs"]
mod tool;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use program::{C, CPP, sources};

fn cases() -> impl Iterator<Item = Trial> {
    [&C, &CPP].into_iter().flat_map(|language| {
        sources(language).into_iter().flat_map(move |source| {
            let stem = source.file_stem().unwrap().to_string_lossy();
            let name = format!("{}::{stem}", language.directory);
            language.modes.iter().map(move |&mode| {
                let source = source.clone();
                Trial::test(mode.case(&name), move || {
                    program::run(language, mode, &source)?;
                    Ok(())
                })
                .with_ignored_flag(!mode.can_run(language))
            })
        })
    })
}

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), cases().collect()).exit_code()
}
