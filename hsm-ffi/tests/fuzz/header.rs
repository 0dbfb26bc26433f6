//! What `hsm.h` declares: its functions with their parameters, its handles and its records.

use crate::tool::repository;

/// A parameter, as C writes it: `const hsm_id *` and `dataset`.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) kind: String,
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The type that it returns.
    pub(crate) answer: String,
    pub(crate) parameters: Vec<Parameter>,
}

#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) functions: Vec<Function>,
    /// Types that are declared and not defined, without their `hsm_`.
    pub(crate) handles: Vec<String>,
}

impl Header {
    /// Reads the committed header.
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(repository().join("include/hsm.h")).unwrap();
        let text = without_comments(&text);
        let opaque = |line: &str| {
            let name = line.strip_prefix("typedef struct hsm_")?.strip_suffix(';')?;
            name.split_once(" hsm_").map(|(name, _)| name.to_owned())
        };
        let handles = text.lines().filter_map(opaque).collect();
        // A declaration begins at the edge of a line; what is within a record does not.
        let starts = text.match_indices('\n').map(|(at, _)| &text[at + 1..]);
        let starts = starts.filter(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()));
        let starts = starts.filter(|rest| !rest.starts_with("typedef") && !rest.starts_with("extern"));
        let functions = starts.filter_map(|rest| Some(function(&rest[..rest.find(';')?]))).collect();
        Self { functions, handles }
    }
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain += part.split_once("*/").expect("a comment ends").1;
    }
    plain
}

fn function(declaration: &str) -> Function {
    let (before, parameters) = declaration.split_once('(').expect("a declaration has parameters");
    let parameters = parameters.strip_suffix(')').expect("a declaration ends behind its parameters");
    let Parameter { kind: answer, name } = parameter(before);
    let parameters =
        if parameters == "void" { vec![] } else { parameters.split(',').map(parameter).collect() };
    Function { name, answer, parameters }
}

/// Splits a name from its type.
fn parameter(text: &str) -> Parameter {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = text.rfind([' ', '*']).expect("a name has a type before it") + 1;
    Parameter { kind: text[..at].trim_end().to_owned(), name: text[at..].to_owned() }
}
