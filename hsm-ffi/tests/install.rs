//! What `make install` puts below a prefix is all that a program needs, and nothing else.
//!
//! Programs in C and C++ and a `CMake` project are built outside of the repository against the installed files,
//! with what pkg-config and `CMake` say, and run.

#[path = "support/installation.rs"]
mod installation;
#[path = "support/library.rs"]
mod library;
#[path = "support/tool.rs"]
mod tool;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use installation::Installation;
use libtest_mimic::Arguments;
use tool::{compiler, output, program};

/// What the shared library may be, in bytes.
const SIZE_BYTES_MAX: u64 = 4 << 20;

/// The libraries that every Linux has, and the loader. Nothing else is needed.
const NEEDED: [&str; 4] = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"];

/// A directory of somebody who knows nothing of the repository.
struct Project {
    directory: tempfile::TempDir,
}

impl Project {
    fn new(sources: &[&str]) -> Self {
        Self::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install"), sources)
    }

    /// One with these sources of a directory of the repository.
    fn of(from: &Path, sources: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in sources {
            std::fs::copy(from.join(name), directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a program of it; its argument is a directory that it may fill.
    fn run(&self, name: &str) {
        let scratch = self.path(&format!("{name} scratch"));
        std::fs::create_dir(&scratch).unwrap();
        let mut command = program(self.path(name));
        command.arg(scratch).env(tool::LIBRARY_PATH, Installation::shared().file("lib"));
        output(&mut command).unwrap();
    }
}

/// What pkg-config says about the installed library.
fn pkg_config(options: &[&str]) -> Vec<String> {
    pkg_config_of("hsm", options)
}

/// What pkg-config says about an installed package.
fn pkg_config_of(package: &str, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(options).arg(package);
    command.env("PKG_CONFIG_PATH", Installation::shared().file("lib/pkgconfig"));
    // A blank within a word comes with a backslash before it.
    let words = output(&mut command).unwrap().trim().replace("\\ ", "\0");
    words.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('\0', " ")).collect()
}

fn dynamic_entries(library: &Path, kind: &str) -> Vec<String> {
    let table = output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(library)).unwrap();
    let lines = table.lines().filter(|line| line.contains(&format!("({kind})")));
    lines.map(|line| line.split(['[', ']']).nth(1).unwrap().to_owned()).collect()
}

/// The names that a static library shows.
fn global_names(library: &Path) -> Vec<String> {
    let mut nm = Command::new("nm");
    let table = output(nm.args(["--extern-only", "--defined-only", "--format=posix"]).arg(library)).unwrap();
    // "libhsm.a[hsm.o]:" stands before the names of each object.
    let lines = table.lines().filter(|line| !line.ends_with(':'));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn the_shared_library_shows_the_functions_of_the_header_and_nothing_else() {
    let exports = library::exports(&Installation::shared().file("lib/libhsm.so"));
    assert!(!exports.is_empty());
    assert_eq!(sorted(exports), sorted(library::declared()));
}

fn the_static_library_shows_the_functions_of_the_header_and_nothing_else() {
    let names = global_names(&Installation::shared().file("lib/libhsm.a"));
    assert_eq!(sorted(names), sorted(library::declared()));
}

fn the_shared_library_needs_only_what_every_linux_has() {
    let needed = dynamic_entries(&Installation::shared().file("lib/libhsm.so"), "NEEDED");
    let more: Vec<_> = needed.iter().filter(|name| !NEEDED.contains(&name.as_str())).collect();
    assert!(more.is_empty(), "{more:?}");
    assert!(needed.contains(&"libc.so.6".to_owned()), "{needed:?}");
}

fn the_shared_library_has_its_name_and_leads_to_it() {
    let installation = Installation::shared();
    let [soname] = &dynamic_entries(&installation.file("lib/libhsm.so"), "SONAME")[..] else { panic!() };
    assert_eq!(soname, library::SONAME);
    let version = concat!("libhsm.so.", env!("CARGO_PKG_VERSION"));
    let link = |name: &str| std::fs::read_link(installation.file("lib").join(name)).unwrap();
    assert_eq!(link("libhsm.so"), Path::new(soname));
    assert_eq!(link(soname), Path::new(version));
}

fn the_shared_library_is_small() {
    let size_bytes = std::fs::metadata(Installation::shared().file("lib/libhsm.so")).unwrap().len();
    println!("libhsm.so: {size_bytes} bytes");
    assert!(size_bytes <= SIZE_BYTES_MAX, "{size_bytes} bytes");
}

fn the_installed_headers_are_the_committed_ones() {
    for entry in std::fs::read_dir(tool::repository().join("include")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "h" || extension == "hpp") {
            let installed = Installation::shared().file("include").join(path.file_name().unwrap());
            assert_eq!(
                std::fs::read(&installed).unwrap(),
                std::fs::read(&path).unwrap(),
                "{}",
                installed.display()
            );
        }
    }
}

fn a_program_in_c_is_built_with_what_pkg_config_says() {
    let project = Project::new(&["program.c"]);
    let mut cc = compiler("CC", "cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(project.path("program"));
    cc.arg(project.path("program.c")).args(pkg_config(&["--cflags", "--libs"]));
    output(&mut cc).unwrap();
    project.run("program");
}

fn a_program_in_cpp_is_built_with_what_pkg_config_says() {
    let project = Project::new(&["program.cpp"]);
    let mut cxx = compiler("CXX", "c++");
    cxx.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(project.path("program"));
    cxx.arg(project.path("program.cpp")).args(pkg_config(&["--cflags", "--libs"]));
    output(&mut cxx).unwrap();
    project.run("program");
}

/// An object file that was compiled before is linked with libhestia, and with libhsm beside it.
fn a_program_for_iosea_is_relinked_with_what_pkg_config_says() {
    let project = Project::new(&["iosea.c"]);
    let mut cc = compiler("CC", "cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "-o"])
        .arg(project.path("iosea.o"));
    output(cc.arg(project.path("iosea.c")).args(pkg_config_of("hestia", &["--cflags"]))).unwrap();
    for (name, packages) in [("alone", &["hestia"][..]), ("both", &["hsm", "hestia"])] {
        let mut cc = compiler("CC", "cc");
        cc.arg("-o").arg(project.path(name)).arg(project.path("iosea.o")).arg("-Wl,--no-as-needed");
        cc.args(packages.iter().flat_map(|package| pkg_config_of(package, &["--libs"])));
        output(&mut cc).unwrap();
        project.run(name);
    }
    let library = Installation::shared().file("lib/libhestia.so");
    assert!(dynamic_entries(&library, "NEEDED").contains(&library::SONAME.to_owned()));
    assert!(library::exports(&library).iter().all(|name| name.starts_with("hestia_")));
}

/// The example programs for Hestia's interface, each built by its one line, and again from an object file that only knows the
/// headers; both keep a tree, and the engine moves what a hint asks for.
fn the_example_programs_for_iosea_are_built_and_relinked_and_keep_a_tree() {
    let has_sqlite = output(Command::new("pkg-config").args(["--exists", "sqlite3"])).is_ok();
    if !has_sqlite && std::env::var_os("CI").is_none() {
        eprintln!("nothing is tested of the example programs: the headers of SQLite are missing");
        return;
    }
    let examples = tool::repository().join("examples/c/iosea");
    let project = Project::of(&examples, &["dataset.h", "sync_tool.c", "datamover.c", "policy_engine.c"]);
    let strict = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    for way in ["built", "relinked"] {
        std::fs::create_dir(project.path(way)).unwrap();
    }
    for name in ["sync_tool", "datamover", "policy_engine"] {
        let (source, object) = (project.path(&format!("{name}.c")), project.path(&format!("{name}.o")));
        let packages: &[&str] = if name == "policy_engine" { &["hestia", "sqlite3"] } else { &["hestia"] };
        let words = |options: &[&str]| -> Vec<String> {
            packages.iter().flat_map(|package| pkg_config_of(package, options)).collect()
        };
        let mut cc = compiler("CC", "cc");
        cc.args(strict).arg("-o").arg(project.path("built").join(name)).arg(&source);
        output(cc.args(words(&["--cflags", "--libs"]))).unwrap();
        let mut cc = compiler("CC", "cc");
        cc.args(strict).arg("-c").arg("-o").arg(&object).arg(&source);
        output(cc.args(words(&["--cflags"]))).unwrap();
        std::fs::remove_file(source).unwrap();
        let mut cc = compiler("CC", "cc");
        cc.arg("-o").arg(project.path("relinked").join(name)).arg(&object);
        output(cc.args(words(&["--libs"]))).unwrap();
    }
    for way in ["built", "relinked"] {
        keep_a_tree(&project.path(way));
    }
}

/// Archives a tree with the programs in a directory, hints, lets the engine move, and restores.
fn keep_a_tree(programs: &Path) {
    use std::io::{BufRead, BufReader};

    let command = |name: &str, arguments: &[&str]| {
        let mut command = program(programs.join(name));
        command.args(arguments).current_dir(programs).env("HOME", programs);
        for variable in ["HESTIA_CONFIG_PATH", "HESTIA_CACHE_DIR"] {
            command.env_remove(variable);
        }
        command.env(tool::LIBRARY_PATH, Installation::shared().file("lib"));
        command
    };
    let run = |name: &str, arguments: &[&str]| output(&mut command(name, arguments)).unwrap();
    std::fs::create_dir_all(programs.join("tree/deep")).unwrap();
    std::fs::write(programs.join("tree/a"), "some").unwrap();
    std::fs::write(programs.join("tree/deep/b"), vec![7; 200_000]).unwrap();
    let said = run("sync_tool", &["archive", "--work_dir", "tree"]);
    let dataset = said.trim().rsplit(' ').next().unwrap();
    let mut listen = command("policy_engine", &["listen", ".cache/hestia"]);
    let mut engine = listen.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(engine.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "listening");
    run("datamover", &["dataset", dataset, "trigger_migration=0,2"]);
    let moved: Vec<_> = lines.by_ref().take(2).collect();
    assert!(moved.iter().all(|line| line.ends_with(" from 0 to 2")), "{moved:?}");
    // What it did comes to its mirror with the next events.
    let is_mirrored = || run("policy_engine", &["query", ".cache/hestia"]).matches(" 2,\n").count() == 2;
    let begun = std::time::Instant::now();
    while !is_mirrored() && begun.elapsed() < std::time::Duration::from_mins(1) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // `timeout`, which it runs under, passes the signal on.
    output(Command::new("kill").arg(engine.id().to_string())).unwrap();
    engine.wait().unwrap();
    let mirrored = run("policy_engine", &["query", ".cache/hestia"]);
    assert_eq!(mirrored.matches(" 2,\n").count(), 2, "{mirrored}");
    run("sync_tool", &["restore", "--work_dir", "back", "--dataset_id", dataset]);
    assert_eq!(std::fs::read(programs.join("back/a")).unwrap(), b"some");
    assert!(std::fs::read(programs.join("back/deep/b")).unwrap() == vec![7; 200_000], "another content");
}

/// The program on the first page of the header, and the line below it that builds it.
fn the_complete_program_of_the_header_is_built_by_its_line_and_runs() {
    let project = Project::new(&[]);
    let header = std::fs::read_to_string(Installation::shared().file("include/hsm.h")).unwrap();
    let (_, page) = header.split_once(" * A COMPLETE PROGRAM\n").unwrap();
    let (page, _) = page.split_once(" * CONVENTIONS\n").unwrap();
    let lines = page.lines().map(|line| line.strip_prefix(" *     ").unwrap_or_default());
    let (commands, program): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("cc "));
    let [command] = commands[..] else { panic!("{commands:?}") };
    std::fs::write(project.path("program.c"), program.join("\n")).unwrap();
    let libraries = Installation::shared().file("lib");
    let mut shell = Command::new("sh");
    // The prefix has a blank in its name, which pkg-config writes as a shell would read it.
    shell.arg("-euc").arg(format!("eval \"{command}\"\n./a.out")).current_dir(project.path(""));
    shell.env("PKG_CONFIG_PATH", libraries.join("pkgconfig")).env(tool::LIBRARY_PATH, libraries);
    assert_eq!(output(&mut shell).unwrap(), "hello\n");
}

/// The demonstration takes the lines that build its programs from the README.
fn the_programs_of_the_readme_are_built_as_it_says_and_keep_a_tree() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, temporary) = (directory.path().join("tree"), directory.path().join("tmp"));
    for (number, length) in [0, 1, 4096, 70_000, 2_500_000].into_iter().enumerate() {
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::fs::write(tree.join(format!("a/b/{number}")), vec![number as u8; length]).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", tree.join("a/link")).unwrap();
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = Command::new("bash");
    demo.arg(tool::repository().join("examples/c/demo")).arg(Installation::shared().prefix()).arg(&tree);
    let said = output(demo.env("TMPDIR", &temporary)).unwrap();
    for program in ["sync_tool", "datamover", "follow"] {
        assert!(said.contains(&format!("cc -o {program} ")), "{said}");
    }
    let is_hinted = said.contains(" from tier 3 to tier 1\n");
    assert!(is_hinted || (said.contains("needs SQLite") && std::env::var_os("CI").is_none()), "{said}");
    assert!(said.contains("put ") && said.contains("a new file"), "the feed was read: {said}");
    assert!(said.ends_with("The trees are equal.\n"), "{said}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left behind");
}

fn a_cmake_project_finds_both_packages() {
    let project = Project::new(&["program.c", "program.cpp", "iosea.c", "CMakeLists.txt"]);
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(project.path("")).arg("-B").arg(project.path(""));
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", Installation::shared().prefix().display()));
    output(&mut configure).unwrap();
    output(Command::new("cmake").arg("--build").arg(project.path(""))).unwrap();
    for program in ["shared", "shared_cpp", "static", "iosea"] {
        project.run(program);
    }
}

fn a_program_may_have_a_sqlite_of_its_own_beside_the_static_library() {
    let project = Project::new(&["own_sqlite.c"]);
    let sqlite = sqlite_source();
    let mut cc = compiler("CC", "cc");
    cc.args(["-w", "-DSQLITE_OMIT_WAL", "-DSQLITE_OMIT_LOAD_EXTENSION", "-pthread", "-I"]).arg(&sqlite);
    cc.arg("-o").arg(project.path("program")).arg(project.path("own_sqlite.c")).arg(sqlite.join("sqlite3.c"));
    cc.args(pkg_config(&["--cflags"])).arg(Installation::shared().file("lib/libhsm.a"));
    // What pkg-config names for static linking, without the shared library.
    let mut libraries = pkg_config(&["--libs", "--static"]);
    libraries.retain(|word| word != "-lhsm");
    output(cc.args(libraries)).unwrap();
    project.run("program");
}

/// Where the source of SQLite lies that our own is built from.
fn sqlite_source() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // Of the dependencies of this platform, which are there: this test was built from them.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo.args(["metadata", "--format-version=1", "--offline", "--filter-platform", &platform]);
    cargo.current_dir(tool::repository());
    let metadata: serde_json::Value = serde_json::from_str(&output(&mut cargo).unwrap()).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "libsqlite3-sys").unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("sqlite3")
}

