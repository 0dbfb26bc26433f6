//! Every program in `tests/c` is a case of its own, several times over, as in hsm-ffi: plainly, under memcheck, with the
//! sanitizers for addresses, leaks and undefined behaviour. `layout`, whose checks are made by the compiler, is compiled as C++ too.
//!
//! A program is compiled as strict C99 against `include/hestia_iosea.h`, linked with libhestia.so alone, and run in an
//! empty directory, which is its argument, its HOME, and all of its environment that Hestia's variables could name.
//! Any exit code but 0 fails it.

#[path = "support/built.rs"]
mod built;
#[path = "../../tests/support/tool.rs"]
mod tool;

use built::{libraries, repository};

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Plain,
    Valgrind,
    Sanitizers,
    Cpp,
}

fn run(source: &Path, mode: Mode) -> Result<(), libtest_mimic::Failed> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (program, scratch) = (directory.path().join("program"), directory.path().join("scratch"));
    let libraries_at = directory.path().join("lib");
    std::fs::create_dir(&scratch)?;
    libraries(&libraries_at);

    let mut compiler = match mode {
        Mode::Cpp => tool::compiler("CXX", "c++"),
        _ => tool::compiler("CC", "cc"),
    };
    match mode {
        Mode::Cpp => compiler.args(["-std=c++17", "-x", "c++"]),
        _ => compiler.arg("-std=c99"),
    };
    compiler.args(WARNINGS).args(["-g", "-pthread", "-D_POSIX_C_SOURCE=200809L"]);
    if mode == Mode::Sanitizers {
        compiler.args(SANITIZERS);
    }
    compiler.arg("-I").arg(repository().join("include")).arg("-o").arg(&program).arg(source);
    compiler.args(["-x", "none", "-L"]).arg(&libraries_at).arg("-lhestia");
    compiler.arg(format!("-Wl,-rpath,{0},-rpath-link,{0}", libraries_at.display()));
    tool::output(&mut compiler)?;

    let mut command = tool::program(if mode == Mode::Valgrind { Path::new("valgrind") } else { &program });
    if mode == Mode::Valgrind {
        command.args(tool::MEMCHECK).arg(&program);
    }
    command.arg(&scratch).env("HOME", &scratch);
    for variable in ["HESTIA_CONFIG_PATH", "HESTIA_CACHE_DIR", "HESTIA_USER_TOKEN"] {
        command.env_remove(variable);
    }
    tool::output(&mut command)?;
    Ok(())
}

fn cases() -> Vec<Trial> {
    let programs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")).unwrap();
    let mut programs: Vec<PathBuf> = programs.map(|entry| entry.unwrap().path()).collect();
    programs.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    programs.sort();
    let mut cases = Vec::new();
    for source in programs {
        let stem = source.file_stem().unwrap().to_string_lossy().into_owned();
        let mut case = |name: String, mode, needs: &str| {
            let source = source.clone();
            let is_there = needs.is_empty() || tool::is_there(needs);
            cases.push(Trial::test(name, move || run(&source, mode)).with_ignored_flag(!is_there));
        };
        case(stem.clone(), Mode::Plain, "");
        if stem.starts_with("layout") {
            case(format!("{stem}::cpp"), Mode::Cpp, "c++");
            continue;
        }
        // What a store holds in memory stays in a forked child until it ends, as hsm.h says: a leak to memcheck.
        if stem != "fork" {
            case(format!("{stem}::valgrind"), Mode::Valgrind, "valgrind");
        }
        case(format!("{stem}::sanitizers"), Mode::Sanitizers, "");
    }
    cases.push(Trial::test("exports", || Ok(exports_are_what_the_headers_declare()?)));
    cases
}

/// The functions of Hestia's own headers, and two that its wrapper for Python calls.
const OF_HESTIA: [&str; 39] = [
    "hestia_create",
    "hestia_data_copy",
    "hestia_data_get",
    "hestia_data_get_descriptor",
    "hestia_data_get_path",
    "hestia_data_move",
    "hestia_data_put",
    "hestia_data_put_descriptor",
    "hestia_data_put_path",
    "hestia_data_release",
    "hestia_finish",
    "hestia_free_id",
    "hestia_free_ids",
    "hestia_free_output",
    "hestia_free_tier_ids",
    "hestia_get_last_error",
    "hestia_identify",
    "hestia_init_id",
    "hestia_init_io_ctx",
    "hestia_init_object",
    "hestia_init_tier",
    "hestia_initialize",
    "hestia_list_tiers",
    "hestia_object_copy",
    "hestia_object_get",
    "hestia_object_get_attrs",
    "hestia_object_list",
    "hestia_object_locate",
    "hestia_object_move",
    "hestia_object_put",
    "hestia_object_release",
    "hestia_object_remove",
    "hestia_object_set_attrs",
    "hestia_output_info",
    "hestia_read",
    "hestia_remove",
    "hestia_start_server",
    "hestia_stop_server",
    "hestia_update",
];

/// The library shows the functions of its headers, which are those of Hestia, and nothing else.
fn exports_are_what_the_headers_declare() -> Result<(), String> {
    let library = std::env::current_exe().unwrap().with_file_name("libhestia.so");
    let mut nm = Command::new("nm");
    let table = tool::output(nm.args(["--dynamic", "--defined-only", "--format=posix"]).arg(library))?;
    let mut shown: Vec<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
    shown.sort_unstable();
    let mut declared = Vec::new();
    for header in ["hestia.h", "hestia_iosea.h"] {
        let text = std::fs::read_to_string(repository().join("include").join(header)).unwrap();
        let functions = text.lines().filter_map(|line| line.strip_prefix("int ")?.split_once('('));
        declared.extend(functions.map(|(name, _)| name.to_owned()));
    }
    declared.sort_unstable();
    if declared != OF_HESTIA {
        return Err(format!("declared: {declared:?}\nof Hestia: {OF_HESTIA:?}"));
    }
    if shown == declared { Ok(()) } else { Err(format!("shown: {shown:?}\ndeclared: {declared:?}")) }
}

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), cases()).exit_code()
}
