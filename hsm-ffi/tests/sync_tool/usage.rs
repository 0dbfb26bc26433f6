//! The command line, the exit codes, and what is printed.

use std::fs;
use std::process::Command;

use hsm_core::object::Attributes;

use crate::run::{Said, Scene, program, run};
use crate::tool;

#[test]
fn a_wrong_command_line_is_said_and_exits_with_2() {
    let scene = Scene::new();
    let store = scene.path("store").display().to_string();
    let cases: [&[&str]; 14] = [
        &[],
        &["archive"],
        &["archive", "tree"],
        &["archive", "--store", &store, "tree"],
        &["archive", "--store", &store, "--dataset", "d"],
        &["list", "--store", &store, "--dataset", "d", "tree"],
        &["copy", "--store", &store, "--dataset", "d", "tree"],
        &["sync", "--store", &store, "--dataset", "d", "tree", "another"],
        &["sync", "--store"],
        &["sync", "--store", &store, "--dataset", "d", "--fast", "tree"],
        &["sync", "--store", &store, "--dataset", "d", "--tier", "256", "tree"],
        &["sync", "--store", &store, "--dataset", "d", "--tier", "-1", "tree"],
        &["sync", "--store", &store, "--dataset", "d", "--tier", "", "tree"],
        &["sync", "--store", &store, "--dataset", "d", "--delete", "tree"],
    ];
    for arguments in cases {
        let said = run("sync_tool", arguments).exited(2);
        assert!(
            said.err.starts_with("sync_tool: ") && said.err.ends_with("; see sync_tool --help\n"),
            "{}",
            said.err
        );
        assert_eq!(said.out, "");
    }
    assert!(!scene.path("store").exists());
    let help = run("sync_tool", ["--help"]).exited(0);
    assert!(help.out.contains("Exits with") && help.err.is_empty());
}

#[test]
fn what_fails_is_said_and_exits_with_1() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    let no_store = scene.run("sync", "tree", &[]).exited(1);
    assert!(no_store.err.contains("cannot open the store"), "{}", no_store.err);
    assert!(!scene.path("store").exists(), "only archive makes a store");
    scene.run("archive", "tree", &["--dry-run"]).exited(1);
    assert!(!scene.path("store").exists(), "and no dry run does");
    fs::create_dir(scene.path("full")).unwrap();
    fs::write(scene.path("full/file"), "").unwrap();
    let said = run(
        "sync_tool",
        ["archive", "--store", scene.path("full").to_str().unwrap(), "--dataset", "d", "/tmp"],
    );
    assert!(said.exited(1).err.contains("not an hsm store"));

    scene.run("archive", "tree", &[]).exited(0);
    for command in ["sync", "restore", "check"] {
        let other = scene.run(command, "tree", &["--dataset", "other"]).exited(1);
        assert!(other.err.contains("dataset") && other.err.contains("other"), "{}", other.err);
    }
    scene.run("sync", "no such tree", &[]).exited(1);
    fs::write(scene.path("file"), "").unwrap();
    scene.run("sync", "file", &[]).exited(1);
    scene.run("restore", "file", &[]).exited(1);
    scene.run("restore", "no parent/target", &[]).exited(1);
    assert_eq!(fs::read(scene.path("file")).unwrap(), b"");

    let store = scene.store();
    store.create_dataset("plain", &Attributes::new()).unwrap();
    store.create_dataset("newer", &Attributes::from([("tree_format", "2")])).unwrap();
    drop(store);
    for (dataset, why) in [("plain", "holds no tree"), ("newer", "has tree_format 2; this program knows 1")] {
        for command in ["archive", "sync", "restore", "check"] {
            let refused = scene.run(command, "tree", &["--dataset", dataset]).exited(1);
            assert!(refused.err.contains(why), "{}", refused.err);
        }
    }
}