fn uninstall_leaves_an_empty_prefix() {
    let installation = Installation::new();
    assert!(installation.file("lib/libhsm.a").exists());
    assert!(installation.file("lib/pkgconfig/hestia.pc").exists());
    installation.make("uninstall");
    let left: Vec<_> = std::fs::read_dir(installation.prefix()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn uninstall_leaves_what_others_have_installed() {
    let installation = Installation::new();
    let theirs = installation.file("lib/pkgconfig/theirs.pc");
    std::fs::write(&theirs, "").unwrap();
    installation.make("uninstall");
    assert!(theirs.exists());
    assert!(!installation.file("lib/pkgconfig/hsm.pc").exists());
}

fn main() -> ExitCode {
    use tool::case;
    let cases = vec![
        case(
            "the_shared_library_shows_the_functions_of_the_header_and_nothing_else",
            &[],
            the_shared_library_shows_the_functions_of_the_header_and_nothing_else,
        ),
        case(
            "the_static_library_shows_the_functions_of_the_header_and_nothing_else",
            &[],
            the_static_library_shows_the_functions_of_the_header_and_nothing_else,
        ),
        case(
            "the_shared_library_needs_only_what_every_linux_has",
            &[],
            the_shared_library_needs_only_what_every_linux_has,
        ),
        case(
            "the_shared_library_has_its_name_and_leads_to_it",
            &[],
            the_shared_library_has_its_name_and_leads_to_it,
        ),
        case("the_shared_library_is_small", &[], the_shared_library_is_small),
        case(
            "the_installed_headers_are_the_committed_ones",
            &[],
            the_installed_headers_are_the_committed_ones,
        ),
        case(
            "a_program_in_c_is_built_with_what_pkg_config_says",
            &["pkg-config"],
            a_program_in_c_is_built_with_what_pkg_config_says,
        ),
        case(
            "a_program_for_iosea_is_relinked_with_what_pkg_config_says",
            &["pkg-config"],
            a_program_for_iosea_is_relinked_with_what_pkg_config_says,
        ),
        case(
            "the_example_programs_for_iosea_are_built_and_relinked_and_keep_a_tree",
            &["pkg-config"],
            the_example_programs_for_iosea_are_built_and_relinked_and_keep_a_tree,
        ),
        case(
            "the_complete_program_of_the_header_is_built_by_its_line_and_runs",
            &["pkg-config"],
            the_complete_program_of_the_header_is_built_by_its_line_and_runs,
        ),
        case(
            "a_program_in_cpp_is_built_with_what_pkg_config_says",
            &["pkg-config", "c++"],
            a_program_in_cpp_is_built_with_what_pkg_config_says,
        ),
        case(
            "the_programs_of_the_readme_are_built_as_it_says_and_keep_a_tree",
            &["pkg-config"],
            the_programs_of_the_readme_are_built_as_it_says_and_keep_a_tree,
        ),
        case("a_cmake_project_finds_both_packages", &["cmake", "c++"], a_cmake_project_finds_both_packages),
        case(
            "a_program_may_have_a_sqlite_of_its_own_beside_the_static_library",
            &["pkg-config"],
            a_program_may_have_a_sqlite_of_its_own_beside_the_static_library,
        ),
        case("uninstall_leaves_an_empty_prefix", &[], uninstall_leaves_an_empty_prefix),
        case("uninstall_leaves_what_others_have_installed", &[], uninstall_leaves_what_others_have_installed),
    ];
    libtest_mimic::run(&Arguments::from_args(), cases).exit_code()
}
