//! YAML as a tree of the kind that JSON makes: mappings, lists and text. Numbers and truth values stay text here; who
//! reads the tree knows what it looks for. Anchors and aliases are not taken.

use granit_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

/// How deep a configuration may be nested.
const DEPTH_MAX: usize = 64;

/// Reads one document. An empty one is an empty mapping.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut file = File { parser: Parser::new_from_str(text), line: 0 };
    match file.next()? {
        Event::StreamStart => {}
        _ => return Err(file.wrong("it does not begin as YAML does")),
    }
    match file.next()? {
        Event::StreamEnd => return Ok(Value::Object(Map::new())),
        Event::DocumentStart(..) => {}
        _ => return Err(file.wrong("it does not begin as YAML does")),
    }
    let first = file.next()?;
    let value = file.value(first, 0)?;
    match (file.next()?, file.next()?) {
        (Event::DocumentEnd, Event::StreamEnd) => Ok(value),
        _ => Err(file.wrong("another document follows")),
    }
}

struct File<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The line of what was read last, from 1.
    line: usize,
}

impl<'a> File<'a> {
    fn wrong(&self, what: &str) -> String {
        format!("line {}: {what}", self.line)
    }

    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(error.to_string()),
            None => Err(self.wrong("it ends too early")),
        }
    }

    fn value(&mut self, first: Event<'a>, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(self.wrong("it is nested too deeply"));
        }
        match first {
            Event::Scalar(text, ..) => Ok(Value::String(text.into_owned())),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Value::Array(items)),
                        event => items.push(self.value(event, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut map = Map::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => return Ok(Value::Object(map)),
                        Event::Scalar(key, ..) => key.into_owned(),
                        _ => return Err(self.wrong("a key is no word")),
                    };
                    let event = self.next()?;
                    let value = self.value(event, depth + 1)?;
                    if map.insert(key.clone(), value).is_some() {
                        return Err(self.wrong(&format!("{key:?} is there twice")));
                    }
                }
            }
            _ => Err(self.wrong("anchors and aliases are not taken")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_a_tree_and_a_mistake_is_named_with_its_line() {
        let tree = read("a: 1\nb: [x, {c: yes}]\nd:\n  - e: \"f: g\"\n").unwrap();
        let wanted = serde_json::json!({"a": "1", "b": ["x", {"c": "yes"}], "d": [{"e": "f: g"}]});
        assert_eq!(tree, wanted);
        assert_eq!(read("").unwrap(), serde_json::json!({}));
        for (yaml, wanted) in [
            ("a: 1\na: 2", "line 2: \"a\" is there twice"),
            ("a: *b", "a"),
            ("a: [", ""),
            ("a: 1\n---\nb: 2", "another document"),
            ("? [a]\n: b", "no word"),
        ] {
            let told = read(yaml).unwrap_err();
            assert!(told.contains(wanted), "{yaml:?}: {told}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
