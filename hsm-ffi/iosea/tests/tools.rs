//! The programs in `examples/c/iosea` do what the tools of IO-SEA do, without what those get wrong.

#[path = "support/built.rs"]
mod built;
#[path = "tools/engine.rs"]
mod engine;
#[path = "../../tests/support/tool.rs"]
mod tool;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tool, and a file of the tests that is linked into it.
const TOOLS: [(&str, &str); 4] =
    [("sync_tool", ""), ("datamover", ""), ("policy_engine", ""), ("policy_engine", "dying_engine")];

/// Tells of what a tool does wrong with memory, in its exit code.
#[derive(Clone, Copy, PartialEq)]
enum Checker {
    Sanitizers,
    Memcheck,
}

/// The built tools, and an empty directory that is their home.
struct Tools {
    directory: tempfile::TempDir,
    checker: Checker,
}

impl Tools {
    fn new() -> Self {
        Self::checked(Checker::Sanitizers)
    }

    fn checked(checker: Checker) -> Self {
        let tools = Self { directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), checker };
        let libraries = tools.path("lib");
        built::libraries(&libraries);
        for (name, with) in TOOLS {
            let source = built::repository().join("examples/c/iosea").join(name).with_extension("c");
            let mut cc = tool::compiler("CC", "cc");
            cc.args([
                "-std=c99",
                "-D_POSIX_C_SOURCE=200809L",
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-g",
            ]);
            if checker == Checker::Sanitizers {
                cc.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
            }
            cc.arg("-I").arg(built::repository().join("include")).arg(source);
            if with.is_empty() {
                cc.arg("-o").arg(tools.path(name));
            } else {
                let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools");
                cc.arg(tests.join(with).with_extension("c")).arg("-o").arg(tools.path(with));
                cc.arg("-Wl,--wrap=hestia_object_move,--wrap=hestia_object_set_attrs");
            }
            cc.arg("-L").arg(&libraries).arg("-lhestia");
            if name == "policy_engine" {
                cc.arg("-lsqlite3");
            }
            cc.arg(format!("-Wl,-rpath,{0},-rpath-link,{0}", libraries.display()));
            assert!(cc.status().unwrap().success(), "{cc:?}");
        }
        tools
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A run of a tool.
    fn tool(&self, name: &str) -> Command {
        match self.checker {
            Checker::Sanitizers => self.command(&self.path(name)),
            Checker::Memcheck => {
                let mut command = self.command(Path::new("valgrind"));
                command.args(tool::MEMCHECK).arg(self.path(name));
                command
            }
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path()).env("HOME", self.directory.path());
        for variable in ["HESTIA_CONFIG_PATH", "HESTIA_CACHE_DIR", "HESTIA_USER_TOKEN"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs a tool; answers whether it said that it succeeded, and what it printed.
    fn run(&self, name: &str, arguments: &[&str]) -> (bool, String, String) {
        let output = self.tool(name).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// Archives a directory; answers the id that is printed.
    fn archive(&self, work_dir: &str) -> String {
        let (is_done, printed, told) = self.run("sync_tool", &["archive", "--work_dir", work_dir]);
        assert!(is_done, "{told}");
        let id = printed.strip_prefix("archived dataset to object: ").unwrap().trim().to_owned();
        assert_eq!(id.len(), 36);
        id
    }

    /// What lies below a directory: paths with kind, mode, time of change and content.
    fn tree(&self, directory: &str) -> Vec<String> {
        fn walk(root: &Path, at: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                let about = path.symlink_metadata().unwrap();
                let content = if about.is_symlink() {
                    format!("to {}", fs::read_link(&path).unwrap().display())
                } else if about.is_dir() {
                    walk(root, &path, found);
                    // Only of one that is empty is anything kept but its name.
                    if fs::read_dir(&path).unwrap().next().is_some() {
                        continue;
                    }
                    String::new()
                } else {
                    String::from_utf8(fs::read(&path).unwrap()).unwrap()
                };
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push(format!(
                    "{name} {:o} {}.{} {content}",
                    about.mode(),
                    about.mtime(),
                    about.mtime_nsec()
                ));
            }
        }
        let mut found = Vec::new();
        walk(&self.path(directory), &self.path(directory), &mut found);
        found.sort();
        found
    }

    fn made_up(&self) {
        for directory in ["work/deep/er", "work/empty"] {
            fs::create_dir_all(self.path(directory)).unwrap();
        }
        for (name, content) in
            [("a", "first"), ("deep/er/b, c", "second"), ("nothing", ""), ("deep/d", "third")]
        {
            fs::write(self.path("work").join(name), content).unwrap();
        }
        fs::set_permissions(self.path("work/a"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("deep/d", self.path("work/link")).unwrap();
        symlink("nowhere", self.path("work/dangling")).unwrap();
    }
}

#[test]
fn what_is_archived_comes_back_as_it_was() {
    let tools = Tools::new();
    tools.made_up();
    let id = tools.archive("work");
    let (is_done, _, told) = tools.run("sync_tool", &["restore", "--work_dir", "back", "--dataset_id", &id]);
    assert!(is_done, "{told}");
    assert_eq!(tools.tree("back"), tools.tree("work"));
    // Once more, over what is there.
    fs::write(tools.path("back/a"), "other").unwrap();
    let (is_done, _, told) = tools.run("sync_tool", &["restore", "--work_dir", "back", "--dataset_id", &id]);
    assert!(is_done, "{told}");
    assert_eq!(tools.tree("back"), tools.tree("work"));
}

#[test]
fn a_sync_stores_what_is_new_or_modified_and_drops_what_is_gone() {
    let tools = Tools::new();
    tools.made_up();
    let id = tools.archive("work");
    fs::write(tools.path("work/a"), "FIRST").unwrap();
    fs::write(tools.path("work/new"), "new").unwrap();
    fs::remove_file(tools.path("work/deep/d")).unwrap();
    let sync = ["sync", "--work_dir", "work", "--dataset_id", &id, "--activate_logger"];
    let (is_done, printed, told) = tools.run("sync_tool", &sync);
    assert!(is_done, "{told}");
    assert_eq!(printed.trim(), format!("synced dataset to object: {id}"));
    assert_eq!(told.matches("stored ").count(), 2, "{told}");
    let (_, _, told) = tools.run("sync_tool", &sync);
    assert_eq!(told, "", "nothing changed");
    let (is_done, _, told) = tools.run("sync_tool", &["restore", "--work_dir", "back", "--dataset_id", &id]);
    assert!(is_done, "{told}");
    assert_eq!(tools.tree("back"), tools.tree("work"));
}

#[test]
fn a_path_that_leads_out_is_refused_and_the_rest_is_restored() {
    let tools = Tools::new();
    tools.made_up();
    let id = tools.archive("work");
    // What a stranger could have stored: the dataset is an object like any other.
    let client = format!(
        "import sys; sys.path.insert(0, {:?}); import hestia\n\
         store = hestia.Hestia()\n\
         text = store.get({id:?}).decode().replace(',a\\n', ',../../escaped\\n')\n\
         assert 'escaped' in text\n\
         print(store.put({id:?}, text.encode()))\n\
         store.close()\n",
        built::repository().join("examples/c/iosea").display().to_string()
    );
    tools.python(&client);
    let (is_done, _, told) =
        tools.run("sync_tool", &["restore", "--work_dir", "deep/back", "--dataset_id", &id]);
    assert!(!is_done && told.contains("deep/back"), "the directory above is not made: {told}");
    let (is_done, _, told) = tools.run("sync_tool", &["restore", "--work_dir", "back", "--dataset_id", &id]);
    assert!(!is_done && told.contains("../../escaped"), "{told}");
    assert!(!tools.directory.path().parent().unwrap().join("escaped").exists());
    assert!(tools.path("back/deep/er/b, c").exists() && tools.path("back/nothing").exists());
}

#[test]
fn a_hint_is_set_on_an_object_and_on_each_of_a_dataset() {
    let tools = Tools::new();
    tools.made_up();
    let id = tools.archive("work");
    let hint = "trigger_migration=0,1";
    assert!(tools.run("datamover", &["dataset", &id, hint]).0);
    assert!(tools.run("datamover", &["object", &id, "colour=red=blue", "some.host"]).0);
    let seen = tools.python(&format!(
        "import sys; sys.path.insert(0, {:?}); import hestia\n\
         with hestia.Hestia() as store:\n\
         \x20   items = store.read(hestia.OBJECT)\n\
         \x20   data = [item['user_metadata']['data'] for item in items]\n\
         \x20   print(len(items), sum(d.get('trigger_migration') == '0,1' for d in data), sum(d.get('colour') == 'red=blue' for d in data))\n",
        built::repository().join("examples/c/iosea").display().to_string()
    ));
    assert_eq!(seen.trim(), "8 7 1");
    for wrong in [
        &["object", &id, "no sign"][..],
        &["tier", &id, hint],
        &["object", "1234", hint],
        &["dataset", "1234", hint],
    ] {
        assert!(!tools.run("datamover", wrong).0, "{wrong:?}");
    }
}

#[test]
fn a_client_in_python_loads_the_one_library() {
    let tools = Tools::new();
    let client = format!(
        "import sys; sys.path.insert(0, {:?}); import hestia\n\
         with hestia.Hestia(extra={{'event_feed': {{'active': False}}}}) as store:\n\
         \x20   made = store.create(hestia.OBJECT, {{'user_metadata': {{'data': {{'colour': 'red'}}}}}})\n\
         \x20   action = store.put(made['id'], b'some bytes')\n\
         \x20   assert store.read(hestia.ACTION, action)[0]['status'] == 'finished_ok'\n\
         \x20   store.move(made['id'], 0, 3)\n\
         \x20   assert store.get(made['id'], offset=5) == b'bytes'\n\
         \x20   changed = store.update(hestia.OBJECT, made['id'], {{'user_metadata': {{'data': {{'size': 'large'}}}}}})\n\
         \x20   assert changed['user_metadata']['data'] == {{'colour': 'red', 'size': 'large'}}, changed\n\
         \x20   assert [tier['priority'] for tier in store.read(hestia.TIER, offset=3)] == [3, 4]\n\
         \x20   store.remove(hestia.OBJECT, made['id'])\n\
         \x20   assert store.read(hestia.OBJECT) == []\n\
         \x20   try:\n\
         \x20       store.remove(hestia.OBJECT, made['id'])\n\
         \x20   except hestia.HestiaError as error:\n\
         \x20       print(error.code)\n",
        built::repository().join("examples/c/iosea").display().to_string()
    );
    assert_eq!(tools.python(&client).trim(), "1");
}

impl Tools {
    /// Runs a line of Python that has a client in `store`; answers what it prints.
    fn client(&self, line: &str) -> String {
        let examples = built::repository().join("examples/c/iosea").display().to_string();
        self.python(&format!(
            "import sys; sys.path.insert(0, {examples:?}); import hestia\nwith hestia.Hestia() as store:\n    {line}\n"
        ))
    }

    /// Runs a program in Python, which must succeed; answers what it prints.
    fn python(&self, program: &str) -> String {
        let mut python = self.command(Path::new("python3"));
        python.env("HESTIA_LIBRARY", self.path("lib/libhestia.so")).args(["-B", "-c", program]);
        let output = python.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
