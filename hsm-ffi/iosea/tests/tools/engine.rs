//! The policy engine: it follows the file of events, enacts hints, and dies at any moment.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::{Checker, Tools, tool};

/// The policy engine, following. Killed when it is dropped, with no warning.
struct Engine {
    process: Child,
    printed: BufReader<ChildStdout>,
}

impl Engine {
    fn listen(tools: &Tools) -> Self {
        Self::begin(tools.tool("policy_engine"))
    }

    /// One that kills itself at a moment that `dying_engine.c` names.
    fn that_dies(tools: &Tools, moment: &str) -> Self {
        let mut command = tools.tool("dying_engine");
        command.env("DIE_AT", moment);
        Self::begin(command)
    }

    fn begin(mut command: Command) -> Self {
        let mut process = command.args(["listen", CACHE]).stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap());
        let mut engine = Self { process, printed };
        assert_eq!(engine.line(), "listening");
        engine
    }

    /// The next line that it prints, which may have to be waited for.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

const CACHE: &str = ".cache/hestia";

#[test]
fn the_integration_is_walked_through_and_the_engine_is_killed_on_the_way() {
    walk_through(&Tools::new());
}

#[test]
fn the_walk_is_clean_under_memcheck() {
    if tool::is_there("valgrind") {
        walk_through(&Tools::checked(Checker::Memcheck));
    } else {
        eprintln!("the tools are not run under memcheck: valgrind is missing");
    }
}

/// Archive, tiers, hints by the datamover, the engine reacts through the file of events, restore, compare.
fn walk_through(tools: &Tools) {
    tools.made_up();
    let dataset = tools.archive("work");
    let tiers = tools.client("print([tier['priority'] for tier in store.read(hestia.TIER)])");
    assert_eq!(tiers.trim(), "[0, 1, 2, 3, 4]");
    let ids = tools.client(
        "print(*[item['id'] for item in store.read(hestia.OBJECT) if item['size'] == 5 and item['id'] != dataset])"
            .replace("dataset", &format!("{dataset:?}"))
            .as_str(),
    );
    let ids: Vec<&str> = ids.split_whitespace().collect();
    let hint = |id: &str, hint: &str| tools.hint(id, hint);
    let on = |id: &str| tools.tiers_of(id);
    let mut engine = Engine::listen(tools);
    assert_eq!(on(ids[0]), "0,");
    hint(ids[0], "0,1");
    assert_eq!(engine.line(), format!("moved {} from 0 to 1", ids[0]));
    // A hint that is none ends nothing, and a new file of events is followed.
    hint(ids[0], "nonsense");
    fs::rename(tools.path(CACHE).join("event_feed.yaml"), tools.path(CACHE).join("before.yaml")).unwrap();
    hint(ids[1], "0,2");
    assert_eq!(engine.line(), format!("moved {} from 0 to 2", ids[1]));
    // What is asked for while there is no engine is done by the next, once.
    drop(engine);
    hint(ids[0], "1,3");
    let mut engine = Engine::listen(tools);
    assert_eq!(engine.line(), format!("moved {} from 1 to 3", ids[0]));
    drop(engine);
    let mut engine = Engine::listen(tools);
    hint(ids[0], "3,0");
    assert_eq!(engine.line(), format!("moved {} from 3 to 0", ids[0]), "nothing is done again");
    drop(engine);
    let mut engine = Engine::listen(tools);
    assert_eq!((on(ids[0]), on(ids[1])), ("0,".to_owned(), "2,".to_owned()));
    let (is_done, _, told) =
        tools.run("sync_tool", &["restore", "--work_dir", "back", "--dataset_id", &dataset]);
    assert!(is_done, "{told}");
    assert_eq!(tools.tree("back"), tools.tree("work"));
    let left = tools.client(
        "print(sum(item['user_metadata']['data'].get('trigger_migration', '') != '' for item in store.read(hestia.OBJECT)))",
    );
    assert_eq!(left.trim(), "0");
    // Told to stop it ends well, which the sanitizer for leaks sees too.
    let number = engine.process.id().to_string();
    assert!(Command::new("kill").arg(number).status().unwrap().success());
    assert!(engine.process.wait().unwrap().success());
}

impl Tools {
    /// Sets a hint with the datamover.
    fn hint(&self, id: &str, hint: &str) {
        let (is_done, _, told) = self.run("datamover", &["object", id, &format!("trigger_migration={hint}")]);
        assert!(is_done, "{told}");
    }

    /// The tiers of an object, as the mirror has them.
    fn tiers_of(&self, id: &str) -> String {
        let (is_done, printed, told) = self.run("policy_engine", &["query", CACHE]);
        assert!(is_done, "{told}");
        printed.lines().find(|line| line.starts_with(id)).unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    /// The hint of an object, and the tiers that it is on.
    fn state_of(&self, id: &str) -> String {
        let line = format!(
            "item = store.read(hestia.OBJECT, {id:?})[0]; \
             print(item['user_metadata']['data']['trigger_migration'], [t['index'] for t in item['tiers']])"
        );
        self.client(&line).trim_end().to_owned()
    }
}

/// Wherever the engine is killed while it enacts a hint, the next one moves the object, and only once.
#[test]
fn an_engine_killed_between_the_hint_and_the_move_loses_no_hint() {
    let tools = Tools::new();
    let made = tools.client("print(*[store.create(hestia.OBJECT)['id'] for _ in range(2)])");
    let ids: Vec<&str> = made.split_whitespace().collect();
    for id in &ids {
        tools.client(&format!("store.put({id:?}, b'kept')"));
    }
    for (moment, left, is_moved_by_next) in [
        ("before the clear", "0,1 [0]", true),
        ("before the move", " [0]", true),
        ("after the move", " [1]", false),
    ] {
        let mut engine = Engine::that_dies(&tools, moment);
        tools.hint(ids[0], "0,1");
        assert_eq!(engine.line(), "", "{moment}: it said nothing and died");
        assert_eq!(engine.process.wait().unwrap().signal(), Some(9), "{moment}");
        assert_eq!(tools.state_of(ids[0]), left, "{moment}");
        let mut engine = Engine::listen(&tools);
        if is_moved_by_next {
            assert_eq!(engine.line(), format!("moved {} from 0 to 1", ids[0]), "{moment}");
        }
        // The next thing that it does is this: it did nothing twice.
        tools.hint(ids[1], "0,1");
        assert_eq!(engine.line(), format!("moved {} from 0 to 1", ids[1]), "{moment}");
        for id in &ids {
            assert_eq!(tools.state_of(id), " [1]", "{moment}");
            assert_eq!(tools.client(&format!("print(store.get({id:?}))")).trim(), "b'kept'", "{moment}");
        }
        drop(engine);
        for id in &ids {
            tools.client(&format!("store.move({id:?}, 1, 0)"));
        }
    }
}