#[test]
fn a_check_says_whether_anything_differs() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    scene.run("archive", "tree", &[]).exited(0);
    scene.run("check", "tree", &[]).exited(0);
    fs::write(scene.path("tree/new"), "").unwrap();
    scene.run("check", "tree", &[]).exited(4);
    scene.run("check", "tree", &[]).exited(4);
}

#[test]
fn a_list_names_each_entry_and_no_name_reaches_the_terminal_as_it_is() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    for name in ["plain", "\u{1b}[2Jbell\u{7}\n", "\u{9b}31m", "ä\\"] {
        fs::write(scene.path("tree").join(name), name).unwrap();
    }
    fs::write(hsm_examples::tree::join(&scene.path("tree"), b"\xff\xfe"), "").unwrap();
    std::os::unix::fs::symlink("to\n", scene.path("tree/link")).unwrap();
    scene.run("archive", "tree", &[]).exited(0);
    let list = |options: &[&str]| {
        let store = scene.path("store");
        let arguments = ["list", "--store", store.to_str().unwrap(), "--dataset", "tree"];
        run("sync_tool", arguments.iter().chain(options)).exited(0)
    };
    let text = list(&[]).out;
    for shown in [
        " plain\n",
        "\\x1b[2Jbell\\x07\\n\n",
        "\\xc2\\x9b31m\n",
        " ä\\\\\n",
        "\\xff\\xfe\n",
        " link -> to\\n\n",
    ] {
        assert!(text.contains(shown), "{shown:?} in {text}");
    }
    let mut keys = Vec::new();
    for line in list(&["--json"]).out.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        keys.push(entry["key"].as_str().or(entry["key_hex"].as_str()).unwrap().to_owned());
    }
    assert_eq!(keys, ["\u{1b}[2Jbell\u{7}\n", "link", "plain", "\u{9b}31m", "ä\\", "fffe"]);
}

#[test]
fn under_valgrind_nothing_is_wrong() {
    if !crate::tool::is_there("valgrind") {
        return;
    }
    let scene = Scene::new();
    crate::odd_tree::make(&scene.path("tree"));
    let target = scene.path("restored");
    let run = |command: &str, tree: &str, options: &[&str], code: i32| {
        let tool = scene.command(command, tree, options);
        let mut valgrind = crate::tool::program("valgrind");
        valgrind.args(crate::tool::MEMCHECK).arg(program("sync_tool")).args(tool.get_args());
        crate::run::Said::of(&valgrind.output().unwrap()).exited(code)
    };
    run("archive", "tree", &[], 3);
    fs::write(scene.path("tree/names/a"), "changed").unwrap();
    fs::remove_dir_all(scene.path("tree/order")).unwrap();
    fs::remove_file(scene.path("tree/links/small")).unwrap();
    run("sync", "tree", &["--verbose"], 3);
    run("restore", "restored", &[], 0);
    fs::write(target.join("other"), "").unwrap();
    run("restore", "restored", &["--delete", "--compare"], 0);
    run("check", "restored", &["--compare"], 4);
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    if !tool::is_there("script") {
        println!("skipped: script of bsdutils is missing");
        return;
    }
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    fs::write(scene.path("tree/file"), vec![7; 3 << 20]).unwrap();
    let on_a_terminal = |options: &[&str]| {
        let command = scene.command("archive", "tree", options);
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        let line: Vec<_> = words.iter().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut script = Command::new("script");
        script.env_remove(tool::LIBRARY_PATH).args(["--quiet", "--return", "--command", &line.join(" ")]);
        Said::of(&script.arg("/dev/null").output().unwrap()).exited(0).out
    };
    let shown = on_a_terminal(&[]);
    let line =
        shown.split('\r').find(|line| line.starts_with("archive: ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(line.contains(" entries, ") && line.contains("MiB"), "{line}");
    let (_, summary) = shown.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(summary.starts_with('{'), "it is taken off before the summary: {shown}");
    assert!(!on_a_terminal(&["--quiet"]).contains("archive: "));
    assert!(!scene.run("archive", "tree", &[]).exited(0).err.contains("archive: "));
}
