//! What programs were compiled against stays: functions, records and numbers of `hsm.h` only grow.
//!
//! `hsm-ffi/abi/libhsm.abi` is a dump of them by abidw. It is made from `hsm.h` as a C compiler reads it: a
//! library of empty functions with debug information, in which each number is an enumerator, since a macro leaves
//! no trace. The debug information of libhsm itself was tried (abidw 2.2, a cargo profile with `debug = "full"`) and
//! does not do: the dump has 25,000 lines with the insides of every handle down to the standard library, under the
//! names of code generation units, which change with any edit; rustc writes no `const` into it; and told to keep
//! the types of `hsm.h` alone (`--header-file`), abidw keeps none. That the library has these functions, and no
//! others, is tested in `install.rs`; that the header is what the source says, in `header.rs`.
//!
//! Any difference fails and is told in words, an addition too, until `make abi` writes the dump anew.

#[path = "support/library.rs"]
mod library;
#[path = "support/tool.rs"]
mod tool;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;
use tool::{compiler, output, repository};

/// A declaration of a macro with a number.
fn numbers(header: &str) -> impl Iterator<Item = &str> {
    let defines = header.lines().filter_map(|line| line.strip_prefix("#define HSM_"));
    defines.filter_map(|define| {
        let (name, value) = define.split_once(' ')?;
        // The version changes with each release, and is meant to.
        (value.parse::<i32>().is_ok() && name != "VERSION_NUMBER").then_some(name)
    })
}

/// The header without its comments.
fn without_comments(header: &str) -> String {
    let mut parts = header.split("/*");
    let mut text = parts.next().unwrap().to_owned();
    text.extend(parts.map(|part| part.split_once("*/").unwrap().1));
    text
}

/// The declarations of functions, without their semicolons.
fn functions(header: &str) -> Vec<String> {
    let text = without_comments(header);
    let statements = text.split_inclusive(';').map(|statement| {
        let lines = statement.lines().filter(|line| !line.starts_with('#') && !line.starts_with("extern"));
        lines.collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned()
    });
    let is_function = |text: &String| {
        let before = text.split('(').next().unwrap();
        let name = before.rsplit([' ', '*']).next().unwrap();
        text.ends_with(')') && !text.starts_with("typedef") && name.starts_with("hsm_")
    };
    statements.filter(is_function).collect()
}

/// A library in C with the functions of the header.
fn stand_in(directory: &Path) -> PathBuf {
    let header = std::fs::read_to_string(repository().join("include/hsm.h")).unwrap();
    let functions = functions(&header);
    assert_eq!(functions.len(), library::declared().len(), "a declaration of hsm.h was not understood");

    let mut text = "#include <hsm.h>\n\n".to_owned();
    // Each in a list of its own: abidiff passes over a change to a value that another name of the list has.
    text.extend(
        numbers(&header).map(|name| format!("enum N_{name} {{ N_HSM_{name} = HSM_{name} }} hsm_{name};\n")),
    );
    text.extend(functions.iter().map(|function| format!("{function} {{ __builtin_trap(); }}\n")));
    std::fs::write(directory.join("hsm.c"), text).unwrap();

    let library = directory.join(library::SONAME);
    let mut cc = compiler("CC", "cc");
    cc.args(["-std=c99", "-g", "-shared", "-fPIC", "-w", "-I"]).arg(repository().join("include"));
    cc.arg(format!("-Wl,-soname,{}", library::SONAME));
    output(cc.current_dir(directory).args(["-o", library::SONAME, "hsm.c"])).unwrap();
    library
}

/// What the header says now, written to a file in `directory`.
fn dump(directory: &Path) -> PathBuf {
    let mut abidw = Command::new("abidw");
    abidw.args(["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--no-architecture"]);
    abidw.args([
        "--no-elf-needed",
        "--no-write-default-sizes",
        "--no-parameter-names",
        "--type-id-style",
        "hash",
    ]);
    let dump = directory.join("libhsm.abi");
    output(abidw.arg("--out-file").arg(&dump).arg(stand_in(directory))).unwrap();
    dump
}

/// How two dumps differ, in words; additions count too. `None` when they do not.
fn difference(old: &Path, new: &Path) -> Option<String> {
    let compared = Command::new("abidiff").arg("--harmless").arg(old).arg(new).output().unwrap();
    let words = String::from_utf8_lossy(&compared.stdout).into_owned();
    let code = compared.status.code().unwrap();
    assert_eq!(code & 3, 0, "abidiff failed: {words}{}", String::from_utf8_lossy(&compared.stderr));
    (code != 0).then_some(words)
}

fn what_programs_were_compiled_against_is_still_there() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("abi/libhsm.abi");
    let new = dump(directory.path());
    let Some(words) = difference(&committed, &new) else { return };

    if std::env::var_os("HSM_BLESS").is_some() {
        std::fs::copy(&new, &committed).unwrap();
        println!("{words}");
        return;
    }
    panic!(
        "{words}hsm.h is not what hsm-ffi/abi/libhsm.abi says; if that is meant, run `make abi` and commit it"
    );
}

fn every_kind_of_change_is_noticed() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let old = dump(directory.path());
    assert_eq!(difference(&old, &old), None);

    let text = std::fs::read_to_string(&old).unwrap();
    let other = directory.path().join("other.abi");
    for (what, from, to) in [
        ("a function", "elf-symbol name='hsm_version'", "elf-symbol name='hsm_another'"),
        ("a number", "N_HSM_STATUS_END' value='1'", "N_HSM_STATUS_END' value='7'"),
        ("a number's name", "N_HSM_STATUS_INTERNAL'", "N_HSM_STATUS_ANOTHER'"),
        ("a field's place", "layout-offset-in-bits='64'", "layout-offset-in-bits='96'"),
        ("the type of a result", "<return type-id='", "<return type-id='a84c031d' was='"),
        ("a field's name", "var-decl name='purged'", "var-decl name='another'"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in the dump");
        std::fs::write(&other, changed).unwrap();
        assert!(difference(&old, &other).is_some(), "{what} was changed");
    }

    // And what is added: a number that the old dump does not have.
    let fewer = text.lines().filter(|line| !line.contains("'hsm_STATUS_INTERNAL'"));
    std::fs::write(&other, fewer.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(difference(&other, &old).is_some());
}

fn main() -> ExitCode {
    use tool::case;
    let cases = vec![
        case(
            "what_programs_were_compiled_against_is_still_there",
            &["abidiff", "abidw"],
            what_programs_were_compiled_against_is_still_there,
        ),
        case("every_kind_of_change_is_noticed", &["abidiff", "abidw"], every_kind_of_change_is_noticed),
    ];
    libtest_mimic::run(&Arguments::from_args(), cases).exit_code()
}
