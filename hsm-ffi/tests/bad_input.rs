//! Every function of the C ABI is called with every kind of bad input that its arguments can have.
//!
//! The cases stand in `tests/c/bad_input_*.c`, whose programs check each: its answer, what the error says, that no
//! output was written, and that the store is as it was. They print the cases that they ran. What must have been
//! run is taken from `hsm.h` here, so a function or an argument without its cases fails this test:
//!
//! - each argument in a case that is named after it;
//! - each pointer as NULL; each text as something that is not UTF-8;
//! - each length and each number of an enum or a tier as one that is refused;
//! - each handle of a store, or made from one, after the store was closed;
//! - each handle that a commit or a finish consumes, after that;
//! - each free with NULL.
//!
//! As cases of the test `c` the same programs run under valgrind and with sanitizers.

#[path = "support/header.rs"]
mod header;
#[path = "support/library.rs"]
mod library;
#[path = "support/program.rs"]
mod program;
#[path = "support/tool.rs"]
mod tool;

use std::path::PathBuf;

use header::{Argument, Function};

/// Handles that are made from a store and look at it.
const OF_A_STORE: [&str; 9] = [
    "hsm_store",
    "hsm_cursor",
    "hsm_writer",
    "hsm_parts",
    "hsm_part",
    "hsm_reader",
    "hsm_batch",
    "hsm_feed",
    "hsm_subscription",
];
/// Those that can be used up.
const CONSUMABLE: [&str; 4] = ["hsm_writer", "hsm_parts", "hsm_part", "hsm_batch"];

/// A case that was run: `macro<TAB>function<TAB>argument<TAB>arguments`.
#[derive(Debug)]
struct Case {
    kind: String,
    function: String,
    argument: String,
    arguments: String,
}

impl Case {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("case\t")?.split('\t').map(str::to_owned);
        let mut next = || words.next().unwrap_or_else(|| panic!("half a case: {line}"));
        Some(Self { kind: next(), function: next(), argument: next(), arguments: next() })
    }

    /// Whether it passes NULL in this place.
    fn has_null_at(&self, place: usize) -> bool {
        let passed = self.arguments.strip_prefix('(').map(header::split).unwrap_or_default();
        passed.get(place).is_some_and(|argument| is_null(argument))
    }
}

/// Whether there is a NULL: as it is written, or as the preprocessor wrote it.
fn is_null(arguments: &str) -> bool {
    arguments.contains("NULL") || arguments.contains("((void *)0)")
}

fn programs() -> Vec<PathBuf> {
    let mut sources = program::sources(&program::C);
    sources.retain(|path| path.file_stem().unwrap().to_string_lossy().starts_with("bad_input_"));
    sources
}

/// What the programs ran.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for source in programs() {
        let printed =
            program::run(&program::C, program::Mode::Plain, &source).unwrap_or_else(|said| panic!("{said}"));
        for line in printed.lines() {
            match Case::parse(line) {
                Some(case) => cases.push(case),
                None => println!("{}: {line}", source.display()),
            }
        }
    }
    cases
}

/// What is asked of an argument, and whether a case is that.
fn missing_of(function: &Function, place: usize, argument: &Argument, cases: &[&Case]) -> Vec<&'static str> {
    let named = || cases.iter().filter(|case| case.argument == argument.name);
    let is = |kinds: &[&str]| named().any(|case| kinds.contains(&case.kind.as_str()));
    let handle = argument.handle();
    let first = place == 0 && !function.is_free();
    let mut missing = Vec::new();
    let mut ask = |what, is_asked: bool, is_there: bool| {
        if is_asked && !is_there {
            missing.push(what);
        }
    };
    ask("a case", true, named().next().is_some());
    ask(
        "NULL",
        argument.is_pointer(),
        cases.iter().any(|case| case.has_null_at(place))
            || named().any(|case| case.kind == "PLAIN" && is_null(&case.arguments)),
    );
    ask("one that is refused", argument.is_checked_number(), is(&["BAD", "SAYS"]));
    ask("what is not UTF-8", argument.is_text(), is(&["UTF8"]));
    ask("a closed store", first && OF_A_STORE.contains(&handle), is(&["CLOSED", "FINE_CLOSED"]));
    ask("one that was consumed", first && CONSUMABLE.contains(&handle), is(&["CONSUMED", "FINE_CONSUMED"]));
    missing
}

/// What is missing of a function, a line each.
fn missing(function: &Function, cases: &[Case]) -> Vec<String> {
    let of_it: Vec<&Case> = cases.iter().filter(|case| case.function == function.name).collect();
    if of_it.is_empty() {
        return vec![format!("{}: a case", function.name)];
    }
    let arguments = function.arguments.iter().enumerate();
    arguments
        .flat_map(|(place, argument)| {
            let missing = missing_of(function, place, argument, &of_it).into_iter();
            missing.map(|what| format!("{}, {}: {what}", function.name, argument.name))
        })
        .collect()
}

#[test]
fn every_argument_of_every_function_has_its_cases() {
    let cases = cases();
    let functions = header::functions();
    let missing: Vec<_> = functions.iter().flat_map(|function| missing(function, &cases)).collect();
    let known = |case: &&Case| functions.iter().any(|function| function.name == case.function);
    let unknown: Vec<_> = cases.iter().filter(|case| !known(case)).collect();
    assert!(unknown.is_empty(), "cases of functions that hsm.h does not declare: {unknown:?}");
    assert!(missing.is_empty(), "missing in tests/c/bad_input_*.c:\n{}", missing.join("\n"));
    println!("{} cases of {} functions", cases.len(), functions.len());
}

#[test]
fn what_is_missing_is_found() {
    let function =
        Function::parse("hsm_batch_name", "hsm_batch *batch, const char *name, hsm_error **error_out);");
    let case = |kind: &str, argument: &str, arguments: &str| {
        Case::parse(&format!("case\t{kind}\thsm_batch_name\t{argument}\t{arguments}")).unwrap()
    };
    let mut cases = vec![
        case("BAD", "batch", "(((void *)0), f(1, \")\"), &error)"),
        case("CLOSED", "batch", "(closed, \"(a, b\", &error)"),
    ];
    assert_eq!(missing(&function, &[]), ["hsm_batch_name: a case"]);
    let found = missing(&function, &cases);
    let name = ["a case", "NULL", "what is not UTF-8"].map(|what| format!("hsm_batch_name, name: {what}"));
    assert_eq!(found[0], "hsm_batch_name, batch: one that was consumed");
    assert_eq!(found[1..], name);
    cases.push(case("CONSUMED", "batch", "(batch, \"a\", &error)"));
    cases.push(case("UTF8", "name", "(batch, ((void *)0), &error)"));
    assert_eq!(missing(&function, &cases), [""; 0]);
}
